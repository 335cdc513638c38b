package callers

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

var (
	buildArg = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`--build-arg(?:[ =\t]+|["'],?\s*["']?)["']?([A-Za-z_][A-Za-z0-9_]*)`)
	})
	target = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:--target[ =\t]+|\btarget["']?\s*[:=]\s*)["']?([A-Za-z0-9][A-Za-z0-9._-]*)`)
	})
	block = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(\s*)(?:- )?["']?(build[-_]?[aA]rgs?|buildArgs|args|docker_build_args|extra_build_args)["']?\s*[:=]\s*(.*)$`)
	})
	entry = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(?:- )?["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*(?:[:=]|$)`)
	})
	// pending is a --build-arg whose name stands on the next line.
	pending = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`--build-arg["']?,?\s*\\?$`)
	})
	// within is arguments as a map or a list in one line of a program's text.
	within = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b(?:build_args|buildArgs|buildargs|build_arg)\s*[:=]\s*[{\[]([^}\]]*)`)
	})
	inline = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*[:=]`)
	})
)

// program reports files in which an argument's name is put together with the option: any
// mention of a name counts there.
func program(p string) bool {
	switch path.Ext(strings.ToLower(p)) {
	case ".py", ".rb", ".js", ".mjs", ".ts", ".go", ".groovy":
		return true
	}
	return false
}

// words indexes every word of a program that passes build arguments.
func (x *Index) words(p string, data []byte) {
	if !passes(data) {
		return
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		for w := range bytes.FieldsFuncSeq(line, func(c rune) bool {
			return c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
		}) {
			x.arg(string(w), p, n)
		}
	}
}

// passes reports whether a text has a build argument's option at all.
func passes(data []byte) bool {
	for _, opt := range []string{"build-arg", "build_arg", "buildarg", "buildArg"} {
		if bytes.Contains(data, []byte(opt)) {
			return true
		}
	}
	return false
}

// command is a build command as a shell, or a list of a program's words, writes it.
var command = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\w./-])(?:(?:docker|podman|nerdctl)["',\s]+(?:(?:buildx|image|builder)["',\s]+)?build["',\s]|buildah["',\s]+(?:bud|build)["',\s]|docker\.build\()`)
})

// commands notes the lines with a build command, but for those that only speak of one.
func (x *Index) commands(p string, data []byte) {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if !strings.Contains(line, "build") { // as it is with most
			continue
		}
		m := command().FindStringIndex(line)
		if m == nil {
			continue
		}
		before := strings.TrimLeft(line[:m[0]], " \t-@\"'")
		if slices.ContainsFunc([]string{"#", "//", "*", "REM ", "::", "name", "desc", "help", "title", "echo", "printf", "print", "log"}, func(s string) bool { return strings.HasPrefix(before, s) }) ||
			strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
			continue
		}
		x.Lines = append(x.Lines, Mention{p, n})
	}
}

func (x *Index) read(p string, data []byte) {
	// Most files of these names build no image: look before reading line by line.
	if !bytes.Contains(data, []byte("build")) && !bytes.Contains(data, []byte("args")) && !bytes.Contains(data, []byte("target")) {
		return
	}
	if bytes.Contains(data, []byte("build-arg $")) || bytes.Contains(data, []byte("build-arg \"$")) || bytes.Contains(data, []byte("build-arg ${")) || bytes.Contains(data, []byte("build-arg=$")) {
		x.words(p, data) // the name is a variable: whatever the file names may be passed
		return
	}
	// Compose's form under another name is compose's form.
	args := bytes.Contains(data, []byte("services:")) && bytes.Contains(data, []byte("build:"))
	n, inside := 0, -1 // inside: the indentation of an open block of arguments
	open, table := false, false
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if inside >= 0 && indent <= inside {
			inside = -1
		}
		if strings.HasPrefix(trimmed, "#") && inside < 0 {
			continue
		}
		if open {
			if m := entry().FindStringSubmatch(strings.TrimSuffix(trimmed, "\\")); m != nil {
				x.arg(m[1], p, n)
			}
		}
		open = pending().MatchString(trimmed)
		// A table of TOML reaches to the next one.
		if strings.HasPrefix(trimmed, "[") && path.Ext(p) == ".toml" {
			table = trimmed == "[build.args]" || strings.HasSuffix(trimmed, "build_args]")
			continue
		}
		if m := entry().FindStringSubmatch(line); table && m != nil {
			x.arg(m[1], p, n)
			continue
		}
		for _, m := range within().FindAllStringSubmatch(line, -1) {
			for _, k := range inline().FindAllStringSubmatch(m[1], -1) {
				x.arg(k[1], p, n)
			}
		}
		for _, m := range buildArg().FindAllStringSubmatch(line, -1) {
			x.arg(m[1], p, n)
		}
		for _, m := range target().FindAllStringSubmatch(line, -1) {
			name := strings.ToLower(m[1])
			x.Targets[name] = append(x.Targets[name], Mention{p, n})
		}
		if inside >= 0 {
			if m := entry().FindStringSubmatch(line); m != nil {
				x.arg(m[1], p, n)
			}
			continue
		}
		m := block().FindStringSubmatch(line)
		if m == nil || !blockHere(p, m[2], args) {
			continue
		}
		rest := strings.TrimSpace(m[3])
		switch {
		case rest == "" || rest[0] == '|' || rest[0] == '>' || rest == "{" || rest == "[":
			inside = indent
		default:
			for _, k := range inline().FindAllStringSubmatch(rest, -1) {
				x.arg(k[1], p, n)
			}
		}
	}
}

// blockHere reports whether a block of this name holds build arguments: "args" alone
// does so in a bake file or a deploy file, not in any workflow.
func blockHere(p, name string, args bool) bool {
	if name != "args" || args {
		return true
	}
	base := path.Base(p)
	return path.Ext(base) == ".hcl" || strings.Contains(base, "bake") || base == "deploy.yml" || strings.HasPrefix(base, "devcontainer")
}

func (x *Index) arg(name, p string, line int) {
	m := Mention{p, line}
	if !slices.Contains(x.Args[name], m) {
		x.Args[name] = append(x.Args[name], m)
	}
}
