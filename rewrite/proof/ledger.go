package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// ledger is what the steps of all fixes of a file come to: an entry for each instruction
// of the old file, in its terms.
type ledger struct {
	file    *dockerfile.File
	entries []*entry // of the old file, by index
	left    []*entry // those that are not gone, in order: what the next step's indices name
	secrets map[string]bool
	shims   map[int]Shim // by stage
	values  []string
}

// entry is what becomes of one instruction.
type entry struct {
	*dockerfile.Instruction
	gone      bool
	name      string // what it is now
	variables []string
	copies    []string
	address   bool
	mounts    []Mount // that come
	unmounts  []Mount // that go
	passes    [][]Edit
	folder    string // the command that makes it
	piece     *Piece // what it becomes
	comes     bool   // it is not in the old file
	now       *dockerfile.Instruction
}

func newLedger(f *dockerfile.File) *ledger {
	l := &ledger{file: f, secrets: map[string]bool{}, shims: map[int]Shim{}}
	for _, in := range f.Instructions {
		e := &entry{Instruction: in, name: in.Name}
		l.entries = append(l.entries, e)
		l.left = append(l.left, e)
	}
	return l
}

// add enters a step. Its indices are those of the file as the steps before it left it.
func (l *ledger) add(step Intent) error {
	var err error
	at := func(i int, names ...string) *entry {
		if i < 0 || i >= len(l.left) || len(names) > 0 && !slices.Contains(names, l.left[i].name) {
			err = &Error{What: "the fix means an instruction that is not there"}
			return &entry{Instruction: &dockerfile.Instruction{}}
		}
		return l.left[i]
	}
	for _, v := range step.Variables {
		e := at(v.Instruction, "arg", "env")
		e.variables = append(e.variables, v.Name)
	}
	for _, v := range step.Copies {
		e := at(v.Instruction, "copy", "add")
		e.copies = append(e.copies, v.Path)
	}
	for _, v := range step.Addresses {
		at(v.Instruction, "add").address = true
	}
	for _, v := range step.Mounts {
		e := at(v.Instruction, "run")
		if i := slices.Index(e.unmounts, v.Mount); i >= 0 {
			e.unmounts = slices.Delete(e.unmounts, i, i+1)
		} else {
			e.mounts = append(e.mounts, v.Mount)
		}
	}
	for _, v := range step.Unmounts {
		e := at(v.Instruction, "run")
		if i := slices.Index(e.mounts, v.Mount); i >= 0 {
			e.mounts = slices.Delete(e.mounts, i, i+1)
		} else {
			e.unmounts = append(e.unmounts, v.Mount)
		}
	}
	pass := map[*entry][]Edit{}
	for _, v := range step.Commands {
		e := at(v.Instruction, "run")
		pass[e] = append(pass[e], v.Edits...)
	}
	for e, edits := range pass {
		e.passes = append(e.passes, edits)
	}
	for _, v := range step.Folders {
		e := at(v.Instruction, "copy", "add")
		e.folder, e.name = v.Command, "run"
	}
	for _, i := range step.Gone {
		at(i).gone = true
	}
	l.left = slices.DeleteFunc(l.become(step, at), func(e *entry) bool { return e.gone })
	for _, name := range step.Secrets {
		l.secrets[name] = true
	}
	for _, v := range step.Values {
		l.values = append(l.values, v.text)
	}
	return err
}

// matches puts the instructions of the new file beside the entries that are left: the same
// number, of the same kind, in the same order, in the same stages.
func (l *ledger) matches(now *dockerfile.File) error {
	for i, e := range l.left {
		if i >= len(now.Instructions) {
			return &Error{e.Line, strings.ToUpper(e.name) + " would be gone"}
		}
		x := now.Instructions[i]
		if x.Name != e.name || x.OnBuild != e.OnBuild || (x.Stage == nil) != (e.Stage == nil) || x.Stage != nil && x.Stage.Index != e.Stage.Index {
			return &Error{e.Line, fmt.Sprintf("%s would stand in the place of %s", strings.ToUpper(x.Name), strings.ToUpper(e.name))}
		}
		if e.name == "arg" && !slices.Equal(e.arguments(), arguments(x)) {
			// A default is not seen in a build that is given a value.
			return &Error{e.Line, "ARG would declare something else"}
		}
		e.now = x
	}
	if n := len(now.Instructions); n > len(l.left) {
		return &Error{0, fmt.Sprintf("%s in line %d of the result was not there", strings.ToUpper(now.Instructions[len(l.left)].Name), now.Instructions[len(l.left)].Line)}
	}
	return nil
}

// changed reports whether the instruction stays and is another one.
func (e *entry) changed() bool {
	return len(e.mounts)+len(e.unmounts)+len(e.passes)+len(e.variables)+len(e.copies) > 0 || e.folder != "" || e.address || e.piece != nil
}

// command returns a command's text after all passes. Where it stands on the line of its
// instruction, BuildKit cuts the blanks off its ends each time.
func (e *entry) command(text string, onLine bool) (string, error) {
	for _, edits := range e.passes {
		var out strings.Builder
		at := 0
		sorted := slices.SortedStableFunc(slices.Values(edits), func(a, b Edit) int { return a.Start - b.Start })
		for _, x := range sorted {
			if x.Start < at || x.End < x.Start || x.End > len(text) {
				return "", &Error{e.Line, "the fix means to change text that the command does not have"}
			}
			out.WriteString(text[at:x.Start])
			out.WriteString(x.New)
			at = x.End
		}
		out.WriteString(text[at:])
		if text = out.String(); onLine {
			text = strings.TrimSpace(text)
		}
	}
	return text, nil
}

// arguments returns what an ARG declares, as it is written, less the variables that go.
func (e *entry) arguments() []string {
	return slices.DeleteFunc(arguments(e.Instruction), func(text string) bool {
		name, _, _ := strings.Cut(text, "=")
		return slices.Contains(e.variables, name)
	})
}

func arguments(in *dockerfile.Instruction) []string {
	var out []string
	for _, p := range in.Pairs() {
		out = append(out, p.Text)
	}
	return out
}

// declares returns the variables of an ARG or ENV, and those of them that go.
func (e *entry) declares() (all, gone []string) {
	if e.Name != "arg" && e.Name != "env" {
		return nil, nil
	}
	for _, p := range e.Pairs() {
		all = append(all, p.Name)
	}
	if e.gone {
		return all, all
	}
	return all, e.variables
}
