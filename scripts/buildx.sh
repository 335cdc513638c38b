#!/bin/bash
# docker buildx for the tests that read bake files with it (rewrite/callers/bake).
#
#   buildx.sh install     install what is missing; print the program's path
#   buildx.sh path        print that path, or fail when it is missing; installs nothing
#
# It comes from the Go module proxy and is kept in ${XDG_CACHE_HOME:-~/.cache}/unbake/buildx-VERSION. `bake --print` needs
# no engine and no root.
set -euo pipefail

version=v0.38.2

die() { echo "buildx.sh: $*" >&2; exit 1; }

folder() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/unbake/buildx-$version"; }

complete() { [ -x "$1/buildx" ]; }

# A module of its own, because `go install PACKAGE@VERSION` refuses a go.mod with replaces.
compile() {
	local dir=$1 scratch
	mkdir -p "$(dirname "$dir")"
	scratch=$(mktemp -d "$dir.XXXXXX")
	chmod 755 "$scratch"
	trap 'rm -rf "$scratch"' EXIT
	(
		cd "$scratch"
		export GOFLAGS='' GOWORK=off CGO_ENABLED=0
		go mod init buildx.test
		go get -tool "github.com/docker/buildx/cmd/buildx@$version"
		go build -trimpath -ldflags '-s -w' -o out/ github.com/docker/buildx/cmd/buildx
	) >&2
	# Renamed as a whole: a folder with that name is always complete.
	mv -T "$scratch/out" "$dir" 2>/dev/null || complete "$dir" || die "cannot write $dir"
	rm -rf "$scratch"
	trap - EXIT
}

install() {
	local dir
	dir=$(folder)
	complete "$dir" || compile "$dir"
	echo "$dir/buildx"
}

path() {
	local dir
	dir=$(folder)
	complete "$dir" || die "no buildx in $dir: run scripts/buildx.sh install"
	echo "$dir/buildx"
}

case "${1-} $#" in
'install 1') install ;;
'path 1') path ;;
*) die "usage: buildx.sh install | path" ;;
esac
