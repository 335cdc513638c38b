package flow

import (
	"io/fs"
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// BuiltFrom returns the folders that a Dockerfile is most likely built from; sure is
// false where nothing tells its own folder from the project's root.
func BuiltFrom(f *dockerfile.File, p *Project) (dirs []string, sure bool) {
	return newAnalysis(f, p).builtFrom()
}

func (a *analysis) builtFrom() (dirs []string, sure bool) {
	dirs, certain := a.project.Contexts(a.file.Path)
	if certain || len(dirs) == 1 {
		return dirs, true
	}
	own, root, lost := 0, 0, 0
	for _, in := range a.file.Instructions {
		if in.Name != "copy" && in.Name != "add" || in.OnBuild {
			continue
		}
		if _, ok := in.FlagValue("from"); ok {
			continue
		}
		words, ok := in.Paths()
		if !ok {
			continue
		}
		for _, w := range words[:max(0, len(words)-1)] {
			if strings.Contains(w.Text, "://") || strings.ContainsAny(w.Text, "$*?[<\"'\\") || path.Clean("/"+w.Text) == "/" {
				continue
			}
			name := strings.TrimPrefix(path.Clean("/"+w.Text), "/")
			if _, err := fs.Stat(a.project.FS, path.Join(dirs[0], name)); err == nil {
				own++
			} else if _, err := fs.Stat(a.project.FS, name); err == nil {
				root++
			} else {
				lost++
			}
		}
	}
	switch {
	case root > 0 && own == 0:
		return dirs[1:], true
	case own > 0 && root == 0:
		return dirs[:1], true
	}
	switch strings.TrimPrefix(strings.ToLower(path.Base(dirs[0])), ".") {
	case "docker", "dockerfile", "dockerfiles", "devcontainer", "container", "containers", "build", "deploy", "deployment", "ci", "infra", "ops", "packaging", "images":
		return dirs, false
	}
	return dirs[:1], root == 0 && lost == 0
}
