// Package image opens a container image, wherever it lies, and streams what is in it: the
// configuration, the history, the entries of each layer, the attestations.
// It leans on go-containerregistry for manifests, digests and references, and checks the
// digest of all that it reads.
// It never unpacks a layer to disk, follows no link, asks no registry, and knows nothing
// of secrets.
package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Image is one image, or all of an archive that holds several.
type Image struct {
	Name         string      // as it was asked for
	Platforms    []*Platform // at least one; one for each manifest with layers
	Attestations []*Blob     // of BuildKit, and other artifacts that lie beside the image
	Notes        []string    // what is named in the image and was not there to be read

	store store
}

// Platform is an image for one platform.
type Platform struct {
	OS, Arch, Variant string
	Digest            string   // of the manifest; of the config where there is no manifest (docker save)
	Tags              []string // that the archive gives it, such as "shop:latest"; may be none
	Annotations       map[string]string
	Config            []byte    // the whole image configuration, as it lies in the image: JSON
	Parsed            *Config   // what a container starts with
	History           []History // oldest first; may be empty
	Layers            []*Layer  // lowest first
}

// String is the platform as docker writes it: linux/arm64/v8.
func (p *Platform) String() string {
	s := p.OS + "/" + p.Arch
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Config is what a container starts with: "config" of the image configuration.
type Config struct {
	Env          []string // NAME=value
	Entrypoint   []string
	Cmd          []string
	Shell        []string
	OnBuild      []string // instructions, as written
	Labels       map[string]string
	User         string
	WorkingDir   string
	StopSignal   string
	ExposedPorts map[string]struct{}
	Volumes      map[string]struct{}
	Healthcheck  *Healthcheck
}

// Healthcheck is the command that tells whether a container is well. Times are nanoseconds.
type Healthcheck struct {
	Test                                          []string // ["CMD-SHELL", "curl …"]
	Interval, Timeout, StartPeriod, StartInterval time.Duration
	Retries                                       int
}

// History is one step of the build.
type History struct {
	Created    time.Time `json:"created"`
	CreatedBy  string    `json:"created_by"`
	Author     string    `json:"author"`
	Comment    string    `json:"comment"`
	EmptyLayer bool      `json:"empty_layer"`
	Layer      *Layer    `json:"-"` // that it made; nil where it made none, or where that cannot be told
}

// Blob is something that lies beside the layers: an attestation, for one.
type Blob struct {
	Title     string // "attestation (https://slsa.dev/provenance/v1)"
	MediaType string
	Digest    string
	Size      int64
	Data      []byte // its content; nil where that is larger than SmallBlob, and to be had from Open

	img *Image
}

// SmallBlob is the size, in bytes, up to which a blob is read at once.
const SmallBlob = 8 << 20

// String names the blob for people.
func (b *Blob) String() string { return fmt.Sprintf("the %s %.19s", b.Title, b.Digest) }

// Open returns the content. Its last read checks the digest; errors begin with the image's
// name.
func (b *Blob) Open() (io.ReadCloser, error) {
	r, _, err := b.img.store.open(blobPath(b.Digest))
	if err != nil {
		return nil, b.img.errorf("%v %w", b, missing(err))
	}
	return &checked{r, &summed{r: r, sum: sha256.New()}, b}, nil
}

// checked is the content of a blob.
type checked struct {
	io.Closer
	*summed
	blob *Blob
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.summed.Read(p)
	switch {
	case err == io.EOF:
		if bad := c.is(c.blob.Digest); bad != nil {
			err = c.blob.img.errorf("%v %w", c.blob, bad)
		}
	case err != nil:
		err = c.blob.img.errorf("%v %w", c.blob, broken(err))
	}
	return n, err
}

// Open reads the image that name says: a folder with an OCI layout, an archive (OCI, or
// made by docker save; packed by gzip or zstd too), or else a reference, which the Docker
// Engine of this machine is asked for. What an engine sends, and a packed archive, is
// kept in a temporary file until Close. Errors begin with the name, and say what of the
// image is broken.
func Open(ctx context.Context, name string) (*Image, error) {
	img := &Image{Name: name}
	if err := img.open(ctx); err != nil {
		img.Close()
		return nil, img.errorf("%w", err)
	}
	return img, nil
}

// Close frees what Open has opened. Layers cannot be read any more.
func (img *Image) Close() error {
	if img.store == nil {
		return nil
	}
	return img.store.Close()
}

func (img *Image) open(ctx context.Context) error {
	info, err := os.Stat(img.Name)
	switch {
	case err == nil && info.IsDir():
		if img.store, err = openFolder(img.Name); err != nil {
			return err
		}
	case err == nil && info.Mode().IsRegular():
		f, err := os.Open(img.Name)
		if err != nil {
			return err
		}
		if img.store, err = openArchive(f); err != nil {
			return err
		}
	case err == nil:
		return errors.New("neither a file nor a folder, name an archive, a layout or an image of the engine")
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
		return fmt.Errorf("cannot be read, %w", bare(err))
	case looksLikePath(img.Name):
		return errors.New("no such file or folder")
	default:
		if img.store, err = fetch(ctx, img.Name); err != nil {
			return err
		}
	}
	if err := img.read(); err != nil {
		return err
	}
	if len(img.Platforms) == 0 {
		return errors.New("holds no image")
	}
	return nil
}

// read takes the OCI layout where there is one, and docker's manifest.json else.
func (img *Image) read() error {
	has := func(name string) bool {
		_, err := img.store.size(name)
		return !errors.Is(err, fs.ErrNotExist)
	}
	switch index := has("index.json"); {
	case has("oci-layout") && index:
		return img.readLayout()
	case has("manifest.json"):
		return img.readDocker()
	case has("repositories"):
		return errors.New("an archive of Docker before 1.10, which has no manifest.json: load it into a newer one and save it again")
	case index:
		return errors.New("has an index.json and no oci-layout: not an OCI layout")
	}
	return errors.New("no image: there is neither an oci-layout nor a manifest.json in it")
}

// configured reads the image configuration and joins its history to the layers.
func (p *Platform) configured() error {
	var c struct {
		Architecture string    `json:"architecture"`
		OS           string    `json:"os"`
		Variant      string    `json:"variant"`
		Config       Config    `json:"config"`
		History      []History `json:"history"`
		RootFS       struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(p.Config, &c); err != nil {
		return fmt.Errorf("its configuration is no JSON: %w", jsonError(err))
	}
	p.Parsed, p.History = &c.Config, c.History
	if p.OS == "" || c.OS != "" {
		p.OS, p.Arch, p.Variant = c.OS, c.Architecture, c.Variant
	}
	if len(c.RootFS.DiffIDs) != len(p.Layers) {
		return fmt.Errorf("its configuration names %d layers, and there are %d", len(c.RootFS.DiffIDs), len(p.Layers))
	}
	for i, l := range p.Layers {
		l.Index, l.DiffID = i+1, c.RootFS.DiffIDs[i]
	}
	p.joinHistory()
	return nil
}

// Filler is the comment of a step that BuildKit has made up, because the base image has
// more layers than history. It stands behind the steps of the build, and says nothing of
// any layer.
const Filler = "buildkit.exporter.image.v0"

// joinHistory says which step made which layer, where that can be told. Layers that have
// no step are the lowest.
func (p *Platform) joinHistory() {
	fillers, runs, steps := 0, 0, 0
	for i, h := range p.History {
		switch {
		case h.EmptyLayer:
		case h.Comment != Filler:
			steps++
		default:
			if fillers++; i == 0 || p.History[i-1].Comment != Filler {
				runs++
			}
		}
	}
	if fillers+steps != len(p.Layers) || runs > 1 {
		return
	}
	next := fillers
	for i := range p.History {
		if h := &p.History[i]; !h.EmptyLayer && h.Comment != Filler {
			h.Layer, p.Layers[next].History = p.Layers[next], h
			next++
		}
	}
}

// errorf makes an error that begins with the image's name.
func (img *Image) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", img.Name, fmt.Errorf(format, args...))
}

// bare is an error of a file without the file's name, which has been said.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// jsonError is an error of the decoder without the text that it quotes.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("broken at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%s at byte %d is a %s", kind.Field, kind.Offset, strings.SplitN(kind.Value, " ", 2)[0])
	}
	return errors.New("broken, or with a digest that is none")
}

// looksLikePath tells a path from the name of an image, where there is no such file.
func looksLikePath(name string) bool {
	if name == "" || strings.HasPrefix(name, "/") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || strings.Contains(name, "\\") {
		return true
	}
	for _, ext := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}
