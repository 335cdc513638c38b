package audit

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rules/detect"
)

const (
	maxPacked = 256 << 20 // bytes that are unpacked of a file that gzip or zlib packed
	maxFound  = 10000     // files of a layer that hold something
)

// scanLayer reads a layer.
func (a *auditor) scanLayer(l *image.Layer) (*scanned, error) {
	s := &scanned{}
	more := 0
	err := l.Each(func(h *tar.Header, r io.Reader) error {
		if t, ok := touched(h.Name, h.Typeflag == tar.TypeDir); ok {
			s.touches = append(s.touches, t)
		}
		found := a.header(h)
		if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse {
			in, err := a.file(h, r)
			if err != nil {
				return err
			}
			found = append(found, in...)
		}
		if len(s.found)+len(found) > maxFound {
			more += len(found)
			return nil
		}
		s.found = append(s.found, found...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if more > 0 {
		a.report.Notes = append(a.report.Notes, several(more, "more finding")+" in "+l.String()+" left out: there are too many")
	}
	slices.Sort(s.touches)
	s.touches = slices.Compact(s.touches)
	a.progress()
	return s, nil
}

func (a *auditor) progress() {
	if a.opts.Progress != nil {
		a.opts.Progress(a.layer, a.of, a.bytes)
	}
}

// header looks at what an entry says beside its content: its name, where a link leads, its
// extended attributes.
func (a *auditor) header(h *tar.Header) (found []*Finding) {
	look := func(text, where string) {
		if text == "" {
			return
		}
		for _, f := range a.found(a.text([]byte(text)), where) {
			f.Kind, f.Subject, f.entry = File, "/"+h.Name, h.Name
			found = append(found, f)
		}
	}
	look(h.Name, " in its name")
	if h.Linkname != "" {
		look(h.Linkname, " in the path that it leads to")
	}
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		if key != "path" && key != "linkpath" {
			look(h.PAXRecords[key], " in its attributes")
		}
	}
	return found
}

// text looks at a short text.
func (a *auditor) text(text []byte) *hits {
	h := &hits{}
	a.look(h, text, 0, len(text), true, true)
	return h
}

// found makes findings of hits, without a subject.
func (a *auditor) found(h *hits, where string) (found []*Finding) {
	slices.SortFunc(h.known, func(x, y knownHit) int { return strings.Compare(x.known.Name, y.known.Name) })
	for _, k := range h.known {
		f := &Finding{What: "the value of " + k.known.Name, Secret: k.known.Name, value: string(k.known.value), hash: k.known}
		if k.how != "" {
			f.What += ", " + k.how
		}
		f.What += where
		found = append(found, f)
	}
	for _, k := range h.kinds {
		found = append(found, &Finding{What: several(k.n, k.kind) + where, Shown: detect.Mask(k.value), Secret: k.kind, value: k.value})
	}
	return found
}

// file looks at the content of a file, and at what is in it where it is packed.
func (a *auditor) file(h *tar.Header, r io.Reader) ([]*Finding, error) {
	kind, named := detect.File(h.Name)
	if named && source(h.Name) {
		named = false
	}
	holds, noText := false, false
	s := a.window
	s.reset(func(head []byte) {
		noText = binary(head)
		holds = named && detect.Content(h.Name, head)
	})
	in := bufio.NewReaderSize(&counting{r, a}, 16) // for its Peek alone: what is large goes by it
	magic, _ := in.Peek(2)
	var inside *hits
	if packed(magic) {
		var err error
		if inside, err = a.unpacked(h, in); err != nil {
			return nil, err
		}
	} else if _, err := s.ReadFrom(in); err != nil {
		return nil, err
	}
	var found []*Finding
	hits := s.end()
	if holds {
		f := &Finding{Subject: "/" + h.Name + " (" + kind.Title + ")", What: "a secret"}
		if len(hits.kinds) > 0 {
			k := hits.kinds[0]
			f.What, f.Shown, f.value = several(k.n, k.kind), detect.Mask(k.value), k.value
			hits.kinds = nil
		}
		if len(hits.known) == 0 {
			f.Note = fixture(h.Name) || packaged(h.Name) && !kind.Sure
			f.group = f.Note
			found = append(found, f)
		}
	}
	for _, f := range a.found(hits, "") {
		if f.Shown != "" { // not a known one
			f.Note = fixture(h.Name) || packaged(h.Name) || noText && f.Shown == "***" && generic(f.What)
			f.group = f.Note
		}
		found = append(found, f)
	}
	if inside != nil {
		for _, f := range a.found(inside, ", packed") {
			if f.Shown != "" {
				f.Note = fixture(h.Name) || packaged(h.Name)
				f.group = f.Note
			}
			found = append(found, f)
		}
	}
	for _, f := range found {
		f.Kind, f.entry = File, h.Name
		if f.Subject == "" {
			f.Subject = "/" + h.Name
		}
		if f.hash == nil {
			f.Secret = "what is in /" + h.Name
		}
	}
	return found, nil
}

// generic tells the kinds whose form comes up in what is no text.
func generic(what string) bool {
	return strings.Contains(what, "URL ") || strings.Contains(what, "credentials")
}

// packed knows the beginnings of gzip and of zlib, in which git keeps its objects.
func packed(magic []byte) bool {
	return len(magic) == 2 && (magic[0] == 0x1f && magic[1] == 0x8b || magic[0] == 0x78 && (int(magic[0])<<8|int(magic[1]))%31 == 0)
}

// unpacked looks at a file as it is, and at what gzip or zlib has packed in it. What is
// damaged is no error: the file may be anything.
func (a *auditor) unpacked(h *tar.Header, in *bufio.Reader) (*hits, error) {
	magic, _ := in.Peek(1)
	tee := io.TeeReader(in, a.window)
	var z io.Reader
	var err error
	if magic[0] == 0x1f {
		if a.gzip == nil {
			a.gzip = new(gzip.Reader)
		}
		z, err = a.gzip, a.gzip.Reset(tee)
	} else {
		z, err = zlib.NewReader(tee)
	}
	var inside *hits
	if err == nil {
		a.inner.reset(nil)
		n, _ := a.inner.ReadFrom(io.LimitReader(z, maxPacked+1))
		if n > maxPacked {
			a.report.Notes = append(a.report.Notes, "/"+h.Name+" unpacks to more than 256 MB: what comes behind was not looked at")
		}
		inside = a.inner.end()
	}
	// The rest, and the error of the layer if there is one.
	_, err = io.Copy(a.window, in)
	return inside, err
}

// counting tells the progress.
type counting struct {
	r io.Reader
	a *auditor
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	before := c.a.bytes >> 24
	if c.a.bytes += int64(n); c.a.bytes>>24 != before {
		c.a.progress()
	}
	return n, err
}
