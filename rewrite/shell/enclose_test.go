package shell

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestEnclose(t *testing.T) {
	const no = "<no>"
	tests := []struct {
		script, before, after, brk string
		want                       string
		dir                        string
	}{
		{"x a", "b1", "a1", " ", "b1 && x a && a1", ""},
		{"x a", "b1", "", " ", "b1 && x a", ""},
		{"x a", "", "a1", " ", "x a && a1", ""},
		{"x && y", "b1", "a1", " \\\n    ", "b1 && \\\n    x && y && \\\n    a1", ""},
		{"x | y && z", "b1", "a1", " ", "b1 && x | y && z && a1", ""},
		{"  x;", "b1", "a1", " ", "  b1 && x && a1;", ""},
		{"x # c", "b1", "a1", " ", "b1 && x && a1 # c", ""},
		{"cd a && x", "b1", "a1", " ", "b1 && cd a && x && a1", "a"},
		{"cd $a && x", "b1", "a1", " ", "b1 && cd $a && x && a1", "?"},
		{"x; y", "b1", "a1", " ", "b1 || exit 1; x; y && a1", ""},
		{"x; y;", "b1", "a1", " ", "b1 || exit 1; x; y && a1;", ""},
		{"x || y", "b1", "a1", " ", "b1 || exit 1; x || y && a1", ""},
		{"if x; then y; fi", "b1", "a1", " ", "b1 || exit 1; if x; then y; fi && a1", ""},
		{"set -e; if x; then y; fi", "b1", "", " ", "b1 || exit 1; set -e; if x; then y; fi", ""},
		{"set -e; if x; then y; fi", "b1", "a1", " ", no, ""},
		{"set -ex; x; y", "export A=b", "a1", " ", "export A=b || exit 1; set -ex; x; y && a1", ""},
		{"set -ex && x && y", "export A=b", "a1", " ", "export A=b && set -ex && x && y && a1", ""},
		{"set -e; x; y || z", "", "a1", " ", "set -e; x; y || z && a1", ""},
		{"set -e; f() { x; y; }; f", "", "a1", " ", no, ""},
		{"f() { x; y; }; f", "", "a1", " ", "f() { x; y; }; f && a1", ""},
		{"set -e; x $(y; z)", "", "a1", " ", no, ""},
		{"set -e; x $(y)", "", "a1", " ", "set -e; x $(y) && a1", ""},
		{"set -e; (x; y)", "", "a1", " ", no, ""},
		{"(x; y)", "b1", "a1", " ", "b1 || exit 1; (x; y) && a1", ""},
		{"x &", "b1", "a1", " ", no, ""},
		{"x &", "b1", "", " ", "b1 || exit 1; x &", ""},
		{"! x", "b1", "a1", " ", no, ""},
		{"x && ! y", "b1", "a1", " ", no, ""},
		{"x; exit 0", "b1", "a1", " ", no, ""},
		{"x; exit 0", "b1", "", " ", "b1 || exit 1; x; exit 0", ""},
		{"x || exit 1; y", "", "a1", " ", "x || exit 1; y && a1", ""},
		{"x || exit; y", "", "a1", " ", "x || exit; y && a1", ""},
		{"x || { z; exit; }; y", "", "a1", " ", no, ""},
		{"x || { z; exit 2; }; y", "", "a1", " ", "x || { z; exit 2; }; y && a1", ""},
		{"x || exit 256; y", "", "a1", " ", no, ""},
		{"if x; then exit 0; fi; y", "", "a1", " ", no, ""},
		{"(x; exit 0); y", "", "a1", " ", "(x; exit 0); y && a1", ""},
		{"f() { return 0; }; f; y", "", "a1", " ", "f() { return 0; }; f; y && a1", ""},
		{"return 0; y", "", "a1", " ", no, ""},
		{"exec x", "", "a1", " ", no, ""},
		{"exec 3>f; x", "", "a1", " ", "exec 3>f; x && a1", ""},
		{"trap x EXIT; y", "", "a1", " ", no, ""},
		{". ./f && y", "", "a1", " ", ". ./f && y && a1", "?"},
		{"x && . ./f", "", "a1", " ", no, "?"},
		{"eval $x", "", "a1", " ", no, "?"},
		{"eval 'exit 0' && x", "", "a1", " ", no, "?"},
		{"eval 'y' && x", "", "a1", " ", "eval 'y' && x && a1", "?"},
		{"eval \"$(y)\" && x", "", "a1", " ", "eval \"$(y)\" && x && a1", "?"},
		{"(return 0); x", "", "a1", " ", no, ""},
		{"sh -c 'exit 0'", "", "a1", " ", "sh -c 'exit 0' && a1", ""},
		{"rm() { :; }; rm", "", "rm -f x", " ", no, ""},
		{"set -e; { x; y; } && z", "", "a1", " ", "set -e; { x; y; } && z && a1", ""},
		{"set -e; . ./f && z", "", "a1", " ", "set -e; . ./f && z && a1", "?"},
		{"set -e; z && f() { x; }", "", "a1", " ", no, ""},
		{"export HOME=/h; x", "", "rm ~/f", " ", no, ""},
		{"export H=/h; x", "", "rm $H/f", " ", no, ""},
		{"set -f; x", "", "rm f*", " ", no, ""},
		{"set -f; x", "", "rm f", " ", "set -f; x && rm f", ""},
		{"set -n; x", "", "rm f", " ", no, ""},
		{"coproc x", "", "a", " ", no, ""},
		{"x", "b || c", "a || d", " ", "{ b || c; } && x && { a || d; }", ""},
		{"x", "b || exit 2", "", " ", "b && x", ""},
		{"x; y", "b | c || exit", "", " ", "b | c || exit 1; x; y", ""},
		{"x", "b || exit 0", "", " ", no, ""},
		{"x", "b && c", "a && d", " ", "b && c && x && a && d", ""},
		{"x; y", "b && c", "", " ", "b && c || exit 1; x; y", ""},
		{"x", "b; c", "", " ", no, ""},
		{"x", "b &", "", " ", no, ""},
		{"x", "cd b", "", " ", no, ""},
		{"x", "(cd b && c)", "", " ", "(cd b && c) && x", ""},
		{"x", "b # c", "", " ", no, ""},
		{"x", "b\nc", "", " ", no, ""},
		{"x", "b \\\n c", "", " ", "b \\\n c && x", ""},
		{"x", "if b\nthen c; fi", "", " ", no, ""},
		{"x", "b <<E\nc\nE", "", " ", no, ""},
		{"", "b", "", " ", no, ""},
		{"# c", "b", "", "\n", no, ""},
		{"x <<E > f\nb\nE\n", "b1", "a1", " \\\n  ", "b1 && \\\n  x <<E > f && a1\nb\nE\n", ""},
		// Here-document RUNs.
		{"x\ny\n", "b1", "a1", "\n", "b1 || exit 1\nx\ny && a1\n", ""},
		{"x\n", "b1", "", "\n", "b1 || exit 1\nx\n", ""},
		{"#!/bin/sh\nx\ny\n", "b1", "a1", "\n", "#!/bin/sh\nb1 || exit 1\nx\ny && a1\n", ""},
		{"#!/bin/bash -e\nx\ny\n", "b1", "a1", "\n", "#!/bin/bash -e\nb1\nx\ny && a1\n", ""},
		{"#!/bin/bash -e\nx\n", "b && c", "", "\n", "#!/bin/bash -e\nb && c || exit 1\nx\n", ""},
		{"set -ex\nx\ny", "b1", "a1", "\n", "b1 || exit 1\nset -ex\nx\ny && a1", ""},
		{"x\ny # c\n", "", "a1", "\n", "x\ny && a1 # c\n", ""},
		{"x\ny <<E\nb\nE\n", "", "a1", "\n", "x\ny <<E && a1\nb\nE\n", ""},
		{"x\ny", "b <<E\nc\nE", "", "\n", "b <<E || exit 1\nc\nE\nx\ny", ""},
		{"x\ny", "b || d <<E\nc\nE", "", "\n", "{ b || d <<E\nc\nE\n} || exit 1\nx\ny", ""},
		{"# c\nx\n", "b1", "", "\n", "b1 || exit 1\n# c\nx\n", ""},
	}
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Errorf("%q: %v", tt.script, err)
			continue
		}
		got := no
		edits, dir, ok := s.Enclose(list(tt.before), list(tt.after), tt.brk, Flags{})
		if ok {
			got = apply(tt.script, edits)
		}
		if got != tt.want {
			t.Errorf("%q in %q, %q:\n got %q\nwant %q", tt.script, tt.before, tt.after, got, tt.want)
		}
		if ok && dir != tt.dir {
			t.Errorf("%q ends in %q, want %q", tt.script, dir, tt.dir)
		}
	}
}

// What the shells print and say at the end: before, then what the script printed, then after if it succeeded.
func TestEncloseRuns(t *testing.T) {
	t.Parallel()
	g := &grammar{
		rand:  rand.New(rand.NewPCG(1, 2)),
		atoms: []string{"echo x", "echo y", "true", "false", "sh -c 'exit 3'", "exit 0", "exit 3", "set -e", "f", "f", "return 0", "exec true", "cat <<E\nz\nE"},
		rules: []string{"S && S", "S && S", "S || S", "S | S", "! S", "(L)", "{ L; }", "if S; then L; fi", "if S; then L; else L; fi", "f() { L; }; S", "for i in 1 2; do L; done",
			"echo $(L)", "A=$(L)", "eval 'L'", "trap 'L' EXIT; S", "while S; do break; done", "true & wait; S", "exec 3>&1; S", "S && S || S", "S > /dev/null && S", "case a in a) L;; esac", "S || exit 1", "S || { echo w; exit 4; }", "set -e; S", "S # c\nS", "f() { L; }", "sh -c 'L'"},
		seps: []string{"; ", "; ", "\n"},
	}
	type change struct{ flag, old, edited, failing, failing2 string }
	byFlag := map[string][]change{}
	n := 0
	for range encloseRuns {
		script := g.list(2)
		if strings.Count(script, "<<E") > 1 || callsItself(script) {
			continue
		}
		for _, flag := range []string{"", "-e"} {
			for _, brk := range []string{" ", "\n"} {
				s, err := Parse(script, POSIX)
				if err != nil {
					continue
				}
				edit := func(before, after string) string {
					var a []string
					if after != "" {
						a = []string{after}
					}
					edits, _, ok := s.Enclose([]string{before}, a, brk, Flags{Errexit: flag != ""})
					if !ok {
						return ""
					}
					return apply(script, edits)
				}
				c := change{flag, script, edit("echo before", "echo after"), edit("{ echo before; false; }", ""), edit("echo before", "{ echo after; false; }")}
				n++
				if c.failing == "" && script != "" {
					t.Errorf("%q cannot be begun", script)
				}
				byFlag[flag] = append(byFlag[flag], c)
			}
		}
	}
	ran := 0
	for name, sh := range realShells(t) {
		for flag, list := range byFlag {
			run := strings.Join(sh, " ") + " " + flag
			var was, is, failing, failing2 []string
			for _, c := range list {
				was, is, failing, failing2 = append(was, c.old), append(is, c.edited), append(failing, c.failing), append(failing2, c.failing2)
			}
			was, is, failing, failing2 = outputs(t, sh, run, was), outputs(t, sh, run, is), outputs(t, sh, run, failing), outputs(t, sh, run, failing2)
			for i, c := range list {
				ok := strings.HasSuffix(was[i], "status 0\n")
				if c.edited != "" {
					ran++
					want := "before\n" + was[i]
					if ok {
						want = "before\n" + strings.TrimSuffix(was[i], "status 0\n") + "after\nstatus 0\n"
					}
					if is[i] != want {
						t.Errorf("%s %s: %q prints %q\n%q prints %q", name, flag, c.old, was[i], c.edited, is[i])
					}
					want = strings.Replace(want, "after\nstatus 0\n", "after\nstatus 1\n", 1)
					if failing2[i] != want {
						t.Errorf("%s %s: %q prints %q", name, flag, c.failing2, failing2[i])
					}
				}
				if failing[i] != "before\nstatus 1\n" {
					t.Errorf("%s %s: %q prints %q", name, flag, c.failing, failing[i])
				}
			}
		}
	}
	t.Logf("%d scripts, %d runs with an end", n, ran)
}

const encloseRuns = 40
