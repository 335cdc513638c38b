package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Layer is one layer of a platform.
type Layer struct {
	Index     int      // its place, from 1 for the lowest
	DiffID    string   // sha256 of its tar
	Digest    string   // sha256 of it as it lies in the image; "" where no manifest says it
	MediaType string   // "" where no manifest says it
	Size      int64    // bytes, as it lies in the image
	History   *History // the step that made it; nil where that cannot be told
	Foreign   bool     // it is elsewhere (urls) and not in the image: Each yields nothing

	img  *Image
	file string // in the store
}

// String names the layer for people: layer 3 (sha256:0123456789ab).
func (l *Layer) String() string {
	id := l.DiffID
	if id == "" {
		id = l.Digest
	}
	return fmt.Sprintf("layer %d (%.19s)", l.Index, id)
}

// Guards against what no real image has. They are per layer.
const (
	freeSize   = 1 << 30  // bytes that any layer may unpack to
	maxRatio   = 200      // beyond that: unpacked bytes for each byte as it lies in the image
	maxEntries = 4 << 20  // files, folders, links
	maxName    = 16 << 10 // bytes of a path
)

// Each reads the layer once and calls fn for each entry of it, in the order in which they
// stand there; r is the content of a regular file, and need not be read. Names come
// cleaned: relative to the root of the image, with slashes, without "./" and a slash at
// the end; "." is the root itself. Links are entries like others. Whiteouts (.wh.NAME,
// .wh..wh..opq) come as they are.
//
// fs.SkipAll from fn ends the reading without an error; any other error of fn is
// returned as it is. Else the whole layer has been read, and its digests are right. A
// name that leads out of the image, a layer that unpacks to an absurd size, one that is
// cut off or not what its digest says: an error that begins with the image's name.
func (l *Layer) Each(fn func(h *tar.Header, r io.Reader) error) error {
	if l.Foreign {
		return nil
	}
	var stop error
	err := l.each(func(h *tar.Header, r io.Reader) error {
		stop = fn(h, r)
		return stop
	})
	switch {
	case stop != nil && errors.Is(stop, fs.SkipAll):
		return nil
	case stop != nil && err == stop:
		return stop
	case err != nil:
		return l.img.errorf("%v %w", l, err)
	}
	return nil
}

func (l *Layer) each(fn func(h *tar.Header, r io.Reader) error) error {
	blob, size, err := l.img.store.open(l.file)
	if err != nil {
		return missing(err)
	}
	defer blob.Close()
	packed := &summed{r: blob, sum: sha256.New()}
	unpacked, err := unpack(packed)
	if err != nil {
		return err
	}
	defer unpacked.Close()
	content := &summed{r: unpacked, sum: sha256.New(), limit: max(freeSize, size*maxRatio)}
	ahead := readAhead(content)
	defer ahead.Close()

	t := tar.NewReader(ahead)
	logical := int64(0) // the holes of sparse files included
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return broken(err)
		}
		if n == maxEntries {
			return fmt.Errorf("has more than %d entries: refused", maxEntries)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if h.Name, err = cleanName(h.Name); err != nil {
			return err
		}
		if logical += h.Size; logical > content.limit {
			return errBomb
		}
		e := &entry{r: t}
		if err := fn(h, e); e.failed != nil {
			return fmt.Errorf("%w", e.failed)
		} else if err != nil {
			return err
		}
	}
	// Padding may follow. What counts is that all of it is what the digest says.
	if _, err := io.Copy(io.Discard, ahead); err != nil {
		return broken(err)
	}
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return broken(err)
	}
	if err := packed.is(l.Digest); err != nil {
		return err
	}
	return content.is(l.DiffID)
}

// entry is the content of a file. What is broken in it is the layer's error, whatever the
// reader makes of it.
type entry struct {
	r      io.Reader
	failed error
}

func (e *entry) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		e.failed = broken(err)
		err = e.failed
	}
	return n, err
}

// cleanName is an entry's name relative to the root of the image. Engines take a slash at
// its beginning as the root of the image too.
func cleanName(name string) (string, error) {
	if len(name) > maxName {
		return "", fmt.Errorf("has an entry whose name takes %d bytes: refused", len(name))
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("has an entry %q, which leads out of its folder: refused", name)
		}
	}
	return path.Clean(strings.TrimLeft(name, "/")), nil
}

var (
	errBomb   = fmt.Errorf("unpacks to more than %d times its size: refused as a bomb", maxRatio)
	errDigest = errors.New("is not what its digest says: it is damaged, or was changed")
)

// summed counts and hashes what is read.
type summed struct {
	r     io.Reader
	sum   hash.Hash
	n     int64
	limit int64 // 0: none
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum.Write(p[:n])
	if s.n += int64(n); s.limit > 0 && s.n > s.limit {
		return 0, errBomb
	}
	return n, err
}

// is checks the digest of all that was read; "" is not checked.
func (s *summed) is(digest string) error {
	algorithm, want, _ := strings.Cut(digest, ":")
	switch {
	case digest == "":
		return nil
	case algorithm != "sha256":
		return fmt.Errorf("has a digest of %s, and only sha256 is read", algorithm)
	case hex.EncodeToString(s.sum.Sum(nil)) != want:
		return errDigest
	}
	return nil
}

// broken says what is wrong with a stream.
func broken(err error) error {
	switch {
	case errors.Is(err, errBomb), errors.Is(err, errWindow), errors.Is(err, errPacked):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("is cut off: it ends in the middle")
	case errors.Is(err, tar.ErrHeader):
		return errors.New("is broken: what should be the header of an entry is none")
	}
	return fmt.Errorf("cannot be read, %w", bare(err))
}

// missing says that a part of the image is not there.
func missing(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("is not in the image: it is incomplete")
	case errors.Is(err, errDigest), errors.Is(err, errLink), errors.Is(err, errSize):
		return err
	}
	return fmt.Errorf("cannot be read, %w", bare(err))
}
