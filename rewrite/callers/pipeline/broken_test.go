package pipeline

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// try reads a text as services would, and changes what it passes: whatever comes of
// it, nothing panics, and what is changed can be read.
func try(t testing.TB, services []service, name, text string, p *call.Project) {
	for _, s := range services {
		src := &call.Source{Path: name, Src: []byte(text), Project: p}
		builds, err := s.read(src)
		if err != nil {
			continue
		}
		for _, b := range builds {
			if b.Start < 0 || b.End > len(text) || b.Start > b.End {
				t.Fatalf("%s: %s stands at %d to %d of %d:\n%s", s.name, b.What, b.Start, b.End, len(text), text)
			}
			for _, a := range b.Args {
				if b.Fixed != "" {
					continue
				}
				c := call.Change{Build: b, Drop: []string{a.Name}, Secret: &call.Secret{ID: a.Name, From: a.Name}}
				es, _, err := edits(src, []call.Change{c})
				if err != nil {
					continue
				}
				after, err := edit.Apply(src.Src, es)
				if err != nil {
					t.Fatalf("%s: %v\n%s", s.name, err, text)
				}
				if _, err := s.read(&call.Source{Path: name, Src: after, Project: p}); err != nil {
					t.Fatalf("%s: %v\n%s", s.name, err, after)
				}
			}
		}
	}
}

// TestBroken: files that end early, that lack a line, and that are for somebody else.
func TestBroken(t *testing.T) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p := project(map[string]string{"Dockerfile": "FROM a\n"})
		lines := strings.SplitAfter(string(a.Files[0].Data), "\n")
		first := a.Files[0].Name
		try(t, all(), first, string(a.Files[0].Data), p)
		own := all()
		own = own[slices.IndexFunc(own, func(s service) bool { return s.is(first) }):][:1]
		for i := range lines {
			try(t, own, first, strings.Join(lines[:i], ""), p)
			try(t, own, first, strings.Join(lines[:i], "")+strings.Join(lines[i+1:], ""), p)
		}
	}
}

func FuzzRead(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.txtar")
	for _, name := range names {
		if a, err := txtar.ParseFile(name); err == nil {
			f.Add(string(a.Files[0].Data))
		}
	}
	p := project(map[string]string{"Dockerfile": "FROM a\n"})
	f.Fuzz(func(t *testing.T, text string) { try(t, all(), "ci.yml", text, p) })
}
