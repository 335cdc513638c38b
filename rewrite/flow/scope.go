package flow

import (
	"slices"
	"sort"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

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
	if r.idle() {
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
		if ws := a.fills(r, n); len(ws) > 0 {
			add(Named, "envsubst", false, n)
			s.Writes = append(s.Writes, ws...)
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
		for _, n := range rd.Names {
			if what := r.shows(n); what != "" && !slices.ContainsFunc(s.Writes, func(w Write) bool { return w.In == in && w.What == what }) {
				s.Writes = append(s.Writes, Write{In: in, Run: r, What: what, Printed: true})
			}
		}
		sort.Strings(rd.Names)
		s.Readers = append(s.Readers, *rd)
		a.handsToHelper(s, *rd)
	}
}

// handsToHelper adds the write of git's credential helper where a program has git log in
// with the variable: composer gives git what it has for a host, and git asks GIT_ASKPASS.
func (a *analysis) handsToHelper(s *Secret, rd Reader) {
	passes := false
	switch rd.Program {
	case "composer", "bundle", "bundler":
		passes = rd.How == Known
	case "git", "go":
		passes = rd.How != Named && a.asks(rd.In)
	}
	if !passes {
		return
	}
	if h := a.handsOn(rd.In); h.Keeps() {
		s.Writes = append(s.Writes, Write{In: rd.In, What: h.Says(), How: Elsewhere})
	}
}

// mayRead reports whether a command may read a variable that nothing says it reads.
func (a *analysis) mayRead(in *dockerfile.Instruction, c command, name string) bool {
	switch {
	case len(configures(c)) > 0 && a.textual(name):
		return true // a RUN writes the name down, for this program to expand
	case (c.program == "git" && (asksServer(c.args) || a.partial() && gitVerb(c.args) != "config") || c.program == "go" && !local(c.program, c.args)) && a.asks(in):
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
		}
	}
	v = v || a.helpersBefore(in).all().Asks
	a.asked[in] = v
	return v
}

// partial reports a file with a clone that leaves out objects, which git fetches when a
// command needs them.
func (a *analysis) partial() bool { return strings.Contains(string(a.file.Src), "--filter=") }
