package rules

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// relocation moves the commands that write a mounted secret into the RUNs that read what
// they write, and undoes them there.
type relocation struct {
	p      *rewrite.Pass
	s      *flow.Secret
	runs   map[*dockerfile.Instruction]*changedRun
	order  []*dockerfile.Instruction
	needs  []string
	safety rewrite.Safety
	titles []string
	intent *intent

	settings int              // of git, that go into the environment
	names    []flow.Companion // of files that others remove together with more
}

// changedRun is what becomes of one RUN.
type changedRun struct {
	run           *flow.Run
	gone          []*shell.Command // taken out, with what is around them alone
	spans         []shell.Span
	whole         bool
	swapped       []shell.TextEdit
	before, after []string
	here          bool // after has to run in the folder that the RUN begins in
	flags         []string
	unmount       []dockerfile.Word
}

// relocate returns the fix after which nothing of the secret is in any layer, or the
// reason why no edit is certainly right.
func relocate(p *rewrite.Pass, s *flow.Secret) (*rewrite.Fix, string) {
	m := &relocation{p: p, s: s, runs: map[*dockerfile.Instruction]*changedRun{}, safety: rewrite.Safe, intent: intentOf(p.File)}
	for _, w := range s.Written {
		if reason := m.file(w); reason != "" {
			return nil, reason
		}
	}
	if reason := m.cutNames(); reason != "" {
		return nil, reason
	}
	for _, in := range m.order {
		if reason := m.runs[in].without(); reason != "" {
			return nil, reason
		}
		m.dropMounts(in)
	}
	edits, reason := m.edits()
	if reason != "" {
		return nil, reason
	}
	if len(edits) == 0 {
		w := s.Written[0]
		return nil, fmt.Sprintf("line %d: %s, and whether the RUN takes it back for certain is not known", w.First().Line, w.Writes[0].What)
	}
	fix := &rewrite.Fix{
		Title:   strings.Join(m.titles, ", "),
		Safety:  m.safety,
		Needs:   strings.Join(m.needs, "; "),
		Changes: []rewrite.Change{{Path: p.File.Path, Edits: edit.Join(edits)}},
		Intents: m.intent.list(),
	}
	if why := linked(p.Workspace, fix.Changes); why != "" {
		return nil, why
	}
	return fix, ""
}

func (m *relocation) at(in *dockerfile.Instruction, r *flow.Run) *changedRun {
	c := m.runs[in]
	if c == nil {
		c = &changedRun{run: r}
		m.runs[in] = c
		m.order = append(m.order, in)
	}
	return c
}

// first adds commands for the start of the RUN; one that writes two files is run once.
func (c *changedRun) first(commands ...string) {
	for _, x := range commands {
		if !slices.Contains(c.before, x) {
			c.before = append(c.before, x)
		}
	}
}

// undo adds commands for the end of the RUN; what undoes two things is run once.
func (c *changedRun) undo(commands ...string) {
	for _, x := range commands {
		if !slices.Contains(c.after, x) {
			c.after = append(c.after, x)
		}
	}
}

func (m *relocation) lower(format string, args ...any) {
	m.safety = min(m.safety, rewrite.Review)
	if need := fmt.Sprintf(format, args...); !slices.Contains(m.needs, need) {
		m.needs = append(m.needs, need)
	}
}

// file decides what becomes of one written file.
func (m *relocation) file(w *flow.Written) string {
	first := w.First()
	if len(w.Doubts) > 0 {
		return because(w.Doubts[0])
	}
	var r *flow.Run
	for _, v := range w.Writes {
		r = v.Run
		if v.Kept != nil {
			if reason := m.tool(w, v); reason != "" {
				return reason
			}
			continue
		}
	}
	if w.Writes[0].Kept != nil {
		return ""
	}
	name := w.Name.Text
	if len(w.Readers) == 0 {
		return fmt.Sprintf("line %d: %s, and nothing in the build is known to read it there", first.Line, w.Writes[0].What)
	}
	if reason := m.unlessRunning(w); reason != "" {
		return reason
	}
	moved, reason := m.detach(w)
	if reason != "" {
		return reason
	}
	moved = mountInFull(w, moved)
	inside := slices.ContainsFunc(w.Readers, func(rd flow.FileReader) bool { return rd.In == first })
	if c := w.Writes[0].Command; inside && (c.Dir != "" || !c.DirKnown) && relativePaths("rm -f "+name) {
		// It is undone from the folder that the RUN begins in.
		other := slices.ContainsFunc(w.Writes, func(v flow.Write) bool { return v.Command.Dir != c.Dir })
		if !c.DirKnown || other || !plainPath(strings.TrimPrefix(c.Dir, "~/")) || !plainPath(name) {
			return fmt.Sprintf("line %d: %s runs in a folder that is not certain", first.Line, c.Program)
		}
		name = path.Join(c.Dir, name)
	}
	u := use{before: moved, after: []string{sudo(w.Writes[0].Command) + "rm -f " + name}}
	if w.Begun && inside && len(w.Readers) > 1 {
		return fmt.Sprintf("line %d writes %s in parts, and others read it too", first.Line, shown(w))
	}
	if w.Before || w.Begun && !inside || w.Writes[0].How == flow.Appends && !w.Begun && !official(first) {
		// It is there already, or may be: it is put back as it was.
		saved := name + ".orig"
		if strings.ContainsAny(name, `"'`) || mentioned(m.p.File, path.Base(saved)) || m.inProject(path.Base(saved)) {
			return fmt.Sprintf("line %d: %s, which is there before, and there is no name to keep it under", first.Line, w.Writes[0].What)
		}
		save := "cp -p " + name + " " + saved
		if !w.Before && !w.Begun {
			save = "touch " + name + " && " + sudo(w.Writes[0].Command) + save
		}
		u.save = []string{sudo(w.Writes[0].Command) + save}
		u.after = []string{sudo(w.Writes[0].Command) + "mv -f " + saved + " " + name}
	}
	return m.readers(w, r, u, func(c *changedRun, after []string) string {
		c.first(u.save...)
		c.undo(after...)
		return ""
	})
}

// use is what the RUNs that read a file get.
type use struct {
	save          []string // puts a file aside that is there before; after puts it back
	before, after []string // commands for the start and the end of the RUN
	env           bool     // before sets variables, and nothing is written
	text          string   // what before says, with what goes without saying
}

// ends are the commands for the end of a RUN. One that takes the secret back itself
// leaves what its own commands do not do.
func (u use) ends(w *flow.Written, rd flow.FileReader) []string {
	k := w.Writes[0].Kept
	switch {
	case !rd.Removes:
		return u.after
	case k == nil:
		return nil
	}
	return slices.DeleteFunc(slices.Clone(u.after), func(x string) bool {
		return strings.HasPrefix(strings.TrimPrefix(x, "sudo "), k.Program+" ")
	})
}

// readers gives each RUN that reads a file what it needs; the RUN that writes and reads,
// if it is one, is left to inside.
func (m *relocation) readers(w *flow.Written, r *flow.Run, u use, inside func(c *changedRun, after []string) string) string {
	first := w.First()
	var lines []string
	for _, rd := range w.Readers {
		lines = append(lines, fmt.Sprint(rd.In.Line))
		c := m.at(rd.In, rd.Run)
		after := u.ends(w, rd)
		c.here = c.here || len(after) > 0 && w.Writes[0].Kept != nil && w.Writes[0].Kept.Here
		if rd.How == flow.Opaque {
			m.lower("check that %s (line %d) needs %s", rd.Program, rd.In.Line, shown(w))
		} else if rd.Given != "" {
			m.lower("line %d: %s is given %s and may keep what is in it", rd.In.Line, rd.Given, shown(w))
		}
		if rd.In == first {
			if rd.Removes && w.Writes[0].Kept == nil {
				continue
			}
			if reason := inside(c, after); reason != "" {
				return reason
			}
			continue
		}
		if reason := m.fits(w, rd, u); reason != "" {
			return reason
		}
		if len(after) > 0 {
			c.first(u.save...)
		}
		c.first(u.before...)
		c.undo(after...)
		c.flags = append(c.flags, m.mounts(w, rd.In, u)...)
	}
	if !m.replaced(r, w) && !slices.ContainsFunc(w.Readers, func(rd flow.FileReader) bool { return rd.In == first }) {
		if reason := m.takeOut(r, commands(w)); reason != "" {
			return reason
		}
	}
	if reason := m.companions(w, u); reason != "" {
		return reason
	}
	run := "RUN in line "
	if len(lines) > 1 {
		run = "RUNs in lines "
	}
	if strings.Contains(w.File, "/.ssh/") || strings.HasPrefix(w.Kind.ID, "id_") {
		if need := withAgent(lines); !slices.Contains(m.needs, need) {
			m.needs = append(m.needs, need)
		}
	}
	if u.env {
		m.title("give it to the %s in the environment", run+strings.Join(lines, ", "))
	} else {
		m.title("write %s only for the %s", shown(w), run+strings.Join(lines, ", "))
	}
	return ""
}

// withAgent is the other way to reach a host by ssh, for the RUNs in some lines.
func withAgent(lines []string) string {
	line := "line "
	if len(lines) > 1 {
		line = "lines "
	}
	return "an ssh agent needs no key in the build at all: --mount=type=ssh in " + line + strings.Join(lines, ", ") + " in its place, and docker build --ssh default"
}

// replaced reports whether the command stays in its place, said in another way.
func (m *relocation) replaced(r *flow.Run, w *flow.Written) bool {
	return slices.ContainsFunc(m.at(w.First(), r).swapped, func(e shell.TextEdit) bool {
		return slices.ContainsFunc(w.Writes, func(v flow.Write) bool { return v.Command.Start <= e.Start && e.End <= v.Command.End })
	})
}

func (m *relocation) title(format string, args ...any) {
	if t := fmt.Sprintf(format, args...); !slices.Contains(m.titles, t) {
		m.titles = append(m.titles, t)
	}
}

// shown names a written file for people.
func shown(w *flow.Written) string {
	if w.Name.Text != "" {
		return strings.Trim(w.Name.Text, `"'`)
	}
	if k := w.Writes[0].Kept; k != nil && len(k.Files) > 0 {
		return k.Files[0]
	}
	return "it"
}

func commands(w *flow.Written) []*shell.Command {
	var out []*shell.Command
	for _, v := range w.Writes {
		out = append(out, v.Command)
	}
	return out
}

// sudo is the wrapper that a command runs under, if it is one that its undoing needs too.
func sudo(c *shell.Command) string {
	for p := c.Parent; p != nil; p = p.Parent {
		if p.Program == "sudo" && len(p.Args) > 0 && !strings.HasPrefix(p.Args[0].Text, "-") {
			return "sudo "
		}
	}
	return ""
}

// official reports a base image of Docker's own library: what is in a home folder there is known.
func official(in *dockerfile.Instruction) bool {
	line := in.Stage.Lineage()
	return !strings.ContainsAny(strings.TrimPrefix(strings.TrimPrefix(line[len(line)-1].Base, "docker.io/"), "library/"), "/$")
}

func mentioned(f *dockerfile.File, name string) bool { return strings.Contains(string(f.Src), name) }

// inProject reports a file of that name beside the Dockerfile or at the root, which COPY
// may bring in.
func (m *relocation) inProject(name string) bool {
	for _, dir := range []string{".", path.Dir(m.p.File.Path)} {
		if _, err := fs.Stat(m.p.Workspace, path.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// unlessRunning says why a file that the running container may read stays.
func (m *relocation) unlessRunning(w *flow.Written) string {
	if !w.Stays {
		return ""
	}
	if w.Writes[0].Kept != nil {
		if len(w.Readers) == 0 {
			return fmt.Sprintf("line %d: %s, and nothing in the build is known to read it there: the running container may", w.First().Line, w.Writes[0].What)
		}
		m.lower("not in the running container any more: %s", w.Writes[0].What)
		return ""
	}
	if w.Kind.Title == "" || w.Kind.Run {
		return fmt.Sprintf("line %d: %s, where the running container may read it", w.First().Line, w.Writes[0].What)
	}
	what := shown(w)
	if w.Before || w.Writes[0].How != flow.Replaces && !w.Begun {
		what = fmt.Sprintf("what line %d writes to %s", w.First().Line, what)
	}
	if w.Settings {
		what += ", nor its settings beside the secret"
	}
	m.lower("the running container no longer has %s", what)
	return ""
}

// detach returns the text of the commands that write the file, in order.
func (m *relocation) detach(w *flow.Written) ([]string, string) {
	var out []string
	take := func(r *flow.Run, c *shell.Command) string {
		d, ok := r.Script.Detach(c)
		if !ok {
			return fmt.Sprintf("line %d: the command that writes %s cannot be taken out of its RUN with certainty", r.In.Line, shown(w))
		}
		if d.Dir != "" {
			return fmt.Sprintf("line %d: %s runs in another folder than the RUN begins in", r.In.Line, c.Program)
		}
		if !slices.Contains(out, d.Text) {
			out = append(out, d.Text)
		}
		return ""
	}
	only := len(w.Readers) == 1 && w.Readers[0].In == w.First()
	if only {
		return []string{""}, ""
	}
	for _, v := range w.Writes {
		if reason := take(v.Run, v.Command); reason != "" {
			return nil, reason
		}
	}
	conditional := slices.ContainsFunc(out, func(x string) bool {
		return slices.ContainsFunc([]string{"if ", "[", "test ", "case "}, func(cond string) bool { return strings.HasPrefix(x, cond) })
	})
	for _, x := range w.Along {
		n := len(out)
		if x.Text != "" {
			out = append(out, x.Text)
		} else if reason := take(x.Run, x.Command); reason != "" {
			return nil, reason
		}
		// Where nothing was written, one that failed did not have to stop the RUN that it was in.
		if program := ""; conditional && len(out) > n {
			if program, _, _ = strings.Cut(out[n], " "); program == "chmod" || program == "chown" || program == "chgrp" || program == "chattr" {
				return nil, fmt.Sprintf("line %d: %s works on %s, which may not be there", x.In.Line, program, shown(w))
			}
		}
	}
	return out, ""
}

// takeOut removes commands from a RUN.
func (m *relocation) takeOut(r *flow.Run, cmds []*shell.Command) string {
	c := m.at(r.In, r)
	for _, cmd := range cmds {
		if !slices.Contains(c.gone, cmd) {
			c.gone = append(c.gone, cmd)
		}
	}
	return ""
}

// without finds the bytes to delete so that the commands are gone: one after the other,
// since what stands between two of them can go only once.
func (c *changedRun) without() string {
	if len(c.gone) == 0 {
		return ""
	}
	slices.SortFunc(c.gone, func(a, b *shell.Command) int { return a.Start - b.Start })
	script := c.run.Script
	for _, cmd := range c.gone {
		if slices.ContainsFunc(c.spans, func(sp shell.Span) bool { return sp.Start <= cmd.Start && cmd.End <= sp.End }) {
			continue // it went with another
		}
		unclear := fmt.Sprintf("line %d: %s cannot be taken out of its RUN with certainty", c.run.In.Line, cmd.Program)
		i := slices.IndexFunc(script.Commands, func(x *shell.Command) bool { return x.Start == c.now(cmd.Start) && x.Path == cmd.Path })
		if i < 0 {
			return unclear
		}
		d, ok := script.Detach(script.Commands[i])
		if !ok {
			return unclear
		}
		if d.Whole {
			c.whole = true
			return ""
		}
		text := script.Text
		slices.SortFunc(d.Spans, func(a, b shell.Span) int { return b.Start - a.Start })
		for _, sp := range d.Spans {
			text = text[:sp.Start] + text[sp.End:]
			c.cut(sp)
		}
		left, err := shell.Parse(text, script.Dialect)
		if err != nil {
			return unclear
		}
		left.Flags = script.Flags // those of the shell in force too
		script = left
	}
	return ""
}

// now is an offset of the script as it was, in what is left of it.
func (c *changedRun) now(at int) int {
	n := at
	for _, sp := range c.spans {
		if sp.End <= at {
			n -= sp.End - sp.Start
		} else if sp.Start < at {
			n -= at - sp.Start
		}
	}
	return n
}

// cut adds a span of what is left of the script, told in the script as it was.
func (c *changedRun) cut(sp shell.Span) {
	slices.SortFunc(c.spans, func(a, b shell.Span) int { return a.Start - b.Start })
	start, end := sp.Start, sp.End
	for _, old := range c.spans {
		if old.Start <= start {
			start += old.End - old.Start
		}
		if old.Start < end {
			end += old.End - old.Start
		}
	}
	kept := []shell.Span{{Start: start, End: end}}
	for _, old := range c.spans {
		if old.Start < start || old.Start >= end {
			kept = append(kept, old)
		}
	}
	c.spans = kept
}

// companions takes out what has nothing to do any more: the rm of a file that is gone at
// the end of the RUN that reads it, and what moved along with the write. What removes a
// file that is still there, or a tool's own, goes on doing it.
func (m *relocation) companions(w *flow.Written, u use) string {
	k := w.Writes[0].Kept
	inside := slices.ContainsFunc(w.Readers, func(rd flow.FileReader) bool { return rd.In == w.First() })
	for _, x := range w.Along {
		switch {
		case x.Text != "" || inside && x.In == w.First() && !u.env:
			continue
		case k != nil && len(x.Command.Redirs) > 0:
			continue // a line more in the tool's file
		case k != nil:
			return fmt.Sprintf("line %d: %s works on %s, which is not there without the secret", x.In.Line, x.Command.Program, shown(w))
		}
		if reason := m.takeOut(x.Run, []*shell.Command{x.Command}); reason != "" {
			return reason
		}
	}
	for _, g := range w.Gone {
		if !u.env && slices.ContainsFunc(w.Readers, func(rd flow.FileReader) bool { return rd.In == g.In }) {
			continue // it has a file again
		}
		c := m.at(g.In, g.Run)
		if removes := g.Command.Program == "rm" || g.Command.Program == "unlink"; removes && (k != nil || len(u.save) > 0) {
			// What else is in it goes too, if it is there.
			if k != nil && !forced(g.Command) {
				start := g.Command.Start
				c.swapped = append(c.swapped, shell.TextEdit{Start: start, End: start + len(g.Command.Path), New: "rm -f"})
			}
			continue
		}
		if !g.Sole {
			m.names = append(m.names, g)
			continue
		}
		if reason := m.takeOut(g.Run, []*shell.Command{g.Command}); reason != "" {
			return reason
		}
	}
	return ""
}

// cutNames takes names out of commands that remove several files; the command with the
// last of them.
func (m *relocation) cutNames() string {
	for _, g := range m.names {
		left := slices.ContainsFunc(g.Command.Args, func(x shell.Word) bool {
			return !strings.HasPrefix(x.Text, "-") && !slices.ContainsFunc(m.names, func(o flow.Companion) bool { return o.Command == g.Command && o.Arg == x })
		})
		if !left {
			if reason := m.takeOut(g.Run, []*shell.Command{g.Command}); reason != "" {
				return reason
			}
			continue
		}
		start := g.Arg.Start
		for start > 0 && (g.Run.Text[start-1] == ' ' || g.Run.Text[start-1] == '\t') {
			start--
		}
		c := m.at(g.In, g.Run)
		c.swapped = append(c.swapped, shell.TextEdit{Start: start, End: g.Arg.End})
	}
	return ""
}

// forced reports an rm that does not mind if the file is not there.
func forced(c *shell.Command) bool {
	return c.Program == "rm" && slices.ContainsFunc(c.Args, func(w shell.Word) bool {
		return w.Lit == "--force" || strings.HasPrefix(w.Lit, "-") && !strings.HasPrefix(w.Lit, "--") && strings.Contains(w.Lit, "f")
	})
}

// tool deals with a command that keeps the secret in the tool's own files.
func (m *relocation) tool(w *flow.Written, v flow.Write) string {
	sp, ok := respell(*v.Kept, v.Command)
	if sp.Why != "" {
		return fmt.Sprintf("line %d: %s: %s", v.In.Line, v.What, sp.Why)
	}
	if !ok {
		return fmt.Sprintf("line %d: %s, and there is no other way to say it that is certain", v.In.Line, v.What)
	}
	if why := sp.alone(v, m.s); why != "" {
		return fmt.Sprintf("line %d: %s, and %s", v.In.Line, v.What, why)
	}
	one := *w
	one.Writes = []flow.Write{v}
	env := len(sp.Env) > 0
	if env = env && m.enough(sp, v, w); env && strings.HasPrefix(sp.Env[0], "GIT_CONFIG_COUNT=") {
		sp.Env = numbered(sp.Env, m.settings)
		m.settings++
	}
	if reason := m.approved(&sp, env, v, w); reason != "" {
		return reason
	}
	var others []*shell.Command
	if env && sp.Whole {
		// Variables lose against what others of the kind keep: they all go together.
		others, _ = m.s.Alike(w)
		for _, c := range others {
			o, _ := respellAs(c)
			sp.Env = append(sp.Env, o.Env...)
		}
	}
	assigned := strings.Join(sp.Env, " ")
	sp.Env = slices.DeleteFunc(sp.Env, sameName)
	if !env && sp.Undo == "" && sp.Replace == "" {
		return fmt.Sprintf("line %d: %s, and nothing takes it back for certain", v.In.Line, v.What)
	}
	switch {
	case sp.Replace != "":
		if strings.HasPrefix(v.Kept.Row, "git-") && v.Kept.Row != "git-approve" && settings().Match(m.p.File.Src) {
			return fmt.Sprintf("line %d: %s, and git's configuration may say something else for that address", v.In.Line, v.What)
		}
		c := m.at(v.In, v.Run)
		c.swapped = append(c.swapped, sp.Edits...)
		if strings.HasPrefix(v.Kept.Row, "git-") {
			// The command itself needs nothing more: what later talks to the remote does.
			one.Readers = nil
			for _, rd := range w.Readers {
				if rd.How != flow.Opaque {
					one.Readers = append(one.Readers, rd)
				} else {
					m.lower("check that %s (line %d) does not use the credential that %s kept", rd.Program, rd.In.Line, v.Command.Program)
				}
			}
			if w.Stays {
				m.lower("in the running container, %s no longer has the credential", v.Command.Program)
			}
			if len(one.Readers) == 0 {
				m.title("keep it out of what %s remembers", v.Command.Program)
				return ""
			}
		}
		if !env {
			rd := one.Readers[0]
			return fmt.Sprintf("line %d: %s uses the credential that line %d keeps", rd.In.Line, rd.Program, v.In.Line)
		}
	case len(w.Readers) == 0:
		return fmt.Sprintf("line %d: %s, and nothing in the build is known to read it there", v.In.Line, v.What)
	}
	if sp.Replace == "" {
		if reason := m.unlessRunning(w); reason != "" {
			return reason
		}
	}
	start := v.Command.Start
	if from := pipedInto(v.Run, v.Command); from != nil {
		start = from.Start
	}
	source := v.Run.Script.Text[start:v.Command.End]
	text := source
	only := len(w.Readers) == 1 && w.Readers[0].In == v.In
	if !only || env || v.Command.In&shell.InBranch != 0 {
		d, ok := v.Run.Script.Detach(v.Command)
		switch {
		case ok && (d.Dir == "" || env):
			text = d.Text
		case sp.Replace == "":
			return fmt.Sprintf("line %d: %s cannot be taken out of its RUN with certainty", v.In.Line, v.Command.Program)
		}
	}
	before := []string{text}
	if !only && v.Kept.Handed != nil {
		var reason string
		if before, reason = m.handed(w, v, text); reason != "" {
			return reason
		}
	}
	// A command under a condition is replaced, and undone, under that condition.
	instead := func(by string) (string, bool) {
		for _, cond := range []string{"if ", "[ ", "test ", "[[ "} {
			if strings.HasPrefix(text, cond) {
				return strings.Replace(text, source, by, 1), strings.Count(text, source) == 1 && v.Command.Parent == nil
			}
		}
		return by, v.Command.In&shell.InBranch == 0
	}
	if reason := m.takeOut(v.Run, others); reason != "" {
		return reason
	}
	if env && strings.HasPrefix(v.Kept.Row, "conan-") {
		m.lower("check that the server asks for the login: conan logs in from the environment only where it does")
	}
	if env && len(sp.Env) == 0 {
		return m.readers(&one, v.Run, use{env: true, text: assigned}, func(*changedRun, []string) string {
			return m.takeOut(v.Run, []*shell.Command{v.Command})
		})
	}
	if env {
		export, ok := instead("export " + strings.Join(sp.Env, " "))
		if !ok {
			return fmt.Sprintf("line %d: %s stands under a condition that is not understood", v.In.Line, v.Command.Program)
		}
		for _, rd := range w.Readers {
			if rd.Run.As() != "" {
				return fmt.Sprintf("line %d: %s may not hand on the variable that takes the place of %s", rd.In.Line, rd.Run.As(), v.Command.Program)
			}
		}
		return m.readers(&one, v.Run, use{before: []string{export}, env: true, text: assigned}, func(c *changedRun, _ []string) string {
			if sp.Replace != "" {
				// The RUN has the setting from its start, and the command needs none of its own.
				c.first(export)
				c.swapped = slices.DeleteFunc(c.swapped, func(e shell.TextEdit) bool { return e.Start == e.End && slices.Contains(sp.Edits, e) })
				return ""
			}
			in := v.Command.In
			if from := pipedInto(v.Run, v.Command); from != nil {
				in = (in | from.In) &^ (shell.PipeLeft | shell.PipeRight)
			}
			if in&^(shell.AndLeft|shell.AndRight|shell.InBranch) != 0 || v.Command.PipeTo != nil || v.Command.Parent != nil {
				return fmt.Sprintf("line %d: %s stands where a variable does not last", v.In.Line, v.Command.Program)
			}
			c.swapped = append(c.swapped, shell.TextEdit{Start: start, End: v.Command.End, New: "export " + strings.Join(sp.Env, " ")})
			return ""
		})
	}
	undo, ok := instead(sudo(v.Command) + sp.Undo)
	if sp.Undo == "" || !ok {
		return fmt.Sprintf("line %d: %s, and nothing takes it back for certain", v.In.Line, v.What)
	}
	undoing := []string{undo}
	if undo == sudo(v.Command)+sp.Undo {
		undoing = strings.Split(undo, " && ")
	}
	return m.readers(&one, v.Run, use{before: before, after: undoing}, func(c *changedRun, after []string) string {
		c.undo(after...)
		return ""
	})
}

// pipedInto is the one command whose output another one reads.
func pipedInto(r *flow.Run, c *shell.Command) *shell.Command {
	var from *shell.Command
	for _, x := range r.Script.Commands {
		if x.PipeTo == c {
			if from != nil || x.In&shell.PipeRight != 0 || x.Parent != nil {
				return nil
			}
			from = x
		}
	}
	return from
}

// sameName reports a variable that is set to itself.
func sameName(assign string) bool {
	name, value, _ := strings.Cut(assign, "=")
	value = strings.Trim(value, `"`)
	return value == "$"+name || value == "${"+name+"}"
}

// fits says why commands of one RUN cannot be run at the start of another.
func (m *relocation) fits(w *flow.Written, rd flow.FileReader, u use) string {
	first := w.First()
	in := rd.In
	if rd.Run.Script == nil || rd.Run.Exec != nil {
		return fmt.Sprintf("line %d: what writes %s cannot be added to the exec form", in.Line, shown(w))
	}
	if flow.User(in) != flow.User(first) {
		return fmt.Sprintf("line %d reads %s as another user than line %d writes it", in.Line, shown(w), first.Line)
	}
	relative := w.Name.Text != "" && !strings.HasPrefix(strings.TrimLeft(w.Name.Text, `"'`), "/") && !strings.HasPrefix(w.Name.Text, "~") && !strings.HasPrefix(strings.TrimLeft(w.Name.Text, `"`), "$")
	relative = relative || slices.ContainsFunc(w.Writes, func(v flow.Write) bool { return readsRelative(v) && len(ofMount(v)) == 0 }) || w.Writes[0].Kept != nil && w.Writes[0].Kept.Here
	relative = relative && !u.env
	covered := slices.ContainsFunc(in.Mounts(), func(x dockerfile.Mount) bool {
		return x.Type == "secret" && flow.MountTarget(in, x, x.Opts["id"]) == w.File
	})
	if (covered || flow.Covered(in, w.File)) && !u.env {
		return fmt.Sprintf("line %d: another mount covers the place of %s", in.Line, shown(w))
	}
	for _, text := range u.before {
		if name := boundInput(first, text, rd.Run.Script.Dialect); name != "" {
			return fmt.Sprintf("line %d: a mount has %s, which the command that moves reads", first.Line, name)
		}
	}
	var between []*dockerfile.Instruction
	for _, x := range in.Stage.History(in) {
		if x.Index > first.Index {
			between = append(between, x)
		}
	}
	for _, x := range between {
		switch x.Name {
		case "shell":
			return fmt.Sprintf("line %d changes the shell between the RUN that writes %s and the one that reads it", x.Line, shown(w))
		case "workdir":
			if relative {
				from, ok := flow.Workdir(first)
				to, ok2 := flow.Workdir(in)
				if !ok || !ok2 || from != to {
					return fmt.Sprintf("line %d changes the folder between the RUN that writes %s and the one that reads it", x.Line, shown(w))
				}
			}
		}
	}
	for _, v := range w.Writes {
		if readsRelative(v) && len(ofMount(v)) == 0 && v.Command.Dir != "" || relative && v.Command.Dir != "" {
			return fmt.Sprintf("line %d writes %s in another folder than the RUN's", first.Line, shown(w))
		}
		if why := m.inputs(v, between); why != "" {
			return why
		}
	}
	for _, text := range u.before {
		script, err := shell.Parse(text, rd.Run.Script.Dialect)
		if err != nil {
			return fmt.Sprintf("line %d: the shell is another one than that of line %d", in.Line, first.Line)
		}
		uses := script.Uses
		if strings.Contains(text, "~/") || w.Writes[0].Kept != nil && !u.env {
			uses = append(slices.Clone(uses), shell.Use{Name: "HOME"})
		}
		for _, v := range uses {
			for _, x := range between {
				if x.Name != "arg" && x.Name != "env" {
					continue
				}
				if slices.ContainsFunc(x.Pairs(), func(p dockerfile.Pair) bool { return p.Name == v.Name }) {
					return fmt.Sprintf("line %d changes %s between the RUN that writes %s and the one that reads it", x.Line, v.Name, shown(w))
				}
			}
		}
	}
	return ""
}

// boundInput returns a file that a command names and a mount of its RUN has, no secret; ""
// if there is none.
func boundInput(in *dockerfile.Instruction, text string, dialect shell.Dialect) string {
	script, err := shell.Parse(text, dialect)
	if err != nil {
		return ""
	}
	dir, _ := flow.Workdir(in)
	for _, c := range script.Commands {
		words := slices.Clone(c.Args)
		for _, d := range c.Redirs {
			words = append(words, d.Target)
		}
		for _, w := range words {
			name := strings.Trim(w.Text, `"'`)
			at := name
			if !path.IsAbs(at) {
				at = path.Join(dir, at)
			}
			if name != "" && !strings.HasPrefix(name, "-") && flow.Covered(in, at) {
				return name
			}
		}
	}
	return ""
}

// ofMount returns the words of a command that name a mounted file by the folder that the
// command runs in.
func ofMount(v flow.Write) []shell.Word {
	dir, ok := flow.Workdir(v.In)
	if !ok || !v.Command.DirKnown || !path.IsAbs(v.Via) || !plainPath(v.Via) {
		return nil
	}
	if at := v.Command.Dir; path.IsAbs(at) {
		dir = at
	} else {
		dir = path.Join(dir, at)
	}
	var out []shell.Word
	for _, x := range v.Command.Args {
		if x.IsLit && !x.Tilde && !path.IsAbs(x.Lit) && path.Join(dir, x.Lit) == v.Via {
			out = append(out, x)
		}
	}
	return out
}

// mountInFull names a mounted file in full in the commands that write it down elsewhere,
// where one that reads what they write runs in another folder.
func mountInFull(w *flow.Written, moved []string) []string {
	from, _ := flow.Workdir(w.First())
	if !slices.ContainsFunc(w.Readers, func(rd flow.FileReader) bool {
		to, ok := flow.Workdir(rd.In)
		return !ok || to != from
	}) {
		return moved
	}
	moved = slices.Clone(moved)
	for _, v := range w.Writes {
		for _, x := range ofMount(v) {
			for i, text := range moved {
				script, err := shell.Parse(text, v.Run.Script.Dialect)
				if err != nil {
					continue
				}
				for _, c := range slices.Backward(script.Commands) {
					for _, arg := range slices.Backward(c.Args) {
						if c.Program == v.Command.Program && arg.Text == x.Text {
							moved[i] = moved[i][:arg.Start] + v.Via + moved[i][arg.End:]
						}
					}
				}
			}
		}
	}
	return moved
}

// readsRelative reports a command that names a file to read by the folder it runs in.
func readsRelative(v flow.Write) bool {
	switch v.Command.Program {
	case "cat", "cp", "install", "envsubst":
	default:
		return false
	}
	for _, a := range v.Command.Args {
		if n := strings.Trim(a.Text, `"'`); !strings.HasPrefix(n, "-") && !strings.HasPrefix(n, "/") && !strings.HasPrefix(n, "~") && !strings.HasPrefix(n, "$") {
			return true
		}
	}
	return slices.ContainsFunc(v.Command.Redirs, func(d shell.Redir) bool {
		return d.Op == "<" && !strings.HasPrefix(strings.Trim(d.Target.Text, `"'`), "/")
	})
}

// inputs says which instruction may change a file that a moved command reads.
func (m *relocation) inputs(v flow.Write, between []*dockerfile.Instruction) string {
	var names []string
	switch v.Command.Program {
	case "cat", "sed", "awk", "cp", "install", "envsubst", "base64", "tr", "head", "tail", "cut":
	default:
		return ""
	}
	for _, a := range v.Command.Args {
		if n := strings.Trim(a.Text, `"'`); !strings.HasPrefix(n, "-") && !strings.HasPrefix(n, "/run/secrets/") && !strings.ContainsAny(n, "|{}()^;") {
			names = append(names, path.Base(n))
		}
	}
	for _, d := range v.Command.Redirs {
		if d.Op == "<" {
			names = append(names, path.Base(strings.Trim(d.Target.Text, `"'`)))
		}
	}
	for _, x := range between {
		if x.Name != "run" && x.Name != "copy" && x.Name != "add" {
			continue
		}
		for _, n := range names {
			if len(n) > 1 && strings.Contains(x.Text, n) && v.How != flow.Edits {
				return fmt.Sprintf("line %d works on %s, which the command that moves reads", x.Line, n)
			}
		}
	}
	return ""
}

// mounts returns the mounts that moved commands need in another RUN: of the secret, and
// of others that they name beside it.
func (m *relocation) mounts(w *flow.Written, to *dockerfile.Instruction, u use) []string {
	var out []string
	from := w.First()
	own := func(x dockerfile.Mount, target string) bool {
		return slices.ContainsFunc(m.s.Origins, func(o flow.Origin) bool { return o.In == from && o.Mount.Flag == x.Flag }) &&
			slices.ContainsFunc(w.Writes, func(v flow.Write) bool { return v.Via == x.Opts["env"] || v.Via == target })
	}
	text := u.text + strings.Join(u.before, " ")
	for _, x := range from.Mounts() {
		if x.Type != "secret" {
			continue
		}
		target := flow.MountTarget(from, x, x.Opts["id"])
		if !own(x, target) && !dockerfile.MentionsName(text, x.Opts["env"]) && (target == "" || !strings.Contains(text, target)) {
			continue
		}
		if slices.ContainsFunc(to.Mounts(), func(y dockerfile.Mount) bool {
			return y.Type == "secret" && y.Opts["id"] == x.Opts["id"] && y.Opts["env"] == x.Opts["env"] && flow.MountTarget(to, y, y.Opts["id"]) == target
		}) || slices.Contains(m.at(to, nil).flags, x.Flag.Text) {
			continue
		}
		out = append(out, x.Flag.Text)
	}
	return out
}

// dropMounts takes the secret's mounts off a RUN in which nothing reads it any more.
func (m *relocation) dropMounts(in *dockerfile.Instruction) {
	c := m.runs[in]
	if c.whole || len(c.gone)+len(c.swapped) == 0 {
		return
	}
	less := slices.Clone(c.gone) // what the RUN no longer has, or has in other words
	for _, cmd := range c.run.Script.Commands {
		if slices.ContainsFunc(c.swapped, func(e shell.TextEdit) bool { return cmd.Start <= e.Start && e.End <= cmd.End }) {
			less = append(less, cmd)
		}
	}
	rest := strings.Join(slices.Concat(c.before, []string{c.left()}, c.after), "\n")
	for _, o := range m.s.Origins {
		if o.In != in {
			continue
		}
		if name := o.Mount.Opts["env"]; name != "" && (dockerfile.MentionsName(rest, name) || m.s.Reads(c.run, name, less)) {
			continue
		}
		if file := flow.MountTarget(in, o.Mount, m.s.ID); file != "" && (strings.Contains(rest, path.Base(file)) || m.s.ReadsFile(c.run, file, less)) {
			continue
		}
		c.unmount = append(c.unmount, o.Mount.Flag)
	}
}

// left is the RUN's own text after the change.
func (c *changedRun) left() string {
	var edits []shell.TextEdit
	for _, sp := range c.spans {
		edits = append(edits, shell.TextEdit{Start: sp.Start, End: sp.End})
	}
	for _, e := range c.swapped {
		if !slices.ContainsFunc(c.spans, func(sp shell.Span) bool { return sp.Start <= e.Start && e.End <= sp.End }) {
			edits = append(edits, e)
		}
	}
	slices.SortFunc(edits, func(a, b shell.TextEdit) int { return b.Start - a.Start })
	text := c.run.Script.Text
	for _, e := range edits {
		text = text[:e.Start] + e.New + text[e.End:]
	}
	return text
}

// edits puts together what changes in each RUN.
func (m *relocation) edits() ([]edit.Edit, string) {
	var out []edit.Edit
	var whole []*dockerfile.Instruction
	for _, in := range m.order {
		c := m.runs[in]
		if c.whole {
			if len(c.before)+len(c.after)+len(c.swapped) > 0 {
				return nil, fmt.Sprintf("line %d writes one file and reads another", in.Line)
			}
			whole = append(whole, in)
			continue
		}
		edits, reason := c.edits(in, m.intent)
		if reason != "" {
			return nil, reason
		}
		out = append(out, edits...)
	}
	m.intent.gone(whole...)
	return append(out, m.p.File.Delete(whole...)...), ""
}

func (c *changedRun) edits(in *dockerfile.Instruction, meant *intent) ([]edit.Edit, string) {
	var out []edit.Edit
	unclear := fmt.Sprintf("line %d: the RUN cannot be changed with certainty", in.Line)
	bodies := ""
	var texts []shell.TextEdit
	for _, sp := range c.spans {
		texts = append(texts, shell.TextEdit{Start: sp.Start, End: sp.End})
	}
	texts = append(texts, c.swapped...)
	if len(c.before)+len(c.after) > 0 {
		if c.run.Script == nil || c.run.Exec != nil {
			return nil, fmt.Sprintf("line %d: nothing can be added to the exec form", in.Line)
		}
		// What a shell reads as a line break; the Dockerfile's own is put in its place below.
		brk := " "
		physical := strings.TrimRight(string(in.File.Src[in.Start:in.End]), "\r\n")
		switch heredoc := len(in.Heredocs) > 0; {
		case heredoc && c.run.Raw():
			brk = "\n"
			if in.File.Newline != "\n" {
				return nil, fmt.Sprintf("line %d: a here-document whose lines end in CRLF", in.Line)
			}
			if slices.ContainsFunc(c.before, func(x string) bool { return slices.Contains(strings.Split(x, "\n"), in.Heredocs[0].Name) }) {
				return nil, fmt.Sprintf("line %d: a here-document would stand in another one that ends with the same word", in.Line)
			}
		case heredoc && (len(c.before) > 0 || in.File.Newline != "\n"):
			return nil, fmt.Sprintf("line %d: a RUN with a here-document cannot be added to with certainty", in.Line)
		case heredoc:
		case len(c.before) > 0 || strings.Contains(physical, "\n"):
			brk = " \\\n" + indent(physical)
		}
		before, ok := c.before, true
		if brk != "\n" {
			if before, bodies, ok = withoutBodies(c.before, c.run.Script.Dialect); !ok || bodies != "" && in.File.Newline != "\n" {
				return nil, unclear
			}
		}
		enclosed, endDir, ok := c.run.Script.Enclose(before, c.after, brk, shellFlags(in))
		if ok && endDir != "" && slices.ContainsFunc(c.after, relativePaths) {
			// From another folder it is named in full.
			if c.after, ok = absolutePaths(c.after, in); ok {
				enclosed, endDir, ok = c.run.Script.Enclose(before, c.after, brk, shellFlags(in))
			} else {
				return nil, fmt.Sprintf("line %d ends in another folder than it begins in", in.Line)
			}
		}
		if !ok {
			return nil, unclear
		}
		if bodies != "" {
			if enclosed[0].New, ok = withHeredocs(enclosed[0].New, before, c.before); !ok {
				return nil, unclear
			}
		}
		if endDir != "" && c.here {
			return nil, fmt.Sprintf("line %d ends in another folder than it begins in", in.Line)
		}
		if strings.HasPrefix(brk, " \\") {
			if len(c.before) > 0 && len(enclosed) > 0 {
				if start, _, ok := c.run.Source(enclosed[0].Start, enclosed[0].Start); !ok || !alone(in.File.Src, start) {
					enclosed[0].New = strings.TrimPrefix(brk, " ") + enclosed[0].New
				}
			}
			for i := range enclosed {
				if lead, ok := leading(physical); ok && len(c.before) == 0 {
					enclosed[i].New = strings.ReplaceAll(enclosed[i].New, " &&"+brk, " \\\n"+lead+"&& ")
				}
				enclosed[i].New = strings.ReplaceAll(enclosed[i].New, "\\\n", string(in.File.Escape)+in.File.Newline)
			}
		}
		texts = append(texts, enclosed...)
	}
	for _, t := range texts {
		told := t
		if !c.run.Raw() {
			// BuildKit takes line continuations away before the shell sees the text.
			told.New = strings.ReplaceAll(t.New, string(in.File.Escape)+in.File.Newline, "")
		}
		meant.command(c.run, told)
		start, end, ok := c.run.Source(t.Start, t.End)
		if !ok {
			return nil, unclear
		}
		out = append(out, edit.Edit{Start: start, End: end, New: t.New})
	}
	if bodies != "" {
		n := len(c.run.Text)
		meant.command(c.run, shell.TextEdit{Start: n, End: n, New: "\n" + strings.TrimSuffix(bodies, "\n")})
	}
	switch last := len(out) - 1; {
	case bodies == "":
	case strings.HasSuffix(string(in.File.Src[:in.End]), "\n"):
		out = append(out, edit.Edit{Start: in.End, End: in.End, New: bodies})
	default: // what is added stands at the end of a file without a last newline
		out[last].New += "\n" + strings.TrimSuffix(bodies, "\n")
		if out[last].Start != in.End {
			return nil, unclear
		}
	}
	if len(c.flags) > 0 {
		out = append(out, in.AddFlags(c.flags...))
	}
	if reason := meant.mount(in, c.flags...); reason != "" {
		return nil, reason
	}
	for _, flag := range c.unmount {
		out = append(out, in.DropFlag(flag))
		if reason := meant.unmount(in, flag.Text); reason != "" {
			return nil, reason
		}
	}
	return out, ""
}

// withoutBodies takes the here-documents off commands, each of one line: their bodies
// stand behind the instruction. What is left is the same for who joins commands.
func withoutBodies(commands []string, dialect shell.Dialect) (out []string, bodies string, ok bool) {
	for _, text := range commands {
		line, rest, more := strings.Cut(text, "\n")
		if !more || strings.HasSuffix(line, "\\") {
			out = append(out, text)
			continue
		}
		script, err := shell.Parse(text, dialect)
		if err != nil {
			return nil, "", false
		}
		for i := len(script.Commands) - 1; i >= 0; i-- {
			for _, d := range slices.Backward(script.Commands[i].Redirs) {
				if d.Heredoc == "" && d.Op != "<<" {
					continue
				}
				if d.Op != "<<" || d.End > len(line) {
					return nil, "", false
				}
				line = line[:d.Start] + strings.TrimLeft(line[d.End:], " ")
			}
		}
		out = append(out, strings.TrimRight(line, " "))
		bodies += strings.TrimSuffix(rest, "\n") + "\n"
	}
	return out, bodies, true
}

// withHeredocs puts back into what is added what withoutBodies took off its lines.
func withHeredocs(added string, without, with []string) (string, bool) {
	for i, text := range without {
		line, _, _ := strings.Cut(with[i], "\n")
		if text == with[i] {
			continue
		}
		if strings.Count(added, text) != 1 {
			return "", false
		}
		added = strings.Replace(added, text, line, 1)
	}
	return added, true
}

// indent is how a RUN's further lines begin.
func indent(physical string) string {
	lines := strings.Split(physical, "\n")
	if len(lines) > 1 {
		if n := len(lines[1]) - len(strings.TrimLeft(lines[1], " \t")); n > 0 {
			return lines[1][:n]
		}
	}
	return "    "
}

// alone reports whether nothing but blanks stands before an offset on its line.
func alone(src []byte, offset int) bool {
	line := src[bytes.LastIndexByte(src[:offset], '\n')+1 : offset]
	return len(bytes.TrimSpace(line)) == 0
}

// leading reports a RUN whose lines begin with &&, and what stands before it.
func leading(physical string) (string, bool) {
	lines := strings.Split(physical, "\n")
	last := lines[len(lines)-1]
	rest := strings.TrimLeft(last, " \t")
	return last[:len(last)-len(rest)], len(lines) > 1 && strings.HasPrefix(rest, "&&")
}

// relativePaths reports an undoing that names a file relative to the current folder.
func relativePaths(undo string) bool {
	words := strings.Fields(undo)
	last := strings.Trim(words[len(words)-1], `"'`)
	return (strings.Contains(undo, "rm -f ") || strings.Contains(undo, "mv -f ")) && !strings.HasPrefix(last, "/") && !strings.HasPrefix(last, "~") && !strings.HasPrefix(last, "$")
}

// absolutePaths names the files of undoings in full, which are relative to the folder that
// a RUN begins in.
func absolutePaths(undos []string, in *dockerfile.Instruction) ([]string, bool) {
	dir, ok := flow.Workdir(in)
	if !ok || !plainPath(dir) {
		return nil, false
	}
	var out []string
	for _, x := range undos {
		if relativePaths(x) {
			words := strings.Fields(x)
			names := slices.Index(words, "-f") + 1
			for i := range words[names:] {
				if !plainPath(words[names+i]) {
					return nil, false
				}
				words[names+i] = path.Join(dir, words[names+i])
			}
			x = strings.Join(words, " ")
		}
		out = append(out, x)
	}
	return out, true
}

// plainPath reports a path that needs no quotes in a shell.
func plainPath(p string) bool {
	return strings.Trim(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-") == ""
}

// settings finds a rewriting of addresses in git's configuration: of two for one prefix,
// that in a file is taken before that of -c.
var settings = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)git\s+config[^\n]*insteadOf`) })

// enough reports whether variables do for every reader what the command did.
func (m *relocation) enough(sp respelled, v flow.Write, w *flow.Written) bool {
	for _, e := range sp.Env {
		name, _, _ := strings.Cut(e, "=")
		for _, in := range m.p.File.Instructions {
			if slices.ContainsFunc(in.Pairs(), func(p dockerfile.Pair) bool { return p.Name == name }) {
				return false
			}
		}
		for _, r := range w.Readers {
			if r.Run.Script != nil && r.Run.Script.Assigned[name] {
				return false
			}
		}
	}
	if sp.Needs != "" && !gitReadsEnvironment(m.p.File, w) {
		return false
	}
	for _, r := range w.Readers {
		if slices.ContainsFunc(sp.Unless, func(word string) bool { return dockerfile.MentionsName(r.Run.Text, word) }) {
			return false
		}
	}
	if sp.Whole {
		others, elsewhere := m.s.Alike(w)
		return !elsewhere && !slices.ContainsFunc(others, func(c *shell.Command) bool {
			o, ok := respellAs(c)
			return !ok || len(o.Env) == 0 || c.In != v.Command.In&^(shell.AndLeft|shell.AndRight)|c.In&(shell.AndLeft|shell.AndRight)
		})
	}
	return true
}

// respellAs says a command that keeps something, whatever that is.
func respellAs(c *shell.Command) (respelled, bool) {
	k, ok := flow.Keeps(c)
	if !ok {
		return respelled{}, false
	}
	return respell(k, c)
}

// numbered counts a setting of git on from those that are in the environment before it.
func numbered(env []string, n int) []string {
	var out []string
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		switch name {
		case "GIT_CONFIG_COUNT":
			value = fmt.Sprint(n + 1)
		default:
			name = strings.TrimSuffix(name, "0") + fmt.Sprint(n)
		}
		out = append(out, name+"="+value)
	}
	return out
}

// shellFlags are the flags of the shell in force: SHELL ["/bin/bash", "-euo", "pipefail", "-c"].
func shellFlags(in *dockerfile.Instruction) shell.Flags {
	var flags shell.Flags
	for _, x := range in.Stage.History(in) {
		if x.Name == "shell" {
			flags = shell.FlagsOf(x.Strings())
		}
	}
	return flags
}
