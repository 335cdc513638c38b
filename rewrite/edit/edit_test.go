package edit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	for _, tc := range []struct {
		src   string
		edits []Edit
		want  string
	}{
		{"abc", nil, "abc"},
		{"abc", []Edit{{1, 2, ""}}, "ac"},
		{"abc", []Edit{{3, 3, "d"}, {0, 0, "_"}}, "_abcd"},
		{"abc", []Edit{{1, 2, "X"}, {2, 3, "Y"}}, "aXY"},
		{"", []Edit{{0, 0, "x"}}, "x"},
	} {
		got, err := Apply([]byte(tc.src), tc.edits)
		if err != nil || string(got) != tc.want {
			t.Errorf("Apply(%q, %v) = %q, %v, want %q", tc.src, tc.edits, got, err, tc.want)
		}
	}
	for _, edits := range [][]Edit{
		{{0, 4, ""}}, {{-1, 0, ""}}, {{2, 1, ""}}, // outside, reversed
		{{0, 2, ""}, {1, 3, ""}},   // overlap
		{{1, 1, "x"}, {1, 1, "y"}}, // two insertions at one place: their order is a guess
		{{1, 1, "x"}, {1, 2, "y"}}, // an insertion at the start of a replacement
	} {
		if got, err := Apply([]byte("abc"), edits); err == nil {
			t.Errorf("Apply(abc, %v) = %q, want an error", edits, got)
		}
	}
}

var diffs = []struct{ name, old, new string }{
	{"change", "a\nb\nc\n", "a\nB\nc\n"},
	{"first line", "a\n", "# x\na\n"},
	{"no last newline", "a\nb", "a\nc"},
	{"newline comes", "a", "a\n"},
	{"newline goes", "a\n", "a"},
	{"crlf", "a\r\nb\r\n", "a\r\nc\r\n"},
	{"two hunks", strings.Repeat("l\n", 20), "x\n" + strings.Repeat("l\n", 20) + "y\n"},
	{"all goes", "a\nb\n", ""},
	{"many lines", numbered(3000), strings.Replace(numbered(3000), "line 2048\n", "changed\n", 1)},
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("line " + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "\n")
		if i == n-10 {
			b.WriteString("line 2048\n")
		}
	}
	return b.String()
}

// TestUnified lets patch and git apply the diffs: they are the judges of the form.
func TestUnified(t *testing.T) {
	for _, tc := range diffs {
		t.Run(tc.name, func(t *testing.T) { applies(t, tc.old, tc.new) })
	}
	if d := Unified("x", []byte("same\n"), []byte("same\n")); d != "" {
		t.Errorf("a diff of nothing: %q", d)
	}
	want := "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n"
	if d := Unified("x", nil, []byte("a")); d != want {
		t.Errorf("new file: %q", d)
	}
}

func applies(t *testing.T, old, new string) {
	t.Helper()
	d := Unified("dir/f", []byte(old), []byte(new))
	for _, args := range [][]string{{"git", "apply", "-"}, {"patch", "-s", "-p1", "--binary"}} {
		if _, err := exec.LookPath(args[0]); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			continue
		}
		dir := t.TempDir()
		file := filepath.Join(dir, "dir", "f")
		os.MkdirAll(filepath.Dir(file), 0o755)
		if err := os.WriteFile(file, []byte(old), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		cmd.Stdin = strings.NewReader(d)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s refuses: %v\n%s\n%s", args[0], err, out, d)
		}
		got, err := os.ReadFile(file)
		if err != nil && new != "" || string(got) != new {
			t.Fatalf("%s makes %q of %q, want %q (%v)\n%s", args[0], got, old, new, err, d)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte("hello\nworld\n"), 1, 3, "x", 6, 6, "y\n")
	f.Add([]byte(""), 0, 0, "a", 0, 0, "b")
	f.Add([]byte("a\r\nb"), 0, 4, "", 4, 4, "\n")
	f.Fuzz(func(t *testing.T, src []byte, s1, e1 int, n1 string, s2, e2 int, n2 string) {
		edits := []Edit{{s1, e1, n1}, {s2, e2, n2}}
		out, err := Apply(src, edits)
		swapped, err2 := Apply(src, []Edit{edits[1], edits[0]})
		if (err == nil) != (err2 == nil) || !bytes.Equal(out, swapped) {
			t.Fatal("the order of the edits matters")
		}
		if err != nil {
			return
		}
		if want := len(src) - (e1 - s1) - (e2 - s2) + len(n1) + len(n2); len(out) != want {
			t.Fatalf("%d bytes, want %d", len(out), want)
		}
		first, last := min(s1, s2), max(e1, e2)
		if !bytes.HasPrefix(out, src[:first]) || !bytes.HasSuffix(out, src[last:]) {
			t.Fatal("bytes outside of the edits changed")
		}
		reverse(t, src, out)
	})
}

// reverse applies a diff by its own text: the lines with ' ' and '+' of the hunks, put
// over the old file, are the new one.
func reverse(t *testing.T, old, new []byte) {
	d := Unified("f", old, new)
	if bytes.Equal(old, new) {
		if d != "" {
			t.Fatalf("a diff of nothing: %q", d)
		}
		return
	}
	var before, after strings.Builder
	lines := strings.SplitAfter(d, "\n")
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if strings.HasPrefix(l, "diff ") || strings.HasPrefix(l, "--- a/f\n") || strings.HasPrefix(l, "+++ b/f\n") || strings.HasPrefix(l, "@@ ") || l == "" || strings.HasPrefix(l, "\\ ") {
			continue
		}
		text := l[1:]
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "\\ ") {
			text = strings.TrimSuffix(text, "\n")
		}
		if l[0] != '+' {
			before.WriteString(text)
		}
		if l[0] != '-' {
			after.WriteString(text)
		}
	}
	// With no more lines than the context all of the file is in the hunks.
	if bytes.Count(old, []byte("\n")) < context && (before.String() != string(old) || after.String() != string(new)) {
		t.Fatalf("the diff is not of these files\n%q\n%q\n%s", old, new, d)
	}
}
