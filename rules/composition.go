package rules

import (
	"slices"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// composition is what one fix asks of compose files and other callers: each file is edited
// once, whoever asks.
type composition struct {
	parts []*composed

	index *callers.Index // that calls are of
	calls []call.Change
	needs []string // what a person must do for them

	review bool // the fix is not done without a person
}

// composed is what is asked of one file.
type composed struct {
	file    *compose.File
	moves   []compose.Migration
	defs    []compose.NamedSecret
	replace []compose.Replacement
}

// of returns the part of a file.
func (c *composition) of(f *compose.File) *composed {
	i := slices.IndexFunc(c.parts, func(x *composed) bool { return x.file == f })
	if i < 0 {
		c.parts = append(c.parts, &composed{file: f})
		i = len(c.parts) - 1
	}
	return c.parts[i]
}

// define asks for a top-level secret, once.
func (x *composed) define(def compose.NamedSecret) {
	if !slices.Contains(x.defs, def) {
		x.defs = append(x.defs, def)
	}
}

// changes returns the edits of all files, or the reason why one of them cannot be edited
// with certainty.
func (c *composition) changes() (changes []rewrite.Change, reason string) {
	for _, x := range c.parts {
		for i, def := range x.defs {
			for _, other := range x.defs[:i] {
				if other.Name == def.Name {
					return nil, x.file.Path + " gives it more than one value"
				}
			}
		}
		edits, err := compose.Edits(x.file, x.moves, x.defs, x.replace...)
		if err != nil {
			return nil, err.Error()
		}
		if len(edits) > 0 {
			changes = append(changes, rewrite.Change{Path: x.file.Path, Edits: edits})
		}
	}
	called, reason := c.callChanges()
	return append(changes, called...), reason
}
