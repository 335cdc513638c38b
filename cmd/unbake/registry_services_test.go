//go:build linux

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// serveFiles has a file at each path, as a plain server for downloads has.
func (r *registry) serveFiles(w http.ResponseWriter, q *http.Request) {
	send(w, q, "application/octet-stream", []byte("the file "+q.URL.Path+"\n"))
}

// serveGitHub is as much of a GitHub Enterprise as gh asks: who one is, and a release with a file.
func (r *registry) serveGitHub(w http.ResponseWriter, q *http.Request) {
	api := "https://" + q.Host + "/api/v3"
	switch strings.TrimPrefix(q.URL.Path, "/api") {
	case "/v3/", "/v3":
		w.Header().Set("X-Oauth-Scopes", "repo, read:org, gist")
		send(w, q, "application/json", []byte(`{}`))
	case "/graphql":
		answer := `{"data": {"viewer": {"login": "ci"}}}`
		if query, err := io.ReadAll(q.Body); err == nil && bytes.Contains(query, []byte("repository(")) {
			answer = `{"data": {"repository": {"release": null}}}`
		}
		send(w, q, "application/json", []byte(answer))
	case "/v3/user":
		send(w, q, "application/json", []byte(`{"login": "ci"}`))
	case "/v3/repos/acme/hello/releases/tags/v1.0.0", "/v3/repos/acme/hello/releases/latest":
		send(w, q, "application/json", fmt.Appendf(nil, `{"id": 1, "tag_name": "v1.0.0", "url": "%s/repos/acme/hello/releases/1",
			"assets": [{"id": 1, "name": "hello.txt", "size": 6, "url": "%[1]s/repos/acme/hello/releases/assets/1"}]}`, api))
	case "/v3/repos/acme/hello/releases/assets/1":
		send(w, q, "application/octet-stream", []byte("hello\n"))
	default:
		http.NotFound(w, q)
	}
}

// serveSentry takes what sentry-cli tells it of a release.
func (r *registry) serveSentry(w http.ResponseWriter, q *http.Request) {
	switch path := strings.TrimSuffix(q.URL.Path, "/"); {
	case path == "/api/0":
		send(w, q, "application/json", []byte(`{"version": "0", "auth": {"scopes": ["project:releases"]}, "user": null}`))
	case strings.HasSuffix(path, "/releases"), strings.Contains(path, "/releases/"):
		send(w, q, "application/json", []byte(`{"version": "1.0.0", "url": null, "dateCreated": "2024-05-06T07:08:10Z", "dateReleased": null, "lastEvent": null, "newGroups": 0}`))
	default:
		http.NotFound(w, q)
	}
}
