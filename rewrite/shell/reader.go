package shell

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// reader walks one unit and adds what it finds to the script.
type reader struct {
	s      *Script
	u      *unit
	around []Redir
	input  *syntax.Redirect // the here-document that the command being unwrapped has for its input
	err    *Error
}

// scope is what holds at a place of the script; it is passed by value, so that what a subshell changes stays in it.
type scope struct {
	in     Context
	cmd    *Command
	assign string
	quote  Quote
	dir    folder
	subst  int
	ticks  bool // in backquotes, where backslashes have another meaning
}

// folder is the working directory at a place of the script.
type folder struct {
	path    string
	known   bool
	old     string // $OLDPWD
	oldOK   bool
	stack   []string
	changed bool // a cd was seen since the start of the body that is being read
}

// after is the folder after a statement: if it succeeded, and if one does not know.
type after struct{ ok, any folder }

func both(f folder) after { return after{f, f} }

// nowhere is the path of a folder of which nothing is known.
const nowhere = "?"

// either is the folder after two paths have met, of which b is the likelier.
func either(a, b folder) folder {
	b.changed = a.changed || b.changed
	if a.path != b.path || !a.known || !slices.Equal(a.stack, b.stack) {
		b.known = false
	}
	b.oldOK = b.oldOK && a.oldOK && a.old == b.old
	return b
}

func (f folder) unsure() folder {
	f.known, f.oldOK, f.stack, f.changed = false, false, nil, true
	return f
}

func (f folder) to(dir string) folder {
	next := folder{path: path.Join(f.path, dir), known: f.known, old: f.path, oldOK: f.known, stack: f.stack, changed: true}
	if next.path == "." {
		next.path = ""
	}
	switch {
	case strings.HasPrefix(dir, "/"):
		next.path, next.known = path.Clean(dir), true
	case strings.HasPrefix(dir, "~"):
		next.path, next.known = dir, false
	case len(next.path) > 4096, f.path == nowhere || strings.HasPrefix(f.path, "~") && !strings.HasPrefix(next.path, "~"):
		next.path, next.known = nowhere, false
	}
	return next
}

func (f folder) lost() folder {
	return folder{path: nowhere, old: f.path, oldOK: f.known, changed: true}
}

func (r *reader) fail(off int, msg string) {
	if r.err == nil {
		r.err = &Error{r.u.start(off), msg}
	}
}

func offset(p syntax.Pos) int { return int(p.Offset()) }

// slice is the text between two offsets of the unit; a span that makes no sense fails the script.
func (r *reader) slice(start, end int) string {
	if start < 0 || end < start || end > len(r.u.text) {
		r.fail(max(0, min(start, len(r.u.text))), "its parts cannot be located")
		return ""
	}
	return r.u.text[start:end]
}

// raw is the text of the whole script between two offsets of the unit.
func (r *reader) raw(start, end int) string {
	s, e := r.u.startIn(r.s.Text, start), r.u.end(end)
	if e < s || e > len(r.s.Text) {
		r.fail(start, "its parts cannot be located")
		return ""
	}
	return r.s.Text[s:e]
}

func (r *reader) comments(list []syntax.Comment) {
	for _, c := range list {
		start := offset(c.Hash)
		end := start
		for end < len(r.u.text) && r.u.text[end] != '\n' {
			end++
		}
		end = min(end, start+1+len(c.Text))
		r.s.Comments = append(r.s.Comments, Span{r.u.start(start), r.u.end(end)})
	}
}

func (r *reader) stmts(list []*syntax.Stmt, last []syntax.Comment, sc scope) after {
	end := both(sc.dir)
	for _, s := range list {
		sc.dir = end.any
		if end = r.stmt(s, sc); r.err != nil {
			break
		}
	}
	r.comments(last)
	return end
}

// stmt reads a statement.
func (r *reader) stmt(s *syntax.Stmt, sc scope) after {
	end := both(sc.dir)
	if r.err != nil {
		return end
	}
	r.comments(s.Comments)
	if s.Negated {
		sc.in |= Negated
	}
	if s.Background || s.Coprocess || s.Disown {
		sc.in |= InBackground
	}
	switch c := s.Cmd.(type) {
	case nil:
		end = both(r.simple(s, nil, sc))
	case *syntax.CallExpr:
		end = both(r.simple(s, c, sc))
	case *syntax.DeclClause:
		r.declaration(s, c, sc)
	case *syntax.LetClause:
		cmd := r.pseudo(s, "let", offset(c.Let), offset(c.Let)+3, sc)
		sc.cmd = cmd
		for _, e := range c.Exprs {
			r.arith(e, sc)
		}
		r.redirections(s, cmd, sc)
	case *syntax.ArithmCmd:
		cmd := r.pseudo(s, "((", offset(c.Left), offset(c.Right)+2, sc)
		sc.cmd = cmd
		r.arith(c.X, sc)
		r.redirections(s, cmd, sc)
	case *syntax.TestClause:
		cmd := r.pseudo(s, "[[", offset(c.Left), offset(c.Right)+2, sc)
		sc.cmd = cmd
		r.test(c.X, sc)
		r.redirections(s, cmd, sc)
	case *syntax.TimeClause:
		cmd := r.pseudo(s, "time", offset(c.Time), offset(c.Time)+4, sc)
		r.redirections(s, cmd, sc)
		if c.Stmt != nil {
			first := len(r.s.Commands)
			end = r.stmt(c.Stmt, sc)
			for _, inner := range r.s.Commands[first:] {
				if inner.unit == r.u && inner.subst == sc.subst && inner.Parent == r.u.parent {
					inner.Parent = cmd
				}
			}
			cmd.End = max(cmd.End, r.u.end(syntaxEnd(c.Stmt)))
		}
	case *syntax.BinaryCmd:
		end = r.binary(c, sc)
	default:
		around := r.around
		own := r.redirections(s, nil, sc)
		r.around = append(slices.Clone(own), around...)
		end = r.compound(c, sc)
		r.around = around
	}
	if s.Background || s.Coprocess || s.Disown {
		return both(sc.dir)
	}
	if s.Negated {
		end.ok = end.any
	}
	return end
}

func (r *reader) binary(c *syntax.BinaryCmd, sc scope) after {
	x, y := sc, sc
	switch c.Op {
	case syntax.AndStmt:
		x.in, y.in = sc.in|AndLeft, sc.in|AndRight
		left := r.stmt(c.X, x)
		y.dir = left.ok
		right := r.stmt(c.Y, y)
		return after{right.ok, either(left.any, right.any)}
	case syntax.OrStmt:
		x.in, y.in = sc.in|OrLeft, sc.in|OrRight
		left := r.stmt(c.X, x)
		if left.any.changed && !isCd(c.X) { // a cd that fails changes nothing
			y.dir = either(left.any, sc.dir)
		}
		right := r.stmt(c.Y, y)
		if leaves(c.Y) {
			return both(left.ok)
		}
		return after{either(right.ok, left.ok), either(right.any, left.ok)}
	}
	x.in, y.in = sc.in|PipeLeft, sc.in|PipeRight
	first := len(r.s.Commands)
	r.stmt(c.X, x)
	second := len(r.s.Commands)
	r.stmt(c.Y, y)
	if second < len(r.s.Commands) {
		for _, cmd := range r.s.Commands[first:second] {
			if cmd.PipeTo == nil && cmd.subst == sc.subst {
				cmd.PipeTo = r.s.Commands[second]
			}
		}
	}
	return both(sc.dir)
}

func isCd(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) > 0 && (c.Args[0].Lit() == "cd" || c.Args[0].Lit() == "pushd")
}

// leaves reports whether a statement never goes on to the next one: exit 1, { echo no; exit 1; }.
func leaves(s *syntax.Stmt) bool {
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) > 0 {
			switch c.Args[0].Lit() {
			case "exit", "return":
				return true
			}
		}
	case *syntax.Block:
		return len(c.Stmts) > 0 && leaves(c.Stmts[len(c.Stmts)-1])
	}
	return false
}

func (r *reader) compound(c syntax.Command, sc scope) after {
	switch c := c.(type) {
	case *syntax.Block:
		return r.stmts(c.Stmts, c.Last, sc)
	case *syntax.Subshell:
		in := sc
		in.in |= InSubshell
		r.stmts(c.Stmts, c.Last, in)
	case *syntax.IfClause:
		return r.ifClause(c, sc)
	case *syntax.WhileClause:
		in := sc
		in.in |= InCond | InLoop
		return r.loop(in, func(in scope) after {
			in.dir = r.stmts(c.Cond, c.CondLast, in).ok
			in.in = sc.in | InLoop
			return r.stmts(c.Do, c.DoLast, in)
		})
	case *syntax.ForClause:
		switch l := c.Loop.(type) {
		case *syntax.WordIter:
			r.assigned(l.Name)
			loop := Loop{Name: l.Name.Value, Span: Span{r.u.start(offset(l.Pos())), r.u.end(offset(c.End()))}}
			for _, w := range l.Items {
				loop.Words = append(loop.Words, r.word(w, sc))
			}
			if r.u.parent == nil && l.InPos.IsValid() {
				r.s.Loops = append(r.s.Loops, loop)
			}
		case *syntax.CStyleLoop:
			r.arith(l.Init, sc)
			r.arith(l.Cond, sc)
			r.arith(l.Post, sc)
		}
		in := sc
		in.in |= InLoop
		return r.loop(in, func(in scope) after { return r.stmts(c.Do, c.DoLast, in) })
	case *syntax.CaseClause:
		r.word(c.Word, sc)
		end := sc.dir
		for _, item := range c.Items {
			r.comments(item.Comments)
			for _, p := range item.Patterns {
				r.word(p, sc)
			}
			in := sc
			in.in |= InCase
			if arm := r.stmts(item.Stmts, item.Last, in).any; arm.changed {
				end = either(end, arm)
			}
		}
		r.comments(c.Last)
		return both(end)
	case *syntax.FuncDecl:
		name := c.Name
		if name == nil {
			r.fail(offset(c.Position), "a function without a name")
			break
		}
		r.u.functions[name.Value] = true
		if r.u.parent == nil {
			r.s.Bodies = append(r.s.Bodies, Body{name.Value, Span{r.u.start(offset(c.Pos())), r.u.end(offset(c.End()))}})
		}
		in := sc
		in.in |= InFunc
		in.dir = folder{path: sc.dir.path}
		if r.stmt(c.Body, in).any.changed {
			r.s.funcDirs = append(r.s.funcDirs, name.Value)
		}
	case *syntax.CoprocClause:
		if c.Name != nil {
			r.word(c.Name, sc)
			r.assigned(litOf(c.Name))
		}
		in := sc
		in.in |= InBackground
		r.stmt(c.Stmt, in)
	default:
		r.fail(offset(c.Pos()), "a construct that is not known")
	}
	return both(sc.dir)
}

func (r *reader) ifClause(c *syntax.IfClause, sc scope) after {
	in, cond := sc, both(sc.dir)
	if c.ThenPos.IsValid() {
		in.in = sc.in | InCond
		cond = r.stmts(c.Cond, c.CondLast, in)
	}
	in.in, in.dir = sc.in|InBranch, cond.ok
	then := r.stmts(c.Then, c.ThenLast, in)
	r.comments(c.Last)
	other := cond
	switch {
	case !c.ThenPos.IsValid(): // else
		return then
	case c.Else != nil:
		in.in, in.dir = sc.in, cond.any
		other = r.ifClause(c.Else, in)
	}
	return both(either(other.any, then.any))
}

// loop reads a body that may run more than once: if it changes the folder, no command in it has a certain one.
func (r *reader) loop(sc scope, body func(scope) after) after {
	first := len(r.s.Commands)
	changed := sc.dir.changed
	sc.dir.changed = false
	end := body(sc).any
	if end.changed {
		for _, c := range r.s.Commands[first:] {
			c.DirKnown = false
		}
		end = end.unsure()
	}
	end.changed = end.changed || changed
	return both(end)
}

// command makes a command of a statement and adds it.
func (r *reader) command(s *syntax.Stmt, sc scope) *Command {
	start := offset(s.Position)
	if s.Negated && s.Cmd != nil {
		start = offset(s.Cmd.Pos())
		for _, rd := range s.Redirs {
			start = min(start, offset(rd.Pos()))
		}
	}
	end := syntaxEnd(s)
	r.slice(start, end)
	c := &Command{
		Start: r.u.startIn(r.s.Text, start), End: r.u.end(end), In: sc.in, Around: r.around, Parent: r.u.parent,
		Dir: sc.dir.path, DirKnown: sc.dir.known,
		unit: r.u, pos: offset(s.Position), subst: sc.subst,
		Templated: len(r.u.skip) > 0 || r.u.parent != nil && r.u.parent.Templated,
	}
	r.s.Commands = append(r.s.Commands, c)
	return c
}

func (r *reader) pseudo(s *syntax.Stmt, name string, start, end int, sc scope) *Command {
	c := r.command(s, sc)
	c.Program, c.Path = name, r.slice(start, min(end, len(r.u.text)))
	if name == "((" || name == "[[" {
		c.Path = name
	}
	return c
}

// simple reads a simple command, assignments and redirections alone included, and returns the folder after it.
func (r *reader) simple(s *syntax.Stmt, call *syntax.CallExpr, sc scope) folder {
	if call == nil || len(call.Args) == 0 {
		var c *Command
		if len(s.Redirs) > 0 {
			c = r.command(s, sc)
		}
		if call != nil {
			for _, a := range call.Assigns {
				as := r.assignment(a, sc)
				r.gives(as.Name)
				r.s.Assigns = append(r.s.Assigns, as)
				if c != nil {
					c.Assigns = append(c.Assigns, as)
				}
			}
		}
		r.redirections(s, c, sc)
		return sc.dir
	}
	c := r.command(s, sc)
	sc.cmd = c
	for _, a := range call.Assigns {
		as := r.assignment(a, sc)
		as.Command = c
		c.Assigns = append(c.Assigns, as)
	}
	firstUse := len(r.s.Uses)
	words := make([]Word, len(call.Args))
	for i, w := range call.Args {
		words[i] = r.word(w, sc)
	}
	lastUse := len(r.s.Uses)
	c.setProgram(words)
	r.redirections(s, c, sc)
	r.builtin(c, call.Args[1:], sc)
	r.input = nil
	for _, rd := range s.Redirs {
		if (rd.N == nil || rd.N.Value == "0") && (rd.Op == syntax.Hdoc || rd.Op == syntax.DashHdoc) {
			r.input = rd
		}
	}
	effective := c
	for _, inner := range r.unwrap(c, call.Args[1:], sc) {
		for i := firstUse; i < lastUse; i++ {
			if u := &r.s.Uses[i]; u.Command == inner.Parent && u.Start >= inner.Start && u.End <= inner.End {
				u.Command = inner
			}
		}
		if effective.Path == "command" || effective.Path == "builtin" {
			effective = inner
		}
	}
	return r.folderAfter(effective, sc.dir)
}

func (c *Command) setProgram(words []Word) {
	w := words[0]
	c.Name, c.Path, c.Args = w, w.Text, words[1:]
	if w.IsLit {
		c.Path = w.Lit
		c.Program = baseProgram(w.Lit)
		return
	}
	c.Opaque = true
}

// folderAfter is the folder after a command has run.
func (r *reader) folderAfter(c *Command, f folder) folder {
	if !slices.Contains([]string{"cd", "chdir", "pushd", "popd", "eval", ".", "source"}, c.Path) {
		if slices.Contains(r.s.funcDirs, c.Path) || c.Path == "" || c.Program == "" {
			return f.unsure()
		}
		return f
	}
	var args []Word
	for i, w := range c.Args {
		if w.IsLit && w.Lit == "--" {
			args = c.Args[i+1:]
			break
		}
		if w.IsLit && len(w.Lit) > 1 && w.Lit[0] == '-' {
			continue
		}
		args = c.Args[i:]
		break
	}
	switch c.Path {
	case "cd", "chdir":
		if dir, ok := r.asked(args); ok {
			return f.to(dir)
		}
		switch {
		case len(args) == 0:
			return f.to("~")
		case len(args) > 1 || !args[0].IsLit || args[0].Lit == "" || args[0].Lit[0] == '~' && !args[0].Tilde:
		case args[0].Lit != "-":
			return f.to(args[0].Lit)
		case f.oldOK:
			next := f.to("")
			next.path, next.known = f.old, true
			return next
		}
		return f.lost()
	case "pushd":
		if dir, ok := r.asked(args); ok && f.known {
			next := f.to(dir)
			next.stack = append(slices.Clone(f.stack), f.path)
			return next
		}
		if len(args) == 1 && args[0].IsLit && args[0].Lit != "" && args[0].Lit[0] != '+' && f.known {
			next := f.to(args[0].Lit)
			next.stack = append(slices.Clone(f.stack), f.path)
			return next
		}
		return f.lost()
	case "popd":
		if n := len(f.stack); n > 0 && len(args) == 0 {
			return folder{path: f.stack[n-1], known: f.known, old: f.path, oldOK: f.known, stack: f.stack[:n-1], changed: true}
		}
		return f.lost()
	}
	return f.unsure()
}

// asked is the folder that a word of cd's is, where the caller knows more than the script tells.
func (r *reader) asked(args []Word) (string, bool) {
	if r.s.cd == nil || len(args) != 1 || r.u.parent != nil {
		return "", false
	}
	return r.s.cd(args[0])
}

// redirections reads the redirections of a statement and, if c is not nil, gives them to it.
func (r *reader) redirections(s *syntax.Stmt, c *Command, sc scope) []Redir {
	sc.cmd = c
	var list []Redir
	for _, rd := range s.Redirs {
		out := Redir{Op: rd.Op.String(), Target: r.word(rd.Word, sc), Start: r.u.start(offset(rd.Pos()))}
		out.End = out.Target.End
		if rd.N != nil {
			out.FD = rd.N.Value
		}
		if rd.Op == syntax.Hdoc || rd.Op == syntax.DashHdoc {
			out.Quoted = quotedDelimiter(rd.Word)
			if span, ok := hdocBody(r.u.text, rd); ok {
				out.Body = Span{r.u.start(span.Start), r.u.end(span.End)}
				if span.Start == span.End {
					out.Body.End = out.Body.Start
				} else {
					out.Heredoc = r.raw(span.Start, span.End)
				}
			}
			if rd.Hdoc != nil && !out.Quoted {
				in := sc
				in.quote = Heredoc
				r.parts(rd.Hdoc.Parts, in)
			}
		}
		list = append(list, out)
	}
	if c != nil {
		c.Redirs = list
	}
	return list
}

func quotedDelimiter(w *syntax.Word) bool {
	for _, p := range w.Parts {
		if l, ok := p.(*syntax.Lit); !ok || strings.Contains(l.Value, `\`) {
			return true
		}
	}
	return false
}

// hdocBody is the span of a here-document's lines, without its delimiter; the parser leaves the delimiter in.
func hdocBody(text string, rd *syntax.Redirect) (Span, bool) {
	if rd.Hdoc == nil {
		return Span{}, false
	}
	start, end := offset(rd.Hdoc.Pos()), offset(rd.Hdoc.End())
	if end > len(text) || start > end {
		return Span{}, false
	}
	for start > 0 && text[start-1] == '\t' {
		start--
	}
	if i := strings.LastIndexByte(text[start:end], '\n'); i >= 0 {
		return Span{start, start + i + 1}, true
	}
	return Span{start, start}, true
}

func (r *reader) assigned(l *syntax.Lit) {
	if l != nil && validName(l.Value) {
		r.gives(l.Value)
	}
}

// gives notes that a variable gets another value.
func (r *reader) gives(name string) {
	r.s.Assigned[name] = true
	r.s.given[name]++
}

func litOf(w *syntax.Word) *syntax.Lit {
	if len(w.Parts) == 1 {
		if l, ok := w.Parts[0].(*syntax.Lit); ok {
			return l
		}
	}
	return nil
}

// assignment reads NAME=value.
func (r *reader) assignment(a *syntax.Assign, sc scope) Assign {
	start, end := offset(a.Pos()), offset(a.End())
	out := Assign{Start: r.u.startIn(r.s.Text, start), End: r.u.end(end), Append: a.Append, In: sc.in}
	if a.Name != nil {
		out.Name = a.Name.Value
	}
	sc.assign = out.Name
	out.Value = Word{Start: out.End, End: out.End, IsLit: true}
	if a.Index != nil {
		out.Array = true
		r.arith(a.Index, sc)
	}
	if a.Value != nil {
		out.Value = r.word(a.Value, sc)
	}
	if a.Array != nil {
		out.Array = true
		out.Value.IsLit = false
		for _, e := range a.Array.Elems {
			r.comments(e.Comments)
			r.arith(e.Index, sc)
			if e.Value == nil {
				continue
			}
			if w := r.word(e.Value, sc); e.Index == nil {
				out.Elems = append(out.Elems, w)
			}
		}
		r.comments(a.Array.Last)
	}
	return out
}

// declaration reads bash's export, local, declare …; in the POSIX grammar they are ordinary commands, see builtin.
func (r *reader) declaration(s *syntax.Stmt, d *syntax.DeclClause, sc scope) {
	c := r.command(s, sc)
	c.Program, c.Path = d.Variant.Value, d.Variant.Value
	sc.cmd = c
	var ws []*syntax.Word
	for _, a := range d.Args {
		if a.Name == nil && a.Value != nil {
			c.Args = append(c.Args, r.word(a.Value, sc))
			ws = append(ws, a.Value)
			continue
		}
		as := r.assignment(a, sc)
		w := Word{Start: as.Start, End: as.End, Text: r.raw(offset(a.Pos()), offset(a.End()))}
		if !as.Array && as.Value.IsLit && !as.Append {
			w.IsLit, w.Lit = true, as.Name
			if !a.Naked {
				w.Lit += "=" + as.Value.Lit
			}
		}
		c.Args = append(c.Args, w)
		ws = append(ws, nil)
		as.In = sc.in
		r.declared(c, as, !a.Naked)
	}
	r.redirections(s, c, sc)
	r.builtin(c, ws, sc)
}

// declared notes NAME or NAME=value of an export, local …
func (r *reader) declared(c *Command, as Assign, value bool) {
	if as.Name == "" {
		return
	}
	for _, w := range c.Args {
		if w.IsLit && w.Lit == "-p" {
			return
		}
	}
	r.s.Assigned[as.Name] = true
	if value || c.Program != "export" && c.Program != "readonly" {
		r.gives(as.Name)
	}
	if !value {
		return
	}
	as.Command = c
	as.Export = c.Program == "export"
	for _, w := range c.Args {
		if w.IsLit && len(w.Lit) > 1 && w.Lit[0] == '-' && strings.Contains(w.Lit, "x") {
			as.Export = true
		}
	}
	c.Assigns = append(c.Assigns, as)
	r.s.Assigns = append(r.s.Assigns, as)
}

// builtin notes what a builtin assigns, declares or tests. ws are the words of c.Args, nil where they have been dealt with.
func (r *reader) builtin(c *Command, ws []*syntax.Word, sc scope) {
	name := func(w Word) {
		switch {
		case !w.IsLit:
			r.s.Opaque = true
		case validName(w.Lit):
			r.gives(w.Lit)
		}
	}
	switch c.Path {
	case "export", "readonly", "local", "declare", "typeset", "nameref":
		query := false
		for i, w := range c.Args {
			if w.IsLit && len(w.Lit) > 1 && w.Lit[0] == '-' {
				query = query || strings.Contains(w.Lit, "p") && w.Lit != "--"
				continue
			}
			if query {
				r.isSet(w, c)
			}
			if ws[i] == nil {
				continue
			}
			if as, ok := r.assignmentWord(ws[i], w); ok {
				r.inAssign(w, as)
				as.In = sc.in
				r.declared(c, as, true)
			} else if w.IsLit {
				r.declared(c, Assign{Name: w.Lit}, false)
			} else {
				r.s.Opaque = true
			}
		}
	case "unset":
		for _, w := range c.Args {
			name(w)
		}
	case "read":
		values := false
		for _, w := range c.Args {
			switch {
			case values:
				values = false
			case w.IsLit && len(w.Lit) > 1 && w.Lit[0] == '-':
				values = strings.ContainsRune("dinNptu", rune(w.Lit[len(w.Lit)-1]))
			default:
				name(w)
			}
		}
		r.gives("REPLY")
	case "getopts":
		if len(c.Args) > 1 {
			name(c.Args[1])
		}
		r.gives("OPTARG")
		r.gives("OPTIND")
	case "printf":
		if len(c.Args) > 1 && c.Args[0].IsLit && c.Args[0].Lit == "-v" {
			name(c.Args[1])
		}
	case "mapfile", "readarray":
		if n := len(c.Args); n > 0 {
			name(c.Args[n-1])
		}
	case "let":
		for _, w := range c.Args { // in the POSIX grammar only
			if n := strings.TrimRight(w.Lit[:max(0, strings.IndexByte(w.Lit, '='))], "+-*/%"); validName(n) {
				r.gives(n)
			}
		}
	case "test", "[":
		for i := 1; i < len(c.Args); i++ {
			if o := c.Args[i-1]; o.IsLit && (o.Lit == "-v" || o.Lit == "-R") {
				r.isSet(c.Args[i], c)
			}
		}
	case "set":
		r.set(c.Args)
	case "eval", ".", "source":
		c.Opaque = true
		r.s.Opaque = true
	}
}

// isSet notes a test whether the variable that w names is set.
func (r *reader) isSet(w Word, c *Command) {
	if !w.IsLit {
		r.s.Opaque = true
		return
	}
	name, _, _ := strings.Cut(w.Lit, "[")
	if validName(name) {
		r.s.Uses = append(r.s.Uses, Use{Name: name, Start: w.Start, End: w.End, Form: "-v", Command: c, Nested: r.u.parent != nil, Distinguishes: true})
	}
}

func (r *reader) set(args []Word) {
	var words []string
	for _, w := range args {
		if !w.IsLit || w.Lit == "--" || w.Lit == "" || w.Lit[0] != '-' && w.Lit[0] != '+' && (len(words) == 0 || !strings.HasSuffix(words[len(words)-1], "o")) {
			break
		}
		words = append(words, w.Lit)
	}
	var f Flags
	f.read(words)
	r.s.Flags.add(f)
}

// assignmentWord reads a word of the form NAME=value, quoted as a whole or not.
func (r *reader) assignmentWord(ws *syntax.Word, w Word) (Assign, bool) {
	start, end := offset(ws.Pos()), offset(ws.End())
	if q, ok := ws.Parts[0].(*syntax.DblQuoted); ok && len(ws.Parts) == 1 && !q.Dollar {
		start, end = start+1, end-1
	} else if q, ok := ws.Parts[0].(*syntax.SglQuoted); ok && len(ws.Parts) == 1 && !q.Dollar {
		start, end = start+1, end-1
	}
	text := r.slice(start, end)
	i := strings.IndexByte(text, '=')
	if i <= 0 {
		return Assign{}, false
	}
	name, plus := strings.CutSuffix(text[:i], "+")
	if !validName(name) {
		return Assign{}, false
	}
	from := start + i + 1
	as := Assign{Name: name, Start: w.Start, End: w.End, Append: plus}
	as.Value = Word{Start: r.u.startIn(r.s.Text, from), End: r.u.end(end), IsLit: w.IsLit, Glob: w.Glob}
	if from >= end {
		as.Value.Start = as.Value.End
		as.Value.IsLit = true
		return as, true
	}
	as.Value.Text = r.raw(from, end)
	if j := strings.IndexByte(w.Lit, '='); j >= 0 {
		as.Value.Lit = w.Lit[j+1:]
	}
	as.Value.Tilde = text[i+1] == '~' && from == offset(ws.Pos())+i+1
	return as, true
}

// inAssign marks the uses in a word that turned out to be an assignment.
func (r *reader) inAssign(w Word, as Assign) {
	for i := range r.s.Uses {
		if u := &r.s.Uses[i]; u.Start >= w.Start && u.End <= w.End && u.Assign == "" {
			u.Assign = as.Name
		}
	}
}

func (r *reader) test(x syntax.TestExpr, sc scope) {
	switch x := x.(type) {
	case *syntax.BinaryTest:
		r.test(x.X, sc)
		r.test(x.Y, sc)
	case *syntax.ParenTest:
		r.test(x.X, sc)
	case *syntax.UnaryTest:
		r.test(x.X, sc)
		if n := len(sc.cmd.Args); n > 0 && (x.Op == syntax.TsVarSet || x.Op == syntax.TsRefVar) {
			r.isSet(sc.cmd.Args[n-1], sc.cmd)
		}
	case *syntax.Word:
		sc.cmd.Args = append(sc.cmd.Args, r.word(x, sc))
	}
}

func (r *reader) arith(x syntax.ArithmExpr, sc scope) {
	switch x := x.(type) {
	case *syntax.BinaryArithm:
		switch x.Op {
		case syntax.Assgn, syntax.AddAssgn, syntax.SubAssgn, syntax.MulAssgn, syntax.QuoAssgn, syntax.RemAssgn, syntax.AndAssgn,
			syntax.OrAssgn, syntax.XorAssgn, syntax.ShlAssgn, syntax.ShrAssgn:
			r.arithTarget(x.X)
		}
		r.arith(x.X, sc)
		r.arith(x.Y, sc)
	case *syntax.UnaryArithm:
		if x.Op == syntax.Inc || x.Op == syntax.Dec {
			r.arithTarget(x.X)
		}
		r.arith(x.X, sc)
	case *syntax.ParenArithm:
		r.arith(x.X, sc)
	case *syntax.FlagsArithm:
		r.arith(x.X, sc)
	case *syntax.Word:
		if x == nil || len(x.Parts) == 0 {
			return
		}
		if l := litOf(x); l != nil {
			if validName(l.Value) {
				r.use(Use{Name: l.Value, Form: "arith"}, offset(l.Pos()), offset(l.End()), sc)
			}
			return
		}
		r.parts(x.Parts, sc)
	}
}

func (r *reader) arithTarget(x syntax.ArithmExpr) {
	if w, ok := x.(*syntax.Word); ok {
		r.assigned(litOf(w))
	}
}

// skipped reports whether the outer shell has replaced what stands at an offset of the unit.
func (r *reader) skipped(off int) bool { return within(r.u.skip, off) }

func (r *reader) parts(parts []syntax.WordPart, sc scope) {
	for _, p := range parts {
		if r.err != nil || r.skipped(offset(p.Pos())) {
			continue
		}
		switch p := p.(type) {
		case *syntax.DblQuoted:
			in := sc
			if in.quote == Bare {
				in.quote = Double
			}
			r.parts(p.Parts, in)
		case *syntax.ParamExp:
			r.param(p, sc)
		case *syntax.CmdSubst:
			in := sc
			in.in |= InSubst
			in.quote, in.cmd, in.assign = Bare, nil, ""
			in.subst++
			in.ticks = in.ticks || p.Backquotes
			r.substitution(p.Stmts, p.Last, in)
		case *syntax.ProcSubst:
			in := sc
			in.in |= InSubst
			in.quote, in.cmd, in.assign = Bare, nil, ""
			in.subst++
			r.substitution(p.Stmts, p.Last, in)
		case *syntax.ArithmExp:
			r.arith(p.X, sc)
		case *syntax.ExtGlob:
			if strings.ContainsAny(p.Pattern.Value, "$`") {
				r.fail(offset(p.Pos()), "an expansion in an extended pattern")
			}
		}
	}
}

// substitution reads a command substitution; where its output goes is not where that of the command around it goes.
func (r *reader) substitution(stmts []*syntax.Stmt, last []syntax.Comment, sc scope) {
	around := r.around
	r.around = nil
	r.stmts(stmts, last, sc)
	r.around = around
}

func (r *reader) param(p *syntax.ParamExp, sc scope) {
	if p.NestedParam != nil || p.Flags != nil || p.Param == nil {
		r.fail(offset(p.Pos()), "an expansion that is not known")
		return
	}
	name := p.Param.Value
	u := Use{Name: name}
	switch {
	case p.Names != 0: // ${!prefix*}: the names of variables, of which none is read
		r.s.Opaque = true
		return
	case p.Excl:
		u.Form = "indirect"
		r.s.Opaque = true
	case p.Length:
		u.Form = "#len"
	case p.Width || p.IsSet || p.Repl != nil || len(p.Modifiers) > 0:
		u.Form = "other"
	case p.Slice != nil:
		u.Form = "slice"
	case p.Exp != nil:
		switch op := p.Exp.Op.String(); op {
		case "-", "+", "?", "=":
			u.Form, u.Distinguishes = op, true
		case ":-", ":+", ":?", ":=":
			u.Form = op
		default:
			u.Form = "other"
		}
		if strings.HasSuffix(u.Form, "=") && validName(name) {
			r.gives(name)
		}
	case p.Index != nil:
		u.Form = "other"
	}
	switch name {
	case "?", "_", "PIPESTATUS":
		r.s.status = true
	}
	if validName(name) {
		start, end := offset(p.Pos()), offset(p.End())
		if p.Short && p.Index == nil && p.Dollar.IsValid() {
			// In backquotes the parser's end may lie after an escaping backslash.
			if n := start + 1 + len(name); n <= len(r.u.text) && r.u.text[start+1:n] == name {
				end = n
			}
		}
		r.use(u, start, end, sc)
	}
	r.arith(p.Index, sc)
	if p.Slice != nil {
		r.arith(p.Slice.Offset, sc)
		r.arith(p.Slice.Length, sc)
	}
	if p.Repl != nil {
		r.optional(p.Repl.Orig, sc)
		r.optional(p.Repl.With, sc)
	}
	if p.Exp != nil {
		r.optional(p.Exp.Word, sc)
	}
}

func (r *reader) optional(w *syntax.Word, sc scope) {
	if w != nil {
		r.parts(w.Parts, sc)
	}
}

// use adds a use, after a check that it stands where the parser says.
func (r *reader) use(u Use, start, end int, sc scope) {
	raw := r.slice(start, end)
	if r.err != nil {
		return
	}
	if u.Form != "arith" && u.Form != "-v" && !strings.HasPrefix(raw, "$") && !strings.HasPrefix(raw, u.Name) {
		r.fail(start, "its parts cannot be located")
		return
	}
	u.Start, u.End = r.u.start(start), r.u.end(end)
	u.Quote, u.Command, u.Assign, u.Nested = sc.quote, sc.cmd, sc.assign, r.u.parent != nil
	r.s.Uses = append(r.s.Uses, u)
}

// word reads a word and everything in it.
func (r *reader) word(w *syntax.Word, sc scope) Word {
	start, end := offset(w.Pos()), offset(w.End())
	r.slice(start, end)
	out := Word{Start: r.u.startIn(r.s.Text, start), End: r.u.end(end), Text: r.raw(start, end)}
	if r.err != nil {
		return out
	}
	flat := r.flatten(w, sc.ticks, false)
	out.Glob, out.Tilde = flat.glob, flat.tilde
	if flat.literal {
		out.Lit, out.IsLit = string(flat.text), !flat.glob
	}
	r.parts(w.Parts, sc)
	return out
}

// syntaxEnd is where a statement ends in its line: here-documents lie after it.
func syntaxEnd(s *syntax.Stmt) int {
	end := offset(s.Position)
	switch c := s.Cmd.(type) {
	case nil:
	case *syntax.BinaryCmd:
		end = syntaxEnd(c.Y)
	case *syntax.FuncDecl:
		end = syntaxEnd(c.Body)
	case *syntax.TimeClause:
		end = offset(c.Time) + 4
		if c.Stmt != nil {
			end = syntaxEnd(c.Stmt)
		}
	case *syntax.CoprocClause:
		end = syntaxEnd(c.Stmt)
	default:
		end = offset(c.End())
	}
	for _, rd := range s.Redirs {
		end = max(end, offset(rd.Word.End()))
	}
	return end
}
