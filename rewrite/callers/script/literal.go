package script

import (
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// fixed returns an error where the value of an argument is a live literal that stands in the text,
// one step away: in an assignment of the variable, or as its default. Passing it as a secret
// would leave it there, and nobody would be told.
func (e *editor) fixed(b *build, a *arg) error {
	live := func(value string) bool { return detect.Variable(a.name, value, true) == detect.Exposed }
	refuse := func(at int) error {
		return &Error{at, "holds a literal that is passed as " + a.name + ": take it from the environment or a store first"}
	}
	names := map[string]bool{}
	switch a.kind {
	case call.Bare:
		names[a.name] = true
	case call.Variable:
		names[a.env] = true
	}
	for _, c := range a.value {
		if c.exp == nil {
			continue
		}
		names[c.exp.Name] = true
		if op := strings.TrimPrefix(c.exp.Form, ":"); (op == "-" || op == "=") && live(strings.Trim(c.exp.Param, `"'`)) {
			return refuse(b.words[a.first].start)
		}
	}
	assigns := e.sc.s.Assigns
	for c := b.cmd; c != nil; c = c.Parent {
		assigns = append(assigns[:len(assigns):len(assigns)], c.Assigns...)
	}
	for _, x := range assigns {
		if names[x.Name] && x.Value.IsLit && live(x.Value.Lit) && !e.sc.filled(x) {
			return refuse(x.Start)
		}
	}
	return nil
}

// filled reports whether something else fills in a part of an assignment's value.
func (sc *scene) filled(x shell.Assign) bool { return sc.holeIn(x.Value.Start, x.Value.End) != nil }
