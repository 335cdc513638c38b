package shell

import (
	"slices"
	"strings"
)

// TextEdit replaces Text[Start:End] of a Script.
type TextEdit struct {
	Start, End int
	New        string
}

// apply makes edits that do not overlap.
func apply(text string, edits []TextEdit) string {
	var b strings.Builder
	at := 0
	for _, e := range inOrder(edits) {
		b.WriteString(text[at:e.Start])
		b.WriteString(e.New)
		at = e.End
	}
	b.WriteString(text[at:])
	return b.String()
}

func inOrder(edits []TextEdit) []TextEdit {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b TextEdit) int { return a.Start - b.Start })
	return edits
}

// Compose returns the edits that do at once what first does to a text and then second to the result. Neither may hold edits
// that overlap; edits of the result that touch are one.
func Compose(first, second []TextEdit) []TextEdit {
	// What first makes of the text, in pieces: one of the text, or one that is new.
	type piece struct {
		start, end int
		text       string
		fresh      bool
	}
	const rest = int(^uint(0) >> 1)
	var pieces []piece
	at := 0
	for _, e := range inOrder(first) {
		if e.Start > at {
			pieces = append(pieces, piece{start: at, end: e.Start})
		}
		pieces = append(pieces, piece{text: e.New, fresh: true})
		at = e.End
	}
	pieces = append(pieces, piece{start: at, end: rest})

	size := func(p piece) int {
		if p.fresh {
			return len(p.text)
		}
		return p.end - p.start
	}
	cut := func(p piece, from, to int) piece {
		if p.fresh {
			return piece{text: p.text[from:to], fresh: true}
		}
		return piece{start: p.start + from, end: p.start + to}
	}
	// The same for second: how much of the pieces is still to come.
	var out []piece
	i, pos := 0, 0 // the piece, and where in the result of first it begins
	upTo := func(end int, keep bool) {
		for i < len(pieces) && pos < end {
			n := size(pieces[i])
			take := min(n, end-pos)
			if keep {
				out = append(out, cut(pieces[i], 0, take))
			}
			if pos += take; take == n {
				i++
			} else {
				pieces[i] = cut(pieces[i], take, n)
			}
		}
	}
	for _, e := range inOrder(second) {
		upTo(e.Start, true)
		out = append(out, piece{text: e.New, fresh: true})
		upTo(e.End, false)
	}
	for ; i < len(pieces); i++ {
		out = append(out, pieces[i])
	}

	var edits []TextEdit
	at = 0
	text := ""
	for _, p := range out {
		if p.fresh {
			text += p.text
			continue
		}
		if p.start > at || text != "" {
			edits = append(edits, TextEdit{at, p.start, text})
		}
		at, text = p.end, ""
	}
	return edits
}
