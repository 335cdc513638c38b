package proof_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// TestMutatedGoldens takes the Dockerfile of each golden case through its fixes, breaks the
// result in one place after the other, and wants every one of these refused: an instruction
// gone, twice, or behind the next one, a mount gone, a byte more in the last word.
func TestMutatedGoldens(t *testing.T) {
	cases, err := filepath.Glob("../../testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	files, refused := 0, 0
	for _, name := range cases {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "\\r$") || strings.Contains(string(data), "\\B") || strings.Contains(string(data), "\\0$") {
			continue // what such a case stands for is seen in the golden test
		}
		tree := map[string]string{}
		for _, f := range txtar.Parse(data).Files {
			if !strings.HasPrefix(f.Name, "want/") {
				tree[f.Name] = string(f.Data)
			}
		}
		if tree["Dockerfile"] == "" || !strings.Contains(string(data), "-- want/Dockerfile --") {
			continue
		}
		f := fix(t, tree)
		if f == nil {
			continue // the case asks for more than a fix: flags, a file system
		}
		files++
		if err := f.check(t, f.after); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		now, err := dockerfile.Parse("Dockerfile", []byte(f.after))
		if err != nil {
			t.Fatal(err)
		}
		for _, after := range broken(now) {
			if err := f.check(t, after); err == nil {
				t.Errorf("%s: accepted:\n%s", name, after)
			}
			refused++
		}
	}
	if files < 100 || refused < 1000 {
		t.Errorf("%d files, %d wrong results", files, refused)
	}
	t.Logf("%d files, %d wrong results refused", files, refused)
}

// broken returns wrong results: one for each instruction, of another kind each time.
func broken(f *dockerfile.File) []string {
	var out []string
	src := string(f.Src)
	cut := func(start, end int, by string) string { return src[:start] + by + src[end:] }
	for i, in := range f.Instructions {
		text := src[in.Start:in.End]
		last := i == len(f.Instructions)-1
		if last && !strings.HasSuffix(text, "\n") {
			continue
		}
		var wrong []string
		if in.Name != "from" {
			wrong = append(wrong, cut(in.Start, in.End, ""), cut(in.Start, in.End, text+text))
		}
		if !last && in.Name != "from" {
			if next := f.Instructions[i+1]; src[next.Start:next.End] != text && in.End == next.Start {
				wrong = append(wrong, cut(in.Start, next.End, src[next.Start:next.End]+text))
			}
		}
		if ms := in.Mounts(); len(ms) > 0 {
			start, end := in.Span(ms[0].Flag.Start, ms[0].Flag.End)
			wrong = append(wrong, cut(start, end+1, ""))
		}
		if n := len(in.Text); len(in.Heredocs) == 0 && in.Args < n && !in.JSON() {
			if c := in.Text[n-1]; c|0x20 >= 'a' && c|0x20 <= 'z' {
				_, end := in.Span(n-1, n)
				wrong = append(wrong, cut(end, end, "x"))
			}
		}
		if len(wrong) > 0 {
			out = append(out, wrong[i%len(wrong)])
		}
	}
	return slices.Compact(out)
}
