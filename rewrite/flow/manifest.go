package flow

import (
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// known returns the program of a RUN that is known to read a variable: by the table, or
// because a file of the build context that configures it names the variable.
func (a *analysis) known(r *Run, name string) string {
	for _, c := range r.cmds {
		if c.program == "" || informs(c.program, c.args) || checks(c.program, c.args) || c.program != "yarn" && local(c.program, c.args) || c.sh != nil && c.sh.StripsEnv(name) {
			continue
		}
		seen, named := false, false
		for _, file := range configures(c) {
			if data, ok := a.contextFile(file); ok {
				seen = true
				named = named || dockerfile.MentionsName(string(data), name)
			}
		}
		ok, configured := reads(a.consumers(name), strings.TrimPrefix(c.program, "./"), c.args)
		if named || ok && !(configured && seen && !a.textual(name)) {
			return c.program
		}
	}
	return ""
}

// configures returns the files of a project in which a program expands variables.
func configures(c command) []string {
	switch c.program {
	case "npm", "npx", "pnpm", "yarn", "bun":
		return []string{".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml"}
	case "pip", "pip3", "uv", "pip-compile":
		files := []string{"pip.conf"}
		for i, a := range c.args {
			if (a == "-r" || a == "--requirement" || a == "-c") && i+1 < len(c.args) {
				files = append(files, c.args[i+1])
			}
		}
		return files
	case "bundle", "bundler":
		return []string{"Gemfile", ".bundle/config"}
	case "dotnet", "nuget", "msbuild":
		return []string{"nuget.config", "NuGet.config", "NuGet.Config"}
	case "mvn", "./mvnw":
		return []string{"pom.xml", "settings.xml", ".mvn/settings.xml"}
	case "gradle", "./gradlew":
		return []string{"build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.properties"}
	}
	return nil
}

// quiet reports whether a program that may run a project's own code runs none here, as
// the project's files say. A file that is not there to be read says nothing.
func (a *analysis) quiet(c command, name string) bool {
	if fetches(c) && owned(a.consumers(name)) {
		return true // bundler's credential is nothing to npm
	}
	if a.mentionedInContext(name) {
		return false // a file of the project reads it: which program runs that one is not known
	}
	switch c.program {
	case "npm", "pnpm", "yarn", "bun":
		sub := subcommand(c.args)
		if slices.Contains(c.args, "--ignore-scripts") {
			return installs(sub)
		}
		// Dependencies by name, installed for all: the project is not looked at.
		if slices.ContainsFunc(c.args, func(x string) bool { return x == "-g" || x == "--global" }) && installs(sub) {
			return true
		}
		data, ok := a.contextFile("package.json")
		if !ok || !installs(sub) && (sub != "" || c.program != "yarn") {
			return false
		}
		var manifest struct {
			Scripts map[string]any `json:"scripts"`
		}
		if json.Unmarshal(data, &manifest) != nil {
			return false
		}
		for _, hook := range []string{"preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare", "dependencies"} {
			if manifest.Scripts[hook] != nil {
				return false
			}
		}
		return true
	case "pip", "pip3":
		if subcommand(c.args) != "install" && subcommand(c.args) != "download" && subcommand(c.args) != "wheel" {
			return false
		}
		for i, x := range c.args {
			if x == "-e" || x == "--editable" || strings.HasPrefix(x, ".") || strings.Contains(x, "/") && !strings.Contains(x, "://") || strings.Contains(x, "$") ||
				strings.HasPrefix(x, "-r") && len(x) > 2 && x[1] != '-' || strings.HasPrefix(x, "--requirement=") {
				return false // a project's own setup, or a file that is not looked at
			}
			if x == "-r" || x == "--requirement" {
				if i+1 == len(c.args) {
					return false
				}
				if _, ok := a.contextFile(c.args[i+1]); !ok {
					return false // what it names is not known
				}
			}
		}
		return true
	case "bundle", "bundler":
		// A Gemfile is a program, which says what it reads.
		_, ok := a.contextFile("Gemfile")
		return ok && subcommand(c.args) == "install"
	case "composer":
		if slices.Contains(c.args, "--no-scripts") && slices.Contains(c.args, "--no-plugins") {
			return true
		}
	}
	return false
}

// fetches reports a package manager that installs dependencies: what belongs to another
// tool is not for it.
func fetches(c command) bool {
	sub := subcommand(c.args)
	switch c.program {
	case "npm", "pnpm", "bun":
		return installs(sub)
	case "yarn":
		return installs(sub) || sub == ""
	case "pip", "pip3", "bundle", "bundler", "composer", "poetry", "gem", "conda", "mamba":
		return sub == "install" || sub == "download"
	case "cargo":
		return sub == "fetch"
	case "dotnet", "nuget":
		return sub == "restore"
	}
	return false
}

// installs reports subcommands of JavaScript's package managers that install.
func installs(sub string) bool {
	switch sub {
	case "ci", "i", "install", "add", "clean-install", "fetch":
		return true
	}
	return false
}

// mentionedInContext reports whether any file of the build context names a variable. A
// context that is too large to be searched may.
func (a *analysis) mentionedInContext(name string) bool {
	if v, ok := a.inTree[name]; ok {
		return v
	}
	dirs, _ := a.project.Contexts(a.file.Path)
	found, left := false, 32<<20
	for _, p := range a.project.Paths() {
		if !slices.ContainsFunc(dirs, func(dir string) bool { return dir == "." || strings.HasPrefix(p, dir+"/") }) || notRead(p) {
			continue
		}
		info, err := fs.Stat(a.project.FS, p)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if left -= int(min(info.Size(), 64<<20)); left < 0 || info.Size() > 4<<20 {
			found = true
			break
		}
		data, err := fs.ReadFile(a.project.FS, p)
		if err == nil && dockerfile.MentionsName(string(data), name) {
			found = true
			break
		}
	}
	a.inTree[name] = found
	return found
}

// notRead reports files that name a variable for people and for builds, not for what a
// RUN runs.
func notRead(p string) bool {
	base := strings.ToLower(path.Base(p))
	return compose.IsComposeFile(path.Base(p)) || strings.HasPrefix(p, ".github/") || strings.HasPrefix(base, ".env") || strings.HasPrefix(base, "dockerfile") ||
		strings.HasSuffix(base, ".dockerfile") || path.Ext(base) == ".md" || path.Ext(base) == ".rst" || base == ".gitlab-ci.yml" || base == ".dockerignore" || base == ".gitignore"
}

// contextFile reads a file of the build context that the Dockerfile most likely has.
func (a *analysis) contextFile(name string) ([]byte, bool) {
	if path.IsAbs(name) || strings.HasPrefix(name, "..") {
		name = path.Base(name)
	}
	dirs, _ := a.project.Contexts(a.file.Path)
	for _, dir := range dirs {
		p := path.Join(dir, name)
		info, err := fs.Stat(a.project.FS, p)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		data, err := fs.ReadFile(a.project.FS, p)
		return data, err == nil
	}
	return nil, false
}
