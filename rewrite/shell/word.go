package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// flat is a word with its quotes removed.
type flat struct {
	text        []byte
	at          []int  // offsets in the unit, if they were asked for
	skip        []Span // in text: expansions, left as they are written
	literal     bool   // there are none
	doubtful    bool   // a backslash in backquotes
	glob, tilde bool
}

// flatten removes the quotes of a word. In backquotes a backslash means something else, and such a word is not literal.
func (r *reader) flatten(w *syntax.Word, ticks, positions bool) flat {
	f := flat{literal: true}
	put := func(off int) {
		f.text = append(f.text, r.u.text[off])
		if positions {
			f.at = append(f.at, off)
		}
	}
	expansion := func(p syntax.WordPart) {
		from := len(f.text)
		for i := offset(p.Pos()); i < offset(p.End()) && i < len(r.u.text); i++ {
			put(i)
		}
		f.literal = false
		f.skip = append(f.skip, Span{from, len(f.text)})
	}
	unescape := func(start, end int, escapable string) {
		raw := r.slice(start, end)
		if ticks && strings.IndexByte(raw, '\\') >= 0 {
			f.literal, f.doubtful = false, true
		}
		for i := 0; i < len(raw); i++ {
			if raw[i] == '\\' && i+1 < len(raw) {
				if raw[i+1] == '\n' {
					i++
					continue
				}
				if escapable == "" || strings.IndexByte(escapable, raw[i+1]) >= 0 {
					i++
				}
			}
			put(start + i)
		}
	}
	var braces []byte
	brackets := false
	for i, p := range w.Parts {
		start, end := offset(p.Pos()), offset(p.End())
		switch p := p.(type) {
		case *syntax.Lit:
			raw := r.slice(start, end)
			if i == 0 && strings.HasPrefix(raw, "~") {
				f.tilde = true
			}
			for j := 0; j < len(raw); j++ {
				switch raw[j] {
				case '\\':
					j++
				case '*', '?':
					f.glob = true
				case '[':
					brackets = true
				case ']':
					f.glob = f.glob || brackets
				case '{', ',', '}':
					braces = append(braces, raw[j])
				case '.':
					if strings.HasPrefix(raw[j:], "..") {
						braces = append(braces, ',')
					}
				}
			}
			unescape(start, end, "")
		case *syntax.SglQuoted:
			if p.Dollar {
				if r.u.lang != syntax.LangBash || ticks || strings.IndexByte(p.Value, '\\') >= 0 {
					expansion(p)
					continue
				}
				start++
			} else if ticks && strings.IndexByte(r.slice(start, end), '\\') >= 0 {
				f.literal, f.doubtful = false, true
			}
			for i := start + 1; i < end-1; i++ {
				put(i)
			}
		case *syntax.DblQuoted:
			if p.Dollar {
				expansion(p)
				continue
			}
			for _, q := range p.Parts {
				if l, ok := q.(*syntax.Lit); ok {
					unescape(offset(l.Pos()), offset(l.End()), "$`\"\\")
				} else {
					expansion(q)
				}
			}
		case *syntax.ExtGlob:
			f.glob = true
			expansion(p)
			f.skip = f.skip[:len(f.skip)-1]
		default:
			expansion(p)
		}
	}
	if i := strings.IndexByte(string(braces), '{'); i >= 0 {
		if j := strings.IndexByte(string(braces[i:]), ','); j >= 0 && strings.IndexByte(string(braces[i+j:]), '}') >= 0 {
			f.glob = true
		}
	}
	return f
}

// flattenHeredoc does the same for the body of a here-document.
func (r *reader) flattenHeredoc(span Span, rd *syntax.Redirect) flat {
	f := flat{literal: true}
	var expansions []Span
	if !quotedDelimiter(rd.Word) {
		for _, p := range rd.Hdoc.Parts {
			if _, ok := p.(*syntax.Lit); !ok {
				expansions = append(expansions, Span{offset(p.Pos()), offset(p.End())})
			}
		}
	}
	f.literal = len(expansions) == 0
	for i := span.Start; i < span.End; i++ {
		if len(expansions) > 0 && i == expansions[0].Start {
			from := len(f.text)
			for ; i < expansions[0].End; i++ {
				f.text, f.at = append(f.text, r.u.text[i]), append(f.at, i)
			}
			f.skip = append(f.skip, Span{from, len(f.text)})
			expansions = expansions[1:]
			i--
			continue
		}
		if r.u.text[i] == '\\' && i+1 < span.End && !quotedDelimiter(rd.Word) {
			switch r.u.text[i+1] {
			case '\n':
				i++
				continue
			case '$', '`', '\\':
				i++
			}
		}
		f.text, f.at = append(f.text, r.u.text[i]), append(f.at, i)
	}
	return f
}
