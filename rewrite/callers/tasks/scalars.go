package tasks

import (
	"errors"
	"slices"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// scalar is a text in a value of a YAML or JSON file.
type scalar struct {
	*embed.Text
	script *script.Text
}

// scalarHandle is what finds a build in one again.
type scalarHandle struct {
	doc   *yamledit.Doc
	text  *scalar
	inner *call.Build
}

// scalarBuilds reads the builds of the values of a file.
func scalarBuilds(s *call.Source, doc *yamledit.Doc, list []*scalar) []*call.Build {
	var out []*call.Build
	for _, t := range list {
		if !mentions(t.Code) {
			continue
		}
		found, err := script.Read(s.Project, t.script)
		if err != nil {
			continue
		}
		for _, inner := range found {
			b := *inner
			b.Path, b.Handle = s.Path, scalarHandle{doc, t, inner}
			b.Start, b.End = t.Offset(inner.Start), t.Offset(inner.End-1)+1
			b.Line, b.Col = s.Position(b.Start)
			b.Args = slices.Clone(inner.Args)
			for i := range b.Args {
				a := &b.Args[i]
				a.Start, a.End = t.Offset(a.Start), t.Offset(a.End-1)+1
				a.Line, _ = s.Position(a.Start)
			}
			out = append(out, &b)
		}
	}
	slices.SortStableFunc(out, func(a, b *call.Build) int { return a.Start - b.Start })
	return out
}

// editScalars makes changes of builds that scalarBuilds returned.
func editScalars(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	by := map[*scalar][]call.Change{}
	var order []scalarHandle
	for _, c := range changes {
		h, ok := c.Build.Handle.(scalarHandle)
		if !ok {
			return nil, nil, s.Errorf(c.Build.Start, "this build was not read here")
		}
		if by[h.text] == nil {
			order = append(order, h)
		}
		c.Build = h.inner
		by[h.text] = append(by[h.text], c)
	}
	if len(order) == 0 {
		return nil, nil, nil
	}
	var needs []string
	draft := order[0].doc.Draft()
	for _, h := range order {
		result, err := script.Edit(s.Project, h.text.script, by[h.text])
		if err != nil {
			at := h.text.Offset(0)
			var e *script.Error
			if errors.As(err, &e) {
				at = h.text.Offset(e.Offset)
			}
			return nil, nil, s.Errorf(at, "%s", err.Error())
		}
		for _, n := range result.Needs {
			if !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
		if err := h.text.Change(draft, result.Edits); err != nil {
			return nil, nil, err
		}
	}
	return draft.Edits(), needs, nil
}
