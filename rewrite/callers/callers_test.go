package callers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestFind gives the names that each kind of caller passes, in their order.
func TestFind(t *testing.T) {
	for _, tc := range []struct{ path, text, want string }{
		{"build.sh", "docker build --build-arg A_TOKEN=$X --build-arg \"B_TOKEN=$Y\" --build-arg='C=1' .\n", "A_TOKEN B_TOKEN C"},
		{"build.sh", "docker build \\\n  --build-arg \\\n  A_TOKEN=1 .\n", "A_TOKEN"},
		{"build.sh", "# docker build --build-arg A_TOKEN=1 .\n", ""},
		{"scripts/release", "#!/bin/sh\ndocker build --build-arg A_TOKEN .\n", "A_TOKEN"},
		{"notes", "docker build --build-arg A_TOKEN .\n", ""},
		{"Makefile", "build:\n\tdocker build --build-arg A_TOKEN=$(A) .\n", "A_TOKEN"},
		{".github/workflows/a.yml", "with:\n  build-args: |\n    A_TOKEN=${{ secrets.A }}\n    B=2\n  tags: x\n", "A_TOKEN B"},
		{".github/workflows/a.yml", "with:\n  build-args: A_TOKEN=${{ secrets.A }}\n", "A_TOKEN"},
		{"docker-bake.hcl", "target \"a\" {\n  args = {\n    A_TOKEN = \"\"\n  }\n}\n", "A_TOKEN"},
		{"docker-bake.json", "{\"target\": {\"a\": {\n\"args\": {\n  \"A_TOKEN\": \"x\"\n}}}}\n", "A_TOKEN"},
		{"cloudbuild.yaml", "args:\n  - build\n  - --build-arg\n  - A_TOKEN=$$A\n", "A_TOKEN"},
		{"Tiltfile", "docker_build('x', '.', build_args={'A_TOKEN': '1'})\n", "A_TOKEN"},
		{"fly.toml", "[build.args]\n  A_TOKEN = \"1\"\n[env]\n  B = \"2\"\n", "A_TOKEN"},
		{"k8s.yaml", "containers:\n- args:\n  - A_TOKEN\n", ""},
	} {
		t.Run(tc.path, func(t *testing.T) {
			x := new(Reader).Find(fstest.MapFS{tc.path: {Data: []byte(tc.text)}}, []string{tc.path}, none, none)
			var got []string
			for name := range x.Args {
				got = append(got, name)
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("%s\ngot  %q\nwant %q", tc.text, s, tc.want)
			}
		})
	}
}

func none(string) bool { return false }

func TestPrograms(t *testing.T) {
	// A program puts the option together: every name in it counts.
	x := new(Reader).Find(fstest.MapFS{"build.py": {Data: []byte("for a in ['A_TOKEN']:\n    cmd += ['--build-arg', a]\n")}}, []string{"build.py"}, none, none)
	if got := fmt.Sprint(x.Args["A_TOKEN"]); got != "[{build.py 1}]" {
		t.Error(got)
	}
	x = new(Reader).Find(fstest.MapFS{"app.py": {Data: []byte("A_TOKEN = os.environ['A_TOKEN']\n")}}, []string{"app.py"}, none, none)
	if len(x.Args) > 0 {
		t.Error("a program that builds nothing is no caller:", x.Args)
	}
}

func TestTargets(t *testing.T) {
	x := new(Reader).Find(fstest.MapFS{"b.sh": {Data: []byte("docker build --target Prod .\n")}}, []string{"b.sh"}, none, none)
	if len(x.Targets["prod"]) != 1 || !x.Builds {
		t.Error(x.Targets, x.Builds)
	}
}
