//go:build linux

package main_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// buildkit is a BuildKit daemon of our own, with a base image on disk: builds need no network and no registry. It has a
// network of its own too, with nothing on it but loopback: what a build reaches there is a listener of the test.
type buildkit struct {
	buildctl string // path of the client
	addr     string
	base     *baseImage
	inside   chan func() // runs what it is sent in the daemon's network
	servers  atomic.Int32
}

// startBuildkit starts the daemon for the length of the test. Where that cannot be, the test is skipped, and fails
// in CI: there a skipped proof would go unnoticed.
func startBuildkit(t *testing.T) *buildkit {
	t.Helper()
	cannot := t.Skipf
	if os.Getenv("CI") == "true" {
		cannot = t.Fatalf
	}
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		cannot("real builds need Linux and root")
	}
	script, err := filepath.Abs("../../scripts/buildkit.sh")
	if err != nil {
		t.Fatal(err)
	}
	var complaint bytes.Buffer
	path := exec.Command(script, "path")
	path.Stderr = &complaint
	programs, err := path.Output()
	if err != nil {
		cannot("real builds need BuildKit: %s", complaint.String())
	}

	dir := scratch(t)
	base, err := newBaseImage(filepath.Join(dir, "base"), "../../testdata/build/base")
	if err != nil {
		t.Fatal(err)
	}
	b := &buildkit{
		buildctl: filepath.Join(strings.TrimSpace(string(programs)), "buildctl"),
		addr:     "unix://" + filepath.Join(dir, "buildkitd.sock"),
		base:     base,
		inside:   make(chan func()),
	}

	log, err := os.Create(filepath.Join(dir, "buildkitd.log"))
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(script, "run", dir)
	daemon.Stdout, daemon.Stderr = log, log
	// A panic or a time-out leaves no chance to clean up: the kernel then ends the daemon with us. It watches the
	// thread that started it, so one goroutine keeps that thread until the daemon is gone. The thread is in the
	// daemon's network, and is never unlocked: no other goroutine gets it.
	daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			started <- fmt.Errorf("a network of its own: %w", err)
			return
		}
		if out, err := exec.Command("busybox", "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			started <- fmt.Errorf("loopback: %w\n%s", err, out)
			return
		}
		err := daemon.Start()
		started <- err
		if err != nil {
			return
		}
		go func() {
			daemon.Wait()
			close(ended)
		}()
		for {
			select {
			case f := <-b.inside:
				f()
			case <-ended:
				return
			}
		}
	}()
	if err := <-started; err != nil {
		cannot("buildkitd does not start here: %v", err)
	}
	t.Cleanup(func() {
		daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			daemon.Process.Kill()
			<-ended
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if exec.Command(b.buildctl, "--addr", b.addr, "debug", "workers").Run() == nil {
			break
		}
		select {
		case <-ended:
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(log.Name())
		cannot("buildkitd does not run here: %s", lastLines(string(said), 3))
	}

	// A daemon that answers may still not be allowed to run anything, in an ordinary container for one.
	probe := request{dir: filepath.Join(dir, "probe"), dockerfile: filepath.Join(dir, "probe/Dockerfile")}
	if probe.from, err = base.unique(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(probe.dir, 0o755), os.WriteFile(probe.dockerfile, []byte("FROM base\nRUN true\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.build(t.Context(), filepath.Join(dir, "probed"), probe); err != nil {
		cannot("BuildKit cannot build here: %v", err)
	}
	return b
}

// listen listens at an address that builds can reach.
func (b *buildkit) listen(addr string) (l net.Listener, err error) {
	done := make(chan struct{})
	b.inside <- func() {
		l, err = net.Listen("tcp", addr)
		close(done)
	}
	<-done
	return l, err
}

// scratch is a folder for the length of the test, in memory where there is plenty: builds then take half the time.
func scratch(t *testing.T) string {
	t.Helper()
	const memory, plenty = "/dev/shm", 8 << 30
	var free syscall.Statfs_t
	if err := syscall.Statfs(memory, &free); err != nil || free.Bavail*uint64(free.Bsize) < plenty {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "unbake-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return dir
}

// request is one build.
type request struct {
	dir        string // the context
	dockerfile string // path of the Dockerfile
	stage      string // the stage to build; "" is the last
	buildArgs  []string
	secrets    []string          // as in --secret
	agent      string            // the socket of an ssh agent, as in --ssh default=PATH
	env        map[string]string // of the client, where --secret id=NAME finds NAME
	from       source            // what every FROM of an image means
	images     map[string]source // what those of some names mean: docker.io/library/node:*
	hosts      string            // of which address NAME=ADDRESS,… are names
}

// source is an image in an OCI layout on disk.
type source struct {
	layout   string
	manifest string // digest
	base     *baseImage
}

// image is what a build made: an OCI layout, and the file system that a container would see.
type image struct {
	source
	files  map[string]file
	config map[string]any    // the image's "config": Env, Cmd, User …
	blobs  map[string][]byte // by file name: the digest without its kind; without the base's layer
}

// file is one entry of an image's file system. Times are left out: no two builds agree on them.
type file struct {
	Mode     int64 // permission bits with setuid, setgid and sticky
	Type     byte  // as in a tar header
	UID, GID int
	Link     string
	Sum      [sha256.Size]byte // of the content
	Content  string            // "" for what is as in the base
	Xattrs   string
}

func (f file) equals(g file) bool {
	f.Content, g.Content = "", ""
	return f == g
}

// build makes an image in out. The error holds the end of what the builder said.
func (b *buildkit) build(ctx context.Context, out string, r request) (*image, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	layout := filepath.Join(out, "layout")
	// The base's layer may be large: what is there already is not exported again.
	if err := r.from.base.link(layout); err != nil {
		return nil, err
	}
	err := b.solve(ctx, out, r, "type=oci,tar=false,compression=uncompressed,force-compression=true,dest="+layout,
		"--opt", "attest:provenance=mode=max")
	if err != nil {
		return nil, err
	}
	return readImage(layout, r.from.base)
}

// solve builds and writes the output that is asked for. Dir is for what the builder must be told by a file.
func (b *buildkit) solve(ctx context.Context, dir string, r request, output string, more ...string) error {
	images := map[string]source{"*": r.from}
	maps.Copy(images, r.images)
	var rules []any
	args := []string{"--addr", b.addr, "build", "--progress=plain", "--frontend=dockerfile.v0"}
	for i, name := range slices.Backward(slices.Sorted(maps.Keys(images))) { // of two rules the first counts: the asterisk is last
		store := fmt.Sprintf("base%d", i)
		ref := "docker.io/library/" + store
		for _, pattern := range []string{ref + "@*", name} { // what it was converted to is looked up again
			rules = append(rules, map[string]any{
				"action":   "CONVERT",
				"selector": map[string]any{"identifier": "docker-image://" + pattern, "match_type": "WILDCARD"},
				"updates": map[string]any{
					"identifier": "oci-layout://" + ref + "@" + images[name].manifest,
					"attrs":      map[string]any{"oci.store": store},
				},
			})
		}
		args = append(args, "--oci-layout", store+"="+images[name].layout)
	}
	policy, err := json.Marshal(map[string]any{"rules": rules})
	if err != nil {
		return err
	}
	policyFile := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(policyFile, policy, 0o644); err != nil {
		return err
	}
	args = append(args,
		"--local", "context="+r.dir,
		"--local", "dockerfile="+filepath.Dir(r.dockerfile),
		"--opt", "filename="+filepath.Base(r.dockerfile),
		"--opt", "target="+r.stage,
		"--opt", "cmdline=none", // not empty: the frontend that "# syntax" names is then not fetched; the daemon's own is used
		"--source-policy-file", policyFile,
		"--output", output,
	)
	args = append(args, more...)
	for _, arg := range r.buildArgs {
		args = append(args, "--opt", "build-arg:"+arg)
	}
	if r.hosts != "" {
		args = append(args, "--opt", "add-hosts="+r.hosts)
	}
	for _, secret := range r.secrets {
		args = append(args, "--secret", secret)
	}
	if r.agent != "" {
		args = append(args, "--ssh", "default="+r.agent)
	}
	client := exec.CommandContext(ctx, b.buildctl, args...)
	client.Env = os.Environ()
	for name, value := range r.env {
		client.Env = append(client.Env, name+"="+value)
	}
	if said, err := client.CombinedOutput(); err != nil {
		return fmt.Errorf("%w:\n%s", err, lastLines(string(said), 25))
	}
	return nil
}

func readImage(layout string, base *baseImage) (*image, error) {
	img := &image{source: source{layout: layout, base: base}, files: maps.Clone(base.files), blobs: map[string][]byte{}}
	err := filepath.WalkDir(layout, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		img.blobs[d.Name()], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		return nil, err
	}

	// index.json names an index of the image and its attestations; the image is the one with a real platform.
	blob := func(digest string, into any) error {
		content, ok := img.blobs[strings.TrimPrefix(digest, "sha256:")]
		if !ok {
			return fmt.Errorf("%s: no blob %s", layout, digest)
		}
		return json.Unmarshal(content, into)
	}
	type descriptor struct {
		MediaType, Digest string
		Annotations       map[string]string
	}
	type manifest struct {
		Manifests []descriptor
		Config    descriptor
		Layers    []descriptor
	}
	var at manifest
	if err := json.Unmarshal(img.blobs["index.json"], &at); err != nil {
		return nil, err
	}
	for len(at.Manifests) > 0 {
		images := slices.DeleteFunc(at.Manifests, func(d descriptor) bool {
			return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
		})
		if len(images) != 1 {
			return nil, fmt.Errorf("%s: %d images, want 1", layout, len(images))
		}
		img.manifest, at = images[0].Digest, manifest{}
		if err := blob(img.manifest, &at); err != nil {
			return nil, err
		}
	}
	var config struct{ Config map[string]any }
	if err := blob(at.Config.Digest, &config); err != nil {
		return nil, err
	}
	img.config = config.Config

	for _, layer := range at.Layers {
		if layer.Digest == base.layer {
			continue
		}
		content, ok := img.blobs[strings.TrimPrefix(layer.Digest, "sha256:")]
		if !ok {
			return nil, fmt.Errorf("%s: no layer %s", layout, layer.Digest)
		}
		if err := apply(img.files, bytes.NewReader(content), true); err != nil {
			return nil, err
		}
	}
	return img, nil
}

// apply puts a layer on top of files, as the OCI image specification says: an entry takes the place of what is there, a
// folder of a folder leaves what is in it, and an empty file with the prefix .wh. takes away.
func apply(files map[string]file, layer io.Reader, keepContent bool) error {
	below := func(dir string) {
		maps.DeleteFunc(files, func(path string, _ file) bool { return strings.HasPrefix(path, dir) })
	}
	var gone []string // of the layers below: what this layer has itself stays
	entries := map[string]file{}
	for r := tar.NewReader(layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		path := strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		if path == "" || path == "." {
			continue
		}
		dir, name := filepath.Split(path)
		if hidden, ok := strings.CutPrefix(name, ".wh."); ok {
			if name == ".wh..wh..opq" {
				hidden = ""
			}
			gone = append(gone, dir+hidden)
			continue
		}
		f := file{Mode: h.Mode & 0o7777, Type: h.Typeflag, UID: h.Uid, GID: h.Gid, Link: h.Linkname}
		if f.Type == tar.TypeReg {
			sum := sha256.New()
			var content strings.Builder
			to := io.Writer(sum)
			if keepContent {
				to = io.MultiWriter(sum, &content)
			}
			if _, err := io.Copy(to, r); err != nil {
				return err
			}
			f.Sum, f.Content = [sha256.Size]byte(sum.Sum(nil)), content.String()
		}
		var xattrs []string
		for key, value := range h.PAXRecords {
			if strings.HasPrefix(key, "SCHILY.xattr.") {
				xattrs = append(xattrs, key+"="+value)
			}
		}
		slices.Sort(xattrs)
		f.Xattrs = strings.Join(xattrs, "\n")
		entries[path] = f
	}
	for _, path := range gone {
		delete(files, path)
		below(strings.TrimSuffix(path, "/") + "/")
	}
	for path, f := range entries {
		if was, ok := files[path]; ok && was.Type == tar.TypeDir && f.Type != tar.TypeDir {
			below(path + "/")
		}
		files[path] = f
	}
	return nil
}

// baseImage is an OCI layout with one large layer: what every FROM gets.
type baseImage struct {
	layout string
	layer  string // digest
	blob   string // path of the layer
	size   int64
	files  map[string]file
	builds atomic.Int64
}

// openBaseImage takes the layer at blob, whose name is its digest, for a base image. Layout is the folder to make.
func openBaseImage(layout, blob string) (*baseImage, error) {
	base := &baseImage{layout: layout, layer: "sha256:" + filepath.Base(blob), blob: blob, files: map[string]file{}}
	if err := base.link(layout); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(layout, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(layout, "index.json"), []byte(`{"schemaVersion":2,"manifests":[]}`), 0o644); err != nil {
		return nil, err
	}
	f, err := os.Open(blob)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	base.size = info.Size()
	return base, apply(base.files, bufio.NewReaderSize(f, 1<<20), false)
}

// link puts the layer into a layout.
func (b *baseImage) link(layout string) error {
	blobs := filepath.Join(layout, "blobs/sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	return os.Symlink(b.blob, filepath.Join(blobs, filepath.Base(b.blob)))
}

// newBaseImage makes a base image in dir of a busybox, three users and the stub programs.
func newBaseImage(dir, overlay string) (*baseImage, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, err
	}

	var layer layerWriter
	for _, dir := range strings.Fields("bin dev etc opt proc run srv sys usr usr/bin usr/local usr/local/bin usr/local/lib usr/src var var/lib var/log") {
		layer.add(dir, file{Type: tar.TypeDir, Mode: 0o755})
	}
	layer.add("root", file{Type: tar.TypeDir, Mode: 0o700})
	layer.add("tmp", file{Type: tar.TypeDir, Mode: 0o1777})
	layer.add("var/log/seen", file{Type: tar.TypeDir, Mode: 0o1777})
	layer.add("home", file{Type: tar.TypeDir, Mode: 0o755})
	layer.add("home/node", file{Type: tar.TypeDir, Mode: 0o755, UID: 1000, GID: 1000})
	layer.add("home/app", file{Type: tar.TypeDir, Mode: 0o755, UID: 1001, GID: 1001})
	layer.add("etc/passwd", file{Type: tar.TypeReg, Mode: 0o644, Content: "root:x:0:0:root:/root:/bin/sh\n" +
		"node:x:1000:1000::/home/node:/bin/sh\napp:x:1001:1001::/home/app:/bin/sh\n"})
	layer.add("etc/group", file{Type: tar.TypeReg, Mode: 0o644, Content: "root:x:0:\nnode:x:1000:\napp:x:1001:\n"})
	layer.add("bin/busybox", file{Type: tar.TypeReg, Mode: 0o755, Content: string(program)})
	for name := range strings.FieldsSeq(string(applets)) {
		if name != "busybox" {
			layer.add("bin/"+name, file{Type: tar.TypeSymlink, Mode: 0o777, Link: "busybox"})
		}
	}
	err = filepath.WalkDir(overlay, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(overlay, path)
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			link, err := os.Readlink(path)
			layer.add(filepath.ToSlash(name), file{Type: tar.TypeSymlink, Mode: 0o777, Link: link})
			return err
		}
		content, err := os.ReadFile(path)
		layer.add(filepath.ToSlash(name), file{Type: tar.TypeReg, Mode: 0o755, Content: string(content)})
		return err
	})
	if err != nil {
		return nil, err
	}
	blob, err := layer.close()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(blob)
	path := filepath.Join(dir, hex.EncodeToString(sum[:]))
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, blob, 0o644)); err != nil {
		return nil, err
	}
	return openBaseImage(filepath.Join(dir, "layout"), path)
}

// unique returns a base image that differs from all others in the time of /tmp alone. BuildKit gives equal steps the
// layer it has, whatever their secrets are, also while the first of them still runs. Builds on different layers have no
// equal steps, so none is answered with what another one saw.
func (b *baseImage) unique() (source, error) {
	layer := layerWriter{time: time.Unix(b.builds.Add(1), 0)}
	layer.add("tmp", file{Type: tar.TypeDir, Mode: 0o1777})
	blob, err := layer.close()
	if err != nil {
		return source{}, err
	}
	tip, err := b.put(blob)
	if err != nil {
		return source{}, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Env": []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			"Cmd": []string{"sh"},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{b.layer, tip}},
		"history": []any{map[string]any{"created_by": "base"}, map[string]any{"created_by": "tmp"}},
	})
	if err != nil {
		return source{}, err
	}
	configDigest, err := b.put(config)
	if err != nil {
		return source{}, err
	}
	describe := func(mediaType, digest string, size int64) map[string]any {
		return map[string]any{"mediaType": "application/vnd.oci.image." + mediaType, "digest": digest, "size": size}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        describe("config.v1+json", configDigest, int64(len(config))),
		"layers": []any{
			describe("layer.v1.tar", b.layer, b.size),
			describe("layer.v1.tar", tip, int64(len(blob))),
		},
	})
	if err != nil {
		return source{}, err
	}
	digest, err := b.put(manifest)
	return source{b.layout, digest, b}, err
}

func (b *baseImage) put(blob []byte) (digest string, err error) {
	sum := sha256.Sum256(blob)
	name := hex.EncodeToString(sum[:])
	return "sha256:" + name, os.WriteFile(filepath.Join(b.layout, "blobs/sha256", name), blob, 0o644)
}

// layerWriter writes a tar; the first error is that of close.
type layerWriter struct {
	time time.Time
	buf  bytes.Buffer
	tar  *tar.Writer
	err  error
}

func (l *layerWriter) add(path string, f file) {
	if l.tar == nil {
		l.tar = tar.NewWriter(&l.buf)
	}
	if f.Type == tar.TypeDir {
		path += "/"
	}
	err := l.tar.WriteHeader(&tar.Header{
		Name: path, Typeflag: f.Type, Mode: f.Mode, Uid: f.UID, Gid: f.GID,
		Linkname: f.Link, Size: int64(len(f.Content)), ModTime: l.time,
	})
	if err == nil {
		_, err = l.tar.Write([]byte(f.Content))
	}
	l.err = errors.Join(l.err, err)
}

func (l *layerWriter) close() ([]byte, error) {
	err := errors.Join(l.err, l.tar.Close())
	return l.buf.Bytes(), err
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
