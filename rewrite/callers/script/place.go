package script

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// turnsOf returns the folders that a command may run in, as dirs does, for each turn of a loop
// and each call of a function that differs by them.
func (sc *scene) turnsOf(c *shell.Command) [][]string {
	out := [][]string{sc.dirs(sc.s, c)}
	for _, s := range sc.turns {
		for _, o := range s.Commands {
			if o.Start == c.Start && o.End == c.End && o.Path == c.Path {
				if dirs := sc.dirs(s, o); !slices.ContainsFunc(out, func(x []string) bool { return slices.Equal(x, dirs) }) {
					out = append(out, dirs)
				}
				break
			}
		}
	}
	return out
}

// dirs returns the folders that a command of a script may run in, relative to the root;
// call.Hole is one that is known only when it runs.
func (sc *scene) dirs(s *shell.Script, c *shell.Command) []string {
	paths := []string{c.Dir}
	if !c.DirKnown {
		// A function runs where it is called, and a loop where it has gone before.
		for _, o := range s.Commands {
			if o.In&(shell.InFunc|shell.InSubst) == 0 && !slices.Contains(paths, o.Dir) {
				paths = append(paths, o.Dir)
			}
		}
	}
	var out []string
	add := func(dir string) {
		if !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	for _, p := range paths {
		rest, rooted := strings.CutPrefix(p, Root)
		switch {
		case rooted:
			add(path.Join(".", rest))
		case p == "?" || strings.Contains(p, call.Hole) || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "~"):
			add(call.Hole)
		default:
			for _, d := range sc.t.Dirs {
				if d = path.Join(d, p); d != ".." && !strings.HasPrefix(d, "../") {
					add(d)
				}
			}
		}
	}
	return out
}

// only returns the one folder of all turns; "" if there are several, or it is not known.
func only(turns [][]string) string {
	if len(turns) != 1 || len(turns[0]) != 1 || turns[0][0] == call.Hole {
		return ""
	}
	return turns[0][0]
}

// places says which Dockerfiles a build reads, in all its turns.
func (sc *scene) places(turns [][]string, contexts, files []string, inContext bool) call.Place {
	out := sc.place(turns[0], contexts, files, inContext)
	for _, dirs := range turns[1:] {
		one := sc.place(dirs, contexts, files, inContext)
		out.Dockerfiles = append(out.Dockerfiles, one.Dockerfiles...)
		out.Context, out.Dir = "", ""
		out.Near = (out.Near || out.Doubt == "") && (one.Near || one.Doubt == "")
		if out.Doubt == "" {
			out.Doubt = one.Doubt
		}
	}
	out.Near = out.Near && out.Doubt != ""
	slices.Sort(out.Dockerfiles)
	out.Dockerfiles = slices.Compact(out.Dockerfiles)
	return out
}

// place says which Dockerfiles a build reads that runs in one of dirs. contexts and files
// are all that the words may be: a loop builds one after the other.
func (sc *scene) place(dirs, contexts, files []string, inContext bool) call.Place {
	var hits []call.Place
	var doubt string
	for _, dir := range dirs {
		var here call.Place
		n := 0
		for _, c := range contexts {
			for _, f := range files {
				try := []string{dir}
				if dir == call.Hole {
					try = []string{call.Hole, "."}
				}
				for _, d := range try {
					one := sc.p.Resolve([]string{d}, seen(d, c), seen(d, f), inContext)
					if len(one.Dockerfiles) == 0 {
						if doubt == "" || strings.Contains(one.Doubt, "when it runs") {
							doubt = one.Doubt
						}
						continue
					}
					if n++; n == 1 {
						here = one
					} else {
						here.Dockerfiles = append(here.Dockerfiles, one.Dockerfiles...)
						if here.Context != one.Context {
							here.Context = ""
						}
					}
					if one.Doubt != "" {
						here.Doubt = one.Doubt
					}
				}
			}
		}
		if dir == call.Hole {
			here.Doubt, here.Context, here.Dir = "the folder that it runs in is known only when it runs", "", ""
			doubt = here.Doubt
		}
		if len(here.Dockerfiles) > 0 {
			slices.Sort(here.Dockerfiles)
			here.Dockerfiles = slices.Compact(here.Dockerfiles)
			hits = append(hits, here)
		}
	}
	switch len(hits) {
	case 0:
		if doubt == "" {
			doubt = "the folder that it runs in is known only when it runs"
		}
		return call.Place{Doubt: doubt}
	case 1:
		return hits[0]
	}
	out := hits[0]
	out.Context, out.Dir = "", ""
	same := true
	for _, h := range hits[1:] {
		same = same && slices.Equal(h.Dockerfiles, out.Dockerfiles)
		if h.Doubt != "" {
			out.Doubt = h.Doubt
		}
	}
	for _, h := range hits[1:] {
		out.Dockerfiles = append(out.Dockerfiles, h.Dockerfiles...)
	}
	slices.Sort(out.Dockerfiles)
	out.Dockerfiles = slices.Compact(out.Dockerfiles)
	if !same && out.Doubt == "" {
		out.Doubt, out.Near = "which folder it runs in is not certain", true
	}
	return out
}

// seen is a path as it is seen from a folder: one below the root becomes relative.
func seen(dir, p string) string {
	rest, ok := strings.CutPrefix(p, Root)
	if !ok {
		return p
	}
	rest = path.Join(".", rest)
	if dir == call.Hole {
		return "/" + rest
	}
	return call.Relative(dir, rest)
}
