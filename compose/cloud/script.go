package cloud

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
)

// script is the POSIX shell script: functions, then what it was asked for.
func (s Store) script(name string, p *project.Project, held []project.Held, images []image) []byte {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	var files, variables []project.Held
	for _, h := range held {
		if h.File != "" {
			files = append(files, h)
		}
		if h.Variable != "" {
			variables = append(variables, h)
		}
	}
	w("#!/bin/sh\n# The secrets of %s in %s.\n#\n", path.Base(p.File.Path), s.title)
	w("#   sh %s put              those that are not there yet, from files and variables\n", name)
	w("#   sh %s put SECRET...    these, with a new value: rotation\n", name)
	if len(files) > 0 {
		w("#   sh %s get              the files that docker compose reads; those that are there are kept\n", name)
	}
	if len(variables) > 0 {
		w("#   sh %s run COMMAND...   a command with %s set\n", name, names(variables, ", "))
	}
	for _, i := range images {
		w("#   sh %s build %s [FLAG...]   docker build with %s\n", name, i.service, names(i.secrets, ", "))
	}
	w("#\n# A value goes by its file's name, never through a command line. In CI, after %s, the same commands serve.\n", s.login)
	for _, i := range images {
		if i.twice {
			w("# The Dockerfile of %s mounts a secret more than once: what <( ) gives can be read once only, so build fetches into files.\n", i.service)
			continue
		}
		w("# %s by hand, in bash:\n#   %s\n", i.service, s.single(i))
	}
	b.WriteString("set -eu\ncd \"$(dirname \"$0\")\"\n" + s.setup)
	b.WriteString(`
fail() {
	echo "` + name + `: $1" >&2
	exit 1
}

` + s.functions + `
umask 077
# Memory, where there is a folder for that.
if [ -d /dev/shm ] && [ -w /dev/shm ]; then parent=/dev/shm; else parent=${TMPDIR:-/tmp}; fi
work=$(mktemp -d "$parent/secrets.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# name SECRET prints what the store knows it by
name() {
	case $1 in
`)
	for _, h := range held {
		w("\t%s) echo %s ;;\n", h.ID, h.Slug)
	}
	b.WriteString(`	*) fail "there is no secret $1 here" ;;
	esac
}

# put SECRET FILE
put() {
	if ! there "$(name "$1")"; then
		create "$(name "$1")" "$2"
		echo "created $(name "$1")"
	elif [ -n "$only" ]; then
		update "$(name "$1")" "$2"
		echo "updated $(name "$1")"
	else
		echo "kept    $(name "$1")"
	fi
}

wanted() {
	[ -n "$only" ] || return 0
	case " $only " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}
`)
	if len(files) > 0 {
		b.WriteString(`
# from_file SECRET FILE
from_file() {
	wanted "$1" || return 0
	if [ -f "$2" ]; then
		put "$1" "$2"
	else
		there "$(name "$1")" || fail "$2 is missing, which $1 comes from"
		[ -z "$only" ] || fail "$2 is missing, which $1 comes from"
		echo "kept    $(name "$1")"
	fi
}

# to_file SECRET FILE writes it so that the users of containers can read it, in a folder that others cannot open
to_file() {
	if [ -e "$2" ]; then
		echo "kept    $2"
		return 0
	fi
	mkdir -p "$(dirname "$2")"
	fetch "$(name "$1")" "$work/$1"
	chmod 644 "$work/$1"
	cp -p "$work/$1" "$2.new"
	mv "$2.new" "$2"
	echo "fetched $2"
}
`)
	}
	if slices.ContainsFunc(held, func(h project.Held) bool { return h.File == "" }) {
		b.WriteString(`
# from_variable SECRET VARIABLE IS_SET VALUE
from_variable() {
	wanted "$1" || return 0
	if [ -n "$3" ]; then
		printf %s "$4" >"$work/$1"
		put "$1" "$work/$1"
		rm -f "$work/$1"
	else
		there "$(name "$1")" || fail "the variable $2 is not set, which $1 comes from"
		[ -z "$only" ] || fail "the variable $2 is not set, which $1 comes from"
		echo "kept    $(name "$1")"
	fi
}
`)
	}
	b.WriteString(`
command=${1-}
[ $# -eq 0 ] || shift
case $command in
put)
	only=$*
	for secret; do name "$secret" >/dev/null; done
`)
	for _, h := range held {
		if h.File != "" {
			w("\tfrom_file %s %s\n", h.ID, project.Word(h.File))
		} else {
			w("\tfrom_variable %s %s \"${%s+x}\" \"${%s-}\"\n", h.ID, h.Variable, h.Variable, h.Variable)
		}
	}
	b.WriteString("\t;;\n")
	if len(files) > 0 {
		b.WriteString("get)\n")
		for _, h := range files {
			w("\tto_file %s %s\n", h.ID, project.Word(h.File))
		}
		b.WriteString("\t;;\n")
	}
	if len(variables) > 0 {
		b.WriteString("run)\n\t[ $# -gt 0 ] || fail \"run: name a command\"\n")
		for _, h := range variables {
			w("\tfetch \"$(name %s)\" \"$work/%s\"\n\t%s=$(cat \"$work/%s\" && echo x)\n\texport %s=\"${%s%%x}\"\n", h.ID, h.ID, h.Variable, h.ID, h.Variable, h.Variable)
		}
		b.WriteString("\trm -rf \"$work\"\n\texec \"$@\"\n\t;;\n")
	}
	if len(images) > 0 {
		b.WriteString("build)\n\tservice=${1:?the name of a service}\n\tshift\n\tcase $service in\n")
		for _, i := range images {
			w("\t%s)\n", i.service)
			for _, h := range i.secrets {
				w("\t\tfetch \"$(name %s)\" \"$work/%s\"\n", h.ID, h.ID)
			}
			b.WriteString("\t\tdocker build")
			for _, h := range i.secrets {
				w(" --secret \"id=%s,src=$work/%s\"", h.ID, h.ID)
			}
			w(" \"$@\"%s\n\t\t;;\n", i.rest())
		}
		b.WriteString("\t*) fail \"no build of $service takes a secret\" ;;\n\tesac\n\t;;\n")
	}
	var known []string
	for _, c := range []struct {
		name string
		is   bool
	}{{"put", true}, {"get", len(files) > 0}, {"run", len(variables) > 0}, {"build", len(images) > 0}} {
		if c.is {
			known = append(known, c.name)
		}
	}
	w("*) fail \"say %s\" ;;\nesac\n", strings.Join(slices.Clip(known), ", "))
	return []byte(b.String())
}

func names(held []project.Held, by string) string {
	var out []string
	for _, h := range held {
		if id := h.Variable; id != "" {
			out = append(out, id)
		} else {
			out = append(out, h.ID)
		}
	}
	return strings.Join(out, by)
}
