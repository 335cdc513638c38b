package images

import (
	_ "embed"
	"encoding/json"
	"slices"
	"sync"
)

//go:embed start.tsv
var startTSV string

// Start is what a container of an image does first. Its zero value knows nothing.
type Start struct {
	Entrypoint      []string // the image's own, in exec form; nil if it has none
	Cmd             []string // likewise
	KnownEntrypoint bool     // false: Entrypoint is nil, and how commands are passed on is still known
	KnownCmd        bool     // likewise
	PassesOn        bool     // a program that is not its own is run as it is given: the entrypoint execs it, or there is none
	Switches        bool     // on the first word of the command: before its own program it prepares something, before arguments it puts a program
	Shell           bool     // /bin/sh is there; false if it is not, or not known
	User            string   // that the image starts as; "" is root
	Source          string   // repository:path[:line] that says so; of several versions, the first

	unless [][]string // first words of commands that are not run just as they are given, a list a version
}

// Runs tells whether the container runs a command just as it is given, with nothing before it that depends on its first word: behind a
// wrapper the same command then does the same. That the command is a program of the image is taken for granted.
func (s Start) Runs(command []string) bool {
	return s.PassesOn && len(command) > 0 && command[0] != "" &&
		!slices.ContainsFunc(s.unless, func(words []string) bool { return anyLike(words, command[0]) })
}

// startRow is one row of start.tsv.
type startRow struct {
	images []string
	tags   tags
	Start
}

var startRows = sync.OnceValue(func() []startRow {
	var out []startRow
	for _, c := range rows(startTSV) {
		r := startRow{images: words(c[0]), tags: words(c[1])}
		r.Entrypoint, r.KnownEntrypoint = argv(c[2])
		r.Cmd, r.KnownCmd = argv(c[3])
		switch special := words(c[4]); {
		case c[4] == "=":
			r.Switches = true
		case len(special) > 0:
			r.PassesOn, r.Switches, r.unless = true, true, [][]string{special}
		default:
			r.PassesOn = true
		}
		r.Shell = c[5] == "yes"
		if c[6] != "root" {
			r.User = c[6]
		}
		r.Source = c[7]
		out = append(out, r)
	}
	return out
})

// argv reads a command as JSON; "-" is none, and "?" is one that is not known.
func argv(cell string) (command []string, ok bool) {
	if cell == "-" {
		return nil, true
	}
	if cell == "?" || json.Unmarshal([]byte(cell), &command) != nil {
		return nil, false
	}
	return command, true
}

// StartOf returns what a container of an image does first. Of a tag that is not known (a variable, a digest alone) it says what holds for
// all versions of the image, those for Windows aside, if all of them are known.
func StartOf(image string) (Start, bool) {
	repo, tag := Name(image)
	if repo == "" {
		return Start{}, false
	}
	var ways []Start
	all := false
	for _, r := range startRows() {
		if !anyLike(r.images, repo) {
			continue
		}
		if tag != "" && r.tags.match(tag) {
			return r.clone(), true
		}
		ways, all = append(ways, r.clone()), all || r.tags.match("")
	}
	if tag != "" || !all {
		return Start{}, false
	}
	s := ways[0]
	for _, t := range ways[1:] {
		if s.User != t.User {
			return Start{}, false
		}
		s = s.and(t)
	}
	return s, true
}

func (s Start) clone() Start {
	s.Entrypoint, s.Cmd, s.unless = slices.Clone(s.Entrypoint), slices.Clone(s.Cmd), slices.Clone(s.unless)
	return s
}

// and is what is known of an image that starts in one of two ways, as the same user.
func (s Start) and(t Start) Start {
	if s.KnownEntrypoint = s.KnownEntrypoint && t.KnownEntrypoint && slices.Equal(s.Entrypoint, t.Entrypoint); !s.KnownEntrypoint {
		s.Entrypoint = nil
	}
	if s.KnownCmd = s.KnownCmd && t.KnownCmd && slices.Equal(s.Cmd, t.Cmd); !s.KnownCmd {
		s.Cmd = nil
	}
	s.PassesOn, s.Switches, s.Shell = s.PassesOn && t.PassesOn, s.Switches || t.Switches, s.Shell && t.Shell
	s.unless = append(s.unless, t.unless...)
	return s
}
