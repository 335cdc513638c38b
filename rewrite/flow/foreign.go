package flow

import (
	"path"
	"slices"
	"strings"
)

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
	}
	return r.installer(cmd, installers) || r.installer(cmd, quietInstallers) || cmd.service() || checks(cmd.program, cmd.args) || a.fetchedSources(r, cmd)
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
	"https://packagecloud.io/", "https://static.rust-lang.org/", "https://install.meteor.com", "https://cli-assets.heroku.com/", "https://get.sdkman.io", "http://get.sdkman.io",
	"https://get.haskellstack.org", "https://sdk.cloud.google.com", "https://bootstrap.pypa.io/", "https://install.python-poetry.org", "https://astral.sh/", "https://get.pnpm.io/",
	"https://deno.land/", "https://bun.sh/", "https://get.helm.sh/", "https://raw.githubusercontent.com/python-poetry/", "https://raw.githubusercontent.com/sdispater/poetry/",
	"https://raw.githubusercontent.com/golang/dep/", "https://raw.githubusercontent.com/pyenv/", "https://raw.githubusercontent.com/helm/", "https://raw.githubusercontent.com/kubernetes/helm/",
	"https://raw.githubusercontent.com/golangci/",
}

// quietInstallers are those that are known to read no variable of a secret's kind.
var quietInstallers = []string{
	"https://deb.nodesource.com/", "https://rpm.nodesource.com/", "https://get.docker.com", "https://sh.rustup.rs", "https://get.rvm.io", "https://yarnpkg.com/install.sh",
	"https://getcomposer.org/installer", "https://raw.githubusercontent.com/nvm-sh/", "https://raw.githubusercontent.com/creationix/nvm/",
}

// installer reports a command that runs a script from the network with which the makers of
// a tool install it.
func (r *Run) installer(cmd command, from []string) bool {
	switch cmd.program {
	case "sh", "bash", "php", "python", "python3":
	default:
		return false
	}
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
		if x.program != "curl" && x.program != "wget" || address < 0 || !slices.ContainsFunc(from, func(s string) bool {
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
