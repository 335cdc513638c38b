package rewrite

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
)

// sources is an index from the base names that Dockerfiles copy or bind to those
// Dockerfiles. It is made once a run, and names candidates only.
type sources struct {
	once sync.Once
	by   map[string][]string
}

func (x *sources) candidates(w *Workspace, base string) []string {
	x.once.Do(func() {
		x.by = map[string][]string{}
		for _, p := range w.list() {
			if !IsDockerfile(path.Base(p)) {
				continue
			}
			src, err := w.ReadFile(p)
			if err != nil || len(src) > dockerfile.MaxSize {
				continue
			}
			for _, word := range strings.FieldsFunc(string(src), func(r rune) bool { return strings.ContainsRune(" \t\r\n,[]\"'=", r) }) {
				b := path.Base(path.Clean(word))
				if c := x.by[b]; len(c) == 0 || c[len(c)-1] != p {
					x.by[b] = append(c, p)
				}
			}
		}
	})
	return x.by[base]
}

// Needs returns the first instruction of any Dockerfile of the project that copies or
// binds a file or folder of the build context by name, but for those in except. A copy
// of everything ("COPY . .") is no need.
func (w *Workspace) Needs(name string, except ...*dockerfile.Instruction) *dockerfile.Instruction {
	for _, p := range w.sources.candidates(w, path.Base(name)) {
		src, err := w.ReadFile(p)
		if err != nil {
			continue
		}
		f, err := dockerfile.Parse(p, src)
		if err != nil {
			continue
		}
		dirs, _ := w.project.Contexts(p)
		for _, in := range f.Instructions {
			if slices.ContainsFunc(except, func(x *dockerfile.Instruction) bool {
				return x.File.Path == p && x.Start == in.Start
			}) {
				continue
			}
			for _, s := range contextSources(in) {
				for _, dir := range dirs {
					rel, ok := ignorefile.Inside(dir, name)
					if !ok {
						continue
					}
					if match, _ := path.Match(s, rel); match || s == rel || s != "." && strings.HasPrefix(s, rel+"/") {
						return in
					}
				}
			}
		}
	}
	return nil
}

// contextSources returns what an instruction names of the build context, cleaned.
func contextSources(in *dockerfile.Instruction) []string {
	var out []string
	clean := func(s string) string { return path.Clean(strings.TrimPrefix(s, "/")) }
	switch in.Name {
	case "copy", "add":
		if _, ok := in.FlagValue("from"); ok {
			return nil
		}
		words, ok := in.Paths()
		if !ok {
			return nil
		}
		for _, w := range words[:max(0, len(words)-1)] {
			out = append(out, clean(w.Text))
		}
	case "run":
		for _, m := range in.Mounts() {
			if m.Type == "bind" && m.Opts["from"] == "" && m.Opts["source"] != "" {
				out = append(out, clean(m.Opts["source"]))
			}
		}
	}
	return out
}
