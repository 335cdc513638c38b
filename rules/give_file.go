package rules

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/images"
	"github.com/unbake-dev/unbake/rewrite/service"
)

// fileForm is how a container's image reads a secret from a file.
type fileForm struct {
	names   map[string]string // variable → the one that takes the file
	prefix  string            // of the path
	root    bool              // it is read by root
	first   bool              // only a container whose data are empty reads it
	reads   []string          // programs that read the plain variable unasked
	replace []fileText        // what changes in the compose file
}

// fileText is a text that is given another value.
type fileText struct {
	service *compose.Service
	text    compose.Text
	rename  string
	prefix  string
	script  func(id string) string // of a health check: the text that reads the file; "" if there is none
}

// fileForm finds out whether a container can have the secret as a file that its image reads by itself, and nothing else of it reads the
// variable. why says what stands in the way: the environment is always right then.
func (d *giver) fileForm(ct *container) (f *fileForm, why string) {
	var scripts []service.Place
	var plain []service.Place
	for _, x := range ct.places {
		switch {
		case x.Default != "":
			return nil, "a default is the caller's to override"
		case x.Kind == service.Whole && x.Text.Where == compose.InEnvironment:
			plain = append(plain, x)
		case x.Kind == service.Word && x.Text.Where == compose.InHealthcheck:
			scripts = append(scripts, x)
		default:
			return nil, "it is a part of " + x.Text.Where.String()
		}
		if x.Text.Inherited != "" {
			return nil, "it comes in through " + x.Text.Inherited
		}
		if d.shared(x, ct) {
			return nil, "another service has it through an anchor"
		}
		if x.Service.File.Dir == "" || x.Service.File.V1 {
			return nil, "the file has no place for secrets"
		}
	}
	for _, part := range ct.parts {
		if heir := d.heir(part, false); heir != nil {
			return nil, "the service " + heir.Name + " extends it, and would have the file beside a value of its own"
		}
		if part.DropsGrants() {
			return nil, part.File.Path + " takes its secrets away"
		}
	}
	value := d.value.Reveal()
	if d.value.Known() && (strings.TrimSpace(value) != value || strings.ContainsAny(value, "\x00")) {
		return nil, "the image would cut its blanks"
	}
	start, why := d.start(ct)
	if why != "" {
		return nil, why
	}
	f = &fileForm{names: map[string]string{}}
	add := func(variable string, x *service.Place) string {
		form, ok := images.FileForm(start.image, variable)
		switch {
		case !ok:
			if why, never := images.Never(start.image, variable); never {
				return why
			}
			return "the image is not known to read " + variable + " from a file"
		case !form.ReadBy(start.command):
			return "the command is not the image's own"
		case form.Mode != "":
			// Engines before 28 start no container with such a secret where the image's user is a pair of
			// numbers, later ones give it to that user whatever is asked for.
			return "the image wants a file of mode " + form.Mode + " that is its user's own, which not every engine gives it"
		case f.prefix != form.Prefix && len(f.names) > 0:
			return "its variables take files in different ways"
		}
		for _, with := range form.Groups {
			if !slices.ContainsFunc(plain, func(y service.Place) bool { return y.Text.Name == with }) {
				return "the image reads it from a file only together with " + with
			}
		}
		f.names[variable], f.prefix, f.first = form.Name, form.Prefix, f.first || form.First
		f.reads = append(f.reads, form.Reads...)
		if x != nil {
			t := fileText{service: x.Service, text: x.Text, prefix: form.Prefix}
			if form.Name != variable {
				t.rename = form.Name
			}
			f.replace = append(f.replace, t)
		}
		return d.elsewhere(ct, variable, form.Name, start)
	}
	for i := range plain {
		if why := add(plain[i].Text.Name, &plain[i]); why != "" {
			return nil, why
		}
	}
	for _, n := range ct.needs {
		if n.variable != "" {
			if start.sets(n.variable) && !n.unset {
				return nil, "the image sets it"
			}
			if why := add(n.variable, nil); why != "" {
				return nil, why
			}
		}
	}
	if len(f.names) == 0 {
		return nil, "no variable has it"
	}
	for _, x := range plain {
		if start.sets(x.Text.Name) {
			return nil, "the image sets it too"
		}
	}
	f.root = start.root && !slices.ContainsFunc(ct.parts, func(s *compose.Service) bool { return s.User != "" })
	return f, d.health(ct, f, scripts, start)
}

// heir is a service that extends another one, nil if there is none: elsewhere, one of another file.
func (d *giver) heir(base *compose.Service, elsewhere bool) *compose.Service {
	for _, f := range d.p.Workspace.Project().Compose() {
		for _, s := range f.Services {
			if f.Err == nil && s.Extends(base) && !(elsewhere && f.Path == base.File.Path) {
				return s
			}
		}
	}
	return nil
}

// shared reports whether a service outside of the container has the same text: through an anchor, or by extending this one.
func (d *giver) shared(x service.Place, ct *container) bool {
	for _, f := range d.files {
		for _, s := range f.Services {
			if f != x.Service.File && slices.ContainsFunc(s.Texts, func(t compose.Text) bool {
				return t.Start < 0 && t.Inherited == "extends" && t.Where == x.Text.Where && t.Name == x.Text.Name && t.Value == x.Text.Value
			}) {
				return true
			}
		}
	}
	for _, s := range x.Service.File.Services {
		if s.Name != ct.name && slices.ContainsFunc(s.Texts, func(t compose.Text) bool { return t.Start == x.Text.Start && t.Start >= 0 }) {
			return true
		}
	}
	return false
}

// starting is what a container starts with: its image, with what a Dockerfile adds to it, and its command.
type starting struct {
	image   string
	command []string // nil if it is the image's own
	root    bool     // the image is known to start as root
	env     []*dockerfile.Instruction
	checks  []*dockerfile.Instruction
}

// sets reports whether a Dockerfile gives the variable.
func (s starting) sets(variable string) bool {
	return slices.ContainsFunc(s.env, func(in *dockerfile.Instruction) bool {
		return slices.ContainsFunc(in.Pairs(), func(p dockerfile.Pair) bool { return p.Name == variable })
	})
}

// start finds out what a container starts with, as far as its image's own entrypoint is what runs.
func (d *giver) start(ct *container) (s starting, why string) {
	var builds []*compose.Service
	for _, part := range ct.parts {
		if part.Build != nil {
			builds = append(builds, part)
		}
		switch {
		case part.Image == "" || part.Image == s.image:
		case s.image != "":
			return s, "its files have different images"
		default:
			s.image = part.Image
		}
		if src := string(part.File.Src); strings.Contains(src, "docker-entrypoint.sh:") || strings.Contains(src, ":/usr/local/bin/docker-entrypoint") ||
			strings.Contains(src, ":/docker-entrypoint.sh") || strings.Contains(src, "target: /usr/local/bin/docker-entrypoint") {
			return s, "its entrypoint is another one's"
		}
		c := service.CommandsOf(part)
		for _, t := range part.Texts {
			if t.Where == compose.InEntrypoint {
				return s, "its entrypoint is another one"
			}
		}
		for _, w := range c.Words {
			if w.Where == compose.InCommand {
				s.command = w.All()
			}
		}
	}
	if len(builds) == 0 {
		st, ok := images.StartOf(s.image)
		s.root = ok && st.User == ""
		return s, ""
	}
	return d.built(s, builds)
}

// built finds out the same of a service that is built: its Dockerfile says which image it is from.
func (d *giver) built(s starting, builds []*compose.Service) (starting, string) {
	b := builds[0]
	if len(builds) > 1 || len(b.Dockerfiles) != 1 || b.Build == nil {
		return s, "which Dockerfile it is built from is not certain"
	}
	src, err := d.p.Workspace.ReadFile(b.Dockerfiles[0])
	if err != nil {
		return s, "its Dockerfile is not there"
	}
	f, err := dockerfile.Parse(b.Dockerfiles[0], src)
	if err != nil {
		return s, "its Dockerfile cannot be read"
	}
	stage := f.Final()
	if b.Build.Target != "" {
		i := slices.IndexFunc(f.Stages, func(x *dockerfile.Stage) bool { return strings.EqualFold(x.Name, b.Build.Target) })
		if i < 0 {
			return s, "its target is not there"
		}
		stage = f.Stages[i]
	}
	if stage == nil {
		return s, "its Dockerfile has no stage"
	}
	line := stage.Lineage()
	s.image = line[len(line)-1].Base
	var command []string
	user := false
	for _, st := range slices.Backward(line) {
		for _, in := range st.Instructions {
			if in.OnBuild {
				continue
			}
			switch in.Name {
			case "entrypoint", "shell":
				return s, "its Dockerfile has an " + strings.ToUpper(in.Name) + " of its own"
			case "cmd":
				if command = in.Strings(); !in.JSON() {
					command = []string{"/bin/sh", "-c"}
				}
			case "env":
				s.env = append(s.env, in)
			case "healthcheck":
				s.checks = append(s.checks, in)
			case "user":
				user = true
			case "copy", "add":
				if strings.Contains(strings.ReplaceAll(in.ArgText(), "docker-entrypoint-initdb.d", ""), "entrypoint") {
					return s, "its Dockerfile brings an entrypoint"
				}
			}
		}
	}
	if s.command == nil {
		s.command = command
	}
	st, ok := images.StartOf(s.image)
	s.root = ok && st.User == "" && !user
	return s, ""
}

// elsewhere says what else has to do with the variable: the plain one must be nowhere beside the file's, and nothing but the image's own
// process may read it.
func (d *giver) elsewhere(ct *container, variable, fileVariable string, start starting) (why string) {
	for _, s := range ct.parts {
		if s.Hides(variable) {
			return "what it extends sets it too"
		}
		for _, t := range s.Texts {
			switch {
			case t.Where == compose.InEnvironment && t.Name == fileVariable && fileVariable != variable:
				return fileVariable + " is set already"
			case t.Where == compose.InEnvironment && t.Name == variable && !slices.ContainsFunc(ct.places, func(x service.Place) bool { return x.Service == s && x.Text.Start == t.Start }):
				return "another file sets it too"
			case t.Where == compose.InLabels && strings.Contains(t.Value, variable):
				return "a label names it"
			}
		}
		for _, e := range s.EnvFiles {
			src, err := d.p.Workspace.ReadFile(e.Path)
			if e.Path == "" || err != nil {
				return "an env_file that is not here may set it"
			}
			entries, err := compose.ParseDotenv(e.Path, src)
			if err != nil || slices.ContainsFunc(entries, func(x compose.DotenvEntry) bool { return x.Name == variable || x.Name == fileVariable }) {
				return e.Path + " sets it too"
			}
		}
		if hidden(s.File, variable) {
			return s.File.Path + " reads it in another place"
		}
	}
	for _, in := range start.checks {
		if strings.Contains(in.Text, variable) {
			return "the image's health check reads it"
		}
	}
	return d.executed(variable)
}

// hidden reports whether a compose file reads a variable of a container in a place that is no text of a service: in a hook, an extension, a
// config.
func hidden(f *compose.File, variable string) bool {
	known := map[int]int{}
	for _, s := range f.Services {
		for _, t := range s.Texts {
			known[t.Start] = mentions(t.Value, variable)
		}
	}
	n := 0
	for _, k := range known {
		n += k
	}
	return mentions(string(f.Src), variable) > n
}

// mentions counts $$NAME and $${NAME}.
func mentions(text, variable string) (n int) {
	for _, form := range []string{"$$" + variable, "$${" + variable} {
		for rest := text; ; n++ {
			_, after, ok := strings.Cut(rest, form)
			if !ok {
				break
			}
			if rest = after; rest != "" && (rest[0] == '_' || rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z' || rest[0] >= '0' && rest[0] <= '9') {
				n-- // a longer name
			}
		}
	}
	return n
}

// executed says which script runs a command in the container that names the variable: docker exec has the service's environment, not what the
// image makes of a file.
func (d *giver) executed(variable string) (why string) {
	for _, m := range d.p.Workspace.Project().Callers().Executed[variable] {
		return at(m.Path, m.Line) + " reads it in the container"
	}
	return ""
}
