package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// file is a pipeline that is read: the documents that it holds.
type file struct {
	*call.Source
	docs []*document
}

// document is one YAML document of a file.
type document struct {
	*yamledit.Doc
	base int // of its first byte in the file
}

// place is something in a file that builds images.
type place interface {
	// builds returns what it builds, with offsets in the file, each with the Handle that
	// change wants to see again.
	builds(*call.Project) []*call.Build

	// change makes changes of builds that builds returned.
	change(*tx, []call.Change) error
}

// site is a build in a place.
type site struct {
	place place
	build *call.Build
}

// open reads the documents of a file.
func open(src *call.Source) (*file, error) {
	f := &file{Source: src}
	for from := 0; from < len(src.Src) || from == 0; {
		to := nextDocument(src.Src, from)
		doc, err := yamledit.Parse(src.Path, src.Src[from:to])
		if err != nil {
			var at *yamledit.Error
			if errors.As(err, &at) {
				at.Line += bytes.Count(src.Src[:from], []byte("\n"))
			}
			return nil, err
		}
		f.docs = append(f.docs, &document{doc, from})
		if to == from {
			break
		}
		from = to
	}
	return f, nil
}

// nextDocument returns where the document ends that starts at from: at the next line that
// begins with "---", which nothing in a document can.
func nextDocument(src []byte, from int) int {
	content := false
	for at := from; at < len(src); {
		end := len(src)
		if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := strings.TrimRight(string(src[at:end]), " \t\r\n")
		switch mark := line == "---" || strings.HasPrefix(line, "--- "); {
		case mark && content:
			return at
		case mark:
			content = true
		case line != "" && line[0] != '#' && line[0] != '%' && line != "\ufeff":
			content = true
		}
		at = end
	}
	return len(src)
}

// read returns the builds of a file, those that several jobs share once.
func (s service) read(src *call.Source) ([]*call.Build, error) {
	f, err := open(src)
	if err != nil {
		return nil, err
	}
	var out []*call.Build
	places := s.find(f)
	agree(places)
	for _, p := range places {
		for _, b := range p.builds(src.Project) {
			i := slices.IndexFunc(out, func(x *call.Build) bool { return x.Start == b.Start && x.End == b.End })
			if i < 0 {
				outer := *b
				outer.Path, outer.Handle = src.Path, []site{{p, b}}
				outer.Line, outer.Col = src.Position(b.Start)
				out = append(out, &outer)
				continue
			}
			share(out[i], b)
			out[i].Handle = append(out[i].Handle.([]site), site{p, b})
		}
	}
	slices.SortStableFunc(out, func(a, b *call.Build) int { return a.Start - b.Start })
	return out, nil
}

// agree makes what is certain of a value's variables certain in all jobs that run it.
func agree(places []place) {
	users := map[*yamledit.Node][]*run{}
	for _, p := range places {
		if r, ok := p.(*run); ok {
			for _, it := range r.items {
				users[it.text.Node()] = append(users[it.text.Node()], r)
			}
		}
	}
	for _, p := range places {
		r, ok := p.(*run)
		if !ok {
			continue
		}
		var all []func(string) bool
		for _, it := range r.items {
			for _, other := range users[it.text.Node()] {
				all = append(all, other.exported)
			}
		}
		r.text.Exported = func(name string) bool {
			return !slices.ContainsFunc(all, func(has func(string) bool) bool { return !has(name) })
		}
	}
}

// share adds what another job that runs the same lines builds.
func share(b, also *call.Build) {
	for _, name := range also.Dockerfiles {
		if !slices.Contains(b.Dockerfiles, name) {
			b.Dockerfiles = append(slices.Clip(b.Dockerfiles), name)
		}
	}
	slices.Sort(b.Dockerfiles)
	if b.Doubt == "" {
		b.Doubt, b.Near = also.Doubt, also.Near
	}
	b.Near = b.Near && (also.Near || also.Doubt == "")
	if b.Context != also.Context {
		b.Context = ""
	}
	if b.Dir != also.Dir {
		b.Dir = ""
	}
	if b.Fixed == "" {
		b.Fixed = also.Fixed
	}
	b.Hidden = b.Hidden || also.Hidden
	if b.Builder.Engine == call.Docker && (b.Builder.Version == "" || also.Builder.Version != "" && older(also.Builder.Version, b.Builder.Version)) {
		b.Builder.Version, b.Builder.Why = also.Builder.Version, also.Builder.Why
	}
	if also.Builder.BuildKit == call.Off || b.Builder.BuildKit == call.On {
		b.Builder.BuildKit = also.Builder.BuildKit
	}
	if !slices.EqualFunc(b.Args, also.Args, func(x, y call.Arg) bool {
		return x.Name == y.Name && x.Value == y.Value && x.Kind == y.Kind && x.Env == y.Env
	}) || b.Target != also.Target {
		b.Fixed = "several jobs run it, and it does not do the same in all of them"
	}
}

// tx is the changes of one file while they are made.
type tx struct {
	*file
	needs  []string
	drafts map[*document]*yamledit.Draft
	texts  []textChange
	set    []string // what has been set where
}

// textChange is what is to be done to one value that holds shell text.
type textChange struct {
	item  item
	doc   *document
	edits []shell.TextEdit
}

func (t *tx) draft(d *document) *yamledit.Draft {
	if t.drafts[d] == nil {
		t.drafts[d] = d.Draft()
	}
	return t.drafts[d]
}

func (t *tx) need(s string) {
	if !slices.Contains(t.needs, s) {
		t.needs = append(t.needs, s)
	}
}

// text takes down the edits of a value. Jobs that share it must want the same, but that one
// sets a variable on the command that is in the environment of another already: set there
// too, it is what it was.
func (t *tx) text(doc *document, it item, edits []shell.TextEdit) error {
	for i, x := range t.texts {
		if x.item.text.Node() != it.text.Node() {
			continue
		}
		was, is := sets(x.edits), sets(edits)
		switch {
		case slices.Equal(x.edits, edits):
		case len(was) > len(is) && subset(is, was):
		case len(is) > len(was) && subset(was, is):
			t.texts[i].edits = edits
		default:
			return t.Errorf(doc.base+it.text.Node().Start, "several jobs run it, and it would have to change in different ways")
		}
		return nil
	}
	t.texts = append(t.texts, textChange{it, doc, edits})
	return nil
}

var assignment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_]*)=`) })

// sets returns the variables that edits set on commands, with where.
func sets(edits []shell.TextEdit) []string {
	var out []string
	for _, e := range edits {
		if m := assignment().FindStringSubmatch(e.New); m != nil && e.Start == e.End {
			out = append(out, fmt.Sprint(e.Start, m[1]))
		}
	}
	return out
}

func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// edits returns the edits for changes of builds that read returned.
func edits(src *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	t := &tx{file: &file{Source: src}, drafts: map[*document]*yamledit.Draft{}}
	var order []place
	asked := map[place][]call.Change{}
	for _, c := range changes {
		for _, s := range c.Build.Handle.([]site) {
			if asked[s.place] == nil {
				order = append(order, s.place)
			}
			inner := c
			inner.Build = s.build
			asked[s.place] = append(asked[s.place], inner)
		}
	}
	for _, p := range order {
		if err := p.change(t, asked[p]); err != nil {
			return nil, nil, err
		}
	}
	for _, x := range t.texts {
		if err := x.item.text.Change(t.draft(x.doc), x.edits); err != nil {
			return nil, nil, t.moved(x.doc, err)
		}
	}
	var out []edit.Edit
	for doc, draft := range t.drafts {
		for _, e := range draft.Edits() {
			out = append(out, edit.Edit{Start: e.Start + doc.base, End: e.End + doc.base, New: e.New})
		}
	}
	slices.SortFunc(out, func(a, b edit.Edit) int { return a.Start - b.Start })
	return out, t.needs, nil
}

// moved gives an error about a document its place in the file.
func (t *tx) moved(doc *document, err error) error {
	var at *yamledit.Error
	if errors.As(err, &at) && doc.base > 0 {
		at.Line += bytes.Count(t.Src[:doc.base], []byte("\n"))
	}
	return err
}
