package flow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Companion is a command of a RUN that removes the file or sets its mode.
type Companion struct {
	In      *dockerfile.Instruction
	Run     *Run
	Command *shell.Command
	Arg     shell.Word // the file's name
	Sole    bool       // the only file that the command names
}

// around is a command on the folder that the file is in.
type around struct {
	in      *dockerfile.Instruction
	program string
}

// aroundMount doubts a file whose folder a command works on: with a mount in it that
// fails, and what takes the folder along takes the file. Where no mount is, owners and
// modes are set as before.
func (s *Secret) aroundMount() {
	for _, x := range s.Copied.around {
		switch x.program {
		case "chown", "chmod", "chgrp":
			if len(s.Readers) > 0 && !slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.In == x.in }) {
				continue
			}
		}
		s.doubt(x.in, x.program+" works on the folder that the file is in")
	}
}

// copiedFolder doubts a file whose folder another stage copies or binds, and then runs
// something that may read it there.
func (a *analysis) copiedFolder(s *Secret, from *dockerfile.Stage) {
	c := s.Copied
	for _, in := range a.file.Instructions {
		for _, m := range in.Mounts() {
			if src := a.file.SourceStage(m.Opts["from"]); m.Type == "bind" && src != nil && slices.Contains(src.Lineage(), from) && (covers(m.Opts["source"], c.Target) || path.Clean("/"+m.Opts["source"]) == c.Target) {
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
	if strings.ContainsAny(source, "*?[") && path.IsAbs(target) {
		_, ok := matchPrefix(strings.Trim(path.Clean("/"+source), "/"), target[1:])
		return ok
	}
	p := path.Clean("/" + source)
	return p == "/" || strings.HasPrefix(target, p+"/") || !path.IsAbs(target)
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
					c.around = append(c.around, around{in, cmd.program})
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
			case "cp", "mv", "install":
				// A copy of a mount is a file of its own, which the rule for those looks after.
				if last := cmd.sh.Args[len(cmd.sh.Args)-1]; files(cmd) != 2 || w == last || cmd.sh.In&unsureContext != 0 || cmd.sh.Parent != nil {
					s.doubt(in, cmd.program+" moves or changes it")
				} else if cmd.program == "mv" {
					c.Moves = append(c.Moves, Companion{in, r, cmd.sh, w, true})
					gone = true
				}
				c.Passed = true
			case "ln", "sed", "tee", "truncate", "shred", "dd":
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
		if slices.Contains(c.Kind.Programs, cmd.program) && writesConfig(cmd) && configOf(cmd.program, c.Target) {
			s.doubt(in, cmd.program+" writes its configuration, which may be this file")
		}
		switch {
		case companion:
		case named:
			mark(Named, cmd.program)
		case cmd.wraps(r) || cmd.sh.Function:
		case local(cmd.program, cmd.args): // npm config set
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
		if strings.HasPrefix(a, "-") && a != "-" || i == 0 && (cmd.program == "chmod" || cmd.program == "chown") {
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
			return path.Join(homeOf(in), rest)
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

// homeOf is what ~ stands for in a RUN: HOME, or the folder that its user most likely has.
func homeOf(in *dockerfile.Instruction) string {
	set := ""
	for _, x := range in.Stage.History(in) {
		if x.Name != "env" {
			continue
		}
		for _, p := range x.Pairs() {
			if p.Name == "HOME" {
				set = strings.Trim(p.Value.Text, `"'`)
			}
		}
	}
	switch u := User(in); {
	case set != "":
		return set
	case u != "" && u != "root" && u != "0":
		return path.Join("/home", u)
	}
	return "/root"
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
