package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
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
		fmt.Fprintf(p.stderr, "%s\n", p.error(e))
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
	return err.Error()
}

func (p *report) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *report) finding(r rewrite.Result, m mood) {
	w := p.stderr
	message := r.Message
	if r.Note {
		message = "note: " + message
	}
	fmt.Fprintf(w, "%s: %s %s\n", p.paint("1", fmt.Sprintf("%s:%d:%d", p.display(r.Path), r.Line, r.Col)), message, p.paint("2", "["+r.Rule.ID+"]"))
	if r.Note {
		return
	}
	number := fmt.Sprint(r.Line)
	source, from, to := clip(r.Source, r.Caret)
	fmt.Fprintf(w, "  %s | %s\n", number, source)
	under := strings.Map(func(c rune) rune {
		if c == '\t' {
			return c
		}
		return ' '
	}, source[:from])
	fmt.Fprintf(w, "  %s | %s%s\n", strings.Repeat(" ", len(number)), under, p.paint("33", strings.Repeat("^", max(1, len([]rune(source[from:to]))))))
	switch {
	case r.Fix != nil && r.Outcome == rewrite.Fixed:
		fmt.Fprintf(w, "  %s: %s (%s)\n", p.paint("32", map[mood]string{planned: "fix", made: "fixed"}[m]), r.Fix.Title, r.Fix.Safety)
		p.needs(r.Fix)
	case r.Fix != nil:
		fmt.Fprintf(w, "  %s: %s (%s)\n", p.paint("36", "can be fixed"), r.Fix.Title, r.Fix.Safety)
		p.needs(r.Fix)
	case r.Reason != "":
		fmt.Fprintf(w, "  %s: %s\n", p.paint("33", "left"), r.Reason)
	}
}

func (p *report) needs(f *rewrite.Fix) {
	if f.Needs != "" {
		for need := range strings.SplitSeq(f.Needs, "; ") {
			fmt.Fprintf(p.stderr, "  you: %s\n", need)
		}
	}
}

// clip shortens a line that no terminal shows, around what is pointed at.
func clip(s string, caret [2]int) (line string, from, to int) {
	const width = 160
	from, to = caret[0], caret[1]
	if len(s) <= width {
		return s, from, to
	}
	start := max(0, from-40)
	end := min(len(s), start+width)
	return strings.ToValidUTF8(s[start:end], "?"), from - start, max(from-start, min(to, end)-start)
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
	case p.Files == 0:
		fmt.Fprintln(w, "no Dockerfiles here")
	case found == 0 && len(p.Errors) == 0:
		fmt.Fprintf(w, "no secrets in %s\n", plural(p.Files, "Dockerfile"))
	case m == checked:
		fmt.Fprintf(w, "%s in %s\n", plural(found, "finding"), plural(p.Files, "Dockerfile"))
	default:
		fmt.Fprintf(w, "%s in %s: %d %s, %d left\n", plural(found, "finding"), plural(p.Files, "Dockerfile"), fixed, map[mood]string{planned: "to be fixed", made: "fixed"}[m], left)
	}
	commands := p.commands()
	if len(commands) > 0 {
		fmt.Fprintln(w, "\nbuild with:")
		for _, c := range commands {
			fmt.Fprintf(w, "  %s\n", c)
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
			b.WriteString(" --secret id=" + s.ID)
			if s.File != "" {
				b.WriteString(",src=" + p.display(s.File))
			}
		}
		dirs, certain := project.Contexts(f)
		if path.Base(f) != "Dockerfile" || path.Dir(f) != dirs[0] {
			b.WriteString(" -f " + p.display(f))
		}
		b.WriteString(" " + p.display(dirs[0]))
		out = append(out, b.String())
		if certain {
			for _, s := range compose.Builders(project.Compose(), f) {
				line := "docker compose -f " + p.display(s.File.Path) + " build " + s.Name
				if s.Build != nil && s.Build.Context != "" && !slices.Contains(out, line) {
					out = append(out, line)
				}
			}
		}
	}
	return out
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
		e := jsonError{Message: err.Error()}
		var pe *dockerfile.ParseError
		if errors.As(err, &pe) {
			e = jsonError{pe.Path, pe.Line, pe.Col, pe.Msg}
		}
		out.Errors = append(out.Errors, e)
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

var _ io.Writer = io.Discard
