package flow

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// contextFiles draws the flow of each secret file that a folder brings along and that no
// ignore line keeps out. named are the files that are copied by their names: what a
// folder brings of them belongs to them.
func (a *analysis) contextFiles(named []*Secret) []*Secret {
	// Few projects have such a file, and fewer take it along: the rest pays for no more.
	copied := func(in *dockerfile.Instruction) bool { return in.Name == "copy" || in.Name == "add" }
	if !slices.ContainsFunc(a.file.Instructions, copied) || a.project.SecretFiles.none() {
		return nil
	}
	copies := a.folderCopies()
	if len(copies) == 0 {
		return nil
	}
	taken := map[string][]*secretFile{}
	dirs, _ := a.project.Contexts(a.file.Path)
	for _, dir := range dirs {
		for i := range copies {
			taken[dir] = append(taken[dir], a.takes(&copies[i], dir)...)
		}
	}
	if !slices.ContainsFunc(dirs, func(dir string) bool { return len(taken[dir]) > 0 }) {
		return nil
	}
	dirs, sure := a.builtFrom()
	var out []*Secret
	for _, dir := range dirs {
		if !sure && dir != path.Dir(a.file.Path) || len(taken[dir]) == 0 {
			continue
		}
		slices.SortFunc(taken[dir], func(x, y *secretFile) int { return strings.Compare(x.name, y.name) })
		ignored, _ := fs.ReadFile(a.project.FS, ignorefile.ForContext(a.project.FS, a.file.Path, dir)[0])
		for i, f := range taken[dir] {
			rel, _ := ignorefile.Inside(dir, f.name)
			if i > 0 && f.name == taken[dir][i-1].name || ignorefile.Covers(ignored, rel) {
				continue
			}
			s := a.brought(copies, dir, rel, f.kind)
			if by := byName(named, dir, rel); by != nil {
				by.alsoBrought(s)
				continue
			}
			if !sure {
				s.doubt(nil, "the folder that it is built from is not certain")
			}
			if slices.ContainsFunc(out, func(x *Secret) bool { return x.Copied.Source == rel }) {
				s.doubt(nil, "it is built from more than one folder, and each has a file of that name")
			} else if len(dirs) > 1 && len(s.Readers) > 0 {
				s.doubt(nil, "it is built from more than one folder, and not every one has the file")
			}
			out = append(out, s)
		}
	}
	if len(out) > maxSecretFiles {
		for _, s := range out {
			s.doubt(nil, fmt.Sprintf("there are %d such files: too many to say of each what it is for", len(out)))
		}
		out = out[:10]
	}
	a.distinguish(slices.DeleteFunc(append(slices.Clone(named), out...), func(s *Secret) bool {
		return s.Copied == nil || s.Copied.Folder && len(s.Readers) == 0
	}))
	return out
}

// byName returns the secret that a COPY names and that is this file of the context.
func byName(named []*Secret, dir, rel string) *Secret {
	for _, s := range named {
		if s.Copied == nil || s.Copied.Context != dir && s.Copied.Context != "" {
			continue
		}
		if _, ok := matchPrefix(s.Copied.Source, rel); ok {
			return s
		}
	}
	return nil
}

// alsoBrought adds to a file that is copied by its name what a folder does that has it
// too: its readers need the mount as well.
func (s *Secret) alsoBrought(t *Secret) {
	for _, r := range t.Readers {
		if slices.ContainsFunc(s.Readers, func(x Reader) bool { return x.In == r.In }) {
			continue
		}
		if t.Copied.Target != s.Copied.Target || len(t.Doubts) > 0 {
			s.doubt(t.Origins[0].In, "it comes with its folder too, to another place, and "+r.Program+" may read it there")
			continue
		}
		s.Readers = append(s.Readers, r)
	}
	for _, c := range t.Copied.Companions {
		if !slices.ContainsFunc(s.Copied.Companions, func(x Companion) bool { return x.In == c.In && x.Arg == c.Arg }) {
			s.Copied.Companions = append(s.Copied.Companions, c)
		}
	}
}

// Brought draws the flow of one file of a build context through a Dockerfile that takes
// it along with a folder; nil if it does not.
func Brought(f *dockerfile.File, p *Project, context, rel string) *Secret {
	a := newAnalysis(f, p)
	kind, _ := detect.File(path.Join(context, rel))
	return a.brought(a.folderCopies(), context, rel, kind)
}

// brought draws the flow of a file that folders bring along: nil if none does.
func (a *analysis) brought(copies []folderCopy, dir, rel string, kind detect.FileKind) *Secret {
	var s *Secret
	for i := range copies {
		c := &copies[i]
		rest, ok := a.brings(c, rel)
		if !ok {
			continue
		}
		t := a.broughtBy(c, dir, rel, rest, kind)
		switch {
		case s == nil:
			s = t
		case t.idle() && t.Copied.Target != s.Copied.Target:
			s.Origins = append(s.Origins, t.Origins...)
			s.Doubts = append(s.Doubts, t.Doubts...)
			s.Exposure = max(s.Exposure, t.Exposure)
			s.Copied.Stays = s.Copied.Stays || t.Copied.Stays
		case s.idle() && t.Copied.Target != s.Copied.Target:
			t.Origins = append(s.Origins, t.Origins...)
			t.Doubts = append(s.Doubts, t.Doubts...)
			t.Exposure = max(s.Exposure, t.Exposure)
			t.Copied.Stays = s.Copied.Stays || t.Copied.Stays
			s = t
		default:
			s.merge(t, c.in)
		}
	}
	if s != nil {
		a.certain(s)
	}
	return s
}

// idle reports whether nothing in the build does anything with the file.
func (s *Secret) idle() bool { return len(s.Readers) == 0 && len(s.Copied.Companions) == 0 }

// broughtBy draws the flow of a file that one source of a COPY brings along.
func (a *analysis) broughtBy(c *folderCopy, dir, rel, rest string, kind detect.FileKind) *Secret {
	file := &Copied{Kind: kind, Source: rel, Context: dir, Seen: true, Made: true, Folder: true}
	s := &Secret{File: a.file, Name: rel, ID: kind.ID, Copied: file, Verdict: detect.Exposed,
		Origins: []Origin{{Kind: Copy, In: c.in, Path: c.word}}}
	s.Builders = compose.Builders(a.project.Compose(), a.file.Path)
	if dest := c.words[len(c.words)-1].Text; !strings.ContainsAny(dest, "$~\\`\"'") {
		target := path.Clean(dest)
		if wd, ok := Workdir(c.in); ok && !path.IsAbs(target) {
			target = path.Join(wd, target)
		}
		file.Target = path.Join(target, rest)
		file.Dir = path.Dir(file.Target)
		file.Known = true
	}
	if !a.foundThere(file) {
		file.Kind.Programs = nil // git reads its credentials at home, not where they happen to lie
	}
	a.fileReaders(s, c.in)
	a.copiedFolder(s, c.in.Stage)
	if strings.Trim(file.Target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-") != "" && len(s.Readers) > 0 {
		s.doubt(c.in, "its place in the image has a character that a mount cannot name")
	}
	file.Stays = a.stays(c.in.Stage, file)
	if file.Stays && kind.Run && !file.Removed {
		s.Exposure = RunTime
	}
	return s
}

// stays is reaches for a file whose place may not be known.
func (a *analysis) stays(from *dockerfile.Stage, c *Copied) bool {
	if a.reaches(from, c) {
		return true
	}
	for _, in := range a.file.Instructions {
		src, ok := in.FlagValue("from")
		if !ok || in.Name != "copy" || a.file.SourceStage(src) == nil || !slices.Contains(a.file.SourceStage(src).Lineage(), from) {
			continue
		}
		words, ok := in.Paths()
		if !ok || slices.ContainsFunc(words[:max(0, len(words)-1)], func(w dockerfile.Word) bool { return covers(w.Text, c.Target) }) {
			return true
		}
	}
	return false
}
