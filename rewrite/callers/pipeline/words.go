package pipeline

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// words is a step whose list is the words of a command, which no shell reads.
type words struct {
	*cloudFile
	step, args *yamledit.Node
	program    string
	image      string
	dir        string
	builder    builder
	env        cloudEnv
}

// given is a build argument among the words.
type given struct {
	call.Arg
	first, last int    // of the items that it takes
	value       string // as the file writes it
}

// command is the words as a shell would have them, each in quotes, with the item that each
// byte belongs to.
func (w *words) command() (t *script.Text, at []int, texts []*embed.Text) {
	t = &script.Text{Dialect: shell.POSIX, Dirs: []string{w.dir}, Store: true}
	if strings.ContainsAny(w.dir, "$") || strings.HasPrefix(w.dir, "/") {
		t.Dirs = nil
	}
	var code strings.Builder
	put := func(s string, item int) {
		code.WriteString(s)
		for range len(s) {
			at = append(at, item)
		}
	}
	put(w.program, -1)
	for i, n := range w.args.Items {
		text, err := embed.New(w.doc.Doc, n, w.syntax())
		if err != nil {
			return nil, nil, nil
		}
		texts = append(texts, text)
		put(" '", i)
		starts := map[int]int{}
		for j := range len(text.Code) {
			starts[j] = code.Len()
			if text.Code[j] == '\'' {
				put(`'\''`, i)
				continue
			}
			put(text.Code[j:j+1], i)
		}
		for _, h := range text.Holes {
			h.Start, h.End = starts[h.Start], starts[h.End-1]+1
			t.Holes = append(t.Holes, h)
		}
		put("'", i)
	}
	t.Code = code.String()
	return t, at, texts
}

func (w *words) builds(p *call.Project) []*call.Build {
	t, at, texts := w.command()
	if t == nil {
		return nil
	}
	env := &run{text: *t}
	env.text.Defaults = map[string]string{}
	w.env.vars.apply(env, "$")
	*t = env.text
	found, err := script.Read(p, t)
	if err != nil || len(found) != 1 {
		return nil
	}
	b := *found[0]
	b.Start, b.End = w.doc.base+w.args.Items[0].Start, w.doc.base+w.args.Items[len(w.args.Items)-1].End
	var all []given
	for i := range b.Args {
		a := &b.Args[i]
		g := given{Arg: *a, first: at[a.Start], last: at[max(a.End-1, a.Start)]}
		if g.first < 0 || g.last > g.first+1 {
			return nil
		}
		item := texts[g.last].Node()
		_, g.value, _ = strings.Cut(item.Value, a.Name+"=")
		a.Start, a.End = w.doc.base+texts[g.first].Node().Start, w.doc.base+item.End
		a.Line, _ = w.Position(a.Start)
		g.Arg = *a
		all = append(all, g)
	}
	w.builder.tell(&b)
	b.Handle = all
	return []*call.Build{&b}
}

func (w *words) change(t *tx, changes []call.Change) error {
	b := changes[0].Build
	all := b.Handle.([]given)
	place := append(pathOf(w.step), "args")
	fail := func(format string, args ...any) error { return t.Errorf(b.Start, format, args...) }
	if b.Builder.Engine == call.Kaniko {
		return fail("kaniko takes no secrets")
	}
	var drop []string
	spec := map[int]string{} // by argument
	var free []string
	passed := map[string]bool{}
	for _, s := range b.Secrets {
		passed[s.ID] = true
	}
	for _, c := range changes {
		drop = append(drop, c.Drop...)
		s := c.Secret
		if s == nil || passed[s.ID] {
			continue
		}
		passed[s.ID] = true
		switch {
		case s.From != "":
			i := slices.IndexFunc(all, func(g given) bool { return g.Name == s.From })
			for j := range all {
				if all[j].Name == s.From {
					i = j // the last counts
				}
			}
			if i < 0 {
				return fail("it does not pass %s", s.From)
			}
			as, err := w.supply(t, all[i], s)
			if err != nil {
				return err
			}
			if as != "" {
				spec[i] = as
			}
		case s.Local:
			if !w.env.has(s.ID) {
				return fail("nothing gives this step %s: add it to availableSecrets and to secretEnv of the step, and pass --secret id=%s,env=%s", s.ID, s.ID, s.ID)
			}
			free = append(free, "id="+s.ID+",env="+s.ID)
		default:
			name := call.Relative(b.Dir, s.File)
			if name == "" || strings.ContainsAny(name, `,"$`) {
				return fail("the folder that it runs in is not certain: pass --secret id=%s,src=… with the path of %s", s.ID, s.File)
			}
			free = append(free, "id="+s.ID+",src="+name)
		}
	}
	draft := t.draft(w.doc)
	for i := len(all) - 1; i >= 0; i-- {
		g := all[i]
		if !slices.Contains(drop, g.Name) {
			continue
		}
		as := spec[i]
		if as == "" && len(free) > 0 {
			as, free = free[0], free[1:]
		}
		if err := w.replace(draft, place, g, as); err != nil {
			return t.moved(w.doc, err)
		}
	}
	for _, s := range free {
		if err := draft.AddItem(yamledit.Text("--secret="+s), place...); err != nil {
			return t.moved(w.doc, err)
		}
	}
	return w.turnOn(t, w.step, w.env, w.image)
}

// replace puts a secret in the place of an argument, or takes that out.
func (w *words) replace(draft *yamledit.Draft, place []string, g given, as string) error {
	texts := []string{"--secret=" + as}
	if g.first < g.last {
		texts = []string{"--secret", as}
	}
	for i := g.last; i >= g.first; i-- {
		if as == "" {
			if err := draft.RemoveItem(i, place...); err != nil {
				return err
			}
			continue
		}
		n := w.args.Items[i]
		if n.Kind == yamledit.Alias || n.Used() != nil {
			return draft.Uncertain(n.Start, "a word that is used in several places through an alias, edit it by hand")
		}
		at, err := draft.Scalar(n.Start, n.End)
		if err != nil {
			return err
		}
		if err := draft.SetText(at, texts[i-g.first]); err != nil {
			return err
		}
	}
	return nil
}

// supply says how a secret takes the value of an argument, and sets the variable for it.
func (w *words) supply(t *tx, g given, s *call.Secret) (string, error) {
	fail := func(format string, args ...any) error { return t.Errorf(g.Start, format, args...) }
	switch g.Kind {
	case call.Bare:
		if w.env.has(g.Name) && g.Name == s.ID {
			return "id=" + s.ID, nil
		}
		return "id=" + s.ID + ",env=" + g.Name, nil
	case call.Text:
		if g.Arg.Value == "" {
			return "", nil
		}
		return "", fail("passes a literal as %s: take it from a variable or a store first", g.Name)
	}
	if strings.Contains(g.value, "$$") {
		return "", fail("no shell reads the words of this step: %s gets the text $$… itself", g.Name)
	}
	variable := s.ID
	if builders(variable) {
		variable = "BUILD_" + variable
	}
	if err := w.setEnv(t, w.step, variable, g.value); err != nil {
		return "", err
	}
	if variable == s.ID {
		return "id=" + s.ID, nil
	}
	return "id=" + s.ID + ",env=" + variable, nil
}

// builders reports whether docker or what it starts reads a variable itself.
func builders(name string) bool {
	for _, prefix := range []string{"DOCKER_", "BUILDKIT_", "BUILDX_", "COMPOSE_", "AWS_", "GOOGLE_", "AZURE_", "LD_", "SSH_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"PATH", "HOME", "TMPDIR"}, name) || strings.HasSuffix(strings.ToLower(name), "_proxy")
}
