package compose

import (
	"fmt"
	"strings"
	"testing"
)

// TestUses: what a line says is read, and what only looks like it is not.
func TestUses(t *testing.T) {
	for _, tt := range []struct{ path, src, want string }{
		{"up.sh", "docker compose -f a.yml -f b.yml up -d", "[a.yml b.yml]"},
		{"up.sh", "docker-compose --file=a.yml --file b.yml --profile x --env-file .env.prod up", "[a.yml b.yml] env [.env.prod]"},
		{"up.sh", "cd x && docker compose \\\n  -f a.yml \\\n  -f b.yml \\\n  up\necho", "[a.yml b.yml]"},
		{"up.sh", "docker compose -f \"$DIR/a.yml\" -f ${DIR}/sub/b.yml up", "[a.yml sub/b.yml]"},
		{"up.sh", "docker compose -f $FILE --env-file $ENV up", "[] env [$ENV] unknown"},
		{"up.sh", "docker compose logs -f web", ""},
		{"up.sh", "docker compose run --env-file x web", ""},
		{"up.sh", "docker run --env-file x web", ""},
		{"up.sh", "docker compose config | tee -f x", ""},
		{"up.sh", "docker compose up; tar -f x", ""},
		{"up.sh", "docker stack deploy --with-registry-auth -c a.yml -c b.yml app", "[a.yml b.yml] none"},
		{"up.sh", "docker stack deploy app --compose-file=a.yml", "[a.yml] none"},
		{"up.sh", "export COMPOSE_FILE=a.yml:b.yml", "[a.yml b.yml]"},
		{"up.sh", "if [ \"$COMPOSE_FILE\" = x ]; then echo $COMPOSE_FILE; fi", ""},
		{"up.sh", "COMPOSE_ENV_FILES=.env,.env.local docker compose up", "[] env [.env .env.local]"},
		{"up.sh", "COMPOSE_DISABLE_ENV_FILE=1 docker compose up", "[] none"},
		{"up.sh", "$COMPOSE -f a.yml -f b.yml up; ${DOCKER_COMPOSE} -f c.yml up", "[a.yml b.yml]|[c.yml]"},
		{".env", "# c\nCOMPOSE_FILE='a.yml;b.yml'\n", "[a.yml b.yml]"},
		{"Makefile", "COMPOSE := docker compose -f a.yml -f b.yml\nCOMPOSE_FILE ?= c.yml\n", "[a.yml b.yml]|[c.yml]"},
		{"package.json", `{"scripts": {"up": "docker compose -f a.yml -f b.yml up", "x": ["docker", "compose", "-f", "c.yml"]}}`, "[a.yml b.yml]"},
		{"README.md", "Run `docker compose -f a.yml --env-file x.env up` or\n\n    $ docker-compose -f b.yml up\n", "[a.yml] env [x.env]|[b.yml]"},
		{".github/workflows/ci.yml", "      - run: docker compose --project-directory . -f ci/a.yml up\n        env:\n          COMPOSE_FILE: a.yml:b.yml\n", "[ci/a.yml] in .|[a.yml b.yml]"},
		{"compose.dev.yml", "#   docker compose -f docker-compose.yml -f compose.dev.yml \\\n#     up\nservices: {}\n", "[docker-compose.yml compose.dev.yml]"},
		{".devcontainer/devcontainer.json", "{\n\"dockerComposeFile\": [\n\"../a.yml\", \"b.yml\"], \"service\": \"x\"}", "[../a.yml b.yml]"},
		{"main.py", "docker compose -f a.yml up", ""},
		{"values.yml", "docker compose -f a.yml up", ""},
	} {
		fsys, paths := tree("-- " + tt.path + " --\n" + tt.src)
		var got []string
		for _, u := range Uses(fsys, paths) {
			s := fmt.Sprint(u.Files)
			if u.EnvFiles != nil {
				s += fmt.Sprint(" env ", u.EnvFiles)
			}
			if u.Dir != "" {
				s += " in " + u.Dir
			}
			if u.NoEnv {
				s += " none"
			}
			if u.unknown {
				s += " unknown"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, "|"); s != tt.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tt.path, tt.src, s, tt.want)
		}
	}
}

func TestTogether(t *testing.T) {
	for _, tt := range []struct{ name, archive, want string }{
		{"by name", `
-- compose.override.yaml --
services: {}
-- compose.prod.yaml --
services: {}
-- compose.yaml --
services: {}
-- sub/compose.yaml --
services: {}
`, "compose.yaml compose.override.yaml compose.prod.yaml|sub/compose.yaml"},
		{"a list of a script, from the folder above", `
-- docker-compose.yml --
services: {}
-- dev/docker-compose.dev.yml --
services: {}
-- scripts/up.sh --
docker compose -f docker-compose.yml -f ./dev/docker-compose.dev.yml up
`, "docker-compose.yml dev/docker-compose.dev.yml"},
		{"a list says the order", `
-- compose.a.yaml --
services: {}
-- compose.b.yaml --
services: {}
-- .env --
COMPOSE_FILE=compose.b.yaml:compose.a.yaml
`, "compose.b.yaml compose.a.yaml"},
		{"files of other names", `
-- a.yml --
services: {}
-- deploy/b.yml --
services: {}
-- Makefile --
up:
	docker compose -f a.yml -f deploy/b.yml up
`, "a.yml deploy/b.yml"},
		{"from the only folder that has them", `
-- x/y/a.yml --
services: {}
-- x/z/compose.yaml --
services: {}
-- README.md --
cd x && docker compose -f y/a.yml -f z/compose.yaml up
`, "x/y/a.yml x/z/compose.yaml"},
		{"what is not there", `
-- x/compose.yaml --
services: {}
-- y/compose.yaml --
services: {}
-- up.sh --
docker compose -f x/compose.yaml -f z/compose.yaml up
`, "x/compose.yaml|y/compose.yaml"},
		{"include and extends", `
-- compose.yaml --
include: [sub/compose.yaml]
services:
  a: {extends: {file: base/parts.yml, service: a}}
-- sub/compose.yaml --
services: {}
-- base/parts.yml --
services: {a: {image: x}}
-- other/compose.yaml --
services: {}
`, "sub/compose.yaml base/parts.yml compose.yaml|other/compose.yaml"},
		{"one that cannot be read", `
-- compose.yaml --
services: {}
-- compose.dev.yaml --
services: [
`, "compose.yaml compose.dev.yaml"},
		{"around", `
-- a/compose.yaml --
services: {}
-- b/compose.yaml --
services: {}
-- up.sh --
docker compose -f a/compose.yaml -f b/compose.yaml up
docker compose -f b/compose.yaml -f a/compose.yaml up
`, "b/compose.yaml a/compose.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys, paths := tree(tt.archive)
			var got []string
			for _, group := range Together(Load(fsys, paths)) {
				var names []string
				for _, f := range group {
					names = append(names, f.Path)
				}
				got = append(got, strings.Join(names, " "))
			}
			if s := strings.Join(got, "|"); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

// TestUsedDir: the folder of the first file of a list, or the one that is named, is where all paths start from.
func TestUsedDir(t *testing.T) {
	for _, tt := range []struct{ name, use, want string }{
		{"none", "", "docker=docker docker/dev=docker/dev"},
		{"a list", "docker compose -f docker/compose.yaml -f docker/dev/compose.dev.yaml up", "docker=docker docker/dev=docker"},
		{"a named folder", "docker compose --project-directory . -f docker/compose.yaml -f docker/dev/compose.dev.yaml up", "docker=. docker/dev=."},
		{"a variable one", "docker compose --project-directory $DIR -f docker/compose.yaml up", "docker= docker/dev=docker/dev"},
		{"a variable before it", "docker compose --project-directory $PWD/docker/dev -f docker/compose.yaml up", "docker=docker/dev docker/dev=docker/dev"},
		{"both ways", "docker compose -f docker/dev/compose.dev.yaml up\ndocker compose -f docker/compose.yaml -f docker/dev/compose.dev.yaml up", "docker=docker docker/dev="},
		{"what compose finds by itself", "docker compose -f docker/dev/compose.dev.yaml -f docker/compose.yaml up", "docker=docker docker/dev=docker/dev"},
	} {
		fsys, paths := tree("-- docker/compose.yaml --\nservices: {}\n-- docker/dev/compose.dev.yaml --\nservices: {}\n-- up.sh --\n" + tt.use + "\n")
		var got []string
		for _, f := range Load(fsys, paths) {
			got = append(got, strings.TrimSuffix(strings.TrimSuffix(f.Path, "/compose.yaml"), "/compose.dev.yaml")+"="+f.Dir)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, s, tt.want)
		}
	}
}

func TestEnvReason(t *testing.T) {
	for _, tt := range []struct{ name, archive, want string }{
		{"none", "-- up.sh --\ndocker compose up\n", "app/.env"},
		{"another", "-- README.md --\ndocker compose --env-file .env.prod up\n", "README.md:1 gives it another environment file than .env"},
		{"of a list", "-- up.sh --\ndocker compose -f app/compose.yaml --env-file app/.env.prod up\n", "up.sh:1 gives it another environment file than .env"},
		{"the same", "-- up.sh --\ndocker compose -f app/compose.yaml --env-file app/.env up\n", "app/.env"},
		{"the same and more", "-- app/up.sh --\ndocker compose --env-file .env --env-file more.env up\n", "app/.env"},
		{"one above", "-- up.sh --\ndocker compose -f app/compose.yaml --env-file .env up\n", "up.sh:1 gives it another environment file than .env"},
		{"a variable", "-- app/up.sh --\ndocker compose --env-file $ENV up\n", "app/up.sh:1 gives it another environment file than .env"},
		{"a setting", "-- .github/workflows/ci.yml --\nenv:\n  COMPOSE_ENV_FILES: ci.env\n", ".github/workflows/ci.yml:2 gives it another environment file than .env"},
		{"of another file", "-- up.sh --\ndocker compose -f other/compose.yaml --env-file x.env up\n-- other/compose.yaml --\nservices: {}\n", "app/.env"},
		{"of another folder", "-- other/up.sh --\ndocker compose --env-file x.env up\n-- other/compose.yaml --\nservices: {}\n", "app/.env"},
		{"of a file that is not there", "-- up.sh --\ndocker compose -f gone.yaml --env-file x.env up\n", "app/.env"},
		{"a stack", "-- up.sh --\ndocker stack deploy -c app/compose.yaml app\n", "up.sh:1 has no .env read for it"},
		{"disabled", "-- app/Makefile --\nexport COMPOSE_DISABLE_ENV_FILE=true\n", "app/Makefile:1 has no .env read for it"},
		{"a project's folder", "-- up.sh --\ndocker compose --project-directory . -f app/compose.yaml up\n", ".env"},
		{"over another", "-- up.sh --\ndocker compose -f compose.yaml -f app/compose.yaml up\n-- compose.yaml --\nservices: {}\n", "up.sh:1 uses it in the project of ."},
		{"extended", "-- compose.yaml --\nservices:\n  a: {extends: {file: app/compose.yaml, service: a}}\n", "compose.yaml:2 extends it from another project"},
	} {
		fsys, paths := tree("-- app/compose.yaml --\nservices: {a: {image: x}}\n" + tt.archive)
		f := Load(fsys, paths)[0]
		got := f.EnvPath() + f.EnvReason()
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	// A file that is only extended has the variables of who extends it.
	fsys, paths := tree("-- compose.yaml --\nservices:\n  a: {extends: {file: sub/parts.yml, service: a}}\n-- sub/parts.yml --\nservices: {a: {image: x}}\n")
	if got := Load(fsys, paths)[1].EnvPath(); got != ".env" {
		t.Errorf("extended alone: %s", got)
	}
}

func TestMerged(t *testing.T) {
	fsys, paths := tree(`
-- compose.yaml --
services:
  web: {image: x, environment: {A: a, B: b, C: c}, command: [serve, x], labels: [l=1], user: u, secrets: [k], env_file: e.env}
  other: {image: x}
-- compose.override.yaml --
services:
  web: {environment: {A: z, B: !reset null, D: d}, command: y, labels: !override {m: 2}, read_only: true, secrets: [j]}
`)
	files := Together(Load(fsys, paths))[0]
	s := Merged(files, "web")
	var got []string
	for _, x := range s.Texts {
		got = append(got, told(s, x))
	}
	got = append(got, fmt.Sprint(s.Image, " ", s.User, " ", s.ReadOnly, " ", s.Grants, s.EnvFiles))
	want := `2:26 environment A <z> "z"|2:48 environment D <d> "d"|2:61 command  <y> "y"|2:86 labels m <2> "2"|-1:-1 environment C <?> "c" by another file|x u true [{k    } {j    }] [{e.env false false}]`
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	over := files[1].Services[0]
	for name, want := range map[string]bool{"A": false, "B": true, "C": false} {
		if over.Drops(InEnvironment, name) != want {
			t.Errorf("drops %s: %v", name, !want)
		}
	}
	if !over.Drops(InLabels, "l") || Merged(files, "gone") != nil || len(Merged(files[:1], "web").Texts) != 6 || len(files[1].Services[0].Texts) != 4 {
		t.Error("labels, or what is merged alone")
	}
}
