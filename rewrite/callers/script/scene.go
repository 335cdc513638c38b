package script

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// top is the project's root in the paths that are worked out here.
const top = Root

// scene is a text that has been read, and what is known of its variables.
type scene struct {
	p *call.Project
	t *Text
	s *shell.Script
}

// open reads a text: once for its variables, and again for the folders that they name.
func open(p *call.Project, t *Text) (*scene, error) {
	s, err := shell.Parse(t.Code, t.Dialect)
	if err != nil {
		return nil, err
	}
	sc := &scene{p, t, s}
	again, err := shell.ParseIn(t.Code, t.Dialect, func(w shell.Word) (string, bool) {
		filled := sc.holeIn(w.Start, w.End) != nil
		if w.IsLit && !filled {
			return "", false
		}
		v := sc.values(sc.read(w).chars, 1)
		if len(v) != 1 || v[0] == "" || strings.Contains(v[0], call.Hole) {
			return "/", filled && w.IsLit // the letters in the hole's place are no folder
		}
		return v[0], true
	})
	if err != nil {
		return nil, err
	}
	sc.s = again
	return sc, nil
}

// nounset reports whether an unset variable may end the script.
func (sc *scene) nounset() bool { return sc.s.Nounset || sc.t.Flags.Nounset }

// maxValues is how many values a word with loops' variables may have.
const maxValues = 16

// values returns what characters may stand for in the names of files and programs, with
// call.Hole for what is not known. depth is 0 for the words of a command.
func (sc *scene) values(chars []char, depth int) []string {
	out := []string{""}
	for _, c := range chars {
		more := []string{c.text}
		switch {
		case c.hole != nil && c.hole.Known:
			more[0] = c.hole.Value
		case c.hole != nil:
			more[0] = call.Hole
		case c.exp != nil:
			more = sc.expansion(c.exp, depth)
		}
		if len(more) == 0 || len(out)*len(more) > maxValues {
			more = []string{call.Hole}
		}
		var next []string
		for _, o := range out {
			for _, m := range more {
				next = append(next, o+m)
			}
		}
		out = next
	}
	return out
}

// roots are variables that CI services set to the folder of the checkout.
var roots = []string{
	"CI_PROJECT_DIR", "GITHUB_WORKSPACE", "BITBUCKET_CLONE_DIR", "BUILD_SOURCESDIRECTORY", "CODEBUILD_SRC_DIR", "DRONE_WORKSPACE",
	"CI_WORKSPACE", "CIRCLE_WORKING_DIRECTORY", "TRAVIS_BUILD_DIR", "BUILDKITE_BUILD_CHECKOUT_PATH", "WORKSPACE",
}

// expansion returns what an expansion may be; nil if it is not known.
func (sc *scene) expansion(e *shell.Piece, depth int) []string {
	if depth > 8 {
		return nil
	}
	switch {
	case e.Name == "":
		return sc.substitution(e.Text, depth)
	case e.Name == "0" || e.Name == "BASH_SOURCE":
		switch {
		case sc.t.Self == "" || e.Index != "" && e.Index != "0":
			return nil
		case e.Form == "":
			return []string{path.Join(top, sc.t.Self, "script")}
		case strings.HasSuffix(e.Text, "%/*}"):
			return []string{path.Join(top, sc.t.Self)}
		}
		return nil
	case e.Index != "":
		return nil
	case e.Name == "PWD" && e.Form == "" && depth == 0:
		return []string{"."}
	}
	switch e.Form {
	case "", ":-", "-", ":?", "?":
		return sc.variable(e.Name, depth)
	}
	return nil
}

// variable returns the values of a variable that is certain: assigned once, to something
// known, or a loop's over words that are known.
func (sc *scene) variable(name string, depth int) []string {
	if !sc.s.Assigned[name] {
		if v, ok := sc.t.Defaults[name]; ok {
			return []string{v}
		}
		if slices.Contains(roots, name) && !sc.s.Opaque {
			return []string{top}
		}
		return nil
	}
	if sc.s.Given(name) != 1 {
		return nil
	}
	for _, a := range sc.s.Assigns {
		if a.Name != name {
			continue
		}
		local := a.In == shell.InFunc && a.Command != nil
		if a.Append || a.Array || a.In != 0 && !local {
			return nil
		}
		return sc.values(sc.read(a.Value).chars, depth+1)
	}
	for _, l := range sc.s.Loops {
		if l.Name != name {
			continue
		}
		var out []string
		for _, w := range l.Words {
			x := sc.read(w)
			if x.glob || x.strange || x.tilde || x.many() {
				return nil
			}
			out = append(out, sc.values(x.chars, depth+1)...)
		}
		return out
	}
	return nil
}

// substitution returns what the usual commands print that find a folder.
func (sc *scene) substitution(text string, depth int) []string {
	body, ok := strings.CutPrefix(text, "$(")
	if ok {
		body, ok = strings.CutSuffix(body, ")")
	} else if body, ok = strings.CutPrefix(text, "`"); ok {
		if body, ok = strings.CutSuffix(body, "`"); strings.Contains(body, `\`) {
			return nil
		}
	}
	if !ok {
		return nil
	}
	s, err := shell.Parse(body, sc.t.Dialect)
	if err != nil || len(s.Assigns) > 0 {
		return nil
	}
	var list []*shell.Command
	for _, c := range s.Commands {
		if c.In&shell.InSubst == 0 {
			list = append(list, c)
		}
	}
	inner := &scene{sc.p, &Text{Code: body, Dialect: sc.t.Dialect, Defaults: sc.t.Defaults, Self: sc.t.Self}, sc.s}
	operand := func(c *shell.Command) []string {
		var words []shell.Word
		for _, w := range c.Args {
			if !(w.IsLit && strings.HasPrefix(w.Lit, "-")) {
				words = append(words, w)
			}
		}
		if len(words) != 1 {
			return nil
		}
		v := inner.values(inner.read(words[0]).chars, depth+1)
		if len(v) != 1 || strings.Contains(v[0], call.Hole) {
			return nil
		}
		return v
	}
	switch {
	case len(list) == 2 && list[0].Path == "cd" && list[1].Path == "pwd":
		if v := operand(list[0]); v != nil && path.IsAbs(v[0]) {
			return []string{path.Clean(v[0])}
		}
	case len(list) != 1:
	case list[0].Path == "git" && len(list[0].Args) == 2 && list[0].Args[0].Lit == "rev-parse" && list[0].Args[1].Lit == "--show-toplevel":
		return []string{top}
	case list[0].Path == "dirname":
		if v := operand(list[0]); v != nil {
			return []string{path.Dir(v[0])}
		}
	case list[0].Path == "realpath", list[0].Path == "readlink":
		if v := operand(list[0]); v != nil && path.IsAbs(v[0]) {
			return []string{path.Clean(v[0])}
		}
	case list[0].Path == "pwd" && depth == 0:
		return []string{"."}
	}
	return nil
}
