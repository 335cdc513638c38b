package bake

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/unbake-dev/unbake/rewrite/callers/jsontext"
)

func (f *file) readJSON() error {
	root, err := jsontext.Parse(f.src, false)
	if err != nil {
		at := 0
		if e, ok := err.(*jsontext.Error); ok {
			at = e.Offset
		}
		return f.errorf(at, "not valid JSON")
	}
	if root.Kind != jsontext.Object {
		return f.errorf(root.Start, "not an object")
	}
	for _, m := range root.Members {
		switch m.Key {
		case "variable":
			f.bodies(m.Value, func(name string, _ int, v *jsontext.Value) {
				x := &variable{}
				if d := v.Get("default"); d != nil {
					x.value = f.fromJSON(d)
				}
				if t := v.Get("type"); t != nil {
					x.typ = t.Text
				}
				f.vars[name] = append(f.vars[name], x)
			})
		case "group":
			f.bodies(m.Value, func(_ string, _ int, v *jsontext.Value) {
				if t := v.Get("targets"); t != nil {
					f.group(f.fromJSON(t))
				}
			})
		case "target":
			f.bodies(m.Value, func(name string, start int, v *jsontext.Value) {
				t := &block{file: f, label: name, start: start, end: v.End, attrs: map[string]*attr{}, body: jsonBody{v}}
				for _, a := range v.Members {
					t.attrs[a.Key] = &attr{a.Key, a.Start, a.End, f.fromJSON(a.Value)}
				}
				f.blocks = append(f.blocks, t)
			})
		case "function", "//":
		default:
			f.attrs[m.Key] = true
			f.fromJSON(m.Value)
		}
	}
	return nil
}

// bodies calls fn for each body of a kind of blocks: an object by names, or a list of
// them, and for each name a body or a list of them.
func (f *file) bodies(v *jsontext.Value, fn func(name string, start int, body *jsontext.Value)) {
	if v.Kind == jsontext.Array {
		for _, m := range v.Members {
			f.bodies(m.Value, fn)
		}
		return
	}
	for _, m := range v.Members {
		if m.Value.Kind == jsontext.Array {
			for _, b := range m.Value.Members {
				fn(m.Key, b.Start, b.Value)
			}
			continue
		}
		fn(m.Key, m.Start, m.Value)
	}
}

func (f *file) fromJSON(j *jsontext.Value) *value {
	v := &value{start: j.Start, end: j.End}
	switch j.Kind {
	case jsontext.Object:
		v.object = true
		for _, m := range j.Members {
			// A name is a template as well.
			name, ok := literal(f.template(m.Key, m.Start))
			v.object = v.object && ok
			v.items = append(v.items, item{name, ok, m.Start, m.End, f.fromJSON(m.Value)})
		}
	case jsontext.Array:
		v.list = true
		for _, m := range j.Members {
			v.items = append(v.items, item{start: m.Start, end: m.End, value: f.fromJSON(m.Value)})
		}
	case jsontext.String:
		v.expr = f.template(j.Text, j.Start)
		f.references(v.expr)
	default:
		v.expr, _ = hclsyntax.ParseExpression([]byte(j.Text), f.path, hcl.InitialPos)
	}
	return v
}

// template is what a string says; what is no template is nothing that is understood.
func (f *file) template(s string, at int) hclsyntax.Expression {
	e, diags := hclsyntax.ParseTemplate([]byte(s), f.path, hcl.Pos{Line: 1, Column: 1, Byte: at})
	if diags.HasErrors() {
		return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal}
	}
	return e
}

type jsonBody struct{ value *jsontext.Value }

func (j jsonBody) removeArg(src []byte, b *block, i int) []byte {
	args := j.value.Get("args")
	if len(args.Members) > 1 {
		return jsontext.Remove(src, args, i)
	}
	for i, m := range j.value.Members {
		if m.Value == args {
			return jsontext.Remove(src, j.value, i)
		}
	}
	return src
}

func (j jsonBody) addSecret(src []byte, b *block, spec string) []byte {
	if a := j.value.Get("secret"); a != nil {
		return jsontext.Add(src, a, jsontext.Quote(spec))
	}
	return jsontext.Add(src, j.value, jsontext.Quote("secret")+": ["+jsontext.Quote(spec)+"]")
}
