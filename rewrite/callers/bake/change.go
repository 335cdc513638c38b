package bake

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// step is one thing to do to a file: a secret that a block gets, or an argument that goes.
type step struct {
	block  int // in file.blocks
	secret string
	arg    string
	build  *build
}

// change edits one file. What targets share is changed for all of them, or for none.
func change(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	u, f, err := load(s)
	if err != nil {
		return nil, nil, err
	}
	c := &changer{s: s, universe: u, file: f, builds: u.builds(s, f)}
	for _, ch := range changes {
		if err := c.plan(ch); err != nil {
			return nil, nil, err
		}
	}
	src := s.Src
	for _, st := range c.steps {
		now, err := parse(s.Path, src)
		if err != nil || st.block >= len(now.blocks) {
			return nil, nil, s.Errorf(0, "cannot be changed with certainty")
		}
		b := now.blocks[st.block]
		if st.secret != "" && c.inherited(st) {
			continue
		}
		if st.secret != "" {
			src = b.body.addSecret(src, b, st.secret)
			continue
		}
		items, _ := b.args()
		if i := slices.IndexFunc(items, func(i item) bool { return i.name == st.arg }); i >= 0 {
			src = b.body.removeArg(src, b, i)
		}
	}
	return edit.Between(s.Src, src), c.needs, nil
}

type changer struct {
	s        *call.Source
	universe *universe
	file     *file
	builds   []*call.Build
	steps    []step // secrets first: they take the arguments' place
	needs    []string
}

// same finds the build that was read now for one that was read before.
func (c *changer) same(b *call.Build) *call.Build {
	h, ok := b.Handle.(*build)
	if !ok || h.index >= len(c.builds) || c.builds[h.index].What != b.What || c.builds[h.index].Start != b.Start {
		return nil
	}
	return c.builds[h.index]
}

func (c *changer) plan(ch call.Change) error {
	b := c.same(ch.Build)
	if b == nil {
		return c.s.Errorf(ch.Build.Start, "%s is not there any more", ch.Build.What)
	}
	if b.Fixed != "" {
		return c.s.Errorf(b.Start, "%s", b.Fixed)
	}
	x := b.Handle.(*build)
	at := x.blocks[len(x.blocks)-1]
	for _, p := range x.passed {
		if !slices.Contains(ch.Drop, p.arg.Name) {
			continue
		}
		if err := c.drop(x, p); err != nil {
			return err
		}
		at = p.block
	}
	if ch.Secret == nil || slices.Contains(x.secrets, ch.Secret.ID) {
		return nil
	}
	return c.add(b, x, at, ch.Secret)
}

// drop takes an argument out of a block.
func (c *changer) drop(x *build, p passed) error {
	name := p.arg.Name
	if p.arg.Kind == call.Variable && class(c.universe.variable(p.arg.Env)) == absent && c.shadows(x, p) {
		return c.s.Errorf(p.arg.Start, "where %s is not set, the %s of another block counts: remove one of them", p.arg.Env, name)
	}
	for _, f := range c.universe.files {
		for _, r := range f.refs {
			if (r.setting == "" || r.setting == "args") && (r.member == "" || r.member == name) && r.target == p.block.label {
				return c.s.Errorf(p.arg.Start, "%s is read elsewhere as target.%s.args: pass it there as a secret first", name, r.target)
			}
		}
	}
	c.do(step{block: slices.Index(c.file.blocks, p.block), arg: name, build: x})
	return nil
}

// shadows reports whether a target has the argument of a block before this one too.
func (c *changer) shadows(x *build, p passed) bool {
	for _, t := range x.targets {
		for _, chain := range t.chains {
			for _, b := range chain[:max(slices.Index(chain, p.block), 0)] {
				items, _ := b.args()
				if slices.ContainsFunc(items, func(i item) bool { return i.name == p.arg.Name }) {
					return true
				}
			}
		}
	}
	return false
}

// add gives a secret to a block.
func (c *changer) add(b *call.Build, x *build, at *block, s *call.Secret) error {
	spec, err := c.spec(b, x, s)
	if err != nil || spec == "" {
		return err
	}
	if strings.ContainsAny(spec, "\"\\\r\n$%") || strings.Count(spec, ",") != 1 {
		return c.s.Errorf(b.Start, "a name that bake reads in another way: add the secret %s by hand", s.ID)
	}
	if a := at.attrs["secret"]; a != nil && !a.value.list {
		return c.s.Errorf(a.start, "secrets that are put together: write them out as a list, with id=%s", s.ID)
	}
	for _, f := range c.universe.files {
		for _, r := range f.refs {
			if r.target == at.label && (r.setting == "" || r.setting == "secret") {
				return c.s.Errorf(at.start, "the settings of the target %s are read elsewhere: add the secret %s by hand", at.label, s.ID)
			}
		}
	}
	c.do(step{block: slices.Index(c.file.blocks, at), secret: spec, build: x})
	return nil
}

// spec is how a secret is written; "" where nothing is to be passed.
func (c *changer) spec(b *call.Build, x *build, s *call.Secret) (string, error) {
	switch {
	case s.From != "":
		var p *passed
		for i := range x.passed {
			if x.passed[i].arg.Name == s.From {
				p = &x.passed[i] // the last one counts
			}
		}
		switch {
		case p == nil:
			return "", c.s.Errorf(b.Start, "%s does not pass %s", b.What, s.From)
		case p.arg.Kind == call.Text && p.arg.Value == "":
			return "", nil
		case p.arg.Kind == call.Text:
			return "", c.s.Errorf(p.arg.Start, "passes a literal as %s: take it from a variable or a store first", s.From)
		case p.arg.Kind != call.Variable:
			return "", c.s.Errorf(p.arg.Start, "%s", c.why(p))
		}
		return "id=" + s.ID + ",env=" + p.arg.Env, nil
	case s.File == "":
		return "id=" + s.ID + ",env=" + s.ID, nil
	}
	name := call.Relative(b.Dir, s.File)
	if name == "" {
		return "", c.s.Errorf(b.Start, "which folder bake runs in is not certain: add secret = [\"id=%s,src=…\"] to %s", s.ID, b.What)
	}
	if need := s.File + " is not in git: bake needs it wherever it runs"; s.Local && !slices.Contains(c.needs, need) {
		c.needs = append(c.needs, need)
	}
	return "id=" + s.ID + ",src=" + name, nil
}

// inherited reports whether all targets of a block are given the secret by another one.
func (c *changer) inherited(s step) bool {
	return slices.ContainsFunc(c.steps, func(other step) bool {
		if other.secret != s.secret || other.block == s.block {
			return false
		}
		for _, t := range s.build.targets {
			for _, chain := range t.chains {
				at := slices.Index(chain, c.file.blocks[other.block])
				if at < 0 || at > slices.Index(chain, c.file.blocks[s.block]) {
					return false
				}
			}
		}
		return true
	})
}

// do adds a step: the secrets come before the arguments, whose place they take.
func (c *changer) do(s step) {
	switch i := slices.IndexFunc(c.steps, func(s step) bool { return s.secret == "" }); {
	case slices.Contains(c.steps, s):
	case s.secret != "" && i >= 0:
		c.steps = slices.Insert(c.steps, i, s)
	default:
		c.steps = append(c.steps, s)
	}
}

// why says what stands in the way of taking an argument's value from the environment.
func (c *changer) why(p *passed) string {
	n := name(p.item.value.expr)
	v := c.universe.variable(n)
	switch {
	case n == "":
		return p.arg.Name + " is put together here, and a secret is one variable: let it be one, set where bake is called"
	case c.universe.inMatrix(p.block, n):
		return p.arg.Name + " comes from the matrix: take it from a variable first"
	case v != nil && class(v) == given:
		return "the variable " + n + " has a default, which no secret sees: take it out, and set " + n + " where bake is called"
	case v == nil:
		return "no variable " + n + " is declared for certain: declare it in this folder, without a default"
	}
	return "the variable " + n + " is not a plain text: pass the secret by hand"
}
