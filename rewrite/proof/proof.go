// Package proof shows that a rewritten Dockerfile builds what the old one built, but for
// what its fixes meant to change. It leans on BuildKit's own compiler (dockerfile2llb),
// which turns both texts into the build graph and the image's configuration, for every
// stage, with base images stubbed and made-up values for build arguments. It runs no build:
// what a command does when it runs is for unbake verify.
package proof

import (
	"errors"
	"fmt"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// Intent is what one step of a fix means to change in the build of one Dockerfile.
// Instructions are named by their index in the file as it is before the step. What is not
// named here stays as it is: order, inputs, folders, users, other variables, other mounts,
// everything in the image's configuration.
type Intent struct {
	Path      string
	Gone      []int      // instructions that go: an ARG or ENV with all its variables, a COPY, a RUN
	Variables []Variable // variables that go from an ARG or ENV that keeps others
	Copies    []Source   // sources that go from a COPY or ADD that keeps others
	Addresses []Address  // credentials that go from addresses of an ADD
	Mounts    []Mounting // secret mounts that come
	Unmounts  []Mounting // secret mounts that go
	Commands  []Command  // what changes in the text of a RUN
	Folders   []Folder   // a COPY that becomes the RUN that makes its folder
	Pieces    []Piece    // of what a container starts with: instructions that come, or become others
	Shims     []Shim     // stages whose container starts its program through a file of these
	Secrets   []string   // build arguments and variables that no instruction may hold any more
	Values    []Value    // literals that must be in no instruction any more
}

// Value is a literal that has moved. It is never shown.
type Value struct{ text string }

// NewValue keeps a literal.
func NewValue(text string) Value { return Value{text} }

// String masks the value.
func (Value) String() string { return "***" }

// GoString masks the value.
func (Value) GoString() string { return "***" }

// Variable is one variable of an ARG or ENV.
type Variable struct {
	Instruction int
	Name        string
}

// Source is one source of a COPY or ADD, as the instruction writes it.
type Source struct {
	Instruction int
	Path        string
}

// Address is an address of an ADD that loses its user and password.
type Address struct{ Instruction int }

// Mounting is a secret mount on a RUN.
type Mounting struct {
	Instruction int
	Mount
}

// Command is a change of the text that a RUN hands to its shell, or of one argument in the
// exec form.
type Command struct {
	Instruction int
	Edits       []Edit // offsets are bytes of the text as it is before the step
}

// Edit puts New in place of the bytes from Start to End of a command's text.
type Edit struct {
	Start, End int
	New        string
}

// Folder is a COPY of which only the folder is left: a RUN makes it.
type Folder struct {
	Instruction int
	Command     string
}

// Error is a difference that no fix meant. Line is the line of the old file, 0 for none.
type Error struct {
	Line int
	What string // never a value
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.What)
}

// ErrNotCompiled is returned for a file that BuildKit's compiler refuses, whatever its
// build arguments are: nothing can be said about its fixes.
var ErrNotCompiled = errors.New("BuildKit's compiler does not take the file")

// Compiled is a Dockerfile as BuildKit compiled it.
type Compiled struct {
	file   *dockerfile.File
	args   map[string]string // what the build arguments were given
	stages []*stage          // of the file, then the children
	warned map[string]bool   // variables that BuildKit's check for secrets names

	// Stages with ONBUILD: an image FROM each is compiled too, in which the instructions run.
	children []int
}

// Compile compiles every stage of a Dockerfile. Build arguments without a default get
// values that fit their use. The error is ErrNotCompiled where there are none.
func Compile(f *dockerfile.File) (*Compiled, error) {
	var children []int
	for i, s := range f.Stages {
		if len(triggers(s)) > 0 {
			children = append(children, i)
		}
	}
	for _, args := range candidates(f) {
		if c, err := compile(f, args, children); err == nil {
			return c, nil
		}
	}
	return nil, ErrNotCompiled
}

// Check compiles the new file with the same build arguments and compares: what the steps
// meant must have happened, and nothing else. The error is an *Error.
func (c *Compiled) Check(now *dockerfile.File, steps []Intent) error {
	l := newLedger(c.file)
	for _, step := range steps {
		if err := l.add(step); err != nil {
			return err
		}
	}
	if err := l.matches(now); err != nil {
		return err
	}
	after, err := compile(now, c.args, c.children)
	if err != nil {
		return &Error{What: "BuildKit's compiler does not take the result"}
	}
	if err := compare(c, after, l); err != nil {
		return err
	}
	return after.holds(l)
}
