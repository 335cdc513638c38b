// Package stack writes a compose project down for docker stack deploy: docker-stack.yml, and a script that creates the swarm's secrets.
// It leans on compose/project for what the project is, and on rewrite/yamledit for YAML.
// It will not put a value into a file, guess an image, or leave something out without telling.
package stack

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// The names of what is written, beside the compose file.
const (
	StackFile  = "docker-stack.yml"
	ScriptFile = "secrets.create.sh"
)

// writer is one stack file in the making.
type writer struct {
	p        *project.Project
	versions map[string]string // of secrets, by the name without it
	needs    []string
	shell    []string            // variables that the shell must have
	endless  []string            // services that a swarm starts again when they end
	left     map[string][]string // keys that are left out, by service
	err      error
}

// Generate returns the stack file and the script. Of a stack file that is there already the versions of the secrets are kept: they are
// raised by hand. An error is a [project.Refused].
func Generate(p *project.Project, fsys fs.FS) (*project.Generated, error) {
	w := &writer{p: p, versions: map[string]string{}, left: map[string][]string{}}
	w.kept(fsys)
	given := p.Given()
	var services, secrets yamledit.Fields
	for _, s := range p.Services {
		services = append(services, yamledit.Field{Key: s.Name, Value: w.service(s, fsys)})
	}
	for _, s := range given {
		name := s.ExternalName
		if !s.External {
			name = w.name(s)
		}
		secrets = append(secrets, yamledit.Field{Key: s.ID, Value: yamledit.Fields{
			{Key: "external", Value: yamledit.Bool(true)}, {Key: "name", Value: w.text(name)},
		}})
	}
	top := yamledit.Fields{{Key: "version", Value: yamledit.Text("3.8")}, {Key: "services", Value: services}}
	for _, f := range []yamledit.Field{{Key: "networks", Value: w.networks()}, {Key: "volumes", Value: w.volumes()}, {Key: "configs", Value: w.configs()}, {Key: "secrets", Value: secrets}} {
		if len(f.Value.(yamledit.Fields)) > 0 {
			top = append(top, f)
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	head := []string{
		"The project of " + path.Base(p.File.Path) + " for a swarm:",
		"  docker stack deploy -c " + StackFile + " NAME",
	}
	out := &project.Generated{}
	if len(given) > 0 {
		head = slices.Insert(head, 1, "  sh "+ScriptFile)
		head = append(head, "A secret of a swarm never changes. To rotate one: raise the number at the end of its name below, put the new value",
			"where "+ScriptFile+" takes it from, run that again and deploy again; then docker secret rm the old one.")
		out.Files = append(out.Files, project.File{Path: path.Join(p.Dir, ScriptFile), Text: w.script(given), Mode: 0o755})
	}
	out.Files = append(out.Files, project.File{Path: path.Join(p.Dir, StackFile), Text: yamledit.Render(head, top, true)})
	out.Needs = w.told(len(given) > 0)
	return out, nil
}

// name is what the swarm knows a secret by: it has one list for all stacks, so the project's name, where it has one, comes first.
func (w *writer) name(s project.Secret) string {
	base := w.base(s)
	version := w.versions[base]
	if version == "" {
		version = "1"
	}
	if len(base)+2+len(version) > 64 {
		w.fail("the name of secret %s is too long for a swarm", s.ID)
	}
	return base + "_v" + version
}

func (w *writer) base(s project.Secret) string {
	base := strings.TrimLeft(s.ID, "._-")
	if w.p.Name != "" {
		base = w.p.Name + "_" + base
	}
	return strings.TrimLeft(base, "._-")
}

var versioned = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.+)_v([0-9]+)$`) })

// kept reads the versions of the stack file that is there.
func (w *writer) kept(fsys fs.FS) {
	name := path.Join(w.p.Dir, StackFile)
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return
	}
	doc, err := yamledit.Parse(name, src)
	if err != nil {
		return
	}
	secrets, ok := doc.Root.Get("secrets")
	if !ok {
		return
	}
	for _, e := range secrets.Value.Entries() {
		if n, ok := e.Value.Get("name"); ok {
			if m := versioned().FindStringSubmatch(n.Value.Value); m != nil {
				w.versions[m[1]] = m[2]
			}
		}
	}
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = project.Refuse(format, args...)
	}
}

func (w *writer) need(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(w.needs, n) {
		w.needs = append(w.needs, n)
	}
}

// told is all that a person must know.
func (w *writer) told(secrets bool) []string {
	var out []string
	deploy := "docker stack deploy -c " + StackFile + " NAME on a manager of the swarm"
	if secrets {
		deploy = "sh " + ScriptFile + ", then " + deploy
	}
	out = append(out, deploy)
	out = append(out, w.p.Left...)
	for _, s := range w.p.Services {
		if keys := w.left[s.Name]; len(keys) > 0 {
			out = append(out, fmt.Sprintf("a stack file has no place for %s of service %s: left out", strings.Join(keys, ", "), s.Name))
		}
	}
	if len(w.shell) > 0 {
		out = append(out, "docker stack deploy takes variables from the shell and not from .env: export "+strings.Join(w.shell, ", "))
	}
	if len(w.endless) > 0 {
		out = append(out, "a swarm starts again what has ended: give a service that is to run once a restart_policy ("+strings.Join(w.endless, ", ")+")")
	}
	return append(out, w.needs...)
}

// text is a text with its variables as docker stack deploy reads them: a default without variables, and a message.
func (w *writer) text(s string) yamledit.Text {
	parts, ok := project.Parts(s)
	if !ok {
		w.fail("a value with a variable that compose does not read: mend it first")
		return ""
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Name == "" {
			b.WriteString(compose.Escape(p.Text))
			continue
		}
		if !slices.Contains(w.shell, p.Name) {
			w.shell = append(w.shell, p.Name)
		}
		switch p.Op {
		case "":
			b.WriteString("${" + p.Name + "}")
		case "?", ":?":
			msg := p.Arg
			if msg == "" || strings.ContainsAny(msg, "${}") {
				msg = p.Name + " is not set"
			}
			b.WriteString("${" + p.Name + p.Op + msg + "}")
		case "-", ":-":
			switch {
			case strings.ContainsAny(p.Arg, "${}"):
				w.fail("the default of %s holds a variable, which docker stack deploy does not read: give it one without", p.Name)
			case p.Arg == "":
				b.WriteString("${" + p.Name + "}") // the same, and an older docker reads it too
			default:
				b.WriteString("${" + p.Name + p.Op + p.Arg + "}")
			}
		default:
			w.fail("docker stack deploy does not read ${%s%s…}: write it otherwise", p.Name, p.Op)
		}
	}
	return yamledit.Text(b.String())
}

// number is a number or a boolean: as it stands, or a text where a variable decides.
func (w *writer) number(v *project.Value) yamledit.Value {
	if s := v.String(); !strings.Contains(s, "$") {
		return yamledit.Number(strings.ToLower(s))
	}
	return w.text(v.String())
}

func (w *writer) list(v *project.Value) yamledit.Seq {
	var out yamledit.Seq
	for _, s := range v.Texts() {
		out = append(out, w.text(s))
	}
	return out
}

// words is a scalar or a list of them: a command.
func (w *writer) words(v *project.Value) yamledit.Value {
	switch v.Kind {
	case project.List:
		if len(v.Items) == 0 {
			return yamledit.Seq{}
		}
		return w.list(v)
	case project.Null:
		return null
	}
	return w.text(v.String())
}

const null = yamledit.Number("null")

// pairs is a mapping of texts; Null is the shell's value.
func (w *writer) pairs(v *project.Value) yamledit.Fields {
	var out yamledit.Fields
	for i, key := range v.Keys {
		item := yamledit.Value(null)
		if v.Items[i].Kind == project.Scalar {
			item = w.text(v.Items[i].Text)
		}
		out = append(out, yamledit.Field{Key: key, Value: item})
	}
	return out
}
