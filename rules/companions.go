package rules

import (
	"fmt"
	"slices"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// withoutCompanions removes the commands that have nothing to do once the file is a
// mount. gone is the RUNs that had nothing else to do.
func withoutCompanions(s *flow.Secret, meant *intent) (edits []edit.Edit, gone []*dockerfile.Instruction, reason string) {
	byRun := map[*flow.Run][]flow.Companion{}
	var order []*flow.Run
	for _, c := range s.Copied.Companions {
		if byRun[c.Run] == nil {
			order = append(order, c.Run)
		}
		byRun[c.Run] = append(byRun[c.Run], c)
	}
	for _, r := range order {
		if r.Exec != nil && r.Script == nil && byRun[r][0].Sole {
			gone = append(gone, r.In)
			continue
		}
		if r.Script == nil || r.Exec != nil {
			return nil, nil, fmt.Sprintf("line %d: the command that removes it or sets its mode cannot be taken out with certainty", r.In.Line)
		}
		spans, whole, ok := withoutCommands(r.Script, byRun[r])
		switch {
		case !ok:
			return nil, nil, fmt.Sprintf("line %d: the command that removes it or sets its mode cannot be taken out with certainty", r.In.Line)
		case whole:
			gone = append(gone, r.In)
			continue
		}
		for _, sp := range spans {
			start, end, ok := r.Source(sp.Start, sp.End)
			if !ok {
				return nil, nil, fmt.Sprintf("line %d: the command that removes it cannot be found again", r.In.Line)
			}
			edits = append(edits, edit.Edit{Start: start, End: end})
			meant.command(r, shell.TextEdit{Start: sp.Start, End: sp.End})
		}
	}
	meant.gone(gone...)
	return edits, gone, ""
}

// withoutCommands returns what to delete of a script so that the companions are gone
// and the rest is the same.
func withoutCommands(s *shell.Script, companions []flow.Companion) (spans []shell.Span, whole, ok bool) {
	commands := map[*shell.Command]bool{}
	for _, c := range companions {
		commands[c.Command] = true
	}
	if len(s.Commands) == len(commands) && !slices.ContainsFunc(companions, func(c flow.Companion) bool { return !c.Sole }) {
		return nil, true, true
	}
	// One after the other: what stands between two of them can go only once.
	sole := slices.DeleteFunc(slices.Clone(companions), func(c flow.Companion) bool { return !c.Sole })
	slices.SortFunc(sole, func(a, b flow.Companion) int { return a.Command.Start - b.Command.Start })
	script, done := s, &changedRun{}
	for _, c := range sole {
		i := slices.IndexFunc(script.Commands, func(x *shell.Command) bool { return x.Start == done.now(c.Command.Start) && x.Path == c.Command.Path })
		if i < 0 {
			return nil, false, false
		}
		gone, all, ok := script.RemoveCommand(script.Commands[i])
		if all {
			return nil, true, true
		}
		if !ok {
			return nil, false, false
		}
		text := script.Text
		slices.SortFunc(gone, func(a, b shell.Span) int { return b.Start - a.Start })
		for _, sp := range gone {
			text = text[:sp.Start] + text[sp.End:]
			done.cut(sp)
		}
		left, err := shell.Parse(text, s.Dialect)
		if err != nil {
			return nil, false, false
		}
		left.Flags = s.Flags // those of the shell in force too
		script = left
	}
	spans = done.spans
	for _, c := range companions {
		if !c.Sole {
			// One of several files: only its name goes.
			start := c.Arg.Start
			for start > 0 && (s.Text[start-1] == ' ' || s.Text[start-1] == '\t') {
				start--
			}
			spans = append(spans, shell.Span{Start: start, End: c.Arg.End})
		}
	}
	slices.SortFunc(spans, func(a, b shell.Span) int { return a.Start - b.Start })
	rest, last := "", 0
	for i, sp := range spans {
		if sp.Start < last || i > 0 && sp.Start == spans[i-1].Start {
			return nil, false, false
		}
		rest += s.Text[last:sp.Start]
		last = sp.End
	}
	rest += s.Text[last:]
	// What is left must be a script of the other commands.
	left, err := shell.Parse(rest, s.Dialect)
	return spans, false, err == nil && len(left.Commands) == len(script.Commands)
}
