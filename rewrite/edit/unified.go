package edit

import (
	"fmt"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// context is the number of unchanged lines around a change, as git and diff have it.
const context = 3

// Unified returns the unified diff from old to new in git's form, which patch(1)
// and git apply take; it is empty where the two are equal. A nil old is a file that
// does not exist yet, a nil new one that goes.
func Unified(path string, old, new []byte) string {
	if string(old) == string(new) && (old == nil) == (new == nil) {
		return ""
	}
	lines := compare(string(old), string(new))
	var b strings.Builder
	from, to := quoted("a/"+path), quoted("b/"+path)
	fmt.Fprintf(&b, "diff --git %s %s\n", from, to)
	if strings.Contains(path, " ") {
		// patch(1) takes a name to end at a space, unless a tab follows it.
		from, to = from+"\t", to+"\t"
	}
	if old == nil {
		b.WriteString("new file mode 100644\n")
		from = "/dev/null"
	}
	if new == nil {
		b.WriteString("deleted file mode 100644\n")
		to = "/dev/null"
	}
	if len(lines) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", from, to)
	for _, h := range hunks(lines) {
		writeHunk(&b, lines, h)
	}
	return b.String()
}

// quoted is a name as git writes it: in quotes where it would otherwise be read as something else.
func quoted(name string) string {
	if !strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f || c == '"' || c == '\\' }) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

type line struct {
	op   diffmatchpatch.Operation
	text string // with its line end, if it has one
}

// compare splits both texts into lines and says of each whether it stays, goes or comes.
func compare(old, new string) []line {
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0 // the default of one second makes the output depend on the machine
	a, b, table := dmp.DiffLinesToRunes(old, new)
	diffs := dmp.DiffCharsToLines(dmp.DiffMainRunes(a, b, false), table)
	var lines []line
	for _, d := range diffs {
		for text := range strings.Lines(d.Text) {
			lines = append(lines, line{d.Type, text})
		}
	}
	return lines
}

// hunks returns the ranges of lines, context included, that hold changes.
func hunks(lines []line) [][2]int {
	var out [][2]int
	for i, l := range lines {
		if l.op == diffmatchpatch.DiffEqual {
			continue
		}
		start, end := max(0, i-context), min(len(lines), i+context+1)
		if n := len(out); n > 0 && start <= out[n-1][1] {
			out[n-1][1] = end
			continue
		}
		out = append(out, [2]int{start, end})
	}
	return out
}

func writeHunk(b *strings.Builder, lines []line, h [2]int) {
	oldStart, newStart := 1, 1
	for _, l := range lines[:h[0]] {
		if l.op != diffmatchpatch.DiffInsert {
			oldStart++
		}
		if l.op != diffmatchpatch.DiffDelete {
			newStart++
		}
	}
	var oldN, newN int
	for _, l := range lines[h[0]:h[1]] {
		if l.op != diffmatchpatch.DiffInsert {
			oldN++
		}
		if l.op != diffmatchpatch.DiffDelete {
			newN++
		}
	}
	// A side without lines is counted from the line before it.
	if oldN == 0 {
		oldStart--
	}
	if newN == 0 {
		newStart--
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(oldStart, oldN), span(newStart, newN))
	for _, l := range lines[h[0]:h[1]] {
		switch l.op {
		case diffmatchpatch.DiffDelete:
			b.WriteByte('-')
		case diffmatchpatch.DiffInsert:
			b.WriteByte('+')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(l.text)
		if !strings.HasSuffix(l.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func span(start, n int) string {
	if n == 1 {
		return fmt.Sprint(start)
	}
	return fmt.Sprintf("%d,%d", start, n)
}
