package workflow

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// push is a step with docker/build-push-action, or with one that is made of it.
type push struct {
	*step
	major, minor int  // of docker's version; 0: a commit or a branch, which is taken for a new one
	envs         bool // it takes secrets from the environment
	args         []entry
	key          string // as build-args is written
	value        *yamledit.Node
}

// release reads v2, v2.1 or 2.1.0; 0 is anything else.
func release(version string) (major, minor int) {
	a, b, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	b, _, _ = strings.Cut(b, ".")
	major, err := strconv.Atoi(a)
	if err != nil || major > 99 {
		return 0, 0
	}
	if minor, err = strconv.Atoi(b); err != nil {
		minor = -1 // the latest one
	}
	return major, minor
}

func (s *step) buildPush(name, version string) {
	p := &push{step: s}
	switch name {
	case "docker/build-push-action":
		p.major, p.minor = release(version)
		p.envs = p.major == 0 || p.major >= 5
	case "useblacksmith/build-push-action":
		p.envs = true
	}
	b := s.found(name, call.Buildx)
	first := p.major == 1
	if p.major == 0 && name == "docker/build-push-action" {
		old, _ := s.input("build_args")
		repository, _ := s.input("repository")
		first = old != nil || repository != nil
	}
	if first {
		b.Builder = call.Builder{Engine: call.Docker, Why: "docker/build-push-action@v1"}
		s.place(b, true)
		b.Fixed = "version 1 of docker/build-push-action passes no secrets: use a newer one"
		s.seen(b, "build_args")
		s.add(b, &handle{})
		return
	}
	s.placePush(b, p.major == 2 && p.minor >= 0 && p.minor < 3)
	h := &handle{edit: p}
	p.value, p.key = s.input("build-args")
	p.read(b)
	for _, in := range []string{"secrets", "secret-files", "secret-envs"} {
		n, _ := s.input(in)
		entries, ok := list(text(n))
		if !ok && b.Fixed == "" {
			b.Fixed = "how " + in + " is quoted is not understood: pass the secret there"
		}
		for _, e := range entries {
			if e.comment() {
				continue
			}
			if name, known := e.name(); known {
				x := call.Secret{ID: name}
				if in == "secret-envs" {
					_, x.Env, _ = strings.Cut(e.text, "=")
				}
				b.Secrets = append(b.Secrets, x)
			}
		}
	}
	s.add(b, h)
}

// found starts a build of an action.
func (s *step) found(what string, e call.Engine) *call.Build {
	uses := get(s.node, "uses")
	b := &call.Build{What: what, Start: uses.Start, End: max(uses.End, uses.Start), Builder: call.Builder{Engine: e}}
	if v := s.job.builder; e == call.Buildx && v.Version != "" {
		b.Builder = v
	}
	if with := get(s.node, "with"); with != nil && with.End > b.End {
		b.End = with.End
	}
	return b
}

// read notes the build arguments.
func (p *push) read(b *call.Build) {
	if p.value == nil || text(p.value) == "" {
		return
	}
	var ok bool
	if p.args, ok = list(p.value.Value); !ok {
		b.Fixed = "how its build-args are quoted is not understood: move the argument to secrets there"
		b.Hidden = true
		p.step.names(b, p.value)
		return
	}
	from, to, sure := p.doc.Letters(p.value)
	for _, e := range p.args {
		if e.comment() {
			continue
		}
		if _, known := e.name(); !known {
			b.Fixed = "which build arguments it passes is known only when it runs: what makes them must leave this one out, and secrets must have it"
			b.Hidden = true
			p.filled(b, e)
			p.made(b, e)
			continue
		}
		a := e.arg()
		a.Start, a.End = p.value.Start, p.value.End
		if sure && from[e.start] >= 0 && to[e.end-1] >= 0 {
			a.Start, a.End = from[e.start], to[e.end-1]
		}
		a.Line, _ = p.src.Position(a.Start)
		b.Args = append(b.Args, a)
	}
}

// filled notes the names that an entry may be filled with, where that is in the file.
func (p *push) filled(b *call.Build, e entry) {
	for _, c := range p.job.matrix {
		entries, _ := list(p.expand(e.text, c, 0))
		for _, e := range entries {
			if name, _, has := strings.Cut(e.text, "="); has && !strings.Contains(name, call.Hole) {
				p.note(b, name, p.value.Start)
			}
		}
	}
}

var assigned = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)=`)
})

// made notes the names in the step that an output comes from.
func (p *push) made(b *call.Build, e entry) {
	for _, h := range expressions(e.text) {
		id, ok := strings.CutPrefix(inner(e.text[h.Start:h.End]), "steps.")
		id, _, _ = strings.Cut(id, ".")
		for _, n := range p.job.steps[:p.i] {
			if !ok || text(get(n, "id")) != id {
				continue
			}
			texts := []string{text(get(n, "run"))}
			for _, in := range get(n, "with").Entries() {
				texts = append(texts, text(in.Value.Deref()))
			}
			for _, m := range assigned().FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
				p.note(b, m[1], p.value.Start)
			}
		}
	}
}

// gitContext is what stands for the repository in an input.
const gitContext = "{{defaultContext}}"

// placePush says which Dockerfiles it builds. here: its Dockerfile is by default that of
// the workspace, not of the context.
func (s *step) placePush(b *call.Build, here bool) {
	var places []call.Place
	var targets []string
	seen := map[[3]string]bool{}
	for _, c := range s.job.matrix {
		in := func(name string) string {
			n, _ := s.input(name)
			return strings.TrimSpace(s.expand(text(n), c, 0))
		}
		context, file, target := in("context"), in("file"), in("target")
		if here && file == "" {
			file = "Dockerfile"
		}
		if k := [3]string{context, file, target}; seen[k] {
			continue
		} else {
			seen[k] = true
		}
		places = append(places, s.resolvePush(context, file))
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	where(b, join(places))
	if len(targets) == 1 {
		b.Target = targets[0]
	}
}

func where(b *call.Build, p call.Place) {
	b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir = p.Dockerfiles, p.Doubt, p.Near, p.Context, p.Dir
}

func (s *step) resolvePush(context, file string) call.Place {
	compact := strings.ReplaceAll(context, " ", "")
	if sub, ok := strings.CutPrefix(compact, gitContext); ok || context == "" {
		sub = strings.TrimPrefix(sub, ":")
		if strings.HasPrefix(sub, "#") { // another state of the repository
			_, sub, _ = strings.Cut(sub, ":")
		}
		p := s.src.Project.Resolve([]string{s.base}, path.Join(".", sub), file, true)
		p.Dir = ""
		return p
	}
	return s.resolve(context, file)
}

// resolve says which Dockerfile a folder of the workspace has; file is relative to the workspace.
func (s *step) resolve(context, file string) call.Place {
	if call.Remote(context) {
		return s.src.Project.Resolve([]string{s.base}, context, file, false)
	}
	inside, ok := s.inRepository(context)
	if file == "" {
		if !ok {
			return call.Place{Doubt: elsewhere}
		}
		return s.src.Project.Resolve([]string{"."}, inside, "", false)
	}
	name, found := s.inRepository(file)
	switch {
	case !found:
		return call.Place{Doubt: elsewhere}
	case !ok:
		inside = "/elsewhere"
	}
	return s.src.Project.Resolve([]string{"."}, inside, name, false)
}
