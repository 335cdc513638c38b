package pipeline

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// item is one value with shell text.
type item struct {
	text  *embed.Text
	start int  // of its text in the whole
	other bool // it stands in another file
}

// run is the lines that one shell runs, in their order.
type run struct {
	*file
	doc    *document
	syntax embed.Syntax
	items  []item
	text   script.Text

	given   variables              // that it has for certain, by other means than its own lines
	upper   func(name string) bool // reports more of them; may be nil
	builder builder
	fixed   string
	set     func(*tx, []script.Assignment) error // sets variables for it; nil: it has no place for them
	local   func(*tx, string) error              // gives it a variable from the store of the service; nil: a person does that
	also    func(*tx) error                      // turns BuildKit on, for a build that has not said so itself
	broken  bool                                 // a part of it is not understood
}

// newRun starts a run of a document's lines in the given folders.
func newRun(f *file, doc *document, s embed.Syntax) *run {
	return &run{file: f, doc: doc, syntax: s, text: script.Text{Dirs: []string{"."}, Store: true, Defaults: map[string]string{}}}
}

// add appends values, and the values of lists within lists.
func (r *run) add(doc *document, nodes ...*yamledit.Node) {
	for _, n := range nodes {
		n = n.Deref()
		switch {
		case n == nil || n.Kind == yamledit.Null:
		case n.Kind == yamledit.List && n.Tag == "":
			r.add(doc, n.Items...)
		case n.Kind == yamledit.Scalar:
			text, err := embed.New(doc.Doc, n, r.syntax)
			if err != nil || strings.HasSuffix(r.text.Code, "\\") {
				r.broken = true
				return
			}
			text.Shared = true // the jobs that run it are all looked at
			if len(r.items) > 0 && !strings.HasSuffix(r.text.Code, "\n") {
				r.text.Code += "\n"
			}
			it := item{text: text, start: len(r.text.Code), other: !slices.Contains(r.docs, doc)}
			for _, h := range text.Holes {
				h.Start, h.End = h.Start+it.start, h.End+it.start
				r.text.Holes = append(r.text.Holes, h)
			}
			r.text.Code += text.Code
			r.items = append(r.items, it)
		default:
			r.broken = true
		}
	}
}

// exported reports whether a variable is in the environment for certain.
func (r *run) exported(name string) bool {
	v, ok := r.given[name]
	return ok && v != nil && v.Kind != yamledit.Null || r.upper != nil && r.upper(name)
}

// at returns the item in which a byte of the text stands; a place between two is the end of
// the first.
func (r *run) at(offset int) (it item, ok bool) {
	for _, x := range r.items {
		if offset < x.start {
			break
		}
		it, ok = x, true
	}
	return it, ok && offset <= it.start+len(it.text.Code)
}

// offset returns where a byte of the text stands in the file, -1 if that is another file.
func (r *run) offset(at int) int {
	it, ok := r.at(at)
	if !ok || it.other {
		return -1
	}
	return r.doc.base + it.text.Offset(at-it.start)
}

// end returns where the byte before at ends in the file.
func (r *run) end(at int) int {
	if at == 0 {
		return r.offset(0)
	}
	if it, ok := r.at(at); ok && !it.other && at < it.start+len(it.text.Code) {
		if off := r.offset(at - 1); off >= 0 {
			return max(off+1, r.offset(at))
		}
	}
	return r.offset(at-1) + 1
}

// foreign is what no shell of the Bourne family has: PowerShell's variables and line ends,
// and those of cmd.
var foreign = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("(?i)\\$env:|`\\r?\\n|=[\"']?%[A-Za-z_][A-Za-z0-9_]*%")
})

func (r *run) builds(p *call.Project) []*call.Build {
	if r.broken || len(r.items) == 0 || foreign().MatchString(r.text.Code) {
		return nil
	}
	r.text.CanSet = r.set != nil
	inner, err := script.Read(p, &r.text)
	if err != nil {
		return nil // its lines tell what it names
	}
	var out []*call.Build
	for _, in := range inner {
		start := r.offset(in.Start)
		if start < 0 {
			continue
		}
		b := *in
		b.Handle = in
		b.Start, b.End = start, r.end(in.End)
		b.Args = slices.Clone(in.Args)
		for i := range b.Args {
			a := &b.Args[i]
			a.Start, a.End = r.offset(a.Start), r.end(a.End)
			if a.Start < 0 {
				a.Start, a.End = b.Start, b.End
			}
			a.Line, _ = r.Position(a.Start)
		}
		r.builder.tell(&b)
		if b.Fixed == "" {
			b.Fixed = r.fixed
		}
		out = append(out, &b)
	}
	return out
}

func (r *run) change(t *tx, changes []call.Change) error {
	for i := range changes {
		changes[i].Build = changes[i].Build.Handle.(*call.Build)
	}
	res, err := script.Edit(t.Project, &r.text, changes)
	if err != nil {
		at := changes[0].Build.Start
		var why *script.Error
		if errors.As(err, &why) {
			at = why.Offset
		}
		return t.Errorf(max(r.offset(at), 0), "%s", err.Error())
	}
	byItem := map[*embed.Text][]shell.TextEdit{}
	for _, e := range res.Edits {
		it, ok := r.at(e.Start)
		if e.Start == e.End { // text that comes stands before what follows it
			if next, found := r.at(e.Start); found {
				it = next
			}
		}
		if !ok || it.other || e.End > it.start+len(it.text.Code) {
			return t.Errorf(max(r.offset(changes[0].Build.Start), 0), "the lines to change do not stand together")
		}
		byItem[it.text] = append(byItem[it.text], shell.TextEdit{Start: e.Start - it.start, End: e.End - it.start, New: e.New})
	}
	for _, it := range r.items {
		if edits := byItem[it.text]; len(edits) > 0 {
			if err := t.text(r.doc, it, edits); err != nil {
				return err
			}
		}
	}
	for _, n := range res.Needs {
		if r.local == nil || !strings.HasPrefix(n, "add ") {
			t.need(n)
		}
	}
	for _, c := range changes {
		if s := c.Secret; r.local != nil && s != nil && s.From == "" && s.Local && !slices.ContainsFunc(c.Build.Secrets, func(x call.Secret) bool { return x.ID == s.ID }) {
			if err := r.local(t, s.ID); err != nil {
				return err
			}
		}
	}
	if len(res.Set) > 0 {
		if r.set == nil {
			return t.Errorf(max(r.offset(changes[0].Build.Start), 0), "there is no place to set %s for it", res.Set[0].Name)
		}
		if err := r.set(t, res.Set); err != nil {
			return err
		}
	}
	if r.also != nil && slices.ContainsFunc(changes, func(c call.Change) bool {
		return c.Secret != nil && c.Build.Builder.Engine == call.Docker && c.Build.Builder.BuildKit == call.Unset
	}) {
		return r.also(t)
	}
	return nil
}
