// Package rewrite is the engine: it reads Dockerfiles and compose files, asks the rules what is wrong,
// makes one fix at a time, reads the result again, and looks for the next, until no
// rule has anything to do. It leans on dockerfile, flow and edit, works on a directory
// in memory, and is given its rules. It touches no disk: printing and writing are two
// readings of the Plan that comes out.
package rewrite

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Options steer a run.
type Options struct {
	Least    Safety              // the least safe fixes that are made; Manual: none are
	Harden   bool                // look for what is no leak too, and could be kept better
	Builder  string              // one of call.Choices, for all Dockerfiles; "": what their callers say
	Targets  []*Rule             // asked of the compose files when nothing else is left to fix: they write new files
	Progress func(done, all int) // called as files are read, from many goroutines; may be nil
}

// Outcome says what became of a finding.
type Outcome uint8

const (
	Left  Outcome = iota // nothing was changed
	Fixed                // the fix is part of the plan
)

// Result is a finding with its place and its outcome.
type Result struct {
	Finding
	Outcome   Outcome
	Line, Col int    // from 1, of Start
	Source    string // the physical line, values masked
	Caret     [2]int // what is pointed at: byte offsets in Source
}

// Plan is what a run comes to.
type Plan struct {
	Results []Result
	Errors  []error // files that could not be read or parsed; a *dockerfile.ParseError has a place
	Files   int     // Dockerfiles and compose files that were looked at
	Made    []*Fix  // the fixes that are part of the plan, in the order in which they are made

	ws    *Workspace
	masks *masks
	first []*state // before any fix; nil where a file could not be read
}

// engine is what does not change during a run.
type engine struct {
	opts   Options
	proofs *proofs
}

// Run looks at the Dockerfiles and compose files at paths (slash-separated, relative to
// the workspace) and plans their fixes. The error is about the run as a whole; what is
// wrong with one file is in Plan.Errors.
func Run(ws *Workspace, paths []string, rules []*Rule, opts Options) (*Plan, error) {
	plan := &Plan{Files: len(paths), masks: newMasks()}
	e := &engine{opts, newProofs(ws)}
	// Dockerfiles come first: a secret that stands in both is theirs.
	paths = slices.Clone(paths)
	slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(kind(a), kind(b)) })
	first := make([]*state, len(paths))
	errs := make([]error, len(paths))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				first[i], errs[i] = e.look(ws, paths[i], rules, nil)
				if opts.Progress != nil {
					opts.Progress(int(done.Add(1)), len(paths))
				}
			}
		})
	}
	wg.Wait()
	for i := range paths {
		if errs[i] != nil {
			plan.Errors = append(plan.Errors, errs[i])
		} else {
			plan.masks.add(first[i])
		}
	}
	withdrawn := map[string]string{}
	var made *making
	for {
		made = &making{engine: e, ws: ws, plan: plan, paths: paths, rules: rules, last: slices.Clone(first), fixed: map[string]*Fix{}, withdrawn: withdrawn}
		if err := made.run(); err != nil {
			return nil, err
		}
		key, why := made.prove()
		if key == "" {
			break
		}
		// The guilty fix is set aside, and the others are made without it.
		withdrawn[key] = fmt.Sprintf("the fix was withdrawn (%v); report this", why)
	}
	last := made.last
	if err := made.targets(first); err != nil {
		return nil, err
	}
	ws, fixed := made.ws, made.fixed
	for _, s := range made.steps {
		plan.Made = append(plan.Made, s.fix)
	}
	plan.ws, plan.first = ws, first
	plan.leftovers(first, fixed)
	for i, p := range paths {
		if first[i] != nil {
			plan.collect(p, first[i], last[i], fixed, withdrawn)
		}
	}
	slices.SortStableFunc(plan.Results, func(a, b Result) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Start, b.Start), strings.Compare(a.Rule.ID, b.Rule.ID))
	})
	return plan, nil
}

func kind(name string) int {
	if compose.IsComposeFile(path.Base(name)) {
		return 1
	}
	return 0
}

// key names a finding across the states of its file.
func (f Finding) key() string { return f.Path + "\x00" + f.Key }

// pick reports whether a finding's fix is to be made: it is safe enough, and neither
// made yet nor withdrawn.
func pick(f Finding, least Safety, fixed map[string]*Fix, withdrawn map[string]string) bool {
	if f.Fix == nil || f.Fix.Safety < least {
		return false
	}
	if _, ok := withdrawn[f.key()]; ok {
		return false
	}
	if _, ok := fixed[f.key()]; ok {
		// Made, and found again: a rule that does not come to an end.
		withdrawn[f.key()] = "the fix did not take it away; report this"
		return false
	}
	return true
}

// sound is the check that every fix passes whatever its rule says: BuildKit reads the
// result, and the instructions outside of the fix are the same bytes.
func sound(ws *Workspace, path string, st *state, f Finding) error {
	if err := soundCompose(ws, f); err != nil || st.file == nil {
		return err
	}
	src, err := ws.ReadFile(path)
	if err != nil {
		return err
	}
	g, err := dockerfile.Parse(path, src)
	if err != nil {
		return errors.New("BuildKit does not read the result")
	}
	if dockerfile.Builds(st.file.Src) == nil && dockerfile.Builds(src) != nil {
		return errors.New("BuildKit does not build the result")
	}
	touched := func(in *dockerfile.Instruction) bool {
		for _, c := range f.Fix.Changes {
			if c.Path != path {
				continue
			}
			for _, e := range c.Edits {
				if e.Start < in.End && e.End > in.Start || e.Start == e.End && in.Start < e.Start && e.Start <= in.End {
					return true
				}
			}
		}
		return false
	}
	rest := g.Instructions
	for _, in := range st.file.Instructions {
		if touched(in) {
			continue
		}
		old := string(in.File.Src[in.Start:in.End])
		i := slices.IndexFunc(rest, func(x *dockerfile.Instruction) bool {
			return strings.TrimRight(string(g.Src[x.Start:x.End]), "\r\n") == strings.TrimRight(old, "\r\n")
		})
		if i < 0 {
			return fmt.Errorf("line %d would change", in.Line)
		}
		rest = rest[i+1:]
	}
	return nil
}

// soundCompose is the check that the compose files that a fix changes can still be read.
func soundCompose(ws *Workspace, f Finding) error {
	for _, c := range f.Fix.Changes {
		if kind(c.Path) == 0 {
			continue
		}
		src, err := ws.ReadFile(c.Path)
		if err != nil {
			return err
		}
		if _, err := yamledit.Parse(c.Path, src); err != nil {
			return errors.New("the compose file cannot be read any more")
		}
	}
	return nil
}

// collect turns what was found into results: at the places of the file as it is on disk.
func (p *Plan) collect(path string, first, last *state, fixed map[string]*Fix, withdrawn map[string]string) {
	done := map[string]bool{}
	for _, f := range first.findings {
		r := Result{Finding: f}
		if fix := fixed[f.key()]; fix != nil && f.Key != "" {
			r.Outcome, r.Fix = Fixed, fix
			if f.Fix != nil && f.Rule.Run != nil {
				// Its words name lines: those of the file as it is on disk. A compose rule's name what the secret is called: as the fix did.
				told := *fix
				told.Title = f.Fix.Title
				if slices.Equal(f.Fix.Passes, fix.Passes) { // else another fix took the name, which they tell
					told.Needs = f.Fix.Needs
				}
				r.Fix = &told
			}
		} else if why, ok := withdrawn[f.key()]; ok {
			r.Fix, r.Reason = nil, why
		} else if i := slices.IndexFunc(last.findings, func(g Finding) bool { return g.key() == f.key() }); i >= 0 && f.Fix != nil {
			// The last state knows best why it is left: another fix may have changed it.
			r.Fix, r.Reason = last.findings[i].Fix, last.findings[i].Reason
		} else if i < 0 && f.Key != "" && !f.Note {
			taken := takenAway(f, fixed)
			if f.Fix != nil && strings.Contains(taken.Title, "("+f.Path+")") { // its words name the lines of another file first
				told := *taken
				told.Title, taken = f.Fix.Title, &told
			}
			r.Outcome, r.Fix, r.Reason = Fixed, taken, ""
		}
		done[f.key()] = true
		p.Results = append(p.Results, p.place(r, first))
	}
	for _, f := range last.findings {
		// What a fix leaves behind under the same name is a finding of its own.
		if !done[f.key()] || fixed[f.key()] != nil && f.Key != "" {
			p.Results = append(p.Results, p.place(Result{Finding: f}, last))
		}
	}
}

// takenAway returns the fix of another finding that took this one away: one that changes
// its file, else one of the same secret.
func takenAway(f Finding, fixed map[string]*Fix) *Fix {
	var same *Fix
	for _, k := range slices.Sorted(maps.Keys(fixed)) {
		switch {
		case slices.ContainsFunc(fixed[k].Changes, func(c Change) bool { return c.Path == f.Path }):
			return fixed[k]
		case strings.HasSuffix(k, "\x00"+f.Key):
			same = fixed[k]
		}
	}
	switch {
	case same != nil:
		return same
	case f.Fix != nil:
		return f.Fix
	}
	return &Fix{Title: "another fix takes it away", Safety: Review}
}

func (p *Plan) place(r Result, st *state) Result {
	// A message names files and programs, and a value can be part of such a name.
	r.Message, r.Reason = p.masks.words(r.Message), p.masks.words(r.Reason)
	if r.Fix != nil {
		told := *r.Fix
		told.Title, told.Needs = p.masks.words(told.Title), p.masks.words(told.Needs)
		r.Fix = &told
	}
	src := st.src
	r.Line, r.Col = st.position(r.Start)
	start := r.Start - r.Col + 1
	end := start
	for end < len(src) && src[end] != '\n' && src[end] != '\r' {
		end++
	}
	to := max(r.Start, min(r.End, end)) // a carriage return ends the line before
	// What is pointed at is a name, never a value: it is found again in the masked line.
	r.Source = p.masks.text(string(src[start:end]))
	name := string(src[r.Start:to])
	near := len(p.masks.text(string(src[start:r.Start])))
	best := -1
	for i := 0; name != ""; {
		k := strings.Index(r.Source[i:], name)
		if k < 0 {
			break
		}
		i += k
		if best < 0 || abs(i-near) < abs(best-near) {
			best = i
		}
		i++
	}
	if best < 0 {
		best, name = 0, r.Source
	}
	r.Caret = [2]int{best, best + len(name)}
	return r
}

func abs(n int) int { return max(n, -n) }

// Todo reports whether a finding is left that a person should act on.
func (p *Plan) Todo() bool {
	return slices.ContainsFunc(p.Results, func(r Result) bool { return r.Outcome == Left && !r.Note })
}

// Changed reports whether the plan changes any file.
func (p *Plan) Changed() bool { return len(p.Changes()) > 0 }
