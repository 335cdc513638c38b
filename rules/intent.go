package rules

import (
	"fmt"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// intent is what a fix means, put together beside its edits: the proof compares the
// compiled builds by it, and knows nothing of the edits.
type intent struct{ proof.Intent }

func intentOf(f *dockerfile.File) *intent { return &intent{proof.Intent{Path: f.Path}} }

// list is the intent as a fix has it.
func (m *intent) list() []proof.Intent { return []proof.Intent{m.Intent} }

func (m *intent) gone(ins ...*dockerfile.Instruction) {
	for _, in := range ins {
		m.Gone = append(m.Gone, in.Index)
	}
}

// mount means secret mounts that come. reason says why one is not understood.
func (m *intent) mount(in *dockerfile.Instruction, flags ...string) (reason string) {
	for _, flag := range flags {
		x, err := proof.ParseMount(flag)
		if err != nil {
			return fmt.Sprintf("line %d: a secret mount is written in a way that is not understood", in.Line)
		}
		m.Mounts = append(m.Mounts, proof.Mounting{Instruction: in.Index, Mount: x})
	}
	return ""
}

// unmount means a secret mount that goes.
func (m *intent) unmount(in *dockerfile.Instruction, flag string) (reason string) {
	x, err := proof.ParseMount(flag)
	if err != nil {
		return fmt.Sprintf("line %d: a secret mount is written in a way that is not understood", in.Line)
	}
	m.Unmounts = append(m.Unmounts, proof.Mounting{Instruction: in.Index, Mount: x})
	return ""
}

// command means a change of what a RUN's shell gets.
func (m *intent) command(r *flow.Run, edits ...shell.TextEdit) {
	if len(edits) == 0 {
		return
	}
	c := proof.Command{Instruction: r.In.Index}
	for _, e := range edits {
		c.Edits = append(c.Edits, proof.Edit{Start: e.Start, End: e.End, New: e.New})
	}
	m.Commands = append(m.Commands, c)
}
