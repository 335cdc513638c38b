package workflow

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

var update = flag.Bool("u", false, "write what comes out")

// TestFiles reads the first file of each archive, makes the changes in all builds that they
// concern, and compares. A line of changes is "T", "T id" (the argument T becomes a secret),
// "T -" (it goes), "+id path" or "+id path local" (a secret comes from a file).
func TestFiles(t *testing.T) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, crlf := range []bool{false, true} {
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+map[bool]string{true: " CRLF"}[crlf], func(t *testing.T) {
				check(t, ar, crlf)
			})
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// check runs an archive; with crlf its first file has the line ends of Windows.
func check(t *testing.T, ar *txtar.Archive, crlf bool) {
	first := &ar.Files[0]
	src := &call.Source{Path: first.Name, Src: first.Data, Project: project(ar)}
	if crlf {
		src.Src = bytes.ReplaceAll(first.Data, []byte("\n"), []byte("\r\n"))
	}
	var reader *call.Reader
	for _, r := range Readers() {
		if r.Is(src.Path) {
			reader = &r
		}
	}
	if reader == nil {
		t.Fatalf("%s is no workflow", src.Path)
	}
	builds, err := reader.Read(src)
	if err != nil {
		t.Fatal(err)
	}
	want(t, ar, "builds", describe(src, builds))
	var changes []call.Change
	for line := range strings.Lines(string(section(ar, "changes"))) {
		changes = append(changes, parse(t, strings.Fields(line), builds)...)
	}
	if len(changes) == 0 {
		return
	}
	edits, needs, err := reader.Edit(src, changes)
	if err != nil {
		want(t, ar, "error", err.Error()+"\n")
		return
	}
	if section(ar, "error") != nil {
		t.Errorf("no error")
	}
	out, err := edit.Apply(src.Src, edits)
	if err != nil {
		t.Fatal(err)
	}
	if crlf {
		if n := bytes.Count(out, []byte("\n")); n != bytes.Count(out, []byte("\r\n")) {
			t.Errorf("line ends are mixed: %q", out)
		}
	}
	want(t, ar, "after", string(bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))))
	if len(needs) > 0 || section(ar, "needs") != nil {
		want(t, ar, "needs", strings.Join(needs, "\n")+"\n")
	}
	again, err := reader.Read(&call.Source{Path: src.Path, Src: out, Project: src.Project})
	if err != nil || len(again) != len(builds) {
		t.Fatalf("%d builds are now %d: %v", len(builds), len(again), err)
	}
	held(t, builds, again, changes)
	if was, is := lint(t, src.Path, src.Src), lint(t, src.Path, out); len(is) > len(was) {
		t.Errorf("actionlint: %s", strings.Join(is, "\n"))
	}
}

// held compares the builds before and after: they pass what they passed, less what is
// dropped, and the secrets; the rest is as it was.
func held(t *testing.T, before, after []*call.Build, changes []call.Change) {
	t.Helper()
	for i, b := range before {
		args, secrets := map[string]string{}, map[string]bool{}
		for _, a := range b.Args {
			args[a.Name] = a.Value
		}
		for _, s := range b.Secrets {
			secrets[s.ID] = true
		}
		for _, c := range changes {
			if c.Build != b {
				continue
			}
			for _, d := range c.Drop {
				delete(args, d)
			}
			if c.Secret != nil {
				secrets[c.Secret.ID] = true
			}
		}
		a := after[i]
		for _, x := range a.Args {
			if v, ok := args[x.Name]; !ok || v != x.Value {
				t.Errorf("%s: %s is passed otherwise", b.What, x.Name)
			}
			delete(args, x.Name)
		}
		for _, x := range a.Secrets {
			if !secrets[x.ID] {
				t.Errorf("%s: the secret %s is new", b.What, x.ID)
			}
			delete(secrets, x.ID)
		}
		if len(args)+len(secrets) > 0 || a.What != b.What || a.Doubt != b.Doubt || a.Target != b.Target || a.Context != b.Context || fmt.Sprint(a.Dockerfiles) != fmt.Sprint(b.Dockerfiles) {
			t.Errorf("%s: was %+v, is %+v, without %v, %v", b.What, b, a, args, secrets)
		}
	}
}

func parse(t *testing.T, words []string, builds []*call.Build) (changes []call.Change) {
	t.Helper()
	for _, b := range builds {
		if id, ok := strings.CutPrefix(words[0], "+"); ok {
			changes = append(changes, call.Change{Build: b, Secret: &call.Secret{ID: id, File: words[1], Local: len(words) > 2}})
			continue
		}
		for _, a := range b.Args {
			if a.Name != words[0] {
				continue
			}
			c := call.Change{Build: b, Drop: words[:1], Secret: &call.Secret{ID: words[len(words)-1], From: a.Name}}
			if c.Secret.ID == "-" || a.Kind == call.Text && a.Value == "" {
				c.Secret = nil
			}
			changes = append(changes, c)
			break
		}
	}
	if len(changes) == 0 {
		t.Errorf("no build is concerned by %s", words)
	}
	return changes
}

// describe writes a build as a few words.
func describe(src *call.Source, builds []*call.Build) string {
	var s strings.Builder
	for _, b := range builds {
		line, _ := src.Position(b.Start)
		fmt.Fprintf(&s, "%d %s", line, b.What)
		for _, x := range []struct{ name, value string }{
			{"of", strings.Join(b.Dockerfiles, ",")}, {"in", b.Context}, {"from", b.Dir}, {"target", b.Target}, {"builder", b.Builder.Version}, {"because", b.Builder.Why},
		} {
			if x.value != "" {
				fmt.Fprintf(&s, " %s %s", x.name, x.value)
			}
		}
		if b.Builder.BuildKit == call.Off {
			s.WriteString(" without BuildKit")
		}
		for _, a := range b.Args {
			fmt.Fprintf(&s, " %v:%d:%s", a, a.Line, []string{"computed", "bare", "variable", "text"}[a.Kind])
		}
		for _, x := range b.Secrets {
			fmt.Fprintf(&s, " secret %s", x.ID)
		}
		s.WriteByte('\n')
		for _, why := range []string{b.Doubt, b.Fixed} {
			if why != "" {
				s.WriteString("  " + why + "\n")
			}
		}
	}
	return s.String()
}

func project(ar *txtar.Archive) *call.Project {
	fsys := fstest.MapFS{}
	p := &call.Project{FS: fsys}
	for _, f := range ar.Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		if strings.Contains(path.Base(f.Name), "Dockerfile") {
			p.Dockerfiles = append(p.Dockerfiles, f.Name)
		}
	}
	return p
}

func section(ar *txtar.Archive, name string) []byte {
	for _, f := range ar.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// want compares with a section of the archive, or writes it.
func want(t *testing.T, ar *txtar.Archive, name, got string) {
	t.Helper()
	if *update {
		for i := range ar.Files {
			if ar.Files[i].Name == name {
				ar.Files[i].Data = []byte(got)
				return
			}
		}
		ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(got)})
		return
	}
	if w := string(section(ar, name)); w != got {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, w)
	}
}

// lint returns what actionlint complains of, where it is there.
func lint(t *testing.T, name string, src []byte) []string {
	t.Helper()
	if !isWorkflow(name) {
		return nil
	}
	program, err := exec.Command("../../../scripts/actionlint.sh", "path").Output()
	if err != nil {
		return nil
	}
	cmd := exec.Command(strings.TrimSpace(string(program)), "-no-color", "-oneline", "-shellcheck=", "-pyflakes=", "-stdin-filename", name, "-")
	cmd.Stdin = bytes.NewReader(src)
	out, _ := cmd.Output() // exits with 1 where it has something to say
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == '\n' })
}
