package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// read opens an image and reads all of it.
func read(name string) error {
	img, err := image.Open(context.Background(), name)
	if err != nil {
		return err
	}
	defer img.Close()
	for _, p := range img.Platforms {
		for _, l := range p.Layers {
			err := l.Each(func(_ *tar.Header, r io.Reader) error {
				io.Copy(io.Discard, r) // what is wrong with r is the layer's error
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// one is an image of one layer with these entries.
func one(files ...imagetest.Entry) imagetest.Image {
	return imagetest.Image{Steps: []imagetest.Step{{By: "COPY . / # buildkit", Files: files}}}
}

// TestLayerRefused: an entry or a layer that no real image has is one clear error.
func TestLayerRefused(t *testing.T) {
	plain := imagetest.Tar(t, imagetest.Entry{Name: "app/main", Body: strings.Repeat("main", 10000)})
	raw := func(b []byte, packing compression.Compression) imagetest.Image {
		return imagetest.Image{Steps: []imagetest.Step{{Raw: b, Packing: packing}}}
	}
	// A sparse file of one byte and a hole of a terabyte, under keys that a writer does not drop.
	sparse := bytes.ReplaceAll(imagetest.Tar(t, imagetest.Entry{Name: "disk", Body: "1\n0\n1\n" + strings.Repeat("\x00", 506) + "x", PAX: map[string]string{
		"ABC.sparse.major": "1", "ABC.sparse.minor": "0", "ABC.sparse.name": "disk", "ABC.sparse.realsize": fmt.Sprint(int64(1) << 40)}}), []byte("ABC.sparse."), []byte("GNU.sparse."))
	// A frame that asks for a window of 128 MB, and holds one block of five bytes.
	window := []byte("\x28\xb5\x2f\xfd\x00\x88\x29\x00\x00hello")
	for _, test := range []struct {
		name  string
		image imagetest.Image
		want  string
	}{
		{"dots", one(imagetest.Entry{Name: "../../etc/cron.d/x"}), "leads out of its folder"},
		{"dots within", one(imagetest.Entry{Name: "a/../../x"}), "leads out of its folder"},
		{"zero byte", raw(zeroName(t), ""), "should be the header of an entry"},
		{"long name", one(imagetest.Entry{Name: strings.Repeat("a/", 10000) + "a"}), "whose name takes"},
		{"no tar", raw(bytes.Repeat([]byte("no tar at all "), 1000), ""), "should be the header of an entry"},
		{"cut off in a file", raw(plain[:20000], ""), "is cut off"},
		{"cut off in a header", raw(plain[:300], ""), "is cut off"},
		{"bomb", raw(bomb(t), ""), "refused as a bomb"},
		{"sparse bomb", raw(sparse, ""), "refused as a bomb"},
		{"zstd window", raw(window, compression.None), "window of more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			place := imagetest.OCIArchive(t, filepath.Join(t.TempDir(), "shop.tar"), test.image.Build(t))
			err := read(place)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), place+": layer 1 (sha256:") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// zeroName is a layer with a zero byte in a name, which a writer refuses.
func zeroName(t *testing.T) []byte {
	b := imagetest.Tar(t, imagetest.Entry{Name: strings.Repeat("n", 120) + "Z", Body: "x"})
	return bytes.ReplaceAll(b, []byte("nnZ"), []byte("n\x00Z"))
}

// bomb is a layer of zeros, of more than any layer may unpack to: one gzip member, again
// and again.
func bomb(t *testing.T) []byte {
	member := func(data []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(data)
		z.Close()
		return b.Bytes()
	}
	const size = 1100 << 20
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "zeros", Size: size, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	return append(member(head.Bytes()), bytes.Repeat(member(make([]byte, 1<<20)), size>>20)...)
}

// TestLayoutRefused changes a good layout in one way each.
func TestLayoutRefused(t *testing.T) {
	blob := func(dir, what string) string {
		found, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			kind := "layer"
			switch {
			case bytes.Contains(data, []byte(`"rootfs"`)):
				kind = "config"
			case bytes.Contains(data, []byte(`"layers"`)):
				kind = "manifest"
			}
			if kind == what {
				return f
			}
		}
		t.Fatal("no " + what)
		return ""
	}
	index := func(dir string, change func(map[string]any)) {
		file := filepath.Join(dir, "index.json")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		change(v["manifests"].([]any)[0].(map[string]any))
		if data, err = json.Marshal(v); err == nil {
			err = os.WriteFile(file, data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	flip := func(file string) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		change func(dir string)
		want   string
	}{
		{"layer damaged", func(dir string) { flip(blob(dir, "layer")) }, "damaged"},
		{"layer damaged where it does not show", func(dir string) { // the system that gzip names in its header
			data, _ := os.ReadFile(blob(dir, "layer"))
			data[9] ^= 1
			os.WriteFile(blob(dir, "layer"), data, 0o644)
		}, "is not what its digest says"},
		{"config damaged", func(dir string) { flip(blob(dir, "config")) }, "is not what its digest says"},
		{"manifest damaged", func(dir string) { flip(blob(dir, "manifest")) }, "is not what its digest says"},
		{"layer missing", func(dir string) { os.Remove(blob(dir, "layer")) }, "is not in the image: it is incomplete"},
		{"config missing", func(dir string) { os.Remove(blob(dir, "config")) }, "is not in the image: it is incomplete"},
		{"manifest missing", func(dir string) { os.Remove(blob(dir, "manifest")) }, "is not in the image: it is incomplete"},
		{"layer cut off", func(dir string) { os.Truncate(blob(dir, "layer"), 50) }, "50 bytes, and its manifest says"},
		{"index no JSON", func(dir string) { os.WriteFile(filepath.Join(dir, "index.json"), []byte("{"), 0o644) }, "index.json"},
		{"index empty", func(dir string) { os.WriteFile(filepath.Join(dir, "index.json"), []byte("{}"), 0o644) }, "holds no image"},
		{"no layout", func(dir string) { os.Remove(filepath.Join(dir, "oci-layout")) }, "no oci-layout"},
		{"nothing", func(dir string) {
			os.Remove(filepath.Join(dir, "oci-layout"))
			os.Remove(filepath.Join(dir, "index.json"))
		}, "no image"},
		{"schema 1", func(dir string) {
			index(dir, func(m map[string]any) { m["mediaType"] = "application/vnd.docker.distribution.manifest.v1+prettyjws" })
		}, "schema 1"},
		{"digest is a path", func(dir string) { index(dir, func(m map[string]any) { m["digest"] = "sha256:../../../../etc/passwd" }) }, "digest that is none"},
		{"a link out", func(dir string) {
			file := blob(dir, "layer")
			os.Remove(file)
			os.Symlink("/etc/passwd", file)
		}, "symbolic link"},
		{"a link inside", func(dir string) {
			os.Rename(filepath.Join(dir, "blobs"), filepath.Join(dir, "b"))
			os.Symlink("b", filepath.Join(dir, "blobs"))
		}, "symbolic link"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := imagetest.Layout(t, filepath.Join(t.TempDir(), "layout"), one(imagetest.Entry{Name: "app/main", Body: "main"}).Build(t))
			if err := read(dir); err != nil {
				t.Fatal(err)
			}
			test.change(dir)
			if err := read(dir); err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), dir+": ") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// TestArchiveRefused: what is no archive of an image, and archives that are up to something.
func TestArchiveRefused(t *testing.T) {
	img := one(imagetest.Entry{Name: "app/main", Body: strings.Repeat("main", 10000)}).Build(t)
	docker, err := os.ReadFile(imagetest.DockerArchive(t, filepath.Join(t.TempDir(), "docker.tar"), img))
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(imagetest.OldDockerArchive(t, filepath.Join(t.TempDir(), "old.tar"), img))
	if err != nil {
		t.Fatal(err)
	}
	manifest := func(text string) []byte { return imagetest.Tar(t, imagetest.Entry{Name: "manifest.json", Body: text}) }
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(docker)
	z.Close()
	damaged := bytes.Clone(old)
	damaged[5000] ^= 1
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no archive"},
		{"text", bytes.Repeat([]byte("hello "), 1000), "neither an archive nor a packed one"},
		{"cut off", old[:3000], "cut off"},
		{"packed and cut off", packed.Bytes()[:len(packed.Bytes())/2], "cut off"},
		{"packed bomb", bomb(t), "bomb"},
		{"layer damaged", damaged, "is not what its digest says"},
		{"no image", imagetest.Tar(t, imagetest.Entry{Name: "README", Body: "x"}), "no image"},
		{"before 1.10", imagetest.Tar(t, imagetest.Entry{Name: "repositories", Body: "{}"}), "Docker before 1.10"},
		{"no JSON", manifest("{"), "manifest.json"},
		{"a path out", manifest(`[{"Config":"../../etc/passwd","Layers":[]}]`), "incomplete"},
		{"a path in the root", manifest(`[{"Config":"/etc/passwd","Layers":[]}]`), "incomplete"},
		{"more layers than configured", imagetest.Tar(t, imagetest.Entry{Name: "manifest.json", Body: `[{"Config":"c","Layers":["c"]}]`}, imagetest.Entry{Name: "c", Body: "{}"}), "names 0 layers, and there are 1"},
		{"twice", imagetest.Tar(t, imagetest.Entry{Name: "manifest.json", Body: "[]"}, imagetest.Entry{Name: "./manifest.json", Body: "[]"}), "stands in the archive twice"},
		{"entry out", imagetest.Tar(t, imagetest.Entry{Name: "../x", Body: "x"}), "leads out of it"},
		{"entry in the root", imagetest.Tar(t, imagetest.Entry{Name: "/x", Body: "x"}), "leads out of it"},
		{"link out", imagetest.Tar(t, imagetest.Entry{Name: "manifest.json", Type: tar.TypeSymlink, Link: "/etc/passwd"}), "link out of it"},
		{"link up", imagetest.Tar(t, imagetest.Entry{Name: "a/manifest.json", Type: tar.TypeSymlink, Link: "../../x"}), "link out of it"},
		{"ring", imagetest.Tar(t, imagetest.Entry{Name: "manifest.json", Type: tar.TypeSymlink, Link: "b"}, imagetest.Entry{Name: "b", Type: tar.TypeSymlink, Link: "manifest.json"}), "no image"},
		{"device", imagetest.Tar(t, imagetest.Entry{Name: "manifest.json", Type: tar.TypeFifo}), "neither a file nor a folder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "shop.tar")
			if err := os.WriteFile(file, test.data, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := read(file); err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), file+": ") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// TestDamaged flips a bit in each part of an archive: it is an error, or what is read is
// what it was before. It is never something else.
func TestDamaged(t *testing.T) {
	for form, write := range map[string]func(testing.TB, string, v1.Image) string{
		"OCI":    func(t testing.TB, file string, img v1.Image) string { return imagetest.OCIArchive(t, file, img) },
		"docker": imagetest.DockerArchive,
		"old":    imagetest.OldDockerArchive,
	} {
		file := write(t, filepath.Join(t.TempDir(), "shop.tar"), shop.Build(t))
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		damage := filepath.Join(t.TempDir(), "damaged.tar")
		for at := 0; at < len(good); at += 37 {
			data := bytes.Clone(good)
			data[at] ^= 1 << (at % 8)
			if err := os.WriteFile(damage, data, 0o644); err != nil {
				t.Fatal(err)
			}
			img, err := image.Open(context.Background(), damage)
			if err != nil {
				continue
			}
			got, err := listing(img)
			if err == nil && got != shopNames {
				t.Fatalf("%s, byte %d: holds\n%s", form, at, got)
			}
			img.Close()
		}
	}
}

// TestNoSuch: a name that leads nowhere says what it was taken for.
func TestNoSuch(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	for name, want := range map[string]string{
		"./nowhere":   "no such file or folder",
		"nowhere.tar": "no such file or folder",
		"shop:latest": "there is no Docker Engine at ",
		"Not A Name":  "no image's name",
	} {
		if err := read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestSpool: nothing is left behind of what was unpacked.
func TestSpool(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	img := shop.Build(t)
	packed := filepath.Join(t.TempDir(), "docker.tar.gz")
	pack(t, imagetest.DockerArchive(t, filepath.Join(t.TempDir(), "docker.tar"), img), packed)
	if err := read(packed); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
