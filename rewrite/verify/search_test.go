package verify

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
)

const value = `tok-c4n4ry-EXAMPLE-7Qm2x+9/"Kp4z"`

func one(values ...string) *masks { return newMasks([]*Secret{{ID: "T", values: values}}) }

func TestForms(t *testing.T) {
	m := one(value)
	for name, text := range map[string]string{
		"itself":      "a " + value + " b",
		"JSON":        `{"t":"tok-c4n4ry-EXAMPLE-7Qm2x+9/\"Kp4z\""}`,
		"XML":         "<p>tok-c4n4ry-EXAMPLE-7Qm2x+9/&#34;Kp4z&#34;</p>",
		"query":       "?t=" + url.QueryEscape(value),
		"path":        "/" + url.PathEscape(value) + "/",
		"hexadecimal": hex.EncodeToString([]byte("x" + value)),
		"upper":       strings.ToUpper(hex.EncodeToString([]byte(value))),
		"base64":      base64.StdEncoding.EncodeToString([]byte(value)),
		"one before":  base64.StdEncoding.EncodeToString([]byte(":" + value + "\n")),
		"two before":  base64.StdEncoding.EncodeToString([]byte("u:" + value)),
		"URL base64":  base64.RawURLEncoding.EncodeToString([]byte("ci:" + value)),
	} {
		if len(m.in([]byte(text))) != 1 {
			t.Errorf("%s: not found in %q", name, text)
		}
		if shown := m.text(text); len(m.in([]byte(shown))) != 0 || !strings.Contains(shown, "***") {
			t.Errorf("%s: masked %q", name, shown)
		}
	}
	for _, text := range []string{"", "tok-c4n4ry-EXAMPLE-7Qm2y", base64.StdEncoding.EncodeToString([]byte("tok-c4n4ry-OTHER"))} {
		if len(m.in([]byte(text))) != 0 {
			t.Errorf("found in %q", text)
		}
	}
	if len(one("short").in([]byte("a short one"))) != 0 {
		t.Error("a word is searched for")
	}
}

// TestWithin: a Dockerfile in base64, in a JSON text that is in base64 again.
func TestWithin(t *testing.T) {
	file := base64.StdEncoding.EncodeToString([]byte("FROM node\nLABEL t=" + strings.ReplaceAll(value, `"`, `\"`) + "\n"))
	text := []byte(`{"payload":"` + base64.StdEncoding.EncodeToString([]byte(`{"data":"`+file+`"}`)) + `"}`)
	m := one("tok-c4n4ry-EXAMPLE-7Qm2x")
	if len(m.within(text)) != 1 {
		t.Error("not found")
	}
	if len(one("tok-c4n4ry-EXAMPLE-7Qm2y").within(text)) != 0 {
		t.Error("found what is not there")
	}
}

// TestContent: wherever a value stands, and however the reads cut it.
func TestContent(t *testing.T) {
	m := one(value)
	pack := func(wrap func(io.Writer) io.WriteCloser, text string) string {
		var b bytes.Buffer
		w := wrap(&b)
		io.WriteString(w, text)
		w.Close()
		return b.String()
	}
	long := strings.Repeat("x", 70_000)
	for name, text := range map[string]string{
		"alone": value, "first": value + long, "last": long + value, "middle": long + value + long,
		"at the seam": strings.Repeat("y", 64<<10-5) + value,
		"gzip":        pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, long+value),
		"zlib":        pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, long+value),
		"cut gzip":    pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, value+strings.Repeat(hex.EncodeToString([]byte(value)), 9000))[:300],
	} {
		var sum bytes.Buffer
		for _, r := range []io.Reader{strings.NewReader(text), &slow{text, 7}} {
			sum.Reset()
			found, err := m.content(r, &sum)
			if err != nil || len(found) != 1 {
				t.Errorf("%s: %v %v", name, found, err)
			}
			if sum.String() != text {
				t.Errorf("%s: %d bytes hashed of %d", name, sum.Len(), len(text))
			}
		}
	}
	for _, text := range []string{"", "x", long, "\x1f\x8b not gzip", "x\x9c not zlib"} {
		if found, err := m.content(strings.NewReader(text), io.Discard); err != nil || len(found) != 0 {
			t.Errorf("%.20q: %v %v", text, found, err)
		}
	}
}

// slow gives n bytes at a time.
type slow struct {
	text string
	n    int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.text)
	s.text = s.text[n:]
	return n, nil
}

// TestParts: of a file, what is secret in it is searched for, and no host, user or key.
func TestParts(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"T", "tok-c4n4ry-EXAMPLE-7Qm2x", "[tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"T", "tok-c4n4ry-EXAMPLE-7Qm2x\n", "[tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"T", "admin", "[]"},
		{"T", "changeme", "[]"},
		{"T", "", "[]"},
		{"npmrc", "registry=https://registry.example.com/\n//registry.example.com/:_authToken=tok-c4n4ry-EXAMPLE-7Qm2x\n", "[tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"npmrc", "//registry.example.com/:_authToken=${NPM_TOKEN}\n", "[]"},
		{"netrc", "machine git.example.com\n  login shop-builder\n  password tok-c4n4ry-EXAMPLE-7Qm2x\n", "[tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"settings_xml", "<settings><server><username>shop-builder</username><password>c4n4ryJ1pL8sD3fG5zR0YQ</password></server></settings>", "[c4n4ryJ1pL8sD3fG5zR0YQ]"},
		{"auth_json", `{"http-basic": {"repo.example.com": {"username": "shop-builder", "password": "tok-c4n4ry-EXAMPLE-7Qm2x"}}}`, "[tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"config_json", "{\n \"auths\": {\n  \"registry.example.com\": {\n   \"auth\" : \"Y2k6dG9rLWM0bjRyeS1FWEFNUExFLTdRbTJ4\"\n}}}", "[Y2k6dG9rLWM0bjRyeS1FWEFNUExFLTdRbTJ4]"},
		{"pip_conf", "[global]\nindex-url = https://ci:tok-c4n4ry-EXAMPLE-7Qm2x@pypi.example.com/simple\n", "[tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"credentials", "[default]\naws_access_key_id = AKIAEXAMPLEEXAMPLE99\naws_secret_access_key = c4n4ry/7Qm2xW9kLp4+EXAMPLEEXAMPLEEXAMPL\n", "[AKIAEXAMPLEEXAMPLE99 c4n4ry/7Qm2xW9kLp4+EXAMPLEEXAMPLEEXAMPL]"},
		{"HTTP_AUTH_HEADER_files.example.com", "Basic Y2k6dG9rLWM0bjRyeS1FWEFNUExFLTdRbTJ4", "[Y2k6dG9rLWM0bjRyeS1FWEFNUExFLTdRbTJ4 tok-c4n4ry-EXAMPLE-7Qm2x]"},
		{"pgpass", "db.example.com:5432:shop:shop:c4n4ryJ1pL8sD3fG5zR0YQ\n", "[c4n4ryJ1pL8sD3fG5zR0YQ]"},
	} {
		got := parts(c.name, []byte(c.text))
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
	key := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\nQyNTUxOQAAACDc4n4ryEXAMPLE7Qm2xW9kLp4EXAMPLE7Qm2xW9kLp4EXAMPLE7Qm2xAAA\nAECc4n4ryEXAMPLE7Qm2xW9kLp4EXAMPLE\n-----END OPENSSH PRIVATE KEY-----\n"
	got := parts("id_rsa", []byte(key))
	if len(got) != 2 || strings.Contains(fmt.Sprint(got), "b3BlbnNzaC1rZXk") {
		t.Errorf("of a key, %d lines: %v", len(got), got)
	}
}
