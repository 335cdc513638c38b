package yamledit

import (
	"errors"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// run makes one operation, written as words, on src; it returns the new text.
func run(t testing.TB, src string, ops ...string) (string, error) {
	t.Helper()
	d, err := Parse("f.yaml", []byte(src))
	if err != nil {
		return "", err
	}
	draft := d.Draft()
	for _, op := range ops {
		f := strings.Fields(op)
		var path []string
		if len(f) > 1 && f[1] != "." {
			path = strings.Split(f[1], ".")
		}
		switch f[0] {
		case "key":
			err = draft.AddKey(f[2], Text(f[3]), path...)
		case "lines":
			err = draft.AddKey(f[2], Lines(strings.ReplaceAll(f[3], "|", "\n")), path...)
		case "list":
			l := Seq{}
			for _, s := range f[3:] {
				l = append(l, Text(s))
			}
			err = draft.AddKey(f[2], l, path...)
		case "map":
			err = draft.AddKey(f[2], Fields{{f[3], Fields{{f[4], Text(f[5])}}}}, path...)
		case "item":
			err = draft.AddItem(Text(f[2]), path...)
		case "del":
			err = draft.RemoveKey(f[2], path...)
		case "drop":
			err = draft.RemoveItem(int(f[2][0]-'0'), path...)
		case "wrap":
			err = draft.Wrap(f[2], path...)
		default:
			t.Fatalf("unknown operation %q", op)
		}
		if err != nil {
			return "", err
		}
	}
	out, err := edit.Apply([]byte(src), draft.Edits())
	if err != nil {
		t.Fatalf("edits do not apply: %v", err)
	}
	if string(out) != string(draft.Doc().Src) {
		t.Fatalf("edits give\n%s\nbut the draft holds\n%s", out, draft.Doc().Src)
	}
	return string(out), nil
}

func TestOperations(t *testing.T) {
	for _, tt := range []struct{ name, src, ops, want string }{
		{"key at the end", "a: 1\nb:\n  c: 2\nd: 3\n", "key b x w", "a: 1\nb:\n  c: 2\n  x: w\nd: 3\n"},
		{"key after an inline comment", "b:\n  c: 2 # why\nd: 3\n", "key b x w", "b:\n  c: 2 # why\n  x: w\nd: 3\n"},
		{"key, CRLF", "b:\r\n  c: 2\r\nd: 3\r\n", "key b x w", "b:\r\n  c: 2\r\n  x: w\r\nd: 3\r\n"},
		{"key, mixed ends", "b:\n  c: 2\r\nd: 3\n", "key b x w", "b:\n  c: 2\r\n  x: w\r\nd: 3\n"},
		{"key, no last newline", "b:\n  c: 2", "key b x w", "b:\n  c: 2\n  x: w"},
		{"key, CRLF, no last newline", "b:\r\n  c: 2", "key b x w", "b:\r\n  c: 2\r\n  x: w"},
		{"key, BOM", "\ufeffb:\n  c: 2\n", "key b x w", "\ufeffb:\n  c: 2\n  x: w\n"},
		{"key, wide characters before", "b: {ü: \"日本\", c: é}\n", "key b x w", "b: {ü: \"日本\", c: é, x: w}\n"},
		{"key after a block scalar", "b:\n  c: |\n    t\n    # no comment\n  # comment\nd: 3\n", "key b x w", "b:\n  c: |\n    t\n    # no comment\n  # comment\n  x: w\nd: 3\n"},
		{"key after a quoted scalar of two lines", "b:\n  c: \"t\n    # no comment\"\nd: 3\n", "key b x w", "b:\n  c: \"t\n    # no comment\"\n  x: w\nd: 3\n"},
		{"key after a plain scalar of two lines", "b:\n  c: t\n    u\n\nd: 3\n", "key b x w", "b:\n  c: t\n    u\n  x: w\n\nd: 3\n"},
		{"key under nothing", "b: # none\n  # yet\nd: 3\n", "key b x w", "b: # none\n  x: w\n  # yet\nd: 3\n"},
		{"key under nothing at the end", "b:", "key b x w", "b:\n  x: w"},
		{"key in place of null", "b: null # none\nd: 3\n", "key b x w", "b: # none\n  x: w\nd: 3\n"},
		{"key in place of null at the end", "a:\r\n  b: ~", "key a.b x w", "a:\r\n  b:\r\n    x: w"},
		{"item in place of null", "a:\n  b: ~\n", "item a.b T", "a:\n  b:\n    - T\n"},
		{"key where all are quoted", "b:\n  c: 'x'\n  d: '3'\n", "key b x w", "b:\n  c: 'x'\n  d: '3'\n  x: 'w'\n"},
		{"key in braces", "b: {}\n", "key b x w", "b: {x: w}\n"},
		{"key in JSON", "{\"b\": {\"c\": 2}}\n", "key b x w", "{\"b\": {\"c\": 2, \"x\": \"w\"}}\n"},
		{"key in braces with a last comma", "b: {c: 2,}\n", "key b x w", "b: {c: 2, x: w,}\n"},
		{"key in braces over lines", "b: {\n  c: 2 # why\n}\n", "key b x w", "b: {\n  c: 2, x: w # why\n}\n"},
		{"list in a mapping without lists", "a:\n    b:\n        c: 1\n", "list a.b x w z", "a:\n    b:\n        c: 1\n        x:\n            - w\n            - z\n"},
		{"list where lists are not indented", "a:\n  l:\n  - 1\n  b:\n    c: 1\n", "list a.b x w", "a:\n  l:\n  - 1\n  b:\n    c: 1\n    x:\n    - w\n"},
		{"list after what is commented out", "a:\n  b:\n    l:\n      - 1\n      # - 2\n  # c: 1\nd: 1\n", "list a.b x w", "a:\n  b:\n    l:\n      - 1\n      # - 2\n    x:\n      - w\n  # c: 1\nd: 1\n"},
		{"block at the end, airy", "a:\n  b: 1\n\nc:\n  d: 1\n", "map . s T environment T", "a:\n  b: 1\n\nc:\n  d: 1\n\ns:\n  T:\n    environment: T\n"},
		{"block at the end, dense", "v: 1\na:\n    b: 1\nc:\n    d: 1", "map . s T environment T", "v: 1\na:\n    b: 1\nc:\n    d: 1\ns:\n    T:\n        environment: T"},
		{"block before ...", "---\na:\n  b: 1\nc: 2\n...\n", "map . s T environment T", "---\na:\n  b: 1\nc: 2\ns:\n  T:\n    environment: T\n...\n"},
		{"block after a comment at the end", "a:\n  b: 1\n\n# last\n\n", "map . s T environment T", "a:\n  b: 1\n\n# last\n\ns:\n  T:\n    environment: T\n\n"},
		{"item", "a:\n  - 1\n  - 2 # two\nb: 1\n", "item a T", "a:\n  - 1\n  - 2 # two\n  - T\nb: 1\n"},
		{"item, unindented and wide", "a:\n-   1\nb: 1\n", "item a T", "a:\n-   1\n-   T\nb: 1\n"},
		{"item in quotes", "a:\n- 'x'\n", "item a T", "a:\n- 'x'\n- 'T'\n"},
		{"item after a mapping", "a:\n- x: 1\n  y: 2\n", "item a T", "a:\n- x: 1\n  y: 2\n- T\n"},
		{"item under nothing", "a:\n  l:\n  - 1\n  b:\n", "item a.b T", "a:\n  l:\n  - 1\n  b:\n  - T\n"},
		{"item in brackets", "a: [x, \"y\"]\n", "item a T", "a: [x, \"y\", \"T\"]\n"},
		{"item in empty brackets", "a: [ ]\n", "item a T", "a: [T ]\n"},
		{"item that YAML would misread", "a:\n- x\n", "item a no", "a:\n- x\n- \"no\"\n"},
		{"remove a key", "a:\n  b: 1\n  # about c\n  c: 2\n  d: 3\n", "del a b", "a:\n  # about c\n  c: 2\n  d: 3\n"},
		{"remove the last key", "a:\n  b: 1\n  c: 2 # two\n", "del a c", "a:\n  b: 1\n"},
		{"remove the last key, no last newline", "a:\r\n  b: 1\r\n  c: 2", "del a c", "a:\r\n  b: 1"},
		{"remove a block with its comments", "a:\n  b: 1\n  c:\n    # in\n    - 1\n\n    # - 2\n  # out\nd: 1\n", "del a c", "a:\n  b: 1\n  # out\nd: 1\n"},
		{"remove a block scalar", "a:\n  b: |\n    # t\n\n    u\n\n  c: 2\n", "del a b", "a:\n\n  c: 2\n"},
		{"remove a key from braces", "a: {b: 1, c: [x, y], d: 2}\n", "del a c", "a: {b: 1, d: 2}\n"},
		{"remove the last key from braces", "a: {b: 1, c: {x: w} }\n", "del a c", "a: {b: 1 }\n"},
		{"remove the only key from braces", "a: { b: 1, }\n", "del a b", "a: {  }\n"},
		{"remove an item", "a:\n  - 1\n  - 2\n\n  - 3\n", "drop a 1", "a:\n  - 1\n\n  - 3\n"},
		{"remove an item that is a mapping", "a:\n- x: 1\n  y: 2\n- z\n", "drop a 0", "a:\n- z\n"},
		{"remove an item on its own line", "a:\n-\n  x: 1\n- z\n", "drop a 0", "a:\n- z\n"},
		{"remove an empty item", "a:\n-\n- z\n", "drop a 0", "a:\n- z\n"},
		{"remove an item from brackets", "a: [x, 'y, z', \"]\", w]\n", "drop a 1", "a: [x, \"]\", w]\n"},
		{"remove an item from brackets over lines", "a: [\n  x,\n  y,\n  z\n]\n", "drop a 1", "a: [\n  x,\n  z\n]\n"},
		{"remove from a quoted key", "\"a\":\n  \"b\" : 1\n  c: 2\n", "del a b", "\"a\":\n  c: 2\n"},
		{"wrap", "s:\n  w:\n    build: ./x # here\n", "wrap s.w.build context", "s:\n  w:\n    build:\n      context: ./x # here\n"},
		{"wrap, CRLF, quoted", "s:\r\n    build:   './x'", "wrap s.build context", "s:\r\n    build:\r\n        context: './x'"},
		{"wrap in braces", "s: {build: ./x, a: 1}\n", "wrap s.build context", "s: {build: {context: ./x}, a: 1}\n"},
		{"many", "s:\n  w:\n    build: .\n    args:\n      - A\n      - T", "wrap s.w.build context; list s.w.build secrets T; drop s.w.args 1; map . secrets T environment T", "s:\n  w:\n    build:\n      context: .\n      secrets:\n        - T\n    args:\n      - A\n\nsecrets:\n  T:\n    environment: T"},
		{"an anchor nobody uses", "a: &x\n  b: &y\n    c: 1\n", "key a.b k v", "a: &x\n  b: &y\n    c: 1\n    k: v\n"},
		{"beside a merge", "x: &x\n  c: 1\na:\n  <<: *x\n  b: 1\n", "key a k v", "x: &x\n  c: 1\na:\n  <<: *x\n  b: 1\n  k: v\n"},
		{"a key of an item", "a:\n  - b: 1\n  - b: 2\n    c:\n      d: 3\n", "key a.1.c x w; key a.0 x w", "a:\n  - b: 1\n    x: w\n  - b: 2\n    c:\n      d: 3\n      x: w\n"},
		{"an item's key goes", "a:\n  - b: 1\n    c: 1\n", "del a.0 c", "a:\n  - b: 1\n"},
		{"lines", "a:\n    b: 1\n", "lines a x v|w|", "a:\n    b: 1\n    x: |\n        v\n        w\n"},
		{"lines, CRLF", "a:\r\n  - b: 1\r\n", "lines a.0 x v||w", "a:\r\n  - b: 1\r\n    x: |-\r\n      v\r\n\r\n      w\r\n"},
		{"lines in braces", "a: {b: 1}\n", "lines a x v|w|", "a: {b: 1, x: \"v\\nw\\n\"}\n"},
		{"number keys", "a:\n  1: x\n  2: y\n", "del a 1", "a:\n  2: y\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(t, tt.src, strings.Split(tt.ops, "; ")...)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, src, op, want string }{
		{"alias", "x: &x {b: 1}\na: *x\n", "key a k v", "f.yaml:2:1: a comes in through an alias"},
		{"alias on the way", "x: &x {b: {c: 1}}\na: *x\n", "key a.b k v", "f.yaml:2:1: a comes in through an alias"},
		{"merge", "x: &x\n  b:\n    c: 1\na:\n  <<: *x\n", "key a.b k v", "f.yaml:5:3: a.b comes in through a merge key"},
		{"merge list", "x: &x\n  b:\n    c: 1\na:\n  <<: [*x]\n", "del a b", "f.yaml:5:3: the key to remove comes in through a merge key"},
		{"used anchor", "a: &x\n  b: 1\nc: *x\n", "key a k v", "f.yaml:1:1: a has an anchor that line 3 uses too"},
		{"used anchor above", "a: &x\n  b:\n    c: 1\nc:\n  <<: *x\n", "key a.b k v", "f.yaml:1:1: a has an anchor that line 5 uses too"},
		{"used anchor within", "a:\n  b: &x 1\n  d: 2\nc: *x\n", "del a b", "f.yaml:2:6: what is to go has an anchor that line 4 uses"},
		{"hides a merged key", "x: &x\n  b: 1\na:\n  <<: *x\n  b: 2\n", "del a b", "f.yaml:5:1: the edit would change more than it should"},
		{"tag", "a: !reset\n  b: 1\n", "key a k v", "f.yaml:1:1: a has a tag"},
		{"there already", "a:\n  b: 1\n", "key a b v", "f.yaml:2:3: the key to add is there already"},
		{"there through a merge", "x: &x\n  b: 1\na:\n  <<: *x\n", "key a b v", "the key to add is there already"},
		{"not there", "a:\n  b: 1\n", "key a.c b v", "a.c is not there"},
		{"only key", "a:\n  b: 1\n", "del a b", "cannot go alone"},
		{"comment in brackets", "a: [\n  x, # why\n  y\n]\n", "drop a 0", "a comment stands within the flow collection"},
		{"null under an anchor", "a: &x ~\nb: *x\n", "key a b v", "a has an anchor that line 2 uses too"},
		{"first key after a dash", "a:\n- b: 1\n  c: 1\n", "drop a 0", "cannot go alone"},
		{"wrap a block scalar", "a: |\n  x\n", "wrap a context", "a value on lines of its own"},
		{"wrap a mapping", "a:\n  b: 1\n", "wrap a context", "not a single value"},
		{"complex key", "? a\n: b\n", "key . k v", "not certain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(t, tt.src, tt.op)
			if err == nil {
				t.Fatalf("not refused, got\n%s", got)
			}
			if !errors.Is(err, ErrUncertain) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %q, want %q", err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+p+",", 8) + "*" + p + "]\n"
	}
	for _, tt := range []struct{ name, src, want string }{
		{"tab", "a:\n\tb: 1\n", "f.yaml:2:1: not valid YAML"},
		{"two documents", "a: 1\n---\nb: 1\n", "f.yaml:3:1: more than one document"},
		{"duplicate key", "a:\n  b: 1\n  b: 2\n", "f.yaml:3:3: a key that stands twice"},
		{"template", "a: {{ .x }}\n", "f.yaml:"},
		{"template line", "{% if x %}\na: 1\n{% endif %}\n", "not valid YAML"},
		{"bomb", bomb, "excessive aliasing"},
		{"anchor in itself", "a: &a [*a]\n", "contains itself"},
		{"unknown anchor", "password: *c4n4ry\n", "unknown anchor … referenced"},
		{"mapping as a key", "? [c4n4ry]\n: b\n", "invalid map key"},
		{"not UTF-8", "a: \xff\n", "f.yaml:1:4: not UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "not UTF-8"},
		{"lone CR", "a: 1\rb: 1\n", "f.yaml:1:5: a line end other than"},
		{"line separator", "a: x\u2028y\n", "a line end other than"},
		{"control character", "a: \x01\n", "not valid YAML"},
		{"too large", "a: " + strings.Repeat("x", MaxSize), "larger than 10 MiB"},
		{"deep", strings.Repeat("[", 100000), "not valid YAML"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.yaml", []byte(tt.src))
			if err == nil {
				t.Fatal("not refused")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("got error %q, want %q", err, tt.want)
			}
		})
	}
}

func TestParseEmpty(t *testing.T) {
	for _, src := range []string{"", "\n\n", "# only\n", "---\n", "\ufeff"} {
		d, err := Parse("f.yaml", []byte(src))
		if err != nil {
			t.Errorf("%q: %v", src, err)
			continue
		}
		if err := d.Draft().AddKey("a", Text("b")); !errors.Is(err, ErrUncertain) {
			t.Errorf("%q: got error %v, want one that wraps ErrUncertain", src, err)
		}
	}
}

func TestVerify(t *testing.T) {
	add := func(v any) any { v.(map[string]any)["b"] = 2; return v }
	if err := Verify("f", []byte("a: 1\n"), []byte("b: 2\na: 1\n"), add); err != nil {
		t.Error(err)
	}
	for _, new := range []string{"a: 1\n", "a: 2\nb: 2\n", "a: 1\nb: 2\nc: 3\n", "a: [\n"} {
		if err := Verify("f", []byte("a: 1\n"), []byte(new), add); !errors.Is(err, ErrUncertain) {
			t.Errorf("%q: got %v", new, err)
		}
	}
}

func TestEntries(t *testing.T) {
	d, err := Parse("f.yaml", []byte("x: &x {b: 1, c: 2}\ny: &y {c: 3, d: 4}\na:\n  b: 0\n  <<: [*x, *y]\ne: *x\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	a, _ := d.Find("a")
	for _, e := range a.Entries() {
		through := ""
		if e.Through != nil {
			through = "<"
		}
		got = append(got, e.Key.Value+through+e.Value.Value)
	}
	if s := strings.Join(got, " "); s != "b0 c<2 d<4" {
		t.Errorf("got %s", s)
	}
	if n, through := d.Find("e", "b"); n == nil || n.Value != "1" || through == nil || through.Line != 6 {
		t.Errorf("e.b: got %+v through %+v", n, through)
	}
}

func FuzzDraft(f *testing.F) {
	for _, s := range []string{
		"a:\n  b: 1\n  c: [x, y]\nd: {e: f}\n", "\ufeffa:\r\n- x\r\n- y", "x: &x {b: 1}\na:\n  <<: *x\n  c: |\n    t\n\n",
		"a:\n-\n  b\n- # c\n  d\n", "? a\n: b\n", "a: !t &x\n  b: 'c'\n", "--- {a: [b: c, d]}\n...\n", "a: \"x\\\n  y\"\nb: >+\n  t\n\n",
		"a: 1 \n", "a:\n - {b: c, }\n - [\n d ,\n e]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := Parse("f.yaml", src)
		if err != nil || d.Root == nil {
			return
		}
		var walk func(n *Node, path []string, depth int)
		walk = func(n *Node, path []string, depth int) {
			if depth > 4 {
				return
			}
			try := func(op func(*Draft) error, twice bool) {
				draft := d.Draft()
				if op(draft) != nil {
					return
				}
				if twice && op(draft) == nil {
					t.Fatalf("a key was added twice to %q", src)
				}
				out, err := edit.Apply(src, draft.Edits())
				if err != nil {
					t.Fatalf("%q: %v", src, err)
				}
				if string(out) != string(draft.Doc().Src) {
					t.Fatalf("%q: edits give %q, the draft holds %q", src, out, draft.Doc().Src)
				}
			}
			try(func(t *Draft) error { return t.AddKey("k", Seq{Text("v")}, path...) }, true)
			try(func(t *Draft) error { return t.AddItem(Text("v"), path...) }, false)
			try(func(t *Draft) error { return t.Wrap("k", path...) }, false)
			for i := range n.Items {
				try(func(t *Draft) error { return t.RemoveItem(i, path...) }, false)
				if n.Kind == Map {
					key := n.Keys[i].Value
					try(func(t *Draft) error { return t.RemoveKey(key, path...) }, true)
					walk(n.Items[i], append(path[:len(path):len(path)], key), depth+1)
				}
			}
		}
		walk(d.Root, nil, 0)
	})
}
