package rewrite

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// Workspace is a directory in memory, laid over the one on disk. It is immutable: a
// fix makes a new one. It is an fs.FS, and a file that is missing is an empty file.
type Workspace struct {
	disk    fs.FS
	list    func() []string
	tracked func(string) bool
	changed map[string]*changedFile
	project *flow.Project
	sources *sources
}

// changedFile is a file that differs from the disk.
type changedFile struct {
	old  []byte // as on disk; nil if it is not there
	new  []byte
	mode fs.FileMode // of a file that is created
}

// NewWorkspace lays a workspace over disk. list returns all files of the project that
// count (slash-separated, sorted); it is called at most once. tracked reports whether
// git has a file; nil: it has none.
func NewWorkspace(disk fs.FS, list func() []string, tracked func(string) bool) *Workspace {
	if tracked == nil {
		tracked = func(string) bool { return false }
	}
	w := &Workspace{disk: disk, list: sync.OnceValue(list), tracked: tracked, sources: &sources{}}
	w.project = flow.NewProject(w, w.Paths)
	return w
}

// Paths returns the project's files, those that fixes create included.
func (w *Workspace) Paths() []string {
	paths := w.list()
	var created []string
	for p, c := range w.changed {
		if _, found := slices.BinarySearch(paths, p); c.old == nil && !found {
			created = append(created, p)
		}
	}
	if len(created) == 0 {
		return paths
	}
	paths = append(created, paths...)
	slices.Sort(paths)
	return paths
}

// Project is what stands around the Dockerfiles in this state.
func (w *Workspace) Project() *flow.Project { return w.project }

// Link reports whether a file or folder is a symbolic link on disk.
func (w *Workspace) Link(name string) bool {
	l, ok := w.disk.(interface {
		Lstat(string) (fs.FileInfo, error)
	})
	if !ok {
		return false
	}
	info, err := l.Lstat(name)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// Tracked reports whether git has the file.
func (w *Workspace) Tracked(name string) bool { return w.tracked(name) }

// Changed reports whether a file is not as it is on disk.
func (w *Workspace) Changed(name string) bool {
	_, ok := w.changed[name]
	return ok
}

// Created reports whether a file is there in this state, and not on disk.
func (w *Workspace) Created(name string) bool {
	c, ok := w.changed[name]
	return ok && c.old == nil
}

// Exists reports whether there is a file or folder of that name.
func (w *Workspace) Exists(name string) bool {
	_, err := w.Stat(name)
	return err == nil
}

// ReadFile returns a file's content; fs.ErrNotExist where there is none.
func (w *Workspace) ReadFile(name string) ([]byte, error) {
	if c, ok := w.changed[name]; ok {
		return c.new, nil
	}
	if IsDockerfile(path.Base(name)) {
		return w.sources.dockerfile(w.disk, name)
	}
	return fs.ReadFile(w.disk, name)
}

// Stat is part of fs.StatFS.
func (w *Workspace) Stat(name string) (fs.FileInfo, error) {
	if c, ok := w.changed[name]; ok {
		return memInfo{path.Base(name), int64(len(c.new)), c.mode}, nil
	}
	return fs.Stat(w.disk, name)
}

// Open is part of fs.FS.
func (w *Workspace) Open(name string) (fs.File, error) {
	if c, ok := w.changed[name]; ok {
		return &memFile{Reader: bytes.NewReader(c.new), info: memInfo{path.Base(name), int64(len(c.new)), c.mode}}, nil
	}
	return w.disk.Open(name)
}

// With returns the workspace with a fix made. It is an error for the edits of a file to
// overlap; nothing is changed then.
func (w *Workspace) With(fix *Fix) (*Workspace, error) {
	next := &Workspace{disk: w.disk, list: w.list, tracked: w.tracked, sources: w.sources, changed: make(map[string]*changedFile, len(w.changed)+len(fix.Changes))}
	for p, c := range w.changed {
		next.changed[p] = c
	}
	for _, ch := range fix.Changes {
		src, err := next.ReadFile(ch.Path)
		missing := false
		if err != nil {
			if next.Exists(ch.Path) {
				return nil, fmt.Errorf("%s: %w", ch.Path, err)
			}
			missing = true
		}
		out, err := edit.Apply(src, ch.Edits)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ch.Path, err)
		}
		c := &changedFile{old: src, new: out, mode: ch.Mode}
		if missing {
			c.old = nil
		} else if c.old == nil {
			c.old = []byte{}
		}
		if before, ok := next.changed[ch.Path]; ok {
			c.old = before.old
			if c.mode == 0 {
				c.mode = before.mode
			}
		}
		if c.new == nil {
			c.new = []byte{}
		}
		next.changed[ch.Path] = c
	}
	next.project = flow.NewProject(next, next.Paths)
	next.project.SecretFiles = w.project.SecretFiles // a fix makes none
	next.project.Reader, next.project.Found = w.project.Reader, w.project.Found
	// What stands around the Dockerfiles is not read again where it is as it was.
	around := func(of func(string) bool) bool {
		return slices.ContainsFunc(fix.Changes, func(c Change) bool { return of(c.Path) })
	}
	if !around(flow.IsCaller) {
		next.project.Callers = w.project.Callers
		if !around(flow.Around) {
			next.project.Compose = w.project.Compose
		}
	}
	uses, changed := w.project.Uses, []string(nil)
	for _, c := range fix.Changes {
		if compose.HasUses(c.Path) {
			changed = append(changed, c.Path)
		}
	}
	if next.project.Uses = uses; changed != nil {
		next.project.Uses = sync.OnceValue(func() []compose.Use {
			kept := slices.DeleteFunc(slices.Clone(uses()), func(u compose.Use) bool { return slices.Contains(changed, u.Path) })
			kept = append(kept, compose.Uses(next, changed)...)
			slices.SortStableFunc(kept, func(a, b compose.Use) int { return strings.Compare(a.Path, b.Path) })
			return kept
		})
	}
	return next, nil
}

type memInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode.Perm() }
func (i memInfo) ModTime() time.Time { return time.Time{} }
func (i memInfo) IsDir() bool        { return false }
func (i memInfo) Sys() any           { return nil }

type memFile struct {
	*bytes.Reader
	info memInfo
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memFile) Close() error               { return nil }

var _ io.Reader = (*memFile)(nil)
