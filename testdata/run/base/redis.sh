#!/bin/sh
# https://github.com/docker-library/redis/blob/master/docker-entrypoint.sh
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
	set -- redis-server "$@"
fi
exec "$@"
