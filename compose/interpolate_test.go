package compose

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/containerd/log"
)

// quiet keeps compose-go from telling of variables that are not set.
func quiet(t *testing.T) {
	t.Helper()
	was := log.GetLevel()
	log.SetLevel("error")
	t.Cleanup(func() { log.SetLevel(was.String()) })
}

func TestLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "x": "x", "a$$b": "a$b", "$$$$": "$$", "a$": "a$", "$1": "$1", "a $ b": "a $ b", "$$A": "$A", "$${A}": "${A}", "$-": "$-",
		"$A": "!", "${A}": "!", "${A:-b}": "!", "$$$A": "!", "${": "!", "${1}": "!", "$é": "$é",
	} {
		got, ok := Literal(in)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
		if back, ok := Literal(Escape(in)); !ok || back != in {
			t.Errorf("%s: written as %s it is %s", in, Escape(in), back)
		}
	}
}

func TestVariables(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "x": "", "$$A": "", "$A": "A", "${A}": "A", "$A$B ${A}": "A B", "${A:-${B-$C}} $D": "A B C D", "${A:?${B}}": "A B", "${A+b}": "A", "${A:-x}${B}": "A B",
		"${": "", "$1": "", "postgres://${U}:${P:-p}@db": "U P", "${A:-{}} ${B}": "A",
	} {
		if got := strings.Join(Variables(in), " "); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// TestExpandAsCompose: variables are put in as compose puts them in.
func TestExpandAsCompose(t *testing.T) {
	quiet(t)
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "a", "E": "", "D": "$B"}[name]
		return v, ok
	}
	check := func(s string) {
		asked := map[string]bool{}
		want, refused := template.SubstituteWithOptions(s, func(name string) (string, bool) {
			asked[name] = true
			return lookup(name)
		}, template.WithoutLogging)
		got, err := expand(s, lookup)
		if (err != nil) != (refused != nil) || err == nil && got != want {
			t.Fatalf("%q: got %q %v, compose %q %v", s, got, err, want, refused)
		}
		if refused != nil {
			return
		}
		names := " " + strings.Join(Variables(s), " ") + " "
		for name := range asked {
			if !strings.Contains(names, " "+name+" ") {
				t.Fatalf("%q: %s is not among the variables%s", s, name, names)
			}
		}
		if text, ok := Literal(s); ok != (len(asked) == 0) || ok && text != want {
			t.Fatalf("%q: literally %q %v, compose %q", s, text, ok, want)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	parts := []string{"A", "B", "E", "D", "$", "${", "${A", "${B:-", "${E:+", "}", "}", "{", ":", "-", "?", "+", ":-", ":?", " ", "\n", "1", "_", "x", "ſ", "$$", "é"}
	for range 100000 {
		var b strings.Builder
		for range r.IntN(10) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		check(b.String())
	}
}
