package tasks

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
)

// makeSet is a Makefile with those that it includes, or that include it.
type makeSet struct {
	own     *makefile
	files   []*makefile
	dirs    []string // in which make may run
	unknown bool     // an included file is not there, or nothing says who includes this one
	opaque  bool     // some of them assigns variables whose names are not known
}

// maxIncluded is how many files of one make are read.
const maxIncluded = 50

// loadMake reads a Makefile and what it includes. A part that another Makefile of a
// folder above includes is read as that one's.
func loadMake(s *call.Source) *makeSet {
	own := readMakefile(s.Path, s.Src)
	here := path.Dir(s.Path)
	set := &makeSet{own: own}
	var parents []*makeSet
	for dir := here; s.Project.FS != nil; dir = path.Dir(dir) {
		for _, name := range []string{"GNUmakefile", "makefile", "Makefile"} {
			p := path.Join(dir, name)
			if data, err := fs.ReadFile(s.Project.FS, p); err == nil && p != s.Path && len(data) < 1<<20 {
				up := &makeSet{own: readMakefile(p, data), dirs: []string{dir}}
				up.include(s.Project.FS, up.own)
				if slices.ContainsFunc(up.files, func(m *makefile) bool { return m.path == s.Path }) {
					parents = append(parents, up)
				}
			}
		}
		if dir == "." {
			break
		}
	}
	part := !isMain(path.Base(s.Path))
	switch {
	case len(parents) == 1 && part:
		set = parents[0]
		for i, m := range set.files {
			if m.path == s.Path {
				set.files[i] = own
			}
		}
		set.own = own
	case len(parents) > 0 || part:
		set.dirs, set.unknown = []string{here}, true
		for _, up := range parents {
			set.dirs = append(set.dirs, up.dirs...)
		}
		if len(parents) == 0 && here != "." {
			set.dirs = append(set.dirs, ".")
		}
		set.include(s.Project.FS, own)
	default:
		set.dirs = []string{here}
		set.include(s.Project.FS, own)
	}
	for _, m := range set.files {
		set.opaque = set.opaque || m.opaque
	}
	return set
}

// isMain reports the names under which make finds a Makefile by itself, and their likes.
func isMain(base string) bool {
	return base == "Makefile" || base == "makefile" || base == "GNUmakefile" || strings.HasPrefix(base, "Makefile.") && !strings.HasSuffix(base, ".mk") && !strings.HasSuffix(base, ".inc")
}

// include reads the files that one includes; their names are relative to where make runs.
func (set *makeSet) include(fsys fs.FS, m *makefile) {
	set.files = append(set.files, m)
	for _, word := range m.includes {
		var p piece
		p.add(word, 0, 0)
		name, ok := set.evaluate(p, m, 0)
		if rest, rooted := strings.CutPrefix(name, script.Root); rooted {
			name = path.Join(".", rest)
		} else {
			name = path.Join(set.dirs[0], name)
		}
		if !ok || path.IsAbs(word) || fsys == nil || len(set.files) > maxIncluded {
			set.unknown = true
			continue
		}
		names, _ := fs.Glob(fsys, name)
		if len(names) == 0 {
			set.unknown = true
		}
		for _, name := range names {
			if slices.ContainsFunc(set.files, func(f *makefile) bool { return f.path == name }) {
				continue
			}
			data, err := fs.ReadFile(fsys, name)
			if err != nil || len(data) > 1<<20 {
				set.unknown = true
				continue
			}
			set.include(fsys, readMakefile(name, data))
		}
	}
}

// given are the assignments of a variable, with their files.
func (set *makeSet) given(name string) (list []assign, files []*makefile) {
	for _, m := range set.files {
		for _, a := range m.vars[name] {
			list, files = append(list, a), append(files, m)
		}
	}
	return list, files
}

// exported reports whether recipes have a make variable in their environment.
func (set *makeSet) exported(name string) bool {
	out := false
	for _, m := range set.files {
		if m.unexported[name] {
			return false
		}
		out = out || m.exportAll || m.exported[name]
	}
	return out && valid(name)
}

// environment reports whether what make puts in place of a variable is what recipes have
// in their environment under that name: make passes on what it got from the environment
// or its command line, and what it exports.
func (set *makeSet) environment(name string) bool {
	if !valid(name) || slices.Contains(special, name) {
		return false
	}
	for _, m := range set.files {
		if m.unexported[name] {
			return false
		}
	}
	list, _ := set.given(name)
	if set.exported(name) {
		// Quotes of a file of settings (T="x") the shell takes away, and the environment keeps.
		return !set.unknown && !slices.ContainsFunc(list, func(a assign) bool { return a.op == "" || strings.ContainsAny(plain(a.value.text), "\"'\\") })
	}
	for _, a := range list {
		// T ?= is no other value than none at all.
		if a.op != "?=" || a.value.text != "" || a.target {
			return false
		}
	}
	return !set.unknown && !set.opaque
}

// plain is a text without what make's functions are given.
func plain(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if _, n := reference(s[i:]); n > 0 {
			i += n - 1
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// certain reports whether recipes certainly have a variable in their environment.
func (set *makeSet) certain(name string) bool {
	if !set.exported(name) {
		return false
	}
	list, _ := set.given(name)
	return slices.ContainsFunc(list, func(a assign) bool {
		return a.op != "" && a.op != "+=" && a.op != "define" && !a.conditional && !a.target
	})
}

// special are variables that make sets.
var special = []string{"MAKE", "MAKEFLAGS", "MAKELEVEL", "MAKEFILES", "MAKEFILE_LIST", "MAKECMDGOALS", "CURDIR", "SHELL", "MFLAGS", "MAKEOVERRIDES",
	"CC", "CXX", "CPP", "AR", "AS", "LD", "RM", "FC", "LEX", "YACC", "PC", "GET", "CO", "ARFLAGS", "SUFFIXES", "VPATH"}

func valid(s string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(s)
}

// literal reports whether a Makefile itself gives a variable a value, and which one. A
// file of settings (.env) that it includes is a store.
func (set *makeSet) literal(name string) (string, bool) {
	list, files := set.given(name)
	for i, a := range list {
		if a.value.text == "" || a.op == "" || a.op == "!=" || !isMain(path.Base(files[i].path)) && path.Ext(files[i].path) != ".mk" {
			continue
		}
		if v := strings.TrimSpace(a.value.text); !strings.Contains(strings.ReplaceAll(v, "$$", ""), "$") {
			return v, true
		}
		if ref := regexp.MustCompile(`^\$(?:\((\w+)\)|\{(\w+)\})$`).FindStringSubmatch(strings.TrimSpace(a.value.text)); ref != nil && ref[1]+ref[2] != name {
			if v, ok := set.literal(ref[1] + ref[2]); ok && len(list) < 10 {
				return v, true
			}
		}
	}
	return "", false
}

// value is what a variable stands for in the names of files and programs, if one
// assignment alone says so. A value from make's command line counts for less.
func (set *makeSet) value(name string, depth int) (string, bool) {
	if name == "CURDIR" || name == "PWD" {
		return set.folder()
	}
	if name == "MAKE" {
		return "make", true
	}
	list, files := set.given(name)
	at := -1
	for i, a := range list {
		if a.op == "" || a.op == "!=" || a.op == "+=" || a.op == "define" || a.target || a.conditional || at >= 0 && a.value.text != list[at].value.text {
			return "", false
		}
		at = i
	}
	if at < 0 || depth > 10 || set.opaque {
		return "", false
	}
	return set.evaluate(list[at].value, files[at], depth+1)
}

// folder is the one that make runs in.
func (set *makeSet) folder() (string, bool) {
	if len(set.dirs) != 1 {
		return "", false
	}
	return path.Join(script.Root, set.dirs[0]), true
}

// evaluate returns what a text of a Makefile expands to, as far as that is certain
// without running anything.
func (set *makeSet) evaluate(p piece, m *makefile, depth int) (string, bool) {
	var out strings.Builder
	s := p.text
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			out.WriteByte(s[i])
			continue
		}
		content, n := reference(s[i:])
		if n == 0 || content == "$" {
			return "", false // for the shell
		}
		v, ok := set.call(content, m, depth)
		if !ok {
			return "", false
		}
		out.WriteString(v)
		i += n - 1
	}
	return strings.TrimSpace(out.String()), depth <= 12
}

// call evaluates the inside of a reference: a name, or a function that finds files.
func (set *makeSet) call(content string, m *makefile, depth int) (string, bool) {
	name, rest, function := strings.Cut(content, " ")
	if !function {
		if strings.ContainsAny(content, "$:=,") {
			return "", false
		}
		return set.value(content, depth)
	}
	rest = strings.TrimSpace(rest)
	if (name == "lastword" || name == "firstword") && strings.Trim(rest, "$(){}") == "MAKEFILE_LIST" {
		file := m.path
		if name == "firstword" {
			file = set.files[0].path
		}
		return path.Join(script.Root, file), true
	}
	inner := func(text string) (string, bool) {
		var p piece
		p.add(text, 0, 0)
		return set.evaluate(p, m, depth+1)
	}
	switch name {
	case "shell":
		switch program, arg, _ := strings.Cut(rest, " "); program {
		case "pwd":
			return set.folder()
		case "which":
			return arg, !strings.ContainsAny(arg, " $;|&(`")
		case "command":
			arg, ok := strings.CutPrefix(arg, "-v ")
			return arg, ok && !strings.ContainsAny(arg, " $;|&(`")
		case "dirname":
			v, ok := inner(arg)
			return path.Dir(v), ok && !strings.ContainsAny(v, " $;|&(`\"'")
		case "git":
			return script.Root, arg == "rev-parse --show-toplevel"
		}
		return "", false
	case "abspath", "realpath", "strip", "dir", "notdir":
		v, ok := inner(rest)
		if !ok || strings.ContainsAny(v, " \t") {
			return "", false
		}
		here, known := set.folder()
		switch {
		case name == "strip":
			return v, true
		case name == "dir":
			return path.Dir(v) + "/", true
		case name == "notdir":
			return path.Base(v), true
		case path.IsAbs(v):
			return path.Clean(v), true
		}
		return path.Join(here, v), known
	case "patsubst":
		if arg, ok := strings.CutPrefix(strings.ReplaceAll(rest, ", ", ","), "%/,%,"); ok {
			v, ok := inner(arg)
			return strings.TrimSuffix(v, "/"), ok
		}
	}
	return "", false
}

// reference takes a reference to a variable or a function apart, at the start of a text;
// n is its length, 0 if there is none.
func reference(s string) (content string, n int) {
	if len(s) < 2 || s[0] != '$' {
		return "", 0
	}
	open, shut := s[1], byte(')')
	switch open {
	case '(':
	case '{':
		shut = '}'
	default:
		return s[1:2], 2
	}
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return s[2:i], i + 1
			}
		}
	}
	return "", 0
}
