package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// bitbucket returns the scripts of all steps. A pipe among the lines runs in a container of
// its own.
func bitbucket(f *file) []place {
	var out []place
	for _, d := range f.docs {
		root := image(orEmpty(value(d.Root, "image")))
		each(d.Root, func(n *yamledit.Node) {
			for _, key := range []string{"script", "after-script"} {
				lines := value(n, key)
				if lines == nil || lines.Kind != yamledit.List {
					continue
				}
				r := newRun(f, d, embed.Syntax{})
				r.text.Dialect, r.text.Flags = shell.POSIX, shell.Flags{Errexit: true}
				r.builder.images = []string{root}
				if own := value(n, "image"); own != nil {
					r.builder.images = []string{image(own)}
				}
				r.builder.off = text(n, "runtime", "cloud", "version") != "3" && text(d.Root, "options", "runtime", "cloud", "version") != "3"
				for _, line := range lines.Items {
					if line = line.Deref(); value(line, "pipe") == nil {
						r.add(d, line)
					}
				}
				out = append(out, r)
			}
		})
	}
	return out
}

func orEmpty(n *yamledit.Node) *yamledit.Node {
	if n == nil {
		return &yamledit.Node{}
	}
	return n
}

// codeBuild returns the commands of all phases: with version 0.2 one shell runs them all.
func codeBuild(f *file) []place {
	var out []place
	for _, d := range f.docs {
		sh := text(d.Root, "env", "shell")
		if sh != "" && shell.DialectOf([]string{sh}) == shell.Unknown {
			continue
		}
		vars := variables{}
		for _, key := range []string{"variables", "parameter-store", "secrets-manager"} {
			if key == "variables" {
				vars.add(value(d.Root, "env", key))
			} else {
				vars.forget(value(d.Root, "env", key))
			}
		}
		var r *run
		for _, phase := range []string{"install", "pre_build", "build", "post_build"} {
			for _, key := range []string{"commands", "finally"} {
				for _, line := range items(value(d.Root, "phases", phase, key)) {
					if r == nil || text(d.Root, "version") == "0.1" {
						r = newRun(f, d, embed.Syntax{})
						r.text.Dialect = shell.POSIX
						vars.apply(r, "$")
						out = append(out, r)
					}
					r.add(d, line)
				}
			}
		}
	}
	return out
}

// travis returns the lines of all phases, which one shell runs.
func travis(f *file) []place {
	var out []place
	for _, d := range f.docs {
		jobs := []*yamledit.Node{d.Root}
		for _, key := range []string{"jobs", "matrix"} {
			jobs = append(jobs, items(value(d.Root, key, "include"))...)
		}
		for _, job := range jobs {
			r := newRun(f, d, embed.Syntax{})
			r.text.Dialect = shell.Bash
			for _, phase := range []string{"before_install", "install", "before_script", "script", "after_success", "after_failure", "before_deploy", "after_deploy", "after_script"} {
				lines := value(job, phase)
				if lines == nil {
					lines = value(d.Root, phase)
				}
				r.add(d, items(lines)...)
			}
			out = append(out, r)
		}
	}
	return out
}

var buildkiteHoles = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\$|\\\$|\$\{[^}]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)
})

// buildkiteSyntax: variables are filled in when the pipeline is uploaded, unless their $ is
// escaped.
var buildkiteSyntax = embed.Syntax{
	Holes: func(v string) []embed.Piece {
		var out []embed.Piece
		for _, m := range buildkiteHoles().FindAllStringIndex(v, -1) {
			p := embed.Piece{Start: m[0], End: m[1]}
			if s := v[m[0]:m[1]]; s == "$$" || s == `\$` {
				p.Code = "$"
			}
			out = append(out, p)
		}
		return out
	},
	Escape: func(s string) string { return strings.ReplaceAll(s, "$", "$$") },
}

// buildkite returns the commands of all steps.
func buildkite(f *file) []place {
	var out []place
	for _, d := range f.docs {
		each(value(d.Root, "steps"), func(n *yamledit.Node) {
			for _, key := range []string{"command", "commands"} {
				lines := value(n, key)
				if n.Kind != yamledit.Map || lines == nil || lines.Kind == yamledit.Map {
					continue
				}
				r := newRun(f, d, buildkiteSyntax)
				r.text.Dialect, r.text.Flags = shell.Bash, shell.Flags{Errexit: true}
				vars := variables{}
				vars.add(value(d.Root, "env"))
				vars.add(value(n, "env"))
				vars.apply(r, "$")
				r.add(d, lines)
				out = append(out, r)
			}
		})
	}
	return out
}

var droneHoles = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\$\{|\$\{[^}]*\}`) })

// droneSyntax: ${…} is filled in before the file is read, unless its $ is escaped.
var droneSyntax = embed.Syntax{
	Holes: func(v string) []embed.Piece {
		var out []embed.Piece
		for _, m := range droneHoles().FindAllStringIndex(v, -1) {
			p := embed.Piece{Start: m[0], End: m[1]}
			if v[m[0]:m[1]] == "$${" {
				p.Code = "${"
			}
			out = append(out, p)
		}
		return out
	},
	Escape: func(s string) string { return strings.ReplaceAll(s, "${", "$${") },
}

// drone returns the commands and the plugins of all steps, of Drone and of Woodpecker.
func drone(f *file) []place {
	var out []place
	for _, d := range f.docs {
		if strings.HasPrefix(text(d.Root, "platform", "os"), "win") {
			continue
		}
		var steps []*yamledit.Node
		for _, key := range []string{"steps", "pipeline"} {
			v := value(d.Root, key)
			if v != nil && v.Kind == yamledit.List {
				steps = append(steps, items(v)...)
			}
			for _, e := range v.Entries() {
				steps = append(steps, e.Value.Deref())
			}
		}
		for _, n := range steps {
			if n == nil || n.Kind != yamledit.Map {
				continue
			}
			vars := variables{}
			vars.add(value(d.Root, "environment"))
			vars.add(value(n, "environment"))
			for name, v := range vars {
				if v != nil && v.Kind == yamledit.Map {
					vars[name] = nil // a secret of the store: it may not be there
				}
			}
			if p := newPlugin(f, d, n, vars); p != nil {
				out = append(out, p)
				continue
			}
			lines := value(n, "commands")
			if lines == nil {
				continue
			}
			r := newRun(f, d, droneSyntax)
			r.text.Dialect, r.text.Flags = shell.POSIX, shell.Flags{Errexit: true}
			r.builder.images = []string{text(n, "image")}
			if dir := text(n, "directory"); dir != "" {
				r.text.Dirs = []string{path.Clean(dir)}
			}
			vars.apply(r, "$")
			if value(n, "environment") == nil || value(n, "environment").Kind == yamledit.Map {
				r.set = func(t *tx, set []script.Assignment) error { return t.setIn(d, n, "environment", set) }
			}
			r.local = func(t *tx, id string) error { return t.fromStore(d, n, id) }
			r.add(d, lines)
			if strings.Contains(r.text.Code, "$$") || slices.ContainsFunc(r.items, func(it item) bool {
				return strings.Contains(strings.ReplaceAll(it.text.Node().Value, "$${", ""), "$$")
			}) {
				r.broken = true // what becomes of $$ is not certain
			}
			out = append(out, r)
		}
	}
	return out
}
