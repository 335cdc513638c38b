package embed

import (
	"errors"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

var github = Syntax{Holes: Between("${{", "}}")}

// cloud is the syntax of a format that writes $$ for a dollar.
var cloud = Syntax{
	Holes: func(v string) []Piece {
		var out []Piece
		for i := 0; i+1 < len(v); i++ {
			switch {
			case v[i:i+2] == "$$":
				out = append(out, Piece{Start: i, End: i + 2, Code: "$"})
				i++
			case v[i] == '$':
				j := i + 1
				for j < len(v) && (v[j] == '_' || v[j] >= 'A' && v[j] <= 'Z') {
					j++
				}
				out = append(out, Piece{Start: i, End: j})
				i = j - 1
			}
		}
		return out
	},
	Escape: func(s string) string { return strings.ReplaceAll(s, "$", "$$") },
}

// find returns the first single value with a text in it.
func find(n *yamledit.Node, text string) *yamledit.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yamledit.Scalar && strings.Contains(n.Value, text) {
		return n
	}
	for _, v := range n.Items {
		if f := find(v, text); f != nil {
			return f
		}
	}
	return nil
}

func open(t *testing.T, src, old string, s Syntax) *Text {
	t.Helper()
	d, err := yamledit.Parse("f.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	x, err := New(d, find(d.Root, old), s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestEdits: every replacement of all matches of old in Code by new.
func TestEdits(t *testing.T) {
	for _, tt := range []struct {
		name     string
		s        Syntax
		src      string
		old, new string
		want     string
	}{
		{"a block", github, "steps:\n  - run: |\n      # build\n      docker build \\\n        --build-arg T=x \\\n        .  # here\n  - uses: a\n", "--build-arg T=x", "--secret id=T", "steps:\n  - run: |\n      # build\n      docker build \\\n        --secret id=T \\\n        .  # here\n  - uses: a\n"},
		{"a block, CRLF", github, "run: |\r\n  docker build -b T .\r\n\r\n  echo\r\n", "-b T", "-s T", "run: |\r\n  docker build -s T .\r\n\r\n  echo\r\n"},
		{"after a hole", github, "run: docker build -t ${{ a }}/${{ b || '}}' }} -b T . # c\n", "-b T", "-s T", "run: docker build -t ${{ a }}/${{ b || '}}' }} -s T . # c\n"},
		{"a hole goes", github, "run: |\n  x -b T=${{ secrets.T }} .\n", "-b T=xxxxxxxxxxxxxxxx", "-s T", "run: |\n  x -s T .\n"},
		{"a hole comes", github, "run: |\n  x T ${{ secrets.T }} .\n", "T ", "${{ secrets.T }} ", "run: |\n  x ${{ secrets.T }} ${{ secrets.T }} .\n"},
		{"folded", github, "run: >-\n  docker build\n  -b T\n  .\n", " -b T", "", "run: >-\n  docker build\n  .\n"},
		{"plain over lines", github, "a:\n- docker build\n  -b T\n  .\n", "-b T", "-s T", "a:\n- docker build\n  -s T\n  .\n"},
		{"quotes", github, "a: \"docker build -b \\\"T=$T\\\" .\"\n", "-b \"T=$T\"", "-s \"T\"", "a: \"docker build -s \\\"T\\\" .\"\n"},
		{"a variable before a plain one", github, "a: docker build T .\n", "docker", "T=\"$X\" docker", "a: T=\"$X\" docker build T .\n"},
		{"a list", github, "a:\n  - 'docker build -b T .'\n", "-b T", "-s 'T'", "a:\n  - 'docker build -s ''T'' .'\n"},
		{"JSON", github, "{\n\t\"scripts\": {\"b\": \"docker build -b \\\"$T\\\" .\"}\n}\n", "-b \"$T\"", "-s \"T\"", "{\n\t\"scripts\": {\"b\": \"docker build -s \\\"T\\\" .\"}\n}\n"},
		{"escapes", cloud, "a: [-c, 'docker build -b T=$$T -t $_X .']\n", "-b T=$T", "-s $T", "a: [-c, 'docker build -s $$T -t $_X .']\n"},
		{"escapes and holes", cloud, "a: 'docker build -b T=$_T .'\n", "-b T=xxx", "$X $_T", "a: 'docker build $$X $_T .'\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := open(t, tt.src, "T", tt.s)
			i := strings.Index(x.Code, tt.old)
			if i < 0 {
				t.Fatalf("no %q in %q", tt.old, x.Code)
			}
			edits, err := x.Edits([]shell.TextEdit{{Start: i, End: i + len(tt.old), New: tt.new}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := edit.Apply([]byte(tt.src), edits)
			if err != nil || string(out) != tt.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, out, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, src, old, new string }{
		{"an alias", "a: &x docker T .\nb: *x\n", "T", "y"},
		{"an alias above", "a: &x\n  run: docker T .\nb:\n  <<: *x\n", "T", "y"},
		{"part of a hole", "a: docker ${{ T }}\n", "xx", "y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := open(t, tt.src, "T", github)
			i := strings.Index(x.Code, tt.old)
			if _, err := x.Edits([]shell.TextEdit{{Start: i, End: i + len(tt.old), New: tt.new}}); !errors.Is(err, yamledit.ErrUncertain) {
				t.Error(err)
			}
			x.Shared = true
			if _, err := x.Edits([]shell.TextEdit{{Start: i, End: i + len(tt.old), New: tt.new}}); (err == nil) != strings.Contains(tt.name, "alias") {
				t.Error(err)
			}
		})
	}
}

// TestOffset: a byte of Code that is not filled in is that byte of the file.
func TestOffset(t *testing.T) {
	for _, src := range []string{
		"a: |\r\n    docker \\\r\n      ${{ x }} T\r\n\r\n    \tx\r\n", "a: >\n  docker\n  build\n\n    T ü\n  .\n", "a: 'it''s T'\n", "a: \"\\\"x\\\"\\u00e9 T y\"\n", "a: x ${{ a }}\n   T\n", "- |2\n    T x\n   y\n", "a: é T\n",
	} {
		x := open(t, src, "T", github)
		for i := range len(x.Code) {
			c := x.Code[i]
			if c == ' ' || c == '\n' || c == '"' || c == '\'' || x.inside(i) || c >= 0x80 {
				continue
			}
			if got := src[x.Offset(i)]; got != c && got != '$' {
				t.Errorf("%q: byte %d is %q, not %q", src, i, got, c)
			}
		}
		if end := x.Offset(len(x.Code)); end != x.Node().End {
			t.Errorf("%q: ends at %d", src, end)
		}
	}
}
