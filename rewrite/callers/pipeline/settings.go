package pipeline

import (
	"slices"
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// each calls f for a node and all that is in it, what aliases stand for once.
func each(n *yamledit.Node, f func(*yamledit.Node)) {
	seen := map[*yamledit.Node]bool{}
	var walk func(*yamledit.Node)
	walk = func(n *yamledit.Node) {
		if n = n.Deref(); n == nil || seen[n] {
			return
		}
		seen[n] = true
		f(n)
		for _, item := range n.Items {
			walk(item)
		}
	}
	walk(n)
}

// value returns what a mapping has under a key, nil for nothing.
func value(n *yamledit.Node, keys ...string) *yamledit.Node {
	for _, key := range keys {
		e, ok := n.Deref().Get(key)
		if !ok || e.Value == nil {
			return nil
		}
		n = e.Value.Deref()
	}
	if n == nil || n.Kind == yamledit.Null {
		return nil
	}
	return n
}

// text returns a single value of a mapping; "" if there is none.
func text(n *yamledit.Node, keys ...string) string {
	if v := value(n, keys...); v != nil && v.Kind == yamledit.Scalar {
		return v.Value
	}
	return ""
}

// items returns a list's items, or a value itself where a list may be left out.
func items(n *yamledit.Node) []*yamledit.Node {
	n = n.Deref()
	switch {
	case n == nil || n.Kind == yamledit.Null:
		return nil
	case n.Kind == yamledit.List:
		var out []*yamledit.Node
		for _, item := range n.Items {
			out = append(out, item.Deref())
		}
		return out
	}
	return []*yamledit.Node{n}
}

// variables adds a mapping's single values, those under "value" too, to what is there.
// A variable without one value is known by its name alone.
type variables map[string]*yamledit.Node

func (v variables) add(n *yamledit.Node) {
	for _, e := range n.Entries() {
		value := e.Value.Deref()
		if e, ok := value.Get("value"); ok && e.Value != nil {
			value = e.Value.Deref()
		}
		v[e.Key.Value] = value
	}
}

// apply tells a run of the variables that it has for certain, and of the values that do not
// depend on others. mark is what begins a reference to another variable.
func (v variables) apply(r *run, marks ...string) {
	for name, value := range v {
		if value == nil || value.Kind != yamledit.Scalar || slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(value.Value, m) }) {
			delete(r.text.Defaults, name)
			continue
		}
		r.text.Defaults[name] = value.Value
	}
	r.given = v
	if value := v["DOCKER_BUILDKIT"]; value != nil {
		r.builder.buildKit = value.Value
	}
}

// pathOf returns the path of a node for a draft.
func pathOf(n *yamledit.Node) []string {
	parent := n.Parent()
	if parent == nil {
		return nil
	}
	i := slices.Index(parent.Items, n)
	step := strconv.Itoa(i)
	if parent.Kind == yamledit.Map && i >= 0 {
		step = parent.Keys[i].Value
	}
	return append(pathOf(parent), step)
}

// setIn sets variables in the mapping that a mapping has under a key (env, environment).
func (t *tx) setIn(doc *document, n *yamledit.Node, key string, set []script.Assignment) error {
	at, draft := pathOf(n), t.draft(doc)
	below := append(slices.Clone(at), key)
	for _, a := range set {
		place := strings.Join(append(slices.Clone(below), a.Name), "\x00")
		if slices.Contains(t.set, place) {
			continue
		}
		now := value(n, key)
		switch old := value(n, key, a.Name); {
		case old != nil && old.Kind == yamledit.Scalar && old.Value == a.Value:
			continue
		case old != nil:
			return t.Errorf(doc.base+old.Start, "%s has another value here already", a.Name)
		}
		var err error
		if now == nil && !slices.Contains(t.set, strings.Join(below, "\x00")) {
			if e, ok := n.Get(key); ok && e.Value != nil {
				err = draft.AddKey(a.Name, yamledit.Text(a.Value), below...)
			} else {
				err = draft.AddKey(key, yamledit.Fields{{Key: a.Name, Value: yamledit.Text(a.Value)}}, at...)
			}
			t.set = append(t.set, strings.Join(below, "\x00"))
		} else {
			err = draft.AddKey(a.Name, yamledit.Text(a.Value), below...)
		}
		if err != nil {
			return t.moved(doc, err)
		}
		t.set = append(t.set, place)
	}
	return nil
}
