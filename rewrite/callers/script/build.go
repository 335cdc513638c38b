package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// build is what Build.Handle holds: a command that builds.
type build struct {
	sc    *scene
	cmd   *shell.Command
	shell *shell.Command // bash -c '…' whose script the command stands in; nil: the text itself
	plain bool           // that script can be changed where it stands
	tool  *tool
	words []word // the program first, arrays and strings replaced by their words
	name  int    // how many words name the tool
	line  line
	args  []arg // in the order of Build.Args
}

// arg is where a build argument stands.
type arg struct {
	option
	name  string
	value []char // behind NAME=
	kind  call.Kind
	env   string
}

// build reads a command; nil if it builds nothing.
func (sc *scene) build(c *shell.Command) *call.Build {
	if c.Name.End == 0 || c.Name.End > len(sc.t.Code) {
		return nil
	}
	ws := sc.wordsOf(c)
	tool, n := sc.identify(ws)
	if tool == nil {
		return nil
	}
	b := &build{sc: sc, cmd: c, tool: tool, words: ws, name: n}
	if c.Nested() {
		b.shell, b.plain = sc.shellOf(c)
	}
	short, known := tool.style.options()
	b.line = readLine(ws, n, short, known)
	out := &call.Build{Start: c.Start, End: c.End, What: tool.what, Handle: b, Fixed: tool.fixed}
	out.Builder = call.Builder{Engine: tool.engine, Why: tool.why, BuildKit: sc.buildKit(c)}
	sc.passed(out, b)
	if !sc.where(out, b) || out.Fixed == "" && len(out.Args) == 0 && len(b.line.operands)+len(b.line.options)+len(b.line.many) == 0 {
		return nil
	}
	if out.Fixed == "" {
		out.Fixed = sc.fixed(b)
	}
	out.Hidden = out.Hidden || sc.composes(b)
	return out
}

// wordsOf returns the words that a command gets, its program first.
func (sc *scene) wordsOf(c *shell.Command) []word {
	var ws []word
	for _, w := range append([]shell.Word{c.Name}, c.Args...) {
		ws = append(ws, sc.read(w))
	}
	return sc.expand(ws)
}

// passed reads the build arguments and secrets.
func (sc *scene) passed(out *call.Build, b *build) {
	for _, o := range b.line.options {
		value := o.value
		switch {
		case o.name == "build-arg":
		case o.name == "opt" && b.tool.style == buildctlStyle:
			var ok bool
			if value, ok = after(value, "build-arg:"); !ok {
				continue
			}
		case o.name == "set" && b.tool.style == bakeStyle:
			s, _ := literal(value)
			target, rest, ok := strings.Cut(s, ".args.")
			if !ok || rest == "" {
				continue
			}
			value = value[len(target)+len(".args."):]
		case o.name == "secret":
			if s, ok := sc.secret(o.value); ok {
				out.Secrets = append(out.Secrets, s)
			}
			continue
		default:
			continue
		}
		s, _ := literal(value)
		name, _, given := strings.Cut(s, "=")
		if !given && len(s) < len(value) || name == "" || !given && !validName(name) {
			out.Fixed, out.Hidden = or(out.Fixed, "it passes build arguments whose names are known only when it runs"), true
			continue
		}
		a := arg{option: o, name: name, kind: call.Bare}
		if given {
			a.value = value[len(name)+1:]
			a.kind, a.env = kindOf(a.value)
		}
		w := b.words[o.last]
		b.args = append(b.args, a)
		out.Args = append(out.Args, call.Arg{Name: name, Value: text(a.value), Kind: a.kind, Env: a.env, Start: b.words[o.first].start, End: w.end})
	}
}

// kindOf says how a value is given.
func kindOf(value []char) (call.Kind, string) {
	if _, ok := literal(value); ok {
		return call.Text, ""
	}
	if len(value) == 1 && value[0].hole != nil && value[0].hole.Env != "" {
		return call.Variable, value[0].hole.Env
	}
	if len(value) == 1 && value[0].exp != nil {
		e := value[0].exp
		if validName(e.Name) && e.Index == "" && (e.Form == "" || (e.Form == ":-" || e.Form == "-") && e.Param == "") {
			return call.Variable, e.Name
		}
	}
	return call.Computed, ""
}

// secret reads the value of --secret.
func (sc *scene) secret(value []char) (call.Secret, bool) {
	var s call.Secret
	for field := range strings.SplitSeq(text(value), ",") {
		key, v, _ := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "id":
			s.ID = v
		case "env":
			s.Env = v
		case "src", "source":
			s.File = v
		}
	}
	return s, s.ID != ""
}

// where fills in which Dockerfile it builds. It is false for what builds nothing: --help.
func (sc *scene) where(out *call.Build, b *build) bool {
	if target, ok := b.line.last("target"); ok {
		if v := sc.values(target, 0); len(v) == 1 && !strings.Contains(v[0], call.Hole) {
			out.Target = v[0]
		}
	}
	files, contexts, inContext := []string{""}, []string{"."}, false
	switch b.tool.style {
	case composeStyle, bakeStyle:
		out.Doubt = "what it builds, its file says"
		return len(out.Args) > 0
	case kanikoStyle:
		ctx, ok := b.line.last("context", "c")
		if _, too := b.line.last("dockerfile", "f", "destination", "d", "no-push"); !ok && !too {
			return false
		}
		if contexts = sc.values(ctx, 0); !ok {
			contexts = []string{"."}
		}
		for i := range contexts {
			contexts[i] = strings.TrimPrefix(contexts[i], "dir://")
		}
		if f, ok := b.line.last("dockerfile", "f"); ok {
			files, inContext = sc.values(f, 0), true
		}
	case buildctlStyle:
		contexts, files = sc.locals(&b.line)
	default:
		if f, ok := b.line.last("file", "f"); ok {
			if files = sc.values(f, 0); files[0] == "-" {
				out.Doubt = "its Dockerfile is its input"
				return true
			}
		}
		switch n := len(b.line.operands); {
		case n == 1 && !b.words[b.line.operands[0]].strange:
			contexts = sc.values(b.words[b.line.operands[0]].chars, 0)
		case n == 0 && len(b.line.many) > 0:
			contexts = []string{call.Hole}
		case n == 0 && b.tool.style == buildahStyle:
		case n == 0 && len(out.Args) == 0 && len(b.line.options) < 2:
			return false
		default:
			out.Doubt = "what its arguments mean is not certain"
			return true
		}
	}
	if b.line.unknown {
		out.Doubt = "what its arguments mean is not certain"
		return true
	}
	turns := sc.turnsOf(b.cmd)
	pl := sc.places(turns, contexts, files, inContext)
	if len(pl.Dockerfiles) == 0 && inContext {
		pl = sc.places(turns, contexts, files, false)
	}
	if pl.Doubt == "" && len(b.line.many) > 0 && len(sc.p.Dockerfiles) > 1 {
		pl.Doubt = "a part of its arguments is known only when it runs"
	}
	if pl.Doubt == "" && sc.mayDiffer(b) {
		pl.Dockerfiles, pl.Doubt = nil, "which Dockerfile it builds is known only when it runs"
	}
	out.Dockerfiles, out.Doubt, out.Near, out.Context, out.Dir = pl.Dockerfiles, pl.Doubt, pl.Near && b.cmd.DirKnown, pl.Context, pl.Dir
	if out.Dir == "" {
		out.Dir = only(turns)
	}
	return true
}

// mayDiffer reports whether what says which Dockerfile it builds is there under a condition.
func (sc *scene) mayDiffer(b *build) bool {
	return slices.ContainsFunc(b.line.operands, func(i int) bool { return sc.sometimes(b.words[i], b.cmd) }) ||
		slices.ContainsFunc(b.line.options, func(o option) bool {
			return slices.Contains([]string{"file", "f", "context", "c", "dockerfile", "local", "opt"}, o.name) && sc.sometimes(b.words[o.last], b.cmd)
		})
}

// locals reads --local context=DIR --local dockerfile=DIR --opt filename=NAME of buildctl.
func (sc *scene) locals(l *line) (contexts, files []string) {
	contexts, files = []string{call.Hole}, []string{call.Hole}
	name := "Dockerfile"
	for _, o := range l.options {
		for _, v := range sc.values(o.value, 0) {
			if s, ok := strings.CutPrefix(v, "context="); ok && o.name == "local" {
				contexts = []string{s}
			}
			if s, ok := strings.CutPrefix(v, "dockerfile="); ok && o.name == "local" {
				files = []string{s}
			}
			if s, ok := strings.CutPrefix(v, "filename="); ok && o.name == "opt" {
				name = s
			}
		}
	}
	return contexts, []string{files[0] + "/" + name}
}

// buildKit is DOCKER_BUILDKIT where the command runs.
func (sc *scene) buildKit(c *shell.Command) call.Switch {
	out := call.Unset
	set := func(a shell.Assign) {
		if a.Name != "DOCKER_BUILDKIT" || !a.Value.IsLit {
			return
		}
		if out = call.On; a.Value.Lit == "0" || a.Value.Lit == "false" {
			out = call.Off
		}
	}
	if v, ok := sc.t.Defaults["DOCKER_BUILDKIT"]; ok {
		set(shell.Assign{Name: "DOCKER_BUILDKIT", Value: shell.Word{IsLit: true, Lit: v}})
	}
	for _, a := range sc.s.Assigns {
		if a.Start < c.Start {
			set(a)
		}
	}
	for p := c; p != nil; p = p.Parent {
		for _, a := range p.Assigns {
			set(a)
		}
	}
	return out
}

// fixed says why a command cannot be changed, whatever is asked for.
func (sc *scene) fixed(b *build) string {
	c := b.cmd
	switch {
	case c.Function:
		return "it calls a function of the script by that name"
	case c.Templated:
		return "it stands in a script that another one puts values into"
	case c.Nested() && (!b.plain || slices.ContainsFunc(b.words, func(w word) bool { return w.from != nil })):
		return "it stands in a string that another shell runs"
	}
	for p := c.Parent; p != nil; p = p.Parent {
		switch p.Program {
		case "xargs", "find", "parallel":
			return p.Program + " puts its arguments together"
		}
	}
	if sc.composes(b) {
		return "a part of its arguments is put together when it runs"
	}
	for _, a := range b.args {
		for i := a.first; i <= a.last; i++ {
			if w := b.words[i]; w.from != b.words[a.first].from || w.when != b.words[a.first].when || w.glob || w.strange || w.tilde {
				return "its build arguments cannot be told apart with certainty"
			}
		}
		if from := b.words[a.first].from; from != nil && !sc.onlyFor(from.Name, c) && !sc.onlyBuilds(from.Name) {
			return "its build arguments come from " + from.Name + ", which is used elsewhere too"
		}
	}
	return ""
}

// composes reports whether a command puts build arguments together in a word of its own.
func (sc *scene) composes(b *build) bool {
	return slices.ContainsFunc(b.line.many, func(i int) bool {
		return strings.Contains(sc.t.Code[b.words[i].start:b.words[i].end], "build-arg")
	})
}

// onlyBuilds reports whether an array or a string is used by commands that build and that can
// be changed together, and nothing else.
func (sc *scene) onlyBuilds(name string) bool {
	for _, u := range sc.s.UsesOf(name) {
		if u.Assign == name {
			continue
		}
		if u.Command == nil || u.Command.Nested() || u.Command.Function {
			return false
		}
		if tool, _ := sc.identify(sc.wordsOf(u.Command)); tool == nil || tool.fixed != "" {
			return false
		}
	}
	return !slices.ContainsFunc(sc.s.Assigns, func(a shell.Assign) bool { return a.Name == name && a.Export })
}

// onlyFor reports whether an array or a string is used by one command and nothing else.
func (sc *scene) onlyFor(name string, c *shell.Command) bool {
	for _, u := range sc.s.UsesOf(name) {
		if u.Assign == name || u.Start >= c.Start && u.End <= c.End {
			continue
		}
		if u.Command != nil && (u.Command.Path == "echo" || u.Command.Path == "printf" || u.Command.Path == "[" || u.Command.Path == "[[") && u.Form != "=" {
			continue
		}
		return false
	}
	for _, a := range sc.s.Assigns {
		if a.Name == name && a.Export {
			return false
		}
	}
	return true
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
