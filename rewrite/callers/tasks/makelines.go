package tasks

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// piece is text of a Makefile and, for each of its bytes, the range of the file that it
// stands for.
type piece struct {
	text       string
	start, end []int
}

func (p *piece) add(s string, start, end int) {
	for range len(s) {
		p.start, p.end = append(p.start, start), append(p.end, end)
	}
	p.text += s
}

// span adds a part of the file as it is.
func (p *piece) span(src []byte, start, end int) {
	for i := start; i < end; i++ {
		p.start, p.end = append(p.start, i), append(p.end, i+1)
	}
	p.text += string(src[start:end])
}

func (p *piece) slice(from, to int) piece {
	return piece{p.text[from:to], p.start[from:to], p.end[from:to]}
}

// trim is the piece without blanks at its start.
func (p *piece) trim() piece {
	n := len(p.text) - len(strings.TrimLeft(p.text, " \t"))
	return p.slice(n, len(p.text))
}

// assign is one assignment of a make variable.
type assign struct {
	op          string // "=", ":=", "?=", "+=", "!=", "define"; "" for one that is not understood
	value       piece
	at          int  // offset of its line
	conditional bool // it stands between ifeq and endif
	target      bool // it counts for some targets only
}

// recipe is a command of a rule, or all of a rule's with .ONESHELL.
type recipe struct {
	piece
	define string // the canned recipe that it is a line of
}

// makefile is what one file says.
type makefile struct {
	path     string
	src      []byte
	recipes  []recipe
	vars     map[string][]assign
	includes []string
	prefix   byte
	oneshell bool

	exported, unexported map[string]bool
	exportAll            bool
	opaque               bool // it assigns variables whose names are known only when it runs
}

var (
	modifiers = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*((?:(?:export|override|private|unexport)\s+)*)(\S+?)?\s*(\+=|\?=|!=|:{0,3}=)`)
	})
	directive = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^ *(ifeq|ifneq|ifdef|ifndef|else|endif|include|-include|sinclude|export|unexport|define|undefine|vpath|load)(?:[ \t(]+(.*))?$`)
	})
	evals = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\$[({]eval\s+([^\n]*)`)
	})
	defineLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(?:override\s+|export\s+|private\s+)*define\s+(\S+)\s*(\+=|\?=|!=|:{0,3}=)?\s*$`)
	})
	assignLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(?:(?:export|override|private)\s+)*([A-Za-z0-9_.-]+)\s*(?:\+|\?|!|:{0,3})=`)
	})
)

// reading is the state of a Makefile's lines.
type reading struct {
	*makefile
	lines   [][2]int // of physical lines, without their ends
	n       int
	depth   int  // of conditionals
	rule    bool // a line that begins with the prefix belongs to a rule
	current []recipe
}

// readMakefile reads the lines. What it does not know as a directive, an assignment or a
// rule is make's own business.
func readMakefile(path string, src []byte) *makefile {
	m := &makefile{path: path, src: src, vars: map[string][]assign{}, prefix: '\t', exported: map[string]bool{}, unexported: map[string]bool{}}
	m.oneshell = regexp.MustCompile(`(?m)^\.ONESHELL\s*:`).Match(src)
	r := &reading{makefile: m}
	for at := 0; at < len(src); {
		n := bytes.IndexByte(src[at:], '\n')
		end := at + n
		if n < 0 {
			end = len(src)
		}
		stop := end
		if stop > at && src[stop-1] == '\r' {
			stop--
		}
		r.lines = append(r.lines, [2]int{at, stop})
		at = end + 1
	}
	for r.n < len(r.lines) {
		l := r.lines[r.n]
		if r.rule && l[0] < l[1] && src[l[0]] == m.prefix {
			r.recipe(l[0]+1, "")
			continue
		}
		r.line()
	}
	r.flush()
	for _, e := range evals().FindAllSubmatch(src, -1) {
		if a := assignLine().FindSubmatch(e[1]); a != nil {
			m.vars[string(a[1])] = append(m.vars[string(a[1])], assign{})
		} else if bytes.Contains(e[1], []byte("=")) && !bytes.Contains(e[1], []byte("call")) {
			m.opaque = true
		}
	}
	return m
}

// continues reports whether a line ends in a backslash that joins the next one.
func (r *reading) continues(l [2]int) bool {
	n := 0
	for i := l[1] - 1; i >= l[0] && r.src[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// recipe reads a command from an offset of the current line on: the shell gets the
// backslashes at the ends of its lines.
func (r *reading) recipe(from int, define string) {
	var p piece
	for {
		l := r.lines[r.n]
		p.span(r.src, min(from, l[1]), l[1])
		r.n++
		if !r.continues(l) || r.n >= len(r.lines) {
			break
		}
		next := r.lines[r.n]
		from = next[0]
		p.add("\n", next[0]-1, next[0])
		if next[0] < next[1] && r.src[next[0]] == r.prefix {
			from++
		}
	}
	r.current = append(r.current, recipe{p, define})
}

// flush ends a rule.
func (r *reading) flush() {
	if r.oneshell && len(r.current) > 1 {
		whole := r.current[0]
		for _, c := range r.current[1:] {
			at := whole.end[max(len(whole.end)-1, 0)]
			if len(c.start) > 0 {
				whole.add("\n", at, c.start[0])
				whole.text += c.text
				whole.start, whole.end = append(whole.start, c.start...), append(whole.end, c.end...)
			}
		}
		r.current = []recipe{whole}
	}
	r.recipes, r.current = append(r.recipes, r.current...), nil
}

// logical reads a line of make's own: backslashes at its lines' ends and the blanks
// around them are one blank, and a comment is left out.
func (r *reading) logical() (piece, int) {
	var p piece
	at := r.lines[r.n][0]
	for {
		l := r.lines[r.n]
		start, stop := l[0], l[1]
		if len(p.text) > 0 {
			for start < stop && (r.src[start] == ' ' || r.src[start] == '\t') {
				start++
			}
			p.end[len(p.end)-1] = start
		}
		r.n++
		if !r.continues(l) || r.n >= len(r.lines) {
			p.span(r.src, start, stop)
			break
		}
		stop--
		for stop > start && (r.src[stop-1] == ' ' || r.src[stop-1] == '\t') {
			stop--
		}
		p.span(r.src, start, stop)
		p.add(" ", stop, l[1])
	}
	return p.uncommented(), at
}

// uncommented is a line without its comment; \# is no comment.
func (p piece) uncommented() piece {
	var out piece
	for i := 0; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '#':
			return out
		case c == '\\' && i+1 < len(p.text) && p.text[i+1] == '#':
			out.add("#", p.start[i], p.end[i+1])
			i++
		default:
			out.add(p.text[i:i+1], p.start[i], p.end[i])
		}
	}
	return out
}

// line reads a line of make's own.
func (r *reading) line() {
	if m := defineLine().FindSubmatch(r.src[r.lines[r.n][0]:r.lines[r.n][1]]); m != nil {
		r.define(string(m[1]))
		return
	}
	first := r.n
	p, at := r.logical()
	if strings.TrimSpace(p.text) == "" {
		return
	}
	if m := modifiers().FindStringSubmatchIndex(p.text); m != nil && m[4] >= 0 && !strings.ContainsAny(p.text[m[4]:m[5]], ":\"'#") && r.assigned(p, m, false, at) {
		r.flush()
		r.rule = false
		return
	}
	if m := directive().FindStringSubmatch(p.text); m != nil {
		r.directive(m[1], m[2])
		return
	}
	colon := topLevel(p.text, ":")
	if colon < 0 {
		return
	}
	r.flush()
	rest := p.slice(colon, len(p.text))
	for len(rest.text) > 0 && (rest.text[0] == ':' || rest.text[0] == '&') {
		rest = rest.slice(1, len(rest.text))
	}
	if m := modifiers().FindStringSubmatchIndex(rest.text); m != nil && m[4] >= 0 && !strings.ContainsAny(rest.text[m[4]:m[5]], ";:") {
		r.assigned(rest, m, true, at)
		r.rule = false
		return
	}
	r.rule = true
	if strings.HasPrefix(strings.TrimSpace(p.text), ".EXPORT_ALL_VARIABLES") {
		r.exportAll = true
	}
	if i := topLevel(rest.text, ";"); i >= 0 {
		// The command is read again as the shell gets it.
		from := rest.end[i]
		r.n = first
		for r.n+1 < len(r.lines) && r.lines[r.n+1][0] <= from {
			r.n++
		}
		r.recipe(from, "")
	}
}

// topLevel finds one of some characters outside of references to variables.
func topLevel(s, chars string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '$' && i+1 < len(s) && s[i+1] == '$':
			i++
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth = max(0, depth-1)
		case depth == 0 && strings.IndexByte(chars, c) >= 0:
			return i
		}
	}
	return -1
}

// assigned reads an assignment; m is what modifiers found.
func (r *reading) assigned(p piece, m []int, target bool, at int) bool {
	name, mods := p.text[m[4]:m[5]], p.text[m[2]:m[3]]
	op := p.text[m[6]:m[7]]
	if strings.HasPrefix(op, ":") {
		op = ":="
	}
	if strings.Contains(name, "$") {
		if topLevel(p.text[:m[7]], "=") < 0 {
			return false // within a function
		}
		r.opaque = true
		return true
	}
	value := p.slice(m[7], len(p.text))
	value = value.trim()
	switch name {
	case ".RECIPEPREFIX":
		if r.prefix = '\t'; value.text != "" {
			r.prefix = value.text[0]
		}
	}
	r.vars[name] = append(r.vars[name], assign{op, value, at, r.depth > 0, target})
	if strings.Contains(mods, "unexport") {
		r.unexported[name] = true
	} else if strings.Contains(mods, "export") {
		r.exported[name] = true
	}
	return true
}

func (r *reading) directive(word, rest string) {
	names := strings.Fields(rest)
	switch word {
	case "ifeq", "ifneq", "ifdef", "ifndef":
		r.depth++
	case "endif":
		r.depth = max(0, r.depth-1)
	case "include", "-include", "sinclude":
		r.includes = append(r.includes, names...)
	case "export":
		r.exportAll = r.exportAll || len(names) == 0
		for _, n := range names {
			if r.exported[n] = true; strings.Contains(n, "$") {
				r.opaque = true
			}
		}
	case "unexport":
		for _, n := range names {
			if r.unexported[n] = true; strings.Contains(n, "$") {
				r.opaque = true
			}
		}
	case "undefine":
		for _, n := range names {
			r.vars[n] = append(r.vars[n], assign{})
		}
	}
}

// define reads a value of several lines, which may be a canned recipe.
func (r *reading) define(name string) {
	at := r.lines[r.n][0]
	r.flush()
	r.rule = false
	start, depth := r.n+1, 1
	for r.n++; r.n < len(r.lines); r.n++ {
		l := bytes.TrimSpace(r.src[r.lines[r.n][0]:r.lines[r.n][1]])
		if defineLine().Match(l) {
			depth++
		}
		if bytes.HasPrefix(l, []byte("endef")) {
			if depth--; depth == 0 {
				break
			}
		}
		// What eval makes of it assigns variables.
		if a := assignLine().FindSubmatch(l); a != nil {
			r.vars[string(a[1])] = append(r.vars[string(a[1])], assign{})
		}
	}
	end := r.n
	r.vars[name] = append(r.vars[name], assign{op: "define", at: at, conditional: r.depth > 0})
	if bytes.Contains(r.src, []byte("endef")) && end < len(r.lines) {
		for r.n = start; r.n < end; {
			from := r.lines[r.n][0]
			if from < r.lines[r.n][1] && r.src[from] == r.prefix {
				from++
			}
			r.recipe(from, name)
		}
		r.flush()
	}
	r.n = end + 1
}
