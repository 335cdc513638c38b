package bake

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// target is one that can be built: a name, and one combination of its matrix.
type target struct {
	name   string
	blocks []*block // its own
	matrix map[string]cty.Value
	chains [][]*block // its own with those that it inherits from, the later one counts; one for each way to put the files together
	doubt  string     // why they are not certain
}

// maxMatrix is more combinations than anyone builds.
const maxMatrix = 200

// targets returns those that blocks of a file have a part in.
func (u *universe) targets(f *file) []*target {
	var out []*target
	seen := map[string]bool{}
	for _, other := range u.files {
		for _, b := range other.blocks {
			if seen[b.label] {
				continue
			}
			seen[b.label] = true
			sets := u.together(b.label, f)
			if len(sets) == 0 {
				continue
			}
			for _, m := range u.matrix(slices.Concat(sets...)) {
				t := &target{name: b.label, blocks: u.labelled(b.label), matrix: m}
				if n := slices.IndexFunc(t.blocks, func(b *block) bool { return b.attrs["name"] != nil }); n >= 0 {
					if s, _ := u.text(t.blocks[n].attrs["name"].value.expr, m); !strings.Contains(s, call.Hole) {
						t.name = s
					}
				}
				for _, blocks := range sets {
					t.chains = append(t.chains, u.chain(t, blocks, map[string]bool{b.label: true}))
				}
				if slices.ContainsFunc(slices.Concat(t.chains...), func(b *block) bool { return b.file == f }) {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// together returns the ways in which the blocks of a label may be put together when a file
// is among those that are read: those that bake reads of itself make one target, and
// another file is read alone or after them.
func (u *universe) together(label string, f *file) (out [][]*block) {
	var own []*block
	others := map[*file][]*block{}
	for _, b := range u.labelled(label) {
		if isDefault(b.file.path) {
			own = append(own, b)
		} else {
			others[b.file] = append(others[b.file], b)
		}
	}
	alone := others[f]
	if len(own) > 0 && (isDefault(f.path) || alone == nil) {
		out = append(out, own)
	}
	for _, other := range u.files {
		if blocks := others[other]; blocks != nil && (alone == nil || other == f) {
			if !isDefault(f.path) || len(own) == 0 {
				out = append(out, blocks)
			}
			if len(own) > 0 {
				out = append(out, slices.Concat(own, blocks))
			}
		}
	}
	return out
}

func (u *universe) labelled(label string) (out []*block) {
	for _, f := range u.files {
		for _, b := range f.blocks {
			if b.label == label {
				out = append(out, b)
			}
		}
	}
	return out
}

// named returns the blocks that make a target of a name, in the order in which they count:
// its label, or what a combination of its matrix comes to.
func (u *universe) named(name string) (out []*block) {
	for _, f := range u.files {
		for _, b := range f.blocks {
			a := b.attrs["name"]
			if a == nil {
				if b.label == name {
					out = append(out, b)
				}
				continue
			}
			for _, m := range u.matrix([]*block{b}) {
				if s, _ := u.text(a.value.expr, m); s == name {
					out = append(out, b)
					break
				}
			}
		}
	}
	return out
}

// matrix returns the combinations of a target's matrix; one, of nothing, where it has none
// or none that is certain.
func (u *universe) matrix(blocks []*block) []map[string]cty.Value {
	none := []map[string]cty.Value{nil}
	for _, b := range blocks {
		a := b.attrs["matrix"]
		if a == nil {
			continue
		}
		if !a.value.object {
			return none
		}
		out := none
		for _, i := range a.value.items {
			var values []cty.Value
			for _, x := range i.value.items {
				v, ok := constant(x.value)
				if !ok {
					return none
				}
				values = append(values, v)
			}
			var next []map[string]cty.Value
			for _, m := range out {
				for _, v := range values {
					n := maps.Clone(m)
					if n == nil {
						n = map[string]cty.Value{}
					}
					n[i.name] = v
					next = append(next, n)
				}
			}
			if out = next; len(out) == 0 || len(out) > maxMatrix {
				return none
			}
		}
		return out
	}
	return none
}

// constant is a value that reads no variable.
func constant(v *value) (cty.Value, bool) {
	if v.expr != nil {
		if len(v.expr.Variables()) > 0 {
			return cty.NilVal, false
		}
		c, diags := v.expr.Value(nil)
		return c, !diags.HasErrors() && c.IsWhollyKnown()
	}
	members := map[string]cty.Value{}
	var list []cty.Value
	for _, i := range v.items {
		c, ok := constant(i.value)
		if !ok {
			return cty.NilVal, false
		}
		members[i.name] = c
		list = append(list, c)
	}
	if v.object {
		return cty.ObjectVal(members), true
	}
	return cty.TupleVal(list), true
}

// chain is the blocks that make a target, its parents' before its own.
func (u *universe) chain(t *target, blocks []*block, visited map[string]bool) (out []*block) {
	for _, b := range blocks {
		a := b.attrs["inherits"]
		if a == nil {
			continue
		}
		if !a.value.list {
			t.doubt = "what it inherits is known only when it runs"
			continue
		}
		for _, i := range a.value.items {
			name, varies := u.text(i.value.expr, t.matrix)
			if varies || strings.Contains(name, call.Hole) {
				t.doubt = "what it inherits is known only when it runs"
				continue
			}
			if visited[name] {
				continue
			}
			visited[name] = true
			parents := u.named(name)
			if len(parents) == 0 {
				t.doubt = "it inherits from " + name + ", which is not in this folder"
			}
			for _, p := range u.chain(t, parents, visited) {
				if !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	return append(out, blocks...)
}

// text is what an expression comes to, with call.Hole for what is known only when bake
// runs. varies says that a variable is in it, which was taken at its default.
func (u *universe) text(e hclsyntax.Expression, matrix map[string]cty.Value) (s string, varies bool) {
	if e == nil {
		return call.Hole, false
	}
	if l, ok := literal(e); ok {
		return l, false
	}
	switch x := unwrap(e).(type) {
	case *hclsyntax.TemplateExpr:
		for _, p := range x.Parts {
			part, v := u.text(p, matrix)
			s, varies = s+part, varies || v
		}
		return s, varies
	case *hclsyntax.ScopeTraversalExpr:
		root := x.Traversal.RootName()
		if _, ok := matrix[root]; ok {
			if v, diags := x.Traversal.TraverseAbs(&hcl.EvalContext{Variables: matrix}); !diags.HasErrors() {
				if s, ok := text(v); ok {
					return s, false
				}
			}
			return call.Hole, false
		}
		if root == "BAKE_CMD_CONTEXT" && len(x.Traversal) == 1 {
			return ".", false
		}
		if v := u.variable(root); len(x.Traversal) == 1 && v != nil && v.value != nil {
			if s, ok := literal(v.value.expr); ok {
				return s, true
			}
		}
	}
	return call.Hole, false
}

// variable is the declaration of a variable, nil if there is none, or several that differ
// in whether they have a default.
func (u *universe) variable(name string) *variable {
	var found *variable
	for _, f := range u.files {
		if f.attrs[name] {
			return nil
		}
		for _, v := range f.vars[name] {
			if found != nil && (class(found) != class(v) || class(v) == given) {
				return nil
			}
			found = v
		}
	}
	return found
}

// How a variable is without the environment.
const (
	empty   = iota // an empty text
	absent         // null: the argument is not passed
	given          // a text of the file
	unclear        // anything else
)

func class(v *variable) int {
	switch {
	case v.typ != "" && v.typ != "string":
		return unclear
	case v.value == nil && v.typ != "":
		return absent
	case v.value == nil:
		return empty
	case v.value.expr == nil:
		return unclear
	case isNull(v.value.expr):
		return absent
	}
	s, ok := literal(v.value.expr)
	switch {
	case !ok:
		return unclear
	case s == "":
		return empty
	}
	return given
}
