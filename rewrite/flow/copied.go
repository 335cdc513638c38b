package flow

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Copied is what is known of a secret file that a COPY or ADD brings in.
type Copied struct {
	Kind    detect.FileKind
	Source  string // as the COPY names it, cleaned, relative to the context
	Context string // the context folder that holds the file, "" if it is not there to be seen
	Seen    bool   // its content was read and holds a secret
	Target  string // where it stands in the image: absolute, or relative to WORKDIR if that is not known
	Dir     string // the folder of Target
	Made    bool   // the folder is there without this COPY
	Known   bool   // Target is certain
	Folder  bool   // it comes with a folder: no COPY names it
	Stays   bool   // of one that comes with a folder: an image has it
	Mounted bool   // of one that comes with a folder: a RUN has it as a secret in the same place

	Removed bool // its stage removes it again: containers do not have it

	around     []around    // commands on the folder that it is in
	Companions []Companion // commands that have nothing to do once the file is a mount
	Moves      []Companion // mv of the file, which can only copy a mount
	Passed     bool        // it is copied on to another place of the image
}

// copied draws the flow of each secret file that is copied from the build context.
func (a *analysis) copied() []*Secret {
	bySource := map[string]*Secret{}
	var secrets []*Secret
	for _, in := range a.file.Instructions {
		if in.Name != "copy" && in.Name != "add" || in.Stage == nil {
			continue
		}
		if _, ok := in.FlagValue("from"); ok {
			continue
		}
		words, ok := in.Paths()
		if !ok || len(words) < 2 {
			continue
		}
		for i, w := range words[:len(words)-1] {
			if strings.Contains(w.Text, "://") || strings.HasPrefix(w.Text, "<<") {
				continue
			}
			kind, ok := a.kind(w.Text, words)
			if !ok {
				continue
			}
			s := a.copiedFile(in, words, i, kind)
			if s == nil {
				continue
			}
			if old := bySource[s.Copied.Source]; old != nil {
				old.merge(s, in)
				continue
			}
			bySource[s.Copied.Source] = s
			secrets = append(secrets, s)
		}
	}
	for _, s := range secrets {
		if isKey(s.Copied.Kind) && !slices.ContainsFunc(s.Readers, a.likely) {
			s.Readers = nil
		}
		s.aroundMount()
	}
	a.distinguish(secrets)
	return secrets
}

// kind says what secret file a source is: by its name, or by the one that it gets.
func (a *analysis) kind(source string, words []dockerfile.Word) (detect.FileKind, bool) {
	if kind, ok := detect.File(source); ok {
		return kind, true
	}
	switch base(source) {
	case ".ssh", ".aws", ".gnupg", ".kube":
		return detect.FileKind{ID: detect.Identifier(base(source)), Title: "a folder of credentials"}, true
	}
	dest := words[len(words)-1].Text
	if len(words) > 2 || strings.HasSuffix(dest, "/") {
		return detect.FileKind{}, false
	}
	kind, ok := detect.File(dest)
	kind.ID = detect.Identifier(base(source))
	return kind, ok
}

// merge adds another COPY of the same file.
func (s *Secret) merge(t *Secret, in *dockerfile.Instruction) {
	s.Origins = append(s.Origins, t.Origins...)
	if s.Copied.Target != t.Copied.Target {
		s.doubt(in, "it is copied to more than one place")
	}
	s.Doubts = append(s.Doubts, t.Doubts...)
	s.Copied.around = append(s.Copied.around, t.Copied.around...)
	s.Copied.Stays = s.Copied.Stays || t.Copied.Stays
	s.Copied.Removed = s.Copied.Removed && t.Copied.Removed
	for _, r := range t.Readers {
		if !slices.ContainsFunc(s.Readers, func(x Reader) bool { return x.In == r.In }) {
			s.Readers = append(s.Readers, r)
		}
	}
	s.Copied.Moves = append(s.Copied.Moves, t.Copied.Moves...)
	s.Copied.Passed = s.Copied.Passed || t.Copied.Passed
	for _, c := range t.Copied.Companions {
		if !slices.ContainsFunc(s.Copied.Companions, func(x Companion) bool { return x.In == c.In && x.Command == c.Command && x.Arg == c.Arg }) {
			s.Copied.Companions = append(s.Copied.Companions, c)
		}
	}
	s.Exposure = max(s.Exposure, t.Exposure)
}

// distinguish gives files that want one id distinct ones, by their folders. A file that
// is mounted already has its id.
func (a *analysis) distinguish(secrets []*Secret) {
	for _, s := range secrets {
		for _, t := range secrets {
			if t != s && t.Copied.Target == s.Copied.Target && s.Copied.Target != "" {
				s.doubt(s.Origins[0].In, "two files come to one place: which one a reader sees is not certain")
			}
		}
		taken := slices.ContainsFunc(secrets, func(t *Secret) bool { return t != s && t.Copied.Kind.ID == s.Copied.Kind.ID })
		for _, in := range a.file.Instructions {
			for _, m := range in.Mounts() {
				taken = taken || m.Type == "secret" && m.Opts["id"] == s.ID && path.Clean(m.Opts["target"]) != s.Copied.Target
			}
		}
		if dir := path.Dir(s.Copied.Source); taken && dir != "." {
			s.ID = detect.Identifier(path.Base(dir)) + "_" + s.Copied.Kind.ID
		}
	}
}

// copiedFile judges one source of a COPY; nil if it is no secret.
func (a *analysis) copiedFile(in *dockerfile.Instruction, words []dockerfile.Word, i int, kind detect.FileKind) *Secret {
	w := words[i]
	c := &Copied{Kind: kind, Source: path.Clean(strings.TrimPrefix(w.Text, "/"))}
	s := &Secret{File: a.file, Name: base(w.Text), ID: kind.ID, Copied: c, Verdict: detect.Exposed,
		Origins: []Origin{{Kind: Copy, In: in, Path: w}}}
	if strings.ContainsAny(w.Text, "*?[") {
		s.doubt(in, "its name is a pattern")
	}
	if strings.Contains(w.Text, "$") {
		s.doubt(in, "its name holds a variable")
	}
	name := c.Source
	if _, ok := detect.File(c.Source); !ok {
		name = words[len(words)-1].Text // a file that gets its name here
	}
	switch a.content(c, name) {
	case contentHarmless:
		return nil
	case contentFolder:
		s.doubt(in, "it is a folder, with a secret file in it")
		c.Seen = true
	case contentSecret:
		c.Seen = true
	case contentUnseen:
		if !kind.Sure || kind.ID == "npmrc" && a.tokenForNPM() {
			return nil
		}
	}
	s.Builders = compose.Builders(a.project.Compose(), a.file.Path)
	if in.OnBuild {
		s.doubt(in, "it is copied by ONBUILD, in builds of other projects")
		return s
	}
	a.target(s, in, words)
	a.fileReaders(s, in)
	a.copiedFolder(s, in.Stage)
	if strings.Trim(c.Target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-") != "" {
		s.doubt(in, "its place in the image has a character that a mount cannot name")
	}
	if a.reaches(in.Stage, c) && kind.Run && !c.Removed {
		s.Exposure = RunTime
	}
	return s
}

// tokenForNPM reports whether the file declares or mounts a variable that npm reads: an
// .npmrc that cannot be seen then most likely says ${NPM_TOKEN}, and is no secret.
func (a *analysis) tokenForNPM() bool {
	for _, in := range a.file.Instructions {
		for _, m := range in.Mounts() {
			if m.Type == "secret" && (a.npmReads(m.Opts["env"]) || a.npmReads(m.Opts["id"])) {
				return true
			}
		}
		if in.Name != "arg" && in.Name != "env" {
			continue
		}
		for _, p := range in.Pairs() {
			if a.npmReads(p.Name) && detect.Name(p.Name) == detect.Secret {
				return true
			}
		}
	}
	return false
}

func (a *analysis) npmReads(name string) bool {
	ok, _ := reads(a.consumers(name), "npm", []string{"ci"})
	return ok
}

type content uint8

const (
	contentUnseen content = iota
	contentHarmless
	contentSecret
	contentFolder
)

// content reads the file, as one of the given name, in the contexts that the Dockerfile
// can have.
func (a *analysis) content(c *Copied, as string) content {
	dirs, _ := a.project.Contexts(a.file.Path)
	for _, dir := range dirs {
		name := path.Join(dir, c.Source)
		info, err := fs.Stat(a.project.FS, name)
		if err == nil && info.IsDir() && a.holdsSecret(name) {
			c.Context = dir
			return contentFolder
		}
		if err != nil {
			continue
		}
		c.Context = dir
		if !info.Mode().IsRegular() {
			return contentHarmless // a folder: what is in it is another question
		}
		if info.Size() > 1<<20 {
			return contentUnseen
		}
		data, err := fs.ReadFile(a.project.FS, name)
		if err != nil {
			return contentUnseen
		}
		if detect.Content(as, data) {
			return contentSecret
		}
		return contentHarmless
	}
	return contentUnseen
}

// holdsSecret reports whether a folder of credentials has a file that is one.
func (a *analysis) holdsSecret(dir string) bool {
	entries, err := fs.ReadDir(a.project.FS, dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		if _, ok := detect.File(p); !ok || !e.Type().IsRegular() {
			continue
		}
		if data, err := fs.ReadFile(a.project.FS, p); err == nil && len(data) < 1<<20 && detect.Content(p, data) {
			return true
		}
	}
	return false
}

// reaches reports whether the copied file stands in a stage that is built for itself,
// by FROM or by a COPY --from of the folder that holds it.
func (a *analysis) reaches(from *dockerfile.Stage, c *Copied) bool {
	for _, st := range a.file.Stages {
		if a.project.built(st) && slices.Contains(st.Lineage(), from) {
			return true
		}
	}
	for _, in := range a.file.Instructions {
		src, ok := in.FlagValue("from")
		if !ok || in.Name != "copy" || a.file.SourceStage(src) == nil || !slices.Contains(a.file.SourceStage(src).Lineage(), from) {
			continue
		}
		words, ok := in.Paths()
		if !ok {
			return true
		}
		for _, w := range words[:max(0, len(words)-1)] {
			p := path.Clean(w.Text)
			if p == "/" || p == c.Target || strings.HasPrefix(c.Target, p+"/") {
				return true
			}
		}
	}
	return false
}
