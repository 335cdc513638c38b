package bake_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// Each case is an archive: the files before; "change", with lines "T Dockerfile", for an
// argument that each build of that Dockerfile takes as a secret from now on (with file=F,
// from that file); the files after under after/, or "error", what is refused.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	program, why := buildx(t)
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := readCase(t, file)
			if c.error != "" {
				_, err := c.edit(c.before)
				if err == nil || strings.TrimSpace(err.Error()) != c.error {
					t.Fatalf("refused with:\n%v\nnot with:\n%s", err, c.error)
				}
				return
			}
			after, err := c.edit(c.before)
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range c.after {
				if !bytes.Equal(after[name], text) {
					t.Errorf("%s:\n%s", name, edit.Unified(name, text, after[name]))
				}
			}
			again, err := c.edit(after)
			if err != nil || !reflect.DeepEqual(again, after) {
				t.Errorf("not a fixpoint: %v", err)
			}
			if program == "" {
				t.Skip(why)
			}
			for _, env := range [][]string{nil, {"T=tok-c4n4ry-EXAMPLE-7Qm2x", "V=other-EXAMPLE"}} {
				c.compare(t, program, after, env)
			}
		})
	}
}

type golden struct {
	before, after map[string][]byte
	change        [][]string
	targets       []string
	error         string
}

func readCase(t *testing.T, file string) *golden {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &golden{before: map[string][]byte{}, after: map[string][]byte{}}
	for _, f := range a.Files {
		if strings.Contains(string(a.Comment), "CRLF") && !strings.HasPrefix(f.Name, "change") {
			f.Data = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
		}
		switch name, ok := strings.CutPrefix(f.Name, "after/"); {
		case ok:
			c.after[name] = f.Data
		case f.Name == "change":
			for line := range strings.Lines(string(f.Data)) {
				if words := strings.Fields(line); len(words) > 0 && words[0] == "targets:" {
					c.targets = words[1:]
				} else {
					c.change = append(c.change, words)
				}
			}
		case f.Name == "error":
			c.error = strings.TrimSpace(string(f.Data))
		default:
			c.before[f.Name] = f.Data
		}
	}
	return c
}

// edit does what the case asks for, by way of the front door: it reads the result again.
func (c *golden) edit(files map[string][]byte) (map[string][]byte, error) {
	fsys := inMemory(files)
	never := func(string) bool { return false }
	x := new(callers.Reader).Find(fsys, slices.Sorted(maps.Keys(files)), never, never)
	var changes []call.Change
	for _, words := range c.change {
		name, dockerfiles := words[0], words[1:]
		file, fromFile := strings.CutPrefix(words[len(words)-1], "file=")
		if fromFile {
			dockerfiles = words[1 : len(words)-1]
		}
		for _, b := range x.Calls {
			change := call.Change{Build: b}
			for _, a := range b.Args {
				if a.Name != name {
					continue
				}
				change.Drop = []string{name}
				if a.Kind != call.Text || a.Value != "" {
					change.Secret = &call.Secret{ID: name, From: name}
				}
			}
			if fromFile && !slices.ContainsFunc(b.Secrets, func(s call.Secret) bool { return s.ID == name }) {
				change.Secret = &call.Secret{ID: name, File: file}
			}
			if change.Drop == nil && change.Secret == nil || callers.Builds(b, dockerfiles[0]) == callers.No {
				continue
			}
			if b.Doubt != "" {
				return nil, fmt.Errorf("%s:%d:%d: %s", b.Path, b.Line, b.Col, b.Doubt)
			}
			changes = append(changes, change)
		}
	}
	edited, err := x.Edit(changes)
	if err != nil {
		return nil, err
	}
	out := maps.Clone(files)
	for _, e := range edited {
		if out[e.Path], err = edit.Apply(out[e.Path], e.Edits); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compare asks bake what it makes of the files before and after: less the argument, with
// the secret, and nothing else.
func (c *golden) compare(t *testing.T, program string, after map[string][]byte, env []string) {
	t.Helper()
	was, is := c.print(t, program, c.before, env), c.print(t, program, after, env)
	names := map[string]bool{}
	for _, w := range c.change {
		names[w[0]] = true
	}
	for name, target := range was {
		now := is[name]
		for arg := range target.Args {
			if names[arg] && slices.ContainsFunc(now.Secrets, func(s map[string]string) bool { return s["id"] == arg }) {
				delete(target.Args, arg)
			}
		}
		got := slices.Clone(now.Secrets)
		now.Secrets = slices.DeleteFunc(now.Secrets, func(s map[string]string) bool {
			return names[s["id"]] && !slices.ContainsFunc(target.Secrets, func(x map[string]string) bool { return x["id"] == s["id"] })
		})
		if len(now.Args)+len(target.Args) == 0 {
			now.Args, target.Args = nil, nil
		}
		if len(now.Secrets)+len(target.Secrets) == 0 {
			now.Secrets, target.Secrets = nil, nil
		}
		if !reflect.DeepEqual(now, target) {
			t.Errorf("%s is built otherwise:\n%v\nbefore:\n%v\nsecrets: %v", name, now, target, got)
		}
	}
	if len(was) != len(is) {
		t.Errorf("other targets: %d, not %d", len(is), len(was))
	}
}

type printed struct {
	Args    map[string]*string
	Secrets []map[string]string `json:"secret"`
	Rest    map[string]any      `json:"-"`
}

func (c *golden) print(t *testing.T, program string, files map[string][]byte, env []string) map[string]*printed {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"bake", "--print"}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if base := path.Base(name); strings.HasSuffix(base, ".hcl") && !strings.HasPrefix(base, "docker-bake.") || name != base && strings.Contains(base, "bake") {
			args = append(args, "-f", name)
		}
	}
	cmd := exec.Command(program, append(args, c.targets...)...)
	cmd.Dir, cmd.Env = dir, append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bake --print: %v\n%s", err, complaint.String())
	}
	var p struct{ Target map[string]json.RawMessage }
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	result := map[string]*printed{}
	for name, raw := range p.Target {
		x := &printed{}
		if err := json.Unmarshal(raw, x); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &x.Rest); err != nil {
			t.Fatal(err)
		}
		delete(x.Rest, "args")
		delete(x.Rest, "secret")
		result[name] = x
	}
	return result
}

// buildx is the program, or why there is none.
func buildx(t *testing.T) (program, why string) {
	out, err := exec.Command("../../../scripts/buildx.sh", "path").CombinedOutput()
	if err != nil {
		return "", strings.TrimSpace(string(out))
	}
	return strings.TrimSpace(string(out)), ""
}

func inMemory(files map[string][]byte) fs.FS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	return out
}
