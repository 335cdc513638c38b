//go:build linux

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/session"
	sessioncontent "github.com/moby/buildkit/session/content"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/verify"
)

// TestVerify shows what `unbake verify` says of changes, with real builds on a base image that is on disk: each case of
// testdata/verify is a project that is committed (before/…), what is changed in it (after/…), and what is found (want).
// A line of the case's comment may be
//
//	context DIR, target NAME, build-arg NAME=VALUE
//	secret ID=VALUE      given by the caller
//	before FILE          in place of HEAD
//	remove FILE          from the project, after the commit
//	fix                  the change is what `unbake fix` makes
func TestVerify(t *testing.T) {
	if testing.Short() {
		t.Skip("real builds take a minute")
	}
	b := startBuildkit(t)
	paths, err := filepath.Glob("../../testdata/verify/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	unbake := program(t)
	t.Run("case", func(t *testing.T) {
		for _, path := range paths {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
				t.Parallel()
				c, err := readVerifyCase(path)
				if err != nil {
					t.Fatal(err)
				}
				c.run(t, b, unbake)
			})
		}
	})
	// The fixes of which TestBuild knows that they are wrong are found out here too.
	wrong, err := filepath.Glob("../../testdata/build/wrong/*.txtar")
	if err != nil || len(wrong) == 0 {
		t.Fatalf("no wrong fixes: %v", err)
	}
	unseen := map[string]bool{ // by two builds that have their secrets
		"empty-not-unset": true, "not-required": true, "required": true, "nobody-reads": true, "stale-excuse": true,
	}
	t.Run("wrong", func(t *testing.T) {
		for _, path := range wrong {
			if unseen[strings.TrimSuffix(filepath.Base(path), ".txtar")] {
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
				t.Parallel()
				c, err := readCase(path)
				if err != nil {
					t.Fatal(err)
				}
				got := c.verify(t, b, "")
				if strings.Contains(got, "verdict same") {
					t.Errorf("not found out (%s):\n%s", c.caught, got)
				}
			})
		}
	})
}

// TestVerifyFresh shows that a build with a mount is not answered with what the builder has kept of an earlier one, which
// had another value: with canaries that never is the same.
func TestVerifyFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("real builds take some seconds")
	}
	b := startBuildkit(t)
	dir := scratch(t)
	writeTree(t, dir, map[string]string{"Dockerfile": "FROM node:20\nARG T_TOKEN\nRUN echo \"$T_TOKEN\" | sha256sum > /seen\n" +
		"RUN --mount=type=secret,id=OLD_TOKEN cp /run/secrets/OLD_TOKEN /old\n"})
	commit(t, dir)
	writeTree(t, dir, map[string]string{"Dockerfile": "FROM node:20\nRUN --mount=type=secret,id=T_TOKEN,env=T_TOKEN echo \"$T_TOKEN\" | sha256sum > /seen\n" +
		"RUN --mount=type=secret,id=OLD_TOKEN cp /run/secrets/OLD_TOKEN /old\n"})
	from, err := b.base.unique()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := summariesOn(t, b, from, dir, verify.Request{Args: map[string]string{}, Given: map[string][]byte{}})
		// The mount that stayed writes its value, as ever: which is found only if the step has run again.
		if !strings.Contains(got, "OLD_TOKEN from a canary, before: layer 4: /old; after: layer 4: /old") || strings.Contains(got, "files /") {
			t.Error(got)
		}
	}
}

// TestVerifyCommand runs the program itself. Its Dockerfiles need no image: they are FROM scratch, with a busybox that
// lies in the context.
func TestVerifyCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("real builds take some seconds")
	}
	b := startBuildkit(t)
	unbake := program(t)
	before := map[string]string{
		"Dockerfile": "FROM scratch\nCOPY bin /bin/\nARG NPM_TOKEN\nENV API_TOKEN=tok-c4n4ry-EXAMPLE-7Qm2x\n" +
			"RUN echo \"$NPM_TOKEN $API_TOKEN\" | sha256sum > /seen\nCMD [\"sh\"]\n",
	}
	const mounts = "RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN --mount=type=secret,id=API_TOKEN,env=API_TOKEN,required=true "
	after := map[string]string{
		"Dockerfile":        "FROM scratch\nCOPY bin /bin/\n" + mounts + "echo \"$NPM_TOKEN $API_TOKEN\" | sha256sum > /seen\nCMD [\"sh\"]\n",
		"secrets/API_TOKEN": "tok-c4n4ry-EXAMPLE-7Qm2x",
	}
	project := func(t *testing.T, before, after map[string]string) string {
		dir := scratch(t)
		busyboxes(t, filepath.Join(dir, "bin"))
		writeTree(t, dir, before)
		commit(t, dir)
		writeTree(t, dir, after)
		return dir
	}
	verify := func(dir string, env []string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
		cmd = exec.Command(unbake, append([]string{"verify"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "BUILDKIT_HOST="+b.addr, "TMPDIR="+t.TempDir())
		cmd.Env = append(cmd.Env, env...)
		stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = stdout, stderr
		return cmd, stdout, stderr
	}
	run := func(t *testing.T, code int, dir string, env []string, args ...string) (stdout, stderr string) {
		t.Helper()
		cmd, out, err := verify(dir, env, args...)
		cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Errorf("exit %d, want %d\n%s%s", got, code, out, err)
		}
		if strings.Contains(out.String()+err.String(), "c4n4ry") {
			t.Error("a value is told")
		}
		return out.String(), err.String()
	}

	t.Run("same", func(t *testing.T) {
		stdout, stderr := run(t, 0, project(t, before, after), nil)
		const want = `Dockerfile  before HEAD, after the working tree
  files      N compared, equal
  config     N compared, equal (less ENV API_TOKEN)
  NPM_TOKEN  before: history, provenance; after: nowhere (a canary)
  API_TOKEN  before: config: ENV API_TOKEN, history, provenance; after: nowhere (a canary)
  verdict    the same image, without the 2 secrets
`
		// What runc adds, /proc for one, is its own affair.
		stdout = regexp.MustCompile(`\d+ compared`).ReplaceAllString(stdout, "N compared")
		if stdout != want || stderr != "" {
			t.Errorf("got\n%s%s\nwant\n%s", stdout, stderr, want)
		}
	})
	t.Run("json", func(t *testing.T) {
		stdout, _ := run(t, 0, project(t, before, after), nil, "--format", "json", "--addr", b.addr)
		var got struct {
			Images []struct {
				Path, Verdict string
				Files, Config struct {
					Compared    int
					Differences []any
					Less        []string
				}
				Secrets []struct {
					ID            string
					Before, After []string
				}
			}
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Images) != 1 || got.Images[0].Verdict != "same" || got.Images[0].Config.Less[0] != "ENV API_TOKEN" || len(got.Images[0].Secrets) != 2 {
			t.Error(stdout)
		}
	})
	t.Run("leaking", func(t *testing.T) {
		leaks := maps.Clone(after)
		leaks["Dockerfile"] = strings.Replace(after["Dockerfile"], "sha256sum >", "tee /token | sha256sum >", 1)
		stdout, _ := run(t, 1, project(t, before, leaks), nil)
		for _, want := range []string{"1 difference", "/token: is new", "after: layer 2: /token", "the secret is in the image"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("no %q in\n%s", want, stdout)
			}
		}
	})
	t.Run("unproven", func(t *testing.T) {
		fails := maps.Clone(before)
		fails["Dockerfile"] = strings.Replace(before["Dockerfile"], "sha256sum > /seen", "sha256sum > /seen; echo \"no $NPM_TOKEN here\"; false", 1)
		stdout, stderr := run(t, 2, project(t, fails, after), nil)
		if !strings.Contains(stdout, "cannot be compared: the old file does not build") || !strings.Contains(stdout, "--secret id=NPM_TOKEN") {
			t.Error(stdout)
		}
		if !strings.Contains(stderr, "  | no *** here\n") {
			t.Error(stderr)
		}
	})
	t.Run("real value", func(t *testing.T) {
		dir := project(t, before, after)
		stdout, _ := run(t, 0, dir, []string{"SHOP=tok-c4n4ry-EXAMPLE-9Kp4z"}, "--secret", "id=NPM_TOKEN,env=SHOP", "--secret", "id=API_TOKEN", "Dockerfile")
		if strings.Count(stdout, "(the caller)") != 2 || !strings.Contains(stdout, "the same image") {
			t.Error(stdout)
		}
	})
	t.Run("before", func(t *testing.T) {
		dir := project(t, before, after)
		if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
			t.Fatal(err)
		}
		_, stderr := run(t, 2, dir, nil)
		if !strings.Contains(stderr, "--before") {
			t.Error(stderr)
		}
		writeTree(t, dir, map[string]string{"old": before["Dockerfile"]})
		if stdout, _ := run(t, 0, dir, nil, "--before", "old", "Dockerfile"); !strings.Contains(stdout, "before old,") {
			t.Error(stdout)
		}
	})
	t.Run("no builder", func(t *testing.T) {
		dir := project(t, before, after)
		_, stderr := run(t, 2, dir, nil, "--addr", "unix://"+dir+"/none.sock")
		if !strings.Contains(stderr, "none.sock: no such file or directory: no builder, start Docker or name a BuildKit daemon with --addr or BUILDKIT_HOST\n") {
			t.Error(stderr)
		}
		git, err := exec.LookPath("git")
		if err != nil {
			t.Fatal(err)
		}
		only := t.TempDir()
		if err := os.Symlink(git, filepath.Join(only, "git")); err != nil {
			t.Fatal(err)
		}
		_, stderr = run(t, 2, dir, []string{"BUILDKIT_HOST=", "PATH=" + only})
		if !strings.Contains(stderr, "docker: not installed: no builder") {
			t.Error(stderr)
		}
	})
	t.Run("through docker", func(t *testing.T) {
		// What buildx does for this is to hand over the connection, as buildctl can too.
		bin := t.TempDir()
		script := "#!/bin/sh\n[ \"$1 $2\" = 'buildx dial-stdio' ] && exec " + b.buildctl + " --addr " + b.addr + " dial-stdio\nexit 1\n"
		if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		stdout, stderr := run(t, 0, project(t, before, after), []string{"BUILDKIT_HOST=", "PATH=" + bin + ":" + os.Getenv("PATH")})
		if !strings.Contains(stdout, "the same image") || stderr != "" {
			t.Error(stdout, stderr)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		slow := maps.Clone(before)
		slow["Dockerfile"] = strings.Replace(before["Dockerfile"], "RUN ", "RUN touch /began; sleep 60; ", 1)
		dir := project(t, slow, after)
		cmd, stdout, stderr := verify(dir, nil)
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // it is not told when a step begins: there is no terminal
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 2 || time.Since(began) > 30*time.Second || !strings.Contains(stderr.String(), "stopped: what was built is gone") {
			t.Errorf("exit %d after %v\n%s%s", code, time.Since(began), stdout, stderr)
		}
		for _, v := range cmd.Env {
			if tmp, ok := strings.CutPrefix(v, "TMPDIR="); ok {
				if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v %v", left, err)
				}
			}
		}
	})
}

// busyboxes makes a folder with the few commands that the Dockerfiles call.
func busyboxes(t *testing.T, dir string) {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "sh"), program, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sha256sum", "tee", "sleep", "touch"} {
		if err := os.Symlink("sh", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// program builds unbake.
func program(t *testing.T) string {
	t.Helper()
	unbake := filepath.Join(t.TempDir(), "unbake")
	if out, err := exec.Command("go", "build", "-o", unbake, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return unbake
}

// verifyCase is one testdata/verify/*.txtar.
type verifyCase struct {
	path, want    string
	before, after map[string]string
	remove        []string
	fix           bool
	beforeFile    string
	request       verify.Request
}

func readVerifyCase(path string) (*verifyCase, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	c := &verifyCase{path: path, before: map[string]string{}, after: map[string]string{}}
	c.request.Args, c.request.Given = map[string]string{}, map[string][]byte{}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "before/"); ok {
			c.before[name] = string(f.Data)
		} else if name, ok := strings.CutPrefix(f.Name, "after/"); ok {
			if strings.Contains(name, "secrets/") {
				f.Data = bytes.TrimSuffix(f.Data, []byte("\n")) // as fix writes them
			}
			c.after[name] = string(f.Data)
		} else if f.Name == "want" {
			c.want = string(f.Data)
		} else {
			return nil, fmt.Errorf("%s: what is %s?", path, f.Name)
		}
	}
	for i, line := range strings.Split(string(archive.Comment), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, value, _ := strings.Cut(rest, "=")
		switch word {
		case "", "#":
		case "context":
			c.request.Context = rest
		case "target":
			c.request.Target = rest
		case "build-arg":
			c.request.Args[name] = value
		case "secret":
			c.request.Given[name] = []byte(value)
		case "before":
			c.beforeFile = rest
		case "remove":
			c.remove = append(c.remove, rest)
		case "fix":
			c.fix = true
		default:
			return nil, fmt.Errorf("%s:%d: unknown directive %q", path, i+1, word)
		}
	}
	return c, nil
}

func (c *verifyCase) run(t *testing.T, b *buildkit, unbake string) {
	dir := scratch(t)
	writeTree(t, dir, c.before)
	commit(t, dir)
	writeTree(t, dir, c.after)
	for _, name := range c.remove {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if c.fix {
		cmd := exec.Command(unbake, "fix")
		cmd.Dir = dir
		var exit *exec.ExitError
		if out, err := cmd.CombinedOutput(); err != nil && !errors.As(err, &exit) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if c.beforeFile != "" {
		text, err := os.ReadFile(filepath.Join(dir, c.beforeFile))
		if err != nil {
			t.Fatal(err)
		}
		c.request.Before, c.request.BeforeName = text, c.beforeFile
	}
	if c.request.Context != "" {
		c.request.Context = filepath.Join(dir, c.request.Context)
	}
	got := summaries(t, b, dir, c.request)
	if os.Getenv("UNBAKE_TEST_UPDATE") != "" {
		archive, err := txtar.ParseFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
		archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
		if err := os.WriteFile(c.path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != c.want {
		t.Errorf("got\n%s\nwant\n%s", got, c.want)
	}
}

// verify is on a case of testdata/build, after a real fix, or without a program after its want tree.
func (c *buildCase) verify(t *testing.T, b *buildkit, unbake string) string {
	dir := scratch(t)
	c.write(t, dir, c.input)
	commit(t, dir)
	if unbake == "" {
		c.write(t, dir, c.want)
	} else {
		cmd := exec.Command(unbake, append([]string{"fix"}, c.flags...)...)
		cmd.Dir = dir
		var exit *exec.ExitError
		if out, err := cmd.CombinedOutput(); err != nil && !errors.As(err, &exit) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	r := verify.Request{Args: map[string]string{}, Given: map[string][]byte{}, Context: filepath.Join(dir, c.context)}
	for _, arg := range c.buildArgs {
		name, value, _ := strings.Cut(arg, "=")
		r.Args[name] = value
	}
	return summaries(t, b, dir, r)
}

func writeTree(t *testing.T, dir string, tree map[string]string) {
	t.Helper()
	for name, text := range tree {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// commit makes a repository of a folder.
func commit(t *testing.T, dir string) {
	t.Helper()
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A", "-f"}, {"commit", "-q", "-m", "before"}} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=shop", "-c", "user.email=shop@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
}

// summaries verifies a project, and writes down what was found, a line a fact.
func summaries(t *testing.T, b *buildkit, dir string, r verify.Request) string {
	t.Helper()
	from, err := b.base.unique()
	if err != nil {
		t.Fatal(err)
	}
	return summariesOn(t, b, from, dir, r)
}

func summariesOn(t *testing.T, b *buildkit, from source, dir string, r verify.Request) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r.Root, r.Files = dir, os.DirFS(dir)
	listing, err := rewrite.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.Paths = listing.Paths
	if r.Dockerfiles, _, err = rewrite.Find(dir, []string{dir}, rewrite.IsDockerfile, func() (*rewrite.Listing, error) { return listing, nil }); err != nil {
		t.Fatal(err)
	}
	if r.Before != nil {
		r.Dockerfiles = []string{"Dockerfile"}
	}
	var out strings.Builder
	jobs, same, new, err := verify.Find(ctx, r)
	if err != nil {
		return fmt.Sprintf("error %v\n", err)
	}
	for _, name := range same {
		fmt.Fprintf(&out, "%s unchanged\n", name)
	}
	for _, name := range new {
		fmt.Fprintf(&out, "%s new\n", name)
	}
	builder, err := verify.Dial(ctx, b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer builder.Close()
	for _, job := range jobs {
		report, err := job.Run(ctx, builder, from.options(t))
		if err != nil {
			fmt.Fprintf(&out, "error %v\n", err)
			continue
		}
		summary(&out, report)
	}
	text := regexp.MustCompile(`tmp\.[A-Za-z0-9]{6}`).ReplaceAllString(out.String(), "tmp.XXXXXX") // mktemp's
	if strings.Contains(text, "c4n4ry") {
		t.Error("a canary is told")
	}
	return text
}

// options gives every FROM this image, and no way to a registry.
func (s source) options(t *testing.T) verify.Options {
	t.Helper()
	store, err := contentlocal.NewStore(s.layout)
	if err != nil {
		t.Fatal(err)
	}
	return verify.Options{
		FrontendOpts: map[string]string{"cmdline": "none"}, // "# syntax" names an image: the daemon's own frontend is used
		Session:      []session.Attachable{sessioncontent.NewAttachable(map[string]content.Store{"oci:base": store})},
		SourcePolicy: &spb.Policy{Rules: []*spb.Rule{{
			Action:   spb.PolicyAction_CONVERT,
			Selector: &spb.Selector{Identifier: "docker-image://*", MatchType: spb.MatchType_WILDCARD},
			Updates: &spb.Update{
				Identifier: "oci-layout://docker.io/library/base@" + s.manifest,
				Attrs:      map[string]string{"oci.store": "base"},
			},
		}}},
	}
}

func summary(out *strings.Builder, r *verify.Report) {
	fmt.Fprintf(out, "%s", r.Path)
	if r.Service != "" {
		fmt.Fprintf(out, " service %s", r.Service)
	}
	if r.Target != "" {
		fmt.Fprintf(out, " stage %s", r.Target)
	}
	fmt.Fprintf(out, " before %s\n", r.From)
	for _, n := range r.Notes {
		fmt.Fprintf(out, "note %s\n", n)
	}
	for _, c := range []struct {
		name string
		*verify.Comparison
	}{{"files", r.Files}, {"config", r.Config}} {
		if c.Comparison == nil {
			continue
		}
		if c.Compared == 0 {
			fmt.Fprintf(out, "%s: nothing compared\n", c.name)
		}
		for _, x := range c.Less {
			fmt.Fprintf(out, "%s less %s\n", c.name, x)
		}
		for _, x := range c.Varying {
			fmt.Fprintf(out, "%s varies %s\n", c.name, x)
		}
		for _, d := range c.Differences {
			fmt.Fprintf(out, "%s %s: %s\n", c.name, d.What, d.How)
		}
	}
	if r.Files != nil {
		for _, s := range r.Secrets {
			fmt.Fprintf(out, "%s from %s, before: %s; after: %s", s.ID, s.From, strings.Join(s.Before, ", "), strings.Join(s.After, ", "))
			if !s.Searched {
				fmt.Fprint(out, "; not searched for")
			}
			if s.Logged {
				fmt.Fprint(out, "; printed")
			}
			fmt.Fprintln(out)
		}
	}
	if r.Failed != "" {
		first, _, _ := strings.Cut(r.Failed, "\n")
		fmt.Fprintf(out, "failed %s\n", first)
	}
	fmt.Fprintf(out, "verdict %s\n", r.Verdict)
}
