//go:build linux

package main_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestBuild shows with real builds that a fix keeps the laws "same image" and "nothing left": each case of
// testdata/build is built before and after `unbake fix`, and the images are compared. The format of a case is in
// testdata/build/README.md. UNBAKE_TEST_AFTER=want takes the case's want tree in place of what fix makes of the
// input: so the cases themselves are tested.
func TestBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("real builds take a minute")
	}
	b := startBuildkit(t)
	b.eachCase(t, "../../testdata/build", func(_ *testing.T, c *buildCase) { c.base = b.base })
}

// eachCase runs the cases in dir, each after prepare.
func (b *buildkit) eachCase(t *testing.T, dir string, prepare func(*testing.T, *buildCase)) {
	unbake := ""
	if os.Getenv("UNBAKE_TEST_AFTER") != "want" {
		unbake = filepath.Join(t.TempDir(), "unbake")
		if out, err := exec.Command("go", "build", "-o", unbake, ".").CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	each := func(group, glob string, run func(*testing.T, *buildCase)) {
		paths, err := filepath.Glob(glob)
		if err != nil || len(paths) == 0 && group == "case" {
			t.Fatalf("no cases in %s: %v", glob, err)
		}
		t.Run(group, func(t *testing.T) { // returns when the last of its parallel cases is done
			for _, path := range paths {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
					t.Parallel()
					c, err := readCase(path)
					if err != nil {
						t.Fatal(err)
					}
					prepare(t, c)
					run(t, c)
				})
			}
		})
	}
	each("case", filepath.Join(dir, "*.txtar"), func(t *testing.T, c *buildCase) { c.run(t, b, unbake) })
	// A proof that cannot fail is none: these fixes are wrong, each in its own way, and must be found out.
	each("wrong", filepath.Join(dir, "wrong/*.txtar"), func(t *testing.T, c *buildCase) { c.runWrong(t, b) })
}

// builder makes an image in a folder: BuildKit, or another.
type builder interface {
	build(ctx context.Context, out string, r request) (*image, error)
}

// buildCase is one testdata/build/*.txtar. The fields are the directives of its script.
type buildCase struct {
	context, dockerfile, child string
	args                       []string          // NAME=VALUE, secret
	buildArgs                  []string          // NAME=VALUE, not secret
	secrets                    map[string]string // id → path in the tree
	canaries                   []string          // values of args included
	unread                     []string
	stages                     []string
	ignored                    []string
	ignorable                  []string
	goneEnv                    []string
	changedConfig              []string
	without                    string // "", "builds", "same" or "fails"
	unchanged                  bool
	flags                      []string
	exit                       int
	caught                     string // of a wrong fix: what the proof says

	base   *baseImage // what every FROM gets
	server *registry  // nil: nobody to ask

	agent string // a Dockerfile that takes an ssh agent in place of the secret
	key   string // the private key that the agent has

	input, want map[string]string
	modes       map[string]fs.FileMode
}

func readCase(path string) (*buildCase, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	c := &buildCase{
		context: ".", dockerfile: "Dockerfile", exit: -1,
		secrets: map[string]string{}, input: map[string]string{}, want: map[string]string{}, modes: map[string]fs.FileMode{},
	}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
			c.want[name] = string(f.Data)
		} else {
			c.input[f.Name] = string(f.Data)
		}
	}
	for i, line := range strings.Split(string(archive.Comment), "\n") {
		if err := c.directive(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	for _, arg := range c.args {
		_, value, _ := strings.Cut(arg, "=")
		c.canaries = append(c.canaries, value)
	}
	if len(c.canaries) == 0 && !c.unchanged {
		return nil, fmt.Errorf("%s: no canary", path)
	}
	return c, nil
}

func (c *buildCase) directive(line string) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	words := strings.Fields(rest)
	need := func(n int) error {
		if len(words) < n {
			return fmt.Errorf("%s wants %d words, has %d", name, n, len(words))
		}
		return nil
	}
	first := ""
	if len(words) > 0 {
		first = words[0]
	}
	switch name {
	case "", "#":
		return nil
	case "arg", "build-arg":
		if !strings.Contains(rest, "=") {
			return fmt.Errorf("%s wants NAME=VALUE", name)
		}
		if name == "arg" {
			c.args = append(c.args, rest)
		} else {
			c.buildArgs = append(c.buildArgs, rest)
		}
		return nil
	case "secret":
		if err := need(2); err != nil {
			return err
		}
		id, okID := strings.CutPrefix(first, "id=")
		src, okSrc := strings.CutPrefix(words[1], "src=")
		if !okID || !okSrc {
			return errors.New("secret wants id=ID src=PATH")
		}
		c.secrets[id] = src
		return nil
	case "canary":
		c.canaries = append(c.canaries, rest)
		return need(1)
	case "unread":
		c.unread = append(c.unread, first)
		return need(1)
	case "context":
		c.context = first
		return need(1)
	case "file":
		c.dockerfile = first
		return need(1)
	case "child":
		c.child = first
		return need(1)
	case "stage":
		c.stages = append(c.stages, first)
		return need(1)
	case "ignore":
		c.ignored = append(c.ignored, first)
		return need(2) // a path and the reason
	case "ignorable":
		c.ignorable = append(c.ignorable, first)
		return need(2)
	case "config-only-env":
		c.goneEnv = append(c.goneEnv, first)
		return need(1)
	case "config-differs":
		c.changedConfig = append(c.changedConfig, first)
		return need(2)
	case "without":
		if c.without = "builds"; first != "" {
			c.without = first
		}
		if c.without != "builds" && c.without != "same" {
			return errors.New("without what? same, or nothing")
		}
		return nil
	case "agent":
		c.agent = first
		return need(1)
	case "without-fails":
		c.without = "fails"
		return nil
	case "unchanged":
		c.unchanged = true
		return nil
	case "fixflags":
		c.flags = words
		return need(1)
	case "caught":
		c.caught = rest
		return need(1)
	case "exit":
		var err error
		c.exit, err = strconv.Atoi(first)
		return err
	case "mode":
		if err := need(2); err != nil {
			return err
		}
		mode, err := strconv.ParseUint(first, 8, 12)
		c.modes[words[1]] = fs.FileMode(mode)
		return err
	case "crlf", "no-final-newline", "bom":
		// What a text archive cannot hold, in one file of it.
		tree, path := c.input, first
		if wanted, ok := strings.CutPrefix(first, "want/"); ok {
			tree, path = c.want, wanted
		}
		text, ok := tree[path]
		if !ok {
			return fmt.Errorf("%s: no file %q", name, first)
		}
		switch name {
		case "crlf":
			tree[path] = strings.ReplaceAll(text, "\n", "\r\n")
		case "no-final-newline":
			tree[path] = strings.TrimRight(text, "\r\n")
		case "bom":
			tree[path] = "\ufeff" + text
		}
		return nil
	}
	return fmt.Errorf("unknown directive %q", name)
}

func (c *buildCase) run(t *testing.T, b builder, unbake string) {
	dir := scratch(t)
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	c.write(t, before, c.input)
	c.write(t, after, c.input)
	if unbake != "" {
		c.fix(t, unbake, after)
	} else {
		if len(c.want) == 0 && !c.unchanged {
			t.Skip("the case has no want tree")
		}
		c.write(t, after, c.want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	problems, err := c.prove(ctx, b, dir, before, after)
	if err != nil {
		t.Fatal(c.redact(err.Error()))
	}
	for _, p := range problems {
		t.Error(c.redact(p))
	}
}

// runWrong takes the want tree for what fix made, and wants the problem that the script says, and no other.
func (c *buildCase) runWrong(t *testing.T, b *buildkit) {
	dir := scratch(t)
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	c.write(t, before, c.input)
	c.write(t, after, c.input)
	c.write(t, after, c.want)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	problems, err := c.prove(ctx, b, dir, before, after)
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

// prove builds the trees before and after, and returns what speaks against the laws. An error is a case that says
// nothing: its input does not build. An unchanged case is built once, to see that it is one.
func (c *buildCase) prove(ctx context.Context, b builder, dir, before, after string) (problems []string, err error) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	old := request{dir: filepath.Join(before, c.context), dockerfile: filepath.Join(before, c.dockerfile)}
	new := request{dir: filepath.Join(after, c.context), dockerfile: filepath.Join(after, c.dockerfile)}
	old.buildArgs = slices.Concat(c.args, c.buildArgs)
	new.buildArgs = c.buildArgs
	for id, path := range c.secrets { // the old file may have secrets that it handles right
		old.secrets = append(old.secrets, "id="+id+",src="+filepath.Join(before, path))
	}
	if err := c.addSecrets(&new, after); err != nil {
		return nil, err
	}

	// build makes all images of a request: the last stage, those the script names, the child. They are one build, on
	// one base, so that what the last stage needed is not run again.
	build := func(kind string, r request) (map[string]*image, error) {
		images := map[string]*image{}
		var err error
		if r.from, err = c.base.unique(); err != nil {
			return nil, err
		}
		if c.server != nil {
			r.hosts = c.server.hosts()
		}
		for _, stage := range append([]string{""}, c.stages...) {
			r.stage = stage
			name := "last stage"
			if stage != "" {
				name = "stage " + stage
			}
			if images[name], err = b.build(ctx, filepath.Join(dir, kind, name), r); err != nil {
				return nil, err
			}
		}
		if c.child != "" {
			r.stage, r.from, r.dockerfile = "", images["last stage"].source, filepath.Join(r.dir, c.child)
			if images["child"], err = b.build(ctx, filepath.Join(dir, kind, "child"), r); err != nil {
				return nil, err
			}
		}
		return images, nil
	}

	oldImages, err := build("old", old)
	if err != nil {
		return nil, fmt.Errorf("the input does not build: %w", err)
	}
	var shown map[string]bool // to the server
	if c.server != nil {
		shown = c.server.took()
	}
	c.witness(problem, oldImages, shown)
	if c.unchanged {
		return problems, nil
	}
	newImages, err := build("new", new)
	if err != nil {
		problem("the result does not build: %v", err)
		return problems, nil
	}
	if c.server != nil {
		shownByNew := c.server.took()
		for i, canary := range c.canaries {
			if shown[canary] && !shownByNew[canary] {
				problem("canary %d: the server was shown it by the old build and not by the new one", i+1)
			}
		}
	}
	differs := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(oldImages)) {
		c.compareFiles(problem, name, oldImages[name], newImages[name], differs)
		c.compareConfig(problem, name, oldImages[name], newImages[name], differs)
	}
	for _, what := range slices.Concat(c.ignored, c.goneEnv, c.changedConfig) {
		if !differs[what] {
			problem("%s: the script lets it differ, and it does not", what)
		}
	}
	for i, canary := range c.canaries {
		inOld := false
		for _, name := range slices.Sorted(maps.Keys(oldImages)) {
			inOld = inOld || len(oldImages[name].holds(canary)) > 0
			for _, place := range newImages[name].holds(canary) {
				problem("canary %d is in the new image, %s: %s", i+1, name, place)
			}
		}
		if !inOld {
			problem("canary %d is not in the old image: the case proves nothing", i+1)
		}
	}
	if c.agent != "" {
		r := request{dir: new.dir, dockerfile: filepath.Join(before, c.agent), buildArgs: c.buildArgs}
		stop, err := c.startAgent(&r, dir)
		if err != nil {
			return nil, err
		}
		defer stop()
		images, err := build("agent", r)
		if err != nil {
			problem("with an agent it does not build: %v", err)
			return problems, nil
		}
		shown := c.server.took()
		for _, name := range slices.Sorted(maps.Keys(images)) {
			c.compareFiles(problem, "with an agent, "+name, newImages[name], images[name], map[string]bool{})
			for i, canary := range c.canaries {
				for _, place := range images[name].holds(canary) {
					problem("canary %d is in the image that is built with an agent, %s: %s", i+1, name, place)
				}
				if !shown[canary] {
					problem("canary %d: the server was not shown it by way of the agent", i+1)
				}
			}
		}
		r.agent = ""
		if _, err := build("no-agent", r); err == nil {
			problem("without an agent it builds, and must not")
		}
	}
	if c.without == "" {
		return problems, nil
	}

	// With no secret at all: where the old build worked so, the new one must.
	old.buildArgs, old.secrets = c.buildArgs, nil
	new.secrets, new.env = nil, nil
	newImages, err = build("new-without", new)
	switch {
	case ctx.Err() != nil:
		problem("without its secrets the result neither builds nor fails: %v", err)
	case c.without == "fails" && err == nil:
		problem("without its secrets the result builds, and must not")
	case c.without != "fails" && err != nil:
		problem("without its secrets the result does not build: %v", err)
	case c.without == "same":
		oldImages, err := build("old-without", old)
		if err != nil {
			return nil, fmt.Errorf("without its arguments the input does not build: %w", err)
		}
		for _, name := range slices.Sorted(maps.Keys(oldImages)) {
			c.compareFiles(problem, "without secrets, "+name, oldImages[name], newImages[name], map[string]bool{})
		}
	}
	return problems, nil
}

// addSecrets gives the build what the command at the end of `fix` would: the variables the caller has exported, and
// the files, those of the script and those that fix put into a folder secrets.
func (c *buildCase) addSecrets(r *request, dir string) error {
	r.env = map[string]string{}
	for _, arg := range c.args {
		name, value, _ := strings.Cut(arg, "=")
		r.env[name] = value
		r.secrets = append(r.secrets, "id="+name)
	}
	files := maps.Clone(c.secrets)
	tree, err := readTree(dir)
	if err != nil {
		return err
	}
	for path := range tree {
		if _, old := c.input[path]; !old && filepath.Base(filepath.Dir(path)) == "secrets" {
			files[filepath.Base(path)] = path
		}
	}
	for id, path := range files {
		r.secrets = slices.DeleteFunc(r.secrets, func(s string) bool { return s == "id="+id })
		r.secrets = append(r.secrets, "id="+id+",src="+filepath.Join(dir, path))
	}
	return nil
}

// fix runs the program on dir, and checks what can be said without a build.
func (c *buildCase) fix(t *testing.T, unbake, dir string) {
	fix := func(args ...string) int {
		cmd := exec.Command(unbake, slices.Concat([]string{"fix"}, c.flags, args)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		var failed *exec.ExitError
		if err != nil && !errors.As(err, &failed) || cmd.ProcessState.ExitCode() > 1 {
			t.Fatalf("unbake fix %v: %v\n%s", args, err, c.redact(string(out)))
		}
		for i, canary := range c.canaries {
			if bytes.Contains(out, []byte(canary)) {
				t.Errorf("unbake fix %v: canary %d is in the output", args, i+1)
			}
		}
		return cmd.ProcessState.ExitCode()
	}

	read := func() map[string]string {
		tree, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}

	if code := fix("--dry-run"); code != 1 && !c.unchanged {
		t.Errorf("unbake fix --dry-run: exit %d, want 1", code)
	}
	c.compareTrees(t, "--dry-run changed it", c.input, read())
	code := fix()
	if c.exit >= 0 && code != c.exit || c.exit < 0 && code != 0 && !c.unchanged {
		t.Errorf("unbake fix: exit %d, want %d", code, max(c.exit, 0))
	}
	after := read()
	if len(c.want) > 0 || c.unchanged {
		want := maps.Clone(c.input)
		maps.Copy(want, c.want)
		c.compareTrees(t, "not as wanted", want, after)
	}
	for path := range after {
		if _, old := c.input[path]; old || filepath.Base(filepath.Dir(path)) != "secrets" {
			continue
		}
		for path, want := range map[string]fs.FileMode{path: 0o644, filepath.Dir(path): fs.ModeDir | 0o700} {
			if info, err := os.Stat(filepath.Join(dir, path)); err != nil {
				t.Error(err)
			} else if info.Mode() != want {
				t.Errorf("%s: mode %v, want %v", path, info.Mode(), want)
			}
		}
	}
	fix()
	c.compareTrees(t, "a second fix changed it", after, read())
}

func (c *buildCase) compareTrees(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if have, ok := got[path]; !ok {
			t.Errorf("%s: missing; %s", path, what)
		} else if have != want[path] {
			t.Errorf("%s: %s\n--- want\n%s\n--- have\n%s", path, what, c.redact(quoteEnds(want[path])), c.redact(quoteEnds(have)))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			t.Errorf("%s: new; %s\n%s", path, what, c.redact(quoteEnds(got[path])))
		}
	}
}

// quoteEnds makes what is easily missed visible: carriage returns, and a last line that does not end.
func quoteEnds(text string) string {
	if !strings.HasSuffix(text, "\n") {
		text += "∎"
	}
	return strings.ReplaceAll(text, "\r", "␍")
}

// compareFiles compares two file systems: paths, types, modes, owners, contents, link targets.
func (c *buildCase) compareFiles(problem func(string, ...any), name string, old, new *image, differs map[string]bool) {
	paths := maps.Clone(old.files)
	maps.Copy(paths, new.files)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		o, inOld := old.files[path]
		n, inNew := new.files[path]
		if o.equals(n) && inOld == inNew {
			continue
		}
		below := func(dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
		if i := slices.IndexFunc(c.ignored, below); i >= 0 {
			differs[c.ignored[i]] = true
			continue
		}
		if slices.ContainsFunc(c.ignorable, below) || c.server != nil && restless().MatchString(path) {
			continue
		}
		switch {
		case !inNew:
			problem("%s: /%s is only in the old image", name, path)
		case !inOld:
			problem("%s: /%s is only in the new image", name, path)
		case o.Sum != n.Sum:
			problem("%s: /%s holds\n%.500s\nwas\n%.500s", name, path, n.Content, o.Content)
		default:
			o.Content, n.Content = "", ""
			problem("%s: /%s is %+v, was %+v", name, path, n, o)
		}
	}
}

// compareConfig compares what a container starts with, less the variables that are to go.
func (c *buildCase) compareConfig(problem func(string, ...any), name string, old, new *image, differs map[string]bool) {
	keys := maps.Clone(old.config)
	maps.Copy(keys, new.config)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		o, n := old.config[key], new.config[key]
		if key == "Env" {
			o, n = c.lessGone(o, differs), c.lessGone(n, map[string]bool{})
		}
		switch {
		case reflect.DeepEqual(o, n):
		case slices.Contains(c.changedConfig, key):
			differs[key] = true
		default:
			problem("%s: config %s is %v, was %v", name, key, n, o)
		}
	}
	for _, gone := range c.goneEnv {
		if env, _ := new.config["Env"].([]any); slices.ContainsFunc(env, func(v any) bool { return strings.HasPrefix(v.(string), gone+"=") }) {
			problem("%s: %s is still in the environment", name, gone)
		}
	}
}

// lessGone is the environment without the variables that the script says are to go.
func (c *buildCase) lessGone(env any, seen map[string]bool) []any {
	list, _ := env.([]any)
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		key, _, _ := strings.Cut(v.(string), "=")
		gone := slices.Contains(c.goneEnv, key)
		if gone {
			seen[key] = true
		}
		return gone
	})
}

// witness checks that something in the build did read each secret: its hash is in a file of an image, or the server was
// shown it. With equal file systems, something in the new build then read the same. A secret file counts by the hash of
// the whole, or by all canaries in it.
func (c *buildCase) witness(problem func(string, ...any), images map[string]*image, shown map[string]bool) {
	witnessed := func(value string) bool {
		if shown[value] {
			return true
		}
		sum := sha256.Sum256([]byte(value))
		hash := hex.EncodeToString(sum[:])
		for _, img := range images {
			for _, f := range img.files {
				if strings.Contains(f.Content, hash) {
					return true
				}
			}
		}
		return false
	}
	for id, path := range c.secrets {
		all := slices.DeleteFunc(slices.Clone(c.canaries), func(canary string) bool { return !strings.Contains(c.input[path], canary) })
		if len(all) > 0 && !slices.ContainsFunc(all, func(canary string) bool { return !shown[canary] }) {
			continue
		}
		if !slices.Contains(c.unread, id) && !witnessed(c.input[path]) {
			problem("nothing in the build recorded the file %s", path)
		}
	}
	for i, canary := range c.canaries {
		inFile := false
		for _, path := range c.secrets {
			inFile = inFile || strings.Contains(c.input[path], canary)
		}
		isUnread := slices.ContainsFunc(c.unread, func(name string) bool {
			return name == canary || slices.Contains(c.args, name+"="+canary)
		})
		if !inFile && witnessed(canary) == isUnread {
			problem("canary %d: recorded by something in the build: %v, want %v", i+1, isUnread, !isUnread)
		}
	}
}

// holds names the parts of the image in which the canary stands: blobs are layers, configs with their history,
// manifests and attestations. Those carry text in base64 too, the Dockerfile for one.
func (img *image) holds(canary string) (places []string) {
	quoted, err := json.Marshal(canary)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	forms := [][]byte{[]byte(canary), quoted[1 : len(quoted)-1]}
	for name, blob := range img.blobs {
		if contains(blob, forms, 3) {
			places = append(places, describe(name, blob))
		}
	}
	for path, f := range img.files {
		if strings.Contains(path, canary) || strings.Contains(f.Content, canary) || strings.Contains(f.Xattrs, canary) ||
			strings.Contains(inflated(f.Content), canary) {
			places = append(places, "/"+path)
		}
	}
	return places
}

// inflated is the content of a file that gzip or zlib packed, as caches and git do it, and "" of all others.
func inflated(content string) string {
	var unpacked io.Reader
	var err error
	switch packed := strings.NewReader(content); {
	case strings.HasPrefix(content, "\x1f\x8b"):
		unpacked, err = gzip.NewReader(packed)
	case strings.HasPrefix(content, "\x78"):
		unpacked, err = zlib.NewReader(packed)
	default:
		return ""
	}
	if err != nil {
		return ""
	}
	text, _ := io.ReadAll(unpacked) // what there is of it
	return string(text)
}

func contains(blob []byte, forms [][]byte, depth int) bool {
	for _, form := range forms {
		if bytes.Contains(blob, form) {
			return true
		}
	}
	if depth == 0 {
		return false
	}
	for _, text := range base64Text().FindAll(blob, -1) {
		text = bytes.TrimRight(text, "=")
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			decoded := make([]byte, encoding.DecodedLen(len(text)))
			if n, err := encoding.Decode(decoded, text); err == nil && contains(decoded[:n], forms, depth-1) {
				return true
			}
		}
	}
	return false
}

var base64Text = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}={0,2}`) })

func describe(name string, blob []byte) string {
	kind := "a layer"
	switch {
	case bytes.Contains(blob, []byte("in-toto.io")):
		kind = "an attestation"
	case bytes.Contains(blob, []byte(`"rootfs"`)):
		kind = "the config or its history"
	case bytes.HasPrefix(blob, []byte("{")):
		kind = "a manifest"
	}
	return kind + " (" + name[:min(12, len(name))] + ")"
}

// redact keeps the canaries out of the test's own output, as everywhere else.
func (c *buildCase) redact(text string) string {
	for i, canary := range c.canaries {
		text = strings.ReplaceAll(text, canary, fmt.Sprintf("<canary %d>", i+1))
	}
	return text
}

func (c *buildCase) write(t *testing.T, dir string, tree map[string]string) {
	t.Helper()
	for path, content := range tree {
		file := filepath.Join(dir, path)
		folder := fs.FileMode(0o755)
		if filepath.Base(filepath.Dir(path)) == "secrets" {
			folder = 0o700
		}
		if err := os.MkdirAll(filepath.Dir(file), folder); err != nil {
			t.Fatal(err)
		}
		mode, ok := c.modes[path]
		if !ok {
			mode = 0o644
		}
		if err := os.WriteFile(file, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil { // the umask has no say
			t.Fatal(err)
		}
	}
}

func readTree(dir string) (map[string]string, error) {
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		tree[filepath.ToSlash(name)] = string(content)
		return err
	})
	return tree, err
}
