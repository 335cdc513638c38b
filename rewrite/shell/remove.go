package shell

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// RemoveCommand returns the bytes to delete so that a command is no longer run and the rest means what it meant, on the
// premise that the command would have succeeded and that nobody misses the files it makes and the variables it exports.
// With a wrapper around it the whole statement goes (sudo rm f), and so do
// "|| true" after it and brackets that would be empty.
//
// ok is false, and there are no spans, where this is not certain: in conditions, || lists, pipelines, substitutions and
// background jobs, as the only statement of a branch, loop, case arm or function, for commands that change the shell itself (cd, set, eval,
// exit, a function …), where the script's status would become
// that of another command, where it writes to a file, or where the script is read from a string with expansions in it.
// whole, always with ok false, says that the command is all there is: what runs the script can go, nothing in it stays.
func (s *Script) RemoveCommand(c *Command) (spans []Span, whole, ok bool) {
	return s.remove(c, false)
}

// RemoveWrite is RemoveCommand for a command whose own redirections to files are meant to go with it, here-documents included.
func (s *Script) RemoveWrite(c *Command) (spans []Span, whole, ok bool) {
	return s.remove(c, true)
}

func (s *Script) remove(c *Command, writes bool) (spans []Span, whole, ok bool) {
	const no = InTrap | InSubst | InCond | InBackground | Negated | PipeLeft | PipeRight
	if c == nil || c.unit == nil || c.Templated || c.In&no != 0 || s.status {
		return nil, false, false
	}
	for ; c.Parent != nil && c.Parent.unit == c.unit && c.Parent.pos == c.pos; c = c.Parent {
		if c.Parent.Path == "find" { // which does more than to run this command
			return nil, false, false
		}
	}
	for _, o := range s.Commands {
		if o.unit == c.unit && o.pos == c.pos && o.changesShell() {
			return nil, false, false
		}
	}
	if slices.ContainsFunc(c.Around, Redir.WritesFile) {
		return nil, false, false
	}
	for _, u := range s.Uses {
		if u.Start >= c.Start && u.End <= c.End && (u.Form == "=" || u.Form == ":=") {
			return nil, false, false
		}
	}
	spans, whole, ok = removeFrom(c.unit, c.pos, writes, s.Errexit)
	if whole && c.unit.parent != nil {
		return s.remove(c.unit.parent, writes)
	}
	if !ok || c.unit.parent == nil {
		return spans, whole, ok
	}
	// What is deleted from a nested script has to be one piece of the text around it, quotes and escapes apart.
	for i, sp := range spans {
		start, end := c.unit.start(sp.Start), c.unit.end(sp.End)
		if end-start != sp.End-sp.Start {
			return nil, false, false
		}
		spans[i] = Span{start, end}
	}
	again, err := Parse(cut(s.Text, spans), s.Dialect)
	if err != nil || !s.without(again, c) {
		return nil, false, false
	}
	return spans, false, true
}

// changesShell reports whether what follows in the script may depend on the command by more than its files and variables.
func (c *Command) changesShell() bool {
	switch c.Path {
	case "cd", "chdir", "pushd", "popd", "set", "shopt", "eval", ".", "source", "trap", "umask", "ulimit", "alias", "unalias",
		"shift", "wait", "read", "exec", "exit", "return", "break", "continue", "enable", "hash":
		return true
	}
	return c.Function || c.Program == "" && c.Path != ""
}

// without reports whether another script runs the same commands but for those of c's statement.
func (s *Script) without(other *Script, c *Command) bool {
	var kept []*Command
	for _, o := range s.Commands {
		if o.unit != c.unit || o.Start < c.Start || o.Start >= c.End {
			kept = append(kept, o)
		}
	}
	if len(kept) != len(other.Commands) {
		return false
	}
	for i, o := range other.Commands {
		// The nested script is an argument of its shell and has changed.
		if k := kept[i]; o.Path != k.Path || len(o.Args) != len(k.Args) || o.unit.depth != k.unit.depth {
			return false
		}
	}
	return true
}

func cut(text string, spans []Span) string {
	sort.Slice(spans, func(i, j int) bool { return spans[i].Start < spans[j].Start })
	var b strings.Builder
	at := 0
	for _, s := range spans {
		if s.Start > at {
			b.WriteString(text[at:s.Start])
		}
		at = max(at, s.End)
	}
	b.WriteString(text[at:])
	return b.String()
}

// removeFrom finds the spans in a unit, and proves them: under each grammar that accepts the text, the tree of the shortened
// text has to be the old tree without the statement.
func removeFrom(u *unit, pos int, writes, errexit bool) (spans []Span, whole, ok bool) {
	for i, lang := range languages(u.text, u.dialect) {
		file, err := parseAs(u.text, lang)
		if err != nil {
			continue
		}
		p := find(file, pos)
		if p == nil {
			return nil, false, false
		}
		p.errexit = errexit
		mine, all, ok := p.remove(u.text, file, writes)
		if !ok || i > 0 && spans != nil && all || whole && !all {
			return nil, false, false
		}
		if whole = all; whole {
			continue
		}
		if spans == nil {
			spans = mine
		}
		short, err := parseAs(cut(u.text, spans), lang)
		if err != nil || dump(short) != dump(file) {
			return nil, false, false
		}
	}
	return spans, whole, spans != nil && !whole
}

// place is a statement in a tree, with everything that it stands in, outermost first.
type place struct {
	stmt    *syntax.Stmt
	above   []syntax.Node
	errexit bool // set -e may hold
}

func find(file *syntax.File, pos int) *place {
	var found *place
	var above []syntax.Node
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return false
		}
		if s, ok := n.(*syntax.Stmt); ok && offset(s.Position) == pos && found == nil {
			stack := above
			if t, ok := s.Cmd.(*syntax.TimeClause); ok && t.Stmt != nil { // no clause, but a program, in a POSIX shell
				stack = append(stack[:len(stack):len(stack)], s, t)
				s = t.Stmt
			}
			switch s.Cmd.(type) {
			case nil, *syntax.CallExpr, *syntax.DeclClause, *syntax.LetClause, *syntax.TestClause, *syntax.ArithmCmd:
				found = &place{stmt: s, above: slices.Clone(stack)}
			}
		}
		above = append(above, n)
		return true
	})
	return found
}

// remove takes the statement out of the tree, and returns the bytes that say it in the text.
func (p *place) remove(text string, file *syntax.File, writes bool) (spans []Span, whole, ok bool) {
	bodies, ok := removable(text, p.stmt, writes)
	if !ok {
		return nil, false, false
	}
	return p.take(text, file, bodies)
}

// take is remove for a statement whose here-documents are bodies.
func (p *place) take(text string, file *syntax.File, bodies []Span) (spans []Span, whole, ok bool) {
	s, above := p.stmt, p.above
	or := false
	for {
		if len(above) == 0 || s.Negated || s.Background || s.Coprocess || s.Disown {
			return nil, false, false
		}
		holder := above[len(above)-1]
		switch h := holder.(type) {
		case *syntax.BinaryCmd:
			outer := above[len(above)-2].(*syntax.Stmt)
			switch {
			case h.Op == syntax.OrStmt && h.X == s && alwaysTrue(h.Y):
				or = true
				s, above = outer, above[:len(above)-2]
				continue
			case h.Op == syntax.AndStmt && !or && inAndList(above):
				span := Span{syntaxEnd(h.X), syntaxEnd(s)}
				keep := h.X
				if h.Y == s && p.errexit && !followed(above[:len(above)-1]) && !failsAsOne(file, h.X) {
					return nil, false, false // && suspends set -e in what stands before it
				}
				if h.X == s {
					span, keep = Span{offset(s.Position), offset(h.Y.Position)}, h.Y
				}
				*outer = *keep
				return append(bodies, span), false, true
			}
			return nil, false, false
		case *syntax.Block, *syntax.Subshell:
			outer, isStmt := above[len(above)-2].(*syntax.Stmt)
			if list := *listOf(h, s); len(list) == 1 {
				if !isStmt || len(outer.Redirs) > 0 || inFunction(above) {
					return nil, false, false
				}
				s, above, or = outer, above[:len(above)-2], false
				continue
			}
		case *syntax.TimeClause:
			s, above = above[len(above)-2].(*syntax.Stmt), above[:len(above)-2]
			continue
		}
		list := listOf(holder, s)
		if list == nil {
			return nil, false, false
		}
		i := 0
		for (*list)[i] != s {
			i++
		}
		switch {
		case len(*list) == 1:
			_, isFile := holder.(*syntax.File)
			return nil, isFile, isFile
		case i == len(*list)-1 && !sameStatus((*list)[i-1], file, above):
			return nil, false, false
		case i == len(*list)-1:
			spans = append(bodies, lastSpan(text, (*list)[i-1], s))
		default:
			spans = append(bodies, listSpan(text, s, (*list)[i+1]))
		}
		*list = append((*list)[:i:i], (*list)[i+1:]...)
		return spans, false, true
	}
}

// removable reports whether a statement has no effect on files by its redirections, and where its here-documents lie.
func removable(text string, s *syntax.Stmt, writes bool) (bodies []Span, ok bool) {
	for _, rd := range s.Redirs {
		switch rd.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			body, ok := hdocBody(text, rd)
			if !ok || len(bodies) > 0 {
				return nil, false
			}
			body.End = offset(rd.Hdoc.End())
			if body.End < len(text) && text[body.End] == '\n' {
				body.End++
			}
			bodies = append(bodies, body)
		case syntax.RdrIn, syntax.WordHdoc, syntax.DplIn:
		default:
			if !writes && !harmless(rd) {
				return nil, false
			}
		}
	}
	return bodies, true
}

func harmless(rd *syntax.Redirect) bool {
	switch t := rd.Word.Lit(); t {
	case "/dev/null", "/dev/stdout", "/dev/stderr":
		return true
	default:
		return rd.Op == syntax.DplOut && t != "" && strings.Trim(t, "0123456789-") == ""
	}
}

// listOf is the list that a statement stands in directly, if it may be taken out of it.
func listOf(n syntax.Node, s *syntax.Stmt) *[]*syntax.Stmt {
	var lists []*[]*syntax.Stmt
	switch n := n.(type) {
	case *syntax.File:
		lists = append(lists, &n.Stmts)
	case *syntax.Block:
		lists = append(lists, &n.Stmts)
	case *syntax.Subshell:
		lists = append(lists, &n.Stmts)
	case *syntax.IfClause:
		lists = append(lists, &n.Then)
	case *syntax.WhileClause:
		lists = append(lists, &n.Do)
	case *syntax.ForClause:
		lists = append(lists, &n.Do)
	case *syntax.CaseItem:
		lists = append(lists, &n.Stmts)
	}
	for _, l := range lists {
		for _, have := range *l {
			if have == s {
				return l
			}
		}
	}
	return nil
}

// inAndList reports whether all the binary commands around the innermost one, up to their list, are &&.
func inAndList(above []syntax.Node) bool {
	for i := len(above) - 1; i >= 1; i -= 2 {
		b, ok := above[i].(*syntax.BinaryCmd)
		if !ok {
			return true
		}
		outer := above[i-1].(*syntax.Stmt)
		if b.Op != syntax.AndStmt || outer.Negated || outer.Background || outer.Coprocess || outer.Disown {
			return false
		}
	}
	return true
}

// followed reports whether the innermost statement is the left side of && or ||.
func followed(above []syntax.Node) bool {
	if len(above) < 2 {
		return false
	}
	b, ok := above[len(above)-2].(*syntax.BinaryCmd)
	return ok && b.Op != syntax.Pipe && b.Op != syntax.PipeAll && syntax.Node(b.X) == above[len(above)-1]
}

func inFunction(above []syntax.Node) bool {
	if len(above) < 3 {
		return false
	}
	_, ok := above[len(above)-3].(*syntax.FuncDecl)
	return ok
}

func alwaysTrue(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	return ok && !s.Negated && len(s.Redirs) == 0 && len(c.Assigns) == 0 && len(c.Args) == 1 && (c.Args[0].Lit() == "true" || c.Args[0].Lit() == ":")
}

// sameStatus reports whether a list that ends after prev succeeds whenever it is reached, as it did when a command that
// succeeds stood after prev: prev cannot fail, or the shell exits when it does.
func sameStatus(prev *syntax.Stmt, file *syntax.File, above []syntax.Node) bool {
	if prev.Background || prev.Disown || prev.Coprocess {
		return true
	}
	if prev.Negated {
		return false
	}
	switch c := prev.Cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) > 0 {
			switch c.Args[0].Lit() {
			case "true", ":", "set":
				return len(prev.Redirs) == 0
			}
		}
	case *syntax.BinaryCmd:
		if c.Op == syntax.OrStmt && alwaysTrue(c.Y) {
			return true
		}
		if c.Op != syntax.Pipe {
			return false
		}
	case *syntax.DeclClause, *syntax.TestClause:
	default:
		return false
	}
	return errexit(file, above)
}

// errexit reports whether the shell certainly exits on a failure at a place: set -e stands before it, nothing takes it
// back, and no && or || around the place suspends it.
func errexit(file *syntax.File, above []syntax.Node) bool {
	for i, n := range above {
		switch n := n.(type) {
		case *syntax.BinaryCmd:
			if i+1 >= len(above) || above[i+1] != syntax.Node(n.Y) || n.Op != syntax.AndStmt {
				return false
			}
		case *syntax.Stmt:
			if n.Negated {
				return false
			}
		case *syntax.FuncDecl:
			return false // the caller may suspend it
		}
	}
	on, back := false, false
	syntax.Walk(file, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok && len(c.Args) > 1 && c.Args[0].Lit() == "set" {
			for _, a := range c.Args[1:] {
				if strings.HasPrefix(a.Lit(), "+") || a.Lit() == "" {
					back = true
				}
			}
		}
		return true
	})
	for _, s := range file.Stmts {
		if len(above) > 1 && above[1] == syntax.Node(s) {
			break
		}
		first := s
		for {
			b, ok := first.Cmd.(*syntax.BinaryCmd)
			if !ok || b.Op != syntax.AndStmt {
				break
			}
			first = b.X
		}
		c, ok := first.Cmd.(*syntax.CallExpr)
		if !ok || len(c.Args) < 2 || c.Args[0].Lit() != "set" || first.Background {
			continue
		}
		var words []string
		for _, a := range c.Args[1:] {
			words = append(words, a.Lit())
		}
		var f Flags
		f.read(words)
		on = on || f.Errexit
	}
	return on && !back
}

// listSpan is what says a statement that others follow.
func listSpan(text string, s, next *syntax.Stmt) Span {
	start, end := offset(s.Position), syntaxEnd(s)
	blanks := func() {
		for end < len(text) && (text[end] == ' ' || text[end] == '\t') {
			end++
		}
	}
	if blanks(); end < len(text) && text[end] == ';' {
		end++
		blanks()
	}
	if limit := offset(next.Position); end > limit {
		end = limit
	}
	line := strings.LastIndexByte(text[:start], '\n') + 1
	switch first := strings.Trim(text[line:start], " \t") == ""; {
	case end < len(text) && text[end] == '\n' && first:
		return Span{line, end + 1}
	case end < len(text) && text[end] == '\n':
		// Other commands stand before it in its line, which has to end still.
		for start > line && (text[start-1] == ' ' || text[start-1] == '\t') {
			start--
		}
	}
	return Span{start, end}
}

// lastSpan is what says the last statement of a list: the separator before it goes, the one after it stays.
func lastSpan(text string, prev, s *syntax.Stmt) Span {
	start, end := offset(s.Position), syntaxEnd(s)
	from := syntaxEnd(prev)
	if prev.Background {
		from = offset(prev.Semicolon) + 1
	}
	if s.Semicolon.IsValid() && prev.Semicolon.IsValid() {
		return Span{from, end} // "a; b;" keeps its last semicolon
	}
	line := strings.LastIndexByte(text[:start], '\n') + 1
	if strings.Trim(text[line:start], " \t") == "" && line > 0 {
		for end < len(text) && (text[end] == ' ' || text[end] == '\t' || text[end] == ';') {
			end++
		}
		if end < len(text) && text[end] == '\n' {
			end++
		}
		return Span{line, end}
	}
	return Span{from, end}
}

// dump writes a tree without its positions and comments.
func dump(file *syntax.File) string { return dumpNode(file) }

func dumpNode(n syntax.Node) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(n))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteByte('-')
			return
		}
		dumpValue(b, v.Elem())
	case reflect.Slice:
		b.WriteString(strconv.Itoa(v.Len()))
		b.WriteByte('[')
		for i := range v.Len() {
			dumpValue(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		t := v.Type()
		if t == reflect.TypeFor[syntax.Pos]() {
			return
		}
		b.WriteString(t.Name())
		b.WriteByte('{')
		for i := range v.NumField() {
			if f := t.Field(i); f.Type != reflect.TypeFor[[]syntax.Comment]() {
				dumpValue(b, v.Field(i))
				b.WriteByte(',')
			}
		}
		b.WriteByte('}')
	case reflect.String:
		b.WriteString(strconv.Quote(v.String()))
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	default:
		fmt.Fprint(b, v)
	}
}
