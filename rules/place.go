package rules

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// place is where a literal moves to: a file of the secrets folder that git and docker
// leave out.
type place struct {
	id, file string // the mount's id; the file, relative to the root
	changes  []rewrite.Change
}

// placing is a value that looks for its place.
type placing struct {
	dir         string   // beside which the secrets folder stands
	ids         []string // names for it, the best first
	value       string
	dockerfiles []string // whose builds must not take it along
}

// placeFor finds the place for a literal of a Dockerfile and the changes that make it.
// reason says why there is none.
func placeFor(p *rewrite.Pass, s *flow.Secret) (pl place, reason string) {
	dir := path.Dir(p.File.Path)
	if len(s.Builders) > 0 {
		dir = path.Dir(s.Builders[0].File.Path)
	}
	ids := []string{s.ID}
	if parent := path.Base(dir); dir != "." {
		ids = append(ids, identifier(parent)+"_"+s.ID)
	}
	if own := path.Base(path.Dir(p.File.Path)); path.Dir(p.File.Path) != "." && !slices.Contains(ids, identifier(own)+"_"+s.ID) {
		ids = append(ids, identifier(own)+"_"+s.ID)
	}
	if len(ids) > 1 && storedBeside(p, s, dir) {
		ids = ids[1:]
	}
	base := strings.NewReplacer("Dockerfile.", "", ".Dockerfile", "", ".dockerfile", "", "Dockerfile", "image", "Containerfile", "image").Replace(path.Base(p.File.Path))
	ids = append(ids, identifier(base)+"_"+s.ID)
	return placing{dir, ids, s.Value.Reveal(), []string{p.File.Path}}.find(p.Workspace, &ignores{ws: p.Workspace})
}

// storedBeside reports whether another secrets folder has another value under the secret's name,
// and something besides compose builds the Dockerfile: the store of a CI has one value of a name.
func storedBeside(p *rewrite.Pass, s *flow.Secret, dir string) bool {
	built := false
	var all []string
	for _, b := range p.Workspace.Project().Callers().Calls {
		built = built || !b.Prose && callers.Builds(b, p.File.Path) == callers.Yes
		all = append(all, b.Dockerfiles...)
	}
	for _, other := range all {
		for folder := path.Dir(other); ; folder = path.Dir(folder) {
			old, err := p.Workspace.ReadFile(path.Join(folder, rewrite.SecretsDir, s.ID))
			if built && err == nil && folder != dir && string(old) != s.Value.Reveal() {
				return true
			}
			if folder == "." {
				break
			}
		}
	}
	return false
}

// find returns the place under the first name that is free, or has the value already.
// The ignore lines are added to lines; they are the first of the place's changes.
func (x placing) find(ws *rewrite.Workspace, lines *ignores) (pl place, reason string) {
	folder := path.Join(x.dir, rewrite.SecretsDir)
	if info, err := ws.Stat(folder); err == nil && !info.IsDir() {
		return place{}, folder + " is a file: there is no folder to move the value to"
	}
	for _, id := range x.ids {
		file := path.Join(folder, id)
		old, err := ws.ReadFile(file)
		if err == nil && string(old) != x.value || err != nil && ws.Exists(file) {
			continue // another value has that name: it is never overwritten
		}
		pl = place{id: id, file: file}
		if err != nil {
			pl.changes = append(pl.changes, rewrite.Change{Path: file, Edits: []edit.Edit{{New: x.value}}, Mode: 0o644})
		}
		break
	}
	if pl.id == "" {
		return place{}, "every name for it in " + folder + " is taken by another value"
	}
	// A folder that has other things in it is not hidden, only the one file.
	hidden := folder + "/"
	if others(ws, folder) {
		hidden = pl.file
	}
	if reason := lines.leaveOut(hidden, x.dockerfiles); reason != "" {
		return place{}, reason
	}
	pl.changes = append(lines.changes(), pl.changes...)
	return pl, ""
}

func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, strings.TrimLeft(s, "."))
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
