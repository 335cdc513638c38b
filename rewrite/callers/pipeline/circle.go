package pipeline

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

var circleHoles = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\\<<|<<\s*(?:parameters|pipeline|matrix)\.[\w.-]+\s*>>`)
})

// circleSyntax: parameters are filled in before the shell, and a heredoc's mark is escaped.
var circleSyntax = embed.Syntax{
	Holes: func(v string) []embed.Piece {
		var out []embed.Piece
		for _, m := range circleHoles().FindAllStringIndex(v, -1) {
			p := embed.Piece{Start: m[0], End: m[1]}
			if v[m[0]] == '\\' {
				p.Code = "<<"
			}
			out = append(out, p)
		}
		return out
	},
	Escape: func(s string) string { return strings.ReplaceAll(s, "<<", `\<<`) },
}

// circle returns the run steps of all jobs and commands, and the steps of orbs that build.
func circle(f *file) []place {
	var out []place
	for _, d := range f.docs {
		c := &circleFile{f, d}
		each(d.Root, func(n *yamledit.Node) {
			for _, key := range []string{"jobs", "commands"} {
				for _, e := range value(n, key).Entries() {
					if steps := value(e.Value, "steps"); steps != nil {
						out = append(out, c.steps(e.Value.Deref(), steps)...)
					}
				}
			}
			out = append(out, c.orb(n)...)
		})
	}
	return out
}

type circleFile struct {
	*file
	doc *document
}

// steps returns the run steps of a job or a command, those under a condition too.
func (c *circleFile) steps(job, list *yamledit.Node) []place {
	if where := text(job, "executor") + text(job, "executor", "name") + text(job, "machine", "image"); strings.HasPrefix(where, "win") {
		return nil
	}
	var out []place
	b := c.builder(job, list)
	each(list, func(step *yamledit.Node) {
		e, ok := step.Get("run")
		if step.Kind != yamledit.Map || !ok || len(step.Keys) != 1 {
			return
		}
		n := e.Value.Deref()
		r := newRun(c.file, c.doc, circleSyntax)
		r.builder = b
		r.text.Dialect, r.text.Flags = shell.Bash, shell.Flags{Errexit: true}
		command, where, sh := n, "", text(job, "shell")
		if n.Kind == yamledit.Map {
			command, where = value(n, "command"), text(n, "working_directory")
			if own := text(n, "shell"); own != "" {
				sh = own
			}
			r.set = func(t *tx, set []script.Assignment) error { return t.setIn(c.doc, n, "environment", set) }
		}
		if command == nil || command.Kind != yamledit.Scalar || strings.Contains(command.Value, "<<#") || strings.Contains(command.Value, "<<^") {
			return
		}
		if sh != "" {
			r.text.Dialect, r.text.Flags = shell.DialectOf(strings.Fields(sh)), shell.FlagsOf(strings.Fields(sh))
		}
		if where = strings.TrimPrefix(strings.TrimPrefix(where, "~/project"), "/"); where != "" {
			r.text.Dirs = []string{path.Clean(where)}
			if strings.ContainsAny(where, "~$<") {
				r.text.Dirs = nil
			}
		}
		vars := variables{}
		vars.add(value(job, "environment"))
		vars.add(value(n, "environment"))
		vars.apply(r, "$", "<<")
		r.add(c.doc, command)
		out = append(out, r)
	})
	return out
}

var circleEngine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:docker)?(\d+(?:\.\d+)*)$`) })

// builder reads the engine that a job asks for.
func (c *circleFile) builder(job, steps *yamledit.Node) builder {
	var b builder
	each(steps, func(n *yamledit.Node) {
		if m := circleEngine().FindStringSubmatch(text(n, "setup_remote_docker", "version")); m != nil {
			b.version, b.why = m[1], "setup_remote_docker: "+text(n, "setup_remote_docker", "version")
		}
	})
	return b
}

// orb returns the settings of a command of an orb that builds: what passes the arguments on
// stands in the orb.
func (c *circleFile) orb(n *yamledit.Node) []place {
	var out []place
	for i, k := range n.Keys {
		in := n.Items[i].Deref()
		if !strings.Contains(k.Value, "/") || in == nil || in.Kind != yamledit.Map {
			continue
		}
		for _, key := range []string{"extra_build_args", "extra-build-args", "docker_build_args", "docker-build-args"} {
			v := value(in, key)
			if v == nil || v.Kind != yamledit.Scalar || !strings.Contains(v.Value, "build-arg") {
				continue
			}
			where := text(in, "path")
			context := text(in, "docker-context") + text(in, "docker_context") + text(in, "build_path") + text(in, "build-path")
			out = append(out, &told{
				file: c.file, doc: c.doc, node: v, syntax: circleSyntax, what: k.Value,
				context: context, dockerfile: path.Join(where, text(in, "dockerfile")),
				fixed: "what the orb passes on is not known here: write --secret id=NAME,env=NAME in " + key + " in place of the --build-arg",
			})
		}
	}
	return out
}
