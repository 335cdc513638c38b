package rules

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
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

	Needs  string         // what must be known of the image for the variables to work: git 2.31
	Unless []string       // words of a reader's text with which the variables are not enough
	Whole  bool           // the variables work only if every command of the row before the reader is said with them
	Beside *regexp.Regexp // what may not stand beside a command that is undone; nil: anything may
	Does   string         // what a line with that does, for a finding

	Why string // where there is no way at all: the reason, for a finding
}

// recipe is a row of recipes.tsv.
type recipe struct {
	env           []string
	undo, replace string
	needs         string
	unless        []string
	whole         bool
	beside        *regexp.Regexp
	does          string // what that does
	why           string // there is no way
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
			out[f[0]] = recipe{why: f[2]}
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
		if len(f) > 6 {
			r.beside, r.does = regexp.MustCompile(f[6]), f[7]
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
	if r.why != "" {
		return respelled{Why: r.why}, false
	}
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
	// Of several commands only the first would be sudo's, and the home folder is this user's.
	if undo, ok := t.shell(r.undo); ok && !(sudo && (strings.Contains(undo, " && ") || strings.Contains(undo, "$HOME"))) {
		sp.Undo, sp.Beside, sp.Does = undo, r.beside, r.does
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
	n := strconv.Itoa(i + 1)
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
