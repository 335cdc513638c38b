package compose

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// forms are ways to write a part of a service; the first key is what they are about.
var forms = [][]string{
	{"environment: {A: a%d, B: b%d}", "environment: [A=a%d, C]", "environment: {A: !reset null, B: x%d}", "environment: !reset {}", "environment: !override {C: c%d}", "environment:", "environment: {A: , D: 01%d}"},
	{"labels: {a: a%d, b: b%d}", "labels: [a=a%d, c]", "labels: {a: !reset null}", "labels: !override [d=%d]", "labels: !reset null"},
	{"command: run %d 'a b'", "command: [run, '%d']", "command: !reset null", "command: !override [x]", "command: []", "command:"},
	{"entrypoint: sh -c x%d", "entrypoint: [sh, x%d]", "entrypoint: !reset []"},
	{"healthcheck: {test: curl %d}", "healthcheck: {test: [CMD, curl, '%d']}", "healthcheck: {interval: 5s}", "healthcheck: {test: !reset null, interval: 5s}", "healthcheck: !reset null", "healthcheck: !override {interval: 1s}"},
	{"secrets: [k, j%d]", "secrets: [{source: j, target: k, mode: 0400}]", "secrets: [{source: k, target: /x%d, uid: '1'}]", "secrets: !reset []", "secrets: !override [j]"},
	{"user: u%d", "user: !reset null", "user: \"%d\""},
	{"read_only: true", "read_only: false", "read_only: !reset null"},
	{"profiles: [p, q%d]", "profiles: !reset []", "profiles: !override [r]"},
	{"env_file: e%d.env", "env_file: [{path: e1.env, required: false}, f.env]", "env_file: !reset []", "env_file: !override [g.env]"},
	{"deploy: {labels: {a: z%d}}", "deploy: {labels: [a=y, b=%d], replicas: 2}", "deploy: !reset null", "deploy: {labels: !override {c: c}}"},
}

// TestMergedAsCompose: what files that are laid over each other, or that one service extends, give a container is what compose-go says.
func TestMergedAsCompose(t *testing.T) {
	quiet(t)
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	service := func(head string) string {
		var b strings.Builder
		b.WriteString("services:\n  s:\n    image: x\n" + head)
		for _, f := range forms {
			if r.IntN(2) > 0 {
				form := f[r.IntN(len(f))]
				for strings.Contains(form, "%d") {
					form = strings.Replace(form, "%d", fmt.Sprint(r.IntN(3)), 1)
				}
				b.WriteString("    " + form + "\n")
			}
		}
		return b.String()
	}
	refused := 0
	for i := range 300 {
		names := []string{"compose.yaml", "compose.override.yaml", "compose.prod.yaml"}[:2+i%2]
		src := map[string]string{}
		for j, name := range names {
			head := ""
			if i%3 == 0 && j == 0 {
				head = "    extends: {file: base.yml, service: s}\n"
				src["base.yml"] = service("")
			}
			src[name] = service(head)
		}
		all := ""
		for name, text := range src {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			all += "-- " + name + " --\n" + text
		}
		theirs, err := asComposeReads(dir, ".", names...)
		if err != nil {
			refused++
			continue
		}
		fsys, _ := tree(all)
		files := Together(Load(fsys, append(names, "base.yml")))[0]
		files = slices.DeleteFunc(files, func(f *File) bool { return f.Path == "base.yml" })
		ours, err := given(Merged(files, "s"))
		if err != nil {
			t.Fatal(err)
		}
		if d := differ(ours, givenBy(theirs.Services["s"], dir)); len(d) > 0 {
			t.Errorf("%s\ndiffers in %v\ngot  %v\nwant %v", all, d, ours, givenBy(theirs.Services["s"], dir))
			if t.Failed() && i > 100 {
				return
			}
		}
	}
	if refused > 150 {
		t.Errorf("compose-go reads %d of 300", 300-refused)
	}
	t.Logf("%d of 300 refused", refused)
}

// Merged returns a service as compose makes it of the entries of that name in files, which are used at once, each laid over those before it;
// nil if there is none. What they include or extend is not among them. A Text that is not the last file's has no Start, and is Inherited from "another file".
func Merged(files []*File, name string) *Service {
	var out *Service
	for _, f := range files {
		for _, s := range f.Services {
			if s.Name != name {
				continue
			}
			next := s.in(f)
			if out != nil {
				next.inherit(out, "another file", -1, -1)
			}
			out = next
		}
	}
	return out
}
