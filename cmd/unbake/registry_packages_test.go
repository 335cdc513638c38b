//go:build linux

package main_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// project is hello, of acme: one source tree that is a package in every ecosystem.
var project = map[string]string{
	"go.mod":                 "module git.example.com/acme/hello\n\ngo 1.21\n",
	"hello.go":               "// Package hello greets.\npackage hello\n\n// Greeting is what it says.\nconst Greeting = \"hello\"\n",
	"package.json":           `{"name": "@acme/hello", "version": "1.0.0", "main": "index.js"}` + "\n",
	"index.js":               "module.exports = 'hello'\n",
	"pyproject.toml":         "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
	"backend.py":             backend,
	"acme_hello/__init__.py": "GREETING = 'hello'\n",
	"lib/acme-hello.rb":      "module Acme\n  HELLO = 'hello'\nend\n",
	"composer.json":          `{"name": "acme/hello", "autoload": {"psr-4": {"Acme\\": "src/"}}}` + "\n",
	"src/Hello.php":          "<?php\n\nnamespace Acme;\n\nclass Hello\n{\n}\n",
	"Cargo.toml":             "[package]\nname = \"acme-hello\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
	"src/lib.rs":             "pub const GREETING: &str = \"hello\";\n",
	"LICENSE":                "Of no use to anybody.\n",
}

// backend builds hello's wheel: pip needs no other package for it.
const backend = `import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    wheel, info = 'acme_hello-1.0.0-py3-none-any.whl', 'acme_hello-1.0.0.dist-info/'
    with zipfile.ZipFile(os.path.join(folder, wheel), 'w') as z:
        z.write('acme_hello/__init__.py')
        z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0.0\n')
        z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        z.writestr(info + 'RECORD', '')
    return wheel
`

// packTar makes a gzipped tar, with all below a folder. It is not compressed: so it is the same with every Go.
func packTar(folder string, files map[string]string) []byte { return pack(tarOf(folder, files)) }

func pack(content []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(content); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func tarOf(folder string, files map[string]string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: folder + path, Mode: 0o644, Size: int64(len(files[path])), ModTime: released, Format: tar.FormatUSTAR})
		if err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(files[path])); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// packZip makes a zip, with all below a folder.
func packZip(folder string, files map[string]string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: folder + path, Method: zip.Store, Modified: released})
		if err != nil {
			panic(err)
		}
		if _, err := f.Write([]byte(files[path])); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// released is when version 1.0.0 was.
var released = time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)

// serveNPM is an npm registry with @acme/hello. What is published to it is forgotten.
func (r *registry) serveNPM(w http.ResponseWriter, q *http.Request) {
	tarball := packTar("package/", project)
	sum := sha512.Sum512(tarball)
	switch path := q.URL.Path; {
	case q.Method == http.MethodPut:
		send(w, q, "application/json", []byte(`{"ok": true}`))
	case path == "/-/whoami":
		send(w, q, "application/json", []byte(`{"username": "ci"}`))
	case path == "/-/ping":
		send(w, q, "application/json", []byte(`{}`))
	case path == "/@acme/hello": // also when the client writes %2f
		document, err := json.Marshal(map[string]any{
			"name":      "@acme/hello",
			"dist-tags": map[string]string{"latest": "1.0.0"},
			"time":      map[string]time.Time{"created": released, "modified": released, "1.0.0": released},
			"versions": map[string]any{"1.0.0": map[string]any{
				"name": "@acme/hello", "version": "1.0.0", "main": "index.js",
				"dist": map[string]string{
					"tarball":   scheme(q) + "://" + q.Host + "/@acme/hello/-/hello-1.0.0.tgz",
					"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
				},
			}},
		})
		if err != nil {
			panic(err)
		}
		send(w, q, "application/json", document)
	case path == "/@acme/hello/-/hello-1.0.0.tgz":
		send(w, q, "application/octet-stream", tarball)
	default:
		http.NotFound(w, q)
	}
}

func scheme(q *http.Request) string {
	if q.TLS == nil {
		return "http"
	}
	return "https"
}

// servePyPI is a simple index with the wheel and the source of acme-hello.
func (r *registry) servePyPI(w http.ResponseWriter, q *http.Request) {
	const wheel, sdist = "acme_hello-1.0.0-py3-none-any.whl", "acme_hello-1.0.0.tar.gz"
	switch q.URL.Path {
	case "/simple/":
		send(w, q, "text/html", []byte(`<!DOCTYPE html><a href="acme-hello/">acme-hello</a>`))
	case "/simple/acme-hello/":
		send(w, q, "text/html", fmt.Appendf(nil, `<!DOCTYPE html><a href="/files/%s">%[1]s</a> <a href="/files/%s">%[2]s</a>`, wheel, sdist))
	case "/files/" + wheel:
		metadata := "acme_hello-1.0.0.dist-info/"
		send(w, q, "application/zip", packZip("", map[string]string{
			"acme_hello/__init__.py": project["acme_hello/__init__.py"],
			metadata + "METADATA":    "Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0.0\n",
			metadata + "WHEEL":       "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
			metadata + "RECORD":      "acme_hello/__init__.py,,\n" + metadata + "METADATA,,\n" + metadata + "WHEEL,,\n" + metadata + "RECORD,,\n",
		}))
	case "/files/" + sdist:
		files := maps.Clone(project)
		files["PKG-INFO"] = "Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0.0\n"
		send(w, q, "application/gzip", packTar("acme_hello-1.0.0/", files))
	default: // pip asks for each package it is told of
		http.NotFound(w, q)
	}
}

// serveGoProxy is a proxy with the module git.example.com/acme/hello.
func (r *registry) serveGoProxy(w http.ResponseWriter, q *http.Request) {
	const module = "git.example.com/acme/hello"
	info := fmt.Appendf(nil, `{"Version": "v1.0.0", "Time": %q}`, released.Format(time.RFC3339))
	_, of, ok := strings.Cut(q.URL.Path, "/"+module+"/")
	if !ok {
		http.NotFound(w, q)
		return
	}
	switch of {
	case "@v/list":
		send(w, q, "text/plain", []byte("v1.0.0\n"))
	case "@latest", "@v/v1.0.0.info":
		send(w, q, "application/json", info)
	case "@v/v1.0.0.mod":
		send(w, q, "text/plain", []byte(project["go.mod"]))
	case "@v/v1.0.0.zip":
		send(w, q, "application/zip", packZip(module+"@v1.0.0/", project))
	default:
		http.NotFound(w, q)
	}
}

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
