package workflow

import (
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// inner is the text of an expression without its marks.
func inner(expression string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(expression, "${{"), "}}"))
}

// constant returns the value of an expression that is a text in quotes.
func constant(expression string) (string, bool) {
	if len(expression) < 2 || expression[0] != '\'' || expression[len(expression)-1] != '\'' {
		return "", false
	}
	body := strings.ReplaceAll(expression[1:len(expression)-1], "''", "\x00")
	if strings.Contains(body, "'") {
		return "", false
	}
	return strings.ReplaceAll(body, "\x00", "'"), true
}

// maxDepth ends a variable that is made of itself.
const maxDepth = 6

// expand fills in what is known of a text before it runs, with call.Hole for the rest.
func (s *step) expand(value string, with combination, depth int) string {
	var b strings.Builder
	at := 0
	for _, h := range expressions(value) {
		b.WriteString(value[at:h.Start])
		v, ok := s.value(inner(value[h.Start:h.End]), with, depth)
		if !ok {
			v = call.Hole
		}
		b.WriteString(v)
		at = h.End
	}
	b.WriteString(value[at:])
	return b.String()
}

// value returns what an expression stands for, where that is certain.
func (s *step) value(expression string, with combination, depth int) (string, bool) {
	if v, ok := constant(expression); ok {
		return v, true
	}
	scope, name, ok := strings.Cut(expression, ".")
	if !ok || depth > maxDepth || !plainName(name) {
		return "", false
	}
	switch strings.ToLower(scope) {
	case "matrix":
		return with.value(name)
	case "github", "gitea", "forge", "forgejo":
		switch {
		case name == "workspace":
			return ".", true
		case name == "action_path" && s.action:
			return s.here(), true
		}
	case "env":
		return s.variable(name, with, depth)
	}
	return "", false
}

// variable returns what a variable is set to where the step stands.
func (s *step) variable(name string, with combination, depth int) (string, bool) {
	n := s.envOf(name)
	if n == nil || n.Kind != yamledit.Scalar {
		return "", false
	}
	if get(s.env, name) == nil && s.sets(name) {
		return "", false
	}
	return s.expand(n.Value, with, depth+1), true
}

// envOf returns the value that env sets for a variable, the nearest one.
func (s *step) envOf(name string) *yamledit.Node {
	for _, env := range []*yamledit.Node{s.env, s.job.env, s.file.env} {
		if n := get(env, name); n != nil {
			return n
		}
	}
	return nil
}

// sets reports whether a step before this one may set a variable for those after it.
func (s *step) sets(name string) bool {
	for _, n := range s.job.steps[:s.i] {
		if run := text(get(n, "run")); strings.Contains(run, "GITHUB_ENV") && strings.Contains(run, name) {
			return true
		}
	}
	return false
}

func plainName(name string) bool {
	for _, c := range name {
		if c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return name != ""
}
