package compose

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// dotenvSeeds are files that read in an odd way.
var dotenvSeeds = []string{
	"", "\n", "A", "A\n", "A=1", "A=1\nB=2\n", "\ufeffA=1\n", "A: 1\n", "export A=1\nexport\tB=2\n", "export\nA=1\n", "export ", "exportA=1\n",
	"A=1 # c\nB=1#c\n#C=1\n", "A='a b' # c\n", "A=\"a\\nb\\\"c\\$d$$e\"\n", "A='a\\'b\\\\'\n", "A='a\nb'\nB=2\n", "A=\"a\n", "A=1\r\nB='2'\r\n", "A B=1\n",
	"A\tB=1\n", "A.B-C[0]=1\n", "A=\nB=${A}x${C:-d}$A\n", "A=${B:?no}\n", "A=1\nA=2\n", "A = 1 \n", "A=\"\\101\\0101\\0\\07\\c\\x41\"\n", "A=${\n", "!\n",
	"A='1'B=2\n", "A=x=y\n", "B\nA=1\n", "A='${B}'\n", "A=a b c\n", "A=\u00a01\n", "0A=1\n", "=1\n", ":\n", "A=a\\nb\n", "A=${B:-\"x y\"}\n", "A=\"${B:-x}\"y\nC=1",
}

// TestDotenvAsCompose: the reader says what compose's says, over odd files and over scrambled ones.
func TestDotenvAsCompose(t *testing.T) {
	quiet(t)
	check := func(src string) {
		want, refused := dotenv.Parse(strings.NewReader(src))
		entries, err := ParseDotenv("x/.env", []byte(src))
		if (err != nil) != (refused != nil) {
			t.Fatalf("%q: got %v, compose %v", src, err, refused)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x/.env:") {
				t.Fatalf("%q: no position: %v", src, err)
			}
			return
		}
		got := map[string]string{}
		for _, e := range entries {
			if e.Start < 0 || e.End < e.Start || e.End > len(src) || e.Line < 1 {
				t.Fatalf("%q: %s at %d-%d", src, e, e.Start, e.End)
			}
			if e.HasValue {
				got[e.Name] = e.Value
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%q: got %q, compose %q", src, got, want)
		}
	}
	for _, src := range dotenvSeeds {
		check(src)
	}
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"A", "B", "=", "=", "\n", "\n", " ", "#", "'", "\"", "\\", "$", "${", "}", ":", "-", "?", "+", "export ", "\r", "\t", "1", "n", "0", "{", "\u00a0", "é", "$$", "\xff", "."}
	for range 30000 {
		var b strings.Builder
		for range r.IntN(14) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		check(b.String())
	}
}

func TestParseDotenvPlaces(t *testing.T) {
	const src = "# c\nexport A='tok c4n4ry' # c\nB =  x y # c\nC\nD=\"a\nb\"\nE="
	entries, err := ParseDotenv(".env", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%d %s %v <%s>", e.Line, e.Name, e.HasValue, src[e.Start:e.End]))
	}
	want := "2 A true <'tok c4n4ry'>|3 B true <x y>|4 C false <>|5 D true <\"a\nb\">|7 E true <>"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, entries); strings.Contains(s, "c4n4ry") {
			t.Errorf("%s shows %s", verb, s)
		}
	}
	for src, want := range map[string]string{
		"A=1\nA c4n4ry=2":  ".env:2:1: a space",
		"A=1\n\tB='c4n4ry": ".env:2:4: a quote that is not closed",
		"c4n4ry!":          ".env:1:7: a character",
		"A=${B:?c4n4ry}":   ".env:1:3: B must be set",
	} {
		if _, err := ParseDotenv(".env", []byte(src)); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("%q: %v", src, err)
		}
	}
}

func TestAddDotenv(t *testing.T) {
	for _, tt := range []struct{ src, value, want string }{
		{"", "v", "T='v'\n"},
		{"A=1", "v", "A=1\nT='v'\n"},
		{"A=1\r\n", "v", "A=1\r\nT='v'\r\n"},
		{"# c", "v", "# c\nT='v'\n"},
		{"A=1\n", "a$b#c \"d\" `e` \\n \\\\", "A=1\nT='a$b#c \"d\" `e` \\n \\\\'\n"},
		{"", "it's", "T='it\\'s'\n"},
		{"", "", "T=''\n"},
		{"", "-----BEGIN\nx\n-----END\n", "T='-----BEGIN\nx\n-----END\n'\n"},
		{"T=v\n", "v", "T=v\n"},
		{"T=w\nT=\"v\"\n", "v", "T=w\nT=\"v\"\n"},
		{"T=w\n", "v", "!"},
		{"T=v\nT=w\n", "v", "!"},
		{"T=\n", "v", "!"},
		{"T\n", "v", "!"},
		{"A='\n", "v", "!"},
		{"A", "v", "!"}, // without a line end the name is a value, of nothing
		{"", "a\\", "!"},
		{"", "a\\'b", "!"},
		{"", "a\x00b", "!"},
	} {
		e, err := AddDotenv([]byte(tt.src), "T", tt.value)
		if tt.want == "!" {
			if err == nil {
				t.Errorf("%q, %q: %+v", tt.src, tt.value, e)
			} else if strings.Contains(err.Error(), tt.value) && len(tt.value) > 1 {
				t.Errorf("%q: the error tells the value: %v", tt.value, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q, %q: %v", tt.src, tt.value, err)
			continue
		}
		out, err := edit.Apply([]byte(tt.src), []edit.Edit{e})
		if err != nil || string(out) != tt.want {
			t.Errorf("%q, %q: got %q %v, want %q", tt.src, tt.value, out, err, tt.want)
			continue
		}
		vars, err := dotenv.Parse(bytes.NewReader(out))
		if err != nil || vars["T"] != tt.value {
			t.Errorf("%q: compose reads another value %v", out, err)
		}
	}
	if _, err := AddDotenv(nil, "A-B", "v"); err == nil {
		t.Error("A-B is no name for ${…}")
	}
}
