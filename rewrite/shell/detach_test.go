package shell

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDetach(t *testing.T) {
	tests := []struct{ script, text, rest, dir string }{ // of the first x; rest "-": the whole script
		{"x > f", "x > f", "-", ""},
		{"x > f && b", "x > f", "b", ""},
		{"a && sudo A=b x $T > f && b", "sudo A=b x $T > f", "a && b", ""},
		{"cd d && x > f && b", "x > f", "cd d && b", "d"},
		{`a && echo "$T" | x -d > f && b`, `echo "$T" | x -d > f`, "a && b", ""},
		{`a && echo "$T" | tr a b | x`, `echo "$T" | tr a b | x`, "a", ""},
		{`echo "$T" | sed 's/a/b/g' | x > f`, `echo "$T" | sed 's/a/b/g' | x > f`, "-", ""},
		{`echo "$T" | sed 's/a/b/w g' | x > f`, "", "", ""},
		{`echo "$T" | sed -i s/a/b/ g | x > f`, "", "", ""},
		{`x $(y > g) > f && b`, "", "", ""},
		{`(umask 077; [ -n "$T" ] && x); b`, "", "", ""},
		{`a; (umask 077; [ -n "$T" ] && x)`, "", "", ""},
		{`(umask 077; [ -n "$T" ] && x)`, `(umask 077; [ -n "$T" ] && x)`, "-", ""},
		{`sh -c '[ -n "$T" ] && x'; b`, "", "", ""},
		{`(cd d && x); b`, "", "", ""},
		{`(cd d && x) && b`, `(cd d && x)`, "b", ""},
		{`npm ci | x > f && b`, "", "", ""},
		{`x | npm ci && b`, "", "", ""},
		{`x | tee f`, "", "", ""},
		{`x || true`, `x || true`, "-", ""},
		{`x || exit 1; b`, `x || exit 1`, "b", ""},
		{`x || { echo no; exit 1; }; b`, `x || { echo no; exit 1; }`, "b", ""},
		{`x || b`, "", "", ""},
		{`if [ -n "$T" ]; then x; fi`, `if [ -n "$T" ]; then x; fi`, "-", ""},
		{`a && if [ -n "$T" ]; then echo hi; x > f; fi && b`, `if [ -n "$T" ]; then echo hi; x > f; fi`, "a && b", ""},
		{`if [ -n "$T" ]; then x; else echo no; fi; b`, `if [ -n "$T" ]; then x; else echo no; fi`, "b", ""},
		{`if [ -n "$T" ]; then x; else b; fi`, "", "", ""},
		{`if [ -f g ]; then x; fi`, "", "", ""},
		{`if a; then x; fi`, "", "", ""},
		{`if x; then b; fi`, "", "", ""},
		{`if [ -n "$T" ]; then b; elif [ -z "$U" ]; then x; fi`, "", "", ""},
		{`if [ -n "$T" ]; then :; elif [ -z "$U" ]; then x; fi; b`, `if [ -n "$T" ]; then :; elif [ -z "$U" ]; then x; fi`, "b", ""},
		{`[ -n "$T" ] && x`, `[ -n "$T" ] && x`, "-", ""},
		{`[ -n "$T" ] && x; b`, `if [ -n "$T" ]; then x; fi`, "b", ""},
		{`[[ -n $T ]] && x; b`, `if [[ -n $T ]]; then x; fi`, "b", ""},
		{`test -z "$T" || x; b`, `test -z "$T" || x`, "b", ""},
		{`a && [ -n "$T" ] && x && b`, "x", `a && [ -n "$T" ] && b`, ""},
		{`a && x; b`, "", "", ""},
		{`echo a && x; b`, "x", "echo a; b", ""},
		{`a; x; b`, "x", "a; b", ""},
		{`a; x`, "", "", ""},
		{`(umask 077; x > f); b`, `(umask 077; x > f)`, "b", ""},
		{`(umask 077 && x > f) && b`, `(umask 077 && x > f)`, "b", ""},
		{`cd a && (cd b && x > f) && c`, `(cd b && x > f)`, "cd a && c", "a"},
		{`set -e; (a; b) && x > f`, "", "", ""},
		{`set -e; (a; b) && x > f && c`, "x > f", "set -e; (a; b) && c", ""},
		{`set -e; a $(b) && x > f`, "x > f", "set -e; a $(b)", ""},
		{`(a; b) && x > f`, "x > f", "(a; b)", ""},
		{`umask 077 && x > f && b`, "", "", ""},
		{`(umask 077; x > f; c); b`, "", "", ""},
		{`(umask 077; c); x && b`, `x`, "(umask 077; c); b", ""},
		{`{ x; echo b; } > f; b`, `{ x; echo b; } > f`, "b", ""},
		{`for i in a b; do x > $i; done; b`, `for i in a b; do x > $i; done`, "b", ""},
		{`set -e; for i in a b; do x > $i; done; b`, "", "", ""},
		{`set -e; (umask 077; x > f; echo a); b`, "", "", ""},
		{`set -e; (umask 077; x > f); b`, "(umask 077; x > f)", "set -e; b", ""},
		{`for i in a b; do x > $i; done; b $i`, "", "", ""},
		{`for i in a b; do x > $i; c; done`, "", "", ""},
		{`i=a; x > $i; b`, "", "", ""},
		{`i=a; x > f; b`, "x > f", "i=a; b", ""},
		{`export A=b; x; b`, "", "", ""},
		{`export A=b; echo $T | tee f; x`, "", "", ""},
		{`x $1; b`, "", "", ""},
		{`x $?; b`, "", "", ""},
		{`f() { x; }; f`, "", "", ""},
		{`x() { a; }; x; b`, "", "", ""},
		{`a $(x); b`, "", "", ""},
		{`{ x; b; } > g; c`, "", "", ""},
		{`{ x; b; }; c`, "x", "{ b; }; c", ""},
		{`b && x || c; d`, "", "", ""},
		{`[ -n "$T" ] && ! x; b`, "", "", ""},
		{`x & b`, "", "", ""},
		{`! x; b`, "", "", ""},
		{`case $A in b) x;; *) echo c;; esac; b`, `case $A in b) x;; *) echo c;; esac`, "b", ""},
		{`case $A in b) x;; *) c;; esac; b`, "", "", ""},
		{`if a; then exit 0; fi; x; b`, "", "", ""},
		{`a || exit 1; x; b`, "x", "a || exit 1; b", ""},
		{`trap a EXIT; x; b`, "", "", ""},
		{`set -f; x; b`, "", "", ""},
		{`set -ex; x; b`, "x", "set -ex; b", ""},
		{`sh -c 'x > f' && b`, `sh -c 'x > f'`, "b", ""},
		{`sh -c 'x > f && c' && b`, "", "", ""},
		{`sudo sh -c "echo $T | x > f" && b`, `sudo sh -c "echo $T | x > f"`, "b", ""},
		{"a\nx <<E > f\nb $T\nE\nc\n", "x <<E > f\nb $T\nE", "a\nc\n", ""},
		{"x <<E > f && c\nb\nE\n", "x <<E > f\nb\nE", "c\n", ""},
		{"a\nif [ -n \"$T\" ]; then\n  x <<E > f\nb\nE\nfi\nc\n", "if [ -n \"$T\" ]; then\n  x <<E > f\nb\nE\nfi", "a\nc\n", ""},
		{"a && x \\\n  -y > f && b", "x \\\n  -y > f", "a && b", ""},
		{"time x && b", "time x", "b", ""},
		{"find . -exec x {} \\; && b", "", "", ""},
		{"cd d; b", "", "", ""},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Errorf("%q: %v", tt.script, err)
			continue
		}
		text, rest, dir := "", "", ""
		for _, c := range s.Commands {
			if c.Program != "x" {
				continue
			}
			if d, ok := s.Detach(c); ok {
				text, rest, dir = d.Text, cut(s.Text, d.Spans), d.Dir
				if d.Whole {
					rest = "-"
				}
			}
			break
		}
		if text != tt.text || rest != tt.rest || dir != tt.dir {
			t.Errorf("%q: %q, %q in %q\nwant %q, %q in %q", tt.script, text, rest, dir, tt.text, tt.rest, tt.dir)
		}
	}
}

// A program that is detached runs as before, in another script that goes first, and so does the rest without it.
func TestDetachRuns(t *testing.T) {
	t.Parallel()
	shells := realShells(t)
	bin := t.TempDir()
	const program = "#!/bin/sh\nin=$(cat | tr '\\n' _)\nprintf '%s %s in=%s dir=%s umask=%s A=%s B=%s\\n' \"${0##*/}\" \"$(echo \"$*\" | tr '\\n' _)\" \"$in\" \"${PWD##*/now}\" \"$(umask)\" \"$A\" \"$B\" >> \"$LOG\"\necho out\n"
	for _, name := range []string{"x", "y", "reader"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	g := &grammar{
		rand: rand.New(rand.NewPCG(3, 4)),
		atoms: []string{"y 1", "y 2", "y $A", "y $i", "y \"$T\"", "y > f", "y $1", "y $?", "echo q", "echo q", "true", "cd d", "cd e", "cd $T", "umask 027", "set -e", "set -f", "A=1", "A=2 y", "export A=3", "export B=4",
			"[ -n \"$T\" ]", "[ -z \"$T\" ]", "test \"$T\" = 1", "[ -n \"$A\" ]", "y <<E\nb $T\nE", "y <<E > f\nb $A\nE", "f", "exit 0", "read A", "shift", "sh -c 'y $A'", "env B=1 y [d]", "unset A", "IFS=1"},
		rules: []string{"S && S", "S && S", "S && S && S", "S || true", "S || exit 1", "S || { echo no; exit 1; }", "echo q | S", "echo q | tr q r | S", "S | cat", "S | S", "(L)", "(umask 007; L)", "(cd d && S)", "{ L; }", "{ L; } > f",
			"if [ -n \"$T\" ]; then L; fi", "if [ -z \"$T\" ]; then L; else echo q; fi", "[ -n \"$T\" ] && S", "[ -z \"$T\" ] || S", "for i in 1 2; do L; done", "for i in 1 2; do\n  L\ndone", "f() { L; }; S",
			"case $T in 1) L;; *) echo q;; esac", "! S", "true & wait; S", "wait; S", "echo \"$T\" | S > f", "sh -c 'S'", "y $(S)", "while S; do break; done", "set -e; S", "time S", "S # c\nS", "A=$(S)"},
		seps: []string{"; ", "; ", "\n", " && "},
	}
	type change struct{ old, text, rest string }
	var changes []change
	n := 0
	for len(changes) < detachRuns {
		script := g.list(3)
		ys := strings.Count(script, "y ")
		if ys == 0 || callsItself(script) {
			continue
		}
		parts := strings.SplitAfterN(script, "y ", g.rand.IntN(ys)+2)
		i := len(parts) - 2
		parts[i] = strings.TrimSuffix(parts[i], "y ") + "x "
		script = strings.Join(parts, "")
		s, err := Parse(script, POSIX)
		if err != nil {
			continue
		}
		n++
		for _, c := range s.Commands {
			if c.Program != "x" {
				continue
			}
			d, ok := s.Detach(c)
			if !ok || d.Dir == "?" || strings.Contains(d.Text, "y ") || strings.Contains(d.Text, "y)") || strings.Contains(d.Text, "# c") { // y is run for its output
				break
			}
			reader, _ := Parse("reader", POSIX)
			edits, _, ok := reader.Enclose([]string{d.Text}, nil, "\n", Flags{})
			if !ok { // as ((a) || b), which bash may take for arithmetic
				break
			}
			rest := cut(script, d.Spans)
			if d.Whole {
				rest = ""
			}
			changes = append(changes, change{script, "cd ./" + d.Dir + "\n" + apply(reader.Text, edits), rest})
			break
		}
	}
	for name, sh := range shells {
		for _, env := range []string{"T=1", "T="} {
			var old, text, rest []string
			for _, c := range changes {
				old, text, rest = append(old, c.old), append(text, c.text), append(rest, c.rest)
			}
			log := filepath.Join(bin, "log")
			run := func(scripts []string) []string {
				return outputs(t, sh, `: > "$LOG"; `+logged(sh), scripts, env, "LOG="+log, "PATH="+bin+":"+os.Getenv("PATH"))
			}
			was, moved, left := run(old), run(text), run(rest)
			for i, c := range changes {
				if !strings.HasSuffix(was[i], "status 0\n") {
					continue
				}
				var xs, ys string
				for _, l := range strings.SplitAfter(strings.TrimSuffix(was[i], "status 0\n"), "\n") {
					if strings.HasPrefix(l, "x ") {
						xs += l
					} else {
						ys += l
					}
				}
				head, _, _ := strings.Cut(moved[i], "reader ")
				if head != xs || !strings.HasSuffix(moved[i], "status 0\n") || sorted(left[i]) != sorted(ys+"status 0\n") {
					t.Errorf("%s %s: %q does %q\n%q does %q\n%q does %q", name, env, c.old, was[i], c.text, moved[i], c.rest, left[i])
				}
			}
		}
	}
	t.Logf("%d scripts, %d detached", n, len(changes))
}

// sorted puts lines in order: the members of a pipeline run at the same time.
func sorted(lines string) string {
	list := strings.SplitAfter(lines, "\n")
	slices.Sort(list)
	return strings.Join(list, "")
}

// logged runs a script for what it logs.
func logged(shell []string) string {
	if _, err := exec.LookPath(shell[0]); err != nil {
		return "false"
	}
	return "run() { (cd ../now 2> /dev/null || { mkdir -p ../now/d/e ../now/e; cd ../now; }; " + strings.Join(shell, " ") + ` "$1" > /dev/null); set -- $?; cat "$LOG"; return $1; }; run`
}

const detachRuns = 30
