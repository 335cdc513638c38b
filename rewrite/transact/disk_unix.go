//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transact

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// openFlags keep an open from waiting at a pipe that has taken a file's place.
const openFlags = syscall.O_NONBLOCK

// lock takes the root folder itself as the lock, so that no file is left. A file system that cannot lock a folder (some
// network ones) goes without: refusing to write there at all would protect from a rare case at the cost of every one.
func lock(r *os.Root) (io.Closer, error) {
	f, err := r.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	switch err {
	case nil, syscall.EBADF, syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP, syscall.EINVAL:
		return f, nil
	case syscall.EWOULDBLOCK:
		err = errLocked
	}
	f.Close()
	return nil, err
}

// syncDir makes a folder's names durable. Some file systems have nothing to sync in a folder and say that it is invalid.
func syncDir(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// noLinks reports whether an error of link means that the file system has none, or not for this file.
func noLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMLINK) || errors.Is(err, errors.ErrUnsupported)
}

// mine refuses a file whose owner this process could not keep.
func mine(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("belongs to another user, run unbake as its owner")
	}
	return nil
}

// owner returns the owner that f should have to be like another file, and whether it differs from the one it has.
func owner(f *os.File, like fs.FileInfo, rootOnly bool) (uid, gid int, differs bool, err error) {
	if rootOnly && os.Geteuid() != 0 {
		return 0, 0, false, nil
	}
	info, err := f.Stat()
	if err != nil {
		return 0, 0, false, err
	}
	has, ok := info.Sys().(*syscall.Stat_t)
	want, ok2 := like.Sys().(*syscall.Stat_t)
	if !ok || !ok2 {
		return 0, 0, false, nil
	}
	return int(want.Uid), int(want.Gid), has.Uid != want.Uid || has.Gid != want.Gid, nil
}
