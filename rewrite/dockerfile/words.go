package dockerfile

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Pair is one variable of an ENV, LABEL or ARG.
type Pair struct {
	Word            // the whole "name=value"; in the old form "ENV name value" all arguments
	Name     string // as written
	Value    Word   // as written, quotes kept; empty where there is none
	HasValue bool   // an ARG without "=" has none
	Legacy   bool   // "ENV name value"
}

// Pairs returns the variables of an ENV, LABEL or ARG in order, nil for any other
// instruction.
func (in *Instruction) Pairs() []Pair {
	switch in.Name {
	case "env", "label", "arg":
	default:
		return nil
	}
	words := in.words()
	if len(words) == 0 {
		return nil
	}
	if in.Name != "arg" && !strings.Contains(words[0].Text, "=") {
		return in.legacyPair()
	}
	pairs := make([]Pair, 0, len(words))
	for _, w := range words {
		p := Pair{Word: w, Name: w.Text}
		if i := strings.IndexByte(w.Text, '='); i >= 0 {
			p.Name, p.HasValue = w.Text[:i], true
			p.Value = Word{w.Text[i+1:], w.Start + i + 1, w.End}
		}
		pairs = append(pairs, p)
	}
	return pairs
}

func (in *Instruction) legacyPair() []Pair {
	start, end := in.Args, in.argsEnd()
	i := start
	for i < end && !isBlank(in.Text[i]) {
		i++
	}
	p := Pair{Word: Word{in.Text[start:end], start, end}, Name: in.Text[start:i], HasValue: true, Legacy: true}
	for i < end && isBlank(in.Text[i]) {
		i++
	}
	p.Value = Word{in.Text[i:end], i, end}
	return []Pair{p}
}

// argsEnd is the end of the arguments without the white space behind them.
func (in *Instruction) argsEnd() int {
	return in.Args + len(strings.TrimRightFunc(in.Text[in.Args:], unicode.IsSpace))
}

// words splits the arguments as BuildKit's parseWords does: at white space, quotes
// and escapes kept.
func (in *Instruction) words() []Word {
	end := in.argsEnd()
	rest := in.Text[:end]
	escape := rune(in.File.Escape)
	var words []Word
	var quote rune
	start := -1
	for pos := in.Args; pos < end; {
		ch, width := utf8.DecodeRuneInString(rest[pos:])
		switch {
		case start < 0:
			if unicode.IsSpace(ch) {
				pos += width
				continue
			}
			start = pos
			continue
		case quote == 0 && unicode.IsSpace(ch):
			words = append(words, Word{rest[start:pos], start, pos})
			start = -1
		case ch == escape && quote != '\'':
			if pos+width < end {
				pos += width
				_, width = utf8.DecodeRuneInString(rest[pos:])
			}
		case quote == 0 && (ch == '\'' || ch == '"'):
			quote = ch
		case ch == quote:
			quote = 0
		}
		pos += width
	}
	if start >= 0 && rest[start:end] != string(escape) {
		// BuildKit skips an escape character at the end, and a word that is nothing else.
		words = append(words, Word{rest[start:end], start, end})
	}
	return words
}

// checkPairs refuses an ENV or LABEL whose pairs are not BuildKit's.
func (in *Instruction) checkPairs(node *parser.Node) error {
	for _, p := range in.Pairs() {
		if node == nil || node.Next == nil || node.Next.Next == nil || node.Value != asRunes(p.Name) && node.Value != p.Name || !in.sameWord(p.Value, node.Next.Value) {
			return in.File.disagree(in.Line-1, "name=value list")
		}
		node = node.Next.Next.Next
	}
	if node != nil {
		return in.File.disagree(in.Line-1, "name=value list")
	}
	return nil
}

func (in *Instruction) checkWords(node *parser.Node) error {
	for _, w := range in.words() {
		if node == nil || !in.sameWord(w, node.Value) {
			return in.File.disagree(in.Line-1, "words")
		}
		node = node.Next
	}
	if node != nil {
		return in.File.disagree(in.Line-1, "words")
	}
	return nil
}

// sameWord compares a word with BuildKit's, which loses an escape character at the
// very end of the instruction.
func (in *Instruction) sameWord(w Word, value string) bool {
	text := asRunes(w.Text)
	return w.Text == value || text == value || w.End == in.argsEnd() && strings.TrimSuffix(text, string(in.File.Escape)) == value
}

// asRunes has U+FFFD in place of each byte that is not UTF-8, as BuildKit's words have.
func asRunes(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// Paths returns the arguments of a COPY or ADD: the sources, then the destination.
// Text is the name itself (unquoted in the JSON form); Start and End enclose it with
// its quotes. ok is false where the places cannot be told.
func (in *Instruction) Paths() (words []Word, ok bool) {
	if in.Name != "copy" && in.Name != "add" {
		return nil, false
	}
	if in.json {
		return in.Elements()
	}
	end := in.argsEnd()
	for i := in.Args; i < end; {
		start := i
		for i < end && !isBlank(in.Text[i]) {
			i++
		}
		words = append(words, Word{in.Text[start:i], start, i})
		for i < end && isBlank(in.Text[i]) {
			i++
		}
	}
	return words, in.sameTexts(words)
}

// Elements returns the elements of the exec form; Text is unquoted, Start and End
// enclose the quotes.
func (in *Instruction) Elements() (words []Word, ok bool) {
	if !in.json {
		return nil, false
	}
	end := in.argsEnd()
	for i := in.Args; i < end; i++ {
		if in.Text[i] != '"' {
			continue
		}
		start := i
		for i++; i < end && in.Text[i] != '"'; i++ {
			if in.Text[i] == '\\' {
				i++
			}
		}
		if i >= end {
			return nil, false
		}
		var s string
		if json.Unmarshal([]byte(in.Text[start:i+1]), &s) != nil {
			return nil, false
		}
		words = append(words, Word{s, start, i + 1})
	}
	return words, in.sameTexts(words)
}

func (in *Instruction) sameTexts(words []Word) bool {
	if len(words) != len(in.args) {
		return false
	}
	for i, w := range words {
		if w.Text != in.args[i] {
			return false
		}
	}
	return true
}

// FlagValue returns the value of a flag by its name ("from", "chown"), unquoted.
func (in *Instruction) FlagValue(name string) (string, bool) {
	for _, f := range in.Flags {
		k, v, _ := strings.Cut(unquoteFlag(f.Text, in.File.Escape), "=")
		if strings.EqualFold(k, "--"+name) {
			return v, true
		}
	}
	return "", false
}

// Mount is one --mount flag of a RUN.
type Mount struct {
	Flag Word
	Type string
	Opts map[string]string // keys in lower case, aliases resolved: id, target, env, from, source …
}

// Mounts returns the mounts of a RUN in order.
func (in *Instruction) Mounts() []Mount {
	if in.Name == "run" && in.mounts == nil {
		in.mounts = in.readMounts()
	}
	return in.mounts
}

func (in *Instruction) readMounts() []Mount {
	mounts := []Mount{}
	for _, f := range in.Flags {
		v, ok := strings.CutPrefix(unquoteFlag(f.Text, in.File.Escape), "--mount=")
		if !ok {
			continue
		}
		m := Mount{Flag: f, Type: "bind", Opts: map[string]string{}}
		for _, field := range strings.Split(v, ",") {
			k, v, _ := strings.Cut(field, "=")
			v = strings.Trim(v, `"`)
			switch k = strings.ToLower(k); k {
			case "type":
				m.Type = strings.ToLower(v)
				continue
			case "dst", "destination":
				k = "target"
			case "src":
				k = "source"
			}
			m.Opts[k] = v
		}
		if m.Type == "secret" && m.Opts["id"] == "" {
			m.Opts["id"] = m.Opts["source"]
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// Expansion is BuildKit's reading of a word that holds variables.
type Expansion struct {
	Value string          // the word with the variables of env in place
	Used  map[string]bool // every name that is expanded, set or not
}

// Expand processes a word (of ENV, ARG, COPY, …) as BuildKit does: quotes and
// escapes go, variables of env are put in.
func (f *File) Expand(word string, env map[string]string) (Expansion, error) {
	if strings.IndexByte(word, '$') < 0 && strings.IndexByte(word, f.Escape) < 0 &&
		strings.IndexByte(word, '"') < 0 && strings.IndexByte(word, '\'') < 0 {
		return Expansion{Value: word}, nil
	}
	lex := shell.NewLex(rune(f.Escape))
	res, err := lex.ProcessWordWithMatches(word, environ(env))
	if err != nil {
		return Expansion{}, err
	}
	used := make(map[string]bool, len(res.Matched)+len(res.Unmatched))
	for n := range res.Matched {
		used[n] = true
	}
	for n := range res.Unmatched {
		used[n] = true
	}
	return Expansion{res.Result, used}, nil
}

type environ map[string]string

func (e environ) Get(name string) (string, bool) { v, ok := e[name]; return v, ok }

func (e environ) Keys() []string {
	keys := make([]string, 0, len(e))
	for k := range e {
		keys = append(keys, k)
	}
	return keys
}

// HasVariable reports whether BuildKit would put a variable into a word: an unescaped $
// outside of single quotes that a name, a brace or a special parameter follows.
func (f *File) HasVariable(word string) bool {
	var quote byte
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == f.Escape && quote != '\'':
			i++
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case c == '$' && quote != '\'' && i+1 < len(word):
			if n := word[i+1]; n == '{' || isNameByte(n) || strings.IndexByte("@*#?-$!", n) >= 0 {
				return true
			}
		}
	}
	return false
}

// SoleVariable returns the name when a word is exactly one plain variable: $A, ${A},
// "$A" or "${A}".
func SoleVariable(word string) (string, bool) {
	if n := len(word); n > 1 && word[0] == '"' && word[n-1] == '"' {
		word = word[1 : n-1]
	}
	name, ok := strings.CutPrefix(word, "$")
	if !ok {
		return "", false
	}
	if strings.HasPrefix(name, "{") && strings.HasSuffix(name, "}") {
		name = name[1 : len(name)-1]
	}
	return name, IsName(name)
}

// IsName reports whether s is a variable's name.
func IsName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
