#!/bin/sh
# The environment of the official image: https://github.com/docker-library/postgres
set -e

# usage: file_env VARIABLE [DEFAULT]
# The value of VARIABLE, or what is in the file that VARIABLE_FILE names, less the line ends at its end. Not both.
file_env() {
	variable=$1
	eval "value=\${$1-} file=\${$1_FILE-}"
	if [ -n "$value" ] && [ -n "$file" ]; then
		echo >&2 "error: both $1 and $1_FILE are set (but are exclusive)"
		exit 1
	fi
	if [ -n "$file" ]; then
		value=$(cat "$file") || exit 1
	fi
	export "$variable=${value:-${2-}}"
	unset "$1_FILE"
}

if [ "${1#-}" != "$1" ]; then
	set -- postgres "$@"
fi
if [ "$1" = postgres ]; then
	file_env POSTGRES_PASSWORD
	file_env POSTGRES_USER postgres
	file_env POSTGRES_DB "$POSTGRES_USER"
	file_env POSTGRES_INITDB_ARGS
	if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD-}" != trust ]; then
		echo >&2 'Error: Database is uninitialized and superuser password is not specified.'
		exit 1
	fi
fi
exec "$@"
