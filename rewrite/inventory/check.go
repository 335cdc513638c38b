package inventory

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Fault is what can be wrong with a secret.
type Fault string

const (
	Missing Fault = "missing" // something asks for a value that is nowhere
	Tracked Fault = "tracked" // git has the file that it is in
	Context Fault = "context" // a build can copy the file that it is in
	Old     Fault = "old"     // it is older than it may be
	Baked   Fault = "baked"   // it stands in a Dockerfile or a compose file
)

// Problem is one thing that is wrong with a secret.
type Problem struct {
	Fault     Fault
	Path      string
	Line, Col int    // from 1
	Message   string // what is wrong, and what to do; never a value
}

func (s *Secret) problem(fault Fault, at place, message string) {
	p := Problem{fault, at.path, at.line, at.col, message}
	if !slices.Contains(s.Problems, p) {
		s.Problems = append(s.Problems, p)
	}
}

// judge says what is wrong with a secret, and why it should be rotated.
func (t *taker) judge(s *Secret) {
	known := s.Known()
	if known == nil && s.required {
		t.missing(s)
	}
	for _, p := range s.Places {
		if p.Missing != "" || p.Kind != InFile && p.Kind != InLine {
			continue
		}
		at := place{p.Path, max(p.Line, 1), 1}
		if p.Tracked {
			s.problem(Tracked, at, fmt.Sprintf("git has this file, which holds the value of %s: git rm --cached %s, ignore it, and rotate the value", s.ID, t.opts.Typed(p.Path)))
		}
		for _, x := range t.readable(s, p.Path) {
			s.problem(Context, at, fmt.Sprintf("builds of %s can copy the value of %s: add /%s to %s", x.of, s.ID, x.line, t.opts.Typed(x.ignore)))
		}
	}
	switch s.Git {
	case GitKnows:
		s.Rotate = append(s.Rotate, "git has known it since "+day(s.First.Time))
	case GitKeeps:
		s.Rotate = append(s.Rotate, "git has it in an object that no branch leads to")
	}
	if known == nil {
		return
	}
	if known.Kind == InText && s.Git != GitKnows {
		s.Rotate = append(s.Rotate, fmt.Sprintf("it stands in %s:%d", t.opts.Typed(known.Path), known.Line))
	}
	for _, v := range known.values {
		if strings.Contains(v, "\n") {
			continue // a file, not a password
		}
		switch detect.Value(s.name(), v) {
		case detect.Weak:
			s.Rotate = append(s.Rotate, "it is weak")
		case detect.Placeholder:
			s.Rotate = append(s.Rotate, "it is a placeholder")
		default:
			continue
		}
		break
	}
	if since := s.Since(); !since.IsZero() && t.opts.Now.Sub(since) > t.opts.MaxAge {
		at := known.asks
		if known.Kind == InFile || known.Kind == InLine {
			at = place{known.Path, max(known.Line, 1), 1}
		}
		age := fmt.Sprintf("%d days old", Days(t.opts.Now.Sub(since)))
		s.problem(Old, at, fmt.Sprintf("the value of %s is %s, and may be %s: rotate it", s.ID, age, Span(t.opts.MaxAge)))
		if s.Git != GitKnows {
			s.Rotate = append(s.Rotate, "it is "+age)
		}
	}
}

// name is what a value is judged by.
func (s *Secret) name() string {
	for _, n := range s.names {
		if detect.Name(n) == detect.Secret {
			return n
		}
	}
	return "SECRET"
}

// Since is the earliest time that is known of the value: of the file that it is in, which may have been written for another
// reason since, and of the first commit that holds it. Zero if neither is known.
func (s *Secret) Since() time.Time {
	var since time.Time
	if p := s.Known(); p != nil {
		since = p.Modified
	}
	if s.Git == GitKnows && (since.IsZero() || s.First.Time.Before(since)) {
		since = s.First.Time
	}
	return since
}

// missing says for each place what is to be done to have a value there.
func (t *taker) missing(s *Secret) {
	if len(s.Places) == 0 {
		return
	}
	for _, p := range s.Places {
		switch p.Kind {
		case InFile:
			s.problem(Missing, p.asks, fmt.Sprintf("there is no value of %s: %s %s, write the value into it", s.ID, t.opts.Typed(p.Path), p.Missing))
		case InLine:
			s.problem(Missing, place{p.Path, p.Line, 1}, fmt.Sprintf("there is no value of %s: the line %s, write the value into it", s.ID, p.Missing))
		case InVariable:
			s.problem(Missing, p.asks, fmt.Sprintf("there is no value of %s: the variable %s %s, export it%s", s.ID, p.Name, p.Missing, t.orLine(p)))
		}
	}
}

// orLine names the environment file that compose reads, if compose asks.
func (t *taker) orLine(p *Place) string {
	i := slices.IndexFunc(t.all, func(f *compose.File) bool { return f.Path == p.asks.path })
	if i < 0 || t.all[i].EnvPath() == "" {
		return ""
	}
	return ", or add it to " + t.opts.Typed(t.all[i].EnvPath())
}

// build is one of the project's: ignore is the ignore file that counts for it.
type build struct {
	dockerfile, dir, ignore string // dockerfile is "" where compose holds its text
	certain                 bool   // dir is its context
}

// builds returns the builds of the project. Where the context of a Dockerfile is not known, its own folder comes first, and
// the root may be it too.
func (t *taker) builds() []build {
	var out []build
	add := func(dockerfile, dir string, certain bool) {
		b := build{dockerfile, dir, path.Join(dir, ".dockerignore"), certain}
		if dockerfile != "" {
			b.ignore = ignorefile.ForContext(t.ws, dockerfile, dir)[0]
		}
		if !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	for _, d := range t.ws.Paths() {
		if rewrite.IsDockerfile(path.Base(d)) {
			dirs, certain := t.ws.Project().Contexts(d)
			for i, dir := range dirs {
				add(d, dir, certain || i == 0)
			}
		}
	}
	for _, f := range t.all {
		for _, svc := range f.Services {
			if svc.Build != nil && svc.Build.Context != "" {
				add(svc.Build.Dockerfile, svc.Build.Context, true)
			}
		}
	}
	return out
}

// missed is a line that an ignore file lacks: builds of a Dockerfile can copy the file.
type missed struct{ of, ignore, line string }

// readable returns what is missing for no build to be able to copy a file. A context that is only possible counts for
// Dockerfiles that read the secret.
func (t *taker) readable(s *Secret, file string) []missed {
	if t.contexts == nil {
		t.contexts = t.builds()
	}
	var out []missed
	for _, b := range t.contexts {
		if !b.certain && !slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.Path == b.dockerfile }) {
			continue
		}
		rel, ok := ignorefile.Inside(b.dir, file)
		if !ok || slices.ContainsFunc(out, func(m missed) bool { return m.ignore == b.ignore }) {
			continue
		}
		if src, err := t.ws.ReadFile(b.ignore); err == nil && ignorefile.Covers(src, rel) {
			continue
		}
		of := t.opts.Typed(b.dockerfile)
		if b.dockerfile == "" {
			of = "the folder " + t.opts.Typed(b.dir)
		}
		out = append(out, missed{of, b.ignore, rel})
	}
	return out
}

// day is a date as messages name it.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Days is a number of whole days.
func Days(d time.Duration) int { return int(max(d, 0) / (24 * time.Hour)) }

// Span is a duration as --max-age takes it.
func Span(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}
