package compose

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Mount is what stands over a place of a service's container: an entry of volumes, tmpfs or configs.
type Mount struct {
	Section string // "volumes", "tmpfs" or "configs"
	Source  string // of a bind mount: slash path relative to the root; "" if it is another kind, outside, or known only when compose runs
	Bind    bool   // a folder or a file of the host
	Target  string // absolute; "" if known only when compose runs
}

// Over returns the mount that a path of the container lies on, the nearest one; nil if there is none.
func (s *Service) Over(file string) *Mount {
	var found *Mount
	for i, m := range s.Mounts {
		if m.Target != "" && within(file, m.Target) && (found == nil || len(m.Target) > len(found.Target)) {
			found = &s.Mounts[i]
		}
	}
	return found
}

func within(file, dir string) bool {
	return file == dir || dir == "/" || strings.HasPrefix(file, dir+"/")
}

func (f *File) mounts(section string, n *yamledit.Node) []Mount {
	items := []*yamledit.Node{n}
	if n.Kind == yamledit.List {
		items = n.Items
	}
	var out []Mount
	for _, item := range items {
		m := Mount{Section: section}
		var source, target slot
		kind := ""
		switch item = item.Deref(); item.Kind {
		case yamledit.Scalar:
			text, ok := interpolate(item.Value)
			switch section {
			case "volumes":
				parts := strings.SplitN(text, ":", 3)
				target = slot{val: parts[0], ok: ok}
				if len(parts) > 1 {
					source, target.val = slot{val: parts[0], ok: ok}, parts[1]
				}
				if strings.HasPrefix(parts[0], ".") || strings.HasPrefix(parts[0], "/") && len(parts) > 1 || strings.HasPrefix(parts[0], "~") {
					kind = "bind"
				}
			case "tmpfs":
				text, _, _ = strings.Cut(text, ":")
				target = slot{val: text, ok: ok}
			case "configs":
				target = slot{val: "/" + text, ok: ok}
			}
		case yamledit.Map:
			source, target = read(item, "source"), read(item, "target")
			if kind = text(item, "type"); section == "configs" {
				if !target.given {
					target = source
				}
				target.val = path.Join("/", target.val)
			}
		default:
			continue
		}
		if m.Bind = kind == "bind"; m.Bind && source.ok {
			m.Source, _ = local(f.Dir, source.val)
		}
		if target.ok && path.IsAbs(target.val) {
			m.Target = path.Clean(target.val)
		}
		out = append(out, m)
	}
	return out
}

// inheritMounts gives a service the mounts of what it extends or is laid over, but for those in whose places it has its own.
func (s *Service) inheritMounts(base *Service) {
	own := s.Mounts
	s.Mounts = nil
	for _, m := range base.Mounts {
		if !s.own.keys[m.Section] && !slices.ContainsFunc(own, func(o Mount) bool { return o.Target == m.Target && m.Target != "" }) {
			s.Mounts = append(s.Mounts, m)
		}
	}
	s.Mounts = append(s.Mounts, own...)
}
