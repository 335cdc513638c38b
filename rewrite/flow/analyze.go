package flow

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Analyze returns the secrets of a Dockerfile, in the order of their first origins.
func Analyze(f *dockerfile.File, p *Project) []*Secret {
	a := newAnalysis(f, p)
	secrets := a.variables()
	secrets = append(secrets, a.copied()...)
	secrets = append(secrets, a.mounted()...)
	secrets = append(secrets, a.literals(secrets)...)
	secrets = append(secrets, a.contextFiles(secrets)...)
	for _, s := range secrets {
		s.InImage = slices.ContainsFunc(s.Origins, func(o Origin) bool { return a.inImage(o.In.Stage) })
	}
	sort.SliceStable(secrets, func(i, j int) bool {
		return secrets[i].Position().Start < secrets[j].Position().Start
	})
	return secrets
}

// inImage reports whether a stage is built for itself, or one that is made from it.
func (a *analysis) inImage(stage *dockerfile.Stage) bool {
	return stage != nil && slices.ContainsFunc(a.file.Stages, func(st *dockerfile.Stage) bool {
		return slices.Contains(st.Lineage(), stage) && a.project.built(st)
	})
}

func newAnalysis(f *dockerfile.File, p *Project) *analysis {
	return &analysis{file: f, project: p, runs: map[*dockerfile.Instruction]*Run{},
		rows: map[string][]consumer{}, asked: map[*dockerfile.Instruction]bool{}, written: map[string]bool{}, inTree: map[string]bool{},
		helpers: map[*dockerfile.Instruction]helpers{}}
}

type analysis struct {
	file    *dockerfile.File
	project *Project
	runs    map[*dockerfile.Instruction]*Run
	rows    map[string][]consumer            // by consumers
	asked   map[*dockerfile.Instruction]bool // by asks
	written map[string]bool                  // by textual
	inTree  map[string]bool                  // by mentionedInContext
	names   map[string]bool                  // by whose
	helped  *bool                            // by helpersBefore
	helpers map[*dockerfile.Instruction]helpers
}

// consumers returns the rows of the table for a variable.
func (a *analysis) consumers(name string) []consumer {
	rows, ok := a.rows[name]
	if !ok {
		rows = rowsOf(name)
		a.rows[name] = rows
	}
	return rows
}

func (a *analysis) run(in *dockerfile.Instruction) *Run {
	r := a.runs[in]
	if r == nil {
		r = readRun(in)
		r.helper = func(c *shell.Command) Helper { return a.helperAt(in, c) }
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
			if name, ok := dockerfile.SoleVariable(p.Value.Text); ok && name == p.Name && o.Kind == Arg && !a.declaredBefore(in, name) {
				// ARG T=$T: whoever writes it means ARG T, and the builder reads it as ARG T=.
				o.Value = NewValue("")
				v = detect.Variable(p.Name, "", false)
			} else if name, ok := dockerfile.SoleVariable(p.Value.Text); ok && p.HasValue {
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
				if v == detect.Exposed && detect.Value(p.Name, value) == detect.Ordinary && a.firstPassword(value) {
					v = detect.Dummy
				}
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
		if own, sole := dockerfile.SoleVariable(o.Pair.Value.Text); o.From == "" && a.file.HasVariable(o.Pair.Value.Text) && !(sole && own == name && o.Value.Known()) {
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
	a.files(s)
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
			case !g.names[arg.Name] || kind != compose.FromText || arg.Value == "":
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
	var unseen []callers.Mention
	s.Calls, unseen = a.project.Callers().Passing(a.file.Path, slices.Sorted(maps.Keys(g.names)))
	for _, m := range unseen {
		s.Callers = append(s.Callers, Caller{m.Path, m.Line})
	}
	sort.Slice(s.Callers, func(i, j int) bool {
		if s.Callers[i].Path != s.Callers[j].Path {
			return s.Callers[i].Path < s.Callers[j].Path
		}
		return s.Callers[i].Line < s.Callers[j].Line
	})
}

// exposure decides whether a running container needs the value: it is in the image's
// environment, and not there for build tools alone. A tool's own name says that only
// where the tool reads it in the build: else the image may be one that the tool runs in.
func (a *analysis) exposure(s *Secret, g *group) {
	buildOnly := true
	for n := range g.names {
		buildOnly = buildOnly && (!isEnv(g, n) || a.onlyForBuild(s, n))
	}
	if s.HasEnv() {
		if by := a.builtOn(s); by != "" {
			s.doubt(nil, by+" builds on this image, and may read it there")
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
			s.InConfig = true
			if !slices.Contains(s.Images, st) {
				s.Images = append(s.Images, st)
			}
			if !buildOnly || a.startMentions(st, g) || a.startAsks(st, g) {
				s.Exposure = RunTime
			}
		}
	}
	slices.SortFunc(s.Images, func(x, y *dockerfile.Stage) int { return x.Index - y.Index })
}

// onlyForBuild reports whether a variable's name belongs to build tools, and one of them
// reads it in the build.
func (a *analysis) onlyForBuild(s *Secret, name string) bool {
	return buildOnly(a.consumers(name)) && slices.ContainsFunc(s.Readers, func(r Reader) bool { return a.known(r.Run, name) != "" })
}

// startAsks reports whether what a container starts is a program that reads one of the
// variables to ask a server for something.
func (a *analysis) startAsks(st *dockerfile.Stage, g *group) bool {
	for _, in := range starts(st) {
		for _, c := range readRun(in).cmds {
			for n := range g.names {
				if ok, _ := reads(a.consumers(n), c.program, c.args); ok && asking(subcommand(c.args)) {
					return true
				}
			}
		}
	}
	return false
}

// builtOn returns another Dockerfile of the project whose FROM names the image that a
// compose service makes of this one.
func (a *analysis) builtOn(s *Secret) string {
	for _, svc := range s.Builders {
		for _, f := range a.project.Compose() {
			for _, x := range f.Services {
				if x.Build != nil && slices.Contains(x.Build.Services, svc.Name) {
					return "the service " + x.Name + " in " + f.Path
				}
			}
		}
		name, _, _ := strings.Cut(svc.Image, ":")
		if name == "" {
			continue
		}
		for _, p := range a.project.Paths() {
			lower := strings.ToLower(path.Base(p))
			if p == a.file.Path || !strings.HasPrefix(lower, "dockerfile") && !strings.HasSuffix(lower, ".dockerfile") {
				continue
			}
			src, err := fs.ReadFile(a.project.FS, p)
			if err != nil || !strings.Contains(string(src), name) {
				continue
			}
			if f, err := dockerfile.Parse(p, src); err == nil && slices.ContainsFunc(f.Stages, func(st *dockerfile.Stage) bool {
				base, _, _ := strings.Cut(st.Base, ":")
				return base == name
			}) {
				return p
			}
		}
	}
	return ""
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
