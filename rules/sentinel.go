package rules

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

var plainDefault = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`) })

// sentinel looks at a weak default of an ARG: a mount cannot keep it, but readers that
// name the variable plainly can.
func (m *move) sentinel() string {
	s := m.s
	if s.Verdict != detect.Dummy || s.Given || len(s.Readers) == 0 {
		return ""
	}
	def := s.Value.Reveal()
	for _, o := range s.Origins {
		if o.Kind == flow.Env && o.From == "" {
			return "its value is a weak default or a placeholder: whoever builds or runs the image may count on it"
		}
	}
	if !plainDefault().MatchString(def) {
		return "its weak default cannot be kept by a mount"
	}
	for _, r := range s.Readers {
		if r.How != flow.Named || r.Run.Script == nil || r.Run.Exec != nil {
			return fmt.Sprintf("its weak default cannot be kept by a mount: %s (line %d) may count on it", r.Program, r.In.Line)
		}
		for _, n := range r.Names {
			uses := r.Run.Script.UsesOf(n)
			if len(uses) == 0 || len(uses) != len(r.Run.Script.Mentions(n)) {
				return fmt.Sprintf("its weak default cannot be kept by a mount: line %d names it in a way that is not understood", r.In.Line)
			}
			for _, u := range uses {
				if u.Form != "" || u.Nested {
					return fmt.Sprintf("its weak default cannot be kept by a mount: line %d uses it in a way that is not understood", r.In.Line)
				}
			}
		}
	}
	m.def = def
	return ""
}

// keepDefault puts ${T:-default} in place of each $T. Where a program of the RUN may read
// the variable besides, it is given the default first (exportDefault).
func (m *move) keepDefault(r flow.Reader) string {
	if r.Also != "" {
		return ""
	}
	for _, n := range r.Names {
		for _, u := range r.Run.Script.UsesOf(n) {
			start, end, ok := r.Run.Source(u.Start, u.End)
			if !ok || end-start != u.End-u.Start {
				return fmt.Sprintf("line %d: the variable stands across a line continuation", r.In.Line)
			}
			kept := "${" + n + ":-" + m.def + "}"
			m.edits = append(m.edits, edit.Edit{Start: start, End: end, New: kept})
			m.intent.command(r.Run, shell.TextEdit{Start: u.Start, End: u.End, New: kept})
		}
	}
	return ""
}

// exportDefault is the command that gives the default to all that a RUN runs.
func (m *move) exportDefault(r flow.Reader, name string) string {
	if m.def == "" || r.Also == "" {
		return ""
	}
	return fmt.Sprintf("export %s=\"${%s:-%s}\"; ", name, name, m.def)
}
