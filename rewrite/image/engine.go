package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// socket is where the engine of this machine listens.
const socket = "/var/run/docker.sock"

// fetch asks the Docker Engine for an image: it sends what docker save writes.
func fetch(ctx context.Context, ref string) (store, error) {
	if _, err := name.ParseReference(ref); err != nil && !isID(ref) {
		return nil, errors.New("no such file or folder, and no image's name")
	}
	host := os.Getenv("DOCKER_HOST")
	path, unix := strings.CutPrefix(host, "unix://")
	switch {
	case host == "":
		path = socket
	case !unix:
		return nil, errors.New("no such file or folder, and DOCKER_HOST is no unix socket: save the image there and name the archive")
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("no such file or folder, and there is no Docker Engine at %s to ask for an image of this name (DOCKER_HOST)", path)
	}
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		DisableCompression: true,
		DisableKeepAlives:  true,
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/images/"+escape(ref)+"/get", nil)
	if err != nil {
		return nil, errors.New("no image's name")
	}
	res, err := client.Do(req)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("the Docker Engine at %s lets this user not ask it", path)
		}
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("the Docker Engine at %s does not answer: %w", path, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var said struct{ Message string }
		body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if json.Unmarshal(body, &said) != nil || said.Message == "" {
			said.Message = res.Status
		}
		if res.StatusCode == http.StatusNotFound {
			return nil, errors.New("no such file or folder, and the Docker Engine has no image of this name: pull or build it first")
		}
		return nil, fmt.Errorf("the Docker Engine says: %.300s", said.Message)
	}
	f, err := spool(res.Body)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("what the Docker Engine sends %w", broken(err))
	}
	a := &archive{file: f, spool: true}
	if err := a.index(); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// escape keeps the slashes of a name, as the engine wants them.
func escape(ref string) string {
	parts := strings.Split(ref, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// isID tells an image's id, whole or shortened.
func isID(ref string) bool {
	hex := strings.TrimPrefix(ref, "sha256:")
	return len(hex) >= 4 && len(hex) <= 64 && strings.Trim(hex, "0123456789abcdef") == ""
}
