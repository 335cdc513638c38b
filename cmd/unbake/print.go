package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// mood says whether fixes were only found, are planned, or are made.
type mood uint8

const (
	checked mood = iota
	planned
	made
)

// print writes the findings: text to stderr, JSON to stdout.
func (p *report) print(format, diff string, m mood) error {
	if format == "json" {
		return p.json(diff, m)
	}
	for _, e := range p.Errors {
		fmt.Fprintln(p.stderr, printable(p.error(e)))
	}
	for _, r := range p.Results {
		p.finding(r, m)
	}
	p.summary(m)
	return nil
}

// error is an error with its path as it is typed from here.
func (p *report) error(err error) string {
	var pe *dockerfile.ParseError
	if errors.As(err, &pe) {
		return fmt.Sprintf("%s:%d:%d: %s", p.display(pe.Path), pe.Line, pe.Col, pe.Msg)
	}
	var ye *yamledit.Error
	if errors.As(err, &ye) {
		return fmt.Sprintf("%s:%d:%d: %s", p.display(ye.Path), ye.Line, ye.Col, ye.Msg)
	}
	return fromHere(p.root, err).Error()
}

// printable shows control characters instead of sending them: a file's text and name are not the terminal's to obey.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return '\uFFFD'
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func (p *report) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *report) finding(r rewrite.Result, m mood) {
	w := p.stderr
	message := printable(r.Message)
	if r.Note {
		message = "note: " + message
	}
	fmt.Fprintf(w, "%s: %s %s\n", p.paint("1", fmt.Sprintf("%s:%d:%d", printable(p.display(r.Path)), r.Line, r.Col)), message, p.paint("2", "["+r.Rule.ID+"]"))
	if r.Note {
		return
	}
	number := fmt.Sprint(r.Line)
	before, at, after := clip(r.Source, r.Caret)
	fmt.Fprintf(w, "  %s | %s%s%s\n", number, before, at, after)
	under := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, before)
	fmt.Fprintf(w, "  %s | %s%s\n", strings.Repeat(" ", len(number)), under, p.paint("33", strings.Repeat("^", max(1, utf8.RuneCountInString(at)))))
	switch {
	case r.Fix != nil && r.Outcome == rewrite.Fixed:
		fmt.Fprintf(w, "  %s: %s (%s)\n", p.paint("32", map[mood]string{planned: "fix", made: "fixed"}[m]), printable(r.Fix.Title), r.Fix.Safety)
		p.needs(r.Fix)
	case r.Fix != nil:
		fmt.Fprintf(w, "  %s: %s (%s)\n", p.paint("36", "can be fixed"), printable(r.Fix.Title), r.Fix.Safety)
		p.needs(r.Fix)
	case r.Reason != "":
		fmt.Fprintf(w, "  %s: %s\n", p.paint("33", "left"), printable(r.Reason))
	}
}

// needs tells which callers change along with a fix, and what a person must do.
func (p *report) needs(f *rewrite.Fix) {
	if callers := f.Callers(); len(callers) > 0 {
		const most = 6
		more := ""
		if len(callers) > most {
			more = fmt.Sprintf(" and %d more", len(callers)-most)
			callers = callers[:most]
		}
		fmt.Fprintf(p.stderr, "  with: %s%s\n", printable(strings.Join(callers, ", ")), more)
	}
	if f.Needs != "" {
		for need := range strings.SplitSeq(f.Needs, "; ") {
			fmt.Fprintf(p.stderr, "  you: %s\n", printable(need))
		}
	}
}

// clip cuts a line in three around what is pointed at, and shortens one that no terminal shows.
func clip(s string, caret [2]int) (before, at, after string) {
	const width = 160
	start, end := 0, len(s)
	if len(s) > width {
		start = max(0, caret[0]-40)
		end = max(caret[0], min(len(s), start+width))
	}
	to := min(caret[1], end)
	return printable(s[start:caret[0]]), printable(s[caret[0]:to]), printable(s[to:end])
}

// summary says what became of the findings, how to build now, and what to rotate.
func (p *report) summary(m mood) {
	var found, fixed, left int
	var rotate []string
	seen := map[*rewrite.Fix]bool{}
	for _, r := range p.Results {
		if r.Note {
			continue
		}
		found++
		if r.Outcome != rewrite.Fixed {
			left++
			continue
		}
		fixed++
		if !seen[r.Fix] {
			for _, n := range r.Fix.Rotate {
				if !slices.Contains(rotate, n) {
					rotate = append(rotate, n)
				}
			}
		}
		seen[r.Fix] = true
	}
	w := p.stderr
	switch {
	case found == 0 && len(p.Errors) > 0:
		fmt.Fprintln(w, plural(len(p.Errors), "error"))
	case p.Files == 0:
		fmt.Fprintln(w, "no Dockerfiles and no compose files here")
	case found == 0:
		fmt.Fprintf(w, "no secrets in %s\n", plural(p.Files, "file"))
	case m == checked:
		fmt.Fprintf(w, "%s in %s\n", plural(found, "finding"), plural(p.Files, "file"))
	default:
		fmt.Fprintf(w, "%s in %s: %d %s, %d left\n", plural(found, "finding"), plural(p.Files, "file"), fixed, map[mood]string{planned: "to be fixed", made: "fixed"}[m], left)
	}
	if found > 0 && len(p.Errors) > 0 {
		fmt.Fprintln(w, plural(len(p.Errors), "error"))
	}
	commands := p.commands()
	if len(commands) > 0 {
		fmt.Fprintln(w, "\nbuild with:")
		for _, c := range commands {
			fmt.Fprintf(w, "  %s\n", printable(c))
		}
	}
	if len(rotate) > 0 {
		fmt.Fprintf(w, "\nrotate, whoever could read the repository or the image knows them: %s\n", strings.Join(rotate, ", "))
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// commands returns the build command of each Dockerfile that was changed, with its
// secrets.
func (p *report) commands() []string {
	passes := map[string][]rewrite.Passed{}
	var order []string
	for _, r := range p.Results {
		if r.Outcome != rewrite.Fixed {
			continue
		}
		for _, s := range r.Fix.Passes {
			if !slices.Contains(passes[r.Path], s) {
				passes[r.Path] = append(passes[r.Path], s)
			}
		}
		if len(r.Fix.Passes) > 0 && !slices.Contains(order, r.Path) {
			order = append(order, r.Path)
		}
	}
	var out []string
	project := p.Project()
	for _, f := range order {
		var b strings.Builder
		b.WriteString("docker build")
		for _, s := range passes[f] {
			pass := "id=" + s.ID
			if s.File != "" {
				pass += "," + field("src="+p.typed(s.File))
			}
			b.WriteString(" --secret " + quote(pass))
		}
		dirs, certain := project.Contexts(f)
		if path.Base(f) != "Dockerfile" || path.Dir(f) != dirs[0] {
			b.WriteString(" -f " + quote(p.typed(f)))
		}
		b.WriteString(" " + quote(p.typed(dirs[0])))
		out = append(out, b.String())
		if certain {
			for _, s := range compose.Builders(project.Compose(), f) {
				line := "docker compose -f " + quote(p.typed(s.File.Path)) + " build " + quote(s.Name)
				if s.Build != nil && s.Build.Context != "" && !slices.Contains(out, line) {
					out = append(out, line)
				}
			}
		}
	}
	return out
}

// typed is a path as it is given to a command, where it must not look like a flag.
func (p *report) typed(name string) string {
	d := p.display(name)
	if strings.HasPrefix(d, "-") {
		return "./" + d
	}
	return d
}

// field is a field of docker's comma-separated options.
func field(s string) string {
	if !strings.ContainsAny(s, ",\"") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// quote makes one word of the shell: a command that is printed is pasted.
func quote(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_./,=:@%+-", c)
	}
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !plain(c) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type jsonFinding struct {
	Rule    string   `json:"rule"`
	Path    string   `json:"path"`
	Line    int      `json:"line"`
	Column  int      `json:"column"`
	Secret  string   `json:"secret,omitempty"`
	Message string   `json:"message"`
	Outcome string   `json:"outcome"` // fixed, planned, fixable, left, note
	Reason  string   `json:"reason,omitempty"`
	Fix     *jsonFix `json:"fix,omitempty"`
}

type jsonFix struct {
	Title  string       `json:"title"`
	Safety string       `json:"safety"`
	Needs  string       `json:"needs,omitempty"`
	Passes []jsonSecret `json:"passes,omitempty"`
	Rotate []string     `json:"rotate,omitempty"`
}

type jsonSecret struct {
	ID   string `json:"id"`
	File string `json:"file,omitempty"`
}

type jsonError struct {
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func (p *report) json(diff string, m mood) error {
	out := struct {
		Files    int           `json:"files"`
		Findings []jsonFinding `json:"findings"`
		Errors   []jsonError   `json:"errors"`
		Build    []string      `json:"build"`
		Diff     string        `json:"diff,omitempty"`
	}{Files: p.Files, Findings: []jsonFinding{}, Errors: []jsonError{}, Build: p.commands(), Diff: diff}
	if out.Build == nil {
		out.Build = []string{}
	}
	for _, r := range p.Results {
		f := jsonFinding{Rule: r.Rule.ID, Path: r.Path, Line: r.Line, Column: r.Col, Secret: r.Secret, Message: r.Message, Reason: r.Reason, Outcome: "left"}
		if x := r.Fix; x != nil {
			f.Outcome = "fixable"
			f.Fix = &jsonFix{Title: x.Title, Safety: x.Safety.String(), Needs: x.Needs, Rotate: x.Rotate}
			for _, s := range x.Passes {
				f.Fix.Passes = append(f.Fix.Passes, jsonSecret(s))
			}
		}
		switch {
		case r.Note:
			f.Outcome = "note"
		case r.Outcome == rewrite.Fixed && m == made:
			f.Outcome = "fixed"
		case r.Outcome == rewrite.Fixed:
			f.Outcome = "planned"
		}
		out.Findings = append(out.Findings, f)
	}
	for _, err := range p.Errors {
		out.Errors = append(out.Errors, p.jsonError(err))
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

// jsonError is an error with the place that it names, relative to the root.
func (p *report) jsonError(err error) jsonError {
	var pe *dockerfile.ParseError
	var ye *yamledit.Error
	if errors.As(err, &pe) {
		return jsonError{pe.Path, pe.Line, pe.Col, pe.Msg}
	} else if errors.As(err, &ye) {
		return jsonError{ye.Path, ye.Line, ye.Col, ye.Msg}
	} else if name, rest, ok := split(p.root, err); ok {
		return jsonError{Path: name, Message: rest}
	}
	return jsonError{Message: plain(err)}
}
