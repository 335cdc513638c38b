#!/bin/bash
# Docker for the tests that run containers (cmd/unbake/run_test.go).
#
#   engine.sh install     install what is missing; print the folder of dockerd, docker, docker-compose, consul-template
#   engine.sh path        print that folder, or fail when something is missing; installs nothing
#   engine.sh run DIR     be dockerd, in the foreground, with state and socket in DIR
#
# The engine and its client are Debian's, unpacked and not installed: no service is started, and a Docker that the machine
# has is left alone. docker compose and consul-template, which is what a Vault agent renders its templates with, come from
# the Go module proxy. All are kept in ${XDG_CACHE_HOME:-~/.cache}/unbake/engine-KEY, where KEY changes with what is in it.
# Running needs root, runc and iptables. The engine gets mounts, processes and a network of its own: what it leaves behind
# goes with it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() { echo "engine.sh: $*" >&2; exit 1; }

# name@version, and the package that is the program
compose=github.com/docker/compose/v5@v5.6.0
compose_program=github.com/docker/compose/v5/cmd
consul_template=github.com/hashicorp/consul-template@v0.41.1
consul_template_program=github.com/hashicorp/consul-template

contents=(dockerd containerd containerd-shim-runc-v2 docker-proxy docker docker-compose consul-template)

key() {
	{ "$here/debian.sh" suite && echo "$compose $consul_template ${contents[*]}" && declare -f unpack compile build; } |
		sha256sum | cut -c1-12
}

folder() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/unbake/engine-$(key)"; }

complete() {
	local program
	for program in "${contents[@]}"; do [ -x "$1/$program" ] || return 1; done
}

missing() {
	command -v runc >/dev/null || echo runc
	command -v iptables >/dev/null || echo iptables
	command -v unshare >/dev/null || echo util-linux
}

# unpack puts the programs of Debian's packages into DIR. apt checks them as ever, with lists of its own: the machine's
# may be those of another release.
unpack() {
	local dir=$1 scratch=$1/apt apt package
	mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/root"
	"$here/debian.sh" sources >"$scratch/sources.list"
	apt=(-o "Dir::Etc::sourcelist=$scratch/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$scratch/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$scratch/cache"
		-o APT::Sandbox::User=root)
	apt-get "${apt[@]}" update >&2
	(cd "$scratch" && apt-get "${apt[@]}" download docker.io docker-cli containerd >&2)
	for package in "$scratch"/*.deb; do dpkg -x "$package" "$scratch/root"; done
	mv "$scratch"/root/usr/sbin/{dockerd,docker-proxy} "$scratch"/root/usr/bin/{containerd,containerd-shim-runc-v2,docker} "$dir"
	rm -rf "$scratch"
}

# compile builds a program in a module of its own, because `go install PACKAGE@VERSION` refuses a go.mod with replaces.
compile() {
	local out=$1 module=$2 package=$3 scratch
	scratch=$(dirname "$out")/module-$(basename "$out")
	mkdir "$scratch"
	(
		cd "$scratch"
		export GOFLAGS='' GOWORK=off CGO_ENABLED=0
		go mod init engine.test
		go get -tool "$package@${module#*@}"
		go build -trimpath -ldflags '-s -w' -o "$out" "$package"
	) >&2
	rm -rf "$scratch"
}

build() {
	local dir=$1 scratch unpacking
	mkdir -p "$(dirname "$dir")"
	scratch=$(mktemp -d "$dir.XXXXXX")
	chmod 755 "$scratch"
	trap 'rm -rf "$scratch"' EXIT
	unpack "$scratch" & # it waits for the network, the others compile
	unpacking=$!
	compile "$scratch/consul-template" "$consul_template" "$consul_template_program"
	compile "$scratch/docker-compose" "$compose" "$compose_program"
	wait "$unpacking" || die 'cannot unpack the engine'
	complete "$scratch" || die 'a package lacks a program'
	# Renamed as a whole: a folder with that name is always complete.
	mv -T "$scratch" "$dir" 2>/dev/null || complete "$dir" || die "cannot write $dir"
	rm -rf "$scratch"
	trap - EXIT
}

install() {
	local dir packages
	dir=$(folder)
	packages=$(missing)
	if [ -n "$packages" ]; then
		command -v apt-get >/dev/null || die "install by hand: $packages"
		[ "$(id -u)" = 0 ] || die "not root: cannot install $packages"
		export DEBIAN_FRONTEND=noninteractive
		# shellcheck disable=SC2086 # one word a package
		{ apt-get install -y --no-install-recommends $packages ||
			{ apt-get update && apt-get install -y --no-install-recommends $packages; }; } >&2
	fi
	complete "$dir" || build "$dir"
	echo "$dir"
}

path() {
	local dir packages
	dir=$(folder)
	complete "$dir" || die "no engine in $dir: run scripts/engine.sh install"
	packages=$(missing)
	[ -z "$packages" ] || die "missing: $packages: run scripts/engine.sh install"
	echo "$dir"
}

# run replaces the shell, so that whoever started it holds dockerd's own process id. As the first process of its
# namespace dockerd takes everything that it started with it. Who has made the namespaces already is not given others.
run() {
	local dir=$1 programs
	programs=$(path)
	[ "$(id -u)" = 0 ] || die "not root: dockerd cannot run containers"
	[ $$ = 1 ] || exec unshare --mount --pid --net --fork --kill-child "$0" run "$dir"
	mount --make-rprivate /
	mount -t proc proc /proc
	busybox ip link set lo up
	mkdir -p "$dir/tmp"
	echo '{}' >"$dir/daemon.json" # an empty one: the machine's own configuration has no say
	TMPDIR=$dir/tmp PATH=$programs:$PATH exec "$programs/dockerd" \
		--config-file "$dir/daemon.json" \
		--data-root "$dir/data" \
		--exec-root "$dir/exec" \
		--pidfile "$dir/dockerd.pid" \
		--host "unix://$dir/docker.sock" \
		--bridge none
}

case "${1-} $#" in
'install 1') install ;;
'path 1') path ;;
'run 2') run "$2" ;;
*) die "usage: engine.sh install | path | run DIR" ;;
esac
