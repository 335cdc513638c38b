//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package transact

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func ids(t *testing.T, name string) [2]uint32 {
	t.Helper()
	info, err := os.Lstat(name)
	ok(t, err)
	st := info.Sys().(*syscall.Stat_t)
	return [2]uint32{st.Uid, st.Gid}
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, h := range []hook{nil, noLink(func(_ string, _ *os.File, _ []byte, run func() error) error { return run() })} {
		dir := newProject(t)
		ok(t, os.Chown(filepath.Join(dir, "docker"), 1234, 1235))
		ok(t, os.Chown(filepath.Join(dir, "docker/Dockerfile"), 1236, 1237))
		ok(t, os.Chmod(filepath.Join(dir, "docker/Dockerfile"), 0o4755|os.ModeSetuid))
		ok(t, commit(dir, changes(), h))
		for name, want := range map[string][2]uint32{
			"docker/Dockerfile":              {1236, 1237},
			"docker/secrets":                 {1234, 1235},
			"docker/secrets/PASSWORD":        {1234, 1235},
			"docker/Dockerfile.dockerignore": {1234, 1235},
			".gitignore":                     {0, 0},
		} {
			if got := ids(t, filepath.Join(dir, name)); got != want {
				t.Errorf("%s belongs to %v, want %v", name, got, want)
			}
		}
		if info, _ := os.Lstat(filepath.Join(dir, "docker/Dockerfile")); info.Mode() != 0o755|os.ModeSetuid {
			t.Errorf("the mode is %v", info.Mode())
		}
	}
}

func TestRolledBackOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := newProject(t)
	name := filepath.Join(dir, "docker/compose.yaml")
	ok(t, os.Chown(name, 1236, 1237))
	was, err := os.Lstat(name)
	ok(t, err)
	left := 4 // the rename after that of compose.yaml
	if err := commit(dir, changes(), func(op string, f *os.File, b []byte, run func() error) error {
		if op == "rename" {
			if left--; left == 0 {
				return syscall.EIO
			}
		}
		return run()
	}); err == nil {
		t.Fatal("no error")
	}
	is, err := os.Lstat(name)
	ok(t, err)
	if ids(t, name) != [2]uint32{1236, 1237} || !os.SameFile(was, is) || !was.ModTime().Equal(is.ModTime()) {
		t.Error("the old file was not put back, but one like it")
	}
}

func TestSpecialFiles(t *testing.T) {
	for _, name := range []string{"docker/Dockerfile", "docker/secrets", journalName, planName} {
		dir := newProject(t)
		pipe := filepath.Join(dir, name)
		ok(t, os.RemoveAll(pipe))
		ok(t, syscall.Mkfifo(pipe, 0o644))
		before := snapshot(t, dir)
		if err := Commit(dir, changes()); err == nil || !strings.HasPrefix(err.Error(), name+": is ") {
			t.Error(err)
		}
		equal(t, "refused", snapshot(t, dir), before)
	}
}
