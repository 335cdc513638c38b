package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Detached is a statement that can be taken out of its script and be run in another one.
type Detached struct {
	Text  string // as it is written, here-documents included
	Spans []Span // what to delete of the script
	Whole bool   // the script would be empty; there are no spans
	Dir   string // the folder that Text has to run in, as Command.Dir tells it; "?" if it is not certain
}

// Detach returns the statement that has to go if a command is to run elsewhere: the command with its wrappers, assignments,
// redirections and here-documents; the pipeline that it is a part of, if the rest only makes or carries its input; the
// if, loop, guard ([ -n "$T" ] && …), list (… || true) or subshell around it, if nothing else is done there.
// A guard whose failure the script does not mind becomes an if.
//
// Text may be a list by && or ||, as Enclose takes it. It reads no variable that another part of the script assigns, no
// positional parameter and no function, and nothing of what it sets is read by the rest. ok is false where this, or that
// the command always runs if the script succeeds, is not certain, and where RemoveWrite would not remove the statement.
// Script.Errexit has to say so where the shell has -e from elsewhere.
func (s *Script) Detach(c *Command) (d Detached, ok bool) {
	if c == nil || c.unit == nil || s.status || c.In&(InTrap|InSubst|InCond|InBackground|Negated|InFunc) != 0 {
		return Detached{}, false
	}
	for {
		for ; c.Parent != nil && c.Parent.unit == c.unit && c.Parent.pos == c.pos; c = c.Parent {
			if c.Parent.Path == "find" {
				return Detached{}, false
			}
		}
		if c.unit.parent == nil {
			break
		}
		// A nested script moves as a whole.
		best := s.detach(c)
		if best == nil || !best.d.Whole || c.unit.parent.Path == "trap" {
			return Detached{}, false
		}
		c = c.unit.parent
	}
	best := s.detach(c)
	if best == nil {
		return Detached{}, false
	}
	return best.d, true
}

// moving is a statement that may be detached, and all that is in it.
type moving struct {
	s       *Script
	c       *Command // for whose sake, the outermost wrapper
	file    *syntax.File
	stmt    *syntax.Stmt
	above   []syntax.Node
	bodies  []Span // here-documents that lie behind the statement
	asIf    bool   // a guard that has to become an if
	pipes   []Span // the pipelines that c is a part of
	inShell bool   // the unit is a nested script
	hides   bool   // without set -e, the statement may succeed though the command fails
	d       Detached
}

// detach finds the largest statement of c's unit that is there for c only.
func (s *Script) detach(c *Command) *moving {
	u := c.unit
	file, err := parseAs(u.text, u.lang)
	if err != nil {
		return nil
	}
	p := find(file, c.pos)
	if p == nil {
		return nil
	}
	var best *moving
	m := moving{s: s, c: c, file: file, stmt: p.stmt, above: p.above, inShell: u.parent != nil}
	for range 40 {
		try := m
		if try.check() {
			best = &try
		}
		if !m.climb() {
			break
		}
	}
	return best
}

// climb goes on to the statement around.
func (m *moving) climb() bool {
	n := len(m.above)
	if n < 2 {
		return false
	}
	up := n - 2
	switch h := m.above[n-1].(type) {
	case *syntax.BinaryCmd:
		if h.Op != syntax.AndStmt && h.Op != syntax.OrStmt {
			m.pipes = append(m.pipes[:len(m.pipes):len(m.pipes)], Span{offset(h.Pos()), syntaxEnd(m.above[up].(*syntax.Stmt))})
		}
	case *syntax.TimeClause:
	case *syntax.Block:
		m.hides = m.hides || h.Stmts[len(h.Stmts)-1] != m.stmt
	case *syntax.Subshell:
		m.hides = m.hides || h.Stmts[len(h.Stmts)-1] != m.stmt
	case *syntax.ForClause:
		m.hides = true
	case *syntax.WhileClause:
		if slices.Contains(h.Cond, m.stmt) {
			return false
		}
		m.hides = true
	case *syntax.IfClause:
		if slices.Contains(h.Cond, m.stmt) {
			return false
		}
		m.hides = m.hides || h.Then[len(h.Then)-1] != m.stmt
		for {
			if _, ok := m.above[up].(*syntax.IfClause); !ok || up == 0 {
				break
			}
			up--
		}
	case *syntax.CaseItem:
		m.hides = m.hides || h.Stmts[len(h.Stmts)-1] != m.stmt
		up--
	default:
		return false
	}
	if up < 0 {
		return false
	}
	stmt, ok := m.above[up].(*syntax.Stmt)
	if !ok {
		return false
	}
	m.stmt, m.above = stmt, m.above[:up]
	return true
}

// span is the statement in its unit's text.
func (m *moving) span() Span { return Span{offset(m.stmt.Position), syntaxEnd(m.stmt)} }

// check reports whether the statement can be detached, and fills in what is detached.
func (m *moving) check() bool {
	m.asIf, m.bodies = false, nil
	if m.hides && m.s.Errexit || !m.standsAlone() || !m.alwaysRuns() || !m.collectBodies() {
		return false
	}
	u := m.c.unit
	sp := m.span()
	m.d.Text = u.text[sp.Start:sp.End]
	if b, ok := m.stmt.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.AndStmt {
		if !m.tests(b.X) {
			return false
		}
		if !m.last() {
			if len(m.bodies) > 0 || strings.ContainsAny(m.d.Text, "\n#") {
				return false
			}
			m.asIf = true
			m.d.Text = "if " + u.text[offset(b.X.Position):syntaxEnd(b.X)] + "; then " + u.text[offset(b.Y.Position):syntaxEnd(b.Y)] + "; fi"
		}
	}
	if (!m.last() || m.inShell) && !m.asIf && !m.succeeds(m.stmt) {
		return false
	}
	if len(m.bodies) > 0 {
		m.d.Text += "\n"
		for _, b := range m.bodies {
			m.d.Text += u.text[b.Start:b.End]
		}
		m.d.Text = strings.TrimSuffix(m.d.Text, "\n")
	}
	return m.onlyForIt() && m.keepsVariables() && m.sameState() && m.removed() && m.proven()
}

// standsAlone reports whether nothing around the statement changes what it does.
func (m *moving) standsAlone() bool {
	if m.stmt.Negated || m.stmt.Background || m.stmt.Coprocess || m.stmt.Disown {
		return false
	}
	if b, ok := m.stmt.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.OrStmt && !alwaysTrue(b.Y) && !m.fails(b.Y) && !m.tests(b.X) {
		return false
	}
	for i, n := range m.above {
		switch n := n.(type) {
		case *syntax.File, *syntax.Block, *syntax.Subshell, *syntax.TimeClause:
		case *syntax.Stmt:
			if n.Negated || n.Background || n.Coprocess || n.Disown || len(n.Redirs) > 0 {
				return false
			}
		case *syntax.BinaryCmd:
			if n.Op != syntax.AndStmt {
				return false
			}
			if i+1 == len(m.above) && n.Y == m.stmt && m.tests(n.X) && m.notJoined(i) {
				return false // its guard moves with it
			}
		default:
			return false
		}
	}
	return true
}

// notJoined reports whether the && list at m.above[i] is a statement of its own.
func (m *moving) notJoined(i int) bool {
	if i < 2 {
		return true
	}
	_, ok := m.above[i-2].(*syntax.BinaryCmd)
	return !ok
}

// alwaysRuns reports whether the statement runs whenever the script succeeds.
func (m *moving) alwaysRuns() bool {
	child := m.stmt
	last := false // what fails here must make the script fail
	for i := len(m.above) - 1; i >= 0; i-- {
		switch h := m.above[i].(type) {
		case *syntax.Stmt:
			child = h
		case *syntax.BinaryCmd:
			last = last || h.Y == child && !harmlessList(h.X)
		case *syntax.TimeClause:
		default:
			list := listOf(h, child)
			if list == nil || last && (*list)[len(*list)-1] != child {
				return false
			}
		}
	}
	sp := m.span()
	for _, c := range m.s.Commands {
		if c.unit != m.c.unit || c.pos >= sp.Start && c.pos < sp.End {
			continue
		}
		switch c.Path {
		case "exit", "exec":
			if !leavesAsFailed(m.file, c) && c.In&(InSubst|PipeLeft) == 0 {
				return false
			}
		case "return":
			if c.In&InFunc == 0 {
				return false
			}
		case "trap", "alias":
			return false
		}
	}
	return true
}

// last reports whether the script's status is that of the statement.
func (m *moving) last() bool {
	child := m.stmt
	for i := len(m.above) - 1; i >= 0; i-- {
		switch h := m.above[i].(type) {
		case *syntax.Stmt:
			child = h
		case *syntax.BinaryCmd:
		default:
			if list := listOf(h, child); list != nil && (*list)[len(*list)-1] != child {
				return false
			}
		}
	}
	return true
}

// succeeds reports whether a statement succeeds if the command does for whose sake it is there.
func (m *moving) succeeds(s *syntax.Stmt) bool {
	if s.Negated || s.Background || s.Coprocess || s.Disown {
		return false
	}
	list := func(stmts []*syntax.Stmt) bool { return len(stmts) == 0 || m.succeeds(stmts[len(stmts)-1]) }
	switch c := s.Cmd.(type) {
	case *syntax.BinaryCmd:
		if c.Op == syntax.OrStmt {
			return m.succeeds(c.X) || m.succeeds(c.Y)
		}
		return m.succeeds(c.X) && m.succeeds(c.Y)
	case *syntax.Block:
		return list(c.Stmts)
	case *syntax.Subshell:
		return list(c.Stmts)
	case *syntax.TimeClause:
		return c.Stmt == nil || m.succeeds(c.Stmt)
	case *syntax.ForClause:
		return list(c.Do)
	case *syntax.WhileClause:
		return list(c.Do)
	case *syntax.CaseClause:
		return !slices.ContainsFunc(c.Items, func(i *syntax.CaseItem) bool { return !list(i.Stmts) })
	case *syntax.IfClause:
		for ; c != nil; c = c.Else {
			if !list(c.Then) {
				return false
			}
		}
		return true
	}
	o := m.commandAt(s)
	if o == nil {
		return s.Cmd == nil || len(s.Redirs) == 0 // an assignment
	}
	switch o.Path {
	case "test", "[", "[[", "false", "cd", "exit", "((", "let", "grep", "read":
		return o.pos == m.c.pos
	}
	return true
}

// harmlessList reports whether a list is nothing but commands that do not fail.
func harmlessList(s *syntax.Stmt) bool {
	for _, o := range operands(s) {
		c, ok := o.Cmd.(*syntax.CallExpr)
		if !ok || o.Negated || o.Background || len(o.Redirs) > 0 || len(c.Args) == 0 {
			return false
		}
		switch c.Args[0].Lit() {
		case "true", ":", "echo", "set":
		default:
			return false
		}
	}
	return true
}

// commandAt is the command that a statement of the unit is.
func (m *moving) commandAt(s *syntax.Stmt) *Command {
	for _, c := range m.s.Commands {
		if c.unit == m.c.unit && c.pos == offset(s.Position) && (c.Parent == nil || c.Parent.unit != c.unit || c.Parent.pos != c.pos) {
			return c
		}
	}
	return nil
}

// tests reports whether a list is nothing but tests of variables.
func (m *moving) tests(s *syntax.Stmt) bool {
	if b, ok := s.Cmd.(*syntax.BinaryCmd); ok && (b.Op == syntax.AndStmt || b.Op == syntax.OrStmt) {
		return !s.Background && m.tests(b.X) && m.tests(b.Y)
	}
	if s.Background || s.Coprocess || s.Disown {
		return false
	}
	c := m.commandAt(s)
	return c != nil && isTest(c, s)
}

// fails reports whether a statement is nothing but a message and an exit with failure.
func (m *moving) fails(s *syntax.Stmt) bool {
	if s.Background || s.Negated || s.Coprocess || s.Disown || len(s.Redirs) > 0 {
		return false
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		o := m.commandAt(s)
		return o != nil && o.Path == "exit" && leavesAsFailed(m.file, o)
	case *syntax.Block:
		for i, st := range c.Stmts {
			if i == len(c.Stmts)-1 {
				return m.fails(st)
			}
			o := m.commandAt(st)
			if o == nil || !isMessage(o) {
				return false
			}
		}
	}
	return false
}

// isTest reports whether a command tests nothing but variables.
func isTest(c *Command, s *syntax.Stmt) bool {
	if len(c.Redirs) > 0 || len(c.Assigns) > 0 {
		return false
	}
	switch c.Path {
	case "true", "false", ":":
		return true
	case "test", "[":
		return !slices.ContainsFunc(c.Args, func(w Word) bool {
			switch w.Lit {
			case "-n", "-z", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-a", "-o":
				return false
			}
			return w.IsLit && len(w.Lit) > 1 && w.Lit[0] == '-'
		})
	case "[[":
		t, ok := s.Cmd.(*syntax.TestClause)
		return ok && testsVariables(t.X)
	}
	return false
}

func testsVariables(x syntax.TestExpr) bool {
	switch x := x.(type) {
	case *syntax.ParenTest:
		return testsVariables(x.X)
	case *syntax.UnaryTest:
		return (x.Op == syntax.TsNempStr || x.Op == syntax.TsEmpStr || x.Op == syntax.TsNot) && testsVariables(x.X)
	case *syntax.BinaryTest:
		return x.Op != syntax.TsNewer && x.Op != syntax.TsOlder && x.Op != syntax.TsDevIno && testsVariables(x.X) && testsVariables(x.Y)
	case *syntax.Word:
		return true
	}
	return false
}

// isMessage reports whether a command only writes to the terminal.
func isMessage(c *Command) bool {
	switch c.Path {
	case "echo", "printf":
		return !slices.ContainsFunc(c.Redirs, Redir.WritesFile) && !(len(c.Args) > 0 && c.Args[0].Lit == "-v")
	}
	return false
}

// filters write what they read, or are told, to their output only.
var filters = map[string]bool{
	"echo": true, "printf": true, "cat": true, "base64": true, "tr": true, "cut": true, "head": true, "tail": true, "rev": true,
	"envsubst": true, "jq": true, "xxd": true, "od": true, "sed": true, "grep": true, "fold": true, "paste": true, "gunzip": true, "zcat": true,
}

func isFilter(c *Command) bool {
	if !filters[c.Path] || slices.ContainsFunc(c.Redirs, Redir.WritesFile) {
		return false
	}
	words, script := 0, c.Path == "sed"
	for i, w := range c.Args {
		option := strings.HasPrefix(w.Text, "-")
		if !option {
			words++
		}
		switch c.Path {
		case "printf":
			if w.Lit == "-v" {
				return false
			}
		case "sed":
			e := i > 0 && c.Args[i-1].Lit == "-e"
			switch {
			case option:
				if !slices.Contains([]string{"-e", "-n", "-E", "-r", "-u", "-z"}, w.Lit) {
					return false
				}
			case e || script && words == 1:
				if script = false; !substitutes(strings.Trim(w.Text, "'\"")) {
					return false
				}
			}
		case "xxd":
			if words > 1 || option && !slices.Contains([]string{"-r", "-p", "-rp", "-r-p", "-ps"}, w.Lit) {
				return false
			}
		case "tail":
			if option && strings.ContainsAny(w.Lit, "fF") {
				return false
			}
		case "gunzip":
			if w.Lit != "-c" || i > 0 {
				return false
			}
		}
	}
	return c.Path != "gunzip" || len(c.Args) == 1
}

// substitutes reports whether a script of sed's is one s command that writes no file and runs nothing.
func substitutes(script string) bool {
	if len(script) < 4 || script[0] != 's' {
		return false
	}
	parts := strings.Split(strings.ReplaceAll(script[2:], `\`+script[1:2], ""), script[1:2])
	return len(parts) == 3 && strings.Trim(parts[2], "gipI0123456789") == ""
}

// onlyForIt reports whether nothing else is done in the statement.
func (m *moving) onlyForIt() bool {
	sp := m.span()
	own := Span{m.c.pos, m.c.pos}
	stmts := map[int]*syntax.Stmt{}
	isolated := map[int]bool{} // a subshell of the statement is around
	var above []syntax.Node
	syntax.Walk(m.stmt, func(n syntax.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return false
		}
		if s, ok := n.(*syntax.Stmt); ok {
			pos := offset(s.Position)
			switch s.Cmd.(type) {
			case nil, *syntax.CallExpr, *syntax.DeclClause, *syntax.LetClause, *syntax.TestClause, *syntax.ArithmCmd:
				stmts[pos] = s
				if pos == m.c.pos {
					own.End = syntaxEnd(s)
				}
				for _, a := range above {
					switch a.(type) {
					case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst:
						isolated[pos] = true
					}
				}
			}
		}
		above = append(above, n)
		return true
	})
	inside := func(c *Command) bool {
		return c.pos >= sp.Start && c.pos < sp.End || within(m.bodies, c.pos)
	}
	for _, c := range m.s.Commands {
		if c.unit != m.c.unit {
			continue
		}
		if !inside(c) {
			continue
		}
		if c.Function {
			return false
		}
		mine := c.pos >= own.Start && c.pos < own.End || within(m.bodies, c.pos)
		if mine {
			if c.subst > m.c.subst && slices.ContainsFunc(c.Redirs, Redir.WritesFile) {
				return false
			}
			if c.changesShell() && (c.pos == m.c.pos || !isolated[c.pos]) {
				return false
			}
			continue
		}
		if c.Parent != nil && c.Parent.unit == c.unit && c.Parent.Path != "time" {
			return false // a wrapper
		}
		s := stmts[c.pos]
		piped := slices.ContainsFunc(m.pipes, func(p Span) bool { return c.pos >= p.Start && c.pos < p.End })
		switch {
		case s == nil || s.Background || s.Coprocess || s.Disown:
			return false
		case isTest(c, s), isMessage(c), c.Path == "time" && len(c.Redirs) == 0, piped && isFilter(c), c.Path == "exit" && leavesAsFailed(m.file, c):
		case isolated[c.pos] && (c.Path == "cd" || c.Path == "umask" || c.Path == "set" || c.Path == "export") && !slices.ContainsFunc(c.Redirs, Redir.WritesFile):
		default:
			return false
		}
	}
	ok := true
	syntax.Walk(m.stmt, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl, *syntax.CoprocClause:
			ok = false
		case *syntax.Stmt:
			ok = ok && !n.Background && !n.Coprocess && !n.Disown
		case *syntax.ParamExp:
			ok = ok && n.Param != nil && validName(n.Param.Value) && !n.Excl && n.Names == 0
		case *syntax.DeclClause:
			ok = ok && isolated[offset(n.Pos())]
		}
		return ok
	})
	return ok
}

// keepsVariables reports whether no value is passed between the statement and the rest of the script.
func (m *moving) keepsVariables() bool {
	text := m.d.Text
	own, err := Parse(text, m.c.unit.dialect)
	if err != nil || own.Opaque || len(own.Functions) > 0 {
		return false
	}
	for _, u := range own.Uses {
		if m.s.Assigned[u.Name] && m.s.given[u.Name] != own.given[u.Name] || u.Name == "OLDPWD" {
			return false
		}
	}
	for name := range own.Assigned {
		if m.s.given[name] != own.given[name] || shellNames[name] && name != "REPLY" && name != "OPTIND" && name != "OPTARG" {
			return false
		}
		for _, at := range m.s.Mentions(name) {
			from, to := m.c.unit.start(m.span().Start), m.c.unit.end(m.span().End)
			if (at.Start < from || at.End > to) && !overlaps(m.outsideBodies(), at.Start, at.End) {
				return false
			}
		}
	}
	// What the rest exports, the commands of the statement may read without naming it.
	for _, c := range m.s.Commands {
		if c.pos >= m.span().Start && c.pos < m.span().End && c.unit == m.c.unit || c.unit.parent != nil && m.c.unit.parent == nil {
			continue
		}
		if declares(c.Path) && !m.isolatedFrom(c) && !m.plain() {
			return false
		}
	}
	for name := range m.s.Assigned {
		if shellNames[name] && m.s.given[name] != own.given[name] && name != "REPLY" && name != "OPTIND" && name != "OPTARG" {
			return false
		}
	}
	return true
}

// plain reports whether the statement's own commands do not care for variables of their environment.
func (m *moving) plain() bool {
	for _, c := range m.s.Commands {
		if c.unit == m.c.unit && c.pos >= m.span().Start && c.pos < m.span().End {
			switch c.Path {
			case "tee", "mkdir", "chmod", "test", "[", "[[", "true", ":", "cd", "umask", "set", "exit", "":
			default:
				if !filters[c.Path] {
					return false
				}
			}
		}
	}
	return true
}

func (m *moving) outsideBodies() []Span {
	var list []Span
	for _, b := range m.bodies {
		list = append(list, Span{m.c.unit.start(b.Start), m.c.unit.end(b.End)})
	}
	return list
}

// isolatedFrom reports whether a subshell that does not hold the statement is around a command.
func (m *moving) isolatedFrom(c *Command) bool {
	if c.unit != m.c.unit {
		return c.unit.parent != nil && c.unit.parent.Path != "trap"
	}
	p := find(m.file, c.pos)
	if p == nil {
		return false
	}
	for _, n := range p.above {
		switch n.(type) {
		case *syntax.Subshell, *syntax.CmdSubst, *syntax.ProcSubst:
			if !slices.Contains(m.above, n) {
				return true
			}
		}
	}
	return false
}

// sameState reports whether the rest of the script leaves alone what the statement depends on without naming it.
func (m *moving) sameState() bool {
	sp := m.span()
	for _, c := range m.s.Commands {
		if c.unit != m.c.unit || c.pos >= sp.Start && c.pos < sp.End || m.isolatedFrom(c) {
			continue
		}
		switch c.Path {
		case "umask", "ulimit", "shopt", "enable", "newgrp", "eval", ".", "source", "exec":
			return false
		}
	}
	return m.s.plainOptions(func(c *Command) bool {
		return c.unit == m.c.unit && (c.pos < sp.Start || c.pos >= sp.End) && !m.isolatedFrom(c)
	})
}

// collectBodies finds the here-documents of the statement that lie behind it.
func (m *moving) collectBodies() bool {
	text := m.c.unit.text
	end := syntaxEnd(m.stmt)
	ok := true
	syntax.Walk(m.stmt, func(n syntax.Node) bool {
		r, is := n.(*syntax.Redirect)
		if !is || r.Op != syntax.Hdoc && r.Op != syntax.DashHdoc {
			return true
		}
		body, found := hdocBody(text, r)
		if !found {
			ok = false
			return true
		}
		if body.Start < end {
			return true
		}
		body.End = offset(r.Hdoc.End())
		if body.End < len(text) && text[body.End] == '\n' {
			body.End++
		}
		if n := len(m.bodies); n > 0 && m.bodies[n-1].End != body.Start {
			ok = false
		}
		m.bodies = append(m.bodies, body)
		return true
	})
	return ok
}

// removed fills in the spans, and proves that the script without them is the same but for the statement.
func (m *moving) removed() bool {
	u := m.c.unit
	m.d.Spans, m.d.Whole = nil, false
	for i, lang := range languages(u.text, u.dialect) {
		file, err := parseAs(u.text, lang)
		if err != nil {
			continue
		}
		p := findStmt(file, m.stmt)
		if p == nil {
			return false
		}
		p.errexit = m.s.Errexit
		spans, whole, ok := p.take(u.text, file, slices.Clone(m.bodies))
		if !ok || i > 0 && (whole && m.d.Spans != nil || !whole && m.d.Whole) {
			return false
		}
		if m.d.Whole = whole; whole {
			continue
		}
		if m.d.Spans == nil {
			m.d.Spans = spans
		}
		short, err := parseAs(cut(u.text, m.d.Spans), lang)
		if err != nil || dump(short) != dump(file) {
			return false
		}
	}
	if m.d.Spans == nil && !m.d.Whole {
		return false
	}
	if m.inShell {
		return m.d.Whole
	}
	if !m.d.Whole {
		again, err := Parse(cut(u.text, m.d.Spans), u.dialect)
		if err != nil {
			return false
		}
		n := 0
		for _, c := range m.s.Commands {
			if !m.holds(c) {
				n++
			}
		}
		if len(again.Commands) != n {
			return false
		}
	}
	return true
}

// holds reports whether a command is a part of the statement, in nested scripts too.
func (m *moving) holds(c *Command) bool {
	for c.unit != m.c.unit && c.unit.parent != nil {
		c = c.unit.parent
	}
	sp := m.span()
	return c.unit == m.c.unit && (c.pos >= sp.Start && c.pos < sp.End || within(m.bodies, c.pos))
}

// findStmt finds the statement that stands at the same place in another tree of the same text; the grammars differ in
// what they make of some commands.
func findStmt(file *syntax.File, stmt *syntax.Stmt) *place {
	var found *place
	var above []syntax.Node
	syntax.Walk(file, func(n syntax.Node) bool {
		if n == nil {
			above = above[:len(above)-1]
			return false
		}
		if s, ok := n.(*syntax.Stmt); ok && s.Position == stmt.Position && syntaxEnd(s) == syntaxEnd(stmt) && found == nil {
			found = &place{stmt: s, above: slices.Clone(above)}
		}
		above = append(above, n)
		return true
	})
	return found
}

// proven reports whether the text is the statement, and fills in where it runs.
func (m *moving) proven() bool {
	u := m.c.unit
	read := false
	for _, lang := range languages(u.text, u.dialect) {
		file, err := parseAs(u.text, lang)
		if err != nil {
			continue
		}
		p := findStmt(file, m.stmt)
		alone, err := parseAs(m.d.Text, lang)
		if err != nil || p == nil || len(alone.Stmts) != 1 {
			return false
		}
		is := alone.Stmts[0]
		if m.asIf {
			b := p.stmt.Cmd.(*syntax.BinaryCmd)
			c, ok := is.Cmd.(*syntax.IfClause)
			if !ok || len(c.Cond) != 1 || len(c.Then) != 1 || c.Else != nil || dumpNode(c.Cond[0]) != dumpNode(b.X) || dumpNode(c.Then[0]) != dumpNode(b.Y) {
				return false
			}
		} else if dumpNode(is) != dumpNode(p.stmt) {
			return false
		}
		read = true
	}
	first := true
	for _, c := range m.s.Commands {
		if m.holds(c) && c.unit == m.c.unit {
			if first {
				m.d.Dir = c.Dir
				if !c.DirKnown {
					m.d.Dir = nowhere
				}
			}
			first = false
		}
	}
	return read && !first
}
