package flow

import (
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/images"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// IsRoot reports whether a RUN runs as root. It is not known where the base image
// decides, unless that is an official one, which run as root but for a few.
func IsRoot(in *dockerfile.Instruction) (root, known bool) {
	user, _, _ := strings.Cut(User(in), ":")
	switch user {
	case "root", "0":
		return true, true
	case "":
		line := in.Stage.Lineage()
		base := strings.TrimPrefix(strings.TrimPrefix(line[len(line)-1].Base, "docker.io/"), "library/")
		name, _, _ := strings.Cut(base, ":")
		name, _, _ = strings.Cut(name, "@")
		switch name {
		case "solr", "kibana", "logstash", "elasticsearch", "sonarqube", "websphere-liberty", "open-liberty", "varnish", "memcached", "haproxy", "couchbase":
			return false, false
		}
		return true, !strings.ContainsAny(base, "/$")
	}
	return false, true
}

// Workdir returns the folder in force at an instruction, absolute; ok is false where
// the base image decides.
func Workdir(in *dockerfile.Instruction) (dir string, ok bool) {
	for _, x := range in.Stage.History(in) {
		if x.Name != "workdir" {
			continue
		}
		w := settledIn(x, strings.TrimSpace(x.ArgText()))
		switch {
		case strings.ContainsAny(w, "$\\`\"'"):
			dir, ok = "", false
		case path.IsAbs(w):
			dir, ok = path.Clean(w), true
		case ok:
			dir = path.Join(dir, w)
		}
	}
	return dir, ok
}

// User returns the user in force at an instruction, "" for the base image's.
func User(in *dockerfile.Instruction) string {
	user := ""
	for _, x := range in.Stage.History(in) {
		if x.Name == "user" {
			user = settledIn(x, strings.TrimSpace(x.ArgText()))
		}
	}
	return user
}

// target finds where the file stands in the image.
func (a *analysis) target(s *Secret, in *dockerfile.Instruction, words []dockerfile.Word) {
	c := s.Copied
	dest := settledIn(in, words[len(words)-1].Text)
	if strings.ContainsAny(dest, "$~\\`") {
		s.doubt(in, "its destination holds a variable or a ~")
		return
	}
	dir, known := Workdir(in)
	name := base(words[0].Text)
	if len(words) > 2 || strings.HasSuffix(dest, "/") || dest == "." || dest == ".." {
		name = s.Name
	}
	folder := len(words) > 2 || strings.HasSuffix(dest, "/") || dest == "." || dest == ".."
	clean := path.Clean(dest)
	if !path.IsAbs(clean) && known {
		clean = path.Join(dir, clean)
	}
	if !folder && a.isFolder(in, clean, dir) {
		folder = true
	}
	if folder {
		c.Dir, c.Target = clean, path.Join(clean, name)
	} else {
		c.Dir, c.Target = path.Dir(clean), clean
		if path.Base(clean) != s.Name && !path.IsAbs(clean) && !known {
			// COPY .npmrc x, with no WORKDIR: x may be a folder of the base image.
			s.doubt(in, "its destination may be a file or a folder")
		} else if path.Base(clean) != s.Name && !strings.Contains(path.Base(clean), ".") && path.Base(clean) != strings.TrimPrefix(s.Name, ".") && !strings.HasPrefix(path.Base(clean), "id_") {
			s.doubt(in, "its destination may be a file or a folder")
		}
	}
	c.Known = true
	c.Made = c.Dir == dir || !path.IsAbs(c.Dir) && c.Dir == "." || a.isFolder(in, c.Dir, dir) || len(words) > 2
}

// isFolder reports whether a folder is there before an instruction: every image has
// it, or an earlier instruction makes it.
func (a *analysis) isFolder(in *dockerfile.Instruction, dir, workdir string) bool {
	switch dir {
	case "/", "/root", "/etc", "/tmp", "/home", "/usr", "/opt", "/var", "/usr/local", "/bin", "/usr/bin", ".":
		return true
	}
	if workdir == dir || strings.HasPrefix(workdir, dir+"/") {
		return true
	}
	switch repo, _ := images.Name(baseImage(in.Stage)); {
	case repo == "nginx" && (dir == "/etc/nginx" || dir == "/etc/nginx/conf.d" || dir == "/usr/share/nginx/html"),
		repo == "httpd" && (dir == "/usr/local/apache2" || dir == "/usr/local/apache2/conf"):
		return true
	}
	wd := ""
	for _, x := range in.Stage.History(in) {
		switch x.Name {
		case "workdir":
			w := settledIn(x, strings.TrimSpace(x.ArgText()))
			if !path.IsAbs(w) {
				w = path.Join(wd, w)
			}
			wd = w
			if wd == dir || strings.HasPrefix(wd, dir+"/") {
				return true
			}
		case "run":
			r := a.run(x)
			for _, cmd := range r.cmds {
				if cmd.sh == nil || cmd.program != "mkdir" && cmd.program != "install" || cmd.sh.In&(shell.InCond|shell.InBranch|shell.InCase|shell.OrRight|shell.InFunc) != 0 {
					continue
				}
				for _, arg := range cmd.args {
					p := r.settled(arg)
					if rest, ok := strings.CutPrefix(p, "~/"); ok {
						p = "/root/" + rest
					}
					if p = path.Clean(p); !path.IsAbs(p) && wd != "" {
						p = path.Join(wd, p)
					}
					if p == dir || strings.HasPrefix(p, dir+"/") {
						return true
					}
				}
			}
		case "copy", "add":
			words, ok := x.Paths()
			if !ok || len(words) < 2 {
				continue
			}
			dest := settledIn(x, words[len(words)-1].Text)
			p := path.Clean(dest)
			if !path.IsAbs(p) && wd != "" {
				p = path.Join(wd, p)
			}
			if strings.HasSuffix(dest, "/") && p == dir || strings.HasPrefix(p, dir+"/") {
				return true
			}
		}
	}
	return false
}
