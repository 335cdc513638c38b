package rewrite

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// LeftoverRule owns findings about other places that hold a literal that was moved. It is
// the engine's own: it speaks of the sum of all fixes.
var LeftoverRule = &Rule{
	ID:    "leftover",
	Title: "another file still holds a value that was moved",
	Doc:   "A literal that was moved out of a Dockerfile stands in another file of the project too: in a comment, a README, a script. It is no secret as long as it does. Nothing is changed there.",
}

// leastLeftover is the length from which a value is looked for elsewhere: a shorter one
// is a word by chance.
const leastLeftover = 8

// leftovers looks for moved literals in the files of the project, as they are after the
// fixes.
func (p *Plan) leftovers(first []*state, fixed map[string]*Fix) {
	type literal struct{ name, value string }
	var moved []literal
	for _, st := range first {
		if st == nil {
			continue
		}
		for _, s := range st.secrets {
			if s.Copied != nil || fixed[st.path+"\x00"+s.Key()] == nil {
				continue
			}
			for _, v := range values(s) {
				if l := (literal{s.Name, v}); len(v) >= leastLeftover && !slices.Contains(moved, l) {
					moved = append(moved, l)
				}
			}
		}
	}
	for _, st := range first {
		if st == nil {
			continue
		}
		for _, f := range st.findings {
			if fixed[f.key()] == nil {
				continue
			}
			for _, x := range f.Literals {
				if l := (literal{x.Name, x.value}); !x.weak && len(x.value) >= leastLeftover && !slices.Contains(moved, l) {
					moved = append(moved, l)
				}
			}
		}
	}
	if len(moved) == 0 {
		return
	}
	for _, name := range p.ws.Paths() {
		if path.Base(path.Dir(name)) == SecretsDir || path.Base(name) == EnvFile && !p.ws.Tracked(name) {
			continue // their new place
		}
		info, err := p.ws.Stat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		src, err := p.ws.ReadFile(name)
		if err != nil || bytes.IndexByte(src, 0) >= 0 {
			continue
		}
		for _, l := range moved {
			at := bytes.Index(src, []byte(l.value))
			if at < 0 || !utf8.Valid(src) {
				continue
			}
			r := Result{Finding: Finding{
				Rule: LeftoverRule, Path: name, Secret: l.name,
				Message: "the value of " + l.name + " stands here too",
				Reason:  "only the Dockerfile and what builds it are changed: take it out, and rotate it",
			}}
			start := bytes.LastIndexByte(src[:at], '\n') + 1
			end := len(src)
			if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
				end = at + n
			}
			line := bytes.TrimRight(src[start:end], "\r")
			r.Start, r.Line, r.Col = at, 1+bytes.Count(src[:at], []byte("\n")), at-start+1
			if c := p.ws.changed[name]; c != nil {
				// Told by its place in the file as it is on disk, like every other finding.
				if old := bytes.Index(c.old, line); old >= 0 {
					r.Start, r.Line = old+at-start, 1+bytes.Count(c.old[:old], []byte("\n"))
				}
			}
			r.End = r.Start + len(l.value)
			r.Source = p.masks.text(string(line))
			r.Caret = [2]int{0, len(r.Source)}
			before := p.masks.text(string(line[:at-start]))
			if marked := p.masks.text(l.value); strings.HasPrefix(r.Source, before+marked) {
				r.Caret = [2]int{len(before), len(before) + len(marked)}
			}
			p.Results = append(p.Results, r)
		}
	}
}

// values are the literals of a secret.
func values(s *flow.Secret) []string {
	var out []string
	if s.Given && detect.Variable(s.Name, s.Value.Reveal(), true) == detect.Exposed {
		out = append(out, s.Value.Reveal())
	}
	for _, o := range s.Origins {
		if o.Kind == flow.Literal && s.Verdict == detect.Exposed {
			out = append(out, o.Value.Reveal())
		} else if o.Value.Known() && s.Verdict == detect.Exposed && detect.Variable(o.Pair.Name, o.Value.Reveal(), true) == detect.Exposed {
			out = append(out, o.Value.Reveal())
		}
	}
	return out
}
