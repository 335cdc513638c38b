package history

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// errEnough ends a reading early.
var errEnough = errors.New("enough")

// commits finds, from the oldest commit on, the first that has one of the objects, for each text.
func (r repository) commits(hits map[string][]hit, report *Report) error {
	open := map[int]bool{}
	for _, found := range hits {
		for _, h := range found {
			open[h.number] = true
			report.First[h.number] = First{}
		}
	}
	ids, err := r.output("rev-list", "--all", "--date-order", "--reverse")
	if err != nil || len(ids) == 0 {
		return err
	}
	var commit string
	var made time.Time
	take := func(object, path string) {
		for _, h := range hits[object] {
			if open[h.number] {
				delete(open, h.number)
				report.First[h.number] = First{commit, made, path, h.line}
			}
		}
	}
	feed := func(w io.Writer) error {
		_, err := w.Write(ids)
		return err
	}
	// Merges are compared with all their parents: what only the merge brought in is its own.
	return r.start(feed, func(out *bufio.Reader) error {
		for len(open) > 0 {
			token, err := out.ReadString(0)
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			token = strings.TrimLeft(strings.TrimSuffix(token, "\x00"), "\n")
			switch {
			case strings.HasPrefix(token, "\x01"):
				id, at, _ := strings.Cut(token[1:], " ")
				seconds, _ := strconv.ParseInt(at, 10, 64)
				commit, made = id, time.Unix(seconds, 0)
				take(id, "")
			case strings.HasPrefix(token, ":"):
				path, err := out.ReadString(0)
				if err != nil {
					return unexpected(err)
				}
				// :MODE MODE ID ID STATUS, with a colon, a mode and an id more for each further parent.
				if f := strings.Fields(token); len(f) >= 5 {
					take(f[len(f)-2], strings.TrimSuffix(path, "\x00"))
				}
			}
		}
		return errEnough
	}, "diff-tree", "--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=%x01%H %at")
}
