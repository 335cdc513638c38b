package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// archive is a tar of an image. It is read once for the places of its files.
type archive struct {
	file  *os.File
	spool bool // file is a temporary one of ours
	files map[string]part
}

// part is a file of an archive, or a link to one.
type part struct {
	offset, size int64
	link         string
}

// openArchive takes the file over.
func openArchive(f *os.File) (store, error) {
	a := &archive{file: f}
	if err := a.index(); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *archive) Close() error {
	err := a.file.Close()
	if a.spool {
		os.Remove(a.file.Name()) // where an open file cannot be removed
	}
	return err
}

func (a *archive) index() error {
	var magic [4]byte
	if _, err := io.ReadFull(a.file, magic[:]); err != nil {
		return errors.New("empty, or cut off: no archive")
	}
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if string(magic[:2]) == string(gzipMagic) || string(magic[:]) == string(zstdMagic) {
		if err := a.unpacked(); err != nil {
			return err
		}
	}
	a.files = map[string]part{}
	t := tar.NewReader(a.file) // it reads block by block: the file stands where the content begins
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err == tar.ErrHeader && len(a.files) == 0 {
			return errors.New("neither an archive nor a packed one")
		}
		if err != nil {
			return fmt.Errorf("the archive %w", broken(err))
		}
		name := path.Clean(h.Name)
		if name == "." || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if !fs.ValidPath(name) || strings.IndexByte(name, 0) >= 0 {
			return fmt.Errorf("the entry %q of the archive leads out of it: refused", strings.ReplaceAll(h.Name, "\x00", "\ufffd"))
		}
		p := part{size: h.Size}
		switch h.Typeflag {
		case tar.TypeDir:
			continue
		case tar.TypeReg:
			if _, sparse := h.PAXRecords["GNU.sparse.major"]; sparse {
				return fmt.Errorf("the entry %q of the archive is a sparse file: refused", name)
			}
			if p.offset, err = a.file.Seek(0, io.SeekCurrent); err != nil {
				return err
			}
		case tar.TypeSymlink: // docker save links a layer that comes twice
			p.link = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			p.link = path.Clean(h.Linkname)
		default:
			return fmt.Errorf("the entry %q of the archive is neither a file nor a folder: refused", name)
		}
		if p.link != "" && (!fs.ValidPath(p.link) || path.IsAbs(h.Linkname)) {
			return fmt.Errorf("the entry %q of the archive is a link out of it: refused", name)
		}
		if _, twice := a.files[name]; twice {
			return fmt.Errorf("the entry %q stands in the archive twice: refused", name)
		}
		if len(a.files) == maxFiles {
			return fmt.Errorf("more than %d files: no image", maxFiles)
		}
		a.files[name] = p
	}
}

// unpacked goes on with a temporary file that holds what the packed archive does: it is
// read in many places.
func (a *archive) unpacked() error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	r, err := unpack(a.file)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := spool(&limited{r, max(freeSize, info.Size()*maxRatio)})
	if err != nil {
		return fmt.Errorf("the archive %w", broken(err))
	}
	a.file.Close()
	a.file, a.spool = f, true
	return nil
}

// limited is a reader that has a bomb's end.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errBomb
	}
	return n, err
}

// spool copies a stream to a temporary file that no name leads to, where the system lets
// an open file be removed: nothing is left when the program is killed.
func spool(r io.Reader) (*os.File, error) {
	f, err := os.CreateTemp("", "unbake-image-*.tar")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	_, err = io.Copy(f, r)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// find follows links inside the archive.
func (a *archive) find(name string) (part, bool) {
	for range 8 {
		p, ok := a.files[path.Clean(name)]
		if !ok || p.link == "" {
			return p, ok
		}
		name = p.link
	}
	return part{}, false // a ring
}

func (a *archive) open(name string) (io.ReadCloser, int64, error) {
	p, ok := a.find(name)
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	return io.NopCloser(&whole{io.NewSectionReader(a.file, p.offset, p.size), p.size}), p.size, nil
}

// whole is a part of a file that is cut off when the file ends before it does.
type whole struct {
	r    io.Reader
	left int64
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.left -= int64(n); err == io.EOF && w.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (a *archive) size(name string) (int64, error) {
	p, ok := a.find(name)
	if !ok {
		return 0, fs.ErrNotExist
	}
	return p.size, nil
}
