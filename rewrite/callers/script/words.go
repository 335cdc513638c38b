package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// char is a byte of a word with its quotes removed, or an expansion, or a hole.
type char struct {
	text    string // of an expansion, as it is written; of a hole, what the file has
	at, end int    // in Code
	open    int    // where the quotes around it open; at if there are none
	quote   string

	exp  *shell.Piece
	hole *Hole
}

func (c char) plain() bool { return c.exp == nil && c.hole == nil }

// word is a word that a command gets, or one of those that an expansion becomes.
type word struct {
	start, end int // in Code
	chars      []char
	from       *shell.Assign // the array or string that holds it; nil: it stands in the command
	part       bool          // of a string, split at its blanks
	when       *shell.Piece  // ${T:+…} that it stands in
	strange    bool          // its parts are not known
	one        bool          // an expansion that is known to become one word
	glob       bool
	tilde      bool
}

// read takes a word of the script apart.
func (sc *scene) read(w shell.Word) word {
	out := word{start: w.Start, end: w.End, glob: w.Glob, tilde: w.Tilde}
	if w.Start < 0 || w.End < w.Start || w.End > len(sc.t.Code) {
		out.strange = true
		return out
	}
	pieces, ok := shell.Pieces(sc.t.Code[w.Start:w.End], sc.t.Dialect)
	if !ok {
		out.strange = true
		return out
	}
	var last *Hole
	for i := range pieces {
		p := &pieces[i]
		open := w.Start + p.Open
		if p.Expands {
			c := char{text: p.Text, at: w.Start + p.Start, end: w.Start + p.End, open: open, quote: p.Quote, exp: p}
			if sc.holeIn(c.at, c.end) != nil {
				c.text = sc.file(c.at, c.end)
			}
			if n := strings.Index(p.Text, p.Name); p.Name != "" && sc.holeIn(c.at+n, c.at+n+len(p.Name)) != nil {
				p.Name = "" // which variable it is, what fills the hole says
			}
			out.chars = append(out.chars, c)
			continue
		}
		for j := range len(p.Text) {
			at := w.Start + p.At[j]
			h := sc.holeIn(at, at+1)
			if h != nil && h == last {
				out.chars[len(out.chars)-1].end = at + 1
				continue
			}
			c := char{text: p.Text[j : j+1], at: at, end: at + 1, open: open, quote: p.Quote, hole: h}
			if p.Quote == "" {
				c.open = at
			}
			if last = h; h != nil {
				c.text = h.Text
			}
			out.chars = append(out.chars, c)
		}
	}
	return out
}

// holeIn returns a hole that shares a byte with a range of Code.
func (sc *scene) holeIn(start, end int) *Hole {
	for i := range sc.t.Holes {
		if h := &sc.t.Holes[i]; h.Start < end && start < h.End {
			return h
		}
	}
	return nil
}

// file is a range of Code as the file has it.
func (sc *scene) file(start, end int) string {
	var b strings.Builder
	at := start
	for i := range sc.t.Holes {
		if h := &sc.t.Holes[i]; h.Start >= at && h.End <= end {
			b.WriteString(sc.t.Code[at:h.Start])
			b.WriteString(h.Text)
			at = h.End
		}
	}
	b.WriteString(sc.t.Code[at:end])
	return b.String()
}

// word reports whether a hole is known to be one word, or none.
func (h *Hole) word() bool { return h.Known && !strings.ContainsAny(h.Value, " \t\n") }

// nothing reports whether a word is filled in with nothing, and is none then.
func (w word) nothing() bool {
	return len(w.chars) == 1 && w.chars[0].hole != nil && w.chars[0].quote == "" && w.chars[0].hole.Known && w.chars[0].hole.Value == ""
}

// literal returns the text of characters, if nothing in them is filled in.
func literal(chars []char) (string, bool) {
	var b strings.Builder
	for _, c := range chars {
		if !c.plain() {
			return b.String(), false
		}
		b.WriteString(c.text)
	}
	return b.String(), true
}

// text is what characters are in the file, less their quotes.
func text(chars []char) string {
	var b strings.Builder
	for _, c := range chars {
		b.WriteString(c.text)
	}
	return b.String()
}

func (w word) literal() (string, bool) {
	s, ok := literal(w.chars)
	return s, ok && !w.strange && !w.glob
}

// after returns the characters behind a literal beginning.
func after(chars []char, prefix string) ([]char, bool) {
	if len(chars) < len(prefix) {
		return nil, false
	}
	for i := range len(prefix) {
		if !chars[i].plain() || chars[i].text != prefix[i:i+1] {
			return nil, false
		}
	}
	return chars[len(prefix):], true
}

// many reports whether a word may become any number of words: "$@", $OPTS, "${A[@]}".
func (w word) many() bool {
	if w.strange || w.one {
		return w.strange
	}
	for _, c := range w.chars {
		if c.exp != nil && (c.quote == "" || c.exp.Name == "@" || c.exp.Index == "@") || c.hole != nil && c.quote == "" && len(w.chars) == 1 && !c.hole.word() {
			return true
		}
	}
	return false
}

// alone returns the one expansion that a word is.
func (w word) alone() *shell.Piece {
	if len(w.chars) == 1 && !w.strange {
		return w.chars[0].exp
	}
	return nil
}

// expand replaces the words that are an array or a string of arguments by what the
// script puts into it.
func (sc *scene) expand(ws []word) []word {
	var out []word
	for _, w := range ws {
		if list, ok := sc.elements(w); ok {
			out = append(out, list...)
		} else if list, ok := sc.ifSet(w); ok {
			out = append(out, list...)
		} else if len(out) == 0 || !sc.labelsOnly(w) {
			w.one = sc.becomesOne(w)
			out = append(out, w)
		}
	}
	return out
}

// becomesOne reports whether a word with bare expansions becomes one word all the same.
func (sc *scene) becomesOne(w word) bool {
	if w.strange || w.glob {
		return false
	}
	v := sc.values(w.chars, 0)
	return !slices.ContainsFunc(v, func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\n*?["+call.Hole) || s[0] == '-' })
}

// elements returns the words of an array ("${A[@]}") or a string ($A) of the script, in
// the order in which they are added.
func (sc *scene) elements(w word) ([]word, bool) {
	e := w.alone()
	if e == nil || !validName(e.Name) || !sc.s.Assigned[e.Name] {
		return nil, false
	}
	array := e.Index == "@" || e.Index == "*" && w.chars[0].quote == ""
	guarded := array && (e.Form == "+" || e.Form == ":+") && strings.Trim(e.Param, `"`) == "${"+e.Name+"["+e.Index+"]}"
	if !(e.Form == "" || guarded || (e.Form == ":-" || e.Form == "-") && e.Param == "") || e.Index != "" && !array || e.Index == "" && w.chars[0].quote != "" {
		return nil, false
	}
	var out []word
	n := 0
	for i := range sc.s.Assigns {
		a := &sc.s.Assigns[i]
		if a.Name != e.Name {
			continue
		}
		if n++; a.Array != array {
			if array && a.Value.Start == a.Value.End && a.Value.IsLit {
				continue // declare -a A
			}
			return nil, false
		}
		list := sc.parts(a, e.Name)
		if list == nil && a.End-a.Start > len(a.Name)+4 {
			return nil, false
		}
		out = append(out, list...)
	}
	if n == 0 || n != sc.s.Given(e.Name) {
		return nil, false
	}
	flags := false
	for _, w := range out {
		if s, _ := literal(w.chars); strings.HasPrefix(s, "-") {
			flags = true
		}
	}
	return out, flags || array
}

// parts are the words that one assignment adds; nil if it cannot be told.
func (sc *scene) parts(a *shell.Assign, name string) []word {
	out := []word{}
	if a.Array {
		for _, e := range a.Elems {
			w := sc.read(e)
			if x := w.alone(); x != nil && x.Name == name {
				continue // A=("${A[@]}" more)
			}
			w.from = a
			out = append(out, w)
		}
		return out
	}
	whole := sc.read(a.Value)
	if whole.strange || whole.glob || whole.tilde {
		return nil
	}
	var now *word
	for i := range whole.chars {
		c := whole.chars[i]
		if c.plain() && strings.ContainsAny(c.text, "\"'\\*?[") {
			return nil
		}
		if c.plain() && strings.ContainsAny(c.text, " \t\n") {
			now = nil
			continue
		}
		if now == nil {
			out = append(out, word{start: c.at, from: a, part: true})
			now = &out[len(out)-1]
		}
		now.chars, now.end = append(now.chars, c), c.end
	}
	kept := out[:0]
	for _, w := range out {
		if x := w.alone(); x != nil && x.Name == name {
			continue // A="$A more"
		}
		kept = append(kept, w)
	}
	return kept
}

func validName(s string) bool {
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
