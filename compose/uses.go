package compose

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Use is a command of a script, or a setting, that names the files of a compose project, or what its variables come from.
type Use struct {
	Path     string // where it stands, relative to the root
	Line     int    // 1-based
	Files    []string
	EnvFiles []string // --env-file and COMPOSE_ENV_FILES
	Dir      string   // --project-directory
	NoEnv    bool     // no environment file is read: of a stack, or because it is said so

	unknown bool // some of Files cannot be told
}

// maxUses leaves out generated files; nobody writes a megabyte of script.
const maxUses = 1 << 20

// HasUses says whether a file of this name is read for uses: scripts, Makefiles, workflows, package.json, devcontainer.json, .env and README,
// and compose files, whose comments tell how they are used.
func HasUses(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".sh", ".bash", ".zsh", ".fish", ".ps1", ".cmd", ".bat", ".mk", ".just":
		return true
	case ".yml", ".yaml":
		return IsComposeFile(base) || strings.HasPrefix(base, "taskfile.") || slices.Contains([]string{".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml", ".drone.yml"}, base) ||
			slices.ContainsFunc([]string{".github/", ".circleci/", ".gitlab/", ".gitea/", ".forgejo/"}, func(dir string) bool {
				return strings.HasPrefix(name, dir) || strings.Contains(name, "/"+dir)
			})
	case "":
		return true // a script without an ending: its first line tells
	}
	return named(base)
}

// named says whether a file of this base name can have uses, whatever its ending.
func named(base string) bool {
	switch base {
	case "makefile", "gnumakefile", "justfile", "jenkinsfile", "procfile", "package.json", "composer.json", "devcontainer.json", ".devcontainer.json", ".envrc", ".env":
		return true
	}
	for _, prefix := range []string{".env.", "readme", "makefile.", "jenkinsfile."} {
		if strings.HasPrefix(base, prefix) {
			return true
		}
	}
	return false
}

// Uses reads the uses of the files among paths, in their order. A file that cannot be read has none.
func Uses(fsys fs.FS, paths []string) []Use {
	var out []Use
	for _, p := range paths {
		if !HasUses(p) {
			continue
		}
		info, err := fs.Stat(fsys, p)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxUses {
			continue
		}
		data, err := fs.ReadFile(fsys, p)
		if err != nil || path.Ext(p) == "" && !named(strings.ToLower(path.Base(p))) && !bytes.HasPrefix(data, []byte("#!")) {
			continue
		}
		out = append(out, usesOf(p, string(data))...)
	}
	return out
}

var (
	setting = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[^A-Za-z0-9_$])(COMPOSE_FILE|COMPOSE_ENV_FILES|COMPOSE_DISABLE_ENV_FILE)["']?\s*[:?+]{0,2}[=:]\s*["']?([^\s"'#\x60,;)]+(?:[,;][^\s"'#\x60,;)]+)*)`)
	})
	separator = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("&&|\\|\\|?|;|`|\\$\\(|<<") })
	container = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`"dockerComposeFile"\s*:\s*(\[[^\]]*\]|"[^"]*")`)
	})
	quoted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`"([^"]*)"`) })
)

// usesOf finds the uses of one file by the shape of its lines.
func usesOf(p, src string) []Use {
	if !strings.Contains(src, "ompose") && !strings.Contains(src, "COMPOSE") && !strings.Contains(src, "stack deploy") {
		return nil
	}
	var out []Use
	if strings.HasSuffix(path.Base(p), "devcontainer.json") {
		if m := container().FindStringSubmatchIndex(src); m != nil {
			u := Use{Path: p, Line: 1 + strings.Count(src[:m[0]], "\n")}
			for _, q := range quoted().FindAllStringSubmatch(src[m[2]:m[3]], -1) {
				u.file(q[1])
			}
			out = append(out, u)
		}
	}
	n, first, whole := 0, 0, ""
	for line := range strings.Lines(src) {
		n++
		line = strings.TrimSpace(line)
		if whole == "" {
			first = n
		} else {
			line = strings.TrimLeft(line, "# ")
		}
		if rest, ok := strings.CutSuffix(line, "\\"); ok && len(whole) < 1<<14 {
			whole += rest + " "
			continue
		}
		whole += line
		for _, m := range setting().FindAllStringSubmatch(whole, -1) {
			u := Use{Path: p, Line: first}
			switch m[1] {
			case "COMPOSE_FILE":
				for _, name := range strings.FieldsFunc(m[2], func(c rune) bool { return c == ':' || c == ';' }) {
					u.file(name)
				}
			case "COMPOSE_ENV_FILES":
				u.EnvFiles = strings.Split(m[2], ",")
			default:
				u.NoEnv = m[2] != "0" && !strings.EqualFold(m[2], "false")
			}
			out = append(out, u)
		}
		if strings.Contains(whole, "ompose") || strings.Contains(whole, "COMPOSE") || strings.Contains(whole, "stack") {
			for _, command := range separator().Split(whole, -1) {
				if u, ok := readUse(command); ok {
					u.Path, u.Line = p, first
					out = append(out, u)
				}
			}
		}
		whole = ""
	}
	return out
}

// file adds the name of a compose file, without the variable of a folder before it: what it stands for is told by where such a file is.
func (u *Use) file(name string) {
	name = strings.ReplaceAll(name, "\\", "/")
	if strings.HasPrefix(name, "$") || strings.HasPrefix(name, "%") {
		if _, rest, ok := strings.Cut(name, "/"); ok {
			name = rest
		}
	}
	if strings.ContainsAny(name, "$%*{<") || name == "" || name == "-" {
		u.unknown = true
		return
	}
	u.Files = append(u.Files, name)
}

// readUse reads one command: its words up to what it is to do.
func readUse(command string) (u Use, ok bool) {
	words := strings.FieldsFunc(command, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' })
	for i := range words {
		words[i] = strings.Trim(words[i], `"'[]()`)
	}
	i, stack := slices.IndexFunc(words, composes), false
	if i >= 0 && i+2 < len(words) && slices.Contains([]string{"=", ":=", "?=", "::=", "+="}, words[i+1]) { // COMPOSE := docker compose …
		if j := slices.IndexFunc(words[i+2:], composes); j >= 0 {
			i += 2 + j
		}
	}
	if i < 0 {
		if i = slices.Index(words, "stack"); i < 0 || i+1 >= len(words) || words[i+1] != "deploy" && words[i+1] != "up" {
			return u, false
		}
		i, stack = i+1, true
	}
	for i++; i < len(words); i++ {
		word := words[i]
		if !strings.HasPrefix(word, "-") {
			if word == "" || strings.HasPrefix(word, "$") {
				continue // may be options
			}
			if stack {
				continue // options may come after the stack's name
			}
			break
		}
		name, value, has := strings.Cut(word, "=")
		if !has && i+1 < len(words) {
			value = words[i+1]
		}
		switch name {
		case "-f", "--file", "-c", "--compose-file":
			if (name == "-f" || name == "--file") == stack {
				continue
			}
			for _, one := range strings.Split(value, ",") {
				u.file(one)
			}
		case "--env-file":
			u.EnvFiles = append(u.EnvFiles, value)
		case "--project-directory", "--workdir":
			u.Dir = value
		case "-p", "--project-name", "--profile", "--ansi", "--parallel", "--progress", "-H", "--host", "--context":
		default:
			continue
		}
		if !has {
			i++
		}
	}
	u.NoEnv = stack
	return u, len(u.Files) > 0 || len(u.EnvFiles) > 0 || u.Dir != "" || u.unknown || stack
}

// composes says whether a word is the name of compose: docker-compose, a variable called after it, the compose of docker compose.
func composes(word string) bool {
	word = strings.ToLower(strings.Trim(word, "$@#{}()"))
	word = path.Base(strings.TrimSuffix(word, ".exe"))
	switch word {
	case "compose", "docker-compose", "podman-compose", "docker_compose", "dockercompose", "compose_cmd", "docker_compose_cmd", "compose_bin":
		return true
	}
	return false
}
