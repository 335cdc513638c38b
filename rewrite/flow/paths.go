package flow

import (
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// absolute is a script's path as far as it is known: in the folder that the command
// runs in, itself in the RUN's WORKDIR, with the variables that an ENV above sets.
func (a *analysis) absolute(r *Run, cmd *shell.Command, p string) string {
	if strings.Contains(p, "$") {
		p = r.settled(p)
	}
	return a.resolve(r.In, cmd.Dir, p)
}

func (a *analysis) resolve(in *dockerfile.Instruction, dir, p string) string {
	if dir == "~" || strings.HasPrefix(dir, "~/") {
		if !path.IsAbs(p) && !strings.HasPrefix(p, "~") && !strings.HasPrefix(p, "$") {
			p = path.Join(dir, p)
		}
		dir = ""
	}
	for _, home := range []string{"~/", "$HOME/", "${HOME}/"} {
		if rest, ok := strings.CutPrefix(p, home); ok {
			return path.Join(homeOf(in), rest)
		}
	}
	if !path.IsAbs(p) {
		p = path.Join(dir, p)
	}
	if !path.IsAbs(p) {
		if dir, ok := Workdir(in); ok {
			p = path.Join(dir, p)
		}
	}
	return path.Clean(p)
}

// homeOf is what ~ stands for in a RUN: HOME, or the folder that its user most likely has.
func homeOf(in *dockerfile.Instruction) string {
	if value, ok := envAt(in, "HOME", 0); ok && path.IsAbs(value) {
		return value
	}
	set := ""
	for _, x := range in.Stage.History(in) {
		if x.Name != "env" {
			continue
		}
		for _, p := range x.Pairs() {
			if p.Name == "HOME" {
				set = strings.Trim(p.Value.Text, `"'`)
			}
		}
	}
	switch u := User(in); {
	case set != "":
		return set
	case u != "" && u != "root" && u != "0":
		return path.Join("/home", u)
	}
	return "/root"
}

func (a *analysis) sameFile(r *Run, cmd *shell.Command, w shell.Word, c *Copied) bool {
	p := plain(w)
	return p != "" && !w.Glob && a.absolute(r, cmd, p) == c.Target
}

// plain is a word's text without the quotes that do not matter here.
func plain(w shell.Word) string {
	if w.IsLit {
		return w.Lit
	}
	return strings.Trim(w.Text, `"`)
}

// aboveFile reports whether a word names a folder that the file is in, or is a pattern
// that matches the file or such a folder.
func (a *analysis) aboveFile(r *Run, cmd *shell.Command, w shell.Word, c *Copied) (above, pattern bool) {
	p := plain(w)
	if p == "" || strings.HasPrefix(p, "-") {
		return false, false
	}
	abs := a.absolute(r, cmd, p)
	for dir := c.Target; ; dir = path.Dir(dir) {
		if dir != c.Target && abs == dir {
			return true, false
		}
		if ok, err := path.Match(abs, dir); w.Glob && (ok || err != nil) {
			return false, true
		}
		if dir == "/" || dir == "." {
			return false, false
		}
	}
}

// settledIn puts the variables that an ENV above sets to a literal into a word that the
// builder expands. Where one of them is another's, the word stays as it is.
func settledIn(in *dockerfile.Instruction, word string) string {
	if !strings.Contains(word, "$") {
		return word
	}
	if value, ok := expandAt(in, word, 0); ok {
		return value
	}
	return word
}

func expandAt(in *dockerfile.Instruction, word string, depth int) (string, bool) {
	e, err := in.File.Expand(word, nil)
	if err != nil || depth > 8 {
		return "", false
	}
	env := map[string]string{}
	for name := range e.Used {
		value, ok := envAt(in, name, depth)
		if !ok {
			return "", false
		}
		env[name] = value
	}
	e, err = in.File.Expand(word, env)
	return e.Value, err == nil
}

// envAt returns the value that a variable has at an instruction, where an ENV of the file
// sets it. A build argument has the value that somebody passes.
func envAt(in *dockerfile.Instruction, name string, depth int) (value string, ok bool) {
	if in.Stage == nil {
		return "", false
	}
	for _, x := range in.Stage.History(in) {
		if x.Name != "env" {
			continue
		}
		for _, p := range x.Pairs() {
			if p.Name == name {
				value, ok = expandAt(x, p.Value.Text, depth+1)
			}
		}
	}
	return value, ok
}

// settled puts the variables that an ENV above sets, and the script leaves alone, into a
// path of the script. Where one is not known, the path stays as it is.
func (r *Run) settled(p string) string {
	var out strings.Builder
	for rest := p; ; {
		text, variable, ok := strings.Cut(rest, "$")
		out.WriteString(text)
		if !ok {
			return out.String()
		}
		name := variable
		if inner, braced := strings.CutPrefix(variable, "{"); braced {
			if name, rest, ok = strings.Cut(inner, "}"); !ok {
				return p
			}
		} else {
			n := 0
			for n < len(variable) && dockerfile.IsName("_"+variable[n:n+1]) {
				n++
			}
			name, rest = variable[:n], variable[n:]
		}
		if !dockerfile.IsName(name) || r.Script == nil || r.Script.Assigned[name] {
			return p
		}
		value, ok := envAt(r.In, name, 0)
		if name == "HOME" {
			value, ok = homeOf(r.In), true
		}
		if !ok || !plainPath(value) {
			return p
		}
		out.WriteString(value)
	}
}

// plainPath reports a path that a shell neither splits nor takes for a pattern.
func plainPath(p string) bool {
	return p != "" && path.Clean(p) != "." && strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-") == ""
}
