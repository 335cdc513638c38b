package flow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Companion is a command of a RUN that removes the file, or sets its mode, owner or date.
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
	if len(s.Readers) == 0 {
		return
	}
	for _, x := range s.Copied.around {
		switch x.program {
		case "chown", "chmod", "chgrp":
			if !slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.In == x.in }) {
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
					if _, ok := a.opens(a.run(x), cmd, c); ok {
						s.doubt(in, "another stage copies its folder, and "+cmd.name()+" may read it there")
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
				c.Removed = c.Removed || st == in.Stage && a.takesAway(a.run(x), c)
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

// takesAway is removes of a command that is run for certain.
func (a *analysis) takesAway(r *Run, c *Copied) bool {
	return slices.ContainsFunc(r.cmds, func(cmd command) bool {
		return cmd.sh != nil && cmd.program == "rm" && cmd.sh.In&unsureContext&^shell.OrLeft == 0 &&
			slices.ContainsFunc(cmd.sh.Args, func(w shell.Word) bool { return a.sameFile(r, cmd.sh, w, c) })
	})
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
		named, companion := false, false
		if cmd.sh != nil {
			if why := a.sweeps(r, cmd, c); why != "" {
				s.doubt(in, why)
			}
		}
		for i := range cmd.args {
			if cmd.wraps(r) && r.inner(cmd, i) {
				continue // an argument of what it runs, which is listed itself
			}
			if !a.namesFile(r, cmd, i, c) {
				if cmd.sh == nil {
					continue
				}
				switch above, pattern := a.aboveFile(r, cmd.sh, cmd.word(i), c); {
				case above && wholeFolder(cmd):
					c.around = append(c.around, around{in, cmd.program})
				case pattern && (wholeFolder(cmd) || changes(cmd.program)):
					s.doubt(in, cmd.program+" works on a pattern that matches the file")
				}
				continue
			}
			switch workOn(cmd, i) {
			case says:
				continue
			case tends, removes:
				companion = true
				if (cmd.program == "chown" || cmd.program == "chgrp") && User(in) != "" {
					s.doubt(in, cmd.program+" gives it to another user")
				}
				x := Companion{In: in, Run: r, Command: cmd.sh, Sole: a.onlyFile(r, cmd, c)}
				if cmd.sh != nil {
					x.Arg = cmd.word(i)
				}
				if !x.Sole || !slices.ContainsFunc(c.Companions, func(o Companion) bool { return o.Run == r && o.Command == cmd.sh }) {
					c.Companions = append(c.Companions, x)
				}
				gone = gone || workOn(cmd, i) == removes
			case copies:
				// A copy of a mount is a file of its own, which the rule for those looks after.
				if cmd.sh == nil || files(cmd) != 2 || i == lastFile(cmd) || cmd.sh.In&unsureContext != 0 || cmd.sh.Parent != nil {
					s.doubt(in, cmd.program+" moves or changes it")
				} else if cmd.program == "mv" {
					c.Moves = append(c.Moves, Companion{in, r, cmd.sh, cmd.word(i), true})
					gone = true
				}
				c.Passed = true
			case alters:
				s.doubt(in, cmd.program+" moves or changes it")
			case lends:
				s.doubt(in, cmd.program+" gives another file what this one has")
			case archives:
				s.doubt(in, cmd.program+" puts it into an archive")
			}
			named = true
		}
		if cmd.sh == nil {
			if how, ok := a.opens(r, cmd, c); named && !companion {
				mark(Known, cmd.program)
			} else if ok && !companion {
				mark(how, cmd.name())
			}
			continue
		}
		for _, as := range cmd.sh.Assigns {
			if as.Command == cmd.sh && !cmd.declares() && a.spelledOut(r, cmd, as.Value.Text, c) {
				named = true // GIT_SSH_COMMAND="ssh -i F" git …
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
		if c.Kind.ID == "boto" && cmd.program == "gsutil" {
			// Seen with the SDK 578: the credential itself, in base64.
			s.doubt(in, "gsutil keeps what it logs in with in ~/.gsutil/credstore2")
		}
		if how, ok := a.opens(r, cmd, c); companion {
		} else if named {
			mark(Named, cmd.program)
		} else if ok {
			mark(how, cmd.name())
		}
	}
	if rd != nil {
		s.Readers = append(s.Readers, *rd)
		if h := a.handsOn(in); givesToGit(c.Kind.ID) && h.Keeps() {
			s.doubt(in, h.Says())
		}
	}
	return gone
}

// namesFile reports whether an argument of a command is the file, or has it for its
// value: --reference=F, of=F, -iF.
func (a *analysis) namesFile(r *Run, cmd command, i int, c *Copied) bool {
	dir := ""
	if cmd.sh != nil {
		dir = cmd.sh.Dir
		if w := cmd.word(i); w.Glob {
			return false
		} else if a.sameFile(r, cmd.sh, w, c) {
			return true
		}
	}
	same := func(p string) bool { return p != "" && a.resolve(r.In, dir, p) == c.Target }
	text := cmd.args[i]
	if cmd.sh == nil && same(text) {
		return true
	}
	switch cmd.program {
	case "echo", "printf", "sed", "awk", "gawk", "grep", "egrep", "export":
		return false // whose arguments are text
	}
	text = strings.Trim(text, `"'`)
	value := ""
	switch k := strings.LastIndexAny(text, "=@"); {
	case k >= 0:
		value = text[k+1:]
	case strings.HasPrefix(text, "file://"):
		value = text[len("file://"):]
	case len(text) > 2 && text[0] == '-' && text[1] != '-':
		value = text[2:]
	}
	if path.IsAbs(value) || strings.HasPrefix(value, "~") || strings.HasPrefix(value, "$") || strings.HasSuffix(value, path.Base(c.Target)) {
		return same(value)
	}
	return false
}

// spelledOut reports whether one of the words of a text is the file.
func (a *analysis) spelledOut(r *Run, cmd command, text string, c *Copied) bool {
	return slices.ContainsFunc(strings.FieldsFunc(text, func(x rune) bool { return strings.ContainsRune(" \t\n\"'=,:;", x) }), func(p string) bool {
		return strings.HasSuffix(p, path.Base(c.Target)) && a.resolve(r.In, cmd.sh.Dir, p) == c.Target
	})
}

// declares reports a command that gives variables a value, for those that come later.
func (c command) declares() bool {
	switch c.program {
	case "export", "readonly", "declare", "typeset", "local":
		return true
	}
	return false
}

// inner reports whether an argument of a wrapper belongs to what it runs.
func (r *Run) inner(wrapper command, i int) bool {
	return slices.ContainsFunc(r.wrapped(wrapper.sh), func(x *shell.Command) bool { return wrapper.word(i).End > x.Start })
}

// onlyFile reports whether a command works on the file, and on no other.
func (a *analysis) onlyFile(r *Run, cmd command, c *Copied) bool {
	for _, i := range operands(cmd.program, cmd.args) {
		if !a.namesFile(r, cmd, i, c) {
			return false
		}
	}
	return true
}

// sweeps says why a command may come upon the file without naming it.
func (a *analysis) sweeps(r *Run, cmd command, c *Copied) string {
	in := r.In
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
		switch sub := subcommand(cmd.args); sub {
		case "clean", "stash", "reset", "checkout":
			if !a.outsideClone(in, cmd, c.Target) {
				return "git " + sub + " may come upon the file"
			}
		}
	case "rm", "mv", "chmod", "chown", "chgrp", "shred", "unlink":
		for _, i := range operands(cmd.program, cmd.args) {
			w := cmd.word(i)
			if w.IsLit || w.Glob {
				continue
			}
			// What comes before a variable says enough where the file is not below it.
			if known, variable, ok := strings.Cut(a.absolute(r, cmd.sh, plain(w)), "$"); ok {
				if variable == "" || !path.IsAbs(known) || strings.HasPrefix(c.Target, known) || !path.IsAbs(c.Target) {
					return cmd.program + " works on what a variable names"
				}
			}
		}
	}
	return ""
}

// outsideClone reports whether a file cannot be in the working tree that git works on: it
// is not below the folder that git runs in, and no tree has both.
func (a *analysis) outsideClone(in *dockerfile.Instruction, cmd command, file string) bool {
	dir, known := cmd.sh.Dir, cmd.sh.DirKnown
	for i, x := range cmd.args {
		if x == "-C" && i+1 < len(cmd.args) {
			dir = path.Join(dir, cmd.args[i+1])
			if path.IsAbs(cmd.args[i+1]) {
				dir, known = cmd.args[i+1], true
			}
		}
		if strings.HasPrefix(x, "--work-tree") || strings.HasPrefix(x, "--git-dir") {
			return false
		}
	}
	at := a.resolve(in, dir, ".")
	if !known || !path.IsAbs(at) || !path.IsAbs(file) || strings.Contains(at, "$") || covers(at, file) {
		return false
	}
	top := func(p string) string {
		first, _, _ := strings.Cut(p[1:], "/")
		return first
	}
	return top(at) != top(file) || strings.Contains(file, "/.ssh/") // nobody has a home folder for a clone with such a file in it
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
