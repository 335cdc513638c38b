package yamledit

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// text returns a single value as a string; ok is false where YAML reads something else, such as a number.
func (n *Node) text() (s string, ok bool) {
	if n.Kind != Scalar {
		return "", false
	}
	return n.Value, n.style != 0 || isText(n.Value)
}

func isText(s string) bool {
	var v any
	y := yaml.Node{Kind: yaml.ScalarNode, Value: s}
	return y.Decode(&v) == nil && v == any(s)
}

// plain says whether every YAML version reads s, written without quotes on one line, as the string s.
func plain(s string, inFlow bool) bool {
	if s == "" || !utf8.ValidString(s) || strings.Trim(s, " ") != s || strings.HasSuffix(s, ":") {
		return false
	}
	for i, r := range s {
		switch {
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			return false
		case r == ':' && strings.HasPrefix(s[i+1:], " "), r == '#' && i > 0 && s[i-1] == ' ':
			return false
		case inFlow && strings.ContainsRune(",[]{}", r):
			return false
		}
	}
	if strings.ContainsRune("?:,[]{}#&*!|>'\"%@`=~<", rune(s[0])) {
		return false
	}
	if s[0] == '-' && (len(s) == 1 || s[1] == ' ' || inFlow) || strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		return false
	}
	switch strings.ToLower(s) {
	// YAML 1.1 booleans: docker reads 1.2, but other readers of the file may not.
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	// Numbers of all bases, those of base 60, and times.
	if strings.ContainsRune("+-.0123456789", rune(s[0])) && strings.Trim(s, "0123456789abcdefABCDEFxXoO_.:+-tTzZ ") == "" {
		return false
	}
	return isText(s)
}

// restyled writes text in the way n is written, in other quotes where that cannot hold it.
func (d *Doc) restyled(n *Node, text string) string {
	inFlow := n.parent != nil && n.parent.flow
	switch {
	case n.style&yaml.DoubleQuotedStyle != 0:
		return quote(text)
	case n.style&yaml.SingleQuotedStyle != 0:
		if printable(text) {
			return singly(text)
		}
		return quote(text)
	case n.Kind == Null && inFlow:
		k := keyOfNode(n)
		return styled(text, inFlow, k != nil && quotedBy(k, '"'))
	}
	return styled(text, inFlow, false)
}

// styled writes text without quotes where that is certain, else in those that need no escapes.
func styled(text string, inFlow, quoted bool) string {
	switch {
	case quoted:
		return quote(text)
	case plain(text, inFlow):
		return text
	case strings.ContainsAny(text, `"\`) && !strings.Contains(text, "'") && printable(text):
		return singly(text)
	}
	return quote(text)
}

func singly(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// printable says whether s can stand between single quotes on one line.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return false
		}
	}
	return true
}
