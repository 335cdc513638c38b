// Package script finds the builds in shell text, in a file of its own or within another
// one, and rewrites them: --build-arg T=… becomes --secret id=T, with the variable in the
// environment of the builder. It leans on rewrite/shell for the grammar. It runs nothing,
// and refuses what it does not understand word for word.
package script

import (
	"slices"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Root is the project's root in a Hole.Value and in Defaults: Root + "/docker/Dockerfile".
const Root = "/\x01"

// Text is shell text as the shell gets it.
type Text struct {
	Code    string
	Dialect shell.Dialect
	Flags   shell.Flags // that are set from outside: set -eu of a CI's shell

	// Holes are parts of Code that something else fills in before the shell reads it: an
	// expression of a workflow, a variable of make. Code holds letters in their place, of
	// any length of at least one, so that it parses. They are in order.
	Holes []Hole

	Dirs []string // folders in which it may start, relative to the root
	Self string   // the folder of the file that the text is, for $0; "" if it is no file

	// Exported reports whether a variable is in the environment for certain when the text
	// starts; nil: none is known. Variables that the text does not assign come from the
	// environment, if from anywhere.
	Exported func(name string) bool

	// Sourced reports whether the shell of another script may run the text: a variable that it
	// does not assign need not be in the environment. May be nil.
	Sourced func() bool

	// CanSet says that what the text stands in can set variables for it (env: of a step):
	// Result.Set asks for them. Otherwise they are set on the command.
	CanSet bool

	// Taken reports, with CanSet, whether what the text stands in has set a variable to
	// something else already; nil: none is.
	Taken func(name, value string) bool

	// Store says that the text runs where files that git does not have are not there: the
	// value of a Local secret comes from a variable of its ID, which a person has to add
	// to the store of the CI. With SetStored, Result.Set asks for it as Assignment.Secret.
	Store     bool
	SetStored bool

	// Defaults are variables whose value is known from outside (make's DOCKERFILE := …),
	// for names of files and programs; may be nil.
	Defaults map[string]string
}

// Hole is a part of a text that is filled in from outside.
type Hole struct {
	Start, End int
	Text       string // as it stands in the file: "${{ secrets.T }}", "$(T)"
	Value      string // what it stands for, where that is known for the names of files and programs
	Known      bool

	// Env is the variable of the environment that it is filled in with: the shell gets that
	// variable too, and programs that it runs. "" if it is none, or not certain.
	Env string
}

// Result is what has to be done to a text and around it.
type Result struct {
	Edits []shell.TextEdit // of Code, in order; New may hold Hole.Text
	Set   []Assignment     // variables that must be in the environment; only with CanSet
	Needs []string         // what a person must do
}

// Assignment is a variable with its value, as the file writes it.
type Assignment struct {
	Name   string
	Value  string `json:"-"` // text and Hole.Text; no shell syntax
	Secret string // in the place of Value: the ID of a Local secret, which the store has
}

// Read returns the builds of a text, in their order. Their offsets, and those of their
// arguments, are in Code; Path, Line and Col are left to the caller. Handle is the
// package's own, and Edit needs it as it is.
func Read(p *call.Project, t *Text) ([]*call.Build, error) {
	sc, err := open(p, t)
	if err != nil {
		return nil, err
	}
	var out []*call.Build
	for _, c := range sc.s.Commands {
		if b := sc.build(c); b != nil {
			out = append(out, b)
		} else if b := sc.printed(c); b != nil {
			out = append(out, b)
		}
	}
	for _, b := range out {
		for _, o := range out {
			if o != b && share(b.Handle.(*build), o.Handle.(*build)) {
				b.With = append(b.With, o)
			}
		}
	}
	return out, nil
}

// share reports whether build arguments of one command come from an array or a string that
// another one is given too.
func share(b, o *build) bool {
	return slices.ContainsFunc(b.args, func(a arg) bool {
		from := b.words[a.first].from
		return from != nil && slices.ContainsFunc(o.words, func(w word) bool { return w.from != nil && w.from.Name == from.Name })
	})
}

// Error is why a text cannot be changed.
type Error struct {
	Offset int // in Code
	Msg    string
}

func (e *Error) Error() string { return e.Msg }
