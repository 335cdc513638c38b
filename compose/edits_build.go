package compose

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// migrateBuild makes the changes of one service's build section in the draft, and returns the part of them that was not done already.
func migrateBuild(draft *yamledit.Draft, m Migration) (Migration, error) {
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
