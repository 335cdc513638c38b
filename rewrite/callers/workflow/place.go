package workflow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// mount is a folder of the workspace that a repository is checked out into.
type mount struct {
	at  string // relative to the workspace
	own bool   // it is this repository
}

// checkouts returns what stands in the workspace when a step begins, with the innermost
// folder first. A job without any checkout works on what it is handed of this repository.
func (s *step) checkouts() []mount {
	if s.job.mounts != nil {
		return s.job.mounts
	}
	var out []mount
	for i, n := range s.job.steps[:s.i] {
		if name, _ := action(text(get(n, "uses"))); name != "actions/checkout" {
			continue
		}
		c := &step{file: s.file, job: s.job, node: n, env: get(n, "env"), i: i}
		m := mount{at: "."}
		if p, _ := c.input("path"); text(p) != "" {
			m.at = path.Clean(c.expand(text(p), combination{open: true}, 0))
		}
		repository, _ := c.input("repository")
		switch r := inner(text(repository)); {
		case r == "", r == "github.repository", r == "gitea.repository", r == "forge.repository", strings.HasSuffix(r, "pull_request.head.repo.full_name"):
			m.own = true
		}
		out = slices.DeleteFunc(out, func(x mount) bool { return x.at == m.at })
		out = append(out, m)
	}
	if len(out) == 0 {
		out = []mount{{at: ".", own: true}}
	}
	slices.SortStableFunc(out, func(a, b mount) int { return len(b.at) - len(a.at) })
	return out
}

// checkedOut returns the folder of the workspace in which this repository is certainly.
func (s *step) checkedOut() (at string, ok bool) {
	for _, m := range s.checkouts() {
		if m.own && !strings.Contains(m.at, call.Hole) {
			at, ok = m.at, true
		}
	}
	if s.job.mounts == nil && !slices.ContainsFunc(s.job.steps[:s.i], func(n *yamledit.Node) bool {
		name, _ := action(text(get(n, "uses")))
		return name == "actions/checkout" || strings.HasPrefix(name, "./")
	}) {
		return "", false
	}
	return at, ok
}

// straight reports whether the workspace is the root of this repository and of the project,
// whatever else is in folders of it.
func (s *step) straight() bool {
	all := s.checkouts()
	return s.base == "." && len(all) > 0 && all[len(all)-1] == mount{".", true}
}

// inRepository turns a path in the workspace into one relative to the root; ok is false
// where it is no part of this repository.
func (s *step) inRepository(name string) (string, bool) {
	if path.IsAbs(name) {
		return "", false
	}
	name = path.Clean(name)
	for _, m := range s.checkouts() {
		rest, within := name, m.at == "."
		if name == m.at {
			rest, within = ".", true
		} else if r, ok := strings.CutPrefix(name, m.at+"/"); ok {
			rest, within = r, true
		}
		if !within {
			continue
		}
		if !m.own || rest == ".." || strings.HasPrefix(rest, "../") {
			return "", false
		}
		return path.Join(s.base, rest), true
	}
	return "", false
}

// here is the folder of an action, in the workspace of a repository that has it.
func (s *step) here() string { return path.Dir(s.src.Path) }

// elsewhere says why a build is none of this project, for people.
const elsewhere = "it builds in a folder that is no part of this repository"

// join makes one place of several that a build may have.
func join(places []call.Place) call.Place {
	out := places[0]
	for _, p := range places[1:] {
		for _, f := range p.Dockerfiles {
			if !slices.Contains(out.Dockerfiles, f) {
				out.Dockerfiles = append(out.Dockerfiles, f)
			}
		}
		if out.Doubt == "" {
			out.Doubt = p.Doubt
		}
		out.Near = out.Near && p.Near
		if p.Context != out.Context {
			out.Context = ""
		}
		if p.Dir != out.Dir {
			out.Dir = ""
		}
	}
	slices.Sort(out.Dockerfiles)
	return out
}
