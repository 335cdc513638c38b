package bake

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// value is what a setting, an argument or a variable is given.
type value struct {
	expr       hclsyntax.Expression // nil for an object or array of JSON
	start, end int

	object bool // written out: items
	list   bool // written out: items, without names
	items  []item
}

// item is one part of an object or list.
type item struct {
	name       string
	named      bool // false where the name is put together
	start, end int
	value      *value
}

func (f *file) readHCL() error {
	parsed, diags := hclsyntax.ParseConfig(f.src, f.path, hcl.InitialPos)
	if diags.HasErrors() {
		at := 0
		if diags[0].Subject != nil {
			at = diags[0].Subject.Start.Byte
		}
		return f.errorf(at, "not valid HCL")
	}
	root := parsed.Body.(*hclsyntax.Body)
	for _, a := range root.Attributes {
		f.attrs[a.Name] = true
		f.references(a.Expr)
	}
	for _, b := range root.Blocks {
		for _, a := range b.Body.Attributes {
			f.references(a.Expr)
		}
		if len(b.Labels) != 1 {
			continue
		}
		switch name := b.Labels[0]; b.Type {
		case "variable":
			v := &variable{}
			if a := b.Body.Attributes["default"]; a != nil {
				v.value = fromHCL(a.Expr)
			}
			if a := b.Body.Attributes["type"]; a != nil {
				v.typ = string(a.Expr.Range().SliceBytes(f.src))
			}
			f.vars[name] = append(f.vars[name], v)
		case "group":
			if a := b.Body.Attributes["targets"]; a != nil {
				f.group(fromHCL(a.Expr))
			}
		case "target":
			t := &block{file: f, label: name, attrs: map[string]*attr{}, start: b.Range().Start.Byte, end: b.Body.SrcRange.End.Byte}
			t.body = hclBody{open: b.OpenBraceRange.End.Byte, close: b.CloseBraceRange.Start.Byte}
			for _, a := range b.Body.Attributes {
				t.attrs[a.Name] = &attr{a.Name, a.SrcRange.Start.Byte, a.SrcRange.End.Byte, fromHCL(a.Expr)}
			}
			f.blocks = append(f.blocks, t)
		}
	}
	return nil
}

func (f *file) group(targets *value) {
	for _, i := range targets.items {
		if name, ok := literal(i.value.expr); ok {
			f.groups[name] = true
		}
	}
}

func fromHCL(e hclsyntax.Expression) *value {
	v := &value{expr: e, start: e.Range().Start.Byte, end: e.Range().End.Byte}
	switch e := e.(type) {
	case *hclsyntax.ObjectConsExpr:
		v.object = true
		for _, i := range e.Items {
			it := item{start: i.KeyExpr.Range().Start.Byte, end: i.ValueExpr.Range().End.Byte, value: fromHCL(i.ValueExpr)}
			if key, diags := i.KeyExpr.Value(nil); !diags.HasErrors() && key.Type() == cty.String && key.IsKnown() && !key.IsNull() {
				it.name, it.named = key.AsString(), true
			}
			v.object = v.object && it.named
			v.items = append(v.items, it)
		}
	case *hclsyntax.TupleConsExpr:
		v.list = true
		for _, x := range e.Exprs {
			v.items = append(v.items, item{start: x.Range().Start.Byte, end: x.Range().End.Byte, value: fromHCL(x)})
		}
	}
	return v
}

// references notes the settings of targets that an expression reads.
func (f *file) references(e hclsyntax.Expression) {
	for _, t := range e.Variables() {
		if t.RootName() != "target" || len(t) < 2 {
			continue
		}
		r := ref{offset: t.SourceRange().Start.Byte}
		steps := []string{}
		for _, s := range t[1:] {
			switch s := s.(type) {
			case hcl.TraverseAttr:
				steps = append(steps, s.Name)
			case hcl.TraverseIndex:
				if s.Key.Type() == cty.String {
					steps = append(steps, s.Key.AsString())
				}
			}
		}
		if len(steps) > 0 {
			r.target = steps[0]
		}
		if len(steps) > 1 {
			r.setting = steps[1]
		}
		if len(steps) > 2 {
			r.member = steps[2]
		}
		f.refs = append(f.refs, r)
	}
}

// unwrap takes the parentheses and the template around a single value off.
func unwrap(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		switch x := e.(type) {
		case *hclsyntax.ParenthesesExpr:
			e = x.Expression
		case *hclsyntax.TemplateWrapExpr:
			e = x.Wrapped
		default:
			return e
		}
	}
}

// literal is the string that an expression certainly is: a number or truth value too.
func literal(e hclsyntax.Expression) (string, bool) {
	if e == nil {
		return "", false
	}
	switch x := unwrap(e).(type) {
	case *hclsyntax.LiteralValueExpr:
		return text(x.Val)
	case *hclsyntax.TemplateExpr:
		var b strings.Builder
		for _, p := range x.Parts {
			l, ok := p.(*hclsyntax.LiteralValueExpr)
			if !ok {
				return "", false
			}
			s, ok := text(l.Val)
			if !ok {
				return "", false
			}
			b.WriteString(s)
		}
		return b.String(), true
	case *hclsyntax.UnaryOpExpr:
		if v, diags := x.Value(nil); !diags.HasErrors() {
			return text(v)
		}
	}
	return "", false
}

func isNull(e hclsyntax.Expression) bool {
	l, ok := unwrap(e).(*hclsyntax.LiteralValueExpr)
	return ok && l.Val.IsNull()
}

// text is a single value as bake makes a string of it.
func text(v cty.Value) (string, bool) {
	if !v.IsKnown() || v.IsNull() {
		return "", false
	}
	switch v.Type() {
	case cty.String:
		return v.AsString(), true
	case cty.Bool:
		if v.True() {
			return "true", true
		}
		return "false", true
	case cty.Number:
		return v.AsBigFloat().Text('f', -1), true
	}
	return "", false
}

// name is the variable that an expression is, and nothing else.
func name(e hclsyntax.Expression) string {
	if e == nil {
		return ""
	}
	if x, ok := unwrap(e).(*hclsyntax.ScopeTraversalExpr); ok && len(x.Traversal) == 1 {
		return x.Traversal.RootName()
	}
	return ""
}

// body adds to a block and removes from it. Each returns the file's text after that.
type body interface {
	removeArg(src []byte, b *block, i int) []byte
	addSecret(src []byte, b *block, spec string) []byte
}

type hclBody struct{ open, close int } // behind the opening brace, before the closing one

func (h hclBody) removeArg(src []byte, b *block, i int) []byte {
	a := b.attrs["args"]
	items := a.value.items
	it := items[i]
	if len(items) == 1 && !comment(src[a.value.start+1:it.start]) && !comment(src[it.end:a.value.end-1]) {
		return removeLines(src, a.start, a.end)
	}
	if i+1 < len(items) && !bytes.ContainsRune(src[it.start:items[i+1].start], '\n') {
		return splice(src, it.start, items[i+1].start, "")
	}
	end := it.end
	for end < len(src) && (src[end] == ' ' || src[end] == '\t') {
		end++
	}
	if end < len(src) && src[end] == ',' {
		end++
	} else {
		end = it.end
	}
	if own(src, it.start) {
		return removeLines(src, it.start, end)
	}
	// Behind another one on its line, which keeps what stood behind this one.
	if i > 0 && !bytes.ContainsRune(src[items[i-1].end:it.start], '\n') {
		return splice(src, items[i-1].end, it.end, "")
	}
	return removeLines(src, it.start, end)
}

func comment(s []byte) bool { return bytes.ContainsAny(s, "#/") }

func (h hclBody) addSecret(src []byte, b *block, spec string) []byte {
	item := `"` + spec + `"`
	if a := b.attrs["secret"]; a != nil {
		return addItem(src, a.value, item)
	}
	// Where the arguments stand, or stood; the block's last line otherwise.
	nl := newline(src)
	if bytes.IndexByte(src[h.open:h.close], '\n') < 0 { // which has room for one setting
		inner, in := string(bytes.TrimSpace(src[h.open:h.close])), nl+indentOf(src, b.start)+"  "
		if inner == "" {
			return splice(src, h.open, h.close, " secret = ["+item+"] ")
		}
		return splice(src, h.open, h.close, in+inner+in+"secret = ["+item+"]"+nl+indentOf(src, b.start))
	}
	at, in := h.close-len(indentBefore(src, h.close)), indentBefore(src, h.close)+"  "
	if a := b.attrs["args"]; a != nil {
		in = indentBefore(src, a.start)
		if end := lineEnd(src, a.end); end < h.close {
			at = end
		}
	} else if last := b.last(); last != nil {
		in = indentBefore(src, last.start)
	}
	return splice(src, at, at, in+pad(src, at)+"= ["+item+"]"+nl)
}

// last is the setting that stands last.
func (b *block) last() *attr {
	var out *attr
	for _, a := range b.attrs {
		if out == nil || a.start > out.start {
			out = a
		}
	}
	return out
}

// pad is the setting's name, as wide as those of the lines below or above it are.
func pad(src []byte, at int) string {
	width := func(line []byte) int {
		line = bytes.TrimLeft(bytes.TrimRight(line, "\r\n"), " \t")
		eq := bytes.IndexByte(line, '=')
		if eq < 0 || bytes.HasSuffix(line, []byte("{")) || bytes.HasSuffix(line, []byte("[")) || !hclsyntax.ValidIdentifier(string(bytes.TrimSpace(line[:eq]))) {
			return 0
		}
		return eq
	}
	end := lineEnd(src, at)
	w := width(src[at:end])
	if w == 0 && at > 0 {
		w = width(src[bytes.LastIndexByte(src[:at-1], '\n')+1 : at])
	}
	return "secret" + strings.Repeat(" ", max(w-len("secret"), 1))
}
