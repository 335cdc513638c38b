package project

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Kind says what a Value is.
type Kind uint8

const (
	Null Kind = iota
	Scalar
	Map
	List
)

// Value is a piece of a compose file as it counts: aliases followed, merge keys resolved. Scalars are texts, whatever YAML takes them
// for: what reads one knows what it must be.
type Value struct {
	Kind  Kind
	Text  string
	Keys  []string // Map: in order, parallel to Items
	Items []*Value

	tag string
}

func valueOf(n *yamledit.Node) *Value {
	n = n.Deref()
	if n == nil {
		return &Value{}
	}
	v := &Value{tag: n.Tag}
	switch n.Kind {
	case yamledit.Scalar:
		v.Kind, v.Text = Scalar, n.Value
	case yamledit.Map:
		v.Kind = Map
		for _, e := range n.Entries() {
			v.Keys = append(v.Keys, e.Key.Value)
			v.Items = append(v.Items, valueOf(e.Value))
		}
	case yamledit.List:
		v.Kind = List
		for _, item := range n.Items {
			v.Items = append(v.Items, valueOf(item))
		}
	}
	return v
}

// Get returns the value under a key, nil if there is none.
func (v *Value) Get(key string) *Value {
	if v == nil || v.Kind != Map {
		return nil
	}
	if i := slices.Index(v.Keys, key); i >= 0 {
		return v.Items[i]
	}
	return nil
}

// At returns the value at a path of keys, nil if there is none.
func (v *Value) At(path ...string) *Value {
	for _, key := range path {
		v = v.Get(key)
	}
	return v
}

// String returns a scalar's text, "" for anything else.
func (v *Value) String() string {
	if v == nil || v.Kind != Scalar {
		return ""
	}
	return v.Text
}

// True says whether a scalar is true.
func (v *Value) True() bool { return strings.EqualFold(v.String(), "true") }

// Texts returns a scalar as a list of one, and a list's scalars.
func (v *Value) Texts() []string {
	switch {
	case v == nil:
	case v.Kind == Scalar:
		return []string{v.Text}
	case v.Kind == List:
		var out []string
		for _, item := range v.Items {
			if item.Kind == Scalar {
				out = append(out, item.Text)
			}
		}
		return out
	}
	return nil
}

// set gives a map a key, at the place where it has it.
func (v *Value) set(key string, item *Value) {
	if i := slices.Index(v.Keys, key); i >= 0 {
		v.Items[i] = item
		return
	}
	v.Keys = append(v.Keys, key)
	v.Items = append(v.Items, item)
}

func text(s string) *Value { return &Value{Kind: Scalar, Text: s} }

// pairs returns a list of NAME=value as a mapping, and a mapping itself: a name without a value has Null.
func (v *Value) pairs() *Value {
	if v == nil || v.Kind != List {
		return v
	}
	out := &Value{Kind: Map, tag: v.tag}
	for _, s := range v.Texts() {
		name, value, has := strings.Cut(s, "=")
		if has {
			out.set(name, text(value))
		} else {
			out.set(name, &Value{})
		}
	}
	return out
}

// named returns a list of names as a mapping of nothing.
func (v *Value) named() *Value {
	if v == nil || v.Kind != List {
		return v
	}
	out := &Value{Kind: Map, tag: v.tag}
	for _, s := range v.Texts() {
		out.set(s, &Value{})
	}
	return out
}

// list returns a scalar as a list of one.
func (v *Value) list() *Value {
	if v == nil || v.Kind != Scalar {
		return v
	}
	return &Value{Kind: List, Items: []*Value{text(v.Text)}, tag: v.tag}
}

// walk calls f with every scalar and its key, the nearest one above it.
func (v *Value) walk(key string, f func(key, text string)) {
	switch v.Kind {
	case Scalar:
		f(key, v.Text)
	case Map:
		for i, k := range v.Keys {
			v.Items[i].walk(k, f)
		}
	case List:
		for _, item := range v.Items {
			item.walk(key, f)
		}
	}
}
