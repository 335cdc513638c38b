package compose

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Migration is one service's part of a fix. What is done already is left as it is, so a second run has nothing to do.
type Migration struct {
	Service    *Service
	RemoveArgs []string // names that leave build.args, which goes when it becomes empty
	AddSecrets []string // ids that build.secrets must have, in the short form; "build: ." becomes a mapping for it

	// Of the running container:
	Unset []string     // variables that leave environment, which goes when it becomes empty
	Set   []Assignment // variables that environment must have, in the form that it is in; one that is there with another value is an error, or has its value replaced if Unset names it too
	Grant []Grant      // secrets that it must have: in the short form where the name says it all
}

// Edits returns the byte edits of one compose file for all migrations whose service is f's, and for the top-level secrets in defs: new ones
// are added in their order, one that is defined the same way is kept, one that is defined otherwise is an error. replace are for texts of f.
// The result has been decoded and says what f said and exactly this more. An error has a position and the reason; it wraps [yamledit.ErrUncertain] where an
// edit is refused because it would not be certain.
func Edits(f *File, m []Migration, defs []NamedSecret, replace ...Replacement) ([]edit.Edit, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	if err := f.placeFor(m, defs); err != nil {
		return nil, err
	}
	draft := f.doc.Draft()
	replaced, err := replacements(draft, f, replace)
	if err != nil {
		return nil, err
	}
	var mine []Migration
	for _, one := range perService(f, m) {
		left, err := migrate(draft, one, m)
		if err != nil {
			return nil, err
		}
		if len(left.RemoveArgs)+len(left.AddSecrets)+len(left.Unset)+len(left.Set)+len(left.Grant) > 0 {
			mine = append(mine, left)
		}
	}
	var added []NamedSecret
	for _, def := range defs {
		done, err := define(draft, def)
		if err != nil {
			return nil, err
		}
		if done {
			added = append(added, def)
		}
	}
	edits := draft.Edits()
	if len(edits) == 0 {
		return nil, nil
	}
	// Each step was checked on its own; this checks that together they are what was asked for.
	err = yamledit.Verify(f.Path, f.Src, draft.Doc().Src, func(root any) any { return meant(root, replaced, mine, added) })
	if err != nil {
		return nil, err
	}
	return edits, nil
}

// perService returns the migrations of f's services, one for each.
func perService(f *File, ms []Migration) []Migration {
	var out []Migration
	for _, m := range ms {
		if m.Service == nil || m.Service.File != f {
			continue
		}
		i := slices.IndexFunc(out, func(o Migration) bool { return o.Service == m.Service })
		if i < 0 {
			out = append(out, m)
			continue
		}
		out[i].RemoveArgs = slices.Concat(out[i].RemoveArgs, m.RemoveArgs)
		out[i].AddSecrets = slices.Concat(out[i].AddSecrets, m.AddSecrets)
		out[i].Unset = slices.Concat(out[i].Unset, m.Unset)
		out[i].Set = slices.Concat(out[i].Set, m.Set)
		out[i].Grant = slices.Concat(out[i].Grant, m.Grant)
	}
	return out
}

// migrate makes one service's changes in the draft, and returns the part of m that was not done already. all are the migrations of all
// files, which say what becomes of the services that this one extends.
func migrate(draft *yamledit.Draft, m Migration, all []Migration) (Migration, error) {
	left := Migration{Service: m.Service}
	if len(m.RemoveArgs)+len(m.AddSecrets) > 0 {
		var err error
		if left, err = migrateBuild(draft, m); err != nil {
			return m, err
		}
	}
	if len(m.Unset)+len(m.Set)+len(m.Grant) == 0 {
		return left, nil
	}
	// What is added comes first: it takes the style of what is around it, and keeps sections from becoming empty.
	if err := grant(draft, m, all, &left); err != nil {
		return m, err
	}
	return left, environment(draft, m, all, &left)
}

func refuse(s *Service, line, col int, format string, args ...any) error {
	return yamledit.Uncertain(s.File.Path, line, col, format, args...)
}

// define adds a top-level secret; done is false if it is there already.
func define(draft *yamledit.Draft, def NamedSecret) (done bool, err error) {
	value := def.fields()
	secrets, ok := draft.Doc().Root.Get("secrets")
	if !ok {
		return true, draft.AddKey("secrets", yamledit.Fields{{Key: def.Name, Value: value}})
	}
	if e, ok := secrets.Value.Get(def.Name); ok {
		if !same(definition(e.Value), def.SecretDef) {
			return false, draft.Uncertain(e.Key.Start, "the secret %s is defined in another way already, rename one of them", def.Name)
		}
		return false, nil
	}
	return true, draft.AddKey(def.Name, value, "secrets")
}

func (s SecretDef) fields() yamledit.Fields {
	switch {
	case s.External:
		return yamledit.Fields{{Key: "external", Value: yamledit.Bool(true)}}
	case s.Environment != "":
		return yamledit.Fields{{Key: "environment", Value: yamledit.Text(s.Environment)}}
	}
	return yamledit.Fields{{Key: "file", Value: yamledit.Text(dotted(s.File))}}
}

// dotted writes a relative path as compose files do, with ./ before it.
func dotted(p string) string {
	if p = path.Clean(p); path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") {
		return p
	}
	return "./" + p
}

func same(a, b SecretDef) bool {
	if a.File != "" && b.File != "" {
		a.File, b.File = path.Clean(a.File), path.Clean(b.File)
	}
	return a == b
}
