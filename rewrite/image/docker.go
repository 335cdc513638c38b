package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// readDocker reads what docker save has written, before and since the layout of its
// archives changed: both have a manifest.json that names their files.
func (img *Image) readDocker() error {
	data, err := text(img.store, "manifest.json")
	if err != nil {
		return fmt.Errorf("manifest.json %w", missing(err))
	}
	var all []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&all); err != nil {
		return fmt.Errorf("manifest.json: %w", jsonError(err))
	}
	if len(all) > maxManifests {
		return fmt.Errorf("more than %d images: refused", maxManifests)
	}
	for _, m := range all {
		p := &Platform{Tags: m.RepoTags}
		if m.Config == "" {
			return errors.New("manifest.json names no configuration")
		}
		if p.Config, err = text(img.store, m.Config); err != nil {
			return fmt.Errorf("the configuration %.19s %w", m.Config, missing(err))
		}
		sum := sha256.Sum256(p.Config)
		p.Digest = "sha256:" + hex.EncodeToString(sum[:])
		// Its file is named by its digest: <hex>.json, blobs/sha256/<hex>, sha256:<hex>.
		if name := strings.TrimPrefix(strings.TrimSuffix(path.Base(m.Config), ".json"), "sha256:"); len(name) == 2*len(sum) && "sha256:"+name != p.Digest {
			return fmt.Errorf("the configuration %.19s %w", m.Config, errDigest)
		}
		for i, name := range m.Layers {
			l := &Layer{Index: i + 1, img: img, file: name}
			if l.Size, err = img.store.size(name); err != nil {
				return fmt.Errorf("layer %d (%.19s) %w", i+1, name, missing(err))
			}
			p.Layers = append(p.Layers, l)
		}
		if err := p.configured(); err != nil {
			return err
		}
		img.Platforms = append(img.Platforms, p)
	}
	return nil
}
