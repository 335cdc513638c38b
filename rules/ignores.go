package rules

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
)

// ignores collects the lines that a fix adds to ignore files: each file is changed once.
type ignores struct {
	ws    *rewrite.Workspace
	files []string
	lines map[string][]string
}

func (x *ignores) add(file, line string) {
	if x.lines == nil {
		x.lines = map[string][]string{}
	}
	if !slices.Contains(x.files, file) {
		x.files = append(x.files, file)
	}
	x.lines[file] = append(x.lines[file], line)
}

// changes returns one change for each ignore file that lacks a line.
func (x *ignores) changes() []rewrite.Change {
	var out []rewrite.Change
	for _, file := range x.files {
		src, _ := x.ws.ReadFile(file) // a file that is missing is an empty file
		if e, ok := ignorefile.Add(src, x.lines[file]...); ok {
			out = append(out, rewrite.Change{Path: file, Edits: []edit.Edit{e}})
		}
	}
	return out
}

// leaveOut keeps a file, or a folder with a slash at its end, out of git and out of every
// build context that can hold it. reason says why it would get there all the same.
func (x *ignores) leaveOut(name string, dockerfiles []string) (reason string) {
	if why := x.leaveOutOfGit(name); why != "" {
		return why
	}
	return x.leaveOutOfImages(name, dockerfiles)
}

// leaveOutOfGit does so by the root's .gitignore.
func (x *ignores) leaveOutOfGit(name string) (reason string) {
	x.add(".gitignore", "/"+name)
	return takenBack(x.ws, strings.TrimSuffix(name, "/"))
}

func (x *ignores) leaveOutOfImages(name string, dockerfiles []string) (reason string) {
	bare := strings.TrimSuffix(name, "/")
	for _, dir := range contexts(x.ws, dockerfiles, bare) {
		rel, ok := ignorefile.Inside(dir, bare)
		if !ok {
			continue
		}
		line := "/" + rel + name[len(bare):]
		for _, file := range ignoreFiles(x.ws, dockerfiles, dir) {
			if src, _ := x.ws.ReadFile(file); ignorefile.Covers(src, rel) && (bare == name || ignorefile.Covers(src, rel+"/x")) {
				continue
			}
			x.add(file, line)
		}
	}
	if in := x.ws.Needs(bare); in != nil {
		return at(in.File.Path, in.Line) + " copies " + bare + " into an image"
	}
	return ""
}

// contexts returns the build contexts that can hold a path: those of the Dockerfiles,
// those of compose that hold it, the folders of other Dockerfiles above it, and, where
// something else builds images, the folders of the Dockerfiles and the root.
func contexts(ws *rewrite.Workspace, dockerfiles []string, name string) []string {
	project := ws.Project()
	var dirs []string
	add := func(dir string) {
		if _, ok := ignorefile.Inside(dir, name); ok && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, d := range dockerfiles {
		known, certain := project.Contexts(d)
		for _, dir := range known {
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
		if certain && project.Callers().Builds {
			add(path.Dir(d))
			add(".")
		}
	}
	for _, f := range project.Compose() {
		for _, s := range f.Services {
			if s.Build != nil && s.Build.Context != "" {
				add(s.Build.Context)
			}
		}
	}
	for _, d := range ws.Paths() {
		if !rewrite.IsDockerfile(path.Base(d)) || slices.Contains(dockerfiles, d) {
			continue
		}
		if _, above := ignorefile.Inside(path.Dir(d), name); !above {
			continue
		}
		if _, certain := project.Contexts(d); !certain {
			add(path.Dir(d))
		}
	}
	return dirs
}

// ignoreFiles returns the ignore files that count for builds of a context: the
// Dockerfiles' own and the context's, and those of other Dockerfiles that can be built
// with it.
func ignoreFiles(ws *rewrite.Workspace, dockerfiles []string, dir string) []string {
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, d := range dockerfiles {
		for _, name := range ignorefile.ForContext(ws, d, dir) {
			add(name)
		}
	}
	add(path.Join(dir, ".dockerignore"))
	for _, name := range ws.Paths() {
		own, ok := strings.CutSuffix(name, ".dockerignore")
		if !ok || path.Base(own) == "" || path.Base(name) == ".dockerignore" || slices.Contains(dockerfiles, own) {
			continue
		}
		if dirs, _ := ws.Project().Contexts(own); slices.Contains(dirs, dir) {
			add(name)
		}
	}
	return out
}

// takenBack returns a .gitignore below the root that takes a file or folder back.
func takenBack(ws *rewrite.Workspace, name string) string {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		file := path.Join(dir, ".gitignore")
		src, err := ws.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(src)) {
			pattern, back := strings.CutPrefix(strings.TrimSpace(line), "!")
			last := path.Base(strings.TrimSuffix(pattern, "/"))
			if back && (dir == name || slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
				match, err := path.Match(last, part)
				return match || err != nil
			})) {
				return file + " takes files back that are ignored: the value could come into git"
			}
		}
	}
	return ""
}

// ignoreLine returns the change that adds a line to an ignore file.
func ignoreLine(ws *rewrite.Workspace, name, line string) (rewrite.Change, bool) {
	src, _ := ws.ReadFile(name) // a file that is missing is an empty file
	e, ok := ignorefile.Add(src, line)
	return rewrite.Change{Path: name, Edits: []edit.Edit{e}}, ok
}
