package yamledit

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Value is what an operation adds: a [Text], [Lines], a [Bool], an [Octal], a [Seq] or [Fields].
type Value interface {
	// plain returns the value as decoding gives it.
	plain() any
	// inline returns the value in flow style, with all strings in double quotes (as in JSON) if quoted is set.
	inline(quoted bool) string
}

// Text is a string; it is quoted where YAML would read something else.
type Text string

// Lines is a string that is written as a block of lines (|) where it stands in block style.
type Lines string

// Bool is true or false.
type Bool bool

// Octal is a number that is written with a 0 before its digits, as file modes are.
type Octal uint32

// Seq is written as a block list where it stands in block style.
type Seq []Value

// Fields is a mapping that keeps the order of its fields.
type Fields []Field

// Field is one key of Fields.
type Field struct {
	Key   string
	Value Value
}

func (t Text) plain() any  { return string(t) }
func (t Lines) plain() any { return string(t) }
func (b Bool) plain() any  { return bool(b) }
func (o Octal) plain() any { return int(o) }
func (l Seq) plain() any {
	out := make([]any, len(l))
	for i, v := range l {
		out[i] = v.plain()
	}
	return out
}
func (m Fields) plain() any {
	out := make(map[string]any, len(m))
	for _, p := range m {
		out[p.Key] = p.Value.plain()
	}
	return out
}

func (t Text) inline(q bool) string { return key(string(t), q) }
func (t Lines) inline(bool) string  { return quote(string(t)) }
func (b Bool) inline(bool) string   { return strconv.FormatBool(bool(b)) }
func (o Octal) inline(q bool) string {
	if q { // JSON has no such numbers
		return strconv.Itoa(int(o))
	}
	return "0" + strconv.FormatUint(uint64(o), 8)
}
func (l Seq) inline(q bool) string {
	items := make([]string, len(l))
	for i, v := range l {
		items[i] = v.inline(q)
	}
	return "[" + strings.Join(items, ", ") + "]"
}
func (m Fields) inline(q bool) string {
	pairs := make([]string, len(m))
	for i, p := range m {
		pairs[i] = key(p.Key, q) + ": " + p.Value.inline(q)
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

func key(s string, quoted bool) string {
	if quoted {
		return quote(s)
	}
	return scalar(s)
}

// scalar writes s plain where every YAML version reads that as the string s, in block and in flow style, and quoted otherwise.
func scalar(s string) string {
	if s == "" || len(s) > 200 {
		return quote(s)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '/':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '@' || c == '+'), c == '.':
		default:
			return quote(s)
		}
	}
	switch strings.ToLower(s) {
	// YAML 1.1 booleans: docker reads 1.2, but other readers of the file may not.
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return quote(s)
	}
	var v any
	if err := yaml.Unmarshal([]byte(s), &v); err == nil && v == any(s) {
		return s
	}
	return quote(s)
}

func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			b.WriteString(`\u` + strings.ToUpper(strconv.FormatInt(0x10000+int64(r), 16)[1:]))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// layout is how a file writes block collections.
type layout struct {
	step int // spaces a nested mapping is indented by
	dash int // spaces a list's dash is indented by under its key
}

// lines renders "key: v" in block style at an indentation of col spaces.
func (l layout) lines(col int, name string, v Value) []string {
	head := strings.Repeat(" ", col) + name + ":"
	switch v := v.(type) {
	case Seq:
		if len(v) > 0 {
			out := []string{head}
			for _, item := range v {
				out = append(out, l.item(col+l.dash, " ", item)...)
			}
			return out
		}
	case Fields:
		if len(v) > 0 {
			out := []string{head}
			for _, p := range v {
				out = append(out, l.lines(col+l.step, key(p.Key, false), p.Value)...)
			}
			return out
		}
	case Text:
		return []string{head + " " + styled(string(v), false, false)}
	case Lines:
		if out, ok := v.block(head+" ", col+l.step); ok {
			return out
		}
	}
	return []string{head + " " + v.inline(false)}
}

// block writes the lines behind a head, indented by col spaces; ok is false where only quotes can hold them.
func (t Lines) block(head string, col int) (out []string, ok bool) {
	text, mark := string(t), "|"
	if strings.HasSuffix(text, "\n") {
		text = text[:len(text)-1]
	} else {
		mark = "|-"
	}
	if text == "" || strings.HasSuffix(text, "\n") || strings.ContainsAny(text[:1], " \t\n") {
		return nil, false
	}
	out = []string{head + mark}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case !printable(strings.ReplaceAll(line, "\t", "")):
			return nil, false
		case line != "":
			line = strings.Repeat(" ", col) + line
		}
		out = append(out, line)
	}
	return out, true
}

// item renders "- v" in block style, the dash at an indentation of col spaces and gap after it.
func (l layout) item(col int, gap string, v Value) []string {
	head := strings.Repeat(" ", col) + "-" + gap
	switch v := v.(type) {
	case Fields:
		var out []string
		for _, p := range v {
			out = append(out, l.lines(col+1+len(gap), key(p.Key, false), p.Value)...)
		}
		if len(out) > 0 {
			out[0] = head + strings.TrimLeft(out[0], " ")
			return out
		}
	case Text:
		return []string{head + styled(string(v), false, false)}
	case Lines:
		if out, ok := v.block(head, col+1+len(gap)); ok {
			return out
		}
	}
	return []string{head + v.inline(false)}
}
