package compose

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Load reads the compose files among paths, which are slash paths relative to the root of fsys, in their order; after them come files of
// other names that a use names or that one of them includes or extends, if paths has them. paths are all files of the project, of which those
// that HasUses are read for [Uses]. A file that cannot be read has Err set.
func Load(fsys fs.FS, paths []string) []*File {
	return new(Reader).Load(fsys, paths, Uses(fsys, paths))
}

// Load is as the function, with the uses given, and takes what the Reader has read before from there, where a file is as it was.
func (r *Reader) Load(fsys fs.FS, paths []string, uses []Use) []*File {
	known := map[string]bool{}
	for _, p := range paths {
		known[path.Clean(p)] = true
	}
	byPath := map[string]*File{}
	var files []*File
	read := func(p string) {
		if byPath[p] == nil {
			f := r.read(fsys, p)
			byPath[p] = f
			files = append(files, f)
		}
	}
	for _, p := range paths {
		if p = path.Clean(p); IsComposeFile(path.Base(p)) {
			read(p)
		}
	}
	used := resolveUses(uses, known)
	for _, u := range used {
		for _, p := range u.paths {
			if ext := path.Ext(p); ext == ".yml" || ext == ".yaml" {
				read(p)
			}
		}
	}
	laid(used, files, byPath)
	for n := -1; n != len(files); { // what is included may include in turn, from another folder
		n = len(files)
		placeIncluded(files, byPath)
		for _, f := range files[:n] {
			for _, p := range f.references() {
				if known[p] {
					read(p)
				}
				if g := byPath[p]; g != nil && g != f && !slices.Contains(f.after, g) {
					f.after = append(f.after, g)
				}
			}
		}
	}
	for _, f := range files {
		f.Services = r.services(f)
	}
	done := map[*Service]int{}
	for _, f := range files {
		for _, s := range f.Services {
			extend(f, s, byPath, done)
		}
	}
	for _, f := range files {
		for _, s := range f.Services {
			if s.Build != nil && s.Build.Dockerfile != "" {
				s.Dockerfiles = append(s.Dockerfiles, s.Build.Dockerfile)
			}
		}
	}
	extendedFrom(files)
	join(fsys, files)
	// A base's arguments reach what extends it; longer chains settle in as many rounds.
	for changed := true; changed; {
		changed = false
		for _, f := range files {
			for _, s := range f.Services {
				if s.extends == nil || s.extends.base == nil || s.extends.base.Build == nil {
					continue
				}
				for _, d := range s.Dockerfiles {
					if !slices.Contains(s.extends.base.Dockerfiles, d) {
						s.extends.base.Dockerfiles = append(s.extends.base.Dockerfiles, d)
						changed = true
					}
				}
			}
		}
	}
	for _, f := range files {
		for _, s := range f.Services {
			slices.Sort(s.Dockerfiles)
			s.Dockerfiles = slices.Compact(s.Dockerfiles)
		}
	}
	return files
}

// parse reads one file as far as that is possible without the others.
func parse(p string, src []byte) *File {
	f := &File{Path: p, Src: src, Dir: path.Dir(p)}
	doc, err := yamledit.Parse(p, f.Src)
	if err != nil {
		f.Err = err
		return f
	}
	fail := func(line, col int, msg string) *File {
		f.Err = &yamledit.Error{Path: p, Line: line, Col: col, Msg: msg}
		return f
	}
	root := doc.Root
	if root == nil || root.Kind == yamledit.Null {
		return fail(1, 1, "an empty file, no services in it")
	}
	if root.Kind != yamledit.Map {
		return fail(root.Line, root.Col, "not a compose file: not a mapping")
	}
	services, ok := root.Get("services")
	if !ok {
		f.V1 = slices.ContainsFunc(root.Entries(), version1)
	} else if services.Value.Kind != yamledit.Map && services.Value.Kind != yamledit.Null {
		return fail(services.Key.Line, services.Key.Col, "not a compose file: services is not a mapping")
	}
	f.doc = doc
	f.includes = readIncludes(root)
	entries, _ := f.services()
	for _, e := range entries {
		if x, ok := e.Value.Get("extends"); ok {
			if file := read(x.Value, "file"); file.ok {
				f.extended = append(f.extended, file.val)
			}
		}
	}
	f.Secrets = map[string]SecretDef{}
	if secrets, ok := root.Get("secrets"); ok {
		for _, e := range secrets.Value.Entries() {
			f.Secrets[e.Key.Value] = definition(e.Value)
		}
	}
	return f
}

func definition(n *yamledit.Node) SecretDef {
	d := SecretDef{File: text(n, "file"), Environment: text(n, "environment")}
	if e, ok := n.Get("external"); ok {
		d.External = e.Value.Kind == yamledit.Map || strings.EqualFold(e.Value.Value, "true")
	}
	return d
}

// text returns the scalar under a key, "" if there is none.
func text(n *yamledit.Node, key string) string {
	if e, ok := n.Get(key); ok && e.Value.Kind == yamledit.Scalar {
		return e.Value.Value
	}
	return ""
}

// texts returns a scalar, or a list's scalars.
func texts(n *yamledit.Node) []string {
	switch n = n.Deref(); {
	case n == nil:
	case n.Kind == yamledit.Scalar:
		return []string{n.Value}
	case n.Kind == yamledit.List:
		var out []string
		for _, item := range n.Items {
			if item = item.Deref(); item.Kind == yamledit.Scalar {
				out = append(out, item.Value)
			}
		}
		return out
	}
	return nil
}

// read returns the scalar under a key with its variables filled in from their defaults.
func read(n *yamledit.Node, key string) slot {
	e, ok := n.Get(key)
	if !ok || e.Value.Kind == yamledit.Null {
		return slot{}
	}
	s := slot{given: true}
	if e.Value.Kind == yamledit.Scalar {
		s.val, s.ok = interpolate(e.Value.Value)
	}
	return s
}

// through names the way a node comes in that is not the entry's own.
func through(n *yamledit.Node) string {
	switch {
	case n == nil:
		return ""
	case n.Kind == yamledit.Alias:
		return "an alias"
	}
	return "a merge key"
}

func (f *File) readServices() []*Service {
	var out []*Service
	services, whole := f.services()
	for _, e := range services {
		if e.Value.Tag == reset { // compose takes the base's service away
			continue
		}
		s := &Service{File: f, Name: e.Key.Value, Image: text(e.Value, "image")}
		out = append(out, s)
		inherited := through(whole)
		if inherited == "" {
			inherited = through(e.Through)
		}
		s.readContainer(e.Value, inherited)
		if b, ok := e.Value.Get("build"); ok {
			if inherited == "" {
				inherited = through(b.Through)
			}
			s.Build = f.readBuild(b, inherited)
		}
		if f.V1 && s.Build != nil { // build is a folder there, and what it builds stands beside it
			s.Build.dockerfile = read(e.Value, "dockerfile")
			s.Build.resolve(f.Dir)
		}
		if x, ok := e.Value.Get("extends"); ok {
			s.extends = &extension{line: x.Key.Line, col: x.Key.Col}
			if x.Value.Kind == yamledit.Scalar {
				s.extends.service = x.Value.Value
			} else {
				s.extends.service = text(x.Value, "service")
				if file := read(x.Value, "file"); file.given {
					s.extends.file = "?" // no path: it is not known
					if p, ok := local(f.Dir, file.val); ok && file.ok {
						s.extends.file = p
					}
				}
			}
		}
	}
	return out
}

func (f *File) readBuild(e yamledit.Entry, inherited string) *Build {
	b := &Build{Line: e.Key.Line, Col: e.Key.Col, Inherited: inherited, Contexts: map[string]string{}}
	if e.Value.Tag == reset { // compose takes the base's section away
		return nil
	}
	switch n := e.Value; n.Kind {
	case yamledit.Scalar:
		b.context = slot{given: true}
		b.context.val, b.context.ok = interpolate(n.Value)
	case yamledit.Map:
		b.context, b.dockerfile, b.target = read(n, "context"), read(n, "dockerfile"), read(n, "target")
		_, b.inline = n.Get("dockerfile_inline")
		if args, ok := n.Get("args"); ok {
			b.Args = readArgs(args, inherited)
		}
		if secrets, ok := n.Get("secrets"); ok {
			for _, item := range secrets.Value.Items {
				if id, _ := buildSecret(item.Deref()); id != "" {
					b.Secrets = append(b.Secrets, id)
				}
			}
		}
		if contexts, ok := n.Get("additional_contexts"); ok {
			for _, a := range readArgs(contexts, "") {
				v, ok := interpolate(a.Value)
				if name, ok := strings.CutPrefix(v, "service:"); ok {
					b.Services = append(b.Services, name)
				}
				b.Contexts[a.Name] = contextPath(f.Dir, slot{val: v, given: true, ok: ok})
			}
		}
	default: // null: no build section
		return nil
	}
	b.resolve(f.Dir)
	return b
}

// buildSecret returns the id that a Dockerfile knows an item of build.secrets by, and the top-level secret it comes from.
func buildSecret(item *yamledit.Node) (id, source string) {
	if item.Kind == yamledit.Scalar {
		return item.Value, item.Value
	}
	source = text(item, "source")
	if id = text(item, "target"); id == "" {
		id = source
	}
	return id, source
}

// readArgs reads build.args, or another list of NAME=value or mapping.
func readArgs(e yamledit.Entry, inherited string) []Arg {
	var out []Arg
	or := func(n *yamledit.Node) string {
		if inherited != "" {
			return inherited
		}
		return through(n)
	}
	switch n := e.Value; n.Kind {
	case yamledit.List:
		for _, item := range n.Items {
			a := Arg{Start: item.Start, End: item.End, Line: item.Line, Col: item.Col, Inherited: or(e.Through)}
			if item.Kind == yamledit.Alias {
				a.Inherited, item = or(item), item.Target
			}
			if item.Kind != yamledit.Scalar {
				continue
			}
			a.Name, a.Value, a.HasValue = strings.Cut(item.Value, "=")
			out = append(out, a)
		}
	case yamledit.Map:
		for _, entry := range n.Entries() {
			k, v := entry.Key, entry.Value
			a := Arg{Name: k.Value, Start: k.Start, End: max(k.End, v.End), Line: k.Line, Col: k.Col, Inherited: or(e.Through)}
			if a.Inherited == "" {
				a.Inherited = or(entry.Through)
			}
			if entry.Through != nil && entry.Through.Kind == yamledit.Alias {
				a.End = entry.Through.End
			}
			if v.Kind != yamledit.Null {
				a.HasValue = true
				a.Value = v.Value
			}
			out = append(out, a)
		}
	}
	return out
}

// resolve fills in Context, Dockerfile and Target from the slots; dir is where relative paths start.
func (b *Build) resolve(dir string) {
	b.Context, b.Dockerfile, b.Target = contextPath(dir, b.context), "", b.target.val
	if b.Context == "" || b.inline || b.dockerfile.given && !b.dockerfile.ok {
		return
	}
	name := "Dockerfile"
	if b.dockerfile.given {
		name = b.dockerfile.val
	}
	b.Dockerfile, _ = local(b.Context, name)
}

// contextPath returns a build context as a path relative to the root, or "".
func contextPath(dir string, c slot) string {
	if dir == "" || c.given && !c.ok {
		return ""
	}
	if !c.given {
		return dir
	}
	for _, prefix := range []string{"github.com/", "git@", "service:"} {
		if strings.HasPrefix(c.val, prefix) {
			return ""
		}
	}
	if strings.Contains(c.val, "://") {
		return ""
	}
	p, _ := local(dir, c.val)
	return p
}

// local joins a relative path to a folder of the root; ok is false, and the path "", if it is not one or leads outside.
func local(dir, p string) (joined string, ok bool) {
	if dir == "" || p == "" || path.IsAbs(p) || p[0] == '~' || strings.ContainsAny(p, "\\\x00") {
		return "", false
	}
	joined = path.Join(dir, p)
	if joined == ".." || strings.HasPrefix(joined, "../") {
		return "", false
	}
	return joined, true
}

// merged returns what compose makes of base with b over it, as far as it matters which Dockerfile is built.
func (b *Build) over(base *Build, dir string) Build {
	m := Build{context: b.context, dockerfile: b.dockerfile, target: b.target, inline: b.inline || base.inline}
	if !m.context.given {
		m.context = base.context
	}
	if !m.dockerfile.given {
		m.dockerfile = base.dockerfile
	}
	if !m.target.given {
		m.target = base.target
	}
	m.resolve(dir)
	return m
}
