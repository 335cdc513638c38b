package dockerfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// seeds are the shapes that have broken rewriters: each is parsed, and seeds the fuzzer.
var seeds = []string{
	"FROM a\n",
	"FROM a",
	"\xef\xbb\xbf# syntax=docker/dockerfile:1\nFROM a AS b\nRUN x\n",
	"# escape=`\r\nFROM a\r\nRUN x `\r\n  y\r\n",
	"FROM a\nENV A=1 \\\n  # about B\n  B=\"x y\" \\\n\n  C='z' \\  \n  D=w\n",
	"FROM a\nENV A b c # not a comment\n",
	"FROM a\nARG A B=2 C=\"3 4\"\n",
	"FROM a\nRUN <<EOF\necho $A\nEOF\nRUN <<-\"X\" cat\n\ta\n\tX\n",
	"FROM a\nCOPY [\"a b\", \"c\\\"d\", \"/e/\"]\nCOPY --chown=1:1 --from=0 a /b\n",
	"FROM a\nCOPY <<A <<B /x/\n1\nA\n2\nB\n",
	"from a\nonbuild run --mount=type=cache,target=/x x\n",
	"FROM a\nRUN --mount=type=cache,target=/x \\\n    --mount=type=bind,target=. \\\n    npm ci \\\n    && true\\\n",
	"FROM a\nRUN [\"a\", \"b\"]\nHEALTHCHECK --interval=5s CMD [\"x\"]\nSHELL [\"/bin/bash\", \"-c\"]\n",
	"FROM a\nRUN a \\\n\t# c\n\u205f b \\\\\nRUN c\n",
	"FROM a\nENV a=\\\"b\\\" c='\\' d=e\\\n",
	"FROM a\nENV A=x\\",
	"FROM a\r\nRUN b\r\r\nRUN c\n",
	"FROM a\nENV\tA\t b\n",
	"FROM a\nRUN --network=none  --\n",
	"FROM a\nRUN\u0085--x y\n",
	"onBuild",
	"FROM 0\nENV\\\n 0= \\\n0=",
	"FROM 0\nRUN --mount=0\\\n\v0",
	"FROM 0\nENV 0=\\00000\\\n   \n 0=\\",
	"FROM a\nENV 00=0000 \\ \\",
	"FROM 0\nRUN --mount=a \\\n    --mount=b\"c",
	"ENV 0 \xee",
	"FROM 0\nENV 0=0 \\\n\\ \n0=0",
	"FROM a\nENV A=1 \\\n  B=2 \\\n\\ ",
	"\\",
	"ENV \xb6=\xff b=\xb6",
}

func TestParse(t *testing.T) {
	for _, src := range seeds {
		f, err := Parse("Dockerfile", []byte(src))
		if err != nil && strings.Contains(err.Error(), "unknown instruction") {
			continue // for the fuzzer: BuildKit parses it, and would not build it
		}
		if err != nil {
			t.Errorf("%q: %v", src, err)
			continue
		}
		check(t, f)
	}
}

// check holds what every parsed file must hold: texts that stand where they say.
func check(t *testing.T, f *File) {
	t.Helper()
	for _, in := range f.Instructions {
		for i := range len(in.Text) {
			if f.Src[in.at[i]] != in.Text[i] {
				t.Fatalf("%v: byte %d of %q is not at %d", in, i, in.Text, in.at[i])
			}
			if i > 0 && in.at[i] <= in.at[i-1] || !in.Contains(in.at[i]) {
				t.Fatalf("%v: offsets are not in order", in)
			}
		}
		for _, p := range in.Pairs() {
			if in.Text[p.Start:p.End] != p.Text || in.Text[p.Value.Start:p.Value.End] != p.Value.Text {
				t.Fatalf("%v: pair %q is not where it says", in, p.Text)
			}
		}
		for _, w := range in.Flags {
			if in.Text[w.Start:w.End] != w.Text {
				t.Fatalf("%v: flag %q is not where it says", in, w.Text)
			}
		}
		in.Paths()
		in.Elements()
	}
}

func TestPairs(t *testing.T) {
	f, err := Parse("Dockerfile", []byte("FROM a\nENV A=1 \\\n # c\n B=\"x y\" C=\nENV D e f \nARG X Y= Z='q'\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range f.Instructions {
		for _, p := range in.Pairs() {
			s := p.Name + "|" + p.Value.Text
			if !p.HasValue {
				s += "|none"
			}
			got = append(got, s)
		}
	}
	want := `A|1,B|"x y",C|,D|e f,X||none,Y|,Z|'q'`
	if s := strings.Join(got, ","); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct{ src, want string }{
		{"", "Dockerfile:1:1: file with no instructions: BuildKit does not build this file, mend it first"},
		{"FROM a\nRUN <<EOF\nx\n", "Dockerfile:2:1: unterminated heredoc: BuildKit does not build this file, mend it first"},
		{"FROM a\nENV S3cr3tc4n4ry=1 c4n4ry\n", "Dockerfile:2:1: no '=' in a word of a name=value list: BuildKit does not build this file, mend it first"},
		{"FROM a\nc4n4ry x\n", "Dockerfile:2:1: unknown instruction: BuildKit does not build this file, mend it first"},
		{"FROM a\n\x00\n", "Dockerfile:2:1: binary file, not a Dockerfile: name another one"},
		{"FROM a\nRUN " + strings.Repeat("x", 70000) + "\n", "Dockerfile:2:1: dockerfile line greater than max allowed size of 65535: BuildKit does not build this file, mend it first"},
		{"# escape=x\nFROM a\n", "Dockerfile:1:1: invalid escape token 'x' does not match ` or \\: BuildKit does not build this file, mend it first"},
	} {
		_, err := Parse("Dockerfile", []byte(tc.src))
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("%.40q: %v, want a ParseError", tc.src, err)
			continue
		}
		if err.Error() != tc.want {
			t.Errorf("%.40q:\n got %s\nwant %s", tc.src, err, tc.want)
		}
		if strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%.40q: the error tells the text", tc.src)
		}
	}
}

func TestStages(t *testing.T) {
	f, err := Parse("Dockerfile", []byte("ARG B=build\nFROM x AS Build\nFROM ${B} AS two\nFROM two\nCOPY --from=0 a b\nCOPY --from=TWO a b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Stages[1].Parent != f.Stages[0] || f.Final().Parent != f.Stages[1] || len(f.Final().Lineage()) != 3 {
		t.Error("stages are not linked")
	}
	if f.SourceStage("0") != f.Stages[0] || f.SourceStage("TWO") != f.Stages[1] || f.SourceStage("alpine") != nil {
		t.Error("COPY --from does not find its stage")
	}
}

// TestCorpus parses real files, where there are some (UNBAKE_CORPUS names a folder).
func TestCorpus(t *testing.T) {
	root := os.Getenv("UNBAKE_CORPUS")
	if root == "" {
		t.Skip("UNBAKE_CORPUS names no folder of real Dockerfiles")
	}
	var files, refused int
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(strings.ToLower(d.Name()), "dockerfile") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		f, err := Parse(path, src)
		if err != nil {
			if _, theirs := parser.Parse(bytes.NewReader(src)); theirs == nil && !strings.Contains(err.Error(), "unknown instruction") {
				t.Error(err)
			}
			refused++
			return nil
		}
		check(t, f)
		return nil
	})
	t.Logf("%d files, %d that BuildKit refuses", files, refused)
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("Dockerfile", src)
		res, theirs := parser.Parse(bytes.NewReader(src))
		if theirs != nil {
			if err == nil {
				t.Fatal("parsed what BuildKit refuses:", theirs)
			}
			return
		}
		if err != nil {
			if strings.Contains(err.Error(), "byte for byte") {
				t.Fatalf("%v\n%q", err, src)
			}
			return
		}
		check(t, file)
		if len(res.AST.Children) != len(file.Instructions) {
			t.Fatal("another number of instructions")
		}
		fuzzChanges(t, file)
	})
}

// fuzzChanges makes each edit on each instruction and reads the result with BuildKit.
func fuzzChanges(t *testing.T, f *File) {
	if _, _, err := instructions.Parse(mustAST(t, f.Src), nil); err != nil {
		return // BuildKit would not build it
	}
	for i, in := range f.Instructions {
		if in.Name == "run" && !in.OnBuild {
			g := reparse(t, f, in.AddFlags("--mount=type=secret,id=x"))
			if len(g.Instructions) != len(f.Instructions) || len(g.Instructions[i].Flags) != len(in.Flags)+1 || g.Instructions[i].ArgText() != in.ArgText() {
				t.Fatalf("a flag changed more than flags: %q", g.Src)
			}
		}
		if in.Name == "env" && len(in.Pairs()) > 1 {
			pairs := in.Pairs()
			for k, p := range pairs {
				edits := in.DeleteWords([]Word{p.Word}, pairWords(pairs))
				if edits == nil {
					continue
				}
				g := reparse(t, f, edits...)
				got := g.Instructions[i].Pairs()
				if len(g.Instructions) != len(f.Instructions) || len(got) != len(pairs)-1 {
					t.Fatalf("deleting %q left %q", p.Text, g.Src)
				}
				for j, q := range got {
					if j >= k {
						j++
					}
					if q.Text != pairs[j].Text {
						t.Fatalf("deleting %q made %q of %q", p.Text, q.Text, pairs[j].Text)
					}
				}
			}
		}
		if len(f.Instructions) > 1 && in.Name == "arg" && f.Escape == '\\' && len(f.Directives) == 0 {
			g := reparse(t, f, f.Delete(in)...)
			if len(g.Instructions) != len(f.Instructions)-1 {
				t.Fatalf("deleting %q left %q of %q", in.Text, g.Src, f.Src)
			}
		}
	}
}

func pairWords(pairs []Pair) []Word {
	var words []Word
	for _, p := range pairs {
		words = append(words, p.Word)
	}
	return words
}

func mustAST(t *testing.T, src []byte) *parser.Node {
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	return res.AST
}

func reparse(t *testing.T, f *File, edits ...edit.Edit) *File {
	t.Helper()
	out, err := edit.Apply(f.Src, edits)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Parse(f.Path, out)
	if err != nil {
		t.Fatalf("%v\nbefore %q\nafter  %q", err, f.Src, out)
	}
	return g
}
