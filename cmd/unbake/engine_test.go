//go:build linux

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// engine is a Docker engine of our own. It has the network of buildkit, and processes and mounts of its own: all that it
// started ends with it.
type engine struct {
	*buildkit
	programs string // the folder of docker, docker-compose and consul-template
	socket   string
	dir      string
	client   *http.Client
	bases    map[string]func() (source, error)
	pulled   map[string]func() error

	swarming sync.Once
	swarmed  error
}

// testHost is an address of the engine's network that all containers reach.
const testHost = "198.51.100.1"

// startEngine starts the engine for the length of the test. Where that cannot be, the test is skipped, and fails in CI.
func startEngine(t *testing.T) *engine {
	t.Helper()
	b := startBuildkit(t)
	cannot := t.Skipf
	if os.Getenv("CI") == "true" {
		cannot = t.Fatalf
	}
	script, err := filepath.Abs("../../scripts/engine.sh")
	if err != nil {
		t.Fatal(err)
	}
	var complaint bytes.Buffer
	path := exec.Command(script, "path")
	path.Stderr = &complaint
	programs, err := path.Output()
	if err != nil {
		cannot("running containers needs Docker: %s", complaint.String())
	}
	e := &engine{buildkit: b, programs: strings.TrimSpace(string(programs)), dir: scratch(t)}
	e.socket = filepath.Join(e.dir, "docker.sock")
	e.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", e.socket)
	}}}
	t.Cleanup(e.client.CloseIdleConnections)

	// What the cases' images run, in every base image.
	overlay := filepath.Join(e.dir, "overlay/usr/local/bin")
	seen := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(overlay, "seen"), "../../testdata/run/seen")
	seen.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := seen.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if b.base, err = newBaseImage(filepath.Join(e.dir, "base"), filepath.Join(e.dir, "overlay")); err != nil {
		t.Fatal(err)
	}
	context := filepath.Join(e.dir, "bases")
	if err := os.CopyFS(context, os.DirFS("../../testdata/run/base")); err != nil {
		t.Fatal(err)
	}
	renderer, err := os.ReadFile(filepath.Join(e.programs, "consul-template"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(context, "consul-template"), renderer, 0o755); err != nil {
		t.Fatal(err)
	}
	if e.bases, err = e.baseImages(context); err != nil {
		t.Fatal(err)
	}
	e.pulled = map[string]func() error{}
	for name := range e.bases {
		e.pulled[name] = sync.OnceValue(func() error { return e.loadBase(name) })
	}
	// What the scripts that fix writes call.
	if err := os.Symlink(filepath.Join(overlay, "seen"), filepath.Join(e.dir, "vault")); err != nil {
		t.Fatal(err)
	}
	if out, err := b.runInside(exec.Command("busybox", "ip", "addr", "add", testHost+"/32", "dev", "lo")); err != nil {
		t.Fatalf("an address: %v\n%s", err, out)
	}

	log, err := os.Create(filepath.Join(e.dir, "dockerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(script, "run", e.dir)
	daemon.Stdout, daemon.Stderr = log, log
	daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	b.inside <- func() { started <- daemon.Start() } // the thread lives as long as BuildKit's daemon
	if err := <-started; err != nil {
		cannot("dockerd does not start here: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		daemon.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			daemon.Process.Kill()
			<-ended
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := e.docker(t.Context(), "version"); err == nil {
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
		cannot("dockerd does not run here: %s", lastLines(string(said), 3))
	}

	// An engine that answers may still not be allowed to run anything.
	if err := e.pull(t.Context(), "busybox:probe"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.docker(t.Context(), "run", "--rm", "--network", "none", "busybox:probe", "true"); err != nil {
		cannot("the engine cannot run containers here: %v", err)
	}
	return e
}

// command is a client of the engine, with an environment that has nothing of the test's but what is in env.
func (e *engine) command(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	if own := filepath.Join(e.programs, program); program == filepath.Base(program) {
		if _, err := os.Stat(own); err == nil {
			program = own
		}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{
		"PATH=" + e.programs + ":" + e.dir + ":" + os.Getenv("PATH"),
		"HOME=" + e.dir,
		"DOCKER_HOST=unix://" + e.socket,
	}, env...)
	return cmd
}

// docker runs the client and returns what it said.
func (e *engine) docker(ctx context.Context, args ...string) (string, error) {
	return said(e.command(ctx, nil, "docker", args...))
}

func said(cmd *exec.Cmd) (string, error) {
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, lastLines(out.String()+complaint.String(), 25))
	}
	return out.String(), nil
}

// baseImages are the stages of the Dockerfile in dir, each built when it is first asked for.
func (e *engine) baseImages(dir string) (map[string]func() (source, error), error) {
	dockerfile, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	from, err := e.base.unique()
	if err != nil {
		return nil, err
	}
	images := map[string]func() (source, error){}
	for _, stage := range regexp.MustCompile(`(?m)^FROM \S+ AS (\S+)$`).FindAllSubmatch(dockerfile, -1) {
		name := string(stage[1])
		images[name] = sync.OnceValues(func() (source, error) {
			r := request{dir: dir, dockerfile: filepath.Join(dir, "Dockerfile"), stage: name, from: from}
			img, err := e.build(context.Background(), filepath.Join(e.dir, "images", name), r)
			if err != nil {
				return source{}, fmt.Errorf("base image %s: %w", name, err)
			}
			return img.source, nil
		})
	}
	return images, nil
}

// basename is the base image that a reference means: registry.example.com/library/node:20-alpine is node.
func (e *engine) basename(ref string) (name string, ok bool) {
	repository, _, _ := strings.Cut(ref, "@")
	name = repository[strings.LastIndex(repository, "/")+1:]
	name, _, _ = strings.Cut(name, ":")
	switch {
	case strings.Contains(ref, "/distroless/"):
		name = "distroless"
	case strings.Contains(ref, "linuxserver/"):
		name = "linuxserver"
	case strings.Contains(ref, "goauthentik/"):
		name = "authentik"
	case name == "mariadb":
		name = "mysql"
	case name == "alpine", name == "debian", name == "ubuntu":
		name = "busybox"
	}
	_, ok = e.bases[name]
	return name, ok
}

// from sets what the FROMs of a Dockerfile mean.
func (e *engine) from(r *request) error {
	dockerfile, err := os.ReadFile(r.dockerfile)
	if err != nil {
		return err
	}
	if r.from, err = e.base.unique(); err != nil {
		return err
	}
	r.images = map[string]source{}
	for _, match := range regexp.MustCompile(`(?mi)^FROM\s+(\S+)`).FindAllSubmatch(dockerfile, -1) {
		ref := string(match[1])
		name, ok := e.basename(ref)
		if !ok {
			continue // a stage, or scratch
		}
		image, err := e.bases[name]()
		if err != nil {
			return err
		}
		repository, tag, ok := strings.Cut(ref, ":")
		if !ok {
			tag = "latest"
		}
		switch strings.Count(repository, "/") {
		case 0:
			repository = "docker.io/library/" + repository
		case 1:
			repository = "docker.io/" + repository
		}
		r.images[repository+":"+tag] = image
	}
	return nil
}

// pull gives the engine the base image that a reference means.
func (e *engine) pull(ctx context.Context, ref string) error {
	name, ok := e.basename(ref)
	if !ok {
		return fmt.Errorf("no image %s: testdata/run/base has none", ref)
	}
	if err := e.pulled[name](); err != nil {
		return err
	}
	_, err := e.docker(ctx, "tag", "base-"+name, ref)
	return err
}

// loadBase gives the engine a base image, as base-NAME.
func (e *engine) loadBase(name string) error {
	image, err := e.bases[name]()
	if err != nil {
		return err
	}
	dir := filepath.Join(e.dir, "images", name)
	dockerfile := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(dockerfile, []byte("FROM base\n"), 0o644); err != nil {
		return err
	}
	return e.load(context.Background(), request{dir: dir, dockerfile: dockerfile, from: image}, "base-"+name)
}

// load builds an image and gives it to the engine under the name.
func (e *engine) load(ctx context.Context, r request, name string) error {
	dir, err := os.MkdirTemp(e.dir, "image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "image.tar")
	if err := e.solve(ctx, dir, r, "type=docker,name="+name+",dest="+archive, "--no-cache"); err != nil {
		return err
	}
	_, err = e.docker(ctx, "load", "--quiet", "--input", archive)
	return err
}

// composed is what docker compose makes of the compose files in a folder.
type composed struct {
	Services map[string]struct {
		Image string
		Build *struct {
			Context, Dockerfile, Target string
			Args                        map[string]*string
			Secrets                     []struct{ Source, Target string }
		}
	}
	Secrets map[string]struct{ File, Environment string }
}

// compose runs docker compose in a folder, as the project of that name.
func (e *engine) compose(ctx context.Context, dir, name string, env []string, args ...string) (string, error) {
	cmd := e.command(ctx, env, "docker-compose", append([]string{"--project-name", name}, args...)...)
	cmd.Dir = dir
	return said(cmd)
}

// images builds and gives the engine what the services of the project need, and returns the names of those that were
// built. It is what `docker compose build` does, with the builder that the other tests use.
func (e *engine) images(ctx context.Context, dir, name string, env []string) (built []string, err error) {
	text, err := e.compose(ctx, dir, name, env, "--profile", "*", "config", "--format", "json")
	if err != nil {
		return nil, err
	}
	var p composed
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, err
	}
	for _, service := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[service]
		if s.Build == nil {
			if err := e.pull(ctx, s.Image); err != nil {
				return nil, err
			}
			continue
		}
		r := request{dir: s.Build.Context, dockerfile: filepath.Join(s.Build.Context, s.Build.Dockerfile), stage: s.Build.Target}
		for key, value := range s.Build.Args {
			if value != nil {
				r.buildArgs = append(r.buildArgs, key+"="+*value)
			}
		}
		for _, secret := range s.Build.Secrets {
			id, from := secret.Target, p.Secrets[secret.Source]
			if id == "" {
				id = secret.Source
			}
			if from.File != "" {
				r.secrets = append(r.secrets, "id="+id+",src="+from.File)
				continue
			}
			r.secrets = append(r.secrets, "id="+id+",env="+from.Environment)
			if r.env, err = e.environment(ctx, dir, name, env); err != nil {
				return nil, err
			}
		}
		if err := e.from(&r); err != nil {
			return nil, err
		}
		image := s.Image
		if image == "" {
			image = name + "-" + service
		}
		if err := e.load(ctx, r, image); err != nil {
			return nil, fmt.Errorf("service %s: %w", service, err)
		}
		built = append(built, image)
	}
	if len(p.Services) == 0 {
		return nil, errors.New("no services")
	}
	return built, nil
}

// environment is what docker compose knows as variables: the caller's, and those of .env.
func (e *engine) environment(ctx context.Context, dir, name string, env []string) (map[string]string, error) {
	text, err := e.compose(ctx, dir, name, env, "config", "--environment")
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	for pair := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(pair, "\n"), "=")
		variables[key] = value
	}
	return variables, nil
}

// ask asks the engine itself: the client takes longer to start than the engine to answer.
func (e *engine) ask(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+path, nil)
	if err != nil {
		return err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
