package transact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// hook stands between the package and every operation that changes the disk, so that tests can fail or stop each of
// them. It is nil in use. f and b are set for a write.
type hook func(op string, f *os.File, b []byte, run func() error) error

func (h hook) do(op string, run func() error) error {
	if h == nil {
		return run()
	}
	return h(op, nil, nil, run)
}

// folder is a folder held by its handle. The names that its methods take are single components.
type folder struct {
	*os.Root
	path string // from the root of the transaction
	info fs.FileInfo
	hook hook
}

// lstat is nil, nil for a name that is not there.
func (d *folder) lstat(name string) (fs.FileInfo, error) {
	info, err := d.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(path.Join(d.path, name), "cannot be read", err)
	}
	return info, nil
}

// lstatTemp is lstat for a name of this package's own, which must be a regular file.
func (d *folder) lstatTemp(name string) (fs.FileInfo, error) {
	info, err := d.lstat(name)
	if info != nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %s", path.Join(d.path, name), refusal(info))
	}
	return info, err
}

// open opens the regular file that was seen under a name, and nothing that has taken its place since.
func (d *folder) open(name string, flag int, seen fs.FileInfo) (*os.File, error) {
	f, err := d.OpenFile(name, flag|openFlags, 0)
	if err != nil {
		what := "cannot be read"
		if flag != os.O_RDONLY {
			what = "cannot be written"
		}
		return nil, fail(path.Join(d.path, name), what, err)
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(info, seen) || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s: changed while it was opened, run unbake again", path.Join(d.path, name))
	}
	return f, nil
}

// holds reports whether a file has exactly this content.
func (d *folder) holds(name string, flag int, info fs.FileInfo, want []byte) (bool, error) {
	if info.Size() != int64(len(want)) {
		return false, nil
	}
	f, err := d.open(name, flag, info)
	if err != nil {
		return false, err
	}
	defer f.Close()
	got := make([]byte, len(want)+1)
	n, err := io.ReadFull(f, got)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, fail(path.Join(d.path, name), "cannot be read", err)
	}
	return bytes.Equal(got[:n], want), nil
}

// writable refuses a folder whose own permissions say that nothing is to be created in it, for root too.
func (d *folder) writable() error {
	if d.info.Mode()&0o200 == 0 {
		return fmt.Errorf("%s: is a read-only folder, make it writable or leave it out", d.path)
	}
	return nil
}

func (d *folder) create(name string, perm fs.FileMode) (f *os.File, err error) {
	err = d.hook.do("create", func() error {
		f, err = d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		return err
	})
	if err != nil && f != nil {
		f.Close()
	}
	return f, err
}

func (d *folder) write(f *os.File, b []byte) error {
	run := func() error {
		_, err := f.Write(b)
		return err
	}
	if d.hook != nil {
		return d.hook("write", f, b, run)
	}
	return run()
}

// chown gives a file the owner of another; if that is a folder it is made in, only as root.
func (d *folder) chown(f *os.File, like fs.FileInfo, created bool) error {
	uid, gid, differs, err := owner(f, like, created)
	if !differs || err != nil {
		return err
	}
	return d.hook.do("chown", func() error { return f.Chown(uid, gid) })
}

// chmod sets permissions, set-id and sticky bits.
func (d *folder) chmod(f *os.File, mode fs.FileMode) error {
	mode &= fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return d.hook.do("chmod", func() error { return f.Chmod(mode) })
}

func (d *folder) chtimes(name string, t time.Time) error {
	return d.hook.do("chtimes", func() error { return d.Chtimes(name, t, t) })
}

func (d *folder) sync(f *os.File) error {
	return d.hook.do("sync", f.Sync)
}

// syncFolder makes the folder's names durable, where the system can.
func (d *folder) syncFolder() error {
	return d.hook.do("syncfolder", func() error {
		f, err := d.Open(".")
		if err != nil {
			return err
		}
		defer f.Close()
		return syncDir(f)
	})
}

func (d *folder) mkdir(name string, perm fs.FileMode) error {
	return d.hook.do("mkdir", func() error { return d.Mkdir(name, perm) })
}

func (d *folder) link(old, new string) error {
	return d.hook.do("link", func() error { return d.Link(old, new) })
}

func (d *folder) rename(old, new string) error {
	return d.hook.do("rename", func() error { return d.Rename(old, new) })
}

func (d *folder) remove(name string) error {
	return d.hook.do("remove", func() error { return d.Remove(name) })
}
