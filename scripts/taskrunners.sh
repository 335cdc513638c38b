#!/bin/bash
# just and task, for the tests of justfiles and Taskfiles.
#
#   taskrunners.sh install    install them if they are not there; print their folder
#   taskrunners.sh path       print the folder, or fail when they are not there; installs nothing
#
# task comes from the Go module proxy, in the last release without the clients of object stores, which take minutes to
# compile; just is a program in an npm package. They are kept in ${XDG_CACHE_HOME:-~/.cache}/unbake.
set -euo pipefail

task=v3.39.2
just=1.57.0

case $(uname -m) in
x86_64) machine=x64 ;;
aarch64) machine=arm64 ;;
*) machine=$(uname -m) ;;
esac

dir=${XDG_CACHE_HOME:-$HOME/.cache}/unbake/taskrunners-$task-$just-$machine

case "${1-} $#" in
'install 1')
	[ -x "$dir/task" ] || CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOBIN=$dir go install -trimpath "github.com/go-task/task/v3/cmd/task@$task" >&2
	if [ ! -x "$dir/just" ]; then
		scratch=$(mktemp -d)
		trap 'rm -rf "$scratch"' EXIT
		npm install --prefix "$scratch" --no-audit --no-fund --no-save --ignore-scripts "rust-just-linux-$machine@$just" >&2
		cp "$scratch/node_modules/rust-just-linux-$machine/bin/just" "$dir/just.$$"
		chmod 755 "$dir/just.$$"
		mv "$dir/just.$$" "$dir/just"
	fi
	;;
'path 1') ;;
*) echo 'usage: taskrunners.sh install | path' >&2; exit 1 ;;
esac
for program in just task; do
	[ -x "$dir/$program" ] || { echo "taskrunners.sh: no $dir/$program: run scripts/taskrunners.sh install" >&2; exit 1; }
done
echo "$dir"
