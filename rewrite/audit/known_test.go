package audit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// TestKnown finds a known value in each form and each place, plain and by its hash.
func TestKnown(t *testing.T) {
	const value = `c4n4ry"&<7Qm2x/EXAMPLE`
	var zipped, deflated bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte("token=" + value))
	z.Close()
	d := zlib.NewWriter(&deflated)
	d.Write([]byte("blob 10\x00" + value))
	d.Close()
	files := []imagetest.Entry{
		{Name: "plain", Body: "x" + value + "x"},
		{Name: "binary", Body: "\x00\x01" + value + "\x00"},
		{Name: "json", Body: `{"token": "c4n4ry\"&<7Qm2x/EXAMPLE"}`},
		{Name: "json-html", Body: `{"token": "c4n4ry\"\u0026\u003c7Qm2x/EXAMPLE"}`},
		{Name: "url", Body: "https://x:c4n4ry%22%26%3C7Qm2x%2FEXAMPLE@example.com"},
		{Name: "url-small", Body: "https://x:c4n4ry%22%26%3c7Qm2x%2fEXAMPLE@example.com"},
		{Name: "xml", Body: "<password>c4n4ry&quot;&amp;&lt;7Qm2x/EXAMPLE</password>"},
		{Name: "auth0", Body: base64.StdEncoding.EncodeToString([]byte(value))},
		{Name: "auth1", Body: base64.StdEncoding.EncodeToString([]byte("u" + value + "z"))},
		{Name: "auth2", Body: base64.StdEncoding.EncodeToString([]byte("us" + value + "z"))},
		{Name: "auth3", Body: base64.RawURLEncoding.EncodeToString([]byte("usr" + value + "zz"))},
		{Name: "zipped.gz", Body: zipped.String()},
		{Name: ".git/objects/ab/cd", Body: deflated.String()},
		{Name: "fixtures/test/example", Body: value},
		{Name: "name-" + value},
		{Name: "link", Type: tar.TypeSymlink, Link: "/" + value},
		{Name: "attribute", PAX: map[string]string{"SCHILY.xattr.user.token": value}},
		{Name: "innocent", Body: "c4n4ry&<7Qm2x/EXAMPLE c4n4ry 7Qm2x/EXAMPLE"},
	}
	img := imagetest.Image{
		Config: v1.Config{Env: []string{"TOKEN=" + value}, Labels: map[string]string{"x": "a " + value + " b"}},
		Steps:  []imagetest.Step{{By: "COPY . / # buildkit", Files: files}, {By: "RUN /bin/sh -c echo " + value + " # buildkit"}},
	}.Build(t)
	const in = " | in 1 | 1: COPY . /"
	want(t, run(t, img, audit.Options{Known: known(t, "TOKEN='"+value+"'\n")}),
		"env: ENV TOKEN holds the value of TOKEN | 2: RUN echo ***",
		"file: /plain holds the value of TOKEN"+in,
		"file: /binary holds the value of TOKEN"+in,
		"file: /json holds the value of TOKEN, as JSON"+in,
		"file: /json-html holds the value of TOKEN, as JSON"+in,
		"file: /url holds the value of TOKEN, as a URL has it"+in,
		"file: /url-small holds the value of TOKEN, as a URL has it"+in,
		"file: /xml holds the value of TOKEN, as XML"+in,
		"file: /auth0 holds the value of TOKEN, in base64"+in,
		"file: /auth1 holds the value of TOKEN, in base64"+in,
		"file: /auth2 holds the value of TOKEN, in base64"+in,
		"file: /auth3 holds the value of TOKEN, in base64"+in,
		"file: /zipped.gz holds the value of TOKEN, packed"+in,
		"file: /.git/objects/ab/cd holds the value of TOKEN, packed"+in,
		"file: /fixtures/test/example holds the value of TOKEN"+in,
		"file: /name-*** holds the value of TOKEN in its name"+in,
		"file: /link holds the value of TOKEN in the path that it leads to"+in,
		"file: /attribute holds the value of TOKEN in its attributes"+in,
	)

	const token = "c4n4ry-/+7Qm2x=EXAMPLE"
	img = imagetest.Image{Config: v1.Config{Env: []string{"A=" + token}}, Steps: []imagetest.Step{{By: "COPY . / # buildkit", Files: []imagetest.Entry{
		{Name: "whole", Body: token},
		{Name: "quoted", Body: `x = "` + token + `";`},
		{Name: "assigned", Body: "export T=" + token + "\n"},
		{Name: "in-a-url", Body: "https://u:" + token + "@example.com"},
		{Name: "glued", Body: "x" + token + "x"},
		{Name: token},
	}}}}.Build(t)
	want(t, run(t, img, audit.Options{Known: known(t, hashed("TOKEN", token))}),
		"env: ENV A holds the value of TOKEN",
		"file: /whole holds the value of TOKEN"+in,
		"file: /quoted holds the value of TOKEN"+in,
		"file: /assigned holds the value of TOKEN"+in,
		"file: /in-a-url holds the value of TOKEN"+in,
		"file: /*** holds the value of TOKEN in its name"+in,
	)
}

// TestWindows puts a value across every border between the windows in which a file is read.
func TestWindows(t *testing.T) {
	const value, token = "c4n4ry-EXAMPLE-7Qm2x-one", "c4n4ry-EXAMPLE-7Qm2x-two"
	for _, border := range []int{512 << 10, 512<<10 - 32<<10, 2*(512<<10) - 32<<10 - 64} {
		for _, before := range []int{0, 1, len(value) / 2, len(value) - 1, len(value), len(value) + 1, 70} {
			body := bytes.Repeat([]byte("lorem ip "), 200000)
			copy(body[border-before:], " "+value+" ")
			copy(body[border-before-200:], " "+token+" ")
			copy(body[border-before+200:], " "+npmToken+" ")
			r := run(t, imagetest.Image{Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", string(body))}}}.Build(t),
				audit.Options{Known: known(t, "ONE="+value+"\n"+hashed("TWO", token))})
			want(t, r,
				"file: /x holds the value of ONE | in 1 | 1: COPY x /x",
				"file: /x holds the value of TWO | in 1 | 1: COPY x /x",
				"file: /x holds an npm token: npm_*** | in 1 | 1: COPY x /x",
			)
		}
	}
}

// TestReadKnown: the forms of a file of known secrets, and what is wrong with one.
func TestReadKnown(t *testing.T) {
	const pem = "-----BEGIN PRIVATE KEY-----\nc4n4ry=EXAMPLE\n-----END PRIVATE KEY-----"
	for _, test := range []struct{ text, names, want string }{
		{"A=" + password + "\n# x\n\nexport B='" + password + "'\r\n", "A B", ""},
		{hashed("A", password), "A", ""},
		{password + "\n", "token", ""},
		{"YzRuNHJ5RVhBTVBMRQ==", "token", ""},
		{pem + "\n", "token", ""},
		{"{\n  \"key\": \"" + password + "\"\n}\n", "token", ""},
		{"A=short\n", "", "the value of A is not looked for"},
		{"A=" + password + "\n" + password, "", "dir/token:2: neither"},
		{"A=sha256:" + strings.Repeat("ab", 32) + "\n", "", "dir/token:1: the hash of A wants the value's length"},
		{"A=" + strings.Repeat("x", 20000), "", "at most"},
		{"", "", ""},
	} {
		got, notes, err := audit.ReadKnown("dir/token", []byte(test.text))
		var names []string
		for _, k := range got {
			names = append(names, k.Name)
		}
		said := strings.Join(notes, "")
		if err != nil {
			said = err.Error()
		}
		if strings.Join(names, " ") != test.names || !strings.Contains(said, test.want) || test.want == "" && said != "" {
			t.Errorf("%.20q: names %v, said %q", test.text, names, said)
		}
		if strings.Contains(said, password) {
			t.Errorf("%.20q: the value is told", test.text)
		}
	}
}
