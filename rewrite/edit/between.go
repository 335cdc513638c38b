package edit

import (
	"github.com/sergi/go-diff/diffmatchpatch"
)

// Between returns edits of whole lines that lead from old to new.
func Between(old, new []byte) []Edit {
	var out []Edit
	at := 0
	open := false // the last edit ends where the next line begins
	for _, l := range compare(string(old), string(new)) {
		switch l.op {
		case diffmatchpatch.DiffEqual:
			at += len(l.text)
			open = false
			continue
		case diffmatchpatch.DiffDelete:
			if !open {
				out = append(out, Edit{Start: at, End: at})
			}
			at += len(l.text)
			out[len(out)-1].End = at
		case diffmatchpatch.DiffInsert:
			if !open {
				out = append(out, Edit{Start: at, End: at})
			}
			out[len(out)-1].New += l.text
		}
		open = true
	}
	return out
}
