package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/containerd/log"
)

// Builder is a connection to a BuildKit daemon.
type Builder struct {
	client *client
	Name   string // as the user would say it: an address, or "docker buildx"
	docker bool   // reached through the docker program
	engine bool   // it is Docker's own, which exports nothing: images are had from the engine
}

// NoBuilderError says that there is nothing to build with.
type NoBuilderError struct{ Tried string }

func (e *NoBuilderError) Error() string {
	return e.Tried + ": no builder, start Docker or name a BuildKit daemon with --addr or BUILDKIT_HOST"
}

// patience is how long an address may take to answer.
const patience = 10 * time.Second

// boot is how long docker may take: the builder behind it may have to be started, and its image fetched.
const boot = 3 * time.Minute

// Dial connects to the builder at an address (unix://PATH, tcp://HOST:PORT, docker-container://NAME), else to that of
// BUILDKIT_HOST, else to Docker's through buildx. The error is a *NoBuilderError where none answers.
func Dial(ctx context.Context, addr string) (*Builder, error) {
	if err := quiet(); err != nil {
		return nil, err
	}
	if addr == "" {
		addr = os.Getenv("BUILDKIT_HOST")
	}
	if addr == "" {
		return dialDocker(ctx)
	}
	dial, err := dialerOf(addr)
	if err != nil {
		return nil, &NoBuilderError{fmt.Sprintf("%s: %s", addr, short(err))}
	}
	c, err := newClient(dial)
	if err != nil {
		return nil, &NoBuilderError{fmt.Sprintf("%s: %s", addr, short(err))}
	}
	b := &Builder{client: c, Name: addr}
	if err := b.answers(ctx, patience); err != nil {
		c.Close()
		return nil, &NoBuilderError{fmt.Sprintf("%s: %s", addr, short(err))}
	}
	return b, nil
}

// quiet silences the logs that the client's libraries write to standard error: the process has no other use for them, and
// what goes wrong comes back as an error.
func quiet() error {
	stdlog.SetOutput(io.Discard) // http2's
	return log.SetLevel("fatal") // containerd's
}

// dialDocker reaches the builder that `docker build` would use. buildx hands over its connection on standard input and
// output; a child process is one connection.
func dialDocker(ctx context.Context) (*Builder, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil, &NoBuilderError{"docker: not installed"}
	}
	c, err := newClient(command(docker, "buildx", "dial-stdio", "--progress=quiet"))
	if err != nil {
		return nil, &NoBuilderError{"docker buildx: " + short(err)}
	}
	b := &Builder{client: c, Name: "docker buildx", docker: true}
	if err := b.answers(ctx, boot); err != nil {
		c.Close()
		return nil, &NoBuilderError{"docker buildx: " + whyDocker(ctx, docker, err)}
	}
	return b, nil
}

// whyDocker is what docker itself says is wrong, in a few words.
func whyDocker(ctx context.Context, docker string, err error) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if exec.CommandContext(ctx, docker, "buildx", "version").Run() != nil {
		return "the docker program has no buildx plugin"
	}
	if exec.CommandContext(ctx, docker, "version", "--format", "{{.Server.Version}}").Run() != nil {
		return "the Docker engine does not run, or may not be used by this user"
	}
	return short(err)
}

// answers waits for the daemon to say something. An address that nobody listens at fails at once.
func (b *Builder) answers(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return b.client.answers(ctx)
}

// Close ends the connection, and the child process that is it.
func (b *Builder) Close() error { return b.client.Close() }

// short is the last part of an error's text: what a chain of wrapped errors begins with says where in the client, not
// what is wrong.
func short(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "does not answer"
	}
	text := strings.TrimSpace(err.Error())
	if i := strings.LastIndex(text, "dial unix "); i >= 0 {
		text = text[i:]
	}
	if i := strings.LastIndex(text, ": "); i >= 0 && i+2 < len(text) {
		text = text[i+2:]
	}
	first, _, _ := strings.Cut(text, "\n")
	return strings.Trim(first, `"`)
}
