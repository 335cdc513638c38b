package shell

import (
	"strings"
	"testing"
)

func TestSubstitute(t *testing.T) {
	tests := []struct {
		script, want string // tok is replaced by T; an empty want: refused
		value        string
	}{
		{`c -u user:tok h`, `c -u "user:${T}" h`, ""},
		{`c tok`, `c "${T}"`, ""},
		{`c atokb`, `c "a${T}b"`, ""},
		{`c https://u:tok@h.example.com/x`, `c "https://u:${T}@h.example.com/x"`, ""},
		{`c https://u:tok@h.example.com/?a=b`, `c https://u:"${T}"@h.example.com/?a=b`, ""},
		{`c u:tok@$H`, `c u:"${T}"@$H`, ""},
		{`c --password=tok`, `c --password="${T}"`, ""},
		{`c -Dpass-word=tokx`, `c -Dpass-word="${T}x"`, ""},
		{`c 1=tok`, `c "1=${T}"`, ""},
		{`c ~/x:tok`, `c ~/x:"${T}"`, ""},
		{`c ~tok`, ``, ""},
		{`c a\ tok`, `c a\ "${T}"`, ""},
		{`c \tok`, ``, ""},
		{`c to\k`, ``, `to\k`},
		{`c {tok,x}`, `c {"${T}",x}`, ""},
		{`c t*k`, ``, `t*k`},
		{`c a$tok`, ``, ""},
		{`c "user:tok"`, `c "user:${T}"`, ""},
		{`c "user:\tok"`, ``, ""},
		{`c "$tok"`, ``, ""},
		{`c "$$tok"`, `c "$$${T}"`, ""},
		{`c "a$'tok'"`, ``, "'tok'"},
		{`c "\\tok"`, `c "\\${T}"`, ""},
		{`c "a$ tok"`, `c "a$ ${T}"`, ""},
		{`c 'user:tok'`, `c "user:${T}"`, ""},
		{`c -H'X: tok'`, `c -H"X: ${T}"`, ""},
		{`c '{"a":"tok"}'`, `c '{"a":"'"${T}"'"}'`, ""},
		{`c 'tok$x'`, `c "${T}"'$x'`, ""},
		{`c '$xtok'`, `c '$x'"${T}"`, ""},
		{`c 'a'tok'b'`, `c 'a'"${T}"'b'`, ""},
		{`c $'tok'`, ``, ""},
		{`c $"tok"`, ``, ""},
		{`tok a`, ``, ""},
		{`c # tok`, ``, ""},
		{`c > tok`, `c > "${T}"`, ""},
		{`c 2>&tok`, ``, ""},
		{`c <<< tok`, `c <<< "${T}"`, ""},
		{`K=tok`, `K="${T}"`, ""},
		{`K=tok c`, `K="${T}" c`, ""},
		{`K=a:tok c`, `K="a:${T}" c`, ""},
		{`T=tok c`, `T="${T}" c`, ""},
		{`T=tok c && T=tok d`, `T="${T}" c && T=tok d`, ""},
		{`T=tok : && c tok`, ``, ""},
		{`export K=tok`, `export K="${T}"`, ""},
		{`export T=tok && c tok`, `export T="${T}" && c tok`, ""},
		{`export T=other && c tok`, ``, ""},
		{`c tok && read T`, ``, ""},
		{`for T in 1; do c tok; done`, ``, ""},
		{`export "K=tok"`, `export "K=${T}"`, ""},
		{`export K='tok' L=x`, `export K="${T}" L=x`, ""},
		{`env K=tok c`, `env K="${T}" c`, ""},
		{`for x in tok y; do c; done`, `for x in "${T}" y; do c; done`, ""},
		{`case tok in x) c;; esac`, `case "${T}" in x) c;; esac`, ""},
		{`case x in tok) c;; esac`, ``, ""},
		{`[ "$x" = tok ]`, `[ "$x" = "${T}" ]`, ""},
		{`[[ $x == tok ]]`, ``, ""},
		{`[[ $x =~ tok ]]`, ``, ""},
		{`c $((tok))`, ``, ""},
		{`c ${a[tok]}`, ``, ""},
		{`c ${x:-tok}`, ``, ""},
		{`c "${x:-tok}"`, `c "${x:-${T}}"`, ""},
		{`K=${x:-tok} c`, `K=${x:-"${T}"} c`, ""},
		{`K="${x%tok}" c`, ``, ""},
		{`A=(a tok)`, `A=(a "${T}")`, ""},
		{`A=([tok]=b)`, ``, ""},
		{`eval "c tok"`, ``, ""},
		{`let x=tok`, ``, ""},
		{`x=$(c tok)`, `x=$(c "${T}")`, ""},
		{`x="$(c tok)"`, `x="$(c "${T}")"`, ""},
		{"x=`c tok`", "x=`c \"${T}\"`", ""},
		{"x=\"`c tok`\"", "", ""},
		{"c <<E\na tok b\nE\n", "c <<E\na ${T} b\nE\n", ""},
		{"c <<-E\n\ta tok b\n\tE\n", "c <<-E\n\ta ${T} b\n\tE\n", ""},
		{"c <<E\na \\tok b\nE\n", "", ""},
		{"c <<'E'\na tok b\nE\n", "", ""},
		{"c <<tok\na\ntok\n", "", ""},
		{"c <<E\na $(d tok) b\nE\n", "c <<E\na $(d \"${T}\") b\nE\n", ""},
		// Scripts in strings.
		{`sh -c 'c -u u:tok'`, `sh -c 'c -u "u:${T}"'`, ""},
		{`sh -c 'c "u:tok"'`, `sh -c 'c "u:${T}"'`, ""},
		{`sh -c 'c # tok'`, ``, ""},
		{`sh -c "c -u u:tok"`, `sh -c "c -u u:${T}"`, ""},
		{`sh -c "c -H 'X: tok'"`, `sh -c "c -H 'X: ${T}'"`, ""},
		{`sh -c "c -H \"X: tok\""`, `sh -c "c -H \"X: ${T}\""`, ""},
		{`sh -c "c -H 'X: t k'"`, `sh -c "c -H 'X: ${T}'"`, "t k"},
		{`sh -c "c t;k"`, ``, "t;k"},
		{`sh -c 'c -H '\''X: tok'\'''`, `sh -c 'c -H '\"'X: ${T}'\"''`, ""},
		{`sh -c 'sh -c "c tok"'`, `sh -c 'sh -c "c ${T}"'`, ""},
		{`T=x sh -c 'c tok'`, ``, ""},
		{`sudo sh -c 'c tok'`, ``, ""},
		{`sudo -E sh -c 'c tok'`, `sudo -E sh -c 'c "${T}"'`, ""},
		{`sudo sh -c "c tok"`, `sudo sh -c "c ${T}"`, ""},
		{`env -i sh -c 'c tok'`, ``, ""},
		{`ssh h 'c tok'`, `ssh h "c ${T}"`, ""},
		{"sh <<'E'\nc tok\nE\n", "sh <<'E'\nc \"${T}\"\nE\n", ""},
		{"sh <<E\nc tok\nE\n", "sh <<E\nc ${T}\nE\n", ""},
		{`trap 'c tok' EXIT`, `trap 'c "${T}"' EXIT`, ""},
		{`cd tok && c`, ``, ""},
	}
	for _, tt := range tests {
		value := tt.value
		if value == "" {
			value = "tok"
		}
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Errorf("%q: %v", tt.script, err)
			continue
		}
		at := strings.Index(tt.script, value)
		got := ""
		if edits, ok := s.Substitute(at, at+len(value), "T"); ok {
			got = apply(tt.script, edits)
		}
		want := tt.want
		if value != "tok" && want != "" {
			want = strings.ReplaceAll(want, "tok", value)
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", tt.script, got, want)
		}
	}
}

// Words of a few fragments, in every place a word can have: what the shells print is the same before and after.
func TestSubstituteRuns(t *testing.T) {
	t.Parallel()
	fragments := []string{"a", ":", "=", "/", "~", "*", "?", "[", "]", "{", ",", "}", "$V", `"$V"`, "'q'", `"d"`, `\`, "'", `"`, "$", "!", "-", "#", "`", "$(echo ", ")", "--o=", " ", "%"}
	places := []string{ // of the word W
		`printf '<%s>' W`, `printf '<%s>' x W y`, `K=W; printf '<%s>' "$K"`, `K=W sh -c 'printf "<%s>" "$K"'`, `export K=W; printf '<%s>' "$K"`,
		`for i in W; do printf '<%s>' "$i"; done`, `cat < W`, "cat <<E\nW\nE", `printf '<%s>' "W"`, `printf '<%s>' 'W'`, `printf '<%s>' "$(printf '<%s>' W)"`,
		`sh -c 'printf "<%s>" W'`, `sh -c "printf '<%s>' W"`, `sh -c "printf '<%s>' 'W'"`, "printf '<%s>' `printf '<%s>' W`", `printf '<%s>' "${N:-W}"`,
		`case W in a*) echo yes;; *) echo no;; esac`, "sh <<'E'\nprintf '<%s>' W\nE", "sh <<E\nprintf '<%s>' W\nE", "printf '<%s>' \"`printf '<%s>' W`\"",
		`K=${N:-W}; printf '<%s>' "$K"`, `sh -c 'sh -c "printf %s W"'`, `sh -c 'printf "<%s>" '\''W'\'''`, "cat <<E\n${N:-W}\nE",
	}
	values := []string{"tok", "a~b", "t#k", "-n", "it's", "t*k", "t$k", "t k", `t"k`, `t\k`, "{a,b}", "t!k", "t]k", "%d", ";", "~"}
	old, edited := map[string][]string{}, map[string][]string{}
	total, accepted := 0, 0
	for _, value := range values {
		depth := 1
		if value == "tok" {
			depth = runDepth
		}
		var words func(parts []string, n int)
		words = func(parts []string, n int) {
			for i := range len(parts) + 1 {
				for _, place := range places {
					head, tail, _ := strings.Cut(place, "W")
					head, tail = head+strings.Join(parts[:i], ""), strings.Join(parts[i:], "")+tail
					script := head + value + tail
					total++
					s, err := Parse(script, POSIX)
					if err != nil {
						continue
					}
					edits, ok := s.Substitute(len(head), len(head)+len(value), "T")
					if !ok || strings.Contains(script, "$$") { // whose value is never the same
						continue
					}
					if accepted++; accepted%runEvery == 0 {
						old[value], edited[value] = append(old[value], script), append(edited[value], apply(script, edits))
					}
				}
			}
			if n > 0 {
				for _, f := range fragments {
					words(append(parts[:len(parts):len(parts)], f), n-1)
				}
			}
		}
		words(nil, depth)
	}
	for name, sh := range realShells(t) {
		for value := range old {
			was, is := outputs(t, sh, ".", old[value], "T="+value), outputs(t, sh, ".", edited[value], "T="+value)
			for i := range was {
				if was[i] != is[i] {
					t.Errorf("%s: %q prints %q\n%q prints %q", name, old[value][i], was[i], edited[value][i], is[i])
				}
			}
		}
	}
	t.Logf("%d scripts, %d accepted", total, accepted)
}

// How many fragments the words have, and how many of the scripts are run.
const runDepth, runEvery = 1, 53
