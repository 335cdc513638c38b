package audit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// Made-up secrets. None of them may be in anything that an audit returns.
const (
	npmToken = "npm_c4n4ryEXAMPLE7Qm2xc4n4ryEXAMPLE7Qm2x"
	password = "pw-c4n4ry-EXAMPLE-7Qm2x"
	plain    = "correct c4n4ry/horse&7Qm2x"
)

// run audits an image, and checks that no value is told.
func run(t *testing.T, what any, opts audit.Options) *audit.Report {
	t.Helper()
	img, err := image.Open(context.Background(), imagetest.Layout(t, filepath.Join(t.TempDir(), "layout"), what))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	r, err := audit.Run(img, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range []string{npmToken, "c4n4ry", plain} {
		if strings.Contains(list(r), value) {
			t.Errorf("value %d is told", i)
		}
	}
	return r
}

// list writes findings one a line.
func list(r *audit.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Note {
			b.WriteString("note: ")
		}
		fmt.Fprintf(&b, "%s: %s", f.Kind, f.Message())
		if f.Layer != nil {
			fmt.Fprintf(&b, " | in %d", f.Layer.Index)
		}
		if f.Removed != nil {
			fmt.Fprintf(&b, " | until %d", f.Removed.Index)
		}
		if f.Replaced {
			b.WriteString(" replaced")
		}
		if f.Step > 0 {
			fmt.Fprintf(&b, " | %d", f.Step)
			if f.More > 0 {
				fmt.Fprintf(&b, "+%d", f.More)
			}
			fmt.Fprintf(&b, ": %s", f.Made)
		}
		if f.Line > 0 {
			fmt.Fprintf(&b, " | %s:%d", f.Path, f.Line)
		}
		if f.Base {
			b.WriteString(" | base")
		}
		b.WriteString("\n")
	}
	for _, n := range r.Notes {
		b.WriteString("note: " + n + "\n")
	}
	return b.String()
}

func want(t *testing.T, r *audit.Report, lines ...string) {
	t.Helper()
	if got, want := list(r), strings.Join(lines, "\n")+"\n"; strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("found\n%s\nwant\n%s", got, want)
	}
}

func known(t *testing.T, lines string) []*audit.Known {
	t.Helper()
	k, notes, err := audit.ReadKnown("secrets.env", []byte(lines))
	if err != nil || len(notes) > 0 {
		t.Fatal(err, notes)
	}
	return k
}

// hashed is the line of a file of known secrets that does not hold the value.
func hashed(name, value string) string {
	return fmt.Sprintf("%s=sha256:%x:%d\n", name, sha256.Sum256([]byte(value)), len(value))
}

func file(name, body string) []imagetest.Entry { return []imagetest.Entry{{Name: name, Body: body}} }

func folder(name string) imagetest.Entry { return imagetest.Entry{Name: name, Type: tar.TypeDir} }

// TestLayers: what a later layer removes, replaces or hides with its folder is found, and
// where it went.
func TestLayers(t *testing.T) {
	npmrc := "//registry.example.com/:_authToken=" + npmToken + "\n"
	step := func(by string, files ...imagetest.Entry) imagetest.Step { return imagetest.Step{By: by, Files: files} }
	r := run(t, imagetest.Image{Steps: []imagetest.Step{
		step("COPY a /a # buildkit", imagetest.Entry{Name: "removed/.npmrc", Body: npmrc}),
		step("COPY b /b # buildkit", imagetest.Entry{Name: "replaced/.npmrc", Body: npmrc}, imagetest.Entry{Name: "stays/.npmrc", Body: npmrc}),
		{By: "WORKDIR /app", Files: nil},
		step("COPY c /c # buildkit", imagetest.Entry{Name: "opaque/deep/.npmrc", Body: npmrc}, imagetest.Entry{Name: "whole/deep/.npmrc", Body: npmrc}, imagetest.Entry{Name: "linked/.npmrc", Body: npmrc}),
		step("RUN /bin/sh -c rm x # buildkit", folder("removed"), imagetest.Entry{Name: "removed/.wh..npmrc"}, imagetest.Entry{Name: "replaced/.npmrc", Body: "registry=https://registry.example.com\n"}),
		step("RUN /bin/sh -c mv x y # buildkit", folder("opaque"), imagetest.Entry{Name: "opaque/.wh..wh..opq"}, imagetest.Entry{Name: ".wh.whole"}, imagetest.Entry{Name: "linked", Type: tar.TypeSymlink, Link: "/elsewhere"}),
	}}.Build(t), audit.Options{})
	want(t, r,
		"file: /removed/.npmrc (npm configuration) holds an npm token: npm_*** | in 1 | until 4 | 1: COPY a /a",
		"file: /replaced/.npmrc (npm configuration) holds an npm token: npm_*** | in 2 | until 4 replaced | 2: COPY b /b",
		"file: /stays/.npmrc (npm configuration) holds an npm token: npm_*** | in 2 | 2: COPY b /b",
		"file: /opaque/deep/.npmrc (npm configuration) holds an npm token: npm_*** | in 3 | until 5 | 4: COPY c /c",
		"file: /whole/deep/.npmrc (npm configuration) holds an npm token: npm_*** | in 3 | until 5 | 4: COPY c /c",
		"file: /linked/.npmrc (npm configuration) holds an npm token: npm_*** | in 3 | until 5 | 4: COPY c /c",
	)
	if !r.Todo() {
		t.Error("nothing to do")
	}
}

// pw makes up a password, another one for each name.
func pw(name string) string { return "pw-c4n4ry-" + name + "-7Qm2x" }

// TestConfig: environment, labels, commands and the history, each value once.
func TestConfig(t *testing.T) {
	const bearer = "tok-c4n4ry-EXAMPLE-7Qm2xAb9"
	r := run(t, imagetest.Image{
		Config: v1.Config{
			Env:         []string{"PATH=/bin", "NPM_TOKEN=" + npmToken, "DB_PASSWORD=root", "API_KEY=", "DATABASE_URL=postgres://shop:" + pw("url") + "@db.example.com/shop"},
			Labels:      map[string]string{"com.example.password": pw("label"), "com.example.name": "shop"},
			Cmd:         []string{"/bin/sh", "-c", "curl -H 'Authorization: Bearer " + bearer + "' https://shop.example.com"},
			OnBuild:     []string{"RUN curl -u shop:" + pw("onbuild") + " https://shop.example.com"},
			Healthcheck: &v1.HealthConfig{Test: []string{"CMD-SHELL", "mysqladmin --password=" + pw("health") + " ping"}},
		},
		Steps: []imagetest.Step{
			{By: "ARG NPM_TOKEN=" + npmToken},
			{By: "RUN |1 NPM_TOKEN=" + npmToken + " /bin/sh -c npm ci # buildkit", Files: file("a", "a")},
			{By: "ENV PATH=/bin NPM_TOKEN=" + npmToken},
			{By: "ENV OLD_PASSWORD=" + pw("old")},
			{By: "/bin/sh -c #(nop)  ENV LEGACY_PASSWORD=" + pw("legacy")},
			{By: "|2 MODE=a b DEPLOY_TOKEN=" + pw("arg") + " /bin/sh -c make", Files: file("b", "b")},
			{By: "RUN |1 NPM_TOKEN=" + npmToken + " /bin/sh -c mysql --password=" + pw("flag") + " < x\necho done # buildkit", Files: file("c", "c")},
			{By: "COPY https://shop:" + pw("copy") + "@files.example.com/x / # buildkit", Files: file("d", "d")},
			{By: "ENV DATABASE_URL=postgres://shop:" + pw("url") + "@db.example.com/shop"},
			{By: "CMD [\"/bin/sh\" \"-c\" \"curl -H 'Authorization: Bearer " + bearer + "' https://shop.example.com\"]"},
		},
	}.Build(t), audit.Options{})
	want(t, r,
		"env: ENV NPM_TOKEN holds an npm token: npm_*** | 3+3: ENV PATH=/bin NPM_TOKEN=npm_***",
		"env: ENV DATABASE_URL holds a URL password | 9: ENV DATABASE_URL=***",
		"label: the label com.example.password holds a secret",
		"command: HEALTHCHECK holds MYSQLADMIN_PASSWORD (mysqladmin --password)",
		"command: ONBUILD holds SHOP_EXAMPLE_COM_PASSWORD (curl -u)",
		"command: CMD holds API_TOKEN (Authorization header) | 10: CMD [\"/bin/sh\" \"-c\" \"curl -H 'Authorization: Bearer ***' https://shop.example.com\"]",
		"history: an ENV OLD_PASSWORD in the history holds a secret | 4: ENV OLD_PASSWORD=***",
		"history: an ENV LEGACY_PASSWORD in the history holds a secret | 5: ENV LEGACY_PASSWORD=***",
		"history: the build argument DEPLOY_TOKEN holds a secret | 6: RUN make",
		"history: the history holds MYSQL_PASSWORD (mysql --password) | 7: RUN mysql --password=*** < x echo done",
		"history: the history holds a URL password | 8: COPY https://shop:***@files.example.com/x /",
		"note: env: ENV DB_PASSWORD holds a weak or made-up value",
	)
}

// TestWeak: a weak value is a note, and is hidden where it was found, though it is a word
// that stands elsewhere by right.
func TestWeak(t *testing.T) {
	want(t, run(t, imagetest.Image{
		Config: v1.Config{Env: []string{"POSTGRES_PASSWORD=postgres", "POSTGRES_USER=postgres"}},
		Steps: []imagetest.Step{
			{By: "ENV POSTGRES_PASSWORD=postgres POSTGRES_USER=postgres"},
			{By: "RUN /bin/sh -c echo root:root | chpasswd # buildkit", Files: file("var/lib/postgresql/x", npmToken)},
		},
	}.Build(t), audit.Options{}),
		"file: /var/lib/postgresql/x holds an npm token: npm_*** | in 1 | 2: RUN echo ***:*** | chpasswd",
		"note: env: ENV POSTGRES_PASSWORD holds a weak or made-up value | 1: ENV POSTGRES_PASSWORD=*** POSTGRES_USER=***",
		"note: history: the history holds ROOT_PASSWORD (chpasswd), a weak or made-up value | 2: RUN echo ***:*** | chpasswd",
	)
}

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

// TestElsewhere: what packages, tests and manuals bring along is a note, and what people
// put there by hand is none.
func TestElsewhere(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgc4n4ryEXAMPLE7Qm2\n-----END PRIVATE KEY-----\n"
	r := run(t, imagetest.Image{Steps: []imagetest.Step{{By: "COPY . / # buildkit", Packing: compression.ZStd, Files: []imagetest.Entry{
		{Name: "usr/lib/python3/dist-packages/x/client.py", Body: "u = 'https://user:" + password + "@example.com'"},
		{Name: "app/node_modules/y/test/server.key", Body: key},
		{Name: "app/tests/id_rsa", Body: key},
		{Name: "etc/ssl/private/ssl-cert-snakeoil.key", Body: key},
		{Name: "usr/lib/node_modules/shop/.npmrc", Body: "//registry.example.com/:_authToken=" + npmToken},
		{Name: "usr/src/app/secrets.py", Body: "PASSWORD = input()"},
		{Name: "test/id_rsa", Body: key},
		{Name: "root/.ssh/id_rsa", Body: key + key},
		{Name: "etc/ssl/certs/ca-certificates.crt", Body: "-----BEGIN CERTIFICATE-----\nMIIF\n-----END CERTIFICATE-----\n"},
		{Name: "root/.netrc", Body: "machine example.com login shop password " + password},
		{Name: "root/.docker/config.json", Body: `{"auths":{"registry.example.com":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("shop:"+password)) + `"}}}`},
		{Name: "app/.env.example", Body: "DB_PASSWORD=" + password},
	}}}}.Build(t), audit.Options{})
	const in = " | in 1 | 1: COPY . /"
	want(t, r,
		"file: /usr/lib/node_modules/shop/.npmrc (npm configuration) holds an npm token: npm_***"+in,
		"file: /test/id_rsa (ssh private key) holds a private key"+in,
		"file: /root/.ssh/id_rsa (ssh private key) holds 2 private keys"+in,
		"file: /root/.netrc (netrc credentials) holds a secret"+in,
		"file: /root/.docker/config.json (registry credentials) holds a secret"+in,
		"note: file: /usr/lib/python3/dist-packages/x/client.py holds a URL password"+in,
		"note: file: /app/node_modules/y/test/server.key (TLS private key) holds a private key"+in,
		"note: file: /app/tests/id_rsa (ssh private key) holds a private key"+in,
		"note: file: /etc/ssl/private/ssl-cert-snakeoil.key (private key) holds a private key"+in,
	)
	for _, f := range r.Findings {
		if f.Note != f.Grouped() {
			t.Errorf("%s: grouped %v", f.Message(), f.Grouped())
		}
	}
}

// TestAttestation looks into BuildKit's provenance, which holds the Dockerfile in base64.
func TestAttestation(t *testing.T) {
	dockerfile := "FROM scratch AS build\nENV DEPLOY_PASSWORD=" + password + "\nFROM scratch\nCOPY --from=build /x /\n"
	statement := fmt.Sprintf(`{"predicate":{"invocation":{"parameters":{"args":{"build-arg:NPM_TOKEN":%q,"build-arg:MODE":"x"}}},
		"metadata":{"source":{"infos":[{"data":%q}]}},"buildConfig":{"llbDefinition":[{"op":{"exec":{"meta":{"env":["PATH=/bin","CI_PASSWORD=%s"]}}}}]}}}`,
		npmToken, base64.StdEncoding.EncodeToString([]byte(dockerfile)), pw("env"))
	img := imagetest.Image{Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", "x")}}}.Build(t)
	index := imagetest.Attested(t, "https://slsa.dev/provenance/v0.2", statement, img)
	const subject = "attestation: the attestation (https://slsa.dev/provenance/v0.2) holds "
	want(t, run(t, index, audit.Options{}),
		subject+"the variable CI_PASSWORD, a secret",
		subject+"the build argument NPM_TOKEN, an npm token: npm_***",
		subject+"DEPLOY_PASSWORD, in the Dockerfile",
	)
	want(t, run(t, index, audit.Options{Known: known(t, "PW="+password)}),
		subject+"the value of PW, in base64",
		subject+"the variable CI_PASSWORD, a secret",
		subject+"the build argument NPM_TOKEN, an npm token: npm_***",
		subject+"DEPLOY_PASSWORD, in the Dockerfile",
	)
}

// TestLargeAttestation is one that is not read whole.
func TestLargeAttestation(t *testing.T) {
	statement := `{"files":["` + strings.Repeat("x", image.SmallBlob) + ` ` + npmToken + `","` + password + `"]}`
	img := imagetest.Image{Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", "x")}}}.Build(t)
	want(t, run(t, imagetest.Attested(t, "https://spdx.dev/Document", statement, img), audit.Options{Known: known(t, "PW="+password)}),
		"attestation: the attestation (https://spdx.dev/Document) holds the value of PW",
		"attestation: the attestation (https://spdx.dev/Document) holds an npm token: npm_***")
}

// TestPlatforms tells what two platforms have in common once.
func TestPlatforms(t *testing.T) {
	amd := imagetest.Image{Config: v1.Config{Env: []string{"NPM_TOKEN=" + npmToken}}, Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", npmToken)}}}
	arm := amd
	arm.Arch = "arm64"
	arm.Steps = append(arm.Steps, imagetest.Step{By: "COPY y /y # buildkit", Files: file("y", "y-"+npmToken)})
	r := run(t, imagetest.Index(t, amd.Build(t), arm.Build(t)), audit.Options{})
	want(t, r,
		"env: ENV NPM_TOKEN holds an npm token: npm_***",
		"file: /x holds an npm token: npm_*** | in 1 | 1: COPY x /x",
		"file: /y holds an npm token: npm_*** | in 2 | 2: COPY y /y",
	)
	for i, n := range []int{2, 2, 1} {
		if len(r.Findings[i].Platforms) != n {
			t.Errorf("%s: in %d platforms", r.Findings[i].Message(), len(r.Findings[i].Platforms))
		}
	}
	if r.Layers != 2 {
		t.Errorf("%d layers read", r.Layers)
	}
}

// TestNoHistory: where no step can be told, none is.
func TestNoHistory(t *testing.T) {
	want(t, run(t, imagetest.Image{NoHistory: true, Steps: []imagetest.Step{{Files: file("x", npmToken)}}}.Build(t), audit.Options{}),
		"file: /x holds an npm token: npm_*** | in 1")
}

// TestLines joins the history to a Dockerfile, as far as both say the same.
func TestLines(t *testing.T) {
	const text = `# syntax=docker/dockerfile:1
FROM node:20 AS build
RUN npm ci
FROM node:20
ARG NPM_TOKEN
ENV MODE="shop front" \
    LEVEL=$LEVEL
COPY --chown=node .npmrc ./
RUN <<EOF
npm ci
npm test
EOF
RUN echo one && \
    echo two
WORKDIR /app
COPY --from=build /out/ /app/out/
CMD ["node", "."]
`
	f, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	base := imagetest.Step{By: "ADD rootfs / # buildkit", Files: file("root/.npmrc", "_authToken="+npmToken)}
	steps := []imagetest.Step{
		base,
		{By: "ENV NODE_VERSION=20"},
		{By: "ARG NPM_TOKEN=" + npmToken},
		{By: "ENV MODE=shop front LEVEL=3"},
		{By: "COPY --chown=node .npmrc ./ # buildkit", Files: file(".npmrc", "_authToken="+npmToken)},
		{By: "RUN |1 NPM_TOKEN=" + npmToken + " /bin/sh -c npm ci\nnpm test\n # buildkit", Files: file("cache/a", npmToken)},
		{By: "RUN |1 NPM_TOKEN=" + npmToken + " /bin/sh -c echo one &&     echo two # buildkit", Files: file("b", npmToken)},
		{By: "WORKDIR /app", Files: file("c", npmToken)},
		{By: "COPY /out/ /app/out/ # buildkit", Files: file("d", npmToken)},
		{By: "CMD [\"node\" \".\"]"},
	}
	got := func(steps []imagetest.Step) (lines []string, matched bool) {
		r := run(t, imagetest.Image{Steps: steps}.Build(t), audit.Options{Dockerfile: f})
		for _, f := range r.Findings {
			line := fmt.Sprint(f.Line)
			if f.Base {
				line = "base"
			}
			lines = append(lines, line)
		}
		return lines, r.Matched
	}
	check := func(name string, steps []imagetest.Step, want string, all bool) {
		t.Helper()
		if lines, matched := got(steps); strings.Join(lines, " ") != want || matched != all {
			t.Errorf("%s: lines %v, matched %v", name, lines, matched)
		}
	}
	check("BuildKit", steps, "5 base 8 9 13 15 16", true)

	// Another text in one instruction: nothing above it is certain.
	edited := slices.Clone(steps)
	edited[6].By = "RUN /bin/sh -c echo three # buildkit"
	check("edited", edited, "0 0 0 0 0 15 16", false)
	check("another file", []imagetest.Step{base, {By: "CMD [\"x\"]"}}, "0", false)

	// On a base image without a history: BuildKit makes a step up for its layer, and has it stand at the end.
	bare := slices.Clone(steps)
	bare[0].By, bare[0].Comment = bare[1].By, ""
	bare = slices.Delete(bare, 1, 2)
	layers := make([][]imagetest.Entry, 0, len(bare))
	for _, s := range steps {
		if s.Files != nil {
			layers = append(layers, s.Files)
		}
	}
	for i := range bare { // the history of each layer is that of the one above
		if bare[i].Files = nil; strings.HasPrefix(bare[i].By, "COPY") || strings.HasPrefix(bare[i].By, "RUN") || strings.HasPrefix(bare[i].By, "WORKDIR") {
			bare[i].Files, layers = layers[0], layers[1:]
		}
	}
	bare = append(bare, imagetest.Step{By: "mount / from exec /bin/sh -c npm ci", Comment: image.Filler, Files: layers[0]})
	check("a base without a history", bare, "5 base 8 9 13 15 16", true)

	// The builder before BuildKit, which names sources by their hashes.
	const hash = "c4d1d1b2e0a5"
	old := []imagetest.Step{
		base,
		{By: "/bin/sh -c #(nop)  ARG NPM_TOKEN"},
		{By: "/bin/sh -c #(nop)  ENV MODE=shop front LEVEL=3"},
		{By: "/bin/sh -c #(nop) COPY --chown=node:node file:" + hash + " in ./ ", Files: file(".npmrc", "_authToken="+npmToken)},
		{By: "|1 NPM_TOKEN=" + npmToken + " /bin/sh -c npm ci\nnpm test", Files: file("cache/a", npmToken)},
		{By: "|1 NPM_TOKEN=" + npmToken + " /bin/sh -c echo one &&     echo two", Files: file("b", npmToken)},
		{By: "/bin/sh -c #(nop) WORKDIR /app"},
		{By: "/bin/sh -c #(nop) COPY dir:" + hash + " in /app/out/ ", Files: file("d", npmToken)},
		{By: "/bin/sh -c #(nop)  CMD [\"node\" \".\"]"},
	}
	check("the old builder", old, "9 base 8 9 13 16", true)
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
