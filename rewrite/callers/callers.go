// Package callers finds who builds a Dockerfile besides compose: workflows, scripts,
// Makefiles, bake files, and makes them pass a secret in place of a build argument. It
// leans on the packages below it, each of which understands some kinds of files, and on
// the shape of lines for what none of them understands: a name that stands there counts
// for all Dockerfiles. It runs nothing, and reads no compose file.
package callers

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
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

	Lines []Mention     // that have a build command, understood or not
	Calls []*call.Build // builds of files that are understood, by path

	project *call.Project
	last    map[*call.Build]int // the last line of each of Calls
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
	case "makefile", "gnumakefile", "jenkinsfile", "justfile", ".justfile", "earthfile", "tiltfile", "package.json", "composer.json", "docker-bake.json", "docker-bake.override.json",
		".devcontainer.json", "devcontainer.json", "rakefile", "build", "tasks.py", "noxfile.py", "cloudbuild.json":
		return true
	}
	if strings.HasSuffix(base, ".json") && strings.Contains(base, "bake") {
		return true
	}
	return strings.HasPrefix(base, "makefile.") || strings.HasPrefix(base, "jenkinsfile.")
}

// Reader finds callers again and again, in states of a project that differ by little: a file
// that is as it is on disk is read once. The zero value is ready; several can use it at once.
type Reader struct {
	mu    sync.Mutex
	files map[string]*Index
}

// Find reads the callers among paths. isCompose names the files that are compose's and
// read elsewhere; changed those that are not as they are on disk. A file that cannot be
// read names nothing.
func (r *Reader) Find(fsys fs.FS, paths []string, isCompose, changed func(string) bool) *Index {
	x := newIndex(&call.Project{FS: fsys, Sourced: sourced(fsys, paths)})
	for _, p := range paths {
		if dockerfile.IsDockerfile(path.Base(p)) {
			x.project.Dockerfiles = append(x.project.Dockerfiles, p)
		}
	}
	paths = slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !IsCaller(p) || isCompose(p) })
	other := slices.ContainsFunc(paths, changed)
	for _, p := range paths {
		r.mu.Lock()
		one := r.files[p]
		r.mu.Unlock()
		// A build can stand in several files: an included Makefile, bake's overrides, a pipeline's templates.
		if again := changed(p) || one != nil && other && len(one.Calls) > 0; one == nil || again {
			one = newIndex(x.project)
			one.file(p)
			if !again {
				r.mu.Lock()
				if r.files == nil {
					r.files = map[string]*Index{}
				}
				r.files[p] = one
				r.mu.Unlock()
			}
		}
		x.join(one)
	}
	return x
}

func newIndex(p *call.Project) *Index {
	return &Index{Args: map[string][]Mention{}, Targets: map[string][]Mention{}, Executed: map[string][]Mention{}, project: p, last: map[*call.Build]int{}}
}

// join adds what another index has.
func (x *Index) join(one *Index) {
	for _, m := range []struct{ to, from map[string][]Mention }{{x.Args, one.Args}, {x.Targets, one.Targets}, {x.Executed, one.Executed}} {
		for name, at := range m.from {
			m.to[name] = append(m.to[name], at...)
		}
	}
	x.Builds = x.Builds || one.Builds
	x.Commands = append(x.Commands, one.Commands...)
	x.Lines = append(x.Lines, one.Lines...)
	for _, t := range one.Tags {
		if !slices.Contains(x.Tags, t) {
			x.Tags = append(x.Tags, t)
		}
	}
	x.Calls = append(x.Calls, one.Calls...)
	maps.Copy(x.last, one.last)
}

// file reads one file.
func (x *Index) file(p string) {
	info, err := fs.Stat(x.project.FS, p)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
		return
	}
	data, err := fs.ReadFile(x.project.FS, p)
	if err != nil || path.Ext(p) == "" && !named(path.Base(p)) && !bytes.HasPrefix(data, []byte("#!")) {
		return
	}
	if mayBuild(p, data) {
		x.understood(p, data)
	}
	if path.Ext(p) == ".md" {
		return // what it says is no build
	}
	x.Builds = x.Builds || bytes.Contains(data, []byte("docker build")) || bytes.Contains(data, []byte("buildx")) || bytes.Contains(data, []byte("build-push-action")) ||
		bytes.Contains(data, []byte("podman build")) || bytes.Contains(data, []byte("buildah"))
	x.running(p, data)
	x.commands(p, data)
	if program(p) {
		x.words(p, data)
	} else {
		x.read(p, data)
	}
}

// mayBuild reports whether a file can name a build at all: most do not. A bake file, Kamal's
// deploy.yml and a dev container need not say the word.
func mayBuild(p string, data []byte) bool {
	base := path.Base(p)
	return path.Ext(base) == ".hcl" || strings.Contains(base, "bake") || strings.HasPrefix(base, "deploy") || strings.HasSuffix(base, "devcontainer.json") || base == "action.yml" || base == "action.yaml" ||
		bytes.Contains(data, []byte("build")) || bytes.Contains(data, []byte("kaniko")) || bytes.Contains(data, []byte("bake")) || bytes.Contains(data, []byte("plugins/"))
}
