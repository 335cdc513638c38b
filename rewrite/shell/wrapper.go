package shell

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// wrapper describes a program that runs another one, which is named among its arguments.
type wrapper struct {
	values  string // options that take a value as the next word, short ones without their "-"
	skip    int    // words that stand before the command: a user, a duration
	sub     string // the word that must come first: bundle exec
	assigns bool   // NAME=value may stand before the command
}

var wrappers = map[string]wrapper{
	"sudo":     {values: "u g h p C r t T U D R --user --group --host --prompt --chdir --chroot --close-from --role --type --command-timeout --other-user", assigns: true},
	"doas":     {values: "u C a"},
	"pkexec":   {values: "--user"},
	"env":      {values: "u C --unset --chdir", assigns: true},
	"exec":     {values: "a"},
	"command":  {},
	"builtin":  {},
	"time":     {values: "f o"},
	"nice":     {values: "n --adjustment"},
	"ionice":   {values: "c n t --class --classdata"},
	"chrt":     {skip: 1},
	"taskset":  {skip: 1},
	"nohup":    {},
	"setsid":   {},
	"stdbuf":   {values: "i o e --input --output --error"},
	"unbuffer": {},
	"timeout":  {values: "k s --kill-after --signal", skip: 1},
	"xargs": {values: "a d E I L n P s --arg-file --delimiter --max-args --max-procs --max-lines --max-chars " +
		"--process-slot-var"},
	"gosu":             {skip: 1},
	"su-exec":          {skip: 1},
	"setuser":          {skip: 1},
	"s6-setuidgid":     {skip: 1},
	"chpst":            {values: "u U b e / n l L m d o p f c P"},
	"setpriv":          {values: "--reuid --regid --groups"},
	"chroot":           {skip: 1},
	"flock":            {values: "w E --timeout --conflict-exit-code", skip: 1},
	"fakeroot":         {values: "l s i b --lib --faked"},
	"eatmydata":        {},
	"catchsegv":        {},
	"busybox":          {},
	"xvfb-run":         {values: "e f n p s w --error-file --auth-file --server-num --xauth-protocol --server-args --wait"},
	"dbus-run-session": {},
	"dumb-init":        {values: "r --rewrite"},
	"tini":             {values: "e p"},
	"sshpass":          {values: "p f d P"},
	"ssh-agent":        {values: "a E O P t"},
	"npx":              {values: "p c --package --call"},
	"bunx":             {},
	"pnpx":             {},
	"bundle":           {sub: "exec"},
	"poetry":           {sub: "run"},
	"pipenv":           {sub: "run"},
	"pdm":              {sub: "run"},
	"hatch":            {sub: "run"},
	"uv":               {sub: "run", values: "p --python --with --extra --group --env-file --directory --project --index --package"},
	"conda":            {sub: "run", values: "n p --name --prefix"},
	"mamba":            {sub: "run", values: "n p --name --prefix"},
	"micromamba":       {sub: "run", values: "n p --name --prefix"},
	"pnpm":             {sub: "exec"},
	"rbenv":            {sub: "exec"},
	"op":               {sub: "run", values: "--env-file"},
}

// unwrap adds the commands that a wrapper runs. It returns those that stand in the same statement, outermost first;
// nested scripts are read here and not returned. ws are the arguments of c.
func (r *reader) unwrap(c *Command, ws []*syntax.Word, sc scope) []*Command {
	if r.err != nil || c.Program == "" || strings.HasPrefix(c.Program, "./") || len(ws) != len(c.Args) {
		return nil
	}
	switch c.Program {
	case "sh", "bash", "dash", "ash", "ksh", "mksh", "rbash", "zsh", "fish", "csh", "tcsh":
		r.shell(c, ws, sc)
		return nil
	case "su", "runuser":
		return r.su(c, ws, sc)
	case "trap":
		if len(ws) > 1 && !strings.HasPrefix(c.Args[0].Text, "-") {
			in := sc
			in.in |= InTrap
			in.dir = sc.dir.lost()
			r.nested(c, r.flatten(ws[0], sc.ticks, true), r.u.dialect, in)
		}
		return nil
	case "find":
		return r.find(c, ws, sc)
	case "command":
		if len(c.Args) > 0 && strings.HasPrefix(c.Args[0].Lit, "-") && strings.ContainsAny(c.Args[0].Lit, "vV") {
			return nil
		}
	}
	w, ok := wrappers[c.Program]
	if !ok {
		return nil
	}
	i := 0
	if w.sub != "" {
		if len(c.Args) == 0 || c.Args[0].Lit != w.sub {
			return nil
		}
		i++
	}
	var options []string
	skip, assigned := w.skip, 0
	for ; i < len(c.Args); i++ {
		a := c.Args[i]
		if strings.HasPrefix(a.Text, "-") && assigned == 0 && (a.Text != "-" || c.Program == "env") {
			if options = append(options, a.Text); a.IsLit {
				options[len(options)-1] = a.Lit
			}
			if a.Lit == "--" {
				i++
				break
			}
			if takesValue(a.Lit, w.values) && i+1 < len(c.Args) {
				i++
				options = append(options, c.Args[i].Lit)
			}
			continue
		}
		if w.assigns {
			if _, ok := r.assignmentWord(ws[i], a); ok {
				assigned++
				continue
			}
		}
		if skip == 0 {
			break
		}
		skip--
	}
	if slices.Contains(options, "--") {
		for ; skip > 0 && i < len(c.Args); i++ {
			skip--
		}
		for ; w.assigns && i < len(c.Args); i++ {
			if _, ok := r.assignmentWord(ws[i], c.Args[i]); !ok {
				break
			}
			assigned++
		}
	}
	set := letters(options, w.values)
	c.strips = stripper(c.Program, options, set)
	switch {
	case c.Program == "env" && (strings.Contains(set, "S") || hasPrefix(options, "--split-string")), c.Program == "npx" && (strings.Contains(set, "c") || hasPrefix(options, "--call")):
		c.Opaque = true
		return nil
	case i >= len(c.Args):
		return nil
	}
	dir := sc.dir
	switch {
	case c.Program == "chroot", c.Program == "env" && strings.Contains(set, "C"), c.Program == "sudo" && strings.ContainsAny(set, "Di"),
		hasPrefix(options, "--chdir"), hasPrefix(options, "--directory"), c.Program == "sudo" && hasPrefix(options, "--login"):
		dir = sc.dir.lost()
	}
	inner := r.inner(c, ws, i, i-assigned, dir, sc)
	return append([]*Command{inner}, r.unwrap(inner, ws[i+1:], sc)...)
}

// inner makes the command whose program is argument i of c; the arguments from first on are assignments before it.
func (r *reader) inner(c *Command, ws []*syntax.Word, i, first int, dir folder, sc scope) *Command {
	in := &Command{
		Start: c.Args[first].Start, End: c.Args[len(c.Args)-1].End, In: c.In, Parent: c, PipeTo: c.PipeTo,
		Around: append(slices.Clone(c.Redirs), c.Around...), Dir: dir.path, DirKnown: dir.known,
		Templated: c.Templated, unit: c.unit, pos: c.pos, subst: c.subst,
	}
	for j := first; j < i; j++ {
		as, _ := r.assignmentWord(ws[j], c.Args[j])
		as.Command = in
		r.inAssign(c.Args[j], as)
		in.Assigns = append(in.Assigns, as)
	}
	in.setProgram(c.Args[i:])
	r.s.Commands = append(r.s.Commands, in)
	r.builtin(in, ws[i+1:], sc)
	return in
}

// takesValue reports whether an option's value is the next word.
func takesValue(option, values string) bool {
	list := strings.Fields(values)
	if strings.HasPrefix(option, "--") {
		return slices.Contains(list, option)
	}
	for i := 1; i < len(option); i++ {
		if slices.Contains(list, option[i:i+1]) {
			return i == len(option)-1
		}
	}
	return false
}

// letters returns the one-letter options of a command line, those that take a value included.
func letters(options []string, values string) string {
	list := strings.Fields(values)
	var set []byte
	for _, o := range options {
		if len(o) < 2 || o[0] != '-' || o[1] == '-' {
			continue
		}
		for i := 1; i < len(o); i++ {
			set = append(set, o[i])
			if slices.Contains(list, o[i:i+1]) {
				break
			}
		}
	}
	return string(set)
}

func hasPrefix(options []string, prefix string) bool {
	return slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, prefix) })
}

// stripper says which variables a wrapper with these options takes away from its command.
func stripper(program string, options []string, set string) func(string) bool {
	all := func(string) bool { return true }
	switch program {
	case "sudo":
		if strings.Contains(set, "i") || slices.Contains(options, "--login") {
			return all
		}
		if strings.Contains(set, "E") || slices.Contains(options, "--preserve-env") {
			return nil
		}
		var kept []string
		for _, o := range options {
			if list, ok := strings.CutPrefix(o, "--preserve-env="); ok {
				kept = append(kept, strings.Split(list, ",")...)
			}
		}
		return func(name string) bool { return !slices.Contains(kept, name) }
	case "doas", "pkexec":
		return all
	case "exec":
		if strings.Contains(set, "c") {
			return all
		}
	case "setpriv":
		if slices.Contains(options, "--reset-env") {
			return all
		}
	case "env":
		var unset []string
		for i, o := range options {
			switch name, ok := strings.CutPrefix(o, "--unset="); {
			case o == "-" || o == "--ignore-environment" || strings.Contains(set, "i"):
				return all
			case ok:
				unset = append(unset, name)
			case (o == "-u" || o == "--unset") && i+1 < len(options):
				unset = append(unset, options[i+1])
			case strings.HasPrefix(o, "-u"):
				unset = append(unset, o[2:])
			}
		}
		if len(unset) > 0 {
			return func(name string) bool { return slices.Contains(unset, name) }
		}
	}
	return nil
}

// shell reads what sh, bash … run: -c 'script', or a here-document on their input.
func (r *reader) shell(c *Command, ws []*syntax.Word, sc scope) {
	d, known := dialects[c.Program]
	if !known || d == Unknown {
		c.Opaque = true
		return
	}
	var options []string
	script := false
	i := 0
	for ; i < len(c.Args); i++ {
		lit := c.Args[i].Lit
		if len(lit) < 2 || lit[0] != '-' && lit[0] != '+' {
			break
		}
		options = append(options, lit)
		if lit == "--" {
			i++
			break
		}
		if lit[1] == '-' {
			if lit == "--rcfile" || lit == "--init-file" {
				i++
			}
			continue
		}
		script = script || strings.Contains(lit, "c")
		if n := lit[len(lit)-1]; (n == 'o' || n == 'O') && i+1 < len(c.Args) {
			i++
			options = append(options, c.Args[i].Lit)
		}
	}
	var f Flags
	f.read(options)
	switch {
	case script && i < len(c.Args):
		r.s.Flags.add(f)
		r.nested(c, r.flatten(ws[i], sc.ticks, true), d, sc)
	case i < len(c.Args) && !strings.Contains(letters(options, "o O"), "s"):
		c.Opaque = true
	default:
		r.s.Flags.add(f)
		r.stdinScript(c, d, sc)
	}
}

// stdinScript reads the here-document that a shell has for its input; anything else on its input is unknown.
func (r *reader) stdinScript(c *Command, d Dialect, sc scope) {
	if r.input != nil {
		if span, ok := hdocBody(r.u.text, r.input); ok {
			r.nested(c, r.flattenHeredoc(span, r.input), d, sc)
			return
		}
	}
	c.Opaque = true
}

// su reads su -c 'script' user, and runuser -u user -- command.
func (r *reader) su(c *Command, ws []*syntax.Word, sc scope) []*Command {
	d, login, keep, user := POSIX, false, false, false
	var script *syntax.Word
	for i := 0; i < len(c.Args); i++ {
		option, value, attached := c.Args[i].Lit, "", false
		if strings.HasPrefix(option, "--") {
			option, value, attached = strings.Cut(option, "=")
		}
		if user && (option == "--" && i+1 < len(c.Args) || !strings.HasPrefix(c.Args[i].Text, "-")) {
			if option == "--" {
				i++
			}
			inner := r.inner(c, ws, i, i, sc.dir, sc)
			return append([]*Command{inner}, r.unwrap(inner, ws[i+1:], sc)...)
		}
		switch option {
		case "-", "-l", "--login":
			login = true
		case "-m", "-p", "--preserve-environment":
			keep = true
		case "-s", "--shell", "-u", "--user", "-g", "-G", "-w", "--group", "--supp-group", "--whitelist-environment":
			if !attached && i+1 < len(c.Args) {
				i++
				value = c.Args[i].Lit
			}
			if option == "-s" || option == "--shell" {
				d = DialectOf([]string{value})
			}
			user = user || c.Program == "runuser" && (option == "-u" || option == "--user")
		case "-c", "-lc", "--command", "--session-command":
			login = login || option == "-lc"
			if attached || i+1 == len(c.Args) {
				c.Opaque = true
				continue
			}
			i++
			script = ws[i]
		}
	}
	if login && !keep {
		c.strips = func(string) bool { return true }
	}
	if script != nil {
		if login {
			sc.dir = folder{path: "~"}
		}
		r.nested(c, r.flatten(script, sc.ticks, true), d, sc)
	}
	return nil
}

// find reads find … -exec command {} ;
func (r *reader) find(c *Command, ws []*syntax.Word, sc scope) []*Command {
	var chain []*Command
	for i := 0; i < len(c.Args); i++ {
		switch c.Args[i].Lit {
		case "-exec", "-execdir", "-ok", "-okdir":
		default:
			continue
		}
		end := i + 1
		for end < len(c.Args) && c.Args[end].Lit != ";" && c.Args[end].Lit != "+" {
			end++
		}
		if end == i+1 {
			continue
		}
		dir := sc.dir
		if strings.HasSuffix(c.Args[i].Lit, "dir") {
			dir = sc.dir.lost()
		}
		view := *c
		view.Args = c.Args[:end]
		inner := r.inner(&view, ws[:end], i+1, i+1, dir, sc)
		inner.Parent = c
		chain = append(chain, inner)
		chain = append(chain, r.unwrap(inner, ws[i+2:end], sc)...)
		i = end
	}
	return chain
}

// nested reads a script that c's shell is given as a string.
func (r *reader) nested(c *Command, f flat, d Dialect, sc scope) {
	if d == Unknown || r.u.depth >= 4 {
		c.Opaque = true
		return
	}
	u := &unit{text: string(f.text), dialect: d, at: make([]int, len(f.at)), skip: f.skip, parent: c, functions: map[string]bool{}, depth: r.u.depth + 1}
	for i, off := range f.at {
		u.at[i] = r.u.start(off)
	}
	if len(u.at) == 0 {
		c.Opaque = c.Opaque || !f.literal
		return
	}
	if f.doubtful || u.parse() != nil {
		c.Opaque = true
		return
	}
	r.s.units = append(r.s.units, u)
	in := &reader{s: r.s, u: u, around: append(slices.Clone(c.Redirs), c.Around...)}
	in.stmts(u.file.Stmts, u.file.Last, scope{in: sc.in | InString, dir: sc.dir, subst: sc.subst})
	u.file = nil
	if in.err != nil {
		r.err = in.err
	}
}
