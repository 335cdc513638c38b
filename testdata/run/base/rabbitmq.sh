#!/bin/sh
# https://github.com/docker-library/rabbitmq: what was a file form is an error now
set -e
for variable in RABBITMQ_DEFAULT_PASS_FILE RABBITMQ_DEFAULT_USER_FILE; do
	eval "set=\${$variable+x}"
	if [ -n "$set" ]; then
		echo >&2 "error: $variable is set but deprecated"
		exit 1
	fi
done
exec seen --stay RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS
