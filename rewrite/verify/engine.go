package verify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/unbake-dev/unbake/rewrite/image"
)

// save has the engine keep the image under a name of ours, and save it to a file.
func (b *Builder) save(ctx context.Context, dir string, r request, log *buildLog) (img *image.Image, tag string, err error) {
	tag = "unbake-verify:" + random(8)
	delete(r.attrs, "attest:provenance") // an engine without containerd's store can keep none
	r.exporter, r.export, r.output = "moby", map[string]string{"name": tag}, ""
	defer func() {
		if err != nil {
			untag(ctx, tag)
			tag = ""
		}
	}()
	if err := b.client.solve(ctx, r, log.add); err != nil {
		return nil, tag, err
	}
	file := filepath.Join(dir, strings.ReplaceAll(tag, ":", "-")+".tar")
	if out, err := exec.CommandContext(ctx, "docker", "image", "save", "--output", file, tag).CombinedOutput(); err != nil {
		return nil, tag, fmt.Errorf("docker image save: %s", strings.TrimSpace(string(out)))
	}
	img, err = image.Open(ctx, file)
	return img, tag, err
}

// untag takes a name away, and the image with it if it has no other. It is done even where the user has had enough.
func untag(ctx context.Context, tag string) {
	if tag == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	exec.CommandContext(ctx, "docker", "image", "rm", tag).Run()
}

// random is n bytes of hexadecimal digits twice as long.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
