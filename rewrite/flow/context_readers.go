package flow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// certain looks for what else may need the file: a text that names it, a program of
// whose reading nothing is known.
func (a *analysis) certain(s *Secret) {
	a.mountedThere(s)
	for i, r := range s.Readers {
		if r.How == Known && !a.worksIn(r, s.Copied) {
			s.Readers[i].How = Opaque // in another folder, which it may leave for this one
		}
	}
	a.named(s)
	known := slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.How != Opaque })
	if len(s.Readers) > 0 && !known {
		r := s.Readers[0]
		s.doubt(r.In, r.Program+" may read it there: if it does not, add the file to the ignore file")
	}
	for _, in := range a.file.Instructions {
		a.namedIn(s, in)
	}
	s.aroundMount()
	for _, r := range s.Readers {
		if why := a.passesOn(r, s.Copied); why != "" {
			s.doubt(r.In, why)
		}
	}
}

// mountedThere takes out the readers that have the file as a secret already.
func (a *analysis) mountedThere(s *Secret) {
	s.Readers = slices.DeleteFunc(s.Readers, func(r Reader) bool {
		return slices.ContainsFunc(r.In.Mounts(), func(m dockerfile.Mount) bool {
			target := m.Opts["target"]
			if dir, ok := Workdir(r.In); ok && target != "" && !path.IsAbs(target) {
				target = path.Join(dir, target)
			}
			if m.Type != "secret" || target == "" || path.Clean(target) != s.Copied.Target {
				return false
			}
			s.ID, s.Copied.Mounted = m.Opts["id"], true
			return true
		})
	})
}

// named looks for the file's name in the build context. Where no program looks for the
// file in its place, what nothing names is read by nothing.
func (a *analysis) named(s *Secret) {
	c := s.Copied
	there := a.foundThere(c)
	if c.Mounted || s.Exposure == RunTime || there && len(s.Readers) > 0 {
		return
	}
	by := a.project.SecretFiles.namedBy(c.Context, c.Source)
	known := slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.How != Opaque })
	switch {
	case by != "" && (there || c.Stays || !known):
		s.doubt(nil, by+" names it: what that is for is not certain")
	case by == "" && !there:
		s.Readers = slices.DeleteFunc(s.Readers, func(r Reader) bool { return r.How == Opaque })
	}
}

// namedIn doubts a file that an instruction names or binds and is not known to read.
func (a *analysis) namedIn(s *Secret, in *dockerfile.Instruction) {
	c := s.Copied
	for _, m := range in.Mounts() {
		if m.Type != "bind" || m.Opts["from"] != "" {
			continue
		}
		if _, ok := matchPrefix(strings.TrimPrefix(path.Clean("/"+m.Opts["source"]), "/"), c.Source); ok {
			s.doubt(in, "a bind mount has it, and what runs there may read it")
		}
	}
	name := path.Base(c.Source)
	if !mentionsFile(string(a.file.Src[in.Start:in.End]), name) ||
		slices.ContainsFunc(s.Origins, func(o Origin) bool { return o.In == in }) ||
		slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.In == in }) ||
		slices.ContainsFunc(c.Companions, func(x Companion) bool { return x.In == in }) {
		return
	}
	switch in.Name {
	case "run":
		if !a.sees(in, s) || slices.ContainsFunc(in.Mounts(), func(m dockerfile.Mount) bool { return m.Type == "secret" }) {
			return
		}
	case "copy", "add":
		words, ok := in.Paths()
		if ok && slices.ContainsFunc(words[:max(0, len(words)-1)], func(w dockerfile.Word) bool { return strings.TrimPrefix(path.Clean("/"+w.Text), "/") == c.Source }) {
			return // it is copied by its name, which is another matter
		}
	case "env", "arg", "label", "cmd", "entrypoint", "healthcheck":
	default:
		return
	}
	s.doubt(in, "it names "+name+", in a way that is not understood")
}

// foundThere reports whether the programs that read a file of this kind find it where it
// stands: in the project's folder, or in a home folder.
func (a *analysis) foundThere(c *Copied) bool {
	switch c.Kind.ID {
	case "npmrc", "yarnrc", "yarnrc_yml", "uv_toml", "auth_json", "bundle_config", "gradle_properties", "nuget_config", "sentryclirc", "sentry_properties", "envrc":
		return true
	}
	switch c.Kind.Title {
	case "environment file", "Terraform variables", "Rails master key", "Rails credentials key", "WordPress configuration", "application secrets":
		return true
	}
	return a.atHome(c)
}

// atHome reports whether a file stands in a home folder or below /etc, or may.
func (a *analysis) atHome(c *Copied) bool {
	if !c.Known || !path.IsAbs(c.Target) || strings.HasPrefix(c.Target, "/etc/") {
		return true
	}
	for _, in := range a.file.Instructions {
		for _, p := range in.Pairs() {
			if p.Name == "HOME" {
				return true
			}
		}
	}
	home := strings.Split(strings.TrimPrefix(c.Target, "/"), "/")
	switch {
	case home[0] == "root":
		home = home[1:]
	case home[0] == "home" && len(home) > 2:
		home = home[2:]
	default:
		return false
	}
	return len(home) == 1 || strings.HasPrefix(home[0], ".")
}

// worksIn reports whether a program that reads files of this kind runs in the file's
// folder, or where the base image decides.
func (a *analysis) worksIn(r Reader, c *Copied) bool {
	if !path.IsAbs(c.Target) || a.atHome(c) {
		return true
	}
	return slices.ContainsFunc(r.Run.cmds, func(cmd command) bool {
		dir := ""
		if cmd.sh != nil {
			dir = cmd.sh.Dir
		}
		return slices.Contains(c.Kind.Programs, strings.TrimPrefix(cmd.program, "./")) && a.resolve(r.In, dir, ".") == c.Dir
	})
}

// sees reports whether an instruction is behind one that brings the file.
func (a *analysis) sees(in *dockerfile.Instruction, s *Secret) bool {
	for _, o := range s.Origins {
		for _, st := range a.file.Stages {
			line := st.Lineage()
			if slices.Contains(line, o.In.Stage) && slices.Contains(line, in.Stage) && (in.Stage != o.In.Stage || in.Index > o.In.Index) {
				return true
			}
		}
	}
	return false
}

// passesOn says what command of a reader puts elsewhere what it reads from the file.
func (a *analysis) passesOn(r Reader, c *Copied) string {
	for _, cmd := range r.Run.cmds {
		if cmd.sh == nil || !echoes(cmd.program) && cmd.program != "grep" && cmd.program != "awk" {
			continue
		}
		for _, w := range cmd.sh.Args {
			if a.sameFile(r.Run, cmd.sh, w, c) && (cmd.sh.PipeTo != nil || slices.ContainsFunc(cmd.sh.Redirs, shell.Redir.WritesFile)) {
				return cmd.program + " passes on what is in it"
			}
		}
	}
	return ""
}
