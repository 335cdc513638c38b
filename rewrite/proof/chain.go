package proof

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// step is one op of a stage's chain, each working on what the one before it left, with
// the instruction that it was made of.
type step struct {
	in *dockerfile.Instruction
	op *pb.Op
}

// parents are the local stages that each stage builds on, nil for an image, with the build
// arguments as they were given.
func (c *Compiled) parents() []*dockerfile.Stage {
	global := map[string]string{}
	var out []*dockerfile.Stage
	for _, in := range c.file.Instructions {
		switch {
		case in.Name == "from" && !in.OnBuild:
			base := in.Stage.Base
			if e, err := c.file.Expand(base, global); err == nil {
				base = e.Value
			}
			var parent *dockerfile.Stage
			for _, s := range slices.Backward(c.file.Stages[:in.Stage.Index]) {
				if s.Name != "" && s.Name == strings.ToLower(base) {
					parent = s
					break
				}
			}
			out = append(out, parent)
		case in.Name == "arg" && in.Stage == nil:
			for _, p := range in.Pairs() {
				if v, ok := c.args[p.Name]; ok {
					global[p.Name] = v
				} else if e, err := c.file.Expand(p.Value.Text, global); p.HasValue && err == nil {
					global[p.Name] = e.Value
				}
			}
		}
	}
	return out
}

// sequences returns for each stage the instructions that its build runs, oldest first:
// those of the stage that it builds on, what that one wraps in ONBUILD, its own. Behind
// the stages come the children, which have none of their own.
func (c *Compiled) sequences() [][]*dockerfile.Instruction {
	parents := c.parents()
	out := make([][]*dockerfile.Instruction, len(c.file.Stages))
	for i, s := range c.file.Stages {
		var all []*dockerfile.Instruction
		if p := parents[i]; p != nil {
			all = append(slices.Clone(out[p.Index]), triggers(p)...)
		}
		for _, in := range s.Instructions {
			if !in.OnBuild && in.Name != "from" {
				all = append(all, in)
			}
		}
		out[i] = all
	}
	for _, i := range c.children {
		out = append(out, append(slices.Clone(out[i]), triggers(c.file.Stages[i])...))
	}
	return out
}

// triggers are the instructions that a stage wraps in ONBUILD.
func triggers(s *dockerfile.Stage) []*dockerfile.Instruction {
	return slices.DeleteFunc(slices.Clone(s.Instructions), func(in *dockerfile.Instruction) bool { return !in.OnBuild })
}

// chain returns the ops of a stage, oldest first, each with its instruction. base is the
// digest of what the first one works on; ok is false where the two do not go together.
func (s *stage) chain(sequence []*dockerfile.Instruction) (steps []step, base string, ok bool) {
	var ops []*pb.Op
	at := s.last
	for at != "" {
		op := s.ops[at]
		before, more := root(op)
		if !more {
			break
		}
		ops = append(ops, op)
		at = before
	}
	slices.Reverse(ops)
	for _, in := range sequence {
		switch in.Name {
		case "run", "copy", "add", "workdir":
		default:
			continue
		}
		if len(ops) == 0 || !makes(in.Name, ops[0]) {
			if in.Name == "workdir" {
				continue // "/" is there already
			}
			return nil, "", false
		}
		steps = append(steps, step{in, ops[0]})
		ops = ops[1:]
	}
	return steps, at, len(ops) == 0
}

// makes reports whether an instruction of that name becomes an op of that kind.
func makes(name string, op *pb.Op) bool {
	switch x := op.Op.(type) {
	case *pb.Op_Exec:
		return name == "run"
	case *pb.Op_Merge:
		return name == "copy" || name == "add" // --link
	case *pb.Op_File:
		mkdir := len(x.File.Actions) == 1 && x.File.Actions[0].GetMkdir() != nil
		return mkdir == (name == "workdir") && name != "run"
	}
	return false
}

// root returns the digest of what an op works on, "" for nothing; more is false for an op
// that works on nothing by its nature: an image.
func root(op *pb.Op) (digest string, more bool) {
	input := func(i int64) string {
		if i < 0 || int(i) >= len(op.Inputs) {
			return ""
		}
		return op.Inputs[i].Digest
	}
	switch x := op.GetOp().(type) {
	case *pb.Op_Exec:
		for _, m := range x.Exec.Mounts {
			if m.Dest == pb.RootMount {
				return input(m.Input), true
			}
		}
	case *pb.Op_File:
		if len(x.File.Actions) > 0 {
			return input(x.File.Actions[0].Input), true
		}
	case *pb.Op_Merge:
		if len(x.Merge.Inputs) > 0 {
			return input(x.Merge.Inputs[0].Input), true
		}
	}
	return "", false
}
