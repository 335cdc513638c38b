// Package embed is shell text that stands in a value of a YAML or JSON file: what the
// shell reads, where each byte of it stands in the file, and what an edit of it is in the
// file. It leans on yamledit for the bytes and on script for what a text is. It reads no
// shell, and refuses an edit of a value whose lines it cannot follow.
//
//	doc, err := yamledit.Parse(path, src) // JSON too
//	text, err := embed.New(doc, node, embed.Syntax{Holes: expressions})
//	builds, err := script.Read(project, text.Script(shell.Bash))
//	offset := text.Offset(builds[0].Start)
//	edits, err := text.Edits(result.Edits) // or text.Change(draft, …), among other operations
package embed

import (
	"slices"
	"sort"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Piece is a part of a value that the shell gets as something else.
type Piece struct {
	Start, End int // byte offsets in the value

	// Code is what the shell reads: "$" for an escape of the format such as "$$". "" makes
	// the piece a hole, which is filled in when the text runs; Value is then what it is
	// filled with, if that is Known.
	Code  string
	Value string
	Known bool
}

// Syntax is what the format around the shell text does to a value before the shell reads
// it. Its functions may be nil.
type Syntax struct {
	Holes  func(value string) []Piece // in order and apart from each other
	Escape func(code string) string   // the reverse of the Pieces with Code, for text that comes
}

// Text is shell text in a value of a file.
type Text struct {
	Code  string // what the shell reads: letters stand in the place of holes
	Holes []script.Hole

	// Shared says that the caller has seen to it that all the Places of the value may
	// change together. Without it a value that an alias uses too is not edited.
	Shared bool

	doc    *yamledit.Doc
	node   *yamledit.Node
	syntax Syntax
	at     []int // offsets in the value: one for each byte of Code, and that of its end
	pieces []Piece
	from   []int // offsets in the file, for each byte of the value
}

// New returns the text of a single value, a node of doc. The error wraps
// yamledit.ErrUncertain where the place of the value is not certain.
func New(doc *yamledit.Doc, n *yamledit.Node, s Syntax) (*Text, error) {
	n = n.Deref()
	if n == nil || n.Kind != yamledit.Scalar {
		off := 0
		if n != nil {
			off = n.Start
		}
		return nil, doc.Uncertain(off, "not a single value")
	}
	from, _, ok := doc.Letters(n)
	if !ok {
		return nil, doc.Uncertain(n.Start, "where this value stands is not certain")
	}
	t := &Text{doc: doc, node: n, syntax: s, from: from}
	if s.Holes != nil {
		t.pieces = s.Holes(n.Value)
	}
	var code strings.Builder
	keep := func(from, to int) {
		code.WriteString(n.Value[from:to])
		for i := from; i < to; i++ {
			t.at = append(t.at, i)
		}
	}
	pos := 0
	for _, p := range t.pieces {
		keep(pos, p.Start)
		as := p.Code
		if as == "" {
			as = strings.Repeat("x", p.End-p.Start)
			t.Holes = append(t.Holes, script.Hole{Start: code.Len(), End: code.Len() + len(as), Text: n.Value[p.Start:p.End], Value: p.Value, Known: p.Known})
		}
		code.WriteString(as)
		for range len(as) {
			t.at = append(t.at, p.Start)
		}
		pos = p.End
	}
	keep(pos, len(n.Value))
	t.at = append(t.at, len(n.Value))
	t.Code = code.String()
	return t, nil
}

// Script returns the text for the script package; what is around it (Dirs, Exported …) is
// left to the caller.
func (t *Text) Script(d shell.Dialect) *script.Text {
	return &script.Text{Code: t.Code, Dialect: d, Holes: t.Holes}
}

// Offset returns where in the file a byte of Code stands; that of its end is the end of
// the value.
func (t *Text) Offset(code int) int {
	code = min(max(code, 0), len(t.at)-1)
	// A place within a fold is that of its first line end.
	for v := min(t.at[code], len(t.from)-1); code < len(t.Code) && v >= 0; v-- {
		if t.from[v] >= 0 {
			return t.from[v]
		}
	}
	if t.node.End >= 0 {
		return t.node.End
	}
	return t.node.Start
}

// Node returns the value.
func (t *Text) Node() *yamledit.Node { return t.node }

// Places are all paths at which the value counts; more than one where an alias or a merge
// key uses it too. ok is false where they are too many to tell.
func (t *Text) Places() (paths [][]any, ok bool) { return t.doc.Places(t.node) }

// Edits returns edits of Code as edits of the file. Lines that no edit names stay as they
// are, and the file decodes to what it did but for the value.
func (t *Text) Edits(edits []shell.TextEdit) ([]edit.Edit, error) {
	draft := t.doc.Draft()
	if err := t.Change(draft, edits); err != nil {
		return nil, err
	}
	return draft.Edits(), nil
}

// Change makes edits of Code in a draft of the document that the text was read from.
func (t *Text) Change(draft *yamledit.Draft, edits []shell.TextEdit) error {
	if len(edits) == 0 {
		return nil
	}
	if paths, ok := t.Places(); !t.Shared && (!ok || len(paths) > 1) {
		return draft.Uncertain(t.node.Start, "a value that is used in several places through an alias, edit it by hand")
	}
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b shell.TextEdit) int { return a.Start - b.Start })
	var splices []yamledit.Splice
	for _, e := range edits {
		if e.Start < 0 || e.End < e.Start || e.End > len(t.Code) || t.inside(e.Start) || t.inside(e.End) {
			return draft.Uncertain(t.node.Start, "an edit that parts an expression, edit it by hand")
		}
		splices = append(splices, yamledit.Splice{Start: t.at[e.Start], End: t.at[e.End], Text: t.escape(e.New)})
	}
	n, err := draft.Scalar(t.node.Start, t.node.End)
	if err != nil {
		return err
	}
	return draft.SpliceText(n, splices)
}

// inside reports whether a place of Code is within a piece.
func (t *Text) inside(code int) bool {
	if code == 0 || code == len(t.Code) {
		return false
	}
	v := t.at[code]
	i := sort.Search(len(t.pieces), func(i int) bool { return t.pieces[i].End > v })
	return i < len(t.pieces) && t.pieces[i].Start <= v && t.at[code-1] >= t.pieces[i].Start
}

// escape writes text that comes as the format has it: all but the expressions in it.
func (t *Text) escape(text string) string {
	if t.syntax.Escape == nil {
		return text
	}
	var out strings.Builder
	for text != "" {
		at, hole := len(text), ""
		for _, h := range t.Holes {
			if i := strings.Index(text, h.Text); i >= 0 && (i < at || i == at && len(h.Text) > len(hole)) {
				at, hole = i, h.Text
			}
		}
		out.WriteString(t.syntax.Escape(text[:at]))
		out.WriteString(hole)
		text = text[at+len(hole):]
	}
	return out.String()
}

// Between finds the expressions that stand between two marks, "${{" and "}}": a mark in
// single quotes ends none. One without an end reaches to the end of the value.
func Between(open, shut string) func(value string) []Piece {
	return func(value string) []Piece {
		var out []Piece
		for pos := 0; ; {
			i := strings.Index(value[pos:], open)
			if i < 0 {
				return out
			}
			p := Piece{Start: pos + i, End: len(value)}
			quoted := false
			for j := p.Start + len(open); j < len(value); j++ {
				if value[j] == '\'' {
					quoted = !quoted
				}
				if !quoted && strings.HasPrefix(value[j:], shut) {
					p.End = j + len(shut)
					break
				}
			}
			out, pos = append(out, p), p.End
		}
	}
}
