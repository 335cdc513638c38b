#!/bin/bash
# Root file systems with real package tools, for the tests that run them (cmd/unbake/recipes_test.go).
#
#   debian.sh install NAME    build what is missing; print the folder of the root file system NAME
#   debian.sh path NAME       print that folder, or fail when it is not there; builds nothing
#   debian.sh suite           print the release that they are of
#   debian.sh sources         print the line of an apt source for it
#
# `debian` is for the tests of every day: npm, pip, go, git and what else is small. `languages` is for scripts/recipes.sh.
# Both are Debian, from the mirror and with the keyring of this machine's apt, and npm's packages from the registry that
# this machine's npm uses. They are kept in ${XDG_CACHE_HOME:-~/.cache}/unbake/debian-NAME-KEY, where KEY changes with what
# is in them: 0.8 and 1.7 GB. A folder holds an OCI layout with one layer and no image, and ca.pem and ca.key: an authority
# of its own, which the root file system trusts for example.com and loopback, and nothing else.
set -euo pipefail

die() { echo "debian.sh: $*" >&2; exit 1; }

# Tools of the age that people have in their images: a cargo with sparse registries, a composer 2, a go that is not old.
suite=trixie

# want sets the lists of a root file system: Debian's packages, and npm's as FOLDER=PACKAGE. They have npm from there:
# Debian's own is some hundred packages.
want() {
	packages=(ca-certificates curl git nodejs openssh-client python3-pip python-is-python3 unzip wget)
	modules=(/usr/local=npm@10.9.9 /usr/local=yarn@1.22.22 /usr/local=pnpm@10.34.8 /usr/local=@sentry/cli@2.58.2
		/opt/berry=@yarnpkg/cli-dist@4.18.1)
	case $1 in
	debian) packages+=(bundler composer gh golang-go openssh-server) ;;
	languages)
		packages+=(awscli cargo gradle python3-poetry)
		# maven with one plugin, and what Debian forgets that the plugin needs
		packages+=(maven libmaven-dependency-plugin-java junit5 libdoxia-java libmaven-reporting-impl-java)
		;;
	*) die "no root file system is named $1" ;;
	esac
}

key() {
	want "$1"
	{ echo "$suite" "${packages[@]}" "${modules[@]}" && declare -f build layer; } | sha256sum | cut -c1-12
}

folder() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/unbake/debian-$1-$(key "$1")"; }

complete() { [ -n "$(find "$1/blobs/sha256" -type f 2>/dev/null)" ]; }

mirrors() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | awk '!/-security/ && !found++'
}

# sources is an apt source for the suite, at the mirror that this machine's apt uses for Debian.
sources() {
	local mirror
	mirror=$(mirrors)
	# It does not know whose a source is before it has read it.
	[ -n "$mirror" ] || { apt-get update >&2 && mirror=$(mirrors); }
	[ -n "$mirror" ] || die "apt knows no mirror of Debian"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
}

# layer writes the root file system as a tar. Documentation and Go's own tests are left out: half the files. Unlike
# Debian, and like the images that people build on, pip may install for the whole system.
layer() {
	local name=$1 dir=$2 module npm=()
	want "$name"
	for module in "${modules[@]}"; do
		npm+=(--customize-hook="npm install --global --ignore-scripts --no-fund --no-audit --prefix=\"\$1${module%%=*}\" ${module#*=} >&2")
	done
	mmdebstrap --variant=minbase --mode=root --include="${packages[*]}" \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/info/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/man/*/*' \
		--dpkgopt='path-exclude=/usr/share/go-*/test/*' \
		--dpkgopt='path-exclude=*_test.go' \
		--dpkgopt='path-exclude=*/testdata/*' \
		--customize-hook='rm "$1"/etc/apt/sources.list.d/*' \
		--customize-hook='chroot "$1" useradd -m -u 1000 -s /bin/sh node' \
		--customize-hook='chroot "$1" useradd -m -u 1001 -s /bin/sh app' \
		--customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
		--customize-hook="copy-in '$dir/example.crt' /usr/local/share/ca-certificates" \
		--customize-hook='chroot "$1" update-ca-certificates' \
		"${npm[@]}" \
		"$suite" - "$dir/sources.list"
}

build() {
	local name=$1 dir=$2 scratch sum
	mkdir -p "$(dirname "$dir")"
	scratch=$(mktemp -d "$dir.XXXXXX")
	chmod 755 "$scratch"
	trap 'rm -rf "$scratch"' EXIT
	sources >"$scratch/sources.list"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=unbake test' \
		-addext 'basicConstraints=critical,CA:TRUE' \
		-addext 'nameConstraints=critical,permitted;DNS:example.com,permitted;IP:127.0.0.0/255.0.0.0' \
		-keyout "$scratch/ca.key" -out "$scratch/ca.pem" 2>/dev/null
	cp "$scratch/ca.pem" "$scratch/example.crt"
	TMPDIR=$scratch layer "$name" "$scratch" >"$scratch/layer.tar" 2>"$scratch/log" ||
		{ tail -n 20 "$scratch/log" >&2; die "cannot build $name"; }
	mkdir -p "$scratch/blobs/sha256"
	sum=$(sha256sum "$scratch/layer.tar" | cut -d' ' -f1)
	mv "$scratch/layer.tar" "$scratch/blobs/sha256/$sum"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$scratch/oci-layout"
	echo '{"schemaVersion":2,"manifests":[]}' >"$scratch/index.json"
	rm "$scratch/sources.list" "$scratch/example.crt"
	# Renamed as a whole: a folder with that name is always complete.
	mv -T "$scratch" "$dir" 2>/dev/null || complete "$dir" || die "cannot write $dir"
	rm -rf "$scratch"
	trap - EXIT
}

install() {
	local dir
	dir=$(folder "$1")
	if ! complete "$dir"; then
		[ "$(id -u)" = 0 ] || die "not root: cannot build $1"
		command -v mmdebstrap >/dev/null || die "no mmdebstrap: run scripts/tools.sh"
		build "$1" "$dir"
	fi
	echo "$dir"
}

path() {
	local dir
	dir=$(folder "$1")
	complete "$dir" || die "no $dir: run scripts/debian.sh install $1"
	echo "$dir"
}

case "${1-} $#" in
'install 2') install "$2" ;;
'path 2') path "$2" ;;
'suite 1') echo "$suite" ;;
'sources 1') sources ;;
*) die "usage: debian.sh install NAME | path NAME | suite | sources" ;;
esac
