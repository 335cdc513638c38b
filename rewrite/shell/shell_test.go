package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestDialectOf(t *testing.T) {
	tests := []struct {
		words string
		want  Dialect
	}{
		{"/bin/sh -c", POSIX},
		{"/bin/ash -eo pipefail -c", POSIX},
		{"dash -c", POSIX},
		{"/bin/ksh -c", POSIX},
		{"/bin/busybox sh -c", POSIX},
		{"/bin/bash -o pipefail -c", Bash},
		{"bash -lc", Bash},
		{"/usr/bin/env bash", Bash},
		{"env -i PATH=/bin bash -c", Bash},
		{`C:\git\bin\bash.exe -c`, Bash},
		{"conda run -n base /bin/bash -c", Bash},
		{"/bin/zsh -c", Unknown},
		{"powershell -Command", Unknown},
		{"powershell -Command bash", Unknown},
		{"pwsh -c", Unknown},
		{"cmd /S /C", Unknown},
		{"CMD.EXE /C", Unknown},
		{"/usr/bin/python3 -c", Unknown},
		{"fish -c", Unknown},
		{"", Unknown},
		{"env", Unknown},
	}
	for _, tt := range tests {
		if got := DialectOf(strings.Fields(tt.words)); got != tt.want {
			t.Errorf("DialectOf(%q) = %d, want %d", tt.words, got, tt.want)
		}
	}
	for line, want := range map[string]Dialect{"#!/bin/sh": POSIX, "#!/bin/bash -eu": Bash, "#! /usr/bin/env bash": Bash, "#!/usr/bin/env python3": Unknown, "#!": Unknown} {
		if got := DialectOf([]string{line}); got != want {
			t.Errorf("DialectOf(%q) = %d, want %d", line, got, want)
		}
	}
	if got := FlagsOf([]string{"/bin/bash", "-eux", "-o", "pipefail", "-c"}); got != (Flags{true, true, true}) {
		t.Errorf("FlagsOf: %+v", got)
	}
	if got := FlagsOf([]string{"/bin/bash", "-o", "nounset", "-c"}); got != (Flags{Nounset: true}) {
		t.Errorf("FlagsOf -o nounset: %+v", got)
	}
}

// outline is a script's commands, each with the wrappers that run it.
func outline(s *Script) string {
	var list []string
	for _, c := range s.Commands {
		name := c.Program
		if name == "" {
			name = "<" + c.Path + ">"
		}
		for p := c.Parent; p != nil; p = p.Parent {
			name = p.Program + ">" + name
		}
		for _, a := range c.Args {
			name += " " + a.Text
		}
		if c.Opaque {
			name += " !"
		}
		if c.Templated {
			name += " ~"
		}
		list = append(list, name)
	}
	return strings.Join(list, " | ")
}

func TestCommands(t *testing.T) {
	tests := []struct {
		name, script, want string
	}{
		{"plain", "npm ci", "npm ci"},
		{"path", "/usr/local/bin/npm ci && ./build.sh && scripts/x.sh && node_modules/.bin/ng b && ./venv/bin/pip i", "npm ci | ./build.sh | ./x.sh | ng b | pip i"},
		{"tabs", "a\tb;\tc", "a b | c"},
		{"not literal", "$CMD x; ${A}b; \"$(c)\"", "<$CMD> x ! | <${A}b> ! | <\"$(c)\"> ! | c"},
		{"quoted program", `"npm" ci; n'p'm x`, "npm ci | npm x"},
		{"assignments are no commands", "A=1 B=2; C=$(d)", "d"},
		{"assignment before", "A=1 b", "b"},
		{"redirection alone", "> f", "<>"},
		{"lists", "a && b || c; d & e | f", "a | b | c | d | e | f"},
		{"comment", "a # b && c", "a"},
		{"compounds", "if a; then b; elif c; then d; else e; fi; while f; do g; done; for i in 1 2; do h; done; case $x in a) i;; *) j;; esac; { k; }; (l)", "a | b | c | d | e | f | g | h | i | j | k | l"},
		{"function", "f() { a; }; f", "a | f"},
		{"substitution", "echo $(a `b`) \"$(c)\"", "echo $(a `b`) \"$(c)\" | a `b` | b | c"},
		{"sudo", "sudo -E -u x npm ci", "sudo -E -u x npm ci | sudo>npm ci"},
		{"sudo cluster", "sudo -Eu x A=b npm ci", "sudo -Eu x A=b npm ci | sudo>npm ci"},
		{"env", "env -i A=b C=\"$d\" npm ci", "env -i A=b C=\"$d\" npm ci | env>npm ci"},
		{"env split", `env -S "a b"`, `env -S "a b" !`},
		{"env alone", "env | sort", "env | sort"},
		{"chain", "sudo env A=b timeout -k 5 10 nice -n 3 npm ci", "sudo env A=b timeout -k 5 10 nice -n 3 npm ci | sudo>env A=b timeout -k 5 10 nice -n 3 npm ci | " +
			"sudo>env>timeout -k 5 10 nice -n 3 npm ci | sudo>env>timeout>nice -n 3 npm ci | sudo>env>timeout>nice>npm ci"},
		{"gosu", "gosu $U npm ci; su-exec u:g a", "gosu $U npm ci | gosu>npm ci | su-exec u:g a | su-exec>a"},
		{"xargs", "a | xargs -0 -n1 -I{} npm ci {}", "a | xargs -0 -n1 -I{} npm ci {} | xargs>npm ci {}"},
		{"find", `find . -name '*.x' -exec sed -i s/a/b/ {} \; -exec rm {} +`, `find . -name '*.x' -exec sed -i s/a/b/ {} \; -exec rm {} + | find>sed -i s/a/b/ {} | find>rm {}`},
		{"exec and command", "command -v npm; command npm x; exec npm y; exec >f", "command -v npm | command npm x | command>npm x | exec npm y | exec>npm y | exec"},
		{"npx", "npx -y -p @x/y tool z; bundle exec rake; poetry run pytest; bundle install", "npx -y -p @x/y tool z | npx>tool z | bundle exec rake | bundle>rake | poetry run pytest | poetry>pytest | bundle install"},
		{"sh -c", "sh -c 'a && b'", "sh -c 'a && b' | sh>a | sh>b"},
		{"bash -lc", `bash -lc "a \"b c\" && d"`, `bash -lc "a \"b c\" && d" | bash>a \"b c\" | bash>d`},
		{"bash options", "bash -o pipefail -ec 'a | b'", "bash -o pipefail -ec 'a | b' | bash>a | bash>b"},
		{"templated", `sh -c "a $T && b \$U $(c)"`, `sh -c "a $T && b \$U $(c)" | sh>a $T ~ | sh>b \$U $(c) ~ | c`},
		{"sh -c of a variable", `sh -c "$X"`, `sh -c "$X" | sh><$X> ! ~`},
		{"sh -c broken", `sh -c 'if'`, `sh -c 'if' !`},
		{"sh file", "sh ./x.sh a; bash", "sh ./x.sh a ! | bash !"},
		{"pipe to sh", "curl x | sh -s -- y", "curl x | sh -s -- y !"},
		{"su", "su -c 'a b' u; su - u -c \"c\"; su -s /bin/bash -c d", "su -c 'a b' u | su>a b | su - u -c \"c\" | su>c | su -s /bin/bash -c d | su>d"},
		{"runuser", "runuser -u x -- npm ci", "runuser -u x -- npm ci | runuser>npm ci"},
		{"sudo sh -c", "sudo -u x sh -c 'a $B'", "sudo -u x sh -c 'a $B' | sudo>sh -c 'a $B' | sudo>sh>a $B"},
		{"deep", `sh -c "sh -c 'a'"`, `sh -c "sh -c 'a'" | sh>sh -c 'a' | sh>sh>a`},
		{"eval", "eval \"$x\"; . ./a; source b", "eval \"$x\" ! | . ./a ! | source b !"},
		{"trap", "trap 'rm f' EXIT; trap - INT", "trap 'rm f' EXIT | trap>rm f | trap - INT"},
		{"heredoc script", "bash <<'E'\na $x\nb\nE\nc", "bash | bash>a $x | bash>b | c"},
		{"heredoc data", "cat <<E > f\na b\nE\nc", "cat | c"},
		{"test", "[ -n \"$a\" ] && [[ -f $b ]]", "[ -n \"$a\" ] | [[ $b"},
		{"arithmetic", "((i++)); let i=1", "(( | let"},
		{"declarations", "export A=b C; local d=e; declare -x F=1", "export A=b C | local d=e | declare -x F=1"},
		{"scripts with newlines", "#!/bin/sh\nset -e\n\na \\\n  b\n# c\nd\n", "set -e | a b | d"},
		{"carriage return is part of the word", "a b\r\nc", "a b\r | c"},
		{"not utf-8", "a \xff\xfe 'b\xff' && c", "a \xff\xfe 'b\xff' | c"},
		{"bash in sh", "a <(b) &> c; x=(1 2); echo ${x[@]}", "a <(b) | b | echo ${x[@]}"},
		{"empty", "", ""},
		{"blank", " \t ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Parse(tt.script, POSIX)
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(s); got != tt.want {
				t.Errorf("\n got %s\nwant %s", got, tt.want)
			}
			check(t, s)
			if strings.HasPrefix(tt.name, "sh ") {
				return
			}
			b, err := Parse(tt.script, Bash)
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(b); got != tt.want {
				t.Errorf("bash:\n got %s\nwant %s", got, tt.want)
			}
			check(t, b)
		})
	}
}

// check holds for every script: offsets lie in the text and say what the fields say.
func check(t *testing.T, s *Script) {
	t.Helper()
	word := func(w Word) {
		if w.Start < 0 || w.End < w.Start || w.End > len(s.Text) || s.Text[w.Start:w.End] != w.Text {
			t.Errorf("%q: word %+v is not at its place", s.Text, w)
		}
		if w.IsLit && w.Glob {
			t.Errorf("%q: word %+v is a literal pattern", s.Text, w)
		}
	}
	for _, c := range s.Commands {
		if c.Start < 0 || c.End < c.Start || c.End > len(s.Text) {
			t.Fatalf("%q: command %q at %d:%d", s.Text, c.Path, c.Start, c.End)
		}
		for _, a := range c.Args {
			word(a)
		}
		for _, r := range c.Redirs {
			word(r.Target)
			if s.Text[r.Body.Start:r.Body.End] != r.Heredoc {
				t.Errorf("%q: body %q is not at its place", s.Text, r.Heredoc)
			}
		}
		for _, a := range c.Assigns {
			word(a.Value)
		}
	}
	for _, a := range s.Assigns {
		word(a.Value)
		if a.Start < 0 || a.End < a.Start || a.End > len(s.Text) {
			t.Errorf("%q: assignment %+v", s.Text, a)
		}
	}
	for _, u := range s.Uses {
		if u.Start < 0 || u.End <= u.Start || u.End > len(s.Text) {
			t.Fatalf("%q: use %+v", s.Text, u)
		}
		if raw := strings.ReplaceAll(s.Text[u.Start:u.End], "\\\n", ""); !strings.Contains(raw, u.Name) && !u.Nested {
			t.Errorf("%q: use of %s is %q", s.Text, u.Name, raw)
		}
		if len(s.Mentions(u.Name)) == 0 {
			t.Errorf("%q: %s is used and not mentioned", s.Text, u.Name)
		}
	}
	for _, c := range s.Comments {
		if c.Start < 0 || c.End < c.Start || c.End > len(s.Text) {
			t.Fatalf("%q: comment %v", s.Text, c)
		}
	}
}

func TestCommandFields(t *testing.T) {
	s, err := Parse(`A=1 B="$x" npm ci --x='y z' 2>&1 >> "log" && { echo hi; cat <<-E; } | tee f >/dev/null
	body $T
	E
`, POSIX)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s)
	npm, echo, cat, tee := s.Commands[0], s.Commands[1], s.Commands[2], s.Commands[3]
	if got := s.Text[npm.Start:npm.End]; got != `A=1 B="$x" npm ci --x='y z' 2>&1 >> "log"` {
		t.Errorf("span %q", got)
	}
	if a := npm.Assigns; len(a) != 2 || a[0].Name != "A" || a[0].Value.Lit != "1" || a[1].Value.IsLit || a[1].Command != npm {
		t.Errorf("assigns %+v", a)
	}
	if w := npm.Args[1]; !w.IsLit || w.Lit != "--x=y z" || w.Text != "--x='y z'" {
		t.Errorf("word %+v", w)
	}
	r := npm.Redirs
	if len(r) != 2 || r[0].Op != ">&" || r[0].FD != "2" || r[0].WritesFile() || r[1].Op != ">>" || r[1].Target.Lit != "log" || !r[1].WritesFile() {
		t.Errorf("redirections %+v", r)
	}
	if echo.PipeTo != tee || cat.PipeTo != tee || tee.PipeTo != nil || npm.PipeTo != nil {
		t.Error("pipes")
	}
	if r := cat.Redirs[0]; r.Heredoc != "\tbody $T\n" || r.Quoted || r.Op != "<<-" {
		t.Errorf("here-document %+v", r)
	}
	if tee.Redirs[0].WritesFile() {
		t.Error("/dev/null is a file")
	}
	if u := s.UsesOf("T"); len(u) != 1 || u[0].Quote != Heredoc || u[0].Command != cat {
		t.Errorf("use %+v", u)
	}

	s, err = Parse(`{ a; b > x; } > y; sudo c > z`, POSIX)
	if err != nil {
		t.Fatal(err)
	}
	targets := func(rs []Redir) (list string) {
		for _, r := range rs {
			list += r.Target.Lit
		}
		return list
	}
	for i, want := range []string{"|y", "x|y", "z|", "|z"} {
		c := s.Commands[i]
		if got := targets(c.Redirs) + "|" + targets(c.Around); got != want {
			t.Errorf("%s: redirections %s, want %s", c.Path, got, want)
		}
	}
	for _, tt := range []struct {
		script string
		want   string
	}{{"export A=b C=$D; E=f; G=h i", "A=b export;C=$D export;E=f"}, {`export "A=b c" 'D=e' F`, "A=b c export;D=e export"}, {"local x=1; y+=2; z=(a); w=", "x=1;y=2;z=;w="}} {
		for _, d := range []Dialect{POSIX, Bash} {
			s, err := Parse(tt.script, d)
			if err != nil {
				t.Fatal(err)
			}
			check(t, s)
			var list []string
			for _, a := range s.Assigns {
				one := a.Name + "=" + a.Value.Text
				if a.Export {
					one += " export"
				}
				list = append(list, one)
			}
			if got := strings.Join(list, ";"); got != tt.want {
				t.Errorf("%q (%d): assigns %s, want %s", tt.script, d, got, tt.want)
			}
		}
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		word, lit string
		flags     string // l IsLit, g Glob, t Tilde
	}{
		{`a`, "a", "l"},
		{`'a b'`, "a b", "l"},
		{`"a \"b\" \$c \d"`, `a "b" $c \d`, "l"},
		{`a\ b\$c`, "a b$c", "l"},
		{`a'b'"c"d`, "abcd", "l"},
		{`''`, "", "l"},
		{`~/.npmrc`, "~/.npmrc", "lt"},
		{`"~/.npmrc"`, "~/.npmrc", "l"},
		{`*.pem`, "*.pem", "g"},
		{`"*".pem`, "*.pem", "l"},
		{`\*`, "*", "l"},
		{`a{b,c}`, "a{b,c}", "g"},
		{`a{1..3}`, "a{1..3}", "g"},
		{`{}`, "{}", "l"},
		{`-I{}`, "-I{}", "l"},
		{`x[ab]`, "x[ab]", "g"},
		{`[`, "[", "l"},
		{`$T`, "", ""},
		{`a"$T"`, "", ""},
		{"`x`", "", ""},
		{`$((1+1))`, "", ""},
		{`a$`, "a$", "l"},
		{"a\\\nb", "ab", "l"},
		{`é`, "é", "l"},
	}
	for _, tt := range tests {
		s, err := Parse("x "+tt.word, POSIX)
		if err != nil {
			t.Fatalf("%s: %v", tt.word, err)
		}
		w := s.Commands[0].Args[0]
		flags := ""
		if w.IsLit {
			flags += "l"
		}
		if w.Glob {
			flags += "g"
		}
		if w.Tilde {
			flags += "t"
		}
		if w.Lit != tt.lit || flags != tt.flags || w.Text != tt.word {
			t.Errorf("%s: %q %s, want %q %s", tt.word, w.Lit, flags, tt.lit, tt.flags)
		}
	}
}

func TestContext(t *testing.T) {
	tests := []struct {
		script string // the command is x
		want   Context
	}{
		{"x", 0},
		{"(x)", InSubshell},
		{"{ x; }", 0},
		{"a $(x)", InSubst},
		{"a `x`", InSubst},
		{"f() { x; }", InFunc},
		{"x | a", PipeLeft},
		{"a | x", PipeRight},
		{"a | x | b", PipeLeft | PipeRight},
		{"if x; then a; fi", InCond},
		{"if a; then x; fi", InBranch},
		{"if a; then b; else x; fi", InBranch},
		{"if a; then b; elif x; then c; fi", InCond},
		{"while x; do a; done", InCond | InLoop},
		{"until a; do x; done", InLoop},
		{"for i in a; do x; done", InLoop},
		{"case a in b) x;; esac", InCase},
		{"x && a", AndLeft},
		{"a && x", AndRight},
		{"x || a", OrLeft},
		{"a || x", OrRight},
		{"a && x || b", AndRight | OrLeft},
		{"x & a", InBackground},
		{"! x", Negated},
		{"sh -c 'x'", InString},
		{"trap 'x' EXIT", InString | InTrap},
		{"a && (b; x) || c", AndRight | OrLeft | InSubshell},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Fatalf("%s: %v", tt.script, err)
		}
		found := false
		for _, c := range s.Commands {
			if c.Program == "x" {
				found = true
				if c.In != tt.want {
					t.Errorf("%s: %b, want %b", tt.script, c.In, tt.want)
				}
			}
		}
		if !found {
			t.Errorf("%s: no x", tt.script)
		}
	}
}

func TestUses(t *testing.T) {
	tests := []struct{ script, want string }{
		{`a $T`, "T=$T bare a"},
		{`a ${T}`, "T=${T} bare a"},
		{`a "x$T"`, "T=$T double a"},
		{`a '$T'`, ""},
		{`a \$T "\$T" x`, ""},
		{`a $TX ${T_}`, "TX=$TX bare a; T_=${T_} bare a"},
		{`a ${T:-x} ${T-x}`, "T=${T:-x} bare :- a; T=${T-x} bare - distinguishes a"},
		{`a ${T:+x} ${T+x}`, "T=${T:+x} bare :+ a; T=${T+x} bare + distinguishes a"},
		{`a ${T:?x} ${T?x} ${T:=x} ${T=x}`, "T=${T:?x} bare :? a; T=${T?x} bare ? distinguishes a; T=${T:=x} bare := a; T=${T=x} bare = distinguishes a"},
		{`a ${#T} ${T%x} ${T##*/}`, "T=${#T} bare #len a; T=${T%x} bare other a; T=${T##*/} bare other a"},
		{`a ${T:1:2} ${!T} ${T/a/$U}`, "T=${T:1:2} bare slice a; T=${!T} bare indirect a; T=${T/a/$U} bare other a; U=$U bare a"},
		{`a ${X:-$T}`, "X=${X:-$T} bare :- a; T=$T bare a"},
		{`a "${X:-"$T"}"`, `X=${X:-"$T"} double :- a; T=$T double a`},
		{`X=$T`, "T=$T bare in X"},
		{`export X="a$T"`, `T=$T double in X export`},
		{`X=$T a`, "T=$T bare in X a"},
		{`a > $T`, "T=$T bare a"},
		{`a $(b $T)`, "T=$T bare b"},
		{"a \"`b \\$T`\"", "T=$T bare b"},
		{"x=\"`a $T`\"", "T=$T bare a"},
		{`sudo -E a $T`, "T=$T bare a"},
		{`sudo A=$T a`, "T=$T bare in A a"},
		{`gosu $U a`, "U=$U bare gosu"},
		{`for i in $T; do a; done`, "T=$T bare"},
		{`case $T in x) a;; esac`, "T=$T bare"},
		{`a $((T+1))`, "T=T bare arith a"},
		{`[ -v T ]`, "T=T bare -v distinguishes ["},
		{`[[ -v T && -n $T ]]`, "T=T bare -v distinguishes [[; T=$T bare [["},
		{`declare -p T`, "T=T bare -v distinguishes declare"},
		{"cat <<E\n$T\nE\n", "T=$T heredoc cat"},
		{"cat <<'E'\n$T\nE\n", ""},
		{"cat <<E\n\\$T $(a $U)\nE\n", "U=$U bare a"},
		{`sh -c 'a $T'`, "T=$T bare nested a"},
		{`sh -c "a $T \$U"`, "T=$T double sh; U=$U bare nested a"},
		{`sh -c "a '$T'"`, "T=$T double sh"},
		{"sh <<'E'\na \"$T\"\nE\n", "T=$T double nested a"},
		{`printenv T`, ""},
		{`export T`, ""},
		{"a $T # $T", "T=$T bare a"},
		{`a $? $1 $@ $$`, ""},
		{"a \"\xff$T\xff\"", "T=$T double a"},
		{"a ${arr[$i]} ${arr[T]}", "arr=${arr[$i]} bare other a; i=$i bare a; arr=${arr[T]} bare other a; T=T bare arith a"},
	}
	quotes := []string{"bare", "double", "heredoc"}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Errorf("%s: %v", tt.script, err)
			continue
		}
		check(t, s)
		var list []string
		for _, u := range s.Uses {
			parts := []string{u.Name + "=" + s.Text[u.Start:u.End], quotes[u.Quote]}
			if u.Form != "" {
				parts = append(parts, u.Form)
			}
			if u.Distinguishes {
				parts = append(parts, "distinguishes")
			}
			if u.Nested {
				parts = append(parts, "nested")
			}
			if u.Assign != "" {
				parts = append(parts, "in "+u.Assign)
			}
			if u.Command != nil {
				parts = append(parts, u.Command.Program)
			}
			list = append(list, strings.Join(parts, " "))
		}
		if got := strings.Join(list, "; "); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.script, got, tt.want)
		}
	}
}

func TestMentions(t *testing.T) {
	tests := []struct {
		script string
		want   int
	}{
		{`a $T '$T' T=1 _T T_ TT`, 3},
		{`python -c 'os.environ["T"]'`, 1},
		{`printenv T`, 1},
		{`a # $T`, 0},
		{"a # T\nb T", 1},
		{"a '# T'", 1},
		{"python <<'E'\n# T\nE\n", 1},
		{"a ${T}", 1},
		{"a ${T\\\nU}", 1}, // TU, in fact
		{"a $T ${U}", 1},
		{"a -T", 1},
		{"a --T --no-T --x=T '--T'", 1},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Errorf("%s: %v", tt.script, err)
			continue
		}
		if got := s.Mentions("T"); len(got) != tt.want {
			t.Errorf("%q: %v, want %d", tt.script, got, tt.want)
		}
	}
	s, _ := Parse("a ${TO\\\nKEN}", POSIX)
	if got := s.Mentions("TOKEN"); len(got) != 1 {
		t.Errorf("split name: %v", got)
	}
}

func TestScriptFacts(t *testing.T) {
	names := func(m map[string]bool) string {
		var list []string
		for n := range m {
			list = append(list, n)
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	tests := []struct{ script, assigned, flags string }{
		{"A=1; B=2 c; export D E=1; unset F", "A D E F", ""},
		{"read -r -p x G H; for i in a; do :; done; getopts ab J; printf -v K x; : ${L:=1}", "G H J K L OPTARG OPTIND REPLY i", ""},
		{"read -a M; mapfile -t N; ((o++)); let p=1; local q; declare r=1; : $((s=1))", "M N REPLY o p q r s", ""},
		{"sh -c 'T=1'", "T", ""},
		{"set -eux; a", "", "eux"},
		{"set -o nounset && set -o errexit -o pipefail; set -x", "", "eux"},
		{"set -- -u", "", ""},
		{"set +u; a -u", "", ""},
		{"sh -uc 'a'", "", "u"},
		{"#!/bin/bash -eu\na", "", "eu"},
		{"eval x", "", "opaque"},
		{"export $x", "", "opaque"},
		{"a ${!x}", "", "opaque"},
		{". f", "", "opaque"},
	}
	for _, tt := range tests {
		for _, d := range []Dialect{POSIX, Bash} {
			s, err := Parse(tt.script, d)
			if err != nil {
				t.Errorf("%s: %v", tt.script, err)
				continue
			}
			flags := ""
			for _, f := range []struct {
				on   bool
				name string
			}{{s.Errexit, "e"}, {s.Nounset, "u"}, {s.Xtrace, "x"}, {s.Opaque, "opaque"}} {
				if f.on {
					flags += f.name
				}
			}
			if got := names(s.Assigned); got != tt.assigned || flags != tt.flags {
				t.Errorf("%s (%d): %q %q, want %q %q", tt.script, d, got, flags, tt.assigned, tt.flags)
			}
		}
	}
	s, _ := Parse("f() { a; }; function g { b; }; f; sh -c f", Bash)
	if names(s.Functions) != "f g" {
		t.Errorf("functions %v", s.Functions)
	}
	var calls []bool
	for _, c := range s.Commands {
		calls = append(calls, c.Function)
	}
	if fmt.Sprint(calls) != "[false false true false false]" {
		t.Errorf("calls %v", calls)
	}
	if n := BodyStart("#!/bin/sh -e\na"); n != 13 {
		t.Errorf("BodyStart = %d", n)
	}
	if n := BodyStart("a\n#!/bin/sh"); n != 0 {
		t.Errorf("BodyStart = %d", n)
	}
}

func TestStripsEnv(t *testing.T) {
	tests := []struct {
		script string
		want   bool
	}{
		{"x", false},
		{"sudo x", true},
		{"sudo -E x", false},
		{"sudo -Eu y x", false},
		{"sudo -u Eve x", true},
		{"sudo -uEve x", true},
		{"sudo --preserve-env x", false},
		{"sudo --preserve-env=A,T x", false},
		{"sudo --preserve-env=A x", true},
		{"sudo -i x", true},
		{"sudo T=$T x", true}, // and x.Assigns says that it is set again
		{"env A=b x", false},
		{"env -i x", true},
		{"env - x", true},
		{"env -u T x", true},
		{"env -u U x", false},
		{"su -c x y", false},
		{"su - y -c x", true},
		{"su -l -c x", true},
		{"su --login -c x", true},
		{"su -mc y; x", false},
		{"gosu y x", false},
		{"sudo -E env -i x", true},
		{"sudo sh -c 'x'", true},
		{"exec -c x", true},
		{"doas x", true},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(s.Commands, func(c *Command) bool { return c.Program == "x" })
		if i < 0 {
			t.Errorf("%s: no x in %s", tt.script, outline(s))
		} else if got := s.Commands[i].StripsEnv("T"); got != tt.want {
			t.Errorf("%s: %t", tt.script, got)
		}
	}
}

func TestDir(t *testing.T) {
	tests := []struct{ script, want string }{ // of x; ! is unknown
		{"x", ""},
		{"cd a && x", "a"},
		{"cd a; x", "a"},
		{"cd a/b && cd .. && x", "a"},
		{"cd a && cd .. && x", ""},
		{"cd .. && x", ".."},
		{"cd /a && cd b && x", "/a/b"},
		{"cd /a; cd -; x", ""},
		{"cd $V && x", "!?"},
		{"cd $V && cd b && x", "!?"},
		{"cd $V; cd /a; x", "/a"},
		{"cd && x", "!~"},
		{"cd ~/a && x", "!~/a"},
		{"cd -P a; x", "a"},
		{"cd -- a; x", "a"},
		{"(cd a && b); x", ""},
		{"(cd a && x); b", "a"},
		{"a && cd b && x", "b"},
		{"a && cd b; x", "!b"},
		{"cd a || exit 1; x", "a"},
		{"cd a || { echo no; exit 1; }; x", "a"},
		{"cd a || true; x", "!a"},
		{"cd a || x", ""},
		{"if a; then cd b; fi; x", "!b"},
		{"if a; then cd b; else cd b; fi; x", "b"},
		{"if cd a; then x; fi", "a"},
		{"if a; then x; fi; cd b", ""},
		{"for i in 1; do cd a; x; done", "!a"},
		{"for i in 1; do (cd a; x); done", "a"},
		{"for i in 1; do cd $i; done; x", "!?"},
		{"while a; do x; done", ""},
		{"cd a | b; x", ""},
		{"cd a & x", ""},
		{"b $(cd a; pwd); x", ""},
		{"b $(cd a; x)", "a"},
		{"pushd a; b; popd; x", ""},
		{"pushd a && x", "a"},
		{"popd; x", "!?"},
		{"f() { cd a; }; f; x", "!"},
		{"f() { b; }; f; x", ""},
		{"f() { x; }; f", "!"},
		{". ./a; x", "!"},
		{"cd a; eval b; x", "!a"},
		{"command cd a && x", "a"},
		{"sudo cd a; x", ""},
		{"sh -c 'cd a && x'", "a"},
		{"cd b; sh -c 'cd a && x'", "b/a"},
		{"sh -c 'cd a'; x", ""},
		{"su - u -c x", "!~"},
		{"env -C a x", "!?"},
		{"case a in b) cd c;; esac; x", "!c"},
		{"{ cd a; }; x", "a"},
		{"{ b && cd a; } && x", "a"},
		{"cd '~'; x", "!?"},
		{`cd "a b" && x`, "a b"},
		{"cd a*; x", "!?"},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, Bash)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.Commands {
			if c.Program != "x" {
				continue
			}
			got := c.Dir
			if !c.DirKnown {
				got = "!" + got
			}
			if got != tt.want {
				t.Errorf("%s: %q, want %q", tt.script, got, tt.want)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		text    string
		dialect Dialect
		offset  int
		msg     string
	}{
		{"a", Unknown, 0, "not a shell"},
		{"a 'b", POSIX, 2, "without closing quote"},
		{"if a", POSIX, 0, "must be followed by"},
		{"a && ", POSIX, 2, "must be followed by"},
		{"a\x00b", POSIX, 1, "NUL"},
		{strings.Repeat("a", maxText+1), POSIX, maxText, "longer"},
		{"cat <<c4n4ryEXAMPLE\nx", POSIX, 4, "unclosed here-document …"},
		{"a ${c4n4ry.x}", Bash, 10, ""},
		{"a=(1); echo ${T@c4n4ry}", Bash, 16, "operator …"},
	}
	for _, tt := range tests {
		_, err := Parse(tt.text, tt.dialect)
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%.40q: %v", tt.text, err)
			continue
		}
		if e.Offset != tt.offset || !strings.Contains(e.Msg, tt.msg) || strings.Contains(e.Error(), "c4n4ry") {
			t.Errorf("%.40q: %v, want offset %d and %q", tt.text, e, tt.offset, tt.msg)
		}
	}
	for _, s := range []string{"(", "$(", "{ ", "if ", "\"${a:-", "! ", "((", "$((", "case x in y) "} {
		text := strings.Repeat(s, 16<<10/len(s))
		if _, err := Parse(text, POSIX); err == nil {
			t.Errorf("%q… is understood", s)
		}
	}
	if s, err := Parse("time npm ci", Bash); err != nil || len(s.Commands) != 2 || s.Commands[1].Parent != s.Commands[0] {
		t.Error("time is no wrapper")
	}
	deep := strings.Repeat("(", 5000) + "a" + strings.Repeat(")", 5000)
	if s, err := Parse(deep, POSIX); err == nil {
		s.RemoveCommand(s.Commands[0])
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a && b || c; d | e &", `sudo -E env A=b sh -c 'x $T "$U"' > f 2>&1`, "cat <<-E > f\n\t$T\n\tE\n", "x=`a \\`b \\$T\\``", `sh -c "a \"$T\" \$U '$V'"`,
		"for i in $a; do cd $i && b || exit 1; done", "export A=b; [[ -v A ]] && ((i++))", "a\xff\x00\r\n$b", "bash <<E\na \\$x\nE", "f() { a; }; f; case $x in a) b;; esac",
		"find . -exec a {} \\;", "a ${b:-${c-$(d)}}", "su - u -c 'a'", "xargs -n1 a", "a {b,c} *.d ~/e", "trap 'rm x' EXIT",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, bash bool) {
		d := POSIX
		if bash {
			d = Bash
		}
		s, err := Parse(text, d)
		if err != nil {
			if e := err.(*Error); e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("%q: error at %d", text, e.Offset)
			}
			return
		}
		check(t, s)
		for _, c := range s.Commands {
			if spans, _, ok := s.RemoveCommand(c); ok {
				if _, err := Parse(cut(text, spans), d); err != nil {
					t.Fatalf("%q: removal of %q leaves %q: %v", text, c.Path, cut(text, spans), err)
				}
			}
		}
	})
}
