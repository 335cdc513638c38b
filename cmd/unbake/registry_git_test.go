//go:build linux

package main_test

import (
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// makeRepositories makes a folder with acme/hello.git, tagged v1.0.0, and acme/site.git, which has it as the submodule
// hello.
func makeRepositories(dir string) error {
	for path, content := range project {
		path = filepath.Join(dir, "hello", path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"init --quiet --initial-branch=main hello",
		"-C hello add .",
		"-C hello commit --quiet -m Hello",
		"-C hello tag v1.0.0",
		"clone --quiet --bare hello acme/hello.git",
		"init --quiet --initial-branch=main site",
		"-C site -c protocol.file.allow=always submodule --quiet add ../hello hello",
		"-C site config -f .gitmodules submodule.hello.url https://git.example.com/acme/hello.git",
		"-C site add .gitmodules",
		"-C site commit --quiet -m Site",
		"clone --quiet --bare site acme/site.git",
	} {
		git := exec.Command("git", strings.Fields(line)...)
		git.Dir = dir
		when := released.Format(time.RFC3339)
		git.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com", "GIT_AUTHOR_DATE="+when,
			"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com", "GIT_COMMITTER_DATE="+when)
		if out, err := git.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", line, err, out)
		}
	}
	// With and without .git: forges know both.
	return os.Symlink("hello.git", filepath.Join(dir, "acme/hello"))
}

// serveGit is a forge: git over HTTP as git itself serves it, and what go asks to find a repository.
func (r *registry) serveGit(w http.ResponseWriter, q *http.Request) {
	if q.URL.Query().Get("go-get") == "1" {
		send(w, q, "text/html", []byte(`<meta name="go-import" content="git.example.com/acme/hello git https://git.example.com/acme/hello.git">`))
		return
	}
	folder, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	git := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(folder)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + r.repositories, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
		Stderr: noise{},
	}
	git.ServeHTTP(w, q)
}
