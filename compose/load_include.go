package compose

import (
	"path"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// inclusion is a file that another includes, the folder its relative paths then start from, and the environment file, if the include names one.
type inclusion struct {
	path, dir string
	env       slot
}

// include is an entry of a file's include section as it is written, its variables filled in from their defaults.
type include struct {
	paths        []slot
	project, env slot
}

// readIncludes returns a file's includes.
func readIncludes(root *yamledit.Node) []include {
	list, ok := root.Get("include")
	if !ok {
		return nil
	}
	var out []include
	for _, item := range list.Value.Items {
		item = item.Deref()
		var in include
		var paths []string
		switch item.Kind {
		case yamledit.Scalar:
			paths = []string{item.Value}
		case yamledit.Map:
			if e, ok := item.Get("path"); ok {
				paths = texts(e.Value)
			}
			in.project = read(item, "project_directory")
			if e, ok := item.Get("env_file"); ok {
				for _, name := range texts(e.Value) { // the last has the last word
					in.env = slot{given: true}
					in.env.val, in.env.ok = interpolate(name)
				}
			}
		}
		for _, p := range paths {
			one := slot{given: true}
			one.val, one.ok = interpolate(p)
			in.paths = append(in.paths, one)
		}
		out = append(out, in)
	}
	return out
}

// included returns the files that f includes, given the folder f's own paths start from. dir is "" where it is not certain.
func (f *File) included(from string) []inclusion {
	var out []inclusion
	for _, in := range f.includes {
		env := slot{given: in.env.given}
		if in.env.ok {
			env.val, env.ok = local(from, in.env.val)
		}
		dir := ""
		for i, name := range in.paths {
			if !name.ok {
				continue
			}
			p, ok := local(from, name.val)
			if !ok {
				continue
			}
			if i == 0 && !in.project.given {
				dir = path.Dir(p)
			} else if i == 0 && in.project.ok {
				dir, _ = local(from, in.project.val)
			}
			out = append(out, inclusion{path: p, dir: dir, env: env})
		}
	}
	return out
}

// references returns the paths that f includes or extends.
func (f *File) references() []string {
	var out []string
	for _, in := range f.included(f.Dir) {
		out = append(out, in.path)
	}
	for _, name := range f.extended {
		if p, ok := local(f.Dir, name); ok {
			out = append(out, p)
		}
	}
	return out
}

// placeIncluded sets Dir of included files. A file that several include from different folders has none that is certain.
func placeIncluded(files []*File, byPath map[string]*File) {
	for range len(files) + 1 { // an include can move what it includes in turn
		dirs, envs := map[*File]string{}, map[*File]slot{}
		for _, f := range files {
			if f.Dir == "" {
				continue
			}
			for _, in := range f.included(f.Dir) {
				target := byPath[in.path]
				if target == nil || target == f {
					continue
				}
				if dir, ok := dirs[target]; ok {
					if dir != in.dir {
						in.dir = ""
					}
					if envs[target] != in.env {
						in.env = slot{given: true}
					}
				}
				dirs[target], envs[target] = in.dir, in.env
			}
		}
		changed := false
		for f, dir := range dirs {
			if f.Dir != dir {
				f.Dir, changed = dir, true
			}
			if f.envFile != envs[f] {
				f.envFile, changed = envs[f], true
			}
		}
		if !changed {
			return
		}
	}
}
