// Package imagetest writes container images for tests: a few lines say what is in them.
// It leans on go-containerregistry to write layouts and archives.
// It is for tests only, and checks nothing.
package imagetest

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Entry is one entry of a layer: a file, unless Type says otherwise.
type Entry struct {
	Name, Body string
	Type       byte
	Link       string
	PAX        map[string]string
}

// Step is one step of a build.
type Step struct {
	By      string  // of the history
	Comment string  // the same
	Files   []Entry // of the layer; a step without files makes none
	Raw     []byte  // the layer's tar, in place of Files
	Packing compression.Compression
}

// Image is what an image is made of.
type Image struct {
	Steps     []Step
	Config    v1.Config
	Arch      string // "" is amd64
	NoHistory bool
}

// Build makes the image.
func (i Image) Build(t testing.TB) v1.Image {
	t.Helper()
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	var err error
	for _, s := range i.Steps {
		h := v1.History{CreatedBy: s.By, Comment: s.Comment, Created: v1.Time{Time: time.Unix(1700000000, 0)}, EmptyLayer: s.Files == nil && s.Raw == nil}
		if h.EmptyLayer {
			if img, err = mutate.Append(img, mutate.Addendum{History: h}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		raw := s.Raw
		if raw == nil {
			raw = Tar(t, s.Files...)
		}
		packing, kind := s.Packing, types.OCILayer
		switch packing {
		case "":
			packing = compression.GZip
		case compression.ZStd:
			kind = types.OCILayerZStd
		case compression.None:
			kind = types.OCIUncompressedLayer
		}
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
			tarball.WithCompression(packing), tarball.WithMediaType(kind))
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: h, MediaType: kind}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c = c.DeepCopy()
	c.Config, c.OS, c.Architecture = i.Config, "linux", i.Arch
	if c.Architecture == "" {
		c.Architecture = "amd64"
	}
	if i.NoHistory {
		c.History = nil
	}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		t.Fatal(err)
	}
	return img
}

// Tar is a layer's tar.
func Tar(t testing.TB, files ...Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Typeflag: f.Type, Linkname: f.Link, Size: int64(len(f.Body)), Mode: 0o644, PAXRecords: f.PAX}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Attested is an index of images and the attestation of the first of them, as BuildKit
// makes it.
func Attested(t testing.TB, predicate, statement string, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	index := Index(t, images...)
	digest, err := images[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	a, err := mutate.Append(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1), mutate.Addendum{
		Layer:       static.NewLayer([]byte(statement), "application/vnd.in-toto+json"),
		Annotations: map[string]string{"in-toto.io/predicate-type": predicate},
	})
	if err != nil {
		t.Fatal(err)
	}
	return mutate.AppendManifests(index, mutate.IndexAddendum{Add: a, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest.String()},
	}})
}

// Index is an index of images, one for each platform.
func Index(t testing.TB, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		c, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: c.OS, Architecture: c.Architecture}}})
	}
	return index
}

// Layout writes an OCI layout, with an image or an index in it.
func Layout(t testing.TB, dir string, what any) string {
	t.Helper()
	p, err := layout.Write(dir, empty.Index)
	if err == nil {
		switch x := what.(type) {
		case v1.Image:
			err = p.AppendImage(x, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "shop:latest"}))
		case v1.ImageIndex:
			err = p.AppendIndex(x, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "shop:latest"}))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// OCIArchive writes the same as one file.
func OCIArchive(t testing.TB, file string, what any) string {
	t.Helper()
	Pack(t, Layout(t, t.TempDir(), what), file)
	return file
}

// Pack writes a folder as a tar.
func Pack(t testing.TB, dir, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		h, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		h.Name = filepath.ToSlash(rel)
		if err := w.WriteHeader(h); err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// DockerArchive writes what docker save writes since version 25, less the layout that it
// has beside it; layers are as they were packed.
func DockerArchive(t testing.TB, file string, img v1.Image) string {
	t.Helper()
	tag, err := name.NewTag("shop:latest")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(file, tag, img); err != nil {
		t.Fatal(err)
	}
	return file
}

// OldDockerArchive writes what docker save wrote before: <id>/layer.tar, unpacked, and a
// link for a layer that comes twice.
func OldDockerArchive(t testing.TB, file string, img v1.Image) string {
	t.Helper()
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	configName, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var files []Entry
	var names []string
	first := map[string]string{}
	for i, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		diff, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		name := hex.EncodeToString([]byte{byte(i), 0xab}) + "/layer.tar"
		names = append(names, name)
		if there, ok := first[diff.Hex]; ok {
			files = append(files, Entry{Name: name, Type: tar.TypeSymlink, Link: "../" + there})
			continue
		}
		first[diff.Hex] = name
		files = append(files, Entry{Name: name, Body: string(data)})
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": configName.Hex + ".json", "RepoTags": []string{"shop:latest"}, "Layers": names}})
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, Entry{Name: configName.Hex + ".json", Body: string(config)}, Entry{Name: "manifest.json", Body: string(manifest)})
	if err := os.WriteFile(file, Tar(t, files...), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
