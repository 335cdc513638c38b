package compose

import (
	"fmt"
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
	Set   []Assignment // variables that environment must have, in the form that it is in; one that is there with another value is an error
	Grant []Grant      // secrets that it must have: in the short form where the name says it all
}

// Edits returns the byte edits of one compose file for all migrations whose service is f's, and for the top-level secrets in defs: new ones
// are added in their order, one that is defined the same way is kept, one that is defined otherwise is an error. The result has been
// decoded and says what f said and exactly this more. An error has a position and the reason; it wraps [yamledit.ErrUncertain] where an
// edit is refused because it would not be certain.
func Edits(f *File, m []Migration, defs []NamedSecret, replace ...Replacement) ([]edit.Edit, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	if err := f.placeFor(m, defs); err != nil {
		return nil, err
	}
	draft := f.doc.Draft()
	var mine []Migration
	for _, one := range perService(f, m) {
		left, err := migrate(draft, one)
		if err != nil {
			return nil, err
		}
		mine = append(mine, left)
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
	err := yamledit.Verify(f.Path, f.Src, draft.Doc().Src, func(root any) any { return meant(root, mine, added) })
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
	}
	return out
}

// migrate makes one service's changes in the draft, and returns the part of m that was not done already.
func migrate(draft *yamledit.Draft, m Migration) (Migration, error) {
	s, b := m.Service, m.Service.Build
	if b == nil {
		return m, draft.Uncertain(0, "service %s has no build section", s.Name)
	}
	left := Migration{Service: s}
	for _, a := range b.Args {
		if !slices.Contains(m.RemoveArgs, a.Name) {
			continue
		}
		if a.Inherited != "" {
			return m, refuse(s, a.Line, a.Col, "argument %s of service %s comes in through %s, move it by hand", a.Name, s.Name, a.Inherited)
		}
		left.RemoveArgs = append(left.RemoveArgs, a.Name)
	}
	build := []string{"services", s.Name, "build"}
	section, _ := draft.Doc().Find(build...)
	for _, id := range m.AddSecrets {
		if has, err := hasSecret(draft, s, section, id); err != nil {
			return m, err
		} else if !has && !slices.Contains(left.AddSecrets, id) {
			left.AddSecrets = append(left.AddSecrets, id)
		}
	}
	if len(left.RemoveArgs) == 0 && len(left.AddSecrets) == 0 {
		return left, nil
	}
	if b.Inherited != "" {
		return m, refuse(s, b.Line, b.Col, "the build section of service %s comes in through %s, move it by hand", s.Name, b.Inherited)
	}
	// Secrets come first: they take the style of the lists around them, and keep the section from becoming empty.
	if err := addSecrets(draft, build, section, left.AddSecrets); err != nil {
		return m, err
	}
	return left, removeArgs(draft, s, build, left.RemoveArgs)
}

func refuse(s *Service, line, col int, format string, args ...any) error {
	return yamledit.Uncertain(s.File.Path, line, col, format, args...)
}

// hasSecret says whether a build section hands out a secret under this id already, itself or by what the service extends.
func hasSecret(draft *yamledit.Draft, s *Service, section *yamledit.Node, id string) (bool, error) {
	secrets, ok := section.Get("secrets")
	if !ok {
		return s.extends != nil && slices.Contains(s.Build.Secrets, id), nil
	}
	for _, item := range secrets.Value.Items {
		item = item.Deref()
		has, source := buildSecret(item)
		switch {
		case has == id && source == id:
			return true, nil
		case has == id:
			return false, draft.Uncertain(item.Start, "service %s has another secret as %s, rename one of them", s.Name, id)
		}
	}
	return false, nil
}

func addSecrets(draft *yamledit.Draft, build []string, section *yamledit.Node, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if section != nil && section.Kind == yamledit.Scalar {
		if err := draft.Wrap("context", build...); err != nil {
			return err
		}
	}
	if _, ok := section.Get("secrets"); !ok {
		var list yamledit.Seq
		for _, id := range ids {
			list = append(list, yamledit.Text(id))
		}
		return draft.AddKey("secrets", list, build...)
	}
	for _, id := range ids {
		if err := draft.AddItem(yamledit.Text(id), append(build[:len(build):len(build)], "secrets")...); err != nil {
			return err
		}
	}
	return nil
}

func removeArgs(draft *yamledit.Draft, s *Service, build, names []string) error {
	if len(names) == 0 {
		return nil
	}
	at := append(build[:len(build):len(build)], "args")
	args, _ := draft.Doc().Find(at...)
	if args == nil {
		return refuse(s, s.Build.Line, s.Build.Col, "the arguments of service %s are not where they were", s.Name)
	}
	var gone []int
	for i, item := range args.Items {
		name := ""
		if args.Kind == yamledit.Map {
			name = args.Keys[i].Value
		} else if item = item.Deref(); item.Kind == yamledit.Scalar {
			name, _, _ = strings.Cut(item.Value, "=")
		}
		if slices.Contains(names, name) {
			gone = append(gone, i)
		}
	}
	if len(gone) == len(args.Items) {
		return removeSection(draft, s, build)
	}
	slices.Reverse(gone)
	for _, i := range gone {
		var err error
		if args.Kind == yamledit.Map {
			err = draft.RemoveKey(args.Keys[i].Value, at...)
		} else {
			err = draft.RemoveItem(i, at...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeSection removes args, and what would be left empty above it.
func removeSection(draft *yamledit.Draft, s *Service, build []string) error {
	section, _ := draft.Doc().Find(build...)
	if len(section.Keys) > 1 {
		return draft.RemoveKey("args", build...)
	}
	if !s.Overrides {
		// Without a key the section would be gone; this says what its absence of a context meant.
		if err := draft.AddKey("context", yamledit.Text("."), build...); err != nil {
			return err
		}
		return draft.RemoveKey("args", build...)
	}
	service, _ := draft.Doc().Find(build[:2]...)
	if len(service.Keys) > 1 {
		return draft.RemoveKey("build", build[:2]...)
	}
	services, _ := draft.Doc().Find(build[:1]...)
	if len(services.Keys) > 1 {
		return draft.RemoveKey(s.Name, build[:1]...)
	}
	return refuse(s, s.Build.Line, s.Build.Col, "nothing would be left of this file, remove it or its argument by hand")
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

// meant does to a decoded file what migrations and definitions ask for. It knows nothing of how Edits does it.
func meant(root any, ms []Migration, defs []NamedSecret) any {
	file, ok := root.(map[string]any)
	if !ok {
		return nil // keys that are no strings: not a compose file, and never equal
	}
	services, _ := file["services"].(map[string]any)
	for _, m := range ms {
		service, ok := services[m.Service.Name].(map[string]any)
		if !ok {
			return nil
		}
		build, ok := service["build"].(map[string]any)
		if !ok {
			if len(m.AddSecrets) == 0 {
				continue
			}
			build = map[string]any{"context": service["build"]}
		}
		before := len(build)
		switch args := build["args"].(type) {
		case []any:
			left := slices.DeleteFunc(slices.Clone(args), func(v any) bool {
				name, _, _ := strings.Cut(fmt.Sprint(v), "=")
				return slices.Contains(m.RemoveArgs, name)
			})
			if build["args"] = left; len(left) == 0 && len(args) > 0 {
				delete(build, "args")
			}
		case map[string]any:
			n := len(args)
			for _, name := range m.RemoveArgs {
				delete(args, name)
			}
			if len(args) == 0 && n > 0 {
				delete(build, "args")
			}
		}
		for _, id := range m.AddSecrets {
			list, _ := build["secrets"].([]any)
			build["secrets"] = append(list, id)
		}
		switch {
		case len(build) > 0 || before == 0:
			service["build"] = build
		case !m.Service.Overrides:
			service["build"] = map[string]any{"context": "."}
		case len(service) > 1:
			delete(service, "build")
		default:
			delete(services, m.Service.Name)
		}
	}
	for _, def := range defs {
		top, _ := file["secrets"].(map[string]any)
		if top == nil {
			top = map[string]any{}
			file["secrets"] = top
		}
		one := map[string]any{}
		switch {
		case def.External:
			one["external"] = true
		case def.Environment != "":
			one["environment"] = def.Environment
		default:
			one["file"] = dotted(def.File)
		}
		top[def.Name] = one
	}
	return root
}
