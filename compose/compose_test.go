package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// tree makes a file system of a txtar archive; paths are its files in order.
func tree(archive string) (fsys fstest.MapFS, paths []string) {
	fsys = fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(archive)).Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		paths = append(paths, f.Name)
	}
	return fsys, paths
}

func TestIsComposeFile(t *testing.T) {
	for name, want := range map[string]bool{
		"compose.yaml": true, "compose.yml": true, "docker-compose.yml": true, "docker-compose.yaml": true, "docker-compose.override.yml": true,
		"compose.prod.yaml": true, "docker-compose-dev.yml": true, "docker-compose_x.yml": true,
		"compose.json": false, "mycompose.yml": false, "compose-dev.yml": false, "composer.yml": false, "docker-compose.yml.j2": false, "docker.yml": false, ".yml": false,
	} {
		if got := IsComposeFile(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSource(t *testing.T) {
	for _, tt := range []struct {
		arg  Arg
		kind ArgKind
		env  string
	}{
		{Arg{Name: "T"}, FromEnv, "T"},
		{Arg{Name: "T", Value: "${T}", HasValue: true}, FromEnv, "T"},
		{Arg{Name: "T", Value: "$U_1", HasValue: true}, FromEnv, "U_1"},
		{Arg{Name: "T", Value: "${T:?set it, please}", HasValue: true}, FromEnv, "T"},
		{Arg{Name: "T", Value: "${T?}", HasValue: true}, FromEnv, "T"},
		{Arg{Name: "T", HasValue: true}, FromText, ""},
		{Arg{Name: "T", Value: "c4n4ry", HasValue: true}, FromText, ""},
		{Arg{Name: "T", Value: "${T:-x}", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "${T-}", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "${T:+x}", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "x${T}", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "$A$B", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "${A}${B}", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "$$T", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "${T:?${U}}", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "$1", HasValue: true}, Composite, ""},
		{Arg{Name: "T", Value: "$T\n", HasValue: true}, Composite, ""},
	} {
		if kind, env := tt.arg.Source(); kind != tt.kind || env != tt.env {
			t.Errorf("%q: got %d %s, want %d %s", tt.arg.Value, kind, env, tt.kind, tt.env)
		}
	}
}

func TestArgShowsNoValue(t *testing.T) {
	a := Arg{Name: "T", Value: "c4n4ry", HasValue: true}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if s := fmt.Sprintf(verb, []Arg{a}); strings.Contains(s, "c4n4ry") || !strings.Contains(s, "T") {
			t.Errorf("%s shows %s", verb, s)
		}
	}
}

func TestInterpolate(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "x": "x", "${X:-./dir}": "./dir", "${X-./dir}/a": "./dir/a", "${X:-${Y:-.}}": ".", "a$$b": "a$b", "${X:-}": "",
		"$X": "!", "${X}": "!", "${X:?m}": "!", "${X:+a}": "!", "${X:-${Y}}": "!", "${X": "!", "$": "!", "${X:-a}${Y}": "!",
	} {
		got, ok := interpolate(in)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestLoadBuild(t *testing.T) {
	for _, tt := range []struct{ build, context, dockerfile string }{
		{"build: .", "app", "app/Dockerfile"},
		{"build: ..", ".", "Dockerfile"},
		{"build: ../x/", "x", "x/Dockerfile"},
		{"build: ../..", "", ""},
		{"build: /srv", "", ""},
		{"build: ~/x", "", ""},
		{"build: .\\x", "", ""},
		{"build: ${X}", "", ""},
		{"build: ${X:-./dir}", "app/dir", "app/dir/Dockerfile"},
		{"build: https://git.example.com/x.git", "", ""},
		{"build: git@git.example.com:x/y", "", ""},
		{"build: github.com/x/y", "", ""},
		{"build: {context: ., dockerfile: ../Dockerfile.x}", "app", "Dockerfile.x"},
		{"build: {context: sub, dockerfile: docker/Dockerfile}", "app/sub", "app/sub/docker/Dockerfile"},
		{"build: {dockerfile: D}", "app", "app/D"},
		{"build: {context: ., dockerfile: \"${D}\"}", "app", ""},
		{"build: {context: ., dockerfile: \"${D:-D}\"}", "app", "app/D"},
		{"build: {context: ., dockerfile: /D}", "app", ""},
		{"build: {context: ., dockerfile_inline: FROM x}", "app", ""},
		{"build: {context: [.]}", "", ""},
	} {
		f := Load(fstest.MapFS{"app/compose.yaml": {Data: []byte("services:\n  s:\n    " + tt.build + "\n")}}, []string{"app/compose.yaml"})[0]
		if f.Err != nil {
			t.Errorf("%s: %v", tt.build, f.Err)
			continue
		}
		if b := f.Services[0].Build; b.Context != tt.context || b.Dockerfile != tt.dockerfile {
			t.Errorf("%s: got %q %q, want %q %q", tt.build, b.Context, b.Dockerfile, tt.context, tt.dockerfile)
		}
	}
}

func TestLoadFields(t *testing.T) {
	const src = `services:
  web:
    image: web:1
    build:
      context: .
      target: prod
      args:
        - A
        - "B=${B}"
        - C=
      secrets: [x, {source: y, target: z}]
      additional_contexts:
        - base=../base
        - img=docker-image://alpine
  two:
    build:
      context: .
      args: {"A": null, B: 1, "C": 'c4n4ry', ü: , D: true}
      additional_contexts: {dir: ./d, up: ../../up}
  db: {image: db}
  none:
    build:
secrets:
  a: {file: ./a}
  b: {environment: B}
  c: {external: true}
  d:
    external:
      name: dd
  e: {external: false, file: e}
`
	f := Load(fstest.MapFS{"p/compose.yaml": {Data: []byte(src)}}, []string{"p/compose.yaml"})[0]
	if f.Err != nil {
		t.Fatal(f.Err)
	}
	var got []string
	for _, s := range f.Services {
		got = append(got, fmt.Sprintf("%s image=%s", s.Name, s.Image))
		if b := s.Build; b != nil {
			for _, a := range b.Args {
				got = append(got, fmt.Sprintf("%d:%d %s %v %q", a.Line, a.Col, src[a.Start:a.End], a.HasValue, a.Value))
			}
			got = append(got, fmt.Sprintf("%d:%d %s %v %v", b.Line, b.Col, b.Target, b.Secrets, b.Contexts))
		}
	}
	want := []string{
		"web image=web:1", `8:11 A false ""`, `9:11 "B=${B}" true "${B}"`, `10:11 C= true ""`, "4:5 prod [x z] map[base:base img:]",
		"two image=", `18:14 "A": null false ""`, `18:25 B: 1 true "1"`, `18:31 "C": 'c4n4ry' true "c4n4ry"`, `18:46 ü: false ""`, `18:51 D: true true "true"`,
		"16:5  [] map[dir:p/d up:]",
		"db image=db", "none image=",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	defs := map[string]SecretDef{"a": {File: "./a"}, "b": {Environment: "B"}, "c": {External: true}, "d": {External: true}, "e": {File: "e"}}
	for name, def := range defs {
		if f.Secrets[name] != def {
			t.Errorf("secret %s: %+v", name, f.Secrets[name])
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"empty", "", "compose.yaml:1:1: an empty file"},
		{"comments", "# c\n", "compose.yaml:1:1: an empty file"},
		{"list", "- a\n", "compose.yaml:1:1: not a compose file"},
		{"scalar", "a\n", "compose.yaml:1:1: not a compose file"},
		{"services list", "services:\n- a\n", "compose.yaml:1:1: not a compose file"},
		{"template", "services:\n  {{ x }}:\n    image: x\n", "compose.yaml:"},
	} {
		f := Load(fstest.MapFS{"compose.yaml": {Data: []byte(tt.src)}}, []string{"compose.yaml"})[0]
		if f.Err == nil || !strings.HasPrefix(f.Err.Error(), tt.want) || len(f.Services) > 0 {
			t.Errorf("%s: got %v, want %s", tt.name, f.Err, tt.want)
		}
		if _, err := Edits(f, nil, []NamedSecret{{"T", SecretDef{Environment: "T"}}}); err == nil {
			t.Errorf("%s: Edits made edits", tt.name)
		}
	}
	for _, src := range []string{"include: [a.yml]\n", "volumes: {}\n", "services:\n", "x-a: {image: b}\nservices: {}\n", "services:\n  a:\n  b: c\n"} {
		f := Load(fstest.MapFS{"compose.yaml": {Data: []byte(src)}}, []string{"compose.yaml"})[0]
		if f.Err != nil {
			t.Errorf("%q: %v", src, f.Err)
		}
	}
	if fs := Load(fstest.MapFS{}, []string{"compose.yaml", "x.yaml"}); len(fs) != 1 || fs[0].Err == nil {
		t.Errorf("missing file: %v", fs)
	}
}

func TestBuilders(t *testing.T) {
	for _, tt := range []struct{ name, archive, dockerfile, want string }{
		{"several", `
-- compose.yaml --
services:
  a: {build: .}
  b: {build: ./b}
  c: {build: {context: b, dockerfile: ../Dockerfile}}
  d: {image: d}
-- b/compose.yaml --
services:
  a: {build: ..}
`, "./Dockerfile", "compose.yaml/a compose.yaml/c b/compose.yaml/a"},
		{"override with arguments only", `
-- app/docker-compose.yml --
services:
  web: {build: {context: .., dockerfile: D}}
-- app/docker-compose.override.yml --
services:
  web: {build: {args: [T]}}
  other: {build: {args: [T]}}
-- other/docker-compose.override.yml --
services:
  web: {build: {args: [T]}}
`, "D", "app/docker-compose.yml/web app/docker-compose.override.yml/web+"},
		{"override of a base that is found later", `
-- compose.prod.yaml --
services:
  web: {build: {args: [T]}}
-- compose.yaml --
services:
  web: {build: ./x}
`, "x/Dockerfile", "compose.prod.yaml/web+ compose.yaml/web"},
		{"override without a base is on its own", `
-- compose.prod.yaml --
services:
  web: {build: {args: [T]}}
`, "Dockerfile", "compose.prod.yaml/web"},
		{"override of a file that compose does not find itself", `
-- docker-compose.base.yml --
services:
  web: {build: {context: x}}
-- docker-compose.dev.yml --
services:
  web: {build: {args: [T]}}
`, "x/Dockerfile", "docker-compose.base.yml/web docker-compose.dev.yml/web+"},
		{"an override's Dockerfile takes the base's arguments", `
-- compose.yaml --
services:
  web: {build: {context: ., args: [T]}}
-- compose.dev.yaml --
services:
  web: {build: {dockerfile: Dockerfile.dev}}
-- Dockerfile.dev --
`, "Dockerfile.dev", "compose.yaml/web compose.dev.yaml/web+"},
		{"an override's context takes the base's Dockerfile, where there is one", `
-- compose.yaml --
services:
  web: {build: {context: ., dockerfile: D, args: [T]}}
-- compose.dev.yaml --
services:
  web: {build: ./dev}
-- dev/D --
`, "dev/D", "compose.yaml/web compose.dev.yaml/web+"},
		{"anchors are seen", `
-- compose.yaml --
x-b: &b
  build: &bb {context: .}
services:
  a: {<<: *b}
  b:
    build:
      <<: *bb
      args: [T]
  c: *b
`, "Dockerfile", "compose.yaml/a<a merge key> compose.yaml/b compose.yaml/c<an alias>"},
		{"extends in the file and from another", `
-- compose.yaml --
services:
  a: {extends: {service: base}}
  base: {build: {context: ., args: [T]}}
  c: {extends: {file: sub/parts.yml, service: d}, build: {args: [X]}}
  e: {extends: {file: sub/parts.yml, service: d}}
-- sub/parts.yml --
services:
  d: {build: {context: .., args: [T]}}
`, "Dockerfile", "compose.yaml/a<extends> compose.yaml/base compose.yaml/c compose.yaml/e<extends> sub/parts.yml/d"},
		{"extends in a circle", `
-- compose.yaml --
services:
  a: {extends: b}
  b: {extends: a, build: .}
  c: {extends: c, build: .}
  d: {extends: {file: gone.yml, service: d}, build: .}
`, "Dockerfile", "compose.yaml/a<extends> compose.yaml/b compose.yaml/c compose.yaml/d"},
		{"include moves paths, in turn", `
-- compose.yaml --
include:
  - {path: [p/one.yml, p/one.override.yml], project_directory: .}
-- p/one.yml --
include: [q/two.yml]
services:
  a: {build: ./x}
-- q/two.yml --
services:
  b: {build: ../x}
-- q/compose.yaml --
services:
  c: {build: .}
`, "x/Dockerfile", "p/one.yml/a q/two.yml/b"},
		{"included from two places", `
-- compose.yaml --
include: [{path: p/one.yml, project_directory: .}]
-- r/compose.yaml --
include: [../p/one.yml]
-- p/one.yml --
services:
  a: {build: .}
`, "p/Dockerfile", ""},
		{"reset", `
-- compose.yaml --
services:
  web: {build: .}
-- compose.prod.yaml --
services:
  web:
    build: !reset null
`, "Dockerfile", "compose.yaml/web"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys, paths := tree(tt.archive)
			files := Load(fsys, paths)
			var got []string
			for _, s := range Builders(files, tt.dockerfile) {
				name := s.File.Path + "/" + s.Name
				if s.Overrides {
					name += "+"
				}
				if s.Build.Inherited != "" {
					name += "<" + s.Build.Inherited + ">"
				}
				got = append(got, name)
			}
			for _, f := range files {
				if f.Err != nil {
					t.Error(f.Err)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

func TestDockerfiles(t *testing.T) {
	fsys, paths := tree(`
-- compose.yaml --
services:
  web: {build: {context: ., args: [T]}}
  alone: {build: .}
-- compose.dev.yaml --
services:
  web: {build: {dockerfile: Dockerfile.dev}}
-- Dockerfile.dev --
`)
	files := Load(fsys, paths)
	if got := files[0].Services[0].Dockerfiles; !slices.Equal(got, []string{"Dockerfile", "Dockerfile.dev"}) {
		t.Errorf("web: %v", got)
	}
	if got := files[0].Services[1].Dockerfiles; !slices.Equal(got, []string{"Dockerfile"}) {
		t.Errorf("alone: %v", got)
	}
	if got := files[1].Services[0].Dockerfiles; !slices.Equal(got, []string{"Dockerfile.dev"}) {
		t.Errorf("dev: %v", got)
	}
}

// TestExtendsEdits: where a service extends another of the same file, the migration of both is refused, and of the base alone made.
func TestExtendsEdits(t *testing.T) {
	fsys, paths := tree("-- compose.yaml --\nservices:\n  a: {extends: b}\n  b: {build: {context: ., args: [T]}}\n")
	f := Load(fsys, paths)[0]
	ms := []Migration{{Service: f.Services[0], RemoveArgs: []string{"T"}}, {Service: f.Services[1], RemoveArgs: []string{"T"}}}
	if _, err := Edits(f, ms, nil); !errors.Is(err, yamledit.ErrUncertain) || !strings.Contains(err.Error(), "comes in through extends") {
		t.Errorf("both: %v", err)
	}
	if edits, err := Edits(f, ms[1:], nil); err != nil || len(edits) != 1 {
		t.Errorf("base: %v %v", edits, err)
	}
}

func FuzzEdits(f *testing.F) {
	for _, s := range []string{
		"services:\n  w:\n    build: .\n", "services:\n  w:\n    build:\n      args: [A, B=1]\n      secrets:\n      - x\nsecrets:\n  x: {file: x}\n",
		"x: &x {build: {args: {A: }}}\nservices:\n  w: *x\n  v:\n    <<: *x\n", "services: {w: {build: {context: ., args: {A: 1}}}}",
		"services:\n  w:\n    extends: {file: f, service: v}\n  v: {extends: w}\ninclude: [compose.yaml, {path: a, project_directory: ..}]\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		load := func(src []byte) *File {
			return Load(fstest.MapFS{"compose.yaml": {Data: src}}, []string{"compose.yaml"})[0]
		}
		migrate := func(f *File) ([]edit.Edit, error) {
			var ms []Migration
			for _, s := range f.Services {
				if s.Build == nil {
					continue
				}
				m := Migration{Service: s, AddSecrets: []string{"T"}}
				if len(s.Build.Args) > 0 {
					m.RemoveArgs = []string{s.Build.Args[0].Name}
				}
				ms = append(ms, m)
			}
			return Edits(f, ms, []NamedSecret{{"T", SecretDef{Environment: "T"}}})
		}
		file := load(src)
		if file.Err != nil {
			return
		}
		edits, err := migrate(file)
		if err != nil {
			return
		}
		out, err := edit.Apply(src, edits)
		if err != nil {
			t.Fatalf("%q: %v", src, err)
		}
		next := load(out)
		if next.Err != nil {
			t.Fatalf("%q became %q: %v", src, out, next.Err)
		}
		for i, s := range next.Services {
			was := file.Services[i].Build
			if s.Build == nil || was == nil {
				continue
			}
			if !slices.Contains(s.Build.Secrets, "T") || s.Build.Context != was.Context || s.Build.Dockerfile != was.Dockerfile {
				t.Fatalf("%q became %q", src, out)
			}
			if len(was.Args) > 0 && slices.ContainsFunc(s.Build.Args, func(a Arg) bool { return a.Name == was.Args[0].Name }) {
				t.Fatalf("%q became %q: the argument is left", src, out)
			}
		}
	})
}
