package transact

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	valueT = "ghp_c4n4ryEXAMPLE0123456789"
	valueU = "c4n4ry-EXAMPLE-\xff\r\npassword"
)

// project is what the tests start from. The order of its change is the order of a real run.
var project = []struct {
	path     string
	mode     fs.FileMode // of the file before; of the file after if it is created
	dir      fs.FileMode
	old, new string
}{
	{path: ".gitignore", mode: 0o644, old: "node_modules", new: "node_modules\n/docker/secrets/\n"},
	{path: "docker/Dockerfile.dockerignore", mode: 0, old: "-", new: "/docker/secrets/\n"},
	{path: "docker/secrets/GITHUB_TOKEN", mode: 0o644, dir: 0o700, old: "-", new: valueT},
	{path: "docker/secrets/PASSWORD", mode: 0o640, dir: 0o700, old: "-", new: valueU},
	{path: "docker/compose.yaml", mode: 0o600, old: "services:\r\n  a:\r\n", new: "services:\r\n  a:\r\nsecrets: {}\r\n"},
	{path: "deep/er/build.sh", mode: 0o750, old: "#!/bin/sh\ndocker build .\n", new: "#!/bin/sh\ndocker build --secret id=GITHUB_TOKEN .\n"},
	{path: "docker/Dockerfile", mode: 0o664, old: "FROM a\nENV GITHUB_TOKEN=" + valueT + "\nENV PASSWORD=" + valueU + "\n", new: "FROM a\n"},
	{path: "empty", mode: 0o644, old: "", new: "no longer\n"},
}

func changes() (files []File) {
	for _, p := range project {
		f := File{Path: p.path, Old: []byte(p.old), New: []byte(p.new), Dir: p.dir}
		if p.old == "-" {
			f.Old, f.Mode = nil, p.mode
		}
		files = append(files, f)
	}
	return files
}

func newProject(t testing.TB) string {
	t.Helper()
	dir := scratch(t)
	layOut(t, dir)
	return dir
}

// scratch is a folder in memory where there is such a disk: thousands of runs sync dozens of times each.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "transact")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func layOut(t testing.TB, dir string) {
	t.Helper()
	for _, p := range project {
		if p.old != "-" {
			put(t, dir, p.path, p.old, p.mode)
		}
	}
}

func put(t testing.TB, dir, name, content string, mode fs.FileMode) {
	t.Helper()
	name = filepath.Join(dir, name)
	ok(t, os.MkdirAll(filepath.Dir(name), 0o755))
	ok(t, os.WriteFile(name, []byte(content), 0o600))
	ok(t, os.Chmod(name, mode))
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// snapshot is everything below dir: mode and content by path.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	ok(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			content, err = os.ReadFile(p)
		}
		rel, _ := filepath.Rel(dir, p)
		all[filepath.ToSlash(rel)] = fmt.Sprintf("%v %q", info.Mode(), content)
		return err
	}))
	return all
}

// states returns the project before and after, as snapshots.
func states(t testing.TB) (before, after map[string]string) {
	t.Helper()
	dir := newProject(t)
	before = snapshot(t, dir)
	ok(t, Commit(dir, changes()))
	after = snapshot(t, dir)
	return before, after
}

func equal(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s is left over: %s", what, name, got[name])
		}
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %s is\n\t%s, want\n\t%s", what, name, got[name], want[name])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// whole checks what law 8 promises of any instant: every file is old or new, every value is under a name that a person
// would look under, and no secret was staged before what hides it was in place.
func whole(t testing.TB, what, dir string) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return "-"
		}
		ok(t, err)
		return string(b)
	}
	for _, p := range project {
		if got := read(p.path); got != p.old && got != p.new {
			t.Fatalf("%s: %s is neither old nor new: %q", what, p.path, got)
		}
	}
	dockerfile := read("docker/Dockerfile")
	for name, value := range map[string]string{"GITHUB_TOKEN": valueT, "PASSWORD": valueU} {
		if !strings.Contains(dockerfile, value) && read("docker/secrets/"+name) != value {
			t.Fatalf("%s: the value of %s is lost", what, name)
		}
	}
	hidden := read(".gitignore") == project[0].new && read("docker/Dockerfile.dockerignore") == project[1].new
	for name, s := range snapshot(t, dir) {
		if !strings.HasPrefix(name, "docker/secrets/") || !strings.Contains(s, "c4n4ry") {
			continue
		}
		if !hidden {
			t.Fatalf("%s: %s was written before the ignore files", what, name)
		}
	}
	for _, j := range []string{planName, journalName} {
		if s := read(j); strings.Contains(s, "c4n4ry") || strings.Contains(s, "password") {
			t.Fatalf("%s: %s tells a value", what, j)
		}
	}
}

// again runs what the next process would run, and wants the project as it should be.
func again(t testing.TB, what, dir string, before, after map[string]string) {
	t.Helper()
	whole(t, what, dir)
	did, err := Recover(dir)
	if err != nil {
		t.Fatalf("%s: Recover: %v", what, err)
	}
	got := snapshot(t, dir)
	if did == "undone" || did == "" && maps.Equal(got, before) {
		equal(t, what+", "+did, got, before)
		if err := Commit(dir, changes()); err != nil {
			t.Fatalf("%s: second Commit: %v", what, err)
		}
		got = snapshot(t, dir)
	}
	equal(t, what+", "+did, got, after)
	if did, err := Recover(dir); did != "" || err != nil {
		t.Fatalf("%s: another Recover: %q, %v", what, did, err)
	}
}

func TestCommit(t *testing.T) {
	dir := newProject(t)
	ok(t, Commit(dir, changes()))
	got := snapshot(t, dir)
	umask := umaskOf(t)
	for _, p := range project {
		mode := p.mode
		if p.mode == 0 {
			mode = 0o644 &^ umask
		}
		if want := fmt.Sprintf("%v %q", mode, p.new); got[p.path] != want && runtime.GOOS != "windows" {
			t.Errorf("%s is %s, want %s", p.path, got[p.path], want)
		}
		delete(got, p.path)
	}
	if got["docker/secrets"] != `drwx------ ""` && runtime.GOOS != "windows" {
		t.Errorf("the folder of the secrets is %s", got["docker/secrets"])
	}
	for _, folder := range []string{".", "docker", "docker/secrets", "deep", "deep/er"} {
		delete(got, folder)
	}
	if len(got) > 0 {
		t.Errorf("left over: %v", got)
	}
}

// umaskOf asks the disk, as the package does.
func umaskOf(t *testing.T) fs.FileMode {
	name := filepath.Join(t.TempDir(), "f")
	ok(t, os.WriteFile(name, nil, 0o777))
	info, err := os.Stat(name)
	ok(t, err)
	return 0o777 &^ info.Mode().Perm()
}

func TestCommitWithNothingToDo(t *testing.T) {
	dir := newProject(t)
	ok(t, Commit(dir, changes()))
	after := snapshot(t, dir)
	var files []File
	for _, f := range changes() {
		if f.Old != nil {
			f.Old = f.New
		}
		files = append(files, f) // the files to create exist, with this content
	}
	ops := 0
	ok(t, commit(dir, files, func(op string, _ *os.File, _ []byte, run func() error) error {
		ops++
		return run()
	}))
	if ops > 0 {
		t.Errorf("%d operations changed the disk", ops)
	}
	equal(t, "same again", snapshot(t, dir), after)
	ok(t, Commit(dir, nil))
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	files := []File{
		{Path: "a/b/c/T", New: []byte(valueT), Mode: 0o600, Dir: 0o700},
		{Path: "a/b/U", New: []byte(valueU), Mode: 0o644, Dir: 0o750},
	}
	ok(t, Commit(dir, files))
	got := snapshot(t, dir)
	for name, want := range map[string]string{"a/b": "drwxr-x---", "a/b/c": "drwx------", "a/b/c/T": "-rw-------", "a/b/U": "-rw-r--r--"} {
		if !strings.HasPrefix(got[name], want) && runtime.GOOS != "windows" {
			t.Errorf("%s is %.10s, want %s", name, got[name], want)
		}
	}
}

func TestHardLinkKeepsOldContentElsewhere(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "Dockerfile", "old", 0o644)
	ok(t, os.Link(filepath.Join(dir, "Dockerfile"), filepath.Join(dir, "other")))
	ok(t, Commit(dir, []File{{Path: "Dockerfile", Old: []byte("old"), New: []byte("new")}}))
	for name, want := range map[string]string{"Dockerfile": "new", "other": "old"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

func TestRefuses(t *testing.T) {
	symlink := func(target, name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, name)
			ok(t, os.RemoveAll(name))
			if err := os.Symlink(target, name); err != nil {
				t.Skip(err)
			}
		}
	}
	write := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { put(t, dir, name, content, 0o644) }
	}
	path := func(p string) func([]File) []File {
		return func(files []File) []File {
			return append(files, File{Path: p, New: []byte("x")})
		}
	}
	for _, tt := range []struct {
		name  string
		setup func(*testing.T, string)
		files func([]File) []File
		want  string
	}{
		{name: "file is a link", setup: func(t *testing.T, dir string) {
			symlink("Dockerfile.real", "docker/Dockerfile")(t, dir)
			put(t, dir, "docker/Dockerfile.real", project[6].old, 0o644)
		}, want: "docker/Dockerfile: is a symbolic link, unbake does not write through links"},
		{name: "folder is a link within the root", setup: func(t *testing.T, dir string) {
			ok(t, os.Rename(filepath.Join(dir, "deep"), filepath.Join(dir, "moved")))
			symlink("moved", "deep")(t, dir)
		}, want: "deep: is a symbolic link"},
		{name: "folder is a link out of the root", setup: func(t *testing.T, dir string) {
			out := t.TempDir()
			put(t, out, "er/build.sh", project[5].old, 0o750)
			symlink(out, "deep")(t, dir)
		}, want: "deep: is a symbolic link"},
		{name: "folder of the secrets is a link out of the root", setup: func(t *testing.T, dir string) {
			symlink(t.TempDir(), "docker/secrets")(t, dir)
		}, want: "docker/secrets: is a symbolic link"},
		{name: "secret is a dangling link", setup: func(t *testing.T, dir string) {
			ok(t, os.Mkdir(filepath.Join(dir, "docker/secrets"), 0o700))
			symlink("nowhere", "docker/secrets/PASSWORD")(t, dir)
		}, want: "docker/secrets/PASSWORD: is a symbolic link"},
		{name: "file is a folder", setup: func(t *testing.T, dir string) {
			ok(t, os.Remove(filepath.Join(dir, "empty")))
			ok(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
		}, want: "empty: is a folder"},
		{name: "folder is a file", setup: write("docker/secrets", "x"), want: "docker/secrets: is a file where a folder is needed"},
		{name: "changed", setup: write("docker/Dockerfile", "FROM b\n"), want: "docker/Dockerfile: changed while"},
		{name: "changed to the same length", setup: write("docker/compose.yaml", "services:\r\n  b:\r\n"), want: "docker/compose.yaml: changed while"},
		{name: "removed", setup: func(t *testing.T, dir string) {
			ok(t, os.RemoveAll(filepath.Join(dir, "deep")))
		}, want: "deep/er/build.sh: was removed"},
		{name: "secret exists", setup: write("docker/secrets/PASSWORD", "mine"), want: "docker/secrets/PASSWORD: exists already with other content"},
		{name: "ignore file exists", setup: write("docker/Dockerfile.dockerignore", ""), want: "docker/Dockerfile.dockerignore: exists already"},
		{name: "read-only file", setup: func(t *testing.T, dir string) {
			ok(t, os.Chmod(filepath.Join(dir, "docker/Dockerfile"), 0o444))
		}, want: "docker/Dockerfile: is read-only"},
		{name: "read-only folder", setup: func(t *testing.T, dir string) {
			if runtime.GOOS == "windows" {
				t.Skip("no such permission")
			}
			ok(t, os.Chmod(filepath.Join(dir, "deep/er"), 0o555))
			t.Cleanup(func() { os.Chmod(filepath.Join(dir, "deep/er"), 0o755) })
		}, want: "deep/er: is a read-only folder"},
		{name: "read-only folder above one to make", setup: func(t *testing.T, dir string) {
			if runtime.GOOS == "windows" {
				t.Skip("no such permission")
			}
			ok(t, os.Mkdir(filepath.Join(dir, "ro"), 0o555))
		}, files: path("ro/secrets/T"), want: "ro: is a read-only folder"},
		{name: "parent", files: path("../x"), want: "is not a path"},
		{name: "parent inside", files: path("docker/../../x"), want: "is not a path"},
		{name: "absolute", files: path("/etc/x"), want: "is not a path"},
		{name: "root", files: path("."), want: "is not a path"},
		{name: "empty path", files: path(""), want: "is not a path"},
		{name: "nul", files: path("a\x00b"), want: "is not a path"},
		{name: "git", files: path("sub/.GIT/hooks/post-checkout"), want: "is not a path"},
		{name: "own file", files: path("docker/.unbake-0123.new"), want: "is not a path"},
		{name: "twice", files: path("docker/Dockerfile"), want: "is given twice"},
		{name: "ignore file late", files: path("deep/.gitignore"), want: "deep/.gitignore: an ignore file must come before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newProject(t)
			files := changes()
			if tt.setup != nil {
				tt.setup(t, dir)
			}
			if tt.files != nil {
				files = tt.files(files)
			}
			before := snapshot(t, dir)
			ops := 0
			err := commit(dir, files, func(op string, _ *os.File, _ []byte, run func() error) error {
				ops++
				return run()
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if ops > 0 {
				t.Errorf("found only after %d operations that changed the disk", ops)
			}
			equal(t, "refused", snapshot(t, dir), before)
		})
	}
}

// meanwhile runs a function once, before the nth operation of a kind.
func meanwhile(op string, n int, do func()) hook {
	return func(o string, _ *os.File, _ []byte, run func() error) error {
		if o == op {
			if n--; n == 0 {
				do()
			}
		}
		return run()
	}
}

func TestChangedWhileWriting(t *testing.T) {
	for _, tt := range []struct {
		name string
		op   string
		n    int
		do   func(t *testing.T, dir string)
		want string
	}{
		// Renames: .gitignore, the plan, then the others.
		{"saved by an editor", "rename", 3, func(t *testing.T, dir string) {
			put(t, dir, "docker/Dockerfile", "FROM mine\n", 0o644)
		}, "docker/Dockerfile: changed while"},
		{"replaced by a link", "rename", 3, func(t *testing.T, dir string) {
			ok(t, os.Remove(filepath.Join(dir, "docker/Dockerfile")))
			ok(t, os.Symlink("/etc/passwd", filepath.Join(dir, "docker/Dockerfile")))
		}, "docker/Dockerfile: changed while"},
		{"secret made by another", "rename", 2, func(t *testing.T, dir string) {
			put(t, dir, "docker/secrets/PASSWORD", "mine", 0o600)
		}, "docker/secrets/PASSWORD: exists already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newProject(t)
			err := commit(dir, changes(), meanwhile(tt.op, tt.n, func() {
				tt.do(t, dir)
			}))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "put back") {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			// What the other did is the only difference.
			other := newProject(t)
			tt.do(t, other)
			equal(t, "rolled back", permless(snapshot(t, dir)), permless(snapshot(t, other)))
		})
	}
}

// permless leaves out the permissions of a folder that one of two made.
func permless(all map[string]string) map[string]string {
	delete(all, "docker/secrets")
	return all
}

// What was looked at is what is opened, and not what has taken its name since.
func TestOpenReplaced(t *testing.T) {
	dir := t.TempDir()
	tx, err := open(dir, nil)
	ok(t, err)
	defer tx.close()
	for _, swap := range []func(name string) error{
		func(name string) error { return os.WriteFile(name, nil, 0o644) },
		func(name string) error { return os.Symlink("other", name) },
		func(name string) error { return os.Mkdir(name, 0o755) },
	} {
		put(t, dir, "f", "", 0o644)
		put(t, dir, "other", "", 0o644)
		seen, err := tx.root().lstat("f")
		ok(t, err)
		ok(t, os.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "kept")))
		ok(t, swap(filepath.Join(dir, "f")))
		if f, err := tx.root().open("f", os.O_RDONLY, seen); err == nil {
			f.Close()
			t.Error("opened")
		}
		ok(t, os.Remove(filepath.Join(dir, "f")))
		ok(t, os.Remove(filepath.Join(dir, "kept")))
	}
}

func TestLinkInPlaceOfFolderToMake(t *testing.T) {
	dir, out := newProject(t), t.TempDir()
	before := snapshot(t, dir)
	link := filepath.Join(dir, "docker/secrets")
	err := commit(dir, changes(), meanwhile("mkdir", 1, func() { ok(t, os.Symlink(out, link)) }))
	if err == nil || !strings.HasPrefix(err.Error(), "docker/secrets: cannot be created: file exists") {
		t.Error(err)
	}
	if got := snapshot(t, out); len(got) != 1 {
		t.Errorf("written outside: %v", got)
	}
	// Until the link is gone it is not clear what to undo.
	if _, err := Recover(dir); err == nil || !strings.HasPrefix(err.Error(), "docker/secrets: is a symbolic link") {
		t.Error(err)
	}
	ok(t, os.Remove(link))
	if did, err := Recover(dir); did != "undone" || err != nil {
		t.Error(did, err)
	}
	equal(t, "undone", snapshot(t, dir), before)
}

// What is staged can be read by nobody else, and is nowhere before it is hidden from git and docker.
func TestStagedSecretIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permission")
	}
	dir, staged := newProject(t), 0
	ok(t, commit(dir, changes(), func(op string, _ *os.File, _ []byte, run func() error) error {
		whole(t, op, dir)
		if _, err := os.Lstat(filepath.Join(dir, planName)); err != nil {
			return run()
		}
		for name, s := range snapshot(t, dir) {
			if strings.HasPrefix(name, "docker/secrets/") && strings.Contains(s, "c4n4ry") {
				staged++
				if !strings.HasPrefix(s, "-rw-------") {
					t.Errorf("before %s: %s is %.10s", op, name, s)
				}
			}
		}
		return run()
	}))
	if staged == 0 {
		t.Error("nothing staged")
	}
}

func TestFolderSwappedWhileWriting(t *testing.T) {
	dir, out := newProject(t), t.TempDir()
	err := commit(dir, changes(), meanwhile("write", 4, func() {
		ok(t, os.Rename(filepath.Join(dir, "docker"), filepath.Join(dir, "away")))
		ok(t, os.Symlink(out, filepath.Join(dir, "docker")))
	}))
	// The handle stays with the folder that was checked: the files are written to it, where it is now.
	ok(t, err)
	if got := snapshot(t, out); len(got) != 1 {
		t.Errorf("written outside: %v", got)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "away/Dockerfile")); string(got) != project[6].new {
		t.Errorf("Dockerfile is %q", got)
	}
}

func TestLock(t *testing.T) {
	dir := newProject(t)
	before := snapshot(t, dir)
	tx, err := open(dir, nil)
	ok(t, err)
	if err := Commit(dir, changes()); !errors.Is(err, errLocked) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := Recover(dir); !errors.Is(err, errLocked) {
		t.Errorf("Recover: %v", err)
	}
	tx.close()
	equal(t, "locked", snapshot(t, dir), before)
	ok(t, Commit(dir, changes()))
}

func TestNoRoot(t *testing.T) {
	dir := t.TempDir()
	if err := Commit(filepath.Join(dir, "no"), changes()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	put(t, dir, "file", "", 0o644)
	if _, err := Recover(filepath.Join(dir, "file")); err == nil {
		t.Error("a file is no root")
	}
}

func TestErrorsTellNoValue(t *testing.T) {
	dir := newProject(t)
	put(t, dir, "docker/secrets/PASSWORD", "other c4n4ry", 0o644)
	if err := Commit(dir, changes()); err == nil || strings.Contains(err.Error(), "c4n4ry") {
		t.Error(err)
	}
}

func TestSpeed(t *testing.T) {
	dir := t.TempDir()
	var files []File
	for i := range 20 {
		name := fmt.Sprintf("service%d/Dockerfile", i%10)
		if i >= 10 {
			name = fmt.Sprintf("service%d/compose.yaml", i%10)
		}
		put(t, dir, name, "old", 0o644)
		files = append(files, File{Path: name, Old: []byte("old"), New: bytes.Repeat([]byte("new\n"), 1000)})
	}
	syncs := 0
	start := time.Now()
	ok(t, commit(dir, files, func(op string, _ *os.File, _ []byte, run func() error) error {
		if strings.HasPrefix(op, "sync") {
			syncs++
		}
		return run()
	}))
	t.Logf("20 files in 10 folders: %v, %d syncs", time.Since(start), syncs)
	// Time is the disk's; what is ours is one sync a file and three a folder, and four for the journal.
	if syncs > 20+3*10+5 {
		t.Errorf("%d syncs", syncs)
	}
}

var errNo = map[string]error{"EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC}
