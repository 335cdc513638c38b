package pipeline

import (
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// told is a value with options of docker build that something else passes on: its arguments
// are read, and a person has to change them.
type told struct {
	*file
	doc    *document
	node   *yamledit.Node
	syntax embed.Syntax
	what   string // as a person calls it

	context, dockerfile string // as they are written, "" for what is usual

	builder builder
	fixed   string
}

func (s *told) builds(p *call.Project) []*call.Build {
	in, err := embed.New(s.doc.Doc, s.node, s.syntax)
	if err != nil {
		return nil
	}
	// The options are read as the words of a command, and where they stand as the value's.
	head := "docker build "
	t := &script.Text{Code: head + strings.ReplaceAll(in.Code, "\n", " ") + " .", Dialect: shell.POSIX, Dirs: []string{"."}, Store: true}
	for _, h := range in.Holes {
		h.Start, h.End = h.Start+len(head), h.End+len(head)
		t.Holes = append(t.Holes, h)
	}
	found, err := script.Read(p, t)
	if err != nil || len(found) != 1 {
		return nil
	}
	b := *found[0]
	b.What, b.Fixed = s.what, s.fixed
	b.Start, b.End = s.doc.base+s.node.Start, s.doc.base+s.node.End
	for i := range b.Args {
		a := &b.Args[i]
		a.Start, a.End = s.doc.base+in.Offset(a.Start-len(head)), s.doc.base+in.Offset(a.End-len(head))
		a.Line, _ = s.Position(a.Start)
	}
	context, file := s.context, s.dockerfile
	if context == "" {
		context = "."
	}
	at := p.Resolve([]string{"."}, unknown(context), unknown(file), false)
	b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir = at.Dockerfiles, at.Doubt, at.Near, at.Context, at.Dir
	b.Handle = nil
	s.builder.tell(&b)
	return []*call.Build{&b}
}

func (s *told) change(t *tx, _ []call.Change) error {
	return t.Errorf(s.doc.base+s.node.Start, "%s", s.fixed)
}

// unknown puts a hole in the place of what a service fills in.
func unknown(name string) string {
	if i := strings.IndexAny(name, "$<{*"); i >= 0 {
		return name[:i] + call.Hole
	}
	return name
}
