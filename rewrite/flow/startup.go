package flow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Startup is what a container of a stage starts with, as far as the file says.
type Startup struct {
	Stage           *dockerfile.Stage
	Entrypoint, Cmd *dockerfile.Instruction // in force; nil where they are the base's, or there is none
	NoCmd           bool                    // an ENTRYPOINT of the file has taken the base's CMD away
	Health          *dockerfile.Instruction // the HEALTHCHECK in force; nil for none, and for NONE
	Base            string                  // the image that the stage begins with; an argument without a default stands in it as it is written
	Shell           bool                    // a RUN has shown that there is a /bin/sh
	Windows         bool
}

// StartupOf reads what a container of the stage starts with.
func StartupOf(st *dockerfile.Stage) Startup {
	s := Startup{Stage: st, Base: baseImage(st), Windows: windows(st)}
	for _, in := range st.History(nil) {
		switch in.Name {
		case "entrypoint":
			s.Entrypoint = in
			// BuildKit clears the CMD unless the same stage has set one before.
			if s.Cmd == nil || s.Cmd.Stage != in.Stage {
				s.Cmd, s.NoCmd = nil, true
			}
		case "cmd":
			s.Cmd = in
		case "healthcheck":
			s.Health = in
			if strings.EqualFold(strings.TrimSpace(in.ArgText()), "none") {
				s.Health = nil
			}
		case "run":
			s.Shell = s.Shell || runsSh(in)
		}
	}
	return s
}

// Started are the words of an ENTRYPOINT or CMD as the image's configuration has them:
// the shell form is run by the shell in force.
func Started(in *dockerfile.Instruction) []string {
	if in.JSON() {
		return in.Strings()
	}
	words := slices.Clone(shellWords(in))
	if words == nil {
		words = []string{"/bin/sh", "-c"}
	}
	return append(words, strings.Join(in.Strings(), " "))
}

// runsSh reports whether /bin/sh runs the instruction.
func runsSh(in *dockerfile.Instruction) bool {
	if in.JSON() {
		words := in.Strings()
		return len(words) > 0 && words[0] == "/bin/sh"
	}
	if len(in.Heredocs) == 1 && soleHeredoc(strings.TrimSpace(in.ArgText())) {
		h := in.Heredocs[0]
		if text := string(in.File.Src[h.Start:h.End]); strings.HasPrefix(text, "#!") {
			line, _, _ := strings.Cut(text[2:], "\n")
			words := strings.Fields(line)
			return len(words) > 0 && words[0] == "/bin/sh"
		}
	}
	words := shellWords(in)
	return words == nil && !windows(in.Stage) || len(words) > 0 && words[0] == "/bin/sh"
}

// baseImage is the image that a stage begins with, with the defaults of the arguments
// before the first FROM in their places, and those without one as they are written.
func baseImage(st *dockerfile.Stage) string {
	line := st.Lineage()
	root := line[len(line)-1]
	global := map[string]string{}
	for _, in := range root.File.Instructions {
		if in.Stage != nil {
			break
		}
		for _, p := range in.Pairs() {
			if e, err := root.File.Expand(p.Value.Text, global); in.Name == "arg" && p.HasValue && err == nil {
				global[p.Name] = e.Value
			}
		}
	}
	// An argument without a default stays a variable: a tag that is not known.
	e, err := root.File.Expand(root.Base, global)
	for name := range e.Used {
		if global[name] == "" {
			global[name] = "${" + name + "}"
		}
	}
	if err == nil {
		e, err = root.File.Expand(root.Base, global)
	}
	if err != nil {
		return ""
	}
	return e.Value
}

// HealthReads returns the program of a HEALTHCHECK that reads one of the variables, or
// may; "" if none does. A health check runs beside the container's program: it has the
// image's variables, not those that a program before that one has set.
func HealthReads(in *dockerfile.Instruction, p *Project, names []string) string {
	a := newAnalysis(in.File, p)
	if in.JSON() {
		return a.probes(&Run{In: in}, in.Strings(), names)
	}
	return a.probes(&Run{In: in}, Started(in), names)
}

// TestReads is HealthReads for the words of a compose service's healthcheck.test, as YAML
// has them: ["CMD", …] and ["CMD-SHELL", text], or a text alone.
func TestReads(f *dockerfile.File, p *Project, words, names []string) string {
	switch {
	case len(words) == 0 || words[0] == "NONE":
		return ""
	case words[0] == "CMD":
		words = words[1:]
	case words[0] == "CMD-SHELL":
		words = append([]string{"/bin/sh", "-c"}, words[1:]...)
	case len(words) == 1:
		words = []string{"/bin/sh", "-c", words[0]}
	}
	plain := make([]string, len(words))
	for i, w := range words {
		plain[i] = strings.ReplaceAll(w, "$$", "$")
	}
	return newAnalysis(f, p).probes(&Run{In: f.Instructions[0]}, plain, names)
}

// quietProbes are programs of health checks that read no variable of a program's own.
var quietProbes = []string{"pg_isready", "pgrep", "pidof", "ps", "kill", "grpc_health_probe", "grpc-health-probe", "ncat", "nginx", "httpd", "apachectl", "supervisorctl", "exit"}

// probes returns the program of a health check that reads one of the variables, or may.
func (a *analysis) probes(r *Run, words, names []string) string {
	r.exec(words)
	if r.Why != "" {
		return "a shell text that is not understood"
	}
	for _, n := range names {
		if r.mentions(n) {
			return "$" + n
		}
		if program := a.known(r, n); program != "" {
			return program
		}
		if program := r.opaque(n, func(c command) bool { return !a.quietProbe(c, n, 1) }); program != "" {
			return program
		}
	}
	return ""
}

// quietProbe reports a command of a health check that does not read the variable: one
// that is known not to, or a shell script of the project that runs only such.
func (a *analysis) quietProbe(c command, name string, deep int) bool {
	if classOf(c.program, c.args) != opaque || slices.Contains(quietProbes, c.program) {
		return true
	}
	file := c.program
	if c.sh != nil && c.sh.Path != "" {
		file = c.sh.Path
	}
	data, ok := a.contextFile(path.Base(file))
	line, _, _ := strings.Cut(string(data), "\n")
	d := shell.DialectOf([]string{line})
	if !ok || deep == 0 || !strings.HasPrefix(line, "#!") || d == shell.Unknown {
		return false
	}
	s, err := shell.Parse(string(data), d)
	if err != nil {
		return false
	}
	r := &Run{Script: s, Text: string(data)}
	for _, c := range s.Commands {
		r.cmds = append(r.cmds, toCommand(c))
	}
	return !r.mentions(name) && a.known(r, name) == "" && r.opaque(name, func(c command) bool { return !a.quietProbe(c, name, deep-1) }) == ""
}
