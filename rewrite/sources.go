package rewrite

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
)

// sources keeps the Dockerfiles of the project as they are on disk: each is read once a
// run, and every fix asks what the others copy.
type sources struct {
	once  sync.Once
	paths []string // all Dockerfiles
	read  sync.Map // path → content
}

// dockerfile returns a Dockerfile as it is on disk.
func (x *sources) dockerfile(disk fs.FS, name string) ([]byte, error) {
	if src, ok := x.read.Load(name); ok {
		return src.([]byte), nil
	}
	info, err := fs.Stat(disk, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > dockerfile.MaxSize {
		return nil, dockerfile.TooLarge(name, info.Size())
	}
	src, err := fs.ReadFile(disk, name)
	if err == nil {
		x.read.Store(name, src)
	}
	return src, err
}

// candidates returns the Dockerfiles that hold a text at all.
func (x *sources) candidates(w *Workspace, text string) []string {
	x.once.Do(func() {
		for _, p := range w.list() {
			if IsDockerfile(path.Base(p)) {
				x.paths = append(x.paths, p)
			}
		}
	})
	var out []string
	for _, p := range x.paths {
		if src, err := w.ReadFile(p); err == nil && bytes.Contains(src, []byte(text)) {
			out = append(out, p)
		}
	}
	return out
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
