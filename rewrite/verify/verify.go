// Package verify builds an image twice with BuildKit, as a Dockerfile was and as it is, and says whether the two are the
// same and where the secrets stand.
// It leans on BuildKit's client for the builds, on rewrite/image for reading what they made, and on rewrite/dockerfile
// and compose for what is to be built and which secrets it takes.
// It will not write into the project, push an image, or leave one behind, and it tells no value.
//
// [Find] looks up which Dockerfiles have changed and makes a [Job] of each image to compare, [Dial] finds a builder, and
// [Job.Run] is the comparison.
package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/image"
)

// Job is one image to be built before and after, and compared.
type Job struct {
	Path     string            // of the Dockerfile, slash-separated, relative to the root
	Service  string            // of a compose file that builds it; "" if none does
	Target   string            // stage; "" is the last
	Context  string            // folder on disk that both builds are sent
	Contexts map[string]string // further ones, by name
	From     string            // what before is: "HEAD", or the name of a file
	Before   Side
	After    Side
	Secrets  []*Secret
	Notes    []string // what a person should know of how it was built

	key  string // of what the builder remembers of the context
	mask *masks
}

// Secret is a secret that the new file takes, or the old one took, and what became of it.
type Secret struct {
	ID       string   // of the mount; the variable's name where nothing mounts it
	From     string   // where its value is from: "a canary", "secrets/T", "the environment"
	Searched bool     // its value is long enough, and strange enough, to be found
	Before   []string // where it stands: "history", "layer 3: /app/.npmrc"
	After    []string
	Logged   bool // the new build's log shows it

	names  []string // of variables that hold it
	value  string
	values []string // that are searched for
	files  []string // whole files that are
}

// String is the id: a Secret tells no value.
func (s *Secret) String() string { return s.ID }

// GoString is String.
func (s *Secret) GoString() string { return s.ID }

// Verdict is what a comparison comes to. The zero value is that it says nothing.
type Verdict uint8

const (
	Unproven  Verdict = iota // the old file does not build: there is nothing to compare with
	Broken                   // the new file does not build
	Leaking                  // a secret stands in the new image
	Different                // the new image is another one
	Same                     // the same image, without its secrets
)

// String is the verdict in one word.
func (v Verdict) String() string {
	return [...]string{"unproven", "broken", "leaking", "different", "same"}[v]
}

// Report is what a comparison found.
type Report struct {
	*Job
	Verdict Verdict
	Files   *Comparison // nil: not compared
	Config  *Comparison
	Failed  string   // why a build failed, secrets masked
	Log     []string // the end of what it said
}

func (j *Job) masks() *masks {
	if j.mask == nil {
		j.mask = newMasks(j.Secrets)
	}
	return j.mask
}

// Run builds both sides and compares them. A build that fails is a verdict; an error is what kept the builds from being
// made or their images from being read. What was built is gone again when it returns, also when ctx ends.
func (j *Job) Run(ctx context.Context, b *Builder, o Options) (*Report, error) {
	dir, remove, err := scratch()
	if err != nil {
		return nil, err
	}
	defer remove()
	j.key = "unbake-verify-" + random(8)
	r := &Report{Job: j}
	var images []*made
	defer func() {
		for _, m := range images {
			m.Close()
			untag(ctx, m.tag)
		}
	}()
	build := func(name string, s Side, fresh bool) (*made, error) {
		m, err := b.build(ctx, name, dir, j, s, fresh, o)
		if err == nil {
			images = append(images, m)
		}
		return m, err
	}
	stop := func(v Verdict, err error) (*Report, error) {
		failure, ok := failed(err)
		if !ok {
			return nil, err
		}
		r.Verdict, r.Failed, r.Log = v, failure.Error(), failure.log
		return r, nil
	}

	before, err := build("before", j.Before, false)
	if err != nil {
		return stop(Unproven, err)
	}
	after, err := build("after", j.After, false)
	if err != nil {
		return stop(Broken, err)
	}
	layers := layerCache{}
	old, err := j.read(before, layers)
	if err != nil {
		return nil, err
	}
	new, err := j.read(after, layers)
	if err != nil {
		return nil, err
	}
	for i, s := range j.Secrets {
		s.Before, s.After = old.places(i), new.places(i)
		s.Logged = after.log.shows(i)
	}
	if r.Files, err = compareFiles(old.files, new.files, j.masks()); err != nil {
		return nil, err
	}
	r.Config = compareSettings(old.settings, new.settings, j.masks(), j.moved)

	if len(r.Files.Differences) > 0 {
		// Some builds do not make the same twice. What only they do is none of the fix's doing.
		again, err := build("before, again", j.Before, true)
		if err != nil {
			return stop(Unproven, err)
		}
		varied, err := j.read(again, layers)
		if err != nil {
			return nil, err
		}
		r.Files.vary(old.files, varied.files)
	}
	r.Verdict = r.verdict()
	return r, nil
}

func (r *Report) verdict() Verdict {
	for _, s := range r.Secrets {
		if len(s.After) > 0 {
			return Leaking
		}
	}
	if len(r.Files.Differences)+len(r.Config.Differences) > 0 {
		return Different
	}
	return Same
}

// moved says whether a variable of the old image is a secret that was taken out of it, though perhaps a value too common
// to be searched for.
func (j *Job) moved(name, value string) bool {
	return slices.ContainsFunc(j.Secrets, func(s *Secret) bool { return slices.Contains(s.names, name) && s.value == value })
}

// contents is what there is to compare and to search of an image.
type contents struct {
	files    tree
	settings settings
	found    []found
}

// places is where a secret stands, each place once.
func (c *contents) places(secret int) []string {
	var out []string
	for _, f := range c.found {
		if f.secret == secret && !slices.Contains(out, f.place) {
			out = append(out, f.place)
		}
	}
	return out
}

func (j *Job) read(m *made, layers layerCache) (*contents, error) {
	if len(m.Platforms) != 1 {
		return nil, fmt.Errorf("the build made images for %d platforms, only one can be compared", len(m.Platforms))
	}
	p := m.Platforms[0]
	c := &contents{}
	var err error
	if c.settings, err = readSettings(p.Config); err != nil {
		return nil, err
	}
	j.search(c, m, p)
	var in []found
	if c.files, in, err = layers.merged(p.Layers, j.masks()); err != nil {
		return nil, err
	}
	c.found = append(c.found, in...)
	return c, nil
}

// search looks for the secrets in all of an image that is not a layer.
func (j *Job) search(c *contents, m *made, p *image.Platform) {
	note := func(place string, text []byte) {
		for _, s := range j.masks().within(text) {
			c.found = append(c.found, found{s, place})
		}
	}
	for name, value := range c.settings {
		note("config: "+j.masks().text(name), []byte(value))
	}
	for _, h := range p.History {
		note("history", []byte(h.CreatedBy+"\n"+h.Comment+"\n"+h.Author))
	}
	if !slices.ContainsFunc(c.found, func(f found) bool { return strings.HasPrefix(f.place, "config") || f.place == "history" }) {
		note("config", p.Config) // whatever else is in it
	}
	for key, value := range p.Annotations {
		note("annotation "+j.masks().text(key), []byte(value))
	}
	for _, a := range m.Attestations {
		title := a.Title
		switch {
		case strings.Contains(title, "slsa.dev/provenance"):
			title = "provenance"
		case strings.Contains(title, "spdx"), strings.Contains(title, "cyclonedx"):
			title = "SBOM"
		}
		note(title, a.Data)
	}
	slices.SortStableFunc(c.found, func(x, y found) int { return strings.Compare(x.place, y.place) })
}
