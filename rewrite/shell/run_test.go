package shell

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// realShells are the shells of this machine, by name.
func realShells(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, argv := range map[string][]string{"dash": {"dash"}, "bash": {"bash", "--norc"}, "bash as sh": {"bash", "--posix"}, "busybox": {"busybox", "sh"}} {
		if path, err := exec.LookPath(argv[0]); err == nil {
			found[name] = append([]string{path}, argv[1:]...)
		}
	}
	if len(found) == 0 {
		t.Skip("no shell")
	}
	return found
}

// outputs runs each script, with ". FILE" or another command, and returns what it prints, with its status. They run in one
// folder with a few files, and must not write there.
func outputs(t *testing.T, shell []string, run string, scripts []string, env ...string) []string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range scripts {
		write(fmt.Sprint(i), s)
	}
	for _, f := range []string{"tok", "atok", "atokb", "x=tok", "a", "sub/tok"} {
		write("work/"+f, f+"\n")
	}
	const driver = `i=0; while [ $i -lt %d ]; do (%s "$D/$i" 2> /dev/null < /dev/null); echo "status $?"; printf '\001'; i=$((i+1)); done`
	cmd := exec.Command(shell[0], append(shell[1:len(shell):len(shell)], "-c", fmt.Sprintf(driver, len(scripts), run))...)
	cmd.Dir = filepath.Join(dir, "work")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/home/h", "V=v w*", "D=" + dir}, env...)
	out, _ := cmd.Output()
	list := strings.Split(strings.TrimSuffix(string(out), "\x01"), "\x01")
	if len(list) != len(scripts) {
		t.Fatalf("%s: %d of %d scripts ran", shell[0], len(list), len(scripts))
	}
	return list
}

// grammar makes scripts at random, the same ones in each run.
type grammar struct {
	rand  *rand.Rand
	atoms []string
	rules []string // S stands for a statement, L for a list of statements
	seps  []string
}

func (g *grammar) statement(depth int) string {
	if depth <= 0 || g.rand.IntN(4) == 0 {
		return g.atoms[g.rand.IntN(len(g.atoms))]
	}
	rule := g.rules[g.rand.IntN(len(g.rules))]
	var b strings.Builder
	for i, c := range rule {
		if body := strings.HasPrefix(rule[:i], "f() {") && !strings.Contains(rule[:i], "}"); body && (c == 'S' || c == 'L') {
			// A function that calls itself does not come to an end, or fills the machine with pipes.
			atoms := g.atoms
			g.atoms = slices.DeleteFunc(slices.Clone(atoms), func(a string) bool { return a == "f" })
			b.WriteString(g.list(depth - 1))
			g.atoms = atoms
			continue
		}
		switch c {
		case 'S':
			b.WriteString(g.statement(depth - 1))
		case 'L':
			b.WriteString(g.list(depth - 1))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (g *grammar) list(depth int) string {
	s := g.statement(depth)
	for g.rand.IntN(2) == 0 {
		s += g.seps[g.rand.IntN(len(g.seps))] + g.statement(depth)
	}
	return s
}

// callsItself reports whether a script may run without an end.
func callsItself(script string) bool {
	s, err := Parse(script, POSIX)
	if err != nil {
		return true
	}
	unread := strings.Contains(script, "eval") || strings.Contains(script, "trap")
	for _, c := range s.Commands {
		if c.In&InFunc != 0 && (c.Path == "f" || unread) {
			return true
		}
	}
	return unread && strings.Contains(script, "f()")
}
