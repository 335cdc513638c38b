package flow

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// mentions reports whether the RUN's text holds the name, comments left out, and text
// that is only printed: echo '${T}' > .npmrc reads nothing.
func (r *Run) mentions(name string) bool {
	if !strings.Contains(r.Text, name) {
		return false
	}
	if r.Script == nil {
		// No shell expands $T in the exec form: a program may still be told the name.
		text := strings.NewReplacer("${"+name+"}", "", "$"+name, "").Replace(r.Text)
		return dockerfile.MentionsName(text, name)
	}
	if len(r.Script.UsesOf(name)) > 0 {
		return true
	}
	return slices.ContainsFunc(r.Script.Mentions(name), func(m shell.Span) bool { return !r.printed(m) })
}

// idle reports a script that only sets variables, which end with it: what it reads has no
// effect, and an empty value does as well.
func (r *Run) idle() bool {
	if r.Script == nil || r.Script.Nounset || r.Script.Opaque || len(r.cmds)+len(r.Script.Assigns) == 0 {
		return false
	}
	for _, u := range r.Script.Uses {
		switch u.Form {
		case "", ":-", ":+", "#len":
		default:
			return false // ${T:?} ends the script
		}
	}
	return !slices.ContainsFunc(r.cmds, func(c command) bool {
		switch c.program {
		case "export", "readonly", "declare", "typeset", "unset", ":", "true":
			return c.sh.PipeTo != nil || len(c.sh.Redirs)+len(c.sh.Around) > 0
		}
		return true
	})
}

// printed reports whether a span is text in the words or the quoted here-document of a
// command that prints it as it is.
func (r *Run) printed(m shell.Span) bool {
	var inner *shell.Command
	for _, c := range r.Script.Commands {
		in := c.Start <= m.Start && m.End <= c.End
		for _, d := range c.Redirs {
			in = in || d.Quoted && d.Body.Start <= m.Start && m.End <= d.Body.End
		}
		if in && (inner == nil || c.Start >= inner.Start) {
			inner = c
		}
	}
	if inner == nil || inner.PipeTo != nil {
		return false
	}
	switch inner.Program {
	case "echo", "printf", "cat", "tee":
		return true
	}
	return false
}

// dumps returns the file that the script writes its whole environment to, "" if none.
func (r *Run) dumps() string {
	for _, c := range r.cmds {
		if c.sh == nil || !lists(c) && !(c.program == "env" && !c.wraps(r)) {
			continue
		}
		last := c.sh
		for last.PipeTo != nil && last.PipeTo != last {
			last = last.PipeTo
		}
		for _, redir := range append(append(slices.Clone(c.sh.Redirs), last.Redirs...), c.sh.Around...) {
			if redir.WritesFile() && !r.removed(c.sh, redir.Target.Lit) {
				return target(redir)
			}
		}
	}
	return ""
}

// credentialHelper reports whether the script gives git a credential helper that names
// the variable.
func (r *Run) credentialHelper(name string) bool {
	for _, c := range r.cmds {
		for i, x := range c.args {
			// In the word itself (-c credential.helper=…), or in the next.
			if c.program == "git" && helperName().MatchString(x) && (dockerfile.MentionsName(x, name) || i+1 < len(c.args) && dockerfile.MentionsName(c.args[i+1], name)) {
				return true
			}
		}
	}
	return false
}

// tellsUnset reports whether the script behaves otherwise for an unset variable than
// for an empty one.
func (r *Run) tellsUnset(name string) bool {
	if r.Script == nil {
		return false
	}
	for _, u := range r.Script.UsesOf(name) {
		if u.Distinguishes || r.Script.Nounset && (u.Form == "" || u.Form == "#len" || u.Form == "slice") {
			return true
		}
	}
	return false
}

// tellsUnset names the programs for which an empty variable is a value.
func tellsUnset(name, program string) bool {
	return program == "cargo" && strings.HasPrefix(name, "CARGO_") || name == "AWS_SESSION_TOKEN"
}

// opaque returns a program that may read the variable, "" if none does.
func (r *Run) opaque(name string, mayRead func(command) bool) string {
	for _, c := range r.cmds {
		if c.sh != nil {
			if c.sh.StripsEnv(name) || c.sh.Function || c.wraps(r) {
				continue // what a wrapper or a function runs is listed itself
			}
			if r.installer(c, quietInstallers) {
				continue
			}
			if c.unknown() {
				return c.name()
			}
			if c.sh.Path == "" {
				continue // only redirections
			}
		}
		if !informs(c.program, c.args) && !checks(c.program, c.args) && mayRead(c) {
			return c.name()
		}
	}
	return ""
}

// wraps reports whether the command only runs another one that is listed itself.
func (c command) wraps(r *Run) bool {
	return slices.ContainsFunc(r.cmds, func(x command) bool { return x.sh != nil && x.sh.Parent == c.sh })
}

func (c command) name() string {
	switch {
	case c.program != "":
		return c.program
	case c.sh != nil && c.sh.Path != "":
		return c.sh.Path
	}
	return "a program"
}
