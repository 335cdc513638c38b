package history_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/history"
)

const value = "tok-c4n4ry-EXAMPLE-7Qm2x"

// find looks for the values as they are; their order gives the numbers.
func find(values ...string) history.Find {
	return func(text []byte, found func(number, at int)) {
		for n, v := range values {
			if at := bytes.Index(text, []byte(v)); at >= 0 {
				found(n, at)
			}
		}
	}
}

// repo is a repository whose commits are a day apart from 2024-01-01 on.
type repo struct {
	t   testing.TB
	dir string
	day int
}

func newRepo(t testing.TB) *repo {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	r := &repo{t, t.TempDir(), 0}
	r.git("init", "-q", "-b", "main")
	r.git("config", "user.name", "shop")
	r.git("config", "user.email", "shop@example.com")
	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir}, args...)...)
	date := time.Date(2024, 1, 1+r.day, 12, 0, 0, 0, time.UTC).Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repo) write(name, text string) {
	r.t.Helper()
	name = filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) commit(message string) string {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	r.day++
	return r.git("rev-parse", "HEAD")
}

func (r *repo) search(opts history.Options, values ...string) *history.Report {
	r.t.Helper()
	report, err := history.Search(context.Background(), r.dir, find(values...), opts)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func TestFirst(t *testing.T) {
	r := newRepo(t)
	r.write("a.txt", "nothing\n")
	r.commit("one")
	r.write("conf/a b\n\"c.env", "X=1\nT="+value+"\n")
	want := r.commit("two")
	r.write("other", value)
	r.commit("three")
	r.git("rm", "-rq", "conf", "other")
	said := r.commit("four\n\nthe old password was hunter2")
	r.git("pack-refs", "--all")
	r.git("gc", "-q")
	got := r.search(history.Options{}, value, "never written", "hunter2").First
	if f := got[0]; f.Commit != want || f.Path != "conf/a b\n\"c.env" || f.Line != 2 || f.Time.UTC().Format(time.DateOnly) != "2024-01-02" {
		t.Errorf("%+v, want commit %s", f, want)
	}
	if f, ok := got[1]; ok {
		t.Errorf("what was never written was found: %+v", f)
	}
	if f := got[2]; f.Commit != said || f.Path != "" || f.Line != 3 {
		t.Errorf("message: %+v, want commit %s", f, said)
	}
}

// TestBranches: the first commit may be on a branch that nothing was merged from, in a merge alone, or in the stash.
func TestBranches(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1\n")
	r.commit("one")
	r.git("switch", "-q", "-c", "side")
	r.write("side", value)
	side := r.commit("side")
	r.git("switch", "-q", "main")
	r.write("b", "2\n")
	r.commit("two")
	r.git("merge", "-q", "--no-commit", "--no-ff", "side")
	r.write("a", "evil-merge-EXAMPLE\n")
	merge := r.commit("merge")
	r.write("a", "stashed-EXAMPLE\n")
	r.git("stash", "-q")
	got := r.search(history.Options{}, value, "evil-merge-EXAMPLE", "stashed-EXAMPLE").First
	if got[0].Commit != side || got[1].Commit != merge || got[1].Path != "a" {
		t.Errorf("%+v", got)
	}
	if f := got[2]; f.Commit != r.git("rev-parse", "stash") || f.Path != "a" {
		t.Errorf("stash: %+v", f)
	}
}

// TestNoCommit: git has the value, and no commit leads to it.
func TestNoCommit(t *testing.T) {
	r := newRepo(t)
	r.write("a", value)
	r.git("add", "a")
	if f, ok := r.search(history.Options{}, value).First[0]; !ok || f.Commit != "" {
		t.Errorf("staged, without any commit: %+v %v", f, ok)
	}
	r.commit("one")
	r.write("a", "amended")
	r.git("commit", "-q", "-a", "--amend", "-m", "one")
	if f, ok := r.search(history.Options{}, value).First[0]; !ok || f.Commit != "" {
		t.Errorf("amended: %+v %v", f, ok)
	}
}

func TestBounds(t *testing.T) {
	r := newRepo(t)
	r.write("large", value+strings.Repeat("x\x00", 1000))
	r.write("small", "tok-small-EXAMPLE")
	r.commit("one")
	got := r.search(history.Options{Largest: 1000}, value, "tok-small-EXAMPLE")
	if _, ok := got.First[0]; ok || got.Large != 1 || got.Cut {
		t.Errorf("%+v", got)
	}
	if got.First[1].Path != "small" || got.Objects != 2 {
		t.Errorf("%+v", got)
	}
	if got := r.search(history.Options{Most: 1}, value); !got.Cut || got.Objects != 0 {
		t.Errorf("%+v", got)
	}
	for i := range 1100 {
		r.write(fmt.Sprintf("many/%d", i), fmt.Sprint(i))
	}
	r.commit("two")
	calls := 0
	got = r.search(history.Options{Progress: func(done, all int) {
		if calls++; done < 1024 || all < 1103 || done > all {
			t.Errorf("%d of %d", done, all)
		}
	}}, value)
	if got.First[0].Path != "large" || calls != 1 {
		t.Errorf("%+v, %d calls", got, calls)
	}
}

func TestShallow(t *testing.T) {
	r := newRepo(t)
	r.write("a", value)
	r.commit("one")
	r.write("b", "2")
	last := r.commit("two")
	dir := t.TempDir()
	r.git("clone", "-q", "--depth=1", "file://"+r.dir, dir)
	r.dir = dir
	got := r.search(history.Options{}, value)
	if !got.Shallow || got.First[0].Commit != last {
		t.Errorf("%+v", got)
	}
}

func TestNone(t *testing.T) {
	if _, err := history.Search(context.Background(), t.TempDir(), find(value), history.Options{}); !errors.Is(err, history.ErrNone) {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".git"), []byte("gitdir: /nowhere\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := history.Search(context.Background(), dir, find(value), history.Options{}); err == nil {
		t.Error("a repository that is not there: no error")
	}
	r := newRepo(t)
	r.commit("one")
	r.git("config", "extensions.objectformat", "nonsense")
	if _, err := history.Search(context.Background(), r.dir, find(value), history.Options{}); err == nil {
		t.Error("a repository that git does not read: no error")
	}
}

// TestHostile: nothing that a repository names is run, and what a partial clone lacks is not fetched.
func TestHostile(t *testing.T) {
	r := newRepo(t)
	r.write("a", value)
	r.write(".gitattributes", "* diff=evil filter=evil\n")
	r.commit("one")
	r.write("b", "2")
	r.commit("two")
	from := r.dir
	r.git("config", "uploadpack.allowFilter", "true")
	dir := t.TempDir()
	r.git("clone", "-q", "--no-checkout", "--filter=tree:0", "file://"+r.dir, dir)
	r.dir = dir
	ran := filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(evil, []byte("#!/bin/sh\ntouch '"+ran+"'\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*repo{{t, from, 0}, r} {
		for _, key := range []string{"core.fsmonitor", "core.pager", "pager.cat-file", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.smudge", "filter.evil.clean",
			"gpg.program", "core.sshCommand", "core.gitProxy", "core.editor", "core.alternateRefsCommand", "remote.origin.uploadpack", "credential.helper", "alias.cat-file", "alias.rev-list"} {
			r.git("config", key, evil)
		}
		r.git("config", "log.showSignature", "true")
		r.git("config", "core.hooksPath", filepath.Dir(evil))
		report, err := history.Search(context.Background(), r.dir, find(value), history.Options{})
		if r.dir == from && (err != nil || report.First[0].Path != "a") {
			t.Errorf("%+v, %v", report, err)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a program of the repository's choice was run")
	}
	if out := r.git("-c", "protocol.allow=never", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"); strings.Contains(out, "blob") || strings.Contains(out, "tree") {
		t.Errorf("missing objects were fetched:\n%s", out)
	}
}

// TestUnsaid: no command line of git's holds a value.
func TestUnsaid(t *testing.T) {
	r := newRepo(t)
	r.write("a", value)
	r.commit("one")
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n{ printf '%s ' \"$@\"; env; } >>'" + log + "'\nexec '" + git + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if f := r.search(history.Options{}, value).First[0]; f.Path != "a" {
		t.Errorf("%+v", f)
	}
	told, err := os.ReadFile(log)
	if err != nil || !bytes.Contains(told, []byte("cat-file")) {
		t.Fatalf("git was not asked: %v", err)
	}
	if bytes.Contains(told, []byte(value)) || bytes.Contains(told, []byte(r.git("hash-object", "a"))) {
		t.Error("git's command line or environment tells the value, or its hash")
	}
}

func TestCancel(t *testing.T) {
	r := newRepo(t)
	r.write("a", value)
	r.commit("one")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := history.Search(ctx, r.dir, find(value), history.Options{}); err == nil {
		t.Error("no error")
	}
}

// BenchmarkSearch looks through the repository that HISTORY names, for twenty values that it does not have and for one
// that it does, if FOUND names it.
func BenchmarkSearch(b *testing.B) {
	dir := os.Getenv("HISTORY")
	if dir == "" {
		b.Skip("HISTORY names no repository")
	}
	var known []*audit.Known
	for i := range 20 {
		k, _ := audit.NewKnown("T", value+strings.Repeat("z", i))
		known = append(known, k)
	}
	if k, ok := audit.NewWord(os.Getenv("FOUND")); ok {
		known = append(known, k)
	}
	number := map[*audit.Known]int{}
	for i, k := range known {
		number[k] = i
	}
	finder := audit.NewFinder(known)
	for b.Loop() {
		report, err := history.Search(context.Background(), dir, func(text []byte, found func(number, at int)) {
			finder.Find(text, func(k *audit.Known, at int) { found(number[k], at) })
		}, history.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%d objects, %d too large, cut %v: %v", report.Objects, report.Large, report.Cut, report.First)
	}
}
