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
	for _, c := range companions {
		if !c.Sole {
			// One of several files: only its name goes.
			start := c.Arg.Start
			for start > 0 && (s.Text[start-1] == ' ' || s.Text[start-1] == '\t') {
				start--
			}
			spans = append(spans, shell.Span{Start: start, End: c.Arg.End})
			continue
		}
		sp, all, ok := s.RemoveCommand(c.Command)
		if all {
			return nil, true, true
		}
		if !ok {
			return nil, false, false
		}
		spans = append(spans, sp...)
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
	want := len(s.Commands)
	for _, c := range companions {
		if c.Sole {
			want--
		}
	}
	return spans, false, err == nil && len(left.Commands) == want
}
