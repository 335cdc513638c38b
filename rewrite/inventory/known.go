package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/history"
	"github.com/unbake-dev/unbake/rules/detect"
)

const (
	leastAnywhere = 8       // bytes of a value that is looked for wherever it stands
	mostAnywhere  = 4 << 10 // bytes of a value that are looked for
	sameLine      = 512     // bytes behind a name in which a short value is looked for
)

// needles are the texts that give a secret's value away, and the weak values that do so behind a name only.
type needles struct {
	known  []*audit.Known
	number map[*audit.Known]int // of the secret
	behind map[*audit.Known]string
}

// history asks git for the values. What is wrong with the repository is a note.
func (t *taker) history(ctx context.Context) error {
	n := &needles{number: map[*audit.Known]int{}, behind: map[*audit.Known]string{}}
	asked := map[int]bool{}
	for i, s := range t.order {
		for _, p := range s.Places {
			for _, v := range p.values {
				if n.add(i, s, v) {
					asked[i] = true
				}
			}
		}
	}
	if len(n.known) == 0 {
		return nil
	}
	finder := audit.NewFinder(n.known)
	find := func(text []byte, found func(number, at int)) {
		finder.Find(text, func(k *audit.Known, at int) {
			if value := n.behind[k]; value == "" || (at == 0 || !letter(text[at-1])) && follows(text[at+len(k.Name):], value) {
				found(n.number[k], at)
			}
		})
	}
	report, err := history.Search(ctx, t.opts.Root, find, history.Options{Progress: t.opts.Progress})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, history.ErrNone):
		return nil
	case err != nil:
		t.note(fmt.Sprintf("git's history cannot be read (%v): what git knows is not said", err))
		return nil
	}
	for i, s := range t.order {
		first, ok := report.First[i]
		switch {
		case ok && first.Commit != "":
			s.Git, s.First = GitKnows, first
		case ok:
			s.Git = GitKeeps
		case asked[i]:
			s.Git = GitClean
		}
	}
	if report.Shallow {
		t.note("the repository is a shallow clone: git may have known a value for longer")
	}
	if report.Cut {
		t.note("the repository is too large to be looked through as a whole: git may have known a value for longer")
	}
	if report.Large > 0 {
		t.note(fmt.Sprintf("git: %d files of the history are larger than 1 MB and were not looked at", report.Large))
	}
	return nil
}

// add takes a value; it is false for one that is too short to be told from chance.
func (n *needles) add(number int, s *Secret, value string) bool {
	took := false
	take := func(k *audit.Known, ok bool, behind string) {
		if ok {
			n.known = append(n.known, k)
			n.number[k], n.behind[k] = number, behind
			took = true
		}
	}
	for _, text := range telling(value) {
		if distinct(s.name(), text) {
			k, ok := audit.NewKnown(s.ID, text)
			take(k, ok, "")
			continue
		}
		for _, name := range s.names {
			k, ok := audit.NewWord(name)
			take(k, ok, text)
		}
	}
	return took
}

// telling returns the parts of a value that only who knows it can write: the tokens in a file, a key's longest line, else
// the whole.
func telling(value string) []string {
	var out []string
	for _, m := range detect.Scan([]byte(value)) {
		out = append(out, longest(value[m.Start:m.End]))
	}
	if len(out) == 0 {
		out = append(out, strings.TrimSpace(value))
	}
	for i, text := range out {
		out[i] = text[:min(len(text), mostAnywhere)]
	}
	return out
}

// longest returns the longest line of a key, however its line ends are written; of any other text the whole.
func longest(text string) string {
	if !strings.HasPrefix(text, "-----BEGIN ") {
		return text
	}
	lines := strings.FieldsFunc(strings.ReplaceAll(text, `\n`, "\n"), func(r rune) bool { return r == '\n' || r == '\r' })
	return slices.MaxFunc(lines, func(a, b string) int {
		weight := func(s string) int {
			if strings.HasPrefix(s, "-----") {
				return 0
			}
			return len(s)
		}
		return weight(a) - weight(b)
	})
}

// distinct reports whether a text stands nowhere by chance: it is long, and no word.
func distinct(name, text string) bool {
	word := !strings.ContainsFunc(text, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' })
	switch {
	case len(text) >= 2*leastAnywhere:
		return !word
	case len(text) >= leastAnywhere:
		return !word && detect.Value(name, text) >= detect.Ordinary
	}
	return false
}

// follows reports whether a value stands by itself on the line behind a name.
func follows(rest []byte, value string) bool {
	line, _, _ := bytes.Cut(rest[:min(len(rest), sameLine)], []byte("\n"))
	for at := 0; ; {
		i := bytes.Index(line[at:], []byte(value))
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(value)
		if (start == 0 || !letter(line[start-1])) && (end == len(line) || !letter(line[end])) {
			return true
		}
		at = start + 1
	}
}

func letter(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}
