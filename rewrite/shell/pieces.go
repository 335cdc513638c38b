package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Piece is a part of a word: text that the shell takes as it is, or an expansion.
type Piece struct {
	Start, End int    // in the word as it is written, without the quotes around
	Open       int    // where the quotes around it open; Start if there are none
	Quote      string // those quotes: ", ', $'; "" if there are none

	Text string // with quotes and escapes removed; of an expansion, as it is written
	At   []int  // of text: where each byte of it stands in the word

	Expands bool
	Name    string // of an expansion of a variable and nothing else: $T, ${T:-x}, ${T[@]}
	Form    string // as Use.Form has it: "", ":-", "?" …
	Param   string // what stands behind the operator, as it is written
	Index   string // of ${T[@]}
}

// Pieces takes a word apart, or the value of an assignment, as it is written in a script of the dialect. ok is false for
// what is not one word.
func Pieces(word string, d Dialect) (pieces []Piece, ok bool) {
	const before = "x="
	if d == Unknown || len(word) > maxText || strings.IndexByte(word, 0) >= 0 {
		return nil, false
	}
	if word == "" {
		return nil, true
	}
	text := before + word
	for _, lang := range languages(text, d) {
		file, err := parseAs(text, lang)
		if err != nil || len(file.Stmts) != 1 {
			continue
		}
		call, isCall := file.Stmts[0].Cmd.(*syntax.CallExpr)
		if !isCall || len(call.Args) > 0 || len(call.Assigns) != 1 || len(file.Stmts[0].Redirs) > 0 || file.Stmts[0].Background {
			return nil, false
		}
		v := call.Assigns[0].Value
		if v == nil || offset(v.Pos()) != len(before) || offset(v.End()) != len(text) {
			return nil, false
		}
		p := &wordReader{text: text, shift: len(before), bash: lang == syntax.LangBash}
		for _, part := range v.Parts {
			p.part(part)
		}
		return p.list, true
	}
	return nil, false
}

type wordReader struct {
	text  string
	shift int
	bash  bool
	list  []Piece
}

func (p *wordReader) part(part syntax.WordPart) {
	start, end := offset(part.Pos()), offset(part.End())
	switch part := part.(type) {
	case *syntax.Lit:
		p.literal(start, end, start, "", true)
	case *syntax.SglQuoted:
		from := start + 1
		quote := "'"
		if part.Dollar {
			if !p.bash || strings.IndexByte(part.Value, '\\') >= 0 {
				p.expansion(part, start, "")
				return
			}
			from, quote = start+2, "$'"
		}
		p.literal(from, end-1, start, quote, false)
	case *syntax.DblQuoted:
		if part.Dollar {
			p.expansion(part, start, "")
			return
		}
		for _, q := range part.Parts {
			if l, ok := q.(*syntax.Lit); ok {
				p.literal(offset(l.Pos()), offset(l.End()), start, `"`, true)
			} else {
				p.expansion(q, start, `"`)
			}
		}
	default:
		p.expansion(part, start, "")
	}
}

// literal adds text; escapes says that a backslash is one.
func (p *wordReader) literal(start, end, open int, quote string, escapes bool) {
	out := Piece{Start: start - p.shift, End: end - p.shift, Open: open - p.shift, Quote: quote}
	var b strings.Builder
	for i := start; i < end; i++ {
		if escapes && p.text[i] == '\\' && i+1 < end {
			if p.text[i+1] == '\n' {
				i++
				continue
			}
			if quote == "" || strings.IndexByte("$`\"\\", p.text[i+1]) >= 0 {
				i++
			}
		}
		b.WriteByte(p.text[i])
		out.At = append(out.At, i-p.shift)
	}
	out.Text = b.String()
	p.list = append(p.list, out)
}

func (p *wordReader) expansion(part syntax.WordPart, open int, quote string) {
	start, end := offset(part.Pos()), offset(part.End())
	out := Piece{Start: start - p.shift, End: end - p.shift, Open: open - p.shift, Quote: quote, Text: p.text[start:end], Expands: true}
	if e, ok := part.(*syntax.ParamExp); ok && e.Param != nil && e.NestedParam == nil && e.Flags == nil && !e.Excl && !e.Length && !e.Width &&
		!e.IsSet && e.Names == 0 && e.Slice == nil && e.Repl == nil && len(e.Modifiers) == 0 {
		out.Name = e.Param.Value
		if e.Index != nil {
			out.Index = p.text[offset(e.Index.Pos()):offset(e.Index.End())]
		}
		if e.Exp != nil {
			out.Form = e.Exp.Op.String()
			if w := e.Exp.Word; w != nil {
				out.Param = p.text[offset(w.Pos()):offset(w.End())]
			}
			if strings.Trim(out.Form, ":+-?=") != "" || out.Form == ":" {
				out.Form = "other"
			}
		}
	}
	p.list = append(p.list, out)
}
