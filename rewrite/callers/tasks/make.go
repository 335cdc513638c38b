package tasks

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

func makefiles() call.Reader {
	return call.Reader{Name: "a Makefile", Is: isMakefile, Read: readMake, Edit: editMake}
}

func isMakefile(p string) bool {
	base := path.Base(p)
	return isMain(base) || path.Ext(base) == ".mk" || strings.HasPrefix(base, "Makefile.")
}

func readMake(s *call.Source) ([]*call.Build, error) {
	set := loadMake(s)
	out := builds(s, set.texts())
	for _, b := range out {
		t := b.Handle.(handle).text
		inner := b.Handle.(handle).inner
		for i := range b.Args {
			a := &b.Args[i]
			if name, ok := soleReference(a.Value); ok && a.Kind != call.Text {
				if v, ok := set.literal(name); ok {
					a.Kind, a.Value, a.Env = call.Text, v, ""
				}
			}
		}
		for _, h := range t.Holes {
			if h.Start >= inner.Start && h.End <= inner.End && set.composes(h.Text) {
				b.Hidden = true
				if b.Fixed == "" {
					b.Fixed = "a part of its arguments is put together by make"
				}
			}
		}
		for _, at := range t.past {
			if b.Fixed == "" && slices.ContainsFunc(inner.Args, func(a call.Arg) bool { return a.Start <= at && at < a.End && a.Kind != call.Text }) {
				b.Fixed = "a value among its arguments is filled in by := before it changes"
			}
		}
		if name, ok := t.frames[0].rule.(string); ok && b.Fixed == "" && set.evaluated(name) {
			b.Fixed = "it stands in " + name + ", which make puts values into first"
		}
	}
	return out, nil
}

// soleReference returns the variable that a value is.
func soleReference(value string) (string, bool) {
	content, n := reference(value)
	return content, n > 0 && n == len(value) && !strings.ContainsAny(content, " $:,\t") && content != "$"
}

// composes reports whether a reference may become build arguments.
func (set *makeSet) composes(ref string) bool {
	if name, ok := soleReference(ref); ok {
		list, _ := set.given(name)
		return slices.ContainsFunc(list, func(a assign) bool { return strings.Contains(a.value.text, "build-arg") })
	}
	return strings.Contains(ref, "build-arg")
}

// evaluated reports whether a define is more than a canned recipe.
func (set *makeSet) evaluated(define string) bool {
	re := regexp.MustCompile(`\$[({](?:eval|foreach|shell)[^\n]*\b` + regexp.QuoteMeta(define) + `\b`)
	return slices.ContainsFunc(set.files, func(m *makefile) bool { return re.Match(m.src) })
}

// texts are what the shell gets, one for each command of a recipe.
func (set *makeSet) texts() []*text {
	dialect, flags := set.shell()
	defaults := set.defaults()
	var out []*text
	for _, r := range set.own.recipes {
		t := newText()
		t.Dialect, t.Flags, t.Dirs, t.Exported, t.Defaults = dialect, flags, set.dirs, set.certain, defaults
		t.quote = quoteMake
		if r.define != "" {
			t.frames[0].rule = r.define
		}
		x := &expansion{set: set, t: t}
		x.expand(r.piece, 0)
		t.clear()
		out = append(out, t)
	}
	return out
}

// clear takes holes' variables back that the text itself assigns: what make fills in is
// another value then.
func (t *text) clear() {
	s, err := shell.Parse(t.Code, t.Dialect)
	for i := range t.Holes {
		if h := &t.Holes[i]; err != nil || s.Assigned[h.Env] || s.Opaque {
			h.Env = ""
		}
	}
}

func (set *makeSet) shell() (shell.Dialect, shell.Flags) {
	words := []string{"/bin/sh"}
	if list, _ := set.given("SHELL"); len(list) > 0 {
		v := list[len(list)-1].value.text
		words = strings.Fields(v)
		if strings.Contains(v, "$") || len(words) == 0 {
			words = []string{"/bin/sh"}
			if strings.Contains(v, "bash") {
				words[0] = "/bin/bash"
			}
		}
	}
	dialect := shell.DialectOf(words)
	if list, _ := set.given(".SHELLFLAGS"); len(list) > 0 {
		words = append(words, strings.Fields(list[len(list)-1].value.text)...)
	}
	return dialect, shell.FlagsOf(words)
}

// defaults are the values of what recipes have in their environment.
func (set *makeSet) defaults() map[string]string {
	out := map[string]string{}
	for _, m := range set.files {
		for name := range m.vars {
			if v, ok := set.value(name, 0); ok && set.exported(name) {
				out[name] = v
			}
		}
	}
	return out
}

// quoteMake writes text of the shell as make wants it in a recipe or a variable.
func quoteMake(s string) (string, error) {
	if strings.ContainsAny(s, "\n#") {
		return "", errors.New("what has to be written here make would read otherwise, edit it by hand")
	}
	return strings.ReplaceAll(s, "$", "$$"), nil
}

func editMake(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	var set *makeSet
	if err := literals(s, changes); err != nil {
		return nil, nil, err
	}
	list, needs, err := change(s, changes)
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		c := &list[i]
		for f := c.frame; f > 0; f = c.text.frames[f].parent {
			switch rule := c.text.frames[f].rule.(type) {
			case condition:
				if c.New, err = rule.fits(c.New); err != nil {
					return nil, nil, s.Errorf(c.text.frames[f].start, "%s", err)
				}
			case value:
				if set == nil {
					set = loadMake(s)
				}
				if why := set.shared(rule.name, *c, list); why != "" {
					return nil, nil, s.Errorf(c.Start, "%s", why)
				}
			}
		}
	}
	edits, err := unique(s, list)
	return edits, needs, err
}

// shared says why a variable's value cannot change: something else reads it too.
func (set *makeSet) shared(name string, c changed, list []changed) string {
	at := map[int]bool{}
	for _, o := range list {
		if o.Edit != c.Edit {
			continue
		}
		for _, f := range o.text.frames {
			if v, ok := f.rule.(value); ok && v.name == name {
				at[f.start] = true
			}
		}
	}
	q := regexp.QuoteMeta(name)
	uses := regexp.MustCompile(`\$\(` + q + `[):]|\$\{` + q + `[}:]|\$\$\{?` + q + `\b|\((?:call|value|flavor|origin) +` + q + `\b|\bifn?def +` + q + `\b`)
	for _, m := range set.files {
		for _, u := range uses.FindAllIndex(m.src, -1) {
			if m == set.own && at[u[0]] || inComment(m.src, u[0]) {
				continue
			}
			return name + " is used elsewhere too, edit it by hand"
		}
		if m.exported[name] || m.exportAll && strings.Contains(string(m.src), "$(MAKE)") {
			return name + " is exported to other programs, edit it by hand"
		}
	}
	return ""
}

func inComment(src []byte, at int) bool {
	line := strings.TrimLeft(string(src[strings.LastIndexByte(string(src[:at]), '\n')+1:at]), " \t@")
	return strings.HasPrefix(line, "#")
}

// condition is the frame of the second argument of $(if …).
type condition struct{ name string }

var environmentOf = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bid=(\w+),env=(\w+)`) })

// fits writes text as an argument of a function: a comma would end it.
func (c condition) fits(s string) (string, error) {
	out := environmentOf().ReplaceAllStringFunc(s, func(m string) string {
		if v := environmentOf().FindStringSubmatch(m); v[1] == v[2] && v[1] == c.name {
			return "id=" + v[1] // it is set where this counts
		}
		return m
	})
	if strings.ContainsAny(out, ",") || strings.Count(out, "(") != strings.Count(out, ")") {
		return "", errors.New("it stands in a function of make, whose arguments commas part: edit it by hand")
	}
	return out, nil
}

// value is the frame of a variable's value.
type value struct{ name string }
