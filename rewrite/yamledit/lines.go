package yamledit

import (
	"bytes"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// layoutAt returns how the file writes collections near n: in n itself, else in what is around it, else anywhere.
func (d *Doc) layoutAt(n *Node) layout {
	l := layout{step: -1, dash: -1}
	for at := n; at != nil && (l.step < 0 || l.dash < 0); at = at.parent {
		d.measure(at, &l, 0)
	}
	if l.step < 1 {
		l.step = 2
	}
	if l.dash < 0 {
		l.dash = l.step
	}
	return l
}

// measure fills what l does not know yet from the first block mapping and list in n.
func (d *Doc) measure(n *Node, l *layout, depth int) {
	if n.Kind != Map || n.flow || depth > 8 {
		return
	}
	col := d.column(n)
	for _, v := range n.Items {
		if v.flow || len(v.Items) == 0 || d.lineOf(d.first(v)) == d.lineOf(n.Start) {
			continue
		}
		by := d.column(v) - col
		switch {
		case v.Kind == Map && l.step < 0 && by > 0:
			l.step = by
		case v.Kind == List && l.dash < 0 && by >= 0:
			l.dash = by
		}
	}
	for _, v := range n.Items {
		if l.step >= 0 && l.dash >= 0 {
			return
		}
		d.measure(v, l, depth+1)
	}
}

// first returns the offset of a block collection's first key or dash.
func (d *Doc) first(n *Node) int {
	if n.Kind == List && len(n.Items) > 0 && n.Items[0].dash >= 0 {
		return n.Items[0].dash
	}
	return n.Start
}

// spaces returns an error unless only spaces stand before off on its line.
func (d *Doc) spaces(off int) error {
	line := d.lineOf(off)
	if off < d.lines[line] || len(bytes.Trim(d.Src[d.lines[line]:off], " ")) > 0 {
		return d.Uncertain(off, "something other than spaces stands before it on its line, edit it by hand")
	}
	return nil
}

// below returns the edit that inserts lines after line i, with its line end.
func (d *Doc) below(i int, lines []string) edit.Edit {
	nl := d.newline(i)
	text, at := strings.Join(lines, nl), d.after(i)
	if bytes.HasSuffix(d.raw(i), []byte("\n")) {
		return edit.Edit{Start: at, End: at, New: text + nl}
	}
	return edit.Edit{Start: at, End: at, New: nl + text}
}

func (d *Doc) insertKey(n *Node, name string, v Value) (edit.Edit, error) {
	if n.End < 0 {
		return edit.Edit{}, d.Uncertain(n.pos, "the end of this mapping is not certain, edit it by hand")
	}
	col := d.column(n)
	for _, k := range n.Keys {
		if d.column(&Node{Kind: Map, Start: k.pos}) != col || k.colon < 0 {
			return edit.Edit{}, d.Uncertain(k.pos, "the layout of this mapping is not certain, edit it by hand")
		}
	}
	if head := d.Src[d.lines[d.lineOf(n.Start)]:n.Start]; len(bytes.Trim(head, " -")) > 0 {
		return edit.Edit{}, d.Uncertain(n.pos, "something other than spaces stands before it on its line, edit it by hand")
	}
	last := d.lineOf(max(n.End-1, n.Start))
	lines := d.layoutAt(n).lines(col, key(name, false), v)
	if t, ok := v.(Text); ok {
		if text, ok := alike(n, string(t)); ok {
			lines[0] = strings.Repeat(" ", col) + key(name, false) + ": " + text
		}
	}
	if n.parent == nil {
		for i := d.end - 1; i > last; i-- {
			if !d.blank(i) {
				last = i
				break
			}
		}
		if d.airy(n) {
			lines = append([]string{""}, lines...)
		}
		return d.below(last, lines), nil
	}
	return d.below(d.pastComments(last, col, true), lines), nil
}

// alike writes text in quotes as a mapping's values have them; ok is false unless there are some and all have the same.
func alike(n *Node, text string) (quoted string, ok bool) {
	if len(n.Items) < 2 {
		return "", false
	}
	var one *Node
	for _, v := range n.Items {
		if v.Kind != Scalar || one != nil && one.style != v.style {
			return "", false
		}
		one = v
	}
	return like(one, text)
}

// pastComments returns the last of the comment lines after line i that are indented by col or more: they belong to what is above. Those
// at col itself count with equal set, and only until the first blank line.
func (d *Doc) pastComments(i, col int, equal bool) int {
	last := i
	for j := i + 1; j < d.end; j++ {
		if d.blank(j) {
			equal = false
			continue
		}
		if !d.comment(j) || d.indent(j) < col || d.indent(j) == col && !equal {
			break
		}
		last = j
	}
	return last
}

// airy says whether a blank line stands before most keys of the root; a file with one key is judged by what is in it.
func (d *Doc) airy(n *Node) bool {
	with, without := 0, 0
	for i := 1; i < len(n.Keys); i++ {
		if n.Items[i-1].End < 0 {
			continue
		}
		apart := false
		for j := d.lineOf(max(n.Items[i-1].End-1, 0)) + 1; j < d.lineOf(n.Keys[i].pos); j++ {
			apart = apart || d.blank(j)
		}
		if apart {
			with++
		} else if n.Keys[i-1].Value != "version" && n.Keys[i-1].Value != "name" {
			without++
		}
	}
	if with+without > 0 {
		return with >= without
	}
	for _, v := range n.Items {
		if v.Kind == Map && !v.flow && len(v.Keys) > 1 {
			return d.airy(v)
		}
	}
	return true
}

func (d *Doc) insertItem(n *Node, v Value) (edit.Edit, error) {
	last := n.Items[len(n.Items)-1]
	if n.End < 0 || last.dash < 0 {
		return edit.Edit{}, d.Uncertain(n.pos, "the end of this list is not certain, edit it by hand")
	}
	if err := d.spaces(last.dash); err != nil {
		return edit.Edit{}, err
	}
	gap := " "
	if rest := d.Src[last.dash+1 : max(last.pos, last.dash+1)]; len(rest) > 0 && len(bytes.Trim(rest, " ")) == 0 {
		gap = string(rest)
	}
	lines := d.layoutAt(n.parent).item(last.dash-d.lines[d.lineOf(last.dash)], gap, v)
	if t, ok := v.(Text); ok {
		if text, ok := like(last, string(t)); ok {
			lines[0] = lines[0][:last.dash-d.lines[d.lineOf(last.dash)]+1+len(gap)] + text
		}
	}
	return d.below(d.lineOf(max(last.End-1, last.dash)), lines), nil
}

// like writes text in the quotes of another value; ok is false if that has none.
func like(before *Node, text string) (quoted string, ok bool) {
	switch {
	case before.Kind != Scalar:
	case quotedBy(before, '"'):
		return quote(text), true
	case quotedBy(before, '\'') && printable(text):
		return singly(text), true
	}
	return "", false
}

// insertUnder starts a collection below a key that has no value, or one that is null written out. lines gets the key's column.
func (d *Doc) insertUnder(n *Node, lines func(col int, l layout) []string) ([]edit.Edit, error) {
	k := keyOfNode(n)
	if k == nil || n.anchor != "" || n.Tag != "" || n.parent.flow || k.colon < 0 || n.End < 0 {
		return nil, d.Uncertain(n.pos, "no value here, and no place to start one, edit it by hand")
	}
	if err := d.spaces(k.pos); err != nil {
		return nil, err
	}
	i := d.lineOf(k.colon)
	var edits []edit.Edit
	after := k.colon + 1
	if n.Value != "" {
		if d.lineOf(n.Start) != i || n.style != 0 {
			return nil, d.Uncertain(n.pos, "no value here, and no place to start one, edit it by hand")
		}
		edits = append(edits, edit.Edit{Start: after, End: n.End})
		after = n.End
	}
	if rest := bytes.TrimSpace(d.Src[after:d.after(i)]); len(rest) > 0 && rest[0] != '#' {
		return nil, d.Uncertain(n.pos, "something stands after the key on its line, edit it by hand")
	}
	e := d.below(i, lines(d.column(n.parent), d.layoutAt(n.parent)))
	if len(edits) > 0 && edits[0].End == e.Start { // the file ends with it
		return []edit.Edit{{Start: edits[0].Start, End: e.End, New: e.New}}, nil
	}
	return append(edits, e), nil
}

func keyOfNode(n *Node) *Node {
	if n.parent == nil || n.parent.Kind != Map {
		return nil
	}
	for i, v := range n.parent.Items {
		if v == n {
			return n.parent.Keys[i]
		}
	}
	return nil
}

// insertFlow adds to a flow collection after its last element. text is given whether the collection's elements are double-quoted.
func (d *Doc) insertFlow(n *Node, text func(quoted bool) string) (edit.Edit, error) {
	if n.End < 0 || n.Start >= len(d.Src) || d.Src[n.Start] != '{' && d.Src[n.Start] != '[' {
		return edit.Edit{}, d.Uncertain(n.pos, "the extent of this flow collection is not certain, edit it by hand")
	}
	if len(n.Items) == 0 {
		return edit.Edit{Start: n.Start + 1, End: n.Start + 1, New: text(false)}, nil
	}
	last := n.Items[len(n.Items)-1]
	quoted := quotedBy(last, '"')
	if n.Kind == Map {
		quoted = quotedBy(n.Keys[len(n.Keys)-1], '"')
	}
	return edit.Edit{Start: last.End, End: last.End, New: ", " + text(quoted)}, nil
}

// removeFlow takes element i and one comma out of a flow collection.
func (d *Doc) removeFlow(n *Node, i int) (edit.Edit, error) {
	start := func(i int) int {
		if n.Kind == Map {
			return n.Keys[i].pos
		}
		return n.Items[i].pos
	}
	if n.End < 0 || n.Start >= len(d.Src) || d.Src[n.Start] != '{' && d.Src[n.Start] != '[' {
		return edit.Edit{}, d.Uncertain(n.pos, "the extent of this flow collection is not certain, edit it by hand")
	}
	e := edit.Edit{Start: start(i), End: n.Items[i].End}
	gap := d.Src[n.Items[i].End:n.End]
	switch {
	case i+1 < len(n.Items):
		e.End = start(i + 1)
		gap = d.Src[n.Items[i].End:e.End]
	case i > 0:
		e.Start = n.Items[i-1].End
		gap = d.Src[e.Start:start(i)]
	default: // the only one: a comma after it goes too
		if j := bytes.IndexByte(gap, ','); j >= 0 {
			e.End += j + 1
		}
	}
	if bytes.IndexByte(gap, '#') >= 0 {
		return edit.Edit{}, d.Uncertain(e.Start, "a comment stands within the flow collection, edit it by hand")
	}
	return e, nil
}

// removeLines takes out the lines of element i of a block collection, which goes from the offset from to the offset to.
func (d *Doc) removeLines(n *Node, from, to, i int) (edit.Edit, error) {
	if from < 0 || n.Items[i].End < 0 {
		return edit.Edit{}, d.Uncertain(n.pos, "the extent of what is to go is not certain, edit it by hand")
	}
	if len(n.Items) == 1 {
		return edit.Edit{}, d.Uncertain(from, "the last element of a block collection cannot go alone")
	}
	if err := d.spaces(from); err != nil {
		return edit.Edit{}, err
	}
	first, last := d.lineOf(from), d.lineOf(max(to-1, from))
	if i+1 < len(n.Items) {
		next := n.Items[i+1].dash
		if n.Kind == Map {
			next = n.Keys[i+1].pos
		}
		if next >= 0 && d.lineOf(next) <= last {
			return edit.Edit{}, d.Uncertain(from, "the next element starts on its line, edit it by hand")
		}
	}
	// What is commented out inside a block goes with the block.
	if len(n.Items[i].Items) > 0 && !n.Items[i].flow {
		last = d.pastComments(last, from-d.lines[first], false)
	}
	e := edit.Edit{Start: d.lines[first], End: d.after(last)}
	if e.End == len(d.Src) && !bytes.HasSuffix(d.Src, []byte("\n")) && first > 0 {
		// The file has no newline at its end and shall have none after this.
		e.Start = d.lines[first-1] + len(d.text(first-1))
	}
	return e, nil
}

func (d *Doc) wrap(n *Node, name string) ([]edit.Edit, error) {
	k := keyOfNode(n)
	if n.Kind != Scalar || k == nil || k.colon < 0 || n.End < 0 || n.anchor != "" || n.Tag != "" {
		return nil, d.Uncertain(n.pos, "not a single value under a key, edit it by hand")
	}
	if c := d.Src[n.Start]; c == '|' || c == '>' || d.lineOf(n.Start) != d.lineOf(k.colon) || d.lineOf(max(n.End-1, n.Start)) != d.lineOf(n.Start) {
		return nil, d.Uncertain(n.pos, "a value on lines of its own, edit it by hand")
	}
	if n.parent.flow {
		if d.Src[n.parent.Start] != '{' {
			return nil, d.Uncertain(n.pos, "a flow mapping without braces, edit it by hand")
		}
		return []edit.Edit{
			{Start: n.Start, End: n.Start, New: "{" + key(name, quotedBy(k, '"')) + ": "},
			{Start: n.End, End: n.End, New: "}"},
		}, nil
	}
	if err := d.spaces(k.pos); err != nil {
		return nil, err
	}
	col := d.column(n.parent) + d.layoutAt(n.parent).step
	return []edit.Edit{{Start: k.colon + 1, End: n.Start, New: d.newline(d.lineOf(k.pos)) + strings.Repeat(" ", col) + key(name, false) + ": "}}, nil
}
