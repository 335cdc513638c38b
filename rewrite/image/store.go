package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// store is where the files of an image lie: a folder or an archive. Names are slash-separated.
type store interface {
	open(name string) (r io.ReadCloser, size int64, err error) // fs.ErrNotExist where there is none
	size(name string) (int64, error)
	Close() error
}

// folder is an OCI layout on disk.
type folder struct{ root *os.Root }

func openFolder(name string) (store, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened, %w", bare(err))
	}
	return folder{root}, nil
}

func (f folder) Close() error { return f.root.Close() }

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	if err := f.direct(name); err != nil {
		return nil, 0, err
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// direct refuses links: an image lies in its folder, and not elsewhere.
func (f folder) direct(name string) error {
	if !fs.ValidPath(name) {
		return fmt.Errorf("its name %q is no path in the layout", name)
	}
	for at := name; at != "."; at = path.Dir(at) {
		info, err := f.root.Lstat(at)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return errLink
		}
	}
	return nil
}

func (f folder) size(name string) (int64, error) {
	if err := f.direct(name); err != nil {
		return 0, err
	}
	info, err := f.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

var (
	errLink = errors.New("is a symbolic link, or lies behind one: refused, copy the layout with its files")
	errSize = fmt.Errorf("has more than %d MB: refused", maxText>>20)
)

const (
	maxText  = 64 << 20 // bytes of a manifest, a configuration, an attestation
	maxFiles = 1 << 16  // of an archive
)

// text reads a whole file of the store.
func text(s store, name string) ([]byte, error) {
	r, size, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if size > maxText {
		return nil, errSize
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, broken(err)
	}
	return data, nil
}

// blobPath is where a layout keeps the content of a digest that has been parsed.
func blobPath(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }
