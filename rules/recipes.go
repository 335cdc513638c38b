package rules

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

//go:embed recipes.tsv
var recipesTSV string

// respelled is a command that keeps a credential, said in a way that keeps nothing, or
// that can be undone.
type respelled struct {
	Env     []string         // NAME="…": exported before the reader, instead of the command if there is no Replace
	Undo    string           // undoes the command, at the end of the RUN; the command itself stays
	Replace string           // takes the command's place in its own RUN
	Edits   []shell.TextEdit // the same, for who keeps the lines that the command is written on

	Needs  string   // the variables do nothing below it: git 2.31
	Unless []string // words of a reader's text with which the variables are not enough
	Whole  bool     // the variables work only if every command of the row before the reader is said with them
}

// recipe is a row of recipes.tsv.
type recipe struct {
	env           []string
	undo, replace string
	needs         string
	unless        []string
	whole         bool
}

var recipes = sync.OnceValue(func() map[string]recipe {
	out := map[string]recipe{}
	for line := range strings.Lines(recipesTSV) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if f[1] == "none" {
			out[f[0]] = recipe{}
			continue
		}
		for i := range f {
			if f[i] == "-" {
				f[i] = ""
			}
		}
		r := recipe{env: strings.Fields(f[1]), undo: f[2], replace: f[3], needs: f[4], unless: strings.Fields(f[5])}
		if i := slices.Index(r.unless, "whole"); i >= 0 {
			r.whole, r.unless = true, slices.Delete(r.unless, i, i+1)
		}
		out[f[0]] = r
	}
	return out
})

// respell says a command in a way that keeps nothing. A field is empty where there is no
// such way; ok is false where none is certain.
func respell(k flow.Kept, c *shell.Command) (sp respelled, ok bool) {
	const elsewhere = shell.InSubst | shell.InString | shell.InFunc | shell.InTrap | shell.InLoop | shell.InBackground
	r, ok := recipes()[k.Row]
	if !ok || !k.Certain || c.In&elsewhere != 0 || c.Templated {
		return sp, false
	}
	sudo := c.Parent != nil && c.Parent.Program == "sudo" && len(c.Parent.Args) > 0 && !strings.HasPrefix(c.Parent.Args[0].Text, "-")
	if c.Parent != nil && !sudo {
		return sp, false
	}
	t := &template{k: k, c: c}
	if env, ok := t.env(r.env); ok && !sudo && !k.Partial {
		sp.Env, sp.Needs, sp.Unless, sp.Whole = env, r.needs, r.unless, r.whole
	}
	if undo, ok := t.shell(r.undo); ok && !(sudo && strings.Contains(undo, " && ")) {
		sp.Undo = undo
	}
	if edits, ok := t.replace(r.replace); ok && (sp.Env != nil || !strings.HasPrefix(r.replace, "drop ")) {
		sp.Edits, sp.Replace = edits, reworded(c, edits)
	}
	if r.replace != "" && sp.Replace == "" {
		sp.Env = nil // they stand beside the replacement, not for the command
	}
	return sp, sp.Env != nil || sp.Undo != "" || sp.Replace != ""
}

// template fills a command's words into a recipe.
type template struct {
	k flow.Kept
	c *shell.Command
}

var hole = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{([a-z0-9,]+)(?::([a-z]+))?\}`) })

// word returns the word of a placeholder, which may name several: the first that is there.
func (t *template) word(names string) (shell.Word, bool) {
	for _, n := range strings.Split(names, ",") {
		if w, ok := t.k.Words[n]; ok {
			return w, true
		}
	}
	return shell.Word{}, false
}

// fill replaces the placeholders of a text. say says a word.
func (t *template) fill(text string, say func(w shell.Word, function string) (string, bool)) (string, bool) {
	ok := true
	out := hole().ReplaceAllStringFunc(text, func(h string) string {
		m := hole().FindStringSubmatch(h)
		w, there := t.word(m[1])
		if !there {
			ok = false
			return ""
		}
		s, certain := say(w, m[2])
		ok = ok && certain
		return s
	})
	return out, ok
}

// env makes the variables. Every value is the inside of a double-quoted string.
func (t *template) env(fields []string) ([]string, bool) {
	if len(fields) == 0 {
		return nil, false
	}
	var out []string
	for i := range max(1, t.k.Pairs()) {
		one := t.pair(i)
		for _, f := range fields {
			name, value, _ := strings.Cut(f, "=")
			name, ok := one.fill(name, one.literal)
			if !ok || !variableName(name) {
				return nil, false
			}
			if value, ok = one.fill(value, one.inside); !ok {
				return nil, false
			}
			out = append(out, name+`="`+value+`"`)
		}
		if i > 0 && strings.HasPrefix(fields[0], "GIT_CONFIG_") {
			return nil, false
		}
	}
	return out, true
}

// pair is the template for one pair of several.
func (t *template) pair(i int) *template {
	if i == 0 {
		return t
	}
	one := t.k
	one.Words = map[string]shell.Word{}
	n := string(rune('1' + i))
	for name, w := range t.k.Words {
		if base, ok := strings.CutSuffix(name, n); ok {
			one.Words[base] = w
		}
	}
	return &template{one, t.c}
}

func variableName(s string) bool {
	return s != "" && (s[0] < '0' || s[0] > '9') && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// shell makes shell text of clauses that && joins: one with {key} is said for each pair.
func (t *template) shell(text string) (string, bool) {
	if text == "" {
		return "", false
	}
	var clauses []string
	for _, clause := range strings.Split(text, " && ") {
		n := 1
		if strings.Contains(clause, "{key") {
			n = max(1, t.k.Pairs())
		}
		for i := range n {
			s, ok := t.pair(i).clause(clause)
			if !ok {
				return "", false
			}
			clauses = append(clauses, s)
		}
	}
	return strings.Join(clauses, " && "), true
}

func (t *template) clause(text string) (string, bool) {
	var out []string
	for _, f := range strings.Fields(text) {
		switch f {
		case "{program}":
			out = append(out, t.k.Program)
			continue
		case "{options}":
			for _, w := range t.k.Carried {
				out = append(out, w.Text)
			}
			continue
		}
		if inner, ok := strings.CutPrefix(f, "["); ok && strings.HasSuffix(f, "]") {
			f = strings.TrimSuffix(inner, "]")
			if _, ok := t.word(strings.Trim(f, "{}")); !ok {
				continue
			}
		}
		s, ok := t.fill(f, t.asWord)
		if !ok {
			return "", false
		}
		out = append(out, s)
	}
	return strings.Join(out, " "), true
}

// literal says a word that is a part of a variable's name.
func (t *template) literal(w shell.Word, function string) (string, bool) {
	ps, ok := flow.Parts(w.Text)
	if !ok || len(ps) != 1 || ps[0].Expands {
		return "", false
	}
	if function == "" {
		return ps[0].Text, true
	}
	return nameFunctions()[function](ps[0].Text)
}

// inside says a word as the inside of a double-quoted string.
func (t *template) inside(w shell.Word, function string) (string, bool) {
	ps, ok := flow.Parts(w.Text)
	if !ok {
		return "", false
	}
	if function != "" {
		u, ok := splitURL(ps)
		if !ok {
			return "", false
		}
		switch function {
		case "base":
			ps = u.base()
		case "host":
			ps = u.host()
		}
	}
	return flow.Quoted(ps), true
}

// asWord says a word as a word.
func (t *template) asWord(w shell.Word, function string) (string, bool) {
	ps, ok := flow.Parts(w.Text)
	if !ok {
		return "", false
	}
	if function == "unset" {
		return t.unset(ps, w)
	}
	return w.Text, true
}

// nameFunctions are the functions that make a variable's name of a literal.
var nameFunctions = sync.OnceValue(func() map[string]func(string) (string, bool) {
	upper := strings.NewReplacer("-", "_", ".", "_")
	plain := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	}
	return map[string]func(string) (string, bool){
		// upper is the tool's own rule for names of registries, remotes and sources.
		"upper": func(s string) (string, bool) { return strings.ToUpper(upper.Replace(s)), plain(s) },
		// last is the same for what stands behind the last dot: http-basic.acme
		"last": func(s string) (string, bool) {
			s = s[strings.LastIndexByte(s, '.')+1:]
			return strings.ToUpper(upper.Replace(s)), plain(s)
		},
		// pip: a key of the section [global] holds for every command, as a variable does.
		"pip": func(s string) (string, bool) {
			s, ok := strings.CutPrefix(s, "global.")
			return strings.ToUpper(upper.Replace(s)), ok && plain(s)
		},
		// bundle: a dot is __. A dash is ___ since Bundler 2.1 only.
		"bundle": func(s string) (string, bool) {
			if host, ok := strings.CutPrefix(s, "https://"); ok {
				s = strings.TrimSuffix(host, "/")
			}
			return strings.ToUpper(strings.ReplaceAll(s, ".", "__")), plain(strings.ReplaceAll(s, ".", "")) && !strings.Contains(s, "-")
		},
		// yarn: npmAuthToken is NPM_AUTH_TOKEN.
		"yarn": func(s string) (string, bool) {
			var b strings.Builder
			for i, r := range s {
				if 'A' <= r && r <= 'Z' && i > 0 {
					b.WriteByte('_')
				}
				b.WriteRune(r)
			}
			return strings.ToUpper(b.String()), plain(s)
		},
	}
})

// unset is how git config takes a key back. A section that is named by a URL with a
// credential goes as a whole: older gits leave the name of an empty one behind.
func (t *template) unset(ps []flow.Part, w shell.Word) (string, bool) {
	last := ps[len(ps)-1]
	dot := strings.LastIndexByte(last.Text, '.')
	if last.Expands || dot < 0 {
		return "", false
	}
	section := slices.Clone(ps)
	section[len(ps)-1].Text = last.Text[:dot]
	name := strings.ToLower(last.Text[dot+1:])
	if strings.HasPrefix(strings.ToLower(ps[0].Text), "url.") && (name == "insteadof" || name == "pushinsteadof") {
		return `--remove-section "` + flow.Quoted(section) + `"`, true
	}
	for _, a := range t.c.Args {
		if a.Lit == "--add" {
			return "", false // the other values of the key are not this command's
		}
	}
	if slices.ContainsFunc(section, func(p flow.Part) bool { return p.Expands && strings.Contains(flow.Quoted(section), "@") }) {
		return "", false
	}
	return "--unset-all " + w.Text, true
}

// userURL is a URL with a credential before its host.
type userURL struct {
	scheme           string
	user, site, path []flow.Part
}

// splitURL takes a URL apart. ok is false for one that does not show its credential.
func splitURL(ps []flow.Part) (u userURL, ok bool) {
	if len(ps) == 0 || ps[0].Expands {
		return u, false
	}
	i := strings.Index(ps[0].Text, "://")
	if i < 0 {
		return u, false
	}
	u.scheme = ps[0].Text[:i+3]
	if u.scheme != "https://" && u.scheme != "http://" {
		return u, false
	}
	rest := slices.Clone(ps)
	rest[0].Text = rest[0].Text[i+3:]
	authority, path, ok := cutParts(rest, "/")
	if !ok {
		return u, false
	}
	if u.user, u.site, ok = cutParts(authority, "@"); !ok || len(u.site) == 0 {
		return u, false
	}
	u.path = path
	return u, !slices.ContainsFunc(u.site, func(p flow.Part) bool { return !p.Expands && strings.Contains(p.Text, "@") })
}

// cutParts cuts at the first sep that stands for itself.
func cutParts(ps []flow.Part, sep string) (before, after []flow.Part, ok bool) {
	for i, p := range ps {
		if p.Expands {
			continue
		}
		if head, tail, found := strings.Cut(p.Text, sep); found {
			before, after = slices.Clone(ps[:i]), slices.Clone(ps[i+1:])
			if head != "" {
				before = append(before, flow.Part{Text: head})
			}
			if tail != "" {
				after = slices.Insert(after, 0, flow.Part{Text: tail})
			}
			return before, after, true
		}
	}
	return nil, nil, false
}

func join(lists ...[]flow.Part) []flow.Part { return slices.Concat(lists...) }

func text(s string) []flow.Part { return []flow.Part{{Text: s}} }

func (u userURL) base() []flow.Part {
	return join(text(u.scheme), u.user, text("@"), u.site, text("/"))
}
func (u userURL) host() []flow.Part  { return join(text(u.scheme), u.site, text("/")) }
func (u userURL) clean() []flow.Part { return join(u.host(), u.path) }

// forOption reports whether the credential can stand in git -c NAME=VALUE, which ends the
// name at its first =. Bitbucket's access tokens have one.
func (u userURL) forOption() bool {
	for _, p := range slices.Concat(u.user, u.site) {
		if !p.Expands && (strings.Contains(p.Text, "=") || strings.Contains(p.Text, "bitbucket") || strings.Contains(p.Text, "x-token-auth")) {
			return false
		}
	}
	return true
}

// replace makes the edits of a recipe's replacement.
func (t *template) replace(how string) ([]shell.TextEdit, bool) {
	c := t.c
	if how == "" || len(c.Args) == 0 || len(c.Assigns) > 0 ||
		slices.ContainsFunc(c.Redirs, func(r shell.Redir) bool { return r.Start < c.Args[0].Start || strings.HasPrefix(r.Op, "<<") }) {
		return nil, false
	}
	words := strings.Fields(how)
	if words[0] != "drop" {
		w, ok := t.k.Words[words[1]]
		if _, config := t.k.Words["config"]; !ok || config {
			return nil, false // clone -c stays in the clone's own configuration
		}
		ps, ok := flow.Parts(w.Text)
		if !ok {
			return nil, false
		}
		u, ok := splitURL(ps)
		if !ok {
			return nil, false
		}
		clean := shell.TextEdit{Start: w.Start, End: w.End, New: likeWord(w, u.clean())}
		if words[0] == "strip" {
			return []shell.TextEdit{clean}, true
		}
		at := c.Start + len(c.Path)
		option := ` -c "url.` + flow.Quoted(u.base()) + ".insteadOf=" + flow.Quoted(u.host()) + `"`
		return []shell.TextEdit{{Start: at, End: at, New: option}, clean}, u.forOption()
	}
	return t.drop(words[1:])
}

// likeWord writes parts as a word: bare if the word that they come from is.
func likeWord(w shell.Word, ps []flow.Part) string {
	quoted := flow.Quoted(ps)
	if bare, ok := flow.Parts(quoted); ok && slices.Equal(bare, merged(ps)) && !strings.ContainsAny(w.Text, `"'\`) {
		return quoted
	}
	return `"` + quoted + `"`
}

// merged puts neighbouring literals together.
func merged(ps []flow.Part) []flow.Part {
	var out []flow.Part
	for _, p := range ps {
		if n := len(out); n > 0 && !p.Expands && !out[n-1].Expands {
			out[n-1].Text += p.Text
		} else {
			out = append(out, p)
		}
	}
	return out
}

// drop takes options out of the command: those that hold the named words, and flags.
func (t *template) drop(what []string) ([]shell.TextEdit, bool) {
	c := t.c
	gone := make([]bool, len(c.Args))
	for _, name := range what {
		w, ok := t.k.Words[name]
		for i, a := range c.Args {
			switch {
			case strings.HasPrefix(name, "-"):
				gone[i] = gone[i] || a.Lit == name
			case ok && a.Start == w.Start && i > 0:
				gone[i-1], gone[i] = true, true
			case ok && a.Start < w.Start && w.End <= a.End:
				gone[i] = true
			}
		}
	}
	var edits []shell.TextEdit
	for i, a := range c.Args {
		if !gone[i] {
			continue
		}
		start := c.Start + len(c.Path)
		if i > 0 {
			start = c.Args[i-1].End
		}
		if n := len(edits); n > 0 && edits[n-1].End == start {
			edits[n-1].End = a.End
		} else {
			edits = append(edits, shell.TextEdit{Start: start, End: a.End})
		}
	}
	return edits, len(edits) > 0
}

// reworded is a command with edits, on one line.
func reworded(c *shell.Command, edits []shell.TextEdit) string {
	type item struct {
		start, end int
		text       string
	}
	items := []item{{c.Start, c.Start + len(c.Path), c.Path}}
	for _, a := range c.Args {
		items = append(items, item{a.Start, a.End, a.Text})
	}
	for _, r := range c.Redirs {
		items = append(items, item{r.Start, r.End, r.FD + r.Op + r.Target.Text})
	}
	slices.SortFunc(items, func(a, b item) int { return a.start - b.start })
	var out []string
	for _, it := range items {
		said := it.text
		for _, e := range edits {
			switch {
			case e.Start == e.End && e.Start == it.end:
				said += e.New
			case e.Start <= it.start && it.end <= e.End:
				said = e.New
			}
		}
		if said != "" {
			out = append(out, said)
		}
	}
	return strings.Join(out, " ")
}
