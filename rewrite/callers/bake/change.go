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
}

// change edits one file. What targets share is changed for all of them, or for none.
func change(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	u, f, err := load(s)
	if err != nil {
		return nil, nil, err
	}
	c := &changer{s: s, universe: u, file: f, builds: u.builds(s, f), changes: changes}
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
	changes  []call.Change
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

// asked is the change of a build, nil if there is none.
func (c *changer) asked(b *call.Build) *call.Change {
	for i := range c.changes {
		if x := c.same(c.changes[i].Build); x == b {
			return &c.changes[i]
		}
	}
	return nil
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
	for _, name := range ch.Drop {
		if err := c.drop(b, x, name); err != nil {
			return err
		}
	}
	if ch.Secret == nil || slices.Contains(x.secrets, ch.Secret.ID) {
		return nil
	}
	return c.add(b, x, ch)
}

// drop takes an argument out of each block that gives it to the target.
func (c *changer) drop(b *call.Build, x *build, name string) error {
	var last *passed
	for i := range x.passed {
		p := &x.passed[i]
		if p.arg.Name != name {
			continue
		}
		if last != nil && c.nullable(p) {
			return c.s.Errorf(p.arg.Start, "where %s is not set, another block's %s counts: remove one of them", p.arg.Env, name)
		}
		last = p
		for _, other := range c.sharing(p.block) {
			if passes(other, name) && (c.asked(other) == nil || !slices.Contains(c.asked(other).Drop, name)) {
				return c.s.Errorf(p.arg.Start, "%s is passed by %s as well, which builds %s: change them together", name, other.What, what(other))
			}
		}
		for _, f := range c.universe.files {
			for _, r := range f.refs {
				if r.setting != "" && r.setting != "args" || r.member != "" && r.member != name || r.target != p.block.label {
					continue
				}
				return c.file.errorf(p.arg.Start, "%s is read elsewhere as target.%s.args: pass it there as a secret first", name, r.target)
			}
		}
		st := step{block: slices.Index(c.file.blocks, p.block), arg: name}
		if !slices.Contains(c.steps, st) {
			c.steps = append(c.steps, st)
		}
	}
	return nil
}

func what(b *call.Build) string {
	if len(b.Dockerfiles) == 0 {
		return "another Dockerfile"
	}
	return strings.Join(b.Dockerfiles, " or ")
}

func passes(b *call.Build, name string) bool {
	return slices.ContainsFunc(b.Args, func(a call.Arg) bool { return a.Name == name })
}

// nullable reports whether an argument is not passed where its variable is not set.
func (c *changer) nullable(p *passed) bool {
	v := c.universe.variable(p.arg.Env)
	return p.arg.Kind == call.Variable && v != nil && class(v) == absent
}

// sharing are the builds that a block has a part in.
func (c *changer) sharing(b *block) (out []*call.Build) {
	for _, x := range c.builds {
		if slices.ContainsFunc(x.Handle.(*build).target.chains, func(chain []*block) bool { return slices.Contains(chain, b) }) {
			out = append(out, x)
		}
	}
	return out
}

// add gives a secret to the target: where its argument stood if all targets there are
// given it, else to the target alone.
func (c *changer) add(b *call.Build, x *build, ch call.Change) error {
	s := ch.Secret
	at := x.target.in(c.file)
	spec := ""
	switch {
	case s.From != "":
		var p *passed
		for i := range x.passed {
			if x.passed[i].arg.Name == s.From {
				p = &x.passed[i]
			}
		}
		if p == nil {
			return c.s.Errorf(b.Start, "%s does not pass %s", b.What, s.From)
		}
		switch {
		case p.arg.Kind == call.Text && p.arg.Value == "":
			return nil // nothing was passed
		case p.arg.Kind == call.Text:
			return c.s.Errorf(p.arg.Start, "passes a literal as %s: take it from a variable or a store first", s.From)
		case p.arg.Kind != call.Variable:
			return c.s.Errorf(p.arg.Start, "%s", c.why(p))
		}
		spec, at = "id="+s.ID+",env="+p.arg.Env, p.block
	case s.File != "":
		name := call.Relative(b.Dir, s.File)
		if name == "" {
			return c.s.Errorf(b.Start, "which folder bake runs in is not certain: add secret = [\"id=%s,src=…\"] to %s", s.ID, b.What)
		}
		spec = "id=" + s.ID + ",src=" + name
		if s.Local {
			c.need(s.File + " is not in git: bake needs it wherever it runs")
		}
	default:
		spec = "id=" + s.ID + ",env=" + s.ID
	}
	if strings.ContainsAny(spec, "\"\\\r\n$%") || strings.Count(spec, ",") != 1 {
		return c.s.Errorf(b.Start, "a name that bake reads in another way: add the secret %s by hand", s.ID)
	}
	for _, other := range c.sharing(at) {
		o := c.asked(other)
		if o == nil || o.Secret == nil || *o.Secret != *s {
			at = nil // not theirs
			break
		}
	}
	if at == nil {
		if at = x.target.in(c.file); !slices.Contains(x.target.blocks, at) || len(c.sharing(at)) != 1 {
			return c.s.Errorf(b.Start, "other targets would be given %s as well: change them together", s.ID)
		}
	}
	if a := at.attrs["secret"]; a != nil && !a.value.list {
		return c.file.errorf(a.start, "secrets that are put together: write them out as a list, with id=%s", s.ID)
	}
	for _, f := range c.universe.files {
		for _, r := range f.refs {
			if r.target == at.label && (r.setting == "" || r.setting == "secret") {
				return c.file.errorf(at.start, "the settings of the target %s are read elsewhere: add the secret %s by hand", at.label, s.ID)
			}
		}
	}
	st := step{block: slices.Index(c.file.blocks, at), secret: spec}
	if !slices.Contains(c.steps, st) {
		c.steps = slices.Insert(c.steps, c.secrets(), st)
	}
	return nil
}

// secrets is how many steps add one.
func (c *changer) secrets() int {
	i := slices.IndexFunc(c.steps, func(s step) bool { return s.secret == "" })
	if i < 0 {
		return len(c.steps)
	}
	return i
}

func (c *changer) need(text string) {
	if !slices.Contains(c.needs, text) {
		c.needs = append(c.needs, text)
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
