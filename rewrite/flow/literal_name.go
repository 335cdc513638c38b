package flow

import (
	"slices"
	"strconv"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// literalName gives a literal a name that no other secret of the file has, and no
// variable and no mount.
func (a *analysis) literalName(base string, others []*Secret) string {
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name += "_" + strconv.Itoa(n)
		}
		if !slices.ContainsFunc(others, func(s *Secret) bool { return s.Name == name || s.ID == name }) && !a.declares(name) {
			return name
		}
	}
}

// declares reports whether the file has a variable or a mount of that name.
func (a *analysis) declares(name string) bool {
	for _, in := range a.file.Instructions {
		if in.Name == "arg" || in.Name == "env" {
			if slices.ContainsFunc(in.Pairs(), func(p dockerfile.Pair) bool { return p.Name == name }) {
				return true
			}
		}
		for _, m := range in.Mounts() {
			if m.Opts["id"] == name || m.Opts["env"] == name {
				return true
			}
		}
	}
	return false
}

// variableFor chooses the variable that takes a literal's place. A mount gives it to
// every program of the RUN: where one of them would read it that did not have it before,
// it gets a name that nobody knows, BUILD_GITHUB_TOKEN.
func (a *analysis) variableFor(name string, group []*literal, own bool) string {
	runs := map[*Run]bool{}
	for _, l := range group {
		if l.run != nil {
			runs[l.run] = true
		}
	}
	fits := func(name string, own bool) bool {
		for r := range runs {
			if r.Script == nil {
				continue
			}
			if !a.unread(r, name, own, group) || !named(r, name, group) {
				return false
			}
		}
		return true
	}
	if fits(name, own) {
		return name
	}
	for n := 1; ; n++ {
		other := "BUILD_" + name
		if n > 1 {
			other += "_" + strconv.Itoa(n)
		}
		if n > 9 || fits(other, true) && !a.declares(other) {
			return other
		}
	}
}

// unread reports whether no command of the script would read a variable of that name that
// it did not have before.
func (a *analysis) unread(r *Run, name string, own bool, group []*literal) bool {
	given := -1 // from here on the script has given it to all commands
	for _, as := range r.Script.Assigns {
		if as.Name == name && as.Export && as.Command != nil && as.Command.In&^(shell.AndLeft|shell.AndRight) == 0 && slices.ContainsFunc(group, func(l *literal) bool {
			return l.run == r && l.assign == name && as.Value.Start <= l.span.Start && l.span.End <= as.Value.End
		}) && given < 0 {
			given = as.End
		}
	}
	rows := a.consumers(name)
	for _, c := range r.cmds {
		if c.sh == nil || c.sh.Path == "" || given >= 0 && c.sh.Start > given || c.sh.StripsEnv(name) || c.sh.Function || c.wraps(r) ||
			slices.ContainsFunc(c.sh.Assigns, func(as shell.Assign) bool { return as.Name == name }) {
			continue
		}
		if ok, _ := reads(rows, c.program, c.args); ok {
			return false
		}
		if slices.ContainsFunc(group, func(l *literal) bool { return l.flag && l.command == c.sh }) {
			continue // what PROGRAM_FLAG may mean to the program, the flag says already
		}
		if !own && (c.unknown() || a.mayRead(r.In, c, name)) {
			return false
		}
	}
	return true
}

// named reports whether nothing in the script names the variable but what gives it this
// very value, for all commands that read it then.
func named(r *Run, name string, group []*literal) bool {
	first := -1
	gives := func(m shell.Span) bool {
		for _, l := range group {
			if l.run != r || l.assign != name {
				continue
			}
			at := func(as shell.Assign) bool {
				return as.Name == name && as.Start == m.Start && as.Value.Start <= l.span.Start && l.span.End <= as.Value.End && as.Value.Lit == l.value
			}
			if i := slices.IndexFunc(r.Script.Assigns, at); i >= 0 {
				if as := r.Script.Assigns[i]; (as.Command == nil || as.Command.In&^(shell.AndLeft|shell.AndRight) == 0) && first < 0 {
					first = as.End
				}
				return true
			}
			if l.command != nil && slices.ContainsFunc(l.command.Assigns, at) {
				return true
			}
		}
		return false
	}
	uses := r.Script.UsesOf(name)
	for _, m := range r.Script.Mentions(name) {
		if gives(m) {
			continue
		}
		// A use behind the assignment reads what the mount gives as well.
		i := slices.IndexFunc(uses, func(u shell.Use) bool { return u.Start <= m.Start && m.End <= u.End })
		if i < 0 || first < 0 || uses[i].Start < first || uses[i].Distinguishes {
			return false
		}
	}
	return true
}
