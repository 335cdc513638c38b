// Package yamledit adds to, removes from and changes YAML files as byte edits, so that every byte no edit names stays as it was.
// It leans on yaml.v3 for the structure, finds extents in the source itself, and checks each operation by decoding both texts.
// It will not encode YAML, sort or reformat it, or edit at a path that leads through an alias or a merge key.
//
// [Parse] reads a file into a [Doc]. [Doc.Draft] starts a [Draft], whose operations are made one after the other, each on the text
// the last one left; [Draft.Edits] turns all of them into edits of the original source:
//
//	doc, err := yamledit.Parse("compose.yaml", src)
//	draft := doc.Draft()
//	err = draft.AddKey("secrets", yamledit.Seq{yamledit.Text("T")}, "services", "web", "build")
//	edits := draft.Edits()
package yamledit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxSize is the largest source in bytes that Parse reads.
const MaxSize = 10 << 20

// ErrUncertain is wrapped by the error of an operation that is understood but cannot be made with certainty.
var ErrUncertain = errors.New("not certain")

// Error is what is wrong at a position of a file. Line and Col are 1-based, Col counts characters. It never holds a value of the file.
type Error struct {
	Path      string
	Line, Col int
	Msg       string
	cause     error
	off       int
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Col, e.Msg) }

// Unwrap returns ErrUncertain where that is the reason, otherwise nil.
func (e *Error) Unwrap() error { return e.cause }

// Doc is a YAML file with one document. It is immutable.
type Doc struct {
	Path string
	Src  []byte
	Root *Node // nil for a file without content

	lines []int // offset of each line's first byte; the byte order mark is before the first
	end   int   // line that ends the document: "...", or the number of lines
}

// Parse reads src, the content of the file at path. Errors carry a position and are for: anything yaml.v3 refuses, more than one
// document, duplicate keys, excessive aliasing, a source over [MaxSize], and line ends other than \n and \r\n.
func Parse(path string, src []byte) (doc *Doc, err error) {
	d := &Doc{Path: path, Src: src}
	// yaml.v3 is known to panic on some malformed input; a tool that walks unknown trees must outlive that.
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, d.errorAt(1, 1, "not valid YAML")
		}
	}()
	if len(src) > MaxSize {
		return nil, d.errorAt(1, 1, "larger than %d MiB, not read", MaxSize>>20)
	}
	body := src
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		body = src[3:]
	}
	d.split(len(src) - len(body))
	if err := d.plainText(); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(body))
	var root yaml.Node
	if err := dec.Decode(&root); err == io.EOF {
		d.end = len(d.lines)
		return d, nil
	} else if err != nil {
		return nil, d.yamlError(err)
	}
	var next yaml.Node
	switch err := dec.Decode(&next); {
	case err == nil:
		line, col := 1, 1
		if len(next.Content) > 0 {
			line, col = max(next.Content[0].Line, 1), max(next.Content[0].Column, 1)
		}
		return nil, d.errorAt(line, col, "more than one document in the file, split it or edit it by hand")
	case err != io.EOF:
		return nil, d.yamlError(err)
	}
	if len(root.Content) == 0 {
		d.end = len(d.lines)
		return d, nil
	}
	// Decoding once finds what only the decoder refuses: excessive aliasing, an anchor that contains itself, bad merges.
	if err := duplicates(d, root.Content[0]); err != nil {
		return nil, err
	}
	var v any
	if err := root.Decode(&v); err != nil {
		return nil, d.yamlError(err)
	}
	if err := d.build(root.Content[0]); err != nil {
		return nil, err
	}
	return d, nil
}

// split fills d.lines; from is the offset of the first line.
func (d *Doc) split(from int) {
	d.lines = []int{from}
	for i := from; i < len(d.Src); i++ {
		if d.Src[i] == '\n' && i+1 < len(d.Src) {
			d.lines = append(d.lines, i+1)
		}
	}
}

// plainText refuses line ends that yaml.v3 counts as lines and most editors do not, and encodings other than UTF-8.
func (d *Doc) plainText() error {
	if !utf8.Valid(d.Src) {
		for i := 0; i < len(d.Src); {
			r, n := utf8.DecodeRune(d.Src[i:])
			if r == utf8.RuneError && n < 2 {
				return d.errorOff(i, "not UTF-8")
			}
			i += n
		}
	}
	for i := 0; ; {
		j := bytes.IndexByte(d.Src[i:], '\r')
		if j < 0 {
			break
		}
		i += j + 1
		if i >= len(d.Src) || d.Src[i] != '\n' {
			return d.errorOff(i-1, "a line end other than \\n and \\r\\n, convert the file first")
		}
	}
	for _, sep := range []string{"\u0085", "\u2028", "\u2029"} {
		if i := bytes.Index(d.Src, []byte(sep)); i >= 0 {
			return d.errorOff(i, "a line end other than \\n and \\r\\n, convert the file first")
		}
	}
	return nil
}

var yamlLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`line (\d+): `) })
var yamlQuoted = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("(?s)'.*'|\".*\"|`.*`")
})

// yamlError gives a yaml.v3 error a position and takes out whatever it quotes from the file, which may be a value.
func (d *Doc) yamlError(err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	msg = strings.TrimPrefix(msg, "unmarshal errors:\n  ")
	line := 1
	if m := yamlLine().FindStringSubmatchIndex(msg); m != nil {
		line, _ = strconv.Atoi(msg[m[2]:m[3]])
		msg = msg[m[1]:]
	}
	msg, _, _ = strings.Cut(msg, "\n")
	if strings.HasPrefix(msg, "invalid map key") { // prints the key, unquoted
		msg = "invalid map key"
	}
	// "could not find expected ':'" quotes the grammar, not the file.
	msg = strings.ReplaceAll(msg, "':'", "colon")
	return d.errorAt(line, 1, "not valid YAML: %s", yamlQuoted().ReplaceAllString(msg, "…"))
}

func (d *Doc) errorAt(line, col int, format string, args ...any) error {
	return &Error{Path: d.Path, Line: line, Col: col, Msg: fmt.Sprintf(format, args...)}
}

func (d *Doc) errorOff(off int, format string, args ...any) error {
	line, col := d.Position(off)
	return d.errorAt(line, col, format, args...)
}

// Uncertain returns an *[Error] at a byte offset that wraps [ErrUncertain].
func (d *Doc) Uncertain(off int, format string, args ...any) error {
	line, col := d.Position(off)
	return &Error{Path: d.Path, Line: line, Col: col, Msg: fmt.Sprintf(format, args...), cause: ErrUncertain, off: off}
}

// Uncertain returns an *[Error] at a position of the file at path that wraps [ErrUncertain].
func Uncertain(path string, line, col int, format string, args ...any) error {
	return &Error{Path: path, Line: line, Col: col, Msg: fmt.Sprintf(format, args...), cause: ErrUncertain}
}

// Position returns the 1-based line and column (in characters) of a byte offset.
func (d *Doc) Position(off int) (line, col int) {
	off = min(max(off, 0), len(d.Src))
	i := d.lineOf(off)
	return i + 1, utf8.RuneCount(d.Src[min(d.lines[i], off):off]) + 1
}

// lineOf returns the index of the line that holds the byte at off.
func (d *Doc) lineOf(off int) int {
	return max(sort.Search(len(d.lines), func(i int) bool { return d.lines[i] > off })-1, 0)
}

// text returns line i without its line end.
func (d *Doc) text(i int) []byte { return bytes.TrimRight(d.raw(i), "\r\n") }

// raw returns line i with its line end.
func (d *Doc) raw(i int) []byte { return d.Src[d.lines[i]:d.after(i)] }

// after returns the offset at which line i+1 starts or would start.
func (d *Doc) after(i int) int {
	if i+1 < len(d.lines) {
		return d.lines[i+1]
	}
	return len(d.Src)
}

// newline returns the line end that stands at line i, or the nearest one above it.
func (d *Doc) newline(i int) string {
	for ; i >= 0; i-- {
		switch raw := d.raw(i); {
		case bytes.HasSuffix(raw, []byte("\r\n")):
			return "\r\n"
		case bytes.HasSuffix(raw, []byte("\n")):
			return "\n"
		}
	}
	return "\n"
}

func (d *Doc) blank(i int) bool { return len(bytes.TrimSpace(d.raw(i))) == 0 }

func (d *Doc) comment(i int) bool {
	t := bytes.TrimLeft(d.raw(i), " \t")
	return len(t) > 0 && t[0] == '#'
}

// indent returns the number of spaces line i starts with.
func (d *Doc) indent(i int) int {
	t := d.text(i)
	return len(t) - len(bytes.TrimLeft(t, " "))
}

// Decode returns the document as yaml.v3 decodes it into an any, merge keys resolved.
func (d *Doc) Decode() (any, error) { return decode(d.Path, d.Src) }

func decode(path string, src []byte) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = (&Doc{Path: path}).errorAt(1, 1, "not valid YAML")
		}
	}()
	if err := yaml.Unmarshal(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), &v); err != nil {
		return nil, (&Doc{Path: path}).yamlError(err)
	}
	return v, nil
}

// Verify decodes old and new, the texts of the file at path before and after, and returns an error that wraps [ErrUncertain] unless
// new says exactly what want makes of old. want may change its argument and return it. Merge keys and aliases are resolved on both sides.
func Verify(path string, old, new []byte, want func(any) any) error {
	before, err := decode(path, old)
	if err != nil {
		return err
	}
	d := &Doc{Path: path, Src: new, lines: []int{0}}
	after, err := decode(path, new)
	if err != nil {
		return d.Uncertain(0, "the edit would leave a file that is not valid YAML, edit it by hand")
	}
	if !reflect.DeepEqual(want(before), after) {
		return d.Uncertain(0, "the edit would change more than it should, edit the file by hand")
	}
	return nil
}
