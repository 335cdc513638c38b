package ignorefile

import (
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

func TestAdd(t *testing.T) {
	for _, tc := range []struct{ src, want string }{
		{"", "/secrets/\n"},
		{"dist\n", "dist\n/secrets/\n"},
		{"dist", "dist\n/secrets/\n"},
		{"dist\r\n", "dist\r\n/secrets/\r\n"},
		{"dist\r\nx", "dist\r\nx\r\n/secrets/\r\n"},
		{"/secrets/\n", "/secrets/\n"},
		{"/secrets/", "/secrets/"},
		{"/secrets/\n!/secrets/\n", "/secrets/\n!/secrets/\n/secrets/\n"}, // taken back: the last word counts
		{"secrets.txt\n", "secrets.txt\n/secrets/\n"},
	} {
		e, ok := Add([]byte(tc.src), "/secrets/")
		got := tc.src
		if ok {
			out, err := edit.Apply([]byte(tc.src), []edit.Edit{e})
			if err != nil {
				t.Fatal(err)
			}
			got = string(out)
			if _, again := Add(out, "/secrets/"); again {
				t.Errorf("%q: a second time adds it again", tc.src)
			}
		}
		if got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.src, got, tc.want)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tc := range []struct {
		content, name string
		want          bool
	}{
		{"", ".npmrc", false},
		{".npmrc\n", ".npmrc", true},
		{"/.npmrc\n", ".npmrc", true},
		{"*\n!src\n", ".npmrc", true},
		{"*\n!.npmrc\n", ".npmrc", false},
		{"**/*.key\n", "tls/server.key", true},
		{"tls\n", "tls/server.key", true},
		{"# .npmrc\n", ".npmrc", false},
		{"[\n", ".npmrc", false}, // a pattern that docker refuses covers nothing
	} {
		if got := Covers([]byte(tc.content), tc.name); got != tc.want {
			t.Errorf("Covers(%q, %s) = %v", tc.content, tc.name, got)
		}
	}
}

func TestTakesBack(t *testing.T) {
	for _, tc := range []struct {
		content, name string
		want          bool
	}{
		{"*\n!.npmrc\n", ".npmrc", true},
		{"!**/.npmrc\r\n", "web/.npmrc", true},
		{"!.n*\n", ".npmrc", true},
		{"*\n!web\n", "web/.npmrc", false},
		{"*\n!web/**\n", "web/.npmrc", true},
		{".npmrc\n", ".npmrc", false},
		{"", ".npmrc", false},
	} {
		if got := TakesBack([]byte(tc.content), tc.name); got != tc.want {
			t.Errorf("TakesBack(%q, %s) = %v", tc.content, tc.name, got)
		}
	}
}
