package compose

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// entry is a variable as a service's environment section has it.
type entry struct {
	name, value string
	hasValue    bool
	node        *yamledit.Node // the value, or in the list form the item
	through     *yamledit.Node // the alias or merge key it comes in by
	index       int            // in the section's own items, -1 if it comes in
}

// entries returns the variables of a section of doc in either form, values as compose reads them.
func entries(doc *yamledit.Doc, section *yamledit.Node) []entry {
	if section == nil {
		return nil
	}
	var out []entry
	if section.Kind == yamledit.Map {
		f := File{Src: doc.Src}
		for _, e := range section.Entries() {
			one := entry{name: e.Key.Value, node: e.Value, through: e.Through, index: slices.Index(section.Keys, e.Key)}
			one.value, one.hasValue = f.scalar(e.Value)
			out = append(out, one)
		}
		return out
	}
	for i, item := range section.Items {
		one := entry{node: item, index: i}
		if item.Kind == yamledit.Alias {
			one.through, one.node = item, item.Target
		}
		if one.node.Kind == yamledit.Scalar {
			one.name, one.value, one.hasValue = strings.Cut(one.node.Value, "=")
			out = append(out, one)
		}
	}
	return out
}

// environment makes the changes of m to a service's environment, and notes in left what was not done already.
func environment(draft *yamledit.Draft, m Migration, all []Migration, left *Migration) error {
	if len(m.Set)+len(m.Unset) == 0 {
		return nil
	}
	s := m.Service
	at := append(s.keys(), "environment")
	section, by := draft.Doc().Find(at...)
	have := entries(draft.Doc(), section)
	inherited := func(e entry) error {
		what, how := "variable "+e.name, e.through
		if by != nil {
			what, how = "the environment", by
		}
		return draft.Uncertain(how.Start, "%s of service %s comes in through %s, edit it by hand", what, s.Name, through(how))
	}
	var gone, added []string
	var inPlace []Assignment
	for _, name := range m.Unset {
		if slices.Contains(gone, name) || slices.ContainsFunc(m.Set, func(a Assignment) bool { return a.Name == name }) {
			continue
		}
		if err := revealed(s, name, all); err != nil {
			return err
		}
		for _, e := range have {
			if e.name != name {
				continue
			}
			if by != nil || e.through != nil {
				return inherited(e)
			}
			if !slices.Contains(gone, name) {
				gone = append(gone, name)
			}
		}
	}
	for _, a := range m.Set {
		if i := slices.IndexFunc(left.Set, func(b Assignment) bool { return b.Name == a.Name }); i >= 0 {
			if left.Set[i].Value != a.Value {
				return draft.Uncertain(0, "service %s would get %s with two values", s.Name, a.Name)
			}
			continue
		}
		i := slices.IndexFunc(have, func(e entry) bool { return e.name == a.Name })
		if i < 0 {
			if base := baseText(s, a.Name); base != nil && base.HasValue && base.Value == a.Value && !unsets(s.extends.base, a.Name, all) {
				continue
			} else if base != nil && !unsets(s.extends.base, a.Name, all) {
				return refuse(s, s.extends.line, s.extends.col, "service %s has %s through extends, with another value", s.Name, a.Name)
			}
			if by != nil {
				return draft.Uncertain(by.Start, "the environment of service %s comes in through %s, which one of its own would hide, edit it by hand", s.Name, through(by))
			}
			added = append(added, a.Name)
			left.Set = append(left.Set, a)
			continue
		}
		e := have[i]
		if e.hasValue && e.value == a.Value {
			continue
		}
		if !slices.Contains(m.Unset, a.Name) {
			return draft.Uncertain(e.node.Start, "service %s has %s with another value, edit it by hand", s.Name, a.Name)
		}
		if by != nil || e.through != nil {
			return inherited(e)
		}
		inPlace = append(inPlace, a)
		left.Set = append(left.Set, a)
	}
	left.Unset = append(left.Unset, gone...)
	for _, a := range inPlace {
		if err := assign(draft, a, at); err != nil {
			return err
		}
	}
	for _, a := range left.Set {
		if slices.Contains(added, a.Name) {
			if err := add(draft, a, at); err != nil {
				return err
			}
		}
	}
	return unset(draft, s, gone, at)
}

// assign gives a variable of its own another value where it stands.
func assign(draft *yamledit.Draft, a Assignment, at []string) error {
	section, _ := draft.Doc().Find(at...)
	for _, e := range entries(draft.Doc(), section) {
		if e.name != a.Name {
			continue
		}
		text := a.Value
		if section.Kind == yamledit.List {
			text = a.Name + "=" + a.Value
		}
		return draft.SetText(e.node, text)
	}
	return nil
}

func add(draft *yamledit.Draft, a Assignment, at []string) error {
	section, _ := draft.Doc().Find(at...)
	switch {
	case section == nil:
		return draft.AddKey("environment", yamledit.Fields{{Key: a.Name, Value: yamledit.Text(a.Value)}}, at[:len(at)-1]...)
	case section.Kind == yamledit.List:
		return draft.AddItem(yamledit.Text(a.Name+"="+a.Value), at...)
	}
	return draft.AddKey(a.Name, yamledit.Text(a.Value), at...)
}

// unset removes variables, and what would be left empty above them.
func unset(draft *yamledit.Draft, s *Service, names, at []string) error {
	if len(names) == 0 {
		return nil
	}
	section, _ := draft.Doc().Find(at...)
	var gone []entry
	for _, e := range entries(draft.Doc(), section) {
		if slices.Contains(names, e.name) && e.index >= 0 {
			gone = append(gone, e)
		}
	}
	if len(gone) == len(section.Items) {
		service, _ := draft.Doc().Find(at[:len(at)-1]...)
		if len(service.Keys) > 1 {
			return draft.RemoveKey("environment", at[:len(at)-1]...)
		}
		// A service that has nothing else is part of one in another file.
		if services, _ := draft.Doc().Find(at[:len(at)-2]...); len(services.Keys) > 1 {
			return draft.RemoveKey(s.Name, at[:len(at)-2]...)
		}
		return draft.Uncertain(section.Start, "nothing would be left of this file, remove it or the variable by hand")
	}
	slices.SortFunc(gone, func(a, b entry) int { return b.index - a.index })
	for _, e := range gone {
		var err error
		if section.Kind == yamledit.Map {
			err = draft.RemoveKey(e.name, at...)
		} else {
			err = draft.RemoveItem(e.index, at...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// baseText returns the variable that a service gets by what it extends, nil if there is none.
func baseText(s *Service, name string) *Text {
	if s.extends == nil || s.extends.base == nil {
		return nil
	}
	for i, t := range s.extends.base.Texts {
		if t.Where == InEnvironment && t.Name == name {
			return &s.extends.base.Texts[i]
		}
	}
	return nil
}

// unsets says whether one of the migrations takes a variable from a service.
func unsets(s *Service, name string, all []Migration) bool {
	return slices.ContainsFunc(all, func(m Migration) bool { return m.Service == s && slices.Contains(m.Unset, name) })
}

// revealed returns an error if a service that loses its own variable would have that of what it extends.
func revealed(s *Service, name string, all []Migration) error {
	switch x := s.extends; {
	case x == nil:
		return nil
	case x.base == nil:
		return refuse(s, x.line, x.col, "service %s extends what is not known, which may set %s, edit it by hand", s.Name, name)
	case baseText(s, name) != nil && !unsets(x.base, name, all):
		return refuse(s, x.line, x.col, "variable %s of service %s comes in through extends, edit it by hand", name, s.Name)
	}
	return nil
}
