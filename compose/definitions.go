package compose

import (
	"slices"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Definition is a top-level secret with its place.
type Definition struct {
	SecretDef
	Name      string
	Path      string // the file that holds the value, relative to the root; "" if there is none, or it is outside or known only when compose runs
	Line, Col int    // 1-based, of the name
}

// Definitions returns the secrets that the file defines, in its order.
func (f *File) Definitions() []Definition {
	if f.doc == nil {
		return nil
	}
	secrets, ok := f.doc.Root.Get("secrets")
	if !ok {
		return nil
	}
	var out []Definition
	for _, e := range secrets.Value.Entries() {
		d := Definition{SecretDef: f.Secrets[e.Key.Value], Name: e.Key.Value, Line: e.Key.Line, Col: e.Key.Col}
		if file := read(e.Value, "file"); file.ok {
			d.Path, _ = local(f.Dir, file.val)
		}
		out = append(out, d)
	}
	return out
}

// BuildGrant is a secret that builds of a service get: ID is the name that the Dockerfile knows it by, Source the top-level secret.
type BuildGrant struct{ ID, Source string }

// BuildGrants returns the secrets that builds of the service get, those of what it extends included.
func (s *Service) BuildGrants() []BuildGrant {
	if s.Build == nil {
		return nil
	}
	var out []BuildGrant
	for svc, seen := s, map[*Service]bool{}; svc != nil && !seen[svc]; {
		seen[svc] = true
		if build, ok := svc.node().Get("build"); ok {
			if secrets, ok := build.Value.Get("secrets"); ok {
				for _, item := range secrets.Value.Items {
					id, source := buildSecret(item.Deref())
					if id != "" && !slices.ContainsFunc(out, func(g BuildGrant) bool { return g.ID == id }) {
						out = append(out, BuildGrant{id, source})
					}
				}
			}
		}
		if svc.extends == nil {
			break
		}
		svc = svc.extends.base
	}
	return out
}

// Position returns the place of the service's name, 1-based.
func (s *Service) Position() (line, col int) {
	entries, _ := s.File.services()
	for _, e := range entries {
		if e.Key.Value == s.Name {
			return e.Key.Line, e.Key.Col
		}
	}
	return 1, 1
}

// node returns what the file has under the service's name.
func (s *Service) node() *yamledit.Node {
	n, _ := s.File.doc.Find(s.keys()...)
	return n
}
