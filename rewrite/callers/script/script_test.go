package script

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// sample is a script before and after a change.
type sample struct {
	name          string
	asked         []string // T: dropped, passed as a secret; ID<T: by another id; -T: dropped; ID@FILE
	split         bool     // an unquoted expansion was split
	before, after string
	err           string
}

func samples(t testing.TB) []sample {
	t.Helper()
	data, err := os.ReadFile("testdata/scripts.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var out []sample
	for _, f := range txtar.Parse(data).Files {
		switch head, asked, _ := strings.Cut(f.Name, "|"); strings.TrimSpace(head) {
		case "after":
			out[len(out)-1].after = string(f.Data)
		case "error":
			out[len(out)-1].err = strings.TrimSpace(string(f.Data))
		default:
			s := sample{name: strings.TrimSpace(head), before: string(f.Data)}
			for _, a := range strings.Fields(asked) {
				if a == "split" {
					s.split = true
				} else {
					s.asked = append(s.asked, a)
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// project has the Dockerfiles that the samples build.
func project() *call.Project {
	fsys := fstest.MapFS{}
	p := &call.Project{FS: fsys}
	for _, f := range []string{"Dockerfile", "app/Dockerfile", "docker/prod/Dockerfile", "scripts/build.sh"} {
		fsys[f] = &fstest.MapFile{Data: []byte("FROM scratch\n")}
		if strings.HasSuffix(f, "Dockerfile") {
			p.Dockerfiles = append(p.Dockerfiles, f)
		}
	}
	slices.Sort(p.Dockerfiles)
	return p
}

// change is what a sample asks for of all builds that pass it.
func (s *sample) change(builds []*call.Build) []call.Change {
	var out []call.Change
	for _, b := range builds {
		passes := func(name string) bool {
			return slices.ContainsFunc(b.Args, func(a call.Arg) bool { return a.Name == name })
		}
		for _, a := range s.asked {
			c := call.Change{Build: b}
			if id, file, ok := strings.Cut(a, "@"); ok {
				c.Secret = &call.Secret{ID: id, File: file}
			} else if name, ok := strings.CutPrefix(a, "-"); ok {
				c.Drop = []string{name}
			} else {
				id, name, ok := strings.Cut(a, "<")
				if !ok {
					name = id
				}
				if !passes(name) {
					continue
				}
				c.Drop, c.Secret = []string{name}, &call.Secret{ID: id, From: name}
			}
			out = append(out, c)
		}
	}
	return out
}

func (s *sample) source(text string) *call.Source {
	return &call.Source{Path: "scripts/build.sh", Src: []byte(text), Project: project()}
}

func TestSamples(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			src := s.source(s.before)
			builds, err := readFile(src)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			var fixed string
			for _, b := range builds {
				fixed = or(fixed, b.Fixed)
			}
			edits, _, err := editFile(src, s.change(builds))
			if err == nil {
				var out []byte
				if out, err = edit.Apply(src.Src, edits); err != nil {
					t.Fatal(err)
				}
				got = string(out)
			}
			switch {
			case s.err != "":
				if err == nil || !strings.Contains(err.Error(), s.err) {
					t.Errorf("error %v, want %s\n%s", err, s.err, got)
				}
				return
			case err != nil:
				t.Fatal(err)
			case got != s.after:
				t.Errorf("got:\n%swant:\n%s", got, s.after)
			}
			again, err := readFile(s.source(got))
			if err != nil || len(again) != len(builds) {
				t.Fatalf("read again: %d builds, %v", len(again), err)
			}
			for _, c := range s.change(again) {
				if c.Secret != nil && c.Secret.From != "" {
					t.Errorf("%s is still passed", c.Secret.From)
				}
			}
		})
	}
}
