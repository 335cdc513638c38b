#!/bin/sh
# The environment of the official image: https://github.com/docker-library/mysql
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
	set -- mysqld "$@"
fi
if [ "$1" = mysqld ]; then
	file_env MYSQL_ROOT_HOST %
	file_env MYSQL_DATABASE
	file_env MYSQL_USER
	file_env MYSQL_PASSWORD
	file_env MYSQL_ROOT_PASSWORD
	if [ -z "$MYSQL_ROOT_PASSWORD" ] && [ -z "${MYSQL_ALLOW_EMPTY_PASSWORD-}" ] && [ -z "${MYSQL_RANDOM_ROOT_PASSWORD-}" ]; then
		echo >&2 'Database is uninitialized and password option is not specified'
		exit 1
	fi
fi
exec "$@"
