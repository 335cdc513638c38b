package rules

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
)

// composeBuilds adds what the services that build the Dockerfile need to c. drop names
// arguments that go; id is the secret that comes, with its value in file or from the
// variable that was passed, for the services that had one of them or, with always, for
// every service. reason says why it cannot be done.
func composeBuilds(p *rewrite.Pass, s *flow.Secret, drop []string, id, file string, always bool, c *composition) (reason string) {
	if why := alsoBuilds(p, s, drop); why != "" {
		return why
	}
	// An argument of an override counts for the service that it is laid over, where the
	// secret goes: compose does not treat build.secrets as a set.
	given := map[string]string{} // service → the variable that gives the value, "" for a literal in the file
	for _, svc := range s.Builders {
		if svc.Build == nil {
			continue
		}
		for _, a := range svc.Build.Args {
			if !slices.Contains(drop, a.Name) {
				continue
			}
			kind, name := a.Source()
			if kind == compose.FromText && a.Value == "" {
				continue // emptied: an optional secret that is not given is the same
			}
			if kind == compose.Composite {
				return at(svc.File.Path, a.Line) + " gives " + a.Name + " a default or puts it together: pass it as one variable first"
			}
			if kind == compose.FromEnv && file != "" && !s.Given {
				return at(svc.File.Path, a.Line) + " passes a variable over the value in the file: which one counts is not certain"
			}
			if old, ok := given[svc.Name]; ok && old != name {
				return at(svc.File.Path, a.Line) + " gives it more than one value"
			}
			given[svc.Name] = name
		}
	}
	for _, svc := range s.Builders {
		m := compose.Migration{Service: svc}
		if svc.Build != nil {
			for _, a := range svc.Build.Args {
				if slices.Contains(drop, a.Name) {
					m.RemoveArgs = append(m.RemoveArgs, a.Name)
				}
			}
		}
		env, passed := given[svc.Name]
		if id != "" && (always || passed) && !svc.Overrides {
			m.AddSecrets = []string{id}
		}
		if len(m.RemoveArgs) == 0 && len(m.AddSecrets) == 0 {
			continue
		}
		part := c.of(svc.File)
		part.moves = append(part.moves, m)
		if len(m.AddSecrets) > 0 {
			def := compose.NamedSecret{Name: id, SecretDef: compose.SecretDef{Environment: env}}
			if file != "" && env == "" {
				def.SecretDef = compose.SecretDef{File: relative(path.Dir(svc.File.Path), file)}
				if s.Exposure == flow.Build {
					c.tell("wherever else the project is built, put the value into " + file)
				}
			}
			part.define(def)
		}
	}
	return ""
}

// alsoBuilds says why the compose services that pass an argument cannot be told to build
// this Dockerfile and no other.
func alsoBuilds(p *rewrite.Pass, s *flow.Secret, drop []string) string {
	passes := func(svc *compose.Service) bool {
		return svc.Build != nil && slices.ContainsFunc(svc.Build.Args, func(a compose.Arg) bool { return slices.Contains(drop, a.Name) })
	}
	for _, svc := range s.Builders {
		if passes(svc) && len(svc.Dockerfiles) > 1 {
			return svc.File.Path + ": the service " + svc.Name + " builds other Dockerfiles with the same arguments"
		}
	}
	for _, f := range p.Workspace.Project().Compose() {
		for _, svc := range f.Services {
			if passes(svc) && svc.Build.Dockerfile == "" && !slices.Contains(s.Builders, svc) {
				return at(f.Path, svc.Build.Line) + " passes it, and which Dockerfile it builds is not certain"
			}
		}
	}
	return ""
}

// unreadable returns a compose file that cannot be read and may build the Dockerfile
// with the secret: it names it, or it builds something and the secret is required.
func unreadable(p *rewrite.Pass, names []string, required bool) string {
	for _, f := range p.Workspace.Project().Compose() {
		if f.Err == nil {
			continue
		}
		for _, n := range names {
			if strings.Contains(string(f.Src), n) {
				return f.Path + " names it and cannot be read"
			}
		}
		if _, above := ignorefile.Inside(path.Dir(f.Path), p.File.Path); above && required && strings.Contains(string(f.Src), "build") {
			return f.Path + " may build it and cannot be read: it could not be given the secret"
		}
	}
	return ""
}

// relative is a path of the project as a compose file in dir names it.
func relative(dir, file string) string {
	if rest, ok := ignorefile.Inside(dir, file); ok {
		return "./" + rest
	}
	up := ""
	for d := dir; d != "." && d != "/"; {
		up += "../"
		d = path.Dir(d)
		if rest, ok := ignorefile.Inside(d, file); ok {
			return up + rest
		}
	}
	return "./" + file
}
