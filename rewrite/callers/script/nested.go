package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// shellOf returns the command that runs a nested one: bash -c '…'. ok is false where the
// text in between is not the script byte for byte.
func (sc *scene) shellOf(c *shell.Command) (runs *shell.Command, ok bool) {
	if c.Templated {
		return nil, false
	}
	for p := c.Parent; p != nil; p = p.Parent {
		i := slices.IndexFunc(p.Args, func(w shell.Word) bool { return w.Start < c.Start && c.End < w.End })
		if i < 0 {
			continue
		}
		w := p.Args[i]
		literal := w.IsLit && len(w.Text) > 2 && w.Text == "'"+w.Lit+"'" && sc.holeIn(w.Start, w.End) == nil
		minusC := i > 0 && strings.HasPrefix(p.Args[i-1].Lit, "-") && strings.HasSuffix(p.Args[i-1].Lit, "c")
		return p, literal && minusC && slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh"}, p.Program) && !p.Nested()
	}
	return nil, false
}

// around returns a command and its wrappers, the innermost first, as far as the shell that
// expands its words.
func (b *build) around() []*shell.Command {
	var out []*shell.Command
	for p := b.cmd; p != nil && p != b.shell; p = p.Parent {
		out = append(out, p)
	}
	return out
}

// strips reports whether a wrapper takes a variable of the shell's environment away.
func (b *build) strips(name string) bool {
	if b.shell == nil {
		return b.cmd.StripsEnv(name)
	}
	return slices.ContainsFunc(b.around()[1:], func(p *shell.Command) bool { return p.StripsIts(name) })
}

// sets reports whether a command, or a wrapper, has a variable assigned before it.
func (b *build) sets(name string) bool {
	return slices.ContainsFunc(b.around(), func(p *shell.Command) bool {
		return slices.ContainsFunc(p.Assigns, func(a shell.Assign) bool { return a.Name == name })
	})
}
