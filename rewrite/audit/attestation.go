package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/image"
)

// maxDeep is how often base64 is undone in an attestation: it holds the Dockerfile so.
const maxDeep = 3

var base64Text = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}={0,2}`) })

// deep looks at a text and at what it holds in base64.
func (a *auditor) deep(text []byte) *hits {
	h := &hits{}
	a.deeper(h, text, maxDeep)
	return h
}

func (a *auditor) deeper(h *hits, text []byte, depth int) {
	in := a.text(text)
	for _, k := range in.known {
		if depth < maxDeep {
			k.how = "in base64"
		}
		h.addKnown(k.known, k.how)
	}
	for _, k := range in.kinds {
		h.addKind(k.kind, k.value)
	}
	if depth == 0 {
		return
	}
	for at := base64Text().FindIndex(text); at != nil; at = base64Text().FindIndex(text) {
		if data, ok := decode(text[at[0]:at[1]]); ok {
			a.deeper(h, data, depth-1)
		}
		text = text[at[1]:]
	}
}

// decode undoes base64 of either alphabet, where what comes out is text.
func decode(text []byte) ([]byte, bool) {
	text = bytes.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		data := make([]byte, encoding.DecodedLen(len(text)))
		if n, err := encoding.Decode(data, text); err == nil && !bytes.ContainsFunc(data[:n], func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0xfffd }) {
			return data[:n], true
		}
	}
	return nil, false
}

// attestation audits what lies beside the image. BuildKit's provenance holds, in its full
// form, build arguments, the environment of each step, and the whole Dockerfile.
func (a *auditor) attestation(b *image.Blob) ([]*Finding, error) {
	c := &configAudit{a: a}
	subject := "the " + b.Title
	if b.Data == nil {
		r, err := b.Open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		// A list of what is in the image, which holds no base64.
		a.window.reset(nil)
		if _, err := a.window.ReadFrom(r); err != nil {
			return nil, err
		}
		hits := a.window.end()
		c.known(Attestation, subject, hits, nil)
		c.kinds(Attestation, subject, "", hits, nil)
		return c.found, nil
	}
	hits := a.deep(b.Data)
	c.known(Attestation, subject, hits, nil)
	var tree any
	if json.Unmarshal(b.Data, &tree) == nil {
		c.walk(subject, "", tree)
	}
	c.kinds(Attestation, subject, string(b.Data), hits, nil)
	for _, f := range c.found {
		a.masks.add(f.value)
	}
	return c.found, nil
}

// walk looks at the strings of a JSON value: build arguments by their names, NAME=value of
// an environment, Dockerfiles.
func (c *configAudit) walk(subject, key string, node any) {
	switch v := node.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			c.walk(subject, k, v[k])
		}
	case []any:
		for _, x := range v {
			c.walk(subject, key, x)
		}
	case string:
		if name, ok := strings.CutPrefix(key, "build-arg:"); ok {
			c.named(subject, "the build argument ", name, v)
			return
		}
		if m := knownName().FindStringSubmatch(v); m != nil && key == "env" {
			c.named(subject, "the variable ", m[1], m[2])
			return
		}
		if key != "data" {
			return
		}
		if text, ok := decode([]byte(v)); ok && bytes.Contains(text, []byte("FROM")) {
			for _, f := range inDockerfile(string(text)) {
				f.What += ", in the Dockerfile"
				c.once(Attestation, subject, f, nil)
			}
		}
	}
}

// named adds a variable of an attestation.
func (c *configAudit) named(subject, what, name, value string) {
	n := len(c.found)
	c.variable(Attestation, subject, name, value, nil)
	for _, f := range c.found[n:] {
		f.What = what + name + ", " + f.What
	}
}
