//go:build linux

package image_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// TestEngine asks a server that answers as the Docker Engine does: the stream of docker
// save, an image that it does not have, one that it cannot send.
func TestEngine(t *testing.T) {
	img := shop.Build(t)
	archive, err := os.ReadFile(imagetest.DockerArchive(t, filepath.Join(t.TempDir(), "docker.tar"), img))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "engine") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	asked := ""
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		switch {
		case strings.Contains(r.URL.Path, "nobody"):
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"message":"no such image: nobody:latest"}`))
		case strings.Contains(r.URL.Path, "broken"):
			w.WriteHeader(http.StatusInternalServerError)
			w.Write([]byte(`{"message":"disk is gone"}`))
		case strings.Contains(r.URL.Path, "short"):
			w.Header().Set("Content-Length", "100000")
			w.Write(archive[:5000])
		default:
			w.Write(archive)
		}
	})}
	go server.Serve(listener)
	defer server.Close()
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "docker.sock"))
	t.Setenv("TMPDIR", t.TempDir())

	const digest = "registry.example.com/team/shop@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	got, err := image.Open(context.Background(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if asked != "/images/"+digest+"/get" {
		t.Errorf("asked for %s", asked)
	}
	if all := names(t, got); all != shopNames {
		t.Errorf("holds\n%s", all)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"nobody": "has no image of this name",
		"broken": "disk is gone",
		"short":  "cut off",
	} {
		if err := read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
	if err := read("shop"); err == nil || !strings.Contains(err.Error(), "no unix socket") {
		t.Errorf("error is %v", err)
	}
}
