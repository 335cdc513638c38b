// Package edit applies byte edits to a text and prints what changed. It leans on
// go-diff for the comparison of lines and knows nothing but bytes. It will not
// resolve conflicts: two edits that meet are the author's bug and an error.
package edit

import (
	"bytes"
	"fmt"
	"slices"
)

// Edit replaces the bytes Start to End (byte offsets, End exclusive) of a text by
// New. Start == End inserts, an empty New deletes.
type Edit struct {
	Start, End int
	New        string
}

// Apply returns src with all edits made; their order in the slice does not matter.
// It is an error for an edit to lie outside src, for two edits to overlap, and for
// two to share a start or touch with an insertion, since their order would then be
// a guess.
func Apply(src []byte, edits []Edit) ([]byte, error) {
	if len(edits) == 0 {
		return src, nil
	}
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return a.End - b.End
	})
	var out bytes.Buffer
	out.Grow(len(src))
	pos := 0
	for i, e := range sorted {
		if e.Start < 0 || e.End < e.Start || e.End > len(src) {
			return nil, fmt.Errorf("edit %d-%d lies outside the text of %d bytes", e.Start, e.End, len(src))
		}
		if i > 0 {
			prev := sorted[i-1]
			if e.Start < prev.End || e.Start == prev.Start {
				return nil, fmt.Errorf("edits %d-%d and %d-%d overlap", prev.Start, prev.End, e.Start, e.End)
			}
		}
		out.Write(src[pos:e.Start])
		out.WriteString(e.New)
		pos = e.End
	}
	out.Write(src[pos:])
	return out.Bytes(), nil
}

// Join makes one edit of an insertion and the edit that begins at the same place: the
// inserted text comes first.
func Join(edits []Edit) []Edit {
	var out []Edit
	for _, e := range edits {
		i := slices.IndexFunc(out, func(x Edit) bool {
			return x.Start == e.Start && (x.Start == x.End) != (e.Start == e.End)
		})
		switch {
		case i < 0:
			out = append(out, e)
		case e.Start == e.End:
			out[i].New = e.New + out[i].New
		default:
			out[i] = Edit{e.Start, e.End, out[i].New + e.New}
		}
	}
	return out
}
