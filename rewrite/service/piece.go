package service

import (
	"github.com/unbake-dev/unbake/compose"
)

// piece is a text, or a word of one, as the container sees it, with the way back to what is written.
type piece struct {
	of   compose.Text
	text string // $$ undone; variables of compose are left as they are written
	at   []int  // at[i] is the offset in of.Value of text[i]; at[len(text)] the end of the last byte
}

// pieceOf returns a text as a whole.
func pieceOf(t compose.Text) piece {
	p := piece{of: t}
	var text []byte
	for i := 0; i < len(t.Value); i++ {
		text, p.at = append(text, t.Value[i]), append(p.at, i)
		if t.Value[i] == '$' && i+1 < len(t.Value) && t.Value[i+1] == '$' {
			i++
		}
	}
	p.at = append(p.at, len(t.Value))
	p.text = string(text)
	return p
}

// span returns what text[from:to] is in the value as it is written; ok is false where it is not written as one literal: a variable of compose
// stands in it, or a quote of a command's.
func (p piece) span(from, to int) (start, end int, ok bool) {
	if from >= to {
		return 0, 0, false
	}
	start, end = p.at[from], p.at[to-1]+1
	if p.text[to-1] == '$' && end < len(p.of.Value) && p.of.Value[end] == '$' {
		end++
	}
	literal, ok := compose.Literal(p.of.Value[start:end])
	return start, end, ok && literal == p.text[from:to] && !inReference(p.of.Value, start)
}

// words cuts a command that is written as one text into its words, as compose does: at blanks, quotes and backslashes undone.
func (p piece) words() []piece {
	var out []piece
	var w *piece
	put := func(i int) {
		if w == nil {
			w = &piece{of: p.of}
		}
		if i >= 0 {
			w.text += p.text[i : i+1]
			w.at = append(w.at, p.at[i])
		}
	}
	flush := func() {
		if w != nil {
			end := 0
			if n := len(w.at); n > 0 {
				end = w.at[n-1] + 1
			}
			w.at = append(w.at, end)
			out = append(out, *w)
			w = nil
		}
	}
	quote := byte(0)
	for i := 0; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			flush()
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			put(-1)
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(p.text):
			i++
			put(i)
		default:
			put(i)
		}
	}
	flush()
	return out
}
