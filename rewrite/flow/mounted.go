package flow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// mounted draws the flow of each secret that is mounted already, and is then written into
// a layer. One that only passes through is no finding, and not in the list.
func (a *analysis) mounted() []*Secret {
	byID := map[string]*Secret{}
	var secrets []*Secret
	for _, in := range a.file.Instructions {
		if in.Name != "run" || in.Stage == nil {
			continue
		}
		for _, m := range in.Mounts() {
			if m.Type != "secret" || m.Opts["id"] == "" && m.Opts["target"] == "" {
				continue
			}
			id := m.Opts["id"]
			if id == "" {
				id = path.Base(m.Opts["target"])
			}
			s := byID[id]
			if s == nil {
				s = &Secret{File: a.file, Name: id, ID: id, Verdict: detect.Exposed, a: a}
				byID[id] = s
				secrets = append(secrets, s)
			}
			s.Origins = append(s.Origins, Origin{Kind: Mount, In: in, Mount: m})
			a.mount(s, in, m, id)
		}
	}
	for _, s := range secrets {
		a.files(s)
	}
	return slices.DeleteFunc(secrets, func(s *Secret) bool { return len(s.Written) == 0 })
}

// mount follows one mount of a secret through its RUN.
func (a *analysis) mount(s *Secret, in *dockerfile.Instruction, m dockerfile.Mount, id string) {
	r := a.run(in)
	if r.Why != "" {
		return
	}
	var found []Write
	via := func(by string, ws []Write) {
		for _, w := range ws {
			w.Via = by
			found = append(found, w)
		}
	}
	if name := m.Opts["env"]; name != "" {
		via(name, append(r.writes(name), a.fills(r, name)...))
	}
	if file := MountTarget(in, m, id); file != "" && r.Script != nil {
		via(file, r.writesOf(r.pathUses(file, func(c *shell.Command, w shell.Word) bool {
			return plain(w) != "" && a.absolute(r, c, plain(w)) == file
		})))
		via(file, a.swept(r, file))
		via(file, r.unnamed(0))
	}
	for _, w := range found {
		// That a program may keep what it is given is no finding in a file that somebody migrated.
		if w.Leaves() {
			s.Writes = append(s.Writes, w)
		}
	}
}

// swept are the writes of commands that copy a mount along with its folder.
func (a *analysis) swept(r *Run, file string) []Write {
	var out []Write
	for _, c := range r.Script.Commands {
		from, to := c.Args, shell.Word{}
		switch c.Program {
		case "cp", "rsync", "install":
			if len(from) == 0 {
				continue
			}
			from, to = from[:len(from)-1], from[len(from)-1]
		case "tar":
			if len(from) == 0 || strings.HasPrefix(from[0].Text, "--") || !strings.Contains(from[0].Text, "c") {
				continue
			}
		case "zip":
		default:
			continue
		}
		for _, w := range from {
			above, pattern := a.aboveFile(r, c, w, &Copied{Target: file})
			if plain(w) == "/" || !above && !(pattern && !hides(a.absolute(r, c, plain(w)), file)) {
				continue
			}
			if plain(to) == "" || !r.removed(c, plain(to)) {
				out = append(out, Write{In: r.In, Run: r, What: c.Program + " copies it along with its folder"})
			}
			break
		}
	}
	return out
}

// MountTarget is the file that a secret mount makes, "" for one that is a variable only.
func MountTarget(in *dockerfile.Instruction, m dockerfile.Mount, id string) string {
	target := m.Opts["target"]
	if target == "" {
		if m.Opts["env"] != "" {
			return ""
		}
		return "/run/secrets/" + path.Base(id)
	}
	if !path.IsAbs(target) {
		if dir, ok := Workdir(in); ok {
			target = path.Join(dir, target)
		}
	}
	return path.Clean(target)
}
