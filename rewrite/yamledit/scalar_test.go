package yamledit

import (
	"errors"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// put sets the text of the first single value of src that is old, or renames that key.
func put(t testing.TB, src, old, text string) (string, error) {
	t.Helper()
	d, err := Parse("f.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var found *Node
	var walk func(n *Node)
	walk = func(n *Node) {
		if n.Kind == Scalar && n.Value == old && found == nil {
			found = n
		}
		for i, v := range n.Items {
			if n.Kind == Map {
				walk(n.Keys[i])
			}
			walk(v)
		}
	}
	walk(d.Root)
	if found == nil {
		t.Fatalf("no value %q in %q", old, src)
	}
	draft := d.Draft()
	n, err := draft.Scalar(found.Start, found.End)
	if err != nil {
		return "", err
	}
	if n.isKey() {
		err = draft.RenameKey(n, text)
	} else {
		err = draft.SetText(n, text)
	}
	if err != nil {
		return "", err
	}
	out, err := edit.Apply([]byte(src), draft.Edits())
	if err != nil || string(out) != string(draft.Doc().Src) {
		t.Fatalf("edits give %q, %v, but the draft holds %q", out, err, draft.Doc().Src)
	}
	return string(out), nil
}

func TestSetText(t *testing.T) {
	for _, tt := range []struct{ name, src, old, text, want string }{
		{"plain", "a: x # why\nb: 1\n", "x", "w", "a: w # why\nb: 1\n"},
		{"variable", "a: x\n", "x", "${T:?}", "a: ${T:?}\n"},
		{"variable in braces", "a: {b: x}\n", "x", "${T:?}", "a: {b: \"${T:?}\"}\n"},
		{"empty", "a: x\n", "x", "", "a: \"\"\n"},
		{"number", "a: 5\n", "5", "6", "a: \"6\"\n"},
		{"the same number as text", "a: 5\n", "5", "5", "a: \"5\"\n"},
		{"boolean", "a: x\n", "x", "on", "a: \"on\"\n"},
		{"null", "a: x\n", "x", "~", "a: \"~\"\n"},
		{"time", "a: x\n", "x", "2020-01-01", "a: \"2020-01-01\"\n"},
		{"base 60", "a: x\n", "x", "12:30", "a: \"12:30\"\n"},
		{"octal", "a: x\n", "x", "0o17", "a: \"0o17\"\n"},
		{"merge", "a: x\n", "x", "<<", "a: \"<<\"\n"},
		{"alias", "a: x\n", "x", "*b", "a: \"*b\"\n"},
		{"option", "- x\n- b\n", "x", "--pw=1", "- --pw=1\n- b\n"},
		{"option in brackets", "[x, b]\n", "x", "--pw=1", "[\"--pw=1\", b]\n"},
		{"dash", "- x\n- b\n", "x", "- b", "- \"- b\"\n- b\n"},
		{"colon", "a: x\n", "x", "y: z", "a: \"y: z\"\n"},
		{"colon at the end", "a: x\n", "x", "y:", "a: \"y:\"\n"},
		{"colon that is none", "a: x\n", "x", "http://h:1/p", "a: http://h:1/p\n"},
		{"comment", "a: x\n", "x", "y #z", "a: \"y #z\"\n"},
		{"comment that is none", "a: x\n", "x", "y#z", "a: y#z\n"},
		{"double quotes in it", "a: x\n", "x", `"y": z`, "a: '\"y\": z'\n"},
		{"both quotes in it", "a: x\n", "x", `"y": 'z'`, "a: \"\\\"y\\\": 'z'\"\n"},
		{"backslash", "a: x\n", "x", `#\d`, "a: '#\\d'\n"},
		{"line end", "a: x\n", "x", "y\nz", "a: \"y\\nz\"\n"},
		{"spaces around", "a: x\n", "x", " y ", "a: \" y \"\n"},
		{"document mark", "- x\n", "x", "--- y", "- \"--- y\"\n"},
		{"wide characters", "ü: \"é日本x\" # ü\n", "é日本x", "é日木y", "ü: \"é日木y\" # ü\n"},
		{"single quotes", "a: 'x y'\n", "x y", "it's y", "a: 'it''s y'\n"},
		{"single quotes that cannot hold it", "a: 'x'\n", "x", "y\tz", "a: \"y\\tz\"\n"},
		{"double quotes", "a: \"x\\\"\\u00e9\\x41y\"\n", "x\"éAy", "x\"éAz\\", "a: \"x\\\"\\u00e9\\x41z\\\\\"\n"},
		{"double quotes over lines", "a: \"x \\\n  y\n  z\"\n", "x y z", "x w z", "a: \"x \\\n  w\n  z\"\n"},
		{"double quotes over lines, CRLF", "a: \"x\r\n  y\r\n\r\n  z\"\r\n", "x y\nz", "x y\nw w", "a: \"x\r\n  y\r\n\r\n  w w\"\r\n"},
		{"double quotes, a line end less", "a: \"x\n\n  y\"\n", "x\ny", "xy", "a: \"xy\"\n"},
		{"plain over lines", "a: x\n  y\n  z\nb: 1\n", "x y z", "x w w z", "a: x\n  w w\n  z\nb: 1\n"},
		{"plain over lines to quotes", "a: x\n  y\n  z\nb: 1\n", "x y z", "x w: z", "a: \"x w: z\"\nb: 1\n"},
		{"lines", "a: |\n  x y\n    y z # y\nb: 1\n", "x y\n  y z # y\n", "x w w\n  w w z # w w\n", "a: |\n  x w w\n    w w z # w w\nb: 1\n"},
		{"lines, the last kept off", "a: |-\n  x\n  y", "x\ny", "x\nz", "a: |-\n  x\n  z"},
		{"lines, longer", "a: |\n  x\n  y\n", "x\ny\n", "x\ny  z\n", "a: |\n  x\n  y  z\n"},
		{"lines of a given indentation", "a: |2\n   x\nb: 1\n", " x\n", " y\n", "a: |2\n   y\nb: 1\n"},
		{"folded lines", "a: >\n  x\n  y\n\n  z\nb: 1\n", "x y\nz\n", "w y\nw\n", "a: >\n  w\n  y\n\n  w\nb: 1\n"},
		{"no value", "a: &x\n  b:\nc: y\n", "y", "z", "a: &x\n  b:\nc: z\n"},
		{"an anchor", "a: &x y\nb: *x\n", "y", "z", "a: &x z\nb: *x\n"},
		{"an anchor above", "a: &x {b: y, c: 1}\nd: {<<: *x, c: 2}\ne: [*x, *x]\n", "y", "z", "a: &x {b: z, c: 1}\nd: {<<: *x, c: 2}\ne: [*x, *x]\n"},
		{"a key", "a:\n  'b' : 1 # one\n", "b", "c", "a:\n  'c' : 1 # one\n"},
		{"a key over a mapping", "a: &x\n  b:\n    d: 1\ne:\n  <<: *x\n", "b", "c", "a: &x\n  c:\n    d: 1\ne:\n  <<: *x\n"},
		{"a key of braces", "{\"a\": {\"b\":1}}\n", "b", "c", "{\"a\": {\"c\":1}}\n"},
		{"a key that YAML would misread", "a: 1\n", "a", "y", "\"y\": 1\n"},
		{"BOM", "\ufeffa: x\n", "x", "w", "\ufeffa: w\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := put(t, tt.src, tt.old, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestSetTextRefused(t *testing.T) {
	for _, tt := range []struct{ name, src, old, text, want string }{
		{"a tag", "a: !t x\n", "x", "y", "f.yaml:1:4: the value has a tag"},
		{"a line more", "a: |\n  x\n", "x\n", "x\ny\n", "f.yaml:1:4: a block of lines"},
		{"lines that end otherwise", "a: |\n  x\n", "x\n", "x", "a block of lines"},
		{"lines that start with a space", "a: |\n  x\n  y\n", "x\ny\n", " x\ny\n", "a block of lines"},
		{"lines without a letter", "a: |\n  x\n", "x\n", "\n", "a block of lines"},
		{"a folded line that goes", "a: >\n  x\n  y\n", "x y\n", "xy\n", "a block of lines"},
		{"a name that is there", "a: 1\nb: 2\n", "a", "b", "f.yaml:1:1: the new name of this key is there already"},
		{"a name that is there by a merge", "x: &x {b: 2}\ny:\n  <<: *x\n  a: 1\n", "a", "b", "f.yaml:4:3: the new name of this key is there already"},
		{"a merge key", "x: &x {b: 2}\ny:\n  <<: *x\n", "<<", "b", "a key that cannot be renamed"},
		{"a complex key", "? a\n: 1\n", "a", "b", "not certain"},
		{"no text", "a: x\n", "x", "\xff", "not certain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := put(t, tt.src, tt.old, tt.text)
			if err == nil {
				t.Fatalf("not refused, got\n%s", got)
			}
			if !errors.Is(err, ErrUncertain) || !strings.Contains(err.Error()+errors.Unwrap(err).Error(), tt.want) {
				t.Errorf("got error %q, want %q", err, tt.want)
			}
		})
	}
}

// TestScalarAfterEdits: a token is found by its old place until an operation changes it.
func TestScalarAfterEdits(t *testing.T) {
	src := "a:\n  b: x\n  c:\nd: y\n"
	d, err := Parse("f.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	draft := d.Draft()
	if err := draft.AddKey("k", Text("v"), "a"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		token, text string
		at, end     int
	}{{"y", "z", strings.Index(src, "y"), strings.Index(src, "y") + 1}, {"", "w", strings.Index(src, "c:") + 2, strings.Index(src, "c:") + 2}} {
		n, err := draft.Scalar(tt.at, tt.end)
		if err != nil || n.Value != tt.token {
			t.Fatalf("%q: got %+v, %v", tt.token, n, err)
		}
		if err := draft.SetText(n, tt.text); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(draft.Doc().Src); got != "a:\n  b: x\n  c: w\n  k: v\nd: z\n" {
		t.Errorf("got %s", got)
	}
	if _, err := draft.Scalar(strings.Index(src, "y"), strings.Index(src, "y")+1); !errors.Is(err, ErrUncertain) || !strings.HasPrefix(err.Error(), "f.yaml:4:4: ") {
		t.Errorf("a token that is gone: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	d, err := Parse("f.yaml", []byte("x: &x {a: 1, b: &b 2}\ny: {<<: *x, a: 3}\nz: [*x, *b]\n"))
	if err != nil {
		t.Fatal(err)
	}
	x, _ := d.Find("x")
	for i, want := range []int{2, 4} {
		for _, n := range []*Node{x.Keys[i], x.Items[i]} {
			got, ok := d.Places(n)
			if n == x.Keys[1] {
				want = 3 // a key is not where an alias of its value is
			}
			if n == x.Items[1] {
				want = 4
			}
			if !ok || len(got) != want {
				t.Errorf("%s: got %v", n.Value, got)
			}
		}
	}
}

func FuzzSetText(f *testing.F) {
	for _, s := range []string{"a: x\nb: [x, 'y', \"z\\n\"]\n", "a: >\n  x\n  y\n\n\n", "a: |+\r\n  x\r\n\r\n", "? a\n: &x b\nc: *x\n", "a: \"x \\\n  y\n  z\"", "- !t x\n- x\n  y\n- {a: , b: ~}\n"} {
		f.Add([]byte(s), "${T:?}")
		f.Add([]byte(s), "x: 'y' #\"\n")
	}
	f.Fuzz(func(t *testing.T, src []byte, text string) {
		d, err := Parse("f.yaml", src)
		if err != nil || d.Root == nil {
			return
		}
		var walk func(n *Node)
		walk = func(n *Node) {
			if n.Kind == Scalar || n.Kind == Null {
				for _, new := range []string{text, n.Value + text, strings.Replace(n.Value, "x", text, 1)} {
					draft := d.Draft()
					at, err := draft.Scalar(n.Start, n.End)
					if err != nil || at != n {
						continue // an empty token, or one whose end is not known
					}
					if draft.SetText(at, new) != nil {
						continue
					}
					out, err := edit.Apply(src, draft.Edits())
					if err != nil || string(out) != string(draft.Doc().Src) {
						t.Fatalf("%q: edits give %q, %v, the draft holds %q", src, out, err, draft.Doc().Src)
					}
				}
			}
			for i, v := range n.Items {
				if n.Kind == Map {
					walk(n.Keys[i])
				}
				walk(v)
			}
		}
		walk(d.Root)
	})
}
