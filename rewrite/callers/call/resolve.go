package call

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Hole stands in a path for a part that is known only when the call runs.
const Hole = "\x00"

// Place is where a build's file names lead to.
type Place struct {
	Dockerfiles []string
	Doubt       string
	Near        bool // as in Build
	Context     string
	Dir         string
}

// Resolve says which Dockerfiles a build reads. dirs are the folders, relative to the
// root, in which it may run; context and file (-f, "" is context/Dockerfile) are as they
// are written, with Hole for what is not known. inContext says that file is relative to
// context (compose, bake) and not to the folder. Where one of dirs alone has the file,
// that is the one.
func (p *Project) Resolve(dirs []string, context, file string, inContext bool) Place {
	if Remote(context) {
		return Place{Doubt: "its context is not a folder of this project"}
	}
	var out Place
	var hits []string
	for _, dir := range dirs {
		at, ok := within(dir, context)
		names := []string{file}
		switch {
		case file == "" && !ok:
			continue
		case file == "":
			names = []string{path.Join(at, "Dockerfile"), path.Join(at, "Containerfile"), path.Join(at, "dockerfile")}
		case inContext && !ok:
			continue
		case inContext:
			if names[0], ok = within(at, file); !ok {
				continue
			}
		default:
			name, inside := within(dir, file)
			if !inside {
				continue
			}
			names[0] = name
		}
		for _, name := range names {
			found := p.find(name)
			if len(found) == 0 {
				continue
			}
			hits = append(hits, dir)
			for _, f := range found {
				if !slices.Contains(out.Dockerfiles, f) {
					out.Dockerfiles = append(out.Dockerfiles, f)
				}
			}
			out.Dir = dir
			if out.Context = at; !ok || strings.Contains(at, Hole) || p.FS != nil && !isDir(p.FS, at) {
				out.Context = ""
			}
			break
		}
	}
	slices.Sort(out.Dockerfiles)
	switch {
	case len(out.Dockerfiles) == 0 && strings.Contains(context+file, Hole):
		out.Doubt = "which Dockerfile it builds is known only when it runs"
	case len(out.Dockerfiles) == 0:
		out.Doubt = "there is no such Dockerfile where it seems to run"
	case len(hits) > 1 && len(out.Dockerfiles) > 1:
		out.Doubt, out.Near, out.Context, out.Dir = "which folder it runs in is not certain", true, "", ""
	case len(hits) > 1:
		out.Context, out.Dir = "", ""
	case strings.Contains(context+file, Hole):
		out.Doubt = "which Dockerfile it builds is known only when it runs"
	}
	return out
}

// find returns the project's Dockerfiles of a name, which may have holes.
func (p *Project) find(name string) []string {
	if !strings.Contains(name, Hole) {
		if slices.Contains(p.Dockerfiles, name) || p.FS != nil && isFile(p.FS, name) {
			return []string{name}
		}
		return nil
	}
	pattern, err := regexp.Compile("^" + strings.ReplaceAll(regexp.QuoteMeta(name), Hole, ".*") + "$")
	if err != nil {
		return nil // no UTF-8: no file of the project is called so
	}
	var out []string
	for _, f := range p.Dockerfiles {
		if pattern.MatchString(f) {
			out = append(out, f)
		}
	}
	return out
}

// Remote reports whether a context is no folder: a URL, standard input.
func Remote(context string) bool {
	return context == "-" || strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/")
}

// within joins a path to a folder of the project; ok is false where it leads out.
func within(dir, name string) (string, bool) {
	if dir == "" || path.IsAbs(name) || strings.HasPrefix(name, "~") {
		return "", false
	}
	name = path.Join(dir, name)
	return name, name != ".." && !strings.HasPrefix(name, "../")
}

func isDir(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.IsDir()
}

func isFile(fsys fs.FS, name string) bool {
	info, err := fs.Stat(fsys, name)
	return err == nil && info.Mode().IsRegular()
}

// Relative is a file of the project as a call in dir names it: "" where dir is not known.
func Relative(dir, file string) string {
	if dir == "" {
		return ""
	}
	if dir == "." {
		return file
	}
	up := ""
	for d := dir; ; d = path.Dir(d) {
		if d == "." {
			return up + file
		}
		if rest, ok := strings.CutPrefix(file, d+"/"); ok {
			return up + rest
		}
		up += "../"
	}
}
