package script

import (
	"slices"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// FuzzEdit moves one argument of one build, and reads the result: all builds are as they
// were but for that, all other commands too, and a second move is not asked for.
func FuzzEdit(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.before, uint8(0))
		f.Add(s.after, uint8(1))
	}
	f.Add("cd\ndocker build \xf7", uint8(0))
	f.Fuzz(func(t *testing.T, text string, pick uint8) {
		s := &sample{}
		src := s.source(text)
		builds, err := readFile(src)
		if err != nil {
			return
		}
		for _, b := range builds {
			if b.Start < 0 || b.End > len(text) || b.Start > b.End {
				t.Fatalf("a build at %d:%d", b.Start, b.End)
			}
			for _, a := range b.Args {
				if a.Start < 0 || a.End > len(text) || a.Start >= a.End {
					t.Fatalf("an argument at %d:%d", a.Start, a.End)
				}
			}
		}
		at := slices.IndexFunc(builds, func(b *call.Build) bool { return b.Fixed == "" && len(b.Args) > 0 })
		if at < 0 {
			return
		}
		b := builds[at]
		a := b.Args[int(pick)%len(b.Args)]
		edits, _, err := editFile(src, []call.Change{{Build: b, Drop: []string{a.Name}, Secret: &call.Secret{ID: a.Name, From: a.Name}}})
		if err != nil {
			return
		}
		out, err := edit.Apply(src.Src, edits)
		if err != nil {
			t.Fatal(err)
		}
		after, err := readFile(s.source(string(out)))
		if err != nil || len(after) != len(builds) {
			t.Fatalf("%d builds, were %d: %v\n%s", len(after), len(builds), err, out)
		}
		for i, was := range builds {
			is := after[i]
			if !slices.Equal(was.Dockerfiles, is.Dockerfiles) || was.Doubt != is.Doubt || was.Context != is.Context || was.Target != is.Target || was.What != is.What || was.Fixed != is.Fixed {
				t.Errorf("%s builds something else:\n%s", was.What, out)
			}
			args := slices.Clone(was.Args)
			if i == at {
				args = slices.DeleteFunc(args, func(x call.Arg) bool { return x.Name == a.Name })
			}
			if !slices.EqualFunc(args, is.Args, func(x, y call.Arg) bool {
				return x.Name == y.Name && x.Value == y.Value && x.Kind == y.Kind && x.Env == y.Env
			}) {
				t.Errorf("%s passes other arguments:\n%s", was.What, out)
			}
		}
		if before, after := others(t, text, builds), others(t, string(out), after); !slices.Equal(before, after) {
			t.Errorf("other commands: %q, were %q\n%s", after, before, out)
		}
	})
}

// others are the commands of a script that are no builds, as they are written. What stands
// around a build is left out, and env, which may come.
func others(t *testing.T, text string, builds []*call.Build) []string {
	s, err := shell.Parse(text, fileText((&sample{}).source(text)).Dialect)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range s.Commands {
		if c.Program == "env" || slices.ContainsFunc(builds, func(b *call.Build) bool { return b.Start <= c.End && c.Start <= b.End }) || c.In&shell.InSubst != 0 {
			continue
		}
		one := c.Path + c.Program
		for _, a := range c.Args {
			one += "\x00" + a.Text
		}
		if !strings.Contains(one, "build-arg") && !strings.Contains(one, "secret") {
			out = append(out, one)
		}
	}
	return out
}
