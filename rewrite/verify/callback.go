package verify

import (
	"context"
	"net"
	"sync"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/grpchijack"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// callback is what BuildKit calls a session: the services that a daemon may ask its client for during a build, over a
// connection that the client has opened. grpc serves it itself; session.Session does so by way of net/http's server.
type callback struct {
	id     string
	shared string
	server *grpc.Server
}

func newCallback(shared string, services []session.Attachable) *callback {
	c := &callback{id: identity.NewID(), shared: shared, server: grpc.NewServer(
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor),
		grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
	)}
	grpc_health_v1.RegisterHealthServer(c.server, health.NewServer())
	for _, s := range services {
		s.Register(c.server)
	}
	return c
}

// serve answers until ctx ends or close is called.
func (c *callback) serve(ctx context.Context, control controlapi.ControlClient) error {
	meta := map[string][]string{
		"X-Docker-Expose-Session-Uuid":      {c.id},
		"X-Docker-Expose-Session-Sharedkey": {c.shared},
	}
	for name, service := range c.server.GetServiceInfo() {
		for _, method := range service.Methods {
			meta["X-Docker-Expose-Session-Grpc-Method"] = append(meta["X-Docker-Expose-Session-Grpc-Method"], session.MethodURL(name, method.Name))
		}
	}
	conn, err := grpchijack.Dialer(control)(ctx, "h2c", meta)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.server.Stop)
	defer stop()
	return c.server.Serve(&listener{conn: conn, closed: make(chan struct{})})
}

func (c *callback) close() { c.server.Stop() }

// listener accepts one connection that is there already.
type listener struct {
	conn   net.Conn
	taken  bool
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return l.conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return l.conn.LocalAddr() }
