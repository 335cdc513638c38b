package stack

import (
	"fmt"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
)

// script is the POSIX shell script that creates the secrets. The names are read from the stack file: they are changed in one place.
func (w *writer) script(given []project.Secret) []byte {
	var b strings.Builder
	b.WriteString(`#!/bin/sh
# Creates the secrets that ` + StackFile + ` names. Run it on a manager of the swarm; what is there already is kept.
#
#   sh ` + ScriptFile + `                 all of them, from files and variables
#   sh ` + ScriptFile + ` SECRET < FILE   one of them, from standard input
#
# A value goes through standard input, never through a command line.
set -eu
cd "$(dirname "$0")"

# name SECRET prints what it is called in the swarm, with its version
name() {
	sed -n '/^secrets:/,$s/^    name: "\{0,1\}\('"$1"'_v[0-9][0-9]*\)"\{0,1\}$/\1/p' ` + StackFile + `
}

# there NAME says whether the swarm has it
there() { docker secret inspect "$1" >/dev/null 2>&1; }

fail() {
	echo "` + ScriptFile + `: $1" >&2
	exit 1
}

# wanted SECRET says whether it is to be created
wanted() {
	[ -z "$only" ] || [ "$only" = "$1" ] || return 1
	name=$(name "$1")
	[ -n "$name" ] || fail "` + StackFile + ` names no secret $1_v1"
	if there "$name"; then
		echo "kept    $name"
		return 1
	fi
}

# create takes the value from standard input
create() {
	docker secret create "$name" - >/dev/null
	echo "created $name"
}

# from_file SECRET FILE
from_file() {
	wanted "$1" || return 0
	if [ -n "$only" ]; then
		create
	else
		[ -f "$2" ] || fail "$2 is missing, which $1 comes from"
		create <"$2"
	fi
}

# from_variable SECRET VARIABLE IS_SET VALUE
from_variable() {
	wanted "$1" || return 0
	if [ -n "$only" ]; then
		create
	else
		[ -n "$3" ] || fail "the variable $2 is not set, which $1 comes from"
		printf %s "$4" | create
	fi
}

# from_elsewhere NAME wants a secret of another stack
from_elsewhere() {
	[ -n "$only" ] || there "$1" || fail "the swarm has no secret $1, create it first"
}

case ${1-} in
'') only= ;;
`)
	for _, s := range given {
		if !s.External {
			fmt.Fprintf(&b, "%s) only=%s ;;\n", s.ID, w.base(s))
		}
	}
	b.WriteString(`*) fail "there is no secret $1 here" ;;
esac

`)
	for _, s := range given {
		switch {
		case s.External:
			fmt.Fprintf(&b, "from_elsewhere %s\n", project.Word(s.ExternalName))
		case s.Environment != "":
			fmt.Fprintf(&b, "from_variable %s %s \"${%s+x}\" \"${%s-}\"\n", w.base(s), s.Environment, s.Environment, s.Environment)
		default:
			fmt.Fprintf(&b, "from_file %s %s\n", w.base(s), project.Word(s.File))
		}
	}
	return []byte(b.String())
}
