package bake

import (
	"encoding/csv"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// build is what a call.Build of this package is made of.
type build struct {
	index   int // among the builds of the file
	target  *target
	passed  []passed // in the file that was read, the one that counts last
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

// builds returns the builds that the blocks of a file have a part in.
func (u *universe) builds(s *call.Source, f *file) []*call.Build {
	var out []*call.Build
	declared := map[string]map[string]bool{}
	all := u.targets(f)
	for _, t := range all {
		if u.template(t) {
			continue
		}
		at := t.in(f)
		b := &call.Build{Path: s.Path, Start: at.start, End: at.end, What: "the target " + t.name, Builder: call.Builder{Engine: call.Buildx, Why: "docker buildx bake"}}
		b.Line, b.Col = s.Position(b.Start)
		u.place(b, t)
		x := &build{target: t, index: len(out)}
		for _, chain := range t.chains {
			for _, block := range chain {
				if block.file == f {
					b.Fixed = u.args(s, b, x, block)
				}
				if b.Fixed != "" {
					break
				}
			}
		}
		u.secrets(b, x)
		for i, p := range x.passed {
			last := !slices.ContainsFunc(x.passed[i+1:], func(q passed) bool { return q.arg.Name == p.arg.Name })
			if last && u.declares(b, p.arg.Name, declared) {
				b.Args = append(b.Args, p.arg)
			}
		}
		b.Handle = x
		out = append(out, b)
	}
	return out
}

// in is the block of a file that has most to say about the target: its own.
func (t *target) in(f *file) *block {
	var inherited *block
	for _, chain := range t.chains {
		for _, b := range chain {
			switch {
			case b.file != f:
			case slices.Contains(t.blocks, b):
				return b
			default:
				inherited = b
			}
		}
	}
	return inherited
}

// template reports a target that is only there to be inherited from: nobody lists it, and
// it names nothing to build.
func (u *universe) template(t *target) bool {
	inherited := false
	for _, f := range u.files {
		if f.groups[t.name] {
			return false
		}
		for _, b := range f.blocks {
			if a := b.attrs["inherits"]; a != nil && !slices.Contains(t.blocks, b) {
				for _, i := range a.value.items {
					name, ok := literal(i.value.expr)
					inherited = inherited || ok && name == t.name
				}
			}
		}
	}
	if !inherited || t.name == "default" {
		return false
	}
	for _, chain := range t.chains {
		for _, b := range chain {
			for _, name := range []string{"context", "dockerfile", "dockerfile-inline"} {
				if b.attrs[name] != nil && !strings.HasPrefix(t.name, "_") {
					return false
				}
			}
		}
	}
	return true
}

// place says what a target builds, for each way to put its files together.
func (u *universe) place(b *call.Build, t *target) {
	b.Doubt = t.doubt
	for i, chain := range t.chains {
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
		var p call.Place
		if inline, _ := get("dockerfile-inline", ""); inline == "" {
			p = u.resolve(context, file)
			if p.Doubt == "" && (varies || v) {
				p.Doubt = "a variable says which Dockerfile it builds"
			}
		}
		switch {
		case strings.Contains(stage, call.Hole):
			stage, p.Doubt = "", "which stage it builds is known only when it runs"
		case w && p.Doubt == "":
			p.Doubt = "a variable says which stage it builds"
		}
		if b.Doubt == "" {
			b.Doubt = p.Doubt
		}
		if i == 0 {
			b.Dockerfiles, b.Context, b.Dir, b.Target = p.Dockerfiles, p.Context, p.Dir, stage
			continue
		}
		if !slices.Equal(p.Dockerfiles, b.Dockerfiles) || p.Context != b.Context || stage != b.Target {
			b.Dockerfiles = slices.Compact(slices.Sorted(slices.Values(slices.Concat(b.Dockerfiles, p.Dockerfiles))))
			b.Context, b.Dir, b.Doubt = "", "", "another bake file beside it may say what it builds"
		}
	}
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
func (u *universe) args(s *call.Source, b *call.Build, x *build, block *block) (fixed string) {
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
		if slices.ContainsFunc(x.passed, func(p passed) bool { return p.block == block && p.item.start == i.start }) {
			continue
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

// secrets adds those that a target passes, whichever file says so.
func (u *universe) secrets(b *call.Build, x *build) {
	for _, chain := range x.target.chains {
		for _, block := range chain {
			a := block.attrs["secret"]
			if a == nil {
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

// declares reports whether a build may read an argument: false only where each of its
// Dockerfiles is certain, and none has it. What no Dockerfile declares is not passed on.
func (u *universe) declares(b *call.Build, name string, known map[string]map[string]bool) bool {
	if b.Doubt != "" || len(b.Dockerfiles) == 0 || u.project.FS == nil {
		return true
	}
	upper := strings.ToUpper(name)
	if strings.HasPrefix(upper, "BUILDKIT_") || strings.HasSuffix(upper, "_PROXY") || upper == "SOURCE_DATE_EPOCH" {
		return true
	}
	for _, p := range b.Dockerfiles {
		names, ok := known[p]
		if !ok {
			names = declarations(u.project.FS, p)
			known[p] = names
		}
		if names == nil || names[name] {
			return true
		}
	}
	return false
}

// declarations are the arguments that a Dockerfile declares; nil: not certain.
func declarations(fsys fs.FS, p string) map[string]bool {
	src, err := fs.ReadFile(fsys, p)
	if err != nil {
		return nil
	}
	f, err := dockerfile.Parse(p, src)
	if err != nil {
		return nil
	}
	for _, d := range f.Directives {
		if d.Name == "syntax" && !strings.Contains(d.Value, "docker/dockerfile") {
			return nil
		}
	}
	out := map[string]bool{}
	for _, in := range f.Instructions {
		if in.Name != "arg" {
			continue
		}
		pairs := in.Pairs()
		if len(pairs) == 0 {
			return nil
		}
		for _, pair := range pairs {
			out[pair.Name] = true
		}
	}
	return out
}
