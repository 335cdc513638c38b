package dockerfile

import (
	"strconv"
	"strings"
)

// Stage is a FROM and the instructions up to the next one.
type Stage struct {
	File         *File
	Index        int    // from 0, as COPY --from=0 counts
	Name         string // lower case; "" if it has none
	From         *Instruction
	Base         string // the image or stage as written
	Parent       *Stage // the local stage that it builds on, nil for an image
	Instructions []*Instruction
}

func (f *File) stages() {
	var global = map[string]string{}
	for _, in := range f.Instructions {
		if in.Name == "from" && !in.OnBuild {
			s := &Stage{File: f, Index: len(f.Stages), From: in}
			words := strings.Fields(in.ArgText())
			if len(words) > 0 {
				s.Base = words[0]
			}
			if len(words) == 3 && strings.EqualFold(words[1], "as") {
				s.Name = strings.ToLower(words[2])
			}
			base := s.Base
			if e, err := f.Expand(base, global); err == nil {
				base = e.Value
			}
			s.Parent = f.named(base)
			f.Stages = append(f.Stages, s)
		}
		if n := len(f.Stages); n > 0 {
			in.Stage = f.Stages[n-1]
			in.Stage.Instructions = append(in.Stage.Instructions, in)
			continue
		}
		for _, p := range in.Pairs() {
			if e, err := f.Expand(p.Value.Text, global); in.Name == "arg" && p.HasValue && err == nil {
				global[p.Name] = e.Value
			}
		}
	}
}

// named returns the last stage so far of that name.
func (f *File) named(name string) *Stage {
	for i := len(f.Stages) - 1; i >= 0; i-- {
		if s := f.Stages[i]; s.Name != "" && s.Name == strings.ToLower(name) {
			return s
		}
	}
	return nil
}

// SourceStage returns the local stage that a COPY --from or a mount's from= names,
// by name or by number; nil for an image or the build context.
func (f *File) SourceStage(from string) *Stage {
	for _, s := range f.Stages {
		if s.Name != "" && s.Name == strings.ToLower(from) {
			return s
		}
	}
	if n, err := strconv.Atoi(from); err == nil && n >= 0 && n < len(f.Stages) {
		return f.Stages[n]
	}
	return nil
}

// Final is the stage that is built when no target is named.
func (f *File) Final() *Stage {
	if len(f.Stages) == 0 {
		return nil
	}
	return f.Stages[len(f.Stages)-1]
}

// Lineage returns the stage and those it builds on, the stage itself first.
func (s *Stage) Lineage() []*Stage {
	var line []*Stage
	for ; s != nil; s = s.Parent {
		line = append(line, s)
	}
	return line
}

// History returns the instructions that a build of s has behind it at in (which
// belongs to s), oldest first: those of the stages that it builds on, then its own
// before in. Instructions wrapped in ONBUILD are left out: they do not run here.
func (s *Stage) History(in *Instruction) []*Instruction {
	var all []*Instruction
	line := s.Lineage()
	for i := len(line) - 1; i >= 0; i-- {
		for _, x := range line[i].Instructions {
			if line[i] == s && in != nil && x.Index >= in.Index {
				break
			}
			if !x.OnBuild {
				all = append(all, x)
			}
		}
	}
	return all
}
