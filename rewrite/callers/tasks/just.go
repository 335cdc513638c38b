package tasks

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

func justfiles() call.Reader {
	return call.Reader{Name: "a justfile", Is: isJust, Read: readJust, Edit: editJust}
}

func isJust(p string) bool { return isMainJust(p) || strings.EqualFold(path.Ext(p), ".just") }

func isMainJust(p string) bool {
	base := strings.ToLower(path.Base(p))
	return base == "justfile" || base == ".justfile"
}

// justSet is a justfile with what it imports, and what imports it.
type justSet struct {
	own   *justfile
	files []*justfile
	dirs  []string
}

func loadJust(s *call.Source) (*justSet, bool) {
	own, ok := readJustfile(s.Path, s.Src)
	if !ok {
		return nil, false
	}
	set := &justSet{own: own, files: []*justfile{own}, dirs: []string{path.Dir(s.Path)}}
	read := func(p string) *justfile {
		if s.Project == nil || s.Project.FS == nil || slices.ContainsFunc(set.files, func(j *justfile) bool { return j.path == p }) {
			return nil
		}
		src, err := fs.ReadFile(s.Project.FS, p)
		if err != nil {
			return nil
		}
		j, _ := readJustfile(p, src)
		return j
	}
	// What is imported counts as if it stood in the file that imports it.
	for dir := path.Dir(s.Path); !isMainJust(s.Path); dir = path.Dir(dir) {
		for _, name := range []string{"justfile", "Justfile", ".justfile"} {
			j := read(path.Join(dir, name))
			if j == nil {
				continue
			}
			if slices.ContainsFunc(j.imports, func(p string) bool { return path.Join(dir, p) == s.Path }) {
				if set.files = append(set.files, j); len(set.files) == 2 {
					set.dirs = nil
				}
				set.dirs = append(set.dirs, dir) // its recipes run there
			}
		}
		if dir == "." {
			break
		}
	}
	for i := 0; i < len(set.files) && i < 50; i++ {
		f := set.files[i]
		for _, p := range f.imports {
			if j := read(path.Join(path.Dir(f.path), p)); j != nil {
				set.files = append(set.files, j)
			}
		}
	}
	return set, true
}

func readJust(s *call.Source) ([]*call.Build, error) {
	set, ok := loadJust(s)
	if !ok {
		return nil, nil
	}
	var texts []*text
	for i := range set.own.recipes {
		texts = append(texts, set.texts(&set.own.recipes[i])...)
	}
	out := builds(s, texts)
	for _, b := range out {
		h := b.Handle.(handle)
		r := h.text.frames[0].rule.(*justRecipe)
		for i := range b.Args {
			set.literal(r, &b.Args[i])
		}
		for _, x := range h.text.Holes {
			if x.Start < h.inner.Start || x.End > h.inner.End || b.Fixed != "" {
				continue
			}
			tokens, _, _ := statement([]byte(inside(x.Text)), 0)
			if strings.Contains(x.Text, "build-arg") || slices.ContainsFunc(tokens, func(t token) bool {
				value, _ := set.variable(t.text)
				return t.kind == 'i' && slices.ContainsFunc(value, func(v token) bool { return strings.Contains(v.text, "build-arg") })
			}) {
				b.Fixed = "a part of its arguments stands in a variable of just"
			}
		}
	}
	return out, nil
}

func inside(hole string) string {
	return strings.TrimSuffix(strings.TrimPrefix(hole, "{{"), "}}")
}

// literal finds the literal that an argument gets through a variable.
func (set *justSet) literal(r *justRecipe, a *call.Arg) {
	name := a.Env
	if strings.HasPrefix(a.Value, "{{") {
		name = strings.TrimSpace(inside(a.Value))
	}
	if _, param := r.params[name]; param || name == "" || a.Kind == call.Text {
		return
	}
	if a.Kind == call.Variable && !set.exports(r, name) {
		return
	}
	if value, ok := set.variable(name); ok {
		if v, known := set.value(r, value, 0); known && v != "" {
			a.Kind, a.Value, a.Env = call.Text, v, ""
		}
	}
}

// texts are what shells get: one for each line of a recipe, or one for all of a script.
func (set *justSet) texts(r *justRecipe) []*text {
	if len(r.lines) == 0 {
		return nil
	}
	dirs := set.folders(r)
	words := []string{"sh", "-cu"}
	if list, ok := set.setting("shell"); ok {
		words = nil
		for _, x := range list {
			if x.kind == 's' {
				words = append(words, x.text)
			}
		}
	}
	whole := false
	first := string(set.own.src[r.lines[0][0]:r.lines[0][1]])
	if script, ok := r.attribute("script"); ok {
		whole = true
		if words = strings.FieldsFunc(script, func(c rune) bool { return strings.ContainsRune(`'", `, c) }); len(words) == 0 {
			words = []string{"sh", "-eu"}
			if list, ok := set.setting("script-interpreter"); ok {
				words = nil
				for _, x := range list {
					if x.kind == 's' {
						words = append(words, x.text)
					}
				}
			}
		}
	} else if strings.HasPrefix(first, "#!") {
		whole, words = true, []string{first}
	}
	var out []*text
	dialect := shell.DialectOf(words)
	if dialect == shell.Unknown {
		return nil
	}
	begin := func() *text {
		t := newText()
		t.Dialect, t.Flags, t.Dirs, t.quote = dialect, shell.FlagsOf(words), dirs, quoteJust(whole)
		t.frames[0].rule = r
		t.Defaults = map[string]string{}
		for _, f := range set.files {
			for name := range f.vars {
				if v, ok := set.value(r, []token{{kind: 'i', text: name}}, 0); ok && set.exports(r, name) {
					t.Defaults[name] = v
				}
			}
		}
		out = append(out, t)
		return t
	}
	var t *text
	_, uncommented := set.setting("ignore-comments")
	for i, l := range r.lines {
		from, to := l[0], l[1]
		line := string(set.own.src[from:to])
		switch {
		case whole:
			if t == nil {
				t = begin()
			} else {
				t.put("\n", r.lines[i-1][1], from, 0)
			}
		case t == nil:
			if uncommented && strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			t = begin()
			from += len(line) - len(strings.TrimLeft(line, "@-?"))
		default:
			from += len(line) - len(strings.TrimLeft(line, " \t"))
		}
		more := !whole && strings.HasSuffix(line, `\`)
		if more {
			to--
		}
		set.fill(t, r, from, to)
		if !whole && !more {
			t = nil
		}
	}
	for _, t := range out {
		t.Exported = set.certain(r, t)
		t.clear()
	}
	return out
}

// fill adds a part of a line: what stands in {{ }} is filled in by just.
func (set *justSet) fill(t *text, r *justRecipe, from, to int) {
	src := set.own.src
	for at := from; at < to; at++ {
		rest := string(src[at:to])
		switch {
		case strings.HasPrefix(rest, "{{{{"):
			t.put("{{", at, at+4, 0)
			at += 3
		case strings.HasPrefix(rest, "{{"):
			n := closing(rest)
			tokens, _, _ := statement([]byte(inside(rest[:n])), 0)
			h := script.Hole{Text: rest[:n]}
			h.Value, h.Known = set.value(r, tokens, 0)
			if len(tokens) == 1 && tokens[0].kind == 'i' && set.exports(r, tokens[0].text) {
				h.Env = tokens[0].text
			}
			if name, _ := ofEnvironment(tokens); name != "" && !set.assigns(r, name) {
				h.Env = name
			}
			t.hole(h, at, at+n, 0)
			at += n - 1
		default:
			t.keep(src[at], at, 0)
		}
	}
}

// closing returns the length of a text in {{ }}.
func closing(s string) int {
	for i := 2; i < len(s); i++ {
		if c := s[i]; c == '\'' || c == '"' || c == '`' {
			_, next, _ := quoted([]byte(s), i)
			i = next - 1
		} else if strings.HasPrefix(s[i:], "}}") {
			return i + 2
		}
	}
	return len(s)
}

// attribute returns the arguments of an attribute of a recipe.
func (r *justRecipe) attribute(name string) (args string, ok bool) {
	for _, line := range r.attributes {
		for _, m := range attribute().FindAllStringSubmatch(line, -1) {
			if m[1] == name {
				return m[2] + m[3], true
			}
		}
	}
	return "", false
}

// folders are those that a recipe runs in.
func (set *justSet) folders(r *justRecipe) []string {
	_, stays := r.attribute("no-cd")
	if _, all := set.setting("no-cd"); stays || all {
		return []string{call.Hole}
	}
	under := ""
	if v, ok := set.setting("working-directory"); ok {
		if len(v) != 1 || v[0].kind != 's' {
			return []string{call.Hole}
		}
		under = v[0].text
	}
	if v, ok := r.attribute("working-directory"); ok {
		under = path.Join(under, strings.Trim(v, `'"`))
	}
	if path.IsAbs(under) {
		return []string{call.Hole}
	}
	var out []string
	for _, d := range set.dirs {
		if d = path.Join(d, under); d != ".." && !strings.HasPrefix(d, "../") {
			out = append(out, d)
		}
	}
	return out
}

func quoteJust(whole bool) func(string) (string, error) {
	return func(s string) (string, error) {
		if !whole && strings.Contains(s, "\n") {
			return "", errors.New("what has to be written here just would read as two commands, edit it by hand")
		}
		return strings.ReplaceAll(s, "{{", "{{{{"), nil
	}
}

func editJust(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	if err := literals(s, changes); err != nil {
		return nil, nil, err
	}
	list, needs, err := change(s, changes)
	if err != nil {
		return nil, nil, err
	}
	edits, err := unique(s, list)
	return edits, needs, err
}

// literals refuses a secret whose value is a literal that a variable of the file has.
func literals(s *call.Source, changes []call.Change) error {
	for _, c := range changes {
		if c.Secret == nil || c.Secret.From == "" {
			continue
		}
		for _, a := range c.Build.Args {
			if a.Name == c.Secret.From && a.Kind == call.Text && a.Value != "" {
				return s.Errorf(a.Start, "passes a literal as %s: take it from a variable or a store first", a.Name)
			}
		}
	}
	return nil
}
