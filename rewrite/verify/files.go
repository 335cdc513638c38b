package verify

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/image"
)

// file is one path of an image's file system, as a container sees it. Times are left out: no two builds agree on them.
type file struct {
	kind         byte  // as in a tar header; a hard link is what it leads to
	mode         int64 // permission bits, with setuid, setgid and sticky
	uid, gid     int
	link         string // where a symbolic link leads
	major, minor int64  // of a device
	xattrs       string
	size         int64
	sum          [sha256.Size]byte
	layer        *image.Layer // that it comes from
	made         *image.Layer // that it came with; later ones may have changed it
	holds        string       // the secrets in it, by their number, as a set
}

// sameAs leaves out where a file comes from.
func (f file) sameAs(g file) bool {
	f.layer, f.made, f.holds = g.layer, g.made, g.holds
	return f == g
}

// tree is a file system that is made of layers.
type tree map[string]file

// merged is what a container sees of the layers, and where the secrets stand in them: also in what a higher layer covers.
// A layer is read once, however many images have it.
func (c layerCache) merged(layers []*image.Layer, m *masks) (tree, []found, error) {
	files := tree{}
	var places []found
	for _, l := range layers {
		x, ok := c[l.DiffID]
		if !ok || l.DiffID == "" {
			var err error
			if x, err = readLayer(l, m); err != nil {
				return nil, nil, err
			}
			c[l.DiffID] = x
		}
		files.apply(x)
		for _, f := range x.found {
			places = append(places, found{f.secret, fmt.Sprintf("layer %d%s", l.Index, f.place)})
		}
	}
	return files, places, nil
}

// layerCache is what was read of layers, by their digest.
type layerCache map[string]*layer

// layer is what a layer changes.
type layer struct {
	entries tree
	gone    []string // of the layers below
	emptied []string // folders, of what the layers below have in them
	found   []found  // the place is what comes behind "layer 3": ": /app/.npmrc"
}

// found is a secret in an image.
type found struct {
	secret int    // its place in Job.Secrets
	place  string // "layer 3: /app/.npmrc"
}

func readLayer(from *image.Layer, m *masks) (*layer, error) {
	l := &layer{entries: tree{}}
	err := from.Each(func(h *tar.Header, r io.Reader) error {
		dir, name := path.Split(h.Name)
		if name == ".wh..wh..opq" {
			l.emptied = append(l.emptied, path.Clean(dir))
			return nil
		}
		if hidden, ok := strings.CutPrefix(name, ".wh."); ok {
			l.gone = append(l.gone, dir+hidden)
			return nil
		}
		f := file{kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, gid: h.Gid, link: h.Linkname, xattrs: xattrs(h), layer: from}
		switch h.Typeflag {
		case tar.TypeReg:
			sum := sha256.New()
			in, err := m.content(r, sum)
			if err != nil {
				return err
			}
			f.size, f.sum = h.Size, [sha256.Size]byte(sum.Sum(nil))
			if s, ok := m.files[f.sum]; ok && !slices.Contains(in, s) {
				in = append(in, s)
			}
			f.holds = setOf(in)
			for _, s := range in {
				l.found = append(l.found, found{s, ": /" + m.text(h.Name)})
			}
		case tar.TypeChar, tar.TypeBlock:
			f.major, f.minor = h.Devmajor, h.Devminor
		}
		for _, s := range m.in([]byte(h.Name + "\x00" + h.Linkname + "\x00" + f.xattrs)) {
			l.found = append(l.found, found{s, ": the name of a file"})
		}
		if h.Name != "." {
			l.entries[h.Name] = f
		}
		return nil
	})
	return l, err
}

func xattrs(h *tar.Header) string {
	var out []string
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			out = append(out, name+"="+value)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// apply puts a layer on top, as the OCI image specification says: an entry takes the place of what is there, a folder
// of a folder leaves what is in it, and what is gone is gone from the layers below only. A hard link becomes what it
// leads to.
func (t tree) apply(l *layer) {
	emptied := map[string]bool{}
	for _, name := range l.gone {
		delete(t, name)
		emptied[name] = true
	}
	for _, name := range l.emptied {
		emptied[name] = true
	}
	for name, f := range l.entries {
		if was, ok := t[name]; ok && was.kind == tar.TypeDir && f.kind != tar.TypeDir {
			emptied[name] = true
		}
	}
	if len(emptied) > 0 {
		for name := range t {
			for dir := name; dir != "."; {
				if dir = path.Dir(dir); emptied[dir] {
					delete(t, name)
					break
				}
			}
		}
	}
	for name, f := range l.entries {
		f.made = f.layer
		if was, ok := t[name]; ok && was.kind == f.kind {
			f.made = was.made
		}
		t[name] = f
	}
	for name, f := range l.entries {
		if f.kind != tar.TypeLink {
			continue
		}
		if target, ok := t[path.Clean(strings.TrimLeft(f.link, "/"))]; ok {
			t[name] = target
		}
	}
}

// contents reads files, each from the layer that it comes from. One of more than limit bytes is left out.
func (t tree) contents(names []string, limit int64) (map[string][]byte, error) {
	by := map[*image.Layer][]string{}
	for _, name := range names {
		if f, ok := t[name]; ok && f.kind == tar.TypeReg && f.size <= limit {
			by[f.layer] = append(by[f.layer], name)
		}
	}
	out := map[string][]byte{}
	for l, names := range by {
		err := l.Each(func(h *tar.Header, r io.Reader) error {
			if h.Typeflag != tar.TypeReg || !slices.Contains(names, h.Name) {
				return nil
			}
			var b bytes.Buffer
			if _, err := io.Copy(&b, r); err != nil {
				return err
			}
			out[h.Name] = b.Bytes()
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// setOf is a set of numbers as a text, which can be compared.
func setOf(numbers []int) string {
	numbers = slices.Clone(numbers)
	slices.Sort(numbers)
	var b strings.Builder
	for _, n := range numbers {
		fmt.Fprintf(&b, "%d ", n)
	}
	return b.String()
}
