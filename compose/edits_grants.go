package compose

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// normal returns a grant in one form: its target as the path that the container has it at, its mode without what does not count.
func (g Grant) normal() Grant {
	if g.Target == "" {
		g.Target = g.Source
	}
	if !path.IsAbs(g.Target) {
		g.Target = "/run/secrets/" + g.Target
	}
	g.Target = path.Clean(g.Target)
	if n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimLeft(g.Mode, "0"), "o"), 8, 32); err == nil {
		g.Mode = strconv.FormatUint(n, 8)
	}
	return g
}

// short says whether the name alone says it all.
func (g Grant) short() bool {
	return (g.Target == "" || g.Target == g.Source) && g.UID == "" && g.GID == "" && g.Mode == ""
}

// readGrant reads an item of a service's secrets in doc; ok is false for what is none.
func readGrant(doc *yamledit.Doc, item *yamledit.Node) (g Grant, ok bool) {
	switch item.Kind {
	case yamledit.Scalar:
		return Grant{Source: item.Value}, true
	case yamledit.Map:
		g = Grant{Source: text(item, "source"), Target: text(item, "target"), UID: text(item, "uid"), GID: text(item, "gid"), Mode: text(item, "mode")}
		// A mode in quotes is octal, a number is what YAML reads: 256 is 0400.
		if e, ok := item.Get("mode"); ok && e.Value.Start < len(doc.Src) && strings.IndexByte("0123456789", doc.Src[e.Value.Start]) >= 0 {
			number, _ := (&File{Src: doc.Src}).scalar(e.Value)
			if n, err := strconv.ParseUint(number, 10, 32); err == nil {
				g.Mode = strconv.FormatUint(n, 8)
			}
		}
		return g, g.Source != ""
	}
	return Grant{}, false
}

// grant gives a service the secrets that m asks for, and notes in left those that it did not have.
func grant(draft *yamledit.Draft, m Migration, all []Migration, left *Migration) error {
	s := m.Service
	at := []string{"services", s.Name, "secrets"}
	list, by := draft.Doc().Find(at...)
	for _, g := range m.Grant {
		if g.Mode != "" {
			if n, err := strconv.ParseUint(g.Mode, 8, 32); err != nil || n > 0o7777 {
				return draft.Uncertain(0, "the mode of secret %s is no file mode", g.Source)
			}
		}
		has, err := granted(draft, s, list, g, all)
		if err != nil {
			return err
		}
		if has || slices.ContainsFunc(left.Grant, func(b Grant) bool { return b.normal() == g.normal() }) {
			continue
		}
		if by != nil {
			return draft.Uncertain(by.Start, "the secrets of service %s come in through %s, which a list of its own would hide, edit them by hand", s.Name, through(by))
		}
		left.Grant = append(left.Grant, g)
	}
	if len(left.Grant) == 0 {
		return nil
	}
	if list == nil {
		var items yamledit.Seq
		for _, g := range left.Grant {
			items = append(items, g.item())
		}
		return draft.AddKey("secrets", items, at[:2]...)
	}
	for _, g := range left.Grant {
		if err := draft.AddItem(g.item(), at...); err != nil {
			return err
		}
	}
	return nil
}

// granted says whether a service has a secret in this way already, itself or by what it extends. The error is for another one at its place.
func granted(draft *yamledit.Draft, s *Service, list *yamledit.Node, g Grant, all []Migration) (bool, error) {
	if list != nil {
		for _, item := range list.Items {
			have, ok := readGrant(draft.Doc(), item.Deref())
			switch {
			case !ok:
			case have.normal() == g.normal():
				return true, nil
			case have.normal().Target == g.normal().Target:
				return false, draft.Uncertain(item.Start, "service %s has a secret at %s in another way, edit it by hand", s.Name, g.normal().Target)
			}
		}
	}
	if s.extends == nil || s.extends.base == nil {
		return false, nil
	}
	base := slices.Clone(s.extends.base.Grants)
	for _, m := range all {
		if m.Service == s.extends.base {
			base = append(base, m.Grant...)
		}
	}
	for _, have := range base {
		switch {
		case have.normal() == g.normal():
			return true, nil
		case have.normal().Target == g.normal().Target:
			return false, refuse(s, s.extends.line, s.extends.col, "service %s has a secret at %s in another way through extends, edit it by hand", s.Name, g.normal().Target)
		}
	}
	return false, nil
}

// item writes a grant, in the short form where that suffices.
func (g Grant) item() yamledit.Value {
	if g.short() {
		return yamledit.Text(g.Source)
	}
	out := yamledit.Fields{{Key: "source", Value: yamledit.Text(g.Source)}}
	for _, f := range []yamledit.Field{{Key: "target", Value: yamledit.Text(g.Target)}, {Key: "uid", Value: yamledit.Text(g.UID)}, {Key: "gid", Value: yamledit.Text(g.GID)}} {
		if f.Value != yamledit.Text("") {
			out = append(out, f)
		}
	}
	if g.Mode != "" {
		n, _ := strconv.ParseUint(g.Mode, 8, 32)
		out = append(out, yamledit.Field{Key: "mode", Value: yamledit.Octal(n)})
	}
	return out
}
