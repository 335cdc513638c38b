package audit

import "crypto/sha256"

// hashes finds values of which only the hash and the length are known. Hashing every
// window would take hours: tried are the pieces of text of the right length, without
// blanks and quotes in them, that begin and end where a value does, beside a blank, a
// quote, a control character or one of = : @ / , ; & ? # | \\ ( ) [ ] { } < >, or at an
// end of the text.
type hashes struct {
	lengths []int
	byLen   map[int]map[[32]byte]*Known
	most    int
}

func newHashes(known []*Known) *hashes {
	h := &hashes{byLen: map[int]map[[32]byte]*Known{}}
	for _, k := range known {
		if k.value != nil {
			continue
		}
		if h.byLen[k.len] == nil {
			h.byLen[k.len] = map[[32]byte]*Known{}
			h.lengths = append(h.lengths, k.len)
		}
		h.byLen[k.len][k.hash] = k
		h.most = max(h.most, k.len)
	}
	if len(h.lengths) == 0 {
		return nil
	}
	return h
}

const (
	inside uint8 = 0 // part of a value
	border uint8 = 1 // a value may begin and end beside it, and it may be part of one
	never  uint8 = 2 // the same, and it is part of none
)

var borders = func() (t [256]byte) {
	for c := range t {
		if c <= ' ' || c == 0x7f {
			t[c] = never
		}
	}
	for _, c := range "\"'`" {
		t[c] = never
	}
	for _, c := range "=:@/,;&?#|\\()[]{}<>" {
		t[c] = border
	}
	return t
}()

// find reports the values in text that begin at from or behind it; first and last say
// whether the text's ends are ends of the whole.
func (h *hashes) find(text []byte, from int, first, last bool, report func(at int, k *Known)) {
	if h == nil {
		return
	}
	stop := -1      // the next byte that is part of no value
	before := never // class of the byte before i
	if from > 0 {
		before = borders[text[from-1]]
	} else if !first {
		before = inside
	}
	for i := from; i < len(text); i++ {
		class := borders[text[i]]
		starts := before != inside && class != never
		before = class
		if !starts {
			continue
		}
		for _, n := range h.lengths {
			end := i + n
			if end < len(text) && borders[text[end]] == inside || end > len(text) || end == len(text) && !last {
				continue
			}
			if stop <= i {
				for stop = i; stop < len(text) && borders[text[stop]] != never; stop++ {
				}
			}
			if end > stop {
				continue
			}
			if k := h.byLen[n][sha256.Sum256(text[i:end])]; k != nil {
				report(i, k)
			}
		}
	}
}
