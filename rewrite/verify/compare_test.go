package verify

import (
	"archive/tar"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/image"
)

func TestLess(t *testing.T) {
	m := one("tok-c4n4ry-EXAMPLE")
	for _, c := range []struct {
		old, new    string
		only, lines bool
	}{
		{"a\nt=tok-c4n4ry-EXAMPLE\nb\n", "a\nb\n", true, true},
		{"a\nt=tok-c4n4ry-EXAMPLE\nb\n", "a\nt=\nb\n", true, true},
		{"t=tok-c4n4ry-EXAMPLE", "t=", true, true},
		{"https://ci:tok-c4n4ry-EXAMPLE@git.example.com/x\n", "https://git.example.com/x\n", true, true},
		{"https://tok-c4n4ry-EXAMPLE@git.example.com/x\n", "https://git.example.com/x\n", true, true},
		{"a\nt=tok-c4n4ry-EXAMPLE\n", "", false, true},
		{"t=tok-c4n4ry-EXAMPLE\n", "t=_TOKEN_\n", false, true},
		{"[s]\nt=tok-c4n4ry-EXAMPLE\n[o]\n", "[o]\n", false, true},
		{"a\nt=tok-c4n4ry-EXAMPLE\nb\n", "a\nc\nb\n", false, true},
		{"a\nt=tok-c4n4ry-EXAMPLE\nb\n", "a\nb\nc\n", false, false},
		{"a\nt=tok-c4n4ry-EXAMPLE\nb\n", "b\na\n", false, false},
		{"t=tok-c4n4ry-EXAMPLE\n", "x\ny\n", false, false},
	} {
		if got := m.lessOnly([]byte(c.old), []byte(c.new)); got != c.only {
			t.Errorf("%q, %q: less only: %v", c.old, c.new, got)
		}
		if got := m.lessLines([]byte(c.old), []byte(c.new)); got != c.lines {
			t.Errorf("%q, %q: less lines: %v", c.old, c.new, got)
		}
	}
}

// TestApply: layers on top of each other, as the OCI image specification says.
func TestApply(t *testing.T) {
	dir, reg := file{kind: tar.TypeDir}, file{kind: tar.TypeReg}
	content := func(n int64) file { return file{kind: tar.TypeReg, size: n} }
	base := func() tree {
		return tree{"a": dir, "a/b": dir, "a/b/c": content(1), "a/bc": content(2), "d": content(3), "l": {kind: tar.TypeSymlink, link: "d"}}
	}
	for name, c := range map[string]struct {
		layer layer
		want  string
	}{
		"nothing":              {layer{}, "a a/b a/b/c:1 a/bc:2 d:3 l"},
		"on top":               {layer{entries: tree{"a/b/e": content(4)}}, "a a/b a/b/c:1 a/b/e:4 a/bc:2 d:3 l"},
		"in place":             {layer{entries: tree{"d": content(5)}}, "a a/b a/b/c:1 a/bc:2 d:5 l"},
		"gone":                 {layer{gone: []string{"d"}}, "a a/b a/b/c:1 a/bc:2 l"},
		"a folder gone":        {layer{gone: []string{"a/b"}}, "a a/bc:2 d:3 l"},
		"gone, and there":      {layer{gone: []string{"a/b"}, entries: tree{"a/b": dir, "a/b/n": content(6)}}, "a a/b a/b/n:6 a/bc:2 d:3 l"},
		"emptied":              {layer{emptied: []string{"a"}, entries: tree{"a": dir, "a/n": content(7)}}, "a a/n:7 d:3 l"},
		"emptied, not named":   {layer{emptied: []string{"a/b"}}, "a a/b a/bc:2 d:3 l"},
		"all emptied":          {layer{emptied: []string{"."}, entries: tree{"n": content(8)}}, "n:8"},
		"a file for a folder":  {layer{entries: tree{"a": content(9)}}, "a:9 d:3 l"},
		"a folder for a file":  {layer{entries: tree{"d": dir, "d/n": content(1)}}, "a a/b a/b/c:1 a/bc:2 d d/n:1 l"},
		"a folder stays one":   {layer{entries: tree{"a": dir}}, "a a/b a/b/c:1 a/bc:2 d:3 l"},
		"a link":               {layer{entries: tree{"h": {kind: tar.TypeLink, link: "/d"}}}, "a a/b a/b/c:1 a/bc:2 d:3 h:3 l"},
		"a link in the layer":  {layer{entries: tree{"h": {kind: tar.TypeLink, link: "n"}, "n": content(4)}}, "a a/b a/b/c:1 a/bc:2 d:3 h:4 l n:4"},
		"a link that is empty": {layer{entries: tree{"h": {kind: tar.TypeLink, link: "d"}, "d": reg}}, "a a/b a/b/c:1 a/bc:2 d:0 h:0 l"},
	} {
		files := base()
		files.apply(&c.layer)
		var got []string
		for _, path := range slices.Sorted(maps.Keys(files)) {
			if f := files[path]; f.kind == tar.TypeReg {
				path += fmt.Sprint(":", f.size)
			}
			got = append(got, path)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %s, want %s", name, strings.Join(got, " "), c.want)
		}
	}
}

// TestMadeFor: the folder that a command made for a secret goes with it; one that a COPY made, or with more in it, does
// not.
func TestMadeFor(t *testing.T) {
	by := func(command string) *image.Layer { return &image.Layer{History: &image.History{CreatedBy: command}} }
	run, copied := by("RUN /bin/sh -c login # buildkit"), by("[2/3] COPY x /root/.m2/")
	folder := func(l *image.Layer) file { return file{kind: tar.TypeDir, layer: l, made: l} }
	secret, other := file{kind: tar.TypeReg, layer: run, made: run, holds: "0 "}, file{kind: tar.TypeReg, layer: run, made: run}
	before := tree{
		"cache": folder(run), "cache/tool": folder(run), "cache/tool/token": secret,
		"mixed": folder(run), "mixed/token": secret, "mixed/state": other,
		"m2": folder(copied), "m2/settings": secret,
		"empty": folder(run),
	}
	var got []string
	for name, made := range before.madeFor(tree{}) {
		if made {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if fmt.Sprint(got) != "[cache cache/tool]" {
		t.Error(got)
	}
}

// TestVary: names that only one build of the old file has are odd in all builds, where they are as long.
func TestVary(t *testing.T) {
	content := func(n int64) file { return file{kind: tar.TypeReg, size: n} }
	before := tree{"tmp/aB3": content(1), "log": content(2), "x": content(3)}
	again := tree{"tmp/cD4": content(1), "log": content(4), "x": content(3)}
	c := &Comparison{Differences: []Difference{
		{"/tmp/eF5", "is new"}, {"/tmp/aB3", "is missing"}, {"/log", "other content"},
		{"/x", "other content"}, {"/tmp/longer", "is new"}, {"/y", "is new"},
	}}
	c.vary(before, again)
	if len(c.Varying) != 3 || fmt.Sprint(c.Differences) != "[{/x other content} {/tmp/longer is new} {/y is new}]" {
		t.Errorf("%v %v", c.Varying, c.Differences)
	}
}

func TestParseSecret(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "npmrc", "of the file")
	t.Setenv("SHOP_TOKEN", "of the variable")
	for flag, want := range map[string]string{
		"id=SHOP_TOKEN":                "SHOP_TOKEN of the variable",
		"id=T,env=SHOP_TOKEN":          "T of the variable",
		"type=env,id=SHOP_TOKEN":       "SHOP_TOKEN of the variable",
		"id=T,type=env,src=SHOP_TOKEN": "T of the variable",
		"id=T,src=npmrc":               "T of the file",
		"type=file,id=T,source=npmrc":  "T of the file",
		"id=npmrc":                     "npmrc of the file",
		"id=NOWHERE":                   "NOWHERE <nil>",
		"src=npmrc":                    "--secret: has no id",
		"id=T,env=NOT_THERE":           "there is no variable NOT_THERE",
		"id=T,src=not-there":           "not-there: no such file",
		"id=T,type=x":                  "type is file or env",
		"id=T,tok-c4n4ry-EXAMPLE":      "one without =",
		"id=T,file=npmrc":              "there is no key file",
		`"id=T`:                        "not a list",
	} {
		id, v, err := ParseSecret(flag)
		got := fmt.Sprint(id, " ", string(v))
		switch {
		case err != nil:
			got = err.Error()
		case v == nil:
			got = id + " <nil>"
		}
		if !strings.Contains(got, want) || strings.Contains(got, "c4n4ry") {
			t.Errorf("%s: %s, want %s", flag, got, want)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
