package compose

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// runOps migrates services of one file as a line says, operations parted by "; ":
//
//	SERVICE unset NAME…
//	SERVICE set NAME=VALUE…                 (≈ stands for a space)
//	SERVICE grant SOURCE[,target=X][,uid=X][,gid=X][,mode=X]…
//	SERVICE replace NAME=VALUE…             of a variable or label
//	SERVICE rename NAME>NEW=VALUE…
//	SERVICE words OLD>NEW…                  in command, entrypoint and healthcheck
//	def NAME FILE
func runOps(t *testing.T, src, ops string, others ...string) (string, error) {
	t.Helper()
	fsys := fstest.MapFS{"compose.yaml": {Data: []byte(src)}}
	paths := []string{"compose.yaml"}
	for i := 0; i+1 < len(others); i += 2 {
		fsys[others[i]] = &fstest.MapFile{Data: []byte(others[i+1])}
		paths = append(paths, others[i])
	}
	files := Load(fsys, paths)
	for _, f := range files {
		if f.Err != nil {
			return "", f.Err
		}
	}
	f := files[0]
	var ms []Migration
	var defs []NamedSecret
	var rs []Replacement
	for op := range strings.SplitSeq(ops, "; ") {
		w := strings.Fields(op)
		if w[0] == "def" {
			defs = append(defs, NamedSecret{w[1], SecretDef{File: w[2]}})
			continue
		}
		var s *Service
		for _, g := range files {
			if i := slices.IndexFunc(g.Services, func(s *Service) bool { return s.Name == w[0] }); i >= 0 && s == nil {
				s = g.Services[i]
			}
		}
		if s == nil {
			t.Fatalf("no service %s", w[0])
		}
		m := Migration{Service: s}
		for _, arg := range w[2:] {
			arg = strings.ReplaceAll(arg, "≈", " ")
			name, value, _ := strings.Cut(arg, "=")
			switch w[1] {
			case "unset":
				m.Unset = append(m.Unset, arg)
			case "set":
				m.Set = append(m.Set, Assignment{name, value})
			case "grant":
				m.Grant = append(m.Grant, readOp(arg))
			case "replace", "rename":
				old, new, _ := strings.Cut(name, ">")
				i := slices.IndexFunc(s.Texts, func(t Text) bool { return t.Name == old })
				if i < 0 {
					t.Fatalf("no text %s", old)
				}
				rs = append(rs, Replacement{Text: s.Texts[i], Value: value, Rename: new})
			case "words":
				old, new, _ := strings.Cut(arg, ">")
				for _, text := range s.Texts {
					if text.Name == "" && strings.Contains(text.Value, old) {
						rs = append(rs, Replacement{Text: text, Value: strings.ReplaceAll(text.Value, old, new)})
					}
				}
			default:
				t.Fatalf("unknown operation %q", op)
			}
		}
		ms = append(ms, m)
	}
	edits, err := Edits(f, ms, defs, rs...)
	if err != nil {
		return "", err
	}
	out, err := edit.Apply(f.Src, edits)
	return string(out), err
}

func readOp(arg string) Grant {
	f := strings.Split(arg, ",")
	g := Grant{Source: f[0]}
	for _, one := range f[1:] {
		name, value, _ := strings.Cut(one, "=")
		switch name {
		case "target":
			g.Target = value
		case "uid":
			g.UID = value
		case "gid":
			g.GID = value
		case "mode":
			g.Mode = value
		}
	}
	return g
}

func TestRunTimeEdits(t *testing.T) {
	const head = "services:\n  db:\n    image: db\n"
	for _, tt := range []struct{ name, src, ops, want string }{
		{"file form of a variable", head + "    environment:\n      A: 1 # one\n      PW: x\n      B: 2\n", "db unset PW; db set PW_FILE=/run/secrets/PW; db grant PW; def PW secrets/PW",
			head + "    environment:\n      A: 1 # one\n      B: 2\n      PW_FILE: /run/secrets/PW\n    secrets:\n      - PW\n\nsecrets:\n  PW:\n    file: ./secrets/PW\n"},
		{"in place", head + "    environment:\n      PW: x # why\n      B: 2\n", "db rename PW>PW_FILE=/run/secrets/PW",
			head + "    environment:\n      PW_FILE: /run/secrets/PW # why\n      B: 2\n"},
		{"in place, list", head + "    environment:\n    - PW=x # why\n    - \"B=2\"\n", "db rename PW>PW_FILE=/run/secrets/PW",
			head + "    environment:\n    - PW_FILE=/run/secrets/PW # why\n    - \"B=2\"\n"},
		{"set over unset", head + "    environment:\n      PW: 'x' # why\n      B: 2\n", "db unset PW; db set PW=${PW:?}",
			head + "    environment:\n      PW: '${PW:?}' # why\n      B: 2\n"},
		{"set over unset, list", head + "    environment:\n      - PW=x\n", "db unset PW; db set PW=${PW:?}", head + "    environment:\n      - PW=${PW:?}\n"},
		{"set over unset, number", head + "    environment:\n      PW: 12345678\n", "db unset PW; db set PW=${PW:?}", head + "    environment:\n      PW: ${PW:?}\n"},
		{"set over unset, braces", head + "    environment: {PW: x, B: 2}\n", "db unset PW; db set PW=${PW:?}", head + "    environment: {PW: \"${PW:?}\", B: 2}\n"},
		{"set over unset, JSON", `{"services": {"db": {"environment": {"PW": "x"}}}}`, "db unset PW; db set PW=${PW:?}", `{"services": {"db": {"environment": {"PW": "${PW:?}"}}}}`},
		{"unset the last one", head + "    environment:\n      PW: x\n      # Q: y\n    restart: always\n", "db unset PW", head + "    restart: always\n"},
		{"unset the last one, list", head + "    environment:\n    - PW=x\n    restart: always\n", "db unset PW", head + "    restart: always\n"},
		{"unset all", head + "    environment:\n    - PW=x\n    - Q\n    - PW=y\n", "db unset PW Q", head},
		{"unset one of a list", head + "    environment:\n    - PW=x\n    - Q\n    - PW=y\n", "db unset PW", head + "    environment:\n    - Q\n"},
		{"unset in braces", head + "    environment: {A: 1, PW: x}\n", "db unset PW", head + "    environment: {A: 1}\n"},
		{"unset in brackets", head + "    environment: [PW=x, \"Q=2\"]\n", "db unset PW", head + "    environment: [\"Q=2\"]\n"},
		{"unset the last in brackets", head + "    environment: [PW=x]\n", "db unset PW", head},
		{"unset, CRLF", "services:\r\n  db:\r\n    environment:\r\n      PW: x\r\n      Q: y\r\n", "db unset PW; db grant PW", "services:\r\n  db:\r\n    environment:\r\n      Q: y\r\n    secrets:\r\n      - PW\r\n"},
		{"unset leaves nothing of a service", "services:\n  db:\n    environment:\n      PW: x\n  web:\n    image: w\n", "db unset PW", "services:\n  web:\n    image: w\n"},
		{"what is not there", head, "db unset PW", head},
		{"set, no environment", head + "    ports: [1]\n", "db set PW=${PW:?}", head + "    ports: [1]\n    environment:\n      PW: ${PW:?}\n"},
		{"set, empty environment", head + "    environment:\n    ports: [1]\n", "db set PW=${PW:?}", head + "    environment:\n      PW: ${PW:?}\n    ports: [1]\n"},
		{"set, list of quoted", head + "    environment:\n      - \"A=1\"\n", "db set PW=${PW:?}", head + "    environment:\n      - \"A=1\"\n      - \"PW=${PW:?}\"\n"},
		{"set, mapping of quoted", head + "    environment:\n      A: 'a'\n      B: 'b'\n", "db set PW=${PW:?}", head + "    environment:\n      A: 'a'\n      B: 'b'\n      PW: '${PW:?}'\n"},
		{"set what needs quotes", head + "    environment:\n      A: a\n", "db set A=a B=yes C=a:≈b D='x≈#y", head + "    environment:\n      A: a\n      B: \"yes\"\n      C: \"a: b\"\n      D: \"'x #y\"\n"},
		{"grant again", head + "    secrets:\n      - PW\n", "db grant PW PW,target=PW PW,target=/run/secrets/PW", head + "    secrets:\n      - PW\n"},
		{"grant long again", head + "    secrets:\n      - source: PW\n        target: /app/pw\n        mode: 0400\n", "db grant PW,target=/app/pw,mode=400", head + "    secrets:\n      - source: PW\n        target: /app/pw\n        mode: 0400\n"},
		{"grant to a list", head + "    secrets:\n    -  'A'\n", "db grant PW Q,target=/app/q,uid=1000,gid=1000,mode=0400",
			head + "    secrets:\n    -  'A'\n    -  'PW'\n    -  source: Q\n       target: /app/q\n       uid: \"1000\"\n       gid: \"1000\"\n       mode: 0400\n"},
		{"grant, long", head, "db grant PW,target=/app/pw Q,mode=0440", head + "    secrets:\n      - source: PW\n        target: /app/pw\n      - source: Q\n        mode: 0440\n"},
		{"grant, target that is the name", head, "db grant PW,target=PW", head + "    secrets:\n      - PW\n"},
		{"grant in brackets", head + "    secrets: [A]\n", "db grant PW Q,target=/q", head + "    secrets: [A, PW, {source: Q, target: /q}]\n"},
		{"grant in empty brackets", head + "    secrets: []\n", "db grant PW", head + "    secrets: [PW]\n"},
		{"grant under nothing", head + "    secrets:\n    restart: always\n", "db grant PW", head + "    secrets:\n      - PW\n    restart: always\n"},
		{"grant in a service of braces", "services:\n  db: {image: db}\n", "db grant PW", "services:\n  db: {image: db, secrets: [PW]}\n"},
		{"define in braces", head + "secrets: {}\n", "def PW secrets/PW", head + "secrets: {PW: {file: ./secrets/PW}}\n"},
		{"define under nothing", head + "secrets:\n", "def PW secrets/PW", head + "secrets:\n  PW:\n    file: ./secrets/PW\n"},
		{"define in place of null", head + "secrets: null\n", "def PW secrets/PW", head + "secrets:\n  PW:\n    file: ./secrets/PW\n"},
		{"a service that merges", "x-a: &a\n  restart: always\n" + head + "    <<: *a\n", "db grant PW", "x-a: &a\n  restart: always\n" + head + "    <<: *a\n    secrets:\n      - PW\n"},
		{"set beside a merge", "x-e: &e\n  A: 1\n" + head + "    environment:\n      <<: *e\n      PW: x\n", "db unset PW; db set Q=2", "x-e: &e\n  A: 1\n" + head + "    environment:\n      <<: *e\n      Q: \"2\"\n"},
		{"replace in an anchor", "x-e: &e\n  A: 1\n  PW: x\n" + head + "    environment: *e\n  web:\n    environment:\n      <<: *e\n      B: 1\n", "db rename PW>PW_FILE=/run/secrets/PW",
			"x-e: &e\n  A: 1\n  PW_FILE: /run/secrets/PW\n" + head + "    environment: *e\n  web:\n    environment:\n      <<: *e\n      B: 1\n"},
		{"replace an anchored value", head + "    environment:\n      PW: &pw x\n  web:\n    environment:\n      Q: *pw\n", "web replace Q=${PW:?}", head + "    environment:\n      PW: &pw ${PW:?}\n  web:\n    environment:\n      Q: *pw\n"},
		{"replace nothing", head + "    environment:\n      PW: # from outside\n", "db replace PW=${PW:?}", head + "    environment:\n      PW: ${PW:?} # from outside\n"},
		{"replace a name in a list", head + "    environment:\n      - PW\n", "db replace PW=${PW:?}", head + "    environment:\n      - PW=${PW:?}\n"},
		{"replace words", head + "    command: [\"a\", \"--pw=x1x\"]\n    entrypoint: sh -c 'a x1x'\n    healthcheck:\n      test: [CMD, a, -px1x]\n", "db words x1x>${PW:?}",
			head + "    command: [\"a\", \"--pw=${PW:?}\"]\n    entrypoint: sh -c 'a ${PW:?}'\n    healthcheck:\n      test: [CMD, a, \"-p${PW:?}\"]\n"},
		{"replace in lines", head + "    command: |\n      a x1x\n        b x1x c # x1x\n    entrypoint: >-\n      a\n      x1x\n      c\n", "db words x1x>$$(cat≈/run/secrets/PW)",
			head + "    command: |\n      a $$(cat /run/secrets/PW)\n        b $$(cat /run/secrets/PW) c # $$(cat /run/secrets/PW)\n    entrypoint: >-\n      a\n      $$(cat /run/secrets/PW)\n      c\n"},
		{"replace a label", head + "    labels:\n      - \"a.b=x\"\n", "db replace a.b=${PW:?}", head + "    labels:\n      - \"a.b=${PW:?}\"\n"},
		{"with what it extends", "services:\n  db: {image: db, environment: [PW=x, A=1]}\n  web: {extends: db, environment: [PW=y, B=1]}\n", "web unset PW; db unset PW; db grant PW; web grant PW",
			"services:\n  db: {image: db, environment: [A=1], secrets: [PW]}\n  web: {extends: db, environment: [B=1]}\n"},
		{"JSON", `{"services": {"db": {"image": "db", "environment": ["PW=x", "A"]}}}`, "db unset PW; db set Q=${Q:?}; db grant PW,mode=0400",
			`{"services": {"db": {"image": "db", "environment": ["A", "Q=${Q:?}"], "secrets": [{"source": "PW", "mode": 256}]}}}`},
		{"a merge beside, of secrets in brackets", "x-a: &a\n  secrets: [A]\n" + head + "    <<: *a\n", "db grant A", "x-a: &a\n  secrets: [A]\n" + head + "    <<: *a\n"},
		{"all at once", head + "    environment:\n      - PW=x\n      - Q=y\n    command: a x1x\n", "db unset PW; db set PW_FILE=/run/secrets/PW; db replace Q=${Q:?}; db words x1x>$$PW; db grant PW; def PW secrets/PW",
			head + "    environment:\n      - Q=${Q:?}\n      - PW_FILE=/run/secrets/PW\n    command: a $$PW\n    secrets:\n      - PW\n\nsecrets:\n  PW:\n    file: ./secrets/PW\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := runOps(t, tt.src, tt.ops)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if strings.Contains(got, "db") && !strings.Contains(tt.ops, "re") { // what replaces finds nothing to replace
				again, err := runOps(t, got, tt.ops)
				if err != nil || again != got {
					t.Errorf("second run: %v\n%s", err, again)
				}
			}
		})
	}
}

func TestRunTimeEditsRefused(t *testing.T) {
	const head = "services:\n  db:\n    image: db\n"
	const shared = "x-a: &a\n  environment:\n    PW: c4n4ry\n  secrets: [A]\n"
	for _, tt := range []struct{ name, src, ops, want string }{
		{"environment through a merge", shared + head + "    <<: *a\n", "db unset PW", "compose.yaml:8:5: the environment of service db comes in through a merge key"},
		{"environment through an alias", "x-e: &e {PW: c4n4ry}\n" + head + "    environment: *e\n", "db unset PW", "compose.yaml:5:18: the environment of service db comes in through an alias"},
		{"variable through a merge", "x-e: &e {PW: c4n4ry}\n" + head + "    environment: {<<: *e, A: 1}\n", "db unset PW", "compose.yaml:5:19: variable PW of service db comes in through a merge key"},
		{"set would hide", shared + head + "    <<: *a\n", "db set Q=1", "compose.yaml:8:5: the environment of service db comes in through a merge key, which one of its own would hide"},
		{"grant would hide", shared + head + "    <<: *a\n", "db grant PW", "compose.yaml:8:5: the secrets of service db come in through a merge key, which a list of its own would hide"},
		{"unset would reveal", "x-e: &e {PW: c4n4ry}\n" + head + "    environment:\n      <<: *e\n      A: 1\n      PW: x\n", "db unset PW", "compose.yaml:8:1: the edit would change more than it should"},
		{"service is an alias", "x-s: &s {image: db}\nservices:\n  db: *s\n", "db grant PW", "services.db comes in through an alias"},
		{"service has users", "services:\n  db: &s\n    image: db\n  web:\n    <<: *s\n", "db grant PW", "compose.yaml:2:3: services.db has an anchor that line 5 uses too"},
		{"another value", head + "    environment:\n      PW: c4n4ry\n", "db set PW=x", "compose.yaml:5:11: service db has PW with another value"},
		{"no value", head + "    environment:\n      - PW\n", "db set PW=x", "compose.yaml:5:9: service db has PW with another value"},
		{"two values", head, "db set PW=x; db set PW=y", "compose.yaml:1:1: service db would get PW with two values"},
		{"another grant there", head + "    secrets:\n      - source: Q\n        target: PW\n", "db grant PW", "compose.yaml:5:9: service db has a secret at /run/secrets/PW in another way"},
		{"another mode", head + "    secrets: [PW]\n", "db grant PW,mode=0400", "compose.yaml:4:15: service db has a secret at /run/secrets/PW in another way"},
		{"no mode", head, "db grant PW,mode=u+r", "the mode of secret PW is no file mode"},
		{"secrets are no list", head + "    secrets: {PW: {}}\n", "db grant PW", "not a list"},
		{"unset through extends", "services:\n  db: {image: db, environment: [PW=c4n4ry]}\n  web: {extends: db}\n", "web unset PW", "compose.yaml:3:9: variable PW of service web comes in through extends"},
		{"unset reveals through extends", "services:\n  db: {image: db, environment: [PW=c4n4ry]}\n  web: {extends: db, environment: [PW=b, Q=c]}\n", "web unset PW", "compose.yaml:3:9: variable PW of service web comes in through extends"},
		{"extends what is not known", "services:\n  web: {extends: {file: x.yaml, service: db}, environment: [PW=c4n4ry]}\n", "web unset PW", "compose.yaml:2:9: service web extends what is not known"},
		{"nothing left", "services:\n  db:\n    environment:\n      PW: c4n4ry\n", "db unset PW", "compose.yaml:4:7: nothing would be left of this file"},
		{"a rename that meets another", head + "    environment:\n      PW: c4n4ry\n      PW_FILE: b\n", "db rename PW>PW_FILE=c", "compose.yaml:5:7: the new name of this key is there already"},
		{"a rename that one who merges has", "x-e: &e\n  PW: c4n4ry\n" + head + "    environment: *e\n  web:\n    environment:\n      <<: *e\n      PW_FILE: b\n", "db rename PW>PW_FILE=c", "the edit would change more than it should"},
		{"a rename that one who merges hides", "x-e: &e\n  PW: c4n4ry\n" + head + "    environment: *e\n  web:\n    environment:\n      <<: *e\n      PW: b\n", "db rename PW>PW_FILE=c", "the edit would change more than it should"},
		{"a rename through an alias", "x-p: &p c4n4ry\n" + head + "    environment: {PW: *p}\n", "db rename PW>PW_FILE=c", "compose.yaml:1:9: PW has its value through an alias"},
		{"a tag", head + "    environment: {PW: !t c4n4ry}\n", "db replace PW=x", "the value has a tag"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := runOps(t, tt.src, tt.ops)
			if err == nil {
				t.Fatalf("not refused, got\n%s", got)
			}
			if !errors.Is(err, yamledit.ErrUncertain) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "c4n4ry") {
				t.Errorf("got error %q, want %q", err, tt.want)
			}
		})
	}
}
