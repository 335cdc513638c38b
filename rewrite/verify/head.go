package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"
)

// head is the project as its last commit has it.
type head struct {
	ctx   context.Context
	root  string
	blobs map[string]string // path → object
}

// openHead lists HEAD of the repository whose top level root is.
func openHead(ctx context.Context, root string) (*head, error) {
	h := &head{ctx, root, map[string]string{}}
	out, err := h.git("ls-tree", "-r", "-z", "--full-tree", "HEAD")
	if err != nil {
		return nil, err
	}
	for entry := range bytes.SplitSeq(out, []byte{0}) {
		about, name, ok := strings.Cut(string(entry), "\t")
		fields := strings.Fields(about) // mode, kind, object
		if ok && len(fields) == 3 && fields[1] == "blob" && fields[0] != "120000" {
			h.blobs[name] = fields[2]
		}
	}
	return h, nil
}

// has says whether the commit has the file.
func (h *head) has(name string) bool { _, ok := h.blobs[name]; return ok }

// paths are all files of the commit, sorted.
func (h *head) paths() []string { return slices.Sorted(maps.Keys(h.blobs)) }

// ReadFile returns a file as it was committed.
func (h *head) ReadFile(name string) ([]byte, error) {
	object, ok := h.blobs[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return h.git("cat-file", "blob", object)
}

// Open is part of fs.FS.
func (h *head) Open(name string) (fs.File, error) {
	text, err := h.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &committed{bytes.NewReader(text), path.Base(name)}, nil
}

// Stat is part of fs.StatFS; it does not read the file, and does not know its size.
func (h *head) Stat(name string) (fs.FileInfo, error) {
	if !h.has(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return &committed{bytes.NewReader(nil), path.Base(name)}, nil
}

// committed is a file and what there is to know of it.
type committed struct {
	*bytes.Reader
	name string
}

func (c *committed) Stat() (fs.FileInfo, error) { return c, nil }
func (c *committed) Close() error               { return nil }
func (c *committed) Name() string               { return c.name }
func (c *committed) Mode() fs.FileMode          { return 0o644 }
func (c *committed) ModTime() time.Time         { return time.Time{} }
func (c *committed) IsDir() bool                { return false }
func (c *committed) Sys() any                   { return nil }

// git asks the repository, whose own configuration must not run anything.
func (h *head) git(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(h.ctx, "git", append([]string{"-C", h.root, "--no-pager", "-c", "core.fsmonitor=false",
		"-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("git is not installed, name the file as it was with --before")
	case strings.Contains(complaint.String(), "Not a valid object name HEAD"):
		return nil, errors.New("nothing is committed yet, name the file as it was with --before")
	}
	first, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
	return nil, fmt.Errorf("git cannot read what was committed (%s), name the file as it was with --before", strings.TrimPrefix(first, "fatal: "))
}
