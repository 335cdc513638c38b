package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// pattern is what compose looks for in a value: $$, $NAME, ${…}, or a ${ that is none of these, which it refuses. The arms of ${…} take all
// up to the last brace of the line; reference finds the one that closes.
var pattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$(?i:(\$)|([_a-z][_a-z0-9]*)|\{(?:([_a-z][_a-z0-9]*(?::?[-+?](.*))?)\}|()))`)
})

// Literal returns the text that compose makes of a value: $$ is $. ok is false where it puts a variable in, or refuses the value.
func Literal(value string) (text string, ok bool) {
	ok = true
	text = pattern().ReplaceAllStringFunc(value, func(match string) string {
		ok = ok && match == "$$"
		return "$"
	})
	return text, ok
}

// Escape returns the value that compose makes literal of.
func Escape(literal string) string { return strings.ReplaceAll(literal, "$", "$$") }

// Variables returns the names that compose puts the values of into value, those within defaults and messages included, each once.
func Variables(value string) []string {
	var out []string
	for _, match := range pattern().FindAllString(value, -1) {
		r, ok := parseReference(match)
		if !ok || r.name == "" {
			continue
		}
		for _, name := range append([]string{r.name}, append(Variables(r.arg), Variables(r.rest)...)...) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// reference is one match of pattern. Without a name it is $$.
type reference struct {
	name, op, arg string // ${name op arg}
	rest          string // what the match has after its closing brace
}

// parseReference takes a match of pattern apart; ok is false for one that compose refuses.
func parseReference(match string) (r reference, ok bool) {
	if match == "$$" {
		return r, true
	}
	at := -1
	for _, op := range []string{":?", "?", ":-", "-", ":+", "+"} {
		if i := strings.Index(match, op); i >= 0 && (at < 0 || i < at) {
			at, r.op = i, op
		}
	}
	if end := closingBrace(match); end >= 0 {
		match, r.rest = match[:end+1], match[end+1:]
	}
	m := pattern().FindStringSubmatch(match)
	if m == nil || m[2] == "" && m[3] == "" {
		return reference{}, false
	}
	if m[2] != "" || !strings.Contains(m[3], r.op) {
		r.op = ""
	}
	if r.op == "" {
		r.name = m[2] + m[3]
		return r, true
	}
	r.name, r.arg, _ = strings.Cut(m[3], r.op)
	return r, true
}

// closingBrace returns the offset of the brace that closes the first one of s, or -1. As in compose, the byte after an opening brace is
// never a brace.
func closingBrace(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '}':
			if depth--; depth == 0 {
				return i
			}
		case '{':
			depth++
			i++
		}
	}
	return -1
}

// expand puts variables into value as compose does. Its error names a variable, never a value.
func expand(value string, lookup func(string) (string, bool)) (string, error) {
	var first error
	out := pattern().ReplaceAllStringFunc(value, func(match string) string {
		s, err := substitute(match, lookup)
		if first == nil {
			first = err
		}
		return s
	})
	return out, first
}

func substitute(match string, lookup func(string) (string, bool)) (string, error) {
	r, ok := parseReference(match)
	if !ok {
		return "", fmt.Errorf("a ${ that no variable follows, write $${ for the text")
	}
	if r.name == "" {
		return "$", nil
	}
	value, set := lookup(r.name)
	filled := set && (value != "" || !strings.HasPrefix(r.op, ":"))
	var err error
	switch strings.TrimPrefix(r.op, ":") {
	case "":
		return value, nil
	case "?":
		if !filled {
			return "", fmt.Errorf("%s must be set", r.name)
		}
	case "-":
		if !filled {
			value, err = expand(r.arg, lookup)
		}
	case "+":
		if filled {
			value, err = expand(r.arg, lookup)
		}
	}
	if err != nil {
		return "", err
	}
	rest, err := expand(r.rest, lookup)
	return value + rest, err
}

// interpolate fills in the defaults of ${X:-…} and ${X-…}; ok is false if another variable is left.
func interpolate(s string) (out string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '$' {
			b.WriteByte('$')
			i++
			continue
		}
		if i+1 >= len(s) || s[i+1] != '{' {
			return "", false
		}
		depth, end := 0, -1
		for j := i + 1; j < len(s) && end < 0; j++ {
			switch s[j] {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					end = j
				}
			}
		}
		if end < 0 {
			return "", false
		}
		rest := ""
		if name := s[i+2 : end]; strings.IndexAny(name, ":-?+") > 0 {
			rest = name[strings.IndexAny(name, ":-?+"):]
		}
		rest = strings.TrimPrefix(rest, ":")
		if !strings.HasPrefix(rest, "-") {
			return "", false
		}
		def, ok := interpolate(rest[1:])
		if !ok {
			return "", false
		}
		b.WriteString(def)
		i = end
	}
	return b.String(), true
}
