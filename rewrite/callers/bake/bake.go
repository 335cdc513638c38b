// Package bake reads and edits the targets of bake files, HCL and JSON, as docker buildx
// bake puts them together: several files, targets that inherit, a matrix. It leans on
// HashiCorp's HCL for the grammar and finds the bytes by its ranges. It evaluates no
// function, and reads none of the compose files that bake takes as well.
package bake

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// Readers are those of this package, the most particular first.
func Readers() []call.Reader {
	return []call.Reader{{Name: "a bake file", Is: isBake, Read: read, Edit: change}}
}

// defaults are the files that bake reads where none is named, in its order: the later
// one counts.
var defaults = []string{"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"}

// isBake reports the names that bake files have. Any other .hcl may be one: its targets tell.
func isBake(p string) bool {
	base := strings.ToLower(path.Base(p))
	return path.Ext(base) == ".hcl" || path.Ext(base) == ".json" && strings.Contains(base, "bake")
}

func isDefault(p string) bool { return slices.Contains(defaults, path.Base(p)) }

// file is a bake file as it stands.
type file struct {
	path   string
	src    []byte
	json   bool
	blocks []*block
	vars   map[string][]*variable
	attrs  map[string]bool // set at the top of the file
	groups map[string]bool // what groups list
	refs   []ref
}

// block is one body of a target. A target may have several, in one file and in several.
type block struct {
	file       *file
	label      string
	start, end int // the whole block
	attrs      map[string]*attr
	body       body
}

// attr is one setting of a block.
type attr struct {
	name       string
	start, end int
	value      *value
}

// args are the arguments, where they are written out; ok is false where there are some
// that are not.
func (b *block) args() (items []item, ok bool) {
	a := b.attrs["args"]
	if a == nil || a.value.expr != nil && isNull(a.value.expr) {
		return nil, true
	}
	return a.value.items, a.value.object
}

// variable is a block that declares one; its value is the environment's where that has one.
type variable struct {
	value *value // the default, nil if there is none
	typ   string // "" if none is given
}

// ref is a place that reads a setting of a target: target.NAME.SETTING.MEMBER.
type ref struct {
	target, setting, member string // "" for all
	offset                  int
}

// universe is the bake files of a folder: bake may be given any of them together.
type universe struct {
	project *call.Project
	dir     string
	files   []*file
}

// load reads the bake files beside a source, with the source's own text for its own. Those
// that are no bake files, or not understood, are left out.
func load(s *call.Source) (*universe, *file, error) {
	own, err := parse(s.Path, s.Src)
	if err != nil {
		return nil, nil, err
	}
	u := &universe{project: s.Project, dir: path.Dir(s.Path)}
	if u.project == nil {
		u.project = &call.Project{}
	}
	names := []string{path.Base(s.Path)}
	if u.project.FS != nil {
		entries, _ := fs.ReadDir(u.project.FS, u.dir)
		for _, e := range entries {
			if e.Type().IsRegular() && isBake(e.Name()) && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	rank := func(name string) int {
		if i := slices.Index(defaults, name); i >= 0 {
			return i
		}
		return len(defaults)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		p := path.Join(u.dir, name)
		if p == path.Clean(s.Path) {
			u.files = append(u.files, own)
			continue
		}
		src, err := fs.ReadFile(u.project.FS, p)
		if err != nil || len(src) > maxSize {
			continue
		}
		if f, err := parse(p, src); err == nil {
			u.files = append(u.files, f)
		}
	}
	return u, own, nil
}

// maxSize is more than anyone writes by hand.
const maxSize = 1 << 20

func parse(p string, src []byte) (*file, error) {
	f := &file{path: p, src: src, json: path.Ext(p) == ".json", vars: map[string][]*variable{}, attrs: map[string]bool{}, groups: map[string]bool{}}
	if f.json {
		return f, f.readJSON()
	}
	return f, f.readHCL()
}

// errorf is an error at an offset of the file.
func (f *file) errorf(offset int, format string, args ...any) error {
	return (&call.Source{Path: f.path, Src: f.src}).Errorf(offset, format, args...)
}
