package callers

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/unbake-dev/unbake/rewrite/callers/bake"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/deploy"
	"github.com/unbake-dev/unbake/rewrite/callers/pipeline"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/callers/tasks"
	"github.com/unbake-dev/unbake/rewrite/callers/workflow"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// readers are all kinds of files that are understood, the most particular first.
func readers() []call.Reader {
	return slices.Concat(workflow.Readers(), pipeline.Readers(), bake.Readers(), deploy.Readers(), tasks.Readers(), script.Readers())
}

// reader returns the one that a file is for.
func reader(p string) *call.Reader {
	all := readers()
	if i := slices.IndexFunc(all, func(r call.Reader) bool { return r.Is(p) }); i >= 0 {
		return &all[i]
	}
	return nil
}

// Edited is what a file's changes come to.
type Edited struct {
	Path  string
	Edits []edit.Edit
	Needs []string
}

// Edit returns the edits of all files for changes of builds of the index. Each result has been
// read again: its builds pass what they passed, less what is dropped, and the secret. The
// error says where and why something cannot be changed with certainty.
func (x *Index) Edit(changes []call.Change) ([]Edited, error) {
	var paths []string
	by := map[string][]call.Change{}
	for _, c := range changes {
		if c.Build.Fixed != "" {
			return nil, &call.Error{Path: c.Build.Path, Line: c.Build.Line, Col: c.Build.Col, Msg: c.Build.Fixed}
		}
		if by[c.Build.Path] == nil {
			paths = append(paths, c.Build.Path)
		}
		by[c.Build.Path] = append(by[c.Build.Path], c)
	}
	slices.Sort(paths)
	var out []Edited
	for _, p := range paths {
		e, err := x.editFile(p, by[p])
		if err != nil {
			return nil, err
		}
		out = append(out, *e)
	}
	return out, nil
}

func (x *Index) editFile(p string, changes []call.Change) (*Edited, error) {
	r := reader(p)
	src, err := fs.ReadFile(x.project.FS, p)
	if r == nil || err != nil {
		return nil, fmt.Errorf("%s: cannot be read again", p)
	}
	edits, needs, err := r.Edit(&call.Source{Path: p, Src: src, Project: x.project}, changes)
	if err != nil {
		return nil, err
	}
	text, err := edit.Apply(src, edits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	var before []*call.Build
	for _, b := range x.Calls {
		if b.Path == p {
			before = append(before, b)
		}
	}
	after, err := r.Read(&call.Source{Path: p, Src: text, Project: x.project})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: cannot be changed with certainty", p), err)
	}
	if why := meant(before, after, changes); why != nil {
		return nil, why
	}
	return &Edited{p, edits, needs}, nil
}

// meant compares the builds of a file before and after: what was asked for has changed,
// and nothing else.
func meant(before, after []*call.Build, changes []call.Change) error {
	if len(before) == 0 {
		return nil
	}
	uncertain := func(b *call.Build, what string) error {
		return &call.Error{Path: b.Path, Line: b.Line, Col: b.Col, Msg: b.What + " cannot be changed with certainty: " + what}
	}
	if len(before) != len(after) {
		return uncertain(before[0], "the file would hold other builds")
	}
	for i, b := range before {
		a := after[i]
		if a.What != b.What || a.Target != b.Target || a.Context != b.Context || !slices.Equal(a.Dockerfiles, b.Dockerfiles) || a.Doubt != b.Doubt {
			return uncertain(b, "it would build something else")
		}
		args, secrets := slices.Clone(b.Args), []string{}
		for _, s := range b.Secrets {
			secrets = append(secrets, s.ID)
		}
		for _, c := range changes {
			if c.Build != b {
				continue
			}
			args = slices.DeleteFunc(args, func(x call.Arg) bool { return slices.Contains(c.Drop, x.Name) })
			if c.Secret != nil && !slices.Contains(secrets, c.Secret.ID) {
				secrets = append(secrets, c.Secret.ID)
			}
		}
		if !slices.EqualFunc(args, a.Args, func(x, y call.Arg) bool {
			return x.Name == y.Name && x.Value == y.Value && x.Kind == y.Kind && x.Env == y.Env
		}) {
			return uncertain(b, "other build arguments would change")
		}
		var now []string
		for _, s := range a.Secrets {
			now = append(now, s.ID)
		}
		// One that the file was asked for may reach other builds of it as well.
		for _, id := range now {
			if !slices.Contains(secrets, id) && !slices.ContainsFunc(changes, func(c call.Change) bool { return c.Secret != nil && c.Secret.ID == id }) {
				return uncertain(b, "other secrets would be passed")
			}
		}
		if slices.ContainsFunc(secrets, func(id string) bool { return !slices.Contains(now, id) }) {
			return uncertain(b, "the secret would not be passed")
		}
	}
	return nil
}

// understood reads a file's builds, if it is of a kind that is understood.
func (x *Index) understood(p string, data []byte) {
	r := reader(p)
	if r == nil {
		return
	}
	src := &call.Source{Path: p, Src: data, Project: x.project}
	builds, err := r.Read(src)
	if err != nil {
		return // what it names is seen by its lines, and cannot be changed
	}
	for _, b := range builds {
		b.Path = p
		b.Line, b.Col = src.Position(b.Start)
		x.last[b], _ = src.Position(b.End)
		x.Calls = append(x.Calls, b)
	}
}
