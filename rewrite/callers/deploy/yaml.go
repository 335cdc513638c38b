package deploy

import (
	"strconv"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// start is a build at a key of a YAML file.
func start(s *call.Source, n *yamledit.Node, what string) *call.Build {
	b := &call.Build{Path: s.Path, Start: n.Start, End: max(n.End, n.Start), What: what}
	b.Line, b.Col = s.Position(b.Start)
	return b
}

// text is a single value under a node, "" if there is none.
func text(n *yamledit.Node, key string) string {
	if n == nil {
		return ""
	}
	e, ok := n.Get(key)
	if !ok || e.Value == nil || e.Value.Kind != yamledit.Scalar {
		return ""
	}
	return e.Value.Value
}

// under is the node that a key has, nil if there is none.
func under(n *yamledit.Node, keys ...string) *yamledit.Node {
	for _, key := range keys {
		if n == nil {
			return nil
		}
		e, ok := n.Get(key)
		if !ok || e.Value == nil {
			return nil
		}
		n = e.Value.Deref()
	}
	return n
}

// arguments adds those of a mapping; kind says what a value is.
func arguments(s *call.Source, b *call.Build, args *yamledit.Node, kind func(string) (call.Kind, string)) {
	if args == nil || args.Kind == yamledit.Null {
		return
	}
	if args.Kind != yamledit.Map {
		b.Fixed, b.Hidden = "its build arguments are no mapping", true
		return
	}
	for _, e := range args.Entries() {
		a := call.Arg{Name: e.Key.Value, Start: e.Key.Start, End: max(e.Key.End, e.Value.End)}
		a.Line, _ = s.Position(a.Start)
		switch v := e.Value.Deref(); v.Kind {
		case yamledit.Null:
			a.Kind = call.Bare
		case yamledit.Scalar:
			a.Value = v.Value
			a.Kind, a.Env = kind(v.Value)
		}
		b.Args = append(b.Args, a)
	}
}

// move changes one build: an item comes under secrets, and arguments go. item is nil where
// no secret comes. parent is where both are.
func move(d *yamledit.Draft, item yamledit.Value, drop []string, args string, parent ...string) error {
	in := func(keys ...string) []string { return append(append([]string{}, parent...), keys...) }
	if item != nil {
		if walk(d.Doc().Root, in("secrets")) == nil {
			if err := d.AddKey("secrets", yamledit.Seq{item}, parent...); err != nil {
				return err
			}
		} else if err := d.AddItem(item, in("secrets")...); err != nil {
			return err
		}
	}
	for _, name := range drop {
		at := walk(d.Doc().Root, in(args))
		if at == nil {
			continue
		}
		if _, ok := at.Get(name); !ok {
			continue
		}
		err := error(nil)
		if len(at.Entries()) == 1 {
			err = d.RemoveKey(args, parent...)
		} else {
			err = d.RemoveKey(name, in(args)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walk is the node at a path of keys and indices of items, nil if there is none.
func walk(n *yamledit.Node, path []string) *yamledit.Node {
	for _, step := range path {
		if n = n.Deref(); n.Kind != yamledit.List {
			if n = under(n, step); n == nil {
				return nil
			}
			continue
		}
		i, err := strconv.Atoi(step)
		if err != nil || i >= len(n.Items) {
			return nil
		}
		n = n.Items[i]
	}
	return n
}
