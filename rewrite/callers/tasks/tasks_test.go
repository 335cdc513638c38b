package tasks

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

var update = flag.Bool("update", false, "write what is found into the cases")

// TestTables runs the cases of testdata: the files before, in the comment the builds that
// are read there ("build …", an argument's name with its kind), what is asked for ("move
// T" for every build that passes it), what a person must do ("need …") or why not
// ("error …"), and the file after.
func TestTables(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { runCase(t, name) })
	}
}

func runCase(t *testing.T, name string) {
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	fsys, after := fstest.MapFS{}, map[string]string{}
	var dockerfiles []string
	for _, f := range a.Files {
		text := string(f.Data)
		if strings.Contains(string(a.Comment), "crlf") {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if strings.Contains(string(a.Comment), "no last newline") {
			text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		}
		if p, ok := strings.CutPrefix(f.Name, "after/"); ok {
			after[p] = text
			continue
		}
		fsys[f.Name] = &fstest.MapFile{Data: []byte(text)}
		if strings.Contains(filepath.Base(f.Name), "Dockerfile") {
			dockerfiles = append(dockerfiles, f.Name)
		}
	}
	slices.Sort(dockerfiles)
	project := &call.Project{FS: fsys, Dockerfiles: dockerfiles}
	var want, got, asked, rest []string
	changed := map[string]string{}
	for line := range strings.Lines(string(a.Comment)) {
		line = strings.TrimSpace(line)
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "move", "file":
			asked = append(asked, word+" "+rest)
		case "build", "need", "error":
			want = append(want, line)
			continue
		}
		rest = append(rest, line)
	}
	for _, f := range a.Files {
		src := fsys[f.Name]
		r := readerOf(f.Name)
		if src == nil || r == nil {
			continue
		}
		s := &call.Source{Path: f.Name, Src: src.Data, Project: project}
		list, err := r.Read(s)
		if err != nil {
			got = append(got, "error "+err.Error())
			continue
		}
		for _, b := range list {
			got = append(got, describe(b))
		}
		if len(asked) == 0 {
			continue
		}
		text, needs, err := ask(r, s, list, asked)
		for _, n := range needs {
			got = append(got, "need "+n)
		}
		if err != nil {
			got = append(got, "error "+err.Error())
			text = s.Src
		}
		wanted, ok := after[f.Name]
		if !ok {
			wanted = string(s.Src)
		}
		if string(text) != string(s.Src) {
			changed[f.Name] = string(text)
		}
		if string(text) != wanted && !*update {
			t.Errorf("%s becomes\n%s\nwant\n%s", f.Name, text, wanted)
		}
		if err != nil || string(text) == string(s.Src) {
			continue
		}
		// What was changed is read with the secret, and nothing is left to change.
		again := &call.Source{Path: f.Name, Src: text, Project: project}
		list, err = r.Read(again)
		if err != nil {
			t.Fatal(err)
		}
		for _, ask := range asked {
			_, n, _ := strings.Cut(ask, " ")
			for _, b := range list {
				if slices.ContainsFunc(b.Args, func(a call.Arg) bool { return a.Name == n }) {
					t.Errorf("%s: %s is still passed:\n%s", f.Name, n, text)
				}
			}
		}
		if twice, _, err := ask(r, again, list, asked); err != nil || string(twice) != string(text) {
			t.Errorf("a second time: %v\n%s", err, twice)
		}
	}
	if *update {
		write(t, name, a, append(rest, got...), changed)
		return
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("read\n%s\nwant\n%s", a, b)
	}
}

// TestCut reads the files of the cases cut off anywhere: whoever is typing has such a file.
func TestCut(t *testing.T) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			r := readerOf(f.Name)
			if r == nil {
				continue
			}
			for n := range f.Data {
				s := &call.Source{Path: f.Name, Src: f.Data[:n], Project: &call.Project{FS: fstest.MapFS{}}}
				list, err := r.Read(s)
				for _, b := range list {
					if b.Start < 0 || b.End > n || b.Start >= b.End {
						t.Errorf("%s: %s cut at %d: a build at %d-%d", name, f.Name, n, b.Start, b.End)
					}
				}
				if len(list) > 0 && err == nil {
					ask(r, s, list, []string{"move T", "file U"})
				}
			}
		}
	}
}

// write keeps what was found.
func write(t *testing.T, name string, a *txtar.Archive, comment []string, changed map[string]string) {
	a.Comment = []byte(strings.Join(comment, "\n") + "\n")
	a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "after/") })
	for _, f := range a.Files {
		if text, ok := changed[f.Name]; ok {
			a.Files = append(a.Files, txtar.File{Name: "after/" + f.Name, Data: []byte(strings.ReplaceAll(text, "\r\n", "\n"))})
		}
	}
	if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readerOf(name string) *call.Reader {
	for _, r := range Readers() {
		if r.Is(name) {
			return &r
		}
	}
	return nil
}

func describe(b *call.Build) string {
	s := fmt.Sprintf("build %d:%d %s", b.Line, b.Col, b.What)
	if len(b.Dockerfiles) > 0 {
		s += " of " + strings.Join(b.Dockerfiles, ",")
	}
	for _, a := range b.Args {
		s += fmt.Sprintf(" %s/%s", a.Name, []string{"computed", "bare", "variable", "text"}[a.Kind])
		if a.Kind == call.Variable {
			s += "=" + a.Env
		}
	}
	for _, x := range b.Secrets {
		s += " secret:" + x.ID
	}
	if b.Doubt != "" {
		s += " doubt: " + b.Doubt
	}
	if b.Fixed != "" {
		s += " fixed: " + b.Fixed
	}
	return s
}

// ask moves arguments, of every build that passes them.
func ask(r *call.Reader, s *call.Source, list []*call.Build, asked []string) ([]byte, []string, error) {
	var changes []call.Change
	for _, line := range asked {
		word, name, _ := strings.Cut(line, " ")
		for _, b := range list {
			if !slices.ContainsFunc(b.Args, func(a call.Arg) bool { return a.Name == name }) {
				continue
			}
			secret := &call.Secret{ID: name, From: name}
			if word == "file" {
				secret = &call.Secret{ID: name, File: "secrets/" + name}
			}
			if b.Fixed != "" {
				return nil, nil, s.Errorf(b.Start, "%s", b.Fixed)
			}
			changes = append(changes, call.Change{Build: b, Drop: []string{name}, Secret: secret})
		}
	}
	edits, needs, err := r.Edit(s, changes)
	if err != nil {
		return nil, nil, err
	}
	text, err := edit.Apply(s.Src, edits)
	return text, needs, err
}
