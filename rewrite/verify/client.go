package verify

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/docker/cli/cli/connhelper/commandconn"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	spb "github.com/moby/buildkit/sourcepolicy/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// client speaks to a daemon's control service. BuildKit's own client package is not used: it brings cache stores, tracing
// exporters and gateways, and two megabytes of program that nothing here needs.
type client struct {
	conn    *grpc.ClientConn
	control controlapi.ControlClient
}

// dialer opens the connection to a daemon.
type dialer func(context.Context) (net.Conn, error)

// dialerOf returns how to reach an address: unix://PATH, tcp://HOST:PORT, docker-container://NAME.
func dialerOf(address string) (dialer, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("not an address")
	}
	var d net.Dialer
	switch u.Scheme {
	case "unix":
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "unix", u.Host+u.Path) }, nil
	case "tcp":
		return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", u.Host) }, nil
	case "docker-container":
		docker, err := exec.LookPath("docker")
		if err != nil {
			return nil, errors.New("docker is not installed")
		}
		return command(docker, "exec", "-i", u.Host, "buildctl", "dial-stdio"), nil
	}
	return nil, errors.New("not an address: it begins with unix://, tcp:// or docker-container://")
}

// command is a program that hands over the connection on standard input and output.
func command(name string, args ...string) dialer {
	return func(ctx context.Context) (net.Conn, error) { return commandconn.New(ctx, name, args...) }
}

func newClient(dial dialer) (*client, error) {
	conn, err := grpc.NewClient("passthrough:///builder",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }),
		grpc.WithAuthority("builder"),
		grpc.WithUnaryInterceptor(grpcerrors.UnaryClientInterceptor),
		grpc.WithStreamInterceptor(grpcerrors.StreamClientInterceptor),
	)
	if err != nil {
		return nil, err
	}
	return &client{conn, controlapi.NewControlClient(conn)}, nil
}

func (c *client) Close() error { return c.conn.Close() }

// answers asks the daemon for something small.
func (c *client) answers(ctx context.Context) error {
	_, err := c.control.ListWorkers(ctx, &controlapi.ListWorkersRequest{})
	return err
}

// request is one build.
type request struct {
	attrs    map[string]string // of BuildKit's Dockerfile frontend
	sources  map[string]fsutil.FS
	filter   filesync.FilterOptFunc
	shared   string // what the daemon remembers of the sources is under this key
	session  []session.Attachable
	policy   *spb.Policy
	exporter string
	export   map[string]string // of the exporter
	output   string            // the file that the exporter sends; "" where it sends none
}

// solve builds. What the daemon reports goes to status until the build has ended.
func (c *client) solve(ctx context.Context, r request, status func(*controlapi.StatusResponse)) error {
	var err error
	dirs := filesync.StaticDirSource{}
	for name, source := range r.sources {
		// Files of a build context belong to root, as docker sends them.
		if dirs[name], err = fsutil.NewFilterFS(source, &fsutil.FilterOpt{Map: func(_ string, st *types.Stat) fsutil.MapResult {
			st.Uid, st.Gid = 0, 0
			return fsutil.MapResultKeep
		}}); err != nil {
			return err
		}
	}
	services := append([]session.Attachable{filesync.NewFSSyncProvider(dirs, r.filter)}, r.session...)
	if r.output != "" {
		services = append(services, filesync.NewFSSyncTarget(filesync.WithFSSync(0, func(map[string]string) (io.WriteCloser, error) {
			return os.OpenFile(r.output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		})))
	}
	back := newCallback(r.shared, services)
	ran := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ran <- back.serve(running, c.control) }()

	ref := identity.NewID()
	told := make(chan struct{})
	go func() {
		defer close(told)
		stream, err := c.control.Status(running, &controlapi.StatusRequest{Ref: ref})
		if err != nil {
			return // Solve says what is wrong
		}
		for {
			report, err := stream.Recv()
			if err != nil {
				return
			}
			status(report)
		}
	}()
	_, err = c.control.Solve(ctx, &controlapi.SolveRequest{
		Ref:                     ref,
		Session:                 back.id,
		Frontend:                "dockerfile.v0",
		FrontendAttrs:           r.attrs,
		Exporters:               []*controlapi.Exporter{{Type: r.exporter, Attrs: r.export}},
		ExporterDeprecated:      r.exporter, // daemons before 0.13 know one only
		ExporterAttrsDeprecated: r.export,
		Cache:                   &controlapi.CacheOptions{},
		SourcePolicy:            r.policy,
	})
	// The end of a failed build is what a person wants to read: it may still be under way.
	select {
	case <-told:
	case <-time.After(5 * time.Second):
	}
	back.close()
	stop()
	<-told
	<-ran
	return err
}
