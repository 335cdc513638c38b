package flow

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Part is a piece of a word without its quotes: text that stands for itself, or an
// expansion as it is written.
type Part struct {
	Text    string
	Expands bool
}

// Parts takes a word's raw text apart. ok is false where it is more than literals,
// variables and harmless command substitutions: a glob, a ~, $'…', $1, a backquote.
func Parts(raw string) (out []Part, ok bool) {
	lit := func(s string) {
		if n := len(out); n > 0 && !out[n-1].Expands {
			out[n-1].Text += s
		} else {
			out = append(out, Part{Text: s})
		}
	}
	double := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '\\' && i+1 < len(raw):
			i++
			switch {
			case raw[i] == '\n':
			case double && !strings.ContainsRune("$`\"\\", rune(raw[i])):
				lit(raw[i-1 : i+1])
			default:
				lit(raw[i : i+1])
			}
		case c == '"':
			double = !double
			lit("")
		case c == '\'' && !double:
			end := strings.IndexByte(raw[i+1:], '\'')
			if end < 0 {
				return nil, false
			}
			lit(raw[i+1 : i+1+end])
			i += end + 1
		case c == '`' || c == '\n':
			return nil, false
		case c == '$':
			n, plain := expansion(raw[i:])
			switch {
			case n == 0 && !plain, n == 0 && !double && i+1 < len(raw) && (raw[i+1] == '"' || raw[i+1] == '\''):
				return nil, false
			case n == 0:
				lit("$")
			default:
				out = append(out, Part{raw[i : i+n], true})
				i += n - 1
			}
		case double:
			lit(raw[i : i+1])
		case strings.IndexByte("*?[ \t;&|<>()", c) >= 0,
			c == '{' && braces(raw[i:]),
			c == '~' && (i == 0 || raw[i-1] == '=' || raw[i-1] == ':'):
			return nil, false
		default:
			lit(raw[i : i+1])
		}
	}
	return slices.DeleteFunc(out, func(p Part) bool { return p.Text == "" }), !double
}

// braces reports whether {a,b} or {1..3} may begin here.
func braces(s string) bool {
	in, _, closed := strings.Cut(s, "}")
	return closed && (strings.Contains(in, ",") || strings.Contains(in, ".."))
}

// expansion returns the length of the expansion that s begins with. With 0, plain says
// that the $ is a character like any other.
func expansion(s string) (n int, plain bool) {
	if len(s) < 2 {
		return 0, true
	}
	switch c := s[1]; {
	case c == '(':
		return substitution(s), false
	case c == '{':
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return 0, false
		}
		name := s[2:end]
		if i := strings.IndexFunc(name, func(r rune) bool { return !nameRune(r) }); i >= 0 {
			// ${T:-word}: a word that is the same in and out of quotes.
			rest := strings.TrimLeft(name[i:], ":-+=?#%")
			if i == 0 || strings.Trim(rest, wordBytes) != "" {
				return 0, false
			}
			name = name[:i]
		}
		if !validName(name) {
			return 0, false
		}
		return end + 1, false
	case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z':
		n = 2
		for n < len(s) && nameRune(rune(s[n])) {
			n++
		}
		return n, false
	case strings.IndexByte("0123456789@*#?$!-", c) >= 0:
		return 0, false
	}
	return 0, true
}

const wordBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-"

func nameRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func validName(s string) bool {
	return s != "" && (s[0] < '0' || s[0] > '9') && strings.IndexFunc(s, func(r rune) bool { return !nameRune(r) }) < 0
}

// substitution returns the length of the $(…) that s begins with, if all that it does is
// put text together: $(cat FILE), $(printf %s "$U:$T" | base64).
func substitution(s string) int {
	depth, quote := 0, byte(0)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				if !onlyText(s[2:i]) {
					return 0
				}
				return i + 1
			}
		}
	}
	return 0
}

func onlyText(body string) bool {
	script, err := shell.Parse(body, shell.POSIX)
	if err != nil || script.Opaque || len(script.Commands) == 0 || len(script.Assigned) > 0 {
		return false
	}
	return !slices.ContainsFunc(script.Commands, func(c *shell.Command) bool {
		switch c.Program {
		case "cat", "echo", "printf", "base64", "tr", "cut", "head", "tail":
			return c.Parent != nil || len(c.Assigns) > 0 || slices.ContainsFunc(c.Redirs, func(r shell.Redir) bool { return r.WritesFile() })
		}
		return true
	})
}

// Quoted returns the parts as the inside of a double-quoted string.
func Quoted(ps []Part) string {
	var b strings.Builder
	for i, p := range ps {
		switch {
		case !p.Expands:
			b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(p.Text))
		case p.Text[1] != '{' && p.Text[1] != '(' && i+1 < len(ps) && !ps[i+1].Expands && ps[i+1].Text != "" && nameRune(rune(ps[i+1].Text[0])):
			b.WriteString("${" + p.Text[1:] + "}") // the quotes that ended the name are gone
		default:
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// shown is a word's text without quotes, expansions as they are written.
func shown(w shell.Word) string {
	if ps, ok := Parts(w.Text); ok {
		var b strings.Builder
		for _, p := range ps {
			b.WriteString(p.Text)
		}
		return b.String()
	}
	if w.IsLit {
		return w.Lit
	}
	return strings.Trim(w.Text, `"'`)
}

// wordOf makes a word of parts, for a place in the script. raw is how it stands there, if
// that is a word on its own.
func wordOf(ps []Part, raw string, start, end int) shell.Word {
	w := shell.Word{Start: start, End: end, Text: raw, IsLit: true}
	if own, ok := Parts(raw); !ok || !slices.Equal(own, ps) || raw == "" {
		w.Text = `"` + Quoted(ps) + `"`
	}
	for _, p := range ps {
		w.IsLit = w.IsLit && !p.Expands
		w.Lit += p.Text
	}
	if !w.IsLit {
		w.Lit = ""
	}
	return w
}

// cutWord takes a word apart at the first sep that stands for itself.
func cutWord(w shell.Word, sep string) (before, after shell.Word, ok bool) {
	ps, ok := Parts(w.Text)
	if !ok {
		return w, w, false
	}
	for i, p := range ps {
		if p.Expands {
			continue
		}
		head, tail, found := strings.Cut(p.Text, sep)
		if !found {
			continue
		}
		left, right := slices.Clone(ps[:i]), slices.Clone(ps[i+1:])
		if head != "" {
			left = append(left, Part{Text: head})
		}
		if tail != "" {
			right = slices.Insert(right, 0, Part{Text: tail})
		}
		at := strings.Index(w.Text, sep)
		return wordOf(left, w.Text[:at], w.Start, w.Start+at), wordOf(right, w.Text[at+len(sep):], w.Start+at+len(sep), w.End), true
	}
	return w, w, false
}
