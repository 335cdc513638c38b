#!/bin/bash
# Install what scripts/test.sh needs and is not there: Debian packages, BuildKit, Docker, buildx, a root file system, actionlint,
# just, task, staticcheck. Prints the path of staticcheck; all else goes to stderr.
#
# Go programs come from the Go module proxy and are kept in ${XDG_CACHE_HOME:-~/.cache}/unbake. Packages need root;
# without it, what is missing is named, and the tests that need it are skipped (with CI=true it is an error).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

staticcheck_version=v0.8.2

# program=package
packages=(git=git patch=patch diff=diffutils gcc=gcc runc=runc busybox=busybox-static pre-commit=pre-commit strace=strace
	script=bsdutils setpriv=util-linux mmdebstrap=mmdebstrap openssl=openssl npm=npm ssh-keygen=openssh-client shellcheck=shellcheck
	iptables=iptables buildah=buildah)

command -v go >/dev/null || { echo "tools.sh: no go, install Go $(sed -n 's/^go //p' go.mod) from https://go.dev/dl" >&2; exit 1; }

missing=()
for p in "${packages[@]}"; do
	command -v "${p%%=*}" >/dev/null || missing+=("${p#*=}")
done
# gcc alone does not bring the headers that the race detector links with.
[[ " ${missing[*]-} " != *" gcc "* ]] || missing+=(libc6-dev)

if [ ${#missing[@]} -gt 0 ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		export DEBIAN_FRONTEND=noninteractive
		{ apt-get install -y --no-install-recommends "${missing[@]}" ||
			{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; }; } >&2
	else
		echo "tools.sh: not installed, as only root on Debian can: ${missing[*]}" >&2
		[ "${CI-}" != true ] || exit 1
	fi
fi

# Side by side: some wait for the network, the others compile.
scripts/buildx.sh install >/dev/null &
buildx=$!

# Real builds need root; who is not root need not wait for the compiler.
if [ "$(id -u)" = 0 ]; then
	scripts/debian.sh install debian >/dev/null &
	root=$!
	scripts/buildkit.sh install >/dev/null
	scripts/engine.sh install >/dev/null || [ "${CI-}" != true ]
	wait "$root" || [ "${CI-}" != true ]
elif [ "${CI-}" = true ]; then
	echo "tools.sh: not root: real builds cannot run" >&2
	exit 1
fi

scripts/actionlint.sh install >/dev/null
scripts/taskrunners.sh install >/dev/null || [ "${CI-}" != true ]
wait "$buildx"

dir=${XDG_CACHE_HOME:-$HOME/.cache}/unbake/staticcheck-$staticcheck_version-$(go env GOVERSION)
if [ ! -x "$dir/staticcheck" ]; then
	GOFLAGS='' GOWORK=off GOBIN=$dir go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck_version" >&2
fi
echo "$dir/staticcheck"
