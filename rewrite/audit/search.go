package audit

import "bytes"

// searcher finds any of a set of texts in one pass, in steps that are nearly as long as
// the shortest of them (Wu and Manber, 1994).
type searcher struct {
	forms  []form
	least  int // length of the shortest
	most   int // length of the longest
	shift  *[1 << 16]uint8
	bucket map[uint16][]int32 // forms by the block that ends their first least bytes
}

const block = 3 // bytes that decide the next step

func newSearcher(known []*Known) *searcher {
	s := &searcher{shift: new([1 << 16]uint8), bucket: map[uint16][]int32{}}
	for _, k := range known {
		s.forms = append(s.forms, k.forms()...)
	}
	if len(s.forms) == 0 {
		return nil
	}
	s.least = 64 // and no step is longer than fits a byte
	for _, f := range s.forms {
		s.least = min(s.least, len(f.text))
		s.most = max(s.most, len(f.text))
	}
	for i := range s.shift {
		s.shift[i] = uint8(s.least - block + 1)
	}
	for n, f := range s.forms {
		for i := 0; i+block <= s.least; i++ {
			h := hashBlock(f.text[i:])
			s.shift[h] = min(s.shift[h], uint8(s.least-block-i))
		}
		h := hashBlock(f.text[s.least-block:])
		s.bucket[h] = append(s.bucket[h], int32(n))
	}
	return s
}

func hashBlock(b []byte) uint16 {
	_ = b[2]
	return uint16(b[0]) ^ uint16(b[1])<<5 ^ uint16(b[2])<<10 ^ uint16(b[2])>>6
}

// find reports each form that stands in text and where it begins.
func (s *searcher) find(text []byte, report func(at int, f *form)) {
	if s == nil {
		return
	}
	for i := s.least - block; i+block <= len(text); {
		h := hashBlock(text[i:])
		if step := s.shift[h]; step > 0 {
			i += int(step)
			continue
		}
		start := i + block - s.least
		for _, n := range s.bucket[h] {
			if f := &s.forms[n]; bytes.HasPrefix(text[start:], f.text) {
				report(start, f)
			}
		}
		i++
	}
}
