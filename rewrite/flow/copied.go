package flow

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
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

	Companions []Companion // commands that have nothing to do once the file is a mount
}

// Companion is a command of a RUN that removes the file or sets its mode.
type Companion struct {
	In      *dockerfile.Instruction
	Run     *Run
	Command *shell.Command
	Arg     shell.Word // the file's name
	Sole    bool       // the only file that the command names
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
	for _, r := range t.Readers {
		if !slices.ContainsFunc(s.Readers, func(x Reader) bool { return x.In == r.In }) {
			s.Readers = append(s.Readers, r)
		}
	}
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
	if a.reaches(in.Stage, c) && kind.Run {
		s.Exposure = RunTime
	}
	return s
}

// tokenForNPM reports whether the file declares or mounts a variable that npm reads: an
// .npmrc that cannot be seen then most likely says ${NPM_TOKEN}, and is no secret.
func (a *analysis) tokenForNPM() bool {
	for _, in := range a.file.Instructions {
		for _, m := range in.Mounts() {
			if m.Type == "secret" && (npmReads(m.Opts["env"]) || npmReads(m.Opts["id"])) {
				return true
			}
		}
		if in.Name != "arg" && in.Name != "env" {
			continue
		}
		for _, p := range in.Pairs() {
			if npmReads(p.Name) && detect.Name(p.Name) == detect.Secret {
				return true
			}
		}
	}
	return false
}

func npmReads(name string) bool {
	ok, _ := reads(name, "npm", []string{"ci"})
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

// copiedFolder doubts a file whose folder another stage copies or binds, and then runs
// something that may read it there.
func (a *analysis) copiedFolder(s *Secret, from *dockerfile.Stage) {
	c := s.Copied
	for _, in := range a.file.Instructions {
		for _, m := range in.Mounts() {
			if src := a.file.SourceStage(m.Opts["from"]); m.Type == "bind" && src != nil && slices.Contains(src.Lineage(), from) && covers(m.Opts["source"], c.Target) {
				s.doubt(in, "a bind mount of another stage has it")
			}
		}
		src, ok := in.FlagValue("from")
		if !ok || in.Name != "copy" || a.file.SourceStage(src) == nil || !slices.Contains(a.file.SourceStage(src).Lineage(), from) {
			continue
		}
		words, ok := in.Paths()
		if !ok || !slices.ContainsFunc(words[:max(0, len(words)-1)], func(w dockerfile.Word) bool { return covers(w.Text, c.Target) }) {
			continue
		}
		for _, st := range a.file.Stages {
			if !slices.Contains(st.Lineage(), in.Stage) {
				continue
			}
			for _, x := range st.Instructions {
				if x.Name != "run" || x.Index < in.Index {
					continue
				}
				for _, cmd := range a.run(x).cmds {
					if slices.Contains(c.Kind.Programs, cmd.program) || cmd.program != "" && classOf(cmd.program, cmd.args) == opaque {
						s.doubt(in, "another stage copies its folder, and "+cmd.program+" may read it there")
					}
				}
			}
		}
	}
}

// covers reports whether a source of COPY --from takes the file along with its folder.
func covers(source, target string) bool {
	if strings.Contains(source, "$") {
		return true
	}
	p := path.Clean("/" + source)
	return p == "/" || strings.HasPrefix(target, p+"/") || !path.IsAbs(target)
}

// IsRoot reports whether a RUN runs as root. It is not known where the base image
// decides, unless that is an official one, which run as root but for a few.
func IsRoot(in *dockerfile.Instruction) (root, known bool) {
	user, _, _ := strings.Cut(User(in), ":")
	switch user {
	case "root", "0":
		return true, true
	case "":
		line := in.Stage.Lineage()
		base := strings.TrimPrefix(strings.TrimPrefix(line[len(line)-1].Base, "docker.io/"), "library/")
		name, _, _ := strings.Cut(base, ":")
		name, _, _ = strings.Cut(name, "@")
		switch name {
		case "solr", "kibana", "logstash", "elasticsearch", "sonarqube", "websphere-liberty", "open-liberty", "varnish", "memcached", "haproxy", "couchbase":
			return false, false
		}
		return true, !strings.ContainsAny(base, "/$")
	}
	return false, true
}

// As returns the wrapper that runs a reader's program as another user: su, gosu, sudo.
func (r *Run) As() string {
	for _, c := range r.cmds {
		switch c.program {
		case "su", "gosu", "su-exec", "sudo", "runuser", "setpriv", "setuidgid", "chroot", "doas":
			return c.program
		}
	}
	return ""
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

// Workdir returns the folder in force at an instruction, absolute; ok is false where
// the base image decides.
func Workdir(in *dockerfile.Instruction) (dir string, ok bool) {
	for _, x := range in.Stage.History(in) {
		if x.Name != "workdir" {
			continue
		}
		w := strings.TrimSpace(x.ArgText())
		switch {
		case strings.ContainsAny(w, "$\\`\"'"):
			dir, ok = "", false
		case path.IsAbs(w):
			dir, ok = path.Clean(w), true
		case ok:
			dir = path.Join(dir, w)
		}
	}
	return dir, ok
}

// User returns the user in force at an instruction, "" for the base image's.
func User(in *dockerfile.Instruction) string {
	user := ""
	for _, x := range in.Stage.History(in) {
		if x.Name == "user" {
			user = strings.TrimSpace(x.ArgText())
		}
	}
	return user
}

// target finds where the file stands in the image.
func (a *analysis) target(s *Secret, in *dockerfile.Instruction, words []dockerfile.Word) {
	c := s.Copied
	dest := words[len(words)-1].Text
	if strings.ContainsAny(dest, "$~\\`") {
		s.doubt(in, "its destination holds a variable or a ~")
		return
	}
	dir, known := Workdir(in)
	name := base(words[0].Text)
	if len(words) > 2 || strings.HasSuffix(dest, "/") || dest == "." || dest == ".." {
		name = s.Name
	}
	folder := len(words) > 2 || strings.HasSuffix(dest, "/") || dest == "." || dest == ".."
	clean := path.Clean(dest)
	if !path.IsAbs(clean) && known {
		clean = path.Join(dir, clean)
	}
	if !folder && a.isFolder(in, clean, dir) {
		folder = true
	}
	if folder {
		c.Dir, c.Target = clean, path.Join(clean, name)
	} else {
		c.Dir, c.Target = path.Dir(clean), clean
		if path.Base(clean) != s.Name && !path.IsAbs(clean) && !known {
			// COPY .npmrc x, with no WORKDIR: x may be a folder of the base image.
			s.doubt(in, "its destination may be a file or a folder")
		} else if path.Base(clean) != s.Name && !strings.Contains(path.Base(clean), ".") && path.Base(clean) != strings.TrimPrefix(s.Name, ".") && !strings.HasPrefix(path.Base(clean), "id_") {
			s.doubt(in, "its destination may be a file or a folder")
		}
	}
	c.Known = true
	c.Made = c.Dir == dir || !path.IsAbs(c.Dir) && c.Dir == "." || a.isFolder(in, c.Dir, dir) || len(words) > 2
}

// isFolder reports whether a folder is there before an instruction: every image has
// it, or an earlier instruction makes it.
func (a *analysis) isFolder(in *dockerfile.Instruction, dir, workdir string) bool {
	switch dir {
	case "/", "/root", "/etc", "/tmp", "/home", "/usr", "/opt", "/var", "/usr/local", "/bin", "/usr/bin", ".":
		return true
	}
	if workdir == dir || strings.HasPrefix(workdir, dir+"/") {
		return true
	}
	wd := ""
	for _, x := range in.Stage.History(in) {
		switch x.Name {
		case "workdir":
			w := strings.TrimSpace(x.ArgText())
			if !path.IsAbs(w) {
				w = path.Join(wd, w)
			}
			wd = w
			if wd == dir || strings.HasPrefix(wd, dir+"/") {
				return true
			}
		case "run":
			r := a.run(x)
			for _, cmd := range r.cmds {
				if cmd.sh == nil || cmd.program != "mkdir" && cmd.program != "install" || cmd.sh.In&(shell.InCond|shell.InBranch|shell.InCase|shell.OrRight|shell.InFunc) != 0 {
					continue
				}
				for _, arg := range cmd.args {
					p := arg
					if rest, ok := strings.CutPrefix(p, "~/"); ok {
						p = "/root/" + rest
					}
					if p = path.Clean(p); !path.IsAbs(p) && wd != "" {
						p = path.Join(wd, p)
					}
					if p == dir || strings.HasPrefix(p, dir+"/") {
						return true
					}
				}
			}
		case "copy", "add":
			words, ok := x.Paths()
			if !ok || len(words) < 2 {
				continue
			}
			dest := words[len(words)-1].Text
			p := path.Clean(dest)
			if !path.IsAbs(p) && wd != "" {
				p = path.Join(wd, p)
			}
			if strings.HasSuffix(dest, "/") && p == dir || strings.HasPrefix(p, dir+"/") {
				return true
			}
		}
	}
	return false
}

// fileReaders finds the RUNs that read the file while it is there, and the commands
// that only clean up after it.
func (a *analysis) fileReaders(s *Secret, in *dockerfile.Instruction) {
	c := s.Copied
	for _, st := range a.file.Stages {
		if !slices.Contains(st.Lineage(), in.Stage) {
			continue
		}
		gone := false
		for _, line := range reversed(st.Lineage()) {
			for _, x := range line.Instructions {
				if x.OnBuild || line == in.Stage && x.Index <= in.Index || x.Name != "run" || gone || line != st && !slices.Contains(line.Lineage(), in.Stage) {
					continue
				}
				if line != st {
					// Seen when that stage was looked at; here only whether the file goes.
					gone = a.removes(a.run(x), c)
					continue
				}
				gone = a.fileReader(s, x)
			}
		}
	}
}

func reversed(line []*dockerfile.Stage) []*dockerfile.Stage {
	out := slices.Clone(line)
	slices.Reverse(out)
	return out
}

func (a *analysis) removes(r *Run, c *Copied) bool {
	for _, cmd := range r.cmds {
		if cmd.sh != nil && cmd.program == "rm" && slices.ContainsFunc(cmd.sh.Args, func(w shell.Word) bool { return a.sameFile(r, cmd.sh, w, c) }) {
			return true
		}
	}
	return false
}

// fileReader judges one RUN; it reports whether the file is gone after it.
func (a *analysis) fileReader(s *Secret, in *dockerfile.Instruction) (gone bool) {
	c := s.Copied
	r := a.run(in)
	if r.Why != "" {
		s.doubt(in, r.Why)
		return false
	}
	var rd *Reader
	mark := func(how How, program string) {
		if rd == nil || how > rd.How {
			rd = &Reader{In: in, How: how, Program: program, Run: r}
		}
	}
	for _, cmd := range r.cmds {
		if cmd.sh == nil {
			if i := slices.IndexFunc(cmd.args, func(x string) bool { return a.resolve(in, "", x) == c.Target }); i >= 0 && changes(cmd.program) {
				c.Companions = append(c.Companions, Companion{In: in, Run: r, Sole: files(cmd) == 1 && cmd.program != "mv" && cmd.program != "cp"})
				gone = gone || cmd.program == "rm" || cmd.program == "unlink"
				continue
			}
			if slices.Contains(c.Kind.Programs, cmd.program) || slices.ContainsFunc(cmd.args, func(x string) bool { return path.Clean(x) == c.Target }) {
				mark(Known, cmd.program)
			} else if classOf(cmd.program, cmd.args) == opaque {
				mark(Opaque, cmd.name())
			}
			continue
		}
		named, companion := false, false
		if why := a.sweeps(in, cmd, c); why != "" {
			s.doubt(in, why)
		}
		for _, w := range cmd.sh.Args {
			if !a.sameFile(r, cmd.sh, w, c) {
				switch above, pattern := a.aboveFile(r, cmd.sh, w, c); {
				case above && wholeFolder(cmd):
					s.doubt(in, cmd.program+" works on the folder that the file is in")
				case pattern && (wholeFolder(cmd) || changes(cmd.program)):
					s.doubt(in, cmd.program+" works on a pattern that matches the file")
				}
				continue
			}
			named = true
			switch cmd.program {
			case "rm", "chmod", "chown", "unlink":
				companion = true
				if cmd.program == "chown" && User(in) != "" {
					s.doubt(in, "chown gives it to another user")
				}
				c.Companions = append(c.Companions, Companion{in, r, cmd.sh, w, files(cmd) == 1})
				gone = gone || cmd.program == "rm" || cmd.program == "unlink"
			case "cp", "mv", "ln", "install", "sed", "tee", "truncate", "shred", "dd":
				s.doubt(in, cmd.program+" moves or changes it")
			}
		}
		for _, redir := range append(slices.Clone(cmd.sh.Redirs), cmd.sh.Around...) {
			if redir.Target.Lit != "" && a.sameFile(r, cmd.sh, redir.Target, c) {
				named = true
				if redir.WritesFile() {
					s.doubt(in, cmd.name()+" writes to it")
				}
			}
		}
		if slices.Contains(c.Kind.Programs, cmd.program) && writesConfig(cmd) {
			s.doubt(in, cmd.program+" writes its configuration, which may be this file")
		}
		switch {
		case companion:
		case named:
			mark(Named, cmd.program)
		case cmd.wraps(r) || cmd.sh.Function:
		case slices.Contains(c.Kind.Programs, strings.TrimPrefix(cmd.program, "./")):
			mark(Known, cmd.program)
		case cmd.sh.Opaque || cmd.sh.Path != "" && classOf(cmd.program, cmd.args) == opaque:
			mark(Opaque, cmd.name())
		}
	}
	if rd != nil {
		s.Readers = append(s.Readers, *rd)
	}
	return gone
}

// files counts the arguments of a command that name files.
func files(cmd command) int {
	n := 0
	for i, a := range cmd.args {
		if strings.HasPrefix(a, "-") || i == 0 && (cmd.program == "chmod" || cmd.program == "chown") {
			continue
		}
		n++
	}
	return n
}

// sweeps says why a command may come upon the file without naming it.
func (a *analysis) sweeps(in *dockerfile.Instruction, cmd command, c *Copied) string {
	switch cmd.program {
	case "find":
		if slices.ContainsFunc(cmd.args, func(x string) bool {
			return x == "-delete" || x == "-exec" || x == "-execdir" || x == "-ok"
		}) {
			for _, x := range cmd.args {
				if strings.HasPrefix(x, "-") {
					break
				}
				if dir := a.resolve(in, cmd.sh.Dir, x); dir == "/" || strings.HasPrefix(c.Target, dir+"/") || strings.HasPrefix(dir, "$") {
					return "find works on the folder that the file is in"
				}
			}
		}
	case "git":
		if sub := subcommand(cmd.args); sub == "clean" || sub == "stash" || sub == "reset" || sub == "checkout" {
			return "git " + sub + " may come upon the file"
		}
	case "rm", "mv", "chmod", "chown", "shred", "unlink":
		for _, w := range cmd.sh.Args {
			if !w.IsLit && !w.Glob && strings.Contains(w.Text, "$") && !strings.Contains(w.Text, "$HOME") && !strings.Contains(w.Text, "${HOME}") {
				return cmd.program + " works on what a variable names"
			}
		}
	}
	return ""
}

// changes reports commands that change or remove the files that they name.
func changes(program string) bool {
	switch program {
	case "rm", "mv", "chmod", "chown", "chgrp", "shred", "unlink", "truncate", "cp", "sed":
		return true
	}
	return false
}

// writesConfig reports a tool's command that writes the tool's own configuration.
func writesConfig(cmd command) bool {
	joined := " " + strings.Join(cmd.args, " ") + " "
	for _, verb := range []string{" config set ", " set ", " login ", " config --global ", " configure set ", " config edit "} {
		if strings.Contains(joined, verb) {
			return true
		}
	}
	return false
}

// wholeFolder reports commands that a mount inside the folder makes fail or leak.
func wholeFolder(cmd command) bool {
	switch cmd.program {
	case "tar", "zip", "cp", "mv", "rsync", "rm":
		return cmd.program != "rm" || slices.ContainsFunc(cmd.args, func(a string) bool {
			return strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.ContainsAny(a, "rR")
		})
	case "chown", "chmod", "chgrp":
		return slices.ContainsFunc(cmd.args, func(a string) bool {
			return a == "--recursive" || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.Contains(a, "R")
		})
	}
	return false
}

// absolute is a script's path as far as it is known: in the folder that the command
// runs in, itself in the RUN's WORKDIR.
func (a *analysis) absolute(in *dockerfile.Instruction, cmd *shell.Command, p string) string {
	return a.resolve(in, cmd.Dir, p)
}

func (a *analysis) resolve(in *dockerfile.Instruction, dir, p string) string {
	if dir == "~" || strings.HasPrefix(dir, "~/") {
		if !path.IsAbs(p) && !strings.HasPrefix(p, "~") && !strings.HasPrefix(p, "$") {
			p = path.Join(dir, p)
		}
		dir = ""
	}
	for _, home := range []string{"~/", "$HOME/", "${HOME}/"} {
		if rest, ok := strings.CutPrefix(p, home); ok {
			if u := User(in); u != "" && u != "root" && u != "0" {
				return path.Join("/home", u, rest)
			}
			return path.Join("/root", rest)
		}
	}
	if !path.IsAbs(p) {
		p = path.Join(dir, p)
	}
	if !path.IsAbs(p) {
		if dir, ok := Workdir(in); ok {
			p = path.Join(dir, p)
		}
	}
	return path.Clean(p)
}

func (a *analysis) sameFile(r *Run, cmd *shell.Command, w shell.Word, c *Copied) bool {
	p := plain(w)
	return p != "" && !w.Glob && a.absolute(r.In, cmd, p) == c.Target
}

// plain is a word's text without the quotes that do not matter here.
func plain(w shell.Word) string {
	if w.IsLit {
		return w.Lit
	}
	return strings.Trim(w.Text, `"`)
}

// aboveFile reports whether a word names a folder that the file is in, or is a pattern
// that matches the file or such a folder.
func (a *analysis) aboveFile(r *Run, cmd *shell.Command, w shell.Word, c *Copied) (above, pattern bool) {
	p := plain(w)
	if p == "" || strings.HasPrefix(p, "-") {
		return false, false
	}
	abs := a.absolute(r.In, cmd, p)
	for dir := c.Target; ; dir = path.Dir(dir) {
		if dir != c.Target && abs == dir {
			return true, false
		}
		if ok, err := path.Match(abs, dir); w.Glob && (ok || err != nil) {
			return false, true
		}
		if dir == "/" || dir == "." {
			return false, false
		}
	}
}
