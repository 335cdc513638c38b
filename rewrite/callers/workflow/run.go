package workflow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// command is a step with run.
type command struct {
	*step
	text  *embed.Text
	shell *script.Text
	inner map[*call.Build]*call.Build // by what was found: as script knows it
}

// run reads the commands of a step. What is no shell, or not understood, is left to its lines.
func (s *step) run() {
	node := get(s.node, "run")
	if node.Kind != yamledit.Scalar || !strings.Contains(node.Value, "build") && !strings.Contains(node.Value, "kaniko") && !strings.Contains(node.Value, "bake") {
		return
	}
	var first *command
	var found, as []*call.Build // in all combinations, and in the first one
	seen := map[string]bool{}
	for _, c := range s.job.matrix {
		cmd, key := s.command(node, c)
		if cmd == nil {
			return
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		builds, err := script.Read(s.src.Project, cmd.shell)
		if err != nil {
			return
		}
		if first == nil {
			first, found, as = cmd, slices.Clone(builds), builds
			continue
		}
		if len(builds) != len(found) {
			return
		}
		for i, b := range builds {
			was := *found[i]
			if was.Start != b.Start || len(was.Args) != len(b.Args) {
				return
			}
			where(&was, join([]call.Place{placeOf(&was), placeOf(b)}))
			if was.Target != b.Target {
				was.Target = ""
			}
			was.Fixed, was.Hidden = or(was.Fixed, b.Fixed), was.Hidden || b.Hidden
			found[i] = &was
		}
	}
	first.inner = map[*call.Build]*call.Build{}
	for i, b := range found {
		out := *b
		first.inner[&out] = as[i]
		first.place(&out)
		s.builderOf(&out)
		s.add(&out, &handle{edit: first})
	}
}

// command is the step in one combination of the matrix; key tells those apart that differ.
// It is nil where no shell of the Bourne family reads it.
func (s *step) command(node *yamledit.Node, c combination) (cmd *command, key string) {
	words := strings.Fields(s.expand(or(or(text(get(s.node, "shell")), s.job.shell), s.file.shell), c, 0))
	switch {
	case len(words) == 0 && s.job.windows:
		return nil, ""
	case len(words) == 0:
		words = []string{"bash", "-e"}
	case len(words) == 1:
		words = append(words, "-e")
	}
	dialect := shell.DialectOf(words)
	if dialect == shell.Unknown {
		return nil, ""
	}
	straight := s.straight()
	holes := func(value string) []embed.Piece {
		pieces := expressions(value)
		for i := range pieces {
			p := &pieces[i]
			expression := inner(value[p.Start:p.End])
			// What the commands know for an absolute path stays one when they change folders.
			switch {
			case expression == "github.workspace":
				if straight {
					p.Code = "$GITHUB_WORKSPACE"
				}
				continue
			case expression == "github.action_path" && s.action:
				p.Code = "$GITHUB_WORKSPACE/" + s.here()
				continue
			}
			v, ok := s.value(expression, c, 0)
			if p.Known = ok && !strings.Contains(v, call.Hole); p.Known {
				p.Value = v
			}
			key += v + "\x01"
		}
		return pieces
	}
	t, err := embed.New(s.doc, node, embed.Syntax{Holes: holes})
	if err != nil {
		return nil, ""
	}
	cmd = &command{step: s, text: t, shell: t.Script(dialect)}
	cmd.shell.Flags = shell.FlagsOf(words)
	cmd.shell.CanSet = s.env == nil || s.env.Kind == yamledit.Map
	cmd.shell.Store, cmd.shell.SetStored = true, true
	cmd.shell.Exported = func(name string) bool { return s.envOf(name) != nil }
	cmd.shell.Taken = func(name, value string) bool {
		n := s.envOf(name)
		return n != nil && !same(name, n.Value, value) || get(s.env, name) == nil && s.sets(name)
	}
	if !straight {
		cmd.shell.Defaults = map[string]string{"GITHUB_WORKSPACE": call.Hole}
	}
	dir := s.expand(or(or(text(get(s.node, "working-directory")), s.job.dir), s.file.dir), c, 0)
	if at, ok := s.inRepository(or(dir, ".")); ok && !strings.Contains(at, call.Hole) {
		cmd.shell.Dirs = []string{at}
	}
	return cmd, key + "\x01" + strings.Join(cmd.shell.Dirs, ",") + fmt.Sprint(words)
}

// same reports whether a variable that is set to one value has the other one too.
func same(name, is, value string) bool {
	return spaced(is) == spaced(value) || spaced(value) == "${{env."+name+"}}"
}

// spaced is a value with the white space of its expressions made the same.
func spaced(value string) string {
	var b strings.Builder
	at := 0
	for _, h := range expressions(value) {
		b.WriteString(value[at:h.Start] + "${{" + inner(value[h.Start:h.End]) + "}}")
		at = h.End
	}
	return b.String() + value[at:]
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func placeOf(b *call.Build) call.Place {
	return call.Place{Dockerfiles: slices.Clone(b.Dockerfiles), Doubt: b.Doubt, Near: b.Near, Context: b.Context, Dir: b.Dir}
}

// place turns offsets in the shell text into those of the file.
func (c *command) place(b *call.Build) {
	b.Start, b.End = c.text.Offset(b.Start), c.text.Offset(b.End)
	b.Args = slices.Clone(b.Args)
	for i := range b.Args {
		a := &b.Args[i]
		a.Start, a.End = c.text.Offset(a.Start), c.text.Offset(a.End)
		a.Line, _ = c.src.Position(a.Start)
	}
}

// builderOf adds what the workflow says of the builder.
func (s *step) builderOf(b *call.Build) {
	switch b.Builder.Engine {
	case call.Docker:
		if v, ok := s.variable("DOCKER_BUILDKIT", combination{open: true}, 0); ok && b.Builder.BuildKit == call.Unset {
			switch v {
			case "0", "false":
				b.Builder.BuildKit, b.Builder.Why = call.Off, "DOCKER_BUILDKIT: "+v
			case "1", "true":
				b.Builder.BuildKit = call.On
			}
		}
	case call.Buildx:
		if s.job.builder.Version != "" && b.Builder.Version == "" {
			b.Builder = s.job.builder
		}
	}
}

// edit makes the changes of the commands of one step.
func (c *command) edit(draft *yamledit.Draft, changes []call.Change) (needs []string, err error) {
	if err := c.alone(append(slices.Clone(c.path), "run")...); err != nil {
		return nil, err
	}
	own := slices.Clone(changes)
	for i := range own {
		b := changes[i].Build
		own[i].Build = c.inner[b]
		// Each combination of a matrix may run in a folder of its own.
		if x := own[i].Secret; x != nil && x.From == "" && !x.Local && b.Dir == "" && own[i].Build.Dir != "" {
			return nil, c.src.Errorf(b.Start, "it runs in several folders: pass --secret id=%s,src=… with the path of %s", x.ID, x.File)
		}
	}
	res, err := script.Edit(c.src.Project, c.shell, own)
	var at *script.Error
	if errors.As(err, &at) {
		return nil, c.src.Errorf(c.text.Offset(at.Offset), "%s", at.Msg)
	}
	if err != nil {
		return nil, err
	}
	if err := c.text.Change(draft, res.Edits); err != nil {
		return nil, err
	}
	needs = res.Needs
	for _, a := range res.Set {
		if a.Secret != "" {
			value, more, err := c.stored(changes[0].Build, a.Secret)
			if err != nil {
				return nil, err
			}
			a.Value, needs = value, append(needs, more...)
		}
		if err := c.set(draft, changes[0].Build, a); err != nil {
			return nil, err
		}
	}
	return needs, nil
}

// set puts a variable into the environment of the step, where it is not there yet.
func (c *command) set(draft *yamledit.Draft, b *call.Build, a script.Assignment) error {
	now := &step{file: c.file, job: c.job, env: get(at(draft.Doc(), c.path), "env")}
	if n := now.envOf(a.Name); n != nil {
		if same(a.Name, n.Value, a.Value) {
			return nil
		}
		return c.src.Errorf(b.Start, "the variable %s has another value here already", a.Name)
	}
	if err := c.alone(append(slices.Clone(c.path), "env")...); err != nil {
		return err
	}
	if now.env == nil {
		return draft.AddKey("env", yamledit.Fields{{Key: a.Name, Value: yamledit.Text(a.Value)}}, c.path...)
	}
	return draft.AddKey(a.Name, yamledit.Text(a.Value), append(slices.Clone(c.path), "env")...)
}

// onWindows reports whether a job's commands may be for PowerShell, where no shell is named.
func (f *file) onWindows(j *job) bool {
	on := get(j.node, "runs-on")
	s := &step{file: f, job: j}
	var words []string
	for _, c := range j.matrix {
		words = append(words, s.expand(text(on), c, 0))
	}
	if on != nil {
		for _, n := range append(slices.Clone(on.Items), get(on, "labels")) {
			words = append(words, text(n.Deref()))
		}
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(w), "windows") })
}
