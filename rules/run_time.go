package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/images"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rewrite/service"
	"github.com/unbake-dev/unbake/rules/detect"
)

// running is how containers get a variable that the image's ENV gave them: by a file
// that the image's own entrypoint reads, by a shim, or in their environment.
type running struct {
	*move
	names []string // of the variables
	users []user
	own   bool   // the image takes a file for the variable itself
	shim  *shim  // nil if the image starts as it did
	why   string // why there is no shim
	check string // what must be true of who builds the image, for the shim's COPY
}

// user is a compose service that runs an image which has the variable.
type user struct {
	*compose.Service
	image *dockerfile.Stage
}

// runTime works out who runs the images that have the variable, and how they get it.
func runTime(p *rewrite.Pass, s *flow.Secret) (*running, string) {
	if slices.ContainsFunc(s.Origins, func(o flow.Origin) bool { return o.Kind == flow.Env && o.In.OnBuild }) {
		return nil, "images that are built FROM this one have it (ONBUILD), and no service of them is seen here"
	}
	r := &running{move: &move{p: p, s: s}}
	for _, o := range s.Origins {
		if o.Kind == flow.Env && !slices.Contains(r.names, o.Pair.Name) {
			r.names = append(r.names, o.Pair.Name)
		}
	}
	r.users = usersOf(p, s)
	if !s.Value.Known() || s.Value.Reveal() == "" {
		return r, "" // what was passed to the build is passed to the container
	}
	if r.own = r.takesFile(); r.own {
		return r, ""
	}
	var hands []handing
	for _, n := range r.names {
		hands = append(hands, handing{n, s.ID})
	}
	able := p.Able()
	if r.why = r.unfit(); r.why == "" {
		r.why = able.Heredocs
	}
	if r.why == "" {
		r.shim, r.why = shimFor(p.File, s.Images, hands, r.overriding())
		r.check = able.Check
	}
	return r, ""
}

// moved reports whether a weak value leaves the image: where a service can be given it.
func moved(p *rewrite.Pass, s *flow.Secret) bool {
	return s.Exposure == flow.RunTime && s.Value.Known() && s.Value.Reveal() != "" && len(usersOf(p, s)) > 0
}

// usersOf returns the services that run an image with the variable: they build it, or
// name it as one that builds it does.
func usersOf(p *rewrite.Pass, s *flow.Secret) []user {
	var out []user
	for _, svc := range s.Builders {
		image := p.File.Final()
		if svc.Build != nil && svc.Build.Target != "" {
			i := slices.IndexFunc(p.File.Stages, func(st *dockerfile.Stage) bool { return strings.EqualFold(st.Name, svc.Build.Target) })
			if i < 0 {
				continue // compose builds nothing
			}
			image = p.File.Stages[i]
		}
		if slices.Contains(s.Images, image) {
			out = append(out, user{svc, image})
		}
	}
	for _, f := range p.Workspace.Project().Compose() {
		for _, svc := range f.Services {
			if svc.Image == "" || svc.Build != nil || slices.Contains(s.Builders, svc) {
				continue
			}
			if i := slices.IndexFunc(out, func(u user) bool { return u.Build != nil && imageOf(u.Service, svc.Image) }); i >= 0 {
				out = append(out, user{svc, out[i].image})
			}
		}
	}
	return out
}

func sameImage(a, b string) bool {
	return a != "" && strings.TrimSuffix(a, ":latest") == strings.TrimSuffix(b, ":latest")
}

// takesFile reports whether every image takes every variable from a file: its entrypoint
// is its base's, and that reads it with the command that the file sets.
func (r *running) takesFile() bool {
	for _, st := range r.s.Images {
		start := flow.StartupOf(st)
		base, _ := images.StartOf(start.Base)
		if start.Entrypoint != nil || brings(st, base.Entrypoint) {
			return false
		}
		for _, n := range r.names {
			form, ok := images.FileForm(start.Base, n)
			if !ok || start.Cmd != nil && !form.ReadBy(flow.Started(start.Cmd)) {
				return false
			}
		}
	}
	return true
}

// unfit says who reads the variable beside the program that a container starts: a shim
// gives it to that one alone.
func (r *running) unfit() string {
	project := r.p.Workspace.Project()
	for _, st := range r.s.Images {
		if health := flow.StartupOf(st).Health; health != nil {
			if program := flow.HealthReads(health, project, r.names); program != "" {
				return fmt.Sprintf("the health check in line %d reads it, or may (%s)", health.Line, program)
			}
		}
	}
	for _, n := range r.names {
		for _, m := range project.Callers().Executed[n] {
			return at(m.Path, m.Line) + " names it for a command in the container"
		}
	}
	if reader, _ := r.called(); reader != "" {
		return reader
	}
	for _, u := range r.users {
		for _, svc := range r.layers(u) {
			if why := r.unfitFor(svc); why != "" {
				return why
			}
		}
	}
	return ""
}

// layers are the entries that a user's container is made of, where the files of its
// project are used at once: its own, and those that may be laid over it.
func (r *running) layers(u user) []*compose.Service {
	out := []*compose.Service{u.Service}
	for _, files := range r.projects() {
		if !slices.Contains(files, u.File) {
			continue
		}
		for _, f := range files {
			for _, svc := range f.Services {
				if svc.Name == u.Name && !slices.Contains(out, svc) {
					out = append(out, svc)
				}
			}
		}
	}
	return out
}

// unfitFor is unfit for one entry of a service.
func (r *running) unfitFor(svc *compose.Service) string {
	for _, file := range []string{shimPath, "/bin/sh"} {
		if m := svc.Over(file); m != nil {
			return fmt.Sprintf("the service %s in %s mounts something over %s", svc.Name, svc.File.Path, m.Target)
		}
	}
	project := r.p.Workspace.Project()
	var test []string
	for _, t := range svc.Texts {
		switch {
		case t.Where == compose.InHealthcheck:
			test = append(test, t.Value)
		case t.Where == compose.InEnvironment && !dockerfile.IsName(t.Name):
			return at(svc.File.Path, t.Line) + " sets a variable that a shell may lose"
		}
	}
	if program := flow.TestReads(r.p.File, project, test, r.names); program != "" {
		return fmt.Sprintf("the health check of the service %s in %s reads it, or may (%s)", svc.Name, svc.File.Path, program)
	}
	for _, e := range svc.EnvFiles {
		src, err := r.p.Workspace.ReadFile(e.Path)
		if e.Path == "" || err != nil {
			continue
		}
		if entries, err := compose.ParseDotenv(e.Path, src); err != nil || slices.ContainsFunc(entries, func(x compose.DotenvEntry) bool { return !dockerfile.IsName(x.Name) }) {
			return e.Path + " sets a variable that a shell may lose"
		}
	}
	return ""
}

// overriding returns who starts something else than the image says.
func (r *running) overriding() overriding {
	_, o := r.called()
	for _, u := range r.users {
		for _, svc := range r.layers(u) {
			who := "the service " + svc.Name + " in " + svc.File.Path
			if svc.Sets(compose.InEntrypoint) && o.entrypoint == "" {
				o.entrypoint = who
			}
			if svc.Sets(compose.InCommand) && o.command == "" {
				o.command = who
			}
		}
	}
	return o
}

// supplied reports whether a service sets the variable itself, and so never had the
// image's.
func supplied(p *rewrite.Pass, svc *compose.Service, name string) bool {
	if slices.ContainsFunc(svc.Texts, func(t compose.Text) bool { return t.Where == compose.InEnvironment && t.Name == name && t.HasValue }) {
		return true
	}
	return slices.ContainsFunc(svc.EnvFiles, func(e compose.EnvFile) bool {
		src, err := p.Workspace.ReadFile(e.Path)
		if e.Path == "" || err != nil {
			return false
		}
		entries, err := compose.ParseDotenv(e.Path, src)
		return err == nil && slices.ContainsFunc(entries, func(x compose.DotenvEntry) bool { return x.Name == name })
	})
}

// serve gives the value to the services of one project after the other. The place is
// that of the value; reason says why a service cannot be given it.
func (r *running) serve(c *composition) (pl place, reason string) {
	for _, files := range r.projects() {
		g := giving{name: r.s.ID, value: r.s.Value, files: files}
		for _, found := range service.Find(files) {
			if found.Value.Reveal() == r.s.Value.Reveal() && (found.Class >= detect.Ordinary || slices.Contains(r.names, found.Name)) {
				g.places = append(g.places, found.Places...)
			}
		}
		for _, u := range r.users {
			if u.Overrides || !slices.Contains(files, u.File) {
				continue
			}
			if _, ok := r.passed(u); r.s.Given && !ok {
				continue // its image was built without
			}
			for _, n := range r.names {
				if supplied(r.p, u.Service, n) {
					continue
				}
				one := need{service: u.Service, variable: n, unset: true}
				if r.shim != nil {
					one.variable = ""
				}
				one.grant.Target = r.s.ID
				if !slices.Contains(g.needs, one) {
					g.needs = append(g.needs, one)
				}
			}
		}
		if len(g.needs)+len(g.places) == 0 {
			continue
		}
		gift, reason := give(r.p, g, c)
		if reason != "" {
			return place{}, reason
		}
		if r.shim != nil && gift.file == "" {
			// A secret that is made of a variable is copied into the container.
			if i := slices.IndexFunc(g.needs, func(n need) bool { return n.service.ReadOnly }); i >= 0 {
				r.shim, r.why = nil, "compose can give the container of "+g.needs[i].service.Name+", which is read-only, no file that is made of a variable"
				*c = composition{}
				return r.serve(c)
			}
		}
		pl.changes = append(pl.changes, gift.changes...)
		if pl.id == "" {
			pl.id, pl.file = gift.id, gift.file
		}
		for _, need := range gift.needs {
			if !slices.Contains(r.needs, need) {
				r.needs = append(r.needs, need)
			}
		}
	}
	return pl, ""
}

// passed is what compose passed to the build of a user's image, as a value of its
// environment; ok is false where it passed nothing.
func (r *running) passed(u user) (value string, ok bool) {
	for _, svc := range r.s.Builders {
		if svc.Build == nil || svc.Name != u.Name && !sameImage(svc.Image, u.Image) {
			continue
		}
		for _, a := range svc.Build.Args {
			switch {
			case a.Name != r.s.Name:
			case !a.HasValue:
				return "${" + a.Name + ":-}", true
			default:
				return a.Value, a.Value != ""
			}
		}
	}
	return "", false
}

// pass hands on to the containers what compose passed to the build.
func (r *running) pass(c *composition) {
	for _, u := range r.users {
		value, ok := r.passed(u)
		if !ok {
			continue
		}
		m := compose.Migration{Service: u.Service}
		for _, n := range r.names {
			if !supplied(r.p, u.Service, n) {
				m.Set = append(m.Set, compose.Assignment{Name: n, Value: value})
			}
		}
		if part := c.of(u.File); len(m.Set) > 0 {
			part.moves = append(part.moves, m)
		}
	}
}

// title says how the container gets the variable now.
func (r *running) title() string {
	switch {
	case r.shim != nil:
		return "take " + r.s.Name + " out of the image and give it to the program when the container starts"
	case slices.ContainsFunc(r.users, r.given):
		return "take " + r.s.Name + " out of the image and give it to its services"
	}
	return "take " + r.s.Name + " out of the image"
}

// given reports whether there is a value that a user can be given.
func (r *running) given(u user) bool {
	_, ok := r.passed(u)
	return ok || r.s.Value.Known()
}

// tell says what whoever runs the image must do from now on.
func (r *running) tell(file string) {
	n := r.names[0]
	all, rest := strings.Join(r.names, " and "), ""
	for _, x := range r.names[1:] {
		rest += " -e " + x
	}
	var how string
	switch form, own := images.FileForm(flow.StartupOf(r.s.Images[0]).Base, n); {
	case file == "": // the value stands in .env, or in what the build was given
		how = "docker run -e " + n + rest + " …"
	case r.shim != nil:
		how = fmt.Sprintf(`docker run -v "$PWD/%s:/run/secrets/%s:ro" …, or -e %s`, file, r.s.ID, n+rest)
	case r.own && own && form.Prefix == "" && form.Mode == "" && len(form.Groups) == 0 && len(r.names) == 1:
		how = fmt.Sprintf(`docker run -v "$PWD/%s:/run/secrets/%s:ro" -e %s=/run/secrets/%s …, or -e %s`, file, r.s.ID, form.Name, r.s.ID, n)
	case r.s.Value.Known() && len(r.names) == 1:
		how = fmt.Sprintf(`%s="$(cat %s)" docker run -e %s …`, n, file, n)
	default:
		how = "docker run -e " + n + rest + " …"
	}
	if len(r.users) > 0 {
		r.needs = append(r.needs, "what else runs the image must give it "+all+": "+how)
	} else {
		r.needs = append(r.needs, "whoever runs the image must give it "+all+" from now on: "+how)
	}
	if !r.s.Value.Known() {
		r.needs = append(r.needs, "where nobody passes it, "+all+" was empty in the container, and is not set now")
	}
	if r.why != "" {
		r.needs = append(r.needs, all+" goes into the container's environment, not through a file: "+r.why)
	}
	if r.shim != nil {
		r.needs = append(r.needs, "docker exec has "+all+" no more, only the program and what it starts")
		if r.check != "" && slices.ContainsFunc(r.shim.pieces, func(x proof.Piece) bool { return x.Comes && x.Name == "copy" }) {
			r.needs = append(r.needs, r.check)
		}
	}
}

// projects are the compose files of the users, those that are used together in one list.
func (r *running) projects() [][]*compose.File {
	var out [][]*compose.File
	for _, group := range compose.Together(r.p.Workspace.Project().Compose()) {
		if slices.ContainsFunc(r.users, func(u user) bool { return slices.Contains(group, u.File) }) {
			out = append(out, group)
		}
	}
	return out
}
