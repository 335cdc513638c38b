package flow

import (
	"encoding/json"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Run is the body of a RUN, read as far as it can be.
type Run struct {
	In     *dockerfile.Instruction
	Script *shell.Script // nil in the exec form and where the body is not understood
	Exec   []string      // the exec form's words
	Why    string        // why the body is not understood; "" if it is
	Text   string        // the script's text, for textual mentions even if it is not understood

	pieces []piece
	cmds   []command
	helper func(*shell.Command) Helper // what git's credential helpers do with what a command has
}

// piece maps script text from offset text on to the file: through the logical line
// (from line on), or straight to a byte of the file (from src on).
type piece struct {
	text, line, src int
	raw             bool
}

// command is a program with its arguments, in whichever form the RUN has.
type command struct {
	program string
	args    []string
	sh      *shell.Command // nil in the exec form
	lead    int            // words of sh before args: -m pip
}

// Source maps a span of the script to bytes of the file; ok is false where a line
// continuation or another piece lies between.
func (r *Run) Source(start, end int) (int, int, bool) {
	for i := len(r.pieces) - 1; i >= 0; i-- {
		p := r.pieces[i]
		if start < p.text {
			continue
		}
		if i+1 < len(r.pieces) && end > r.pieces[i+1].text {
			return 0, 0, false
		}
		if p.src == escaped && end > start {
			return 0, 0, false
		}
		if p.raw {
			return p.src + start - p.text, p.src + end - p.text, true
		}
		s, e := r.In.Span(p.line+start-p.text, p.line+end-p.text)
		return s, e, true
	}
	return 0, 0, false
}

// Raw reports whether the script's lines are lines of the file: the body of a here-document.
func (r *Run) Raw() bool { return len(r.pieces) == 1 && r.pieces[0].raw }

// Body is the offset in the script's text where a command can be put first.
func (r *Run) Body() int { return shell.BodyStart(r.Text) }

// ReadRun reads a RUN by itself.
func ReadRun(in *dockerfile.Instruction) *Run { return readRun(in) }

// readRun reads a RUN. Shells that are not understood leave Why.
func readRun(in *dockerfile.Instruction) *Run {
	r := &Run{In: in}
	if in.JSON() {
		r.exec(in.Strings())
		return r
	}
	dialect := dialectOf(in)
	args := strings.TrimSpace(in.ArgText())
	if len(in.Heredocs) == 1 && soleHeredoc(args) {
		h := in.Heredocs[0]
		if h.Chomp {
			r.Text = string(in.File.Src[h.Start:h.End])
			r.Why = "a here-document with <<- is not read"
			return r
		}
		r.Text = string(in.File.Src[h.Start:h.End])
		r.pieces = []piece{{0, 0, h.Start, true}}
		if strings.HasPrefix(r.Text, "#!") {
			line, _, _ := strings.Cut(r.Text[2:], "\n")
			dialect = shell.DialectOf(strings.Fields(line))
		}
	} else {
		r.Text = in.ArgText()
		r.pieces = []piece{{0, in.Args, 0, false}}
		if len(in.Heredocs) > 0 {
			h := in.Heredocs[0]
			r.pieces = append(r.pieces, piece{len(r.Text) + 1, 0, h.Start, true})
			r.Text += "\n" + string(in.File.Src[h.Start:in.End])
		}
	}
	if dialect == shell.Unknown {
		r.Why = "its shell is not understood"
		return r
	}
	s, err := shell.Parse(r.Text, dialect)
	if err != nil {
		r.Why = "its shell text is not understood"
		return r
	}
	r.Script = s
	flags := shell.FlagsOf(shellWords(in))
	s.Errexit, s.Nounset = s.Errexit || flags.Errexit, s.Nounset || flags.Nounset
	for _, c := range s.Commands {
		r.cmds = append(r.cmds, toCommand(c))
	}
	return r
}

func soleHeredoc(args string) bool {
	rest, ok := strings.CutPrefix(args, "<<")
	return ok && len(strings.Fields(strings.TrimPrefix(rest, "-"))) == 1 && !strings.ContainsAny(rest, ";|&>")
}

func (r *Run) exec(args []string) {
	r.Exec = args
	r.Text = strings.Join(args, "\n")
	if len(args) == 0 {
		return
	}
	for i, a := range args {
		if i == 0 || !strings.HasPrefix(a, "-") || strings.HasPrefix(a, "--") || !strings.HasSuffix(a, "c") || i+1 >= len(args) {
			continue
		}
		d := shell.DialectOf(args[:i+1])
		if d == shell.Unknown {
			break
		}
		if s, err := shell.Parse(args[i+1], d); err == nil {
			r.Script = s
			if e, ok := r.In.Elements(); ok && len(e) == len(args) {
				r.pieces = jsonPieces(r.In.Text[e[i+1].Start+1:e[i+1].End-1], e[i+1].Start+1, args[i+1])
			}
			for _, c := range s.Commands {
				r.cmds = append(r.cmds, toCommand(c))
			}
			return
		}
		r.Why = "its shell text is not understood"
		return
	}
	program := args[0]
	if i := strings.LastIndexByte(program, '/'); i >= 0 && !strings.HasPrefix(program, "./") {
		program = program[i+1:]
	}
	program, lead := runsAs(program, args[1:])
	r.cmds = []command{{program: program, args: args[1+lead:]}}
}

// escaped marks a piece of one character that is written as an escape sequence.
const escaped = -1

// jsonPieces maps the value of a JSON string to its text, which begins at a byte of the
// logical line: straight but for the escapes.
func jsonPieces(text string, line int, value string) []piece {
	pieces := []piece{{text: 0, line: line}}
	at := 0 // in value
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			i++
			at++
			continue
		}
		n := 2
		if i+1 < len(text) && text[i+1] == 'u' {
			n = 6
		}
		var c string
		if i+n > len(text) || json.Unmarshal([]byte(`"`+text[i:i+n]+`"`), &c) != nil || len(c) > 1 && n == 2 {
			return nil
		}
		pieces = append(pieces, piece{text: at, line: line + i, src: escaped})
		i, at = i+n, at+len(c)
		pieces = append(pieces, piece{text: at, line: line + i})
	}
	if at != len(value) {
		return nil
	}
	return pieces
}

func words(ws []shell.Word) []string {
	out := make([]string, len(ws))
	for i, w := range ws {
		out[i] = w.Text
		if w.IsLit {
			out[i] = w.Lit
		}
	}
	return out
}

// dialectOf is the dialect of the shell in force: the last SHELL before, else
// /bin/sh, which a Windows image does not have.
func dialectOf(in *dockerfile.Instruction) shell.Dialect {
	if in.Stage == nil {
		return shell.Unknown
	}
	if words := shellWords(in); words != nil {
		return shell.DialectOf(words)
	}
	if windows(in.Stage) {
		return shell.Unknown
	}
	return shell.POSIX
}

// shellWords are those of the SHELL instruction in force, nil if there is none.
func shellWords(in *dockerfile.Instruction) []string {
	if in.Stage == nil {
		return nil
	}
	var words []string
	for _, x := range in.Stage.History(in) {
		if x.Name == "shell" {
			words = x.Strings()
		}
	}
	return words
}

func windows(s *dockerfile.Stage) bool {
	line := s.Lineage()
	base := strings.ToLower(line[len(line)-1].Base)
	for _, w := range []string{"windows", "nanoserver", "servercore", "dotnet/framework"} {
		if strings.Contains(base, w) {
			return true
		}
	}
	return false
}
