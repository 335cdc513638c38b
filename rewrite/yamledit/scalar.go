package yamledit

import (
	"bytes"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// Scalar returns the single value of the current text whose token stood at the bytes start to end of the source that the Draft was started
// on, quotes included; a key without a value has an empty token behind its colon. An alias is followed to what it stands for. The error
// wraps [ErrUncertain] where there is no such token, or where an operation has changed it.
func (t *Draft) Scalar(start, end int) (*Node, error) {
	at := 0
	for _, p := range t.pieces {
		// An empty token is found by the byte before it.
		if !p.new && p.start <= max(min(start, end-1), 0) && end <= p.end {
			off := at + start - p.start
			if n := token(t.doc.Root, off, off+end-start); n != nil {
				if n = n.Deref(); n.Kind == Scalar || n.Kind == Null {
					return n, nil
				}
			}
			return nil, t.first.Uncertain(start, "not a single value, edit it by hand")
		}
		at += p.len()
	}
	return nil, t.first.Uncertain(start, "a value that another edit has changed already, edit it by hand")
}

// token returns the node that stands at these bytes.
func token(n *Node, start, end int) *Node {
	if n == nil {
		return nil
	}
	if n.Start == start && n.End == end && n.Kind != Map && n.Kind != List {
		return n
	}
	for i, v := range n.Items {
		if n.Kind == Map {
			if k := token(n.Keys[i], start, end); k != nil {
				return k
			}
		}
		if v = token(v, start, end); v != nil {
			return v
		}
	}
	return nil
}

// Key returns the key that n is the value of, nil if it is none's.
func (n *Node) Key() *Node { return keyOfNode(n) }

// SetText makes the single value n, a node of [Draft.Doc], the string text. The way it is quoted is kept where it can hold the text, and
// the lines it stands on where no line break is concerned; a plain value becomes a quoted one where YAML would read anything but the
// string. An anchor is no hindrance: all that uses it has the new value.
func (t *Draft) SetText(n *Node, text string) (err error) {
	defer t.relocate(&err)
	if n.isKey() {
		return t.doc.Uncertain(n.pos, "a key, not a value")
	}
	return t.setText(n, text)
}

func (n *Node) isKey() bool {
	return n.parent != nil && n.parent.Kind == Map && slices.Contains(n.parent.Keys, n)
}

// RenameKey gives a key, a node of [Draft.Doc], another name. The mapping must not have that name yet, through a merge key neither.
func (t *Draft) RenameKey(key *Node, name string) (err error) {
	defer t.relocate(&err)
	if key == nil {
		return t.doc.Uncertain(0, "no key to rename")
	}
	if key.merge || key.colon < 0 || !key.isKey() || strings.ContainsAny(name, "\r\n") || len(name) > 200 {
		return t.doc.Uncertain(key.pos, "a key that cannot be renamed, edit it by hand")
	}
	if _, ok := key.parent.Get(name); ok && name != key.Value {
		return t.doc.Uncertain(key.pos, "the new name of this key is there already")
	}
	return t.setText(key, name)
}

func (t *Draft) setText(n *Node, text string) error {
	d := t.doc
	if n.Kind == Scalar && n.Value == text && n.Tag == "" {
		if _, isText := n.text(); isText {
			return nil
		}
	}
	switch {
	case n.Kind != Scalar && n.Kind != Null:
		return d.Uncertain(n.pos, "not a single value, edit it by hand")
	case n.Tag != "":
		return d.Uncertain(n.pos, "the value has a tag, edit it by hand")
	case n.End < 0:
		return d.Uncertain(n.pos, "the end of this value is not certain, edit it by hand")
	case n.Kind == Null && n.anchor != "":
		return d.Uncertain(n.pos, "an anchor without a value, edit it by hand")
	}
	want := func(any) any {
		v, err := d.replaced(n, text)
		if err != nil {
			return err // equal to nothing that is decoded
		}
		return v
	}
	if local, ok := d.within(n, text); ok {
		if err := t.apply(local, want); err == nil {
			return nil
		}
	}
	if n.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return d.Uncertain(n.pos, "a block of lines, in which this edit is not certain, edit it by hand")
	}
	e := edit.Edit{Start: n.Start, End: n.End, New: d.restyled(n, text)}
	if n.Start == n.End {
		if k := keyOfNode(n); k == nil || k.colon < 0 || n.Start != k.colon+1 {
			return d.Uncertain(n.pos, "no value here, edit it by hand")
		}
		e.New = " " + e.New
	}
	return t.apply([]edit.Edit{e}, want)
}

// replaced decodes the document with one of its nodes made a string, everywhere that it counts.
func (d *Doc) replaced(n *Node, text string) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = d.errorAt(1, 1, "not valid YAML")
		}
	}()
	var root yaml.Node
	if err := yaml.Unmarshal(bytes.TrimPrefix(d.Src, []byte("\xef\xbb\xbf")), &root); err != nil {
		return nil, d.yamlError(err)
	}
	if len(root.Content) == 0 {
		return nil, d.Uncertain(n.pos, "the file is empty")
	}
	y := counterpart(d.Root, root.Content[0], n)
	if y == nil || y.Kind != yaml.ScalarNode {
		return nil, d.Uncertain(n.pos, "not a single value, edit it by hand")
	}
	y.Value, y.Tag, y.Style = text, "!!str", yaml.DoubleQuotedStyle
	if err := root.Decode(&v); err != nil {
		return nil, d.yamlError(err)
	}
	return v, nil
}

// counterpart finds the yaml.v3 node that n was made of, in a tree that was read from the same text.
func counterpart(at *Node, y *yaml.Node, n *Node) *yaml.Node {
	if at == n {
		return y
	}
	step := 1
	if at.Kind == Map {
		step = 2
	}
	for i, item := range at.Items {
		if step*(i+1) > len(y.Content) {
			return nil
		}
		if at.Kind == Map {
			if at.Keys[i] == n {
				return y.Content[step*i]
			}
			if found := counterpart(at.Keys[i], y.Content[step*i], n); found != nil {
				return found
			}
		}
		if found := counterpart(item, y.Content[step*(i+1)-1], n); found != nil {
			return found
		}
	}
	return nil
}
