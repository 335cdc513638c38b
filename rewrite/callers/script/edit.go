package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// change is an edit, as it is in Code and as it is in the file.
type change struct {
	start, end int
	code, file string
}

// editor collects what has to be done to one text.
type editor struct {
	sc      *scene
	changes []change
	before  map[int][]change // assignments that are put at an offset
	res     Result
}

// Edit returns what has to be done for changes of builds that Read returned for t. The
// error says why not, without a place: Offset of an *Error is in Code.
func Edit(p *call.Project, t *Text, changes []call.Change) (*Result, error) {
	var order []*build
	by := map[*build][]call.Change{}
	for _, c := range changes {
		b, ok := c.Build.Handle.(*build)
		if !ok {
			return nil, &Error{c.Build.Start, "it is not known here"}
		}
		if c.Build.Fixed != "" {
			return nil, &Error{b.cmd.Start, c.Build.Fixed}
		}
		if by[b] == nil {
			order = append(order, b)
		}
		by[b] = append(by[b], c)
	}
	if len(order) == 0 {
		return &Result{}, nil
	}
	e := &editor{sc: order[0].sc, before: map[int][]change{}}
	if e.sc.t.Code != t.Code {
		return nil, &Error{0, "the text is another one than was read"}
	}
	for _, b := range order {
		if err := e.shared(b, order, by); err != nil {
			return nil, err
		}
		if err := e.build(b, by[b]); err != nil {
			return nil, err
		}
	}
	for at, list := range e.before {
		c := change{start: at, end: at}
		for _, x := range list {
			c.code += x.code
			c.file += x.file
		}
		e.changes = append(e.changes, c)
	}
	slices.SortFunc(e.changes, func(a, b change) int { return a.start - b.start })
	e.changes = slices.Compact(e.changes) // what two builds share
	for i, c := range e.changes {
		if i > 0 && (c.start < e.changes[i-1].end || c.start == e.changes[i-1].start) {
			return nil, &Error{c.start, "two changes meet here"}
		}
		e.res.Edits = append(e.res.Edits, shell.TextEdit{Start: c.start, End: c.end, New: c.file})
	}
	if err := e.verify(p, order, by); err != nil {
		return nil, err
	}
	return &e.res, nil
}

// build makes the changes of one command.
func (e *editor) build(b *build, changes []call.Change) error {
	drop := map[string]bool{}
	var come []*call.Secret
	given := map[string]bool{}
	for _, o := range b.line.options {
		if o.name == "secret" {
			if s, ok := e.sc.secret(o.value); ok {
				given[s.ID] = true
			}
		}
	}
	for _, c := range changes {
		for _, d := range c.Drop {
			drop[d] = true
		}
		if c.Secret != nil && !given[c.Secret.ID] {
			given[c.Secret.ID] = true
			come = append(come, c.Secret)
		}
	}
	// The last of several arguments of one name counts.
	last := map[string]int{}
	for i, a := range b.args {
		last[a.name] = i
	}
	flags := map[int][]string{} // by argument
	var free []string
	for _, s := range come {
		if s.From == "" {
			spec, err := e.file(b, s)
			if err != nil {
				return err
			}
			free = append(free, spec)
			continue
		}
		i, ok := last[s.From]
		if !ok || !drop[s.From] {
			return &Error{b.cmd.Start, "it does not pass " + s.From}
		}
		spec, err := e.supply(b, &b.args[i], s)
		if err != nil {
			return err
		}
		if spec != "" {
			flags[i] = append(flags[i], spec)
		}
	}
	for i, a := range b.args {
		if !drop[a.name] {
			continue
		}
		if len(flags[i]) == 0 && len(free) > 0 {
			flags[i], free = free, nil
		}
		e.replace(b, &b.args[i], flags[i])
	}
	if len(free) > 0 {
		at := b.words[b.name-1].end
		if b.words[b.name-1].from != nil {
			return &Error{b.cmd.Start, "its words come from " + b.words[b.name-1].from.Name}
		}
		text := ""
		for _, spec := range free {
			text += " --secret " + spec
		}
		e.changes = append(e.changes, change{at, at, text, text})
	}
	return nil
}

// shared sees to it that an array or a string that several builds are given changes for all
// of them alike.
func (e *editor) shared(b *build, order []*build, by map[*build][]call.Change) error {
	for _, a := range b.args {
		from := b.words[a.first].from
		if from == nil || !drops(by[b], a.name) || e.sc.onlyFor(from.Name, b.cmd) {
			continue
		}
		users := 0
		for _, o := range order {
			if slices.ContainsFunc(o.words, func(w word) bool { return w.from != nil && w.from.Name == from.Name }) && sameAsked(by[o], by[b], a.name) {
				users++
			}
		}
		commands := map[*shell.Command]bool{}
		for _, u := range e.sc.s.UsesOf(from.Name) {
			if u.Assign != from.Name {
				commands[u.Command] = true
			}
		}
		if users != len(commands) {
			return &Error{b.words[a.first].start, "its build arguments come from " + from.Name + ", which another build is given too"}
		}
	}
	return nil
}

// sameAsked reports whether two builds are to pass the same in place of an argument.
func sameAsked(a, b []call.Change, name string) bool {
	id := func(list []call.Change) string {
		for _, c := range list {
			if c.Secret != nil && c.Secret.From == name {
				return c.Secret.ID
			}
		}
		return ""
	}
	return drops(a, name) && drops(b, name) && id(a) == id(b)
}

func drops(list []call.Change, name string) bool {
	return slices.ContainsFunc(list, func(c call.Change) bool { return slices.Contains(c.Drop, name) })
}

// replace puts flags where an argument stands, in its form; without flags it goes.
func (e *editor) replace(b *build, a *arg, flags []string) {
	first, last := b.words[a.first], b.words[a.last]
	if len(flags) == 0 {
		start := first.start
		for start > 0 {
			if c := e.sc.t.Code[start-1]; c == ' ' || c == '\t' || (c == '\n' && (start > 1 && e.sc.t.Code[start-2] == '\\' || first.from != nil)) {
				start--
				if c == '\n' && e.sc.t.Code[start-1] == '\\' {
					start--
				}
				continue
			}
			break
		}
		end := last.end
		if first.when != nil && e.sc.t.Code[start-1] == '+' && e.sc.t.Code[end] == '}' { // all that ${T:+…} holds
			for start -= len("${" + first.when.Name + first.when.Form); e.sc.t.Code[start-1] == ' '; {
				start--
			}
			end++
		}
		if first.from != nil && (e.sc.t.Code[start-1] == '(' || e.sc.t.Code[start-1] == '"' || e.sc.t.Code[start-1] == '\'') {
			for start = first.start; end < len(e.sc.t.Code) && e.sc.t.Code[end] == ' '; {
				end++
			}
		}
		e.changes = append(e.changes, change{start: start, end: end})
		return
	}
	if a.joined || a.first == a.last {
		text := "--secret=" + strings.Join(flags, " --secret=")
		e.changes = append(e.changes, change{first.start, last.end, text, text})
		return
	}
	text := strings.Join(flags, " --secret ")
	e.changes = append(e.changes, change{first.start, first.end, "--secret", "--secret"}, change{last.start, last.end, text, text})
}

// file spells a secret whose value is in a file.
func (e *editor) file(b *build, s *call.Secret) (string, error) {
	if s.File == "" {
		return "", &Error{b.cmd.Start, "nothing says where " + s.ID + " comes from"}
	}
	if s.Local && e.sc.t.Store {
		if b.strips(s.ID) {
			return "", &Error{b.cmd.Start, "the wrapper takes " + s.ID + " out of the environment"}
		}
		if e.sc.t.CanSet && e.sc.t.SetStored {
			return e.stored(b, s.ID)
		}
		e.need("add " + s.ID + " to the secrets of the CI, so that " + b.tool.what + " has it in its environment")
		return "id=" + s.ID + ",env=" + s.ID, nil
	}
	dir := only(e.sc.turnsOf(b.cmd))
	if dir == "" {
		var out call.Build
		e.sc.where(&out, b)
		dir = out.Dir
	}
	name := call.Relative(dir, s.File)
	if name == "" {
		return "", &Error{b.cmd.Start, "the folder that it runs in is not certain: pass --secret id=" + s.ID + ",src=… with the path of " + s.File}
	}
	if strings.ContainsAny(name, ",\"' \t\n\\$`*?[]{}()<>|&;#~!") {
		return "", &Error{b.cmd.Start, "the name of the file " + s.File + " needs quoting"}
	}
	return "id=" + s.ID + ",src=" + name, nil
}

// stored asks for a variable with the value that the store has.
func (e *editor) stored(b *build, id string) (string, error) {
	for _, name := range []string{id, "BUILD_" + id} {
		if !validName(name) || reads(name) || e.sc.s.Assigned[name] || len(e.sc.s.UsesOf(name)) > 0 || e.sc.t.Taken != nil && e.sc.t.Taken(name, "") || b.strips(name) || b.shell != nil {
			continue
		}
		e.res.Set = append(e.res.Set, Assignment{Name: name, Secret: id})
		return "id=" + id + ",env=" + name, nil
	}
	return "", &Error{b.cmd.Start, "the variable that would hand over " + id + " has another value already"}
}

func (e *editor) need(s string) {
	if !slices.Contains(e.res.Needs, s) {
		e.res.Needs = append(e.res.Needs, s)
	}
}

// verify reads the result again: the same builds, each with what it passed, less what is
// dropped, and the secrets.
func (e *editor) verify(p *call.Project, order []*build, by map[*build][]call.Change) error {
	t := *e.sc.t
	var code strings.Builder
	at := 0
	t.Holes = nil
	hole := 0
	flush := func(to int) {
		for ; hole < len(e.sc.t.Holes) && e.sc.t.Holes[hole].Start < to; hole++ {
			h := e.sc.t.Holes[hole]
			if h.Start < at {
				continue
			}
			shift := code.Len() - at
			h.Start, h.End = h.Start+shift, h.End+shift
			t.Holes = append(t.Holes, h)
		}
		code.WriteString(e.sc.t.Code[at:to])
	}
	for _, c := range e.changes {
		flush(c.start)
		code.WriteString(c.code)
		at = c.end
	}
	flush(len(e.sc.t.Code))
	t.Code = code.String()
	uncertain := &Error{order[0].cmd.Start, order[0].tool.what + " cannot be changed with certainty"}
	before, err := Read(p, e.sc.t)
	if err != nil {
		return uncertain
	}
	after, err := Read(p, &t)
	if err != nil || len(before) != len(after) {
		return uncertain
	}
	for i := range before {
		was, is := before[i].Handle.(*build), after[i].Handle.(*build)
		var args, secrets, nowArgs, nowSecrets []string
		for _, a := range before[i].Args {
			args = append(args, a.Name)
		}
		for _, s := range before[i].Secrets {
			secrets = append(secrets, s.ID)
		}
		for _, b := range order {
			if b.cmd.Start != was.cmd.Start {
				continue
			}
			for _, c := range by[b] {
				args = slices.DeleteFunc(args, func(name string) bool { return slices.Contains(c.Drop, name) })
				if c.Secret != nil && !slices.Contains(secrets, c.Secret.ID) && !b.empty(c.Secret.From) {
					secrets = append(secrets, c.Secret.ID)
				}
			}
		}
		for _, a := range after[i].Args {
			nowArgs = append(nowArgs, a.Name)
		}
		for _, s := range after[i].Secrets {
			nowSecrets = append(nowSecrets, s.ID)
		}
		slices.Sort(secrets)
		slices.Sort(nowSecrets)
		if !slices.Equal(args, nowArgs) || !slices.Equal(secrets, nowSecrets) || before[i].What != after[i].What ||
			before[i].Target != after[i].Target || len(was.line.operands) != len(is.line.operands) || before[i].Fixed != after[i].Fixed {
			return uncertain
		}
	}
	return nil
}

// empty reports whether an argument is given the empty literal: nothing is passed for it.
func (b *build) empty(name string) bool {
	out := false
	for _, a := range b.args {
		if a.name == name {
			out = a.kind == call.Text && len(a.value) == 0
		}
	}
	return out
}
