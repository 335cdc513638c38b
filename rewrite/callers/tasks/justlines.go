package tasks

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// token is a word of just's own language.
type token struct {
	kind       byte   // 'i' a name, 's' a string, '`' a command whose output it is, or the character itself
	text       string // of a string: its value
	start, end int
}

// statement reads the words of a statement: to the end of the line outside of strings and
// brackets. ok is false where it is not understood.
func statement(src []byte, at int) (out []token, end int, ok bool) {
	depth := 0
	for at < len(src) {
		c := src[at]
		switch {
		case c == '\n' && depth <= 0:
			return out, at, true
		case c == '\\' && bytes.HasPrefix(bytes.TrimLeft(src[at+1:], "\r"), []byte("\n")), c == ' ', c == '\t', c == '\r', c == '\n':
			at++
			if c == '\\' {
				at += bytes.IndexByte(src[at:], '\n') + 1
			}
		case c == '#':
			if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
				at += n
			} else {
				at = len(src)
			}
		case c == '\'' || c == '"' || c == '`':
			t, next, ok := quoted(src, at)
			if !ok {
				return out, len(src), false
			}
			out, at = append(out, t), next
		case named(c):
			start := at
			for at < len(src) && (named(src[at]) || '0' <= src[at] && src[at] <= '9' || src[at] == '-') {
				at++
			}
			out = append(out, token{'i', string(src[start:at]), start, at})
		default:
			switch c {
			case '(', '[', '{':
				depth++
			case ')', ']', '}':
				depth--
			}
			out = append(out, token{c, string(c), at, at + 1})
			at++
		}
	}
	return out, at, true
}

func named(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

// quoted reads a string, or a command in backquotes.
func quoted(src []byte, at int) (t token, next int, ok bool) {
	c := src[at]
	mark := string(c)
	if triple := strings.Repeat(mark, 3); bytes.HasPrefix(src[at:], []byte(triple)) {
		mark = triple
	}
	t = token{kind: 's', start: at}
	if c == '`' {
		t.kind = '`'
	}
	for i := at + len(mark); i < len(src); i++ {
		switch {
		case bytes.HasPrefix(src[i:], []byte(mark)):
			t.end = i + len(mark)
			if len(mark) == 3 {
				t.kind = '`' // its lines lose their indentation
			}
			return t, t.end, true
		case c == '"' && src[i] == '\\' && i+1 < len(src):
			i++
			switch src[i] {
			case 'n':
				t.text += "\n"
			case 't':
				t.text += "\t"
			case 'r':
				t.text += "\r"
			case '"', '\\':
				t.text += string(src[i])
			default:
				t.kind = '`'
			}
		default:
			t.text += string(src[i : i+1])
		}
	}
	return t, len(src), false
}

// justRecipe is a recipe with the lines of its body.
type justRecipe struct {
	params     map[string]bool // whether they are exported
	attributes []string        // "no-cd", "script('bash')", as they are written
	lines      [][2]int        // without indentation and line ends
}

// justfile is what one file says.
type justfile struct {
	path     string
	src      []byte
	vars     map[string][]token
	twice    map[string]bool // variables that are set more than once
	exported map[string]bool
	settings map[string][]token
	imports  []string
	recipes  []justRecipe
}

var attribute = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([a-z-]+)\s*(?:\(([^)]*)\)|:\s*('[^']*'|"[^"]*"))?`)
})

// readJustfile reads the statements of a file.
func readJustfile(path string, src []byte) (*justfile, bool) {
	j := &justfile{path: path, src: src, vars: map[string][]token{}, twice: map[string]bool{}, exported: map[string]bool{}, settings: map[string][]token{}}
	var attributes []string
	for at := 0; at < len(src); {
		stop := lineEnd(src, at)
		line := strings.TrimRight(string(src[at:stop]), "\r\n")
		if trimmed := strings.TrimSpace(line); trimmed == "" || trimmed[0] == '#' || line[0] == ' ' || line[0] == '\t' {
			at = stop
			continue
		}
		tokens, end, ok := statement(src, at)
		if !ok {
			return nil, false
		}
		if at = lineEnd(src, end); len(tokens) == 0 {
			continue
		}
		if tokens[0].kind == '[' {
			attributes = append(attributes, line)
			continue
		}
		if j.declares(tokens) {
			attributes = nil
			continue
		}
		r := justRecipe{params: params(tokens), attributes: attributes}
		attributes = nil
		r.lines, at = body(src, at)
		j.recipes = append(j.recipes, r)
	}
	return j, true
}

func lineEnd(src []byte, at int) int {
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(src)
}

// declares reads a statement that is no recipe.
func (j *justfile) declares(t []token) bool {
	word := func(i int, s string) bool { return i < len(t) && t[i].kind == 'i' && t[i].text == s }
	is := func(i int) bool {
		return i+1 < len(t) && t[i].kind == ':' && t[i+1].kind == '=' && t[i].end == t[i+1].start
	}
	switch {
	case word(0, "set") && len(t) > 1 && t[1].kind == 'i' && (len(t) == 2 || is(2)):
		j.settings[t[1].text] = t[min(4, len(t)):]
	case word(0, "export") && is(2):
		j.exported[t[1].text] = true
		j.assign(t[1].text, t[4:])
	case word(0, "alias") && is(2), word(0, "unexport") && len(t) == 2, word(0, "mod") && !is(1) && (len(t) == 2 || len(t) == 3):
	case word(0, "import") && !is(1):
		if last := t[len(t)-1]; last.kind == 's' {
			j.imports = append(j.imports, last.text)
		}
	case t[0].kind == 'i' && is(1):
		j.assign(t[0].text, t[3:])
	default:
		return false
	}
	return true
}

func (j *justfile) assign(name string, value []token) {
	if _, again := j.vars[name]; again {
		j.twice[name] = true
	}
	j.vars[name] = value
}

// params returns the parameters of a recipe's first line.
func params(t []token) map[string]bool {
	out := map[string]bool{}
	depth := 0
	for i, x := range t {
		switch x.kind {
		case '(':
			depth++
		case ')':
			depth--
		case ':':
			if depth == 0 {
				return out
			}
		case 'i':
			if i > 0 && depth == 0 && t[i-1].kind != '=' && (i > 1 || t[0].kind != '@') {
				out[x.text] = t[i-1].kind == '$'
			}
		}
	}
	return out
}

// body returns the lines of a recipe that begin at an offset, and where they end.
func body(src []byte, at int) (lines [][2]int, next int) {
	indent := ""
	for next = at; at < len(src); {
		stop := lineEnd(src, at)
		line := strings.TrimRight(string(src[at:stop]), "\r\n")
		blank := strings.TrimSpace(line) == ""
		if !blank && line[0] != ' ' && line[0] != '\t' {
			break
		}
		if indent == "" && !blank {
			indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		}
		from := at
		for from < at+len(line) && from-at < len(indent) && src[from] == indent[from-at] {
			from++
		}
		lines = append(lines, [2]int{from, at + len(line)})
		at, next = stop, stop
	}
	for len(lines) > 0 && lines[len(lines)-1][0] == lines[len(lines)-1][1] {
		lines = lines[:len(lines)-1]
	}
	return lines, next
}
