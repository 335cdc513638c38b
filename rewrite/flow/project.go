package flow

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// Project is what stands around a Dockerfile: its files, the compose services and the
// other callers that build it. What is not asked for is not read.
type Project struct {
	FS      fs.FS
	Paths   func() []string // all files, slash-separated, relative to the root
	Compose func() []*compose.File
	Uses    func() []compose.Use // of compose files by scripts and settings
	Callers func() *callers.Index

	SecretFiles *SecretFiles    // by their names
	Reader      *compose.Reader // that Compose reads with
	Found       *callers.Reader // that Callers reads with

	contexts func() map[string][]string // Dockerfile → build contexts of the services that build it
}

// NewProject describes the files of fsys. list is called at most once, when something
// besides a Dockerfile is needed.
func NewProject(fsys fs.FS, list func() []string) *Project {
	paths := sync.OnceValue(list)
	p := &Project{FS: fsys, Paths: paths, SecretFiles: newSecretFiles(fsys, paths), Reader: &compose.Reader{}, Found: &callers.Reader{}}
	p.Uses = sync.OnceValue(func() []compose.Use { return compose.Uses(fsys, paths()) })
	p.Compose = sync.OnceValue(func() []*compose.File {
		if !slices.ContainsFunc(paths(), func(f string) bool { return compose.IsComposeFile(path.Base(f)) }) {
			return nil // what scripts say is of no interest
		}
		return p.Reader.Load(fsys, paths(), p.Uses())
	})
	p.contexts = sync.OnceValue(func() map[string][]string {
		out := map[string][]string{}
		for _, f := range p.Compose() {
			for _, s := range f.Services {
				if s.Build == nil || s.Build.Context == "" {
					continue
				}
				for _, d := range s.Dockerfiles {
					if !slices.Contains(out[d], s.Build.Context) {
						out[d] = append(out[d], s.Build.Context)
					}
				}
			}
		}
		return out
	})
	p.Callers = sync.OnceValue(func() *callers.Index {
		read := map[string]bool{} // files of other names that are compose's too
		for _, f := range p.Compose() {
			read[f.Path] = f.Err == nil
		}
		changed := func(string) bool { return false }
		if state, ok := fsys.(interface{ Changed(string) bool }); ok {
			changed = state.Changed
		}
		return p.Found.Find(fsys, paths(), func(f string) bool { return compose.IsComposeFile(path.Base(f)) || read[f] }, changed)
	})
	return p
}

// IsCaller reports whether a file of this name can be a caller other than a compose file.
func IsCaller(name string) bool {
	return !compose.IsComposeFile(path.Base(name)) && callers.IsCaller(name)
}

// Around reports whether a file of this name is a compose file or can be another caller.
func Around(name string) bool {
	return compose.IsComposeFile(path.Base(name)) || callers.IsCaller(name)
}

// Contexts returns the folders that can be the build context of a Dockerfile: those of
// the compose services that build it, else its own folder and the root.
func (p *Project) Contexts(dockerfilePath string) (dirs []string, certain bool) {
	if dirs := p.contexts()[path.Clean(dockerfilePath)]; len(dirs) > 0 {
		return slices.Clone(dirs), true
	}
	dirs = []string{path.Dir(dockerfilePath)}
	if dirs[0] != "." {
		dirs = append(dirs, ".")
	}
	return dirs, false
}

// built reports whether a stage is built for its own sake: it is the last one, or a
// compose service or another caller names it as target.
func (p *Project) built(s *dockerfile.Stage) bool {
	if s == s.File.Final() {
		return true
	}
	if s.Name == "" {
		return false
	}
	for _, b := range compose.Builders(p.Compose(), s.File.Path) {
		if b.Build != nil && strings.EqualFold(b.Build.Target, s.Name) {
			return true
		}
	}
	return len(p.Callers().Targets[s.Name]) > 0
}
