package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	maxDepth     = 4    // of an index in an index
	maxManifests = 1000 // of an image
)

// layout walks the manifests of an OCI layout.
type layout struct {
	img  *Image
	seen map[string]*Platform // by the digest of the manifest; nil: something else
}

func (img *Image) readLayout() error {
	data, err := text(img.store, "index.json")
	if err != nil {
		return fmt.Errorf("index.json %w", missing(err))
	}
	l := &layout{img, map[string]*Platform{}}
	if err := l.index("index.json", data, "", 0); err != nil {
		return err
	}
	if len(img.Platforms) == 0 && len(img.Notes) > 0 {
		return errors.New("incomplete: " + img.Notes[0])
	}
	return nil
}

// index reads all that an index names. What an index in the layout names and the layout
// does not hold is noted: docker saves the platforms that it has.
func (l *layout) index(what string, data []byte, tag string, depth int) error {
	index, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", what, jsonError(err))
	}
	if depth > maxDepth {
		return errors.New("its indexes lie too deep in each other: refused")
	}
	for _, d := range index.Manifests {
		if len(l.seen) > maxManifests {
			return fmt.Errorf("more than %d manifests: refused", maxManifests)
		}
		its := tagOf(d, tag)
		if p, ok := l.seen[d.Digest.String()]; ok {
			if p != nil && its != "" && !slices.Contains(p.Tags, its) {
				p.Tags = append(p.Tags, its)
			}
			continue
		}
		l.seen[d.Digest.String()] = nil
		if d.MediaType.IsSchema1() {
			return errSchema1
		}
		data, err := l.blob(d)
		if errors.Is(err, fs.ErrNotExist) && depth > 0 {
			what := "the manifest " + short(d.Digest)
			if d.Platform != nil && d.Platform.OS != "unknown" {
				what = "the platform " + d.Platform.String()
			}
			l.img.Notes = append(l.img.Notes, what+" is not in it")
			continue
		}
		if err != nil {
			return fmt.Errorf("the manifest %s %w", short(d.Digest), missing(err))
		}
		if err := l.manifest(d, data, its, depth); err != nil {
			return err
		}
	}
	return nil
}

var errSchema1 = errors.New("a manifest of Docker's schema 1, which has no configuration that could be read: build it anew, or push and pull it with a Docker of this decade")

// tagOf is the name that an index gives an image.
func tagOf(d v1.Descriptor, above string) string {
	for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
		if name := d.Annotations[key]; name != "" {
			return name
		}
	}
	return above
}

// manifest reads an index, an image, or something else that lies beside it.
func (l *layout) manifest(d v1.Descriptor, data []byte, tag string, depth int) error {
	what := "the manifest " + short(d.Digest)
	var kind struct {
		SchemaVersion int
		Manifests     json.RawMessage
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return fmt.Errorf("%s: %w", what, jsonError(err))
	}
	switch {
	case kind.SchemaVersion == 1:
		return errSchema1
	case d.MediaType.IsIndex() || kind.Manifests != nil:
		return l.index(what, data, tag, depth+1)
	}
	m, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", what, jsonError(err))
	}
	attests := d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
	if attests || m.Config.MediaType != types.OCIConfigJSON && m.Config.MediaType != types.DockerConfigJSON {
		return l.beside(d, m)
	}
	p := &Platform{Digest: d.Digest.String(), Annotations: m.Annotations}
	if tag != "" {
		p.Tags = []string{tag}
	}
	if d.Platform != nil {
		p.OS, p.Arch, p.Variant = d.Platform.OS, d.Platform.Architecture, d.Platform.Variant
	}
	if p.Config, err = l.blob(m.Config); err != nil {
		return fmt.Errorf("the configuration %s %w", short(m.Config.Digest), missing(err))
	}
	for i, d := range m.Layers {
		layer := &Layer{Index: i + 1, Digest: d.Digest.String(), MediaType: string(d.MediaType), Size: d.Size, img: l.img, file: blobPath(d.Digest.String())}
		size, err := l.img.store.size(layer.file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(d.URLs) > 0:
			layer.Foreign = true
			l.img.Notes = append(l.img.Notes, fmt.Sprintf("%v lies elsewhere (%d urls) and is not in it", layer, len(d.URLs)))
		case err != nil:
			return fmt.Errorf("%v %w", layer, missing(err))
		case size != d.Size:
			return fmt.Errorf("%v has %d bytes, and its manifest says %d: it is damaged, or was changed", layer, size, d.Size)
		}
		p.Layers = append(p.Layers, layer)
	}
	if err := p.configured(); err != nil {
		return err
	}
	l.seen[d.Digest.String()] = p
	l.img.Platforms = append(l.img.Platforms, p)
	return nil
}

// beside reads what lies beside an image: its attestations, signatures, other artifacts.
func (l *layout) beside(d v1.Descriptor, m *v1.Manifest) error {
	blobs := m.Layers
	switch m.Config.MediaType {
	case types.OCIConfigJSON, types.DockerConfigJSON, types.OCIEmptyJSON: // of BuildKit's attestations, and says nothing
	default:
		blobs = append(slices.Clone(blobs), m.Config)
	}
	for _, b := range blobs {
		title := "artifact"
		if d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" {
			title = "attestation"
		}
		if kind := b.Annotations["in-toto.io/predicate-type"]; kind != "" {
			title += " (" + kind + ")"
		}
		blob := &Blob{Title: title, MediaType: string(b.MediaType), Digest: b.Digest.String(), Size: b.Size, img: l.img}
		if size, err := l.img.store.size(blobPath(blob.Digest)); err != nil {
			return fmt.Errorf("%v %w", blob, missing(err))
		} else if size != b.Size {
			return fmt.Errorf("%v has %d bytes, and its manifest says %d: it is damaged, or was changed", blob, size, b.Size)
		}
		if b.Size <= SmallBlob {
			data, err := l.blob(b)
			if err != nil {
				return fmt.Errorf("%v %w", blob, missing(err))
			}
			blob.Data = data
		}
		l.img.Attestations = append(l.img.Attestations, blob)
	}
	return nil
}

// blob reads a small blob whole, and checks it.
func (l *layout) blob(d v1.Descriptor) ([]byte, error) {
	if d.Digest.Algorithm != "sha256" {
		return nil, errors.New("its digest is no sha256")
	}
	data, err := text(l.img.store, blobPath(d.Digest.String()))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != d.Digest.Hex {
		return nil, errDigest
	}
	return data, nil
}

// short is a digest for people.
func short(h v1.Hash) string { return strings.TrimSuffix(h.String()[:min(19, len(h.String()))], ":") }
