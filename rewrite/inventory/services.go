package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rules/detect"
)

// compose lists what a compose file defines, and what its services get.
func (t *taker) compose(f *compose.File) {
	for _, d := range f.Definitions() {
		t.defined(f, d)
	}
	for _, svc := range f.Services {
		line, col := svc.Position()
		here := place{f.Path, line, col}
		for _, g := range svc.BuildGrants() {
			if s := t.granted(f, g.Source); s != nil {
				s.called(g.ID)
				s.required = true
				s.serve(Service{f.Path, line, svc.Name, true, g.ID})
			}
		}
		for _, g := range svc.Grants {
			if s := t.granted(f, g.Source); s != nil {
				s.required = true
				target := g.Target
				if target == "" {
					target = g.Source
				}
				if !path.IsAbs(target) {
					target = "/run/secrets/" + target
				}
				s.serve(Service{f.Path, line, svc.Name, false, target})
			}
		}
		for _, x := range svc.Texts {
			t.text(svc, x, here)
		}
		for _, e := range svc.EnvFiles {
			t.envFile(svc, e, here)
		}
	}
}

// defined is the secret that a top-level definition stands for.
func (t *taker) defined(f *compose.File, d compose.Definition) *Secret {
	at := place{f.Path, d.Line, d.Col}
	switch {
	case d.External:
		s := t.secret("external "+path.Dir(f.Path)+" "+d.Name, d.Name)
		s.add(&Place{Kind: External, Name: d.Name, asks: at})
		return s
	case d.Environment != "":
		s := t.variable(f, d.Environment, at)
		s.called(d.Name)
		return s
	case d.Path != "":
		return t.inFile(d.Path, d.Name, at)
	case d.File != "":
		s := t.secret("outside "+d.File, d.Name)
		s.add(&Place{Kind: Outside, Path: d.File, asks: at})
		return s
	}
	s := t.secret("definition "+f.Path+" "+d.Name, d.Name)
	s.add(&Place{Kind: Unread, asks: at})
	return s
}

// granted returns the secret that a service of a file names. Where the file does not define it, one of its folder does.
func (t *taker) granted(f *compose.File, name string) *Secret {
	for _, near := range []func(*compose.File) bool{
		func(g *compose.File) bool { return g == f },
		func(g *compose.File) bool { return path.Dir(g.Path) == path.Dir(f.Path) },
		func(g *compose.File) bool { return g.Dir == f.Dir },
	} {
		for _, g := range t.all {
			if g.Err != nil || !near(g) {
				continue
			}
			if i := slices.IndexFunc(g.Definitions(), func(d compose.Definition) bool { return d.Name == name }); i >= 0 {
				return t.defined(g, g.Definitions()[i])
			}
		}
	}
	return nil
}

// text lists the secret variables that compose puts into what a container gets.
func (t *taker) text(svc *compose.Service, x compose.Text, here place) {
	as := x.Where.String()
	if x.Where == compose.InEnvironment {
		as = x.Name
	}
	add := func(name string, required bool) {
		s := t.variable(svc.File, name, place{svc.File.Path, max(x.Line, 1), max(x.Col, 1)})
		s.required = s.required || required
		if x.Where == compose.InEnvironment {
			s.called(x.Name)
		}
		s.serve(Service{svc.File.Path, here.line, svc.Name, false, as})
	}
	if !x.HasValue {
		if x.Where == compose.InEnvironment && t.named(svc.File, x.Name) {
			add(x.Name, true)
		}
		return
	}
	names := compose.Variables(x.Value)
	for _, name := range names {
		sole := len(names) == 1 && strings.HasPrefix(x.Value, "$") && x.Name != "" && detect.Name(x.Name) == detect.Secret
		if sole || t.named(svc.File, name) {
			add(name, !strings.Contains(x.Value, "{"+name+"-") && !strings.Contains(x.Value, "{"+name+":-"))
		}
	}
}

// named reports whether a variable is a secret by its name, or by what the environment file gives it.
func (t *taker) named(f *compose.File, name string) bool {
	if e, ok := t.entry(f.EnvPath(), name); ok && e.Value != "" {
		return detect.Variable(name, e.Value, true) >= detect.Dummy
	}
	return detect.Name(name) == detect.Secret
}

// envFile lists the secrets of an environment file that a container gets as a whole.
func (t *taker) envFile(svc *compose.Service, file compose.EnvFile, here place) {
	entries := t.entries(file.Path)
	for i, e := range entries {
		if slices.ContainsFunc(entries[i+1:], func(x compose.DotenvEntry) bool { return x.Name == e.Name }) {
			continue // the last one counts
		}
		var s *Secret
		switch {
		case !e.HasValue && detect.Name(e.Name) == detect.Secret:
			s = t.variable(svc.File, e.Name, here)
		case e.HasValue && detect.Variable(e.Name, e.Value, true) != detect.No:
			s = t.secret("line "+file.Path+" "+e.Name, e.Name)
			s.add(t.inLine(file.Path, e, here)) // an empty one is there to be filled in, and no more than that
		default:
			continue
		}
		s.serve(Service{svc.File.Path, here.line, svc.Name, false, e.Name})
	}
}
