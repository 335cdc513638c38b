package verify

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Comparison is one table of two images held against each other.
type Comparison struct {
	Compared    int          // paths, or settings
	Differences []Difference // in order
	Less        []string     // what the new image is rid of, and was meant to be: what held a secret
	Varying     []string     // what two builds of the old file do not agree on either
}

// Difference is one path or setting that is not the same, secrets masked.
type Difference struct {
	What string // "/app/config.json", "Cmd"
	How  string // "mode 0644, was 0600"
}

// largest is the size of the largest file whose text is looked into.
const largest = 1 << 20

// compareFiles compares what containers see.
func compareFiles(before, after tree, m *masks) (*Comparison, error) {
	c := &Comparison{}
	all := maps.Clone(before)
	maps.Copy(all, after)
	c.Compared = len(all)
	var rid []string // they held a secret, and do not any more
	made := before.madeFor(after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b, inBefore := before[name]
		a, inAfter := after[name]
		switch {
		case inBefore && inAfter && a.sameAs(b):
		case !inAfter && (b.holds != "" || made[name]):
			c.Less = append(c.Less, "/"+m.text(name))
		case inAfter && inBefore && b.holds != "" && a.holds == "" && a.but(b):
			rid = append(rid, name)
		default:
			c.Differences = append(c.Differences, Difference{"/" + m.text(name), m.text(how(b, a, inBefore, inAfter))})
		}
	}
	if len(rid) == 0 {
		return c, nil
	}
	old, err := before.contents(rid, largest)
	if err != nil {
		return nil, err
	}
	new, err := after.contents(rid, largest)
	if err != nil {
		return nil, err
	}
	for _, name := range rid {
		o, okOld := old[name]
		n, okNew := new[name]
		switch {
		case okOld && okNew && m.lessOnly(o, n):
			c.Less = append(c.Less, "the secret in /"+m.text(name))
		case okOld && okNew && m.lessLines(o, n):
			c.Less = append(c.Less, "lines of /"+m.text(name)+" with the secret")
		default:
			c.Differences = append(c.Differences, Difference{"/" + m.text(name), "other content, and not only without the secret"})
		}
	}
	slices.SortFunc(c.Differences, func(x, y Difference) int { return cmp.Compare(x.What, y.What) })
	return c, nil
}

// wanted is how a step is told that makes the folders that it names. BuildKit may number it.
var wanted = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\[[^\]]*\] |/bin/sh -c #\(nop\) +)?(COPY|ADD|WORKDIR) `)
})

// madeFor are the folders that a command made to put a secret in, and nothing else, and that are gone with it. One that a
// COPY made is not among them: it was wanted.
func (t tree) madeFor(after tree) map[string]bool {
	folders := map[string]bool{}
	for name, f := range t {
		if _, still := after[name]; still || f.kind != tar.TypeDir || f.made.History == nil {
			continue
		}
		if wanted().MatchString(f.made.History.CreatedBy) {
			continue
		}
		folders[name] = false // nothing of a secret in it yet
	}
	for name, f := range t {
		if _, its := folders[name]; its {
			continue
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, its := folders[dir]; !its {
				continue
			}
			if f.holds == "" {
				delete(folders, dir)
			} else {
				folders[dir] = true
			}
		}
	}
	return folders
}

// but says whether two files differ in nothing but their content.
func (f file) but(g file) bool {
	f.size, f.sum = g.size, g.sum
	return f.sameAs(g)
}

// how says in what way a path differs.
func how(b, a file, inBefore, inAfter bool) string {
	switch {
	case !inAfter:
		return "is missing"
	case !inBefore:
		return "is new"
	case a.kind != b.kind:
		return fmt.Sprintf("is a %s, was a %s", kindName(a.kind), kindName(b.kind))
	}
	var out []string
	if a.mode != b.mode {
		out = append(out, fmt.Sprintf("mode %04o, was %04o", a.mode, b.mode))
	}
	if a.uid != b.uid || a.gid != b.gid {
		out = append(out, fmt.Sprintf("owner %d:%d, was %d:%d", a.uid, a.gid, b.uid, b.gid))
	}
	if a.link != b.link {
		out = append(out, fmt.Sprintf("leads to %s, led to %s", a.link, b.link))
	}
	if a.sum != b.sum {
		if a.size != b.size {
			out = append(out, fmt.Sprintf("other content, %d bytes, was %d", a.size, b.size))
		} else {
			out = append(out, fmt.Sprintf("other content, %d bytes", a.size))
		}
	}
	if a.xattrs != b.xattrs {
		out = append(out, "other extended attributes")
	}
	if a.major != b.major || a.minor != b.minor {
		out = append(out, fmt.Sprintf("device %d,%d, was %d,%d", a.major, a.minor, b.major, b.minor))
	}
	return strings.Join(out, "; ")
}

func kindName(kind byte) string {
	switch kind {
	case tar.TypeReg:
		return "file"
	case tar.TypeDir:
		return "folder"
	case tar.TypeSymlink:
		return "symbolic link"
	case tar.TypeLink:
		return "hard link"
	case tar.TypeChar, tar.TypeBlock:
		return "device"
	case tar.TypeFifo:
		return "pipe"
	}
	return "file of another kind"
}

// lessOnly says whether a new text is the old one without its secrets: lines that held one are gone, or hold the rest of
// themselves. Of an address the user goes along with the password.
func (m *masks) lessOnly(old, new []byte) bool {
	rest := slices.Collect(bytes.Lines(new))
	for line := range bytes.Lines(old) {
		if len(rest) > 0 && bytes.Equal(line, rest[0]) {
			rest = rest[1:]
			continue
		}
		if len(m.in(line)) == 0 {
			return false
		}
		if len(rest) > 0 && m.without(line, rest[0]) {
			rest = rest[1:]
		}
	}
	return len(rest) == 0
}

// lessLines says whether a new text has nothing that the old one has not, but in the place of lines with a secret: a
// template that is put back, a section that went with its password.
func (m *masks) lessLines(old, new []byte) bool {
	lines := slices.Collect(bytes.Lines(old))
	for line := range bytes.Lines(new) {
		i := slices.IndexFunc(lines, func(l []byte) bool { return bytes.Equal(l, line) })
		if i < 0 {
			i = slices.IndexFunc(lines, func(l []byte) bool { return len(m.in(l)) > 0 })
			if i < 0 {
				return false
			}
		}
		lines = lines[i+1:]
	}
	return true
}

// without says whether cutting one piece that holds a secret out of line gives new.
func (m *masks) without(line, new []byte) bool {
	if len(new) >= len(line) {
		return false
	}
	start := 0
	for start < len(new) && new[start] == line[start] {
		start++
	}
	end := 0
	for end < len(new)-start && new[len(new)-1-end] == line[len(line)-1-end] {
		end++
	}
	cut := line[start : len(line)-end]
	// Where both ends of the cut are alike, it may as well be one character to the side.
	return start+end == len(new) && (len(m.in(cut)) > 0 || len(m.in(line[max(0, start-1):len(line)-end])) > 0)
}

// vary takes out of c what again, another build of the old file, does not have as before has it.
func (c *Comparison) vary(before, again tree) {
	differs := map[string]bool{}
	odd := map[string]bool{} // names that only one build made, by folder and length: random ones
	all := maps.Clone(before)
	maps.Copy(all, again)
	shape := func(name string) string { return fmt.Sprint(path.Dir(name), " ", len(name)) }
	for name := range all {
		b, inBefore := before[name]
		a, inAgain := again[name]
		if inBefore != inAgain {
			odd[shape(name)] = true
		}
		if inBefore != inAgain || !a.sameAs(b) {
			differs[name] = true
		}
	}
	c.Differences = slices.DeleteFunc(c.Differences, func(d Difference) bool {
		name := strings.TrimPrefix(d.What, "/")
		its := differs[name] || odd[shape(name)] && (d.How == "is new" || d.How == "is missing")
		if its {
			c.Varying = append(c.Varying, d.What)
		}
		return its
	})
}
