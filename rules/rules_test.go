package rules

import (
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite"
)

// TestExamples runs every rule's examples, which explain prints.
func TestExamples(t *testing.T) {
	for _, r := range All() {
		if r.Title == "" || r.Doc == "" || len(r.Examples) == 0 {
			t.Errorf("%s lacks its title, its page or its examples", r.ID)
		}
		for _, e := range r.Examples {
			t.Run(r.ID+"/"+e.Name, func(t *testing.T) {
				before := tree(e.Before)
				got := fixed(t, before)
				after := before
				if e.After != "" {
					after = tree(e.After)
				}
				for name, want := range after {
					if got[name] != want {
						t.Errorf("%s:\n--- got\n%s\n--- want\n%s", name, got[name], want)
					}
				}
				for name := range got {
					if _, ok := after[name]; !ok {
						t.Errorf("%s is new:\n%s", name, got[name])
					}
				}
			})
		}
	}
}

// tree reads an example: a txtar, or a Dockerfile alone. Secret files have no last newline.
func tree(s string) map[string]string {
	ar := txtar.Parse([]byte(s))
	if len(ar.Files) == 0 {
		return map[string]string{"Dockerfile": s}
	}
	files := map[string]string{}
	for _, f := range ar.Files {
		data := string(f.Data)
		if strings.HasPrefix(f.Name, "secrets/") {
			data = strings.TrimSuffix(data, "\n")
		}
		files[f.Name] = data
	}
	return files
}

func fixed(t *testing.T, files map[string]string) map[string]string {
	t.Helper()
	fsys := fstest.MapFS{}
	var paths []string
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
		paths = append(paths, name)
	}
	ws := rewrite.NewWorkspace(fsys, func() []string { return paths }, nil)
	var looked []string
	for _, name := range paths {
		if rewrite.IsTarget(path.Base(name)) {
			looked = append(looked, name)
		}
	}
	plan, err := rewrite.Run(ws, looked, All(), rewrite.Options{Least: rewrite.Review})
	if err != nil || len(plan.Errors) > 0 {
		t.Fatal(err, plan.Errors)
	}
	out := map[string]string{}
	for name, data := range files {
		out[name] = data
	}
	for _, c := range plan.Changes() {
		out[c.Path] = string(c.New)
	}
	return out
}
