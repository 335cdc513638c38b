package shell

import (
	"errors"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// maxText is the longest argument that Linux passes to a program (MAX_ARG_STRLEN): a longer `sh -c` script cannot run.
// It also bounds how deep the recursive parser can go.
const maxText = 128 << 10

// unit is one text that a shell reads: the script itself, or one that it passes to another shell as a string.
type unit struct {
	text      string
	dialect   Dialect
	lang      syntax.LangVariant
	file      *syntax.File // while it is being read
	at        []int        // at[i]: offset in Script.Text of text[i]; nil: the same
	skip      []Span       // in text: what the outer shell replaces before this one reads it
	parent    *Command     // the shell that reads it; nil for the script itself
	functions map[string]bool
	depth     int
}

func (u *unit) start(off int) int {
	if u.at == nil {
		return off
	}
	if off < len(u.at) {
		return u.at[off]
	}
	return u.end(off)
}

// startIn is start, with the backslashes before it that belong to the character in the text around a nested script.
func (u *unit) startIn(text string, off int) int {
	at := u.start(off)
	if u.at == nil || off >= len(u.at) {
		return at
	}
	floor := 0
	if off > 0 {
		floor = u.at[off-1] + 1
	}
	for at > floor && text[at-1] == '\\' {
		at--
	}
	return at
}

func (u *unit) end(off int) int {
	if u.at == nil {
		return off
	}
	if off == 0 {
		return u.start(0)
	}
	return u.at[off-1] + 1
}

// parse sets lang and file.
func (u *unit) parse() error {
	if len(u.text) > maxText {
		return &Error{maxText, "longer than a shell can be given"}
	}
	if i := strings.IndexByte(u.text, 0); i >= 0 {
		return &Error{i, "a NUL byte"}
	}
	var first error
	for _, lang := range languages(u.text, u.dialect) {
		file, err := parseAs(u.text, lang)
		if err == nil {
			u.lang, u.file = lang, file
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return grammarError(first)
}

// languages returns the grammars to try, in order. A /bin/sh may be bash or busybox, so bash's grammar is always tried, and
// it comes first where the text has something that both accept and only bash reads as it is meant.
func languages(text string, d Dialect) []syntax.LangVariant {
	if d == Bash {
		return []syntax.LangVariant{syntax.LangBash}
	}
	for _, s := range []string{"[[", "((", "$'", `$"`, "&>", "|&", "function "} {
		if strings.Contains(text, s) {
			return []syntax.LangVariant{syntax.LangBash, syntax.LangPOSIX}
		}
	}
	return []syntax.LangVariant{syntax.LangPOSIX, syntax.LangBash}
}

func parseAs(text string, lang syntax.LangVariant) (file *syntax.File, err error) {
	// The input is whatever stands in people's files: a fault of the parser must not end the run.
	defer func() {
		if recover() != nil {
			file, err = nil, &Error{0, "the parser failed"}
		}
	}()
	return syntax.NewParser(syntax.Variant(lang), syntax.KeepComments(true)).Parse(strings.NewReader(plain(text)), "")
}

// plain replaces what mvdan/sh treats unlike a shell, byte for byte, by a character that is part of any word: it rejects
// bytes that are no UTF-8, and takes a carriage return for white space, where a shell takes it for part of the word.
func plain(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, '\r') < 0 {
		return text
	}
	b := []byte(text)
	for i := 0; i < len(b); {
		r, w := utf8.DecodeRune(b[i:])
		if r == '\r' || r == utf8.RuneError && w == 1 {
			b[i] = 1
		}
		i += w
	}
	return string(b)
}

func grammarError(err error) *Error {
	var own *Error
	var parse syntax.ParseError
	var lang syntax.LangError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &parse):
		return &Error{int(parse.Pos.Offset()), withoutWords(parse.Text)}
	case errors.As(err, &lang):
		return &Error{int(lang.Pos.Offset()), lang.Feature + " is not of this shell"}
	}
	return &Error{0, "not understood"}
}

// withoutWords takes out of a message what it quotes from the script, which may be a secret; operators and reserved words stay.
func withoutWords(msg string) string {
	var b strings.Builder
	for {
		i := strings.IndexAny(msg, "`\"")
		if i < 0 {
			break
		}
		n := strings.IndexByte(msg[i+1:], msg[i])
		if n < 0 {
			b.WriteString(msg[:i])
			return b.String() + "…"
		}
		b.WriteString(msg[:i])
		if q := msg[i+1 : i+1+n]; grammarWord(q) {
			b.WriteString(msg[i : i+n+2])
		} else {
			b.WriteString("…")
		}
		msg = msg[i+n+2:]
	}
	return b.String() + msg
}

func grammarWord(s string) bool {
	switch s {
	case "if", "then", "elif", "else", "fi", "for", "in", "do", "done", "while", "until", "case", "esac", "select", "function", "EOF":
		return true
	}
	for i := range len(s) {
		if nameByte(s[i]) || s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
