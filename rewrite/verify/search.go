package verify

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rules/detect"
)

// shortest is the length from which a value is searched for: what is shorter is found where it does not stand.
const shortest = 8

// masks are the values that are searched for in everything, and told nowhere.
type masks struct {
	values []masked
	longer int                       // bytes of the longest form, less one
	files  map[[sha256.Size]byte]int // secrets that are whole files
}

type masked struct {
	secret int // whose value it is: its place in Job.Secrets
	forms  [][]byte
}

// newMasks takes the values of each secret.
func newMasks(secrets []*Secret) *masks {
	m := &masks{files: map[[sha256.Size]byte]int{}}
	for i, s := range secrets {
		for _, f := range s.files {
			m.files[sha256.Sum256([]byte(f))] = i
		}
		for _, v := range s.values {
			forms := formsOf(v)
			m.values = append(m.values, masked{i, forms})
			for _, f := range forms {
				m.longer = max(m.longer, len(f)-1)
			}
		}
	}
	return m
}

// formsOf is a value as it can stand in a file: itself, as part of JSON, in an address, in XML, in hexadecimal digits, and in
// base64, where its first character is the first, second or third of a group.
func formsOf(value string) [][]byte {
	var forms [][]byte
	add := func(s string) {
		if len(s) >= shortest && !slices.ContainsFunc(forms, func(f []byte) bool { return bytes.Contains([]byte(s), f) }) {
			forms = append(forms, []byte(s))
		}
	}
	add(value)
	if quoted, err := json.Marshal(value); err == nil {
		add(string(quoted[1 : len(quoted)-1]))
	}
	add(url.QueryEscape(value))
	add(url.PathEscape(value))
	var escaped strings.Builder
	if xml.EscapeText(&escaped, []byte(value)) == nil {
		add(escaped.String())
	}
	add(hex.EncodeToString([]byte(value)))
	add(strings.ToUpper(hex.EncodeToString([]byte(value))))
	for shift := range 3 {
		text := append(make([]byte, shift), value...)
		text = text[:len(text)/3*3] // what stands behind decides over the rest
		from := (shift*8 + 5) / 6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if s := encoding.EncodeToString(text); len(s) > from {
				add(s[from:])
			}
		}
	}
	return forms
}

// in returns the secrets that stand in a text, by their number.
func (m *masks) in(text []byte) (secrets []int) {
	for _, v := range m.values {
		if !slices.Contains(secrets, v.secret) && slices.ContainsFunc(v.forms, func(f []byte) bool { return bytes.Contains(text, f) }) {
			secrets = append(secrets, v.secret)
		}
	}
	return secrets
}

// within is in, for texts that hold others in base64: attestations carry the whole Dockerfile so.
func (m *masks) within(text []byte) (secrets []int) { return m.nested(text, 3) }

var base64Text = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}={0,2}`) })

func (m *masks) nested(text []byte, depth int) (secrets []int) {
	secrets = m.in(text)
	if depth == 0 || len(m.values) == 0 {
		return secrets
	}
	for _, t := range base64Text().FindAll(text, -1) {
		t = bytes.TrimRight(t, "=")
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			decoded := make([]byte, encoding.DecodedLen(len(t)))
			if n, err := encoding.Decode(decoded, t); err == nil {
				secrets = append(secrets, m.nested(decoded[:n], depth-1)...)
			}
		}
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

// text is a text without the values, and without what is a secret by its form: nobody may have told of it.
func (m *masks) text(s string) string {
	s = onceFlag().ReplaceAllString(s, "")
	found := detect.Scan([]byte(s))
	for i := len(found) - 1; i >= 0; i-- {
		s = s[:found[i].Start] + detect.Mask(s[found[i].Start:found[i].End]) + s[found[i].End:]
	}
	for _, v := range m.values {
		for _, f := range v.forms {
			s = strings.ReplaceAll(s, string(f), "***")
		}
	}
	return s
}

// finder searches what is written to it, which may come in pieces that end anywhere.
type finder struct {
	m     *masks
	tail  []byte
	found []int
}

func (f *finder) Write(p []byte) (int, error) {
	if len(f.m.values) == 0 {
		return len(p), nil
	}
	if len(f.tail) > 0 {
		// Around the seam; what lies within p is searched in p.
		f.note(f.m.in(append(f.tail, p[:min(len(p), f.m.longer)]...)))
	}
	f.note(f.m.in(p))
	if len(p) >= f.m.longer {
		f.tail = append(f.tail[:0], p[len(p)-f.m.longer:]...)
	} else {
		f.tail = append(f.tail, p...)
		f.tail = append([]byte(nil), f.tail[max(0, len(f.tail)-f.m.longer):]...)
	}
	return len(p), nil
}

func (f *finder) note(secrets []int) {
	for _, s := range secrets {
		if !slices.Contains(f.found, s) {
			f.found = append(f.found, s)
		}
	}
}

// inflated is how much of a packed file is unpacked to be searched.
const inflated = 256 << 20

// content reads a file to its end, hands it to sum, and returns the secrets in it: also in what gzip or zlib packed, as
// caches and git do it.
func (m *masks) content(r io.Reader, sum io.Writer) ([]int, error) {
	plain := &finder{m: m}
	all := io.TeeReader(r, io.MultiWriter(sum, plain))
	in := bufio.NewReaderSize(all, 64<<10)
	packed := &finder{m: m}
	if head, err := in.Peek(2); err == nil && len(m.values) > 0 {
		var unpack io.Reader
		switch {
		case head[0] == 0x1f && head[1] == 0x8b:
			unpack, err = gzip.NewReader(in)
		case head[0] == 0x78 && (int(head[0])<<8|int(head[1]))%31 == 0:
			unpack, err = zlib.NewReader(in)
		}
		if err == nil && unpack != nil {
			io.Copy(packed, io.LimitReader(unpack, inflated)) // what there is of it
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, err
	}
	plain.note(packed.found)
	return plain.found, nil
}
