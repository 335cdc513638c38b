package flow

import (
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
		case args[i] == "-C" || args[i] == "-c" || args[i] == "--git-dir" || args[i] == "--work-tree":
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

// foreign reports a command that runs code which is not known here, and still has plainly
// nothing to do with a credential file of another tool: it compiles sources from the
// network, or sets up a tool.
func (a *analysis) foreign(r *Run, cmd command, c *Copied) bool {
	if len(c.Kind.Programs) == 0 || c.Kind.Run {
		return false // it may be for anything
	}
	sub := subcommand(cmd.args)
	switch cmd.program {
	case "rbenv", "pyenv", "nodenv", "goenv", "jenv", "anyenv", "plenv", "phpenv", "ruby-build", "ruby-install", "chruby", "direnv", "ssh-agent",
		"gcc", "g++", "cc", "c++", "clang", "clang++", "ld", "ar", "strip", "javac", "ldconfig", "autoconf", "autoreconf", "automake", "aclocal", "libtoolize",
		"mysqld", "mysqld_safe", "mysql_install_db", "postgres", "pg_ctl", "initdb", "redis-server", "mongod", "memcached", "rabbitmq-server", "rabbitmqctl", "rabbitmq-plugins",
		"wkhtmltopdf", "wkhtmltoimage", "locale", "fc-cache", "mkfontdir", "install-php-extensions", "docker-php-source":
		return true
	case "nginx", "openresty", "httpd", "apache2", "apachectl", "apache2ctl":
		return true
	case "easy_install":
		return !slices.ContainsFunc(cmd.args, func(x string) bool { return !strings.HasPrefix(x, "-") && !requirement().MatchString(x) })
	case "conda", "mamba", "micromamba":
		return sub == "install" || sub == "create" && len(cmd.args) > 0 || sub == "clean" || sub == "update" || sub == "init" || sub == "activate" || sub == "shell"
	case "R", "Rscript":
		text := strings.Join(cmd.args, " ")
		return strings.Contains(text, "install.packages(") && !strings.Contains(text, "git") && !strings.Contains(text, "source(")
	case "eval":
		return r.sets(cmd)
	case "source", ".":
		return len(cmd.args) > 0 && environmentFile(cmd.args[0])
	case "./configure", "configure":
		return !a.ownConfigure()
	case "sh", "bash":
		return r.installer(cmd)
	}
	return cmd.service() || checks(cmd.program, cmd.args) || a.fetchedSources(r, cmd)
}

// ownConfigure reports whether the project has a configure script that somebody wrote.
func (a *analysis) ownConfigure() bool {
	data, ok := a.contextFile("configure")
	return ok && !strings.Contains(string(data), "GNU Autoconf")
}

// sets reports an eval of what a tool prints to set the shell up: eval "$(rbenv init -)".
func (r *Run) sets(cmd command) bool {
	if cmd.sh == nil || len(cmd.sh.Args) != 1 {
		return false
	}
	w := cmd.sh.Args[0]
	text := strings.Trim(w.Text, `"`)
	if !strings.HasPrefix(text, "$(") && !strings.HasPrefix(text, "`") {
		return false
	}
	n := 0
	for _, x := range r.cmds {
		if x.sh == nil || x.sh.Start < w.Start || x.sh.End > w.End {
			continue
		}
		n++
		switch x.program {
		case "rbenv", "pyenv", "nodenv", "goenv", "jenv", "anyenv", "plenv", "phpenv", "ssh-agent", "conda", "mamba", "micromamba", "opam", "luarocks", "brew",
			"fnm", "direnv", "dircolors", "lesspipe", "register-python-argcomplete", "docker-machine", "minikube":
		case "perl":
			if !slices.ContainsFunc(x.args, func(s string) bool { return strings.HasPrefix(s, "-Mlocal::lib") }) {
				return false
			}
		default:
			return false
		}
	}
	return n > 0
}

// environmentFile reports a file that sets up a shell for a tool.
func environmentFile(name string) bool {
	name = strings.Trim(name, `"'`)
	if path.Base(path.Dir(name)) == "bin" && path.Base(name) == "activate" {
		return true
	}
	for _, end := range []string{"/nvm.sh", "/sdkman-init.sh", "/.cargo/env", "/rvm/scripts/rvm", "/.rvm/scripts/rvm", "/nix.sh", "/chruby.sh", "/.bashrc", "/.profile", "/.bash_profile",
		"/conda.sh", "/os-release", "/lsb-release", "/envvars", "/emsdk_env.sh"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return name == "activate" || name == "/etc/profile" || strings.HasPrefix(name, "/etc/profile.d/") ||
		strings.HasPrefix(name, "/opt/rh/") && path.Base(name) == "enable" || strings.HasPrefix(name, "/opt/ros/") && strings.HasPrefix(path.Base(name), "setup.")
}

// installers are where the makers of tools have the scripts that install them.
var installers = []string{
	"https://deb.nodesource.com/", "https://rpm.nodesource.com/", "https://get.docker.com", "https://sh.rustup.rs", "https://static.rust-lang.org/", "https://packagecloud.io/",
	"https://get.rvm.io", "https://yarnpkg.com/install.sh", "https://install.meteor.com", "https://cli-assets.heroku.com/", "https://get.sdkman.io", "http://get.sdkman.io",
	"https://get.haskellstack.org", "https://sdk.cloud.google.com", "https://bootstrap.pypa.io/", "https://install.python-poetry.org", "https://astral.sh/", "https://get.pnpm.io/",
	"https://deno.land/", "https://bun.sh/", "https://get.helm.sh/", "https://raw.githubusercontent.com/nvm-sh/", "https://raw.githubusercontent.com/creationix/nvm/",
	"https://raw.githubusercontent.com/python-poetry/", "https://raw.githubusercontent.com/sdispater/poetry/", "https://raw.githubusercontent.com/golang/dep/",
	"https://raw.githubusercontent.com/pyenv/", "https://raw.githubusercontent.com/helm/", "https://raw.githubusercontent.com/kubernetes/helm/", "https://raw.githubusercontent.com/golangci/",
}

// installer reports a shell that runs a script from the network with which the makers of a
// tool install it.
func (r *Run) installer(cmd command) bool {
	if cmd.sh == nil {
		return false
	}
	n := 0
	for _, x := range r.cmds {
		if x.sh == nil || x.sh.PipeTo == nil || x.sh.PipeTo != cmd.sh && !runs(x.sh.PipeTo, cmd.sh) {
			continue
		}
		n++
		address := slices.IndexFunc(x.args, func(s string) bool { return strings.Contains(s, "://") })
		if x.program != "curl" && x.program != "wget" || address < 0 || !slices.ContainsFunc(installers, func(s string) bool {
			return strings.HasPrefix(x.args[address], s)
		}) {
			return false
		}
	}
	return n == 1
}

// fetchedSources reports a build tool that compiles what the same RUN has got from the
// network, in a folder that it has gone to and that nothing of the project is copied to.
func (a *analysis) fetchedSources(r *Run, cmd command) bool {
	switch cmd.program {
	case "make", "gmake", "cmake", "ninja", "meson", "qmake", "scons", "waf", "./waf", "./b2", "./bootstrap.sh", "./bootstrap", "./autogen.sh", "./config", "./Configure", "./buildconf":
	case "python", "python3":
		if len(cmd.args) == 0 || cmd.args[0] != "setup.py" {
			return false
		}
	default:
		return false
	}
	if cmd.sh == nil || cmd.sh.Dir == "" || sshAddress().MatchString(r.Text) {
		return false
	}
	if at := a.resolve(r.In, cmd.sh.Dir, "."); path.IsAbs(at) {
		for _, x := range r.In.Stage.History(r.In) {
			words, ok := x.Paths()
			if x.Name != "copy" && x.Name != "add" || ok && len(words) < 2 {
				continue
			}
			if !ok {
				return false
			}
			dest := settledIn(x, words[len(words)-1].Text)
			if dir, _ := Workdir(x); !path.IsAbs(dest) {
				dest = path.Join(dir, dest)
			}
			if dest = path.Clean(dest); dest == at || dest != "/" && strings.HasPrefix(at, dest+"/") {
				return false
			}
		}
	}
	return slices.ContainsFunc(r.cmds, func(x command) bool {
		if x.sh == nil || x.sh.Start >= cmd.sh.Start {
			return false
		}
		sub, _ := gitCommand(x.args)
		return (x.program == "curl" || x.program == "wget" || x.program == "git" && sub == "clone") && slices.ContainsFunc(x.args, otherAddress().MatchString)
	})
}
