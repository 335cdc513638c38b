// Package history finds the first commit of a git repository that holds a text, in a file or in its message. It leans on
// the git program, which hands over the objects, and on a function that is given and looks for the texts in them: git is
// never told what is looked for, since a command line can be read by every user of the machine. It changes nothing, runs
// nothing that the repository names (hooks, fsmonitor, drivers), and asks no network for objects that are missing.
package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Find reports each text that stands in a file or a message: its number, and the byte where it begins.
type Find func(text []byte, found func(number, at int))

// Options bound a search. Zero values stand for the defaults.
type Options struct {
	Largest  int64               // bytes: files that are larger are not looked at (1 MB)
	Most     int64               // bytes of files and messages that are looked at in all, what was packed last first (16 GB)
	Progress func(done, all int) // of objects, every thousand; all counts those that are not looked at too. May be nil
}

// First is where git has a text for the first time. Without a Commit no branch or tag leads to it: it was staged, or
// stood in a commit that was dropped.
type First struct {
	Commit string    // hex
	Time   time.Time // when the author made the commit
	Path   string    // slash-separated, relative to the top level; "" for the commit's message
	Line   int       // from 1
}

// Report is what a search has found, and what it has not looked at.
type Report struct {
	First   map[int]First // by the text's number
	Objects int           // files and messages that were looked at
	Large   int           // files that were not: they are larger than Options.Largest
	Cut     bool          // Options.Most was reached
	Shallow bool          // the repository has the last commits only: a first one may be later than the true one
}

// ErrNone says that there is no git repository.
var ErrNone = errors.New("no git repository")

// Search looks for texts in all objects of the repository whose work tree has its top level at root. It is one pass over
// the objects, in the order in which they are packed, and, where something was found, one over the commits.
func Search(ctx context.Context, root string, find Find, opts Options) (*Report, error) {
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil {
		return nil, ErrNone
	}
	opts.Largest = cmp.Or(opts.Largest, 1<<20)
	opts.Most = cmp.Or(opts.Most, 16<<30)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // git ends with the search
	repo := repository{ctx, root}
	report := &Report{First: map[int]First{}}
	shallow, err := repo.output("rev-parse", "--is-shallow-repository")
	if err != nil {
		return nil, err
	}
	report.Shallow = string(bytes.TrimSpace(shallow)) == "true"
	hits, err := repo.read(report, find, opts)
	if err != nil {
		return nil, err
	}
	if len(hits) == 0 {
		return report, nil
	}
	return report, repo.commits(hits, report)
}

// hit is a text in an object.
type hit struct{ number, line int }

// add notes the first place of a text in an object.
func add(hits []hit, number, line int) []hit {
	if slices.ContainsFunc(hits, func(h hit) bool { return h.number == number }) {
		return hits
	}
	return append(hits, hit{number, line})
}
