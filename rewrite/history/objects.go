package history

import (
	"bufio"
	"bytes"
	"context"
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
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}

// start runs git with an input that feed writes; read is given what it prints. A read that ends early ends git.
func (r repository) start(feed func(io.Writer) error, read func(*bufio.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	cmd := repository{ctx, r.root}.git(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if feed != nil {
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			w := bufio.NewWriterSize(in, 64<<10)
			if feed(w) == nil { // it fails when git ends: Wait says why
				w.Flush()
			}
			in.Close()
		}()
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("git: %w", err)
	}
	if err := read(bufio.NewReaderSize(out, 256<<10)); err != nil {
		cancel()
		cmd.Wait()
		if err == errEnough {
			return nil
		}
		return fmt.Errorf("git %s: %w", args[0], err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("git %s: %w", args[0], err)
	}
	return nil
}

// objects lists the files and commits to look at, in the order in which they are packed: git then unpacks each but once.
func (r repository) objects(report *Report, opts Options) ([]string, error) {
	var objects []string
	var bytes int64
	err := r.start(nil, func(out *bufio.Reader) error {
		for {
			line, err := out.ReadString('\n')
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			f := strings.Fields(line)
			if len(f) != 3 {
				continue // missing, or broken: git says so of what it is asked for by name only
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
			objects = append(objects, f[0])
		}
	}, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objecttype) %(objectsize)")
	return objects, err
}

// read looks into the objects, and returns those that hold a text.
func (r repository) read(objects []string, report *Report, find Find, progress func(done, all int)) (map[string][]hit, error) {
	hits := map[string][]hit{}
	feed := func(w io.Writer) error {
		for _, o := range objects {
			if _, err := io.WriteString(w, o+"\n"); err != nil {
				return err
			}
		}
		return nil
	}
	var buf []byte
	err := r.start(feed, func(out *bufio.Reader) error {
		for n := range objects {
			if progress != nil && n%1024 == 0 {
				progress(n, len(objects))
			}
			line, err := out.ReadString('\n')
			if err != nil {
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
			report.Objects++
			find(text[start:], func(number, at int) {
				hits[f[0]] = add(hits[f[0]], number, 1+bytes.Count(text[start:start+at], []byte("\n")))
			})
		}
		return nil
	}, "cat-file", "--batch", "--buffer")
	return hits, err
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
