package audit

import (
	"bytes"
	"io"
	"slices"

	"github.com/unbake-dev/unbake/rules/detect"
)

const (
	windowSize = 512 << 10
	overlap    = 32 << 10 // the longest text that is found wherever it stands: a PEM key, a known value
	context    = 64       // bytes before a window, for what a text begins with
	textHead   = 8 << 10  // a zero byte in it makes a file binary
	maxSpans   = 1000     // of known values in one window that are told from what they look like
)

// hits is what was found in a stream of bytes.
type hits struct {
	known []knownHit
	kinds []kindHit
}

type knownHit struct {
	known *Known
	how   string
}

// kindHit is one kind of secret, known by its form.
type kindHit struct {
	kind  string
	n     int
	value string // the first
}

func (h *hits) addKnown(k *Known, how string) {
	for i := range h.known {
		if h.known[i].known == k {
			if how == "" {
				h.known[i].how = ""
			}
			return
		}
	}
	h.known = append(h.known, knownHit{k, how})
}

func (h *hits) addKind(kind, value string) {
	for i := range h.kinds {
		if h.kinds[i].kind == kind {
			h.kinds[i].n++
			return
		}
	}
	h.kinds = append(h.kinds, kindHit{kind, 1, value})
}

// look adds what begins in text[from:to]. first and last say whether the text's ends are
// those of a whole.
func (a *auditor) look(h *hits, text []byte, from, to int, first, last bool) {
	type span struct{ start, end int }
	var spans []span
	a.search.find(text, func(at int, f *form) {
		if len(spans) < maxSpans {
			spans = append(spans, span{at, at + len(f.text)})
		}
		if at >= from && at < to {
			h.addKnown(f.known, f.how)
		}
	})
	a.hashes.find(text, from, first, last, func(at int, k *Known) {
		if len(spans) < maxSpans {
			spans = append(spans, span{at, at + k.len})
		}
		if at < to {
			h.addKnown(k, "")
			a.masks.add(string(text[at : at+k.len]))
		}
	})
	for _, m := range detect.Scan(text) {
		if m.Start < from || m.Start >= to || slices.ContainsFunc(spans, func(s span) bool { return s.start < m.End && m.Start < s.end }) {
			continue // not ours, or known by its name
		}
		h.addKind(m.Kind, string(text[m.Start:m.End]))
	}
}

// stream looks for secrets in bytes that come one after another, however many: it keeps
// one window of them.
type stream struct {
	a      *auditor
	buf    []byte
	judged int  // bytes of buf in which nothing more can begin
	first  bool // buf begins where the stream does
	head   func(data []byte)
	hits   hits
}

func newStream(a *auditor) *stream {
	return &stream{a: a, buf: make([]byte, 0, windowSize)}
}

// reset makes the stream new. head is called once, with the beginning of it.
func (s *stream) reset(head func(data []byte)) {
	s.buf, s.judged, s.first, s.head, s.hits = s.buf[:0], 0, true, head, hits{}
}

// ReadFrom reads all of r.
func (s *stream) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		if len(s.buf) == cap(s.buf) {
			s.judge(false)
		}
		m, err := r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+m]
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (s *stream) Write(p []byte) (n int, err error) {
	n = len(p)
	for len(p) > 0 {
		if len(s.buf) == cap(s.buf) {
			s.judge(false)
		}
		m := copy(s.buf[len(s.buf):cap(s.buf)], p)
		s.buf = s.buf[:len(s.buf)+m]
		p = p[m:]
	}
	return n, nil
}

// end says that nothing more comes, and returns what was found.
func (s *stream) end() *hits {
	s.judge(true)
	return &s.hits
}

// judge looks at the window. What begins in its last bytes is left for the next one, if
// there is one: it may go on there.
func (s *stream) judge(last bool) {
	if s.first && s.head != nil {
		s.head(s.buf)
	}
	limit := len(s.buf)
	if !last {
		limit -= overlap
	}
	text := s.buf
	s.a.look(&s.hits, text, s.judged, limit, s.first, last)
	if last {
		return
	}
	from := limit - context
	n := copy(s.buf, s.buf[from:])
	s.buf, s.judged, s.first = s.buf[:n], context, false
}

// binary says whether a file is no text, by its beginning.
func binary(head []byte) bool {
	return bytes.IndexByte(head[:min(len(head), textHead)], 0) >= 0
}
