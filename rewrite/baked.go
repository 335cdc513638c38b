package rewrite

import (
	"path"
	"slices"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Baked is a secret of a finding that a person should act on, as it was before any fix.
type Baked struct {
	Path      string
	Line, Col int // from 1
	Name      string
	Rule      *Rule
	Fixable   bool               // fix would make a fix
	Values    []flow.Value       // the literals that stand there, if any
	File      string             // the copied file, relative to the workspace, whether it is there or not; "" if it is none
	Builders  []*compose.Service // of a Dockerfile: the services that build it
}

// Baked returns the secrets of the findings, in the order of files. A secret that is mounted is not baked, whatever a
// command then does with it.
func (p *Plan) Baked() []Baked {
	var out []Baked
	for _, st := range p.first {
		if st == nil {
			continue
		}
		for _, f := range st.findings {
			if f.Note || f.Secret == "" {
				continue
			}
			b := Baked{Path: st.path, Name: f.Secret, Rule: f.Rule, Fixable: f.Fix != nil && f.Fix.Safety > Manual}
			b.Line, b.Col = st.position(f.Start)
			i := slices.IndexFunc(st.secrets, func(s *flow.Secret) bool { return s.Key() == f.Key })
			if i >= 0 {
				s := st.secrets[i]
				if s.Origins[0].Kind == flow.Mount {
					continue
				}
				b.Builders = s.Builders
				if s.Copied != nil {
					dir := s.Copied.Context
					if dir == "" {
						dir = path.Dir(st.path)
					}
					b.File = path.Join(dir, s.Copied.Source)
				}
				b.Values = literals(s)
			}
			for _, l := range f.Literals {
				b.Values = append(b.Values, flow.NewValue(l.value))
			}
			out = append(out, b)
		}
	}
	return out
}

// literals are the values of a secret that stand in files, weak ones included.
func literals(s *flow.Secret) []flow.Value {
	var out []flow.Value
	add := func(v flow.Value) {
		if v.Known() && v.Reveal() != "" && !slices.ContainsFunc(out, func(w flow.Value) bool { return w.Reveal() == v.Reveal() }) {
			out = append(out, v)
		}
	}
	if s.Given && detect.Variable(s.Name, s.Value.Reveal(), true) >= detect.Dummy {
		add(s.Value)
	}
	for _, o := range s.Origins {
		if o.Kind == flow.Literal || detect.Variable(o.Pair.Name, o.Value.Reveal(), true) >= detect.Dummy {
			add(o.Value)
		}
	}
	return out
}

// Hide keeps a value that was read elsewhere out of what Masked returns.
func (p *Plan) Hide(name, value string) {
	p.masks.learn(name, value, true)
	p.masks.sort()
}

// Masked returns a text of our own without the values that are known.
func (p *Plan) Masked(text string) string { return p.masks.words(text) }
