package flow

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// logged is what is said of a command that shows the value to whoever sees the log: BuildKit
// shows the output of a command, and keeps it.
const logged = " prints it into the build's log"

// prints reports whether a command's output holds what it is given, and goes to the log.
func prints(c *shell.Command) bool {
	switch c.Program {
	case "echo", "printf", "printenv", "cat", "tee", "envsubst", "base64", "tr", "cut", "head", "tail", "tac", "rev", "sort", "uniq",
		"fold", "paste", "iconv", "xxd", "jq", "yq", "awk", "gawk", "mawk", "sed":
	default:
		return false
	}
	return toLog(c) && !(c.Program == "sed" && slices.ContainsFunc(words(c.Args), func(a string) bool {
		return strings.HasPrefix(a, "-i") || strings.HasPrefix(a, "--in-place") || a == "-n"
	}))
}

// toLog reports whether a command's standard output is the build's log.
func toLog(c *shell.Command) bool {
	if c.PipeTo != nil || c.In&(shell.InSubst|shell.PipeLeft) != 0 {
		return false
	}
	for _, d := range append(slices.Clone(c.Redirs), c.Around...) {
		switch {
		case d.FD != "" && d.FD != "1", strings.HasPrefix(d.Op, "<"):
		case d.Op == ">&" && (d.Target.Lit == "2" || d.Target.Lit == "1"), d.Target.Lit == "/dev/stdout", d.Target.Lit == "/dev/stderr":
		default:
			return false
		}
	}
	return true
}

// shows says which command prints the variable without being given it: one that lists the
// environment, or the shell itself, before it runs what names the variable.
func (r *Run) shows(name string) string {
	if r.Script == nil {
		return ""
	}
	for _, c := range r.cmds {
		if c.sh != nil && lists(c) && !c.wraps(r) && toLog(c.sh) && !c.sh.StripsEnv(name) {
			return c.program + logged
		}
	}
	traced := r.Script.Xtrace || shell.FlagsOf(shellWords(r.In)).Xtrace
	if traced && !strings.Contains(r.Text, "set +") && slices.ContainsFunc(r.Script.UsesOf(name), func(u shell.Use) bool { return u.Form != "#len" && u.Form != "-v" && !u.Nested }) {
		return "the shell" + logged + " (set -x)"
	}
	return ""
}

// lists reports a command that prints the whole environment.
func lists(c command) bool {
	switch c.program {
	case "env", "printenv":
		return len(c.args) == 0
	case "set":
		return len(c.args) == 0
	case "export", "declare":
		return len(c.args) == 0 && c.program == "export" || len(c.args) == 1 && (c.args[0] == "-p" || c.args[0] == "-x")
	}
	return false
}
