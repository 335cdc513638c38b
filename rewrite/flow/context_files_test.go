package flow

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

func TestMatchPrefix(t *testing.T) {
	for _, tc := range []struct{ pattern, file, want string }{
		{"", "a/.env", "a/.env"},
		{"a", "a/.env", ".env"},
		{"a", "ab/.env", ""},
		{"a/b", "a/.env", ""},
		{"*", ".env", ".env"},
		{"*", "a/b/.env", "b/.env"},
		{"a/*", "a/.env", ".env"},
		{"[", "a/.env", ""},
	} {
		got, ok := matchPrefix(tc.pattern, tc.file)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("matchPrefix(%q, %s) = %q, %v", tc.pattern, tc.file, got, ok)
		}
	}
}

func TestMentionsFile(t *testing.T) {
	for _, tc := range []struct {
		text, name string
		want       bool
	}{
		{"cat .env", ".env", true},
		{"cat ./.env;", ".env", true},
		{"process.env", ".env", false},
		{".env.local", ".env", false},
		{"read .env.", ".env", true},
		{"id_rsa.pub", "id_rsa", false},
		{"deploy_id_rsa", "id_rsa", false},
		{"'keys/id_rsa'", "id_rsa", true},
		{"id_rsa_old id_rsa", "id_rsa", true},
	} {
		if got := mentionsFile(tc.text, tc.name); got != tc.want {
			t.Errorf("mentionsFile(%q, %s) = %v", tc.text, tc.name, got)
		}
	}
}

func TestFixture(t *testing.T) {
	for name, want := range map[string]bool{
		".env":                            false,
		"contest/.env":                    false,
		"latest/server.key":               false,
		".env.test":                       true,
		"testdata/id_rsa":                 true,
		"api/test-certs/server.key":       true,
		"node_modules/x/key.pem":          true,
		"example.env":                     true,
		"app/debug.keystore":              true,
		"app/release.keystore":            false,
		"lib/site-packages/x/private.pem": true,
	} {
		if got := fixture(name); got != want {
			t.Errorf("fixture(%s) = %v", name, got)
		}
	}
}

// TestSource holds the quick look at a name against the table: what it passes over is
// what the table says of patterns that end in anything.
func TestSource(t *testing.T) {
	table, err := os.ReadFile("../../rules/detect/files.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(table)) {
		pattern, _, ok := strings.Cut(line, "\t")
		if !ok || strings.ContainsAny(pattern[:1], "#!@") {
			continue
		}
		n++
		if name := strings.ReplaceAll(pattern, "*", "x"); source(name) {
			t.Errorf("%s is taken for a source", pattern)
		}
	}
	if n < 100 {
		t.Errorf("%d rows", n)
	}
}

func TestBuiltFrom(t *testing.T) {
	for _, tc := range []struct {
		path, copies, files string
		want                string
	}{
		{"Dockerfile", "COPY . .", "", ". true"},
		{"web/Dockerfile", "COPY . .", "", "web true"},
		{"docker/Dockerfile", "COPY . .", "", "docker . false"},
		{"docker/Dockerfile", "COPY package.json .", "package.json", ". true"},
		{"docker/Dockerfile", "COPY entry.sh .", "docker/entry.sh", "docker true"},
		{"web/Dockerfile", "COPY package.json .", "other/package.json", "web false"},
		{"web/Dockerfile", "COPY a b /", "web/a b", "web false"},
		{"web/Dockerfile", "COPY . .", "compose.yaml", ". true"},
	} {
		files := fstest.MapFS{}
		for f := range strings.FieldsSeq(tc.files) {
			files[f] = &fstest.MapFile{Data: []byte("services:\n  web:\n    build:\n      context: .\n      dockerfile: web/Dockerfile\n")}
		}
		f, err := dockerfile.Parse(tc.path, []byte("FROM alpine\n"+tc.copies+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		dirs, sure := BuiltFrom(f, NewProject(files, func() []string { return strings.Fields(tc.files) }))
		if got := fmt.Sprint(strings.Join(dirs, " "), " ", sure); got != tc.want {
			t.Errorf("%s, %s, %s: %s, want %s", tc.path, tc.copies, tc.files, got, tc.want)
		}
	}
}

// TestIgnoredByGit looks for a file that is in no list, in the folders where it can be.
func TestIgnoredByGit(t *testing.T) {
	secret := &fstest.MapFile{Data: []byte("API_SECRET_KEY=c4n4ry-EXAMPLE-0123456789abcdef\n")}
	files := fstest.MapFS{".git/HEAD": {}, "src/main.js": {}, "src/.env": secret, "dist/.env": secret, "conf.d/app.env": secret, "node_modules/a/.env": secret, ".venv/.env": secret, "secrets/prod/.env": secret, ".env": secret}
	x := newSecretFiles(files, func() []string { return []string{"src/main.js"} })
	var got []string
	for _, f := range x.below(".") {
		got = append(got, f.name)
	}
	if want := []string{".env", "conf.d/app.env", "secrets/prod/.env", "src/.env"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
