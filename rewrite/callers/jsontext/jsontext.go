// Package jsontext says where the values of a JSON text are, byte for byte, and removes
// and adds members without touching what stands around them. It leans on encoding/json
// for what a string says. It formats nothing, and checks no more than the grammar.
package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind is what a value is.
type Kind uint8

const (
	Other  Kind = iota // a number, true, false, null
	String             // Text is what it says
	Array
	Object
)

// Value is one value and the bytes from Start to End that it takes.
type Value struct {
	Kind       Kind
	Start, End int
	Text       string   `json:"-"` // of String what it says; of Other its bytes
	Members    []Member // of Object; an Array's have no key
}

// Member is one item of an object or array.
type Member struct {
	Key        string
	Start, End int // the whole item, without the comma
	Value      *Value
}

// Error is where a text is no JSON.
type Error struct {
	Offset int
	Msg    string
}

func (e *Error) Error() string { return e.Msg }

// maxDepth is more than any configuration nests.
const maxDepth = 200

// Parse reads one value that is the whole text. With comments set, // and /* */ and a
// comma before a closing bracket are allowed, as in JSONC. The error is an *Error.
func Parse(src []byte, comments bool) (v *Value, err error) {
	if !utf8.Valid(src) {
		return nil, &Error{0, "not UTF-8"}
	}
	defer func() {
		if e, ok := recover().(*Error); ok {
			v, err = nil, e
		}
	}()
	p := &parser{src: src, comments: comments}
	p.at = len(src) - len(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")))
	p.space()
	v = p.value(0)
	p.space()
	if p.at < len(src) {
		p.fail("text after the value")
	}
	return v, nil
}

// Get returns the value of a key, which an object has once; nil if it has none.
func (v *Value) Get(path ...string) *Value {
	for _, key := range path {
		if v == nil || v.Kind != Object {
			return nil
		}
		var found *Value
		for _, m := range v.Members {
			if m.Key == key {
				found = m.Value
			}
		}
		v = found
	}
	return v
}

// Quote writes a string as JSON does, and nothing escaped that need not be.
func Quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}

type parser struct {
	src      []byte
	at       int
	comments bool
}

func (p *parser) fail(msg string) { panic(&Error{p.at, msg}) }

func (p *parser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.src) {
		rest := p.src[p.at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			p.at++
		case p.comments && bytes.HasPrefix(rest, []byte("//")):
			p.at += lineEnd(rest)
		case p.comments && bytes.HasPrefix(rest, []byte("/*")):
			end := bytes.Index(rest[2:], []byte("*/"))
			if end < 0 {
				p.fail("a comment without an end")
			}
			p.at += end + 4
		default:
			return
		}
	}
}

func lineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i
	}
	return len(b)
}

func (p *parser) value(depth int) *Value {
	if depth > maxDepth {
		p.fail("nested too deeply")
	}
	v := &Value{Start: p.at}
	switch c := p.peek(); c {
	case '{', '[':
		v.Kind = Array
		closing := byte(']')
		if c == '{' {
			v.Kind, closing = Object, '}'
		}
		p.at++
		for comma := false; ; {
			p.space()
			if p.peek() == closing {
				if comma && !p.comments {
					p.fail("a comma before the end")
				}
				p.at++
				break
			}
			if len(v.Members) > 0 && !comma {
				p.fail("a comma is missing")
			}
			m := Member{Start: p.at}
			if v.Kind == Object {
				m.Key = p.text()
				p.space()
				if p.peek() != ':' {
					p.fail("a colon is missing")
				}
				p.at++
				p.space()
			}
			m.Value = p.value(depth + 1)
			m.End = p.at
			v.Members = append(v.Members, m)
			p.space()
			if comma = p.peek() == ','; comma {
				p.at++
			}
		}
	case '"':
		v.Kind, v.Text = String, p.text()
	default:
		for p.at < len(p.src) && strings.IndexByte(" \t\r\n,]}/", p.src[p.at]) < 0 {
			p.at++
		}
		v.Text = string(p.src[v.Start:p.at])
		if !json.Valid([]byte(v.Text)) {
			p.at = v.Start
			p.fail("not a value")
		}
	}
	v.End = p.at
	return v
}

func (p *parser) text() string {
	start := p.at
	if p.peek() != '"' {
		p.fail("a string is missing")
	}
	for p.at++; p.peek() != '"'; p.at++ {
		if p.at >= len(p.src) {
			p.fail("a string without an end")
		}
		if p.src[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
	var s string
	if err := json.Unmarshal(p.src[start:p.at], &s); err != nil {
		p.at = start
		p.fail("not a string")
	}
	return s
}

// Commented reports whether something is said within a value, beside its members.
func Commented(src []byte, v *Value) bool {
	at := v.Start + 1
	for _, m := range v.Members {
		if bytes.ContainsRune(src[at:m.Start], '/') {
			return true
		}
		at = m.End
	}
	return bytes.ContainsRune(src[at:v.End], '/')
}

// newline is how the lines of a text end.
func newline(src []byte) string {
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// indent is the white space that the line of an offset begins with.
func indent(src []byte, at int) string {
	start := bytes.LastIndexByte(src[:at], '\n') + 1
	line := src[start:at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// Remove returns the text without one member of a value of it. What is said about the
// member at the end of its line goes too.
func Remove(src []byte, v *Value, i int) []byte {
	m := v.Members[i]
	next, last := v.End-1, i == len(v.Members)-1
	if !last {
		next = v.Members[i+1].Start
	}
	comma := commaAfter(src, m.End, next)
	switch {
	case !last && sameLine(src, m.Start, next):
		return cut(src, m.Start, next)
	case comma < 0 && i > 0:
		// The last one, and no comma behind it: that of the one before goes.
		src = cutLine(src, m.Start, m.End)
		prev := v.Members[i-1].End
		if c := commaAfter(src, prev, min(m.Start, len(src))); c >= 0 {
			src = cut(src, c, c+1)
		}
		return src
	case comma < 0:
		return cutLine(src, m.Start, m.End)
	}
	return cutLine(src, m.Start, comma+1)
}

// Add returns the text with an item behind the last one of an object or array, laid out
// as the ones before it.
func Add(src []byte, v *Value, item string) []byte {
	nl := newline(src)
	if len(v.Members) == 0 {
		inner := src[v.Start+1 : v.End-1]
		if len(bytes.TrimSpace(inner)) == 0 && !bytes.ContainsRune(inner, '\n') {
			return put(src, v.Start+1, v.End-1, item)
		}
		return put(src, v.Start+1, v.Start+1, nl+indent(src, v.Start)+step(src)+item)
	}
	last := v.Members[len(v.Members)-1]
	comma := commaAfter(src, last.End, v.End-1)
	own := len(bytes.TrimSpace(src[bytes.LastIndexByte(src[:last.Start], '\n')+1:last.Start])) == 0
	sep := " "
	if own {
		sep = nl + indent(src, last.Start)
	}
	if comma < 0 {
		// What is said at the end of the last line stays there.
		if at := last.End + lineEnd(src[last.End:v.End]); own && at < v.End && bytes.ContainsAny(src[last.End:at], "/") {
			return put(put(src, at-crAt(src, at), at-crAt(src, at), sep+item), last.End, last.End, ",")
		}
		return put(src, last.End, last.End, ","+sep+item)
	}
	at := comma + 1
	if own {
		at += lineEnd(src[at:v.End])
		at -= crAt(src, at)
	}
	return put(src, at, at, sep+item+",")
}

// step is what a text indents by.
func step(src []byte) string {
	for line := range bytes.Lines(src) {
		trimmed := bytes.TrimLeft(line, " \t")
		if len(trimmed) < len(line) && len(bytes.TrimSpace(trimmed)) > 0 {
			return string(line[:len(line)-len(trimmed)])
		}
	}
	return "  "
}

// crAt is 1 where a line end at an offset has a carriage return before it.
func crAt(src []byte, at int) int {
	if at > 0 && at < len(src) && src[at] == '\n' && src[at-1] == '\r' {
		return 1
	}
	return 0
}

// commaAfter finds the comma between two offsets, outside of comments; -1 if there is none.
func commaAfter(src []byte, from, to int) int {
	for i := from; i < to; i++ {
		switch {
		case src[i] == ',':
			return i
		case bytes.HasPrefix(src[i:], []byte("//")):
			i += lineEnd(src[i:])
		case bytes.HasPrefix(src[i:], []byte("/*")):
			if end := bytes.Index(src[i:], []byte("*/")); end > 0 {
				i += end + 1
			}
		}
	}
	return -1
}

func sameLine(src []byte, from, to int) bool { return !bytes.ContainsRune(src[from:to], '\n') }

func put(src []byte, from, to int, text string) []byte {
	return fmt.Appendf(nil, "%s%s%s", src[:from], text, src[to:])
}

func cut(src []byte, from, to int) []byte { return put(src, from, to, "") }

// cutLine removes bytes and, where nothing else but a comment is left of their lines, the
// lines. Otherwise the white space before them goes along.
func cutLine(src []byte, from, to int) []byte {
	start := bytes.LastIndexByte(src[:from], '\n') + 1
	end := to + lineEnd(src[to:])
	rest := bytes.TrimSpace(src[to:end])
	if len(bytes.TrimSpace(src[start:from])) == 0 && (len(rest) == 0 || bytes.HasPrefix(rest, []byte("//"))) {
		return cut(src, start, min(end+1, len(src)))
	}
	for from > start && (src[from-1] == ' ' || src[from-1] == '\t') {
		from--
	}
	return cut(src, from, to)
}
