package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"
)

// credentials answers the builder's question for the user and password of a registry with what `docker login` has
// stored: base images may be private. The builder fetches its tokens itself.
type credentials struct{ auth.UnimplementedAuthServer }

// Register is part of session.Attachable.
func (c credentials) Register(server *grpc.Server) { auth.RegisterAuthServer(server, c) }

// Credentials is part of auth.AuthServer. A registry that nothing is known of is asked without a user.
func (credentials) Credentials(ctx context.Context, req *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	host := req.Host
	if host == "registry-1.docker.io" {
		host = "https://index.docker.io/v1/"
	}
	user, password := dockerLogin(ctx, host)
	return &auth.CredentialsResponse{Username: user, Secret: password}, nil
}

func dockerLogin(ctx context.Context, host string) (user, password string) {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", ""
		}
		dir = filepath.Join(home, ".docker")
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return "", ""
	}
	var config struct {
		Auths       map[string]struct{ Auth, IdentityToken string }
		CredsStore  string
		CredHelpers map[string]string
	}
	if json.Unmarshal(text, &config) != nil {
		return "", ""
	}
	helper := config.CredHelpers[host]
	if helper == "" {
		helper = config.CredsStore
	}
	if helper != "" {
		if user, password, ok := fromHelper(ctx, helper, host); ok {
			return user, password
		}
	}
	for name, login := range config.Auths {
		bare := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(name, "https://"), "http://"), "/")
		if name != host && bare != host {
			continue
		}
		if login.IdentityToken != "" {
			return "", login.IdentityToken
		}
		if both, err := base64.StdEncoding.DecodeString(login.Auth); err == nil {
			user, password, _ = strings.Cut(strings.TrimRight(string(both), "\x00"), ":")
			return user, password
		}
	}
	return "", ""
}

// fromHelper asks docker-credential-NAME, which docker was told to keep passwords with.
func fromHelper(ctx context.Context, name, host string) (user, password string, ok bool) {
	if strings.ContainsAny(name, `/\`) {
		return "", "", false
	}
	cmd := exec.CommandContext(ctx, "docker-credential-"+name, "get")
	cmd.Stdin = strings.NewReader(host)
	out, err := cmd.Output()
	if err != nil {
		return "", "", false
	}
	var login struct{ Username, Secret string }
	if json.NewDecoder(bytes.NewReader(out)).Decode(&login) != nil {
		return "", "", false
	}
	if login.Username == "<token>" {
		login.Username = ""
	}
	return login.Username, login.Secret, true
}
