package rules

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/service"
	"github.com/unbake-dev/unbake/rules/detect"
)

// harden offers the file form for variables that come from outside already: docker inspect shows them, and every process of the container
// has them. They are no leak, so it is asked for.
func harden(p *rewrite.Pass, files []*compose.File) {
	for _, s := range p.Compose.Services {
		for _, t := range s.Texts {
			if p.Enough() {
				return
			}
			from := variableOf(t)
			if t.Start < 0 || t.Where != compose.InEnvironment || from == "" || detect.Name(t.Name) != detect.Secret {
				continue
			}
			x := service.Place{Service: s, Text: t, Kind: service.Whole, End: len(t.Value), Name: from}
			var c composition
			g, reason := give(p, giving{name: from, from: from, files: files, places: []service.Place{x}}, &c)
			if reason != "" || g.forms[s] != byImageFile {
				continue
			}
			f := rewrite.Finding{Secret: t.Name, Key: "harden " + s.Name + " " + t.Name, Message: t.Name + " of the service " + s.Name + " is in the container's environment, and its image reads a file"}
			f.Start, f.End = labelOf(x)
			changes, reason := c.changes()
			if reason != "" {
				continue
			}
			if !strings.Contains(t.Value, "?") {
				g.needs = append(g.needs, "without "+from+" the project does not start: before, the variable was empty")
			}
			f.Fix = &rewrite.Fix{Title: strings.Join(g.said, ", "), Safety: rewrite.Review, Changes: changes, Needs: strings.Join(g.needs, "; ")}
			p.Report(f)
		}
	}
}

// variableOf returns the variable that a text is, and nothing else: $NAME, ${NAME}, ${NAME:?…} or a name that is handed on.
func variableOf(t compose.Text) string {
	if !t.HasValue {
		return ""
	}
	names := compose.Variables(t.Value)
	if len(names) != 1 {
		return ""
	}
	name := names[0]
	rest, ok := strings.CutPrefix(t.Value, "${"+name)
	if t.Value == "$"+name || ok && rest == "}" || ok && strings.HasSuffix(rest, "}") && strings.Count(rest, "}") == 1 &&
		slices.ContainsFunc([]string{":?", "?"}, func(op string) bool { return strings.HasPrefix(rest, op) }) {
		return name
	}
	return ""
}
