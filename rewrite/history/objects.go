package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// repository is asked by running git in it.
type repository struct {
	ctx  context.Context
	root string
}

// git is a command that reads the repository and nothing else. A repository is not trusted: what its configuration names
// is not run, and an object that a partial clone lacks is not fetched.
func (r repository) git(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, "git", append([]string{
		"-C", r.root, "--no-pager", "--no-replace-objects",
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
		"-c", "log.showSignature=false", "-c", "protocol.allow=never",
	}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	return cmd
}

// output runs git and returns what it prints.
func (r repository) output(args ...string) ([]byte, error) {
	out, err := r.git(args...).Output()
	return out, failed(args, err)
}

// failed says which command failed, and git's own first word on it.
func failed(args []string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if said, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n"); said != "" {
			return fmt.Errorf("git %s: %s", args[0], said)
		}
	}
	if err != nil {
		return fmt.Errorf("git %s: %w", args[0], err)
	}
	return nil
}

// start runs git with an input that feed writes; read is given what it prints. A read that ends early with errEnough, or
// with an error, ends git.
func (r repository) start(feed func(io.Writer) error, read func(*bufio.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	cmd := repository{ctx, r.root}.git(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	fed := make(chan error, 1)
	if feed == nil {
		fed <- nil
	} else {
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			w := bufio.NewWriterSize(in, 64<<10)
			err := feed(w)
			if err == nil {
				err = w.Flush()
			}
			in.Close()
			fed <- err
		}()
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git: %w", err)
	}
	err = read(bufio.NewReaderSize(out, 256<<10))
	if err != nil {
		cancel()
	}
	ended, unfed := cmd.Wait(), <-fed
	switch {
	case err == errEnough:
		return nil
	case err != nil:
		return failed(args, err)
	case ended != nil:
		return failed(args, ended)
	}
	return unfed
}

// list writes the names of the files and commits to look at, in the order in which they are packed: git then unpacks each
// but once.
func (r repository) list(w io.Writer, report *Report, opts Options) error {
	var bytes int64
	return r.start(nil, func(out *bufio.Reader) error {
		for {
			line, err := out.ReadString('\n')
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			f := strings.Fields(line)
			if len(f) != 3 {
				continue // broken: it cannot be looked at
			}
			size, err := strconv.ParseInt(f[2], 10, 64)
			if err != nil || f[1] != "blob" && f[1] != "commit" {
				continue
			}
			switch {
			case size > opts.Largest:
				report.Large++
				continue
			case bytes+size > opts.Most:
				report.Cut = true
				continue
			}
			bytes += size
			if _, err := io.WriteString(w, f[0]+"\n"); err != nil {
				return err
			}
		}
	}, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
}

// count returns the number of all objects, trees and tags too; 0 if it is not known.
func (r repository) count() (n int) {
	out, err := r.output("count-objects", "-v")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(out)) {
		key, number, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if key == "count" || key == "in-pack" {
			more, _ := strconv.Atoi(number)
			n += more
		}
	}
	return n
}

// read looks into the objects, and returns those that hold a text.
func (r repository) read(report *Report, find Find, opts Options) (map[string][]hit, error) {
	hits := map[string][]hit{}
	feed := func(w io.Writer) error { return r.list(w, report, opts) }
	all := 0
	if opts.Progress != nil {
		all = r.count()
	}
	var buf []byte
	err := r.start(feed, func(out *bufio.Reader) error {
		for {
			line, err := out.ReadString('\n')
			if err == io.EOF && line == "" {
				return nil
			} else if err != nil {
				return unexpected(err)
			}
			f := strings.Fields(line)
			if len(f) < 3 {
				continue // it has gone since it was listed
			}
			size, err := strconv.Atoi(f[2])
			if err != nil || size < 0 {
				return fmt.Errorf("not understood: %d bytes where an object begins", len(line))
			}
			if cap(buf) <= size {
				buf = make([]byte, size+size/2+1)
			}
			buf = buf[:size+1] // and the newline behind it
			if _, err := io.ReadFull(out, buf); err != nil {
				return unexpected(err)
			}
			text := buf[:size]
			start := 0
			if f[1] == "commit" {
				start = max(0, bytes.Index(text, []byte("\n\n"))+2)
			}
			if report.Objects++; all > 0 && report.Objects%1024 == 0 {
				opts.Progress(min(report.Objects, all), all)
			}
			find(text[start:], func(number, at int) {
				hits[f[0]] = add(hits[f[0]], number, 1+bytes.Count(text[start:start+at], []byte("\n")))
			})
		}
	}, "cat-file", "--batch", "--buffer")
	return hits, err
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
