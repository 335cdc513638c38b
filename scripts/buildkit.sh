#!/bin/bash
# BuildKit for the tests that run real builds (cmd/unbake/build_test.go).
#
#   buildkit.sh install     install what is missing; print the folder of buildkitd and buildctl
#   buildkit.sh path        print that folder, or fail when something is missing; installs nothing
#   buildkit.sh run DIR     be buildkitd, in the foreground, with state and socket in DIR
#   buildkit.sh start DIR   the same in the background; print "ADDR PID" once it answers
#
# BuildKit comes from the Go module proxy, in the version that go.mod names, and is kept in
# ${XDG_CACHE_HOME:-~/.cache}/unbake/buildkit-VERSION. runc and busybox come from Debian.
# Running needs root: builds are real containers.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() { echo "buildkit.sh: $*" >&2; exit 1; }

# buildkit_version is what go.mod says, so that the tests build with the BuildKit whose parser unbake links.
buildkit_version() { (cd "$project" && go list -m -f '{{.Version}}' github.com/moby/buildkit); }

bin() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/unbake/buildkit-$(buildkit_version)"; }

# missing names the Debian packages whose program is not there. busybox must be the static
# one: it is copied into the base image as the only file that is executed there.
missing() {
	command -v runc >/dev/null || echo runc
	static_busybox || echo busybox-static
}

static_busybox() {
	local program
	program=$(command -v busybox) && ! ldd "$program" >/dev/null 2>&1
}

compiled() { [ -x "$1/buildkitd" ] && [ -x "$1/buildctl" ]; }

# A module of its own, because `go install PACKAGE@VERSION` refuses BuildKit: its go.mod has
# an exclude. `go get -tool` in an empty module takes the same sources.
compile() {
	local dir=$1 version scratch
	version=$(buildkit_version)
	mkdir -p "$(dirname "$dir")"
	scratch=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	(
		cd "$scratch"
		export GOFLAGS='' GOWORK=off CGO_ENABLED=0
		go mod init buildkit.test
		go get -tool "github.com/moby/buildkit/cmd/buildkitd@$version" "github.com/moby/buildkit/cmd/buildctl@$version"
		go build -trimpath -tags 'osusergo netgo' -o out/ \
			github.com/moby/buildkit/cmd/buildkitd github.com/moby/buildkit/cmd/buildctl
	) >&2
	# Renamed as a whole: a folder with that name is always complete.
	mv -T "$scratch/out" "$dir" 2>/dev/null || compiled "$dir" || die "cannot write $dir"
	rm -rf "$scratch"
	trap - EXIT
}

install() {
	local dir packages
	dir=$(bin)
	packages=$(missing)
	if [ -n "$packages" ]; then
		command -v apt-get >/dev/null || die "install by hand: $packages"
		[ "$(id -u)" = 0 ] || die "not root: cannot install $packages"
		export DEBIAN_FRONTEND=noninteractive
		# shellcheck disable=SC2086 # one word a package
		{ apt-get install -y --no-install-recommends $packages ||
			{ apt-get update && apt-get install -y --no-install-recommends $packages; }; } >&2
	fi
	compiled "$dir" || compile "$dir"
	echo "$dir"
}

path() {
	local dir packages
	dir=$(bin)
	compiled "$dir" || die "no BuildKit in $dir: run scripts/buildkit.sh install"
	packages=$(missing)
	[ -z "$packages" ] || die "missing: $packages: run scripts/buildkit.sh install"
	echo "$dir"
}

# run replaces the shell, so that whoever started it holds buildkitd's own process id.
run() {
	local dir=$1 programs
	programs=$(path)
	[ "$(id -u)" = 0 ] || die "not root: buildkitd cannot run containers"
	mkdir -p "$dir/state" "$dir/tmp"
	: >"$dir/buildkitd.toml" # an empty one: the machine's own configuration has no say
	TMPDIR=$dir/tmp exec "$programs/buildkitd" \
		--config "$dir/buildkitd.toml" \
		--root "$dir/state" \
		--addr "unix://$dir/buildkitd.sock" \
		--containerd-worker=false \
		--oci-worker=true \
		--oci-worker-binary=runc \
		--oci-worker-net=host \
		--cdi-disabled
}

start() {
	local dir=$1 programs pid i
	programs=$(path)
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	run "$dir" >"$dir/buildkitd.log" 2>&1 &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		if "$programs/buildctl" --addr "unix://$dir/buildkitd.sock" debug workers >/dev/null 2>&1; then
			echo "unix://$dir/buildkitd.sock $pid"
			return
		fi
		kill -0 "$pid" 2>/dev/null || die "buildkitd does not run: $(tail -n 3 "$dir/buildkitd.log")"
		sleep 0.1
	done
	kill "$pid"
	die "buildkitd does not answer: $(tail -n 3 "$dir/buildkitd.log")"
}

case "${1-} $#" in
'install 1') install ;;
'path 1') path ;;
'run 2') run "$2" ;;
'start 2') start "$2" ;;
*) die "usage: buildkit.sh install | path | run DIR | start DIR" ;;
esac
