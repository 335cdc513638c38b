package transact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stopAt runs a commit up to the nth rename: 2 is the one from plan to journal, 3 that of compose.yaml.
func stopAt(t *testing.T, dir string, rename int) {
	t.Helper()
	if !crashing(func() {
		commit(dir, changes(), meanwhile("rename", rename, func() { panic(crash{}) }))
	}) {
		t.Fatal("not stopped")
	}
}

func readPlan(t *testing.T, dir, name string) journal {
	t.Helper()
	var j journal
	data, err := os.ReadFile(filepath.Join(dir, name))
	ok(t, err)
	ok(t, json.Unmarshal(data, &j))
	return j
}

func TestRecover(t *testing.T) {
	before, after := states(t)
	for rename, want := range map[int]string{1: "undone", 2: "undone", 3: "finished", 6: "finished"} {
		dir := newProject(t)
		stopAt(t, dir, rename)
		did, err := Recover(dir)
		if did != want || err != nil {
			t.Errorf("stopped at rename %d: %q, %v", rename, did, err)
		}
		equal(t, want, snapshot(t, dir), map[string]map[string]string{"undone": before, "finished": after}[want])
	}
	if did, err := Recover(newProject(t)); did != "" || err != nil {
		t.Errorf("nothing to do: %q, %v", did, err)
	}
}

// Commit recovers by itself; what it was given was read before that, and is refused if it no longer holds.
func TestCommitRecovers(t *testing.T) {
	before, after := states(t)
	dir := newProject(t)
	stopAt(t, dir, 2)
	ok(t, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte(project[0].new), 0o644))
	ok(t, os.Chtimes(filepath.Join(dir, ".gitignore"), time.Time{}, time.Unix(0, readPlan(t, dir, planName).Time)))
	ok(t, Commit(dir, changes()))
	equal(t, "undone, then done", snapshot(t, dir), after)

	dir = newProject(t)
	stopAt(t, dir, 3)
	if err := Commit(dir, changes()); err == nil || !strings.Contains(err.Error(), "changed while unbake was reading") {
		t.Error(err)
	}
	equal(t, "finished, then refused", snapshot(t, dir), after)
	if maps.Equal(before, after) {
		t.Error("nothing tested")
	}
}

func TestChangedSinceStopped(t *testing.T) {
	edit := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, name)
			ok(t, os.WriteFile(name, []byte(content), 0o644))
			later := time.Now().Add(time.Minute)
			ok(t, os.Chtimes(name, later, later))
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { ok(t, os.Remove(filepath.Join(dir, name))) }
	}
	for _, tt := range []struct {
		name   string
		rename int
		do     func(*testing.T, string)
		want   string // the error; empty: the edit stays and the rest is ended
	}{
		{"published, edited", 2, edit(".gitignore", "mine\n"), ".gitignore: changed since"},
		{"published, removed", 2, remove(".gitignore"), ".gitignore: changed since"},
		{"not published, edited", 2, edit("docker/Dockerfile", "FROM mine\n"), ""},
		{"not published, removed", 2, remove("docker/Dockerfile"), ""},
		{"to be published, edited", 3, edit("docker/Dockerfile", "FROM mine\n"), "docker/Dockerfile: changed since"},
		{"to be published, same length", 3, edit("docker/Dockerfile", strings.Replace(project[6].old, "a", "b", 1)), "docker/Dockerfile: changed since"},
		{"to be published, removed", 3, remove("docker/Dockerfile"), "docker/Dockerfile: changed since"},
		{"published before others, edited", 4, edit("docker/compose.yaml", "mine\n"), "docker/compose.yaml: changed since"},
		{"published before others, put back", 4, edit("docker/compose.yaml", project[4].old), "docker/compose.yaml: changed since"},
		{"secret replaced", 4, func(t *testing.T, dir string) {
			remove("docker/secrets/PASSWORD")(t, dir)
			edit("docker/secrets/PASSWORD", "mine")(t, dir)
		}, "docker/secrets/PASSWORD: changed since"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newProject(t)
			stopAt(t, dir, tt.rename)
			tt.do(t, dir)
			before := snapshot(t, dir)
			_, err := Recover(dir)
			if tt.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				equal(t, "nothing done", snapshot(t, dir), before)
				return
			}
			ok(t, err)
			after := snapshot(t, dir)
			for name := range after {
				if strings.Contains(name, prefix) {
					t.Errorf("%s is left", name)
				}
			}
			if after["docker/Dockerfile"] != before["docker/Dockerfile"] {
				t.Error("the edit is lost")
			}
		})
	}
	t.Run("all published, edited", func(t *testing.T) {
		dir := newProject(t)
		if !crashing(func() { commit(dir, changes(), meanwhile("remove", 3, func() { panic(crash{}) })) }) {
			t.Fatal("not stopped")
		}
		edit("docker/Dockerfile", "FROM mine\n")(t, dir)
		did, err := Recover(dir)
		got, _ := os.ReadFile(filepath.Join(dir, "docker/Dockerfile"))
		if did != "finished" || err != nil || string(got) != "FROM mine\n" {
			t.Errorf("%q, %v, %q", did, err, got)
		}
	})
}

// A plan that was not written to its end is the only thing that its process did.
func TestTornPlan(t *testing.T) {
	whole := newProject(t)
	before := snapshot(t, whole)
	crashing(func() { commit(whole, changes(), meanwhile("mkdir", 1, func() { panic(crash{}) })) })
	data, err := os.ReadFile(filepath.Join(whole, planName))
	ok(t, err)
	dir := newProject(t)
	for n := range len(data) + 1 {
		ok(t, os.WriteFile(filepath.Join(dir, planName), data[:n], 0o644))
		did, err := Recover(dir)
		if did != "undone" || err != nil {
			t.Fatalf("%d bytes: %q, %v", n, did, err)
		}
		equal(t, fmt.Sprintf("%d bytes", n), snapshot(t, dir), before)
	}
}

// A repository can carry a journal that no unbake wrote.
func TestForeignJournal(t *testing.T) {
	out := scratch(t)
	put(t, out, "victim", "keep", 0o644)
	tamper := func(change func(*journal)) func(*testing.T, string, string) {
		return func(t *testing.T, dir, name string) {
			j := readPlan(t, dir, name)
			change(&j)
			data, err := json.Marshal(j)
			ok(t, err)
			ok(t, os.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o644))
		}
	}
	content := func(s string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, name string) { ok(t, os.WriteFile(filepath.Join(dir, name), []byte(s), 0o644)) }
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, dir, name string)
	}{
		{"path above", tamper(func(j *journal) { j.Steps[5].Path = "../victim" })},
		{"absolute path", tamper(func(j *journal) { j.Steps[5].Path = filepath.ToSlash(filepath.Join(out, "victim")) })},
		{"path of git", tamper(func(j *journal) { j.Steps[5].Path = ".git/hooks/post-checkout" })},
		{"path of the journal", tamper(func(j *journal) { j.Steps[5].Path = journalName })},
		{"same path twice", tamper(func(j *journal) { j.Steps[5].Path = j.Steps[4].Path })},
		{"same names twice", tamper(func(j *journal) { j.Steps[5].ID = j.Steps[4].ID })},
		{"same names in capitals", tamper(func(j *journal) { j.Steps[5].ID = strings.ToUpper(j.Steps[4].ID) })},
		{"names with a path", tamper(func(j *journal) { j.Steps[5].ID = "../../victim" })},
		{"no names", tamper(func(j *journal) { j.Steps[5].ID = "" })},
		{"set-id", tamper(func(j *journal) { j.Steps[2].Mode = 0o4755 })},
		{"empty step", tamper(func(j *journal) { j.Steps[5] = nil })},
		{"foreign folder", tamper(func(j *journal) { j.Folders[0].Path = "src" })},
		{"folder above", tamper(func(j *journal) { j.Folders[0].Path = ".." })},
		{"other version", tamper(func(j *journal) { j.Unbake = 2 })},
		{"unknown field", content(`{"unbake":1,"time":0,"folders":null,"steps":null,"run":"x"}` + "\n")},
		{"two values", content(`{"unbake":1,"time":0,"folders":null,"steps":null}{}` + "\n")},
		{"not JSON", content("rm -rf /\n")},
		{"not JSON, no line", content("mine")},
		{"zeros", content(strings.Repeat("\x00", 500))},
		{"huge", func(t *testing.T, dir, name string) {
			ok(t, os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("{"), maxJournal+1), 0o644))
		}},
		{"a link", func(t *testing.T, dir, name string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			ok(t, err)
			ok(t, os.WriteFile(filepath.Join(out, "j"), data, 0o644))
			ok(t, os.Remove(filepath.Join(dir, name)))
			ok(t, os.Symlink(filepath.Join(out, "j"), filepath.Join(dir, name)))
		}},
		{"a folder", func(t *testing.T, dir, name string) {
			ok(t, os.Remove(filepath.Join(dir, name)))
			ok(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		}},
		{"temporary file is a link", func(t *testing.T, dir, name string) {
			j := readPlan(t, dir, name)
			temp := filepath.Join(dir, "docker", j.Steps[6].temp())
			ok(t, os.Remove(temp))
			ok(t, os.Symlink(filepath.Join(out, "victim"), temp))
		}},
		{"old file is a folder", func(t *testing.T, dir, name string) {
			j := readPlan(t, dir, name)
			old := filepath.Join(dir, "docker", j.Steps[6].backup())
			ok(t, os.Remove(old))
			ok(t, os.Mkdir(old, 0o755))
		}},
		{"folder is a link", func(t *testing.T, dir, name string) {
			ok(t, os.Rename(filepath.Join(dir, "deep"), filepath.Join(out, "deep")))
			t.Cleanup(func() { os.RemoveAll(filepath.Join(out, "deep")) })
			ok(t, os.Symlink(filepath.Join(out, "deep"), filepath.Join(dir, "deep")))
		}},
		{"both", func(t *testing.T, dir, name string) {
			for _, other := range []string{planName, journalName} {
				ok(t, os.WriteFile(filepath.Join(dir, other), []byte("{\n"), 0o644))
			}
		}},
	} {
		for name, rename := range map[string]int{planName: 2, journalName: 3} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				dir := newProject(t)
				stopAt(t, dir, rename)
				tt.do(t, dir, name)
				before, beforeOut := snapshot(t, dir), snapshot(t, out)
				did, err := Recover(dir)
				if err == nil || did != "" {
					t.Errorf("%q, %v", did, err)
				}
				if err := Commit(dir, changes()); err == nil {
					t.Error("Commit went on")
				}
				equal(t, "nothing done", snapshot(t, dir), before)
				equal(t, "nothing done outside", snapshot(t, out), beforeOut)
			})
		}
	}
	t.Run("target is a link", func(t *testing.T) {
		dir := newProject(t)
		stopAt(t, dir, 3)
		ok(t, os.Remove(filepath.Join(dir, "docker/Dockerfile")))
		ok(t, os.Symlink(filepath.Join(out, "victim"), filepath.Join(dir, "docker/Dockerfile")))
		if _, err := Recover(dir); err == nil || !strings.HasPrefix(err.Error(), "docker/Dockerfile: is a symbolic link") {
			t.Error(err)
		}
	})
}

// One made by hand from nothing can do no more than the repository itself: move its own files about.
func TestForgedJournal(t *testing.T) {
	dir := newProject(t)
	info, err := os.Lstat(filepath.Join(dir, "empty"))
	ok(t, err)
	j := journal{Unbake: 1, Steps: []*step{{Path: "empty", ID: "00000000000000aa", OldSize: 0, OldTime: info.ModTime().UnixNano() + 1}}}
	put(t, dir, j.Steps[0].temp(), "evil", 0o644)
	data, _ := json.Marshal(j)
	put(t, dir, journalName, string(data)+"\n", 0o644)
	before := snapshot(t, dir)
	if _, err := Recover(dir); err == nil || !strings.HasPrefix(err.Error(), "empty: changed since") {
		t.Error(err)
	}
	equal(t, "nothing done", snapshot(t, dir), before)
}

func TestFailKeepsCause(t *testing.T) {
	err := fail("a", "cannot be written", fail("b", "cannot be read", &os.PathError{Op: "open", Path: ".unbake-x", Err: os.ErrPermission}))
	if err.Error() != "b: cannot be read: permission denied" || !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
