package kubernetes

import (
	"fmt"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
)

// script is the POSIX shell script that creates the Secrets where no operator does. It applies on the server's side: what kubectl applies
// by itself it keeps in an annotation too, values included.
func script(used []project.Held) []byte {
	var b strings.Builder
	b.WriteString(`#!/bin/sh
# Creates the Secrets that the Deployments in this folder name, in the namespace that kubectl is set to.
#
#   sh k8s/secrets.create.sh              all that are not there yet, from files and variables
#   sh k8s/secrets.create.sh SECRET...    these, with a new value: rotation (kubectl rollout restart takes it to the pods)
#
# A value goes by its file's name or through standard input, never through a command line.
set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "k8s/secrets.create.sh: $1" >&2
	exit 1
}

# wanted SECRET NAME says whether it is to be created
wanted() {
	if [ -z "$only" ]; then
		if kubectl get secret "$2" >/dev/null 2>&1; then
			echo "kept    $2"
			return 1
		fi
		return 0
	fi
	case " $only " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# apply SECRET NAME FILE
apply() {
	manifest=$(kubectl create secret generic "$2" "--from-file=$1=$3" --dry-run=client -o yaml)
	printf '%s\n' "$manifest" | kubectl apply --server-side --force-conflicts -f - >/dev/null
	echo "applied $2"
}

# from_file SECRET NAME FILE
from_file() {
	wanted "$1" "$2" || return 0
	[ -f "$3" ] || fail "$3 is missing, which $1 comes from"
	apply "$1" "$2" "$3"
}

# from_variable SECRET NAME VARIABLE IS_SET VALUE
from_variable() {
	wanted "$1" "$2" || return 0
	[ -n "$4" ] || fail "the variable $3 is not set, which $1 comes from"
	printf %s "$5" | apply "$1" "$2" /dev/stdin
}

# from_elsewhere SECRET NAME has no value here
from_elsewhere() {
	wanted "$1" "$2" || return 0
	[ -n "$only" ] || fail "there is no Secret $2, and nothing here says what it holds: sh k8s/secrets.create.sh $1 <FILE"
	apply "$1" "$2" /dev/stdin
}

for secret; do
	case $secret in
`)
	var names []string
	for _, h := range used {
		names = append(names, h.ID)
	}
	fmt.Fprintf(&b, "\t%s) ;;\n", strings.Join(names, " | "))
	b.WriteString(`	*) fail "there is no secret $secret here" ;;
	esac
done
only=$*

`)
	for _, h := range used {
		switch {
		case h.File != "":
			fmt.Fprintf(&b, "from_file %s %s %s\n", project.Word(h.ID), h.Slug, project.Word(h.File))
		case h.Variable != "":
			fmt.Fprintf(&b, "from_variable %s %s %s \"${%s+x}\" \"${%s-}\"\n", project.Word(h.ID), h.Slug, h.Variable, h.Variable, h.Variable)
		default:
			fmt.Fprintf(&b, "from_elsewhere %s %s\n", project.Word(h.ID), h.Slug)
		}
	}
	return []byte(b.String())
}
