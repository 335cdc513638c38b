package proof

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// Piece is one instruction of what a container starts with, as a fix means it to be: a
// COPY of a here-document that becomes an executable file of root's, an ENTRYPOINT or a CMD.
type Piece struct {
	Instruction int      // the one that becomes it; with Comes, the one that it is put behind
	Comes       bool     // it was not there
	Name        string   // "copy", "entrypoint" or "cmd"
	Words       []string // of ENTRYPOINT and CMD: what the image's configuration has
	Path        string   // of COPY
	Content     string
}

// Shim is a stage whose container starts its program through the file Path: that stands
// before the words of the entrypoint, or before those of the command, and nothing else of
// what is started changes. Base is what the image starts that the stage begins with; nil
// where nothing of it is put into the file.
type Shim struct {
	Stage int
	Path  string
	Base  *Started
}

// Started is what an image starts.
type Started struct{ Entrypoint, Cmd []string }

// become enters what a step makes of instructions, and returns those that are left with
// the ones that come in their places.
func (l *ledger) become(step Intent, at func(int, ...string) *entry) []*entry {
	type arrival struct {
		after *entry
		*entry
	}
	var arrivals []arrival
	for _, p := range step.Pieces {
		if !p.Comes {
			at(p.Instruction, p.Name).piece = &p
			continue
		}
		after := at(p.Instruction)
		in := &dockerfile.Instruction{Name: p.Name, File: l.file, Stage: after.Stage, Line: after.Line, Index: -1}
		arrivals = append(arrivals, arrival{after, &entry{Instruction: in, name: p.Name, piece: &p, comes: true}})
	}
	for _, s := range step.Shims {
		l.shims[s.Stage] = s
	}
	var left []*entry
	for _, e := range l.left {
		left = append(left, e)
		for _, a := range arrivals {
			if a.after == e {
				left = append(left, a.entry)
			}
		}
	}
	return left
}

// inline is a COPY of a here-document as BuildKit compiles it.
type inline struct {
	copied, made *pb.Op
	history      ocispecs.History
}

// reference compiles a COPY that puts a here-document into an image as an executable
// file: what a piece is compared with.
var reference = sync.OnceValues(func() (*inline, error) {
	src := "FROM scratch\nCOPY --chmod=0755 <<'EOF' /path\n#!/bin/sh\nEOF\n"
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		return nil, err
	}
	s, err := target(f.Final(), f.Src, nil, nil)
	if err != nil {
		return nil, err
	}
	copied := s.ops[s.last]
	made, ok := here(s, copied)
	if !ok || len(s.image.History) != 1 {
		return nil, fmt.Errorf("a here-document is compiled in a way that is not understood")
	}
	return &inline{copied, made, s.image.History[0]}, nil
})

// here returns the op that makes the file of a here-document, of the op that copies it.
func here(s *stage, op *pb.Op) (*pb.Op, bool) {
	f := op.GetFile()
	if f == nil || len(f.Actions) != 1 || f.Actions[0].GetCopy() == nil {
		return nil, false
	}
	i := int(f.Actions[0].SecondaryInput)
	if i < 0 || i >= len(op.Inputs) {
		return nil, false
	}
	made := s.ops[op.Inputs[i].Digest]
	if g := made.GetFile(); g == nil || len(g.Actions) != 1 || g.Actions[0].GetMkfile() == nil || len(made.Inputs) != 0 {
		return nil, false
	}
	return made, true
}

// puts checks that an op puts the file of the piece into the image, and does nothing else.
func (p *Piece) puts(line int, s *stage, op *pb.Op) error {
	fail := func(what string) error { return &Error{line, "the COPY of " + p.Path + " " + what} }
	ref, err := reference()
	if err != nil {
		return fail("is not understood")
	}
	made, ok := here(s, op)
	if !ok || !op.Platform.EqualVT(ref.copied.Platform) || !made.Platform.EqualVT(ref.made.Platform) {
		return fail("would do something else than was meant")
	}
	a, b := ref.copied.GetFile().Actions[0].CloneVT(), op.GetFile().Actions[0].CloneVT()
	a.Input, a.SecondaryInput, a.Output, b.Input, b.SecondaryInput, b.Output = 0, 0, 0, 0, 0, 0
	a.GetCopy().Dest = p.Path
	x, y := ref.made.GetFile().Actions[0].CloneVT(), made.GetFile().Actions[0].CloneVT()
	x.GetMkfile().Data = []byte(p.Content)
	if !a.EqualVT(b) {
		return fail("would put it in another place, or with another mode or owner")
	}
	if !x.EqualVT(y) {
		return fail("would have another text")
	}
	return nil
}

// says checks the entry of a piece in an image's history.
func (p *Piece) says(line int, h ocispecs.History) error {
	want := ocispecs.History{CreatedBy: fmt.Sprintf("%s %q", strings.ToUpper(p.Name), p.Words), Comment: h.Comment, EmptyLayer: true}
	if p.Name == "copy" {
		ref, err := reference()
		if err != nil {
			return &Error{line, "the COPY of " + p.Path + " is not understood"}
		}
		want = ref.history
		want.CreatedBy = strings.Replace(want.CreatedBy, "/path", p.Path, 1)
	}
	if h.CreatedBy != want.CreatedBy || h.EmptyLayer != want.EmptyLayer || h.Comment != want.Comment || h.Author != want.Author {
		return &Error{line, strings.ToUpper(p.Name) + " would not be what was meant"}
	}
	return nil
}

// starts compares what containers of a stage start. A stage that no fix puts a shim before
// starts what it did; one that builds on such a stage may have it by that.
func (c *comparison) starts(i int, old, now *stage) error {
	a, b := old.image.Config, now.image.Config
	shim, declared := c.shims[i]
	if !declared {
		for s := old.Stage; s != nil && shim.Path == ""; s = s.Parent {
			shim = c.shims[s.Index]
		}
		if slices.Equal(a.Entrypoint, b.Entrypoint) && slices.Equal(a.Cmd, b.Cmd) {
			return nil
		}
	}
	base := func(words, stub, real []string) []string {
		if shim.Base != nil && slices.Equal(words, stub) {
			return real
		}
		return words
	}
	var of Started
	if shim.Base != nil {
		of = *shim.Base
	}
	entry := base(a.Entrypoint, stubEntrypoint, of.Entrypoint)
	cmd := base(a.Cmd, stubCmd, of.Cmd)
	nowEntry := base(b.Entrypoint, stubEntrypoint, of.Entrypoint)
	nowCmd := base(b.Cmd, stubCmd, of.Cmd)
	through := func(words []string) []string { return append([]string{shim.Path}, words...) }
	switch {
	case shim.Path == "":
	case slices.Equal(nowEntry, through(entry)) && slices.Equal(nowCmd, cmd):
		return nil
	case slices.Equal(nowEntry, entry) && slices.Equal(nowCmd, through(cmd)):
		return nil
	}
	field := "Entrypoint"
	if slices.Equal(a.Entrypoint, b.Entrypoint) || shim.Path != "" && slices.Equal(nowEntry, through(entry)) {
		field = "Cmd"
	}
	return &Error{old.From.Line, "the image's " + field + " would be another one"}
}
