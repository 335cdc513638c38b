package deploy

import (
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

func isTiltfile(p string) bool {
	base := path.Base(p)
	return base == "Tiltfile" || strings.HasSuffix(base, ".tiltfile") || strings.HasPrefix(base, "Tiltfile.")
}

var (
	dockerBuild = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bdocker_build(?:_with_restart)?\s*\(`) })
	tiltArgs    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bbuild_args\s*=\s*\{([^}]*)\}`) })
	tiltName    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`["']([A-Za-z_][A-Za-z0-9_]*)["']\s*:`) })
	tiltFile    = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bdockerfile\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s,)]))`)
	})
	tiltContext = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(?:"[^"]*"|'[^']*'|[^\s,()"']+)\s*,\s*(?:context\s*=\s*)?(?:"([^"]*)"|'([^']*)')\s*[,)]`)
	})
)

// readTiltfile finds the calls of docker_build. A Tiltfile is a program: none is changed.
func readTiltfile(s *call.Source) ([]*call.Build, error) {
	var out []*call.Build
	src := string(s.Src)
	for _, at := range dockerBuild().FindAllStringIndex(src, -1) {
		if line := src[strings.LastIndexByte(src[:at[0]], '\n')+1 : at[0]]; strings.Contains(line, "#") || strings.Contains(line, "def ") {
			continue
		}
		end := closing(src, at[1])
		if end < 0 {
			continue
		}
		b := &call.Build{Path: s.Path, Start: at[0], End: end, What: "docker_build", Builder: call.Builder{Engine: call.Docker, Why: "tilt"}}
		b.Line, b.Col = s.Position(b.Start)
		b.Fixed = "a Tiltfile is a program: take it out of build_args there, and write secret=['id=…,env=…']"
		body := src[at[1]:end]
		context, file := call.Hole, ""
		if m := tiltContext().FindStringSubmatch(body); m != nil {
			context = m[1] + m[2]
		}
		if m := tiltFile().FindStringSubmatch(body); m != nil {
			if file = m[1] + m[2]; m[3] != "" {
				file = call.Hole
			}
		}
		p := s.Project.Resolve([]string{path.Dir(s.Path)}, context, file, false)
		b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir = p.Dockerfiles, p.Doubt, p.Near, p.Context, p.Dir
		for _, m := range tiltArgs().FindAllStringSubmatchIndex(body, -1) {
			for _, n := range tiltName().FindAllStringSubmatchIndex(body[m[2]:m[3]], -1) {
				from := at[1] + m[2] + n[2]
				a := call.Arg{Name: src[from : at[1]+m[2]+n[3]], Kind: call.Computed, Start: from, End: at[1] + m[2] + n[3]}
				a.Line, _ = s.Position(from)
				b.Args = append(b.Args, a)
			}
		}
		out = append(out, b)
	}
	return out, nil
}

// closing is where the parenthesis that was opened before an offset ends, -1 if nowhere.
func closing(src string, at int) int {
	depth, quote := 1, byte(0)
	for i := at; i < len(src); i++ {
		switch c := src[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			if nl := strings.IndexByte(src[i:], '\n'); nl >= 0 {
				i += nl
			}
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func editTiltfile(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	if len(changes) == 0 {
		return nil, nil, nil
	}
	b := changes[0].Build
	return nil, nil, s.Errorf(b.Start, "%s", b.Fixed)
}
