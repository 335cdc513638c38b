package rewrite_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rules"
)

// TestNeverTold prints everything that a plan can print, and looks for parts of the values.
func TestNeverTold(t *testing.T) {
	for _, tc := range []struct {
		name   string
		files  map[string]string
		secret []string
	}{
		{"literal, and again in a comment", map[string]string{"Dockerfile": "FROM a AS b\n# API_TOKEN was c4n4ry-EXAMPLE-7Qm2x\nENV API_TOKEN=c4n4ry-EXAMPLE-7Qm2x\nRUN ./x\nFROM a\n"}, []string{"c4n4ry", "7Qm2x"}},
		{"quotes and escapes", map[string]string{"Dockerfile": "FROM a AS b\nENV API_TOKEN=\"c4n4ry \\\"EXAMPLE\\\" \\$7Qm2x\"\nRUN ./x\nFROM a\n"}, []string{"c4n4ry", "7Qm2x"}},
		{"over two lines", map[string]string{"Dockerfile": "FROM a AS b\nENV API_TOKEN=c4n4ryEXAMPLE\\\n7Qm2xR9tLw4Z MODE=x\nRUN ./x\nFROM a\n"}, []string{"c4n4ry", "7Qm2xR9"}},
		{"at run time, left", map[string]string{"Dockerfile": "FROM a\nENV API_TOKEN c4n4ry-EXAMPLE-7Qm2x\nCMD x\n"}, []string{"c4n4ry", "7Qm2x"}},
		{"short and weak", map[string]string{"Dockerfile": "FROM a\nENV DB_PASSWORD=qzxw\nENV MORE_PASSWORD qzxv\nCMD x\n"}, []string{"qzxw", "qzxv"}},
		{"provider's form in a command", map[string]string{"Dockerfile": "FROM a\nARG API_TOKEN\nRUN curl -H \"X: ghp_c4n4ryEXAMPLE0123456789abcdefghij0123\" -H $API_TOKEN x\n"}, []string{"c4n4ry"}},
		{"compose", map[string]string{"Dockerfile": "FROM a\nARG API_TOKEN\nRUN ./x\n", "compose.yaml": "services:\n  a:\n    build:\n      context: .\n      args:\n        API_TOKEN: \"c4n4ry-EXAMPLE-7Qm2x\"\n"}, []string{"c4n4ry", "7Qm2x"}},
		{"url in a context line", map[string]string{"Dockerfile": "FROM a\nENV URL=postgres://app:c4n4ryEXAMPLE7Qm2x@db.example.com/app\nARG API_TOKEN\nRUN ./x\n"}, []string{"c4n4ry", "7Qm2x"}},
		{"sentinel default", map[string]string{"Dockerfile": "FROM a\nARG API_TOKEN=qzxwqzxw\nRUN echo $API_TOKEN\n"}, []string{"=qzxwqzxw"}},
		{"readme", map[string]string{"Dockerfile": "FROM a AS b\nENV API_TOKEN=c4n4ry-EXAMPLE-7Qm2x\nRUN ./x\nFROM a\n", "README.md": "use c4n4ry-EXAMPLE-7Qm2x as token\n"}, []string{"c4n4ry", "7Qm2x"}},
		{"context lines of others", map[string]string{"Dockerfile": "FROM a\n# old: API_TOKEN=c4n4ry-EXAMPLE-7Qm2x\nENV OTHER_TOKEN c4n4ry-EXAMPLE-8Qm2x\nLABEL api_password=c4n4ry-EXAMPLE-9Qm2x\nARG API_TOKEN\nRUN curl -u admin:c4n4ry-EXAMPLE-6Qm2x -H $API_TOKEN x\nRUN echo \"root:c4n4ry-EXAMPLE-5Qm2x\" | chpasswd\n"}, []string{"c4n4ry", "Qm2x"}},
		{"a value that does not parse", map[string]string{"Dockerfile": "FROM a\nENV A=1 c4n4ry7Qm2x\n"}, []string{"c4n4ry", "7Qm2x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			var paths []string
			for name, data := range tc.files {
				fsys[name] = &fstest.MapFile{Data: []byte(data)}
				paths = append(paths, name)
			}
			for _, least := range []rewrite.Safety{rewrite.Manual, rewrite.Review} {
				ws := rewrite.NewWorkspace(fsys, func() []string { return paths }, nil)
				plan, err := rewrite.Run(ws, []string{"Dockerfile"}, rules.All(), rewrite.Options{Least: least})
				if err != nil {
					t.Fatal(err)
				}
				var out strings.Builder
				for _, e := range plan.Errors {
					fmt.Fprintln(&out, e)
				}
				for _, r := range plan.Results {
					fmt.Fprintln(&out, r.Message, r.Reason, r.Source, r.Secret)
					if r.Fix != nil {
						fmt.Fprintln(&out, r.Fix.Title, r.Fix.Needs, r.Fix.Passes, r.Fix.Rotate)
					}
				}
				out.WriteString(plan.Diff(false))
				for _, s := range tc.secret {
					if strings.Contains(out.String(), s) {
						t.Errorf("%q is told:\n%s", s, out.String())
					}
				}
				if len(plan.Results) == 0 && len(plan.Errors) == 0 {
					t.Error("nothing was found: the test proves nothing")
				}
			}
		})
	}
}

// TestOrdinals tells two values apart without telling anything of them.
func TestOrdinals(t *testing.T) {
	fsys := fstest.MapFS{"Dockerfile": {Data: []byte("FROM a\nENV A_TOKEN=c4n4ry-EXAMPLE-1a B_TOKEN=c4n4ry-EXAMPLE-2b C_TOKEN=c4n4ry-EXAMPLE-1a\nCMD x\n")}}
	ws := rewrite.NewWorkspace(fsys, func() []string { return []string{"Dockerfile"} }, nil)
	plan, err := rewrite.Run(ws, []string{"Dockerfile"}, rules.All(), rewrite.Options{})
	if err != nil || len(plan.Results) == 0 {
		t.Fatal(err, plan.Results)
	}
	if want := "ENV A_TOKEN=*** B_TOKEN=***#2 C_TOKEN=***"; plan.Results[0].Source != want {
		t.Errorf("got  %s\nwant %s", plan.Results[0].Source, want)
	}
}
