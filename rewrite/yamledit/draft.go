package yamledit

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// Draft is a Doc that operations are made on, one after the other. An operation that returns an error has changed nothing.
//
// Most operations take the path of a mapping or list, as mapping keys and indices of items from the root. They refuse, with an error that wraps [ErrUncertain]
// and a position, whatever they cannot do by a local edit: a path through an alias or a merge key, a place under an anchor that an alias
// uses, a custom tag (!reset), flow style with comments in the way, a mapping that starts on the line of its list's dash. SetText and
// RenameKey take a node that [Draft.Scalar] found, and change what an anchor stands for wherever it is used. After that an operation
// decodes both texts, and fails unless they differ by exactly what it was to do. Positions in errors are those of the original.
type Draft struct {
	first  *Doc // what it was started on
	doc    *Doc // what the operations have made of it
	pieces []piece
}

// piece is a stretch of the original source, or (new) of added text.
type piece struct {
	start, end int
	text       string
	new        bool
}

func (p piece) len() int {
	if p.new {
		return len(p.text)
	}
	return p.end - p.start
}

// Draft starts a Draft on d.
func (d *Doc) Draft() *Draft {
	return &Draft{first: d, doc: d, pieces: []piece{{end: len(d.Src)}}}
}

// Doc returns the document as the operations so far have made it.
func (t *Draft) Doc() *Doc { return t.doc }

// Edits returns all operations as edits of the source that the Draft was started on, in order and apart from each other.
func (t *Draft) Edits() []edit.Edit {
	var out []edit.Edit
	at, text := 0, ""
	flush := func(to int) {
		if to > at || text != "" {
			out = append(out, edit.Edit{Start: at, End: to, New: text})
		}
		text = ""
	}
	for _, p := range t.pieces {
		if p.new {
			text += p.text
			continue
		}
		if p.len() == 0 {
			continue
		}
		flush(p.start)
		at = p.end
	}
	flush(len(t.first.Src))
	return out
}

// Uncertain returns an *[Error] that wraps [ErrUncertain], for a byte offset in the current text; its position is that of the original.
func (t *Draft) Uncertain(off int, format string, args ...any) error {
	return t.first.Uncertain(t.origin(off), format, args...)
}

// origin returns where in the original the text at an offset of the current one came from.
func (t *Draft) origin(off int) int {
	at, last := 0, 0
	for _, p := range t.pieces {
		if !p.new {
			if off < at+p.len() {
				return p.start + max(off-at, 0)
			}
			last = p.end
		}
		at += p.len()
	}
	return last
}

// relocate gives an error about the current text its position in the original.
func (t *Draft) relocate(err *error) {
	if e, ok := (*err).(*Error); ok && t.doc != t.first {
		moved := *e
		moved.Line, moved.Col = t.first.Position(t.origin(e.off))
		*err = &moved
	}
}

// apply makes edits of the current text, checks the result against want, and keeps it.
func (t *Draft) apply(edits []edit.Edit, want func(any) any) error {
	src, err := edit.Apply(t.doc.Src, edits)
	if err != nil {
		return fmt.Errorf("%s: %w", t.doc.Path, err)
	}
	at := t.doc.Root.pos
	if len(edits) > 0 {
		at = edits[0].Start
	}
	next, err := Parse(t.doc.Path, src)
	if err != nil {
		return t.doc.Uncertain(at, "the edit would leave a file that is not valid YAML, edit it by hand")
	}
	if err := Verify(t.doc.Path, t.doc.Src, src, want); err != nil {
		return t.doc.Uncertain(at, "the edit would change more than it should, edit the file by hand")
	}
	// Edits come in order; going backwards keeps the offsets of those still to do.
	for i := len(edits) - 1; i >= 0; i-- {
		e := edits[i]
		all := t.pieces
		t.pieces = cut(all, 0, e.Start)
		if e.New != "" {
			t.pieces = append(t.pieces, piece{text: e.New, new: true})
		}
		t.pieces = append(t.pieces, cut(all, e.End, math.MaxInt)...)
	}
	t.doc = next
	return nil
}

// cut returns the pieces of the text between two of its offsets; to may be past its end.
func cut(ps []piece, from, to int) []piece {
	var out []piece
	at := 0
	for _, p := range ps {
		a, b := max(from-at, 0), min(to-at, p.len())
		at += p.len()
		if a >= b {
			continue
		}
		if p.new {
			p.text = p.text[a:b]
		} else {
			p.start, p.end = p.start+a, p.start+b
		}
		out = append(out, p)
	}
	return out
}

// at returns the value at a path of a decoded document, and a function that puts another in its place.
func at(root any, path []string) (v any, set func(any)) {
	v, set = root, func(any) {}
	for _, name := range path {
		switch m := v.(type) {
		case map[string]any:
			v, set = m[name], func(x any) { m[name] = x }
		case map[any]any:
			k := keyOf(m, name)
			v, set = m[k], func(x any) { m[k] = x }
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(m) {
				return nil, func(any) {}
			}
			v, set = m[i], func(x any) { m[i] = x }
		default:
			return nil, func(any) {}
		}
	}
	return v, set
}

// keyOf returns the key of m that is written as name.
func keyOf(m map[any]any, name string) any {
	if _, ok := m[name]; ok {
		return name
	}
	for k := range m {
		if fmt.Sprint(k) == name {
			return k
		}
	}
	return name
}

// place returns the node at a path for an operation on it, or why there can be none.
func (t *Draft) place(path []string) (*Node, error) {
	d := t.doc
	if d.Root == nil {
		return nil, d.Uncertain(0, "the file is empty")
	}
	n, where := d.Root, d.Root
	for i := 0; ; i++ {
		switch {
		case n.Kind == Alias:
			return nil, d.Uncertain(where.pos, "%s comes in through an alias, edit it by hand", name(path[:i]))
		case n.used != nil:
			line, _ := d.Position(n.used.pos)
			return nil, d.Uncertain(where.pos, "%s has an anchor that line %d uses too, edit it by hand", name(path[:i]), line)
		case n.Tag != "":
			return nil, d.Uncertain(where.pos, "%s has a tag, edit it by hand", name(path[:i]))
		}
		if i == len(path) {
			return n, nil
		}
		if n.Kind == List {
			item, err := strconv.Atoi(path[i])
			if err != nil || item < 0 || item >= len(n.Items) {
				return nil, d.Uncertain(where.pos, "%s is not there", name(path[:i+1]))
			}
			n, where = n.Items[item], n.Items[item]
			continue
		}
		k, v := n.own(path[i])
		if n.Kind != Map || k == nil {
			if e, ok := n.Get(path[i]); ok && e.Through != nil {
				return nil, d.Uncertain(e.Through.pos, "%s comes in through a merge key, edit it by hand", name(path[:i+1]))
			}
			return nil, d.Uncertain(where.pos, "%s is not there", name(path[:i+1]))
		}
		if k.used != nil {
			return nil, d.Uncertain(k.pos, "%s has an anchor that is used elsewhere, edit it by hand", name(path[:i+1]))
		}
		n, where = v, k
	}
}

func name(path []string) string {
	if len(path) == 0 {
		return "the file"
	}
	return strings.Join(path, ".")
}

// free returns an error if n or anything in it has an anchor that an alias uses: it cannot go.
func (t *Draft) free(n *Node) error {
	if n.used != nil {
		line, _ := t.doc.Position(n.used.pos)
		return t.doc.Uncertain(n.pos, "what is to go has an anchor that line %d uses, edit it by hand", line)
	}
	for _, c := range append(append([]*Node{}, n.Keys...), n.Items...) {
		if err := t.free(c); err != nil {
			return err
		}
	}
	return nil
}

// AddKey adds key: v at the end of the mapping at path. Where path has a key without a value, v's mapping starts there. The key must not
// be there yet, through a merge key neither. At the root a blank line goes before it if the file parts its top-level blocks so.
func (t *Draft) AddKey(name string, v Value, path ...string) (err error) {
	defer t.relocate(&err)
	n, err := t.place(path)
	if err != nil {
		return err
	}
	if _, ok := n.Get(name); ok {
		return t.doc.Uncertain(n.pos, "the key to add is there already")
	}
	edits := make([]edit.Edit, 1)
	switch {
	case n.Kind == Map && n.flow:
		edits[0], err = t.doc.insertFlow(n, func(quoted bool) string { return key(name, quoted) + ": " + v.inline(quoted) })
	case n.Kind == Map:
		edits[0], err = t.doc.insertKey(n, name, v)
	case n.Kind == Null:
		edits, err = t.doc.insertUnder(n, func(col int, l layout) []string { return l.lines(col+l.step, key(name, false), v) })
	default:
		err = t.doc.Uncertain(n.pos, "not a mapping")
	}
	if err != nil {
		return err
	}
	return t.apply(edits, func(root any) any {
		m, set := at(root, path)
		switch m := m.(type) {
		case map[string]any:
			m[name] = v.plain()
		case map[any]any:
			m[name] = v.plain()
		case nil:
			set(map[string]any{name: v.plain()})
		}
		return root
	})
}

// AddItem adds v at the end of the list at path, or starts a list under a key without a value.
func (t *Draft) AddItem(v Value, path ...string) (err error) {
	defer t.relocate(&err)
	n, err := t.place(path)
	if err != nil {
		return err
	}
	edits := make([]edit.Edit, 1)
	switch {
	case n.Kind == List && n.flow:
		edits[0], err = t.doc.insertFlow(n, func(quoted bool) string { return v.inline(quoted) })
	case n.Kind == List:
		edits[0], err = t.doc.insertItem(n, v)
	case n.Kind == Null:
		edits, err = t.doc.insertUnder(n, func(col int, l layout) []string { return l.item(col+l.dash, " ", v) })
	default:
		err = t.doc.Uncertain(n.pos, "not a list")
	}
	if err != nil {
		return err
	}
	return t.apply(edits, func(root any) any {
		l, set := at(root, path)
		items, _ := l.([]any)
		set(append(items, v.plain()))
		return root
	})
}

// RemoveKey removes a key of the mapping at path with its value, its lines and the comments within them. The last key of a block
// mapping cannot go: remove the mapping.
func (t *Draft) RemoveKey(name string, path ...string) (err error) {
	defer t.relocate(&err)
	n, err := t.place(path)
	if err != nil {
		return err
	}
	k, v := n.own(name)
	if n.Kind != Map || k == nil {
		if e, ok := n.Get(name); ok && e.Through != nil {
			return t.doc.Uncertain(e.Through.pos, "the key to remove comes in through a merge key, edit it by hand")
		}
		return t.doc.Uncertain(n.pos, "the key to remove is not there")
	}
	if err := t.free(k); err != nil {
		return err
	}
	if err := t.free(v); err != nil {
		return err
	}
	i := 0
	for n.Keys[i] != k {
		i++
	}
	var e edit.Edit
	if n.flow {
		e, err = t.doc.removeFlow(n, i)
	} else {
		e, err = t.doc.removeLines(n, k.pos, max(v.End, k.colon+1), i)
	}
	if err != nil {
		return err
	}
	return t.apply([]edit.Edit{e}, func(root any) any {
		m, _ := at(root, path)
		switch m := m.(type) {
		case map[string]any:
			delete(m, name)
		case map[any]any:
			delete(m, keyOf(m, name))
		}
		return root
	})
}

// RemoveItem removes item i of the list at path. The last item of a block list cannot go: remove the list.
func (t *Draft) RemoveItem(i int, path ...string) (err error) {
	defer t.relocate(&err)
	n, err := t.place(path)
	if err != nil {
		return err
	}
	if n.Kind != List || i < 0 || i >= len(n.Items) {
		return t.doc.Uncertain(n.pos, "the item to remove is not there")
	}
	item := n.Items[i]
	if err := t.free(item); err != nil {
		return err
	}
	var e edit.Edit
	if n.flow {
		e, err = t.doc.removeFlow(n, i)
	} else {
		e, err = t.doc.removeLines(n, item.dash, max(item.End, item.dash+1), i)
	}
	if err != nil {
		return err
	}
	return t.apply([]edit.Edit{e}, func(root any) any {
		l, set := at(root, path)
		if items, ok := l.([]any); ok && i < len(items) {
			set(append(items[:i:i], items[i+1:]...))
		}
		return root
	})
}

// Wrap makes the single value at path a mapping that has it under key: "build: ." becomes "build:" with "context: .". The value's bytes
// and the comment after it stay.
func (t *Draft) Wrap(key string, path ...string) (err error) {
	defer t.relocate(&err)
	n, err := t.place(path)
	if err != nil {
		return err
	}
	edits, err := t.doc.wrap(n, key)
	if err != nil {
		return err
	}
	return t.apply(edits, func(root any) any {
		v, set := at(root, path)
		set(map[string]any{key: v})
		return root
	})
}
