//go:build linux

package main_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBuildAddress shows that BuildKit sends the secret HTTP_AUTH_HEADER_<host> where it sent the password of an ADD
// address before: a server that demands it gives both builds the same files, and none without it.
func TestBuildAddress(t *testing.T) {
	if testing.Short() {
		t.Skip("real builds take a minute")
	}
	b := startBuildkit(t)
	unbake := filepath.Join(t.TempDir(), "unbake")
	if out, err := exec.Command("go", "build", "-o", unbake, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	const password = "pw-c4n4ry-EXAMPLE/7Qm2x"
	modified := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, got, ok := r.BasicAuth(); !ok || user != "shop" || got != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/named" {
			w.Header().Set("Content-Disposition", `attachment; filename="shop.txt"`)
		}
		w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
		w.Write([]byte("the data of " + r.URL.Path + "\n"))
	}))
	listener, err := b.listen("127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	address := "http://shop:pw-c4n4ry-EXAMPLE%2F7Qm2x@" + host
	dockerfile := func(address string) string {
		return "FROM alpine:3.20\n" +
			"WORKDIR /data\n" +
			"ADD " + address + "/data.txt ./\n" +
			"ADD --chmod=640 --chown=app:app [\"" + address + "/other?x=1\", \"/data/other.txt\"]\n" +
			"ADD " + address + "/named /data/\n"
	}
	c := &buildCase{
		base:    b.base,
		context: ".", dockerfile: "Dockerfile", exit: 0, without: "fails",
		canaries: []string{"pw-c4n4ry-EXAMPLE%2F7Qm2x"},
		unread:   []string{"pw-c4n4ry-EXAMPLE%2F7Qm2x"}, // the server is no part of the build
		secrets:  map[string]string{}, modes: map[string]fs.FileMode{},
		input: map[string]string{"Dockerfile": dockerfile(address)},
		want: map[string]string{
			"Dockerfile":                         dockerfile(server.URL),
			".gitignore":                         "/secrets/\n",
			".dockerignore":                      "/secrets/\n",
			"secrets/HTTP_AUTH_HEADER_127.0.0.1": "Basic c2hvcDpwdy1jNG40cnktRVhBTVBMRS83UW0yeA==",
		},
	}
	c.run(t, b, unbake)
}
