// Package call says what a caller is to the rest of the program: a place of a file that
// builds an image, which Dockerfile it builds, which build arguments and secrets it
// passes, and what it is asked to do instead. It leans on the names of the project's
// files alone. It reads no format and edits none: the packages beside it do.
package call

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// Source is a file in which callers are looked for.
type Source struct {
	Path    string // slash-separated, relative to the project's root
	Src     []byte
	Project *Project
}

// Build is one command or setting that builds an image.
type Build struct {
	Path       string
	Start, End int    // byte offsets in Src of what a finding points at: the command's words, the key
	Line, Col  int    // 1-based, of Start
	What       string // as a person calls it: "docker build", "docker/build-push-action", "the target app"

	Builder Builder

	// Dockerfiles are those that it builds, or may: relative to the root, sorted. Doubt
	// says why they are not certain: then it may be none of them, and where there are
	// none, any.
	Dockerfiles []string
	Doubt       string
	Near        bool   // Doubt is about the folder that it runs in alone: it is one of Dockerfiles
	Context     string // relative to the root, "." is the root; "" if it is remote, outside, or not certain
	Dir         string // the folder that file names of the call are relative to, as Context; "" if that is not certain
	Target      string

	Args    []Arg
	Secrets []Secret

	// With are builds of the same file whose arguments are the same text, an array say: they
	// change together.
	With []*Build

	// Prose is a command that a person reads and types (README): it is changed where that
	// is certain, and else told.
	Prose bool

	// Fixed says why no edit can be made whatever is asked for ("a reusable workflow of
	// another repository"), "" if one can.
	Fixed string

	// Hidden says that it passes arguments whose names cannot be seen.
	Hidden bool

	// Handle is what the reader of the format needs to find the place again.
	Handle any
}

// Kind is how the value of an argument is given.
type Kind uint8

const (
	Computed Kind = iota // put together when it runs: variables within text, expressions, substitutions
	Bare                 // no value: that of the environment's variable of the same name
	Variable             // one variable and nothing else: Arg.Env
	Text                 // a literal
)

// Arg is a build argument that is passed. Formatting one shows its name only.
type Arg struct {
	Name       string
	Value      string `json:"-"` // as the file writes it, its own quoting undone
	Kind       Kind
	Env        string // of Variable
	Start, End int    // byte offsets in Src
	Line       int
}

// Format writes the name, whatever the verb.
func (a Arg) Format(f fmt.State, _ rune) { io.WriteString(f, a.Name) }

// Secret is a secret that is passed, or that is to be.
type Secret struct {
	ID string

	// Where the value comes from. To be passed: From, an argument of the build that is
	// dropped; else File.
	From string // the argument's name
	Env  string // passed already: the variable
	File string // relative to the root

	// Local says that File is not in a fresh checkout, as it was made of a literal: what
	// runs elsewhere takes the value from its own store, under the name ID.
	Local bool
}

// Change is what one build has to do from now on.
type Change struct {
	Build  *Build
	Drop   []string // build arguments that go
	Secret *Secret  // that comes; nil: none
}

// Reader reads and edits one kind of file.
type Reader struct {
	Name string // "a Makefile", for errors

	// Is reports whether a file of this path is of the kind; it is asked before the file
	// is read.
	Is func(path string) bool

	// Read returns the builds in their order. The error says, with line and column, why
	// the file is not understood.
	Read func(*Source) ([]*Build, error)

	// Edit returns the edits for changes of builds that Read returned for the same Source,
	// apart from each other. needs are what a person must do so that the call works. The
	// error, with line and column, says why a change cannot be made with certainty.
	Edit func(*Source, []Change) (edits []edit.Edit, needs []string, err error)
}

// Project is what is known of the files around a caller.
type Project struct {
	FS          fs.FS
	Dockerfiles []string // relative to the root, sorted

	// Sourced reports whether another file of the project runs a script within its own shell,
	// as far as names tell: variables that it does not set may be that shell's, and not of the
	// environment. May be nil.
	Sourced func(path string) bool
}

// Error is what is wrong at a place of a file. It never holds a value.
type Error struct {
	Path      string
	Line, Col int
	Msg       string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Col, e.Msg) }

// Errorf returns an Error at a byte offset of the source.
func (s *Source) Errorf(offset int, format string, args ...any) error {
	line, col := s.Position(offset)
	return &Error{s.Path, line, col, fmt.Sprintf(format, args...)}
}

// Position returns the 1-based line and column (in bytes) of a byte offset.
func (s *Source) Position(offset int) (line, col int) {
	line, col = 1, 1
	for i := 0; i < offset && i < len(s.Src); i++ {
		col++
		if s.Src[i] == '\n' {
			line, col = line+1, 1
		}
	}
	return line, col
}
