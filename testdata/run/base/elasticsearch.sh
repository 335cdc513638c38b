#!/bin/sh
# https://github.com/elastic/elasticsearch: elasticsearch-env-from-file
set -e
for variable in ELASTIC_PASSWORD KEYSTORE_PASSWORD; do
	eval "value=\${$variable-} path=\${${variable}_FILE-}"
	[ -n "$path" ] || continue
	if [ -n "$value" ]; then
		echo >&2 "ERROR: Both ${variable}_FILE and $variable are set. These are mutually exclusive."
		exit 1
	fi
	mode=$(stat -L -c %a "$path")
	if [ "$mode" != 400 ] && [ "$mode" != 600 ]; then
		echo >&2 "ERROR: File $path from ${variable}_FILE must have file permissions 400 or 600, but actually has: $mode"
		exit 1
	fi
	value=$(cat "$path")
	export "$variable=$value"
	unset "${variable}_FILE"
done
exec seen --stay ELASTIC_PASSWORD
