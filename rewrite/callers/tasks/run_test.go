package tasks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// recorder stands for docker: it writes its arguments and its environment. As docker does,
// it fails where a secret has no source and the variable of its name is not set.
const recorder = `#!/bin/bash
for a; do
	if [[ $a =~ ^(--secret=)?id=([A-Za-z_]+)$ ]] && ! printenv "${BASH_REMATCH[2]}" >/dev/null; then exit 1; fi
done
{ printf '%s\0' "$@"; printf '\1'; env -0; printf '\2'; } >> "$RECORD"
`

// secretValues are what T is given: "-" is not at all.
var secretValues = []string{"-", "", "tok-c4n4ry-EXAMPLE-7Qm2x", "tok=with/other+signs.%", "a b", `"q" and 'r'`, `d$HOME`}

// TestRun runs the programs that the cases name ("run make a", "run npm a") with the files
// before and after, and compares what docker gets: the value that the build had as an
// argument it has as a secret, and all else is as it was.
func TestRun(t *testing.T) {
	names, _ := filepath.Glob("testdata/*.txtar")
	bin := t.TempDir()
	executable(t, filepath.Join(bin, "docker"), recorder)
	executable(t, filepath.Join(bin, "gh"), "#!/bin/sh\necho tok-of-gh\n")
	executable(t, filepath.Join(bin, "pass"), "#!/bin/sh\necho 'tok of pass'\n")
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var runs [][]string
		for line := range strings.Lines(string(a.Comment)) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "run "); ok {
				runs = append(runs, strings.Fields(rest))
			}
		}
		if len(runs) == 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			program := program(t, runs[0][0])
			t.Parallel()
			// Both stand in one folder, in turn: its name is an argument in some.
			root := t.TempDir()
			before, after := unpack(t, a, filepath.Join(root, "a"), false), unpack(t, a, filepath.Join(root, "b"), true)
			at := filepath.Join(root, "here")
			in := func(dir string, words []string, value, way string) []invocation {
				if err := os.Rename(dir, at); err != nil {
					t.Fatal(err)
				}
				defer os.Rename(at, dir)
				return invoke(t, bin, program, at, words, value, way)
			}
			n := 0
			for _, words := range runs {
				for _, value := range secretValues {
					for _, way := range []string{"environment", "command line"} {
						if way == "command line" && (words[0] == "npm" || value == "-" || strings.Contains(value, "$")) {
							continue
						}
						n += compare(t, fmt.Sprintf("%s, %q in the %s", strings.Join(words, " "), value, way), value,
							in(before, words, value, way), in(after, words, value, way))
					}
				}
			}
			if n == 0 {
				t.Error("docker was never run")
			}
		})
	}
}

// program finds a program that runs tasks; just and task are those of the project's script.
func program(t *testing.T, name string) string {
	t.Helper()
	if name == "just" || name == "task" {
		dir, err := exec.Command("../../../scripts/taskrunners.sh", "path").Output()
		if err == nil {
			return filepath.Join(strings.TrimSpace(string(dir)), name)
		}
	} else if p, err := exec.LookPath(name); err == nil {
		return p
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not there: scripts/tools.sh", name)
	}
	t.Skipf("%s is not there: scripts/tools.sh", name)
	return ""
}

func executable(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// unpack writes the files of a case, as they were or as they become.
func unpack(t *testing.T, a *txtar.Archive, dir string, changed bool) string {
	for _, f := range a.Files {
		name, after := strings.CutPrefix(f.Name, "after/")
		if after && !changed {
			continue
		}
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

type invocation struct {
	args []string
	env  map[string]string
}

func invoke(t *testing.T, bin, program, dir string, words []string, value, way string) []invocation {
	record := filepath.Join(t.TempDir(), "record")
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "RECORD=" + record, "IMAGE_TAG=v1", "V=ver", "NPM_CONFIG_UPDATE_NOTIFIER=false"}
	args := slices.Clone(words[1:])
	switch words[0] {
	case "npm":
		args = append([]string{"run", "--silent"}, args...)
	case "make":
		args = append([]string{"--no-print-directory"}, args...)
	}
	for _, n := range []string{"T", "U", "GITHUB_TOKEN", "NPM_TOKEN", "AWS_SECRET_ACCESS_KEY"} {
		switch {
		case value == "-" || way == "command line" && words[0] == "just" && n != "T":
		case way == "environment":
			env = append(env, n+"="+value)
		case words[0] == "just":
			args = append([]string{n + "=" + value}, args...)
		default:
			args = append(args, n+"="+value)
		}
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Run() // a value with a quote breaks some commands, as it did
	data, _ := os.ReadFile(record)
	var out []invocation
	for one := range strings.SplitSeq(string(data), "\x02") {
		args, vars, ok := strings.Cut(one, "\x01")
		if !ok {
			continue
		}
		v := invocation{args: strings.Split(strings.TrimSuffix(args, "\x00"), "\x00"), env: map[string]string{}}
		for kv := range strings.SplitSeq(vars, "\x00") {
			key, value, _ := strings.Cut(kv, "=")
			v.env[key] = value
		}
		out = append(out, v)
	}
	return out
}

// passed are the values that a build gets by name, and what is left of its arguments.
func (v invocation) passed() (values map[string]string, rest []string) {
	values = map[string]string{}
	for i := 0; i < len(v.args); i++ {
		flag, arg, joined := strings.Cut(v.args[i], "=")
		if flag != "--build-arg" && flag != "--secret" {
			rest = append(rest, v.args[i])
			continue
		}
		if !joined {
			if i++; i == len(v.args) {
				break
			}
			arg = v.args[i]
		}
		if flag == "--build-arg" {
			name, value, given := strings.Cut(arg, "=")
			if !given {
				value = v.env[name]
			}
			values[name] = value
			continue
		}
		s := map[string]string{}
		for field := range strings.SplitSeq(arg, ",") {
			key, value, _ := strings.Cut(field, "=")
			s[key] = value
		}
		from := s["env"]
		if from == "" {
			from = s["id"]
		}
		values[s["id"]] = v.env[from]
	}
	return values, rest
}

// compare reports how many builds were compared. A value that the shell parts or changes
// was broken before: it arrives as it was given now, or as it did, or as make's text in
// double quotes.
func compare(t *testing.T, what, value string, before, after []invocation) int {
	t.Helper()
	plain := !strings.ContainsAny(value, " \"'$")
	if plain && len(before) != len(after) {
		t.Errorf("%s: %d builds, were %d", what, len(after), len(before))
		return 0
	}
	for i := range min(len(before), len(after)) {
		was, args := before[i].passed()
		is, now := after[i].passed()
		if plain && !slices.Equal(args, now) {
			t.Errorf("%s: the other arguments are %q, were %q", what, now, args)
		}
		for name, v := range is {
			pasted := strings.ContainsAny(value, `"'$`) && before[i].env[name] != after[i].env[name]
			if old, ok := was[name]; !pasted && (plain || !strings.Contains(v, value)) && (!ok || v != old) {
				t.Errorf("%s: %s is %q, was %q", what, name, v, old)
			}
		}
		for name := range was {
			if _, ok := is[name]; !ok {
				t.Errorf("%s: %s is not passed", what, name)
			}
		}
		for name, v := range before[i].env {
			if _, handed := is[name]; handed {
				continue
			}
			if w, ok := after[i].env[name]; !slices.Contains([]string{"HOME", "RECORD", "PWD", "OLDPWD", "_", "INIT_CWD", "PATH"}, name) && !strings.HasPrefix(name, "npm_") && (!ok || v != w) {
				t.Errorf("%s: the variable %s is %q, was %q", what, name, w, v)
			}
		}
	}
	return len(after)
}
