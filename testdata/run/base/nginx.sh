#!/bin/sh
# https://github.com/nginx/docker-nginx: what is for nginx alone is done only where nginx is started.
set -e
if [ "$1" = nginx ]; then
	echo configured
fi
exec "$@"
