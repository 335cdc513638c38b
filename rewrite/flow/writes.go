package flow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// writes follows a variable through the script, to what leaves it in the layer.
func (r *Run) writes(name string) []Write {
	if r.Script == nil {
		return r.execWrites(name)
	}
	return r.writesOf(append(slices.Clone(r.Script.UsesOf(name)), r.told(name)...))
}

// told are the commands that are told the variable's name, and print its value.
func (r *Run) told(name string) []shell.Use {
	var out []shell.Use
	for _, c := range r.Script.Commands {
		for _, w := range c.Args {
			if !dockerfile.MentionsName(w.Text, name) {
				continue
			}
			switch c.Program {
			case "printenv", "envsubst":
			case "awk", "gawk", "mawk":
				if !strings.Contains(w.Text, "ENVIRON") {
					continue
				}
			case "jq", "yq":
				if !strings.Contains(w.Text, "env") && !strings.Contains(w.Text, "$ENV") {
					continue
				}
			default:
				continue
			}
			out = append(out, shell.Use{Name: name, Start: w.Start, End: w.End, Command: c})
		}
	}
	return out
}

// fills are the writes of envsubst, which puts the variable into a template of the project.
func (a *analysis) fills(r *Run, name string) []Write {
	if r.Script == nil {
		return nil
	}
	var uses []shell.Use
	for _, c := range r.Script.Commands {
		if c.Program != "envsubst" || len(c.Args) > 0 {
			continue
		}
		var sources []shell.Word
		for _, d := range c.Redirs {
			if d.Op == "<" {
				sources = append(sources, d.Target)
			}
			if strings.HasPrefix(d.Op, "<<") && d.Quoted && dockerfile.MentionsName(d.Heredoc, name) {
				uses = append(uses, shell.Use{Name: name, Start: d.Start, End: d.End, Command: c})
			}
		}
		for _, x := range r.Script.Commands {
			if x.PipeTo == c && x.Program == "cat" {
				sources = append(sources, x.Args...)
			}
		}
		for _, w := range sources {
			data, ok := a.contextFile(plain(w))
			if !ok {
				// A template that is not there to be seen: what it becomes is for secrets.
				ok = slices.ContainsFunc(c.Redirs, func(d shell.Redir) bool {
					kind, is := detect.File(plain(d.Target))
					return d.WritesFile() && is && kind.Title != ""
				})
				data = []byte(name)
			}
			if ok && dockerfile.MentionsName(string(data), name) {
				uses = append(uses, shell.Use{Name: name, Start: c.Start, End: c.End, Command: c})
			}
		}
	}
	return r.writesOf(uses)
}

// writesOf follows a value from the places where the script uses it.
func (r *Run) writesOf(uses []shell.Use) []Write {
	s := r.Script
	tainted := map[string]bool{}
	hashes := map[shell.Use]bool{} // uses of a hash of the value
	all := slices.Clone(uses)
	for i := 0; i < len(all); i++ {
		u := all[i]
		name, hash := u.Assign, hashes[u]
		if name == "" && u.Command != nil && u.Command.In&shell.InSubst != 0 {
			name, hash = r.assigned(u.Start, u.End), hash || hashed(u.Command)
		}
		if name == "" || tainted[name] {
			continue
		}
		tainted[name] = true
		for _, x := range s.UsesOf(name) {
			if !slices.Contains(all, x) {
				all = append(all, x)
				hashes[x] = hash
			}
		}
	}
	var out []Write
	add := func(w Write) {
		w.In, w.Run = r.In, r
		if !slices.ContainsFunc(out, func(x Write) bool { return x.What == w.What && x.Command == w.Command }) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(all, func(a, b shell.Use) int { return a.Start - b.Start })
	for _, u := range all {
		if u.Form == "#len" || u.Form == "-v" || u.Form == "+" || u.Form == ":+" {
			continue // what comes of it does not hold the value
		}
		c := u.Command
		if c == nil {
			if u.Assign == "" {
				r.loose(u, add)
			}
			continue
		}
		if u.Assign != "" {
			continue // the command sees it by another name, whose uses are listed themselves
		}
		asHash := func(w Write) {
			if w.account != "" {
				w = Write{What: keepsHash(w.account), Hashed: true}
			}
			add(w)
		}
		to := add
		if hashes[u] {
			to = asHash
		}
		r.sink(c, nil, all, to)
		// $( … ) hands its output to the command around it.
		if c.In&shell.InSubst != 0 {
			if hashed(c) {
				to = asHash
			}
			for _, x := range s.Commands {
				if x != c && x.Start <= c.Start && c.End <= x.End && x != c.Parent {
					r.sink(x, nil, nil, to)
				}
			}
		}
	}
	return out
}

// assigned returns the variable in whose value a span stands, "" if in none: T="$(cat f)".
func (r *Run) assigned(start, end int) string {
	within := func(as []shell.Assign) string {
		for _, a := range as {
			if a.Value.Start <= start && end <= a.Value.End {
				return a.Name
			}
		}
		return ""
	}
	if name := within(r.Script.Assigns); name != "" {
		return name
	}
	for _, c := range r.Script.Commands {
		if name := within(c.Assigns); name != "" {
			return name
		}
	}
	return ""
}

// pathUses are the places where the script names a file: what cats or copies it.
func (r *Run) pathUses(file string, same func(c *shell.Command, w shell.Word) bool) []shell.Use {
	var out []shell.Use
	for _, c := range r.Script.Commands {
		for _, w := range c.Args {
			lit := plain(w)
			if same(c, w) || strings.HasPrefix(lit, "-") && strings.HasSuffix(lit, file) || strings.HasSuffix(lit, "="+file) || strings.HasSuffix(lit, "@"+file) {
				out = append(out, shell.Use{Start: w.Start, End: w.End, Command: c})
			}
		}
		for _, d := range c.Redirs {
			if strings.HasPrefix(d.Op, "<") && d.Heredoc == "" && same(c, d.Target) {
				out = append(out, shell.Use{Start: d.Start, End: d.End, Command: c})
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

// sink says what a command does with a value in its words, at the given uses, or with
// what another one pipes into it.
func (r *Run) sink(c, from *shell.Command, uses []shell.Use, add func(Write)) {
	if inner := r.wrapped(c); len(inner) > 0 {
		for _, x := range inner {
			r.sink(x, from, uses, add) // what is piped into sudo tee goes to tee
		}
		return
	}
	args := words(c.Args)
	if what, ok := asItIs(c, uses, from != nil); ok {
		add(Write{What: what, account: c.Program})
		return
	}
	runs := toCommand(c)
	if what, ok := hashes(c.Program, args); ok {
		add(Write{What: what, Hashed: true})
		return
	}
	held := func(w shell.Word) bool {
		if uses == nil && from == nil {
			return strings.Contains(w.Text, "$(") // handed to it by what it runs first
		}
		return slices.ContainsFunc(uses, func(u shell.Use) bool { return w.Start < u.End && u.Start < w.End })
	}
	if k, ok := kept(c); ok {
		switch {
		case from != nil:
			k = k.Piped(from)
		case uses != nil:
			inWords := false
			for _, w := range k.Words {
				inWords = inWords || held(w)
			}
			if !inWords && k.Certain {
				r.approves(c, held, add) // git -c url.….insteadOf=… clone: for this once
				return
			}
			k = k.Only(held)
		}
		clean := r.undone(k, c) || slices.ContainsFunc(k.Files, func(f string) bool { return r.removed(c, f) })
		if k.Row == "npm-config" || k.Row == "pnpm-config" {
			clean = clean && r.withoutLogs(c) // npm writes its arguments to a log too, from 8.1 on
		}
		if k.gcloud() {
			clean = clean && r.withoutGsutil(k, c)
		}
		if !clean {
			add(Write{What: k.What, Command: c, How: Configures, Kept: &k})
		} else {
			r.approves(c, held, add)
		}
		return
	}
	r.approves(c, held, add)
	if what, unsure, ok := persists(runs.program, runs.args); ok {
		if !r.takesBack(c) {
			add(Write{What: what, Unsure: unsure})
		}
		return
	}
	redirected := func() {
		for i, redir := range append(slices.Clone(c.Redirs), c.Around...) {
			if !redir.WritesFile() {
				continue
			}
			r.onward(c, plain(redir.Target), add)
			if r.removed(c, plain(redir.Target)) {
				continue
			}
			w := Write{What: "writes it to " + target(redir), Command: c, How: Replaces, Path: redir.Target}
			if strings.HasPrefix(redir.Op, ">>") || strings.HasPrefix(redir.Op, "&>>") {
				w.How = Appends
			}
			if i >= len(c.Redirs) {
				w.Command, w.How = nil, Elsewhere // other commands write there too
			}
			add(w)
		}
	}
	if prints(c) {
		add(Write{What: c.Program + logged, Printed: true})
	}
	if echoes(c.Program) {
		redirected()
		if c.Program == "tee" {
			how := Replaces
			if slices.Contains(args, "-a") || slices.Contains(args, "--append") {
				how = Appends
			}
			for i, a := range args {
				if strings.HasPrefix(a, "-") || a == "/dev/null" || a == "/dev/stderr" {
					continue
				}
				if r.onward(c, plain(c.Args[i]), add); !r.removed(c, plain(c.Args[i])) {
					add(Write{What: "writes it to " + a, Command: c, How: how, Path: c.Args[i]})
				}
			}
		}
		for i, a := range args {
			switch of, ok := strings.CutPrefix(a, "of="); {
			case c.Program == "dd" && ok && !strings.HasPrefix(of, "/dev/") && !r.removed(c, of):
				add(Write{What: "dd writes it to " + of})
			case c.Program == "sponge" && !strings.HasPrefix(a, "-") && !r.removed(c, a):
				add(Write{What: "sponge writes it to " + a})
			case c.Program == "openssl" && from != nil && i > 0 && args[i-1] == "-out" && !r.removed(c, a):
				add(Write{What: "openssl writes it to " + a})
			}
		}
		if c.PipeTo != nil && c.PipeTo != c {
			r.sink(c.PipeTo, c, uses, add)
		}
		return
	}
	switch {
	case c.Program == "cp" || c.Program == "install" || c.Program == "mv" || c.Program == "ln":
		// Named as what is copied; where to is the last word.
		n := len(c.Args)
		if n >= 2 && c.Program != "mv" {
			r.onward(c, plain(c.Args[n-1]), add)
		}
		if n >= 2 && !r.removed(c, plain(c.Args[n-1])) {
			w := Write{What: c.Program + " copies it to " + strings.Trim(c.Args[n-1].Text, `"'`), Command: c, How: Replaces, Path: c.Args[n-1]}
			if files(command{program: c.Program, args: args}) != 2 || c.Program == "ln" || c.Program == "mv" {
				w.Command, w.How = nil, Elsewhere
			}
			add(w)
		}
	case c.Program == "sed" || c.Program == "perl" || c.Program == "gawk":
		if slices.ContainsFunc(args, func(a string) bool {
			return strings.HasPrefix(a, "-i") || strings.HasPrefix(a, "--in-place") || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "i") && c.Program == "sed"
		}) {
			w := Write{What: c.Program + " writes it into a file"}
			if last := len(c.Args) - 1; c.Program == "sed" && inPlaceOne(args) {
				if r.removed(c, plain(c.Args[last])) {
					return
				}
				w = Write{What: "sed writes it into " + strings.Trim(c.Args[last].Text, `"'`), Command: c, How: Edits, Path: c.Args[last]}
			}
			add(w)
			return
		}
		redirected()
		if c.PipeTo != nil && c.PipeTo != c {
			r.sink(c.PipeTo, c, uses, add)
		}
	case classOf(runs.program, runs.args) == opaque && !c.Function && !passesOn(runs.program):
		what := runs.program
		if what == "" {
			what = "a program"
		}
		add(Write{What: what + " is given it and may keep it", Unsure: true})
	}
}

// onward says what later commands of the script make of a file that a command writes: a
// copy, a login with it. Where it ends up is no matter of the file itself, which may be
// removed in time.
func (r *Run) onward(c *shell.Command, file string, add func(Write)) {
	if file == "" || file == "/dev/null" {
		return
	}
	var uses []shell.Use
	for _, u := range r.pathUses(file, func(x *shell.Command, w shell.Word) bool { return plain(w) != "" && samePath(r, c, x, file, plain(w)) }) {
		if u.Command.Start >= c.End && !onto(u) && len(r.wrapped(u.Command)) == 0 {
			uses = append(uses, u)
		}
	}
	for _, w := range r.unnamed(c.End) {
		add(w)
	}
	gone := r.removed(c, file)
	for _, w := range r.writesOf(uses) {
		switch {
		case w.Printed:
			add(Write{What: w.What, Printed: true})
		case w.How == Configures && r.hands(&w, c, file):
			add(w)
		case w.How == Configures || gone && w.Leaves():
			add(Write{What: w.What, How: Elsewhere})
		}
	}
}

// onto reports a use of a file's name by what writes to it.
func onto(u shell.Use) bool {
	switch u.Command.Program {
	case "cp", "mv", "install", "ln":
		return u.End == u.Command.Args[len(u.Command.Args)-1].End
	case "tee", "touch":
		return true
	}
	return false
}

// wrapped returns the commands that a wrapper runs.
func (r *Run) wrapped(c *shell.Command) []*shell.Command {
	var out []*shell.Command
	for _, x := range r.Script.Commands {
		if x.Parent == c {
			out = append(out, x)
		}
	}
	return out
}

// inPlaceOne reports whether sed edits exactly one file, the last word: sed -i 's/a/b/' f,
// sed -i -e … -e … f.
func inPlaceOne(args []string) bool {
	names, script := 0, false
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-e" || a == "--expression":
			script = true
			i++
		case strings.HasPrefix(a, "--expression="):
			script = true
		case a == "-i" || a == "-r" || a == "-E" || a == "-ri" || a == "-Ei" || a == "--in-place":
		case strings.HasPrefix(a, "-"):
			return false // -i.bak keeps a copy, -ie too
		default:
			names++
		}
	}
	if script {
		return names == 1
	}
	return names == 2
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
	case "echo", "printf", "printenv", "cat", "tee", "sponge", "dd", "envsubst", "base64", "tr", "cut", "head", "tail", "tac", "xargs", "awk", "mawk", "rev", "sort", "uniq",
		"xxd", "openssl", "jq", "yq", "fold", "paste", "iconv", "gzip", "gunzip", "zcat", "bzip2", "xz":
		return true
	}
	return false
}

// passesOn reports package managers that use a credential in their arguments for one
// request and keep nothing (URLs that they do keep are told by persists).
func passesOn(program string) bool {
	switch program {
	case "pip", "pip3", "npm", "npx", "yarn", "pnpm", "uv", "twine", "mvn", "gradle", "./gradlew", "./mvnw", "bundle", "cargo", "curl", "wget",
		"psql", "rails", "rake", "ssh-add", "sentry-cli", "aws", "gh", "hub", "az", "gsutil", "kaggle", "snyk", "http":
		return true
	}
	return false
}

func keepsHash(program string) string { return program + " keeps a hash of it in the image" }

// hashes names commands of which only a hash of what they are given stays.
func hashes(program string, args []string) (what string, ok bool) {
	switch program {
	case "chpasswd", "chgpasswd", "passwd", "useradd", "usermod", "adduser", "htpasswd", "mkpasswd":
		return keepsHash(program), true
	case "mysql", "mysqld", "mariadb", "psql", "mongo", "mongosh", "influx":
		upper := strings.ToUpper(" " + strings.Join(args, " ") + " ")
		if strings.Contains(upper, "PASSWORD '") || strings.Contains(upper, "IDENTIFIED") || strings.Contains(upper, "CREATEUSER") {
			return "the database keeps a hash of it in the image", true
		}
	}
	return "", false
}

// persists names commands that keep a credential that they are given, and have no row in writers.tsv.
func persists(program string, args []string) (what string, unsure, ok bool) {
	sub := subcommand(args)
	joined := " " + strings.Join(args, " ") + " "
	switch program {
	case "npm", "yarn", "pnpm", "pip", "pip3", "poetry", "bundle", "composer", "conan", "gem", "gcloud", "az", "gh", "docker", "cargo",
		"huggingface-cli", "hf", "sentry-cli", "heroku", "doctl", "aws", "dotnet", "nuget", "helm", "twine", "snyk", "vault", "gpg", "wandb":
		for _, verb := range []string{" config ", " set ", " login ", " adduser ", " configure ", " signin ", " auth ", " remote ", " add source ", " sources ", " authtoken ", " --import ", " init "} {
			if strings.Contains(joined, verb) && !strings.Contains(joined, "--no-save") {
				return program + " " + strings.TrimSpace(verb) + " keeps it in a file", false, true
			}
		}
		if strings.Contains(joined, "git+http") {
			return program + " " + sub + " may keep the URL", true, true
		}
	case "keytool":
		return program + " keeps it", false, true
	case "python", "python3":
		if strings.Contains(joined, "huggingface_hub") && strings.Contains(joined, "login(") {
			return "huggingface_hub keeps it in ~/.cache/huggingface", false, true
		}
	case "debconf-set-selections":
		return "debconf keeps it as it is in /var/cache/debconf", false, true // until the package clears it, in another layer
	case "go":
		if strings.Contains(joined, "-ldflags") || strings.Contains(joined, "-X ") {
			return "go " + sub + " puts it into the program", false, true
		}
	}
	return "", false, false
}

// unsureContext is what keeps a command from being run for certain, if the script comes to its end.
const unsureContext = shell.InSubshell | shell.InSubst | shell.InFunc | shell.InCond | shell.InBranch | shell.InLoop | shell.InCase | shell.OrLeft |
	shell.OrRight | shell.InBackground | shell.InTrap | shell.PipeLeft | shell.PipeRight

// withoutLogs reports whether a later command removes npm's logs.
func (r *Run) withoutLogs(c *shell.Command) bool {
	return slices.ContainsFunc(r.Script.Commands, func(x *shell.Command) bool {
		if x.Start < c.End || x.Program != "rm" || x.In&unsureContext&^c.In != 0 {
			return false
		}
		return slices.ContainsFunc(x.Args, func(a shell.Word) bool {
			p := strings.Trim(a.Text, `"`)
			return strings.HasSuffix(p, "/_logs") || strings.HasSuffix(p, "/.npm")
		})
	})
}

// undone reports whether the same tool takes back later what it was told to keep: npm
// config delete, git config --unset, docker logout.
func (r *Run) undone(k Kept, c *shell.Command) bool {
	return slices.ContainsFunc(r.Script.Commands, func(x *shell.Command) bool {
		// A write in a branch is taken back in one, under the same condition for all that the text says.
		same := x.In&unsureContext&^(c.In|shell.InBranch) == 0 && x.In&shell.InBranch == c.In&shell.InBranch
		return x.Start >= c.End && (same || x.In&unsureContext == 0) && takesBack(k, c, x)
	})
}

// takesBack reports whether a command tells the tool to forget what another one told it to keep.
func takesBack(k Kept, c, x *shell.Command) bool {
	if k.gcloud() {
		return wipesGcloud(x)
	}
	if x.Program != c.Program {
		return false
	}
	verb := slices.IndexFunc(x.Args, func(w shell.Word) bool {
		switch w.Lit {
		case "delete", "rm", "remove", "unset", "logout", "revoke", "deauth", "--unset", "--unset-all", "--remove-section", "--delete", "--remove", "--remove-key":
			return true
		case "-r":
			return x.Program == "gem"
		case "-u":
			return x.Program == "go"
		}
		return false
	})
	if verb < 0 {
		return false
	}
	if v := x.Args[verb].Lit; v == "logout" || v == "revoke" {
		return k.logsOut(x.Args[verb+1:])
	}
	for _, w := range x.Args {
		part := shown(w)
		if part == "" || strings.HasPrefix(part, "-") {
			continue
		}
		for name, named := range k.Words {
			switch strings.TrimRight(name, "0123456789") {
			case "key", "name", "alias", "remote", "repo", "organization", "registry", "url", "value":
				if shown(named) == strings.TrimPrefix(part, "users.") {
					return true
				}
			}
		}
		// git config url.X.insteadOf, and its section url.X; KEY=VALUE in one word.
		for _, v := range c.Args {
			if len(part) > 6 && strings.HasPrefix(strings.ReplaceAll(shown(v), `"`, ""), strings.ReplaceAll(part, `"`, "")) {
				return true
			}
		}
	}
	return false
}

// takesBack reports whether a command makes a tool forget what the script told it before.
func (r *Run) takesBack(c *shell.Command) bool {
	return slices.ContainsFunc(r.Script.Commands, func(x *shell.Command) bool {
		k, ok := kept(x)
		return ok && x.Start < c.Start && takesBack(k, x, c)
	})
}

// logsOut reports whether a logout with these words is one of the host that the login
// was for. That of a container registry, without a host, is one of docker.io.
func (k Kept) logsOut(args []shell.Word) bool {
	host, named := k.Words["host"]
	bare := true
	for _, w := range args {
		_, text, ok := strings.Cut(shown(w), "=")
		if !ok {
			text = shown(w)
		}
		if named && text == shown(host) || text == "--all" || text == "-a" {
			return true
		}
		bare = bare && (strings.HasPrefix(text, "-") || text == "github.com" || text == "docker.io" || !strings.ContainsAny(text, ".:$"))
	}
	return bare && !named
}

// removed reports whether a later command of the script removes a file for certain, or
// puts another one in its place.
func (r *Run) removed(c *shell.Command, file string) bool {
	if file == "" {
		return false
	}
	for _, x := range r.Script.Commands {
		if x.Start < c.End || x.In&unsureContext != 0 {
			continue
		}
		args, folder := x.Args, false
		switch {
		case x.Program == "mv" && files(command{program: "mv", args: words(args)}) == 2:
			args = args[len(args)-1:]
		case x.Program == "rm":
			folder = wholeFolder(command{program: "rm", args: words(args)})
		case x.Program != "unlink":
			continue
		}
		if slices.ContainsFunc(args, func(a shell.Word) bool {
			for name := file; plain(a) != ""; name = path.Dir(name) {
				if samePath(r, c, x, name, plain(a)) {
					return true
				}
				if !folder || name == "/" || name == "." || name == "~" || name == "$HOME" {
					break
				}
			}
			return false
		}) {
			return true
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
				return path.Join(homeOf(r.In), rest)
			}
		}
		if !path.IsAbs(p) && cmd.DirKnown {
			p = path.Join(cmd.Dir, p)
		}
		if dir, ok := Workdir(r.In); ok && cmd.DirKnown && !path.IsAbs(p) && !strings.HasPrefix(p, "~") && !strings.HasPrefix(p, "$") {
			p = path.Join(dir, p)
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
