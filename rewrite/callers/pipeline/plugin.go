package pipeline

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// plugin is a step of Drone or Woodpecker that builds by its settings.
type plugin struct {
	*file
	doc  *document
	step *yamledit.Node
	at   *yamledit.Node // the mapping that has the settings
	kind pluginKind
	vars variables
	tag  string
	name string // of the image, as it is written
}

// pluginKind is a family of plugins, by the setting that passes secrets.
type pluginKind uint8

const (
	dockerPlugin pluginKind = iota // secrets_from_env: [id=VARIABLE]
	buildxPlugin                   // secrets: ["id=NAME"], split at commas
	kanikoPlugin                   // none
)

// newPlugin returns what a step builds by its settings, nil if that is nothing.
func newPlugin(f *file, d *document, n *yamledit.Node, vars variables) *plugin {
	image := text(n, "image")
	name, tag := reference(image)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "index.docker.io/")
	p := &plugin{file: f, doc: d, step: n, at: value(n, "settings"), vars: vars, tag: tag, name: image}
	switch {
	case name == "plugins/docker" || name == "plugins/ecr" || name == "plugins/gcr" || name == "plugins/gar" || name == "plugins/acr" || name == "plugins/heroku":
	case name == "thegeeklab/drone-docker-buildx" || strings.HasSuffix(name, "woodpeckerci/plugin-docker-buildx") || strings.HasSuffix(name, "woodpecker-plugins/docker-buildx"):
		p.kind = buildxPlugin
	case strings.HasPrefix(name, "plugins/kaniko") || strings.HasPrefix(path.Base(name), "drone-kaniko") || strings.HasSuffix(name, "plugin-kaniko"):
		p.kind = kanikoPlugin
	default:
		return nil
	}
	if p.at == nil || p.at.Kind != yamledit.Map {
		p.at = n
	}
	return p
}

// list is a setting that is a list, or values parted by commas.
func (p *plugin) list(key string) (out []*yamledit.Node, list, ok bool) {
	v := value(p.at, key)
	if v == nil {
		return nil, false, true
	}
	for _, n := range items(v) {
		if n.Kind != yamledit.Scalar {
			return nil, false, false
		}
		out = append(out, n)
	}
	return out, v.Kind == yamledit.List, true
}

func (p *plugin) builds(project *call.Project) []*call.Build {
	b := &call.Build{What: p.name, Start: p.doc.base + p.step.Start, End: p.doc.base + p.step.End}
	if b.What, _ = reference(p.name); b.End < b.Start {
		b.End = b.Start
	}
	args, _, ok := p.list("build_args")
	if !ok {
		if m := value(p.at, "build_args"); m != nil && value(m, "from_secret") != nil {
			b.Fixed, b.Hidden = "all its build arguments come from one secret", true
		}
	}
	for _, n := range args {
		for _, one := range strings.Split(n.Value, ",") {
			name, v, given := strings.Cut(strings.TrimSpace(one), "=")
			a := call.Arg{Name: name, Value: v, Kind: call.Text}
			switch {
			case !given:
				a.Kind = call.Bare
			case strings.Contains(v, "$"):
				a.Kind = call.Computed
			}
			p.arg(b, a, n)
		}
	}
	from, _, fromOK := p.list("build_args_from_env")
	for _, n := range from {
		for _, name := range strings.Split(n.Value, ",") {
			name = strings.TrimSpace(name)
			p.arg(b, call.Arg{Name: name, Value: "$" + name, Kind: call.Variable, Env: name}, n)
		}
	}
	if !ok || !fromOK {
		b.Fixed, b.Hidden = or(b.Fixed, "its build arguments are not single values"), true
	}
	p.secrets(b)
	p.where(project, b)
	switch {
	case p.kind == kanikoPlugin:
		b.Builder.Engine, b.Builder.Why = call.Kaniko, "image: "+p.name
		b.Fixed = or(b.Fixed, "kaniko takes no secrets")
	case p.kind == buildxPlugin:
		b.Builder.Engine = call.Buildx
	case p.tag == "linux-amd64" || p.tag == "latest" || p.tag == "":
	default:
		m := numbered().FindStringSubmatch(p.tag)
		switch {
		case m == nil:
		case before(m[1], 20, 12):
			b.Fixed = or(b.Fixed, "this plugin takes secrets from 20.12 on")
		case before(m[1], 21, 0):
			b.Builder.Version, b.Builder.Why = "20.10", "image: "+p.name
		}
	}
	return []*call.Build{b}
}

// before reports whether a version is lower than major.minor; "20" is the last of its kind.
func before(version string, major, minor int) bool {
	parts := strings.Split(version, ".")
	m, _ := strconv.Atoi(parts[0])
	if m != major || len(parts) == 1 {
		return m < major
	}
	n, _ := strconv.Atoi(parts[1])
	return n < minor
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// arg adds an argument that stands at a value.
func (p *plugin) arg(b *call.Build, a call.Arg, n *yamledit.Node) {
	a.Start, a.End = p.doc.base+n.Start, p.doc.base+n.End
	a.Line, _ = p.Position(a.Start)
	if !name().MatchString(a.Name) {
		b.Fixed, b.Hidden = "it passes build arguments whose names are known only when it runs", true
		return
	}
	b.Args = append(b.Args, a)
}

var name = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// secrets reads those that are passed already.
func (p *plugin) secrets(b *call.Build) {
	from, _, _ := p.list("secrets_from_env")
	for _, n := range from {
		for _, one := range strings.Split(n.Value, ",") {
			if id, env, ok := strings.Cut(one, "="); ok {
				b.Secrets = append(b.Secrets, call.Secret{ID: strings.TrimSpace(id), Env: env})
			}
		}
	}
	for _, key := range []string{"secret", "secrets", "secrets_from_file"} {
		if key == "secrets" && p.at == p.step {
			continue // those are of the step, not of the plugin
		}
		all, _, _ := p.list(key)
		for _, n := range all {
			for _, field := range strings.Split(n.Value, ",") {
				k, v, _ := strings.Cut(strings.TrimSpace(field), "=")
				if key == "secrets_from_file" {
					b.Secrets = append(b.Secrets, call.Secret{ID: k})
				} else if k == "id" {
					b.Secrets = append(b.Secrets, call.Secret{ID: strings.TrimRight(v, `\`)})
				}
			}
		}
	}
}

func (p *plugin) where(project *call.Project, b *call.Build) {
	context, file := text(p.at, "context"), text(p.at, "dockerfile")
	if context == "" {
		context = "."
	}
	if file == "" {
		file = "Dockerfile"
	}
	at := project.Resolve([]string{"."}, unknown(context), unknown(file), false)
	b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir = at.Dockerfiles, at.Doubt, at.Near, at.Context, at.Dir
	b.Target = text(p.at, "target")
	if strings.Contains(b.Target, "$") {
		b.Target = ""
	}
}

func (p *plugin) change(t *tx, changes []call.Change) error {
	draft, at := t.draft(p.doc), pathOf(p.at)
	fail := func(n *yamledit.Node, format string, args ...any) error {
		return t.Errorf(p.doc.base+n.Start, format, args...)
	}
	gone := map[string][]string{} // by setting, the arguments that go
	var add []string
	for _, c := range changes {
		variable := ""
		for _, a := range c.Build.Args {
			if !slices.Contains(c.Drop, a.Name) {
				continue
			}
			key := "build_args"
			if a.Kind == call.Variable {
				key = "build_args_from_env"
			}
			gone[key] = append(gone[key], a.Name)
			if c.Secret == nil || a.Name != c.Secret.From {
				continue
			}
			switch a.Kind {
			case call.Variable, call.Bare:
				variable = a.Name
			case call.Text:
				if a.Value != "" {
					return fail(p.at, "passes a literal as %s: take it from a variable or a store first", a.Name)
				}
			default:
				return fail(p.at, "%s is put together in the settings: set it under environment, and pass it with build_args_from_env first", a.Name)
			}
		}
		if c.Secret == nil || slices.ContainsFunc(c.Build.Secrets, func(s call.Secret) bool { return s.ID == c.Secret.ID }) {
			continue
		}
		switch {
		case c.Secret.From != "" && variable == "":
			continue // it was empty
		case c.Secret.From == "" && !c.Secret.Local:
			return fail(p.at, "a file is not passed by this plugin with certainty: pass %s by hand", c.Secret.ID)
		case c.Secret.Local:
			variable = c.Secret.ID
			if _, ok := p.vars[variable]; !ok {
				if err := t.fromStore(p.doc, p.step, variable); err != nil {
					return err
				}
			}
		}
		if p.kind == buildxPlugin {
			if variable != c.Secret.ID {
				return fail(p.at, "this plugin passes a variable under its own name alone, and the secret is %s", c.Secret.ID)
			}
			add = append(add, "id="+c.Secret.ID)
			if v := p.vars[variable]; v == nil && !c.Secret.Local {
				line, _ := t.Position(p.doc.base + p.step.Start)
				t.need(fmt.Sprintf("%s:%d: the plugin's build fails where %s is not in its environment", p.Path, line, variable))
			}
		} else {
			add = append(add, c.Secret.ID+"="+variable)
		}
	}
	key := "secrets_from_env"
	if p.kind == buildxPlugin {
		key = "secrets"
	}
	if err := p.put(t, draft, at, key, add); err != nil {
		return t.moved(p.doc, err)
	}
	for _, setting := range []string{"build_args_from_env", "build_args"} {
		if len(gone[setting]) == 0 {
			continue
		}
		if err := p.remove(draft, at, setting, gone[setting]); err != nil {
			return t.moved(p.doc, err)
		}
	}
	return nil
}

// put adds items to a setting.
func (p *plugin) put(t *tx, draft *yamledit.Draft, at []string, key string, add []string) error {
	if len(add) == 0 {
		return nil
	}
	all, list, ok := p.list(key)
	switch {
	case !ok:
		return t.Errorf(p.doc.base+p.at.Start, "what %s holds is not certain", key)
	case len(all) == 0 && value(p.at, key) == nil:
		var seq yamledit.Seq
		for _, s := range add {
			seq = append(seq, yamledit.Text(s))
		}
		return draft.AddKey(key, seq, at...)
	case !list:
		n, err := draft.Scalar(all[0].Start, all[0].End)
		if err != nil {
			return err
		}
		return draft.SetText(n, all[0].Value+","+strings.Join(add, ","))
	}
	for _, s := range add {
		if err := draft.AddItem(yamledit.Text(s), append(slices.Clone(at), key)...); err != nil {
			return err
		}
	}
	return nil
}

// remove takes arguments out of a setting, and the setting with the last.
func (p *plugin) remove(draft *yamledit.Draft, at []string, key string, names []string) error {
	all, list, _ := p.list(key)
	left := 0
	kept := make([]string, len(all))
	for i, n := range all {
		var keep []string
		for _, one := range strings.Split(n.Value, ",") {
			if name, _, _ := strings.Cut(strings.TrimSpace(one), "="); !slices.Contains(names, name) {
				keep = append(keep, one)
			}
		}
		if kept[i] = strings.Join(keep, ","); len(keep) > 0 {
			left++
		}
	}
	if left == 0 {
		return draft.RemoveKey(key, at...)
	}
	for i := len(all) - 1; i >= 0; i-- {
		switch {
		case kept[i] == all[i].Value:
		case kept[i] == "" && list:
			if err := draft.RemoveItem(i, append(slices.Clone(at), key)...); err != nil {
				return err
			}
		default:
			n, err := draft.Scalar(all[i].Start, all[i].End)
			if err != nil {
				return err
			}
			if err := draft.SetText(n, kept[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// fromStore gives a step a variable from the store of the service.
func (t *tx) fromStore(doc *document, step *yamledit.Node, variable string) error {
	at, env := pathOf(step), value(step, "environment")
	if value(env, variable) != nil {
		return nil
	}
	if env != nil && env.Kind != yamledit.Map {
		return t.Errorf(doc.base+env.Start, "where this step gets %s from is not certain", variable)
	}
	from := yamledit.Fields{{Key: "from_secret", Value: yamledit.Text(variable)}}
	t.need("add " + variable + " to the secrets of the repository")
	if env == nil {
		return t.moved(doc, t.draft(doc).AddKey("environment", yamledit.Fields{{Key: variable, Value: from}}, at...))
	}
	return t.moved(doc, t.draft(doc).AddKey(variable, from, append(at, "environment")...))
}
