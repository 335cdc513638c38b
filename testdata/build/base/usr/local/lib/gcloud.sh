# What the stubs of gcloud, gsutil and bq share. No package registry has the Google Cloud SDK; they are modelled on what 480.0.0 and 578.0.0
# leave behind, run with a made-up key and a token server on loopback.

config=${CLOUDSDK_CONFIG:-$HOME/.config/gcloud}
settings=$config/configurations/config_default

# setting NAME [VALUE]: a property of the active configuration, read or set; unset by an empty value.
setting() {
	[ $# -eq 2 ] || { sed -n "s/^$1 = //p" "$settings" 2>/dev/null; return 0; }
	mkdir -p "${settings%/*}"
	touch "$settings"
	{ grep -v "^$1 = " "$settings"; [ -z "$2" ] || echo "$1 = $2"; } | sort >"$settings.new"
	mv "$settings.new" "$settings"
}

# store FILE ACCOUNT [TEXT]: a row of a database, in place of an old one.
store() {
	mkdir -p "$config"
	touch "$config/$1"
	{ grep -v "^$2|" "$config/$1"; [ $# -lt 3 ] || echo "$2|$3"; } >"$config/$1.new"
	mv "$config/$1.new" "$config/$1"
	chmod 600 "$config/$1"
}

# log TEXT: every command has a log, and what is printed is in it.
log() {
	mkdir -p "$config/logs/2026.01.01"
	set -- "$1" "$(ls "$config/logs/2026.01.01" | wc -l)"
	echo "$1" >"$config/logs/2026.01.01/$2.log"
}

# login: the active account, its key and a token, cached as gcloud does; the file of the override is read, and kept nowhere.
login() {
	if [ "${CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE-}" ]; then
		key=$(cat "$CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE") || exit 1
		account=$(echo "$key" | sed -n 's/.*"client_email": *"\([^"]*\)".*/\1/p')
	else
		account=$(setting account)
		key=$(sed -n "s/^$account|//p" "$config/credentials.db" 2>/dev/null)
	fi
	[ -n "$account" ] && [ -n "$key" ] || { echo "ERROR: ($program) You do not currently have an active account selected." >&2; exit 1; }
	token=ya29.$(printf %s "$key" | sha256sum | cut -c1-32)
	store access_tokens.db "$account" "$token"
}

# fetched FILE: an object of a bucket, for who may have it.
fetched() {
	[ "$1" != - ] || { echo object; return 0; }
	echo object >"$1"
}
