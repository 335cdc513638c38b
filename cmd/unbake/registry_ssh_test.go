//go:build linux

package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sshKey is the mark in a case for a private key. The key is made when the case runs: none is kept in the project.
const sshKey = "{{ssh-key}}"

// newKey makes a key, and returns it without the newline at its end, and its public half.
func newKey(t *testing.T) (private, public string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ann@example.com", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
	return read(path), read(path + ".pub")
}

// replace puts text in the place of mark, wherever the case has it.
func (c *buildCase) replace(mark, text string) {
	for _, list := range [][]string{c.args, c.canaries} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], mark, text)
		}
	}
	for _, tree := range []map[string]string{c.input, c.want} {
		for path := range tree {
			tree[path] = strings.ReplaceAll(tree[path], mark, text)
		}
	}
}

func (c *buildCase) mentions(mark string) bool {
	for _, canary := range c.canaries {
		if strings.Contains(canary, mark) {
			return true
		}
	}
	return false
}

// startAgent gives a build an ssh agent of its own, which has the case's key and nothing else.
func (c *buildCase) startAgent(r *request, dir string) (stop func(), err error) {
	if c.key == "" {
		return nil, errors.New("an agent wants a case with a key")
	}
	r.agent = filepath.Join(dir, "agent.sock")
	agent := exec.Command("ssh-agent", "-D", "-a", r.agent)
	if err := agent.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		agent.Process.Kill()
		agent.Wait()
	}
	add := func() error {
		add := exec.Command("ssh-add", "-q", "-")
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+r.agent)
		add.Stdin = strings.NewReader(c.key + "\n")
		if out, err := add.CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-add: %w\n%s", err, out)
		}
		return nil
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err = os.Stat(r.agent); err == nil {
			if err = add(); err == nil {
				return stop, nil
			}
		}
		if time.Now().After(deadline) {
			stop()
			return nil, err
		}
	}
}

// sshServer is a folder with the sshd and the git of a root file system, which run with that folder as their root: the
// machine's own sshd, if it has one, has no part in it.
type sshServer struct {
	root string
}

func newSSHServer(root, layer, repositories string) (*sshServer, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	extract := exec.Command("tar", "-x", "-f", layer, "-C", root, "--exclude=./usr/share", "--exclude=./usr/local",
		"--exclude=./usr/lib/go*", "--exclude=./usr/lib/python*", "--exclude=./usr/lib/*/libnode*", "--exclude=./dev", "--exclude=./var/lib")
	if out, err := extract.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("tar: %w\n%s", err, out)
	}
	accounts := filepath.Join(root, "etc/passwd")
	passwd, err := os.ReadFile(accounts)
	if err != nil {
		return nil, err
	}
	// A star is no password and does not lock the account: keys still open it.
	passwd = append(passwd, "git:*:2000:2000::/srv/git:/bin/sh\n"...)
	const null = 1<<8 | 3
	return &sshServer{root}, errors.Join(
		os.WriteFile(accounts, passwd, 0o644),
		os.MkdirAll(filepath.Join(root, "run/sshd"), 0o755),
		os.MkdirAll(filepath.Join(root, "etc/ssh/keys"), 0o755),
		os.Mkdir(filepath.Join(root, "dev"), 0o755),
		syscall.Mknod(filepath.Join(root, "dev/null"), syscall.S_IFCHR|0o666, null),
		os.Chmod(filepath.Join(root, "dev/null"), 0o666),
		os.CopyFS(filepath.Join(root, "srv/git/acme/hello.git"), os.DirFS(filepath.Join(repositories, "acme/hello.git"))),
		os.WriteFile(filepath.Join(root, "etc/gitconfig"), []byte("[safe]\n\tdirectory = *\n"), 0o644),
	)
}

// serveSSH gives a case's registry an sshd that one key opens: the one that is in the case.
func (b *buildkit) serveSSH(t *testing.T, s *sshServer, r *registry, public string) {
	t.Helper()
	keys := filepath.Join("/etc/ssh/keys", r.address)
	if err := os.WriteFile(filepath.Join(s.root, keys), []byte(public+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := b.listen(net.JoinHostPort(r.address, "22"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go s.answer(conn, keys, r)
		}
	}()
}

// answer is an sshd for one connection.
func (s *sshServer) answer(conn net.Conn, keys string, r *registry) {
	defer conn.Close()
	socket, err := conn.(*net.TCPConn).File()
	if err != nil {
		r.record(err.Error())
		return
	}
	defer socket.Close()
	sshd := exec.Command("/usr/sbin/sshd", "-i", "-e", "-o", "AuthorizedKeysFile="+keys, "-o", "StrictModes=no",
		"-o", "UsePAM=no", "-o", "PasswordAuthentication=no", "-o", "LogLevel=VERBOSE")
	sshd.Dir = "/"
	sshd.Env = []string{"PATH=/usr/bin:/bin"}
	sshd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root}
	sshd.Stdin, sshd.Stdout = socket, socket
	said, err := sshd.StderrPipe()
	if err == nil {
		err = sshd.Start()
	}
	if err != nil {
		r.record("sshd: " + err.Error())
		return
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := lines.Text()
		r.record("sshd: " + line)
		if strings.HasPrefix(line, "Accepted publickey for git ") {
			r.show(func(canary string) bool { return strings.Contains(canary, "PRIVATE KEY") })
		}
	}
	sshd.Wait()
}

// onceSSHServer makes the server when the first case needs it.
func onceSSHServer(t *testing.T, layer, repositories string) func() (*sshServer, error) {
	dir := scratch(t)
	return sync.OnceValues(func() (*sshServer, error) {
		return newSSHServer(filepath.Join(dir, "ssh"), layer, repositories)
	})
}
