// Package callers finds who builds a Dockerfile besides compose: workflows, scripts,
// Makefiles, bake files, and which build arguments and targets they name. It leans on
// the shape of a line alone and reads a file once. It edits nothing, and does not tell
// which Dockerfile a caller builds: a name that is passed counts for all of them.
package callers

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// Mention is one place that names a build argument or a target.
type Mention struct {
	Path string // slash-separated, relative to the project's root
	Line int    // from 1
}

// Index is what all callers of a project name.
type Index struct {
	Args    map[string][]Mention // build arguments that are passed, by name
	Targets map[string][]Mention // stages that are built by name, in lower case
	Builds  bool                 // something besides compose builds images

	Executed map[string][]Mention // variables that a command reads which is executed in a container that runs
	Commands []Command            // that are run in containers
	Tags     []string             // names that images are built under, without their tags

	Calls   []*call.Build // builds of files that are understood, by path
	project *call.Project
}

// maxSize leaves out generated files; nobody writes a megabyte of build script.
const maxSize = 1 << 20

// IsCaller reports whether a file of this name can hold a build command.
func IsCaller(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".sh", ".bash", ".zsh", ".mk", ".hcl", ".groovy", ".ps1", ".cmd", ".bat", ".fish", ".just",
		".yml", ".yaml", ".toml", ".tf", ".py", ".rb", ".js", ".mjs", ".ts", ".go", ".md":
		return true
	case "":
		return true // a script without an ending: its first line tells
	}
	return named(base)
}

// named reports the names of files that hold build commands, whatever their ending.
func named(base string) bool {
	base = strings.ToLower(base)
	switch base {
	case "makefile", "gnumakefile", "jenkinsfile", "justfile", "earthfile", "tiltfile", "package.json", "docker-bake.json", "docker-bake.override.json", "rakefile", "build", "tasks.py", "noxfile.py", "devcontainer.json", "cloudbuild.json":
		return true
	}
	return strings.HasPrefix(base, "makefile.") || strings.HasPrefix(base, "jenkinsfile.")
}

var (
	buildArg = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`--build-arg(?:[ =\t]+|["'],?\s*["']?)["']?([A-Za-z_][A-Za-z0-9_]*)`)
	})
	target = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:--target[ =\t]+|\btarget["']?\s*[:=]\s*)["']?([A-Za-z0-9][A-Za-z0-9._-]*)`)
	})
	block = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(\s*)(?:- )?["']?(build[-_]?[aA]rgs?|buildArgs|args|docker_build_args|extra_build_args)["']?\s*[:=]\s*(.*)$`)
	})
	entry = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(?:- )?["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*(?:[:=]|$)`)
	})
	// pending is a --build-arg whose name stands on the next line.
	pending = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`--build-arg["']?,?\s*\\?$`)
	})
	// within is arguments as a map or a list in one line of a program's text.
	within = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(?:build_args|buildArgs|buildargs|build_arg)\s*[:=]\s*[{\[]([^}\]]*)`)
	})
	inline = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*[:=]`)
	})
)

// Find reads the callers among paths. isCompose names the files that are compose's and
// read elsewhere. A file that cannot be read names nothing.
func Find(fsys fs.FS, paths []string, isCompose func(string) bool) *Index {
	x := &Index{Args: map[string][]Mention{}, Targets: map[string][]Mention{}, Executed: map[string][]Mention{}}
	x.project = &call.Project{FS: fsys}
	for _, p := range paths {
		if dockerfile.IsDockerfile(path.Base(p)) {
			x.project.Dockerfiles = append(x.project.Dockerfiles, p)
		}
	}
	for _, p := range paths {
		if !IsCaller(p) || isCompose(p) {
			continue
		}
		info, err := fs.Stat(fsys, p)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
			continue
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil || path.Ext(p) == "" && !named(path.Base(p)) && !bytes.HasPrefix(data, []byte("#!")) {
			continue
		}
		if mayBuild(data) {
			x.understood(p, data)
		}
		if path.Ext(p) == ".md" {
			continue // what it says is no build
		}
		x.Builds = x.Builds || bytes.Contains(data, []byte("docker build")) || bytes.Contains(data, []byte("buildx")) || bytes.Contains(data, []byte("build-push-action")) ||
			bytes.Contains(data, []byte("podman build")) || bytes.Contains(data, []byte("buildah"))
		x.running(p, data)
		if program(p) {
			x.words(p, data)
		} else {
			x.read(p, data)
		}
	}
	return x
}

// mayBuild reports whether a text can name a build at all: most files do not.
func mayBuild(data []byte) bool {
	return bytes.Contains(data, []byte("build")) || bytes.Contains(data, []byte("kaniko")) || bytes.Contains(data, []byte("bake")) || bytes.Contains(data, []byte("docker"))
}

// program reports files in which an argument's name is put together with the option: any
// mention of a name counts there.
func program(p string) bool {
	switch path.Ext(strings.ToLower(p)) {
	case ".py", ".rb", ".js", ".mjs", ".ts", ".go", ".groovy":
		return true
	}
	return false
}

// words indexes every word of a program that passes build arguments.
func (x *Index) words(p string, data []byte) {
	if !passes(data) {
		return
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		for w := range bytes.FieldsFuncSeq(line, func(c rune) bool {
			return c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
		}) {
			x.arg(string(w), p, n)
		}
	}
}

// passes reports whether a text has a build argument's option at all.
func passes(data []byte) bool {
	for _, opt := range []string{"build-arg", "build_arg", "buildarg", "buildArg"} {
		if bytes.Contains(data, []byte(opt)) {
			return true
		}
	}
	return false
}

func (x *Index) read(p string, data []byte) {
	// Most files of these names build no image: look before reading line by line.
	if !bytes.Contains(data, []byte("build")) && !bytes.Contains(data, []byte("args")) && !bytes.Contains(data, []byte("target")) {
		return
	}
	if bytes.Contains(data, []byte("build-arg $")) || bytes.Contains(data, []byte("build-arg \"$")) || bytes.Contains(data, []byte("build-arg ${")) || bytes.Contains(data, []byte("build-arg=$")) {
		x.words(p, data) // the name is a variable: whatever the file names may be passed
		return
	}
	// Compose's form under another name is compose's form.
	args := bytes.Contains(data, []byte("services:")) && bytes.Contains(data, []byte("build:"))
	n, inside := 0, -1 // inside: the indentation of an open block of arguments
	open, table := false, false
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if inside >= 0 && indent <= inside {
			inside = -1
		}
		if strings.HasPrefix(trimmed, "#") && inside < 0 {
			continue
		}
		if open {
			if m := entry().FindStringSubmatch(strings.TrimSuffix(trimmed, "\\")); m != nil {
				x.arg(m[1], p, n)
			}
		}
		open = pending().MatchString(trimmed)
		// A table of TOML reaches to the next one.
		if strings.HasPrefix(trimmed, "[") && path.Ext(p) == ".toml" {
			table = trimmed == "[build.args]" || strings.HasSuffix(trimmed, "build_args]")
			continue
		}
		if m := entry().FindStringSubmatch(line); table && m != nil {
			x.arg(m[1], p, n)
			continue
		}
		for _, m := range within().FindAllStringSubmatch(line, -1) {
			for _, k := range inline().FindAllStringSubmatch(m[1], -1) {
				x.arg(k[1], p, n)
			}
		}
		for _, m := range buildArg().FindAllStringSubmatch(line, -1) {
			x.arg(m[1], p, n)
		}
		for _, m := range target().FindAllStringSubmatch(line, -1) {
			name := strings.ToLower(m[1])
			x.Targets[name] = append(x.Targets[name], Mention{p, n})
		}
		if inside >= 0 {
			if m := entry().FindStringSubmatch(line); m != nil {
				x.arg(m[1], p, n)
			}
			continue
		}
		m := block().FindStringSubmatch(line)
		if m == nil || !blockHere(p, m[2], args) {
			continue
		}
		rest := strings.TrimSpace(m[3])
		switch {
		case rest == "" || rest[0] == '|' || rest[0] == '>' || rest == "{" || rest == "[":
			inside = indent
		default:
			for _, k := range inline().FindAllStringSubmatch(rest, -1) {
				x.arg(k[1], p, n)
			}
		}
	}
}

// blockHere reports whether a block of this name holds build arguments: "args" alone
// does so in a bake file or a deploy file, not in any workflow.
func blockHere(p, name string, args bool) bool {
	if name != "args" || args {
		return true
	}
	base := path.Base(p)
	return path.Ext(base) == ".hcl" || strings.Contains(base, "bake") || base == "deploy.yml" || strings.HasPrefix(base, "devcontainer")
}

func (x *Index) arg(name, p string, line int) {
	m := Mention{p, line}
	if !slices.Contains(x.Args[name], m) {
		x.Args[name] = append(x.Args[name], m)
	}
}
