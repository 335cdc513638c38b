package workflow

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// uses reads a step that uses an action.
func (s *step) uses() {
	name, version := action(text(get(s.node, "uses")))
	switch {
	case name == "docker/build-push-action":
		s.buildPush(version)
	case name == "docker/setup-buildx-action":
		s.setupBuildx()
	}
}

// setupBuildx notes which BuildKit the builds after it have.
func (s *step) setupBuildx() {
	opts, _ := s.input("driver-opts")
	for line := range strings.SplitSeq(text(opts), "\n") {
		for opt := range strings.SplitSeq(line, ",") {
			image, ok := strings.CutPrefix(strings.TrimSpace(opt), "image=")
			if !ok {
				continue
			}
			_, tag, _ := strings.Cut(path.Base(image), ":")
			if v := strings.TrimPrefix(tag, "v"); v != "" && v[0] >= '0' && v[0] <= '9' {
				v, _, _ = strings.Cut(v, "-")
				s.job.builder = call.Builder{Engine: call.Buildx, Version: v, Why: "driver-opts: image=" + image}
			}
		}
	}
}
func (f *file) reusable(j *job, n *yamledit.Node, at []string)                    {}
func (f *file) container(image *yamledit.Node)                                    {}
func (s *step) run()                                                              {}
func (f *file) onWindows(j *job) bool                                             { return false }
func (s *step) place(b *call.Build, file, context, target string, inContext bool) { b.Doubt = "?" }

// seen notes the names of the arguments that an input passes, whatever its form.
func (s *step) seen(b *call.Build, input string) {
	if n, _ := s.input(input); n != nil {
		s.names(b, n)
	}
}

var named = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|[\s,'"])(?:--build-arg[ =]["']?)?([A-Za-z_][A-Za-z0-9_]*)(?:=|["']?\s*:\s|\s*$|,)`)
})

// names notes all names of a text that may be those of arguments, at their lines.
func (s *step) names(b *call.Build, n *yamledit.Node) {
	if n.Kind != yamledit.Scalar {
		for _, e := range n.Entries() {
			b.Args = append(b.Args, s.namedAt(e.Key.Value, e.Key.Start))
		}
		for _, item := range n.Items {
			if n.Kind == yamledit.List {
				s.names(b, item.Deref())
			}
		}
		return
	}
	from, _, sure := s.doc.Letters(n)
	value := []byte(n.Value)
	for _, h := range expressions(n.Value) {
		for i := h.Start; i < h.End; i++ {
			value[i] = '.'
		}
	}
	for _, m := range named().FindAllSubmatchIndex(value, -1) {
		at := n.Start
		if sure && from[m[2]] >= 0 {
			at = from[m[2]]
		}
		b.Args = append(b.Args, s.namedAt(n.Value[m[2]:m[3]], at))
	}
}

func (s *step) namedAt(name string, at int) call.Arg {
	a := call.Arg{Name: name, Kind: call.Computed, Start: at, End: at + len(name)}
	a.Line, _ = s.src.Position(at)
	return a
}
