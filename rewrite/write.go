package rewrite

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/transact"
)

// FileChange is one file of a plan.
type FileChange struct {
	Path     string
	Old, New []byte      // Old is nil for a file that is created
	Mode     fs.FileMode // of a file that is created
}

// Changes returns the files that the plan changes, in the order of law 8: ignore files,
// secrets, compose files, callers, Dockerfiles. Within a kind they are sorted by path.
func (p *Plan) Changes() []FileChange {
	var out []FileChange
	for name, c := range p.ws.changed {
		if c.old != nil && string(c.old) == string(c.new) {
			continue
		}
		out = append(out, FileChange{name, c.old, c.new, c.mode})
	}
	slices.SortFunc(out, func(a, b FileChange) int {
		if x, y := a.rank(), b.rank(); x != y {
			return x - y
		}
		return strings.Compare(a.Path, b.Path)
	})
	return out
}

func (c FileChange) rank() int {
	base := path.Base(c.Path)
	switch {
	case base == ".gitignore" || strings.HasSuffix(base, ".dockerignore"):
		return 0
	case c.secret() || base == EnvFile:
		return 1
	case compose.IsComposeFile(base):
		return 2
	case !IsDockerfile(base):
		return 3
	}
	return 4
}

// Callers returns the files of the fix that build the image besides compose: workflows,
// scripts, Makefiles, what a README says.
func (f *Fix) Callers() []string {
	var out []string
	for _, c := range f.Changes {
		if x := (FileChange{Path: c.Path}); x.rank() == 3 && len(c.Edits) > 0 && !slices.Contains(out, c.Path) {
			out = append(out, c.Path)
		}
	}
	slices.Sort(out)
	return out
}

// secret reports whether the file holds one value and nothing else.
func (c FileChange) secret() bool {
	return c.Old == nil && path.Base(path.Dir(c.Path)) == SecretsDir
}

// SecretsDir is the folder that moved literals are put into.
const SecretsDir = "secrets"

// EnvFile is the file that compose takes variables from.
const EnvFile = ".env"

// Diff returns the plan as one unified diff. Values are masked, in context lines too,
// unless show is set: only then does the diff apply.
func (p *Plan) Diff(show bool) string {
	var b strings.Builder
	changes := p.Changes()
	slices.SortStableFunc(changes, func(x, y FileChange) int { return strings.Compare(x.Path, y.Path) })
	for _, c := range changes {
		old, new := c.Old, c.New
		if !show {
			old, new = p.masked(c, old), p.masked(c, new)
		}
		b.WriteString(edit.Unified(c.Path, old, new))
	}
	return b.String()
}

func (p *Plan) masked(c FileChange, text []byte) []byte {
	if text == nil {
		return nil
	}
	if c.secret() {
		return []byte(p.masks.shown(string(text)))
	}
	return []byte(p.masks.text(string(text)))
}

// Write makes the plan real in root: all files or none, never half a file, and so that
// a program killed at any instant leaves every value somewhere.
func (p *Plan) Write(root string) error {
	var files []transact.File
	for _, c := range p.Changes() {
		f := transact.File{Path: c.Path, Old: c.Old, New: c.New, Mode: c.Mode}
		if c.secret() {
			f.Dir = 0o700
		}
		files = append(files, f)
	}
	return transact.Commit(root, files)
}

// Project is what stands around the Dockerfiles after the plan.
func (p *Plan) Project() *flow.Project { return p.ws.Project() }
