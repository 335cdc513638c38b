package script

import (
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// assign sets a variable for a command. The text is quoted as code, and as the file has it.
func (e *editor) assign(b *build, name, code, file string) error {
	if b.shell != nil && strings.Contains(code+file, "'") {
		return &Error{b.cmd.Start, "it stands in a string that another shell runs"}
	}
	at, env, err := e.where(b, name)
	if err != nil {
		return err
	}
	c := change{start: at, end: at, code: name + "=" + code + " ", file: name + "=" + file + " "}
	if env {
		c.code, c.file = "env "+c.code, "env "+c.file
	}
	for _, x := range e.before[at] {
		switch strings.TrimPrefix(x.file, "env ") {
		case strings.TrimPrefix(c.file, "env "):
			return nil
		}
		if strings.HasPrefix(strings.TrimPrefix(x.file, "env "), name+"=") {
			return &Error{at, "two values would be handed over as " + name}
		}
		c.code, c.file = strings.TrimPrefix(c.code, "env "), strings.TrimPrefix(c.file, "env ")
	}
	e.before[at] = append(e.before[at], c)
	return nil
}

// where returns the place before a command where a variable is set for it, through its
// wrappers; env says that there the program of that name has to do it.
func (e *editor) where(b *build, name string) (at int, env bool, err error) {
	c := b.cmd
	for c.Parent != nil && c.Parent != b.shell {
		p := c.Parent
		switch {
		case p.Program == "env" || p.Program == "sudo" && p.StripsIts(name):
			if p.Program == "sudo" {
				e.need("sudo has to be allowed to set " + name + " for its command (SETENV, or env_keep)")
			}
			return c.Start, false, nil
		case p.StripsIts(name):
			return 0, false, &Error{b.cmd.Start, p.Program + " takes " + name + " out of the environment"}
		case p.Program == "time" && len(p.Args) == 0:
			return c.Start, false, nil // the shell's own
		case p.Program == "time":
			return c.Start, true, nil // that, or a program, as the shell has it
		}
		c = p
	}
	if c.In&shell.InSubst != 0 && strings.Contains(e.sc.t.Code, "`") {
		return 0, false, &Error{b.cmd.Start, "it stands in backquotes, maybe: write $(…)"}
	}
	return c.Start, false, nil
}

// value spells the value of an argument as that of an assignment.
func (e *editor) value(b *build, a *arg) (code, file string, err error) {
	refuse := &Error{b.words[a.first].start, "the quoting of " + a.name + " is not understood"}
	w := b.words[a.last]
	if len(a.value) == 0 {
		return `""`, `""`, nil
	}
	first, last := a.value[0], a.value[len(a.value)-1]
	bare, filled, mixed := true, false, false
	for _, c := range a.value {
		bare = bare && c.quote == ""
		filled = filled || !c.plain()
		mixed = mixed || c.quote == "" && !c.plain()
		if c.exp != nil && (c.exp.Name == "@" || c.exp.Name == "*" || c.exp.Index == "@" || c.exp.Index == "*") {
			return "", "", refuse
		}
	}
	if w.part { // of a string: what is quoted there is all in one
		if first.quote != last.quote || first.open != last.open {
			return "", "", refuse
		}
		q := first.quote
		if q == "" {
			q = `"`
		}
		return q + e.sc.t.Code[first.at:last.end] + q[len(q)-1:], q + e.sc.file(first.at, last.end) + q[len(q)-1:], nil
	}
	// The character before the value, '=', stands in the same quotes or not.
	all := b.words[a.last].chars
	before := all[len(all)-len(a.value)-1]
	start, open := first.open, ""
	if first.quote != "" && before.quote != "" && before.open == first.open {
		start, open = first.at, first.quote
	}
	if first.quote == "" {
		start = first.at
		if e.sc.t.Code[start] == '~' {
			return "", "", refuse
		}
		if start > 0 && e.sc.t.Code[start-1] == '\\' {
			start--
		}
	}
	code, file = open+e.sc.t.Code[start:w.end], open+e.sc.file(start, w.end)
	switch {
	case bare && filled && quotable(a.value) && !strings.ContainsAny(plainText(a.value), "\"'\\`$") && !strings.Contains(code, `\`+"\n"):
		return `"` + code + `"`, `"` + file + `"`, nil
	case mixed && e.isArgument(b):
		return "", "", refuse
	}
	return code, file, nil
}

// plainText is what is written of a value between its expansions.
func plainText(value []char) string {
	var b strings.Builder
	for _, c := range value {
		if c.plain() {
			b.WriteString(c.text)
		}
	}
	return b.String()
}

// quotable reports whether expansions mean the same in double quotes.
func quotable(value []char) bool {
	for _, c := range value {
		switch {
		case c.exp == nil:
		case strings.HasPrefix(c.exp.Text, "$("):
		case strings.HasPrefix(c.exp.Text, "`") && strings.ContainsAny(c.exp.Text, "\"\\"):
			return false
		case strings.HasPrefix(c.exp.Text, "$") && strings.ContainsAny(c.exp.Text, "\"'\\~"):
			return false
		}
	}
	return true
}

// isArgument reports whether the assignment is a word of sudo or env, which is split.
func (e *editor) isArgument(b *build) bool {
	for _, p := range b.around()[1:] {
		if p.Program == "sudo" || p.Program == "env" || p.Program == "time" {
			return true
		}
	}
	return false
}
