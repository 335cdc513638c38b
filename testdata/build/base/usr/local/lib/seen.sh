# What the stub programs share. A stub stands for a real program in a build without a network. It reads
# what the real program reads, and nothing else, and records hashes of that in /var/log/seen/PROGRAM-UID.
# The record is part of the image: two images with equal file systems hold programs that saw the same.

program=${0##*/}

# note NAME VALUE: the program saw VALUE.
note() {
	printf '%s %s\n' "$1" "$(printf %s "$2" | sha256sum | cut -c1-64)" >>"/var/log/seen/$program-$(id -u)"
}

# environment NAME...: what the program takes from its environment. Unset and empty are told apart.
environment() {
	for name in "$@"; do
		eval "if [ \"\${$name+set}\" ]; then note $name \"\$$name\"; else note $name unset-variable; fi"
	done
}

# readable PATH: is it there? That it is there and cannot be read is an error, as it is for a real program.
readable() {
	[ -e "$1" ] || return 1
	[ -r "$1" ] && return
	echo "$program: $1: permission denied" >&2
	exit 13
}

# file NAME PATH: a file the program reads as it is.
file() {
	readable "$2" || return 0
	printf '%s %s\n' "$1" "$(sha256sum <"$2" | cut -c1-64)" >>"/var/log/seen/$program-$(id -u)"
}

# key PATH: a private key, which ssh does not take when others could read it.
key() {
	readable "$1" || return 0
	case $(stat -c %a "$1") in
	?00) file key "$1" ;;
	*)
		echo "$program: permissions of $1 are too open" >&2
		exit 255
		;;
	esac
}

# interpolated PATH: the file with ${NAME} replaced by the variable; an unset one stays as it is written.
interpolated() {
	awk '{
		done = ""; rest = $0
		while (match(rest, /\$\{[A-Za-z_][A-Za-z0-9_.]*\}/)) {
			name = substr(rest, RSTART + 2, RLENGTH - 3); sub(/^env\./, "", name)
			done = done substr(rest, 1, RSTART - 1) (name in ENVIRON ? ENVIRON[name] : substr(rest, RSTART, RLENGTH))
			rest = substr(rest, RSTART + RLENGTH)
		}
		print done rest
	}' "$1"
}

# transport: what git takes along to a remote, also when go or npm call it.
transport() {
	file gitconfig "$HOME/.gitconfig"
	file netrc "$HOME/.netrc"
	file git-credentials "$HOME/.git-credentials"
	key "$HOME/.ssh/id_rsa"
	key "$HOME/.ssh/id_ed25519"
	i=0
	while [ "$i" -lt "${GIT_CONFIG_COUNT:-0}" ]; do
		eval "note git-config \"\$GIT_CONFIG_KEY_$i=\$GIT_CONFIG_VALUE_$i\""
		i=$((i + 1))
	done
}
