package inventory

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// dockerfile lists the secret mounts of a Dockerfile. One that cannot be read is an error of the plan.
func (t *taker) dockerfile(name string) {
	src, err := t.ws.ReadFile(name)
	if err != nil {
		return
	}
	f, err := dockerfile.Parse(name, src)
	if err != nil {
		return
	}
	builders := compose.Builders(t.all, name)
	for _, in := range f.Instructions {
		for _, m := range in.Mounts() {
			id := m.Opts["id"]
			if id == "" && m.Opts["target"] != "" {
				id = path.Base(m.Opts["target"])
			}
			if m.Type != "secret" || id == "" {
				continue
			}
			var how []string
			if env := m.Opts["env"]; env != "" {
				how = append(how, "as "+env)
			}
			if file := flow.MountTarget(in, m, id); file != "" {
				how = append(how, "in "+file)
			}
			value, given := m.Opts["required"]
			required := given && !strings.EqualFold(value, "false") && value != "0"
			r := Reader{Path: name, Line: in.Line, How: strings.Join(how, ", ")}
			line, col := f.Position(in.Start)
			for _, s := range t.mounted(f, id, builders, place{name, line, col}, required) {
				s.ID = id
				s.called(id)
				if env := m.Opts["env"]; env != "" {
					s.called(env)
				}
				s.required = s.required || required
				s.read(r)
			}
		}
	}
}

// mounted returns what a mount of the id can get: what the services hand over that build the Dockerfile; else what
// "docker build --secret" is given, a file beside it or a variable.
func (t *taker) mounted(f *dockerfile.File, id string, builders []*compose.Service, at place, required bool) []*Secret {
	var out []*Secret
	gives := map[string]bool{}
	for _, svc := range builders {
		for _, g := range svc.BuildGrants() {
			if g.ID != id {
				continue
			}
			if s := t.granted(svc.File, g.Source); s != nil && !slices.Contains(out, s) {
				gives[svc.Name] = true
				out = append(out, s)
			}
		}
	}
	if len(out) == 0 {
		if file := t.beside(f, id); file != "" {
			out = append(out, t.inFile(file, id, at))
		} else {
			out = append(out, t.variable(nil, id, at))
		}
	}
	if required {
		for _, svc := range builders {
			if line, col := svc.Position(); !gives[svc.Name] && !svc.Overrides {
				out[0].problem(Missing, place{svc.File.Path, line, col}, "the build of "+svc.Name+" does not get "+id+", which "+t.opts.Typed(at.path)+" requires: add it to its build.secrets")
			}
		}
	}
	return out
}

// beside returns the file that the value of a mount is in by custom: of its name in the secrets folder, or the one that the
// id was made of (.npmrc is npmrc); "" if there is none.
func (t *taker) beside(f *dockerfile.File, id string) string {
	dirs, _ := t.ws.Project().Contexts(f.Path)
	dirs = append([]string{path.Dir(f.Path)}, dirs...)
	for _, dir := range dirs {
		if file := path.Join(dir, rewrite.SecretsDir, id); fs.ValidPath(file) && t.ws.Exists(file) {
			return file
		}
	}
	for _, dir := range dirs {
		entries, err := fs.ReadDir(t.ws, dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if _, ok := detect.File(e.Name()); ok && !e.IsDir() && detect.Identifier(e.Name()) == id {
				return path.Join(dir, e.Name())
			}
		}
	}
	return ""
}

// baked lists a secret that is not moved yet.
func (t *taker) baked(b rewrite.Baked) {
	at := place{b.Path, b.Line, b.Col}
	var f *compose.File
	if len(b.Builders) > 0 {
		f = b.Builders[0].File
	}
	var found []*Secret
	switch {
	case b.File != "":
		found = append(found, t.inFile(b.File, b.Name, at))
	case len(b.Values) > 0:
		for _, v := range b.Values {
			key := "text " + v.Reveal() // stays in memory, like the value
			if !distinct(b.Name, v.Reveal()) {
				key += " " + b.Name // a word like any other, which two may have chosen
			}
			s := t.secret(key, b.Name)
			s.add(&Place{Kind: InText, Path: b.Path, Line: b.Line, asks: at, values: []string{v.Reveal()}, Tracked: t.ws.Tracked(b.Path)})
			found = append(found, s)
		}
	default:
		found = append(found, t.variable(f, b.Name, at))
	}
	for _, s := range found {
		s.called(b.Name)
		if rewrite.IsDockerfile(path.Base(b.Path)) {
			s.read(Reader{Path: b.Path, Line: b.Line, Rule: b.Rule, Fixable: b.Fixable})
			for _, svc := range b.Builders {
				line, _ := svc.Position()
				s.serve(Service{svc.File.Path, line, svc.Name, true, b.Name})
			}
		}
		for _, g := range t.files {
			if g.Path == b.Path {
				t.holders(s, g, b)
			}
		}
		if len(b.Values) == 0 {
			continue
		}
		if b.Fixable {
			s.problem(Baked, at, "the value of "+b.Name+" stands here: unbake fix moves it")
		} else {
			s.problem(Baked, at, "the value of "+b.Name+" stands here, and unbake fix does not move it: unbake check says why")
		}
	}
}

// holders lists the services of a compose file that have a text on the line of a finding.
func (t *taker) holders(s *Secret, f *compose.File, b rewrite.Baked) {
	for _, svc := range f.Services {
		i := slices.IndexFunc(svc.Texts, func(x compose.Text) bool { return x.Line == b.Line })
		if i < 0 {
			continue
		}
		as := svc.Texts[i].Where.String()
		if svc.Texts[i].Where == compose.InEnvironment {
			as = svc.Texts[i].Name
		}
		line, _ := svc.Position()
		s.serve(Service{f.Path, line, svc.Name, false, as})
	}
}
