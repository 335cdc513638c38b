// Package audit looks for secrets in a container image: in its environment, its history,
// its labels and commands, its attestations, and in the files of every layer, also those
// that a later layer removes.
// It leans on package image, which streams the layers, on package flow for what stands in
// commands, and on package detect for what a secret is.
// It keeps no layer, changes nothing, asks nobody whether a token is alive, and returns no
// text that holds a value.
package audit

import (
	"compress/gzip"
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/image"
)

// Options say what else is known. All of them may be missing.
type Options struct {
	Known      []*Known         // values that are looked for in every byte
	Dockerfile *dockerfile.File // that the image was built from
	Progress   func(layer, layers int, bytes int64)
}

// Kind is the part of an image that holds a secret.
type Kind string

const (
	Env         Kind = "env"
	Label       Kind = "label"
	Command     Kind = "command" // CMD, ENTRYPOINT, HEALTHCHECK, ONBUILD
	History     Kind = "history"
	Config      Kind = "config" // elsewhere in the configuration
	Attestation Kind = "attestation"
	File        Kind = "file"
)

// Finding is one secret in one place. Its texts hold no value.
type Finding struct {
	Kind    Kind
	Note    bool   // weak, a placeholder, or the file of a test or a package: nobody has to act
	Subject string // /app/.npmrc (npm configuration); ENV NPM_TOKEN
	What    string // an npm token; the value of NPM_TOKEN, in base64
	Shown   string // npm_***; "" for a known value
	Secret  string // the name under which it is to be rotated

	Platforms []*image.Platform // that have it, none twice
	Layer     *image.Layer      // nil where it is in no layer
	Removed   *image.Layer      // the later layer without which it could be read
	Replaced  bool              // Removed has another file in its place
	Step      int               // of the history, from 1; 0: not known
	More      int               // other steps that hold it too
	Made      string            // the step: "COPY .npmrc ./"
	Base      bool              // it comes with the base image
	Path      string            // of the Dockerfile
	Line      int               // in it, from 1; 0: not known

	entry string // the name of the file in its layer
	value string // for masking and joining
	hash  *Known // a known value, if that is what it is
	group bool   // Note for where the file is
	last  *step  // that was counted
}

// Message is the finding in one line.
func (f *Finding) Message() string {
	s := f.Subject + " holds " + f.What
	if strings.Trim(f.Shown, "*") != "" {
		s += ": " + f.Shown
	}
	return s
}

// Grouped reports whether the finding is one of many that are best told in one line: the
// file of a package, a test, an example, that looks like a secret.
func (f *Finding) Grouped() bool { return f.group }

// Report is what an audit has found.
type Report struct {
	Findings []*Finding
	Notes    []string // what was not looked at
	Layers   int      // that were read, each once
	Bytes    int64    // of files in them
	Matched  bool     // the history is that of the Dockerfile
}

// Todo reports whether there is a finding that is more than a note.
func (r *Report) Todo() bool {
	return slices.ContainsFunc(r.Findings, func(f *Finding) bool { return !f.Note })
}

// auditor is one run.
type auditor struct {
	opts   Options
	search *searcher
	hashes *hashes
	masks  *masks
	report *Report
	layers map[string]*scanned // by diff id
	bytes  int64
	layer  int
	of     int
	window *stream // reused from file to file
	inner  *stream // for what is packed in a file
	gzip   *gzip.Reader
}

// Run reads the image, each layer once and none of them kept.
func Run(img *image.Image, opts Options) (*Report, error) {
	a := &auditor{opts: opts, search: newSearcher(opts.Known), hashes: newHashes(opts.Known), masks: newMasks(opts.Known),
		report: &Report{}, layers: map[string]*scanned{}}
	a.window, a.inner = newStream(a), newStream(a)
	distinct := map[string]bool{}
	for _, p := range img.Platforms {
		for _, l := range p.Layers {
			distinct[l.DiffID] = true
		}
	}
	a.of = len(distinct)
	matched := opts.Dockerfile != nil
	for _, p := range img.Platforms {
		found, ok, err := a.platform(p)
		if err != nil {
			return nil, err
		}
		matched = matched && ok
		for _, f := range found {
			f.Platforms = []*image.Platform{p}
			a.add(f)
		}
	}
	for _, b := range img.Attestations {
		found, err := a.attestation(b)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			a.add(f)
		}
	}
	r := a.report
	r.Notes = append(r.Notes, img.Notes...)
	r.Layers, r.Bytes, r.Matched = len(a.layers), a.bytes, matched
	if opts.Dockerfile != nil && !matched {
		r.Notes = append(r.Notes, opts.Dockerfile.Path+" is not what this image was built from, or not all of it can be told: some findings, or all, have no line")
	}
	for _, f := range r.Findings {
		f.Subject, f.What, f.Made, f.Secret = a.masks.text(f.Subject), a.masks.text(f.What), a.masks.text(f.Made), a.masks.text(f.Secret)
	}
	slices.SortStableFunc(r.Findings, func(x, y *Finding) int { return x.order() - y.order() })
	return r, nil
}

// order: what counts first, then by where it is; layers from below.
func (f *Finding) order() int {
	n := slices.Index([]Kind{Env, Label, Command, Config, History, File, Attestation}, f.Kind) << 20
	if f.Layer != nil && f.Kind == File {
		n += f.Layer.Index
	} else {
		n += f.Step
	}
	if f.Note {
		n += 1 << 28
	}
	return n
}

// add joins the finding to that of another platform, if both say the same.
func (a *auditor) add(f *Finding) {
	for _, old := range a.report.Findings {
		if old.Kind == f.Kind && old.Note == f.Note && old.Subject == f.Subject && old.What == f.What && old.value == f.value && old.Made == f.Made && old.Removed == nil == (f.Removed == nil) {
			old.Platforms = append(old.Platforms, f.Platforms...)
			return
		}
	}
	a.report.Findings = append(a.report.Findings, f)
}

// platform audits the configuration and the layers of one platform.
func (a *auditor) platform(p *image.Platform) (found []*Finding, matched bool, err error) {
	steps := readSteps(p)
	matched = matchLines(a.opts.Dockerfile, steps)
	found = a.config(p, steps)
	for _, l := range p.Layers {
		if l.Foreign {
			continue
		}
		s := a.layers[l.DiffID]
		if s == nil {
			a.layer++
			if s, err = a.scanLayer(l); err != nil {
				return nil, false, err
			}
			a.layers[l.DiffID] = s
		}
		for _, f := range s.found {
			f := *f
			f.Layer = l
			found = append(found, &f)
		}
	}
	joined := slices.ContainsFunc(p.Layers, func(l *image.Layer) bool { return l.History != nil })
	// Only now has every layer been read.
	for _, f := range found {
		if f.Kind == File {
			i := slices.Index(p.Layers, f.Layer)
			f.Removed, f.Replaced = a.removedBy(f.entry, p.Layers[i+1:])
			for _, s := range steps {
				if s.layer == f.Layer && s.layer != nil {
					f.Step = s.n
				}
			}
			f.Base = f.Step == 0 && matched && joined // a layer without a step is no step of the Dockerfile
		}
		if f.Step > 0 {
			s := steps[f.Step-1]
			f.Made, f.Base = s.shown(), s.base
			if s.in != nil {
				f.Path, f.Line = s.in.File.Path, s.in.Line
			}
		}
		if f.value != "" && (!f.Note || f.group) {
			a.masks.add(f.value) // a weak one is hidden in its steps
		}
	}
	return found, matched, nil
}

// article puts a word before a thing: an npm token, a GitHub token.
func article(what string) string {
	if what != "" && strings.IndexByte("aeiouAEIO", what[0]) >= 0 || strings.HasPrefix(what, "npm ") || strings.HasPrefix(what, "ssh ") || strings.HasPrefix(what, "xAI") || strings.HasPrefix(what, "NVIDIA") {
		return "an " + what
	}
	return "a " + what
}

// several is article for a number of things.
func several(n int, what string) string {
	switch {
	case n == 1:
		return article(what)
	case strings.HasSuffix(what, "s"):
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
