package pipeline

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

var update = flag.Bool("u", false, "write what is read and edited into testdata")

// reading finds the reader for a path.
func reading(t testing.TB, p string) *call.Reader {
	t.Helper()
	for _, r := range Readers() {
		if r.Is(p) {
			return &r
		}
	}
	return nil
}

// project is the files of a case, with a function that puts another text in the place of one.
func project(files map[string]string) *call.Project {
	p := &call.Project{}
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		if dockerfile.IsDockerfile(path.Base(name)) {
			p.Dockerfiles = append(p.Dockerfiles, name)
		}
	}
	slices.Sort(p.Dockerfiles)
	p.FS = fsys
	return p
}

// describe is what is read, one build a line.
func describe(builds []*call.Build) string {
	var out strings.Builder
	for _, b := range builds {
		fmt.Fprintf(&out, "%s:%d:%d %s", b.Path, b.Line, b.Col, b.What)
		if len(b.Dockerfiles) > 0 {
			fmt.Fprintf(&out, " of %s", strings.Join(b.Dockerfiles, " "))
		}
		fmt.Fprintf(&out, " in %q from %q", b.Context, b.Dir)
		if b.Target != "" {
			fmt.Fprintf(&out, " target %s", b.Target)
		}
		for _, a := range b.Args {
			fmt.Fprintf(&out, ", arg %s:%d", a, a.Line)
			switch a.Kind {
			case call.Bare:
				out.WriteString(" bare")
			case call.Variable:
				out.WriteString(" $" + a.Env)
			case call.Text:
				out.WriteString(" text")
			}
		}
		for _, s := range b.Secrets {
			fmt.Fprintf(&out, ", secret %s", s.ID)
		}
		if e := b.Builder; e.Engine != call.Docker || e.Version+e.Why != "" || e.BuildKit != call.Unset {
			fmt.Fprintf(&out, ", %s %s", []string{"docker", "buildx", "buildah", "kaniko", "kaniko2", "other"}[e.Engine], []string{"", "buildkit", "classic"}[e.BuildKit])
			if e.Version+e.Why != "" {
				fmt.Fprintf(&out, " version %q by %q", e.Version, e.Why)
			}
		}
		if b.Doubt != "" {
			fmt.Fprintf(&out, ", doubt: %s", b.Doubt)
		}
		if b.Fixed != "" {
			fmt.Fprintf(&out, ", fixed: %s", b.Fixed)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// wanted are the changes that a case's words ask for: "drop T", "move T" or "move T as ID",
// of all builds that pass T; "local T" and "file T path" of all builds.
func wanted(t *testing.T, words string, builds []*call.Build) []call.Change {
	t.Helper()
	var out []call.Change
	for line := range strings.Lines(words) {
		f := strings.Fields(line)
		if len(f) < 2 || strings.HasPrefix(line, "#") {
			continue
		}
		for _, b := range builds {
			passes := slices.ContainsFunc(b.Args, func(a call.Arg) bool { return a.Name == f[1] })
			c := call.Change{Build: b}
			switch {
			case f[0] == "drop" && passes:
				c.Drop = f[1:2]
			case f[0] == "move" && passes:
				c.Drop, c.Secret = f[1:2], &call.Secret{ID: f[len(f)-1], From: f[1]}
			case f[0] == "local":
				c.Secret = &call.Secret{ID: f[1], File: "secrets/" + f[1], Local: true}
			case f[0] == "file":
				c.Secret = &call.Secret{ID: f[1], File: f[2]}
			default:
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

// TestCases: testdata/*.txtar hold a pipeline and the words of a change; "builds" is what is
// read, "after" what comes, or "error" why not, and "needs".
func TestCases(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, crlf := range []bool{false, true} {
				testCase(t, name, a, crlf)
			}
		})
	}
}

func testCase(t *testing.T, name string, a *txtar.Archive, crlf bool) {
	files, want := map[string]string{}, map[string]string{}
	first := ""
	for _, f := range a.Files {
		text := string(f.Data)
		switch f.Name {
		case "builds", "error", "needs", "after":
			want[f.Name] = text
			continue
		}
		if first == "" {
			first = f.Name
		}
		if crlf {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		files[f.Name] = text
	}
	p := project(files)
	r := reading(t, first)
	if r == nil {
		t.Fatalf("nobody reads %s", first)
	}
	src := &call.Source{Path: first, Src: []byte(files[first]), Project: p}
	builds, err := r.Read(src)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"builds": describe(builds)}
	for _, b := range builds {
		if b.Start < 0 || b.End < b.Start || b.End > len(src.Src) {
			t.Errorf("%s stands at %d to %d of %d", b.What, b.Start, b.End, len(src.Src))
		}
		for _, x := range b.Args {
			if at := string(src.Src[x.Start:x.End]); !strings.Contains(at, x.Name) {
				t.Errorf("the place of %s holds %q", x, at)
			}
		}
	}
	changes := wanted(t, string(a.Comment), builds)
	edits, needs, err := r.Edit(src, changes)
	switch {
	case err != nil:
		got["error"] = err.Error() + "\n"
	default:
		after, err := edit.Apply(src.Src, edits)
		if err != nil {
			t.Fatal(err)
		}
		got["after"] = string(after)
		if len(needs) > 0 {
			got["needs"] = strings.Join(needs, "\n") + "\n"
		}
		again(t, r, p, first, after, changes)
	}
	for _, key := range []string{"builds", "after", "error", "needs"} {
		have := got[key]
		if crlf && key == "after" {
			if strings.Contains(strings.ReplaceAll(have, "\r\n", ""), "\n") {
				t.Errorf("CRLF: a line end is no CRLF:\n%q", have)
			}
			have = strings.ReplaceAll(have, "\r\n", "\n")
		}
		if have == want[key] {
			continue
		}
		if !*update || crlf {
			t.Errorf("CRLF %v, %s: got\n%s\nwant\n%s", crlf, key, have, want[key])
			continue
		}
		a.Files = slices.DeleteFunc(a.Files, func(f txtar.File) bool { return f.Name == key })
		if have != "" {
			a.Files = append(a.Files, txtar.File{Name: key, Data: []byte(have)})
		}
		want[key] = have
		if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// again reads what has come of a file: what was dropped is gone, what was to be passed is
// passed, and the same changes change nothing.
func again(t *testing.T, r *call.Reader, p *call.Project, name string, text []byte, changes []call.Change) {
	t.Helper()
	src := &call.Source{Path: name, Src: text, Project: p}
	builds, err := r.Read(src)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	var rest []call.Change
	for _, c := range changes {
		for _, b := range builds {
			if c.Secret != nil && slices.ContainsFunc(b.Secrets, func(s call.Secret) bool { return s.ID == c.Secret.ID }) {
				rest = append(rest, call.Change{Build: b, Secret: c.Secret})
			}
			for _, x := range b.Args {
				if slices.Contains(c.Drop, x.Name) {
					t.Errorf("%s still passes %s:\n%s", b.What, x.Name, text)
				}
			}
		}
	}
	for i := range rest {
		s := *rest[i].Secret
		if s.From != "" {
			s.From, s.File = "", "secrets/x"
		}
		rest[i].Secret = &s
	}
	edits, _, err := r.Edit(src, rest)
	if err != nil || len(edits) > 0 {
		t.Errorf("a second time: %v, %v", edits, err)
	}
}
