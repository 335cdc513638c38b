//go:build linux

package main_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

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

// serveGems is a gem server with a compact index, as bundler asks it, and the gem acme-hello.
func (r *registry) serveGems(w http.ResponseWriter, q *http.Request) {
	const specification = `--- !ruby/object:Gem::Specification
name: acme-hello
version: !ruby/object:Gem::Version
  version: 1.0.0
platform: ruby
authors:
- Ann
date: 2024-05-06 00:00:00.000000000 Z
dependencies: []
executables: []
extensions: []
extra_rdoc_files: []
files:
- lib/acme-hello.rb
licenses: []
metadata: {}
require_paths:
- lib
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
required_rubygems_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
rubygems_version: 3.6.7
specification_version: 4
summary: Says hello
test_files: []
`
	gem := tarOf("", map[string]string{
		"metadata.gz": string(pack([]byte(specification))),
		"data.tar.gz": string(packTar("", map[string]string{"lib/acme-hello.rb": project["lib/acme-hello.rb"]})),
	})
	info := fmt.Appendf(nil, "---\n1.0.0 |checksum:%x\n", sha256.Sum256(gem))
	switch q.URL.Path {
	case "/versions":
		send(w, q, "text/plain", fmt.Appendf(nil, "created_at: 2024-05-06T07:08:10+00:00\n---\nacme-hello 1.0.0 %x\n", md5.Sum(info)))
	case "/info/acme-hello":
		send(w, q, "text/plain", info)
	case "/gems/acme-hello-1.0.0.gem":
		send(w, q, "application/octet-stream", gem)
	default:
		http.NotFound(w, q)
	}
}

// serveComposer is a composer repository with acme/hello.
func (r *registry) serveComposer(w http.ResponseWriter, q *http.Request) {
	dist := packZip("hello/", project)
	switch q.URL.Path {
	case "/packages.json":
		send(w, q, "application/json", fmt.Appendf(nil, `{"packages": {"acme/hello": {"1.0.0": {"name": "acme/hello", "version": "1.0.0",
			"autoload": {"psr-4": {"Acme\\": "src/"}},
			"dist": {"type": "zip", "url": "https://%s/dist/hello.zip", "reference": "1", "shasum": "%x"}}}}}`, q.Host, sha1.Sum(dist)))
	case "/dist/hello.zip":
		send(w, q, "application/zip", dist)
	default:
		http.NotFound(w, q)
	}
}

// serveApt is a flat repository with the package acme-hello, for all architectures.
func (r *registry) serveApt(w http.ResponseWriter, q *http.Request) {
	control := "Package: acme-hello\nVersion: 1.0.0\nArchitecture: all\nMaintainer: Ann <ann@example.com>\nDescription: Says hello\n"
	var deb bytes.Buffer
	deb.WriteString("!<arch>\n")
	for _, member := range []struct {
		name    string
		content []byte
	}{
		{"debian-binary", []byte("2.0\n")},
		{"control.tar.gz", packTar("./", map[string]string{"control": control})},
		{"data.tar.gz", packTar("./", map[string]string{"usr/share/acme-hello": "hello\n"})},
	} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", member.name, released.Unix(), 0, 0, 0o100644, len(member.content), member.content)
		if len(member.content)%2 == 1 {
			deb.WriteByte('\n')
		}
	}
	packages := fmt.Appendf(nil, "%sFilename: ./acme-hello.deb\nSize: %d\nSHA256: %x\n", control, deb.Len(), sha256.Sum256(deb.Bytes()))
	switch strings.TrimPrefix(strings.TrimPrefix(q.URL.Path, "/./"), "/") {
	case "Release":
		send(w, q, "text/plain", fmt.Appendf(nil, "Suite: stable\nDate: %s\nSHA256:\n %x %d Packages\n",
			released.Format(http.TimeFormat), sha256.Sum256(packages), len(packages)))
	case "Packages":
		send(w, q, "text/plain", packages)
	case "acme-hello.deb":
		send(w, q, "application/octet-stream", deb.Bytes())
	default:
		http.NotFound(w, q)
	}
}

// serveCrates is a sparse index of cargo's that asks for a token before all else, with acme-hello.
func (r *registry) serveCrates(w http.ResponseWriter, q *http.Request) {
	files := map[string]string{}
	for _, path := range []string{"Cargo.toml", "src/lib.rs"} {
		files[path] = project[path]
	}
	crate := packTar("acme-hello-1.0.0/", files)
	switch q.URL.Path {
	case "/index/config.json":
		send(w, q, "application/json", fmt.Appendf(nil, `{"dl": "https://%s/dl", "api": "https://%[1]s", "auth-required": true}`, q.Host))
	case "/index/ac/me/acme-hello":
		send(w, q, "text/plain", fmt.Appendf(nil, `{"name":"acme-hello","vers":"1.0.0","deps":[],"cksum":"%x","features":{},"yanked":false}`+"\n", sha256.Sum256(crate)))
	case "/dl/acme-hello/1.0.0/download":
		send(w, q, "application/gzip", crate)
	default:
		http.NotFound(w, q)
	}
}

// serveMaven is a maven repository with com.acme:hello.
func (r *registry) serveMaven(w http.ResponseWriter, q *http.Request) {
	path, isSum := strings.CutSuffix(q.URL.Path, ".sha1")
	var content []byte
	switch path {
	case "/maven2/com/acme/hello/1.0.0/hello-1.0.0.pom":
		content = []byte("<project><modelVersion>4.0.0</modelVersion><groupId>com.acme</groupId><artifactId>hello</artifactId><version>1.0.0</version></project>\n")
	case "/maven2/com/acme/hello/1.0.0/hello-1.0.0.jar":
		content = packZip("", map[string]string{"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"})
	}
	if isSum && content != nil {
		content = fmt.Appendf(nil, "%x", sha1.Sum(content))
	}
	send(w, q, "application/octet-stream", content)
}
