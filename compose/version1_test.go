package compose

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

func TestVersion1(t *testing.T) {
	fsys, paths := tree(`
-- docker-compose.yml --
volumes: {}
web:
  build: app
  dockerfile: Dockerfile.web
  environment:
    - API_TOKEN=tok-c4n4ry-EXAMPLE
  links: [db]
db:
  image: postgres
  environment: {POSTGRES_PASSWORD: tok-c4n4ry-EXAMPLE}
  extends: {file: base.yml, service: base}
-- base.yml --
base:
  image: x
  env_file: base.env
`)
	files := Load(fsys, paths)
	f := files[0]
	if f.Err != nil || !f.V1 || len(f.Services) != 2 || len(files) != 2 {
		t.Fatalf("%v %v %d services, %d files", f.Err, f.V1, len(f.Services), len(files))
	}
	web, db := f.Services[0], f.Services[1]
	if web.Build.Context != "app" || web.Build.Dockerfile != "app/Dockerfile.web" || len(Builders(files, "app/Dockerfile.web")) != 1 {
		t.Errorf("web builds %q %q", web.Build.Context, web.Build.Dockerfile)
	}
	if got := told(web, web.Texts[0]); got != `6:7 - environment API_TOKEN <API_TOKEN=tok-c4n4ry-EXAMPLE> "tok-c4n4ry-EXAMPLE"` {
		t.Error(got)
	}
	if got := fmt.Sprintln(db.EnvFiles, db.Image); got != "[{base.env false false}] postgres\n" {
		t.Error(got)
	}
	for name, make := range map[string]func() ([]edit.Edit, error){
		"a secret of a build": func() ([]edit.Edit, error) {
			return Edits(f, []Migration{{Service: web, AddSecrets: []string{"T"}}}, nil)
		},
		"a secret of a container": func() ([]edit.Edit, error) {
			return Edits(f, []Migration{{Service: web, Grant: []Grant{{Source: "T"}}}}, nil)
		},
	} {
		edits, err := make()
		if !errors.Is(err, yamledit.ErrUncertain) || !strings.HasPrefix(err.Error(), "docker-compose.yml:2:1: version 1 file: has no place for secrets") || edits != nil {
			t.Errorf("%s: %v %v", name, edits, err)
		}
	}
	if _, err := Edits(f, nil, []NamedSecret{{"T", SecretDef{Environment: "T"}}}); err == nil {
		t.Error("a definition is added")
	}
}

// TestVersion1Edits: variables leave, join and change where services stand at the top level.
func TestVersion1Edits(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"web:\n  image: x\n  environment:\n    - A=a\n    - B=b\n", "web:\n  image: x\n  environment:\n    - A=${A}\n    - C=c\n"},
		{"web:\n  image: x\n  environment: {A: a, B: b}\n", "web:\n  image: x\n  environment: {A: \"${A}\", C: c}\n"},
	} {
		fsys, paths := tree("-- docker-compose.yml --\n" + tt.src)
		f := Load(fsys, paths)[0]
		web := f.Services[0]
		edits, err := Edits(f, []Migration{{Service: web, Unset: []string{"B"}, Set: []Assignment{{"C", "c"}}}}, nil, Replacement{Text: web.Texts[0], Value: "${A}"})
		if err != nil {
			t.Errorf("%q: %v", tt.src, err)
			continue
		}
		if out, err := edit.Apply(f.Src, edits); err != nil || string(out) != tt.want {
			t.Errorf("got  %q %v\nwant %q", out, err, tt.want)
		}
	}
	fsys, paths := tree("-- docker-compose.yml --\nweb:\n  image: x\n  environment: [A=a]\n")
	f := Load(fsys, paths)[0]
	edits, err := Edits(f, []Migration{{Service: f.Services[0], Unset: []string{"A"}}}, nil)
	if out, _ := edit.Apply(f.Src, edits); err != nil || string(out) != "web:\n  image: x\n" {
		t.Errorf("%q %v", out, err)
	}
}

func TestNotVersion1(t *testing.T) {
	for _, src := range []string{"include: [a.yml]\n", "volumes: {}\n", "x-a: {image: b}\n", "secrets: {image: b}\n", "a: b\n", "services:\nweb: {image: x}\n"} {
		fsys, paths := tree("-- compose.yaml --\n" + src)
		if f := Load(fsys, paths)[0]; f.Err != nil || f.V1 || len(f.Services) > 0 {
			t.Errorf("%q: %v %v %d", src, f.Err, f.V1, len(f.Services))
		}
	}
}
