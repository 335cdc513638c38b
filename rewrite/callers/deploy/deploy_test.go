package deploy_test

import (
	"bytes"
	"io/fs"
	"maps"
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

// Each case is an archive: the files before; "change", with the arguments that the builds of
// ./Dockerfile take as secrets from now on (T=F: from the file F); the files after under
// after/, and "needs"; or "error", what is refused. A case is run with line ends of CRLF too.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range cases {
		for _, nl := range []string{"\n", "\r\n"} {
			name := strings.TrimSuffix(filepath.Base(file), ".txtar")
			if nl != "\n" {
				name += "/CRLF"
			}
			t.Run(name, func(t *testing.T) { run(t, file, nl) })
		}
	}
}

func run(t *testing.T, file, nl string) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, want := map[string][]byte{}, map[string][]byte{}
	var change []string
	var refused, needs string
	for _, f := range a.Files {
		data := bytes.ReplaceAll(f.Data, []byte("\n"), []byte(nl))
		switch name, after := strings.CutPrefix(f.Name, "after/"); {
		case after:
			want[name] = data
		case f.Name == "change":
			change = strings.Fields(string(f.Data))
		case f.Name == "error":
			refused = strings.TrimSpace(string(f.Data))
		case f.Name == "needs":
			needs = strings.TrimSpace(string(f.Data))
		default:
			before[f.Name] = data
		}
	}
	after, told, err := move(before, change)
	if refused != "" {
		if err == nil || err.Error() != refused {
			t.Fatalf("refused with:\n%v\nnot with:\n%s", err, refused)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if !bytes.Equal(after[name], text) {
			t.Errorf("%s", edit.Unified(name, text, after[name]))
		}
	}
	if strings.Join(told, "\n") != needs {
		t.Errorf("needs:\n%s\nnot:\n%s", strings.Join(told, "\n"), needs)
	}
	again, _, err := move(after, change)
	if err != nil || !reflect.DeepEqual(again, after) {
		t.Errorf("not a fixpoint: %v", err)
	}
}

// move does what the case asks for, by way of the front door: it reads the result again.
func move(files map[string][]byte, change []string) (map[string][]byte, []string, error) {
	never := func(string) bool { return false }
	x := new(callers.Reader).Find(inMemory(files), slices.Sorted(maps.Keys(files)), never, never)
	var changes []call.Change
	for _, b := range x.Calls {
		for _, name := range change {
			name, file, _ := strings.Cut(name, "=")
			c := call.Change{Build: b}
			if slices.ContainsFunc(b.Args, func(a call.Arg) bool { return a.Name == name }) {
				c.Drop, c.Secret = []string{name}, &call.Secret{ID: name, From: name}
			}
			if file != "" && !slices.ContainsFunc(b.Secrets, func(s call.Secret) bool { return s.ID == name }) {
				c.Secret = &call.Secret{ID: name, File: file, Local: true}
			}
			if c.Secret != nil && callers.Builds(b, "Dockerfile") != callers.No {
				changes = append(changes, c)
			}
		}
	}
	edited, err := x.Edit(changes)
	if err != nil {
		return nil, nil, err
	}
	out := maps.Clone(files)
	var needs []string
	for _, e := range edited {
		if out[e.Path], err = edit.Apply(out[e.Path], e.Edits); err != nil {
			return nil, nil, err
		}
		needs = append(needs, e.Needs...)
	}
	return out, needs, nil
}

func inMemory(files map[string][]byte) fs.FS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: text, Mode: 0o644}
	}
	return out
}
