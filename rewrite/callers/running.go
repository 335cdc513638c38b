package callers

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

var (
	read = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\$+\{?([A-Za-z_][A-Za-z0-9_]*)`)
	})
)

// running indexes what a file does in containers that run. A command that goes on behind a backslash is one.
func (x *Index) running(p string, data []byte) {
	if !bytes.Contains(data, []byte("exec")) && !bytes.Contains(data, []byte("run")) && !bytes.Contains(data, []byte("build")) {
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
	if !strings.HasPrefix(strings.TrimSpace(command), "#") {
		x.containers(at, command)
	}
	if strings.Contains(command, "exec ") || strings.Contains(command, "exec\t") {
		for _, m := range read().FindAllStringSubmatch(command, -1) {
			if !slices.Contains(x.Executed[m[1]], at) {
				x.Executed[m[1]] = append(x.Executed[m[1]], at)
			}
		}
	}
}
