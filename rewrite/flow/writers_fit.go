package flow

import (
	"math"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// match fits a command's arguments to the row. If it need not be exact, the row's words
// and needed options are enough, whatever else there is.
func (w *writer) match(args []shell.Word, exact bool) (Kept, bool) {
	m := &matching{w: w, exact: exact, strict: true, k: Kept{Row: w.row, What: w.what, Words: map[string]shell.Word{}, Files: w.files, Here: w.here, Readers: w.readers}}
	for i := 0; i < len(args) && !m.failed; i++ {
		i += m.word(args, i)
	}
	if m.failed || !m.needed && slices.ContainsFunc(w.options, func(o option) bool { return o.needed }) || !m.fill() {
		return Kept{}, false
	}
	for _, f := range m.front {
		m.k.Program += " " + f.Text
	}
	return m.k, true
}

// matching is a row that is being fitted to a command.
type matching struct {
	w      *writer
	exact  bool
	k      Kept
	pos    []shell.Word // the words that are no options
	after  []bool       // the word may belong to an option that the row does not have
	loose  bool         // an option before is not known
	front  []shell.Word // options before the first word that undoing needs
	needed bool
	ended  bool // by --
	strict bool // every option is known
	failed bool
}

// word takes one argument, and returns how many more it has taken.
func (m *matching) word(args []shell.Word, i int) int {
	text := shown(args[i])
	if m.ended || len(text) < 2 || text[0] != '-' {
		m.pos, m.after, m.loose = append(m.pos, args[i]), append(m.after, m.loose), false
		return 0
	}
	if text == "--" {
		m.ended = true
		return 0
	}
	name, _, glued := strings.Cut(text, "=")
	if o := m.option(name); o != nil {
		return m.take(o, args, i, len(name)+1, glued)
	}
	// -Lproject, -qb main
	if text[1] != '-' {
		for j := 1; j < len(text); j++ {
			o := m.option("-" + text[j:j+1])
			if o == nil {
				break
			}
			if o.value {
				return m.take(o, args, i, j+1, j+1 < len(text))
			}
			if m.seen(o); o.carried {
				break
			}
			if j == len(text)-1 {
				return 0
			}
		}
	}
	m.loose = true
	m.unknown()
	return 0
}

func (m *matching) unknown() {
	m.strict = false
	m.failed = m.failed || m.exact
}

func (m *matching) option(name string) *option {
	for i := range m.w.options {
		if o := &m.w.options[i]; o.name == name && (!o.front || len(m.pos) == 0) {
			return o
		}
	}
	return nil
}

func (m *matching) seen(o *option) {
	m.failed = m.failed || o.never
	m.needed = m.needed || o.needed
}

// take takes an option: its value, if it has one, begins at a byte of the word or is the
// next word.
func (m *matching) take(o *option, args []shell.Word, i, at int, glued bool) (more int) {
	value := args[i]
	switch {
	case glued && !o.value && !o.glued, !glued && o.value && i+1 >= len(args):
		m.unknown()
		return 0
	case !glued && o.value:
		value, more = args[i+1], 1
	case glued:
		var ok bool
		if value, ok = tailOf(args[i], at); !ok {
			m.unknown()
			return 0
		}
	}
	if o.shape != nil && !o.shape.MatchString(shown(value)) {
		m.unknown()
		return more
	}
	m.seen(o)
	if o.capture != "" {
		m.k.Words[o.capture] = value
	}
	switch {
	case o.carried && o.front:
		m.front = append(m.front, args[i:i+1+more]...)
	case o.carried:
		m.k.Carried = append(m.k.Carried, args[i:i+1+more]...)
	}
	return more
}

// tailOf is a word without its first bytes, which stand for themselves.
func tailOf(w shell.Word, n int) (shell.Word, bool) {
	ps, ok := Parts(w.Text)
	if !ok || len(ps) == 0 || ps[0].Expands || len(ps[0].Text) < n {
		return w, false
	}
	head := ps[0].Text[:n]
	if ps = slices.Clone(ps); len(ps[0].Text) == n {
		ps = ps[1:]
	} else {
		ps[0].Text = ps[0].Text[n:]
	}
	raw, at := "", w.Start
	if rest, ok := strings.CutPrefix(w.Text, head); ok {
		raw, at = rest, w.Start+n
	}
	return wordOf(ps, raw, at, w.End), true
}

// fill gives the row's slots their words.
func (m *matching) fill() bool {
	pos := m.pos
	if !m.exact {
		return m.fillLoosely()
	}
	for _, s := range m.w.slots {
		n := 0
		for len(pos) > 0 {
			used, ok := m.fit(s, pos, n)
			if !ok {
				break
			}
			pos = pos[used:]
			n++
			if !s.repeated {
				break
			}
		}
		if n == 0 && !s.optional {
			return false
		}
	}
	return len(pos) == 0
}

// fit gives a slot the next word, or the next two.
func (m *matching) fit(s slot, pos []shell.Word, n int) (used int, ok bool) {
	w, words := pos[0], m.k.Words
	switch {
	case s.words != nil:
		return 1, w.IsLit && slices.Contains(s.words, w.Lit)
	case s.pair:
		if key, value, ok := cutWord(w, "="); ok {
			words[numbered("key", n)], words[numbered("value", n)] = key, value
			return 1, true
		}
		if len(pos) < 2 {
			return 0, false
		}
		words[numbered("key", n)], words[numbered("value", n)] = w, pos[1]
		return 2, true
	case s.next != "":
		key, value, ok := cutWord(w, "=")
		if !ok || s.shape != nil && !s.shape.MatchString(shown(key)) {
			return 0, false
		}
		words[numbered(s.name, n)], words[numbered(s.next, n)] = key, value
		return 1, true
	}
	if s.shape != nil && !s.shape.MatchString(shown(w)) {
		return 0, false
	}
	words[numbered(s.name, n)] = w
	return 1, true
}

// fillLoosely asks for the row's own words in their order, and for words behind them. A
// command of which all is known, and that is not too long, is another one.
func (m *matching) fillLoosely() bool {
	i, wanted, most := 0, 0, 0
	for _, s := range m.w.slots {
		if s.words == nil {
			if most++; s.pair {
				most++
			}
			if s.repeated {
				most = math.MaxInt
			}
			if !s.optional {
				wanted++
			}
			if s.shape != nil && s.next == "" && !slices.ContainsFunc(m.pos[i:], func(w shell.Word) bool { return s.shape.MatchString(shown(w)) }) {
				return false
			}
			continue
		}
		for i < len(m.pos) && (m.after[i] || !m.pos[i].IsLit) && !slices.Contains(s.words, m.pos[i].Lit) {
			i++
		}
		if i < len(m.pos) && m.pos[i].IsLit && slices.Contains(s.words, m.pos[i].Lit) {
			i++
		} else if !s.optional {
			return false
		}
	}
	if m.strict && len(m.pos)-i <= most && !slices.ContainsFunc(m.pos, func(w shell.Word) bool { return !w.IsLit }) {
		return false
	}
	return len(m.pos)-i >= wanted
}
