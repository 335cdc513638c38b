package images

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// rows are the lines of a table, without comments, as cells.
func rows(tsv string) [][]string {
	var out [][]string
	for line := range strings.Lines(tsv) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		out = append(out, strings.Split(line, "\t"))
	}
	return out
}

// words is a cell that holds a list; "-" is an empty one.
func words(cell string) []string {
	if cell == "-" {
		return nil
	}
	return strings.Fields(cell)
}

// like tells whether a pattern stands for all of s. A * is any text, slashes included.
func like(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	for s = s[len(head):]; ; s = s[1:] {
		if like(rest, s) {
			return true
		}
		if s == "" {
			return false
		}
	}
}

// anyLike tells whether one of the patterns stands for s, and none that begins with "!".
func anyLike(patterns []string, s string) bool {
	found := false
	for _, p := range patterns {
		if not, ok := strings.CutPrefix(p, "!"); ok {
			if like(not, s) {
				return false
			}
		} else if like(p, s) {
			found = true
		}
	}
	return found
}

// tags is a cell that says which tags of an image a row is about: "*" is every tag there ever was; else words that must all hold.
type tags []string

// windows are tags of images that start with no entrypoint and no shell that a row speaks of.
var windows = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`windows|nanoserver|servercore|ltsc20\d\d`)
})

// obscure are tags that begin with no version and may yet be of any: built on a release of a distribution whose time is over, or with a
// version further on ("alpine-1.40").
var obscure = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`wheezy|jessie|stretch|buster|precise|trusty|xenial|bionic|focal|[-.]v?\d+\.\d`)
})

// versioned tells whether a row speaks of versions.
func (t tags) versioned() bool {
	return slices.ContainsFunc(t, func(w string) bool { return w[0] == '<' || strings.HasSuffix(w, "+") })
}

// match tells whether a row is about a tag; "" is a tag that is not known.
//
//   - every tag, also one that is not known
//     9.6.2+   in its release line (9.6) from this version on; the last such word is for all later lines too
//     <3.9     before this version
//     ~*slim*  one of these patterns
//     !*cli*   not this pattern
//
// A tag that says less than a version ("9.6", "9", "alpine") moves with the releases and is the last of them.
func (t tags) match(tag string) bool {
	if windows().MatchString(tag) {
		return false
	}
	if len(t) == 1 && t[0] == "*" {
		return true
	}
	if tag == "" {
		return false
	}
	v := version(tag)
	if v == nil && t.versioned() && obscure().MatchString(tag) {
		return false
	}
	some, one := false, false // patterns, and one that matches
	var from [][]int
	for _, w := range t {
		switch {
		case w[0] == '~':
			some = true
			one = one || like(w[1:], tag)
		case w[0] == '!':
			if like(w[1:], tag) {
				return false
			}
		case w[0] == '<':
			if !before(v, version(w[1:])) {
				return false
			}
		default:
			from = append(from, version(w))
		}
	}
	return (one || !some) && since(v, from)
}

// version reads the numbers that a tag begins with; nil if it begins with none.
func version(tag string) []int {
	var v []int
	for tag = strings.TrimPrefix(tag, "v"); ; tag = tag[1:] {
		n := 0
		for n < len(tag) && '0' <= tag[n] && tag[n] <= '9' {
			n++
		}
		i, err := strconv.Atoi(tag[:n])
		if err != nil {
			return v
		}
		if v, tag = append(v, i), tag[n:]; tag == "" || tag[0] != '.' {
			return v
		}
	}
}

// before compares a tag's version with one that is complete: what the tag does not say is the newest there is.
func before(v, w []int) bool {
	for i := range w {
		switch {
		case i >= len(v) || v[i] > w[i]:
			return false
		case v[i] < w[i]:
			return true
		}
	}
	return false
}

// since tells whether a version is one of those from the first of its release line on.
func since(v []int, from [][]int) bool {
	for i, f := range from {
		line := min(len(v), len(f)-1)
		if !before(v, f) && (i == len(from)-1 || line > 0 && slices.Equal(v[:line], f[:line])) {
			return true
		}
	}
	return len(from) == 0
}
