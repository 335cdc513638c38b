package vault

import (
	"fmt"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
)

// script is the POSIX shell script that puts the values into Vault.
func script(p *project.Project, moved []project.Secret) []byte {
	var b strings.Builder
	b.WriteString(`#!/bin/sh
# Puts the secrets that vault/agent.hcl reads into Vault's KV version 2 engine at ` + mount + `/, as VAULT_ADDR and VAULT_TOKEN say.
#
#   sh vault/put.sh              all that are not there yet, from files and variables
#   sh vault/put.sh SECRET...    these, as a new version: rotation
#
# A value goes by its file's name or through standard input, never through a command line. It is kept byte by byte: a
# line end at the end of a file is part of it.
set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "vault/put.sh: $1" >&2
	exit 1
}

# wanted SECRET KEY says whether it is to be put, and with which check
wanted() {
	if [ -z "$only" ]; then
		if vault kv get -mount=` + mount + ` -field=value "$2" >/dev/null 2>&1; then
			echo "kept $2"
			return 1
		fi
		check=-cas=0 # only where there is none
		return 0
	fi
	check=
	case " $only " in
	*" $1 "*) return 0 ;;
	esac
	return 1
}

# put KEY @FILE, or put KEY - for standard input
put() {
	vault kv put -mount=` + mount + ` ${check:+"$check"} "$1" "value=$2" >/dev/null
	echo "put  $1"
}

# from_file SECRET KEY FILE
from_file() {
	wanted "$1" "$2" || return 0
	[ -f "$3" ] || fail "$3 is missing, which $1 comes from"
	if command -v iconv >/dev/null && ! iconv -f UTF-8 -t UTF-8 <"$3" >/dev/null 2>&1; then
		fail "$3 is not UTF-8, and Vault keeps text only: encode it"
	fi
	put "$2" "@$3"
}

# from_variable SECRET KEY VARIABLE IS_SET VALUE
from_variable() {
	wanted "$1" "$2" || return 0
	[ -n "$4" ] || fail "the variable $3 is not set, which $1 comes from"
	printf %s "$5" | put "$2" -
}

# from_elsewhere SECRET KEY has no value here
from_elsewhere() {
	wanted "$1" "$2" || return 0
	[ -n "$only" ] || fail "$2 is not in Vault, and nothing here says what it is: sh vault/put.sh $1 <FILE"
	put "$2" -
}

for secret; do
	case $secret in
`)
	var names []string
	for _, s := range moved {
		names = append(names, s.ID)
	}
	fmt.Fprintf(&b, "\t%s) ;;\n", strings.Join(names, " | "))
	b.WriteString(`	*) fail "there is no secret $secret here" ;;
	esac
done
only=$*

`)
	for _, s := range moved {
		id, k := s.ID, key(p, s.ID)
		switch {
		case s.External:
			fmt.Fprintf(&b, "from_elsewhere %s %s\n", project.Word(id), project.Word(k))
		case s.Environment != "":
			fmt.Fprintf(&b, "from_variable %s %s %s \"${%s+x}\" \"${%s-}\"\n", project.Word(id), project.Word(k), s.Environment, s.Environment, s.Environment)
		default:
			fmt.Fprintf(&b, "from_file %s %s %s\n", project.Word(id), project.Word(k), project.Word(s.File))
		}
	}
	return []byte(b.String())
}
