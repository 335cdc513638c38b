//go:build linux

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// deploy runs the result of `fix --target` where it is for. The programs are to be told what the old ones were told.
func (c *runCase) deploy(ctx context.Context, e *engine, unbake, dir string, old *observation) (problems []string, err error) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	fix := exec.CommandContext(ctx, unbake, "fix", "--target", c.target)
	fix.Dir = dir
	if out, err := fix.CombinedOutput(); err != nil && fix.ProcessState.ExitCode() > 1 {
		return nil, fmt.Errorf("unbake fix --target %s: %w\n%s", c.target, err, out)
	}
	var new *observation
	switch c.target {
	case "swarm":
		new, err = c.swarm(ctx, e, dir)
	case "vault":
		new, err = c.vault(ctx, e, dir, problem)
	default:
		return nil, fmt.Errorf("nothing runs %s here", c.target)
	}
	if err != nil {
		problem("%s: %v", c.target, err)
		return problems, nil
	}
	files, err := projectFiles(dir)
	if err != nil {
		return nil, err
	}
	for i, canary := range c.canaries {
		for _, place := range places(canary, new.public, new.inspected, files) {
			problem("%s: canary %d is in %s", c.target, i+1, place)
		}
	}
	for what, was := range old.said {
		if is := new.said[what]; !slices.Equal(was, is) {
			problem("%s: %s was told\n%s\nand is told\n%s", c.target, what, strings.Join(was, "\n"), strings.Join(is, "\n"))
		}
	}
	return problems, nil
}

// swarm creates the secrets and deploys the stack, on a swarm of this one engine.
func (c *runCase) swarm(ctx context.Context, e *engine, dir string) (o *observation, err error) {
	if err := e.manager(); err != nil {
		return nil, err
	}
	built, err := e.images(ctx, dir, c.name, c.env)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, image := range built {
			e.docker(context.WithoutCancel(ctx), "image", "rm", "--force", image)
		}
	}()
	create := e.command(ctx, slices.Concat(c.env, c.given), "sh", "secrets.create.sh")
	create.Dir = dir
	if _, err := said(create); err != nil {
		return nil, err
	}
	defer func() {
		_, failed := e.docker(context.WithoutCancel(ctx), "stack", "rm", c.name)
		err = errors.Join(err, failed)
	}()
	stack := filepath.Join(dir, "docker-stack.yml")
	if _, err := e.docker(ctx, "stack", "deploy", "--detach=true", "--resolve-image", "never", "--compose-file", stack, c.name); err != nil {
		return nil, err
	}
	o = &observation{said: map[string][]string{}, public: map[string]string{}, inspected: map[string]string{}}
	services, err := e.docker(ctx, "stack", "services", "--format", "{{.Name}}", c.name)
	if err != nil {
		return nil, err
	}
	for name := range strings.FieldsSeq(services) {
		id, err := e.task(ctx, name)
		if err != nil {
			return nil, err
		}
		service := "service " + strings.TrimPrefix(name, c.name+"_")
		if o.said[service], err = e.settled(ctx, id, false); err != nil {
			return nil, fmt.Errorf("%s: %w", service, err)
		}
		if o.inspected["docker inspect of the container of "+service], err = e.docker(ctx, "inspect", id); err != nil {
			return nil, err
		}
		if o.public["docker service inspect of "+service], err = e.docker(ctx, "service", "inspect", name); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// task waits for the container of a service.
func (e *engine) task(ctx context.Context, service string) (id string, err error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		id, err := e.docker(ctx, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+service)
		if id = strings.TrimSpace(id); err != nil || id != "" {
			return id, err
		}
	}
	why, err := e.docker(ctx, "service", "ps", "--no-trunc", "--format", "{{.CurrentState}} {{.Error}}", service)
	return "", errors.Join(err, fmt.Errorf("no task of %s runs: %s", service, why))
}

// vault puts the values into a server and takes the files away: an agent beside the services brings them.
func (c *runCase) vault(ctx context.Context, e *engine, dir string, problem func(string, ...any)) (*observation, error) {
	policy, err := os.ReadFile(filepath.Join(dir, "vault/policy.hcl"))
	if err != nil {
		return nil, err
	}
	server := &kvServer{values: map[string]json.RawMessage{}, readable: map[string]bool{}}
	for _, path := range regexp.MustCompile(`(?m)^path "(.*)" \{\n  capabilities = \["read"\]\n\}$`).FindAllSubmatch(policy, -1) {
		server.readable[string(path[1])] = true
	}
	listener, err := e.listen(testHost + ":0")
	if err != nil {
		return nil, err
	}
	web := &http.Server{Handler: server}
	go web.Serve(listener)
	defer web.Close()

	put := e.command(ctx, slices.Concat(c.env, c.given, []string{"VAULT_ADDR=http://" + listener.Addr().String(), "VAULT_TOKEN=" + adminToken}), "sh", "vault/put.sh")
	put.Dir = dir
	if out, err := e.runInside(put); err != nil {
		return nil, fmt.Errorf("vault/put.sh: %w\n%s", err, out)
	}
	tree, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	for path := range tree {
		if filepath.Base(filepath.Dir(path)) == "secrets" || filepath.Base(path) == ".env" {
			if err := os.Remove(filepath.Join(dir, path)); err != nil {
				return nil, err
			}
		}
	}
	o, err := c.observe(ctx, e, dir, slices.Concat(c.env, []string{
		"COMPOSE_FILE=compose.yaml:compose.vault.yaml",
		"VAULT_ADDR=http://" + listener.Addr().String(), "VAULT_AGENT_TOKEN=" + agentToken,
	}))
	server.mu.Lock()
	defer server.mu.Unlock()
	for path := range server.readable {
		if !server.read[path] {
			problem("vault: the agent has not asked for %s, which the policy lets it read", path)
		}
	}
	for _, refused := range server.refused {
		problem("vault: the server refused %s", refused)
	}
	return o, err
}

// runInside runs a command in the network that the engine is in.
func (b *buildkit) runInside(cmd *exec.Cmd) ([]byte, error) {
	out, err := os.CreateTemp("", "said")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	started := make(chan error, 1)
	b.inside <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	err = cmd.Wait()
	text, _ := os.ReadFile(out.Name())
	return text, err
}

// manager makes a swarm of the engine, once.
func (e *engine) manager() error {
	e.swarming.Do(func() {
		_, e.swarmed = e.docker(context.Background(), "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
	})
	return e.swarmed
}

const (
	adminToken = "token-of-an-administrator"
	agentToken = "token-of-the-agent"
)

// kvServer is the KV version 2 engine of a Vault, at secret/: the agent's token reads what its policy says, the administrator's all.
type kvServer struct {
	mu       sync.Mutex
	values   map[string]json.RawMessage // {"value": …} by path
	readable map[string]bool
	read     map[string]bool // by the agent
	refused  []string
}

func (s *kvServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/")
	refuse := func(status int) {
		if r.Header.Get("X-Vault-Token") == agentToken {
			s.refused = append(s.refused, fmt.Sprint(r.Method, " ", r.URL.Path))
		}
		w.WriteHeader(status)
		fmt.Fprintln(w, `{"errors": []}`)
	}
	mount, isMount := strings.CutPrefix(path, "sys/internal/ui/mounts/")
	switch token := r.Header.Get("X-Vault-Token"); {
	case !ok || token != adminToken && token != agentToken:
		refuse(http.StatusForbidden)
	case isMount: // how a client learns which version of the engine it talks to
		fmt.Fprintf(w, `{"data": {"path": "secret/", "type": "kv", "options": {"version": "2"}}}%s`, strings.Repeat("\n", min(1, len(mount))))
	case r.Method == http.MethodGet && token == agentToken && !s.readable[path]:
		refuse(http.StatusForbidden)
	case r.Method == http.MethodGet && s.values[path] == nil:
		refuse(http.StatusNotFound)
	case r.Method == http.MethodGet:
		if token == agentToken {
			if s.read == nil {
				s.read = map[string]bool{}
			}
			s.read[path] = true
		}
		fmt.Fprintf(w, `{"data": {"data": %s, "metadata": {"version": 1, "created_time": %q}}}`, s.values[path], time.Now().UTC().Format(time.RFC3339Nano))
	case token != adminToken:
		refuse(http.StatusForbidden)
	default:
		var put struct {
			Data    json.RawMessage
			Options struct{ CAS *int }
		}
		if err := json.NewDecoder(r.Body).Decode(&put); err != nil || put.Options.CAS != nil && s.values[path] != nil {
			refuse(http.StatusBadRequest)
			return
		}
		s.values[path] = put.Data
		fmt.Fprintln(w, `{"data": {"version": 1}}`)
	}
}
