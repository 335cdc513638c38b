package workflow

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// wrapper reads a step, or a job, that hands build arguments to something which builds: an
// action of somebody else, or one of this repository. It is told what to change.
func (s *step) wrapper(name string) {
	b := s.found(name, call.Docker)
	var inputs []*yamledit.Node
	for _, e := range get(s.node, "with").Entries() {
		v := e.Value.Deref()
		if strings.Contains(squeezed(e.Key.Value), "buildarg") || strings.Contains(text(v), "--build-arg") {
			inputs = append(inputs, v)
		}
	}
	switch {
	case name == "docker/bake-action":
		set, _ := s.input("set")
		s.overridden(b, set)
		if len(b.Args) == 0 {
			return // what it builds is read in its files
		}
		b.Builder = call.Builder{Engine: call.Buildx}
		b.Doubt = "which Dockerfile it builds is in its bake file"
		b.Fixed = "take it out of set, give the target secret = [\"id=…,env=…\"] in the bake file, and set the variable in env of the step"
	case name == "redhat-actions/buildah-build":
		b.Builder = call.Builder{Engine: call.Buildah, Why: name}
		b.Fixed = "set it in env of the step, and add --secret=id=…,env=… to extra-args in its place"
		s.place(b, true)
	case strings.Contains(name, "kaniko"):
		b.Builder = call.Builder{Engine: call.Kaniko, Why: name}
		b.Fixed = "kaniko takes no build secrets: build with docker/build-push-action"
		s.place(b, true)
	case len(inputs) == 0:
		return
	case strings.HasPrefix(name, "./"):
		b.Builder.Engine = call.Other
		b.Fixed = "it hands its inputs on: let " + strings.TrimPrefix(name, "./") + " take secrets besides, and pass it there"
		s.place(b, false)
	default:
		b.Builder.Engine = call.Other
		b.Fixed = "the action takes it as an input: pass it as a secret if the action can, or build with docker/build-push-action"
		if s.i < 0 {
			b.Fixed = "the workflow takes it as an input: pass it as a secret if the workflow can"
		}
		s.place(b, false)
	}
	for _, n := range inputs {
		s.names(b, n)
	}
	s.add(b, &handle{})
}

func squeezed(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

var (
	fileInputs    = []string{"dockerfile", "file", "dockerfilepath", "dockerfilename", "containerfile", "containerfiles", "dockerfiles"}
	contextInputs = []string{"context", "buildcontext", "contextpath", "path", "dockercontext", "workdir", "workingdirectory", "directory"}
)

// place says which Dockerfile something builds by the usual names of its inputs. sure:
// without any it is that of the workspace.
func (s *step) place(b *call.Build, sure bool) {
	in := func(names []string, c combination) (string, bool) {
		for _, name := range names {
			for _, e := range get(s.node, "with").Entries() {
				if v := e.Value.Deref(); squeezed(e.Key.Value) == name && v.Kind == yamledit.Scalar {
					return strings.TrimSpace(s.expand(v.Value, c, 0)), true
				}
			}
		}
		return "", false
	}
	var places []call.Place
	for _, c := range s.job.matrix {
		file, named := in(fileInputs, c)
		context, given := in(contextInputs, c)
		if !named && !given && !sure {
			where(b, call.Place{Doubt: "which Dockerfile it builds is not said here"})
			return
		}
		p := s.resolve(or(context, "."), file)
		if len(p.Dockerfiles) == 0 && file != "" && context != "" {
			p = s.resolve(context, path.Join(context, file))
		}
		places = append(places, p)
	}
	where(b, join(places))
	b.Dir = "" // what it is relative to is the action's affair
}

var override = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[^=\s]*\.args?\.([A-Za-z_][A-Za-z0-9_]*)`)
})

// overridden notes the build arguments of bake's set.
func (s *step) overridden(b *call.Build, set *yamledit.Node) {
	if text(set) == "" {
		return
	}
	entries, _ := list(set.Value)
	from, _, sure := s.doc.Letters(set)
	for _, e := range entries {
		m := override().FindStringSubmatchIndex(e.text)
		if m == nil {
			continue
		}
		at := set.Start
		if sure && from[e.start] >= 0 {
			at = from[e.start]
		}
		a := s.namedAt(e.text[m[2]:m[3]], at)
		b.Args = append(b.Args, a)
	}
}

// seen notes the names of the arguments that an input passes, whatever its form.
func (s *step) seen(b *call.Build, input string) {
	if n, _ := s.input(input); n != nil {
		s.names(b, n)
	}
}

var named = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|[\s,'"])(?:--build-arg[ =]["']?)?([A-Za-z_][A-Za-z0-9_]*)(?:=|["']?\s*:\s|\s*$|,)`)
})

// names notes all names of a text that may be those of arguments, at their lines.
func (s *step) names(b *call.Build, n *yamledit.Node) {
	if n.Kind != yamledit.Scalar {
		for _, e := range n.Entries() {
			s.note(b, e.Key.Value, e.Key.Start)
		}
		for _, item := range n.Items {
			if n.Kind == yamledit.List {
				s.names(b, item.Deref())
			}
		}
		return
	}
	from, _, sure := s.doc.Letters(n)
	value := []byte(n.Value)
	for _, h := range expressions(n.Value) {
		for i := h.Start; i < h.End; i++ {
			value[i] = '.'
		}
	}
	for _, m := range named().FindAllSubmatchIndex(value, -1) {
		at := n.Start
		if sure && from[m[2]] >= 0 {
			at = from[m[2]]
		}
		s.note(b, n.Value[m[2]:m[3]], at)
	}
}

// note adds an argument of which the name is all that is known.
func (s *step) note(b *call.Build, name string, at int) {
	if a := s.namedAt(name, at); !slices.ContainsFunc(b.Args, func(x call.Arg) bool { return x.Name == name && x.Line == a.Line }) {
		b.Args = append(b.Args, a)
	}
}

func (s *step) namedAt(name string, at int) call.Arg {
	a := call.Arg{Name: name, Kind: call.Computed, Start: at, End: at + len(name)}
	a.Line, _ = s.src.Position(at)
	return a
}

// reusable reads a job that is another workflow.
func (f *file) reusable(j *job, n *yamledit.Node, at []string) {
	j.mounts = []mount{{at: ".", own: true}}
	s := &step{file: f, job: j, node: n, path: at, i: -1}
	name, _ := action(text(get(n, "uses")))
	s.wrapper(name)
}

// container reads an action whose image is built when it is used.
func (f *file) container(image *yamledit.Node) {
	s := &step{file: f, job: &job{matrix: combinations(nil)}}
	b := &call.Build{What: "the image of the action", Start: image.Start, End: image.End}
	where(b, f.src.Project.Resolve([]string{s.here()}, ".", image.Value, false))
	b.Fixed = "it is built when the action is used, and no one can pass it a secret then"
	s.add(b, &handle{})
}
