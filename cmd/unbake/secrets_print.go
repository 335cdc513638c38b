package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/unbake-dev/unbake/rewrite/inventory"
)

// secretsReport is an inventory with what printing it needs.
type secretsReport struct {
	*report
	list *inventory.Inventory
	now  time.Time
}

// wrong counts what --check fails for.
func (r *secretsReport) wrong() (n int) {
	for _, s := range r.list.Secrets {
		n += len(s.Problems)
	}
	return n
}

// text is one of ours, as it is printed: without values, and without what a terminal would obey.
func (r *secretsReport) text(s string) string { return printable(r.Masked(s)) }

// at is a line of a file of the project as it is typed from here.
func (r *secretsReport) at(path string, line int) string {
	return fmt.Sprintf("%s:%d", r.display(path), line)
}

// table prints the list to stdout, the rest to stderr.
func (r *secretsReport) table() {
	r.errors()
	rotate := 0
	for _, s := range r.list.Secrets {
		fmt.Fprintln(r.stdout, r.paint("1", r.text(s.ID)))
		row := func(what string, lines []string) {
			for _, l := range lines {
				fmt.Fprintf(r.stdout, "  %-8s %s\n", what, r.text(l))
				what = ""
			}
		}
		readers := r.readers(s)
		if len(readers)+len(s.Services) == 0 {
			readers = []string{"nothing that is seen"}
		}
		row("read by", readers)
		row("builds", r.services(s, true))
		row("runs", r.services(s, false))
		row("value", r.places(s))
		if known := r.git(s); known != "" {
			row("git", []string{known})
		}
		if len(s.Rotate) > 0 {
			rotate++
			fmt.Fprintf(r.stdout, "  %s   %s\n", r.paint("33", "rotate"), r.text(strings.Join(s.Rotate, "; ")))
		}
	}
	r.notes()
	w := r.stderr
	if len(r.list.Secrets) == 0 {
		fmt.Fprintf(w, "no secrets in %s\n", plural(r.Files, "file"))
		return
	}
	fmt.Fprintf(w, "%s in %s, %d to be rotated", plural(len(r.list.Secrets), "secret"), plural(r.Files, "file"), rotate)
	if n := r.wrong(); n > 0 {
		fmt.Fprintf(w, ", %s: unbake secrets --check", plural(n, "problem"))
	}
	fmt.Fprintln(w)
}

// problems prints what is wrong, to stderr.
func (r *secretsReport) problems() {
	r.errors()
	all := r.sorted()
	for _, p := range all {
		fmt.Fprintf(r.stderr, "%s: %s %s\n", r.text(fmt.Sprintf("%s:%d", r.at(p.Path, p.Line), p.Col)), r.text(p.Message), "["+string(p.Fault)+"]")
	}
	r.notes()
	if len(all) == 0 {
		fmt.Fprintf(r.stderr, "nothing is wrong with %s in %s\n", plural(len(r.list.Secrets), "secret"), plural(r.Files, "file"))
		return
	}
	fmt.Fprintf(r.stderr, "%s with %s in %s\n", plural(len(all), "problem"), plural(len(r.list.Secrets), "secret"), plural(r.Files, "file"))
}

// sorted returns all problems in the order of files and lines.
func (r *secretsReport) sorted() []inventory.Problem {
	var all []inventory.Problem
	for _, s := range r.list.Secrets {
		all = append(all, s.Problems...)
	}
	slices.SortStableFunc(all, func(a, b inventory.Problem) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return all
}

func (r *secretsReport) errors() {
	for _, e := range r.Errors {
		fmt.Fprintln(r.stderr, printable(r.error(e)))
	}
}

func (r *secretsReport) notes() {
	for _, n := range r.list.Notes {
		fmt.Fprintln(r.stderr, "note: "+r.text(n))
	}
}

func (r *secretsReport) readers(s *inventory.Secret) (lines []string) {
	for _, x := range s.Readers {
		line := r.at(x.Path, x.Line)
		switch {
		case x.Rule == nil:
			line += " " + x.How
		case x.Fixable:
			line += " not moved: unbake fix [" + x.Rule.ID + "]"
		default:
			line += " not moved: unbake check says why [" + x.Rule.ID + "]"
		}
		lines = append(lines, line)
	}
	return lines
}

func (r *secretsReport) services(s *inventory.Secret, build bool) (lines []string) {
	for _, x := range s.Services {
		if x.Build != build {
			continue
		}
		line := x.Name + " (" + r.at(x.Path, x.Line) + ")"
		if x.As != s.ID {
			line += " as " + x.As
		}
		lines = append(lines, line)
	}
	return lines
}

func (r *secretsReport) places(s *inventory.Secret) (lines []string) {
	for _, p := range s.Places {
		var line string
		switch p.Kind {
		case inventory.InFile:
			line = r.display(p.Path)
		case inventory.InLine, inventory.InText:
			line = r.at(p.Path, p.Line)
		case inventory.InVariable:
			line = "the variable " + p.Name
		case inventory.Outside:
			line = p.Path + ", outside of the project"
		case inventory.External:
			line = p.Name + ", a secret of the engine"
		case inventory.Unread:
			line = "not looked at"
		}
		switch {
		case p.Missing != "":
			line += " " + p.Missing
		case !p.Modified.IsZero():
			line += ", " + r.age(p.Modified)
		}
		lines = append(lines, line)
	}
	return lines
}

// age is the age of a file's last change.
func (r *secretsReport) age(t time.Time) string {
	switch n := inventory.Days(r.now.Sub(t)); n {
	case 0:
		return "of today"
	default:
		return plural(n, "day") + " old"
	}
}

func (r *secretsReport) git(s *inventory.Secret) string {
	switch s.Git {
	case inventory.GitClean:
		return "does not know it"
	case inventory.GitKeeps:
		return "has it in an object that no branch leads to"
	case inventory.GitKnows:
		where := "its message"
		if s.First.Path != "" {
			where = fmt.Sprintf("%s:%d", s.First.Path, s.First.Line)
		}
		return fmt.Sprintf("since %s, commit %.12s, %s", s.First.Time.UTC().Format(time.DateOnly), s.First.Commit, where)
	}
	return ""
}

type jsonSecretItem struct {
	ID       string              `json:"id"`
	Readers  []jsonReader        `json:"readers"`
	Services []jsonService       `json:"services"`
	Values   []jsonPlace         `json:"values"`
	Git      *jsonGit            `json:"git,omitempty"` // not there: git was not asked
	Rotate   []string            `json:"rotate"`
	Problems []jsonSecretProblem `json:"problems"`
}

type jsonReader struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	How  string `json:"how,omitempty"`
	Rule string `json:"rule,omitempty"` // of a secret that is not moved yet
}

type jsonService struct {
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Service string `json:"service"`
	When    string `json:"when"` // build, run
	As      string `json:"as"`
}

type jsonPlace struct {
	Kind     string     `json:"kind"` // file, line, variable, text, outside, external, unread
	Path     string     `json:"path,omitempty"`
	Line     int        `json:"line,omitempty"`
	Name     string     `json:"name,omitempty"`
	Missing  string     `json:"missing,omitempty"`
	Tracked  bool       `json:"tracked,omitempty"`
	Modified *time.Time `json:"modified,omitempty"`
}

type jsonGit struct {
	Known  bool       `json:"known"`
	Commit string     `json:"commit,omitempty"` // none: no branch leads to it
	Time   *time.Time `json:"time,omitempty"`
	Path   string     `json:"path,omitempty"` // none: the commit's message
	Line   int        `json:"line,omitempty"`
}

type jsonSecretProblem struct {
	Problem string `json:"problem"` // missing, tracked, context, old, baked
	Path    string `json:"path"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// json writes all there is, whether anything is wrong or not; paths are relative to the root.
func (r *secretsReport) json() error {
	out := struct {
		Files   int              `json:"files"`
		Secrets []jsonSecretItem `json:"secrets"`
		Notes   []string         `json:"notes"`
		Errors  []jsonError      `json:"errors"`
	}{r.Files, []jsonSecretItem{}, append([]string{}, r.list.Notes...), []jsonError{}}
	for _, s := range r.list.Secrets {
		x := jsonSecretItem{ID: r.Masked(s.ID), Readers: []jsonReader{}, Services: []jsonService{}, Values: []jsonPlace{}, Rotate: append([]string{}, s.Rotate...), Problems: []jsonSecretProblem{}}
		for _, d := range s.Readers {
			j := jsonReader{Path: r.Masked(d.Path), Line: d.Line, How: r.Masked(d.How)}
			if d.Rule != nil {
				j.Rule = d.Rule.ID
			}
			x.Readers = append(x.Readers, j)
		}
		for _, v := range s.Services {
			when := "run"
			if v.Build {
				when = "build"
			}
			x.Services = append(x.Services, jsonService{r.Masked(v.Path), v.Line, r.Masked(v.Name), when, r.Masked(v.As)})
		}
		for _, p := range s.Places {
			j := jsonPlace{Kind: p.Kind.String(), Path: r.Masked(p.Path), Line: p.Line, Name: r.Masked(p.Name), Missing: p.Missing, Tracked: p.Tracked}
			if !p.Modified.IsZero() {
				t := p.Modified.UTC()
				j.Modified = &t
			}
			x.Values = append(x.Values, j)
		}
		if s.Git != inventory.GitUnasked {
			x.Git = &jsonGit{Known: s.Git != inventory.GitClean}
			if s.Git == inventory.GitKnows {
				t := s.First.Time.UTC()
				x.Git = &jsonGit{true, s.First.Commit, &t, r.Masked(s.First.Path), s.First.Line}
			}
		}
		for _, p := range s.Problems {
			x.Problems = append(x.Problems, jsonSecretProblem{string(p.Fault), r.Masked(p.Path), p.Line, p.Col, r.Masked(p.Message)})
		}
		out.Secrets = append(out.Secrets, x)
	}
	for _, err := range r.Errors {
		out.Errors = append(out.Errors, r.jsonError(err))
	}
	enc := json.NewEncoder(r.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
