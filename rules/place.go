package rules

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
)

// place is where a literal moves to: a file of the secrets folder that git and docker
// leave out.
type place struct {
	id, file string // the mount's id; the file, relative to the root
	changes  []rewrite.Change
}

// placeFor finds the place for a literal and the changes that make it. reason says why
// there is none.
func placeFor(p *rewrite.Pass, s *flow.Secret) (pl place, reason string) {
	dir := path.Dir(p.File.Path)
	if len(s.Builders) > 0 {
		dir = path.Dir(s.Builders[0].File.Path)
	}
	folder := path.Join(dir, rewrite.SecretsDir)
	if info, err := p.Workspace.Stat(folder); err == nil && !info.IsDir() {
		return place{}, folder + " is a file: there is no folder to move the value to"
	}
	value := s.Value.Reveal()
	ids := []string{s.ID}
	if parent := path.Base(dir); dir != "." {
		ids = append(ids, identifier(parent)+"_"+s.ID)
	}
	if own := path.Base(path.Dir(p.File.Path)); path.Dir(p.File.Path) != "." && !slices.Contains(ids, identifier(own)+"_"+s.ID) {
		ids = append(ids, identifier(own)+"_"+s.ID)
	}
	base := strings.NewReplacer("Dockerfile.", "", ".Dockerfile", "", ".dockerfile", "", "Dockerfile", "image", "Containerfile", "image").Replace(path.Base(p.File.Path))
	ids = append(ids, identifier(base)+"_"+s.ID)
	for _, id := range ids {
		file := path.Join(folder, id)
		old, err := p.Workspace.ReadFile(file)
		if err == nil && string(old) != value || err != nil && p.Workspace.Exists(file) {
			continue // another value has that name: it is never overwritten
		}
		pl = place{id: id, file: file}
		if err != nil {
			pl.changes = append(pl.changes, rewrite.Change{Path: file, Edits: []edit.Edit{{New: value}}, Mode: 0o644})
		}
		break
	}
	if pl.id == "" {
		return place{}, "every name for it in " + folder + " is taken by another value"
	}
	ignores, reason := ignoreSecrets(p, folder, pl.file)
	pl.changes = append(ignores, pl.changes...)
	return pl, reason
}

func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, strings.TrimLeft(s, "."))
}

// ignoreSecrets returns the ignore lines for the secrets folder: in the root's
// .gitignore, and in the ignore file of every build context that can hold it. A folder
// that has other things in it is not hidden, only the one file.
func ignoreSecrets(p *rewrite.Pass, folder, file string) ([]rewrite.Change, string) {
	line := "/" + folder + "/"
	if others(p.Workspace, folder) {
		line = "/" + file
	}
	var changes []rewrite.Change
	add := func(name, line string) {
		if src, _ := p.Workspace.ReadFile(name); strings.HasSuffix(name, ".dockerignore") && ignorefile.Covers(src, strings.Trim(line, "/")+"/x") && ignorefile.Covers(src, strings.Trim(line, "/")) {
			return
		}
		if c, ok := ignoreLine(p.Workspace, name, line); ok {
			changes = append(changes, c)
		}
	}
	add(".gitignore", line)
	for _, dir := range contexts(p, folder) {
		rel, ok := ignorefile.Inside(dir, strings.Trim(line, "/"))
		if !ok {
			continue
		}
		if strings.HasSuffix(line, "/") {
			rel += "/"
		}
		for _, name := range ignorefile.ForContext(p.Workspace, p.File.Path, dir) {
			add(name, "/"+rel)
		}
		for _, name := range otherIgnoreFiles(p, dir) {
			add(name, "/"+rel)
		}
	}
	if why := takenBack(p.Workspace, folder); why != "" {
		return nil, why
	}
	if in := p.Workspace.Needs(folder); in != nil {
		return nil, at(in.File.Path, in.Line) + " copies " + folder + " into an image"
	}
	return changes, ""
}

// contexts returns the build contexts that can hold a path: the Dockerfile's, those of
// compose that hold it, and, where something else builds images, the Dockerfile's own
// folder and the root.
func contexts(p *rewrite.Pass, name string) []string {
	project := p.Workspace.Project()
	dirs, certain := project.Contexts(p.File.Path)
	add := func(dir string) {
		if _, ok := ignorefile.Inside(dir, name); ok && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, f := range project.Compose() {
		for _, s := range f.Services {
			if s.Build != nil && s.Build.Context != "" {
				add(s.Build.Context)
			}
		}
	}
	if certain && project.Callers().Builds {
		add(path.Dir(p.File.Path))
		add(".")
	}
	return dirs
}

// otherIgnoreFiles returns the X.dockerignore files of other Dockerfiles that can be
// built with the context dir.
func otherIgnoreFiles(p *rewrite.Pass, dir string) []string {
	var out []string
	for _, name := range p.Workspace.Paths() {
		own, ok := strings.CutSuffix(name, ".dockerignore")
		if !ok || path.Base(own) == "" || path.Base(name) == ".dockerignore" || own == p.File.Path {
			continue
		}
		if dirs, _ := p.Workspace.Project().Contexts(own); slices.Contains(dirs, dir) {
			out = append(out, name)
		}
	}
	return out
}

// linked returns a file or folder on the way of the changes that is a link: nothing is
// written through one.
func linked(ws *rewrite.Workspace, changes []rewrite.Change) string {
	for _, c := range changes {
		for name := c.Path; name != "."; name = path.Dir(name) {
			if ws.Link(name) {
				return name + " is a symbolic link, which nothing is written through"
			}
		}
	}
	return ""
}

// takenBack returns a .gitignore below the root that takes ignored files back.
func takenBack(ws *rewrite.Workspace, folder string) string {
	for dir := folder; dir != "."; dir = path.Dir(dir) {
		name := path.Join(dir, ".gitignore")
		src, err := ws.ReadFile(name)
		if err == nil && strings.Contains("\n"+string(src), "\n!") {
			return name + " takes files back that are ignored: the value could come into git"
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

// others reports whether a folder holds anything that is not a secret of ours: a
// secrets folder of ours has its ignore line.
func others(ws *rewrite.Workspace, folder string) bool {
	src, _ := ws.ReadFile(".gitignore")
	if slices.Contains(strings.FieldsFunc(string(src), func(r rune) bool { return r == '\n' || r == '\r' }), "/"+folder+"/") {
		return false
	}
	entries, err := fs.ReadDir(ws, folder)
	return err == nil && len(entries) > 0
}

// at is a place as messages name it.
func at(path string, line int) string { return fmt.Sprintf("%s:%d", path, line) }
