package main

import (
	"bytes"
	"errors"
	"flag"
	"hash/fnv"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rules"
)

// The canaries have a provider's form, so that they are secrets under any name, and look
// random, so that they are secrets without it. Two halves are looked for: a value can
// stand on two lines.
const (
	canaryLeft  = "c4n4ry7Qm2xR9tLw4Z"
	canaryRight = "kV8bN3sHd6JfY1aPq5"
	canary      = canaryLeft + canaryRight
	canaryFile  = "c4n4ryT5uX8zK2wE7rQ9yB4mN6vC1sD3fG0h"
)

// FuzzFix plants a literal in a project, fixes it in memory, and holds the laws that
// need no build: BuildKit reads the result, what no edit names is as it was, a second
// run changes nothing, the literal is in no output and never lost.
func FuzzFix(f *testing.F) {
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	for _, glob := range []string{"../../testdata/*.txtar", "../../testdata/build/*.txtar"} {
		names, err := filepath.Glob(glob)
		if err != nil || len(names) == 0 {
			f.Fatal("no seeds", err)
		}
		for _, name := range names {
			// A case keeps its form when others come and go.
			h := fnv.New32a()
			h.Write([]byte(filepath.Base(name)))
			i := int(h.Sum32() >> 8)
			ar, err := txtar.ParseFile(name)
			if err != nil {
				f.Fatal(err)
			}
			seed := &txtar.Archive{}
			for _, file := range ar.Files {
				if !strings.HasPrefix(file.Name, "want/") {
					seed.Files = append(seed.Files, file)
				}
			}
			for form := range uint16(8) {
				// Without -fuzz each case is planted in one form, the next case in another: all of them take minutes.
				if fuzzing || form == uint16(i%8) {
					f.Add(txtar.Format(seed), form|uint16(i)<<3&0xf8|uint16(i%3)<<8)
				}
			}
		}
	}
	f.Fuzz(fuzzFix)
}

func fuzzFix(t *testing.T, archive []byte, plant uint16) {
	if len(archive) > 1<<14 || bytes.Contains(archive, []byte("unbake:ignore")) {
		return
	}
	tree := fuzzTree(archive)
	if !planted(tree, plant) {
		return
	}
	before := runMemory(t, tree, rewrite.Manual)
	if before.Changed() {
		t.Fatal("check changes files")
	}
	plan := runMemory(t, tree, rewrite.Review)
	quiet(t, plan)
	for _, r := range plan.Results {
		if strings.Contains(r.Reason, "report this") && builds(tree[r.Path]) == nil {
			t.Fatalf("%s: %s\n%s", r.Secret, r.Reason, dump(tree))
		}
	}

	after := maps.Clone(tree)
	fixed := slices.ContainsFunc(plan.Results, func(r rewrite.Result) bool { return r.Outcome == rewrite.Fixed })
	for _, c := range plan.Changes() {
		if !fixed {
			t.Fatalf("%s changes, and nothing is fixed:\n%s", c.Path, c.New)
		}
		after[c.Path] = string(c.New)
	}
	for name, old := range tree {
		if rewrite.IsDockerfile(path.Base(name)) && after[name] != old {
			files := []string{}
			for _, r := range plan.Results {
				if r.Outcome == rewrite.Fixed && (r.Rule.ID == "secret-file" || r.Rule.ID == "context-file") {
					files = append(files, r.Secret)
				}
				if r.Outcome == rewrite.Fixed && writing.MatchString(r.Fix.Title) {
					files = append(files, relocated)
				}
			}
			sameButFor(t, old, after[name], files, moved(after))
		}
	}

	for _, v := range []string{canary, canaryFile} {
		if holds(tree, v) && !holds(after, v) {
			t.Fatalf("a value is lost: %s\n%s", v, dump(after))
		}
	}
	left := slices.ContainsFunc(plan.Results, func(r rewrite.Result) bool { return r.Outcome == rewrite.Left })
	for name, s := range after {
		if strings.Contains(s, canary) && !left && path.Base(path.Dir(name)) != rewrite.SecretsDir && path.Base(name) != rewrite.EnvFile {
			t.Fatalf("%s still holds the value, and nothing says so:\n%s", name, dump(after))
		}
	}

	again := runMemory(t, after, rewrite.Review)
	quiet(t, again)
	for _, c := range again.Changes() {
		t.Fatalf("a second run changes %s:\n%s\n--- after the first\n%s", c.Path, c.New, dump(after))
	}
	for _, r := range again.Results {
		if r.Outcome == rewrite.Fixed || strings.Contains(r.Reason, "report this") && builds(after[r.Path]) == nil {
			t.Fatalf("a second run makes a fix of %s (%s):\n%s", r.Secret, r.Reason, dump(after))
		}
	}
}

// fuzzTree reads an archive as far as its names are files that can stand side by side.
// txtar.Parse panics on a marker without a name.
func fuzzTree(archive []byte) map[string]string {
	tree := map[string]string{}
	name := ""
	for line := range strings.Lines(string(archive)) {
		if m, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- "); ok && strings.HasSuffix(m, " --") {
			name = strings.TrimSuffix(m, " --")
			if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
				name = ""
			} else {
				tree[name] = ""
			}
		} else if name != "" {
			tree[name] += line
		}
	}
	for name, s := range tree {
		tree[name] = unescape(s)
	}
	for name := range tree {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := tree[dir]; ok {
				return nil
			}
		}
	}
	return tree
}

// planted puts the canaries in. The low three bits of plant are the form, the next five
// the place, bit 8 copies a file.
func planted(tree map[string]string, plant uint16) bool {
	for name, s := range tree {
		// What the input has of the canaries already proves nothing.
		if strings.Contains(name+s, canaryLeft) || strings.Contains(name+s, canaryRight) || strings.Contains(s, canaryFile) {
			return false
		}
	}
	src, ok := tree["Dockerfile"]
	if !ok {
		return false
	}
	form, place := plant&7, int(plant>>3&31)
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		return form == 0
	}
	if plant>>8&1 == 1 && len(f.Instructions) > 0 {
		at := f.Instructions[place%len(f.Instructions)].End
		if _, ok := tree[".npmrc"]; ok || at > 0 && src[at-1] != '\n' {
			return false
		}
		tree[".npmrc"] = "//registry.example.com/:_authToken=npm_" + canaryFile + "\n"
		src = src[:at] + "COPY .npmrc ./" + f.Newline + src[at:]
		tree["Dockerfile"] = src
		if f, err = dockerfile.Parse("Dockerfile", []byte(src)); err != nil {
			return false
		}
	}
	switch form {
	case 0:
		return true
	case 1, 2, 3, 4:
		var spans [][2]int
		for _, in := range f.Instructions {
			for _, p := range in.Pairs() {
				if p.HasValue && in.Name != "label" {
					start, end := in.Span(p.Value.Start, p.Value.End)
					spans = append(spans, [2]int{start, end})
				}
			}
		}
		if len(spans) == 0 {
			return false
		}
		at := spans[place%len(spans)]
		value := "ghp_" + canary
		switch form {
		case 2:
			value = `"` + value + `"`
		case 3:
			value = `'` + value + `'`
		case 4:
			value = "ghp_" + canaryLeft + string(f.Escape) + f.Newline + canaryRight
		}
		src = src[:at[0]] + value + src[at[1]:]
	default:
		if len(f.Instructions) < 2 {
			return false
		}
		at := f.Instructions[1+place%(len(f.Instructions)-1)].Start
		line := [...]string{"ENV API_TOKEN=", "ARG API_TOKEN=", "ENV API_TOKEN "}[form-5]
		src = src[:at] + line + canary + f.Newline + src[at:]
	}
	tree["Dockerfile"] = src
	return true
}

func runMemory(t *testing.T, tree map[string]string, least rewrite.Safety) *rewrite.Plan {
	t.Helper()
	disk := fstest.MapFS{}
	names := slices.Sorted(maps.Keys(tree))
	var paths []string
	for _, name := range names {
		disk[name] = &fstest.MapFile{Data: []byte(tree[name]), Mode: 0o644}
		if rewrite.IsDockerfile(path.Base(name)) {
			paths = append(paths, name)
		}
	}
	ws := rewrite.NewWorkspace(disk, func() []string { return names }, nil)
	plan, err := rewrite.Run(ws, paths, rules.All(), rewrite.Options{Least: least})
	if err != nil {
		t.Fatalf("%v\n%s", err, dump(tree))
	}
	return plan
}

// quiet looks for the canaries in all that can be printed of a plan.
func quiet(t *testing.T, plan *rewrite.Plan) {
	t.Helper()
	var out, findings bytes.Buffer
	p := &report{Plan: plan, root: ".", stdout: &out, stderr: &findings}
	diff := p.Diff(false)
	if err := errors.Join(p.print("text", diff, planned), p.print("json", diff, made)); err != nil {
		t.Fatal(err)
	}
	out.WriteString(diff)
	for _, r := range plan.Results {
		out.WriteString(r.Source + "\n" + r.Reason + "\n" + r.Secret + "\n")
	}
	for _, e := range plan.Errors {
		out.WriteString(e.Error() + "\n")
	}
	for _, v := range []string{canaryLeft, canaryRight, canaryFile} {
		if strings.Contains(out.String(), v) || strings.Contains(findings.String(), v) {
			t.Fatalf("the output tells %s:\n%s%s", v, findings.String(), out.String())
		}
	}
}

var (
	addedMount = regexp.MustCompile(`--mount=type=secret,\S+`)
	addedGuard = regexp.MustCompile(`if \[ -f /run/secrets/\S+ \]; then export \w+="\$\(cat /run/secrets/[^)]+\)"; fi;?|export \w+="\$\(cat /run/secrets/[^)]+\)";?|export \w+="\$\{\w+:-[\w./:-]+\}"; `)
	readGuard  = regexp.MustCompile(`export (\w+)="\$\(cat /run/secrets/([^)\s]+)`)
	// writing is what the title of a fix says that moves or replaces what a command writes.
	writing  = regexp.MustCompile(`write .* only for|in the environment|out of what .* remembers|as the secret HTTP_`)
	plainUse = regexp.MustCompile(`\$\{(\w+)(:-[\w./:-]+)?\}`)
	// companionWord is a word of a command that has nothing to do once a file is a mount.
	companionWord = regexp.MustCompile(`^(rm|chmod|chown|shred|unlink|true|--|-\w+|[0-7]+|[ugoa]*[-+=][rwx]+|\w+:\w*|/|\.|\.\.)$`)
	// attributes is a command that changes what a file is besides its content.
	attributes = regexp.MustCompile(`(?:\b(?:sudo|busybox)\s+)?\b(touch|chattr|chgrp|chown|chmod)\s[^&;|\n]*`)
	notText    = regexp.MustCompile("[\\s\\\\`]+")
)

// relocated stands among the files for a fix that moves commands.
const relocated = "\x00"

// sameButFor compares a Dockerfile before and after: what declares and copies may go,
// what runs may only get mounts and what reads them, everything else is the same bytes.
// Of files that became mounts, what removes them and sets their mode may go too.
func sameButFor(t *testing.T, old, new string, files []string, values map[string]string) {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(old))
	if err != nil {
		t.Fatalf("a file that is not understood changes: %v\n%q", err, old)
	}
	g, err := dockerfile.Parse("Dockerfile", []byte(new))
	if err != nil {
		t.Fatalf("the result is not read: %v\n--- new\n%q\n--- old\n%q", err, new, old)
	}
	if builds(old) == nil {
		if err := builds(new); err != nil {
			t.Fatalf("BuildKit built the old one: %v\n--- new\n%q\n--- old\n%q", err, new, old)
		}
	}
	moves := []string{"env", "arg", "copy", "add", "run"}
	if strings.Contains(new, "/usr/local/bin/with-secrets") {
		moves = append(moves, "entrypoint", "cmd") // what a shim makes of them is the proof's business
	}
	moved := func(in *dockerfile.Instruction) bool { return slices.Contains(moves, in.Name) }
	bytesOf := func(in *dockerfile.Instruction) string {
		return strings.TrimPrefix(strings.TrimRight(string(in.File.Src[in.Start:in.End]), "\r\n"), "\ufeff")
	}
	pick := func(f *dockerfile.File, want func(*dockerfile.Instruction) bool, text func(*dockerfile.Instruction) string) []string {
		var out []string
		for _, in := range f.Instructions {
			if want(in) {
				out = append(out, text(in))
			}
		}
		return out
	}
	rest := func(in *dockerfile.Instruction) bool { return !moved(in) }
	if a, b := pick(f, rest, bytesOf), pick(g, rest, bytesOf); !slices.Equal(a, b) {
		t.Fatalf("instructions that no fix touches:\n%q\nwere\n%q", b, a)
	}
	isRun := func(in *dockerfile.Instruction) bool { return in.Name == "run" }
	// A literal and the variable in its place are the same text.
	ids := map[string]string{}
	for _, in := range g.Instructions {
		for _, m := range in.Mounts() {
			ids[m.Opts["env"]] = m.Opts["id"]
		}
		for _, m := range readGuard.FindAllStringSubmatch(bytesOf(in), -1) {
			ids[m[1]] = m[2]
		}
	}
	written := func(s string) string {
		s = plainUse.ReplaceAllStringFunc(s, func(use string) string {
			name := plainUse.FindStringSubmatch(use)[1]
			if v := values[ids[name]]; v != "" {
				return v
			}
			return "$" + name
		})
		return strings.NewReplacer("'", "", `"`, "").Replace(s)
	}
	bare := func(in *dockerfile.Instruction) string {
		s := strings.ReplaceAll(bytesOf(in), "\v", " ") // white space to BuildKit, and not to regexp
		s = addedMount.ReplaceAllString(s, "")
		s = addedGuard.ReplaceAllString(s, "")
		return notText.ReplaceAllString(written(s), "")
	}
	if slices.Contains(files, relocated) {
		return // what a command wrote is written elsewhere: whether that is right, builds show
	}
	if a, b := pick(f, isRun, bare), pick(g, isRun, bare); len(files) == 0 && !slices.Equal(a, b) {
		t.Fatalf("what runs:\n%q\nwas\n%q\n--- new\n%q\n--- old\n%q", b, a, new, old)
	}
	count := map[string]int{}
	for sign, x := range map[int]*dockerfile.File{1: f, -1: g} {
		for _, text := range pick(x, isRun, (*dockerfile.Instruction).ArgText) {
			if sign > 0 {
				text = attributes.ReplaceAllStringFunc(text, func(command string) string {
					if slices.ContainsFunc(files, func(file string) bool { return strings.Contains(command, file) }) {
						return ""
					}
					return command
				})
			}
			for _, w := range strings.FieldsFunc(written(text), func(c rune) bool { return strings.ContainsRune(" \t\r\n;&|()[],\\`", c) }) {
				count[w] += sign
			}
		}
	}
	for w, n := range count {
		if n > 0 && len(files) > 0 && !companionWord.MatchString(w) && !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(w, file) }) {
			t.Fatalf("%q no longer runs:\n%s\n--- old\n%s", w, new, old)
		}
	}
	// A file that was of one kind of line end is so after the fix.
	if n := strings.Count(old, "\n"); n > 0 && strings.Count(old, "\r\n") == n && strings.Count(new, "\r\n") != strings.Count(new, "\n") {
		t.Fatalf("mixed line ends:\n%q\nwas\n%q", new, old)
	}
	if !strings.Contains(old, "\r") && strings.Contains(new, "\r") {
		t.Fatalf("new carriage returns:\n%q\nwas\n%q", new, old)
	}
	if strings.HasPrefix(old, "\xef\xbb\xbf") != strings.HasPrefix(new, "\xef\xbb\xbf") {
		t.Fatalf("a byte order mark came or went:\n%q\nwas\n%q", new, old)
	}
}

// moved returns the values of a tree's secrets folders, by their ids.
func moved(tree map[string]string) map[string]string {
	values := map[string]string{}
	for name, s := range tree {
		if path.Base(path.Dir(name)) == rewrite.SecretsDir {
			values[path.Base(name)] = s
		}
	}
	return values
}

// builds says what BuildKit would refuse before it runs anything.
func builds(src string) error {
	res, err := parser.Parse(strings.NewReader(src))
	if err != nil {
		return err
	}
	stages, _, err := instructions.Parse(res.AST, nil)
	if err == nil && len(stages) == 0 {
		err = errors.New("no stage")
	}
	return err
}

func holds(tree map[string]string, value string) bool {
	for _, s := range tree {
		if strings.Contains(s, value) || strings.Contains(notText.ReplaceAllString(s, ""), value) {
			return true
		}
	}
	return false
}

func dump(tree map[string]string) string {
	ar := &txtar.Archive{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(tree[name])})
	}
	return string(txtar.Format(ar))
}
