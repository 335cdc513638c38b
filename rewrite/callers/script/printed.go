package script

import (
	"regexp"
	"slices"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

var inText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`--build-arg(?:=|[ \t]+)[\\"']*([A-Za-z_][A-Za-z0-9_]*)`)
})

// printed returns a command that shows people how to build: echo, printf, or cat with a
// here-document, whose output goes nowhere else. It builds nothing; nil if it is none.
func (sc *scene) printed(c *shell.Command) *call.Build {
	files := func(rs []shell.Redir) bool { return slices.ContainsFunc(rs, shell.Redir.WritesFile) }
	if c.PipeTo != nil || c.In&(shell.InSubst|shell.PipeLeft) != 0 || c.Nested() || files(c.Redirs) || files(c.Around) {
		return nil
	}
	start, end := c.Start, c.End
	switch c.Program {
	case "echo", "printf":
	case "cat":
		i := slices.IndexFunc(c.Redirs, func(r shell.Redir) bool { return r.Heredoc != "" })
		if i < 0 || len(c.Args) > 0 {
			return nil
		}
		start, end = c.Redirs[i].Body.Start, c.Redirs[i].Body.End
	default:
		return nil
	}
	const why = "it is only printed"
	b := &call.Build{Start: start, End: end, What: "a command that is printed", Prose: true, Fixed: why, Doubt: why, Handle: &build{sc: sc, cmd: c, tool: &tool{}}}
	for _, m := range inText().FindAllStringSubmatchIndex(sc.t.Code[start:end], -1) {
		b.Args = append(b.Args, call.Arg{Name: sc.t.Code[start+m[2] : start+m[3]], Start: start + m[0], End: start + m[1]})
	}
	if len(b.Args) == 0 {
		return nil
	}
	return b
}
