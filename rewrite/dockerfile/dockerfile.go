// Package dockerfile reads a Dockerfile with BuildKit's parser and finds again
// where each byte of each instruction stands in the file, so that a change can be
// a handful of byte edits. It leans on BuildKit for what an instruction is, and
// refuses a file of which its own reading differs from BuildKit's in one byte. It
// does not evaluate a build: values, base images and shells are for others.
package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// File is a parsed Dockerfile. Offsets are byte offsets in Src.
type File struct {
	Path         string
	Src          []byte
	Instructions []*Instruction // in file order; an ONBUILD's is the instruction it wraps
	Stages       []*Stage
	Newline      string // line end of the file, for lines that are added: "\n" or "\r\n"
	Escape       byte   // line continuation and escape character: '\\' or '`'
	Directives   []Directive

	lines []int // offset of the first byte of each physical line
}

// Directive is a parser directive at the head of a file, such as "# syntax=…".
type Directive struct {
	Name       string // lower case
	Value      string
	Start, End int // its physical line, line end included
}

// Instruction is one instruction with the place of its bytes.
type Instruction struct {
	File       *File
	Name       string // lower case: "run"; for "ONBUILD RUN" it is "run"
	OnBuild    bool   // wrapped in an ONBUILD
	Start, End int    // physical lines in Src, heredocs and last line end included
	Line       int    // first physical line, from 1
	Stage      *Stage // nil before the first FROM
	Index      int    // in File.Instructions
	Text       string // the logical line, equal to BuildKit's byte for byte
	Flags      []Word // "--mount=…" as written
	Keyword    int    // offset in Text of the end of the (inner) keyword
	Args       int    // offset in Text of the first argument; len(Text) if there is none
	Heredocs   []Heredoc

	at   []int // at[i] is the offset in Src of Text[i]; at[len(Text)] the end of the last byte
	json bool
	args []string // BuildKit's arguments, in its reading

	mounts []Mount // by Mounts, once
}

// Word is a piece of an instruction's logical line.
type Word struct {
	Text       string // as written, quotes kept
	Start, End int    // offsets in Instruction.Text
}

// Heredoc is a here-document that belongs to an instruction.
type Heredoc struct {
	Name       string
	Expand     bool // variables are expanded: the word was not quoted
	Chomp      bool // <<-: leading tabs go
	Start, End int  // its content in Src, without the terminator's line
}

// ParseError is a file that cannot be read, with its place. Line and Col count from 1.
type ParseError struct {
	Path      string
	Line, Col int
	Msg       string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Col, e.Msg)
}

// MaxSize is the largest file that is read: far above any Dockerfile, far below what
// would fill the memory.
const MaxSize = 16 << 20

// TooLarge is the error for a file of more than MaxSize bytes, which need not be read
// to be refused.
func TooLarge(path string, size int64) *ParseError {
	return &ParseError{path, 1, 1, fmt.Sprintf("file of %d bytes, too large for a Dockerfile: name another one", size)}
}

var bom = []byte("\xef\xbb\xbf")

// Parse reads src. The error is a *ParseError where BuildKit refuses the file, and
// where this package's reading is not BuildKit's.
func Parse(path string, src []byte) (*File, error) {
	f := &File{Path: path, Src: src, Escape: '\\', Newline: newline(src)}
	if len(src) > MaxSize {
		return nil, TooLarge(path, int64(len(src)))
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		f.index()
		line, col := f.Position(i)
		return nil, &ParseError{path, line, col, "binary file, not a Dockerfile: name another one"}
	}
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, f.parseError(err)
	}
	f.index()
	if err := f.locate(res); err != nil {
		return nil, err
	}
	for _, in := range f.Instructions {
		if _, ok := command.Commands[in.Name]; !ok {
			// A template, or no Dockerfile at all. The word is not told: it may be anything.
			return nil, &ParseError{path, in.Line, 1, "unknown instruction: BuildKit does not build this file, mend it first"}
		}
	}
	f.stages()
	return f, nil
}

func (f *File) parseError(err error) error {
	line := 1
	var loc *parser.LocationError
	if errors.As(err, &loc) {
		if len(loc.Locations) > 0 && len(loc.Locations[0]) > 0 {
			line = max(line, loc.Locations[0][0].Start.Line)
		}
	}
	// BuildKit quotes the text that it does not understand, which may hold a value.
	msg, _, _ := strings.Cut(err.Error(), ". Must be of the form")
	switch {
	case strings.HasPrefix(msg, "Syntax error - can't find ="):
		msg = "no '=' in a word of a name=value list"
	case strings.HasPrefix(msg, "internal lexing of heredoc"), strings.HasPrefix(msg, "invalid escape token"):
		msg, _, _ = strings.Cut(msg, ":")
	case strings.HasPrefix(msg, "dockerfile line greater than"):
		line = f.longLine()
	}
	return &ParseError{f.Path, line, 1, msg + ": BuildKit does not build this file, mend it first"}
}

// longLine is the number of the first line that BuildKit's scanner has no room for.
func (f *File) longLine() int {
	n := 1
	for line := range bytes.Lines(f.Src) {
		if len(line) >= 64*1024 {
			return n
		}
		n++
	}
	return 1
}

// Builds returns BuildKit's objection to the instructions of a file, if it has one: a
// flag that it does not know, an argument that is missing.
func Builds(src []byte) error {
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return err
	}
	_, _, err = instructions.Parse(res.AST, nil)
	return err
}

func newline(src []byte) string {
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func (f *File) index() {
	f.lines = make([]int, 1, 2+bytes.Count(f.Src, []byte{'\n'}))
	for i := 0; ; {
		n := bytes.IndexByte(f.Src[i:], '\n')
		if n < 0 {
			return
		}
		i += n + 1
		if i == len(f.Src) {
			return
		}
		f.lines = append(f.lines, i)
	}
}

// Position returns the line and the column, in bytes, of an offset, both from 1.
func (f *File) Position(offset int) (line, col int) {
	i := sort.SearchInts(f.lines, offset+1) - 1
	return i + 1, offset - f.lines[i] + 1
}

// lineSpan returns the bytes of physical line n (from 0), line end included.
func (f *File) lineSpan(n int) (start, end int) {
	end = len(f.Src)
	if n+1 < len(f.lines) {
		end = f.lines[n+1]
	}
	return f.lines[n], end
}

// Offset returns where byte i of the logical line stands in the file. i may be
// len(Text): the end of the last byte.
func (in *Instruction) Offset(i int) int { return in.at[i] }

// Span returns the bytes in the file from Text[start] to the end of Text[end-1].
// Comments and continuations between them lie inside.
func (in *Instruction) Span(start, end int) (int, int) {
	if end <= start {
		return in.at[start], in.at[start]
	}
	return in.at[start], in.at[end-1] + 1
}

// ArgText is the logical line from the first argument on.
func (in *Instruction) ArgText() string { return in.Text[in.Args:] }

// JSON reports whether the arguments are a JSON array (the exec form).
func (in *Instruction) JSON() bool { return in.json }

// Strings returns BuildKit's reading of the arguments: the array's elements in the
// exec form, the words of COPY and ADD, else the text as one element.
func (in *Instruction) Strings() []string { return in.args }

// Contains reports whether a physical line of the instruction holds offset.
func (in *Instruction) Contains(offset int) bool { return in.Start <= offset && offset < in.End }

func (in *Instruction) String() string {
	return fmt.Sprintf("%s:%d %s", in.File.Path, in.Line, strings.ToUpper(in.Name))
}
