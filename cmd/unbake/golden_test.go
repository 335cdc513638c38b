package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("u", false, "write what fix does into the golden cases; read the diff")

// TestGolden runs fix on each case of testdata/*.txtar. A case is an input tree and,
// under want/, the files that differ after the fix ("want/NAME" with no content: gone).
// The lines of its comment are:
//
//	args FLAG…      flags of fix (default: none)
//	exit N          the exit code (default 0)
//	stderr TEXT     a text that must be in the findings
//	unsaid TEXT     a text that must not be in the findings
//	canary TEXT     a value that no output may hold
//
// Each case is run a second time, on its result: nothing may change.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("../../testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, name)
		})
	}
}

type goldenCase struct {
	args, stderr, unsaid, canary []string
	exit                         int
	in, want                     map[string]string
}

func parseGolden(t testing.TB, name string) (*txtar.Archive, *goldenCase) {
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := &goldenCase{in: map[string]string{}, want: map[string]string{}}
	for line := range strings.Lines(string(ar.Comment)) {
		line = strings.TrimSpace(line)
		key, rest, _ := strings.Cut(line, " ")
		switch key {
		case "args":
			c.args = strings.Fields(rest)
		case "exit":
			c.exit = int(rest[0] - '0')
		case "stderr":
			c.stderr = append(c.stderr, rest)
		case "unsaid":
			c.unsaid = append(c.unsaid, rest)
		case "canary":
			c.canary = append(c.canary, rest)
		}
	}
	for _, f := range ar.Files {
		if w, ok := strings.CutPrefix(f.Name, "want/"); ok {
			c.want[w] = unescape(string(f.Data))
		} else {
			c.in[f.Name] = unescape(string(f.Data))
		}
	}
	return ar, c
}

// unescape lets a case say what txtar cannot: "\r$" ends a line with CRLF, "\0$" at the
// end of a file takes the last newline away, "\B" at its start is a byte order mark.
func unescape(s string) string {
	s = strings.ReplaceAll(s, "\\r$\n", "\r\n")
	s = strings.Replace(s, "\\0$\n", "", 1)
	if rest, ok := strings.CutPrefix(s, "\\B"); ok {
		s = "\xef\xbb\xbf" + rest
	}
	return s
}

func escape(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\\r$\n")
	if rest, ok := strings.CutPrefix(s, "\xef\xbb\xbf"); ok {
		s = "\\B" + rest
	}
	if !strings.HasSuffix(s, "\n") && s != "" {
		s += "\\0$\n"
	}
	return s
}

func golden(t *testing.T, name string) {
	ar, c := parseGolden(t, name)
	dir := t.TempDir()
	writeTree(t, dir, c.in)
	var out bytes.Buffer
	code := run(append(append([]string{"fix"}, c.args...), dir), &out, &out)
	got := readTree(t, dir)
	changed := map[string]string{}
	for f, s := range got {
		if old, ok := c.in[f]; !ok || old != s {
			changed[f] = s
		}
	}
	if *update {
		updateGolden(t, name, ar, changed)
	} else {
		compareTrees(t, c.want, changed)
	}
	if code != c.exit {
		t.Errorf("exit %d, want %d\n%s", code, c.exit, out.String())
	}
	for _, s := range c.stderr {
		if !strings.Contains(out.String(), s) {
			t.Errorf("the findings do not say %q:\n%s", s, out.String())
		}
	}
	for _, s := range c.unsaid {
		if strings.Contains(out.String(), s) {
			t.Errorf("the findings say %q:\n%s", s, out.String())
		}
	}
	// What a diff of it would print is an output too.
	var diff bytes.Buffer
	again := t.TempDir()
	writeTree(t, again, c.in)
	run(append(append([]string{"fix", "-n"}, c.args...), again), &diff, &diff)
	var asJSON bytes.Buffer
	run(append(append([]string{"fix", "-n", "--format=json"}, c.args...), again), &asJSON, &asJSON)
	for _, s := range c.canary {
		if strings.Contains(out.String(), s) || strings.Contains(diff.String(), s) || strings.Contains(asJSON.String(), s) {
			t.Errorf("the output tells %q:\n%s%s", s, out.String(), diff.String())
		}
	}
	for f, s := range readTree(t, again) {
		if s != c.in[f] {
			t.Errorf("--dry-run wrote %s", f)
		}
	}
	// Fixpoint.
	var second bytes.Buffer
	run(append(append([]string{"fix"}, c.args...), dir), &second, &second)
	for f, s := range readTree(t, dir) {
		if s != got[f] {
			t.Errorf("a second run changes %s:\n%s", f, s)
		}
	}
}

func writeTree(t testing.TB, dir string, files map[string]string) {
	for f, s := range files {
		p := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func readTree(t testing.TB, dir string) map[string]string {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func compareTrees(t *testing.T, want, got map[string]string) {
	t.Helper()
	for f, s := range want {
		if got[f] != s {
			t.Errorf("%s:\n--- got\n%s\n--- want\n%s", f, got[f], s)
		}
	}
	for f, s := range got {
		if _, ok := want[f]; !ok {
			t.Errorf("%s was changed, and nothing says so:\n%s", f, s)
		}
	}
}

func updateGolden(t *testing.T, name string, ar *txtar.Archive, changed map[string]string) {
	files := ar.Files[:0:0]
	for _, f := range ar.Files {
		if !strings.HasPrefix(f.Name, "want/") {
			files = append(files, f)
		}
	}
	var names []string
	for f := range changed {
		names = append(names, f)
	}
	sort.Strings(names)
	for _, f := range names {
		files = append(files, txtar.File{Name: "want/" + f, Data: []byte(escape(changed[f]))})
	}
	ar.Files = files
	if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}
