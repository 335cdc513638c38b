package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/images"
	"github.com/unbake-dev/unbake/rewrite/proof"
)

// overriding is what compose services put in place of what an image starts.
type overriding struct{ entrypoint, command string } // who does; "" if none

// shim is the start-up of an image that hands secrets to its program, while it is put
// together: the COPY of the script, and the ENTRYPOINT or CMD that goes through it.
type shim struct {
	file   *dockerfile.File
	hands  []handing
	over   overriding
	edits  []edit.Edit
	pieces []proof.Piece
	shims  []proof.Shim

	copied  []*dockerfile.Stage // that have the script
	wrapped []*dockerfile.Instruction
	set     map[string][]*dockerfile.Stage // "entrypoint", "cmd": stages that have been given one
}

// shimFor puts a shim before what containers of the stages start. reason says why it is
// not certain that they would start as they did.
func shimFor(f *dockerfile.File, stages []*dockerfile.Stage, hands []handing, over overriding) (s *shim, reason string) {
	s = &shim{file: f, hands: hands, over: over, set: map[string][]*dockerfile.Stage{}}
	switch {
	case bytes.Contains(f.Src, []byte("\r\n")):
		return nil, "a script in a file with CRLF line ends would have them too"
	case !knowsHeredocs(f):
		return nil, "the frontend that the syntax line names is not known to have here-documents"
	case over.entrypoint != "":
		return nil, over.entrypoint + " has an entrypoint of its own"
	}
	for _, st := range stages {
		if reason := s.stage(st); reason != "" {
			return nil, reason
		}
	}
	return s, ""
}

// stage gives one stage its shim.
func (s *shim) stage(st *dockerfile.Stage) (reason string) {
	start := flow.StartupOf(st)
	base, known := images.StartOf(start.Base)
	switch {
	case start.Windows:
		return "a Windows image has no /bin/sh"
	case !start.Shell && !(known && base.Shell):
		return "nothing shows that the image has a /bin/sh"
	}
	for _, in := range st.History(nil) {
		for _, p := range in.Pairs() {
			if in.Name == "env" && p.Name == "PATH" && !findsCat(p.Value.Text) {
				return fmt.Sprintf("line %d: with this PATH, the shim finds no cat", in.Line)
			}
			if in.Name == "env" && !dockerfile.IsName(p.Name) {
				return fmt.Sprintf("line %d: a shell may lose a variable that is called %s", in.Line, p.Name)
			}
		}
	}
	if s.inherits(st, "entrypoint", start.Entrypoint) || s.inherits(st, "cmd", start.Cmd) {
		return s.again(st)
	}
	if start.Entrypoint != nil {
		if s.through(start.Entrypoint) {
			return s.again(st)
		}
		if start.Entrypoint.Stage == st {
			return s.replace(st, start.Entrypoint)
		}
		var cmd []string
		if start.Cmd != nil && start.Cmd.Stage != st {
			cmd = flow.Started(start.Cmd)
		}
		return s.restate(st, flow.Started(start.Entrypoint), cmd, nil)
	}
	if start.Cmd != nil && s.through(start.Cmd) {
		return s.again(st)
	}
	command := base.Cmd
	if start.Cmd != nil {
		command = flow.Started(start.Cmd)
	}
	own := start.Cmd != nil && start.Cmd.Stage == st
	of := &proof.Started{Entrypoint: base.Entrypoint, Cmd: base.Cmd}
	first := s.over.command == "" && base.Runs(command) && !brings(st, base.Entrypoint) // the entrypoint is as good as not there
	switch {
	case !known || start.Cmd == nil && !base.KnownCmd:
		return "it is not known what its base image starts"
	case first && own:
		return s.replace(st, start.Cmd)
	case first && start.Cmd != nil:
		return s.put(st, []newStart{{"cmd", through(command)}}, nil)
	case first:
		return s.put(st, []newStart{{"cmd", through(command)}}, of)
	case !base.KnownEntrypoint:
		return "it is not known what the entrypoint of its base image does with a command"
	case own:
		command = nil // setting the entrypoint leaves it as it is
	}
	return s.restate(st, base.Entrypoint, command, of)
}

// findsCat reports whether a PATH goes on with the one before, or has a folder of the system.
func findsCat(value string) bool {
	return strings.Contains(value, "$PATH") || strings.Contains(value, "${PATH") ||
		slices.ContainsFunc(strings.Split(strings.Trim(value, `"'`), ":"), func(dir string) bool { return dir == "/bin" || dir == "/usr/bin" })
}

// brings reports whether a stage has an entrypoint of its own under the name that its
// base's has.
func brings(st *dockerfile.Stage, entrypoint []string) bool {
	return len(entrypoint) > 0 && slices.ContainsFunc(st.History(nil), func(in *dockerfile.Instruction) bool {
		return (in.Name == "copy" || in.Name == "add" || in.Name == "run") && strings.Contains(string(in.File.Src[in.Start:in.End]), path.Base(entrypoint[0]))
	})
}

// again gives the script of a stage that goes through it the lines that it lacks.
func (s *shim) again(st *dockerfile.Stage) string {
	text, reason := s.script(st)
	if reason == "" && text != "" {
		reason = "what it starts goes through a " + shimPath + " that is none of these"
	}
	return reason
}

// inherits reports whether a stage that this one builds on has been given an ENTRYPOINT
// or CMD, and this one has none of its own.
func (s *shim) inherits(st *dockerfile.Stage, name string, own *dockerfile.Instruction) bool {
	return (own == nil || own.Stage != st) && slices.ContainsFunc(st.Lineage()[1:], func(x *dockerfile.Stage) bool { return slices.Contains(s.set[name], x) })
}

func through(words []string) []string { return append([]string{shimPath}, words...) }

// through reports whether an ENTRYPOINT or CMD goes through the shim already.
func (s *shim) through(in *dockerfile.Instruction) bool {
	words := flow.Started(in)
	return slices.Contains(s.wrapped, in) || len(words) > 0 && words[0] == shimPath
}

// newStart is an ENTRYPOINT or CMD that comes.
type newStart struct {
	name  string
	words []string
}

// restate sets the ENTRYPOINT that a stage has from elsewhere, behind the shim, and the
// CMD that setting it takes away.
func (s *shim) restate(st *dockerfile.Stage, entrypoint, cmd []string, base *proof.Started) string {
	come := []newStart{{"entrypoint", through(entrypoint)}}
	if len(cmd) > 0 {
		come = append(come, newStart{"cmd", cmd})
	}
	return s.put(st, come, base)
}

// replace puts the shim into an ENTRYPOINT or CMD of the stage itself.
func (s *shim) replace(st *dockerfile.Stage, in *dockerfile.Instruction) string {
	words := flow.Started(in)
	if len(words) > 0 && words[0] == "" || in.Name == "cmd" && len(words) == 0 {
		return fmt.Sprintf("line %d starts nothing", in.Line)
	}
	e, ok := wrap(in, words)
	if !ok {
		return fmt.Sprintf("line %d: the command is written in a way that is not understood", in.Line)
	}
	s.edits = append(s.edits, e)
	s.pieces = append(s.pieces, proof.Piece{Instruction: in.Index, Name: in.Name, Words: through(words)})
	s.wrapped = append(s.wrapped, in)
	return s.put(st, nil, nil)
}

// wrap returns the edit that puts the shim before the words of an ENTRYPOINT or CMD: as
// the first element of the exec form, which the shell form becomes.
func wrap(in *dockerfile.Instruction, words []string) (edit.Edit, bool) {
	if in.JSON() {
		elements, ok := in.Elements()
		if !ok {
			return edit.Edit{}, false
		}
		first := `"` + shimPath + `"`
		if len(elements) == 0 {
			return in.Insert(in.Args+strings.IndexByte(in.ArgText(), '[')+1, first), true
		}
		sep := ", "
		if len(elements) > 1 && !strings.ContainsAny(in.Text[elements[0].End:elements[1].Start], " \t") {
			sep = ","
		}
		return in.Insert(elements[0].Start, first+sep), true
	}
	text, ok := array(through(words))
	end := in.Args + len(strings.TrimRight(in.ArgText(), " \t\r\n"))
	if !ok || end <= in.Args {
		return edit.Edit{}, false
	}
	e, straight := in.Replace(in.Args, end, text)
	if !straight && commented(in.File.Src[e.Start:e.End]) {
		return edit.Edit{}, false
	}
	return e, true
}

// commented reports lines of comments within a text.
func commented(text []byte) bool {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			return true
		}
	}
	return false
}

// array writes words as the exec form has them.
func array(words []string) (string, bool) {
	var out []string
	for _, w := range words {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if !utf8.ValidString(w) || enc.Encode(w) != nil {
			return "", false
		}
		out = append(out, strings.TrimSuffix(b.String(), "\n"))
	}
	return "[" + strings.Join(out, ", ") + "]", true
}

// put puts the script and new instructions into a stage.
func (s *shim) put(st *dockerfile.Stage, come []newStart, base *proof.Started) string {
	s.shims = append(s.shims, proof.Shim{Stage: st.Index, Path: shimPath, Base: base})
	script, reason := s.script(st)
	if reason != "" {
		return reason
	}
	after, offset := s.place(st)
	var block strings.Builder
	if script != "" {
		block.WriteString(script)
		s.pieces = append(s.pieces, proof.Piece{Instruction: after.Index, Comes: true, Name: "copy", Path: shimPath, Content: shimText(s.hands)})
	}
	for _, c := range come {
		text, ok := array(c.words)
		if !ok {
			return "what the container starts is not UTF-8"
		}
		block.WriteString(strings.ToUpper(c.name) + " " + text + "\n")
		s.pieces = append(s.pieces, proof.Piece{Instruction: after.Index, Comes: true, Name: c.name, Words: c.words})
		s.set[c.name] = append(s.set[c.name], st)
	}
	if block.Len() == 0 {
		return ""
	}
	e := edit.Edit{Start: offset, End: offset, New: block.String()}
	if src := s.file.Src; offset == len(src) && !bytes.HasSuffix(src, []byte("\n")) {
		e.New = "\n" + strings.TrimSuffix(e.New, "\n")
	}
	s.edits = append(s.edits, e)
	return ""
}

// place is where new instructions stand in a stage: before its own ENTRYPOINT and CMD,
// with the comment above them, where nothing behind that changes files; else at its end.
func (s *shim) place(st *dockerfile.Stage) (after *dockerfile.Instruction, offset int) {
	var anchor *dockerfile.Instruction
	for _, in := range st.Instructions {
		switch {
		case in.OnBuild:
		case in.Name == "entrypoint" || in.Name == "cmd":
			if anchor == nil {
				anchor = in
			}
		case in.Name == "run" || in.Name == "copy" || in.Name == "add" || in.Name == "workdir":
			anchor = nil
		}
	}
	if anchor == nil {
		i := len(st.Instructions) - 1
		// An ENV that goes takes the blank line behind it along: nothing can stand there.
		for st.Instructions[i].End < len(s.file.Src) && (st.Instructions[i].Name == "env" || st.Instructions[i].Name == "arg") {
			i--
		}
		return st.Instructions[i], st.Instructions[i].End
	}
	after = s.file.Instructions[anchor.Index-1]
	offset = anchor.Start
	for offset > after.End {
		above := bytes.LastIndexByte(s.file.Src[:offset-1], '\n') + 1
		if !bytes.HasPrefix(bytes.TrimSpace(s.file.Src[above:offset]), []byte("#")) {
			break
		}
		offset = above
	}
	return after, offset
}
