package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// passed is what the builds of a Dockerfile are to pass from now on.
type passed struct {
	drop   []string // build arguments that go
	id     string   // the secret that comes; "": none
	file   string   // that has its value, relative to the root
	local  bool     // file was made by this fix, and git does not have it
	source string   // of a copied file: its path in the build context, whichever that is
	always bool     // the mount is required: every build must pass it
	with   []string // the Dockerfiles that the fix changes
}

// callersBuild adds to c what the builds besides compose's that read the Dockerfile must do: those that
// passed an argument pass the secret with its value, and where it is required all others do
// too. reason says why one that is seen cannot: half a migration is a broken build.
func callersBuild(p *rewrite.Pass, s *flow.Secret, want passed, c *composition) (reason string) {
	c.index = p.Workspace.Project().Callers()
	for _, b := range s.Calls {
		if reason := want.inPlace(p, b, c); reason != "" {
			return reason
		}
	}
	if slices.ContainsFunc(s.Origins, func(o flow.Origin) bool { return o.Kind == flow.Arg }) {
		for _, b := range c.index.Calls {
			sure := callers.Builds(b, p.File.Path)
			if !b.Hidden || sure == callers.No || b.Prose || slices.Contains(s.Calls, b) {
				continue
			}
			if sure == callers.Yes {
				return placeOf(b) + " may pass it as a build argument: " + b.Fixed
			}
			c.ask(placeOf(b) + " may pass it to this one as a build argument (" + b.Doubt + "): then " + want.instead(want.drop[0]))
		}
	}
	if !want.always || want.id == "" {
		return ""
	}
	for i, m := range c.index.Unread() {
		if i == mostUnread {
			c.ask(fmt.Sprintf("so do %d other places: every build of this one must pass --secret id=%s", len(c.index.Unread())-i, want.id))
			break
		}
		c.ask(at(m.Path, m.Line) + " builds an image, in a way that is not understood: where it builds this one, it must pass --secret id=" + want.id)
	}
	for _, b := range c.index.Calls {
		sure := callers.Builds(b, p.File.Path)
		if sure == callers.No || sure == callers.Maybe && b.Prose || slices.Contains(s.Calls, b) || slices.ContainsFunc(b.Secrets, func(x call.Secret) bool { return x.ID == want.id }) {
			continue
		}
		switch {
		case sure == callers.Maybe:
			c.ask(placeOf(b) + " may build it (" + b.Doubt + "): then it must pass --secret id=" + want.id)
		case b.Fixed != "" && b.Prose:
			c.tell(placeOf(b) + " must pass --secret id=" + want.id)
		case b.Fixed != "":
			return placeOf(b) + " builds it and would have to pass the secret: " + b.Fixed
		case want.source != "" && b.Context == "" && !b.Prose:
			return placeOf(b) + " builds it from more than one folder, or from one that is not known: pass --secret id=" + want.id + ",src=" + want.source + " from its build context there first"
		case want.source != "" && b.Context == "":
			c.tell(placeOf(b) + " must pass --secret id=" + want.id + ",src=" + want.source + " from its build context")
		case want.source != "":
			c.call(call.Change{Build: b, Secret: &call.Secret{ID: want.id, File: path.Join(b.Context, want.source)}})
		default:
			c.call(call.Change{Build: b, Secret: &call.Secret{ID: want.id, File: want.file, Local: want.local}})
		}
	}
	return ""
}

// mostUnread is how many builds that are not understood are named one by one.
const mostUnread = 4

// inPlace asks a build that passes an argument for the secret in its place.
func (want passed) inPlace(p *rewrite.Pass, b *call.Build, c *composition) (reason string) {
	var args []call.Arg
	for _, a := range b.Args {
		if slices.Contains(want.drop, a.Name) {
			args = append(args, a)
		}
	}
	name := args[0].Name
	place := at(b.Path, args[0].Line)
	literal := slices.ContainsFunc(args, func(a call.Arg) bool { return a.Kind == call.Text && a.Value != "" })
	if b.Prose && (callers.Builds(b, p.File.Path) != callers.Yes || b.Fixed != "" || literal) {
		c.tell(place + " says --build-arg " + name + ": " + want.instead(name))
		return ""
	}
	switch others := want.alsoDeclares(p, b); {
	case b.Fixed != "":
		return place + " passes it as a build argument: " + b.Fixed
	case callers.Builds(b, p.File.Path) != callers.Yes && (others != "" || len(b.Dockerfiles) == 0 || !b.Near):
		return place + " passes it as a build argument, and " + b.Doubt + ": where it builds this one, " + want.instead(name)
	case others != "":
		return place + " passes it as a build argument, and builds " + others + " with it too"
	}
	change := call.Change{Build: b, Drop: want.drop}
	for _, a := range args {
		switch {
		case a.Kind == call.Text && a.Value == "":
			continue // emptied: an optional secret that is not given is the same
		case a.Kind == call.Text && want.id == "":
			return at(b.Path, a.Line) + " passes a literal as " + a.Name + ": take it out there, and rotate it if it is a secret"
		case a.Kind == call.Text:
			return at(b.Path, a.Line) + " passes a literal as " + a.Name + ": take it from a variable or a store first"
		case a.Kind == call.Bare && want.file != "":
			return at(b.Path, a.Line) + " passes a variable over the value in the file: which one counts is not certain"
		case change.Secret != nil && a.Value != from(b, change.Secret.From).Value:
			return at(b.Path, a.Line) + " gives it more than one value"
		case want.id != "" && change.Secret == nil:
			change.Secret = &call.Secret{ID: want.id, From: a.Name}
		}
	}
	if change.Secret != nil {
		a := from(b, change.Secret.From)
		for _, x := range b.Secrets {
			same := x.File == "" && (x.Env == a.Env && a.Kind == call.Variable || x.Env == a.Name && a.Kind == call.Bare)
			if x.ID == want.id && (x.Env != "" || x.File != "") && !same {
				return place + " passes a secret " + want.id + " too, which may have another value: leave the one that counts"
			}
		}
	}
	if change.Secret == nil && want.always && want.id != "" {
		return place + " passes it empty, which it cannot be any more"
	}
	c.call(change)
	return ""
}

// instead is what a person has to write in place of a build argument.
func (want passed) instead(name string) string {
	if want.id == "" {
		return "it must go"
	}
	return "it must be --secret id=" + want.id
}

func from(b *call.Build, name string) call.Arg {
	i := slices.IndexFunc(b.Args, func(a call.Arg) bool { return a.Name == name })
	return b.Args[i]
}

func placeOf(b *call.Build) string { return at(b.Path, b.Line) }

// alsoDeclares returns a Dockerfile that the build reads too, or may, that has one of the arguments, and that is no part of
// the fix.
func (want passed) alsoDeclares(p *rewrite.Pass, b *call.Build) string {
	for _, name := range b.Dockerfiles {
		if name != p.File.Path && !slices.Contains(want.with, name) && declares(p, name, want.drop) {
			return name
		}
	}
	return ""
}

// declares reports whether a Dockerfile has one of the arguments; one that cannot be read may.
func declares(p *rewrite.Pass, name string, args []string) bool {
	src, err := p.Workspace.ReadFile(name)
	if err != nil {
		return true
	}
	f, err := dockerfile.Parse(name, src)
	return err != nil || slices.ContainsFunc(f.Instructions, func(in *dockerfile.Instruction) bool {
		return in.Name == "arg" && slices.ContainsFunc(in.Pairs(), func(x dockerfile.Pair) bool { return slices.Contains(args, x.Name) })
	})
}

// elsewhere is a secret of another Dockerfile, with the pass that sees it.
type elsewhere struct {
	p *rewrite.Pass
	s *flow.Secret
}

// together returns the secrets of other Dockerfiles that must move at the same time, as a build
// of this one with the argument builds them with it too: a matrix, a loop.
func together(p *rewrite.Pass, s *flow.Secret) (all []elsewhere, reason string) {
	seen := []string{p.File.Path}
	for next := []elsewhere{{p, s}}; len(next) > 0; next = next[1:] {
		x := next[0]
		for _, b := range x.s.Calls {
			if b.Fixed != "" || b.Prose || callers.Builds(b, x.p.File.Path) != callers.Yes {
				continue
			}
			built := slices.Clone(b.Dockerfiles)
			for _, w := range b.With {
				built = append(built, w.Dockerfiles...)
			}
			for _, name := range built {
				if slices.Contains(seen, name) || !declares(p, name, names(s)) {
					continue
				}
				seen = append(seen, name)
				also := inFile(p, name, names(s))
				if also == nil {
					return nil, placeOf(b) + " passes it as a build argument, and builds " + name + " with it too"
				}
				if also.p.LeftAlone(also.s) {
					return nil, placeOf(b) + " passes it as a build argument, and builds " + name + " with it too, where a comment says to leave it alone"
				}
				all, next = append(all, *also), append(next, *also)
			}
		}
	}
	return all, ""
}

// inFile returns the secret of another Dockerfile that one of the arguments brings, if it is needed
// in the build alone and holds no value.
func inFile(p *rewrite.Pass, name string, args []string) *elsewhere {
	src, err := p.Workspace.ReadFile(name)
	if err != nil {
		return nil
	}
	f, err := dockerfile.Parse(name, src)
	if err != nil {
		return nil
	}
	q := *p
	q.File, q.Path = f, name
	q.Secrets = flow.Analyze(f, p.Workspace.Project())
	for _, t := range q.Secrets {
		if t.Copied == nil && t.Exposure == flow.Build && t.Value.Reveal() == "" && slices.ContainsFunc(t.Origins, func(o flow.Origin) bool {
			return o.Kind == flow.Arg && slices.Contains(args, o.Pair.Name)
		}) {
			return &elsewhere{&q, t}
		}
	}
	return nil
}

// call asks for a change of a build; what several Dockerfiles ask for is one.
func (c *composition) call(x call.Change) {
	i := slices.IndexFunc(c.calls, func(y call.Change) bool {
		return y.Build == x.Build && (y.Secret == nil || x.Secret == nil || *y.Secret == *x.Secret)
	})
	if i < 0 {
		c.calls = append(c.calls, x)
		return
	}
	y := &c.calls[i]
	if y.Secret == nil {
		y.Secret = x.Secret
	}
	for _, name := range x.Drop {
		if !slices.Contains(y.Drop, name) {
			y.Drop = append(slices.Clip(y.Drop), name)
		}
	}
}

// ask is what a person must do, or look at, so that all callers work.
func (c *composition) ask(need string) {
	c.review = true
	c.tell(need)
}

// tell is what a person may want to know besides.
func (c *composition) tell(need string) {
	if !slices.Contains(c.needs, need) {
		c.needs = append(c.needs, need)
	}
}

// notInGit tells of the files that callers take values from and that a fresh checkout has not.
func (c *composition) notInGit(edited []callers.Edited) {
	by := map[string][]string{}
	var files []string
	for _, x := range c.calls {
		if x.Build.Prose || x.Secret == nil || x.Secret.From != "" || !x.Secret.Local || slices.Contains(by[x.Secret.File], x.Build.Path) {
			continue
		}
		if slices.ContainsFunc(edited, func(e callers.Edited) bool {
			return e.Path == x.Build.Path && !slices.ContainsFunc(e.Needs, func(n string) bool { return strings.Contains(n, " is not in git") }) &&
				slices.ContainsFunc(e.Edits, func(y edit.Edit) bool { return strings.Contains(y.New, "id="+x.Secret.ID+",src=") })
		}) {
			if by[x.Secret.File] == nil {
				files = append(files, x.Secret.File)
			}
			by[x.Secret.File] = append(by[x.Secret.File], x.Build.Path)
		}
	}
	for _, file := range files {
		need := " needs it wherever it runs"
		if len(by[file]) > 1 {
			need = " need it wherever they run"
		}
		c.ask(file + " is not in git: " + strings.Join(by[file], ", ") + need)
	}
}

// callChanges returns the edits of all callers. What a README says is changed where that is
// certain, and told where it is not: it builds nothing.
func (c *composition) callChanges() (changes []rewrite.Change, reason string) {
	if len(c.calls) == 0 {
		return nil, ""
	}
	edited, err := c.index.Edit(slices.DeleteFunc(slices.Clone(c.calls), func(x call.Change) bool { return x.Build.Prose }))
	if err != nil {
		return nil, err.Error()
	}
	for _, x := range c.calls {
		if !x.Build.Prose || slices.ContainsFunc(edited, func(e callers.Edited) bool { return e.Path == x.Build.Path }) {
			continue
		}
		told, err := c.index.Edit(slices.DeleteFunc(slices.Clone(c.calls), func(y call.Change) bool { return y.Build.Path != x.Build.Path }))
		switch {
		case err == nil:
			edited = append(edited, told...)
		case x.Secret != nil:
			c.tell(placeOf(x.Build) + ": the command there must pass --secret id=" + x.Secret.ID)
		default:
			c.tell(placeOf(x.Build) + ": the command there must not pass " + strings.Join(x.Drop, ", ") + " any more")
		}
	}
	c.notInGit(edited)
	for _, e := range edited {
		for _, need := range e.Needs {
			c.ask(need)
		}
		if len(e.Edits) > 0 {
			changes = append(changes, rewrite.Change{Path: e.Path, Edits: e.Edits})
		}
	}
	return changes, ""
}
