package callers

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// apart is a command that runs compose files without the .env of their folder: docker stack deploy reads none, and --env-file names another.
type apart struct {
	Mention
	files []string // as the command names them; none: those that compose finds by itself
}

var (
	read = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\$+\{?([A-Za-z_][A-Za-z0-9_]*)`)
	})
	fileOption = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:-c|-f|--file|--compose-file)[ =]+["']?([^\s"']+\.ya?ml)`)
	})
	envOption = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`--env-file[ =]+["']?([^\s"']+)`)
	})
)

// running indexes what a file does to containers that are there, and how it starts them. A command that goes on behind a backslash is one.
func (x *Index) running(p string, data []byte) {
	if !bytes.Contains(data, []byte("exec")) && !bytes.Contains(data, []byte("stack")) && !bytes.Contains(data, []byte("--env-file")) {
		return
	}
	n, first := 0, 0
	var command strings.Builder
	for line := range strings.Lines(string(data)) {
		if n++; command.Len() == 0 {
			first = n
		}
		line = strings.TrimRight(line, "\r\n")
		rest, more := strings.CutSuffix(line, "\\")
		command.WriteString(rest + " ")
		if more && command.Len() < 1<<14 {
			continue
		}
		x.run(Mention{p, first}, command.String())
		command.Reset()
	}
	x.run(Mention{p, first}, command.String())
}

func (x *Index) run(at Mention, command string) {
	if strings.Contains(command, "exec ") || strings.Contains(command, "exec\t") {
		for _, m := range read().FindAllStringSubmatch(command, -1) {
			if !slices.Contains(x.Executed[m[1]], at) {
				x.Executed[m[1]] = append(x.Executed[m[1]], at)
			}
		}
	}
	stack := strings.Contains(command, "stack deploy") || strings.Contains(command, "stack up")
	env := envOption().FindStringSubmatch(command)
	if !stack && (env == nil || !strings.Contains(command, "compose")) || env != nil && path.Base(env[1]) == ".env" {
		return
	}
	a := apart{Mention: at}
	for _, m := range fileOption().FindAllStringSubmatch(command, -1) {
		a.files = append(a.files, path.Clean(m[1]))
	}
	if !stack || len(a.files) > 0 {
		x.apart = append(x.apart, a)
	}
}

// WithoutDotenv returns a command that runs a compose file (its path relative to the root) without the .env of its folder.
func (x *Index) WithoutDotenv(file string) (Mention, bool) {
	for _, a := range x.apart {
		dir := path.Dir(a.Path)
		if len(a.files) == 0 && path.Dir(file) == dir {
			return a.Mention, true
		}
		if slices.Contains(a.files, file) || slices.ContainsFunc(a.files, func(f string) bool { return path.Join(dir, f) == file }) {
			return a.Mention, true
		}
	}
	return Mention{}, false
}
