package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/unbake-dev/unbake/rewrite/verify"
)

func (v *verification) paint(code, s string) string {
	if !v.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const (
	shownDifferences = 10
	shownPlaces      = 4
)

// table prints what was compared and what came of it.
func (v *verification) table(r *verify.Report) {
	fmt.Fprintf(v.stdout, "%s  before %s, after the working tree\n", v.paint("1", printable(v.name(r.Job))), printable(r.From))
	width := len("verdict")
	for _, s := range r.Secrets {
		width = max(width, utf8.RuneCountInString(printable(s.ID)))
	}
	row := func(what, text string) {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(what))
		fmt.Fprintf(v.stdout, "  %s%s  %s\n", what, pad, text)
	}
	compared := func(what string, c *verify.Comparison) {
		if c == nil {
			return
		}
		state := "equal"
		if n := len(c.Differences); n > 0 {
			state = v.paint("31", plural(n, "difference"))
		}
		if len(c.Less) > 0 {
			state += " (less " + printable(few(c.Less, shownDifferences)) + ")"
		}
		row(what, fmt.Sprintf("%d compared, %s", c.Compared, state))
		for i, d := range c.Differences {
			if i == shownDifferences {
				row("", fmt.Sprintf("  and %d more", len(c.Differences)-i))
				break
			}
			row("", fmt.Sprintf("  %s: %s", printable(d.What), printable(d.How)))
		}
		if len(c.Varying) > 0 {
			row("", "  different in two builds of the old file too: "+printable(few(c.Varying, shownDifferences)))
		}
	}
	compared("files", r.Files)
	compared("config", r.Config)
	if r.Files != nil {
		for _, s := range r.Secrets {
			row(printable(s.ID), v.secret(s))
		}
	}
	row("verdict", v.verdict(r))
	if r.Failed != "" {
		for line := range strings.SplitSeq(strings.TrimSpace(r.Failed), "\n") {
			fmt.Fprintf(v.stderr, "  %s\n", printable(line))
		}
		for _, line := range r.Log {
			fmt.Fprintf(v.stderr, "  | %s\n", printable(line))
		}
	}
}

func (v *verification) secret(s *verify.Secret) string {
	if !s.Searched {
		return "not searched for: too common a value, from " + printable(s.From)
	}
	where := func(places []string) string {
		if len(places) == 0 {
			return "nowhere"
		}
		return printable(few(places, shownPlaces))
	}
	text := fmt.Sprintf("before: %s; after: ", where(s.Before))
	if len(s.After) > 0 {
		text += v.paint("31", where(s.After))
	} else {
		text += "nowhere"
	}
	if s.Logged {
		text += ", but the build prints it"
	}
	return text + " (" + printable(s.From) + ")"
}

func (v *verification) verdict(r *verify.Report) string {
	switch r.Verdict {
	case verify.Same:
		if len(r.Secrets) == 0 {
			return v.paint("32", "the same image")
		}
		return v.paint("32", "the same image, without the "+strings.TrimPrefix(plural(len(r.Secrets), "secret"), "1 "))
	case verify.Different:
		return v.paint("31", "another image")
	case verify.Leaking:
		return v.paint("31", "the secret is in the image")
	case verify.Broken:
		return v.paint("31", "the new file does not build")
	}
	text := "cannot be compared: the old file does not build"
	for _, s := range r.Secrets {
		if s.From == verify.FromCanary {
			return v.paint("31", text+" (with a canary for "+printable(s.ID)+": give the real value with --secret id="+printable(s.ID)+")")
		}
	}
	return v.paint("31", text)
}

// few lists the first n.
func few(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}

// progressLine is one line on a terminal that says how far the builds are.
type progressLine struct {
	w     io.Writer
	name  string
	mu    sync.Mutex
	shown bool
}

func (p *progressLine) step(s verify.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("%s %s", printable(p.name), s.Build)
	if s.All > 0 {
		line += fmt.Sprintf(": %d of %d, %ds  %s", s.Done, s.All, int(time.Since(s.Since).Seconds()), printable(s.Name))
	}
	width := 80
	if f, ok := p.w.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			width = w
		}
	}
	if runes := []rune(line); len(runes) >= width {
		line = string(runes[:max(0, width-2)]) + "…"
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	p.shown = true
}

func (p *progressLine) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

type jsonReport struct {
	Path    string           `json:"path"`
	Service string           `json:"service,omitempty"`
	Target  string           `json:"target,omitempty"`
	Before  string           `json:"before"`
	Verdict string           `json:"verdict"` // same, different, leaking, broken, unproven
	Files   *jsonComparison  `json:"files,omitempty"`
	Config  *jsonComparison  `json:"config,omitempty"`
	Secrets []jsonSecretSeen `json:"secrets"`
	Failed  string           `json:"failed,omitempty"`
	Log     []string         `json:"log,omitempty"`
}

type jsonComparison struct {
	Compared    int              `json:"compared"`
	Differences []jsonDifference `json:"differences"`
	Less        []string         `json:"less"`
	Varying     []string         `json:"varying"`
}

type jsonDifference struct {
	What string `json:"what"`
	How  string `json:"how"`
}

type jsonSecretSeen struct {
	ID       string   `json:"id"`
	From     string   `json:"from"`
	Searched bool     `json:"searched"`
	Before   []string `json:"before"`
	After    []string `json:"after"`
	Logged   bool     `json:"logged"`
}

func (v *verification) json() error {
	comparison := func(c *verify.Comparison) *jsonComparison {
		if c == nil {
			return nil
		}
		out := &jsonComparison{Compared: c.Compared, Differences: []jsonDifference{}, Less: list(c.Less), Varying: list(c.Varying)}
		for _, d := range c.Differences {
			out.Differences = append(out.Differences, jsonDifference(d))
		}
		return out
	}
	out := []jsonReport{}
	for _, r := range v.reports {
		j := jsonReport{
			Path: r.Path, Service: r.Service, Target: r.Target, Before: r.From, Verdict: r.Verdict.String(),
			Files: comparison(r.Files), Config: comparison(r.Config), Secrets: []jsonSecretSeen{}, Failed: r.Failed, Log: r.Log,
		}
		for _, s := range r.Secrets {
			j.Secrets = append(j.Secrets, jsonSecretSeen{s.ID, s.From, s.Searched, list(s.Before), list(s.After), s.Logged})
		}
		out = append(out, j)
	}
	enc := json.NewEncoder(v.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Images []jsonReport `json:"images"`
	}{out})
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
