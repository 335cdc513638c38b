// Package inventory lists the secrets of a project: what reads each, where its value is, since when git has known it, and
// what is wrong with that. It leans on the engine's plan for secrets that are not moved yet, on compose for the services, on
// history for git. It changes nothing, keeps every value in memory, and returns none.
//
// [Take] makes the list; what it finds wrong are the [Problem]s of each secret.
package inventory

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/history"
)

// Secret is one value that the project needs.
type Secret struct {
	ID       string    // the mount's id, else the name in compose, else the variable's
	Readers  []Reader  // lines of Dockerfiles
	Services []Service // of compose files
	Places   []*Place  // where the value is, or should be; the first that has it counts
	Git      Git
	First    history.First // with GitKnows
	Rotate   []string      // why the value should be replaced; none: nothing is known against it
	Problems []Problem

	names    []string // what files call it: the id, variables, names in compose
	required bool     // something fails, or goes on with an empty value, where there is none
}

// Reader is a line of a Dockerfile that reads a secret.
type Reader struct {
	Path    string
	Line    int
	How     string        // "as NPM_TOKEN", "in /app/.npmrc"
	Rule    *rewrite.Rule // of one that is not moved to a mount yet; else nil
	Fixable bool          // fix moves it
}

// Service is a service of a compose file that a secret is handed to.
type Service struct {
	Path  string
	Line  int
	Name  string
	Build bool   // its build gets the secret; else its container
	As    string // the variable, the file or the id that it gets
}

// Git says what git knows of a value.
type Git uint8

const (
	GitUnasked Git = iota // there is no repository, or no value to look for
	GitClean              // no object of the repository holds it
	GitKnows              // First says where
	GitKeeps              // an object holds it that no branch and no tag leads to
)

// Options say what to compare with.
type Options struct {
	Root     string                      // of the project on disk, where git is asked
	Now      time.Time                   // what ages end at
	MaxAge   time.Duration               // of a value
	Variable func(string) (string, bool) // the environment, as os.LookupEnv
	Typed    func(path string) string    // a path of the project as a person types it
	Progress func(done, all int)         // of git's objects; may be nil
}

// Inventory is all secrets of a project, by id.
type Inventory struct {
	Secrets []*Secret
	Notes   []string // what was not looked at
}

// taker draws up an inventory.
type taker struct {
	plan  *rewrite.Plan
	ws    *rewrite.Workspace
	opts  Options
	all   []*compose.File // of the project
	files []*compose.File // those to list
	byKey map[string]*Secret
	order []*Secret
	notes []string

	env       map[string][]compose.DotenvEntry // environment files that were read
	variables map[string][]*Secret             // by the name of the variable that the value is in
	contexts  []build                          // what readable asks for once
}

// Take lists the secrets of the Dockerfiles and compose files at paths, and of the compose files that build such a
// Dockerfile. plan is that of the same paths, without fixes.
func Take(ctx context.Context, plan *rewrite.Plan, ws *rewrite.Workspace, paths []string, opts Options) (*Inventory, error) {
	t := &taker{plan: plan, ws: ws, opts: opts, byKey: map[string]*Secret{}, env: map[string][]compose.DotenvEntry{}, variables: map[string][]*Secret{}}
	t.all = ws.Project().Compose()
	for _, f := range t.all {
		builds := slices.ContainsFunc(f.Services, func(s *compose.Service) bool {
			return slices.ContainsFunc(s.Dockerfiles, func(d string) bool { return slices.Contains(paths, d) })
		})
		if f.Err == nil && (builds || slices.Contains(paths, f.Path)) {
			t.files = append(t.files, f)
		}
	}
	for _, f := range t.files {
		t.compose(f)
	}
	for _, p := range paths {
		if rewrite.IsDockerfile(path.Base(p)) {
			t.dockerfile(p)
		}
	}
	for _, b := range plan.Baked() {
		t.baked(b)
	}
	for _, s := range t.order {
		for _, p := range s.Places {
			for _, v := range p.values {
				plan.Hide(s.ID, v)
			}
		}
	}
	if err := t.history(ctx); err != nil {
		return nil, err
	}
	for _, s := range t.order {
		t.judge(s)
	}
	slices.SortStableFunc(t.order, func(a, b *Secret) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.first(), b.first()))
	})
	return &Inventory{t.order, t.notes}, nil
}

// secret returns the one of a key, which says where its value comes from.
func (t *taker) secret(key, id string) *Secret {
	s := t.byKey[key]
	if s == nil {
		s = &Secret{ID: id}
		t.byKey[key] = s
		t.order = append(t.order, s)
	}
	s.called(id)
	return s
}

// called notes a name that files have for the secret.
func (s *Secret) called(name string) {
	if !slices.Contains(s.names, name) {
		s.names = append(s.names, name)
	}
}

// read notes a reader. The id of a mount is what the secret is called.
func (s *Secret) read(r Reader) {
	if !slices.Contains(s.Readers, r) {
		s.Readers = append(s.Readers, r)
	}
}

func (s *Secret) serve(x Service) {
	if !slices.Contains(s.Services, x) {
		s.Services = append(s.Services, x)
	}
}

// first is what tells secrets of one id apart.
func (s *Secret) first() string {
	for _, p := range s.Places {
		if p.Path != "" {
			return p.Path
		}
	}
	return ""
}

// Known reports the place whose value counts; nil if there is none.
func (s *Secret) Known() *Place {
	for _, p := range s.Places {
		if p.Missing == "" {
			return p
		}
	}
	return nil
}
