package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// Request says what to look at. Paths are slash-separated and relative to Root, a folder on disk.
type Request struct {
	Root        string
	Dockerfiles []string // those that count; one, where Before is given
	Files       fs.FS    // what is below Root
	Paths       []string // the project's files

	Before     []byte // the file as it was; nil: as HEAD has it
	BeforeName string

	Context string // folder on disk; "": that of the compose service, else the Dockerfile's own
	Target  string // stage; "": that of the compose service, else the last one
	Args    map[string]string
	Given   map[string][]byte // values of secrets, by id; a nil one is to be found where fix has put it
}

// Find makes the jobs of all Dockerfiles that are not as they were, in order: one for each way in which compose services
// build a file. same are the files that have not changed, new those that were not there. An error begins with a path.
func Find(ctx context.Context, r Request) (jobs []*Job, same, new []string, err error) {
	f := &finding{Request: r, taken: map[string]bool{}}
	if r.Before == nil {
		if f.head, err = openHead(ctx, r.Root); err != nil {
			return nil, nil, nil, fmt.Errorf(".: %w", err)
		}
	}
	for _, name := range r.Dockerfiles {
		after, err := fs.ReadFile(r.Files, name)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", name, plainError(err))
		}
		before, from := r.Before, r.BeforeName
		if f.head != nil {
			if from = "HEAD"; !f.head.has(name) {
				new = append(new, name)
				continue
			}
			if before, err = f.head.ReadFile(name); err != nil {
				return nil, nil, nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if bytes.Equal(unix(before), unix(after)) { // git may have changed the line ends
			same = append(same, name)
			continue
		}
		its, err := f.jobs(name, from, before, after)
		if err != nil {
			return nil, nil, nil, err
		}
		jobs = append(jobs, its...)
	}
	for _, id := range slices.Sorted(maps.Keys(r.Given)) {
		if len(jobs) > 0 && !f.taken[id] {
			return nil, nil, nil, fmt.Errorf("--secret id=%s: no Dockerfile that has changed takes it, name the id of a mount", id)
		}
	}
	return jobs, same, new, nil
}

func unix(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }

func plainError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// finding is a request that is being looked up.
type finding struct {
	Request
	head     *head // nil: before is a file
	now, was []*compose.File
	read     bool
	taken    map[string]bool // ids that some file mounts
}

// compose reads the compose files, as they are and as they were.
func (f *finding) compose() {
	if f.read {
		return
	}
	f.read = true
	f.now = compose.Load(f.Files, f.Paths)
	if f.was = f.now; f.head != nil {
		f.was = compose.Load(f.head, f.head.paths())
	}
}

// jobs makes the jobs of one Dockerfile.
func (f *finding) jobs(name, from string, before, after []byte) ([]*Job, error) {
	parsed := func(text []byte) (*dockerfile.File, error) {
		file, err := dockerfile.Parse(name, text)
		if err == nil {
			err = dockerfile.Builds(text)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, errors.New("BuildKit does not build this file, mend it first"))
			}
		}
		return file, err
	}
	new, err := parsed(after)
	if err != nil {
		return nil, err
	}
	old, err := dockerfile.Parse(name, before)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, from)
	}
	if f.Target != "" && !slices.ContainsFunc(new.Stages, func(s *dockerfile.Stage) bool {
		return strings.EqualFold(s.Name, f.Target) || fmt.Sprint(s.Index) == f.Target
	}) {
		return nil, fmt.Errorf("%s: has no stage %s", name, f.Target)
	}
	var jobs []*Job
	for _, w := range f.ways(name) {
		j := &Job{Path: name, Service: w.service, Target: w.target, Context: w.context, Contexts: w.contexts, From: from, Notes: w.notes}
		j.Before = Side{Dockerfile: before, Ignore: f.ignored(name, w.context, true), Args: w.before, Secrets: map[string][]byte{}}
		j.After = Side{Dockerfile: after, Ignore: f.ignored(name, w.context, false), Args: w.after, Secrets: map[string][]byte{}}
		s := &supply{finding: f, job: j, old: old, new: new, dirs: w.dirs}
		if err := s.supply(); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(jobs, j.builtLike) {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// builtLike says whether two jobs of one file make the same images.
func (j *Job) builtLike(k *Job) bool {
	names := func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
	return j.Target == k.Target && j.Context == k.Context && maps.Equal(j.Contexts, k.Contexts) && maps.Equal(j.After.Args, k.After.Args) &&
		slices.Equal(names(j.Before.Args), names(k.Before.Args))
}

// way is one of the ways in which a Dockerfile is built.
type way struct {
	service, target, context string
	contexts                 map[string]string
	before, after            map[string]string // arguments
	dirs                     []string          // that can have a folder secrets, slash-separated, relative to the root
	notes                    []string
}

// ways are those of the compose services that build a file; where none does, its own folder is the context.
func (f *finding) ways(name string) []*way {
	f.compose()
	var out []*way
	for _, s := range compose.Builders(f.now, name) {
		if s.Build == nil || s.Build.Context == "" || f.Context != "" {
			continue
		}
		w := &way{service: s.Name, target: s.Build.Target, context: f.onDisk(s.Build.Context), contexts: map[string]string{}, dirs: []string{path.Dir(s.File.Path)}}
		for name, dir := range s.Build.Contexts {
			if dir != "" {
				w.contexts[name] = f.onDisk(dir)
			}
		}
		w.after = w.args(s, f.now)
		w.before = w.args(s, f.was)
		out = append(out, w)
	}
	if len(out) == 0 {
		w := &way{context: f.Context, before: map[string]string{}, after: map[string]string{}}
		if w.context == "" {
			w.context = f.onDisk(path.Dir(name))
		}
		for _, s := range compose.Builders(f.now, name) {
			w.dirs = append(w.dirs, path.Dir(s.File.Path))
		}
		out = append(out, w)
	}
	for _, w := range out {
		if f.Target != "" {
			w.target = f.Target
		}
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			w.dirs = append(w.dirs, dir)
			if dir == "." {
				break
			}
		}
		maps.Copy(w.before, f.Args)
		maps.Copy(w.after, f.Args)
	}
	return out
}

func (f *finding) onDisk(name string) string { return filepath.Join(f.Root, filepath.FromSlash(name)) }

// args are the build arguments that files give a service, overrides included.
func (w *way) args(s *compose.Service, files []*compose.File) map[string]string {
	out := map[string]string{}
	for _, file := range files {
		if path.Dir(file.Path) != path.Dir(s.File.Path) {
			continue
		}
		for _, t := range file.Services {
			if t.Name != s.Name || t.Build == nil || file.Path != s.File.Path && !t.Overrides {
				continue
			}
			for _, a := range t.Build.Args {
				switch kind, env := a.Source(); kind {
				case compose.FromText:
					out[a.Name] = a.Value
				case compose.FromEnv:
					if value, ok := os.LookupEnv(env); ok {
						out[a.Name] = value
					}
				default:
					if note := fmt.Sprintf("the argument %s of service %s is not understood, give it with --build-arg", a.Name, s.Name); !slices.Contains(w.notes, note) {
						w.notes = append(w.notes, note)
					}
				}
			}
		}
	}
	return out
}

// ignored is what keeps files from a build of a Dockerfile: its own ignore file, else that of the context.
func (f *finding) ignored(name, context string, before bool) []byte {
	read := func(name string) ([]byte, error) { return fs.ReadFile(f.Files, name) }
	if before && f.head != nil {
		read = f.head.ReadFile
	}
	if text, err := read(name + ".dockerignore"); err == nil {
		return text
	}
	dir, err := filepath.Rel(f.Root, context)
	if err != nil || dir == ".." || strings.HasPrefix(dir, ".."+string(filepath.Separator)) {
		text, _ := os.ReadFile(filepath.Join(context, ".dockerignore")) // outside of what git has
		return text
	}
	text, _ := read(path.Join(filepath.ToSlash(dir), ".dockerignore"))
	return text
}
