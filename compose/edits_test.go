package compose

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

var update = flag.Bool("update", false, "write what is got into testdata")

// script is the head of a txtar case, a directive a line:
//
//	dockerfile PATH        the Dockerfile whose builders are migrated (default Dockerfile)
//	remove NAME…           arguments to remove
//	add ID…                secrets to add
//	def NAME env|file X    top-level secret of each file that has a builder; "def NAME external"
//	text crlf|bom|nonl     what is done to all files of the case after reading them
//	merge PATH…            compose files that compose-go loads as one (default: each alone)
//	error TEXT             the error that is expected, instead of want/ files; PATH:line:col included
//
// Files under want/ are what the others become; a file without one stays as it is.
type script struct {
	dockerfile    string
	remove, add   []string
	defs          []NamedSecret
	text          []string
	merge         []string
	err           string
	files, wanted map[string]string
}

func readScript(t *testing.T, a *txtar.Archive) *script {
	t.Helper()
	s := &script{dockerfile: "Dockerfile", files: map[string]string{}, wanted: map[string]string{}}
	for line := range strings.Lines(string(a.Comment)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		switch f[0] {
		case "dockerfile":
			s.dockerfile = f[1]
		case "remove":
			s.remove = f[1:]
		case "add":
			s.add = f[1:]
		case "def":
			d := NamedSecret{Name: f[1]}
			switch f[2] {
			case "env":
				d.Environment = f[3]
			case "file":
				d.File = f[3]
			case "external":
				d.External = true
			}
			s.defs = append(s.defs, d)
		case "text":
			s.text = f[1:]
		case "merge":
			s.merge = f[1:]
		case "error":
			s.err = strings.TrimSpace(strings.TrimPrefix(line, "error"))
		default:
			t.Fatalf("unknown directive %q", f[0])
		}
	}
	for _, f := range a.Files {
		text := string(f.Data)
		for _, how := range s.text {
			switch how {
			case "crlf":
				text = strings.ReplaceAll(text, "\n", "\r\n")
			case "bom":
				text = "\ufeff" + text
			case "nonl":
				text = strings.TrimRight(text, "\r\n")
			}
		}
		if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
			s.wanted[name] = text
		} else {
			s.files[f.Name] = text
		}
	}
	return s
}

// run migrates all builders in all files, and returns the new files.
func (s *script) run(files map[string]string) (map[string]string, error) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	loaded := Load(fsys, slices.Sorted(maps.Keys(files)))
	var ms []Migration
	touched := map[*File]bool{}
	for _, b := range Builders(loaded, s.dockerfile) {
		m := Migration{Service: b, RemoveArgs: s.remove}
		if !b.Overrides {
			m.AddSecrets = s.add
		}
		ms = append(ms, m)
		touched[b.File] = touched[b.File] || !b.Overrides
	}
	out := maps.Clone(files)
	for _, f := range loaded {
		if f.Err != nil {
			return nil, f.Err
		}
		var defs []NamedSecret
		if touched[f] {
			defs = s.defs
		}
		edits, err := Edits(f, ms, defs)
		if err != nil {
			return nil, err
		}
		src, err := edit.Apply(f.Src, edits)
		if err != nil {
			return nil, err
		}
		out[f.Path] = string(src)
	}
	return out, nil
}

func TestEdits(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) < 25 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s := readScript(t, a)
			got, err := s.run(s.files)
			if s.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), s.err) {
					t.Fatalf("got error %v, want %s", err, s.err)
				}
				if strings.Contains(err.Error(), "c4n4ry") {
					t.Errorf("the error tells a value: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if *update && len(s.text) == 0 {
				a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want/") })
				for _, f := range slices.Sorted(maps.Keys(got)) {
					if got[f] != s.files[f] {
						a.Files = append(a.Files, txtar.File{Name: "want/" + f, Data: []byte(got[f])})
					}
				}
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, f := range slices.Sorted(maps.Keys(s.files)) {
				want, ok := s.wanted[f]
				if !ok {
					want = s.files[f]
				}
				if got[f] != want {
					t.Errorf("%s: got\n%q\nwant\n%q\n%s", f, got[f], want, edit.Unified(f, []byte(want), []byte(got[f])))
				}
			}
			again, err := s.run(got)
			if err != nil {
				t.Fatalf("second run: %v", err)
			}
			if !maps.Equal(again, got) {
				t.Errorf("the second run changed something: got %q", again)
			}
			if len(s.merge) > 0 {
				s.compare(t, got, s.merge)
				return
			}
			for f := range got {
				if IsComposeFile(path.Base(f)) {
					s.compare(t, got, []string{f})
				}
			}
		})
	}
}

// compare loads old and new files with compose-go, and shows that they differ by what was meant.
func (s *script) compare(t *testing.T, got map[string]string, paths []string) {
	t.Helper()
	before, after := project(t, s.files, paths), project(t, got, paths)
	for name, service := range before.Services {
		now := after.Services[name]
		if service.Build == nil || now.Build == nil || service.Build.Dockerfile == "" {
			continue
		}
		built, _ := filepath.Rel(before.WorkingDir, filepath.Join(service.Build.Context, service.Build.Dockerfile))
		if path.Join(path.Dir(paths[0]), filepath.ToSlash(built)) != s.dockerfile {
			continue
		}
		for _, arg := range s.remove {
			delete(service.Build.Args, arg)
		}
		if len(service.Build.Args) == 0 {
			service.Build.Args = now.Build.Args
			if len(now.Build.Args) > 0 {
				t.Errorf("%s: arguments of %s are left: %d", paths, name, len(now.Build.Args))
			}
		}
		for _, id := range s.add {
			has := slices.ContainsFunc(service.Build.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == id })
			if !has {
				service.Build.Secrets = append(service.Build.Secrets, types.ServiceSecretConfig{Source: id})
			}
		}
		for _, def := range s.defs {
			if before.Secrets == nil {
				before.Secrets = types.Secrets{}
			}
			if _, ok := before.Secrets[def.Name]; !ok {
				before.Secrets[def.Name] = after.Secrets[def.Name]
			}
			d := after.Secrets[def.Name]
			file, _ := filepath.Rel(after.WorkingDir, d.File)
			if d.Environment != def.Environment || bool(d.External) != def.External || def.File != "" && path.Clean(filepath.ToSlash(file)) != path.Clean(def.File) {
				t.Errorf("%s: secret %s is defined as %+v", paths, def.Name, d)
			}
		}
		before.Services[name] = service
	}
	before.WorkingDir, before.ComposeFiles, before.Environment = after.WorkingDir, after.ComposeFiles, after.Environment
	old, err := before.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	new, err := after.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, new) {
		t.Errorf("compose-go reads %s as\n%s\nand meant is\n%s", paths, new, old)
	}
}

func project(t *testing.T, files map[string]string, paths []string) *types.Project {
	t.Helper()
	// Both projects come from a folder of the same name in turn, so that their absolute paths are equal.
	dir := filepath.Join(t.TempDir(), "..", "root")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	details := types.ConfigDetails{WorkingDir: filepath.Join(dir, path.Dir(paths[0])), Environment: types.Mapping{"T": "EXAMPLE"}}
	for _, p := range paths {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: filepath.Join(dir, p)})
	}
	project, err := loader.LoadWithContext(context.Background(), details, func(o *loader.Options) { o.SetProjectName("test", true) })
	if err != nil {
		t.Fatalf("compose-go refuses %s: %v", paths, err)
	}
	return project
}

// TestEditsSubsets migrates every subset of a file's services and arguments; Edits must make or refuse each, and never half of it.
func TestEditsSubsets(t *testing.T) {
	const src = `version: "3.8"
x-a: &a [A=1]
services:
  one:
    build: .
  two:
    build: {context: ., args: {A: 1, B: "${B}"}}
  three:
    build:
      context: .
      args: *a
  four:
    build:
      context: .
      args:
        - A=1
        # between
        - B
      target: x
      # last
  five:
    image: five
    build:
      args:
        A: |
          c4n4ry
        B:

# end`
	for mask := range 32 {
		for _, remove := range [][]string{nil, {"A"}, {"A", "B"}} {
			f := Load(fstest.MapFS{"compose.yaml": {Data: []byte(src)}}, []string{"compose.yaml"})[0]
			if f.Err != nil {
				t.Fatal(f.Err)
			}
			var ms []Migration
			for i, s := range f.Services {
				if mask&(1<<i) != 0 {
					ms = append(ms, Migration{Service: s, RemoveArgs: remove, AddSecrets: []string{"A"}})
				}
			}
			edits, err := Edits(f, ms, []NamedSecret{{"A", SecretDef{Environment: "A"}}})
			if refused := mask&4 != 0 && len(remove) > 0; refused {
				if !errors.Is(err, yamledit.ErrUncertain) || edits != nil {
					t.Errorf("%b %v: got %d edits and error %v", mask, remove, len(edits), err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%b %v: %v", mask, remove, err)
				continue
			}
			out, err := edit.Apply([]byte(src), edits)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(string(out), "\n") {
				t.Errorf("%b %v: a last newline was added", mask, remove)
			}
			g := Load(fstest.MapFS{"compose.yaml": {Data: out}}, []string{"compose.yaml"})[0]
			if want := map[string]SecretDef{"A": {Environment: "A"}}; !reflect.DeepEqual(g.Secrets, want) {
				t.Errorf("%b %v: secrets %v", mask, remove, g.Secrets)
			}
			for i, s := range g.Services {
				names := func(args []Arg) (out []string) {
					for _, a := range args {
						if mask&(1<<i) == 0 || !slices.Contains(remove, a.Name) {
							out = append(out, a.Name)
						}
					}
					return out
				}
				if !slices.Equal(names(s.Build.Args), names(f.Services[i].Build.Args)) || slices.Contains(s.Build.Secrets, "A") != (mask&(1<<i) != 0) || s.Build.Context != "." {
					t.Errorf("%b %v: %s has %v and %v", mask, remove, s.Name, s.Build.Args, s.Build.Secrets)
				}
			}
		}
	}
}
