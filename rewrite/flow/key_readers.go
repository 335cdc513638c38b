package flow

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rules/detect"
)

// opens says how a command reads a file that it does not name, if it does.
func (a *analysis) opens(r *Run, cmd command, c *Copied) (how How, ok bool) {
	program := strings.TrimPrefix(cmd.program, "./")
	switch {
	case cmd.sh != nil && (cmd.wraps(r) || cmd.sh.Function || cmd.sh.Path == ""), local(cmd.program, cmd.args):
		return Opaque, false
	case slices.Contains(c.Kind.Programs, program) && !cmd.service():
		return Known, !isKey(c.Kind) || a.usesKey(r, cmd, c)
	case cmd.unknown() || classOf(cmd.program, cmd.args) == opaque:
		return Opaque, !a.foreign(r, cmd, c)
	}
	return Opaque, false
}

// isKey reports a key that ssh reads.
func isKey(kind detect.FileKind) bool { return slices.Contains(kind.Programs, "ssh") }

var (
	sshAddress = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[^A-Za-z])(?:(?:git\+)?ssh://|ssh\+git://)|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^0-9/]`)
	})
	otherAddress = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^["']?(?:https?|git|ftp|file)://`) })
	requirement  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^["']?[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9,._ -]*\])?(?:[<>=!~].*)?$`)
	})
)

// usesKey reports whether a program that can speak ssh does so here, or may: for an
// address of that kind, or for dependencies that can have one.
func (a *analysis) usesKey(r *Run, cmd command, c *Copied) bool {
	args := cmd.args
	has := func(flags ...string) bool {
		return slices.ContainsFunc(args, func(x string) bool {
			name, _, _ := strings.Cut(x, "=")
			return slices.Contains(flags, name)
		})
	}
	speaks := slices.ContainsFunc(args, sshAddress().MatchString)
	// Another address may stand for one of ssh, by git's configuration.
	respelt := strings.Contains(strings.ToLower(string(a.file.Src)), "insteadof") || strings.Contains(string(a.file.Src), "gitconfig")
	sub := subcommand(args)
	if speaks && cmd.program != "git" {
		return true
	}
	switch cmd.program {
	case "rsync", "scp", "sftp":
		return slices.ContainsFunc(args, func(x string) bool { return strings.ContainsAny(x, ":$") })
	case "git":
		sub, rest := gitCommand(args)
		switch {
		case local("git", rest):
			return false
		case sub == "remote":
			return has("-f", "--fetch") || slices.ContainsFunc(rest, func(x string) bool { return x == "update" || x == "show" || x == "prune" })
		case respelt || speaks:
			return true
		case sub == "lfs":
			return !has("install", "track", "version", "env")
		case sub == "clone" && (has("--recursive", "--recurse-submodules", "--recurse-submodule")):
			return true // the submodules have addresses of their own
		case sub == "clone" || sub == "ls-remote" || sub == "fetch" || sub == "pull" || sub == "archive":
			return !slices.ContainsFunc(rest, otherAddress().MatchString)
		}
		return true
	case "go":
		return !slices.Contains(args, "-mod=vendor") && !slices.Contains([]string{"env", "version", "fmt", "clean", "doc", "tool", "telemetry"}, sub)
	case "pip", "pip2", "pip3", "uv":
		return a.pipUsesKey(cmd, c)
	case "npm", "pnpm", "yarn":
		// Packages by name, for all: no project is looked at.
		global := has("-g", "--global") && (installs(sub) || sub == "update") || sub == "global" && slices.Contains(args, "add")
		return respelt || !global || slices.ContainsFunc(args, func(x string) bool { return strings.ContainsAny(x, ":$/") || strings.HasPrefix(x, ".") })
	case "cargo":
		switch sub {
		case "install":
			return respelt || has("--git", "--path", "--index", "--registry") || len(args) < 2
		case "fmt", "clean", "new", "init", "login", "logout", "search":
			return false
		}
	case "composer":
		return sub != "dump-autoload" && sub != "dumpautoload" && sub != "clear-cache" && sub != "self-update" && sub != "selfupdate"
	case "mix":
		return !strings.HasPrefix(sub, "local.") && !strings.HasPrefix(sub, "hex.")
	}
	return true
}

// gitCommand returns the subcommand of git, and what comes after git's own options.
func gitCommand(args []string) (sub string, rest []string) {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-C" || args[i] == "-c" || args[i] == "--git-dir" || args[i] == "--work-tree" || args[i] == "--namespace":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i], args[i:]
		}
	}
	return "", nil
}

// pipUsesKey reports whether what pip is told to install can name a repository of git.
// Packages of the public index cannot.
func (a *analysis) pipUsesKey(cmd command, c *Copied) bool {
	args := cmd.args
	if cmd.program == "uv" {
		if len(args) < 2 || args[0] != "pip" {
			return !slices.Contains([]string{"venv", "python", "cache", "self", "init"}, subcommand(args))
		}
		args = args[1:]
	}
	switch subcommand(args) {
	case "install", "download", "wheel":
	default:
		return strings.HasPrefix(subcommand(args), "$")
	}
	for i := 1; i < len(args); i++ {
		switch x := args[i]; {
		case strings.HasPrefix(x, "-r"), strings.HasPrefix(x, "--requirement"), strings.HasPrefix(x, "-e"), strings.HasPrefix(x, "--editable"),
			strings.HasPrefix(x, "-c"), strings.HasPrefix(x, "--constraint"), strings.HasPrefix(x, "-f"), strings.HasPrefix(x, "--find-links"),
			strings.HasPrefix(x, "-i"), strings.HasPrefix(x, "--index"), strings.HasPrefix(x, "--extra-index"):
			return true
		case strings.Contains(x, "git+"):
			return a.keyFound(c) // by its submodules, and by what it depends on
		case strings.HasPrefix(x, "-"):
			switch x {
			case "-t", "--target", "--prefix", "--root", "--src", "--timeout", "--retries", "--proxy", "--cache-dir", "--trusted-host", "--platform", "--python-version",
				"--only-binary", "--no-binary", "--progress-bar", "-d", "--dest", "--log", "--cert", "--global-option", "--install-option", "-p", "--python":
				i++
			}
		case requirement().MatchString(x), otherAddress().MatchString(x), x == "install", x == "download", x == "wheel":
		default:
			return true
		}
	}
	return false
}

// keyFound reports whether ssh comes upon a key without being told: it stands in a folder
// of ssh's, or something of the build names it.
func (a *analysis) keyFound(c *Copied) bool {
	if strings.Contains(c.Target, "/.ssh/") || !path.IsAbs(c.Target) {
		return true
	}
	for _, in := range a.file.Instructions {
		text := string(a.file.Src[in.Start:in.End])
		switch in.Name {
		case "copy", "add":
			if strings.Contains(text, "ssh_config") || strings.Contains(text, ".ssh") {
				return true
			}
		case "env", "arg":
			if mentionsFile(text, path.Base(c.Target)) {
				return true
			}
		case "run":
			if strings.Contains(text, "IdentityFile") || strings.Contains(text, "GIT_SSH") || strings.Contains(text, "sshCommand") {
				return true
			}
		}
	}
	return false
}

// service reports a script that starts a service of the system: it may have the name of
// another program.
func (c command) service() bool {
	return c.sh != nil && (strings.HasPrefix(c.sh.Path, "/etc/init.d/") || strings.HasPrefix(c.sh.Path, "/etc/rc.d/"))
}

// likely reports a reader of a key that is more than a program of which nothing is known:
// a file of the project that it runs speaks ssh, or is not there to be seen, in a build
// that prepares for ssh.
func (a *analysis) likely(rd Reader) bool {
	if rd.How != Opaque {
		return true
	}
	return slices.ContainsFunc(rd.Run.cmds, func(cmd command) bool {
		name := scriptOf(cmd)
		if name == "" || a.foreign(rd.Run, cmd, &Copied{Kind: detect.FileKind{Programs: []string{"ssh"}}}) {
			return false
		}
		scripts := a.scripts(name)
		if len(scripts) == 0 {
			return preparesSSH().Match(a.file.Src)
		}
		return slices.ContainsFunc(scripts, func(data []byte) bool { return speaksSSH().Match(data) })
	})
}

var preparesSSH = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`ssh-keyscan|StrictHostKeyChecking|known_hosts`) })

var speaksSSH = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b(?:git|ssh|ssh-add|scp|sftp|rsync|npm|yarn|pnpm|pip3?|poetry|pipenv|bundle|composer|cargo|go|mix|ansible(?:-galaxy)?|cap|fab|submodule)\b`)
})

// scriptOf is the base name of the file of the project that a command runs, "" if it is
// none: ./build.sh, sh build.sh, make.
func scriptOf(cmd command) string {
	name := ""
	switch cmd.program {
	case "make", "gmake":
		name = "Makefile"
	case "rake":
		name = "Rakefile"
	case "ant":
		name = "build.xml"
	case "sh", "bash", "dash", "zsh", "python", "python2", "python3", "ruby", "node", "perl", "php", "source", ".":
		name = subcommand(cmd.args)
	case "":
		if cmd.sh != nil {
			name = strings.Trim(cmd.sh.Path, `"`)
		}
	default:
		name = cmd.program
		if cmd.sh != nil && (!strings.Contains(cmd.sh.Path, "/") || strings.HasPrefix(cmd.sh.Path, "/usr/bin/") || strings.HasPrefix(cmd.sh.Path, "/bin/")) {
			return "" // of the system
		}
	}
	if name = path.Base(name); name == "." || name == "/" {
		return ""
	}
	return name
}

// scripts returns the files of a name in the build context.
func (a *analysis) scripts(name string) [][]byte {
	dirs, _ := a.project.Contexts(a.file.Path)
	var out [][]byte
	for _, p := range a.project.Paths() {
		if path.Base(p) != name || !slices.ContainsFunc(dirs, func(dir string) bool { return dir == "." || strings.HasPrefix(p, dir+"/") }) {
			continue
		}
		if info, err := fs.Stat(a.project.FS, p); err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		if data, err := fs.ReadFile(a.project.FS, p); err == nil {
			out = append(out, data)
		}
	}
	return out
}
