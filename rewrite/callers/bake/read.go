package bake

import (
	"encoding/csv"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// build is what a call.Build of this package is made of: the blocks of one label in a file.
type build struct {
	index   int // among the builds of the file
	blocks  []*block
	targets []*target // that the blocks have a part in
	passed  []passed
	secrets []string // ids
}

// passed is an argument as a block gives it.
type passed struct {
	block *block
	item  item
	arg   call.Arg
}

func read(s *call.Source) ([]*call.Build, error) {
	u, own, err := load(s)
	if err != nil || len(own.blocks) == 0 {
		return nil, err
	}
	return u.builds(s, own), nil
}

// builds returns one for each target of a file. It reads the Dockerfiles of the target and
// of all that inherit from it.
func (u *universe) builds(s *call.Source, f *file) []*call.Build {
	var out []*call.Build
	targets := u.targets(f)
	seen := map[string]bool{}
	for _, first := range f.blocks {
		if seen[first.label] {
			continue
		}
		seen[first.label] = true
		x := &build{index: len(out)}
		for _, b := range f.blocks {
			if b.label == first.label {
				x.blocks = append(x.blocks, b)
			}
		}
		own, heirs := u.having(targets, x.blocks)
		b := &call.Build{Path: s.Path, Start: first.start, End: first.end, What: "the target " + first.label, Builder: call.Builder{Engine: call.Buildx, Why: "docker buildx bake"}}
		b.Line, b.Col = s.Position(b.Start)
		for _, block := range x.blocks {
			if fixed := u.args(s, x, block); fixed != "" {
				b.Fixed = fixed
			}
		}
		if u.template(own, heirs) {
			own = nil
		}
		x.targets = slices.Concat(own, heirs)
		u.places(b, x.targets)
		u.secrets(b, x, f)
		for _, p := range x.passed {
			b.Args = append(b.Args, p.arg)
		}
		b.Handle = x
		out = append(out, b)
	}
	return out
}

// having returns the targets that are made of blocks, and those that inherit from them.
func (u *universe) having(targets []*target, blocks []*block) (own, heirs []*target) {
	for _, t := range targets {
		if slices.ContainsFunc(t.blocks, func(b *block) bool { return b.label == blocks[0].label }) {
			own = append(own, t)
		} else if slices.ContainsFunc(slices.Concat(t.chains...), func(b *block) bool { return slices.Contains(blocks, b) }) {
			heirs = append(heirs, t)
		}
	}
	return own, heirs
}

// template reports targets that are only there to be inherited from: nobody lists them, and
// they name nothing to build.
func (u *universe) template(own, heirs []*target) bool {
	if len(heirs) == 0 {
		return false
	}
	for _, t := range own {
		if t.name == "default" || slices.ContainsFunc(u.files, func(f *file) bool { return f.groups[t.name] }) {
			return false
		}
		if strings.HasPrefix(t.name, "_") {
			continue
		}
		for _, b := range t.blocks {
			if b.attrs["context"] != nil || b.attrs["dockerfile"] != nil || b.attrs["dockerfile-inline"] != nil {
				return false
			}
		}
	}
	return true
}

// places says what targets build: all of it.
func (u *universe) places(b *call.Build, targets []*target) {
	b.Near = true
	for i, t := range targets {
		for j, chain := range t.chains {
			p, stage := u.place(t, chain)
			if t.doubt != "" {
				p.Doubt, p.Near = t.doubt, false
			}
			if p.Doubt != "" {
				if b.Near = b.Near && p.Near; b.Doubt == "" || !p.Near {
					b.Doubt = p.Doubt
				}
			}
			if i == 0 && j == 0 {
				b.Dockerfiles, b.Context, b.Dir, b.Target = p.Dockerfiles, p.Context, p.Dir, stage
				continue
			}
			if j > 0 && !slices.Equal(p.Dockerfiles, b.Dockerfiles) {
				b.Doubt, b.Near = "another bake file beside it may say what it builds", false
			}
			b.Dockerfiles = slices.Compact(slices.Sorted(slices.Values(slices.Concat(b.Dockerfiles, p.Dockerfiles))))
			for _, x := range []struct {
				have *string
				want string
			}{{&b.Context, p.Context}, {&b.Dir, p.Dir}, {&b.Target, stage}} {
				if *x.have != x.want {
					*x.have = ""
				}
			}
		}
	}
	b.Near = b.Near && b.Doubt != ""
}

// place is what the blocks of a target come to.
func (u *universe) place(t *target, chain []*block) (p call.Place, stage string) {
	get := func(setting, unset string) (string, bool) {
		out, varies := unset, false
		for _, block := range chain {
			a := block.attrs[setting]
			if a == nil || a.value.expr != nil && isNull(a.value.expr) {
				continue
			}
			matrix := t.matrix
			if !slices.Contains(t.blocks, block) {
				matrix = nil
			}
			out, varies = u.text(a.value.expr, matrix)
		}
		return out, varies
	}
	context, varies := get("context", ".")
	file, v := get("dockerfile", "")
	if file == "" {
		file = "Dockerfile"
	}
	stage, w := get("target", "")
	if inline, _ := get("dockerfile-inline", ""); inline == "" {
		p = u.resolve(context, file)
		if p.Doubt == "" && (varies || v) {
			p.Doubt = "a variable says which Dockerfile it builds"
		}
	}
	switch {
	case strings.Contains(stage, call.Hole):
		stage, p.Doubt, p.Near = "", "which stage it builds is known only when it runs", false
	case w && p.Doubt == "":
		p.Doubt = "a variable says which stage it builds"
	}
	return p, stage
}

// resolve finds a Dockerfile from the folders that bake may run in: the file's, and those
// above it.
func (u *universe) resolve(context, file string) call.Place {
	dirs := []string{u.dir}
	for d := u.dir; d != "."; {
		d = path.Dir(d)
		dirs = append(dirs, d)
	}
	if local, ok := strings.CutPrefix(context, "cwd://"); ok {
		context = path.Clean(local)
	}
	if local, ok := strings.CutPrefix(file, "cwd://"); ok {
		return u.project.Resolve(dirs, context, local, false)
	}
	return u.project.Resolve(dirs, context, file, true)
}

// args adds what a block passes. fixed says why it cannot be changed.
func (u *universe) args(s *call.Source, x *build, block *block) (fixed string) {
	items, ok := block.args()
	if !ok {
		a := block.attrs["args"]
		for _, name := range u.mentioned(a.value, map[string]bool{}) {
			line, _ := s.Position(a.start)
			x.passed = append(x.passed, passed{block, item{}, call.Arg{Name: name, Kind: call.Computed, Start: a.start, End: a.end, Line: line}})
		}
		return "its arguments are put together: write them out as one object"
	}
	for _, i := range items {
		if i.value.expr == nil || isNull(i.value.expr) {
			continue // not passed
		}
		arg := call.Arg{Name: i.name, Start: i.start, End: i.end, Value: string(s.Src[i.value.start:i.value.end])}
		arg.Line, _ = s.Position(i.start)
		if text, ok := literal(i.value.expr); ok {
			arg.Kind, arg.Value = call.Text, text
		} else if v := u.variable(name(i.value.expr)); v != nil && !u.inMatrix(block, name(i.value.expr)) && (class(v) == empty || class(v) == absent) {
			arg.Kind, arg.Env = call.Variable, name(i.value.expr)
		}
		x.passed = append(x.passed, passed{block, i, arg})
	}
	return ""
}

// inMatrix reports whether a name is one of the matrix of a block's target, and no variable.
func (u *universe) inMatrix(b *block, name string) bool {
	for _, other := range u.labelled(b.label) {
		if a := other.attrs["matrix"]; a != nil {
			if !a.value.object || slices.ContainsFunc(a.value.items, func(i item) bool { return i.name == name }) {
				return true
			}
		}
	}
	return false
}

// mentioned are the names that may be arguments in an expression: those of the objects in
// it, in the variables that it reads, and those of the targets that it reads.
func (u *universe) mentioned(v *value, seen map[string]bool) (out []string) {
	for _, i := range v.items {
		if i.named && !slices.Contains(out, i.name) {
			out = append(out, i.name)
		}
	}
	if v.expr == nil {
		return out
	}
	add := func(names []string) {
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	hclsyntax.VisitAll(v.expr, func(n hclsyntax.Node) (_ hcl.Diagnostics) {
		if o, ok := n.(*hclsyntax.ObjectConsExpr); ok && o != v.expr {
			add(u.mentioned(fromHCL(o), seen))
		}
		return
	})
	for _, t := range v.expr.Variables() {
		root := t.RootName()
		if root == "target" {
			for _, f := range u.files {
				for _, r := range f.refs {
					for _, b := range u.named(r.target) {
						if a := b.attrs["args"]; a != nil && !seen["target."+r.target] {
							seen["target."+r.target] = true
							add(u.mentioned(a.value, seen))
						}
					}
				}
			}
			continue
		}
		if seen[root] {
			continue
		}
		seen[root] = true
		for _, f := range u.files {
			for _, d := range f.vars[root] {
				if d.value != nil {
					add(u.mentioned(d.value, seen))
				}
			}
		}
	}
	return out
}

// secrets adds those that the targets of a block pass by what this file says.
func (u *universe) secrets(b *call.Build, x *build, f *file) {
	chains := [][]*block{x.blocks}
	for _, t := range x.targets {
		if slices.ContainsFunc(t.blocks, func(b *block) bool { return slices.Contains(x.blocks, b) }) {
			chains = append(chains, t.chains...)
		}
	}
	for _, block := range slices.Concat(chains...) {
		a := block.attrs["secret"]
		if a == nil || block.file != f {
			continue
		}
		for _, i := range a.value.items {
			s := secret(i.value)
			if s.ID == "" || slices.Contains(x.secrets, s.ID) {
				continue
			}
			if s.File != "" {
				s.File = path.Join(b.Dir, s.File)
			}
			x.secrets = append(x.secrets, s.ID)
			b.Secrets = append(b.Secrets, s)
		}
	}
}

// secret reads one: "id=T,env=T", or an object.
func secret(v *value) (s call.Secret) {
	set := func(key, val string) {
		switch strings.ToLower(key) {
		case "id":
			s.ID = val
		case "src", "source":
			s.File = val
		case "env":
			s.Env = val
		}
	}
	if v.object {
		for _, i := range v.items {
			if t, ok := literal(i.value.expr); ok {
				set(i.name, t)
			}
		}
		return s
	}
	t, _ := literal(v.expr)
	fields, err := csv.NewReader(strings.NewReader(t)).Read()
	if err != nil {
		return s
	}
	for _, f := range fields {
		key, val, _ := strings.Cut(f, "=")
		set(key, val)
	}
	return s
}
