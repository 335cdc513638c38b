package audit

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/image"
)

// scanned is what is kept of a layer.
type scanned struct {
	found   []*Finding // of its files, Subject is the path
	touches []uint64   // hashes of what it lays over the layers below, sorted
}

// touch is one way in which an entry hides what is below it.
type touch string

const (
	replaces touch = "="  // a file, a link, in this place
	whites   touch = "-"  // the path is removed
	opaque   touch = "--" // all below the folder is removed
)

// hash is FNV-1a, written out: it is wanted for every entry of every layer.
func (t touch) hash(name string) uint64 {
	h := uint64(14695981039346656037)
	for _, s := range [...]string{string(t), "\x00", name} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	return h
}

// touched says what an entry of a layer hides; folders hide nothing.
func touched(name string, folder bool) (uint64, bool) {
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	if dir == "" {
		dir = "."
	}
	switch {
	case base == ".wh..wh..opq":
		return opaque.hash(dir), true
	case strings.HasPrefix(base, ".wh..wh."):
		return 0, false // aufs keeps its own things so
	case strings.HasPrefix(base, ".wh."):
		return whites.hash(path.Join(dir, base[len(".wh."):])), true
	case folder:
		return 0, false
	}
	return replaces.hash(name), true
}

func (s *scanned) has(t touch, name string) bool {
	_, ok := slices.BinarySearch(s.touches, t.hash(name))
	return ok
}

// removedBy returns the first of the layers that hides a file from those who run the
// image, and whether it has another in its place; nil where none does.
func (a *auditor) removedBy(name string, above []*image.Layer) (by *image.Layer, replaced bool) {
	for _, l := range above {
		s := a.layers[l.DiffID]
		if s == nil {
			continue // foreign
		}
		if s.has(replaces, name) {
			return l, true
		}
		if s.has(whites, name) {
			return l, false
		}
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			if s.has(opaque, dir) || dir != "." && (s.has(whites, dir) || s.has(replaces, dir)) {
				return l, false
			}
			if dir == "." {
				break
			}
		}
	}
	return nil, false
}
