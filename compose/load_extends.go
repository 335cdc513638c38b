package compose

import (
	"maps"
	"slices"
)

// extension is a service's extends key.
type extension struct {
	file, service string
	base          *Service
	line, col     int
}

// extend gives a service what it extends: the section, or the arguments and secrets that it does not have itself.
func extend(f *File, s *Service, byPath map[string]*File, done map[*Service]int) {
	const working, ready = 1, 2
	if done[s] != 0 { // working: a cycle, which compose refuses
		return
	}
	done[s] = working
	defer func() { done[s] = ready }()
	x := s.extends
	if x == nil {
		return
	}
	from := f
	if x.file != "" {
		from = byPath[x.file]
	}
	if from == nil {
		return
	}
	for _, base := range from.Services {
		if base.Name == x.service && base != s {
			x.base = base
		}
	}
	if x.base == nil {
		return
	}
	extend(from, x.base, byPath, done)
	s.inherit(x.base, "extends", x.line, x.col)
	base := x.base.Build
	if base == nil {
		return
	}
	own := s.Build
	if own == nil {
		own = &Build{Line: x.line, Col: x.col, Inherited: "extends", Contexts: map[string]string{}}
		s.Build = own
	}
	if own.context.given {
		m := own.over(base, f.Dir)
		own.dockerfile, own.target, own.Dockerfile, own.Target, own.inline = m.dockerfile, m.target, m.Dockerfile, m.Target, m.inline
	} else {
		// The base's context is relative to the base's file, so it is taken as it was resolved there.
		own.Context, own.context, own.inline = base.Context, base.context, own.inline || base.inline
		if !own.dockerfile.given {
			own.dockerfile = base.dockerfile
		}
		if !own.target.given {
			own.target = base.target
		}
		m := Build{context: slot{val: ".", given: true, ok: true}, dockerfile: own.dockerfile, inline: own.inline}
		m.resolve(base.Context)
		own.Dockerfile, own.Target = m.Dockerfile, own.target.val
	}
	for _, a := range base.Args {
		if !slices.ContainsFunc(own.Args, func(b Arg) bool { return a.Name == b.Name }) {
			a.Inherited = "extends"
			if from != f {
				a.Start, a.End, a.Line, a.Col = -1, -1, x.line, x.col
			}
			own.Args = append(own.Args, a)
		}
	}
	for _, id := range base.Secrets {
		if !slices.Contains(own.Secrets, id) {
			own.Secrets = append(own.Secrets, id)
		}
	}
	own.Services = append(slices.Clip(own.Services), base.Services...)
	for _, name := range slices.Sorted(maps.Keys(base.Contexts)) {
		if _, ok := own.Contexts[name]; !ok {
			own.Contexts[name] = base.Contexts[name]
		}
	}
}
