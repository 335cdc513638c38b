package transact

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const openFlags = 0

// lock creates a file that nobody else can open and that the system removes when this process ends, however it ends.
func lock(r *os.Root) (io.Closer, error) {
	const (
		accessDelete     = 0x00010000
		deleteOnClose    = 0x04000000
		sharingViolation = syscall.Errno(32)
	)
	name, err := syscall.UTF16PtrFromString(filepath.Join(r.Name(), prefix+"lock"))
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, accessDelete, 0, nil, syscall.OPEN_ALWAYS, deleteOnClose|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err == sharingViolation {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), prefix+"lock"), nil
}

// syncDir does nothing: a folder cannot be synced here.
func syncDir(*os.File) error { return nil }

// noLinks reports whether an error of link means that the file system has none. FAT says "incorrect function".
func noLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.Errno(1))
}

func mine(fs.FileInfo) error { return nil }

func owner(*os.File, fs.FileInfo, bool) (uid, gid int, differs bool, err error) {
	return 0, 0, false, nil
}
