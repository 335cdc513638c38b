package main

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/unbake-dev/unbake/rewrite"
)

// TestPreCommit runs the real pre-commit, which clones this checkout as it is now and builds it: the first commit is
// stopped and the file fixed, the second passes.
func TestPreCommit(t *testing.T) {
	if testing.Short() {
		t.Skip("pre-commit builds the program")
	}
	for _, program := range []string{"pre-commit", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("no %s: run scripts/tools.sh", program)
			}
			t.Skipf("no %s: run scripts/tools.sh", program)
		}
	}
	env := append(os.Environ(),
		"PRE_COMMIT_HOME="+t.TempDir(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=shop", "GIT_AUTHOR_EMAIL=shop@example.com", "GIT_COMMITTER_NAME=shop", "GIT_COMMITTER_EMAIL=shop@example.com",
		// pre-commit gives Go an empty module cache. What is here already need not come over the network.
		"GOPROXY=file://"+filepath.ToSlash(goEnv(t, "GOMODCACHE"))+"/cache/download,"+goEnv(t, "GOPROXY"),
		"GOFLAGS=-buildvcs=false")
	hooks := snapshot(t, env)
	rev := strings.TrimSpace(must(t, env, hooks, "git", "rev-parse", "HEAD"))

	shop := t.TempDir()
	must(t, env, shop, "git", "init", "-q")
	writeTree(t, shop, map[string]string{
		".pre-commit-config.yaml": "repos:\n- repo: file://" + filepath.ToSlash(hooks) + "\n  rev: " + rev + "\n  hooks:\n  - id: unbake-fix\n  - id: unbake-check\n",
		"Dockerfile":              "FROM node:22\nARG NPM_TOKEN\nRUN npm ci\n",
	})
	must(t, env, shop, "pre-commit", "install")
	must(t, env, shop, "git", "add", ".")

	out, err := command(env, shop, "git", "commit", "-m", "shop")
	if err == nil || !strings.Contains(out, "files were modified by this hook") {
		t.Fatalf("the first commit is not stopped by a fix: %v\n%s", err, out)
	}
	want := "# syntax=docker/dockerfile:1\nFROM node:22\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci\n"
	if got := readTree(t, shop)["Dockerfile"]; got != want {
		t.Fatalf("the Dockerfile is not fixed:\n%s\n%s", got, out)
	}
	must(t, env, shop, "git", "add", ".")
	out = must(t, env, shop, "git", "commit", "-m", "shop")
	if n := strings.Count(out, "Passed"); n != 2 {
		t.Errorf("%d hooks passed on the second commit, want 2:\n%s", n, out)
	}

	// What needs review is not fixed, and stops the commit.
	script := "FROM alpine\nARG API_TOKEN\nCOPY fetch.sh /\nRUN /fetch.sh\n"
	writeTree(t, shop, map[string]string{"app.Dockerfile": script})
	must(t, env, shop, "git", "add", ".")
	out, err = command(env, shop, "git", "commit", "-m", "review")
	if err == nil || !strings.Contains(out, "app.Dockerfile:2:5: ") || !strings.Contains(out, "(review)") {
		t.Errorf("a finding that needs review does not stop the commit: %v\n%s", err, out)
	}
	if got := readTree(t, shop)["app.Dockerfile"]; got != script {
		t.Errorf("the hook made a fix that needs review:\n%s", got)
	}
	must(t, env, shop, "git", "rm", "-q", "--cached", "app.Dockerfile")

	// Other files do not start the hooks.
	writeTree(t, shop, map[string]string{"notes.txt": "FROM node\nARG NPM_TOKEN\n"})
	must(t, env, shop, "git", "add", "notes.txt")
	if out := must(t, env, shop, "git", "commit", "-m", "notes"); strings.Count(out, "Skipped") != 2 {
		t.Errorf("the hooks run on notes.txt:\n%s", out)
	}
}

// TestPreCommitNames shows that the hooks take the files that a walk takes.
func TestPreCommitNames(t *testing.T) {
	data, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct {
		ID, Entry, Files, Exclude string
		Serial                    bool `yaml:"require_serial"`
	}
	if err := yaml.Unmarshal(data, &hooks); err != nil {
		t.Fatal(err)
	}
	if len(hooks) != 2 || hooks[0].Entry != "unbake fix --safe" || hooks[1].Entry != "unbake check" {
		t.Errorf("hooks: %+v", hooks)
	}
	for _, h := range hooks {
		if !h.Serial {
			t.Errorf("%s: two runs at once would write the same compose file", h.ID)
		}
		files, exclude := regexp.MustCompile(h.Files), regexp.MustCompile(h.Exclude)
		for _, base := range []string{
			"Dockerfile", "dockerfile", "Dockerfile.dev", "Dockerfile.", "Dockerfile.a.b", "app.Dockerfile", "app.dockerfile", ".dockerfile",
			"Containerfile", "Containerfile.dev", "containerfile-x", "Dockerfile~", "Dockerfiles", "my-Dockerfile", "Dockerfile-dev", "notes.txt",
			"Dockerfile.dockerignore", ".dockerignore", "Dockerfile.j2", "Dockerfile.jinja", "Dockerfile.jinja2", "Dockerfile.tmpl", "Dockerfile.tpl",
			"Dockerfile.template", "Dockerfile.erb", "Dockerfile.mustache", "Dockerfile.hbs", "Dockerfile.md", "Dockerfile.rst", "Dockerfile.orig",
			"Dockerfile.rej", "Dockerfile.bak", "Dockerfile.swp", "Dockerfile.patch", "Dockerfile.diff", "Dockerfile.TMPL", "compose.yaml", "compose.yml", "compose.dev.yaml", "compose-x.yaml", "Compose.yaml",
			"docker-compose.yml", "docker-compose.prod.yaml", "docker-compose-dev.yml", "docker-compose.yml.j2", "docker-compose", "compose..yaml", "compose.yaml.orig",
		} {
			for _, dir := range []string{"", "a/b", "Dockerfile.d"} {
				name := path.Join(dir, base)
				if got, want := files.MatchString(name) && !exclude.MatchString(name), rewrite.IsTarget(base); got != want {
					t.Errorf("%s: the hook takes %s: %v, a walk: %v", h.ID, name, got, want)
				}
			}
		}
		for _, name := range []string{"vendor/x/Dockerfile", "a/node_modules/Dockerfile"} {
			if !exclude.MatchString(name) {
				t.Errorf("%s: the hook takes %s", h.ID, name)
			}
		}
	}
}

// snapshot commits the checkout, as it is in the working tree, to a repository of its own.
func snapshot(t *testing.T, env []string) string {
	t.Helper()
	top := filepath.Join("..", "..")
	dir := t.TempDir()
	for name := range strings.SplitSeq(must(t, env, top, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00") {
		data, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
		if name == "" || os.IsNotExist(err) {
			continue // deleted, not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		writeTree(t, dir, map[string]string{name: string(data)})
	}
	must(t, env, dir, "git", "init", "-q")
	must(t, env, dir, "git", "add", "-A", "-f")
	must(t, env, dir, "git", "commit", "-q", "-m", "snapshot")
	return dir
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func must(t *testing.T, env []string, dir, name string, args ...string) string {
	t.Helper()
	out, err := command(env, dir, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func command(env []string, dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}
