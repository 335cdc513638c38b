package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/service"
	"github.com/unbake-dev/unbake/rules/detect"
)

// secretCompose moves literals out of compose files.
var secretCompose = &rewrite.Rule{
	ID:    "secret-compose",
	Title: "a secret stands in a compose file",
	Doc: `A literal in the environment, the command, the health check or the labels of a service is known to everyone who can
read the file, and git keeps it for good.

The fix takes it out. Where the image is known to read the variable from a file (POSTGRES_PASSWORD_FILE and its like),
and nothing else in the container reads the variable, the value moves to the secrets folder beside the compose file and
the service gets it as a compose secret. Everywhere else ${NAME:?} takes its place, and the value moves to the .env of
the project, which git and docker are told to ignore; of a URL only the password moves. The same value in several
places, of several services and files that are used together, is one secret and one fix.

Safe where only variables are put in: the containers get what they got before. Review where a container starts in
another way, and where the value is one that everybody guesses. Left alone, with the reason, where git has the .env,
where the .env is the env_file of another service, and where the file cannot be edited with certainty. A placeholder is
a note: whoever uses the file fills it in. An empty value is a contract, and ${NAME} is no leak.

Standards: CWE-798, CWE-256, OWASP Docker Top 10 D06.`,
	Examples: []rewrite.Example{
		{
			Name: "an image that reads a file",
			Before: `-- compose.yaml --
services:
  db:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: pw-c4n4ry-EXAMPLE-7Qm2x
`,
			After: `-- .gitignore --
/secrets/
-- compose.yaml --
services:
  db:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/POSTGRES_PASSWORD
    secrets:
      - POSTGRES_PASSWORD

secrets:
  POSTGRES_PASSWORD:
    file: ./secrets/POSTGRES_PASSWORD
-- secrets/POSTGRES_PASSWORD --
pw-c4n4ry-EXAMPLE-7Qm2x
`,
		},
		{
			Name: "the password of a URL",
			Before: `-- compose.yaml --
services:
  web:
    image: registry.example.com/web:3
    environment:
      - DATABASE_URL=postgres://web:pw-c4n4ry-EXAMPLE-7Qm2x@db.example.com/web
`,
			After: `-- .env --
DATABASE_PASSWORD='pw-c4n4ry-EXAMPLE-7Qm2x'
-- .gitignore --
/.env
-- compose.yaml --
services:
  web:
    image: registry.example.com/web:3
    environment:
      - DATABASE_URL=postgres://web:${DATABASE_PASSWORD:?}@db.example.com/web
`,
		},
		{
			Name: "a placeholder: left alone",
			Before: `-- compose.yaml --
services:
  web:
    image: registry.example.com/web:3
    environment:
      API_TOKEN: <your token>
`,
		},
	},
	RunCompose: func(p *rewrite.Pass) {
		files := projectOf(p)
		for _, s := range service.Find(files) {
			if p.Enough() {
				return
			}
			if owner(s, files) == p.Compose {
				reportCompose(p, s, files)
			}
		}
		if p.Harden {
			harden(p, files)
		}
	},
}

// projectOf returns the files that are used with the one that is looked at, itself among them, as far as they can be read.
func projectOf(p *rewrite.Pass) []*compose.File {
	for _, group := range compose.Together(p.Workspace.Project().Compose()) {
		if slices.Contains(group, p.Compose) {
			return slices.DeleteFunc(slices.Clone(group), func(f *compose.File) bool { return f.Err != nil })
		}
	}
	return []*compose.File{p.Compose}
}

// owner is the file that a secret is reported of: the first that holds it and is looked at by itself, or the first of the project that is.
func owner(s *service.Secret, files []*compose.File) *compose.File {
	for _, x := range s.Places {
		if compose.IsComposeFile(path.Base(x.Service.File.Path)) {
			return x.Service.File
		}
	}
	for _, f := range files {
		if compose.IsComposeFile(path.Base(f.Path)) {
			return f
		}
	}
	return files[0]
}

func reportCompose(p *rewrite.Pass, s *service.Secret, files []*compose.File) {
	first := s.Places[max(0, slices.IndexFunc(s.Places, func(x service.Place) bool { return x.Service.File == p.Compose }))]
	f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: inCompose(s, first)}
	if first.Service.File == p.Compose {
		f.Start, f.End = labelOf(first)
	} else {
		f.Start = bringsIn(p.Compose, first)
		f.End = f.Start
	}
	for _, x := range s.Places {
		f.Literals = append(f.Literals, hiding(x, s))
	}
	if s.Class == detect.Placeholder {
		f.Note = true
		p.Report(f)
		return
	}
	f.Fix, f.Reason = moveOut(p, s, files)
	p.Report(f)
}

// bringsIn is where a file brings a text in that stands in another: an extends, or its beginning.
func bringsIn(f *compose.File, x service.Place) int {
	for _, s := range f.Services {
		for _, t := range s.Texts {
			if t.Start >= 0 || t.Where != x.Text.Where || t.Name != x.Text.Name || t.Line < 1 {
				continue
			}
			at := 0
			for n := 1; n < t.Line; n++ {
				at += strings.IndexByte(string(f.Src[at:]), '\n') + 1
			}
			return min(at+max(t.Col-1, 0), len(f.Src))
		}
	}
	return 0
}

// hiding is what must not be shown of a place: the value as each kind of file writes it, and what is written for it behind the text before it.
func hiding(x service.Place, s *service.Secret) rewrite.Literal {
	text := x.Text.Value[x.Start:x.End]
	forms := []string{text, strings.ReplaceAll(text, "'", "''"), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)}
	texts := append(slices.Clone(forms), strings.ReplaceAll(s.Value.Reveal(), "'", `\'`))
	src := x.Service.File.Src
	if x.Text.Start < 0 || x.Text.End > len(src) {
		return rewrite.NewLiteral(s.Name, s.Value.Reveal(), s.Class < detect.Ordinary, texts...)
	}
	var behind [][2]string
	for i, form := range forms {
		if slices.Contains(forms[:i], form) {
			continue
		}
		for at := x.Text.Start; ; at += len(form) {
			i := strings.Index(string(src[at:x.Text.End]), form)
			if i < 0 {
				break
			}
			at += i
			line := strings.LastIndexByte(string(src[:at]), '\n') + 1
			if before := strings.TrimLeft(string(src[line:at]), " \t"); before != "" {
				behind = append(behind, [2]string{before, form})
			}
		}
	}
	if len(behind) == 0 { // other escapes, or lines of a block: all of the scalar
		raw := string(src[x.Text.Start:x.Text.End])
		if _, value, ok := strings.Cut(raw, "="); x.Text.Item && x.Text.Name != "" && ok {
			raw = value
		}
		texts = append(texts, raw)
	}
	l := rewrite.NewLiteral(s.Name, s.Value.Reveal(), s.Class < detect.Ordinary, texts...)
	for _, b := range behind {
		l = l.Behind(b[0], b[1])
	}
	return l
}

// inCompose says where the literal stands.
func inCompose(s *service.Secret, first service.Place) string {
	what := "a literal"
	switch s.Class {
	case detect.Placeholder:
		return nameAt(first, s) + " is a placeholder: whoever uses the file fills it in"
	case detect.Weak:
		what = "a weak literal"
	}
	text := nameAt(first, s) + " is " + what
	if first.Default != "" {
		text = nameAt(first, s) + " has a secret as its default"
	}
	var others []string
	for _, x := range s.Places {
		where := at(x.Service.File.Path, x.Text.Line)
		if x.Service.File == first.Service.File {
			where = fmt.Sprintf("line %d", x.Text.Line)
		}
		if !slices.Contains(others, where) && (x.Text.Start != first.Text.Start || x.Service.File != first.Service.File) {
			others = append(others, where)
		}
	}
	switch {
	case len(others) > 3:
		text += fmt.Sprintf(", which stands in %d other places too", len(others))
	case len(others) > 0:
		text += ", which stands in " + strings.Join(others, " and ") + " too"
	}
	return text
}

// nameAt is a place as messages name it.
func nameAt(x service.Place, s *service.Secret) string {
	of := " of the service " + x.Service.Name
	switch x.Text.Where {
	case compose.InEnvironment:
		if x.Kind == service.Credential {
			return "a credential in " + x.Text.Name + of
		}
		return x.Text.Name + of
	case compose.InLabels:
		return "the label " + x.Text.Name + of
	case compose.InHealthcheck:
		return s.Name + " in the health check" + of
	}
	return s.Name + " in the " + x.Text.Where.String() + of
}

// labelOf is what the carets of a finding stand under: the name of the variable. Of what has none, nothing: the whole line.
func labelOf(x service.Place) (start, end int) {
	src := x.Service.File.Src
	if x.Text.Start < 0 || x.Text.Name == "" {
		return max(x.Text.Start, 0), max(x.Text.Start, 0)
	}
	line := strings.LastIndexByte(string(src[:x.Text.Start]), '\n') + 1
	to := x.Text.End
	if !x.Text.Item {
		to = x.Text.Start
	}
	if i := strings.LastIndex(string(src[line:min(to, len(src))]), x.Text.Name); i >= 0 && !x.Text.Item {
		return line + i, line + i + len(x.Text.Name)
	}
	if i := strings.Index(string(src[line:min(to, len(src))]), x.Text.Name); i >= 0 {
		return line + i, line + i + len(x.Text.Name)
	}
	return x.Text.Start, x.Text.Start
}

// moveOut returns the fix that takes a literal out of the compose files, or the reason why there is none.
func moveOut(p *rewrite.Pass, s *service.Secret, files []*compose.File) (*rewrite.Fix, string) {
	for _, f := range p.Workspace.Project().Compose() {
		if f.Err != nil && path.Dir(f.Path) == path.Dir(p.Compose.Path) && strings.Contains(string(f.Src), s.Value.Reveal()) {
			return nil, f.Path + " may hold it too and cannot be read"
		}
	}
	for _, x := range s.Places {
		if x.Pieces {
			return nil, at(x.Service.File.Path, x.Text.Line) + " writes it in pieces, with quotes or backslashes in between: write it as one word first"
		}
	}
	var composed []rewrite.Change
	var reason string
	asked := giving{name: s.Name, value: s.Value, files: files, places: s.Places}
	var g *gift
	for {
		var c composition
		if g, reason = give(p, asked, &c); reason != "" {
			return nil, reason
		}
		if composed, reason = c.changes(); reason == "" {
			break
		}
		if asked.plain || !g.files() {
			return nil, reason
		}
		asked.plain = true // the file cannot be given the secret with certainty: a variable may still do
	}
	fix := &rewrite.Fix{Title: strings.Join(g.said, ", "), Safety: g.safety, Changes: append(g.changes, composed...)}
	if why := linked(p.Workspace, fix.Changes); why != "" {
		return nil, why
	}
	needs := g.needs
	if s.Class >= detect.Ordinary {
		fix.Rotate = []string{s.Name}
	} else {
		fix.Safety = min(fix.Safety, rewrite.Review)
		needs = append(needs, "it is a value that everybody guesses: choose another")
	}
	fix.Needs = strings.Join(needs, "; ")
	return fix, ""
}
