package flow

import (
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// toCommand reads a command of a script as the program that it runs: python3 -m pip is
// pip, and so are pip3.11 and $VENV/bin/pip.
func toCommand(c *shell.Command) command {
	args := words(c.Args)
	program, lead := runsAs(c.Program, args)
	if program == "" {
		if p := strings.Trim(c.Path, `"`); strings.HasPrefix(p, "$") && path.Base(path.Dir(p)) == "bin" && !strings.ContainsAny(path.Base(p), "$`{}()") {
			program, lead = runsAs(path.Base(p), args)
		}
	}
	return command{program, args[lead:], c, lead}
}

// word is argument i as the script has it.
func (c command) word(i int) shell.Word { return c.sh.Args[c.lead+i] }

// unknown reports a command that runs what nothing here says: eval, source, $CMD.
func (c command) unknown() bool {
	return c.sh != nil && c.sh.Opaque && (c.sh.Program != "" || c.program == "")
}

// runsAs is the program of a command line as the tables have it, and how many of its
// arguments say no more than which one that is.
func runsAs(program string, args []string) (string, int) {
	program = unversioned(program)
	switch program {
	case "python", "python2", "python3", "pypy", "pypy3":
	default:
		return program, 0
	}
	for i, a := range args {
		if !strings.HasPrefix(a, "-") || strings.HasPrefix(a, "--") {
			break
		}
		flags, module := strings.CutSuffix(a[1:], "m")
		if strings.Trim(flags, "bBdEhiIOqsSuvVx") != "" {
			break
		}
		if !module {
			continue
		}
		if i+1 < len(args) {
			if p := moduleOf(args[i+1], args[i+2:]); p != "" {
				return p, i + 2
			}
		}
		break
	}
	return program, 0
}

// moduleOf is the program that a module of Python is, "" where no table has it.
func moduleOf(module string, args []string) string {
	switch module {
	case "pip", "virtualenv", "ensurepip", "twine", "poetry", "pipenv", "uv", "tox", "nox", "pdm", "hatch", "flit", "compileall", "py_compile":
		return module
	case "venv":
		for _, a := range args {
			if a == "--upgrade-deps" {
				return "virtualenv" // which asks the index, as this does
			}
		}
		return module
	case "build":
		return "pyproject-build"
	case "awscli":
		return "aws"
	}
	return ""
}

// unversioned is a program without the version in its name: pip3.11.
func unversioned(program string) string {
	for _, name := range []string{"pip", "python", "pypy"} {
		version, ok := strings.CutPrefix(program, name)
		if !ok {
			continue
		}
		version = strings.TrimPrefix(version, "-")
		major, minor, dotted := strings.Cut(version, ".")
		if !dotted || major == "" || strings.Trim(major+minor, "0123456789.") != "" {
			continue
		}
		if major == "2" {
			return name
		}
		return name + major
	}
	return program
}
