package transact

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A fault strikes the nth operation that changes the disk.
type fault struct {
	name string
	hook func(op string, f *os.File, b []byte, run func() error, strike func() error) error
}

var faults = []fault{
	{"before", func(_ string, _ *os.File, _ []byte, _ func() error, strike func() error) error {
		return strike()
	}},
	// The operation takes place and fails all the same, as on a network file system that loses the answer.
	{"after", func(_ string, _ *os.File, _ []byte, run func() error, strike func() error) error {
		if err := run(); err != nil {
			return err
		}
		return strike()
	}},
	{"half", func(_ string, f *os.File, b []byte, run func() error, strike func() error) error {
		if f == nil {
			return run()
		}
		f.Write(b[:len(b)/2])
		return strike()
	}},
}

// noSync leaves out what only a power cut could tell, so that thousands of runs take seconds.
func noSync(h hook) hook {
	return func(op string, f *os.File, b []byte, run func() error) error {
		if strings.HasPrefix(op, "sync") {
			run = func() error { return nil }
		}
		if h == nil {
			return run()
		}
		return h(op, f, b, run)
	}
}

// noLink is a file system without hard links.
func noLink(h hook) hook {
	return func(op string, f *os.File, b []byte, run func() error) error {
		if op == "link" {
			run = func() error { return &os.LinkError{Op: "linkat", Err: syscall.EPERM} }
		}
		return h(op, f, b, run)
	}
}

// at makes the nth operation strike; struck says whether it came to that.
func (ft fault) at(n int, strike func() error, struck *bool) hook {
	return func(op string, f *os.File, b []byte, run func() error) error {
		if n--; n != 0 {
			return run()
		}
		*struck = true
		return ft.hook(op, f, b, run, strike)
	}
}

// A failure of any one operation leaves everything as it was, or, once all is in place, does not matter.
func TestFailures(t *testing.T) {
	before, after := states(t)
	for _, ft := range faults {
		for name, errno := range errNo {
			for _, links := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/links=%v", ft.name, name, links), func(t *testing.T) {
					undone, done := 0, 0
					for n, struck := 1, true; struck; n++ {
						struck = false
						dir := newProject(t)
						h := ft.at(n, func() error { return errno }, &struck)
						if !links {
							h = noLink(h)
						}
						err := commit(dir, changes(), noSync(h))
						what := fmt.Sprintf("operation %d (%v)", n, err)
						if err != nil {
							undone++
							equal(t, what, snapshot(t, dir), before)
							if strings.Contains(err.Error(), prefix) && !strings.Contains(err.Error(), planName) || strings.Contains(err.Error(), "c4n4ry") {
								t.Errorf("%s: tells too much", what)
							}
						} else {
							done++
							equal(t, what, snapshot(t, dir), after)
						}
						if errors.Is(err, errno) != (err != nil) {
							t.Errorf("%s: the cause is lost", what)
						}
					}
					t.Logf("%d undone, %d done", undone, done)
					if undone < 8 || done < 1 {
						t.Error("too few operations seen")
					}
				})
			}
		}
	}
}

// A disk that is full from some operation on can still be put back: that takes renames and removals only.
func TestDiskFull(t *testing.T) {
	before, after := states(t)
	undone := 0
	for n, struck := 1, true; struck; n++ {
		struck = false
		dir := newProject(t)
		left := n
		err := commit(dir, changes(), noSync(func(op string, f *os.File, b []byte, run func() error) error {
			if left--; left <= 0 && slices.Contains([]string{"create", "mkdir", "link", "write"}, op) {
				struck = true
				return &os.PathError{Op: op, Err: syscall.ENOSPC}
			}
			return run()
		}))
		if err != nil {
			undone++
			equal(t, fmt.Sprintf("full at %d", n), snapshot(t, dir), before)
		} else {
			equal(t, fmt.Sprintf("full at %d", n), snapshot(t, dir), after)
		}
	}
	if undone < 30 {
		t.Errorf("only %d undone", undone)
	}
}

// A disk that fails for good, so that nothing can be put back: the next run ends the work.
func TestDiskDead(t *testing.T) {
	before, after := states(t)
	for _, op := range []string{"", "rename", "remove", "syncfolder", "chmod"} {
		for n, struck := 1, true; struck; n++ {
			struck = false
			dir := newProject(t)
			left := n
			err := commit(dir, changes(), noSync(func(o string, f *os.File, b []byte, run func() error) error {
				if op == "" || o == op {
					left--
				}
				if left <= 0 && (op == "" || o == op) {
					struck = true
					return &os.PathError{Op: o, Err: syscall.EIO}
				}
				return run()
			}))
			if struck && err == nil {
				t.Fatalf("%s dead at %d: no error", op, n)
			}
			again(t, fmt.Sprintf("%s dead at %d", op, n), dir, before, after)
		}
	}
}

// crash stops a run as a kill would: nothing of the package runs after it.
type crash struct{}

func crashing(run func()) (crashed bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, crashed = r.(crash); !crashed {
				panic(r)
			}
		}
	}()
	run()
	return false
}

// Stopped at any operation, and the run after that stopped at any operation too.
func TestStopped(t *testing.T) {
	before, after := states(t)
	stop := func() error { panic(crash{}) }
	for _, ft := range faults {
		for _, links := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/links=%v", ft.name, links), func(t *testing.T) {
				t.Parallel()
				runs := 0
				for n, more := 1, true; more; n++ {
					more = false
					// The second stop is tried at every fifth operation, another fifth for each first one.
					for m, moreM := 1+n%5, true; moreM; m += 5 {
						dir := newProject(t)
						h := ft.at(n, stop, &more)
						if !links {
							h = noLink(h)
						}
						crashing(func() { commit(dir, changes(), noSync(h)) })
						what := fmt.Sprintf("stopped at %d", n)
						whole(t, what, dir)
						var struck bool
						h = ft.at(m, stop, &struck)
						if !links {
							h = noLink(h)
						}
						moreM = crashing(func() {
							if _, err := recoverRoot(dir, noSync(h)); err != nil {
								t.Fatalf("%s: %v", what, err)
							}
						})
						runs++
						again(t, fmt.Sprintf("%s, then at %d", what, m), dir, before, after)
						os.RemoveAll(dir)
						moreM = moreM && links && !testing.Short()
					}
				}
				t.Logf("%d runs", runs)
				if runs < 8 {
					t.Error("too few operations seen")
				}
			})
		}
	}
}

// Stopped while it is putting back what failed.
func TestStoppedWhileUndoing(t *testing.T) {
	before, after := states(t)
	runs := 0
	for n, more := 1, true; more; n++ {
		more = false
		for m, moreM := n+1+n%5, true; moreM; m += 5 {
			dir := newProject(t)
			count := 0
			moreM = crashing(func() {
				commit(dir, changes(), noSync(func(op string, f *os.File, b []byte, run func() error) error {
					switch count++; count {
					case n:
						more = true
						return syscall.EIO
					case m:
						panic(crash{})
					}
					return run()
				}))
			})
			runs++
			again(t, fmt.Sprintf("failed at %d, stopped at %d", n, m), dir, before, after)
			os.RemoveAll(dir)
			moreM = moreM && !testing.Short()
		}
	}
	t.Logf("%d runs", runs)
}

const childDir, childOp = "UNBAKE_TEST_DIR", "UNBAKE_TEST_OP"

// TestMain is also the process that is killed: with childDir set it commits to that folder, and with childOp set it
// ends itself before that operation.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // a tracer counts the calls of each thread
	n, _ := strconv.Atoi(os.Getenv(childOp))
	err := commit(dir, changes(), func(op string, f *os.File, b []byte, run func() error) error {
		if n--; n == 0 {
			os.Exit(9)
		}
		return run()
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t testing.TB, dir string, n int, tracer ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	args := append(tracer, self)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childOp+"="+strconv.Itoa(n), "GOMAXPROCS=1")
	return cmd
}

func TestProcessStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a process for each operation")
	}
	before, after := states(t)
	for n := 1; ; n++ {
		dir := newProject(t)
		out, err := child(t, dir, n).CombinedOutput()
		again(t, fmt.Sprintf("ended at %d", n), dir, before, after)
		if err == nil {
			t.Logf("%d operations", n-1)
			if n < 50 {
				t.Error("too few operations seen")
			}
			return
		}
		if exit, isExit := errors.AsType[*exec.ExitError](err); !isExit || exit.ExitCode() != 9 {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// Killed before every system call that can change a file, found by strace.
func TestProcessKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a process for each system call")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	before, after := states(t)
	dir := newProject(t)
	log := filepath.Join(t.TempDir(), "log")
	if out, err := child(t, dir, 0, strace, "-f", "-qq", "-o", log, "-e", "trace=%file,%desc").CombinedOutput(); err != nil {
		t.Skipf("strace cannot run here: %v: %s", err, out)
	}
	equal(t, "traced", snapshot(t, dir), after)
	calls := []string{"write", "fsync", "flock", "linkat", "unlinkat", "mkdirat", "renameat", "fchmod", "fchown", "utimensat"}
	trace, err := os.ReadFile(log)
	ok(t, err)
	used := map[string]int{}
	for line := range strings.Lines(string(trace)) {
		// "1234 openat(AT_FDCWD, …"; signals, exits and the second half of an interrupted call have other forms.
		_, call, _ := strings.Cut(line, " ")
		if name, _, found := strings.Cut(strings.TrimSpace(call), "("); found && !strings.ContainsAny(name, " <+-") {
			used[name]++
		}
	}
	for name := range maps.Keys(used) {
		// A call that is not in the list would go untested.
		if !slices.Contains(calls, name) && !slices.Contains([]string{"openat", "read", "pread64", "close", "fcntl", "newfstatat", "fstat",
			"getdents64", "lseek", "mmap", "epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "execve", "readlink", "readlinkat",
			"ioctl", "statx", "pipe2", "dup", "dup3", "access", "faccessat2"}, name) {
			t.Errorf("system call %s is used and not in the list", name)
		}
	}
	for _, call := range append(calls, "openat") {
		if used[call] == 0 {
			continue
		}
		killed := 0
		for n := 1; ; n++ {
			dir := newProject(t)
			err := child(t, dir, 0, strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace="+call,
				"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)).Run()
			again(t, fmt.Sprintf("killed at %s %d", call, n), dir, before, after)
			os.RemoveAll(dir)
			if err == nil {
				break
			}
			killed++
		}
		t.Logf("%s: killed %d times of %d calls", call, killed, used[call])
		if killed == 0 {
			t.Errorf("never killed at %s", call)
		}
	}
}

// The order that a power cut would tell: a content is synced before its name, the names before the journal's, and all
// of them before what could put them back is removed.
func TestOrder(t *testing.T) {
	dir := newProject(t)
	chosen := changes()
	files := []File{chosen[0], chosen[2], chosen[6]} // .gitignore, a secret in a new folder, a Dockerfile
	var got []string
	ok(t, commit(dir, files, func(op string, _ *os.File, _ []byte, run func() error) error {
		if op != "chown" { // if root
			got = append(got, op)
		}
		return run()
	}))
	want := strings.Fields(`
		create write sync syncfolder
		mkdir chmod syncfolder
		create create create
		link link
		write chmod chtimes sync  rename syncfolder
		write chtimes sync
		write chmod chtimes sync
		syncfolder syncfolder syncfolder
		rename syncfolder
		chmod sync link
		rename
		syncfolder syncfolder syncfolder
		remove remove remove
		syncfolder syncfolder syncfolder
		remove syncfolder`)
	if !slices.Equal(got, want) {
		t.Errorf("the operations are\n%s, want\n%s", got, want)
	}
}
