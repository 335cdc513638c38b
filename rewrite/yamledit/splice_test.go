package yamledit

import (
	"errors"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// first returns the first single value that holds a text.
func first(n *Node, text string) *Node {
	if n == nil {
		return nil
	}
	if n.Kind == Scalar && !n.isKey() && strings.Contains(n.Value, text) {
		return n
	}
	for _, v := range n.Items {
		if f := first(v, text); f != nil {
			return f
		}
	}
	return nil
}

func TestSpliceText(t *testing.T) {
	for _, tt := range []struct{ name, src, old, text, want string }{
		{"lines", "a:\n  - |\n    x \\\n      --b T \\\n      .\n    y\nc: 1\n", "--b T", "--s T", "a:\n  - |\n    x \\\n      --s T \\\n      .\n    y\nc: 1\n"},
		{"a line that goes", "a: |\n  x\n  T\n\n  y\nc: 1\n", "T\n", "", "a: |\n  x\n\n  y\nc: 1\n"},
		{"a line before a blank one that goes, CRLF", "a: |\r\n  x\r\n  T\r\n\r\n  y\r\nc: 1\r\n", "T\n", "", "a: |\r\n  x\r\n\r\n  y\r\nc: 1\r\n"},
		{"the last line goes", "a: |\n  x\n  T\nc: 1\n", "T\n", "", "a: |\n  x\nc: 1\n"},
		{"the first line goes", "a: |\n  T\n  x\nc: 1\n", "T\n", "", "a: |\n  x\nc: 1\n"},
		{"a continued line goes", "a: |\n  x \\\n    T \\\n    .\nc: 1\n", " \\\n  T", "", "a: |\n  x \\\n    .\nc: 1\n"},
		{"a line becomes two", "a: |-\n  x\n  T\nc: 1\n", "T", "y\n\nz", "a: |-\n  x\n  y\n\n  z\nc: 1\n"},
		{"a line becomes two, CRLF", "a: |\r\n    T\r\nc: 1\r\n", "T\n", "y\nz\n", "a: |\r\n    y\r\n    z\r\nc: 1\r\n"},
		{"lines with an indicator", "a:\n    b: |2-\n       T\n      x\n    c: 1\n", "T", "y", "a:\n    b: |2-\n       y\n      x\n    c: 1\n"},
		{"lines at the end of the file", "a: |\n  x T", "T", "y", "a: |\n  x y"},
		{"lines that keep their ends", "a: |+\n  x\n  T\n\n\nc: 1\n", "T\n", "y\n", "a: |+\n  x\n  y\n\n\nc: 1\n"},
		{"tabs in lines", "a: |\n  x\n  \tT\n", "T", "y", "a: |\n  x\n  \ty\n"},
		{"folded", "a: >\n  x\n  --b T\n  .\n\n  y\nc: 1\n", "--b T", "--s T", "a: >\n  x\n  --s T\n  .\n\n  y\nc: 1\n"},
		{"folded, one goes with its space", "a: >-\n  x\n  --b T\n  .\nc: 1\n", " --b T", "", "a: >-\n  x\n  .\nc: 1\n"},
		{"folded, deeper lines", "a: >\n  x \\\n    --b T \\\n    .\nc: 1\n", "--b T", "--s T", "a: >\n  x \\\n    --s T \\\n    .\nc: 1\n"},
		{"folded, before a blank line", "a: >\n  x\n  T\n\n\n  y\nc: 1\n", "T", "w", "a: >\n  x\n  w\n\n\n  y\nc: 1\n"},
		{"plain", "a: x T .\n", "T", "y", "a: x y .\n"},
		{"plain that needs quotes", "a: x T .\n", "T", "y: z #", "a: \"x y: z # .\"\n"},
		{"plain over lines", "a: x\n  --b T\n  .\n", " --b T", "", "a: x\n  .\n"},
		{"double", "a: \"x \\\"T\\\" \\u00e9 T2\"\n", "T\"", "y\"", "a: \"x \\\"y\\\" \\u00e9 T2\"\n"},
		{"double with a line end", "a: \"x\\nT\"\n", "T", "y\n\"z\"", "a: \"x\\ny\\n\\\"z\\\"\"\n"},
		{"single", "a: 'it''s T'\n", "T", "y'z", "a: 'it''s y''z'\n"},
		{"brackets", "a: [x, T, y]\n", "T", "z, w", "a: [x, \"z, w\", y]\n"},
		{"JSON", "{\n\t\"a\": {\n\t\t\"b\": \"x \\\"T\\\"\"\n\t}\n}\n", "T", "\"", "{\n\t\"a\": {\n\t\t\"b\": \"x \\\"\\\"\\\"\"\n\t}\n}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse("f.yaml", []byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			draft := d.Draft()
			n := first(d.Root, tt.old)
			i := strings.Index(n.Value, tt.old)
			if err := draft.SpliceText(n, []Splice{{i, i + len(tt.old), tt.text}}); err != nil {
				t.Fatal(err)
			}
			out, err := edit.Apply([]byte(tt.src), draft.Edits())
			if err != nil || string(out) != tt.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, out, tt.want)
			}
		})
	}
}

func TestSpliceTextRefused(t *testing.T) {
	for _, tt := range []struct{ name, src, old, text string }{
		{"a line in folded ones", "a: >\n  x\n  T\n", "T", "y\nz"},
		{"a line in plain ones", "a: x\n  T\n", "T", "y\nz"},
		{"part of a fold", "a: >\n  x\n\n\n  T\n", "\nT", "T"},
		{"a first line that starts with spaces", "a: |\n  T x\n  y\n", "T", " "},
		{"a folded line that would start with spaces", "a: >\n  x\n  T y\n", "T", " z"},
		{"plain over lines that would need quotes", "a: x\n  T\n", "T", "y: z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse("f.yaml", []byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			draft := d.Draft()
			n := first(d.Root, tt.old)
			i := strings.Index(n.Value, tt.old)
			if err := draft.SpliceText(n, []Splice{{i, i + len(tt.old), tt.text}}); !errors.Is(err, ErrUncertain) {
				t.Errorf("got %v\n%s", err, draft.Doc().Src)
			}
		})
	}
}

// FuzzSplice: whatever is spliced anywhere is refused, or is exactly what the value then says.
func FuzzSplice(f *testing.F) {
	for _, s := range []string{"a: |\n  x\n\n    y\n  z\nb: 1\n", "a: >\n  x\n  y\n\n   w\n  z\n", "- |+2\r\n   x\r\n\r\n- >-\n x\n\n\n y\n", "a: \"x \\\n  y\n\n  z\"", "a: x\n  y\n\n  z\n", "a: 'x''\n  y'\n", "a: >2\n  \n   x\n  y"} {
		f.Add([]byte(s), 1, 2, "w")
		f.Add([]byte(s), 0, 1, "v\n")
		f.Add([]byte(s), 2, 4, "")
	}
	f.Fuzz(func(t *testing.T, src []byte, i, j int, text string) {
		d, err := Parse("f.yaml", src)
		if err != nil || d.Root == nil {
			return
		}
		var walk func(n *Node)
		walk = func(n *Node) {
			if n.Kind == Scalar && !n.isKey() && 0 <= i && i <= j && j <= len(n.Value) {
				from, to, ok := d.Letters(n)
				if ok && (len(from) != len(n.Value) || len(to) != len(n.Value)) {
					t.Fatalf("%q: %d and %d places for %d bytes", src, len(from), len(to), len(n.Value))
				}
				draft := d.Draft()
				if draft.SpliceText(n, []Splice{{i, j, text}}) == nil {
					out, err := edit.Apply(src, draft.Edits())
					if err != nil || string(out) != string(draft.Doc().Src) {
						t.Fatalf("%q: edits give %q, %v", src, out, err)
					}
				}
			}
			for _, v := range n.Items {
				walk(v)
			}
		}
		walk(d.Root)
	})
}
