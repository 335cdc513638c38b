package compose

import (
	"io/fs"
	"path"
)

// join finds the files of one folder that are used together, the one that compose finds by itself and its overrides, and notes for
// each service which Dockerfiles the merged one builds.
func join(fsys fs.FS, files []*File) {
	folders := map[string]map[string][]*Service{}
	for _, f := range files {
		dir := path.Dir(f.Path)
		if folders[dir] == nil {
			folders[dir] = map[string][]*Service{}
		}
		for _, s := range f.Services {
			if s.Build != nil {
				folders[dir][s.Name] = append(folders[dir][s.Name], s)
			}
		}
	}
	for _, services := range folders {
		for _, same := range services {
			for _, s := range same {
				if canonical(path.Base(s.File.Path)) {
					continue
				}
				bases := basesOf(s, same)
				if len(bases) == 0 {
					continue
				}
				s.Overrides = true
				b := s.Build
				contextOwn := b.context.given
				if !contextOwn {
					// It says nothing alone; what it is part of says where it belongs.
					s.Dockerfiles = nil
					m := b.over(bases[0].Build, bases[0].File.Dir)
					b.Context, b.Dockerfile, b.Target = m.Context, m.Dockerfile, m.Target
				}
				for _, base := range bases {
					m := b.over(base.Build, base.File.Dir)
					if m.Dockerfile == "" {
						continue
					}
					if m.Dockerfile != base.Build.Dockerfile {
						if _, err := fs.Stat(fsys, m.Dockerfile); err != nil && contextOwn {
							continue // the two are hardly meant for each other
						}
						base.Dockerfiles = append(base.Dockerfiles, m.Dockerfile)
					}
					s.Dockerfiles = append(s.Dockerfiles, m.Dockerfile)
				}
			}
		}
	}
}

// basesOf returns the services of the same name that s is put over: those of files that compose finds by itself, else, where s does not
// say itself what it builds, any that do.
func basesOf(s *Service, same []*Service) []*Service {
	var out []*Service
	for _, t := range same {
		if t != s && canonical(path.Base(t.File.Path)) {
			out = append(out, t)
		}
	}
	if len(out) > 0 || s.Build.context.given {
		return out
	}
	for _, t := range same {
		if t != s && t.Build.context.given {
			out = append(out, t)
		}
	}
	return out
}
