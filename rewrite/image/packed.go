package image

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

	errWindow = errors.New("is packed by zstd with a window of more than 64 MB: refused, it takes that much memory to unpack")
	errPacked = errors.New("is broken: its compressed data is damaged")
)

// maxWindow is what unpacking may keep in memory. zstd itself takes 8 MB up to level 19.
const maxWindow = 64 << 20

// unpack undoes gzip and zstd, by the first bytes: media types are often wrong.
func unpack(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, broken(err)
	}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, unpackError(err)
		}
		return &unpacking{z, z.Close}, nil
	case bytes.Equal(magic, zstdMagic):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, unpackError(err)
		}
		return &unpacking{z, func() error { z.Close(); return nil }}, nil
	}
	return io.NopCloser(in), nil
}

type unpacking struct {
	r     io.Reader
	close func() error
}

func (u *unpacking) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		err = unpackError(err)
	}
	return n, err
}

func (u *unpacking) Close() error { return u.close() }

// unpackError tells apart what is cut off, what is damaged, and what is too much.
func unpackError(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return errWindow
	}
	return errPacked
}

// ahead reads its source in a goroutine of its own: unpacking and hashing take one core,
// and whoever reads has the other.
type ahead struct {
	full chan chunk
	free chan []byte
	quit chan struct{}
	done chan struct{}
	cur  []byte
	back []byte // the buffer of cur
	err  error
}

type chunk struct {
	data []byte
	err  error
}

const (
	chunkSize = 256 << 10
	chunks    = 8
)

func readAhead(r io.Reader) *ahead {
	a := &ahead{full: make(chan chunk, chunks), free: make(chan []byte, chunks), quit: make(chan struct{}), done: make(chan struct{})}
	for range chunks {
		a.free <- make([]byte, chunkSize)
	}
	go func() {
		defer close(a.done)
		for {
			var buf []byte
			select {
			case buf = <-a.free:
			case <-a.quit:
				return
			}
			n, err := 0, error(nil)
			for n < len(buf) && err == nil { // ReadFull makes one error of the end and of what is cut off
				var m int
				m, err = r.Read(buf[n:])
				n += m
			}
			a.full <- chunk{buf[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return a
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.cur) == 0 {
		if a.back != nil {
			a.free <- a.back
			a.back = nil
		}
		if a.err != nil {
			return 0, a.err
		}
		c := <-a.full
		a.cur, a.err = c.data, c.err
		a.back = c.data[:cap(c.data)]
	}
	n := copy(p, a.cur)
	a.cur = a.cur[n:]
	return n, nil
}

// Close ends the goroutine; it waits for a read that is under way.
func (a *ahead) Close() error {
	close(a.quit)
	<-a.done
	return nil
}
