package compose

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Together returns the files in groups: those that may be files of one project are in one, each after those that it is laid over or that it
// includes or extends. These are the files of one folder, which have the folder's .env in common, and what a use, an include or an extends
// brings together. A file that cannot be read is in its group too. Of a variable that several services of one name have, the last counts,
// where those files are used at once.
func Together(files []*File) [][]*File {
	group := map[*File]*File{} // union by find
	var find func(f *File) *File
	find = func(f *File) *File {
		if g := group[f]; g != nil && g != f {
			group[f] = find(g)
			return group[f]
		}
		return f
	}
	folders := map[string]*File{}
	for _, f := range files {
		dir := path.Dir(f.Path)
		if folders[dir] == nil {
			folders[dir] = f
		}
		for _, g := range append(slices.Clone(f.after), folders[dir]) {
			if slices.Contains(files, g) && find(f) != find(g) {
				group[find(f)] = find(g)
			}
		}
	}
	index := map[*File]int{}
	var out [][]*File
	for _, f := range files {
		i, ok := index[find(f)]
		if !ok {
			i = len(out)
			index[find(f)] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], f)
	}
	for i := range out {
		out[i] = layered(out[i])
	}
	return out
}

// layered puts the files of a group in the order in which they are laid over each other.
func layered(files []*File) []*File {
	rank := func(f *File) int {
		switch base := path.Base(f.Path); {
		case canonical(base):
			return 0
		case strings.Contains(base, ".override."):
			return 1
		}
		return 2
	}
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b *File) int { return cmp.Compare(rank(a), rank(b)) })
	var out []*File
	seen := map[*File]bool{}
	var visit func(f *File)
	visit = func(f *File) {
		if seen[f] || !slices.Contains(files, f) {
			return
		}
		seen[f] = true // before its own: two files that each come after the other keep the order of their names
		for _, g := range f.after {
			visit(g)
		}
		out = append(out, f)
	}
	for _, f := range sorted {
		visit(f)
	}
	return out
}

// resolved is a use with what it names found.
type resolved struct {
	Use
	base  string   // the folder that its paths start from
	paths []string // of its compose files, relative to the root
}

// resolve finds the files of a use: they start from the folder that it stands in, or one above it, or else from the only one where they all
// are. known are the project's files, dirs their folders.
func (u Use) resolve(known map[string]bool, dirs []string) resolved {
	r := resolved{Use: u}
	if len(u.Files) == 0 {
		return r
	}
	from := func(base string) []string {
		var out []string
		for _, name := range u.Files {
			p, ok := local(base, name)
			if !ok || !known[p] {
				return nil
			}
			out = append(out, p)
		}
		return out
	}
	for base := path.Dir(u.Path); ; base = path.Dir(base) {
		if paths := from(base); paths != nil {
			r.base, r.paths = base, paths
			return r
		}
		if base == "." {
			break
		}
	}
	for _, base := range dirs {
		paths := from(base)
		if paths == nil {
			continue
		}
		if r.paths != nil {
			r.base, r.paths = "", nil
			break
		}
		r.base, r.paths = base, paths
	}
	return r
}

// resolveUses finds the files of all uses; what is not named, is unknown or is not there is none.
func resolveUses(uses []Use, known map[string]bool) []resolved {
	if len(uses) == 0 {
		return nil
	}
	seen := map[string]bool{".": true}
	dirs := []string{"."}
	for p := range known {
		for dir := path.Dir(p); !seen[dir] && IsComposeFile(path.Base(p)); dir = path.Dir(dir) {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	var out []resolved
	for _, u := range uses {
		out = append(out, u.resolve(known, dirs))
	}
	return out
}

// project returns the folder of the project that a use makes of its files, "" if it is not certain.
func (r resolved) project() string {
	if r.Dir == "" {
		return path.Dir(r.paths[0])
	}
	name := r.Dir
	if name == "$PWD" || name == "${PWD}" {
		name = "."
	}
	var u Use
	if u.file(name); u.unknown { // the variable of a folder before it is left out, as in a file's name
		return ""
	}
	dir, _ := local(r.base, u.Files[0])
	return dir
}

// laid brings the files of uses together: which comes after which, where its paths start from, and whether .env is what counts.
func laid(uses []resolved, files []*File, byPath map[string]*File) {
	type claim struct {
		dir string
		by  resolved
	}
	claims := map[*File][]claim{}
	for _, r := range uses {
		var before *File
		for _, p := range r.paths {
			f := byPath[p]
			if f == nil {
				continue
			}
			if before != nil && before != f && !slices.Contains(f.after, before) {
				f.after = append(f.after, before)
			}
			before = f
			claims[f] = append(claims[f], claim{r.project(), r})
		}
	}
	for _, f := range files {
		own := f.Dir
		for i, c := range claims[f] {
			switch {
			case i > 0 && c.dir != claims[f][0].dir:
				f.uncertain(c.by, "uses it in another folder's project than "+place(claims[f][0].by))
				if f.Dir = own; !canonical(path.Base(f.Path)) || c.by.Dir != "" {
					f.Dir = ""
				}
			case c.dir == own || i > 0:
			case canonical(path.Base(f.Path)) && c.by.Dir == "":
				// Compose finds it by itself too.
				f.uncertain(c.by, "uses it in the project of "+c.dir)
			default:
				f.Dir = c.dir
			}
		}
	}
	for _, r := range uses {
		if len(r.EnvFiles) == 0 && !r.NoEnv {
			continue
		}
		about := r.about(files, byPath)
		for _, f := range about {
			switch dir := f.Dir; {
			case r.NoEnv:
				f.uncertain(r, "has no .env read for it")
			case dir == "" || !slices.ContainsFunc(r.EnvFiles, func(name string) bool {
				p, ok := local(r.from(f), name)
				return ok && p == path.Join(dir, ".env")
			}):
				f.uncertain(r, "gives it another environment file than .env")
			}
		}
	}
}

func place(r resolved) string { return fmt.Sprintf("%s:%d", r.Path, r.Line) }

// uncertain notes that .env is not all that counts for a file.
func (f *File) uncertain(r resolved, why string) {
	if f.envWhy == "" {
		f.envWhy = place(r) + " " + why
	}
}

// from returns the folder that the environment files of a use start from.
func (r resolved) from(f *File) string {
	if r.paths != nil {
		return r.base
	}
	return path.Dir(f.Path)
}

// about returns the files that a use is about: those it names, else those that compose finds in its folder or one above it, else all below.
func (r resolved) about(files []*File, byPath map[string]*File) []*File {
	var out []*File
	for _, p := range r.paths {
		if f := byPath[p]; f != nil {
			out = append(out, f)
		}
	}
	if out != nil || len(r.Files) > 0 && !r.unknown {
		return out
	}
	dir := path.Dir(r.Path)
	for base := dir; ; base = path.Dir(base) {
		for _, f := range files {
			if path.Dir(f.Path) == base {
				out = append(out, f)
			}
		}
		if out != nil || base == "." {
			break
		}
	}
	if out != nil {
		return out
	}
	if top, _, _ := strings.Cut(dir, "/"); strings.HasPrefix(top, ".") {
		dir = "." // workflows speak of the whole tree
	}
	for _, f := range files {
		if dir == "." || strings.HasPrefix(f.Path, dir+"/") {
			out = append(out, f)
		}
	}
	return out
}

// extendedFrom sets what the variables of files come from that others extend services of: those have their own project's.
func extendedFrom(files []*File) {
	first := map[*File]*File{}
	for _, f := range files {
		for _, s := range f.Services {
			if s.extends == nil || s.extends.base == nil || s.extends.base.File == f {
				continue
			}
			g := s.extends.base.File
			switch p := f.EnvPath(); {
			case p == g.EnvPath():
			case IsComposeFile(path.Base(g.Path)):
				if g.envWhy == "" {
					g.envWhy = fmt.Sprintf("%s:%d extends it from another project", f.Path, s.extends.line)
				}
			case first[g] == nil:
				g.envFile = slot{given: true, ok: p != "", val: p}
				first[g] = f
			default:
				g.envFile = slot{given: true}
			}
		}
	}
}

// EnvPath returns the environment file that the file's variables come from, relative to the root: .env of the project's folder, or what an
// include names for the file. "" if it is not certain, or outside the root: EnvReason says why. The file need not exist.
func (f *File) EnvPath() string {
	p, _ := f.env()
	return p
}

// EnvReason says why EnvPath is "": a sentence's end, with the place of what makes it uncertain.
func (f *File) EnvReason() string {
	_, why := f.env()
	return why
}

func (f *File) env() (p, why string) {
	switch {
	case f.envWhy != "":
		return "", f.envWhy
	case f.envFile.given && f.envFile.val == "":
		return "", "what includes or extends it does not say for certain which environment file it has"
	case f.envFile.given:
		return f.envFile.val, ""
	case f.Dir == "":
		return "", "the folder of its project is not certain"
	}
	return path.Join(f.Dir, ".env"), ""
}

// Drops says whether a service takes a variable or a label away from what it is laid over or extends: by an !override or !reset of the section,
// or by a !reset of the name, which compose heeds where the section is written as a mapping.
func (s *Service) Drops(where Where, name string) bool {
	return s.own.keys[where.String()] || slices.Contains(s.own.names[where.String()], name)
}

// DropsGrants reports the same of its secrets.
func (s *Service) DropsGrants() bool { return s.own.keys["secrets"] }

// Hides reports whether the service would have a variable by what it extends if it lost its own: or may have it, where that is not known.
func (s *Service) Hides(variable string) bool {
	if s.extends == nil || s.Drops(InEnvironment, variable) {
		return false
	}
	own := slices.ContainsFunc(s.Texts, func(t Text) bool { return t.Where == InEnvironment && t.Name == variable && t.Inherited != "extends" })
	return own && (s.extends.base == nil || baseText(s, variable) != nil)
}

// Extends reports whether the service extends another one.
func (s *Service) Extends(base *Service) bool {
	return s.extends != nil && s.extends.base != nil && s.extends.base.Name == base.Name && s.extends.base.File.Path == base.File.Path
}
