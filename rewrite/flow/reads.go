package flow

import (
	"path"
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
		switch {
		case c.sh == nil:
			continue
		case c.program == "env" && !c.wraps(r), c.program == "printenv" && len(c.args) == 0, c.program == "set" && len(c.args) == 0,
			c.program == "export" && (len(c.args) == 0 || c.args[0] == "-p"), c.program == "declare" && len(c.args) == 1 && strings.HasPrefix(c.args[0], "-"):
		default:
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
		if c.program != "git" || !slices.ContainsFunc(c.args, func(a string) bool { return strings.HasPrefix(a, "credential.") }) {
			continue
		}
		if slices.ContainsFunc(c.args, func(a string) bool { return dockerfile.MentionsName(a, name) }) {
			return true
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
	return program == "cargo" || name == "AWS_SESSION_TOKEN"
}

// opaque returns a program that may read the variable, "" if none does.
func (r *Run) opaque(name string, mayRead func(command) bool) string {
	for _, c := range r.cmds {
		if c.sh != nil {
			if c.sh.StripsEnv(name) || c.sh.Function || c.wraps(r) {
				continue // what a wrapper or a function runs is listed itself
			}
			if c.sh.Opaque {
				return c.name()
			}
			if c.sh.Path == "" {
				continue // only redirections
			}
		}
		if mayRead(c) {
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

// writes follows a variable through the script, to what leaves it in the layer.
func (r *Run) writes(name string) []Write {
	if r.Script == nil {
		return r.execWrites(name)
	}
	s := r.Script
	tainted := map[string]bool{name: true}
	for grown := true; grown; {
		grown = false
		for _, u := range s.Uses {
			if tainted[u.Name] && u.Assign != "" && !tainted[u.Assign] {
				tainted[u.Assign] = true
				grown = true
			}
		}
	}
	var out []Write
	add := func(w Write) {
		w.In = r.In
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, u := range s.Uses {
		if !tainted[u.Name] || u.Form == "#len" || u.Form == "-v" {
			continue
		}
		c := u.Command
		if c == nil {
			if u.Assign == "" {
				r.loose(u, add)
			}
			continue
		}
		if u.Assign != "" {
			continue // the command sees it by another name, which is tainted itself
		}
		r.sink(c, add)
		// $( … ) hands its output to the command around it.
		if c.In&shell.InSubst != 0 {
			for _, x := range s.Commands {
				if x != c && x.Start <= c.Start && c.End <= x.End && x != c.Parent {
					r.sink(x, add)
				}
			}
		}
	}
	return out
}

// loose is a use outside of any command's words: a loop's list, a compound's redirection.
func (r *Run) loose(u shell.Use, add func(Write)) {
	for _, c := range r.Script.Commands {
		for _, a := range c.Around {
			if a.WritesFile() && a.Body.Start <= u.Start && u.End <= a.Body.End {
				add(Write{What: "writes it to " + target(a)})
			}
		}
	}
}

// sink says what a command does with a value in its words.
func (r *Run) sink(c *shell.Command, add func(Write)) {
	args := words(c.Args)
	if w, ok := persists(c.Program, args); ok {
		if w.Hashed || !r.undone(c, w.file) {
			add(Write{What: w.what, Hashed: w.Hashed, Unsure: w.unsure})
		}
		return
	}
	kind := classOf(c.Program, args)
	if echoes(c.Program) {
		for _, redir := range append(slices.Clone(c.Redirs), c.Around...) {
			if redir.WritesFile() && !r.removed(c, redir.Target.Lit) {
				add(Write{What: "writes it to " + target(redir)})
			}
		}
		if c.Program == "tee" {
			for _, a := range args {
				if !strings.HasPrefix(a, "-") && !r.removed(c, a) {
					add(Write{What: "writes it to " + a})
				}
			}
		}
		if c.PipeTo != nil && c.PipeTo != c {
			r.sink(c.PipeTo, add)
		}
		return
	}
	switch {
	case c.Program == "sed" || c.Program == "perl" || c.Program == "gawk":
		if slices.ContainsFunc(args, func(a string) bool {
			return strings.HasPrefix(a, "-i") || strings.HasPrefix(a, "--in-place") || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "i") && c.Program == "sed"
		}) {
			add(Write{What: c.Program + " writes it into a file"})
			return
		}
		for _, redir := range append(slices.Clone(c.Redirs), c.Around...) {
			if redir.WritesFile() && !r.removed(c, redir.Target.Lit) {
				add(Write{What: "writes it to " + target(redir)})
			}
		}
	case kind == opaque && !c.Function && !passesOn(c.Program):
		what := c.Program
		if what == "" {
			what = "a program"
		}
		add(Write{What: what + " is given it and may keep it", Unsure: true})
	}
}

func target(redir shell.Redir) string {
	if redir.Target.Text == "" {
		return "a file"
	}
	return strings.Trim(redir.Target.Text, `"'`)
}

// echoes reports programs whose output is what they are given.
func echoes(program string) bool {
	switch program {
	case "echo", "printf", "cat", "tee", "envsubst", "base64", "tr", "cut", "head", "tail", "xargs", "awk", "rev", "sort", "xxd", "openssl":
		return true
	}
	return false
}

// passesOn reports package managers that use a credential in their arguments for one
// request and keep nothing (URLs that they do keep are told by persists).
func passesOn(program string) bool {
	switch program {
	case "pip", "pip3", "npm", "npx", "yarn", "pnpm", "uv", "twine", "mvn", "gradle", "./gradlew", "./mvnw", "bundle", "cargo", "curl", "wget",
		"psql", "rails", "rake", "sentry-cli", "aws", "gh", "hub", "az", "gsutil", "kaggle", "snyk", "http":
		return true
	}
	return false
}

type persist struct {
	what   string
	file   string // what removing undoes it
	Hashed bool
	unsure bool
}

// persists names commands that keep a credential that they are given.
func persists(program string, args []string) (persist, bool) {
	sub := subcommand(args)
	joined := " " + strings.Join(args, " ") + " "
	switch program {
	case "chpasswd", "passwd", "useradd", "usermod", "adduser", "htpasswd", "debconf-set-selections", "mkpasswd":
		return persist{what: program + " keeps a hash of it in the image", Hashed: true}, true
	case "git":
		switch {
		case slices.Contains(args, "clone") && strings.Contains(joined, "://"):
			return persist{what: "git clone keeps the URL in .git/config", file: cloneDir(args)}, true
		case slices.Contains(args, "remote") || slices.Contains(args, "submodule"):
			return persist{what: "git keeps the URL in .git/config"}, true
		case slices.Contains(args, "config") && !slices.Contains(args, "--unset"):
			return persist{what: "git config keeps it in a file", file: "~/.gitconfig"}, true
		}
		return persist{}, false
	case "npm", "yarn", "pnpm", "pip", "pip3", "poetry", "bundle", "composer", "conan", "gem", "gcloud", "az", "gh", "docker", "cargo",
		"huggingface-cli", "hf", "sentry-cli", "heroku", "doctl", "aws", "dotnet", "nuget", "helm", "twine", "snyk", "vault", "gpg", "wandb":
		for _, verb := range []string{" config ", " set ", " login ", " adduser ", " configure ", " signin ", " auth ", " remote ", " add source ", " sources ", " authtoken ", " --import ", " init "} {
			if strings.Contains(joined, verb) && !strings.Contains(joined, "--no-save") {
				return persist{what: program + " " + strings.TrimSpace(verb) + " keeps it in a file"}, true
			}
		}
		if strings.Contains(joined, "git+http") {
			return persist{what: program + " " + sub + " may keep the URL", unsure: true}, true
		}
	case "ssh-add", "keytool":
		return persist{what: program + " keeps it"}, true
	case "mysql", "mysqld", "mariadb", "psql", "mongo", "mongosh", "influx":
		upper := strings.ToUpper(joined)
		if strings.Contains(upper, "PASSWORD '") || strings.Contains(upper, "IDENTIFIED") || strings.Contains(upper, "CREATEUSER") {
			return persist{what: "the database keeps a hash of it in the image", Hashed: true}, true
		}
	case "go":
		if strings.Contains(joined, "-ldflags") || strings.Contains(joined, "-X ") {
			return persist{what: "go " + sub + " puts it into the program"}, true
		}
	}
	return persist{}, false
}

// cloneDir is the folder that git clone makes.
func cloneDir(args []string) string {
	var pos []string
	for i := slices.Index(args, "clone") + 1; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "-b" || a == "--branch" || a == "--depth" || a == "-o" || a == "-c" || a == "-j":
			i++
		case !strings.HasPrefix(a, "-"):
			pos = append(pos, a)
		}
	}
	switch len(pos) {
	case 1:
		return strings.TrimSuffix(path.Base(pos[0]), ".git")
	case 2:
		return pos[1]
	}
	return ""
}

// undone reports whether the script itself takes away what a command kept.
func (r *Run) undone(c *shell.Command, file string) bool {
	return file != "" && r.removed(c, file)
}

// removed reports whether a later command of the script removes a file for certain.
func (r *Run) removed(c *shell.Command, file string) bool {
	if file == "" {
		return false
	}
	unsure := shell.InSubshell | shell.InSubst | shell.InFunc | shell.InCond | shell.InBranch | shell.InLoop | shell.InCase | shell.OrLeft | shell.OrRight | shell.InBackground | shell.InTrap | shell.PipeLeft | shell.PipeRight
	for _, x := range r.Script.Commands {
		if x.Start < c.End || x.Program != "rm" || x.In&unsure != 0 {
			continue
		}
		for _, a := range x.Args {
			lit := a.Lit
			if !a.IsLit {
				lit = strings.Trim(a.Text, `"`)
			}
			if samePath(r, c, x, file, lit) {
				return true
			}
		}
	}
	return false
}

// samePath compares two file names of a script, as far as the text tells: the folder
// that each command runs in counts, ~ and /root are one.
func samePath(r *Run, c, x *shell.Command, a, b string) bool {
	norm := func(cmd *shell.Command, p string) string {
		p = strings.TrimSuffix(p, "/")
		for _, home := range []string{"~/", "$HOME/", "${HOME}/"} {
			if rest, ok := strings.CutPrefix(p, home); ok {
				return "/root/" + rest
			}
		}
		if !path.IsAbs(p) && cmd.DirKnown {
			p = path.Join(cmd.Dir, p)
		}
		return path.Clean(p)
	}
	return norm(c, a) == norm(x, b) && (path.IsAbs(norm(c, a)) || c.DirKnown && x.DirKnown)
}

// execWrites is writes for the exec form, which has no redirections of its own.
func (r *Run) execWrites(name string) []Write {
	for _, c := range r.cmds {
		if classOf(c.program, c.args) == opaque && !passesOn(c.program) {
			return []Write{{In: r.In, What: c.name() + " is given it and may keep it", Unsure: true}}
		}
	}
	return nil
}
