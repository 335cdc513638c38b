package flow

import (
	"slices"
	"strings"
)

// informs reports a command that only says something of the program itself: its version,
// how it is used. It reads nothing that is for the program's work.
func informs(program string, args []string) bool {
	if program == "" || strings.HasPrefix(program, "./") || len(args) == 0 {
		return false // a script of the project may do what it likes first
	}
	if !slices.ContainsFunc(args, func(a string) bool { return a != "--version" && a != "--help" }) {
		return true
	}
	if len(args) > 1 && !(args[0] == "version" && strings.HasPrefix(args[1], "-")) {
		return false
	}
	switch args[0] {
	case "-V":
		switch program {
		case "python", "python2", "python3", "pip", "pip2", "pip3", "uv", "poetry", "twine", "ssh", "nginx", "composer", "cargo", "rustc", "curl", "wget", "httpd", "apache2", "psql", "mysql":
			return true
		}
	case "-v":
		switch program {
		case "node", "npm", "npx", "yarn", "pnpm", "bun", "php", "perl", "ruby", "gem", "bundle", "nginx", "httpd", "apache2", "apachectl", "apache2ctl", "mvn", "gradle", "docker", "rails", "lua":
			return true
		}
	case "-version":
		switch program {
		case "java", "javac", "mvn", "gradle", "ant", "scala", "terraform", "tofu", "packer", "vault", "ffmpeg", "convert":
			return true
		}
	case "version":
		switch program {
		case "go", "cargo", "npm", "docker", "kubectl", "helm", "terraform", "tofu", "packer", "vault", "consul", "hugo", "buf", "skaffold", "kustomize", "conan", "hatch", "minikube", "openssl", "uv", "gcloud", "az", "goreleaser":
			return true
		}
	case "-help", "-h", "help":
		switch program {
		case "npm", "pip", "pip3", "git", "docker", "uv", "terraform", "aws":
			return true
		}
	case "env":
		return program == "go"
	}
	return false
}

// checks reports a command that looks over a configuration or a source without doing what
// it says: no variable of a secret's kind is for it. What the configuration names, a TLS
// key say, it may look for.
func checks(program string, args []string) bool {
	sub := subcommand(args)
	switch program {
	case "nginx", "openresty":
		return slices.Contains(args, "-t") || slices.Contains(args, "-T")
	case "httpd", "apache2":
		return slices.Contains(args, "-t")
	case "apachectl", "apache2ctl":
		return slices.Contains(args, "-t") || sub == "configtest"
	case "haproxy":
		return slices.Contains(args, "-c")
	case "sshd":
		return slices.Contains(args, "-t")
	case "visudo":
		return slices.Contains(args, "-c")
	case "terraform", "tofu", "packer":
		return sub == "fmt"
	case "php":
		return slices.Contains(args, "-l")
	case "ruby", "perl":
		return len(args) > 1 && args[0] == "-c"
	case "gofmt", "shellcheck", "hadolint", "yamllint", "jsonlint", "xmllint":
		return true
	case "caddy":
		return sub == "fmt" || sub == "adapt"
	}
	return false
}
