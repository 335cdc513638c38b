//go:build linux

package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// TestBuildah builds the cases of testdata/buildah, which fix --builder=buildah rewrites, with buildah and with BuildKit: what
// is written for the one the other must build too. Their format is that of testdata/build.
func TestBuildah(t *testing.T) {
	if testing.Short() {
		t.Skip("real builds take a minute")
	}
	kit := startBuildkit(t)
	ah := startBuildah(t)
	unbake := filepath.Join(t.TempDir(), "unbake")
	if out, err := exec.Command("go", "build", "-o", unbake, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	paths, err := filepath.Glob("../../testdata/buildah/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range paths {
		for name, b := range map[string]builder{"buildah": ah, "buildkit": kit} {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+name, func(t *testing.T) {
				t.Parallel()
				c, err := readCase(path)
				if err != nil {
					t.Fatal(err)
				}
				c.base = kit.base
				// One from before 1.31 leaves the folders that it mounted into.
				c.ignorable = append(c.ignorable, "run/secrets")
				c.run(t, b, unbake)
			})
		}
	}
	t.Run("able", func(t *testing.T) { ah.able(t, kit.base) })
}

// buildah is a buildah with a store of its own.
type buildah struct {
	dir     string
	version string
}

// startBuildah finds out whether buildah runs here. Where it does not the test is skipped, and fails in CI.
func startBuildah(t *testing.T) *buildah {
	t.Helper()
	cannot := t.Skipf
	if os.Getenv("CI") == "true" {
		cannot = t.Fatalf
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		cannot("no buildah: apt-get install buildah")
	}
	b := &buildah{dir: scratch(t)}
	policy := `{"default": [{"type": "insecureAcceptAnything"}]}`
	if err := errors.Join(os.WriteFile(filepath.Join(b.dir, "policy.json"), []byte(policy), 0o644), os.Mkdir(filepath.Join(b.dir, "home"), 0o755)); err != nil {
		t.Fatal(err)
	}
	said, err := b.run(t.Context(), b.dir, nil, "--version")
	m := regexp.MustCompile(`version (\S+)`).FindStringSubmatch(said)
	if err != nil || m == nil {
		cannot("buildah does not run here: %v\n%s", err, said)
	}
	b.version = m[1]
	return b
}

// run runs a command of buildah's, and returns what it said.
func (b *buildah) run(ctx context.Context, dir string, env map[string]string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "buildah", append([]string{
		"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+filepath.Join(b.dir, "home"))
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("buildah %s: %w:\n%s", args[0], err, lastLines(string(out), 25))
	}
	return strings.TrimSpace(string(out)), err
}

var fromImage = regexp.MustCompile(`(?im)^FROM\s+(?:--\S+\s+)*(\S+)`)

// build makes an image in out, from an image of the store that is r.from; with a layer for each step, as podman does.
func (b *buildah) build(ctx context.Context, out string, r request) (*image, error) {
	policy := "--signature-policy=" + filepath.Join(b.dir, "policy.json")
	digest := strings.TrimPrefix(r.from.manifest, "sha256:")
	base, layout := filepath.Join(out, "base"), filepath.Join(out, "layout")
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": r.from.manifest, "size": sizeOf(r.from, digest),
	}}})
	if err := errors.Join(err, os.MkdirAll(base, 0o755), os.Symlink(filepath.Join(r.from.layout, "blobs"), filepath.Join(base, "blobs")),
		os.WriteFile(filepath.Join(base, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644),
		os.WriteFile(filepath.Join(base, "index.json"), index, 0o644)); err != nil {
		return nil, err
	}
	said, err := b.run(ctx, out, nil, "pull", "--quiet", policy, "oci:base")
	if err != nil {
		return nil, err
	}
	name := "localhost/base" + digest[:16]
	if _, err := b.run(ctx, out, nil, "tag", said[strings.LastIndexByte(said, '\n')+1:], name); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(r.dockerfile)
	if err != nil {
		return nil, err
	}
	args := []string{"build", "--layers", "--isolation=chroot", "--pull=never", policy, "--tag", "localhost/made" + digest[:16], "--file", r.dockerfile}
	for _, m := range fromImage.FindAllStringSubmatch(string(text), -1) {
		args = append(args, "--build-context", m[1]+"=container-image://"+name)
	}
	if r.stage != "" {
		args = append(args, "--target", r.stage)
	}
	for _, arg := range r.buildArgs {
		args = append(args, "--build-arg", arg)
	}
	for _, secret := range r.secrets {
		args = append(args, "--secret", secret)
	}
	if _, err := b.run(ctx, out, r.env, append(args, r.dir)...); err != nil {
		return nil, err
	}
	if _, err := b.run(ctx, out, nil, "push", policy, "localhost/made"+digest[:16], "oci:layout"); err != nil {
		return nil, err
	}
	if err := decompress(filepath.Join(layout, "blobs/sha256")); err != nil {
		return nil, err
	}
	return readImage(layout, r.from.base)
}

// decompress puts the content of each compressed blob in its place: what is looked for in layers is text.
func decompress(blobs string) error {
	entries, err := os.ReadDir(blobs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(blobs, e.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			continue // it is not
		}
		if data, err = io.ReadAll(r); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sizeOf(s source, blob string) int64 {
	info, err := os.Stat(filepath.Join(s.layout, "blobs/sha256", blob))
	if err != nil {
		return 0
	}
	return info.Size()
}

// able holds what is said of buildah's versions against the one that is here.
func (b *buildah) able(t *testing.T, base *baseImage) {
	able := (&call.Build{Path: "a", Builder: call.Builder{Engine: call.Buildah, Version: b.version}}).Able()
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"a file", "RUN --mount=type=secret,id=T cat /run/secrets/T", able.Mounts <= call.FileMounts},
		{"a variable", `RUN --mount=type=secret,id=T,env=T test "$T" = tok-c4n4ry-EXAMPLE-7Qm2x`, able.Mounts == call.EnvMounts},
		{"one that is not given", "RUN --mount=type=secret,id=U test ! -e /run/secrets/U", true},
		{"one that is not given and required", "RUN --mount=type=secret,id=U,required=true true", false},
		{"a place", "WORKDIR /app\nRUN --mount=type=secret,id=T,target=/app/sub/t,uid=1000 cat /app/sub/t", true},
		{"another user", "USER node\nRUN --mount=type=secret,id=T,mode=0444 cat /run/secrets/T", true},
		{"a relative place", "WORKDIR /app\nRUN --mount=type=secret,id=T,target=sub/t cat /app/sub/t", able.Relative == ""},
		{"a here-document", "COPY --chmod=0755 <<'EOF' /x\n#!/bin/sh\nEOF\nRUN /x", able.Heredocs == ""},
	} {
		dir := scratch(t)
		r := request{dir: dir, dockerfile: filepath.Join(dir, "Dockerfile"), secrets: []string{"id=T"}, env: map[string]string{"T": "tok-c4n4ry-EXAMPLE-7Qm2x"}}
		var err error
		if r.from, err = base.unique(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.dockerfile, []byte("# syntax=docker/dockerfile:1\nFROM base\n"+c.text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := b.build(t.Context(), filepath.Join(dir, "out"), r); (err == nil) != c.want {
			t.Errorf("buildah %s, %s: %v, want %v", b.version, c.name, err, c.want)
		}
	}
}
