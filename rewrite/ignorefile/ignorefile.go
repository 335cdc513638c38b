// Package ignorefile adds lines to .gitignore and .dockerignore files. It leans on
// moby/patternmatcher for what docker leaves out of a build context. It never removes
// a line, and adds none that is there.
package ignorefile

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// Add returns the edit that appends the lines that src does not hold yet, with src's
// line ends; ok is false when there is nothing to add.
func Add(src []byte, lines ...string) (e edit.Edit, ok bool) {
	newline := "\n"
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		newline = "\r\n"
	}
	have := strings.FieldsFunc(string(src), func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(have) - 1; i >= 0; i-- {
		if strings.HasPrefix(have[i], "!") {
			have = have[i+1:] // what stands before may be taken back: the last word counts
			break
		}
	}
	var b strings.Builder
	if n := len(src); n > 0 && src[n-1] != '\n' {
		b.WriteString(newline)
	}
	for _, l := range lines {
		if slices.Contains(have, l) {
			continue
		}
		have = append(have, l)
		b.WriteString(l + newline)
		ok = true
	}
	return edit.Edit{Start: len(src), End: len(src), New: b.String()}, ok
}

// Covers reports whether the last word of a .dockerignore's content on a path
// (slash-separated, relative to the context) is that it is left out.
func Covers(content []byte, name string) bool {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(content))
	if err != nil || len(patterns) == 0 {
		return false
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return false
	}
	ok, err := m.MatchesOrParentMatches(name)
	return err == nil && ok
}

// TakesBack reports whether a line of a .dockerignore's content names a file so that it
// is taken along, and not only a folder above it.
func TakesBack(content []byte, name string) bool {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(content))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		p, back := strings.CutPrefix(p, "!")
		return back && Covers([]byte(p), name) && !Covers([]byte(p), path.Dir(name))
	})
}

// ForContext returns the ignore files that count for builds of a context folder: the
// Dockerfile's own (X.dockerignore beside it) if it exists, and the context's.
func ForContext(fsys fs.FS, dockerfile, context string) []string {
	files := []string{path.Join(context, ".dockerignore")}
	if own := dockerfile + ".dockerignore"; exists(fsys, own) {
		files = append([]string{own}, files...)
	}
	return files
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// Inside returns name relative to dir, and whether it lies in it.
func Inside(dir, name string) (string, bool) {
	if dir == "." || dir == "" {
		return name, true
	}
	rest, ok := strings.CutPrefix(name, dir+"/")
	return rest, ok
}
