package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// told writes a text with its token, as it stands in the source.
func told(s *Service, t Text) string {
	token := "?"
	if t.Start >= 0 {
		token = string(s.File.Src[t.Start:t.End])
	}
	by := ""
	if t.Inherited != "" {
		by = " by " + t.Inherited
	}
	kind := ""
	if t.Item {
		kind = "- "
	}
	if !t.HasValue {
		return fmt.Sprintf("%d:%d %s%s %s <%s> none%s", t.Line, t.Col, kind, t.Where, t.Name, token, by)
	}
	return fmt.Sprintf("%d:%d %s%s %s <%s> %q%s", t.Line, t.Col, kind, t.Where, t.Name, token, t.Value, by)
}

func TestReadContainer(t *testing.T) {
	const src = `services:
  list:
    environment:
      - A=tok-c4n4ry-EXAMPLE
      - "B=x y"
      - 'C=it''s'
      - D
      - E=
      - F=a=b # c
    command: serve --token=tok-c4n4ry-EXAMPLE
    entrypoint: ["/bin/sh", -c, 'echo $$A']
    healthcheck:
      interval: 5s
      test: ["CMD-SHELL", "pg_isready -U x"]
    labels:
    - traefik.auth=admin:x
    env_file: .env
    secrets:
      - db
      - source: key
        target: /etc/key.pem
        uid: "1000"
        gid: 1000
        mode: 0440
    user: 1000:1000
    read_only: true
    profiles: [dev, "test"]
  map:
    environment:
      A: tok-c4n4ry-EXAMPLE
      "B": "x y"
      C: 'it''s'
      D:
      E: ""
      F: null
      G: 0123
      H: 1.10
      I: True
      J: !!str 0123
      K: |
        -----BEGIN
        x
      L: plain on
        two lines
      M: 1e3
      N: yes
      P: ~
    command:
    healthcheck: {test: curl -f x}
    labels: {a: 1, b: c}
    env_file: [a.env, {path: ./b.env, required: false, format: raw}, "${X:-c}.env", "${X}.env", /etc/x.env, ../up.env]
    user: 0
    read_only: "false"
`
	f := Load(fstest.MapFS{"p/compose.yaml": {Data: []byte(src)}}, []string{"p/compose.yaml"})[0]
	if f.Err != nil {
		t.Fatal(f.Err)
	}
	want := [][]string{{
		`4:9 - environment A <A=tok-c4n4ry-EXAMPLE> "tok-c4n4ry-EXAMPLE"`, `5:9 - environment B <"B=x y"> "x y"`, `6:9 - environment C <'C=it''s'> "it's"`,
		`7:9 - environment D <D> none`, `8:9 - environment E <E=> ""`, `9:9 - environment F <F=a=b> "a=b"`,
		`10:14 command  <serve --token=tok-c4n4ry-EXAMPLE> "serve --token=tok-c4n4ry-EXAMPLE"`,
		`11:18 - entrypoint  <"/bin/sh"> "/bin/sh"`, `11:29 - entrypoint  <-c> "-c"`, `11:33 - entrypoint  <'echo $$A'> "echo $$A"`,
		`14:14 - healthcheck  <"CMD-SHELL"> "CMD-SHELL"`, `14:27 - healthcheck  <"pg_isready -U x"> "pg_isready -U x"`,
		`16:7 - labels traefik.auth <traefik.auth=admin:x> "admin:x"`,
		"[p/.env] [{db    } {key /etc/key.pem 1000 1000 0440}] 1000:1000 true [dev test]",
	}, {
		`30:10 environment A <tok-c4n4ry-EXAMPLE> "tok-c4n4ry-EXAMPLE"`, `31:12 environment B <"x y"> "x y"`, `32:10 environment C <'it''s'> "it's"`,
		`33:9 environment D <> none`, `34:10 environment E <""> ""`, `35:10 environment F <null> none`, `36:10 environment G <0123> "83"`,
		`37:10 environment H <1.10> "1.1"`, `38:10 environment I <True> "true"`, `39:16 environment J <0123> "0123"`,
		"40:10 environment K <|\n        -----BEGIN\n        x> \"-----BEGIN\\nx\\n\"", "43:10 environment L <plain on\n        two lines> \"plain on two lines\"",
		`45:10 environment M <1e3> "1000"`, `46:10 environment N <yes> "yes"`, `47:10 environment P <~> none`,
		`49:25 healthcheck  <curl -f x> "curl -f x"`, `50:17 labels a <1> "1"`, `50:23 labels b <c> "c"`,
		"[p/a.env p/b.env?raw p/c.env   up.env] [] 0 false []",
	}}
	for i, s := range f.Services {
		var got, files []string
		for _, x := range s.Texts {
			got = append(got, told(s, x))
		}
		for _, e := range s.EnvFiles {
			name := e.Path
			if e.Optional {
				name += "?"
			}
			if e.Raw {
				name += "raw"
			}
			files = append(files, name)
		}
		got = append(got, fmt.Sprintf("%v %v %s %v %v", files, s.Grants, s.User, s.ReadOnly, s.Profiles))
		if !slices.Equal(got, want[i]) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want[i], "\n"))
		}
	}
	if got := f.EnvPath(); got != "p/.env" {
		t.Errorf("EnvPath: %s", got)
	}
}

func TestTextShowsNoValue(t *testing.T) {
	x := Text{Name: "T", Value: "c4n4ry", HasValue: true}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if s := fmt.Sprintf(verb, []Text{x}); strings.Contains(s, "c4n4ry") || !strings.Contains(s, "T") {
			t.Errorf("%s shows %s", verb, s)
		}
		s := fmt.Sprintf(verb, Migration{Set: []Assignment{{"T", "c4n4ry"}}}) + fmt.Sprintf(verb, []Replacement{{Text: x, Value: "c4n4ry", Rename: "U"}})
		if strings.Contains(s, "c4n4ry") || strings.Count(s, "T") < 2 || !strings.Contains(s, "U") {
			t.Errorf("%s shows %s", verb, s)
		}
	}
}

// TestContainerInherited: what comes in through anchors, merge keys and extends is there, says so, and stands where it is written.
func TestContainerInherited(t *testing.T) {
	for _, tt := range []struct{ name, archive, service, want string }{
		{"a merged environment", `
-- compose.yaml --
x-e: &e
  A: a
  B: b
services:
  web:
    environment: {<<: *e, B: c}
`, "web", `6:30 environment B <c> "c"|2:6 environment A <a> "a" by a merge key`},
		{"an aliased environment, a scalar, an item", `
-- compose.yaml --
x-e: &e {A: &a "x"}
x-i: &i B=y
services:
  web: {environment: *e, labels: {l: *a}}
  other: {environment: [*i], command: [run, *a]}
`, "web", `1:16 environment A <"x"> "x" by an alias|1:16 labels l <"x"> "x" by an alias`},
		{"an aliased item and word", `
-- compose.yaml --
x-e: &e {A: &a "x"}
x-i: &i B=y
services:
  other: {environment: [*i], command: [run, *a]}
`, "other", `2:9 - environment B <B=y> "y" by an alias|4:40 - command  <run> "run"|1:16 - command  <"x"> "x" by an alias`},
		{"a merged service", `
-- compose.yaml --
x-s: &s {environment: [A=a], user: u, read_only: true, secrets: [k]}
services:
  web: {<<: *s, image: x}
`, "web", `1:24 - environment A <A=a> "a" by a merge key|u true [{k    }] []`},
		{"extends in the file", `
-- compose.yaml --
services:
  base: {environment: [A=a, B=b], command: [x], healthcheck: {test: t}, labels: [l=1], user: u, secrets: [k, j], env_file: e.env, profiles: [p]}
  web: {extends: base, environment: {B: c}, command: y, secrets: [{source: k, mode: 0400}]}
`, "web", `3:41 environment B <c> "c"|3:54 command  <y> "y"|2:24 - environment A <A=a> "a" by extends|2:69 healthcheck  <t> "t" by extends|2:82 - labels l <l=1> "1" by extends|u false [{k    0400} {j    }] [e.env] [p]`},
		{"extends from another file", `
-- compose.yaml --
services:
  web: {extends: {file: sub/base.yml, service: base}, environment: {B: c}}
-- sub/base.yml --
services:
  base: {environment: [A=a, B=b], env_file: e.env, image: i}
`, "web", `2:72 environment B <c> "c"|2:9 - environment A <?> "a" by extends| false [] [sub/e.env]`},
		{"reset and override", `
-- compose.yaml --
services:
  base: {environment: {A: a, B: b}, labels: [l=1], command: x, entrypoint: e, user: u, secrets: [k], env_file: e.env, healthcheck: {test: t}}
  web: {extends: base, environment: {A: !reset null}, labels: !override [m=2], command: !reset null, entrypoint: , secrets: !reset [], env_file: !override [f.env], healthcheck: {test: !reset []}, user: }
`, "web", `3:74 - labels m <m=2> "2"|2:33 environment B <b> "b" by extends|u false [] [f.env]`},
		{"labels of deploy", `
-- compose.yaml --
services:
  base: {labels: {a: 1, b: 1}, deploy: {labels: {a: 2, b: 2, c: 2}}}
  web: {extends: base, labels: {a: 3, b: !reset null}, deploy: {labels: {a: 4, c: !reset null}, replicas: 2}}
`, "web", `3:36 labels a <3> "3"|3:77 labels a <4> "4"|2:59 labels b <2> "2" by extends`},
		{"a name of a list is not reset", `
-- compose.yaml --
services:
  base: {environment: [A=a], labels: {l: 1}}
  mid: {extends: base, labels: {m: 1}}
  web: {extends: mid, environment: {A: !reset null}, labels: {l: !reset null}}
`, "web", `3:36 labels m <1> "1" by extends|2:24 - environment A <A=a> "a" by extends|2:42 labels l <1> "1" by extends`},
		{"extends in turn", `
-- compose.yaml --
services:
  a: {environment: {A: 1}}
  b: {extends: a, environment: {B: 1}}
  web: {extends: {service: b}, environment: {C: 1}}
`, "web", `4:49 environment C <1> "1"|3:36 environment B <1> "1" by extends|2:24 environment A <1> "1" by extends`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fsys, paths := tree(tt.archive)
			files := Load(fsys, paths)
			for _, s := range files[0].Services {
				if s.Name != tt.service {
					continue
				}
				var got []string
				for _, x := range s.Texts {
					got = append(got, told(s, x))
				}
				var env []string
				for _, e := range s.EnvFiles {
					env = append(env, e.Path)
				}
				if rest := fmt.Sprintf("%s %v %v %v %v", s.User, s.ReadOnly, s.Grants, env, s.Profiles); rest != " false [] [] []" {
					got = append(got, strings.TrimSuffix(rest, " []"))
				}
				if s := strings.Join(got, "|"); s != tt.want {
					t.Errorf("got\n%s\nwant\n%s", s, tt.want)
				}
			}
			for _, f := range files {
				if f.Err != nil {
					t.Error(f.Err)
				}
			}
		})
	}
}

func TestEnvPath(t *testing.T) {
	fsys, paths := tree(`
-- p/compose.yaml --
include:
  - one/compose.yaml
  - {path: two/compose.yaml, env_file: two.env}
  - {path: three/compose.yaml, project_directory: ., env_file: [a.env, ../b.env]}
  - {path: four/compose.yaml, env_file: "${X}"}
  - {path: five/compose.yaml, env_file: five.env}
-- p/one/compose.yaml --
services: {}
-- p/two/compose.yaml --
services: {}
-- p/three/compose.yaml --
services: {}
-- p/four/compose.yaml --
services: {}
-- p/five/compose.yaml --
services: {}
-- compose.yaml --
include: [p/five/compose.yaml]
`)
	var got []string
	for _, f := range Load(fsys, paths) {
		got = append(got, f.EnvPath())
	}
	if want := []string{"p/.env", "p/one/.env", "p/two.env", "b.env", "", "", ".env"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
