package workflow

import (
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
)

// entry is one item of an input that is a list: a line, or a quoted text over several.
type entry struct {
	start, end int    // of it in the value, without white space around
	line, next int    // of its lines, the last line end included
	text       string // its quotes undone
	quoted     bool
}

// expressions finds the parts of a value that are filled in when it runs.
var expressions = embed.Between("${{", "}}")

// list reads an input as the actions' toolkit does: comma-separated values, of which each
// line is put together again. ok is false where its quotes are not what they seem.
func list(value string) (entries []entry, ok bool) {
	holes := expressions(value)
	// What an expression holds is no part of the list's grammar.
	plain := []byte(value)
	for _, h := range holes {
		for i := h.Start; i < h.End; i++ {
			plain[i] = 'x'
		}
	}
	// An input is read without the white space around it.
	for pos := len(value) - len(strings.TrimLeft(value, " \t\n")); pos < len(plain); {
		e := entry{line: pos}
		var b strings.Builder
		for {
			start := pos
			if pos < len(plain) && plain[pos] == '"' {
				e.quoted = true
				for pos++; ; pos++ {
					if pos >= len(plain) {
						return nil, false
					}
					if plain[pos] == '"' {
						if pos+1 >= len(plain) || plain[pos+1] != '"' {
							break
						}
						pos++
					}
					b.WriteByte(value[pos])
				}
				if pos++; pos < len(plain) && plain[pos] != ',' && plain[pos] != '\n' {
					return nil, false
				}
			} else {
				for pos < len(plain) && plain[pos] != ',' && plain[pos] != '\n' {
					pos++
				}
				b.WriteString(value[start:pos])
			}
			if pos < len(plain) && plain[pos] == ',' {
				b.WriteByte(',')
				pos++
				continue
			}
			break
		}
		e.start, e.end = e.line, pos
		for e.start < e.end && (value[e.start] == ' ' || value[e.start] == '\t') {
			e.start++
		}
		for e.end > e.start && (value[e.end-1] == ' ' || value[e.end-1] == '\t') {
			e.end--
		}
		if pos < len(plain) {
			pos++
		}
		e.next, e.text = pos, strings.TrimSpace(b.String())
		if e.quoted && e.text != b.String() {
			return nil, false
		}
		if e.text != "" {
			entries = append(entries, e)
		}
	}
	return entries, true
}

// comment reports a line that people take for a comment. It is handed over, and does nothing.
func (e entry) comment() bool { return strings.HasPrefix(e.text, "#") }

// name is what stands before the first equals sign; known is false where it is filled in.
func (e entry) name() (name string, known bool) {
	if h := expressions(e.text); len(h) > 0 {
		if i := strings.IndexByte(e.text, '='); i < 0 || h[0].Start < i {
			return "", false
		}
	}
	name, _, _ = strings.Cut(e.text, "=")
	return name, true
}

// arg returns the entry as a build argument.
func (e entry) arg() call.Arg {
	name, value, has := strings.Cut(e.text, "=")
	a := call.Arg{Name: name, Value: value, Kind: kind(value)}
	if !has {
		a.Kind = call.Bare
	}
	return a
}

// kind says what a value is: an expression that is one constant is a literal too.
func kind(value string) call.Kind {
	holes := expressions(value)
	if len(holes) == 0 {
		return call.Text
	}
	if len(holes) == 1 && holes[0].Start == 0 && holes[0].End == len(value) {
		if _, ok := constant(inner(value)); ok {
			return call.Text
		}
	}
	return call.Computed
}

// renamed is the entry as it stands, under another name.
func (e entry) renamed(value, name string) string {
	raw := value[e.start:e.end]
	old, _ := e.name()
	if old == name {
		return raw
	}
	quote := ""
	if strings.HasPrefix(raw, `"`) {
		quote, raw = raw[:1], raw[1:]
	}
	return quote + name + strings.TrimPrefix(raw, old)
}
