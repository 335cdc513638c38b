#!/bin/sh
# What wp-config-docker.php does with each variable: https://github.com/docker-library/wordpress
set -e
for variable in WORDPRESS_DB_HOST WORDPRESS_DB_USER WORDPRESS_DB_PASSWORD WORDPRESS_DB_NAME; do
	eval "file=\${${variable}_FILE-}"
	if [ -n "$file" ]; then
		value=$(cat "$file")
		export "$variable=$value"
	fi
done
exec seen --stay WORDPRESS_DB_HOST WORDPRESS_DB_USER WORDPRESS_DB_PASSWORD WORDPRESS_DB_NAME
