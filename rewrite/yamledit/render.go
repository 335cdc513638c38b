package yamledit

import "strings"

// Number is written as it stands, unquoted: 3, 0.5, 0444.
type Number string

func (n Number) plain() any         { return string(n) }
func (n Number) inline(bool) string { return string(n) }

// Tagged is a value with a tag before it ("!override"), in flow style.
type Tagged struct {
	Tag   string
	Value Value
}

func (t Tagged) plain() any           { return t.Value.plain() }
func (t Tagged) inline(q bool) string { return t.Tag + " " + t.Value.inline(q) }

// Render writes a new file: comment lines (without their "#") above, and the fields in block style below. With apart, a blank line stands
// before each mapping at the top.
func Render(comment []string, fields Fields, apart bool) []byte {
	var b strings.Builder
	for _, line := range comment {
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	for i, f := range fields {
		if inner, ok := f.Value.(Fields); apart && i > 0 && ok && len(inner) > 0 {
			b.WriteByte('\n')
		}
		for _, line := range (layout{step: 2, dash: 2}).lines(0, key(f.Key, false), f.Value) {
			b.WriteString(line + "\n")
		}
	}
	return []byte(b.String())
}
