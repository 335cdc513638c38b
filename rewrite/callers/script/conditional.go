package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// ifSet returns the words of ${T:+--build-arg T=$T}, which are there if T is set.
func (sc *scene) ifSet(w word) ([]word, bool) {
	e := w.alone()
	if e == nil || e.Form != ":+" && e.Form != "+" || !validName(e.Name) || e.Index != "" || w.chars[0].quote != "" || sc.holeIn(w.start, w.end) != nil {
		return nil, false
	}
	if !strings.HasSuffix(e.Text, e.Param+"}") {
		return nil, false
	}
	// The words of a command are read as these are.
	const program = "x "
	start := w.chars[0].end - 1 - len(e.Param) - len(program)
	s, err := shell.Parse(program+e.Param, sc.t.Dialect)
	if err != nil || len(s.Commands) == 0 || s.Commands[0].End != len(s.Text) || len(s.Commands[0].Redirs) > 0 || len(s.Comments) > 0 {
		return nil, false
	}
	for _, c := range s.Commands[1:] {
		if c.In&shell.InSubst == 0 {
			return nil, false
		}
	}
	var out []word
	for _, a := range s.Commands[0].Args {
		a.Start, a.End = a.Start+start, a.End+start
		x := sc.read(a)
		x.when = e
		out = append(out, x)
	}
	return out, len(out) > 0
}

// labels are options that say nothing of what is built, nor with what.
var labels = []string{"-t", "--tag", "--label", "--annotation", "--cache-from", "--cache-to", "--platform"}

// labelsOnly reports whether a word becomes nothing, or options that do not matter here:
// `# a comment`, $(printf -- '-t %s ' "$@").
func (sc *scene) labelsOnly(w word) bool {
	e := w.alone()
	if e == nil || w.chars[0].quote != "" {
		return false
	}
	text := e.Text
	if validName(e.Name) && e.Form == "" && e.Index == "" && sc.s.Given(e.Name) == 1 {
		text = sc.madeBy(e.Name)
	} else if e.Name != "" {
		return false
	}
	body, ok := substituted(text)
	if !ok {
		return false
	}
	s, err := shell.Parse(body, sc.t.Dialect)
	switch {
	case err != nil || len(s.Assigns) > 0:
		return false
	case len(s.Commands) == 0:
		return true
	case len(s.Commands) > 1 || s.Commands[0].Path != "printf":
		return false
	}
	return formatsLabels(s.Commands[0].Args)
}

// madeBy returns the substitution that a variable is assigned, or the printf -v that sets it.
func (sc *scene) madeBy(name string) string {
	for _, a := range sc.s.Assigns {
		if a.Name == name && !a.Append && !a.Array {
			return strings.Trim(a.Value.Text, `"`)
		}
	}
	for _, c := range sc.s.Commands {
		if c.Path == "printf" && len(c.Args) > 2 && c.Args[0].Lit == "-v" && c.Args[1].Lit == name {
			return "$(printf " + sc.t.Code[c.Args[2].Start:c.Args[len(c.Args)-1].End] + ")"
		}
	}
	return ""
}

// formatsLabels reports whether printf writes such options, each with its value.
func formatsLabels(args []shell.Word) bool {
	if len(args) > 0 && args[0].Lit == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return false
	}
	format := strings.Fields(strings.Trim(args[0].Text, `"'`))
	for i := 0; i < len(format); i++ {
		name, _, joined := strings.Cut(format[i], "=")
		if !slices.Contains(labels, name) {
			return false
		}
		if !joined {
			if i++; i == len(format) || strings.HasPrefix(format[i], "-") {
				return false
			}
		}
	}
	return len(format) > 0
}

// substituted returns the script of $(…) or `…`.
func substituted(text string) (string, bool) {
	body, ok := strings.CutPrefix(text, "$(")
	if ok {
		return strings.CutSuffix(body, ")")
	}
	if body, ok = strings.CutPrefix(text, "`"); ok {
		if body, ok = strings.CutSuffix(body, "`"); strings.Contains(body, `\`) {
			return "", false
		}
	}
	return body, ok
}

// sometimes reports whether a word may be missing where the command runs, or another one.
func (sc *scene) sometimes(w word, c *shell.Command) bool {
	if w.when != nil {
		return true
	}
	if w.from == nil {
		return false
	}
	const maybe = shell.InBranch | shell.InCase | shell.InLoop | shell.AndRight | shell.OrRight
	set := 0
	for _, a := range sc.s.Assigns {
		if a.Name != w.from.Name {
			continue
		}
		if a.In&maybe&^c.In != 0 && a.Start == w.from.Start {
			return true
		}
		grows := a.Append || slices.ContainsFunc(sc.s.UsesOf(a.Name), func(u shell.Use) bool { return u.Start >= a.Start && u.End <= a.End })
		if !grows {
			set++
		}
	}
	return set > 1
}
