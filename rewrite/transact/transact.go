// Package transact writes a set of files below one root, all of them or none, so that no value is lost and no file is
// half written at whatever instant the program is stopped. It leans on os.Root, hard links, rename and fsync: every
// folder is held by its handle, and what was begun is noted in a journal that holds names and no values. It will not
// follow a link, overwrite a file it was told to create, touch anything of git's own, or undo what a person has changed since.
package transact

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// File is one file of a transaction. A hard link is replaced like any other file: this name gets the new content, the
// file's other names keep the old one.
type File struct {
	Path string      // slash-separated, relative to the root
	Old  []byte      // what is expected on disk; nil: the file must not exist (empty but not nil: an empty file)
	New  []byte      // what will be there
	Mode fs.FileMode // permissions of a created file (0: 0644 less the umask); an existing file keeps its mode and owner
	Dir  fs.FileMode // permissions of the parent folder if it has to be created (0: 0755 less the umask)
}

// Commit writes files in the order given, all or none. The order is the caller's: ignore files (.gitignore,
// *.dockerignore; refused after any other file), secrets, compose files, callers, Dockerfiles.
//
// Before anything is written every Old is compared with the disk. A file to create that is there already with the same
// content is left alone, with other content it is an error. An error means that all files are as they were; when even
// putting them back failed, or only the removal of temporary files did, the error says so and the next run ends the work.
// As root, what is created belongs to the owner of the folder it is in.
func Commit(root string, files []File) error {
	return commit(root, files, nil)
}

// Recover ends what a stopped process left in root: "finished" when all its files had been staged, else "undone", and
// "" when there was nothing. Commit begins with it, but a program should call it before it reads the files to change.
// A journal that does not fit what is on disk is an error, and nothing is touched.
func Recover(root string) (string, error) {
	return recoverRoot(root, nil)
}

func commit(root string, files []File, hook hook) error {
	t, err := open(root, hook)
	if err != nil {
		return err
	}
	defer t.close()
	if _, err := t.recover(); err != nil {
		return err
	}
	if err := t.inspect(files); err != nil || len(t.Steps) == 0 {
		return err
	}
	err = t.stage()
	if err == nil {
		err = t.publish()
	}
	if err == nil {
		return t.clean()
	}
	if undo := t.undo(); undo != nil {
		return fmt.Errorf("%w; not all files could be put back (%w), run unbake again", err, undo)
	}
	return err
}

func recoverRoot(root string, hook hook) (string, error) {
	t, err := open(root, hook)
	if err != nil {
		return "", err
	}
	defer t.close()
	return t.recover()
}

var errLocked = errors.New("another unbake is at work here, run this one when it has ended")

// tx is one transaction on one locked root.
type tx struct {
	journal
	folders map[string]*folder
	lock    io.Closer
	hook    hook
}

// open opens and locks the root. The lock is the kernel's, so a killed process leaves none.
func open(root string, hook hook) (*tx, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fail(root, "cannot be opened", err)
	}
	t := &tx{hook: hook, folders: map[string]*folder{}}
	d := &folder{Root: r, path: ".", hook: hook}
	t.folders["."] = d
	if d.info, err = r.Stat("."); err == nil {
		t.lock, err = lock(r)
	}
	if err != nil {
		t.close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("%s: %w", root, err)
		}
		return nil, fail(root, "cannot be locked", err)
	}
	return t, nil
}

func (t *tx) close() {
	for _, d := range t.folders {
		d.Close()
	}
	if t.lock != nil {
		t.lock.Close()
	}
}

func (t *tx) root() *folder { return t.folders["."] }

// folder opens a folder without following a link in any component; nil if it is not there.
func (t *tx) folder(name string) (*folder, error) {
	if d := t.folders[name]; d != nil {
		return d, nil
	}
	parent, err := t.folder(path.Dir(name))
	if parent == nil || err != nil {
		return nil, err
	}
	info, err := parent.lstat(path.Base(name))
	if info == nil || err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: %s", name, refusal(info))
	}
	r, err := parent.OpenRoot(path.Base(name))
	if err != nil {
		return nil, fail(name, "cannot be opened", err)
	}
	// os.Root would follow a link that stays below it: what was opened must be what was seen.
	opened, err := r.Stat(".")
	if err != nil || !os.SameFile(info, opened) {
		r.Close()
		return nil, fmt.Errorf("%s: changed while it was opened, run unbake again", name)
	}
	t.folders[name] = &folder{Root: r, path: name, info: info, hook: t.hook}
	return t.folders[name], nil
}

// inspect compares files with the disk and makes of each that has to change a step. It writes nothing, and finds what
// can be found: a read-only file is refused for root too, who could write it.
func (t *tx) inspect(files []File) error {
	seen := map[string]bool{}
	var others bool
	for _, f := range files {
		switch ignore := isIgnoreFile(f.Path); {
		case seen[f.Path]:
			return fmt.Errorf("%s: is given twice in one transaction", f.Path)
		case ignore && others:
			return fmt.Errorf("%s: an ignore file must come before the files it hides", f.Path)
		case !ignore:
			others = true
		}
		seen[f.Path] = true
		if err := checkPath(f.Path); err != nil {
			return err
		}
		if err := t.inspectFile(f); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) inspectFile(f File) error {
	d, err := t.folder(path.Dir(f.Path))
	if err != nil {
		return err
	}
	var info fs.FileInfo
	if d != nil {
		if info, err = d.lstat(path.Base(f.Path)); err != nil {
			return err
		}
	}
	s := &step{Path: f.Path, ID: newID(), Early: isIgnoreFile(f.Path), Create: f.Old == nil, Mode: uint32(f.Mode.Perm()),
		old: f.Old, new: f.New, oldInfo: info}
	if !s.Create || s.Early {
		s.Size = int64(len(f.New))
	}
	want := f.Old
	switch {
	case info == nil && f.Old != nil:
		return fmt.Errorf("%s: was removed while unbake was reading the project, run it again", f.Path)
	case info == nil:
		if d == nil {
			d, err = t.missing(path.Dir(f.Path), f.Dir)
			if err != nil {
				return err
			}
		}
		t.Steps = append(t.Steps, s)
		return d.writable()
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %s", f.Path, refusal(info))
	case f.Old == nil:
		want = f.New
	}

	keep := bytes.Equal(want, f.New)
	flag := os.O_RDONLY
	if !keep {
		if info.Mode()&0o200 == 0 {
			return fmt.Errorf("%s: is read-only, make it writable or leave it out", f.Path)
		}
		if err := mine(info); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := d.writable(); err != nil {
			return err
		}
		// Opened for writing and never written: the kernel's own word on permissions, immutable flags and read-only mounts.
		flag = os.O_RDWR
	}
	same, err := d.holds(path.Base(f.Path), flag, info, want)
	switch {
	case err != nil:
		return err
	case !same && f.Old == nil:
		return errExists(f.Path)
	case !same:
		return fmt.Errorf("%s: changed while unbake was reading the project, run it again", f.Path)
	case !keep:
		s.OldSize, s.OldTime = info.Size(), info.ModTime().UnixNano()
		t.Steps = append(t.Steps, s)
	}
	return nil
}

// missing notes that a folder, and what is missing above it, has to be made, and returns the folder in which it will be.
func (t *tx) missing(name string, mode fs.FileMode) (*folder, error) {
	parent, err := t.folder(path.Dir(name))
	if err == nil && parent == nil {
		parent, err = t.missing(path.Dir(name), 0)
	}
	if err != nil {
		return nil, err
	}
	for i := range t.Folders {
		if m := &t.Folders[i]; m.Path == name {
			m.mode = cmp.Or(m.mode, mode.Perm())
			return parent, nil
		}
	}
	t.Folders = append(t.Folders, made{Path: name, mode: mode.Perm()})
	return parent, nil
}

// checkPath refuses a path that leads out of the root, into git's own folder or to a file of this package.
func checkPath(p string) error {
	bad := !fs.ValidPath(p) || p == "." || !filepath.IsLocal(filepath.FromSlash(p)) || strings.ContainsRune(p, 0) ||
		filepath.Separator != '/' && strings.ContainsAny(p, `\:`)
	for part := range strings.SplitSeq(p, "/") {
		bad = bad || strings.EqualFold(part, ".git") || strings.HasPrefix(part, prefix)
	}
	if bad {
		return fmt.Errorf("%q: is not a path that unbake writes to", p)
	}
	return nil
}

// isIgnoreFile reports whether a file is one that keeps others from git or docker.
func isIgnoreFile(p string) bool {
	return path.Base(p) == ".gitignore" || strings.HasSuffix(p, ".dockerignore")
}

// refusal says why something that is not a regular file (or, in the middle of a path, not a folder) is left alone.
func refusal(info fs.FileInfo) string {
	switch m := info.Mode(); {
	case m&fs.ModeSymlink != 0:
		return "is a symbolic link, unbake does not write through links"
	case m.IsDir():
		return "is a folder, unbake writes files only"
	case m.IsRegular():
		return "is a file where a folder is needed, rename one of them"
	default:
		return "is a special file (" + m.Type().String() + "), unbake writes regular files only"
	}
}

func errExists(p string) error {
	return fmt.Errorf("%s: exists already with other content, unbake never overwrites it, move it away or rename the secret", p)
}

func errChanged(p string) error {
	return fmt.Errorf("%s: changed since unbake was stopped half-way, put it back and run unbake again, or delete its %s* files and go on from here", p, prefix)
}

// fail words an error of the system without the names of temporary files. One that has been worded is left as it is.
func fail(p, what string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	} else if le, ok := errors.AsType[*os.LinkError](err); ok {
		err = le.Err
	}
	return &failure{p + ": " + what + ": ", err}
}

type failure struct {
	text string
	err  error
}

func (f *failure) Error() string { return f.text + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }
