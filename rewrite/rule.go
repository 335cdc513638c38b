package rewrite

import (
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/proof"
)

// Rule finds one kind of secret in a Dockerfile or a compose file and, where the laws can
// be kept, makes the fix. A rule is a value; the list of them is in package rules.
type Rule struct {
	ID       string // "secret-arg"
	Title    string // one line, for lists
	Doc      string // why, and what the fix does; paragraphs of plain text
	Examples []Example

	Run        func(*Pass) // asked of a Dockerfile; may be nil
	RunCompose func(*Pass) // asked of a compose file; may be nil
}

// Example is a file before and after the rule's fix: tests run it, explain prints it.
type Example struct{ Name, Before, After string } // a Dockerfile or a txtar; empty After: left alone

// Safety says what a person must still do. The zero value is the careful one.
type Safety uint8

const (
	Manual Safety = iota // no edit is certainly right: the message says what to do
	Review               // right in the common case: Needs says what to check
	Safe                 // every reader is certain
)

func (s Safety) String() string { return [...]string{"manual", "review", "safe"}[s] }

// Finding is one secret as a rule sees it.
type Finding struct {
	Rule       *Rule
	Path       string
	Start, End int    // byte offsets in the file, of what the carets stand under
	Secret     string // its name
	Key        string // tells it from other secrets of the file, in any state of it
	Message    string // what is wrong; never a value
	Reason     string // why there is no fix, if there is none
	Note       bool   // worth knowing, nothing to do: does not count for the exit code
	Fix        *Fix

	// Literals are the values that it speaks of, for what is printed; where they are moved, they are looked for in
	// the other files. Those of a Dockerfile's own secrets are known without.
	Literals []Literal
}

// Literal is a value with its name. It is never shown.
type Literal struct {
	Name  string
	value string
	texts []string
	weak  bool

	behind [][2]string
}

// NewLiteral keeps a value; texts are other ways in which files write it. A weak one is a
// word like any other, and is hidden behind its name only.
func NewLiteral(name, value string, weak bool, texts ...string) Literal {
	return Literal{Name: name, value: value, texts: texts, weak: weak}
}

// Behind keeps a text that the value stands behind in a file, on its line: there it is hidden, however weak it is.
func (l Literal) Behind(before, text string) Literal {
	l.behind = append(slices.Clip(l.behind), [2]string{before, text})
	return l
}

// Format shows the name.
func (l Literal) Format(f fmt.State, _ rune) { io.WriteString(f, l.Name) }

// Fix is a set of changes in any number of files, made as a whole or not at all.
type Fix struct {
	Title   string // a verb phrase: "mount NPM_TOKEN on the RUN that reads it"
	Safety  Safety
	Needs   string // what a person must check or do, "" if nothing
	Changes []Change
	Passes  []Passed // what the build must be given from now on
	Rotate  []string // secrets whose value was known to whoever could read the file

	// Intents are what the compiled builds may differ in, for each Dockerfile that changes:
	// a step each, in the order in which they are made. Anything else is a difference.
	Intents []proof.Intent

	// Then is asked of the result, and its finding of that key is fixed in the same
	// transaction; where it cannot be, there is no fix at all.
	Then     *Rule
	ThenKey  string
	ThenSure bool // there must be such a finding

	// Last is asked for the last change of the result, when Then finds nothing more; nil:
	// there is none. The reason says why there is no fix at all. Only with Then.
	Last func(*Pass) (fix *Fix, reason string)
}

// Passed is one secret that the build command must pass.
type Passed struct {
	ID   string
	File string // slash-separated, relative to the root; empty: the variable of that name
}

// Change is the edits of one file. A file that does not exist is empty.
type Change struct {
	Path  string
	Edits []edit.Edit
	Mode  fs.FileMode // of a file that is created; 0: the default
}

// Pass is what a rule may see: one Dockerfile, or one compose file, in one state of the
// workspace.
type Pass struct {
	Rule      *Rule
	Path      string
	File      *dockerfile.File // nil in RunCompose
	Secrets   []*flow.Secret   // of File
	Compose   *compose.File    // nil in Run
	Workspace *Workspace
	Harden    bool   // report what is no leak too, and could be kept better
	Builder   string // as in Options
	report    func(Finding)
	enough    func() bool
}

// Enough reports that no further finding is wanted: one fix is made at a time, and what
// the next one is, is asked of its result.
func (p *Pass) Enough() bool { return p.enough() }

// Able is what all builders of the Dockerfile can do: the one that was named, or those that
// are seen to build it.
func (p *Pass) Able() call.Able {
	if a, ok := call.Chosen(p.Builder); ok {
		return a
	}
	return p.Workspace.Project().Callers().Able(p.File.Path)
}

// Report hands in a finding; Rule and Path are filled in.
func (p *Pass) Report(f Finding) {
	f.Rule, f.Path = p.Rule, p.Path
	p.report(f)
}
