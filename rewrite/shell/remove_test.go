package shell

import "testing"

func TestRemoveCommand(t *testing.T) {
	const (
		no    = "<no>"
		whole = "<whole>"
	)
	tests := []struct{ script, want string }{ // the first x goes
		{"x", whole},
		{"x a b 2>/dev/null", whole},
		{"a && x f && b", "a && b"},
		{"a && x f", "a"},
		{"x f && b", "b"},
		{"x f; b", "b"},
		{"x f ; b", "b"},
		{"a; x; b", "a; b"},
		{"a; x; b;", "a; b;"},
		{"a && x; b", "a; b"},
		{"a; x && b", "a; b"},
		{"a &&     x f &&     b", "a &&     b"},
		{"a && A=b x \"$T\" 'c d' && b", "a && b"},
		// The status of a list that does not end with a chain is that of its last command.
		{"a; x", no},
		{"set -e; a; x", "set -e; a"},
		{"set -ex; a && b; x", no},
		{"set -ex; a | b; x", "set -ex; a | b"},
		{"set -e; a; set +e; b; x", no},
		{"set -e && a; x;", no},
		{"a || true; x", "a || true"},
		{"a & x", "a &"},
		{"a & x; b", "a & b"},
		{"set -e; { a; x; } && b", no},
		{"set -e; f() { a; x; }; f", no},
		{"f() { x; a; }; f", "f() { a; }; f"},
		// && suspends set -e in what stands before it.
		{"set -e; (a; b) && x", no},
		{"set -e; a && (a; b) && x; c", no},
		{"set -e; (a; b) && x && c", "set -e; (a; b) && c"},
		{"(a; b) && x", "(a; b)"},
		// Lists of another kind.
		{"a || x", no},
		{"x || a", no},
		{"a && x || b", no},
		{"a || b && x", "a || b"},
		{"x || true", whole},
		{"a; x || true; b", "a; b"},
		{"a; x f || :; b", "a; b"},
		{"a && x || true", no},
		{"a && (x f || true) && b", "a && b"},
		{"a && { x f || true; }; b", "a; b"},
		{"(x)", whole},
		{"(x) > f", no},
		{"(a; x)", no},
		{"(x; a)", "(a)"},
		{"{ x; a; } > f", no},
		{"x | a", no},
		{"a | x", no},
		{"{ x; a; } | b", no},
		{"x & b", no},
		{"! x; b", no},
		{"! x && b", no},
		{"a $(x)", no},
		{"a $(x; b)", no},
		{"if x; then a; fi", no},
		{"if a && x; then b; fi", no},
		{"if a; then x; fi", no},
		{"if a; then x; b; fi", "if a; then b; fi"},
		{"if a; then b && x; fi", "if a; then b; fi"},
		{"while a; do x; b; done", "while a; do b; done"},
		{"for i in a; do x; done", no},
		{"case a in b) x;; esac", no},
		{"case a in b) x; c;; esac", "case a in b) c;; esac"},
		{"x; echo $?", no},
		{"x ${a:=b}; echo $a", no},
		// Redirections.
		{"x > f; a", no},
		{"x >> f && a", no},
		{"x &> f; a", no},
		{"x >/dev/null 2>&1; a", "a"},
		{"x < f; a", "a"},
		{"x 2> $f; a", no},
		// Wrappers go with what they wrap.
		{"a && sudo x f && b", "a && b"},
		{"sudo -u c env A=b x; a", "a"},
		{"sudo x > f; a", no},
		{"find . -exec x {} \\; ; a", no},
		{"a | xargs x; b", no},
		{"time x && a", "a"},
		{"trap 'x' EXIT; a", no},
		{"sh -c 'a && x'", "sh -c 'a'"},
		{"sh -c 'x'; b", "b"},
		{"b && sh -c 'x'", "b"},
		{"sh -c 'x'", whole},
		{`bash -lc "a && x \"f\" && b"`, no},
		{`bash -lc "a \"f\" && x && b"`, `bash -lc "a \"f\" && b"`},
		{`sh -c "a $T && x"`, no},
		{`sh -c 'a && x' > f`, no},
		{"sh <<'E'\na\nx\nb\nE\n", "sh <<'E'\na\nb\nE\n"},
		// The shell itself.
		{"x() { a; }; x; b", no},
		{"exec x; b", no},
		{"a; eval x; b", no},
		// Scripts of several lines.
		{"a\nx\nb\n", "a\nb\n"},
		{"a\n  x f\n  b\n", "a\n  b\n"},
		{"x\n\n# c\nb\n", "\n# c\nb\n"},
		{"a\nx # c\nb\n", "a\n# c\nb\n"},
		{"a; x\nb\n", "a;\nb\n"},
		{"a &&\n  x &&\n  b\n", "a &&\n  b\n"},
		{"a \\\n && x \\\n && b", "a \\\n && b"},
		{"#!/bin/sh\nset -e\na\nx\n", "#!/bin/sh\nset -e\na\n"},
		{"set -e\na\nx", "set -e\na\n"},
		{"a\nx <<E\nb\nE\nc\n", "a\nc\n"},
		{"x <<E && c\nb\nE\n", "c\n"},
		{"a <<E; x\nb\nE\nc\n", "a <<E;\nb\nE\nc\n"},
		{"a && x <<E\nb\nE\n", "a\n"},
		{"[[ a ]] && x && b", "[[ a ]] && b"},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Errorf("%q: %v", tt.script, err)
			continue
		}
		got := no
		for _, c := range s.Commands {
			if c.Program != "x" {
				continue
			}
			switch spans, all, ok := s.RemoveCommand(c); {
			case ok:
				got = cut(s.Text, spans)
			case all:
				got = whole
			}
			break
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.script, got, tt.want)
		}
	}
}

func TestRemoveCommandOf(t *testing.T) {
	for script, ok := range map[string]bool{
		"export A=b && x": true, "cd a && x": false, "set -e; x": false, "command cd a; x": false, ". a; x": false, "$A; x": false, "exit 1; x": false,
	} {
		for _, d := range []Dialect{POSIX, Bash} {
			s, err := Parse(script, d)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, got := s.RemoveCommand(s.Commands[0]); got != ok {
				t.Errorf("%s: %t", script, got)
			}
		}
	}
	s, _ := Parse("a && b", POSIX)
	if _, _, ok := s.RemoveCommand(nil); ok {
		t.Error("nil is removed")
	}
}

func TestRemoveWrite(t *testing.T) {
	tests := []struct{ script, want string }{
		{"x a > f && b", "b"},
		{"a && x $T >> f && b", "a && b"},
		{"cd a && x <<E > f && b\nc $T\nE\n", "cd a && b\n"},
		{"x <<E > f\nc\nE\nb", "b"},
		{"{ x; b; } > f", "<no>"},
		{"x > f || b", "<no>"},
	}
	for _, tt := range tests {
		s, err := Parse(tt.script, POSIX)
		if err != nil {
			t.Fatal(err)
		}
		got := "<no>"
		for _, c := range s.Commands {
			if spans, _, ok := s.RemoveWrite(c); c.Program == "x" && ok {
				got = cut(s.Text, spans)
			}
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.script, got, tt.want)
		}
	}
}
