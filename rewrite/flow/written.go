package flow

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Written is a file of the image that commands put a secret into, with everything that
// happens to it from then on. It is a real file: unlike a mount it can be changed,
// moved and removed.
type Written struct {
	File     string          // absolute as far as that is known
	Name     shell.Word      // as the first command names it; empty for a tool's own files
	Kind     detect.FileKind // by its name; no Title if it is not known
	Writes   []Write         // what puts the secret in, in order, in one RUN
	Along    []Along         // what else is done to it until it is read: chmod, further lines
	Readers  []FileReader
	Gone     []Companion // commands that remove it later
	Before   bool        // it is there before the RUN of the first write
	Begun    bool        // an earlier command of that RUN begins it
	Stays    bool        // it gets into a stage that is built for itself
	Settings bool        // it holds lines that are no secret, and say something to the tool that reads it
	Doubts   []Doubt

	kept  *dockerfile.Instruction // a RUN that reads it after changing it
	fresh bool                    // the RUN that edits it may have made it
}

// Along is a command that works on the file beside those that put the secret in.
type Along struct {
	In      *dockerfile.Instruction
	Run     *Run
	Command *shell.Command
	Text    string // in its place, where the command stays: of chmod -R of a folder, the part that is the file's
}

// FileReader is a RUN that reads the file, or may.
type FileReader struct {
	Reader
	Removes bool   // it removes the file itself, after reading
	Given   string // a program that is not known, and is told the file's name: it may keep what is in it
}

// First is the instruction of the first write.
func (w *Written) First() *dockerfile.Instruction { return w.Writes[0].In }

func (w *Written) doubt(in *dockerfile.Instruction, why string) {
	if !slices.ContainsFunc(w.Doubts, func(d Doubt) bool { return d.Why == why }) {
		w.Doubts = append(w.Doubts, Doubt{in, why})
	}
}

// files groups the writes of a secret by their files and follows each file.
func (a *analysis) files(s *Secret) {
	for _, w := range s.Writes {
		if !w.Leaves() {
			continue
		}
		file, doubt := "", ""
		var name shell.Word
		switch {
		case w.Run == nil || w.Run.Exec != nil || w.Command == nil || w.How == Elsewhere:
			doubt = w.What
		case w.How == Configures && len(w.Kept.Files) > 0:
			file = a.resolve(w.In, w.Command.Dir, w.Kept.Files[0])
			if !w.Kept.Certain {
				doubt = w.What + ", with options that are not understood"
			}
		case w.How == Configures:
			doubt = w.What
		default:
			name = w.Path
			file = a.resolve(w.In, w.Command.Dir, plain(name))
			if w.Command.Program == "cp" || w.Command.Program == "install" {
				if name, file, doubt = a.copyTarget(w, file); doubt == "" && w.Run.removed(w.Command, plain(name)) {
					continue
				}
			}
			if p := plain(name); doubt != "" {
			} else if p == "" || name.Glob || strings.Contains(strings.NewReplacer("$HOME", "", "${HOME}", "").Replace(p), "$") || strings.ContainsAny(p, "`*?") {
				doubt = w.What + ": which file that is, is not certain"
			} else if as := actsAs(w.Command, name); as != "" {
				doubt = w.What + " by way of " + as
			}
		}
		if doubt == "" && Covered(w.In, file) {
			continue // it is written to another mount, and is in no layer
		}
		i := slices.IndexFunc(s.Written, func(x *Written) bool {
			return x.File == file && file != "" && x.First() == w.In && (x.Writes[0].Kept == nil) == (w.Kept == nil)
		})
		if i < 0 && doubt == "" && w.Kept == nil && slices.ContainsFunc(s.Written, func(x *Written) bool {
			return x.File == file && x.Writes[0].Kept == nil && x.First().Index < w.In.Index && len(x.Doubts) == 0
		}) {
			continue // a further line of that file, which goes where the first one does
		}
		if i < 0 {
			s.Written = append(s.Written, &Written{File: file, Name: name, Writes: []Write{w}})
			i = len(s.Written) - 1
		} else {
			s.Written[i].Writes = append(s.Written[i].Writes, w)
		}
		if doubt != "" {
			s.Written[i].doubt(w.In, doubt)
		}
	}
	// What is gone at the end of its RUN is in no layer.
	s.Written = slices.DeleteFunc(s.Written, func(w *Written) bool { return len(w.Doubts) == 0 && a.passes(w) })
	for _, w := range s.Written {
		if len(w.Doubts) == 0 {
			a.follow(w)
		}
	}
	// A file that a tool writes and a redirection too is more than can be taken apart.
	for i, w := range s.Written {
		for _, x := range s.Written[:i] {
			if w.File == x.File && w.File != "" && (w.Writes[0].Kept == nil) != (x.Writes[0].Kept == nil) {
				x.doubt(w.First(), "it is written to in more than one way")
			}
			if w.Writes[0].Command == x.Writes[0].Command && w.Writes[0].Command != nil && slices.ContainsFunc(w.Readers, func(rd FileReader) bool { return rd.In != w.First() }) {
				x.doubt(w.First(), "one command writes two files")
			}
		}
	}
}

// passes reports whether the RUN that writes the file removes it after the last write, by
// a pattern or with its folder too.
func (a *analysis) passes(w *Written) bool {
	last := w.Writes[len(w.Writes)-1]
	if last.Kept != nil {
		return false // a tool's own file: what takes the secret back is looked at with the write
	}
	kind, _ := detect.File(w.File)
	probe := &Written{File: w.File, Name: w.Name, Kind: kind, Writes: w.Writes}
	gone := a.afterwards(probe, &Copied{Kind: kind, Target: w.File}, last.Run, last.Command)
	return gone && len(probe.Doubts) == 0
}

// follow finds what happens to the file after its first write.
func (a *analysis) follow(w *Written) {
	first := w.First()
	if first.OnBuild {
		w.doubt(first, "ONBUILD writes it, in builds of other projects")
		return
	}
	if kind, ok := detect.File(w.File); ok {
		w.Kind = kind
	}
	w.Before, w.Begun = a.there(first, w)
	c := &Copied{Kind: w.Kind, Target: w.File, Dir: path.Dir(w.File), Known: true}
	gone := a.afterwards(w, c, w.Writes[0].Run, w.Writes[0].Command)
	for _, st := range a.file.Stages {
		if !slices.Contains(st.Lineage(), first.Stage) {
			continue
		}
		gone := gone
		var later []*dockerfile.Instruction // triggers
		for _, line := range reversed(st.Lineage()) {
			if line != first.Stage && !slices.Contains(line.Lineage(), first.Stage) {
				continue
			}
			for _, x := range line.Instructions {
				if gone || line == first.Stage && x.Index <= first.Index {
					continue
				}
				if x.OnBuild {
					if x.Name == "run" && line == st && a.mayReadFile(w, c, x) {
						later = append(later, x)
					}
					continue
				}
				switch x.Name {
				case "run":
					r := a.run(x)
					if line != st {
						gone = a.removes(r, c) || w.takenBack(r)
						continue
					}
					if r.Why != "" {
						w.doubt(x, r.Why)
						continue
					}
					gone = a.afterwards(w, c, r, nil)
				case "copy", "add":
					switch over, certain := a.copiesOver(x, w.File); {
					case !over:
					case certain:
						gone = true // under another file
					default:
						w.doubt(x, "another file may be copied to its place")
					}
				}
			}
		}
		if gone {
			continue
		}
		for _, x := range later {
			w.doubt(x, "ONBUILD may read it, in builds of other projects")
		}
		if a.project.built(st) {
			w.Stays = true
			if x := a.startReads(w, st); x != nil {
				w.doubt(x, "the running container reads it")
			}
		}
	}
	if isKey(w.Kind) && !slices.ContainsFunc(w.Readers, func(rd FileReader) bool { return a.likely(rd.Reader) }) {
		w.Readers = nil
	}
	for _, rd := range w.Readers {
		// What git logs in with from here, its helper keeps elsewhere; a command of git's own can be told not to.
		toGit := givesToGit(w.Kind.ID)
		if k := w.Writes[0].Kept; k != nil {
			toGit = strings.HasPrefix(k.Row, "composer-") || strings.HasPrefix(k.Row, "bundle-")
		}
		if h := a.handsOn(rd.In); toGit && h.Keeps() {
			w.doubt(rd.In, h.Says())
		}
	}
	w.Settings = w.settings()
	if w.Writes[0].How == Edits && w.fresh && slices.ContainsFunc(w.Readers, func(rd FileReader) bool { return rd.In == first }) {
		w.doubt(first, "whether it is there before that RUN is not certain")
	}
	t := &Secret{File: a.file, Copied: c}
	a.copiedFolder(t, first.Stage)
	w.Doubts = append(w.Doubts, t.Doubts...)
	for _, in := range a.file.Instructions {
		src, ok := in.FlagValue("from")
		if !ok || in.Name != "copy" || a.file.SourceStage(src) == nil || !slices.Contains(a.file.SourceStage(src).Lineage(), first.Stage) {
			continue
		}
		words, ok := in.Paths()
		for _, x := range words[:max(0, len(words)-1)] {
			if p := path.Clean("/" + x.Text); !ok || p == w.File || globs(x.Text, w.File) {
				w.doubt(in, "another stage copies it")
			} else if covers(x.Text, w.File) {
				w.Stays = true
			}
		}
	}
}

var settingLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z@/_][^\s=<{]*\s*[=:]\s*[^$]+$`) })

// settings reports whether a line is written to the file that is no secret: of the tool's
// settings, @shop:registry=https://npm.example.com.
func (w *Written) settings() bool {
	var texts []string
	take := func(c *shell.Command) {
		for _, x := range c.Args {
			texts = append(texts, wordText(x))
		}
		for _, d := range c.Redirs {
			texts = append(texts, d.Heredoc)
		}
	}
	for _, v := range w.Writes {
		if v.Kept != nil || v.How == Edits {
			return false
		}
		take(v.Command)
	}
	// What begins the file in the same RUN, and further lines in others.
	for _, c := range w.Writes[0].Run.Script.Commands {
		if slices.ContainsFunc(c.Redirs, func(d shell.Redir) bool { return d.WritesFile() && d.Target.Text == w.Name.Text }) {
			take(c)
		}
	}
	for _, x := range w.Along {
		if x.Command != nil && slices.ContainsFunc(x.Command.Redirs, shell.Redir.WritesFile) {
			take(x.Command)
		}
	}
	found := false
	for _, t := range texts {
		eachLine(t, func(line string, _ int) { found = found || settingLine().MatchString(strings.Trim(line, " \t\r\"'")) })
	}
	return found
}

// takesBack reports whether a command makes the tool forget what a write made it keep.
func (w *Written) takesBack(x *shell.Command) bool {
	return slices.ContainsFunc(w.Writes, func(v Write) bool { return v.Kept != nil && takesBack(*v.Kept, v.Command, x) })
}

func (w *Written) takenBack(r *Run) bool {
	return r.Script != nil && slices.ContainsFunc(r.Script.Commands, func(x *shell.Command) bool { return x.In&unsureContext == 0 && w.takesBack(x) })
}

// Covered reports whether a mount of a RUN, no secret, hides the place of a file.
func Covered(in *dockerfile.Instruction, file string) bool {
	return slices.ContainsFunc(in.Mounts(), func(m dockerfile.Mount) bool {
		target := m.Opts["target"]
		if dir, ok := Workdir(in); ok && !path.IsAbs(target) {
			target = path.Join(dir, target)
		}
		target = path.Clean(target)
		return m.Type != "secret" && m.Type != "ssh" && m.Opts["target"] != "" && (target == file || target == "/" || strings.HasPrefix(file, target+"/"))
	})
}

// copyTarget is the file that cp makes: in a folder it keeps its name.
func (a *analysis) copyTarget(w Write, file string) (name shell.Word, to, doubt string) {
	name = w.Path
	source := ""
	for _, x := range w.Command.Args {
		if p := plain(x); p != "" && !strings.HasPrefix(p, "-") {
			source = path.Base(p) // the last one is where it goes
			if x != w.Path {
				break
			}
		}
	}
	text := plain(name)
	folder := strings.HasSuffix(text, "/") || text == "." || text == "~" || a.isFolder(w.In, file, "") || a.makes(w.Run, file)
	if wd, ok := Workdir(w.In); ok && wd == file {
		folder = true
	}
	switch kind, ok := detect.File(file); {
	case folder:
		if strings.ContainsAny(name.Text, "\"'") {
			return name, file, w.What + ": which file that is, is not certain"
		}
		name.Text = strings.TrimSuffix(name.Text, "/") + "/" + source
		name.Lit, name.IsLit = "", false
		return name, path.Join(file, source), ""
	case ok && kind.Title != "" || path.Base(file) == source || strings.Contains(strings.TrimLeft(path.Base(file), "."), "."):
		return name, file, ""
	}
	return name, file, w.What + ": whether that is a file or a folder is not certain"
}

// makes reports whether a script makes a folder.
func (a *analysis) makes(r *Run, dir string) bool {
	return slices.ContainsFunc(r.Script.Commands, func(c *shell.Command) bool {
		return c.Program == "mkdir" && slices.ContainsFunc(c.Args, func(x shell.Word) bool {
			p := plain(x)
			return p != "" && !strings.HasPrefix(p, "-") && (a.absolute(r, c, p) == dir || strings.HasPrefix(a.absolute(r, c, p), dir+"/"))
		})
	})
}

func globs(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return strings.ContainsAny(pattern, "*?[") && (ok || err != nil)
}

// there reports whether the file is there before an instruction writes to it, as far as
// the Dockerfile and the build context tell, and whether that instruction begins it.
func (a *analysis) there(first *dockerfile.Instruction, w *Written) (before, begun bool) {
	for _, x := range first.Stage.History(first) {
		switch x.Name {
		case "copy", "add":
			over, certain := a.copiesOver(x, w.File)
			if over && !certain {
				w.doubt(x, "another file may be in its place before")
			}
			before = before || over
		case "run":
			r := a.run(x)
			for _, cmd := range r.cmds {
				if cmd.sh != nil {
					before = a.leaves(w, r, cmd, before)
				}
			}
		}
	}
	if w.Writes[0].How == Configures {
		return false, false // undone by the tool, which leaves the rest as it was
	}
	for _, cmd := range w.Writes[0].Run.cmds {
		if cmd.sh.Start >= w.Writes[0].Command.Start {
			break
		}
		if k, ok := kept(cmd.sh); ok && w.Writes[0].How != Replaces && len(a.keptIn(w, first, cmd.sh, k)) > 0 {
			w.doubt(first, k.What+", and that may be the same file")
		}
		begun = a.leaves(w, w.Writes[0].Run, cmd, begun)
		switch cmd.program {
		case "cd", "set", "echo", "export", "mkdir", "test", "[", "true", ":", "sed", "sudo":
		default:
			w.fresh = !before
		}
	}
	return before || w.Writes[0].How == Edits && !begun, begun
}

// leaves reports whether the file is there after a command, if it was there before or not.
func (a *analysis) leaves(w *Written, r *Run, cmd command, before bool) bool {
	names := func(x shell.Word) bool { return plain(x) != "" && a.absolute(r, cmd.sh, plain(x)) == w.File }
	made := false
	for _, redir := range append(slices.Clone(cmd.sh.Redirs), cmd.sh.Around...) {
		made = made || redir.WritesFile() && names(redir.Target)
	}
	named := slices.ContainsFunc(cmd.sh.Args, names)
	switch cmd.program {
	case "rm", "unlink":
		if named && cmd.sh.In&unsureContext == 0 {
			return false
		}
	case "tee", "touch", "chmod", "chown", "chgrp", "chattr", "sed":
		made = made || named
	case "cp", "mv", "install":
		if n := len(cmd.sh.Args); n > 1 {
			made = made || names(cmd.sh.Args[n-1])
		}
	case "ln":
		for i, x := range cmd.sh.Args {
			p := plain(x)
			if p == "" || strings.HasPrefix(p, "-") {
				continue
			}
			at := a.absolute(r, cmd.sh, p)
			if i == len(cmd.sh.Args)-1 && at == path.Dir(w.File) && !slices.ContainsFunc(cmd.args, func(s string) bool { return path.Base(s) == path.Base(w.File) }) {
				continue // a link in the same folder
			}
			if at == w.File || at != "/" && strings.HasPrefix(w.File, at+"/") {
				w.doubt(r.In, "ln makes a link to it, of it or of its folder")
			}
		}
	}
	const unsure = shell.InFunc | shell.InCond | shell.InBranch | shell.InLoop | shell.InCase | shell.OrRight | shell.InBackground | shell.InTrap
	if made && !before && cmd.sh.In&unsure != 0 {
		w.doubt(r.In, "whether it is there before is not certain")
	}
	before = before || made
	if k, ok := kept(cmd.sh); ok {
		switch files := a.keptIn(w, r.In, cmd.sh, k); {
		case len(files) == 0 || w.Writes[0].Kept != nil:
		case len(files) == len(k.Files):
			return true
		case w.Writes[0].How != Replaces:
			w.doubt(r.In, k.What+", and that may be the same file")
		}
	}
	return before
}

// keptIn returns those files of a tool that are the written one.
func (a *analysis) keptIn(w *Written, in *dockerfile.Instruction, c *shell.Command, k Kept) []string {
	return slices.DeleteFunc(slices.Clone(k.Files), func(f string) bool { return a.resolve(in, c.Dir, f) != w.File })
}

// mayReadFile reports whether a RUN reads the file, or may.
func (a *analysis) mayReadFile(w *Written, c *Copied, in *dockerfile.Instruction) bool {
	probe := &Written{File: w.File, Name: w.Name, Kind: w.Kind, Writes: w.Writes}
	a.afterwards(probe, c, a.run(in), nil)
	return len(probe.Readers) > 0 || len(probe.Doubts) > 0
}

// startReads returns the CMD or ENTRYPOINT of a stage that needs the file: it names it, or
// has a program ask a server that it is for.
func (a *analysis) startReads(w *Written, st *dockerfile.Stage) *dockerfile.Instruction {
	for _, x := range starts(st) {
		r := readRun(x)
		for _, c := range r.cmds {
			if slices.ContainsFunc(c.args, func(s string) bool { return a.resolve(x, "", s) == w.File }) {
				return x
			}
			if how, ok := a.readsFile(w, r, c); ok && how == Known && asking(subcommand(c.args)) {
				return x
			}
		}
	}
	return nil
}

// starts are the ENTRYPOINT and the CMD of a stage's image.
func starts(st *dockerfile.Stage) []*dockerfile.Instruction {
	var cmd, entry *dockerfile.Instruction
	for _, line := range reversed(st.Lineage()) {
		for _, x := range line.Instructions {
			switch {
			case x.OnBuild:
			case x.Name == "cmd":
				cmd = x
			case x.Name == "entrypoint":
				entry = x
			}
		}
	}
	return slices.DeleteFunc([]*dockerfile.Instruction{entry, cmd}, func(x *dockerfile.Instruction) bool { return x == nil })
}

// asking reports a subcommand by which a tool asks a server for something.
func asking(sub string) bool {
	switch sub {
	case "ci", "i", "install", "add", "update", "upgrade", "publish", "clone", "pull", "fetch", "push", "download", "sync", "restore", "get":
		return true
	}
	return false
}

// copiesOver reports whether a COPY or ADD puts a file in that place, and whether that is
// certain.
func (a *analysis) copiesOver(in *dockerfile.Instruction, file string) (over, certain bool) {
	words, ok := in.Paths()
	if !ok || len(words) < 2 {
		return false, false
	}
	dest := settledIn(in, words[len(words)-1].Text)
	if strings.Contains(dest, "$") {
		return false, false
	}
	dir, _ := Workdir(in)
	target := path.Clean(dest)
	if !path.IsAbs(target) {
		target = path.Join(dir, target)
	}
	if target == file {
		return true, true
	}
	rel, inside := strings.CutPrefix(file, strings.TrimSuffix(target, "/")+"/")
	if !inside {
		return false, false
	}
	if _, from := in.FlagValue("from"); from {
		return false, false // what another stage has there is looked at where it is written
	}
	for _, w := range words[:len(words)-1] {
		source := path.Clean(strings.TrimPrefix(w.Text, "/"))
		if base(source) == rel {
			return true, true
		}
		dirs, _ := a.project.Contexts(a.file.Path)
		n := 0
		for _, dir := range dirs {
			if a.inContext(dir, path.Join(source, rel)) {
				n++
			}
		}
		if n > 0 {
			return true, n == len(dirs)
		}
	}
	return false, false
}

// inContext reports whether a build with that context has a file.
func (a *analysis) inContext(context, name string) bool {
	if info, err := fs.Stat(a.project.FS, path.Join(context, name)); err != nil || !info.Mode().IsRegular() {
		return false
	}
	src, _ := fs.ReadFile(a.project.FS, ignorefile.ForContext(a.project.FS, a.file.Path, context)[0])
	return !ignorefile.Covers(src, name)
}

// afterwards judges what a RUN does with the file: all of it, or from a command on in the
// RUN that writes it. It reports whether the file is gone at the end.
func (a *analysis) afterwards(w *Written, c *Copied, r *Run, from *shell.Command) (gone bool) {
	in := r.In
	var rd *FileReader
	mark := func(how How, program string) {
		if rd == nil {
			rd = &FileReader{Reader: Reader{In: in, How: how, Program: program, Run: r}}
		} else if how > rd.How {
			rd.How, rd.Program = how, program
		}
	}
	own := func(x *shell.Command) bool {
		return slices.ContainsFunc(w.Writes, func(v Write) bool { return v.Command == x })
	}
	var along []Along
	asks := ""
	for _, cmd := range r.cmds {
		if cmd.sh == nil {
			if slices.ContainsFunc(cmd.args, func(x string) bool { return a.resolve(in, "", x) == c.Target }) {
				w.doubt(in, cmd.name()+" works on it")
			} else if how, ok := a.readsFile(w, r, cmd); ok {
				mark(how, cmd.name())
			}
			continue
		}
		if from != nil && cmd.sh.Start < from.End || gone || own(cmd.sh) {
			continue
		}
		if why := a.takesAlong(in, cmd, w.File); why != "" {
			w.doubt(in, why)
		}
		if cmd.wraps(r) || cmd.sh.Function {
			continue
		}
		if w.takesBack(cmd.sh) {
			w.Gone = append(w.Gone, Companion{In: in, Run: r, Command: cmd.sh, Sole: true})
			if cmd.sh.In&unsureContext == 0 {
				gone = true
				if rd != nil {
					rd.Removes = true
				}
			}
			continue
		}
		named, given := false, false
		for i := range cmd.args {
			x := cmd.word(i)
			if !a.namesFile(r, cmd, i, c) {
				above, pattern := a.aboveFile(r, cmd.sh, x, c)
				switch cmd.program {
				case "cp", "mv", "tar", "zip", "rsync", "install", "ln":
					if above || pattern {
						w.doubt(in, cmd.program+" takes it along with its folder")
					}
				case "chmod":
					// The folder's mode is set with that of the file, which ssh looks at.
					switch mode, ok := chmodMode(cmd); {
					case !(above && wholeFolder(cmd) || pattern):
					case pattern && !a.hasOthers(in, cmd, w.File):
						w.doubt(in, "chmod may have nothing left to work on")
					case !ok || cmd.sh.In&unsureContext != 0 || rd != nil || len(w.Readers) > 0 || w.Name.Text == "":
						w.doubt(in, "chmod sets its mode with that of its folder")
					default:
						w.Along = append(w.Along, Along{In: in, Run: r, Text: "chmod " + mode + " " + w.Name.Text})
					}
				case "chown", "chgrp":
					if pattern && !a.hasOthers(in, cmd, w.File) {
						w.doubt(in, cmd.program+" may have nothing left to work on")
					}
				case "rm":
					if (cmd.sh.DirKnown || path.IsAbs(plain(x))) && (above && wholeFolder(cmd) || pattern && !hides(a.absolute(r, cmd.sh, plain(x)), w.File)) && cmd.sh.In&unsureContext == 0 {
						gone = true
						if rd != nil {
							rd.Removes = true
						}
					}
				}
				continue
			}
			named, given = true, true
			switch does := workOn(cmd, i); {
			case does == removes:
				if p := plain(x); !cmd.sh.DirKnown && !path.IsAbs(p) && !strings.HasPrefix(p, "~") && !strings.HasPrefix(p, "$") {
					w.doubt(in, "in which folder "+cmd.program+" runs is not certain")
				}
				if cmd.sh.In&unsureContext == 0 {
					gone = true
				}
				w.Gone = append(w.Gone, Companion{in, r, cmd.sh, x, files(cmd) == 1})
				if rd != nil && gone {
					rd.Removes = true
				}
			case does == tends:
				if files(cmd) != 1 {
					w.doubt(in, cmd.program+" works on it and on other files")
				}
				along = append(along, Along{In: in, Run: r, Command: cmd.sh})
			case does == says:
				named = false
			case does == lends:
				w.doubt(in, cmd.program+" gives another file what this one has")
			case does == archives:
				w.doubt(in, cmd.program+" puts it into an archive")
			case does == alters, does == copies, cmd.program == "dd", cmd.program == "sort", cmd.program == "awk", cmd.program == "perl", cmd.program == "envsubst":
				w.doubt(in, cmd.program+" moves or changes it")
			case cmd.program == "test", cmd.program == "[", cmd.program == "[[", cmd.program == "ls", cmd.program == "stat":
				asks = cmd.program
			case cmd.program == "cat", cmd.program == "head", cmd.program == "tail", cmd.program == "grep":
				if cmd.sh.PipeTo == nil && !slices.ContainsFunc(cmd.sh.Redirs, shell.Redir.WritesFile) {
					mark(Named, cmd.program)
					continue
				}
				w.doubt(in, cmd.program+" passes on what is in it")
			default:
				mark(Named, cmd.name())
				if classOf(cmd.program, cmd.args) == opaque && !slices.Contains(c.Kind.Programs, cmd.program) && !passesOn(cmd.program) {
					rd.Given = cmd.name()
				}
			}
		}
		for _, as := range cmd.sh.Assigns {
			if strings.Contains(as.Value.Text, c.Target) { // GIT_SSH_COMMAND="ssh -i /key" git …
				named = true
				mark(Named, cmd.name())
			}
		}
		for _, redir := range append(slices.Clone(cmd.sh.Redirs), cmd.sh.Around...) {
			if plain(redir.Target) == "" || !a.sameFile(r, cmd.sh, redir.Target, c) {
				continue
			}
			named, given = true, true
			if !redir.WritesFile() {
				mark(Named, cmd.name())
			} else if !slices.Contains(cmd.sh.Redirs, redir) {
				w.doubt(in, "several commands write to it")
			} else {
				along = append(along, Along{In: in, Run: r, Command: cmd.sh})
			}
		}
		if k, ok := kept(cmd.sh); w.Name.Text != "" && ok && len(a.keptIn(w, in, cmd.sh, k)) > 0 ||
			w.Name.Text != "" && slices.Contains(w.Kind.Programs, cmd.program) && writesConfig(cmd) && configOf(cmd.program, w.File) && (!ok || len(k.Files) == 0) {
			w.doubt(in, cmd.program+" writes its configuration, which may be this file")
		}
		if w.Kind.ID == "boto" && cmd.program == "gsutil" {
			w.doubt(in, "gsutil keeps what it logs in with in ~/.gsutil/credstore2")
		}
		if named || cmd.sh.Path == "" {
			if k, ok := kept(cmd.sh); given && ok && !(from != nil && k.gcloud()) {
				w.doubt(in, k.What)
			}
		} else if how, ok := a.readsFile(w, r, cmd); ok {
			mark(how, cmd.name())
		}
	}
	if asks != "" && rd == nil {
		w.doubt(in, asks+" asks whether it is there")
	}
	if w.kept != nil && rd != nil {
		w.doubt(w.kept, "it is changed in a RUN that reads it, and others read it too")
	}
	if from == nil && rd != nil && len(along) > 0 {
		// chmod, then ssh: in the RUN that reads it they stay where they are.
		along, w.kept = nil, in
	}
	if from != nil || len(w.Readers) == 0 || len(along) == 0 {
		w.Along = append(w.Along, along...)
	} else {
		w.doubt(in, "it is changed between two RUNs that read it")
	}
	if rd != nil {
		w.Readers = append(w.Readers, *rd)
	}
	return gone
}

// takesAlong says why a command takes a file along that it does not name.
func (a *analysis) takesAlong(in *dockerfile.Instruction, cmd command, file string) string {
	holds := func(dir string) bool {
		dir = a.resolve(in, cmd.sh.Dir, dir)
		return dir == "/" || strings.HasPrefix(file, dir+"/")
	}
	switch cmd.program {
	case "git":
		switch sub := subcommand(cmd.args); sub {
		case "add", "stash", "clean":
			if holds(".") {
				return "git " + sub + " may come upon it"
			}
		}
	case "find":
		if !slices.ContainsFunc(cmd.args, func(x string) bool {
			switch path.Base(x) {
			case "cp", "mv", "tar", "install", "sed", "cat", "sh", "bash", "ln":
				return true
			}
			return false
		}) {
			break
		}
		for i, x := range cmd.args {
			if strings.HasPrefix(x, "-") && i > 0 {
				break
			}
			if strings.HasPrefix(x, "-") && holds(".") || holds(x) {
				return "find may come upon it"
			}
		}
	}
	return ""
}

// hides reports whether a shell's pattern leaves out a file because of its dot: rm -rf *.
func hides(pattern, file string) bool {
	p, f := strings.Split(pattern, "/"), strings.Split(file, "/")
	for i := range min(len(p), len(f)) {
		if strings.HasPrefix(f[i], ".") && !strings.HasPrefix(p[i], ".") {
			return true
		}
	}
	return false
}

// actsAs names the wrapper that runs a command as another user, or with a home of its
// own for what the name says; "" if there is none.
func actsAs(c *shell.Command, name shell.Word) string {
	home := name.Tilde || strings.Contains(name.Text, "$")
	for p := c.Parent; p != nil; p = p.Parent {
		if home && slices.ContainsFunc(p.Assigns, func(as shell.Assign) bool { return as.Name == "HOME" }) {
			return p.Program
		}
		switch p.Program {
		case "env":
			if home && slices.ContainsFunc(p.Args, func(w shell.Word) bool { return strings.HasPrefix(w.Text, "HOME=") || w.Text == "-i" || w.Text == "-" }) {
				return p.Program
			}
		case "su", "gosu", "su-exec", "runuser", "setpriv", "setuidgid", "chroot", "doas":
			return p.Program
		case "sudo":
			if len(p.Args) > 0 && strings.HasPrefix(p.Args[0].Text, "-") || c.Parent != p && home {
				return "sudo"
			}
		}
	}
	return ""
}

// hasOthers reports whether the folder of a file has another one by the time of a command:
// one that a redirection writes.
func (a *analysis) hasOthers(in *dockerfile.Instruction, before command, file string) bool {
	for _, x := range append(slices.Clone(in.Stage.History(in)), in) {
		if x.Name != "run" {
			continue
		}
		for _, c := range a.run(x).cmds {
			if c.sh == nil || x == in && c.sh.Start >= before.sh.Start || c.sh.In&unsureContext&^(shell.PipeLeft|shell.PipeRight) != 0 {
				continue
			}
			for _, d := range c.sh.Redirs {
				at := ""
				if p := plain(d.Target); d.WritesFile() && p != "" {
					at = a.absolute(a.run(x), c.sh, p)
				}
				if at != file && at != "" && path.Dir(at) == path.Dir(file) && !strings.HasPrefix(path.Base(at), ".") {
					return true
				}
			}
		}
	}
	return false
}

// chmodMode is the mode that chmod -R sets.
func chmodMode(cmd command) (mode string, ok bool) {
	for _, w := range cmd.sh.Args {
		if p := plain(w); !strings.HasPrefix(p, "-") {
			return p, p != "" && strings.Trim(p, "01234567ugoarwxX=+") == ""
		}
	}
	return "", false
}

// readsFile says how a command reads the file from its place, without naming it.
func (a *analysis) readsFile(w *Written, r *Run, cmd command) (how How, ok bool) {
	k := w.Writes[0].Kept
	c := &Copied{Kind: w.Kind, Target: w.File}
	if k == nil {
		return a.opens(r, cmd, c)
	}
	program := strings.TrimPrefix(cmd.program, "./")
	known := k.ReadBy(program, cmd.args) && !local(program, cmd.args)
	clone, isClone := strings.CutSuffix(w.File, "/.git/config")
	isClone = isClone && program == "git"
	switch {
	case isClone && a.asksRemote(r.In, cmd, clone):
		known = true
	case strings.HasPrefix(k.Row, "git-") && !strings.HasPrefix(k.Row, "git-config") && a.helperAt(w.First(), w.Writes[0].Command).Stores:
		// Whatever has git log in to that server finds the credential in the store.
		known = runsGit(cmd) && classOf(cmd.program, cmd.args) != opaque && !bringsCredential(cmd.args)
	case isClone:
		known = false
	case strings.HasPrefix(k.Row, "gh-") && program != "gh" && !strings.Contains(string(a.file.Src), "auth setup-git"):
		known = false // git asks gh only when it is told to
	}
	if known {
		return Known, true
	}
	return Opaque, (cmd.unknown() || classOf(cmd.program, cmd.args) == opaque) && !a.foreign(r, cmd, c)
}

// asksRemote reports a command of git that talks to the remote of a clone.
func (a *analysis) asksRemote(in *dockerfile.Instruction, cmd command, clone string) bool {
	dir := ""
	if cmd.sh != nil {
		dir = cmd.sh.Dir
		if !cmd.sh.DirKnown {
			return true
		}
	}
	args := cmd.args
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-C" {
			dir, args = path.Join(dir, args[1]), args[1:]
		}
		args = args[1:]
	}
	at := a.resolve(in, dir, ".")
	if at != clone && !strings.HasPrefix(at, clone+"/") {
		return false
	}
	switch subcommand(args) {
	case "pull", "fetch", "push", "submodule", "lfs", "ls-remote":
		return true
	case "remote":
		return slices.Contains(args, "update") || slices.Contains(args, "show") || slices.Contains(args, "prune")
	}
	return false
}

// local reports a command of a tool that asks no server for anything, and needs no
// credential.
func local(program string, args []string) bool {
	if informs(program, args) {
		return true
	}
	sub := subcommand(args)
	switch program {
	case "npm", "pnpm":
		switch sub {
		case "config", "c", "set", "get", "cache", "root", "bin", "ls", "list", "pkg", "version", "prune":
			return true
		}
	case "yarn":
		return sub == "config" || sub == "cache" || sub == "version"
	case "go":
		return sub == "version" || sub == "env" || sub == "fmt" || sub == "clean"
	case "git":
		switch sub, _ = gitCommand(args); sub {
		case "clean", "stash", "rm", "mv", "show", "merge", "config", "init", "add", "commit", "checkout", "switch", "reset", "log", "describe", "rev-parse", "status", "diff", "tag", "branch", "version", "apply", "am":
			return true
		}
	case "pip", "pip3":
		return sub == "config" || sub == "cache" || sub == "list" || sub == "freeze" || sub == "check" || sub == "show"
	case "poetry", "bundle", "composer", "conda", "conan":
		return sub == "config" || sub == "env"
	case "aws":
		return sub == "configure"
	case "docker":
		return sub == "login" || sub == "logout"
	}
	return false
}

// configOf reports whether a file of this name can be what a tool keeps its settings in.
func configOf(program, file string) bool {
	name := path.Base(file)
	switch program {
	case "git":
		return strings.Contains(name, "gitconfig") || name == "config" && !strings.Contains(file, "/.ssh/")
	case "npm", "pnpm", "npx", "yarn", "bun":
		return strings.Contains(name, "npmrc") || strings.Contains(name, "yarnrc")
	case "ssh", "go", "curl", "wget":
		return false
	case "gcloud", "gsutil", "bq":
		return strings.Contains(file, "/.config/gcloud/")
	}
	return !strings.Contains(file, "/.ssh/") && !strings.HasPrefix(name, ".env")
}

// Reads reports whether a command of a RUN, besides the given ones, reads a variable that
// it does not name, or may.
func (s *Secret) Reads(r *Run, name string, less []*shell.Command) bool {
	rest := *r
	rest.cmds = nil
	for _, c := range r.cmds {
		if c.sh == nil || !local(c.program, c.args) && !slices.ContainsFunc(less, func(x *shell.Command) bool {
			return x.Start <= c.sh.Start && c.sh.End <= x.End || x.PipeTo == c.sh || c.sh.PipeTo == x || runs(c.sh, x)
		}) {
			rest.cmds = append(rest.cmds, c)
		}
	}
	return s.a.known(&rest, name) != "" || rest.opaque(name, func(c command) bool { return s.a.mayRead(r.In, c, name) }) != ""
}

// runs reports whether a wrapper runs a command: sh -c '…'.
func runs(wrapper, c *shell.Command) bool {
	for p := c.Parent; p != nil; p = p.Parent {
		if p == wrapper {
			return true
		}
	}
	return false
}

// ReadsFile reports whether anything in a RUN besides the given commands reads a file
// without naming it, or may.
func (s *Secret) ReadsFile(r *Run, file string, less []*shell.Command) bool {
	kind, _ := detect.File(file)
	return slices.ContainsFunc(r.cmds, func(c command) bool {
		if c.sh == nil || slices.ContainsFunc(less, func(x *shell.Command) bool { return x.Start <= c.sh.Start && c.sh.End <= x.End }) {
			return false
		}
		_, ok := s.a.opens(r, c, &Copied{Kind: kind, Target: file})
		return ok
	})
}

// Alike returns the other commands that keep something in the same place, by the same row
// of writers.tsv, in the RUN of the write, and whether another RUN has one that a reader
// of the file comes after.
func (s *Secret) Alike(w *Written) (here []*shell.Command, elsewhere bool) {
	for _, in := range s.File.Instructions {
		if in.Name != "run" || in.Stage == nil || !slices.ContainsFunc(w.Readers, func(rd FileReader) bool { return slices.Contains(rd.In.Stage.Lineage(), in.Stage) }) {
			continue
		}
		r := s.a.run(in)
		if r.Script == nil {
			continue
		}
		for _, c := range r.Script.Commands {
			k, ok := kept(c)
			switch {
			case !ok || k.Row != w.Writes[0].Kept.Row || slices.ContainsFunc(w.Writes, func(v Write) bool { return v.Command == c }):
			case in == w.First():
				here = append(here, c)
			default:
				elsewhere = true
			}
		}
	}
	return here, elsewhere
}
