package audit_test

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/unbake-dev/unbake/rewrite/audit"
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
