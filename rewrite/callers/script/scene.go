package script

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// scene is a text that has been read, and what is known of its variables.
type scene struct {
	p *call.Project
	t *Text
	s *shell.Script

	known map[string][]string // values of variables and parameters that have been worked out
	outer *scene              // that of a substitution's text, which stands there at start; nil: it is none
	start int

	turns []*shell.Script // s in the further turns of a loop, or calls of a function, by the folders they go to
}

// open reads a text: once for its variables, and again for the folders that they name.
func open(p *call.Project, t *Text) (*scene, error) {
	s, err := shell.Parse(t.Code, t.Dialect)
	if err != nil {
		return nil, err
	}
	sc := &scene{p: p, t: t, s: s, known: map[string][]string{}}
	var list []string // the folders that a word names, one after the other
	differ := false   // several words do: which go together is not known
	turn := 0
	parse := func() (*shell.Script, error) {
		return shell.ParseIn(t.Code, t.Dialect, func(w shell.Word) (string, bool) {
			chars := sc.read(w).chars
			filled := slices.ContainsFunc(chars, func(c char) bool { return c.hole != nil })
			if w.IsLit && !filled {
				return "", false
			}
			v := sc.values(chars, 1)
			if len(v) == 0 || slices.ContainsFunc(v, func(s string) bool { return s == "" || strings.Contains(s, call.Hole) }) {
				return call.Hole, filled // what stands in its place is no name of a folder
			}
			if len(v) == 1 {
				return v[0], true
			}
			differ = differ || list != nil && !slices.Equal(list, v)
			if list = v; differ {
				return call.Hole, filled
			}
			return v[turn], true
		})
	}
	again, err := parse()
	if differ {
		again, err = parse()
		list = nil
	}
	if err != nil {
		return nil, err
	}
	for turn = 1; turn < len(list); turn++ {
		s, err := parse()
		if err != nil {
			return nil, err
		}
		sc.turns = append(sc.turns, s)
	}
	sc.s, sc.known = again, map[string][]string{}
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
		case c.hole != nil, c.exp != nil && sc.holeIn(c.at, c.end) != nil:
			more[0] = call.Hole
		case c.exp != nil:
			more = sc.expansion(c.exp, c.at, depth)
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

// expansion returns what an expansion may be; nil if it is not known. at is where it stands.
func (sc *scene) expansion(e *shell.Piece, at, depth int) []string {
	if depth > 8 {
		return nil
	}
	if sc.outer != nil && e.Name != "" {
		return sc.outer.expansion(e, sc.start, depth)
	}
	switch {
	case e.Name == "":
		return sc.substitution(e.Text, at, depth)
	case e.Name == "0" || e.Name == "BASH_SOURCE":
		switch {
		case sc.t.Self == "" || e.Index != "" && e.Index != "0":
			return nil
		case e.Form == "":
			return []string{path.Join(Root, sc.t.Self, "script")}
		case strings.HasSuffix(e.Text, "%/*}"):
			return []string{path.Join(Root, sc.t.Self)}
		}
		return nil
	case e.Index != "":
		return nil
	case e.Name == "PWD" && e.Form == "" && depth == 0:
		return []string{"."}
	}
	switch e.Form {
	case "", ":-", "-", ":?", "?":
		if v := sc.parameter(e.Name, at, depth); v != nil {
			return v
		}
		return sc.once(e.Name, func() []string { return sc.variable(e.Name, depth) })
	}
	return nil
}

// once works values out that others are made of; those that are made of themselves are not
// known.
func (sc *scene) once(key string, work func() []string) []string {
	v, ok := sc.known[key]
	if !ok {
		sc.known[key] = nil
		v = work()
		sc.known[key] = v
	}
	return v
}

// variable returns the values of a variable that are certain: those that it is assigned, the
// first time whatever happens, or a loop's over words that are known.
func (sc *scene) variable(name string, depth int) []string {
	if !sc.s.Assigned[name] {
		if v, ok := sc.t.Defaults[name]; ok {
			return []string{v}
		}
		if slices.Contains(roots, name) && !sc.s.Opaque {
			return []string{Root}
		}
		return nil
	}
	var out []string
	assigned := 0
	for _, a := range sc.s.Assigns {
		if a.Name != name {
			continue
		}
		assigned++
		always := a.In == 0 || a.In == shell.InFunc && a.Command != nil
		if a.Append || a.Array || assigned == 1 && !always || assigned > 1 && (sc.s.Opaque || a.In&shell.InFunc != 0) {
			return nil
		}
		out = append(out, sc.values(sc.read(a.Value).chars, depth+1)...)
	}
	switch {
	case assigned != sc.s.Given(name) && (assigned > 0 || sc.s.Given(name) != 1):
		return nil
	case assigned > 1 && slices.ContainsFunc(out, func(v string) bool { return strings.Contains(v, call.Hole) }):
		return nil
	case assigned > 0:
		slices.Sort(out)
		return slices.Compact(out)
	}
	for _, l := range sc.s.Loops {
		if l.Name != name {
			continue
		}
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
func (sc *scene) substitution(text string, at, depth int) []string {
	body, ok := substituted(text)
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
	inner := &scene{p: sc.p, t: &Text{Code: body, Dialect: sc.t.Dialect}, s: sc.s, outer: sc, start: at}
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
		return []string{Root}
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
