//go:build linux

package main_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestRun shows with real containers that a program is given what it was given before `unbake fix`, and that nobody else
// is: each case of testdata/run is built and run before and after. The format of a case is in testdata/run/README.md.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("running containers takes a minute")
	}
	e := startEngine(t)
	unbake := filepath.Join(t.TempDir(), "unbake")
	if out, err := exec.Command("go", "build", "-o", unbake, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	each := func(group string, run func(*testing.T, *runCase)) {
		paths, err := filepath.Glob(filepath.Join("../../testdata/run", group, "*.txtar"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no cases: %v", err)
		}
		t.Run(group, func(t *testing.T) {
			for _, path := range paths {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
					t.Parallel()
					c, err := readRunCase(path)
					if err != nil {
						t.Fatal(err)
					}
					run(t, c)
				})
			}
		})
	}
	each("case", func(t *testing.T, c *runCase) { c.run(t, e, unbake) })
	// A proof that cannot fail is none: these fixes are wrong, each in its own way, and must be found out.
	each("wrong", func(t *testing.T, c *runCase) { c.runWrong(t, e) })
}

// runCase is one testdata/run/*/*.txtar. The fields are the directives of its script.
type runCase struct {
	name      string
	canaries  []string
	env       []string // NAME=VALUE, of whoever calls docker compose
	given     []string // the same, after the fix only
	byHand    bool     // the result is in the archive: unbake does not make it
	inspected []int    // canaries, from 1, that docker inspect of a container shows
	execs     []words  // service, names
	lost      []words
	healthy   []string // services
	without   []words  // the secret's name, what docker compose says
	exit      int
	flags     []string
	target    string // what fix writes new files for, and where they are run too
	modes     map[string]fs.FileMode
	caught    string // of a wrong fix: what the proof says

	input, after map[string]string
}

type words []string

func readRunCase(path string) (*runCase, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	c := &runCase{
		name:  "run-" + strings.TrimSuffix(filepath.Base(path), ".txtar"),
		input: map[string]string{}, after: map[string]string{}, modes: map[string]fs.FileMode{},
	}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "after/"); ok {
			c.after[name] = string(f.Data)
			if filepath.Base(filepath.Dir(name)) == "secrets" { // whose files have no line end
				c.after[name] = strings.TrimSuffix(string(f.Data), "\n")
			}
		} else {
			c.input[f.Name] = string(f.Data)
		}
	}
	for i, line := range strings.Split(string(archive.Comment), "\n") {
		if err := c.directive(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	if len(c.canaries) == 0 {
		return nil, fmt.Errorf("%s: no canary", path)
	}
	return c, nil
}

func (c *runCase) directive(line string) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	args := words(strings.Fields(rest))
	want := map[string]int{
		"canary": 1, "env": 1, "given": 1, "inspected": 3, "exec": 2, "exec-lost": 3, "healthy": 1, "without": 2, "exit": 1, "fixflags": 1,
		"mode": 2, "no-final-newline": 1, "caught": 1, "target": 1,
	}[name]
	if len(args) < want {
		return fmt.Errorf("%s wants %d words, has %d", name, want, len(args))
	}
	switch name {
	case "", "#":
	case "canary":
		c.canaries = append(c.canaries, rest)
	case "env":
		c.env = append(c.env, rest)
	case "given":
		c.given = append(c.given, rest)
	case "by-hand":
		c.byHand = true
	case "inspected":
		for _, word := range args {
			n, err := strconv.Atoi(word)
			if err != nil {
				break
			}
			c.inspected = append(c.inspected, n)
		}
		if len(c.inspected) == 0 {
			return errors.New("inspected wants the numbers of canaries")
		}
	case "exec":
		c.execs = append(c.execs, args)
	case "exec-lost":
		c.lost = append(c.lost, args[:2])
	case "healthy":
		c.healthy = append(c.healthy, args...)
	case "without":
		c.without = append(c.without, words{args[0], strings.Join(args[1:], " ")})
	case "fixflags":
		c.flags = args
	case "caught":
		c.caught = rest
	case "target":
		c.target = args[0]
	case "exit":
		var err error
		c.exit, err = strconv.Atoi(args[0])
		return err
	case "mode":
		mode, err := strconv.ParseUint(args[0], 8, 12)
		c.modes[args[1]] = fs.FileMode(mode)
		return err
	case "no-final-newline": // which a text archive cannot hold
		tree, path := c.input, args[0]
		if result, ok := strings.CutPrefix(path, "after/"); ok {
			tree, path = c.after, result
		}
		if _, ok := tree[path]; !ok {
			return fmt.Errorf("no file %s", args[0])
		}
		tree[path] = strings.TrimRight(tree[path], "\n")
	default:
		return fmt.Errorf("unknown directive %q", name)
	}
	return nil
}

func (c *runCase) run(t *testing.T, e *engine, unbake string) {
	before, after := c.trees(t)
	if c.byHand {
		c.write(t, after, c.after)
	} else {
		c.fix(t, unbake, after)
	}
	problems, old, err := c.prove(t.Context(), e, before, after)
	if err == nil && len(problems) == 0 && c.target != "" {
		problems, err = c.deploy(t.Context(), e, unbake, after, old)
	}
	if err != nil {
		t.Fatal(c.redact(err.Error()))
	}
	for _, p := range problems {
		t.Error(c.redact(p))
	}
}

// runWrong takes the tree in the archive for what fix made, and wants the problem that the script says, and no other.
func (c *runCase) runWrong(t *testing.T, e *engine) {
	before, after := c.trees(t)
	c.write(t, after, c.after)
	problems, _, err := c.prove(t.Context(), e, before, after)
	if err != nil {
		t.Fatal(c.redact(err.Error()))
	}
	if len(problems) == 0 {
		t.Error("not caught")
	}
	for _, p := range problems {
		if !strings.Contains(p, c.caught) {
			t.Errorf("not %q, but: %s", c.caught, c.redact(p))
		}
	}
}

// trees writes the input twice, as projects that git knows.
func (c *runCase) trees(t *testing.T) (before, after string) {
	t.Helper()
	dir := scratch(t)
	before, after = filepath.Join(dir, "before"), filepath.Join(dir, "after")
	for _, tree := range []string{before, after} {
		c.write(t, tree, c.input)
		for _, args := range [][]string{{"init", "--quiet", "--template="}, {"add", "--all"}} {
			if out, err := exec.Command("git", append([]string{"-C", tree}, args...)...).CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
		}
	}
	return before, after
}

func (c *runCase) write(t *testing.T, dir string, tree map[string]string) {
	t.Helper()
	(&buildCase{modes: c.modes}).write(t, dir, tree)
}

// fix runs the program twice: the second run changes nothing.
func (c *runCase) fix(t *testing.T, unbake, dir string) {
	t.Helper()
	b := &buildCase{canaries: c.canaries, input: c.input, flags: c.flags, exit: c.exit, modes: c.modes}
	b.fix(t, unbake, dir)
}

// prove runs the trees before and after, and returns what speaks against the laws, and what was seen before. An error is a case that says nothing.
func (c *runCase) prove(ctx context.Context, e *engine, before, after string) (problems []string, old *observation, err error) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()

	old, err = c.observe(ctx, e, before, c.env)
	if err != nil {
		return nil, nil, fmt.Errorf("before: %w", err)
	}
	files, err := projectFiles(before)
	if err != nil {
		return nil, nil, err
	}
	for i, canary := range c.canaries {
		sum := sha256.Sum256([]byte(canary))
		ofBuilds := slices.ContainsFunc(c.env, func(pair string) bool { return strings.HasSuffix(pair, "="+canary) })
		if !ofBuilds && !strings.Contains(fmt.Sprint(old.said), hex.EncodeToString(sum[:])) {
			problem("canary %d: nothing that ran before said that it was given it", i+1)
		}
		if len(places(canary, old.public, files)) == 0 {
			problem("canary %d is nowhere before: the case proves nothing", i+1)
		}
	}

	new, err := c.observe(ctx, e, after, slices.Concat(c.env, c.given))
	if err != nil {
		problem("after: %v", err)
		return problems, old, nil
	}
	if files, err = projectFiles(after); err != nil {
		return nil, nil, err
	}
	for i, canary := range c.canaries {
		for _, place := range places(canary, new.public, files) {
			problem("canary %d is after the fix in %s", i+1, place)
		}
		if shown := len(places(canary, new.inspected)) > 0; shown != slices.Contains(c.inspected, i+1) {
			problem("canary %d is after the fix in docker inspect of the container: %v, want %v", i+1, shown, !shown)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(old.said)) {
		if was, is := old.said[what], new.said[what]; !slices.Equal(was, is) {
			problem("%s was told\n%s\nand is told\n%s", what, strings.Join(was, "\n"), strings.Join(is, "\n"))
		}
	}
	for _, lost := range c.lost {
		if is := new.lost[strings.Join(lost, " ")]; !strings.Contains(is, " unset") {
			problem("the script lets %s be without %s, and it is not", lost[0], lost[1])
		}
	}
	for _, missing := range c.without {
		if err := c.failsWithout(ctx, e, after, missing[0], missing[1]); err != nil {
			problem("without %s: %v", missing[0], err)
		}
	}
	return problems, old, nil
}

// observation is what can be seen of a project that runs.
type observation struct {
	said      map[string][]string // by the programs, by service or command
	lost      map[string]string
	public    map[string]string // what others see of the images, by its name
	inspected map[string]string // and of the containers
}

// observe builds, starts, looks, and takes all down.
func (c *runCase) observe(ctx context.Context, e *engine, dir string, env []string) (o *observation, err error) {
	built, err := e.images(ctx, dir, c.name, env)
	defer func() {
		for _, image := range built {
			e.docker(context.WithoutCancel(ctx), "image", "rm", "--force", image)
		}
	}()
	if err != nil {
		return nil, err
	}
	defer func() {
		_, failed := e.compose(context.WithoutCancel(ctx), dir, c.name, env, "down", "--volumes", "--timeout", "0")
		err = errors.Join(err, failed)
	}()
	if _, err := e.compose(ctx, dir, c.name, env, "up", "--detach", "--no-build", "--pull", "never"); err != nil {
		return nil, errors.Join(err, c.logs(ctx, e))
	}
	containers, err := e.containers(ctx, c.name)
	if err != nil {
		return nil, err
	}
	o = &observation{said: map[string][]string{}, lost: map[string]string{}, public: map[string]string{}, inspected: map[string]string{}}
	for service, id := range containers {
		if o.said["service "+service], err = e.settled(ctx, id, slices.Contains(c.healthy, service)); err != nil {
			return nil, fmt.Errorf("service %s: %w", service, err)
		}
		text, err := e.docker(ctx, "inspect", id)
		if err != nil {
			return nil, err
		}
		o.inspected["docker inspect of the container of "+service] = text
	}
	for _, image := range built {
		for what, args := range map[string][]string{
			"docker inspect of the image": {"image", "inspect", image},
			"docker history":              {"history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", image},
			"the image's files":           {"save", image},
		} {
			if o.public[what+" "+image], err = e.docker(ctx, args...); err != nil {
				return nil, err
			}
		}
	}
	for _, command := range c.execs {
		text, err := e.docker(ctx, append([]string{"exec", containers[command[0]], "seen"}, command[1:]...)...)
		if err != nil {
			return nil, err
		}
		o.said["docker exec in "+command[0]] = strings.Split(text, "\n")
	}
	for _, lost := range c.lost {
		if o.lost[strings.Join(lost, " ")], err = e.docker(ctx, "exec", containers[lost[0]], "seen", lost[1]); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// containers are those of a project's services, the stopped ones too.
func (e *engine) containers(ctx context.Context, project string) (map[string]string, error) {
	text, err := e.docker(ctx, "ps", "--all", "--filter", "label=com.docker.compose.project="+project,
		"--format", `{{.Label "com.docker.compose.service"}} {{.ID}}`)
	if err != nil {
		return nil, err
	}
	containers := map[string]string{}
	for line := range strings.Lines(text) {
		service, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		containers[service] = id
	}
	return containers, nil
}

// settled waits until the program of a container has said what it was given, and returns that and how it ended.
func (e *engine) settled(ctx context.Context, id string, healthy bool) ([]string, error) {
	var logs string
	var is struct {
		State struct {
			Status   string
			ExitCode int
			Health   struct{ Status string }
		}
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if err := e.ask(ctx, "/containers/"+id+"/json", &is); err != nil {
			return nil, err
		}
		ended := is.State.Status == "exited"
		if !ended && (is.State.Status != "running" || healthy && is.State.Health.Status != "healthy") {
			continue
		}
		out, err := e.command(ctx, nil, "docker", "logs", id).CombinedOutput()
		if err != nil {
			return nil, err
		}
		logs = string(out)
		if !ended && !strings.Contains(logs, "seen ready") {
			continue
		}
		lines := []string{fmt.Sprint(is.State.Status, " ", is.State.ExitCode)}
		for line := range strings.Lines(logs) {
			if strings.HasPrefix(line, "seen") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines, nil
	}
	return nil, fmt.Errorf("it is %+v and says\n%s", is.State, lastLines(logs, 10))
}

// logs are an error: what the containers of a project said that did not come up.
func (c *runCase) logs(ctx context.Context, e *engine) error {
	containers, err := e.containers(ctx, c.name)
	for service, id := range containers {
		out, _ := e.command(ctx, nil, "docker", "logs", id).CombinedOutput()
		err = errors.Join(err, fmt.Errorf("%s says\n%s", service, lastLines(string(out), 10)))
	}
	return err
}

// failsWithout takes one value away, and wants docker compose or the program to refuse.
func (c *runCase) failsWithout(ctx context.Context, e *engine, dir, name, complaint string) error {
	tree, err := readTree(dir)
	if err != nil {
		return err
	}
	gone := false
	for path, content := range tree {
		switch {
		case filepath.Base(path) == name && (filepath.Base(filepath.Dir(path)) == "secrets" || strings.Contains(name, ".")):
			gone = true
			err = os.Remove(filepath.Join(dir, path))
		case filepath.Base(path) == ".env":
			var rest strings.Builder
			for line := range strings.Lines(content) {
				if strings.HasPrefix(line, name+"=") {
					gone = true
				} else {
					rest.WriteString(line)
				}
			}
			err = os.WriteFile(filepath.Join(dir, path), []byte(rest.String()), 0o644)
		}
		if err != nil {
			return err
		}
	}
	env := slices.DeleteFunc(slices.Concat(c.env, c.given), func(pair string) bool {
		given := strings.HasPrefix(pair, name+"=")
		gone = gone || given
		return given
	})
	if !gone {
		return errors.New("there is no such value")
	}
	o, err := c.observe(ctx, e, dir, env)
	if err == nil {
		err = errors.New(fmt.Sprint(o.said))
		if !strings.Contains(err.Error(), "exited 1") {
			return errors.New("it runs")
		}
	}
	if !strings.Contains(err.Error(), complaint) {
		return fmt.Errorf("it does not say %q, but: %w", complaint, err)
	}
	return nil
}

// projectFiles are the files that git has or would take, by path.
func projectFiles(dir string) (map[string]string, error) {
	out, err := exec.Command("git", "-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(dir, path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[path] = string(content)
	}
	return files, nil
}

// places are where the canary stands, as it is or as JSON, YAML, compose or a URL write it.
func places(canary string, texts ...map[string]string) (found []string) {
	quoted, err := json.Marshal(canary)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	forms := [][]byte{
		[]byte(canary), quoted[1 : len(quoted)-1], []byte(strings.ReplaceAll(canary, "$", "$$")), []byte(strings.ReplaceAll(canary, "'", "''")),
		[]byte(url.QueryEscape(canary)), []byte(url.PathEscape(canary)),
	}
	for _, text := range texts {
		for _, name := range slices.Sorted(maps.Keys(text)) {
			depth := 2
			if len(text[name]) > 1<<20 {
				depth = 0 // an image with its programs: half a minute of decoding
			}
			if contains([]byte(text[name]), forms, depth) {
				found = append(found, name)
			}
		}
	}
	return found
}

// redact keeps the canaries out of the test's own output.
func (c *runCase) redact(text string) string {
	return (&buildCase{canaries: c.canaries}).redact(text)
}
