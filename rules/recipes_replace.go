package rules

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// replace makes the edits of a recipe's replacement.
func (t *template) replace(how string) ([]shell.TextEdit, bool) {
	c := t.c
	if how == "" || len(c.Args) == 0 || len(c.Assigns) > 0 ||
		slices.ContainsFunc(c.Redirs, func(r shell.Redir) bool { return r.Start < c.Args[0].Start || strings.HasPrefix(r.Op, "<<") }) {
		return nil, false
	}
	words := strings.Fields(how)
	if words[0] == "reset" {
		at := c.Start + len(c.Path)
		return []shell.TextEdit{{Start: at, End: at, New: noHelper}}, true
	}
	if words[0] != "drop" {
		w, ok := t.k.Words[words[1]]
		if _, config := t.k.Words["config"]; !ok || config {
			return nil, false // clone -c stays in the clone's own configuration
		}
		ps, ok := flow.Parts(w.Text)
		if !ok {
			return nil, false
		}
		u, ok := splitURL(ps)
		if !ok {
			return nil, false
		}
		clean := shell.TextEdit{Start: w.Start, End: w.End, New: likeWord(w, u.clean())}
		if words[0] == "strip" {
			return []shell.TextEdit{clean}, true
		}
		at := c.Start + len(c.Path)
		option := ` -c "url.` + flow.Quoted(u.base()) + ".insteadOf=" + flow.Quoted(u.host()) + `"`
		return []shell.TextEdit{{Start: at, End: at, New: option}, clean}, u.forOption()
	}
	return t.drop(words[1:])
}

// noHelper takes back all of git's credential helpers for one command.
const noHelper = " -c credential.helper="

// withoutHelper says a command of git so that it hands nothing to a credential helper.
func (sp *respelled) withoutHelper(c *shell.Command) {
	at := c.Start + len(c.Path)
	for i, e := range sp.Edits {
		if e.Start == at && e.End == at && !strings.HasPrefix(e.New, noHelper) {
			sp.Edits = slices.Clone(sp.Edits)
			sp.Edits[i].New = noHelper + e.New
			sp.Replace = reworded(c, sp.Edits)
		}
	}
}

// likeWord writes parts as a word: bare if the word that they come from is.
func likeWord(w shell.Word, ps []flow.Part) string {
	quoted := flow.Quoted(ps)
	if bare, ok := flow.Parts(quoted); ok && slices.Equal(bare, merged(ps)) && !strings.ContainsAny(w.Text, `"'\`) {
		return quoted
	}
	return `"` + quoted + `"`
}

// merged puts neighbouring literals together.
func merged(ps []flow.Part) []flow.Part {
	var out []flow.Part
	for _, p := range ps {
		if n := len(out); n > 0 && !p.Expands && !out[n-1].Expands {
			out[n-1].Text += p.Text
		} else {
			out = append(out, p)
		}
	}
	return out
}

// drop takes options out of the command: those that hold the named words, and flags.
func (t *template) drop(what []string) ([]shell.TextEdit, bool) {
	c := t.c
	gone := make([]bool, len(c.Args))
	for _, name := range what {
		w, ok := t.k.Words[name]
		for i, a := range c.Args {
			switch {
			case strings.HasPrefix(name, "-"):
				gone[i] = gone[i] || a.Lit == name
			case ok && a.Start == w.Start && i > 0:
				gone[i-1], gone[i] = true, true
			case ok && a.Start < w.Start && w.End <= a.End:
				gone[i] = true
			}
		}
	}
	var edits []shell.TextEdit
	for i, a := range c.Args {
		if !gone[i] {
			continue
		}
		start := c.Start + len(c.Path)
		if i > 0 {
			start = c.Args[i-1].End
		}
		if n := len(edits); n > 0 && edits[n-1].End == start {
			edits[n-1].End = a.End
		} else {
			edits = append(edits, shell.TextEdit{Start: start, End: a.End})
		}
	}
	return edits, len(edits) > 0
}

// reworded is a command with edits, on one line.
func reworded(c *shell.Command, edits []shell.TextEdit) string {
	type item struct {
		start, end int
		text       string
	}
	items := []item{{c.Start, c.Start + len(c.Path), c.Path}}
	for _, a := range c.Args {
		items = append(items, item{a.Start, a.End, a.Text})
	}
	for _, r := range c.Redirs {
		items = append(items, item{r.Start, r.End, r.FD + r.Op + r.Target.Text})
	}
	slices.SortFunc(items, func(a, b item) int { return a.start - b.start })
	var out []string
	for _, it := range items {
		said := it.text
		for _, e := range edits {
			switch {
			case e.Start == e.End && e.Start == it.end:
				said += e.New
			case e.Start <= it.start && it.end <= e.End:
				said = e.New
			}
		}
		if said != "" {
			out = append(out, said)
		}
	}
	return strings.Join(out, " ")
}
