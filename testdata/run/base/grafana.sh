#!/bin/sh
# https://github.com/grafana/grafana/blob/main/packaging/docker/run.sh
set -e
for file_variable in $(env | sed -n 's/^\(GF_[A-Za-z0-9_]*__FILE\)=.*/\1/p'); do
	variable=${file_variable%__FILE}
	eval "path=\$$file_variable set=\${$variable+x}"
	if [ -n "$set" ]; then
		echo >&2 "ERROR: Both $variable and $file_variable are set (but are exclusive)"
		exit 1
	fi
	value=$(cat "$path")
	export "$variable=$value"
	unset "$file_variable"
done
exec seen --stay GF_SECURITY_ADMIN_PASSWORD
