package shell

import (
	"slices"
	"sort"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// shellNames are variables that a shell sets or acts on by itself.
var shellNames = map[string]bool{
	"_": true, "IFS": true, "PATH": true, "HOME": true, "PWD": true, "OLDPWD": true, "PPID": true, "OPTIND": true, "OPTARG": true, "OPTERR": true,
	"ENV": true, "CDPATH": true, "PS1": true, "PS2": true, "PS3": true, "PS4": true, "REPLY": true, "RANDOM": true, "SRANDOM": true, "SECONDS": true,
	"LINENO": true, "UID": true, "EUID": true, "GROUPS": true, "DIRSTACK": true, "FUNCNAME": true, "HOSTNAME": true, "HOSTTYPE": true, "MACHTYPE": true,
	"OSTYPE": true, "SHELL": true, "SHELLOPTS": true, "SHLVL": true, "TMOUT": true, "TERM": true, "COLUMNS": true, "LINES": true, "PIPESTATUS": true,
	"EPOCHSECONDS": true, "EPOCHREALTIME": true, "FCEDIT": true, "MAIL": true, "MAILPATH": true, "HISTFILE": true, "POSIXLY_CORRECT": true,
	"LANG": true, "LC_ALL": true, "LC_CTYPE": true, "LC_COLLATE": true, "LC_MESSAGES": true, "LC_NUMERIC": true,
}

// Substitute returns the edits by which the shell reads a variable where the bytes Text[start:end] stand, on the premise
// that its value is those bytes and that it is in the environment of the script. Edits that touch are
// one, so that they can be applied in any order. Of two places in one word, the second has to be asked for in the edited
// script, which SubstituteAll does.
//
// The bytes are a part of a command's argument, of an assignment's value, of a redirection's target, of a here-document
// that is expanded, or of a script that is passed to another shell. In such a script the outermost shell that would
// expand something there is the one that reads the variable.
//
// ok is false where the result is not certainly the same: where the bytes are not their own value (escapes, patterns),
// where an expansion means something else than its text (a command's name, patterns, arithmetic, [[ ]], eval), where the
// script gives the variable another value, and where a wrapper takes it away from the shell that would read it. What
// eval and sourced files do to the variable is not known here, see Script.Opaque.
func (s *Script) Substitute(start, end int, name string) (edits []TextEdit, ok bool) {
	if start < 0 || end <= start || end > len(s.Text) || !validName(name) || shellNames[name] {
		return nil, false
	}
	value := s.Text[start:end]
	if strings.ContainsAny(value, "\n\r\x00") {
		return nil, false
	}
	levels, ok := s.levels(start, end)
	if !ok {
		return nil, false
	}
	for i, l := range levels {
		p := l.unit.spotAt(l.unit.lang, l.start, l.end)
		if p == nil || p.ticks > 1 || p.ticks > 0 && strings.Contains(value, `\`) {
			return nil, false
		}
		if i+1 < len(levels) && p.verbatim() {
			continue
		}
		for _, inner := range levels[i+1:] {
			if !inner.inert(value) {
				return nil, false
			}
		}
		if !s.readable(l.unit, name) || s.evaluates(l.unit, start) || !s.keeps(p, start, end, name) {
			return nil, false
		}
		own, ok := p.substitute(name)
		if !ok || !p.unit.sameBut(p, own, name, value) {
			return nil, false
		}
		for _, outer := range levels[:i+1] {
			q := outer.unit.spotAt(outer.unit.lang, outer.start, outer.end)
			if q.ticksQuoted && slices.ContainsFunc(own, func(e TextEdit) bool { return strings.Contains(e.New, `"`) }) {
				return nil, false
			}
		}
		edits = l.unit.outside(own)
		return edits, edits != nil && s.substituted(levels, i, edits, own, name)
	}
	return nil, false
}

// Substitution is a place of a script that is to read a variable.
type Substitution struct {
	Start, End int
	Name       string
}

// SubstituteAll is Substitute for several places, which may stand in one word.
func (s *Script) SubstituteAll(places []Substitution) (edits []TextEdit, ok bool) {
	now := s
	for i, p := range places {
		if i > 0 {
			shift := 0
			for _, e := range edits {
				switch {
				case e.End <= p.Start:
					shift += len(e.New) - (e.End - e.Start)
				case e.Start < p.End:
					return nil, false
				}
			}
			if p.Start, p.End = p.Start+shift, p.End+shift; p.Start < 0 || p.End > len(now.Text) {
				return nil, false
			}
		}
		more, ok := now.Substitute(p.Start, p.End, p.Name)
		if !ok {
			return nil, false
		}
		edits = Compose(edits, more)
		again, err := Parse(apply(s.Text, edits), s.Dialect)
		if err != nil {
			return nil, false
		}
		now = again
	}
	return edits, true
}

// level is a place in one of the texts that hold it.
type level struct {
	unit       *unit
	start, end int // in unit.text
}

// levels returns the texts that a place of the script stands in, the script itself first.
func (s *Script) levels(start, end int) ([]level, bool) {
	levels := []level{{s.units[0], start, end}}
	for {
		cur := levels[len(levels)-1]
		i := slices.IndexFunc(s.units, func(u *unit) bool {
			return u.parent != nil && u.parent.unit == cur.unit && len(u.at) > 0 && u.at[0] < end && start <= u.at[len(u.at)-1]
		})
		if i < 0 {
			return levels, true
		}
		u := s.units[i]
		from := sort.SearchInts(u.at, start)
		to := sort.SearchInts(u.at, end)
		if to-from != end-start || u.at[from] != start || u.at[to-1] != end-1 {
			return nil, false
		}
		if overlaps(u.skip, from, to) {
			// It stands in an expansion that the outer shell carries out.
			for _, sp := range u.skip {
				if sp.Start <= from && to <= sp.End {
					return levels, true
				}
			}
			return nil, false
		}
		levels = append(levels, level{u, from, to})
	}
}

// spot is a place in a word.
type spot struct {
	unit        *unit
	start, end  int
	above       []syntax.Node // what the word stands in, outermost first
	word        *syntax.Word
	number      int               // of the word in the tree
	part        syntax.WordPart   // the *syntax.Lit or *syntax.SglQuoted that holds the place
	double      *syntax.DblQuoted // around part
	hdoc        *syntax.Redirect  // of which the word is the body
	ticks       int               // how many backquotes it stands in
	ticksQuoted bool              // and they stand in double quotes
	file        *syntax.File
}

// spotAt finds the word that holds a place; nil if the place is in no word, or in what is not written as it is meant.
func (u *unit) spotAt(lang syntax.LangVariant, start, end int) *spot {
	file, err := parseAs(u.text, lang)
	if err != nil {
		return nil
	}
	var found *spot
	var above []syntax.Node
	words := 0
	numbers := map[*syntax.Word]int{}
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return false
		}
		switch n := n.(type) {
		case *syntax.Word:
			numbers[n] = words
			words++
		case *syntax.Lit:
			if offset(n.Pos()) <= start && end <= offset(n.End()) && found == nil {
				found = newSpot(above, n)
			}
		case *syntax.SglQuoted:
			from := offset(n.Pos()) + 1
			if n.Dollar {
				from++
			}
			if from <= start && end < offset(n.End()) && found == nil {
				found = newSpot(above, n)
			}
		}
		above = append(above, n)
		return true
	})
	if found == nil || found.word == nil {
		return nil
	}
	found.unit, found.file, found.start, found.end, found.number = u, file, start, end, numbers[found.word]
	for _, n := range found.above {
		if r, ok := n.(*syntax.Redirect); ok && r.Hdoc == found.word {
			found.hdoc = r
		}
	}
	if found.hdoc != nil {
		if body, ok := hdocBody(u.text, found.hdoc); !ok || start < body.Start || end > body.End {
			return nil
		}
	}
	return found
}

func newSpot(above []syntax.Node, part syntax.WordPart) *spot {
	p := &spot{part: part}
	n := len(above)
	if n > 0 {
		if d, ok := above[n-1].(*syntax.DblQuoted); ok {
			p.double = d
			n--
		}
	}
	if n > 1 {
		if w, ok := above[n-1].(*syntax.Word); ok {
			p.word, p.above = w, slices.Clone(above[:n-1])
		}
	}
	quoted := false
	for i, a := range above[:max(n, 0)] {
		switch a := a.(type) {
		case *syntax.DblQuoted:
			quoted = true
		case *syntax.Word:
			if r, ok := above[max(i-1, 0)].(*syntax.Redirect); ok && r.Hdoc == a {
				quoted = true
			}
		case *syntax.CmdSubst:
			if a.Backquotes {
				p.ticks++
				p.ticksQuoted = p.ticksQuoted || quoted
			}
			quoted = false
		case *syntax.ProcSubst:
			quoted = false
		}
	}
	return p
}

// verbatim reports whether the shell takes what stands there as it is.
func (p *spot) verbatim() bool {
	if p.hdoc != nil {
		return quotedDelimiter(p.hdoc.Word)
	}
	q, ok := p.part.(*syntax.SglQuoted)
	return ok && !q.Dollar
}

const plainBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

// inert reports whether a shell that reads its script after the value was put there takes every byte of it as it is.
func (l level) inert(value string) bool {
	if strings.Trim(value, plainBytes) == "" {
		return true
	}
	p := l.unit.spotAt(l.unit.lang, l.start, l.end)
	if p == nil || p.ticks > 0 {
		return false
	}
	switch {
	case p.hdoc != nil:
		return p.verbatim() || !strings.ContainsAny(value, "$`\\")
	case p.double != nil:
		return !p.double.Dollar && !strings.ContainsAny(value, "$`\\\"!")
	case p.verbatim():
		return !strings.Contains(value, "'")
	}
	return false
}

// readable reports whether a variable of the script's environment reaches the shell that reads a unit.
func (s *Script) readable(u *unit, name string) bool {
	for c := u.parent; c != nil; c = c.Parent {
		if c.strips != nil && c.strips(name) || slices.ContainsFunc(c.Assigns, func(a Assign) bool { return a.Name == name }) {
			return false
		}
	}
	return true
}

// evaluates reports whether a place is in the words of a command that gives them another meaning than their value.
func (s *Script) evaluates(u *unit, at int) bool {
	return slices.ContainsFunc(s.Commands, func(c *Command) bool {
		if c.unit != u || at < c.Start || at >= c.End {
			return false
		}
		switch c.Path {
		case "eval", "let", "((", "[[", "alias", "unalias", "unset", "getopts", "export", "readonly", "declare", "typeset", "local", "nameref":
			return !slices.ContainsFunc(c.Assigns, func(a Assign) bool { return a.Value.Start <= at && at < a.Value.End })
		}
		return false
	})
}

// keeps reports whether the script leaves the variable as it is, or gives it the value that it has.
func (s *Script) keeps(p *spot, start, end int, name string) bool {
	value := s.Text[start:end]
	given := s.given[name]
	for _, a := range s.Assigns {
		if a.Name != name {
			continue
		}
		switch own := a.Value.Start <= start && end <= a.Value.End; {
		case a.Append || a.Array:
			return false
		case a.Value.IsLit && a.Value.Lit == value && !a.Value.Tilde, isUse(a.Value, name):
			given--
		case own && !slices.ContainsFunc(p.above, repeats):
			given--
		}
	}
	for _, c := range s.Commands {
		for _, a := range c.Assigns {
			if a.Name == name && (c.Function || a.Append || a.Array || persists(c.Path)) && a.Command == c && !declares(c.Path) {
				return false
			}
		}
	}
	return given == 0
}

// isUse reports whether a word is nothing but the variable.
func isUse(w Word, name string) bool {
	t := strings.Trim(w.Text, `"`)
	return t == "$"+name || t == "${"+name+"}"
}

func repeats(n syntax.Node) bool {
	switch n.(type) {
	case *syntax.ForClause, *syntax.WhileClause, *syntax.FuncDecl:
		return true
	}
	return false
}

// persists reports whether an assignment before a builtin outlasts it.
func persists(path string) bool {
	switch path {
	case ":", ".", "source", "eval", "exec", "set", "shift", "times", "trap", "unset", "break", "continue", "exit", "return", "command", "builtin":
		return true
	}
	return declares(path)
}

func declares(path string) bool {
	switch path {
	case "export", "readonly", "declare", "typeset", "local", "nameref":
		return true
	}
	return false
}

// substitute returns the edits of the unit's text.
func (p *spot) substitute(name string) ([]TextEdit, bool) {
	text := p.unit.text
	value := text[p.start:p.end]
	use := "${" + name + "}"
	kind := p.holder()
	if kind == noWord || p.hdoc != nil && p.verbatim() {
		return nil, false
	}
	single, _ := p.part.(*syntax.SglQuoted)
	if single == nil {
		n := 0
		for n < p.start && text[p.start-1-n] == '\\' {
			n++
		}
		if n%2 == 1 || strings.IndexByte(value, '\\') >= 0 {
			return nil, false
		}
	}
	switch {
	case p.hdoc != nil, p.double != nil && kind == plainWord, kind == defaultQuoted:
		if p.double != nil && (p.double.Dollar || kind == defaultQuoted) || single != nil {
			return nil, false
		}
		return []TextEdit{{p.start, p.end, use}}, true
	case single != nil:
		if kind != plainWord {
			return nil, false
		}
		return p.inSingle(single, use)
	}
	if p.double != nil {
		return nil, false
	}
	return p.bare(kind, use)
}

func (p *spot) inSingle(q *syntax.SglQuoted, use string) ([]TextEdit, bool) {
	text := p.unit.text
	start, end := offset(q.Pos()), offset(q.End())
	from, to := start+1, end-1
	if q.Dollar {
		if p.unit.dialect != Bash || p.ticks > 0 || strings.IndexByte(q.Value, '\\') >= 0 {
			return nil, false
		}
		from++
	}
	before, after := text[from:p.start], text[p.end:to]
	if !strings.ContainsAny(before+after, "$`\\\"!\n") {
		return []TextEdit{{start, from, `"`}, {p.start, p.end, use}, {to, end, `"`}}, true
	}
	if q.Dollar {
		return nil, false
	}
	e := TextEdit{p.start, p.end, `"` + use + `"`}
	if before == "" {
		e.Start = start
	} else {
		e.New = "'" + e.New
	}
	if after == "" {
		e.End = end
	} else {
		e.New += "'"
	}
	return []TextEdit{e}, true
}

// patternBytes mean something in a word without quotes that they do not mean in double quotes, or the other way round.
const patternBytes = "*?[]{}~\\$`\"'!"

func (p *spot) bare(kind wordKind, use string) ([]TextEdit, bool) {
	text := p.unit.text
	value := text[p.start:p.end]
	start, end := offset(p.word.Pos()), offset(p.word.End())
	before, after := text[start:p.start], text[p.end:end]
	if strings.ContainsAny(value, "*?[]{}~$`\"' \t") || strings.ContainsAny(before+after, "[{") && strings.Trim(value, plainBytes[:63]) != "" {
		return nil, false
	}
	if i := strings.LastIndexByte(before, '~'); i >= 0 && (i == 0 || before[i-1] == '=' || before[i-1] == ':') && strings.IndexByte(before[i:], '/') < 0 {
		return nil, false // the end of a user's name
	}
	if kind != plainWord || len(p.word.Parts) != 1 || strings.ContainsAny(before+after, patternBytes) {
		return []TextEdit{{p.start, p.end, `"` + use + `"`}}, true
	}
	start += optionName(before)
	return []TextEdit{{start, start, `"`}, {p.start, p.end, use}, {end, end, `"`}}, true
}

// optionName is how long the NAME= or --option= is with which a word begins.
func optionName(word string) int {
	i := strings.IndexByte(word, '=')
	if i <= 0 || !validName(strings.ReplaceAll(strings.TrimLeft(word[:i], "-"), "-", "_")) {
		return 0
	}
	return i + 1
}

// wordKind says what an expansion in place of a word's text does.
type wordKind uint8

const (
	noWord        wordKind = iota // something else than its text
	plainWord                     // the same, if it is quoted
	defaultWord                   // the same, as the default of a variable in an assignment
	defaultQuoted                 // the same without quotes: a default in double quotes or in a here-document
)

func (p *spot) holder() wordKind {
	switch h := p.above[len(p.above)-1].(type) {
	case *syntax.CallExpr:
		if len(h.Args) > 0 && h.Args[0] != p.word {
			return plainWord
		}
	case *syntax.Assign:
		if h.Value == p.word && h.Index == nil {
			return plainWord
		}
	case *syntax.Redirect:
		switch {
		case p.hdoc != nil:
			return plainWord
		case h.Word == p.word && h.Op != syntax.Hdoc && h.Op != syntax.DashHdoc && h.Op != syntax.DplIn && h.Op != syntax.DplOut:
			return plainWord
		}
	case *syntax.WordIter:
		return plainWord
	case *syntax.CaseClause:
		return plainWord
	case *syntax.ArrayElem:
		if h.Index == nil {
			return plainWord
		}
	case *syntax.ParamExp:
		return p.defaults(h)
	}
	return noWord
}

func (p *spot) defaults(h *syntax.ParamExp) wordKind {
	if h.Exp == nil || h.Exp.Word != p.word || h.Excl || h.Length || h.Index != nil || len(p.word.Parts) != 1 || p.double != nil || len(p.above) < 3 {
		return noWord
	}
	switch h.Exp.Op.String() {
	case "-", ":-", "+", ":+":
	default:
		return noWord
	}
	switch up := p.above[len(p.above)-2].(type) {
	case *syntax.DblQuoted:
		if !up.Dollar {
			return defaultQuoted
		}
	case *syntax.Word:
		switch a := p.above[len(p.above)-3].(type) {
		case *syntax.Assign:
			if a.Index == nil {
				return defaultWord
			}
		case *syntax.Redirect:
			if a.Hdoc == up {
				return defaultQuoted
			}
		}
	}
	return noWord
}

// outside gives edits of the unit's text as edits of the script's, those that touch as one.
func (u *unit) outside(edits []TextEdit) []TextEdit {
	var list []TextEdit
	for _, e := range edits {
		from, to := u.start(e.Start), u.end(e.End)
		switch {
		case e.Start == e.End && e.Start > 0:
			from = to
		case e.Start == e.End:
			to = from
		}
		if u.at != nil && to-from != e.End-e.Start {
			return nil
		}
		if n := len(list); n > 0 && list[n-1].End == from {
			list[n-1].End = to
			list[n-1].New += e.New
			continue
		}
		list = append(list, TextEdit{from, to, e.New})
	}
	return list
}

// sameBut reports whether the text, as edited, is the same under each grammar that reads it, but for one word, and whether
// this word has the same value once name's value is put where it is used first in what is new.
func (u *unit) sameBut(p *spot, edits []TextEdit, name, value string) bool {
	edited := apply(u.text, edits)
	use := -1
	shift := 0
	for _, e := range edits {
		if i := strings.Index(e.New, "${"+name+"}"); i >= 0 {
			use = e.Start + shift + i
		}
		shift += len(e.New) - (e.End - e.Start)
	}
	read := false
	for _, lang := range languages(u.text, u.dialect) {
		old := u.spotAt(lang, p.start, p.end)
		if old == nil {
			if _, err := parseAs(u.text, lang); err == nil {
				return false
			}
			continue
		}
		file, err := parseAs(edited, lang)
		if err != nil {
			return false
		}
		word := wordNumber(file, old.number)
		if word == nil {
			return false
		}
		was := valueOf(u.text, old.word, old.hdoc != nil, -1, "", "")
		is := valueOf(edited, word, old.hdoc != nil, use, name, value)
		if !slices.Equal(was, is) {
			return false
		}
		old.word.Parts, word.Parts = nil, nil
		if dump(old.file) != dump(file) {
			return false
		}
		read = true
	}
	return read
}

func wordNumber(file *syntax.File, number int) *syntax.Word {
	var found *syntax.Word
	n := 0
	syntax.Walk(file, func(node syntax.Node) bool {
		if w, ok := node.(*syntax.Word); ok {
			if n == number {
				found = w
			}
			n++
		}
		return true
	})
	return found
}

// valueOf is a word's value, one string for each byte and each expansion; a byte that is part of a pattern differs from
// itself in quotes. The use of the variable name at offset use counts as its value.
func valueOf(text string, w *syntax.Word, hdoc bool, use int, name, value string) []string {
	var list []string
	bytes := func(raw, escapable string, bare bool) {
		for i := 0; i < len(raw); i++ {
			c := raw[i]
			if c == '\\' && i+1 < len(raw) {
				if raw[i+1] == '\n' {
					i++
					continue
				}
				if escapable == "" || strings.IndexByte(escapable, raw[i+1]) >= 0 {
					i++
					list = append(list, raw[i:i+1])
					continue
				}
			}
			if bare && strings.IndexByte("*?[]{}~", c) >= 0 {
				list = append(list, "bare "+raw[i:i+1])
				continue
			}
			list = append(list, raw[i:i+1])
		}
	}
	expansion := func(p syntax.WordPart, quote string) {
		if e, ok := p.(*syntax.ParamExp); ok && offset(e.Pos()) == use && !e.Short && e.Param != nil && e.Param.Value == name && text[use:offset(e.End())] == "${"+name+"}" {
			bytes(value, "\x00", false)
			return
		}
		list = append(list, quote+" "+dumpNode(p))
	}
	for _, p := range w.Parts {
		start, end := offset(p.Pos()), offset(p.End())
		if start > end || end > len(text) {
			return []string{"not located"}
		}
		switch p := p.(type) {
		case *syntax.Lit:
			if hdoc {
				bytes(text[start:end], "$`\\", false)
			} else {
				bytes(text[start:end], "", true)
			}
		case *syntax.SglQuoted:
			if p.Dollar && strings.IndexByte(p.Value, '\\') >= 0 {
				expansion(p, "bare")
				continue
			}
			if p.Dollar {
				start++
			}
			bytes(text[start+1:end-1], "\x00", false)
		case *syntax.DblQuoted:
			for _, q := range p.Parts {
				if l, ok := q.(*syntax.Lit); ok {
					bytes(text[offset(l.Pos()):offset(l.End())], "$`\"\\", false)
				} else {
					expansion(q, "double")
				}
			}
			if p.Dollar {
				list = append(list, "translated")
			}
		default:
			expansion(p, "bare")
		}
	}
	return list
}

// substituted reports whether the edited script runs the same commands in the same way, and uses the variable once more.
func (s *Script) substituted(levels []level, at int, edits, own []TextEdit, name string) bool {
	again, err := Parse(apply(s.Text, edits), s.Dialect)
	if err != nil || len(again.units) != len(s.units) || len(again.Commands) != len(s.Commands) || len(again.Uses) != len(s.Uses)+1 ||
		len(again.UsesOf(name)) != len(s.UsesOf(name))+1 || len(again.Assigned) != len(s.Assigned) || len(again.Assigns) != len(s.Assigns) ||
		again.Opaque != s.Opaque || again.Flags != s.Flags || again.status != s.status {
		return false
	}
	for i, u := range s.units {
		v := again.units[i]
		if u.dialect != v.dialect || u.depth != v.depth {
			return false
		}
		n := slices.IndexFunc(levels, func(l level) bool { return l.unit == u })
		switch {
		case n < 0 && v.text != u.text:
			return false
		case n == at && v.text != apply(u.text, own):
			return false
		case n >= 0 && n < at:
			// What the shells around it take as it is.
			p := u.spotAt(u.lang, levels[n].start, levels[n].end)
			file, err := parseAs(v.text, u.lang)
			if err != nil || v.lang != u.lang {
				return false
			}
			word := wordNumber(file, p.number)
			if word == nil {
				return false
			}
			p.word.Parts, word.Parts = nil, nil
			if dump(p.file) != dump(file) {
				return false
			}
		}
	}
	for i, c := range s.Commands {
		o := again.Commands[i]
		if c.Program != o.Program || c.Path != o.Path || len(c.Args) != len(o.Args) || len(c.Assigns) != len(o.Assigns) || len(c.Redirs) != len(o.Redirs) ||
			c.In != o.In || c.Dir != o.Dir || c.DirKnown != o.DirKnown || c.Opaque != o.Opaque || c.Function != o.Function || c.unit.depth != o.unit.depth {
			return false
		}
	}
	return true
}
