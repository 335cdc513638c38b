#!/bin/sh
# The engine looks up a container's user there: by name, or by number, one of them alone.
grep -E "^($2:|[^:]*:[^:]*:$2:)" "/etc/$1" || exit 2
