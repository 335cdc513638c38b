#!/bin/sh
# A value that begins with file:// is the file's: https://github.com/goauthentik/authentik
set -e
case $AUTHENTIK_SECRET_KEY in
file://*) AUTHENTIK_SECRET_KEY=$(cat "${AUTHENTIK_SECRET_KEY#file://}") ;;
esac
exec seen --stay AUTHENTIK_SECRET_KEY
