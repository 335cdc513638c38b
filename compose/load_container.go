package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Tags that compose knows: what has the first is taken away from the base, what has the second replaces it as a whole.
const (
	reset    = "!reset"
	override = "!override"
)

// ownership is what a service does not take from one that it extends or is laid over. Sections are named by their keys, healthcheck.test and
// deploy.labels among them.
type ownership struct {
	keys   map[string]bool     // sections
	names  map[string][]string // names that are reset, by section
	given  map[string]bool     // sections that there are
	listed map[string]bool     // those that compose has as a list, of which a name cannot be reset: they are written as one, or merged
}

// readContainer fills in what the container of a service gets; n is the service's node, and inherited the way that comes in.
func (s *Service) readContainer(n *yamledit.Node, inherited string) {
	s.own = ownership{keys: map[string]bool{}, names: map[string][]string{}, given: map[string]bool{}, listed: map[string]bool{}}
	for _, e := range n.Entries() {
		key, by := e.Key.Value, first(inherited, through(e.Through))
		if e.Value.Tag == reset {
			s.own.keys[key] = true
			switch key {
			case "healthcheck":
				s.own.keys["healthcheck.test"] = true
			case "deploy":
				s.own.keys["deploy.labels"] = true
			}
			continue
		}
		replaces := e.Value.Tag == override
		switch key {
		case "environment":
			s.readPairs(InEnvironment, key, e.Value, by)
		case "labels":
			s.readPairs(InLabels, key, e.Value, by)
		case "deploy":
			if labels, ok := e.Value.Get("labels"); ok {
				s.readPairs(InLabels, "deploy.labels", labels.Value, first(by, through(labels.Through)))
			}
			s.own.keys["deploy.labels"] = s.own.keys["deploy.labels"] || replaces
		case "command":
			s.own.keys[key] = true
			s.readWords(InCommand, e.Value, by)
		case "entrypoint":
			s.own.keys[key] = true
			s.readWords(InEntrypoint, e.Value, by)
		case "healthcheck":
			s.own.keys["healthcheck.test"] = replaces
			if test, ok := e.Value.Get("test"); ok {
				s.own.keys["healthcheck.test"] = true
				if test.Value.Tag != reset {
					s.readWords(InHealthcheck, test.Value, first(by, through(test.Through)))
				}
			}
		case "env_file":
			s.own.keys[key] = replaces
			s.EnvFiles = s.File.envFiles(e.Value)
		case "secrets":
			s.own.keys[key] = replaces
			s.Grants = grants(e.Value)
		case "volumes", "tmpfs", "configs":
			s.own.keys[key] = replaces
			s.Mounts = append(s.Mounts, s.File.mounts(key, e.Value)...)
		case "profiles":
			s.own.keys[key] = replaces
			s.Profiles = texts(e.Value)
		case "user":
			s.User, s.own.keys[key] = s.File.scalar(e.Value)
		case "read_only":
			ro := read(n, key)
			s.ReadOnly, s.own.keys[key] = ro.ok && strings.EqualFold(ro.val, "true"), ro.given
		}
	}
}

func first(names ...string) string {
	for _, s := range names {
		if s != "" {
			return s
		}
	}
	return ""
}

// text makes a Text of a scalar.
func (s *Service) text(where Where, n *yamledit.Node, inherited string) Text {
	t := Text{Where: where, Start: n.Start, End: n.End, Inherited: inherited}
	if n.End < 0 {
		t.Start = -1
	}
	t.Line, t.Col = s.File.doc.Position(n.Start)
	t.Value, t.HasValue = s.File.scalar(n)
	return t
}

// readPairs reads a section that is a mapping, or a list of NAME=value.
func (s *Service) readPairs(where Where, section string, n *yamledit.Node, inherited string) {
	if s.own.keys[section] = n.Tag == reset || n.Tag == override; n.Tag == reset {
		return
	}
	s.own.given[section] = true
	add := func(t Text) {
		t.deploy = section == "deploy.labels"
		s.Texts = append(s.Texts, t)
	}
	switch n.Kind {
	case yamledit.Map:
		for _, e := range n.Entries() {
			if e.Value.Tag == reset {
				s.own.names[section] = append(s.own.names[section], e.Key.Value)
				continue
			}
			if e.Value.Kind != yamledit.Scalar && e.Value.Kind != yamledit.Null {
				continue
			}
			t := s.text(where, e.Value, first(inherited, through(e.Through)))
			t.Name = e.Key.Value
			add(t)
		}
	case yamledit.List:
		s.own.listed[section] = true
		for _, item := range n.Items {
			by := inherited
			if item.Kind == yamledit.Alias {
				by, item = first(by, through(item)), item.Target
			}
			if item.Kind != yamledit.Scalar || item.Tag == reset {
				continue
			}
			t := s.text(where, item, by)
			t.Item = true
			t.Name, t.Value, t.HasValue = strings.Cut(t.Value, "=")
			add(t)
		}
	}
}

// readWords reads a command: a scalar, or a list of its words.
func (s *Service) readWords(where Where, n *yamledit.Node, inherited string) {
	switch n.Kind {
	case yamledit.Scalar:
		s.Texts = append(s.Texts, s.text(where, n, inherited))
	case yamledit.List:
		for _, item := range n.Items {
			by := inherited
			if item.Kind == yamledit.Alias {
				by, item = first(by, through(item)), item.Target
			}
			if item.Kind != yamledit.Scalar || item.Tag == reset {
				continue
			}
			t := s.text(where, item, by)
			t.Item = true
			s.Texts = append(s.Texts, t)
		}
	}
}

// scalar returns a scalar as compose turns it into text: a plain number or boolean is written anew, so 0123 is 83 and 1.0 is 1. ok is false for
// null, and what is no scalar.
func (f *File) scalar(n *yamledit.Node) (text string, ok bool) {
	if n.Kind != yamledit.Scalar {
		return "", false
	}
	if n.Tag != "" || n.Start >= len(f.Src) || len(n.Value) > 100 || strings.IndexByte("+-.0123456789tTfF", f.Src[n.Start]) < 0 {
		return n.Value, true
	}
	root, err := (&yamledit.Doc{Src: []byte(n.Value)}).Decode()
	switch root := root.(type) {
	case nil, string, []any, map[string]any:
		return n.Value, true
	default:
		if err != nil {
			return n.Value, true
		}
		return fmt.Sprint(root), true
	}
}

func (f *File) envFiles(n *yamledit.Node) []EnvFile {
	items := []*yamledit.Node{n}
	if n.Kind == yamledit.List {
		items = n.Items
	}
	var out []EnvFile
	for _, item := range items {
		item = item.Deref()
		var e EnvFile
		var name slot
		switch item.Kind {
		case yamledit.Scalar:
			name.val, name.ok = interpolate(item.Value)
		case yamledit.Map:
			name = read(item, "path")
			required := read(item, "required")
			e.Optional = required.ok && strings.EqualFold(required.val, "false")
			e.Raw = text(item, "format") == "raw"
		default:
			continue
		}
		if name.ok {
			e.Path, _ = local(f.Dir, name.val)
		}
		out = append(out, e)
	}
	return out
}

func grants(n *yamledit.Node) []Grant {
	var out []Grant
	if n.Kind != yamledit.List {
		return nil
	}
	for _, item := range n.Items {
		switch item = item.Deref(); item.Kind {
		case yamledit.Scalar:
			out = put(out, Grant{Source: item.Value})
		case yamledit.Map:
			out = put(out, Grant{Source: text(item, "source"), Target: text(item, "target"),
				UID: text(item, "uid"), GID: text(item, "gid"), Mode: text(item, "mode")})
		}
	}
	return out
}

// put adds a grant, in the place of one with the same target if there is one, as compose does.
func put(grants []Grant, g Grant) []Grant {
	target := func(g Grant) string {
		if g.Target != "" {
			return g.Target
		}
		return "/run/secrets/" + g.Source
	}
	i := slices.IndexFunc(grants, func(h Grant) bool { return target(g) == target(h) })
	if i >= 0 {
		grants[i] = g
		return grants
	}
	return append(grants, g)
}

// inherit gives a service what its container gets by the one that it extends or is laid over; by names that, and line and col are where it is
// said.
func (s *Service) inherit(base *Service, by string, line, col int) {
	type named struct{ section, name string } // of a command it is the whole that counts
	has := map[named]bool{}
	key := func(t Text) named {
		if t.Where == InEnvironment || t.Where == InLabels {
			return named{t.section(), t.Name}
		}
		return named{section: t.section()}
	}
	for _, t := range s.Texts {
		has[key(t)] = true
	}
	for _, t := range base.Texts {
		section := t.section()
		if s.own.keys[section] || has[key(t)] || slices.Contains(s.own.names[section], t.Name) && !base.own.listed[section] {
			continue
		}
		if t.Inherited = by; base.File != s.File {
			t.Start, t.End, t.Line, t.Col = -1, -1, line, col
		}
		s.Texts = append(s.Texts, t)
	}
	s.own.given, s.own.listed = maps.Clone(s.own.given), maps.Clone(s.own.listed)
	for section := range base.own.given {
		if !s.own.keys[section] {
			s.own.listed[section] = s.own.given[section] || base.own.listed[section]
			s.own.given[section] = true
		}
	}
	if !s.own.keys["env_file"] {
		own := s.EnvFiles
		s.EnvFiles = slices.Clone(base.EnvFiles)
		for _, e := range own {
			if i := slices.IndexFunc(s.EnvFiles, func(b EnvFile) bool { return b.Path == e.Path && e.Path != "" }); i >= 0 {
				s.EnvFiles[i] = e
			} else {
				s.EnvFiles = append(s.EnvFiles, e)
			}
		}
	}
	if !s.own.keys["secrets"] {
		own := s.Grants
		s.Grants = slices.Clone(base.Grants)
		for _, g := range own {
			s.Grants = put(s.Grants, g)
		}
	}
	s.inheritMounts(base)
	if !s.own.keys["profiles"] {
		own := s.Profiles
		s.Profiles = slices.Clone(base.Profiles)
		for _, p := range own {
			if !slices.Contains(s.Profiles, p) {
				s.Profiles = append(s.Profiles, p)
			}
		}
	}
	if !s.own.keys["user"] {
		s.User = base.User
	}
	if !s.own.keys["read_only"] {
		s.ReadOnly = base.ReadOnly
	}
	if s.Image == "" && !s.own.keys["image"] {
		s.Image = base.Image
	}
}

// section returns the key of a service that the text stands under.
func (t Text) section() string {
	switch {
	case t.Where == InHealthcheck:
		return "healthcheck.test"
	case t.deploy:
		return "deploy.labels"
	}
	return t.Where.String()
}
