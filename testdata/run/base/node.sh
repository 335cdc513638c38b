#!/bin/sh
# https://github.com/nodejs/docker-node/blob/main/docker-entrypoint.sh
set -e

# What is no command is node's: a flag, a script, a file that cannot be executed.
if [ "${1#-}" != "${1}" ] || [ -z "$(command -v "${1}")" ] || { [ -f "${1}" ] && ! [ -x "${1}" ]; }; then
	set -- node "$@"
fi

exec "$@"
