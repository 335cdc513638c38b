package flow

import (
	_ "embed"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

//go:embed writers.tsv
var writersTSV string

// Kept is a command that keeps what it is given in a tool's own files: a row of
// writers.tsv. A repeated placeholder has a number from the second on: key, key2.
type Kept struct {
	Row     string                // of writers.tsv; the rules know the way out by it
	What    string                // for a finding: "npm config keeps it in ~/.npmrc"
	Program string                // as it is written: npm, python3 -m pip
	Words   map[string]shell.Word // what the row's placeholders stand for
	Carried []shell.Word          // options that undoing the command needs too: -g, -C dir
	Files   []string              // where it may end up: ~/.npmrc
	Here    bool                  // a file is found from the folder that the command runs in
	Readers []programSpec         // programs that read it from there
	Certain bool                  // every word of the command is understood
	Partial bool                  // the command sets other pairs too, see Only
	Handed  *Handed               // the file that it is given the secret in, if its own RUN makes that
}

// Holds reports whether a span of the script stands in a word that the command keeps: a
// credential in git's own -c, or in another option, is used once.
func (k Kept) Holds(start, end int) bool {
	if !k.Certain {
		return true
	}
	for _, w := range k.Words {
		if w.Start <= start && end <= w.End {
			return true
		}
	}
	return false
}

// ReadBy reports whether a program is known to read what the command keeps.
func (k Kept) ReadBy(program string, args []string) bool {
	return slices.ContainsFunc(k.Readers, func(p programSpec) bool { return p.matches(program, args) })
}

// Only leaves out the pairs (key and value) of which neither word is held.
func (k Kept) Only(held func(shell.Word) bool) Kept {
	words := map[string]shell.Word{}
	n := 0
	for i := range k.Pairs() {
		key, value := k.Words[numbered("key", i)], k.Words[numbered("value", i)]
		if held(key) || held(value) {
			words[numbered("key", n)], words[numbered("value", n)] = key, value
			n++
		}
	}
	if n == 0 || n == k.Pairs() {
		return k
	}
	k.Words, k.Partial = words, true
	return k
}

// Pairs is the number of pairs that the command sets, 0 for one that is not of that kind.
func (k Kept) Pairs() int {
	n := 0
	for {
		if _, ok := k.Words[numbered("key", n)]; !ok {
			return n
		}
		n++
	}
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprint(name, i+1)
}

// Piped adds what a command that writes into the pipe hands over, as the word "stdin".
// Only echo WORD, printf %s WORD and cat /FILE are certain.
func (k Kept) Piped(from *shell.Command) Kept {
	args := from.Args
	if len(from.Redirs) > 0 || len(from.Assigns) > 0 || from.Parent != nil {
		return k
	}
	switch {
	case from.Program == "cat" && len(args) == 1:
		return k.stdin(contents(args[0]))
	case from.Program == "echo" && len(args) == 2 && args[0].Lit == "-n":
		args = args[1:]
	case from.Program == "echo" && len(args) == 1:
	case from.Program == "printf" && len(args) == 2 && slices.Contains([]string{"%s", `%s\n`}, args[0].Lit):
		args = args[1:]
	default:
		return k
	}
	return k.stdin(args[0])
}

func (k Kept) stdin(w shell.Word) Kept {
	if _, ok := Parts(w.Text); ok && w.Text != "" {
		k.Words = maps.Clone(k.Words)
		k.Words["stdin"] = w
	}
	return k
}

// contents is a word that stands for the contents of a file, none for a relative path.
func contents(file shell.Word) shell.Word {
	if !file.IsLit || !strings.HasPrefix(file.Text, "/") {
		return shell.Word{}
	}
	return shell.Word{Start: file.Start, End: file.End, Text: `"$(cat ` + file.Text + `)"`}
}

// Keeps returns the row of writers.tsv that a command matches. ok is false for a command
// that keeps nothing.
func Keeps(c *shell.Command) (Kept, bool) { return kept(c) }

func kept(c *shell.Command) (Kept, bool) {
	if c.Function || c.Opaque {
		return Kept{}, false
	}
	program, written, args := c.Program, c.Path, c.Args
	if strings.HasPrefix(program, "python") && len(args) > 1 && args[0].Lit == "-m" && args[1].IsLit {
		program, written, args = args[1].Lit, written+" -m "+args[1].Text, args[2:]
	}
	rows := writers()[unversioned(program)]
	for _, exact := range []bool{true, false} {
		for i := range rows {
			w := rows[i]
			if !exact {
				w = rows[len(rows)-1-i] // the most general row
			}
			k, ok := w.match(args, exact)
			if !ok {
				continue
			}
			k.Program = written + k.Program
			k.Certain = exact && len(c.Assigns) == 0
			for _, r := range c.Redirs {
				switch r.Op {
				case "<<<":
					k = k.stdin(r.Target)
				case "<":
					k = k.stdin(contents(r.Target))
				}
			}
			k.Files = k.files()
			return k, true
		}
	}
	return Kept{}, false
}

// writer is a row of writers.tsv.
type writer struct {
	row, what string
	slots     []slot
	options   []option
	files     []string
	readers   []programSpec
	here      bool
}

// slot is a word of a row's command.
type slot struct {
	words      []string // one of these
	name, next string   // {name}, {name}={next}
	shape      *regexp.Regexp
	pair       bool // {pair}: KEY=VALUE, or KEY and VALUE
	optional   bool
	repeated   bool
}

// option is an option of a row.
type option struct {
	name    string // with its dashes
	capture string // of --opt={name}
	shape   *regexp.Regexp
	value   bool // takes one, as the next word or after =
	glued   bool // takes one only after =
	carried bool // undoing needs it
	front   bool // stands before the first word
	needed  bool // one of the needed ones must be there
	never   bool // the row is not meant
}

var writers = sync.OnceValue(func() map[string][]*writer {
	out := map[string][]*writer{}
	sets := map[string]string{}
	expand := func(field string) []string {
		var list []string
		for _, f := range strings.Fields(field) {
			if s, ok := sets[f]; ok {
				list = append(list, strings.Fields(s)...)
			} else if f != "-" {
				list = append(list, f)
			}
		}
		return list
	}
	for _, r := range rows(writersTSV) {
		if r[0][0] == '@' {
			sets[r[0]] = r[1]
			continue
		}
		program, command, _ := strings.Cut(r[1], " ")
		w := &writer{row: r[0], what: r[5], readers: specs(strings.Join(expand(r[4]), " "))}
		for _, f := range strings.Fields(r[3]) {
			if f == "here" {
				w.here = true
			} else {
				w.files = append(w.files, f)
			}
		}
		for _, f := range strings.Fields(command) {
			w.slots = append(w.slots, newSlot(f))
		}
		for _, f := range expand(r[2]) {
			w.options = append(w.options, newOption(f))
		}
		for _, p := range strings.Split(program, "|") {
			out[p] = append(out[p], w)
		}
	}
	return out
})

func newSlot(f string) slot {
	var s slot
	f, s.repeated = strings.CutSuffix(f, "...")
	if rest, ok := strings.CutPrefix(f, "["); ok {
		f, s.optional = strings.TrimSuffix(rest, "]"), true
	}
	switch {
	case f == "{pair}":
		s.pair = true
	case strings.HasPrefix(f, "{"):
		head, tail, two := strings.Cut(f, "}={")
		if two {
			s.next = strings.TrimSuffix(tail, "}")
		}
		s.name, s.shape = placeholder(strings.TrimSuffix(strings.TrimPrefix(head, "{"), "}"))
	default:
		s.words = strings.Split(f, "|")
	}
	return s
}

// placeholder reads the inside of {name} or {name~shape}.
func placeholder(text string) (name string, shape *regexp.Regexp) {
	name, re, ok := strings.Cut(text, "~")
	if ok {
		shape = regexp.MustCompile(`^(?:` + re + `)$`)
	}
	return name, shape
}

func newOption(f string) option {
	var o option
	for again := true; again; {
		switch f[0] {
		case '^':
			o.front = true
		case '+':
			o.needed = true
		case '!':
			o.never = true
		default:
			again = false
			continue
		}
		f = f[1:]
	}
	f, o.carried = strings.CutSuffix(f, "*")
	if f, o.glued = strings.CutSuffix(f, "[=]"); o.glued {
		o.name = f
		return o
	}
	name, value, ok := strings.Cut(f, "=")
	o.name, o.value = name, ok
	if value != "" {
		o.capture, o.shape = placeholder(strings.Trim(value, "{}"))
	}
	return o
}

// files puts words into the names of the files.
func (k Kept) files() []string {
	var out []string
	for _, f := range k.Files {
		name, rest, ok := strings.Cut(strings.TrimPrefix(f, "{"), "}")
		if !strings.HasPrefix(f, "{") || !ok {
			out = append(out, f)
			continue
		}
		// {dir}: the word, or the folder that a clone of {url} gets.
		w, ok := k.Words[name]
		dir := shown(w)
		if !ok {
			if w, ok = k.Words["url"]; !ok || name != "dir" {
				continue
			}
			dir = strings.TrimSuffix(path.Base(shown(w)), ".git")
		}
		out = append(out, dir+rest)
	}
	if at, ok := k.Words["at"]; ok {
		for i, f := range out {
			if f[0] != '/' && f[0] != '~' {
				out[i] = path.Join(shown(at), f)
			}
		}
	}
	return out
}
