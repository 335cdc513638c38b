package compose

import (
	"fmt"
	"strings"
	"testing"
)

// shape tells all of what Load returns.
func shape(files []*File) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s %v %s %s %d %v\n", f.Path, f.Err, f.Dir, f.EnvPath(), len(f.after), f.Secrets)
		for _, s := range f.Services {
			fmt.Fprintf(&b, " %v %s %v %v %v %v %+v\n", s.File == f, s.Name, s.EnvFiles, s.Grants, s.Dockerfiles, s.Overrides, s.Build)
			for _, t := range s.Texts {
				fmt.Fprintln(&b, told(s, t))
			}
		}
	}
	return b.String()
}

// TestReader: what a Reader has read before makes no difference, as files change to and fro.
func TestReader(t *testing.T) {
	fsys, paths := tree(`
-- compose.yaml --
include: [{path: sub/a.yml, project_directory: .}]
services:
  web:
    extends: {file: base.yml, service: base}
    build: {args: [T]}
    environment: {A: a}
-- compose.dev.yaml --
services:
  web: {build: {context: ., secrets: [x]}, environment: {A: b, B: !reset null}}
-- base.yml --
services:
  base: {build: {context: ., args: [U], secrets: [y], additional_contexts: {d: ./d}}, environment: {B: b}, command: [x]}
-- sub/a.yml --
services:
  a: {build: ./x}
`)
	states := map[string][]string{}
	for _, p := range paths {
		src := string(fsys[p].Data)
		states[p] = []string{src, src + "# c\n", strings.ReplaceAll(src, "A: ", "C: "), strings.ReplaceAll(src, "project_directory: .", "env_file: e"), "services: [\n"}
	}
	var r Reader
	for i := range 200 {
		p := paths[i%len(paths)]
		fsys[p].Data = []byte(states[p][(i*i+i/7)%len(states[p])])
		files := r.Load(fsys, paths, nil)
		if got, want := shape(files), shape(Load(fsys, paths)); got != want {
			t.Fatalf("%d: got\n%s\nwant\n%s", i, got, want)
		}
	}
}
