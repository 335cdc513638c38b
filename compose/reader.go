package compose

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
)

// Reader loads compose files again and again, in states that differ by little: what is as it was is not read a second time. The zero value is
// ready. Several can use one at once; what two loads return has nothing in common that either may change.
type Reader struct {
	mu    sync.Mutex
	files map[string][]*parsed // by path; the last used first
}

// parsed is a file as it is without the others, and its services as they are when paths start from a folder. None of it is handed out.
type parsed struct {
	file     *File
	services map[string][]*Service // by Dir
}

// states is how many contents of a file are kept: as it is, and as a fix that is being tried makes it.
const states = 2

// read returns a file as it is without the others.
func (r *Reader) read(fsys fs.FS, p string) *File {
	src, err := fs.ReadFile(fsys, p)
	if err != nil {
		return &File{Path: p, Src: src, Err: err, Dir: path.Dir(p)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.files[p]
	i := slices.IndexFunc(last, func(x *parsed) bool { return bytes.Equal(x.file.Src, src) })
	if i < 0 {
		if r.files == nil {
			r.files = map[string][]*parsed{}
		}
		i, last = 0, slices.Insert(last, 0, &parsed{file: parse(p, src), services: map[string][]*Service{}})
	}
	x := last[i]
	copy(last[1:i+1], last[:i])
	last[0] = x
	r.files[p] = last[:min(len(last), states)]
	f := *x.file
	f.parsed = x
	return &f
}

// services returns the services of a file that read has returned and that Dir has been set of.
func (r *Reader) services(f *File) []*Service {
	if f.doc == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, ok := f.parsed.services[f.Dir]
	if !ok {
		kept = f.readServices()
		f.parsed.services[f.Dir] = kept
	}
	out := make([]*Service, len(kept))
	for i, s := range kept {
		out[i] = s.in(f)
	}
	return out
}

// in returns a copy of a service, for f, that has nothing in common with it that changes when files are put together.
func (s *Service) in(f *File) *Service {
	c := *s
	c.File = f
	c.Texts = slices.Clip(c.Texts)
	if s.Build != nil {
		b := *s.Build
		b.Args, b.Secrets, b.Contexts = slices.Clip(b.Args), slices.Clip(b.Secrets), maps.Clone(b.Contexts)
		c.Build = &b
	}
	if s.extends != nil {
		x := *s.extends
		c.extends = &x
	}
	return &c
}
