package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Known is a secret whose value is known to whoever asks, and is looked for in every byte.
type Known struct {
	Name  string
	value []byte   // nil where only the hash is known
	hash  [32]byte // sha256 of the value
	len   int      // bytes of the value
	word  bool     // it is looked for as it is only
}

const (
	leastKnown = 6       // bytes: anything shorter is found by chance
	mostKnown  = 8 << 10 // bytes: as JSON or a URL has it, it must fit the overlap of two windows
)

var (
	knownName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)=(.*)$`) })
	knownHash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha256:([0-9a-fA-F]{64})(?::([0-9]+))?$`) })
)

// ReadKnown reads a file of known secrets. Either each line is
//
//	NAME=value                  the value as it is, or in quotes, which are no part of it
//	NAME=sha256:HEX:LENGTH      its hash and its length in bytes: the value is nowhere
//
// with blank lines and lines that begin with # between them; or no line is of this form, or
// the first begins a PEM block, and the whole file is one value. It goes by the file's name.
// Values of fewer than 6 bytes are left out: notes say so. Neither errors nor notes hold a
// value.
func ReadKnown(file string, data []byte) (known []*Known, notes []string, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := strings.TrimRight(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	add := func(name, value string) error {
		switch {
		case len(value) < leastKnown:
			notes = append(notes, fmt.Sprintf("%s: the value of %s is not looked for: with fewer than %d characters it is found by chance", file, name, leastKnown))
		case len(value) > mostKnown:
			return fmt.Errorf("%s: the value of %s has %d bytes, and at most %d are looked for", file, name, len(value), mostKnown)
		default:
			known = append(known, &Known{Name: name, value: []byte(value), len: len(value)})
		}
		return nil
	}
	base := path.Base(strings.ReplaceAll(file, "\\", "/"))
	if whole(text) {
		return known, notes, add(base, text)
	}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m := knownName().FindStringSubmatch(line)
		if m == nil {
			return nil, nil, fmt.Errorf("%s:%d: neither NAME=value nor NAME=sha256:HEX:LENGTH", file, n)
		}
		name, value := m[1], m[2]
		if h := knownHash().FindStringSubmatch(value); h != nil {
			length, err := strconv.Atoi(h[2])
			if err != nil || length < leastKnown || length > mostKnown {
				return nil, nil, fmt.Errorf("%s:%d: the hash of %s wants the value's length behind it, %d to %d: NAME=sha256:HEX:LENGTH", file, n, name, leastKnown, mostKnown)
			}
			k := &Known{Name: name, len: length}
			hex.Decode(k.hash[:], []byte(h[1]))
			known = append(known, k)
			continue
		}
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		if err := add(name, value); err != nil {
			return nil, nil, err
		}
	}
	return known, notes, nil
}

// whole says whether a file is one value: it has no line NAME=value. What only looks like
// one, because base64 ends in signs, is a value too: its beginning is no name to be told.
func whole(text string) bool {
	if strings.HasPrefix(text, "-----BEGIN ") {
		return true
	}
	some := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		some = true
		if m := knownName().FindStringSubmatch(line); m != nil && (m[2] == "" || strings.Trim(m[2], "=") != "") {
			return false
		}
	}
	return some
}

// form is a text by which a known value can stand in a file.
type form struct {
	text  []byte
	known *Known
	how   string // "" for the value itself; "in base64"
}

// forms are the texts that stand for a value: as it is, as JSON, URLs and XML escape it,
// with the line ends of Windows, and in base64, on its own or within a longer text.
func (k *Known) forms() []form {
	if k.value == nil {
		return nil
	}
	var out []form
	add := func(text, how string) {
		if len(text) >= leastKnown && !slices.ContainsFunc(out, func(f form) bool { return string(f.text) == text }) {
			out = append(out, form{[]byte(text), k, how})
		}
	}
	value := string(k.value)
	add(value, "")
	if k.word {
		return out
	}
	if strings.Contains(value, "\n") {
		add(strings.ReplaceAll(value, "\n", "\r\n"), "")
	}
	for _, html := range []bool{false, true} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if e.Encode(value) == nil {
			add(strings.TrimSuffix(strings.TrimSpace(b.String())[1:], `"`), "as JSON")
		}
	}
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value)} {
		add(escaped, "as a URL has it")
		add(lowerHex(escaped), "as a URL has it")
	}
	var b bytes.Buffer
	if xml.EscapeText(&b, k.value) == nil {
		add(b.String(), "as XML")
		add(strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(b.String()), "as XML")
	}
	for _, text := range inBase64(k.value) {
		add(text, "in base64")
	}
	return out
}

// leastBase64 is the length from which a value is looked for in base64: of a shorter one
// too little is left that does not depend on what stands beside it.
const leastBase64 = 8

// inBase64 is what any base64 of a text that holds the value has in it, for each of the
// three places where the value can begin.
func inBase64(value []byte) (texts []string) {
	if len(value) < leastBase64 {
		return nil
	}
	for before := range 3 {
		skip := (3 - before) % 3 // bytes that share their characters with what stands before
		inner := value[skip:]
		inner = inner[:len(inner)/3*3]
		texts = append(texts, base64.StdEncoding.EncodeToString(inner), base64.URLEncoding.EncodeToString(inner))
	}
	return texts
}

func lowerHex(escaped string) string {
	b := []byte(escaped)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}
