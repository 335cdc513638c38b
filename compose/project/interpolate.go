package project

import "strings"

// Part is a piece of a text: what stands there, or a variable that compose puts in.
type Part struct {
	Text string // a literal, $$ undone; "" for a variable
	Name string // of the variable
	Op   string // ":-", "-", ":?", "?", ":+", "+", "" for none
	Arg  string // what comes after Op, as it is written
}

// Parts takes a text of a compose file apart. ok is false where compose would refuse it.
func Parts(s string) (parts []Part, ok bool) {
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			parts = append(parts, Part{Text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); {
		if s[i] != '$' {
			lit.WriteByte(s[i])
			i++
			continue
		}
		i++
		switch {
		case i < len(s) && s[i] == '$':
			lit.WriteByte('$')
			i++
		case i < len(s) && s[i] == '{':
			end := closing(s, i)
			if end < 0 {
				return nil, false
			}
			inner := s[i+1 : end]
			n := name(inner)
			p := Part{Name: inner[:n]}
			for _, op := range []string{":-", ":?", ":+", "-", "?", "+"} {
				if p.Op == "" && strings.HasPrefix(inner[n:], op) {
					p.Op, p.Arg = op, inner[n+len(op):]
				}
			}
			if n == 0 || p.Op == "" && n < len(inner) {
				return nil, false
			}
			flush()
			parts = append(parts, p)
			i = end + 1
		default:
			n := name(s[i:])
			if n == 0 {
				return nil, false
			}
			flush()
			parts = append(parts, Part{Name: s[i : i+n]})
			i += n
		}
	}
	flush()
	return parts, true
}

// closing returns the brace that closes the one at i, -1 if there is none.
func closing(s string, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// name returns the length of the variable's name that s begins with.
func name(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}
