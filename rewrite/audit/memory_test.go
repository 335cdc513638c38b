package audit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/image"
)

// large writes an OCI layout with one layer of so many files of a megabyte, with a secret
// in the last one. The layer is one gzip member a file, of which there are few different
// ones: it is written as fast as it is hashed.
func large(t testing.TB, files int) string {
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs/sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	layer, err := os.Create(filepath.Join(blobs, "layer"))
	if err != nil {
		t.Fatal(err)
	}
	packed, unpacked := sha256.New(), sha256.New()
	size := 0
	member := func(tarred []byte) []byte {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		z.Write(tarred)
		z.Close()
		return b.Bytes()
	}
	put := func(tarred, member []byte) {
		unpacked.Write(tarred)
		packed.Write(member)
		size += len(member)
		if _, err := layer.Write(member); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(name string, body []byte) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))})
		w.Write(body)
		w.Flush()
		return b.Bytes()
	}
	r := rand.New(rand.NewPCG(1, 2))
	var tarred, members [8][]byte
	for i := range tarred {
		body := make([]byte, 1<<20)
		for j := 0; j < len(body); j += 64 { // text and noise
			copy(body[j:], "return strings.TrimSpace(value) // https://example.com/")
			if i%2 == 1 {
				for k := range 48 {
					body[j+k] = byte(r.Uint32())
				}
			}
		}
		tarred[i] = entry(fmt.Sprintf("app/%d", i), body)
		members[i] = member(tarred[i])
	}
	for i := range files {
		put(tarred[i%8], members[i%8])
	}
	last := append(entry("app/last", []byte("token "+npmToken)), make([]byte, 1024)...)
	put(last, member(last))
	if err := layer.Close(); err != nil {
		t.Fatal(err)
	}
	write := func(v any) (string, int) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%x", sha256.Sum256(data))
		if err := os.WriteFile(filepath.Join(blobs, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		return "sha256:" + name, len(data)
	}
	type m = map[string]any
	digest := fmt.Sprintf("%x", packed.Sum(nil))
	if err := os.Rename(layer.Name(), filepath.Join(blobs, digest)); err != nil {
		t.Fatal(err)
	}
	config, n := write(m{"architecture": "amd64", "os": "linux", "config": m{}, "rootfs": m{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", unpacked.Sum(nil))}}})
	manifest, size2 := write(m{"schemaVersion": 2, "config": m{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": n},
		"layers": []m{{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + digest, "size": size}}})
	index, _ := json.Marshal(m{"schemaVersion": 2, "manifests": []m{{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": size2}}})
	os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644)
	os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
	return dir
}

// memory is what the program holds of the system's.
func memory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// TestMemory reads an image that is larger than the memory it may take, by far.
func TestMemory(t *testing.T) {
	const files, bound = 300, 60 << 20
	img, err := image.Open(context.Background(), large(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	debug.FreeOSMemory() // what writing the image took
	before, most := memory(), uint64(0)
	r, err := audit.Run(img, audit.Options{
		Known:    known(t, "ONE="+password+"\n"+hashed("TWO", pw("two"))),
		Progress: func(int, int, int64) { most = max(most, memory()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, "file: /app/last holds an npm token: npm_*** | in 1")
	if r.Bytes < files<<20 {
		t.Errorf("%d bytes read", r.Bytes)
	}
	if most > before+bound {
		t.Errorf("%d MB of memory, more than %d", (most-before)>>20, bound>>20)
	}
	t.Logf("%d MB of files, %d MB of memory", r.Bytes>>20, (max(most, before)-before)>>20)
}

// BenchmarkRun reads a layer of 64 MB that gzip has packed; known values slow it down by
// what they are.
func BenchmarkRun(b *testing.B) {
	dir := large(b, 64)
	for _, x := range []struct{ name, known string }{{"patterns", ""}, {"known", "ONE=" + password + "\n"}, {"hashed", hashed("TWO", pw("two"))}} {
		b.Run(x.name, func(b *testing.B) {
			k, _, err := audit.ReadKnown("secrets.env", []byte(x.known))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(64 << 20)
			for b.Loop() {
				img, err := image.Open(context.Background(), dir)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := audit.Run(img, audit.Options{Known: k}); err != nil {
					b.Fatal(err)
				}
				img.Close()
			}
		})
	}
	b.Run("unpacking alone", func(b *testing.B) {
		b.SetBytes(64 << 20)
		for b.Loop() {
			img, err := image.Open(context.Background(), dir)
			if err != nil {
				b.Fatal(err)
			}
			if err := img.Platforms[0].Layers[0].Each(func(*tar.Header, io.Reader) error { return nil }); err != nil {
				b.Fatal(err)
			}
			img.Close()
		}
	})
}
