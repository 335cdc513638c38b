package shell

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestCompose(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	random := func(n int, mark string) []TextEdit {
		var edits []TextEdit
		for at := 0; at <= n; at += 1 + r.IntN(4) {
			e := TextEdit{at, min(n, at+r.IntN(3)), strings.Repeat(mark, r.IntN(3))}
			if edits = append(edits, e); e.End > at {
				at = e.End
			}
		}
		r.Shuffle(len(edits), func(i, j int) { edits[i], edits[j] = edits[j], edits[i] })
		return edits
	}
	for range 2000 {
		text := "0123456789abcdef"[:r.IntN(17)]
		first := random(len(text), "+")
		middle := apply(text, first)
		second := random(len(middle), "*")
		both := Compose(first, second)
		if got, want := apply(text, both), apply(middle, second); got != want {
			t.Fatalf("%q, %v, %v: %v makes %q, want %q", text, first, second, both, got, want)
		}
		for i, e := range both {
			if i > 0 && e.Start <= both[i-1].End {
				t.Fatalf("%v touch", both)
			}
		}
	}
}

func TestSubstituteAll(t *testing.T) {
	tests := []struct{ script, want string }{ // aa, bb, cc are replaced by A, B, C
		{"x aa:bb", `x "${A}:${B}"`},
		{"x aabb", `x "${A}${B}"`},
		{"x 'aa$bb'", `x "${A}"'$'"${B}"`},
		{"x 'aa:bb' cc", `x "${A}:${B}" "${C}"`},
		{"x aa && K=bb y \"cc\"", `x "${A}" && K="${B}" y "${C}"`},
		{`sh -c 'x aa "bb"' cc`, `sh -c 'x "${A}" "${B}"' "${C}"`},
		{`sh -c "x aa 'bb'" cc`, `sh -c "x ${A} '${B}'" "${C}"`},
		{"x aa # bb", ""},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Fatal(err)
		}
		var places []Substitution
		for _, n := range []string{"A", "B", "C"} {
			lit := strings.ToLower(n + n)
			if at := strings.Index(tt.script, lit); at >= 0 {
				places = append(places, Substitution{at, at + 2, n})
			}
		}
		for range 2 {
			got := ""
			if edits, ok := s.SubstituteAll(places); ok {
				got = apply(tt.script, edits)
			}
			if got != tt.want {
				t.Errorf("%q: %s, want %s", tt.script, got, tt.want)
			}
			slices.Reverse(places)
		}
	}
}

func FuzzEdits(f *testing.F) {
	for _, s := range []string{
		"a -u b:tok && c || d; e | f 'x tok' &", `sudo -E sh -c 'x "tok" $T' > f 2>&1`, "cat <<-E > f\n\ttok $T\n\tE\n", "x=`a \\`b tok\\``", `sh -c "a 'tok' \$U"`,
		"for i in $a; do cd $i && b || exit 1; done", "export A=tok; [[ -n A ]] && ((i++))", "a\xff\r\n$b", "bash <<E\na \\$x tok\nE", "f() { a; }; f; case $x in a) b;; esac",
		"if [ -n \"$T\" ]; then echo $T | tee f; fi; g", "a ${b:-${c-tok}}", "(umask 077; a > f) && b", "set -e\na \\\n b # c\nd <<E\nE\n", "time a && ! b", "coproc a; b", "a <(b) {c,d} <<< tok",
	} {
		f.Add(s, strings.Index(s, "tok"), 3, true)
		f.Add(s, 0, 1, false)
	}
	f.Fuzz(func(t *testing.T, text string, at, n int, bash bool) {
		d := POSIX
		if bash {
			d = Bash
		}
		s, err := Parse(text, d)
		if err != nil || len(text) > 1000 {
			return
		}
		understood := func(what, text string) {
			if _, err := Parse(text, d); err != nil {
				t.Fatalf("%q: %s makes %q: %v", s.Text, what, text, err)
			}
		}
		if edits, ok := s.Substitute(at, at+n, "TOK"); ok {
			understood("Substitute", apply(text, edits))
		}
		for _, brk := range []string{" ", " \\\n  ", "\n"} {
			if edits, _, ok := s.Enclose([]string{"p q"}, []string{"r s"}, brk, Flags{}); ok {
				understood("Enclose", apply(text, edits))
			}
		}
		for _, c := range s.Commands {
			if got, ok := s.Detach(c); ok {
				understood("Detach", got.Text)
				if !got.Whole {
					understood("Detach", cut(text, got.Spans))
				}
			}
		}
	})
}
