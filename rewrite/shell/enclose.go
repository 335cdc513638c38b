package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Enclose returns the edits by which the script runs some commands ahead of everything else, and others at its end. Each is
// one statement of shell text: a simple command, a pipeline, a compound or a list of those by && and ||. If one of before
// fails, the script fails and nothing else of it runs. after runs if the script succeeded; where it did not, it fails as
// it did; where one of after fails, it fails.
//
// brk is the line break behind what is added: " \\\n    " or " ", or "\n" for a script with lines of its own. shell are the
// flags of the shell that runs the script, of its SHELL instruction or -c; a "#!" line is seen here. endDir is the folder
// that after runs in, as Command.Dir tells it; "?" if it is not certain.
//
// A script that is one && list is continued by &&. Before any other one, each of before is a statement that exits on failure,
// and after follows the last statement by &&. ok is false where its end may not be reached though the script succeeds
// (exit, exec, trap, eval at the end), where the last statement is negated or in the background, and where && would
// suspend set -e in it.
func (s *Script) Enclose(before, after []string, brk string, shell Flags) (edits []TextEdit, endDir string, ok bool) {
	u := s.units[0]
	endDir = s.end.path
	if !s.end.known {
		endDir = nowhere
	}
	lines := brk == "\n"
	if !lines && (brk == "" || strings.Trim(strings.ReplaceAll(brk, "\\\n", ""), " \t") != "") {
		return nil, endDir, false
	}
	file, err := parseAs(u.text, u.lang)
	if err != nil || len(file.Stmts) == 0 {
		return nil, endDir, false
	}
	if n := BodyStart(s.Text); n > 0 {
		shell = FlagsOf([]string{strings.TrimRight(s.Text[:n], "\r\n")})
	}
	e := &enclosing{s: s, joined: !lines && len(file.Stmts) == 1 && simpleList(file.Stmts[0], false)}
	at := offset(file.Stmts[0].Position)
	if lines {
		at = BodyStart(s.Text)
	}
	var head, tail strings.Builder
	for _, text := range before {
		b, ok := s.piece(text, lines)
		ok = ok && (lines || oneLine(text, u.lang))
		if !ok {
			return nil, endDir, false
		}
		switch {
		case e.joined:
			head.WriteString(b.text + " &&" + brk)
		case lines && shell.Errexit && len(operands(b.stmt)) == 1:
			head.WriteString(b.text + "\n")
		default:
			b.exits = true
			n := syntaxEnd(b.stmt)
			head.WriteString(b.text[:n] + " || exit 1" + b.text[n:])
			if lines {
				head.WriteString("\n")
			} else {
				head.WriteString(";" + brk)
			}
		}
		e.before = append(e.before, b)
	}
	if head.Len() > 0 {
		edits = append(edits, TextEdit{at, at, head.String()})
	}
	if len(after) > 0 {
		last := file.Stmts[len(file.Stmts)-1]
		if e.errexit = shell.Errexit || s.Errexit; !s.reachesEnd(file, last) {
			return nil, endDir, false
		}
		if lines || hasHeredoc(file) {
			brk = " "
		}
		for _, text := range after {
			a, ok := s.piece(text, false)
			if !ok || s.changes(text) || !oneLine(text, u.lang) {
				return nil, endDir, false
			}
			tail.WriteString(" &&" + brk + a.text)
			e.after = append(e.after, a)
		}
		n := syntaxEnd(last)
		edits = append(edits, TextEdit{n, n, tail.String()})
	}
	return edits, endDir, e.proven(edits)
}

// piece is a statement that is added to a script.
type piece struct {
	text  string
	stmt  *syntax.Stmt
	exits bool // || exit 1 stands after it
}

// piece reads a statement that can be joined to others by &&.
func (s *Script) piece(text string, heredoc bool) (*piece, bool) {
	own, err := Parse(text, s.Dialect)
	if err != nil || len(own.Comments) > 0 || own.end.path != "" || !own.end.known || len(own.Functions) > 0 {
		return nil, false
	}
	file, err := parseAs(text, own.units[0].lang)
	if err != nil || len(file.Stmts) != 1 || file.Stmts[0].Semicolon.IsValid() {
		return nil, false
	}
	for _, c := range own.Commands {
		if c.In&(InSubshell|InSubst|PipeLeft) != 0 || c.unit.parent != nil || !c.changesShell() {
			continue
		}
		switch c.Path {
		case "read", "wait", "hash":
		case "exit":
			if !leavesAsFailed(file, c) {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	stmt := file.Stmts[0]
	if hasHeredoc(file) && !heredoc || offset(stmt.Position) != 0 {
		return nil, false
	}
	if len(text) != syntaxEnd(stmt) && !hasHeredoc(file) {
		return nil, false
	}
	list := operands(stmt)
	switch b, or := list[0].Cmd.(*syntax.BinaryCmd); {
	case or && b.Op == syntax.OrStmt && len(list) == 1 && !list[0].Negated && !hasHeredoc(file) && onlyExits(b.Y):
		return s.piece(text[:syntaxEnd(b.X)], heredoc) // what fails ends the script anyway
	case or && b.Op == syntax.OrStmt, len(list) == 1 && list[0].Negated:
		if hasHeredoc(file) {
			return s.piece("{ "+text+"\n}", heredoc)
		}
		return s.piece("{ "+text+"; }", heredoc)
	}
	for _, o := range list {
		if o.Background || o.Coprocess || o.Disown || o.Negated {
			return nil, false
		}
	}
	return &piece{text: text, stmt: stmt}, true
}

// oneLine reports whether a text means the same without the line breaks that a backslash stands before, and has no others.
func oneLine(text string, lang syntax.LangVariant) bool {
	joined := strings.ReplaceAll(text, "\\\n", "")
	if joined == text {
		return strings.IndexByte(text, '\n') < 0
	}
	was, err := parseAs(text, lang)
	is, again := parseAs(joined, lang)
	return err == nil && again == nil && strings.IndexByte(joined, '\n') < 0 && dump(was) == dump(is)
}

// onlyExits reports whether a statement is exit, which has been found to be one with failure.
func onlyExits(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) > 0 && c.Args[0].Lit() == "exit" && len(s.Redirs) == 0 && len(c.Assigns) == 0
}

func hasHeredoc(n syntax.Node) bool {
	found := false
	syntax.Walk(n, func(n syntax.Node) bool {
		r, ok := n.(*syntax.Redirect)
		found = found || ok && (r.Op == syntax.Hdoc || r.Op == syntax.DashHdoc)
		return true
	})
	return found
}

// operands are the statements that && joins, in their order.
func operands(s *syntax.Stmt) []*syntax.Stmt {
	if b, ok := s.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.AndStmt && !s.Negated && !s.Background && !s.Coprocess && !s.Disown {
		return append(operands(b.X), b.Y)
	}
	return []*syntax.Stmt{s}
}

// simpleList reports whether a statement is a list, by && and, if or is true, by ||, of simple commands and pipelines of them.
func simpleList(s *syntax.Stmt, or bool) bool {
	if s.Negated || s.Background || s.Coprocess || s.Disown {
		return false
	}
	switch c := s.Cmd.(type) {
	case nil, *syntax.CallExpr, *syntax.DeclClause, *syntax.LetClause, *syntax.TestClause, *syntax.ArithmCmd:
		return true
	case *syntax.BinaryCmd:
		switch c.Op {
		case syntax.OrStmt:
			return or && simpleList(c.X, or) && simpleList(c.Y, or)
		case syntax.AndStmt:
			return simpleList(c.X, or) && simpleList(c.Y, or)
		}
		return simpleList(c.X, false) && simpleList(c.Y, false)
	}
	return false
}

// continues reports whether && can follow a statement.
func continues(s *syntax.Stmt) bool {
	if s.Negated || s.Background || s.Coprocess || s.Disown {
		return false
	}
	switch c := s.Cmd.(type) {
	case *syntax.BinaryCmd:
		return c.Op != syntax.AndStmt && c.Op != syntax.OrStmt || continues(c.X) && continues(c.Y)
	case *syntax.CoprocClause:
		return false
	}
	return true
}

// failsAsOne reports whether a statement does the same where set -e is suspended: of what comes last in it no part can fail
// before its end. For what comes before && and ||, it is suspended anyway.
func failsAsOne(file *syntax.File, last *syntax.Stmt) bool {
	if b, ok := last.Cmd.(*syntax.BinaryCmd); ok && (b.Op == syntax.AndStmt || b.Op == syntax.OrStmt) {
		last = b.Y
	}
	if !simpleList(last, false) {
		return false
	}
	functions := map[string]bool{"eval": true, ".": true, "source": true}
	syntax.Walk(file, func(n syntax.Node) bool {
		if f, ok := n.(*syntax.FuncDecl); ok && f.Name != nil {
			functions[f.Name.Value] = true
		}
		return true
	})
	ok := true
	syntax.Walk(last, func(n syntax.Node) bool {
		var body []*syntax.Stmt
		switch n := n.(type) {
		case *syntax.CallExpr:
			for i, w := range n.Args {
				name := w.Lit()
				if ok = ok && !functions[strings.ReplaceAll(name, `\`, "")] && (name != "" || i > 0); name != "command" && name != "builtin" {
					break
				}
			}
		case *syntax.CmdSubst:
			body = n.Stmts
		case *syntax.ProcSubst:
			body = n.Stmts
		}
		if len(body) > 1 || len(body) == 1 && !simpleList(body[0], true) {
			ok = false
		}
		return true
	})
	return ok
}

// reachesEnd reports whether the script, if it succeeds, has run to the end of its last statement.
func (s *Script) reachesEnd(file *syntax.File, last *syntax.Stmt) bool {
	list := operands(last)
	end := offset(list[len(list)-1].Position)
	for _, c := range s.Commands {
		if c.unit.parent != nil { // another shell, as traps are refused
			continue
		}
		switch c.Path {
		case "trap", "alias":
			return false
		case "set":
			if slices.ContainsFunc(c.Args, func(w Word) bool {
				return !w.IsLit || strings.HasPrefix(w.Lit, "-") && strings.ContainsAny(w.Lit, "nt") || w.Lit == "noexec" || w.Lit == "onecmd"
			}) {
				return false
			}
		case "kill":
			if slices.ContainsFunc(c.Args, func(w Word) bool { return strings.Contains(w.Text, "$$") }) {
				return false
			}
		case "eval", ".", "source":
			if c.End > end || c.In&InFunc != 0 || c.Path == "eval" && !s.goesOn(c) {
				return false
			}
		case "return":
			if c.In&InFunc == 0 {
				return false // not a word that all shells know there
			}
		case "exit", "exec":
			if c.In&(InSubshell|InSubst|PipeLeft|InBackground) == 0 && !leavesAsFailed(file, c) {
				return false
			}
		}
	}
	return true
}

// goesOn reports whether what eval runs, as far as it is known, lets the script go on.
func (s *Script) goesOn(c *Command) bool {
	var words []string
	for _, w := range c.Args {
		if !w.IsLit {
			return true // as the rest of the script expects
		}
		words = append(words, w.Lit)
	}
	own, err := Parse(strings.Join(words, " "), s.Dialect)
	return err == nil && !slices.ContainsFunc(own.Commands, func(c *Command) bool {
		switch c.Path {
		case "exit", "exec", "return", "trap", "alias", "set", "eval":
			return true
		}
		return false
	})
}

func leavesAsFailed(file *syntax.File, c *Command) bool {
	switch {
	case c.Path == "exec":
		return len(c.Args) == 0 && len(c.Redirs) > 0
	case len(c.Args) == 1 && c.Args[0].IsLit && strings.Trim(c.Args[0].Lit, "0123456789") == "" && len(c.Args[0].Lit) < 4:
		n := 0
		for _, d := range c.Args[0].Lit {
			n = 10*n + int(d-'0')
		}
		return n%256 != 0
	case len(c.Args) == 0, len(c.Args) == 1 && strings.Trim(c.Args[0].Text, `"`) == "$?":
		p := find(file, c.pos)
		if p == nil || len(p.above) == 0 {
			return false
		}
		b, ok := p.above[len(p.above)-1].(*syntax.BinaryCmd)
		return ok && b.Op == syntax.OrStmt && b.Y == p.stmt
	}
	return false
}

// changes reports whether the script makes something else of a text that runs after it: it has functions and options of
// its own, or gives another value to a variable that the text reads.
func (s *Script) changes(text string) bool {
	own, err := Parse(text, s.Dialect)
	if err != nil {
		return true
	}
	splits := false
	for _, u := range own.Uses {
		if s.Assigned[u.Name] {
			return true
		}
		splits = splits || u.Quote == Bare && u.Assign == ""
	}
	for _, c := range own.Commands {
		if s.Functions[c.Path] {
			return true
		}
		words := c.Args
		for _, r := range c.Redirs {
			words = append(words[:len(words):len(words)], r.Target)
		}
		for _, w := range words {
			if w.Tilde && s.Assigned["HOME"] {
				return true
			}
			splits = splits || w.Glob
		}
	}
	return splits && (s.Assigned["IFS"] || !s.plainOptions(func(*Command) bool { return true }))
}

// plainOptions reports whether the commands of a script that are asked about set no option but -e, -u, -x and pipefail.
func (s *Script) plainOptions(of func(*Command) bool) bool {
	for _, c := range s.Commands {
		if !of(c) {
			continue
		}
		switch c.Path {
		case "shopt":
			return false
		case "set":
			for i, w := range c.Args {
				switch {
				case !w.IsLit:
					return false
				case len(w.Lit) > 1 && (w.Lit[0] == '-' || w.Lit[0] == '+'):
					if strings.Trim(w.Lit[1:], "euxo") != "" {
						return false
					}
				case i > 0 && strings.HasSuffix(c.Args[i-1].Lit, "o") && slices.Contains([]string{"pipefail", "errexit", "nounset", "xtrace"}, w.Lit):
				default:
					return false
				}
			}
		}
	}
	return true
}

// enclosing is what the edited script has to be.
type enclosing struct {
	s             *Script
	joined        bool // all of it is one list
	errexit       bool
	before, after []*piece
}

func (e *enclosing) proven(edits []TextEdit) bool {
	u := e.s.units[0]
	text := apply(u.text, edits)
	again, err := Parse(text, u.dialect)
	if err != nil || len(again.Comments) != len(e.s.Comments) {
		return false
	}
	read := false
	for _, lang := range languages(u.text, u.dialect) {
		old, err := parseAs(u.text, lang)
		if err != nil {
			continue
		}
		file, err := parseAs(text, lang)
		if err != nil || !e.holds(lang, old, file.Stmts) {
			return false
		}
		read = true
	}
	return read
}

// holds reports whether the statements are the old ones with the pieces around them, and the last one can be continued.
func (e *enclosing) holds(lang syntax.LangVariant, file *syntax.File, stmts []*syntax.Stmt) bool {
	old := file.Stmts
	var want []string
	for _, b := range e.before {
		switch own, ok := parsePiece(b, lang); {
		case !ok:
			return false
		case e.joined:
			want = append(want, own...)
		default:
			if len(stmts) == 0 {
				return false
			}
			s := stmts[0]
			stmts = stmts[1:]
			if b.exits {
				c, ok := s.Cmd.(*syntax.BinaryCmd)
				if !ok || c.Op != syntax.OrStmt || !exitsWithOne(c.Y) || s.Negated || s.Background {
					return false
				}
				s = c.X
			}
			if !slices.Equal(dumps(operands(s)), own) {
				return false
			}
		}
	}
	if len(stmts) != len(old) {
		return false
	}
	last := len(old) - 1
	if len(e.after) > 0 && (!continues(old[last]) || e.errexit && !failsAsOne(file, old[last])) {
		return false
	}
	for i := range last {
		if dumpNode(old[i]) != dumpNode(stmts[i]) {
			return false
		}
	}
	want = append(want, dumps(operands(old[last]))...)
	for _, a := range e.after {
		own, ok := parsePiece(a, lang)
		if !ok {
			return false
		}
		want = append(want, own...)
	}
	return slices.Equal(dumps(operands(stmts[last])), want)
}

func parsePiece(p *piece, lang syntax.LangVariant) ([]string, bool) {
	file, err := parseAs(p.text, lang)
	if err != nil || len(file.Stmts) != 1 {
		return nil, false
	}
	return dumps(operands(file.Stmts[0])), true
}

func dumps(stmts []*syntax.Stmt) []string {
	var list []string
	for _, s := range stmts {
		list = append(list, dumpNode(s))
	}
	return list
}

func exitsWithOne(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) == 2 && c.Args[0].Lit() == "exit" && c.Args[1].Lit() == "1" && len(s.Redirs) == 0
}
