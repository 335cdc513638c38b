package rewrite

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// maxSteps bounds the steps of one fix: each takes a finding away for good.
const maxSteps = 8

// complete makes one fix of a fix and of those that must follow it. Without one of them
// there is none, and the reason of that one is the reason for all.
func (e *engine) complete(ws *Workspace, before *dockerfile.File, fix *Fix) (*Fix, string) {
	whole := *fix
	whole.Then, whole.ThenKey, whole.ThenSure, whole.Last = nil, "", false, nil
	to, err := ws.With(fix)
	if err != nil {
		return nil, fmt.Sprintf("the fix was withdrawn (%v); report this", err)
	}
	for step := range maxSteps {
		st, err := (&engine{opts: e.opts}).look(to, before.Path, []*Rule{fix.Then}, nil)
		if err != nil {
			return nil, "BuildKit does not read the result; report this"
		}
		var next *Finding
		for i := range st.findings {
			if f := &st.findings[i]; f.Key == fix.ThenKey {
				next = f
				break
			}
		}
		lines := lineMap(before, st.file)
		switch {
		case next == nil && step == 0 && fix.ThenSure:
			return nil, "what is written into a layer is not found again after the first step; report this"
		case next == nil && fix.Last != nil:
			pass := e.pass(to, fix.Then, st, nil)
			pass.File, pass.Secrets = st.file, st.secrets
			last, reason := fix.Last(pass)
			if last == nil {
				return nil, lines(reason)
			}
			if to, err = to.With(last); err != nil {
				return nil, fmt.Sprintf("the fix was withdrawn (%v); report this", err)
			}
			whole.add(last, lines)
			whole.Changes = between(ws, to, &whole)
			return &whole, ""
		case next == nil:
			whole.Changes = between(ws, to, &whole)
			return &whole, ""
		case next.Fix == nil:
			return nil, lines(next.Reason)
		}
		whole.add(next.Fix, lines)
		if to, err = to.With(next.Fix); err != nil {
			return nil, fmt.Sprintf("the fix was withdrawn (%v); report this", err)
		}
	}
	return nil, "the fix does not come to an end; report this"
}

// add makes another step a part of a fix.
func (f *Fix) add(step *Fix, lines func(string) string) {
	if step.Title != "" {
		f.Title += ", " + lines(step.Title)
	}
	f.Safety = min(f.Safety, step.Safety)
	if step.Needs != "" {
		f.Needs = strings.TrimPrefix(f.Needs+"; "+lines(step.Needs), "; ")
	}
	f.Changes = append(f.Changes, step.Changes...)
	f.Intents = append(slices.Clip(f.Intents), step.Intents...)
}

// between returns the changes that lead from one state to another, for the files that a
// fix names, in its order.
func between(from, to *Workspace, fix *Fix) []Change {
	var out []Change
	done := map[string]bool{}
	for _, c := range fix.Changes {
		if done[c.Path] {
			continue
		}
		done[c.Path] = true
		old, err := from.ReadFile(c.Path)
		if err != nil {
			old = nil // there is none yet
		}
		now, err := to.ReadFile(c.Path)
		if err != nil || bytes.Equal(old, now) && old != nil {
			continue
		}
		out = append(out, Change{Path: c.Path, Edits: edit.Between(old, now), Mode: c.Mode})
	}
	return out
}

var lineWords = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(lines? )(\d+(?:, \d+)*)`) })

// lineMap returns a function that puts the line numbers of the old file in place of
// those of the new one: people have the old one before them.
func lineMap(old, now *dockerfile.File) func(string) string {
	line := func(n int) int {
		from := 0
		for _, in := range now.Instructions {
			// What a step changes of a RUN that it keeps are its flags.
			i := slices.IndexFunc(old.Instructions[from:], func(x *dockerfile.Instruction) bool { return x.Name == in.Name && x.ArgText() == in.ArgText() })
			if i < 0 && from < len(old.Instructions) && old.Instructions[from].Name == in.Name {
				i = 0 // a literal of it has become a variable
			}
			if i < 0 {
				continue
			}
			from += i + 1
			if n >= in.Line && n < in.Line+1+strings.Count(string(now.Src[in.Start:max(in.Start, in.End-1)]), "\n") {
				return old.Instructions[from-1].Line + n - in.Line
			}
		}
		return n
	}
	return func(text string) string {
		return lineWords().ReplaceAllStringFunc(text, func(m string) string {
			parts := lineWords().FindStringSubmatch(m)
			var nums []string
			for _, n := range strings.Split(parts[2], ", ") {
				i, err := strconv.Atoi(n)
				if err != nil {
					return m
				}
				nums = append(nums, strconv.Itoa(line(i)))
			}
			return parts[1] + strings.Join(nums, ", ")
		})
	}
}
