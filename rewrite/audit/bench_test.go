package audit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/unbake-dev/unbake/rules/detect"
)

// sample is text and binary in about equal parts, as in an image.
func sample(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"the", "package", "function", "return", "value", "=", "\"name\":", "/usr/share/doc", "https://example.com/", "{", "}", "\n", "0x1f", "static", "int"}
	var b bytes.Buffer
	for b.Len() < size {
		for range 2000 {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(' ')
		}
		for range 6000 {
			b.WriteByte(byte(r.Uint32() >> (r.Uint32() & 7)))
		}
	}
	return b.Bytes()[:size]
}

// BenchmarkLook measures what each look at the bytes of a file costs.
func BenchmarkLook(b *testing.B) {
	text := sample(4 << 20)
	var plain, hashed []*Known
	for i := range 3 {
		value := fmt.Sprintf("c4n4ry-EXAMPLE-%d-7Qm2x", i)
		plain = append(plain, &Known{Name: "PLAIN", value: []byte(value), len: len(value)})
		hashed = append(hashed, &Known{Name: "HASHED", hash: sha256.Sum256([]byte(value)), len: len(value)})
	}
	search, hashes := newSearcher(plain), newHashes(hashed)
	for _, x := range []struct {
		name string
		look func()
	}{
		{"patterns", func() { detect.Scan(text) }},
		{"known", func() { search.find(text, func(int, *form) {}) }},
		{"hashed", func() { hashes.find(text, 0, true, true, func(int, *Known) {}) }},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				x.look()
			}
		})
	}
}
