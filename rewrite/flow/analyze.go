package flow

import (
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Analyze returns the secrets of a Dockerfile, in the order of their first origins.
func Analyze(f *dockerfile.File, p *Project) []*Secret {
	a := &analysis{file: f, project: p, runs: map[*dockerfile.Instruction]*Run{},
		asked: map[*dockerfile.Instruction]bool{}, written: map[string]bool{}, inTree: map[string]bool{}}
	secrets := a.variables()
	secrets = append(secrets, a.copied()...)
	sort.SliceStable(secrets, func(i, j int) bool {
		return secrets[i].Position().Start < secrets[j].Position().Start
	})
	return secrets
}

type analysis struct {
	file    *dockerfile.File
	project *Project
	runs    map[*dockerfile.Instruction]*Run
	asked   map[*dockerfile.Instruction]bool // by asks
	written map[string]bool                  // by textual
	inTree  map[string]bool                  // by mentionedInContext
}

func (a *analysis) run(in *dockerfile.Instruction) *Run {
	r := a.runs[in]
	if r == nil {
		r = readRun(in)
		a.runs[in] = r
	}
	return r
}

// group is the names that carry one value: ARG A with ENV B=$A.
type group struct {
	names   map[string]bool
	origins []Origin
	verdict detect.Verdict
}

// variables draws the flow of each secret that enters by ARG or ENV.
func (a *analysis) variables() []*Secret {
	groups := a.groups()
	if len(groups) == 0 {
		return nil
	}
	var secrets []*Secret
	for _, g := range groups {
		secrets = append(secrets, a.variable(g))
	}
	return secrets
}

// groups finds the variables that are secrets, with all declarations of theirs. Most
// files have none, and pay for the look at the names only.
func (a *analysis) groups() []*group {
	var all []Origin
	secret := map[string]detect.Verdict{}
	declared := map[string]bool{}
	for _, in := range a.file.Instructions {
		if in.Name != "arg" && in.Name != "env" {
			continue
		}
		for _, p := range in.Pairs() {
			declared[p.Name] = declared[p.Name] || in.Name == "arg" || p.Value.Text != ""
			o := Origin{Kind: Arg, In: in, Pair: p}
			if in.Name == "env" {
				o.Kind = Env
			}
			v := detect.No
			if name, ok := dockerfile.SoleVariable(p.Value.Text); ok && p.HasValue {
				o.From = name
				v = detect.Variable(p.Name, "", false)
				if v == detect.Declared && (!declared[name] || name == p.Name && !a.declaredBefore(in, name)) {
					v = detect.Contract // a variable that nobody declares is empty
				}
			} else if a.file.HasVariable(p.Value.Text) {
				v = a.composite(&o)
			} else {
				value := ""
				if p.HasValue {
					e, err := a.file.Expand(p.Value.Text, nil)
					if err != nil {
						e.Value = p.Value.Text
					}
					value = e.Value
					o.Value = NewValue(value)
				}
				v = detect.Variable(p.Name, value, p.HasValue)
				if v == detect.Contract && o.Kind == Arg {
					v = detect.Declared // ARG T= is given from outside like ARG T
				}
			}
			all = append(all, o)
			if v > secret[p.Name] {
				secret[p.Name] = v
			}
		}
	}
	if len(secret) == 0 {
		return nil
	}
	// Names joined by ENV B=$A, where A is declared at all, carry one value.
	root := map[string]string{}
	var find func(string) string
	find = func(n string) string {
		if r, ok := root[n]; ok && r != n {
			return find(r)
		}
		return n
	}
	for _, o := range all {
		if o.From != "" && declared[o.From] {
			root[find(o.Pair.Name)] = find(o.From)
		}
	}
	byRoot := map[string]*group{}
	var groups []*group
	for _, o := range all {
		r := find(o.Pair.Name)
		g := byRoot[r]
		if g == nil {
			g = &group{names: map[string]bool{}}
			byRoot[r] = g
			groups = append(groups, g)
		}
		g.names[o.Pair.Name] = true
		g.origins = append(g.origins, o)
		g.verdict = max(g.verdict, secret[o.Pair.Name])
	}
	return slices.DeleteFunc(groups, func(g *group) bool { return g.verdict == detect.No })
}

// declaredBefore reports whether an earlier instruction declares the name.
func (a *analysis) declaredBefore(in *dockerfile.Instruction, name string) bool {
	for _, x := range a.file.Instructions[:in.Index] {
		if x.Name != "arg" && x.Name != "env" {
			continue
		}
		if slices.ContainsFunc(x.Pairs(), func(p dockerfile.Pair) bool { return p.Name == name }) {
			return true
		}
	}
	return false
}

// composite judges a value that holds variables among other text.
func (a *analysis) composite(o *Origin) detect.Verdict {
	text := o.Pair.Value.Text
	if found := detect.Scan([]byte(text)); len(found) > 0 {
		o.Value = NewValue(text[found[0].Start:found[0].End])
		return detect.Exposed
	}
	return detect.No
}

// variable draws one group's flow.
func (a *analysis) variable(g *group) *Secret {
	s := &Secret{File: a.file, Verdict: g.verdict, Origins: g.origins}
	s.Name = plainName(a.rootName(g))
	s.ID = s.Name
	for _, o := range g.origins {
		if len(a.file.Stages) == 0 {
			s.doubt(o.In, "there is no FROM: nothing is built")
		}
		name := o.Pair.Name
		if lower := strings.ToLower(name); strings.HasSuffix(lower, "_proxy") {
			s.doubt(o.In, "whatever asks the network reads a proxy: pass it as a predefined build argument, without a value in the file")
		}
		if o.From == "" && a.file.HasVariable(o.Pair.Value.Text) {
			s.doubt(o.In, "the value of "+name+" is put together from other variables")
		}
		if o.From != "" && !g.names[o.From] && g.verdict != detect.Contract {
			s.doubt(o.In, name+" takes its value from $"+o.From+", which nothing in the file declares")
		}
		if !dockerfile.IsName(name) {
			s.doubt(o.In, "its name is no plain variable name")
		}
		if o.Value.Known() && o.Value.Reveal() != "" {
			if s.Value.Known() && s.Value.Reveal() != o.Value.Reveal() {
				s.doubt(o.In, "it has more than one value in this file")
			}
			s.Value = o.Value
		}
	}
	a.values(s, g)
	a.scope(s, g)
	a.builders(s, g)
	a.exposure(s, g)
	// A file that is half migrated has an id for the value already.
	for _, in := range a.file.Instructions {
		for _, m := range in.Mounts() {
			if m.Type == "secret" && m.Opts["id"] != "" && g.names[m.Opts["env"]] {
				s.ID = m.Opts["id"]
				if strings.Trim(strings.TrimLeft(s.ID, "."), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" || strings.HasPrefix(s.ID, ".") {
					s.doubt(in, "the id of its mount is no plain name")
				}
			}
		}
	}
	return s
}

// values doubts a variable that is set here and not there: one mount cannot be both.
func (a *analysis) values(s *Secret, g *group) {
	var set, reset, bare, global bool
	for _, o := range g.origins {
		literal := o.Value.Known() && o.Value.Reveal() != ""
		switch {
		case o.Kind == Env && o.Value.Known() && !literal:
			reset = true
		case o.Kind == Arg && o.In.Stage == nil:
			global = global || literal
		case o.Kind == Arg && !o.Pair.HasValue:
			bare = true
		}
		set = set || literal
	}
	if set && reset {
		s.doubt(g.origins[0].In, "it has a value in one place and is emptied in another")
	}
	if set && bare && !global {
		s.doubt(g.origins[0].In, "it has a default in one place and none in another")
	}
}

// rootName is the name that callers know the value by: the ARG's that feeds it, else
// the ENV's.
func (a *analysis) rootName(g *group) string {
	for _, o := range g.origins {
		if o.Kind == Arg && o.From == "" {
			return o.Pair.Name
		}
	}
	for _, o := range g.origins {
		if o.From == "" {
			return o.Pair.Name
		}
	}
	return g.origins[0].Pair.Name
}

// plainName cuts what is no name at its first odd byte: the rest may be a value.
func plainName(name string) string {
	for i := range len(name) {
		if !dockerfile.IsName("_" + name[i:i+1]) {
			return name[:i] + "…"
		}
	}
	return name
}

func (s *Secret) doubt(in *dockerfile.Instruction, why string) {
	for _, d := range s.Doubts {
		if d.Why == why {
			return
		}
	}
	s.Doubts = append(s.Doubts, Doubt{in, why})
}

// names that are in force at an instruction: true for ENV, false for ARG.
type visible map[string]bool

func (v visible) clone() visible {
	out := visible{}
	for k, x := range v {
		out[k] = x
	}
	return out
}

// scope walks the stages with the names in force, and records who reads them.
func (a *analysis) scope(s *Secret, g *group) {
	ends := map[*dockerfile.Stage]visible{}
	triggers := map[*dockerfile.Stage]visible{}
	for _, in := range a.file.Instructions {
		if in.Stage == nil {
			a.builderUse(s, g, in, nil) // a global ARG may serve another global one
			continue
		}
		v, ok := ends[in.Stage]
		if !ok {
			v = ends[in.Stage.Parent].clone()
			ends[in.Stage] = v
			triggers[in.Stage] = visible{}
			if in.Stage.Parent != nil && len(triggers[in.Stage.Parent]) > 0 {
				s.doubt(in, "a stage of the same file runs the ONBUILD instructions")
			}
		}
		if in.Name == "from" {
			a.builderUse(s, g, in, nil)
			continue
		}
		if in.OnBuild {
			// Triggers run in another build: they see the image's ENV and their own ARGs.
			t := triggers[in.Stage]
			for k, env := range v {
				if env {
					t[k] = true
				}
			}
			v = t
		}
		a.builderUse(s, g, in, v)
		switch in.Name {
		case "arg", "env":
			for _, p := range in.Pairs() {
				if !g.names[p.Name] {
					continue
				}
				v[p.Name] = v[p.Name] || in.Name == "env"
			}
		case "run":
			if len(v) > 0 {
				a.reader(s, g, in, v)
			}
		}
	}
}

// builderUse records expansions that the builder makes itself.
func (a *analysis) builderUse(s *Secret, g *group, in *dockerfile.Instruction, v visible) {
	check := func(text, what string) {
		for name := range g.names {
			if expands(text, name, a.file.Escape) && (v == nil || has(v, name)) {
				s.Uses = append(s.Uses, Use{in, what})
				return
			}
		}
	}
	for _, h := range in.Heredocs {
		if h.Expand && in.Name != "run" {
			check(string(a.file.Src[h.Start:h.End]), "the builder expands it in a here-document")
		}
	}
	if strings.IndexByte(in.Text, '$') < 0 {
		return
	}
	switch in.Name {
	case "arg", "env", "label":
		for _, p := range in.Pairs() {
			if _, sole := dockerfile.SoleVariable(p.Value.Text); sole && in.Name != "label" {
				continue // ENV B=$A: the same value under another name
			}
			what := p.Name + " is made from it"
			if g.names[p.Name] {
				continue // said already: a value put together from other variables
			}
			check(p.Text, what)
		}
	case "from", "copy", "add", "workdir", "user", "expose", "volume", "stopsignal":
		check(in.Text[in.Keyword:], strings.ToUpper(in.Name)+" expands it")
	case "run":
		for _, fl := range in.Flags {
			check(fl.Text, "a flag of RUN expands it")
		}
	}
}

func has(v visible, name string) bool { _, ok := v[name]; return ok }

// expands reports whether text holds $name or ${name…}, unescaped.
func expands(text, name string, escape byte) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == escape:
			i++
		case text[i] == '$':
			rest := strings.TrimPrefix(text[i+1:], "{")
			if r, ok := strings.CutPrefix(rest, name); ok && (r == "" || !dockerfile.IsName("_"+r[:1])) {
				return true
			}
		}
	}
	return false
}

// reader records a RUN that reads the secret, or may.
func (a *analysis) reader(s *Secret, g *group, in *dockerfile.Instruction, v visible) {
	r := a.run(in)
	var names []string
	for n := range v {
		names = append(names, n)
	}
	sort.Strings(names)
	if r.Why != "" {
		s.doubt(in, r.Why)
		return
	}
	if file := r.dumps(); file != "" {
		s.Writes = append(s.Writes, Write{In: in, What: "writes its whole environment to " + file})
	}
	var rd *Reader
	// How an instruction reads is said by the surest way; what it reads is all that it may.
	add := func(how How, program string, unset bool, name string) {
		if rd == nil {
			rd = &Reader{In: in, How: how, Run: r, Program: program}
		} else if how != Named && rd.How == Named && rd.Also == "" {
			rd.Also = program
		}
		rd.Unset = rd.Unset || unset
		if !slices.Contains(rd.Names, name) {
			rd.Names = append(rd.Names, name)
		}
	}
	for _, n := range names {
		if r.mentions(n) {
			add(Named, "$"+n, r.tellsUnset(n), n)
			s.Writes = append(s.Writes, r.writes(n)...)
			if r.credentialHelper(n) {
				s.doubt(in, "a credential helper of git reads it whenever git asks")
			}
		}
	}
	// ARG A with ENV B=$A is there for those who read B: a program is given that.
	may := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !v[n] })
	if len(may) == 0 {
		may = names
	}
	for _, n := range may {
		if prog := a.known(r, n); prog != "" {
			add(Known, prog, tellsUnset(n, prog), n)
		}
	}
	for _, n := range may {
		if prog := r.opaque(n, func(c command) bool { return a.mayRead(in, c, n) }); prog != "" {
			add(Opaque, prog, false, n)
		}
	}
	if rd != nil {
		sort.Strings(rd.Names)
		s.Readers = append(s.Readers, *rd)
	}
}

// mayRead reports whether a command may read a variable that nothing says it reads.
func (a *analysis) mayRead(in *dockerfile.Instruction, c command, name string) bool {
	switch {
	case len(configures(c)) > 0 && a.textual(name):
		return true // a RUN writes the name down, for this program to expand
	case (c.program == "git" || c.program == "go") && a.asks(in):
		return true
	case c.program == "git" && slices.Contains(c.args, "foreach"):
		return true
	case (c.program == "psql" || c.program == "mysql" || c.program == "mariadb") && script(c):
		return true
	case c.program == "tar" && slices.ContainsFunc(c.args, func(x string) bool {
		return x == "-I" || strings.HasPrefix(x, "--use-compress") || strings.HasPrefix(x, "--to-command") || strings.HasPrefix(x, "--checkpoint-action")
	}):
		return true
	}
	return classOf(c.program, c.args) == opaque && !a.quiet(c, name)
}

// script reports whether a database's client is given a script, which can run a shell.
func script(c command) bool {
	if c.sh != nil && (c.sh.In&shell.PipeRight != 0 || slices.ContainsFunc(c.sh.Redirs, func(r shell.Redir) bool { return strings.HasPrefix(r.Op, "<") })) {
		return true
	}
	return slices.ContainsFunc(c.args, func(x string) bool {
		return strings.HasPrefix(x, "-f") || strings.HasPrefix(x, "--file") || strings.Contains(x, "source ") || strings.Contains(x, "\\")
	})
}

// textual reports whether a RUN has the name as text that its shell does not expand:
// echo '${T}' > .npmrc leaves it to whoever reads the file.
func (a *analysis) textual(name string) bool {
	if v, ok := a.written[name]; ok {
		return v
	}
	v := false
	for _, in := range a.file.Instructions {
		if in.Name == "copy" || in.Name == "add" {
			for _, h := range in.Heredocs {
				v = v || dockerfile.MentionsName(string(a.file.Src[h.Start:h.End]), name)
			}
		}
		if in.Name != "run" || !strings.Contains(string(a.file.Src[in.Start:in.End]), name) {
			continue
		}
		r := a.run(in)
		if r.Script == nil {
			continue
		}
		uses := r.Script.UsesOf(name)
		v = v || slices.ContainsFunc(r.Script.Mentions(name), func(m shell.Span) bool {
			return !slices.ContainsFunc(uses, func(u shell.Use) bool { return u.Start <= m.Start && m.End <= u.End })
		})
	}
	a.written[name] = v
	return v
}

// asks reports whether git is told to run a program that gives it credentials.
func (a *analysis) asks(in *dockerfile.Instruction) bool {
	if v, ok := a.asked[in]; ok {
		return v
	}
	v := false
	for _, x := range in.Stage.History(in) {
		switch x.Name {
		case "env", "arg":
			for _, p := range x.Pairs() {
				switch p.Name {
				case "GIT_ASKPASS", "SSH_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSH":
					v = true
				}
			}
		case "run":
			text := string(x.File.Src[x.Start:x.End])
			v = v || strings.Contains(text, "credential.helper") || strings.Contains(text, "auth setup-git")
		}
	}
	a.asked[in] = v
	return v
}

// builders finds the compose services and the other callers that build the file.
func (a *analysis) builders(s *Secret, g *group) {
	s.Builders = compose.Builders(a.project.Compose(), a.file.Path)
	for _, svc := range s.Builders {
		if svc.Build == nil {
			continue
		}
		for _, arg := range svc.Build.Args {
			kind, _ := arg.Source()
			switch {
			case !g.names[arg.Name] || kind != compose.Literal || arg.Value == "":
			case !s.Value.Known() || s.Value.Reveal() == "":
				s.Value, s.Given = NewValue(arg.Value), true
			case s.Value.Reveal() != arg.Value:
				s.doubt(s.Origins[0].In, svc.File.Path+" passes another value than the file's own")
			}
		}
	}
	// A value that stands in the Dockerfile alone is passed by nobody.
	hasArg := slices.ContainsFunc(s.Origins, func(o Origin) bool { return o.Kind == Arg })
	if !hasArg {
		return
	}
	for name := range g.names {
		for _, m := range a.project.Callers().Args[name] {
			s.Callers = append(s.Callers, Caller{m.Path, m.Line})
		}
	}
	sort.Slice(s.Callers, func(i, j int) bool {
		if s.Callers[i].Path != s.Callers[j].Path {
			return s.Callers[i].Path < s.Callers[j].Path
		}
		return s.Callers[i].Line < s.Callers[j].Line
	})
}

// exposure decides whether a running container needs the value: it is in the image's
// environment, and not only for build tools.
func (a *analysis) exposure(s *Secret, g *group) {
	s.BuildOnly = true
	for n := range g.names {
		if isEnv(g, n) && !buildOnly(n) {
			s.BuildOnly = false
		}
	}
	for _, o := range s.Origins {
		if o.Kind != Env || o.In.Stage == nil {
			continue
		}
		if o.In.OnBuild {
			s.Exposure = RunTime
			continue
		}
		for _, st := range a.file.Stages {
			if !slices.Contains(st.Lineage(), o.In.Stage) || !a.project.built(st) {
				continue
			}
			if !s.BuildOnly || a.startMentions(st, g) {
				s.Exposure = RunTime
			}
		}
	}
}

func isEnv(g *group, name string) bool {
	return slices.ContainsFunc(g.origins, func(o Origin) bool { return o.Kind == Env && o.Pair.Name == name })
}

// startMentions reports whether what a container starts names one of the variables.
func (a *analysis) startMentions(st *dockerfile.Stage, g *group) bool {
	for _, line := range st.Lineage() {
		for _, in := range line.Instructions {
			switch in.Name {
			case "cmd", "entrypoint", "healthcheck":
				for n := range g.names {
					if dockerfile.MentionsName(in.ArgText(), n) {
						return true
					}
				}
			}
		}
	}
	return false
}

// base is the last element of a slash-separated path in a Dockerfile.
func base(p string) string { return path.Base(strings.TrimSuffix(p, "/")) }
