package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/service"
)

// need is one service that must get a value when it runs and has no literal of its own.
type need struct {
	service *compose.Service

	// variable is what its program reads. give decides how it gets it: by the image's own
	// file form where that is certain, else in the environment. "" where the mounted file
	// is all that is asked for: a shim reads it, or the program itself.
	variable string

	// grant is of the mounted file: Target, UID, GID and Mode. Source is filled in.
	grant compose.Grant

	// unset is set where the fix takes the variable out of the image too: else an ENV of
	// the image forbids the file form, which no image allows beside the plain variable.
	unset bool
}

// giving is a value that the containers of one compose project get from outside.
type giving struct {
	name   string          // the secret's: its id, and its variable in .env, unless something else has that name
	value  flow.Value      // the literal; not known where the environment has it already, see from
	from   string          // the variable that has the value already, in .env or in the caller's environment
	files  []*compose.File // the project: all files that are merged with each other
	needs  []need
	places []service.Place // literals of the compose files that go
	plain  bool            // no image's file form: the environment
}

// form is how a container gets a value.
type form uint8

const (
	byEnvironment form = iota // NAME: ${NAME:?}, the value in .env
	byImageFile               // NAME_FILE: /run/secrets/NAME, which the image reads
	byMount                   // the file alone
)

// gift is the compose part of a fix, and the place of the value. changes come first in
// the fix; what is asked of the compose files is in its composition, so that each of them
// is edited once.
type gift struct {
	id      string                    // what compose and .env call it
	file    string                    // secrets/<id>, relative to the root; "" if .env alone has the value
	dotenv  string                    // the .env that has it, relative to the root; "" if none
	forms   map[*compose.Service]form // of every service of needs and places
	changes []rewrite.Change          // ignore files, then the value's place
	needs   []string                  // what a person must check or do
	safety  rewrite.Safety            // Safe where no container starts in another way
	said    []string                  // how each container gets it, for the title
}

// files reports whether a container is given a file that its image reads.
func (g *gift) files() bool {
	for _, f := range g.forms {
		if f == byImageFile {
			return true
		}
	}
	return false
}

// give works out how the containers of one compose project get a value from now on. What
// it asks of the compose files is added to c. reason says why it cannot be done; c is not
// to be used then.
func give(p *rewrite.Pass, g giving, c *composition) (*gift, string) {
	d := &giver{p: p, giving: g, out: &gift{forms: map[*compose.Service]form{}, safety: rewrite.Safe}}
	if why := d.containers(); why != "" {
		return nil, why
	}
	d.decide()
	if why := d.place(); why != "" {
		return nil, why
	}
	if why := d.compose(c); why != "" {
		return nil, why
	}
	d.tell()
	return d.out, ""
}

// giver is a value on its way to the containers.
type giver struct {
	p *rewrite.Pass
	giving
	all []*container
	out *gift
}

// container is a service as compose makes it of all files of the project.
type container struct {
	name   string
	parts  []*compose.Service // in the order of the files
	places []service.Place
	needs  []need
	form   form
	file   *fileForm // of byImageFile
}

// containers sorts the needs and the places by container.
func (d *giver) containers() (reason string) {
	of := func(s *compose.Service) *container {
		i := slices.IndexFunc(d.all, func(ct *container) bool { return ct.name == s.Name })
		if i < 0 {
			ct := &container{name: s.Name}
			for _, f := range d.files {
				for _, x := range f.Services {
					if x.Name == s.Name {
						ct.parts = append(ct.parts, x)
					}
				}
			}
			if !slices.Contains(ct.parts, s) {
				ct.parts = append(ct.parts, s)
			}
			d.all = append(d.all, ct)
			i = len(d.all) - 1
		}
		return d.all[i]
	}
	for _, x := range d.places {
		ct := of(x.Service)
		ct.places = append(ct.places, x)
	}
	for _, n := range d.needs {
		ct := of(n.service)
		if n.variable != "" {
			for _, s := range ct.parts {
				for _, t := range s.Texts {
					if t.Where == compose.InEnvironment && t.Name == n.variable {
						if !t.HasValue {
							return at(s.File.Path, max(t.Line, 1)) + " hands " + t.Name + " on from outside, and the image's own value counts where there is none: which one is meant is not certain"
						}
						n.variable, n.grant = "", compose.Grant{} // it has one of its own
						n.service = nil
					}
				}
			}
		}
		if n.service != nil {
			ct.needs = append(ct.needs, n)
		}
	}
	d.all = slices.DeleteFunc(d.all, func(ct *container) bool { return len(ct.places)+len(ct.needs) == 0 })
	return ""
}

// decide chooses the form of each container.
func (d *giver) decide() {
	for _, ct := range d.all {
		if len(ct.places) == 0 && !slices.ContainsFunc(ct.needs, func(n need) bool { return n.variable != "" }) {
			ct.form = byMount
			continue
		}
		if d.plain {
			continue
		}
		if f, why := d.fileForm(ct); why == "" {
			ct.form, ct.file = byImageFile, f
		}
	}
	// Where .env has the value for one of them, it has it for all: a value with two places is changed in one of them some day. What is
	// made of a variable is no bind mount, and compose refuses it for a container that is read-only.
	if d.inDotenv() {
		for _, ct := range d.all {
			if ct.form == byImageFile && slices.ContainsFunc(ct.parts, func(s *compose.Service) bool { return s.ReadOnly }) {
				ct.form, ct.file = byEnvironment, nil
			}
		}
	}
}

// inDotenv reports whether the value goes to .env: a container has it in its environment.
func (d *giver) inDotenv() bool {
	return d.from != "" || slices.ContainsFunc(d.all, func(ct *container) bool {
		return ct.form == byEnvironment
	})
}

// base is the file that the project is known by: the first of those that the value stands in, or the first of all.
func (d *giver) base() *compose.File {
	for _, f := range d.files {
		if d.in(f) && compose.IsComposeFile(path.Base(f.Path)) {
			return f
		}
	}
	for _, f := range d.files {
		if d.in(f) {
			return f
		}
	}
	return d.files[0]
}

// place finds a name that is free, and the place of the value under it.
func (d *giver) place() (reason string) {
	if d.from != "" {
		d.out.id = d.from
		return ""
	}
	for _, s := range d.places {
		if s.Default != "" && s.Default != d.name {
			return "it is the default of more than one variable"
		}
	}
	names := []string{d.name}
	if !slices.ContainsFunc(d.places, func(s service.Place) bool { return s.Default != "" }) {
		names = d.names()
	}
	for _, name := range names {
		taken, why := d.placeAs(name)
		if why == "" {
			return ""
		}
		if !taken {
			return why
		}
		reason = why
	}
	return reason
}

// placeAs puts the value under a name; taken reports whether that fails because of the name.
func (d *giver) placeAs(name string) (taken bool, reason string) {
	dotenv := d.inDotenv()
	for _, f := range d.files {
		def, ok := f.Secrets[name]
		want := compose.SecretDef{Environment: name}
		if !dotenv {
			want = compose.SecretDef{File: relative(f.Dir, path.Join(d.base().Dir, rewrite.SecretsDir, name))}
		}
		if ok && (def.External || path.Clean(def.File) != path.Clean(want.File) || def.Environment != want.Environment) {
			return true, f.Path + " has another secret of that name"
		}
	}
	lines := &ignores{ws: d.p.Workspace}
	if dotenv {
		change, taken, why := d.addDotenv(name, lines)
		if why != "" {
			return taken, why
		}
		d.out.id, d.out.dotenv = name, d.base().EnvPath()
		d.out.changes = lines.changes()
		if len(change.Edits) > 0 {
			d.out.changes = append(d.out.changes, change)
		}
		return false, ""
	}
	dir := d.base().Dir
	if dir == "" {
		return false, d.base().Path + ": which folder its paths start from is not certain"
	}
	pl, why := placing{dir, []string{name}, d.value.Reveal(), d.dockerfiles()}.find(d.p.Workspace, lines)
	if why != "" {
		return strings.HasPrefix(why, "every name"), why
	}
	d.out.id, d.out.file, d.out.changes = name, pl.file, pl.changes
	return false, ""
}

// dockerfiles are those that the project's services build.
func (d *giver) dockerfiles() []string {
	var out []string
	for _, f := range d.files {
		for _, s := range f.Services {
			for _, name := range s.Dockerfiles {
				if !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// compose adds what is asked of the compose files.
func (d *giver) compose(c *composition) (reason string) {
	def := compose.NamedSecret{Name: d.out.id, SecretDef: compose.SecretDef{Environment: d.out.id}}
	for _, ct := range d.all {
		for _, s := range ct.parts {
			if slices.ContainsFunc(ct.places, func(x service.Place) bool { return x.Service == s }) || slices.ContainsFunc(ct.needs, func(n need) bool { return n.service == s }) {
				d.out.forms[s] = ct.form
			}
		}
		grants := map[*compose.Service]compose.Grant{}
		switch ct.form {
		case byEnvironment:
			if why := d.interpolate(ct, c); why != "" {
				return why
			}
			for _, n := range ct.needs {
				if n.variable == "" {
					grants[n.service] = d.grantOf(ct, n.grant)
					continue
				}
				part := c.of(n.service.File)
				part.moves = append(part.moves, compose.Migration{Service: n.service, Set: []compose.Assignment{{Name: n.variable, Value: d.variable()}}})
			}
		case byImageFile:
			for i := range ct.file.replace {
				r := &ct.file.replace[i]
				part := c.of(r.service.File)
				value := r.prefix + "/run/secrets/" + d.out.id
				if r.script != nil {
					if value = r.script(d.out.id); value == "" {
						return at(r.service.File.Path, r.text.Line) + " cannot be made to read the file with certainty"
					}
				}
				part.replace = append(part.replace, compose.Replacement{Text: r.text, Value: value, Rename: r.rename})
				if r.script == nil {
					grants[r.service] = d.grantOf(ct, compose.Grant{})
				}
			}
			for _, n := range ct.needs {
				if n.variable != "" {
					part := c.of(n.service.File)
					part.moves = append(part.moves, compose.Migration{Service: n.service, Set: []compose.Assignment{{Name: ct.file.names[n.variable], Value: ct.file.prefix + "/run/secrets/" + d.out.id}}})
				}
				grants[n.service] = d.grantOf(ct, n.grant)
			}
		case byMount:
			for _, n := range ct.needs {
				grants[n.service] = d.grantOf(ct, n.grant)
			}
		}
		for _, s := range ct.parts {
			g, ok := grants[s]
			if !ok {
				continue
			}
			if heir := d.heir(s, true); heir != nil { // compose takes the grant along, and not the secret
				return heir.File.Path + ": the service " + heir.Name + " extends " + s.Name + ", and would be given a secret that is not known there"
			}
			g.Source = d.out.id
			part := c.of(s.File)
			part.moves = append(part.moves, compose.Migration{Service: s, Grant: []compose.Grant{g}})
			if d.out.file != "" {
				def.SecretDef = compose.SecretDef{File: relative(s.File.Dir, d.out.file)}
			}
			part.define(def)
			d.version(s.File)
		}
	}
	return ""
}

var versionLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^version:[ \t]*["']?(2[0-9.]*|3|3\.0)["']?[ \t\r]*(?:#.*)?$`)
})

// version tells of a file whose version says that it has no secrets: docker compose does not look at it.
func (d *giver) version(f *compose.File) {
	if m := versionLine().FindSubmatch(f.Src); m != nil {
		why := "docker-compose 1.x takes no secrets in a file of version " + string(m[1]) + ": use docker compose"
		if !slices.Contains(d.out.needs, why) {
			d.out.needs = append(d.out.needs, why)
		}
	}
}

// grantOf fills in what a mount needs that is made of a variable: compose before 2.35 gave it to root alone.
func (d *giver) grantOf(ct *container, g compose.Grant) compose.Grant {
	if d.out.file != "" || g.Mode != "" {
		return g
	}
	if ct.file == nil || !ct.file.root {
		g.Mode = "0444"
	}
	return g
}

// variable is how a compose file has the value: a caller that does not give it is told so.
func (d *giver) variable() string { return "${" + d.out.id + ":?}" }

// interpolate puts the variable in place of the literals of a container.
func (d *giver) interpolate(ct *container, c *composition) (reason string) {
	type whole struct {
		s     *compose.Service
		text  compose.Text
		edits []edit.Edit
	}
	var texts []*whole
	for _, x := range ct.places {
		i := slices.IndexFunc(texts, func(w *whole) bool { return w.s == x.Service && w.text.Start == x.Text.Start })
		if i < 0 {
			texts = append(texts, &whole{s: x.Service, text: x.Text})
			i = len(texts) - 1
		}
		e := edit.Edit{Start: x.Start, End: x.End, New: d.variable()}
		if x.Default != "" { // ${NAME:-literal}: the whole of it
			e.Start, e.End = strings.LastIndex(x.Text.Value[:x.Start], "${"), x.End+1
		}
		texts[i].edits = append(texts[i].edits, e)
	}
	for _, w := range texts {
		value, err := edit.Apply([]byte(w.text.Value), w.edits)
		if err != nil {
			return at(w.s.File.Path, w.text.Line) + " holds it twice in one place"
		}
		part := c.of(w.s.File)
		r := compose.Replacement{Text: w.text, Value: string(value)}
		if !slices.ContainsFunc(part.replace, func(o compose.Replacement) bool { return o.Text.Start == r.Text.Start }) {
			part.replace = append(part.replace, r)
		}
	}
	return ""
}

// identifierOf makes a part of a variable's name of a service's.
func identifierOf(s string) string { return strings.ReplaceAll(identifier(s), "-", "_") }
