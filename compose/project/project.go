// Package project reads a compose project as a whole, for what writes the same project down for something else than docker compose.
// It leans on compose for the files and on rewrite/yamledit for reading them; package detect says what must not be written down again.
// It edits nothing, fills in no variable of the environment, and refuses a project that it would tell only half of.
package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Project is what a compose file describes: what it extends is followed; what is merged over it, and profiles, are left out.
type Project struct {
	File     *compose.File
	Dir      string // folder of the compose file: what is generated goes there, and relative paths start there
	Name     string // top-level name, "" if it has none or a variable decides
	Services []*Service
	Secrets  []Secret // that a service's container gets or the file defines, in the order of the file
	Networks *Value   // top level; nil if there are none
	Volumes  *Value
	Configs  *Value
	Left     []string // what of the project is left out, each a sentence
}

// Service is one service of a Project. What compose lets be written in several ways is in one: environment, labels and sysctls are
// mappings, networks and depends_on too, secrets are in Grants.
type Service struct {
	Name        string
	Value       *Value
	Environment []Variable
	Grants      []Grant
	Builds      []string // ids of the secrets that its build gets
}

// Variable is a variable of a service's environment. Has is false where its value is that of the shell.
type Variable struct {
	Name, Text string
	Has        bool
}

// Grant is a secret that a container gets as a file. Target is its absolute path; UID, GID and Mode are as they are written, "" if not.
type Grant struct {
	Source, Target string
	UID, GID, Mode string
}

// Below returns the target's path below a folder, ok is false if it is not there.
func (g Grant) Below(folder string) (name string, ok bool) {
	return strings.CutPrefix(g.Target, folder+"/")
}

// Secret is a top-level secret. File is a slash path relative to the project's Dir.
type Secret struct {
	ID                string
	File, Environment string
	External          bool
	ExternalName      string
}

// RunSecrets is the folder that secrets are in by default.
const RunSecrets = "/run/secrets"

// Generated is what is written for a project: new files, and what a person must know or do.
type Generated struct {
	Files []File
	Needs []string
}

// File is a file to be written, its path relative to the root of the tree.
type File struct {
	Path string
	Text []byte
	Mode fs.FileMode // 0: the default
	Once bool        // an example to be filled in: what has become of it is nobody's business
}

// Refused says why nothing is written. Start is the offset in the compose file of what is in the way.
type Refused struct {
	Start int
	Msg   string
}

func (r *Refused) Error() string { return r.Msg }

// Refuse makes a Refused.
func Refuse(format string, args ...any) error { return &Refused{Msg: fmt.Sprintf(format, args...)} }

// Leading returns the compose file of f's folder that a project begins with: the one that compose finds by itself, or the only one there.
// It is nil where that is not certain.
func Leading(f *compose.File, all []*compose.File) *compose.File {
	names := []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} // in the order of compose
	var lead, only *compose.File
	best, count := len(names), 0
	for _, o := range all {
		if path.Dir(o.Path) != path.Dir(f.Path) || path.Base(o.Path) == VaultOverlay {
			continue
		}
		if i := slices.Index(names, path.Base(o.Path)); i >= 0 && i < best {
			best, lead = i, o
		}
		only = o
		count++
	}
	if lead == nil && count == 1 {
		return only
	}
	return lead
}

// Included says whether another file includes f: it is a part of that one's project.
func Included(f *compose.File, all []*compose.File) bool {
	for _, o := range all {
		if o == f || !bytes.Contains(o.Src, []byte("include:")) {
			continue
		}
		doc, err := yamledit.Parse(o.Path, o.Src)
		if err != nil {
			continue
		}
		include := valueOf(doc.Root).Get("include")
		if include == nil {
			continue
		}
		for _, item := range include.Items {
			for _, name := range append(item.Texts(), item.Get("path").Texts()...) {
				if path.Join(path.Dir(o.Path), name) == f.Path {
					return true
				}
			}
		}
	}
	return false
}

// VaultOverlay is the name of the compose file that package vault writes: it is no project of its own.
const VaultOverlay = "compose.vault.yaml"

// Load reads the project that a compose file begins. all are the compose files of the tree.
func Load(f *compose.File, all []*compose.File) (*Project, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	doc, err := yamledit.Parse(f.Path, f.Src)
	if err != nil {
		return nil, err
	}
	root := valueOf(doc.Root)
	p := &Project{File: f, Dir: path.Dir(f.Path), Networks: root.Get("networks"), Volumes: root.Get("volumes"), Configs: root.Get("configs")}
	if n := root.Get("name").String(); plainName(n) {
		p.Name = n
	}
	if root.Get("include") != nil {
		return nil, Refuse("the file includes others, whose services would be missing: make one file of them, as docker compose config shows it")
	}
	if root.Get("services") == nil {
		return nil, Refuse("the file has no services key")
	}
	for _, o := range all {
		if o != f && path.Dir(o.Path) == p.Dir && strings.Contains(path.Base(o.Path), ".override.") {
			p.Left = append(p.Left, path.Base(o.Path)+" is merged over it by docker compose, and left out here")
		}
	}
	services := root.Get("services")
	for i, name := range services.Keys {
		if !plainName(name) {
			return nil, Refuse("the name of service %q is none that compose takes", name)
		}
		v, err := p.service(doc, f, all, name, services.Items[i], nil)
		if err != nil {
			return nil, err
		}
		if profiles := v.Get("profiles").Texts(); len(profiles) > 0 {
			p.Left = append(p.Left, fmt.Sprintf("service %s has a profile (%s), and is left out", name, strings.Join(profiles, ", ")))
			continue
		}
		s := &Service{Name: name, Value: v}
		if err := s.read(); err != nil {
			return nil, err
		}
		p.Services = append(p.Services, s)
	}
	if len(p.Services) == 0 {
		return nil, Refuse("the file has no service that is always started")
	}
	if err := p.secrets(root.Get("secrets")); err != nil {
		return nil, err
	}
	return p, p.bare(doc)
}

// service returns a service with what it extends.
func (p *Project) service(doc *yamledit.Doc, f *compose.File, all []*compose.File, name string, own *Value, seen []string) (*Value, error) {
	if slices.Contains(seen, name) {
		return nil, Refuse("service %s extends itself", name)
	}
	own = normal(own)
	x := own.Get("extends")
	if x == nil {
		return own, nil
	}
	from, file := x.String(), x.Get("file").String()
	if x.Kind == Map {
		from = x.Get("service").String()
	}
	if file != "" {
		if strings.Contains(file, "$") || path.Join(path.Dir(f.Path), file) == ".." || path.Dir(path.Clean(file)) != "." {
			return nil, Refuse("service %s extends one in %s, whose paths start in another folder: merge them by hand", name, file)
		}
		i := slices.IndexFunc(all, func(o *compose.File) bool { return o.Path == path.Join(path.Dir(f.Path), file) })
		if i < 0 || all[i].Err != nil {
			return nil, Refuse("service %s extends one in %s, which is not read", name, file)
		}
		other, err := yamledit.Parse(all[i].Path, all[i].Src)
		if err != nil {
			return nil, err
		}
		doc, f, seen = other, all[i], nil
	}
	base := valueOf(doc.Root).At("services", from)
	if base == nil {
		return nil, Refuse("service %s extends %s, which is not there", name, from)
	}
	whole, err := p.service(doc, f, all, from, base, append(seen, name))
	if err != nil {
		return nil, err
	}
	return merged(without(whole, "extends"), without(own, "extends"), ""), nil
}

// read fills in what is taken out of the service's mapping.
func (s *Service) read() error {
	env := s.Value.Get("environment")
	for i := range env.keys() {
		item := env.Items[i]
		s.Environment = append(s.Environment, Variable{Name: env.Keys[i], Text: item.Text, Has: item.Kind == Scalar})
	}
	if secrets := s.Value.Get("secrets"); secrets != nil {
		for _, item := range secrets.Items {
			g := Grant{Source: item.Get("source").String(), Target: item.Get("target").String(),
				UID: item.Get("uid").String(), GID: item.Get("gid").String(), Mode: item.Get("mode").String()}
			if g.Target == "" {
				g.Target = g.Source
			}
			if !path.IsAbs(g.Target) {
				g.Target = path.Join(RunSecrets, g.Target)
			}
			if g.Source == "" || strings.ContainsAny(g.Target, "$`\"'\\\n") || path.Clean(g.Target) != g.Target {
				return Refuse("service %s gets a secret whose name or target is not certain", s.Name)
			}
			s.Grants = append(s.Grants, g)
		}
	}
	if secrets := s.Value.At("build", "secrets"); secrets != nil {
		for _, item := range secrets.Items {
			id := item.Get("target").String()
			if id == "" {
				id = item.Get("source").String()
			}
			if item.Kind == Scalar {
				id = item.Text
			}
			s.Builds = append(s.Builds, id)
		}
	}
	return nil
}

// plainName says whether a name is one of a service or a secret.
func plainName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

func (v *Value) keys() []string {
	if v == nil {
		return nil
	}
	return v.Keys
}

// secrets reads the top-level secrets.
func (p *Project) secrets(top *Value) error {
	for i, id := range top.keys() {
		if !plainName(id) {
			return Refuse("the name of secret %q is none that compose takes", id)
		}
		v := top.Items[i]
		s := Secret{ID: id, File: v.Get("file").String(), Environment: v.Get("environment").String()}
		if e := v.Get("external"); e != nil && (e.Kind == Map || e.True()) {
			s.External, s.ExternalName = true, v.Get("name").String()
			if n := e.Get("name").String(); n != "" {
				s.ExternalName = n
			}
			if s.ExternalName == "" {
				s.ExternalName = id
			}
		}
		if s.File != "" {
			if strings.Contains(s.File, "$") || path.IsAbs(s.File) || s.File[0] == '~' {
				return Refuse("the file of secret %s is not certain to be in the project", id)
			}
			s.File = path.Clean(s.File)
		}
		if !s.External && s.File == "" && s.Environment == "" {
			return Refuse("secret %s has no file, and no variable: where its value is, is not known", id)
		}
		p.Secrets = append(p.Secrets, s)
	}
	for _, s := range p.Services {
		for _, g := range s.Grants {
			if _, ok := p.Secret(g.Source); !ok {
				return Refuse("service %s gets secret %s, which is not defined", s.Name, g.Source)
			}
		}
	}
	return nil
}

// Secret returns the top-level secret of that id.
func (p *Project) Secret(id string) (Secret, bool) {
	i := slices.IndexFunc(p.Secrets, func(s Secret) bool { return s.ID == id })
	if i < 0 {
		return Secret{}, false
	}
	return p.Secrets[i], true
}

// Given returns the secrets that some container gets as a file.
func (p *Project) Given() []Secret {
	var out []Secret
	for _, s := range p.Secrets {
		if slices.ContainsFunc(p.Services, func(x *Service) bool {
			return slices.ContainsFunc(x.Grants, func(g Grant) bool { return g.Source == s.ID })
		}) {
			out = append(out, s)
		}
	}
	return out
}

// HasVariables says whether a service gets a secret as a variable of the shell or of .env.
func (p *Project) HasVariables() bool {
	for _, s := range p.Services {
		for _, v := range s.Environment {
			if len(v.Secrets()) > 0 {
				return true
			}
		}
	}
	return false
}

// bare refuses a project that holds a literal secret: it would stand in one more file.
func (p *Project) bare(doc *yamledit.Doc) error {
	for _, s := range p.Services {
		for _, v := range s.Environment {
			if what := exposed(v.Name, v.Text, v.Has); what != "" {
				return refuseAt(doc, s.Name, "%s of service %s is a literal still, it would stand in one more file: move it first", what, s.Name)
			}
		}
		var found string
		s.Value.walk("", func(key, text string) {
			if found == "" && len(detect.Scan([]byte(text))) > 0 {
				found = key
			}
		})
		if found != "" {
			return refuseAt(doc, s.Name, "%s of service %s holds a literal secret still, it would stand in one more file: move it first", found, s.Name)
		}
	}
	return nil
}

// exposed returns the name of the variable whose literal is a secret, in the text or in a default.
func exposed(name, value string, has bool) string {
	parts, ok := Parts(value)
	if !has || !ok {
		return ""
	}
	literal := len(parts) == 1 && parts[0].Name == ""
	if literal && detect.Variable(name, parts[0].Text, true) == detect.Exposed {
		return name
	}
	for _, part := range parts {
		if strings.HasSuffix(part.Op, "-") && !strings.Contains(part.Arg, "$") && part.Arg != "" {
			if detect.Variable(name, part.Arg, true) == detect.Exposed || detect.Variable(part.Name, part.Arg, true) == detect.Exposed {
				return "the default of " + part.Name + " in " + name
			}
		}
	}
	return ""
}

func refuseAt(doc *yamledit.Doc, service, format string, args ...any) error {
	err := &Refused{Msg: fmt.Sprintf(format, args...)}
	services, _ := doc.Find("services")
	if e, ok := services.Get(service); ok {
		err.Start = max(e.Key.Start, 0)
	}
	return err
}

// IsRefused says whether err is a Refused, and where.
func IsRefused(err error) (r *Refused, ok bool) {
	ok = errors.As(err, &r)
	return r, ok
}
