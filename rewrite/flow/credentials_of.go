package flow

import (
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Credential is a literal where a command takes a credential, outside of a Dockerfile: in
// the command that a container starts with, or in a health check.
type Credential struct {
	Word     int    // the argument that it stands in; -1 in a script
	From, To int    // in the value of that word; in a script, in its text
	Name     string // the variable that it would go by: REDIS_PASSWORD
	What     string // "--password of mysql"
	Class    detect.ValueClass
}

// WordCredentials finds the credentials in the arguments of a program that no shell reads.
func WordCredentials(program string, args []string) []Credential {
	words := make([]shell.Word, len(args))
	for i, a := range args {
		words[i] = shell.Word{Start: i, End: i + 1, Text: a, Lit: a, IsLit: true}
	}
	var out []Credential
	for _, c := range credentialsOf(program, words) {
		out = append(out, Credential{c.word.Start, c.from, c.to, c.name, c.what, unwordy(c.class, c.word.Lit[c.from:c.to])})
	}
	return out
}

// ScriptCredentials finds the credentials in the commands of a script. One that is written
// with quotes or escapes within it is left out: no variable could stand there.
func ScriptCredentials(s *shell.Script) []Credential {
	var out []Credential
	add := func(span shell.Span, value, name, what string, class detect.ValueClass) {
		if value != "" && s.Text[span.Start:span.End] == value {
			out = append(out, Credential{-1, span.Start, span.End, name, what, unwordy(class, value)})
		}
	}
	assigned := func(as shell.Assign) {
		if v := as.Value; v.IsLit && v.Lit != "" && !as.Array && !as.Append && detect.Name(as.Name) == detect.Secret {
			add(locate(s.Text, v, 0, len(v.Lit)), v.Lit, as.Name, "value of "+as.Name, detect.Value(as.Name, v.Lit))
		}
	}
	for _, c := range s.Commands {
		for _, x := range credentialsOf(programOf(c), ownArgs(s, c)) {
			add(locate(s.Text, x.word, x.from, x.to), wordText(x.word)[x.from:x.to], x.name, x.what, x.class)
		}
		for _, as := range c.Assigns {
			assigned(as)
		}
	}
	for _, as := range s.Assigns {
		assigned(as)
	}
	return out
}

// unwordy is the class of a value that people write for demonstrations: a weak one.
func unwordy(class detect.ValueClass, value string) detect.ValueClass {
	if class == detect.Ordinary && wordy(value) {
		return detect.Weak
	}
	return class
}
