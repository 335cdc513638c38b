package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/unbake-dev/unbake/rewrite/image"
)

// Options is how builds are made, the same for all of them.
type Options struct {
	Progress func(Step) // told of each step that begins or ends; nil: nobody

	// For builders without a way to a registry.
	FrontendOpts map[string]string // added to those of BuildKit's Dockerfile frontend
	SourcePolicy *spb.Policy
	Session      []session.Attachable
}

// Step is how far a build is.
type Step struct {
	Build     string // "before", "after", "before, again"
	Name      string // the step that runs, secrets masked
	Done, All int
	Since     time.Time // when the build began
}

// made is an image that a build made.
type made struct {
	*image.Image
	log *buildLog
	tag string // in the engine; "" where the image never was there
}

// buildError is a build that failed, with the end of what it said.
type buildError struct {
	cause error
	log   []string
}

func (e *buildError) Error() string { return e.cause.Error() }

// build makes the image of one side in dir, a folder that builds may share. The error is a *buildError where it was the build that failed.
func (b *Builder) build(ctx context.Context, name, dir string, j *Job, s Side, fresh bool, o Options) (*made, error) {
	sources, err := j.sources(s)
	if err != nil {
		return nil, err
	}
	log := newBuildLog(name, j.masks(), o.Progress)
	r := request{
		attrs: map[string]string{
			"filename": dockerfileName,
			"target":   j.Target,
			// All that an attestation can hold: what is pushed with the common defaults of a pipeline.
			"attest:provenance": "mode=max",
		},
		sources: sources,
		filter:  s.hide,
		shared:  j.key, // no other build's idea of what has been sent
		session: append([]session.Attachable{secretsprovider.FromMap(s.Secrets), credentials{}}, o.Session...),
		policy:  o.SourcePolicy,
	}
	for name, value := range s.Args {
		r.attrs["build-arg:"+name] = value
	}
	for name := range j.Contexts {
		r.attrs["context:"+name] = "local:named:" + name
	}
	if fresh {
		r.attrs["no-cache"] = ""
	}
	maps.Copy(r.attrs, o.FrontendOpts)

	img, tag, err := b.export(ctx, dir, r, log)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &buildError{fmt.Errorf("%s", j.masks().text(reason(err))), log.tail()}
	}
	return &made{img, log, tag}, nil
}

// export solves, and has the image written as an OCI archive. Docker's own builder, without containerd's image store,
// cannot do that: then the engine is given the image, under a name that goes again, and saves it.
func (b *Builder) export(ctx context.Context, dir string, r request, log *buildLog) (*image.Image, string, error) {
	if !b.engine {
		r.exporter, r.output = "oci", filepath.Join(dir, random(8)+".tar")
		// New layers are read once and thrown away: packing them costs more than the space.
		r.export = map[string]string{"compression": "uncompressed"}
		err := b.client.solve(ctx, r, log.add)
		if err == nil {
			img, err := image.Open(ctx, r.output)
			return img, "", err
		}
		if !b.docker || !noExporter(err) {
			return nil, "", err
		}
		b.engine = true
	}
	return b.save(ctx, dir, r, log)
}

// noExporter says whether a builder refused the form of the export before it built anything.
func noExporter(err error) bool {
	text := err.Error()
	return strings.Contains(text, "exporter") && (strings.Contains(text, "could not be found") || strings.Contains(text, "not supported"))
}

// reason is what a failed build says, without where in the client it came through.
func reason(err error) string {
	text := strings.TrimSpace(err.Error())
	for _, prefix := range []string{"failed to solve: ", "rpc error: ", "code = Unknown desc = "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// scratch is a folder for images that only this user can read: the image before has the secrets in it.
func scratch() (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp("", "unbake-verify-"); err != nil {
		return "", nil, fmt.Errorf("no room for the images: %w", err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}

// failed says whether a build was made and failed, in contrast to one that could not be made.
func failed(err error) (*buildError, bool) {
	var e *buildError
	ok := errors.As(err, &e)
	return e, ok
}
