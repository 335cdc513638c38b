package tasks

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/script"
)

// expansion makes the shell's text of a recipe.
type expansion struct {
	set *makeSet
	t   *text
}

// expand adds a text of the Makefile: variables that hold several words are put in, the
// others are holes.
func (x *expansion) expand(p piece, in int) {
	for i := 0; i < len(p.text); i++ {
		c := p.text[i]
		content, n := "", 0
		if c == '$' {
			content, n = reference(p.text[i:])
		}
		switch {
		case len(x.t.Code) == 0 && in == 0 && strings.IndexByte("@+- \t", c) >= 0:
			// make's own
		case n == 0:
			x.byte(p, i, in)
		case content == "$":
			x.t.put("$", p.start[i], p.end[i+1], in)
			i++
		default:
			x.reference(p.slice(i, i+n), content, p.text[i+n:], in)
			i += n - 1
		}
	}
}

func (x *expansion) byte(p piece, i, in int) {
	if p.end[i] == p.start[i]+1 {
		x.t.keep(p.text[i], p.start[i], in)
		return
	}
	x.t.put(p.text[i:i+1], p.start[i], p.end[i], in)
}

var silent = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:[@+-]*|\$[({]if .*,[@+-]*[)}])$`) })

// reference adds what a reference stands for; p is its text, and rest what follows it.
func (x *expansion) reference(p piece, content, rest string, in int) {
	start, end := p.start[0], p.end[len(p.end)-1]
	name := strings.TrimSpace(content)
	if len(p.text) == 2 {
		p.text = "$(" + content + ")"
	}
	if cond, ok := strings.CutPrefix(content, "if "); ok && len(p.text) == len(content)+3 && x.when(p, cond, in) {
		return
	}
	hole := script.Hole{Text: p.text}
	if strings.ContainsAny(name, " $:,\t\n") {
		hole.Value, hole.Known = x.set.call(content, x.set.own, 0)
		x.past(content, in)
		x.t.hole(hole, start, end, in)
		return
	}
	list, files := x.set.given(name)
	if len(x.t.Code) == 0 && in == 0 && x.quiet(name, list, rest) {
		return
	}
	if x.inline(name, list, files, in) {
		outer := in
		if len(list) > 1 {
			outer = x.t.enter(name, start, end, in, nil)
			x.t.frames[outer].several = true
		}
		for i, a := range list {
			if i > 0 && len(x.t.Code) > 0 {
				at := x.t.end[len(x.t.end)-1]
				x.t.put(" ", at, at, outer)
			}
			x.expand(a.value, x.t.enter(name, start, end, outer, value{name}))
		}
		return
	}
	hole.Value, hole.Known = x.set.value(name, 0)
	if x.set.environment(name) && !(len(list) > 0 && x.early(in)) {
		hole.Env = name
	}
	x.past(name, in)
	x.t.hole(hole, start, end, in)
}

// quiet reports whether a variable at the start of a recipe's line holds make's own @.
func (x *expansion) quiet(name string, list []assign, rest string) bool {
	if len(list) == 0 {
		return slices.Contains([]string{"Q", "V", "AT", "QUIET", "SILENT", "E"}, name) && rest != "" && rest[0] != ' '
	}
	return !slices.ContainsFunc(list, func(a assign) bool { return a.op == "" || a.op == "define" || !silent().MatchString(a.value.text) })
}

// inline reports whether a variable is put in as its words: this file alone gives it a
// value, in one way, and that is more than one word.
func (x *expansion) inline(name string, list []assign, files []*makefile, in int) bool {
	words, base := "", 0
	for i, a := range list {
		if a.op == "" || a.op == "!=" || a.op == "define" || a.target || files[i] != x.set.own {
			return false
		}
		if a.op != "+=" && a.value.text != "" {
			if base++; base > 1 || a.conditional && len(list) > 1 && !strings.HasPrefix(a.value.text, "-") {
				return false
			}
		}
		words += " " + a.value.text
	}
	words = strings.TrimSpace(words)
	depth := 0
	for f := in; f > 0; f = x.t.frames[f].parent {
		if depth++; x.t.frames[f].name == name || depth > 20 {
			return false
		}
	}
	return len(x.t.Code) < 1<<16 && several(words) && !strings.HasPrefix(words, "$(shell") && !x.set.opaque
}

// several reports whether a value is, or may become, arguments: a function that has blanks within it
// alone is one value, which := has filled in before the recipe.
func several(value string) bool {
	return topLevel(value, " \t") >= 0 || strings.HasPrefix(value, "-") || strings.Contains(value, "build-arg") ||
		(strings.HasPrefix(value, "$(if ") || strings.HasPrefix(value, "${if ")) && (strings.Contains(value, ",-") || strings.Contains(value, ", -"))
}

// early reports whether a text stands in a value that make fills in when it reads the
// line, with what variables are then.
func (x *expansion) early(in int) bool {
	for f := in; f > 0; f = x.t.frames[f].parent {
		v, ok := x.t.frames[f].rule.(value)
		if !ok {
			continue
		}
		list, _ := x.set.given(v.name)
		if slices.ContainsFunc(list, func(a assign) bool { return a.op == ":=" }) {
			return true
		}
	}
	return false
}

// past notes a reference that make has filled in before a variable of it got another value: in the
// recipe it would be that one.
func (x *expansion) past(content string, in int) {
	if !x.early(in) {
		return
	}
	read := 1 << 62
	for f := in; f > 0; f = x.t.frames[f].parent {
		if v, ok := x.t.frames[f].rule.(value); ok {
			list, _ := x.set.given(v.name)
			for _, a := range list {
				read = min(read, a.at)
			}
		}
	}
	for _, name := range strings.FieldsFunc(content, func(r rune) bool { return strings.ContainsRune(" \t$(){},:", r) }) {
		list, files := x.set.given(name)
		for i, a := range list {
			if files[i] != x.set.own || a.at > read {
				x.t.past = append(x.t.past, len(x.t.Code))
				return
			}
		}
	}
}

// when adds the text of $(if condition,text), and reports whether it is one.
func (x *expansion) when(p piece, args string, in int) bool {
	comma := topLevel(args, ",")
	if comma < 0 {
		return false
	}
	then := args[comma+1:]
	if i := topLevel(then, ","); i >= 0 {
		if strings.TrimSpace(then[i+1:]) != "" {
			return false
		}
		then = then[:i]
	}
	name, _ := soleReference(strings.TrimSpace(args[:comma]))
	if !valid(name) {
		name = ""
	}
	from := len("$(if ") + comma + 1
	f := x.t.enter("if", p.start[0], p.end[len(p.end)-1], in, condition{name})
	x.expand(p.slice(from, from+len(then)), f)
	return true
}
