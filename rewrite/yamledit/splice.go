package yamledit

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// Splice puts Text in the place of the bytes Start to End of a single value.
type Splice struct {
	Start, End int
	Text       string
}

// Letters returns where each byte of a single value stands in the source: the offsets of its first byte and after its last. A line end of
// a block has the indentation of the next line with it. Some are -1 where several bytes are one place, as line ends that are folded. ok is
// false where the place of the value is not certain.
func (d *Doc) Letters(n *Node) (from, to []int, ok bool) {
	if n.Kind == Null {
		return nil, nil, n.End >= 0
	}
	return d.letters(n)
}

// Used returns the first alias of n's anchor, nil if it has none.
func (n *Node) Used() *Node { return n.used }

// Parent returns the mapping or list that n is in, nil for the root.
func (n *Node) Parent() *Node { return n.parent }

// SpliceText changes parts of the single value n, a node of [Draft.Doc], which are given in order and apart from each other. All other
// bytes of the value's token stay; a value on one line without quotes gets some where it needs them. An anchor is no hindrance: all that
// uses it has the new value.
func (t *Draft) SpliceText(n *Node, splices []Splice) (err error) {
	defer t.relocate(&err)
	d, text := t.doc, ""
	at := 0
	for _, s := range splices {
		if s.Start < at || s.End < s.Start || s.End > len(n.Value) {
			return d.Uncertain(n.pos, "edits of a value that meet")
		}
		text += n.Value[at:s.Start] + s.Text
		at = s.End
	}
	text += n.Value[at:]
	if text == n.Value {
		return nil
	}
	from, to, ok := d.letters(n)
	if !ok || n.isKey() {
		return d.Uncertain(n.pos, "where this value stands is not certain, edit it by hand")
	}
	block := n.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	oneLine := d.lineOf(n.Start) == d.lineOf(max(n.End-1, n.Start))
	var edits []edit.Edit
	for _, s := range splices {
		e, ok := d.splice(n, s, from, to)
		if !ok {
			if !block && oneLine {
				return t.setText(n, text)
			}
			return d.Uncertain(n.pos, "a value on several lines, in which this edit is not certain, edit it by hand")
		}
		edits = append(edits, e)
	}
	err = t.apply(edits, func(any) any {
		v, err := d.replaced(n, text)
		if err != nil {
			return err // equal to nothing that is decoded
		}
		return v
	})
	if err != nil && !block && oneLine {
		return t.setText(n, text)
	}
	return err
}

// splice returns a change of a value as an edit of the source.
func (d *Doc) splice(n *Node, s Splice, from, to []int) (e edit.Edit, ok bool) {
	value := n.Value
	switch {
	case s.Start < s.End:
		e.Start, e.End = from[s.Start], to[s.End-1]
	case s.Start > 0 && to[s.Start-1] >= 0:
		e.Start, e.End = to[s.Start-1], to[s.Start-1]
	case s.Start < len(value):
		e.Start, e.End = from[s.Start], from[s.Start]
	}
	e.New = s.Text
	switch {
	case e.Start < n.Start || e.End < e.Start:
		return e, false
	case n.style&yaml.DoubleQuotedStyle != 0:
		e.New = quote(s.Text)
		e.New = e.New[1 : len(e.New)-1]
	case n.style&yaml.LiteralStyle != 0:
		e = d.spliceLines(n, s, e)
	case !printable(s.Text):
		return e, false
	case n.style&yaml.SingleQuotedStyle != 0:
		e.New = strings.ReplaceAll(s.Text, "'", "''")
	case n.style&yaml.FoldedStyle == 0:
		inFlow := n.parent != nil && n.parent.flow
		whole := value[:s.Start] + s.Text + value[s.End:]
		return e, plain(strings.ReplaceAll(whole, "\n", " "), inFlow)
	}
	return e, true
}

// spliceLines gives a change of a literal block the indentation and line ends of the block; lines that go as a whole go with theirs.
func (d *Doc) spliceLines(n *Node, s Splice, e edit.Edit) edit.Edit {
	nl, indent := d.newline(d.lineOf(e.Start)), strings.Repeat(" ", max(d.blockIndent(n), 0))
	starts := s.Start == 0 || n.Value[s.Start-1] == '\n'
	whole := starts && (s.End == s.Start || n.Value[s.End-1] == '\n') && (s.Text == "" || strings.HasSuffix(s.Text, "\n"))
	if !whole {
		lines := strings.Split(s.Text, "\n")
		for i := range lines {
			if i > 0 && (lines[i] != "" || i == len(lines)-1) {
				lines[i] = indent + lines[i]
			}
		}
		e.New = strings.Join(lines, nl)
		return e
	}
	if s.End > s.Start || s.Start < len(n.Value) {
		e.Start = d.lines[d.lineOf(e.Start)]
	}
	switch {
	case s.End == s.Start:
		e.End = e.Start
	case s.End < len(n.Value):
		e.End = d.lines[d.lineOf(e.End)]
	}
	e.New = ""
	for l := range strings.Lines(s.Text) {
		if l = strings.TrimSuffix(l, "\n"); l != "" {
			l = indent + l
		}
		e.New += l + nl
	}
	return e
}
