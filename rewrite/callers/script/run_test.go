package script

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorder stands for a program: it writes its name, its arguments and its environment.
const recorder = `#!/bin/sh
{ printf '%s\0' "${0##*/}" "$@"; printf '\1'; env -0; printf '\2'; } >> "$RECORD"
case "$*" in *fail*) exit 3;; esac
`

// sudo drops the environment, as sudo does, but for what it is told to keep or set.
const sudo = `#!/bin/sh
keep=
while :; do
	case "$1" in
	-E|--preserve-env) keep=all; shift;;
	-n|-H) shift;;
	--preserve-env=*) keep=${1#*=}; shift;;
	*) break;;
	esac
done
case $keep in
all) exec env "$@";;
'') exec env -i PATH="$PATH" RECORD="$RECORD" "$@";;
esac
eval "v=\$$keep"
exec env -i PATH="$PATH" RECORD="$RECORD" "$keep=$v" "$@"
`

// invocation is one run of a builder.
type invocation struct {
	args []string
	env  map[string]string
}

// TestRun runs each sample before and after its change by real shells, and compares what
// the builder gets: the other arguments byte for byte, the argument's value as the
// secret's, and the status of the script.
func TestRun(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"docker", "podman", "buildah", "nerdctl", "buildctl"} {
		executable(t, filepath.Join(bin, name), recorder)
	}
	executable(t, filepath.Join(bin, "sudo"), sudo)
	executable(t, filepath.Join(bin, "get-token"), "#!/bin/sh\nprintf 'tok-%s' \"$1\"\n")
	for _, s := range samples(t) {
		if s.err != "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for i, shell := range shells(s.before) {
				for _, value := range []string{"-", "", "tok-c4n4ry-EXAMPLE-7Qm2x", `"q" 'r' $HOME \n $(id) *`} {
					if i > 0 && value != "-" && s.split != strings.HasPrefix(value, "tok") {
						continue // the first shell has been given all of them
					}
					if s.split && strings.ContainsAny(value, " *") {
						continue
					}
					env := []string{"U=user name", "X=other"}
					if value != "-" {
						env = append(env, "T="+value, "NPM_TOKEN="+value)
						for _, a := range s.asked {
							env = append(env, strings.TrimPrefix(a, "-")+"="+value)
						}
					}
					before, status := run(t, bin, shell, s.before, env)
					after, now := run(t, bin, shell, s.after, env)
					what := fmt.Sprintf("%s, T %q", shell[0], value)
					if status != now {
						t.Errorf("%s: exit status %d, was %d", what, now, status)
					}
					if len(before) != len(after) {
						t.Errorf("%s: %d runs, were %d", what, len(after), len(before))
						continue
					}
					for i := range before {
						s.compare(t, what, before[i], after[i])
						n++
					}
				}
			}
			if n == 0 {
				t.Error("nothing was run")
			}
		})
	}
}

func executable(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// shells are those of this machine that a script may be for.
func shells(script string) [][]string {
	all := [][]string{{"bash"}}
	if strings.HasPrefix(script, "#!/bin/sh") {
		all = append(all, []string{"dash"}, []string{"busybox", "sh"}, []string{"bash", "--posix"})
	}
	return slices.DeleteFunc(all, func(s []string) bool { _, err := exec.LookPath(s[0]); return err != nil })
}

func run(t *testing.T, bin string, shell []string, script string, env []string) ([]invocation, int) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"scripts", "app", "docker/prod", "secrets", "home/.ssh", "bin/ci", ".git/objects", ".git/refs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "scripts/build.sh")
	executable(t, file, script)
	for name, text := range map[string]string{
		".git/HEAD": "ref: refs/heads/main\n", ".env": "T='from the file'\n", "bin/ci/.env": "NPM_TOKEN=from-the-file\n",
		"home/.ssh/id_ed25519": "line 1\nline 2\n", "home/.ssh/id_rsa": "line 1\n\nline 3\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	record := filepath.Join(t.TempDir(), "record")
	cmd := exec.Command(shell[0], append(slices.Clone(shell[1:]), "scripts/build.sh", "first arg")...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"), "RECORD=" + record}, env...)
	cmd.Stdin = strings.NewReader("typed\n")
	cmd.Run()
	status := cmd.ProcessState.ExitCode()
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
	return out, status
}

// got is what a builder was given.
type got struct {
	args, secrets map[string]string
	rest          []string
}

// read takes the command line of a builder apart as docker does.
func (v invocation) read(t *testing.T) got {
	t.Helper()
	g := got{args: map[string]string{}, secrets: map[string]string{}}
	for i := 0; i < len(v.args); i++ {
		flag, value, joined := strings.Cut(v.args[i], "=")
		if flag == "--opt" && !joined && strings.HasPrefix(v.args[i+1], "build-arg:") {
			i++
			value, joined = v.args[i], true
		}
		if x, ok := strings.CutPrefix(value, "build-arg:"); ok && flag == "--opt" {
			flag, value = "--build-arg", x
		}
		if flag != "--build-arg" && flag != "--secret" {
			g.rest = append(g.rest, v.args[i])
			continue
		}
		if !joined && i+1 < len(v.args) {
			i++
			value = v.args[i]
		}
		if flag == "--build-arg" {
			name, x, given := strings.Cut(value, "=")
			if !given {
				if x, given = v.env[name]; !given {
					x = ""
				}
			}
			g.args[name] = x
			continue
		}
		id, env, src := "", "", ""
		for field := range strings.SplitSeq(value, ",") {
			key, x, _ := strings.Cut(field, "=")
			switch key {
			case "id":
				id = x
			case "env":
				env = x
			case "src":
				src = x
			}
		}
		switch x, set := v.env[id]; {
		case src != "":
			g.secrets[id] = "the file " + src
		case env != "":
			g.secrets[id] = v.env[env]
		case set:
			g.secrets[id] = x
		default:
			t.Errorf("docker finds no value for %s", id)
		}
	}
	return g
}

func (s *sample) compare(t *testing.T, what string, before, after invocation) {
	t.Helper()
	was, is := before.read(t), after.read(t)
	if !slices.Equal(was.rest, is.rest) {
		t.Errorf("%s: other arguments are %q, were %q", what, is.rest, was.rest)
	}
	for _, a := range s.asked {
		id, name, ok := strings.Cut(a, "<")
		if !ok {
			name = id
		}
		if dropped, ok := strings.CutPrefix(a, "-"); ok {
			delete(was.args, dropped)
			continue
		}
		if file, src, ok := strings.Cut(a, "@"); ok {
			if is.secrets[file] != "the file "+src && !strings.HasSuffix(is.secrets[file], "/"+src) {
				t.Errorf("%s: %s is %q", what, file, is.secrets[file])
			}
			delete(is.secrets, file)
			continue
		}
		old, passed := was.args[name]
		value, given := is.secrets[id]
		if passed && old != "" && !given || given && !passed || value != old {
			t.Errorf("%s: the secret %s is %q (%v), was %q (%v)", what, id, value, given, old, passed)
		}
		delete(was.args, name)
		if _, already := was.secrets[id]; !already {
			delete(is.secrets, id)
		}
	}
	for name, old := range was.args {
		if value, ok := is.args[name]; !ok || value != old {
			t.Errorf("%s: the argument %s is %q, was %q", what, name, value, old)
		}
		delete(is.args, name)
	}
	for name := range is.args {
		t.Errorf("%s: the argument %s is new", what, name)
	}
	for id, old := range was.secrets {
		if is.secrets[id] != old {
			t.Errorf("%s: the secret %s is another", what, id)
		}
	}
}
