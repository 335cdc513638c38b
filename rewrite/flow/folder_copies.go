package flow

import (
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
)

// folderCopy is a source of a COPY or ADD that is a folder of the build context.
type folderCopy struct {
	in     *dockerfile.Instruction
	word   dockerfile.Word
	words  []dockerfile.Word
	source string // cleaned; "" is the whole context
}

// folderCopies returns what the file copies and may be a folder.
func (a *analysis) folderCopies() []folderCopy {
	var out []folderCopy
	for _, in := range a.file.Instructions {
		if in.Name != "copy" && in.Name != "add" || in.Stage == nil || in.OnBuild {
			continue
		}
		if _, ok := in.FlagValue("from"); ok {
			continue
		}
		words, ok := in.Paths()
		if !ok || len(words) < 2 {
			continue
		}
		for _, w := range words[:len(words)-1] {
			if strings.Contains(w.Text, "://") || strings.HasPrefix(w.Text, "git@") || strings.HasPrefix(w.Text, "<<") || strings.ContainsAny(w.Text, "$\"'\\") {
				continue
			}
			out = append(out, folderCopy{in, w, words, strings.TrimPrefix(path.Clean("/"+w.Text), "/")})
		}
	}
	return out
}

// takes returns the files below a build context that hold a secret and that a COPY takes
// along with a folder.
func (a *analysis) takes(c *folderCopy, context string) []*secretFile {
	files := a.project.SecretFiles
	dir := c.source
	if i := strings.IndexAny(dir, "*?["); i >= 0 {
		dir = path.Dir(dir[:i] + "x")
	}
	if dir = path.Join(context, dir); files.lists(dir) {
		return nil // a file, not a folder
	}
	var out []*secretFile
	for _, f := range files.below(dir) {
		rel, _ := ignorefile.Inside(context, f.name)
		if _, ok := a.brings(c, rel); ok {
			out = append(out, f)
		}
	}
	return out
}

// brings returns the path that a file of the context gets below the destination, and
// whether it is copied with a folder at all: what is named is another rule's.
func (a *analysis) brings(c *folderCopy, file string) (rest string, ok bool) {
	rest, ok = matchPrefix(c.source, file)
	if !ok {
		return "", false
	}
	if kind, named := a.kind(c.word.Text, c.words); named && (kind.Sure || !strings.ContainsAny(c.word.Text, "*?[")) {
		return "", false
	}
	for _, f := range c.in.Flags {
		name, value, _ := strings.Cut(f.Text, "=")
		switch name {
		case "--exclude":
			if ignorefile.Covers([]byte(value), rest) || ignorefile.Covers([]byte(value), file) {
				return "", false
			}
		case "--parents":
			rest = file
		}
	}
	return rest, true
}

// matchPrefix matches a path, which may be a pattern, on a file or on a folder above it.
// rest is what the file is called below: its base name where the file itself is matched.
func matchPrefix(pattern, file string) (rest string, ok bool) {
	if pattern == "" {
		return file, true
	}
	elems, have := strings.Split(pattern, "/"), strings.Split(file, "/")
	if len(elems) > len(have) {
		return "", false
	}
	for i, e := range elems {
		if ok, err := path.Match(e, have[i]); !ok || err != nil {
			return "", false
		}
	}
	if len(elems) == len(have) {
		return path.Base(file), true
	}
	return strings.Join(have[len(elems):], "/"), true
}
