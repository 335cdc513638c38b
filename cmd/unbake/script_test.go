package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program: scripts run it as "unbake".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"unbake": main})
}

// TestScript runs testdata/script/*.txtar: the command line from outside, one concern a file. Beside testscript's own
// commands there are
//
//	exits N PROGRAM ARG…   run it and want exactly this exit code
//	nobody N PROGRAM ARG…  the same as a user for whom permissions count
//	json                   stdout is one JSON value
//	long FILE BYTES        append a line of x to a file
//	quoted FILE TEXT       write a file whose text is Go-quoted
//	image FILE FORM TEXT   write a container image, see writeImage
//
// and $DEMO is the demo project.
func TestScript(t *testing.T) {
	demo, err := filepath.Abs("../../testdata/demo")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("DEMO", demo)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			e.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(e.WorkDir))
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				e.Setenv("GIT_"+who+"_NAME", "shop")
				e.Setenv("GIT_"+who+"_EMAIL", "shop@example.com")
			}
			return nil
		},
		Condition: func(c string) (bool, error) {
			if c == "ci" {
				return os.Getenv("CI") == "true", nil
			}
			return false, errors.New("unknown condition " + c)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"nobody": nobody,
			"json":   isJSON,
			"long":   long,
			"quoted": quoted,
			"image":  writeImage,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N program [arg…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

// nobody runs a copy of the program that another user can reach; who is not root runs it as oneself.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	if os.Getuid() != 0 {
		exits(ts, neg, args)
		return
	}
	self, err := exec.LookPath(args[1])
	ts.Check(err)
	work := ts.Getenv("WORK")
	reach := filepath.Join(work, "bin", args[1])
	if _, err := os.Stat(reach); err != nil {
		ts.Check(os.MkdirAll(filepath.Dir(reach), 0o755))
		// Not by this process: what another test starts at the same time would hold the file open, and it could not be run.
		ts.Check(exec.Command("cp", self, reach).Run())
	}
	for dir := work; dir != filepath.Clean(os.TempDir()) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		ts.Check(os.Chmod(dir, 0o755))
	}
	exits(ts, neg, append([]string{args[0], "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", reach}, args[2:]...))
}

func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	d := json.NewDecoder(bytes.NewReader([]byte(ts.ReadFile("stdout"))))
	var v any
	if err := d.Decode(&v); err != nil {
		ts.Fatalf("stdout is not JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("stdout holds more than one JSON value")
	}
}

func long(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: long file bytes")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	ts.Check(err)
	line := strings.Repeat("x", 1<<20)
	for ; n > 0; n -= len(line) {
		_, err := f.WriteString(line[:min(n, len(line))])
		ts.Check(err)
	}
	_, err = f.WriteString("\n")
	ts.Check(err)
	ts.Check(f.Close())
}

func quoted(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: quoted file text")
	}
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// TestReadme shows that what README.md quotes of the demo is what the program prints.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(data)
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "testdata/demo"), os.DirFS("../../testdata/demo")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil { // the root
		t.Fatal(err)
	}
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	if code := run([]string{"fix", "--dry-run", "testdata/demo"}, &stdout, &stderr); code != exitFindings {
		t.Errorf("exit %d", code)
	}
	blocks := strings.Split(readme, "```diff\n")[1:]
	if len(blocks) == 0 {
		t.Error("README.md shows no diff")
	}
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		if !strings.Contains(stdout.String(), b) {
			t.Errorf("not in the patch:\n%s\nwhich is:\n%s", b, stdout.String())
		}
	}
	const finding = "    testdata/demo/worker/"
	_, quote, ok := strings.Cut(readme, "\n"+finding)
	if !ok {
		t.Fatal("README.md shows no finding")
	}
	quote, _, _ = strings.Cut(finding+quote, "\n\n")
	quote = strings.TrimPrefix(strings.ReplaceAll(quote, "\n    ", "\n"), "    ")
	if !strings.Contains(stderr.String(), quote) {
		t.Errorf("not among the findings:\n%s\nwhich are:\n%s", quote, stderr.String())
	}
}
