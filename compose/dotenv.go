package compose

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// DotenvEntry is one variable of an environment file. A name that is there twice is two entries, of which the last counts. Formatting one
// shows its name only.
type DotenvEntry struct {
	Name       string
	Value      string `json:"-"` // quotes and escapes undone, variables filled in from the entries before it; nothing is taken from the environment
	HasValue   bool   // false for a bare name, which takes the value of the environment
	Start, End int    // byte offsets of the value as it is written, quotes included
	Line       int    // 1-based, of the name
}

// Format writes the name, whatever the verb.
func (e DotenvEntry) Format(f fmt.State, _ rune) { io.WriteString(f, e.Name) }

var (
	exported = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^export\s+`) })
	escapes  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\(?:[abcfnrtv$"\\]|0\d{0,3})`) })
	identity = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })
)

// ParseDotenv reads an environment file, .env or an env_file that is not raw, as docker compose does. An error has a position, and no
// value of the file.
func ParseDotenv(path string, src []byte) ([]DotenvEntry, error) {
	p := dotenvReader{path: path, src: string(src), values: map[string]string{}}
	if strings.HasPrefix(p.src, "\ufeff") {
		p.at = len("\ufeff")
	}
	for p.start() {
		if err := p.entry(); err != nil {
			return nil, err
		}
	}
	return p.entries, nil
}

// dotenvReader reads environment files; its steps, odd ones too, are those of compose's own.
type dotenvReader struct {
	path, src string
	at        int
	entries   []DotenvEntry
	values    map[string]string
}

func (p *dotenvReader) fail(at int, format string, args ...any) error {
	at = min(at, len(p.src))
	line := strings.Count(p.src[:at], "\n") + 1
	col := utf8.RuneCountInString(p.src[strings.LastIndexByte(p.src[:at], '\n')+1:at]) + 1
	return fmt.Errorf("%s:%d:%d: %s", p.path, line, col, fmt.Sprintf(format, args...))
}

// start skips white space and comments; it is false at the end of the file.
func (p *dotenvReader) start() bool {
	for {
		i := strings.IndexFunc(p.src[p.at:], func(r rune) bool { return !unicode.IsSpace(r) })
		if i < 0 {
			return false
		}
		if p.at += i; p.src[p.at] != '#' {
			return true
		}
		if i = strings.IndexByte(p.src[p.at:], '\n'); i < 0 {
			return false
		}
		p.at += i
	}
}

// blank skips white space that is no line end.
func (p *dotenvReader) blank() {
	rest := strings.TrimLeftFunc(p.src[p.at:], inLine)
	p.at = len(p.src) - len(rest)
}

func inLine(r rune) bool {
	switch r {
	case '\t', '\v', '\f', '\r', ' ', 0x85, 0xA0:
		return true
	}
	return false
}

func (p *dotenvReader) entry() error {
	e := DotenvEntry{Line: strings.Count(p.src[:p.at], "\n") + 1, HasValue: true}
	if exported().MatchString(p.src[p.at:]) {
		p.at += len("export")
		p.blank()
	}
	name := p.at
scan:
	for i, r := range p.src[name:] {
		switch {
		case inLine(r), r == '_', r == '.', r == '-', r == '[', r == ']', unicode.IsLetter(r), unicode.IsNumber(r):
			continue
		case r == '=', r == ':', r == '\n':
			e.Name, e.HasValue = p.src[name:name+i], r != '\n'
			p.at = name + i + 1
			break scan
		}
		return p.fail(name+i, "a character that no variable's name can have, write NAME=value")
	}
	if name == len(p.src) {
		return p.fail(name, "export without a name, write NAME=value")
	}
	e.Name = strings.TrimRightFunc(e.Name, unicode.IsSpace)
	p.blank()
	if strings.Contains(e.Name, " ") {
		return p.fail(name, "a space in a variable's name, write NAME=value")
	}
	e.Start, e.End = p.at, p.at
	if e.HasValue {
		if err := p.value(&e); err != nil {
			return err
		}
		p.values[e.Name] = e.Value
	}
	p.entries = append(p.entries, e)
	return nil
}

func (p *dotenvReader) value(e *DotenvEntry) error {
	rest := p.src[e.Start:]
	if rest == "" || rest[0] != '\'' && rest[0] != '"' {
		line, _, more := strings.Cut(rest, "\n")
		p.at += len(line)
		if more {
			p.at++
		}
		line, _, _ = strings.Cut(line, " #")
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		e.End = e.Start + len(line)
		return p.fill(e, line)
	}
	var text []byte
	escape := false
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == rest[0] && !escape:
			e.End = e.Start + i + 1
			p.at = e.End
			if c == '\'' {
				e.Value = string(text)
				return nil
			}
			return p.fill(e, escapes().ReplaceAllStringFunc(string(text), unescape))
		case c == '\\' && !escape:
			escape = true
		default:
			if escape && c != rest[0] {
				text = append(text, '\\')
			}
			escape = false
			text = append(text, c)
		}
	}
	return p.fail(e.Start, "a quote that is not closed, close it")
}

// fill sets the value to text with its variables filled in.
func (p *dotenvReader) fill(e *DotenvEntry, text string) error {
	value, err := expand(text, func(name string) (string, bool) {
		v, ok := p.values[name]
		return v, ok
	})
	if err != nil {
		return p.fail(e.Start, "%s", err)
	}
	e.Value = value
	return nil
}

// unescape undoes one escape of a text in double quotes; a dollar is left for expand to undo.
func unescape(match string) string {
	if match == `\$` {
		return "$$"
	}
	c, _, _, err := strconv.UnquoteChar(strings.Replace(match, `\0`, `\`, 1), '"')
	if err != nil {
		return strings.Replace(match, `\0`, `\`, 1)
	}
	return string(c)
}

// AddDotenv returns the edit that adds a variable at the end of an environment file, in single quotes, so that no reader changes the value.
// The edit is empty where the file has the variable with this value already. An error says why it cannot be made: the file cannot be read, it
// has the variable with another value, or no quoting keeps the value.
func AddDotenv(src []byte, name, value string) (edit.Edit, error) {
	end := edit.Edit{Start: len(src), End: len(src)}
	if !identity().MatchString(name) {
		return end, fmt.Errorf("%q is no variable's name", name)
	}
	before, err := ParseDotenv(".env", src)
	if err != nil {
		return end, err
	}
	for _, e := range slices.Backward(before) {
		if e.Name != name {
			continue
		}
		if e.HasValue && e.Value == value {
			return end, nil
		}
		return end, fmt.Errorf("line %d has %s with another value already, remove it or rename one of them", e.Line, name)
	}
	newline := "\n"
	if bytes.Contains(src, []byte("\r\n")) {
		newline = "\r\n"
	}
	if len(src) > 0 && src[len(src)-1] != '\n' {
		end.New = newline
	}
	end.New += name + "='" + strings.ReplaceAll(value, "'", `\'`) + "'" + newline
	after, err := ParseDotenv(".env", slices.Concat(src, []byte(end.New)))
	same := func(a, b DotenvEntry) bool { return a.Name == b.Name && a.Value == b.Value && a.HasValue == b.HasValue }
	if err != nil || strings.Contains(value, "\x00") || len(after) != len(before)+1 || !slices.EqualFunc(before, after[:len(before)], same) ||
		!same(after[len(before)], DotenvEntry{Name: name, Value: value, HasValue: true}) {
		return end, fmt.Errorf("the value of %s cannot be written in single quotes, write it by hand", name)
	}
	return end, nil
}
