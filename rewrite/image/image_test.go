package image_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// shop is an image with each packing, a step without a layer, one layer twice, and names
// that begin in each way that they do.
var shop = imagetest.Image{
	Config: v1.Config{Env: []string{"PATH=/bin", "MODE=shop"}, Labels: map[string]string{"a": "b"}, Cmd: []string{"run"}, Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "true"}}},
	Steps: []imagetest.Step{
		{By: "ADD rootfs / # buildkit", Files: []imagetest.Entry{{Name: "./", Type: tar.TypeDir}, {Name: "./etc/passwd", Body: "root"}, {Name: "/bin/sh", Body: "#!"}}},
		{By: "ENV MODE=shop"},
		{By: "COPY app /app # buildkit", Packing: compression.ZStd, Files: []imagetest.Entry{{Name: "app", Type: tar.TypeDir}, {Name: "app/main", Body: "main"}, {Name: "app/link", Type: tar.TypeSymlink, Link: "../../../etc/shadow"}}},
		{By: "RUN rm /app/main # buildkit", Packing: compression.None, Files: []imagetest.Entry{{Name: "app/.wh.main"}}},
		{By: "RUN rm /app/main # buildkit", Packing: compression.None, Files: []imagetest.Entry{{Name: "app/.wh.main"}}},
	},
}

// names lists what is in all layers of all platforms, in order.
func names(t *testing.T, img *image.Image) string {
	t.Helper()
	list, err := listing(img)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func listing(img *image.Image) (string, error) {
	var b strings.Builder
	for _, p := range img.Platforms {
		b.WriteString(p.String() + "\n")
		for _, l := range p.Layers {
			if l.History != nil {
				b.WriteString(l.History.CreatedBy + "\n")
			}
			err := l.Each(func(h *tar.Header, r io.Reader) error {
				data, err := io.ReadAll(r)
				b.WriteString("  " + h.Name + " " + h.Linkname + string(data) + "\n")
				return err
			})
			if err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

const shopNames = `linux/amd64
ADD rootfs / # buildkit
  . 
  etc/passwd root
  bin/sh #!
COPY app /app # buildkit
  app 
  app/main main
  app/link ../../../etc/shadow
RUN rm /app/main # buildkit
  app/.wh.main 
RUN rm /app/main # buildkit
  app/.wh.main 
`

// TestOpen reads one image from every kind of place.
func TestOpen(t *testing.T) {
	img := shop.Build(t)
	dir := t.TempDir()
	packed := filepath.Join(dir, "packed.tar.gz")
	places := map[string]string{
		"layout":         imagetest.Layout(t, filepath.Join(dir, "layout"), img),
		"archive":        imagetest.OCIArchive(t, filepath.Join(dir, "oci.tar"), img),
		"nested index":   imagetest.OCIArchive(t, filepath.Join(dir, "index.tar"), imagetest.Index(t, img)),
		"docker":         imagetest.DockerArchive(t, filepath.Join(dir, "docker.tar"), img),
		"docker, old":    imagetest.OldDockerArchive(t, filepath.Join(dir, "old.tar"), img),
		"docker, packed": packed,
	}
	pack(t, places["docker"], packed)
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			img, err := image.Open(context.Background(), place)
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			if got := names(t, img); got != shopNames {
				t.Errorf("holds\n%s", got)
			}
			p := img.Platforms[0]
			if len(p.History) != 5 || p.History[1].Layer != nil || p.History[2].Layer != p.Layers[1] || p.Layers[1].Index != 2 {
				t.Errorf("history is not joined to the layers: %+v", p.History)
			}
			if p.Parsed.Env[1] != "MODE=shop" || p.Parsed.Labels["a"] != "b" || p.Parsed.Healthcheck.Test[1] != "true" || p.Parsed.Cmd[0] != "run" {
				t.Errorf("configuration: %+v", p.Parsed)
			}
			if len(p.Tags) != 1 || !strings.HasSuffix(p.Tags[0], "shop:latest") {
				t.Errorf("tags %v", p.Tags)
			}
		})
	}
}

func pack(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	z.Write(data)
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestPlatforms: an index of two platforms with an attestation beside them.
func TestPlatforms(t *testing.T) {
	arm := shop
	arm.Arch = "arm64"
	arm.NoHistory = true
	index := imagetest.Attested(t, "https://slsa.dev/provenance/v1", `{"_type":"x"}`, shop.Build(t), arm.Build(t))
	img, err := image.Open(context.Background(), imagetest.OCIArchive(t, filepath.Join(t.TempDir(), "a.tar"), index))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if len(img.Platforms) != 2 || img.Platforms[1].String() != "linux/arm64" || len(img.Platforms[1].History) != 0 || img.Platforms[1].Layers[0].History != nil {
		t.Errorf("platforms %+v", img.Platforms)
	}
	if len(img.Attestations) != 1 || img.Attestations[0].Title != "attestation (https://slsa.dev/provenance/v1)" {
		t.Fatalf("attestations %+v", img.Attestations)
	}
	r, err := img.Attestations[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || string(data) != `{"_type":"x"}` {
		t.Errorf("attestation %q, %v", data, err)
	}
}

// TestSkipAll: who has seen enough reads no further, and the error of who reads is his.
func TestSkipAll(t *testing.T) {
	img, err := image.Open(context.Background(), imagetest.Layout(t, t.TempDir(), shop.Build(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	n := 0
	if err := img.Platforms[0].Layers[0].Each(func(*tar.Header, io.Reader) error { n++; return fs.SkipAll }); err != nil || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
	mine := errors.New("mine")
	if err := img.Platforms[0].Layers[0].Each(func(*tar.Header, io.Reader) error { return mine }); err != mine {
		t.Errorf("error is %v", err)
	}
}

// TestElsewhere: layers and platforms that the image names and does not hold are noted,
// and a large attestation is read when it is asked for.
func TestElsewhere(t *testing.T) {
	arm := shop
	arm.Arch = "arm64"
	foreign, err := mutate.Append(one(imagetest.Entry{Name: "app/main", Body: "main"}).Build(t), mutate.Addendum{
		Layer: static.NewLayer([]byte("far away"), types.DockerForeignLayer), URLs: []string{"https://layers.example.com/x"}, MediaType: types.DockerForeignLayer})
	if err != nil {
		t.Fatal(err)
	}
	statement := `{"_type":"` + strings.Repeat("x", image.SmallBlob) + `"}`
	index := imagetest.Attested(t, "https://spdx.dev/Document", statement, foreign, arm.Build(t))
	dir := imagetest.Layout(t, filepath.Join(t.TempDir(), "layout"), index)
	gone, err := arm.Build(t).Digest()
	if err == nil {
		err = os.Remove(filepath.Join(dir, "blobs/sha256", gone.Hex))
	}
	if err == nil {
		err = os.Remove(filepath.Join(dir, "blobs/sha256", fmt.Sprintf("%x", sha256.Sum256([]byte("far away")))))
	}
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if notes := strings.Join(img.Notes, "; "); !strings.Contains(notes, "lies elsewhere (1 urls)") || !strings.Contains(notes, "the platform linux/arm64 is not in it") {
		t.Errorf("notes: %s", notes)
	}
	if l := img.Platforms[0].Layers; len(l) != 2 || !l[1].Foreign || l[1].Each(nil) != nil {
		t.Errorf("layers %v", l)
	}
	a := img.Attestations[0]
	r, err := a.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if data, err := io.ReadAll(r); err != nil || string(data) != statement || a.Data != nil || a.Size != int64(len(statement)) {
		t.Errorf("%v: %d bytes, %v", a, len(data), err)
	}
	// The same, damaged.
	blob := filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(a.Digest, "sha256:"))
	if err := os.WriteFile(blob, []byte(strings.Replace(statement, "xx", "yy", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, err = a.Open(); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "is not what its digest says") {
		t.Errorf("error is %v", err)
	}
}
