package pipeline

import (
	"fmt"
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

var cloudNames = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\$|\$\{(\w+)\}|\$([A-Z_][A-Z0-9_]*)`)
})

// cloudBuiltin are the substitutions that there are besides those that begin with _.
var cloudBuiltin = []string{
	"PROJECT_ID", "BUILD_ID", "PROJECT_NUMBER", "LOCATION", "TRIGGER_NAME", "TRIGGER_BUILD_CONFIG_PATH", "COMMIT_SHA", "REVISION_ID",
	"SHORT_SHA", "REPO_NAME", "REPO_FULL_NAME", "BRANCH_NAME", "TAG_NAME", "REF_NAME", "SERVICE_ACCOUNT_EMAIL", "SERVICE_ACCOUNT",
}

// cloudSyntax: substitutions are filled in before anything runs, and $$ is a dollar.
func (c *cloudFile) syntax() embed.Syntax {
	return embed.Syntax{
		Holes: func(v string) []embed.Piece {
			var out []embed.Piece
			for _, m := range cloudNames().FindAllStringSubmatchIndex(v, -1) {
				p := embed.Piece{Start: m[0], End: m[1]}
				name := ""
				for _, g := range []int{2, 4} {
					if m[g] >= 0 {
						name = v[m[g]:m[g+1]]
					}
				}
				switch {
				case name == "":
					p.Code = "$"
				case !strings.HasPrefix(name, "_") && !slices.Contains(cloudBuiltin, name):
					continue // the shell's own
				default:
					p.Value, p.Known = c.given[name], c.given[name] != ""
				}
				out = append(out, p)
			}
			return out
		},
		Escape: func(s string) string { return strings.ReplaceAll(s, "$", "$$") },
	}
}

type cloudFile struct {
	*file
	doc   *document
	given map[string]string // substitutions, as they are where a trigger says nothing else
}

// cloudBuild returns the scripts of all steps, and the words that they give to a builder.
func cloudBuild(f *file) []place {
	var out []place
	for _, d := range f.docs {
		c := &cloudFile{f, d, map[string]string{}}
		for _, e := range value(d.Root, "substitutions").Entries() {
			if v := e.Value.Deref(); v.Kind == yamledit.Scalar && !strings.Contains(v.Value, "$") {
				c.given[e.Key.Value] = v.Value
			}
		}
		for _, n := range items(value(d.Root, "steps")) {
			if n.Kind == yamledit.Map {
				out = append(out, c.step(n)...)
			}
		}
	}
	return out
}

var shells = []string{"bash", "sh", "/bin/bash", "/bin/sh", "/usr/bin/bash", "/bin/ash", "ash", "/busybox/sh"}

func (c *cloudFile) step(n *yamledit.Node) []place {
	name, entry := text(n, "name"), text(n, "entrypoint")
	if name == "" {
		return nil
	}
	dir := "."
	if d := text(n, "dir"); d != "" {
		dir = path.Clean(strings.TrimPrefix(d, "/workspace/"))
	}
	env := c.environment(n)
	args := value(n, "args")
	b := builder{images: []string{name}, buildKit: env.text("DOCKER_BUILDKIT")}
	if image, tag := reference(name); strings.HasSuffix(image, "cloud-builders/docker") && (tag == "" || tag == "latest") {
		b.version, b.why = "20.10", "image: "+name
	}
	if classic(env, name) {
		b.buildKit = "1" // a change turns it on
	}
	start := func(s embed.Syntax, code *yamledit.Node, dialect shell.Dialect, flags shell.Flags) []place {
		r := newRun(c.file, c.doc, s)
		r.text.Dialect, r.text.Flags = dialect, flags
		r.text.Dirs = []string{dir}
		if strings.Contains(dir, "$") || path.IsAbs(dir) {
			r.text.Dirs = nil
		}
		env.vars.apply(r, "$")
		r.builder = b
		r.set = func(t *tx, set []script.Assignment) error {
			for _, a := range set {
				if err := c.setEnv(t, n, a.Name, a.Value); err != nil {
					return err
				}
			}
			return nil
		}
		r.local = func(t *tx, id string) error {
			if env.has(id) {
				return nil
			}
			return t.Errorf(c.doc.base+n.Start, "nothing gives this step %s: add it to availableSecrets and to secretEnv of the step, and pass --secret id=%s,env=%s", id, id, id)
		}
		r.also = func(t *tx) error { return c.turnOn(t, n, env, name) }
		r.add(c.doc, code)
		return []place{r}
	}
	switch code := value(n, "script"); {
	case code != nil && code.Kind == yamledit.Scalar:
		first, _, _ := strings.Cut(code.Value, "\n")
		dialect, flags := shell.POSIX, shell.Flags{}
		if strings.HasPrefix(first, "#!") {
			dialect, flags = shell.DialectOf([]string{first}), shell.FlagsOf([]string{first})
		}
		return start(embed.Syntax{}, code, dialect, flags)
	case args == nil || args.Kind != yamledit.List:
		return nil
	case slices.Contains(shells, entry):
		for i, a := range args.Items {
			a = a.Deref()
			if i+1 < len(args.Items) && strings.HasPrefix(a.Value, "-") && !strings.HasPrefix(a.Value, "--") && strings.Contains(a.Value, "c") {
				return start(c.syntax(), args.Items[i+1], shell.DialectOf([]string{entry}), shell.FlagsOf([]string{entry, a.Value}))
			}
		}
		return nil
	}
	image, _ := reference(name)
	program := ""
	switch {
	case strings.Contains(image, "kaniko") && entry == "":
		program = "/kaniko/executor"
	case path.Base(image) == "docker" && (entry == "" || entry == "docker"), entry == "docker":
		program = "docker"
	case entry == "podman" || entry == "buildah" || entry == "/kaniko/executor":
		program = entry
	default:
		return nil
	}
	return []place{&words{cloudFile: c, step: n, args: args, program: program, dir: dir, builder: b, env: env, image: name}}
}

// cloudEnv is the environment of a step.
type cloudEnv struct {
	vars   variables
	secret []string // from the secrets of the project
}

func (e cloudEnv) text(name string) string {
	if v := e.vars[name]; v != nil {
		return v.Value
	}
	return ""
}

func (e cloudEnv) has(name string) bool { _, ok := e.vars[name]; return ok }

// environment reads env and secretEnv, of a step and of all.
func (c *cloudFile) environment(n *yamledit.Node) cloudEnv {
	e := cloudEnv{vars: variables{}}
	for _, at := range []*yamledit.Node{value(c.doc.Root, "options"), n} {
		for _, item := range items(value(at, "env")) {
			if name, v, ok := strings.Cut(item.Value, "="); ok {
				e.vars[name] = &yamledit.Node{Kind: yamledit.Scalar, Value: v}
			}
		}
		for _, item := range items(value(at, "secretEnv")) {
			e.vars[item.Value] = &yamledit.Node{Kind: yamledit.List}
			e.secret = append(e.secret, item.Value)
		}
	}
	return e
}

// setEnv adds a variable to the environment of a step.
func (c *cloudFile) setEnv(t *tx, n *yamledit.Node, name, v string) error {
	at := append(pathOf(n), "env")
	key, all := strings.Join(at, "\x00"), value(n, "env")
	place := key + "\x00" + name
	if slices.Contains(t.set, place) {
		return nil
	}
	for _, item := range items(all) {
		if old, is, ok := strings.Cut(item.Value, "="); ok && old == name {
			if is == v {
				return nil
			}
			return t.Errorf(c.doc.base+item.Start, "%s has another value here already", name)
		}
	}
	if slices.Contains(c.environment(n).secret, name) {
		return t.Errorf(c.doc.base+n.Start, "%s is a secret of this step already", name)
	}
	draft := t.draft(c.doc)
	var err error
	if all == nil && !slices.Contains(t.set, key) {
		err = draft.AddKey("env", yamledit.Seq{yamledit.Text(name + "=" + v)}, at[:len(at)-1]...)
	} else {
		err = draft.AddItem(yamledit.Text(name+"="+v), at...)
	}
	t.set = append(t.set, key, place)
	return t.moved(c.doc, err)
}

// classic reports whether a step's docker builds without BuildKit unless it is asked for it.
func classic(env cloudEnv, image string) bool {
	name, tag := reference(image)
	if path.Base(name) != "docker" || env.has("DOCKER_BUILDKIT") {
		return false
	}
	if m := numbered().FindStringSubmatch(tag); m != nil {
		return before(m[1], 23, 0)
	}
	return strings.HasSuffix(name, "cloud-builders/docker")
}

// turnOn turns BuildKit on for a step that passes a secret from now on.
func (c *cloudFile) turnOn(t *tx, n *yamledit.Node, env cloudEnv, image string) error {
	if !classic(env, image) {
		return nil
	}
	line, _ := t.Position(c.doc.base + n.Start)
	t.need(fmt.Sprintf("%s:%d: this step builds with BuildKit from now on (DOCKER_BUILDKIT=1)", c.Path, line))
	return c.setEnv(t, n, "DOCKER_BUILDKIT", "1")
}
