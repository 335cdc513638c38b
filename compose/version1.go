package compose

import (
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// version1 says whether an entry of a file that has no services key is a service: in the first version of the format all of them stand at the
// top level.
func version1(e yamledit.Entry) bool {
	if e.Value.Kind != yamledit.Map || topLevel(e.Key.Value) {
		return false
	}
	for _, key := range []string{"image", "build", "command", "extends"} {
		if _, ok := e.Value.Get(key); ok {
			return true
		}
	}
	return false
}

func topLevel(key string) bool {
	switch key {
	case "name", "version", "include", "networks", "volumes", "configs", "secrets", "models":
		return true
	}
	return strings.HasPrefix(key, "x-")
}

// services returns the entries that are services, and the alias or merge key that all of them come in through, nil if there is none.
func (f *File) services() (entries []yamledit.Entry, through *yamledit.Node) {
	if !f.V1 {
		services, through := f.doc.Find("services")
		return services.Entries(), through
	}
	for _, e := range f.doc.Root.Entries() {
		if e.Value.Kind == yamledit.Map && !topLevel(e.Key.Value) {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// keys returns the keys that lead to a service in its file.
func (s *Service) keys() []string {
	if s.File.V1 {
		return []string{s.Name}
	}
	return []string{"services", s.Name}
}

// placeFor refuses what a version 1 file has no place for: secrets, of a build or of a container, and their definitions.
func (f *File) placeFor(ms []Migration, defs []NamedSecret) error {
	if !f.V1 {
		return nil
	}
	refused := func(name string) error {
		line, col := 1, 1
		if e, ok := f.doc.Root.Get(name); ok {
			line, col = e.Key.Line, e.Key.Col
		}
		return yamledit.Uncertain(f.Path, line, col, "version 1 file: has no place for secrets, put its services under a services key")
	}
	for _, m := range ms {
		if m.Service != nil && m.Service.File == f && len(m.AddSecrets)+len(m.Grant) > 0 {
			return refused(m.Service.Name)
		}
	}
	if len(defs) > 0 {
		return refused("")
	}
	return nil
}
