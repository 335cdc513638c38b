package callers

import (
	"slices"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// Sure says how certain it is that a build reads a Dockerfile.
type Sure uint8

const (
	No Sure = iota
	Maybe
	Yes
)

// Builds says whether a build reads the Dockerfile.
func Builds(b *call.Build, dockerfile string) Sure {
	switch {
	case slices.Contains(b.Dockerfiles, dockerfile) && b.Doubt == "":
		return Yes
	case slices.Contains(b.Dockerfiles, dockerfile), len(b.Dockerfiles) == 0 && b.Doubt != "":
		return Maybe
	}
	return No
}

// Able is what every builder of a Dockerfile can do. One that may build it counts where the
// Dockerfile is among those that it names.
func (x *Index) Able(dockerfile string) call.Able {
	var out call.Able
	for _, b := range x.Calls {
		if slices.Contains(b.Dockerfiles, dockerfile) {
			out = out.With(b.Able())
		}
	}
	return out
}

// Passing returns the builds of a Dockerfile, certain or not, that pass one of the
// arguments, and where else one of them is named: by no build that is understood.
func (x *Index) Passing(dockerfile string, names []string) (builds []*call.Build, unseen []Mention) {
	for _, b := range x.Calls {
		if Builds(b, dockerfile) != No && slices.ContainsFunc(b.Args, func(a call.Arg) bool { return slices.Contains(names, a.Name) }) {
			builds = append(builds, b)
		}
	}
	for _, name := range names {
		for _, m := range x.Args[name] {
			if !x.claimed(m, name) && !slices.Contains(unseen, m) {
				unseen = append(unseen, m)
			}
		}
	}
	return builds, unseen
}

// Unread returns the lines with a build command that no build which is understood accounts for.
func (x *Index) Unread() []Mention {
	return slices.DeleteFunc(slices.Clone(x.Lines), func(m Mention) bool {
		return slices.ContainsFunc(x.Calls, func(b *call.Build) bool { return b.Path == m.Path && b.Line <= m.Line && m.Line <= x.last[b] })
	})
}

// claimed reports whether a build that is understood accounts for a mention.
func (x *Index) claimed(m Mention, name string) bool {
	return slices.ContainsFunc(x.Calls, func(b *call.Build) bool {
		return b.Path == m.Path && slices.ContainsFunc(b.Args, func(a call.Arg) bool {
			return a.Name == name && (a.Line == m.Line || b.Line <= m.Line && m.Line <= x.last[b])
		})
	})
}
