package flow

import (
	"path"
	"slices"

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
		via(name, r.writes(name))
	}
	if file := MountTarget(in, m, id); file != "" && r.Script != nil {
		via(file, r.writesOf(r.pathUses(file, func(c *shell.Command, w shell.Word) bool {
			return plain(w) != "" && a.absolute(in, c, plain(w)) == file
		})))
	}
	for _, w := range found {
		// That a program may keep what it is given is no finding in a file that somebody migrated.
		if !w.Unsure && !w.Hashed {
			s.Writes = append(s.Writes, w)
		}
	}
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
