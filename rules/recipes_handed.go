package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// handed returns the commands that give a tool its key in another RUN: the one that writes
// the file, those that set its mode, the tool's own (text), and the removal of the file.
// Where the RUN that has them does not need them any more they are taken out.
func (m *relocation) handed(w *flow.Written, v flow.Write, text string) ([]string, string) {
	h := v.Kept.Handed
	unclear := fmt.Sprintf("line %d: %s is given it in %s, which cannot go along with certainty", v.In.Line, v.Command.Program, h.Name)
	if len(h.Gone) != 1 || !path.IsAbs(h.Name) || v.Command.In&shell.InBranch != 0 {
		return nil, unclear
	}
	var texts []string
	add := func(commands ...*shell.Command) bool {
		for _, c := range commands {
			d, ok := v.Run.Script.Detach(c)
			if !ok || d.Dir != "" {
				return false
			}
			texts = append(texts, d.Text)
		}
		return true
	}
	ok := add(h.Command) && add(h.Along...)
	texts = append(texts, text)
	ok = ok && add(h.Gone...)
	// What else names the file would stay without it.
	name := path.Base(h.Name)
	if !ok || strings.Count(strings.Join(texts, "\n"), name) != strings.Count(v.Run.Script.Text, name) {
		return nil, unclear
	}
	if slices.ContainsFunc(w.Readers, func(rd flow.FileReader) bool { return rd.In == v.In }) {
		return texts, ""
	}
	return texts, m.takeOut(v.Run, slices.Concat([]*shell.Command{h.Command}, h.Along, h.Gone))
}
