#!/bin/sh
# https://github.com/linuxserver/docker-baseimage-alpine: init-envfile keeps the file as it is, with its line ends
set -e
for file_variable in $(env | sed -n 's/^\(FILE__[A-Za-z0-9_]*\)=.*/\1/p'); do
	eval "path=\$$file_variable"
	value=$(cat "$path" && echo .)
	export "${file_variable#FILE__}=${value%.}"
done
exec seen --stay PUID MYSQL_ROOT_PASSWORD
