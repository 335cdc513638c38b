#!/bin/bash
# All checks and all tests: gofmt, vet, staticcheck, the engine's tests with the race detector, then those of the program: golden
# cases, scripts, real builds with BuildKit and real package managers, real containers with Docker, the real pre-commit.
# Installs what is missing (scripts/tools.sh).
# With CI=true a test that is skipped is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

began=$SECONDS
step() { printf '== %4ds  %s\n' $((SECONDS - began)) "$*"; }

step tools
staticcheck=$(scripts/tools.sh)

step gofmt
unformatted=$(gofmt -s -l .)
[ -z "$unformatted" ] || { printf 'not formatted, run gofmt -s -w:\n%s\n' "$unformatted" >&2; exit 1; }

step go vet
go vet ./...

step staticcheck
"$staticcheck" ./...

step go build
go build ./...

step 'go test: some minutes'
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# failures is what failing tests said, out of a verbose log.
failures() {
	awk '
		/^(panic|fatal error):/ { name = "" }
		/^=== / { name = $3; next }
		/^ *--- FAIL: / { failed[++n] = $3; next }
		/^ *--- / || /^(ok|PASS|FAIL|\?)/ { next }
		{ said[name] = said[name] $0 "\n" }
		END {
			printf "%s", said[""]
			for (i = 1; i <= n; i++) printf "--- FAIL: %s\n%s", failed[i], said[failed[i]]
		}' "$log"
}

# Tests of the program wait for builds and containers, those of callers for shells: the race detector would triple the rest of
# their time, and everything that runs side by side is in the packages around them.
tests() {
	local engine waiting status=0
	mapfile -t engine < <(go list ./... | grep -v -e /cmd/ -e /callers/)
	mapfile -t waiting < <(go list ./... | grep -e /cmd/ -e /callers/)
	# Vet has run. The log is verbose to know what was skipped.
	go test -race -vet=off -timeout 14m -v "${engine[@]}" || status=1
	go test -vet=off -timeout 14m -v "${waiting[@]}" || status=1
	return $status
}

if ! tests 2>&1 | tee "$log" | { grep --line-buffered -aE '^(ok|FAIL|panic:)' || true; }; then
	failures >&2
	exit 1
fi

# Real files are no part of the repository: tests on them are for who has some. TestLanguages is scripts/recipes.sh's.
skipped=$(grep -aE '^ *--- SKIP' "$log" | grep -v -e Corpus -e TestLanguages || true)
if [ -n "$skipped" ]; then
	printf 'skipped:\n%s\n' "$skipped" >&2
	[ "${CI-}" != true ] || exit 1
fi
step 'all passed'
