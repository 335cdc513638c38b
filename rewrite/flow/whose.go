package flow

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// firstPassword reports a value that is what somebody or something beside it is called: a
// user, a database, a host of the file's variables, the base image, a stage, a service.
// Whoever has the image guesses it, as long as it does not look random.
func (a *analysis) firstPassword(value string) bool {
	return a.whose()[plainWord(value)]
}

// whose are the names that stand in the file.
func (a *analysis) whose() map[string]bool {
	if a.names != nil {
		return a.names
	}
	a.names = map[string]bool{}
	add := func(name string) {
		if name = plainWord(name); len(name) > 2 {
			a.names[name] = true
		}
	}
	for _, in := range a.file.Instructions {
		switch in.Name {
		case "arg", "env":
			for _, p := range in.Pairs() {
				if p.Value.Text == "" || a.file.HasVariable(p.Value.Text) || !detect.Whose(p.Name) {
					continue
				}
				if e, err := a.file.Expand(p.Value.Text, nil); err == nil {
					add(e.Value)
				}
			}
		case "user":
			name, _, _ := strings.Cut(in.ArgText(), ":")
			add(name)
		}
	}
	for _, st := range a.file.Stages {
		add(st.Name)
		add(imageName(st))
	}
	return a.names
}

// imageName is the last element of the image that a stage begins with, without its tag.
func imageName(st *dockerfile.Stage) string {
	name := base(st.Base)
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// plainWord is a value as it is compared with names: in small letters, without the digits
// that people put behind.
func plainWord(s string) string {
	return strings.TrimRight(strings.ToLower(strings.TrimSpace(s)), "0123456789!@#$%.?*_-")
}

// usersOf are the names among the arguments of a command: --username X, -u X, user=X.
func usersOf(texts []string) []string {
	var out []string
	for i, t := range texts {
		flag, value, attached := strings.Cut(t, "=")
		switch {
		case attached && detect.Whose(strings.TrimLeft(flag, "-")):
			out = append(out, plainWord(value))
		case !strings.HasPrefix(t, "-") || attached || i+1 == len(texts):
		case t == "-u", t == "-U", strings.HasPrefix(t, "--") && detect.Whose(t[2:]):
			out = append(out, plainWord(texts[i+1]))
		}
	}
	return out
}

// likeItsUser reports a value of a command that is the user's name.
func likeItsUser(args []shell.Word, value string) bool {
	texts := make([]string, len(args))
	for i, w := range args {
		texts[i] = wordText(w)
	}
	name := plainWord(value)
	return name != "" && slices.Contains(usersOf(texts), name)
}
