package proof

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// fate is what becomes of a variable at some point of a stage.
type fate uint8

const (
	stays   fate = iota
	goes         // every declaration so far goes
	unclear      // one that stays is covered by a later one that goes: it has an earlier value
)

// fates returns what becomes of the variables that sequence declares, ARG and ENV or only
// ENV, up to the instruction in, or to the end for nil.
func (l *ledger) fates(sequence []*dockerfile.Instruction, in *dockerfile.Instruction, arg bool) map[string]fate {
	out := map[string]fate{}
	kept := map[string]bool{}
	for _, x := range sequence {
		if x == in {
			break
		}
		if x.Name == "arg" && !arg {
			continue
		}
		all, gone := l.entries[x.Index].declares()
		for _, name := range all {
			switch {
			case !slices.Contains(gone, name):
				out[name], kept[name] = stays, true
			case kept[name]:
				out[name] = unclear
			default:
				out[name] = goes
			}
		}
	}
	return out
}

// environment returns what differs between an environment and what is left of another one;
// "" if nothing does.
func environment(old, now []string, fates map[string]fate) string {
	var left []string
	for _, kv := range old {
		name, _, _ := strings.Cut(kv, "=")
		switch fates[name] {
		case goes:
			continue
		case unclear:
			kv = name
			now = slices.Clone(now)
			for i, x := range now {
				if n, _, _ := strings.Cut(x, "="); n == name {
					now[i] = name
				}
			}
		}
		left = append(left, kv)
	}
	for i, kv := range left {
		name, _, _ := strings.Cut(kv, "=")
		if i >= len(now) {
			return name + " would be gone"
		}
		if now[i] != kv {
			other, _, _ := strings.Cut(now[i], "=")
			if other == name {
				return name + " would have another value"
			}
			return "there would be " + other + " in the place of " + name
		}
	}
	if len(now) > len(left) {
		name, _, _ := strings.Cut(now[len(left)], "=")
		return name + " would still be there"
	}
	return ""
}
