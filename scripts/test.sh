#!/bin/bash
# All checks and all tests: gofmt, vet, staticcheck, then every test with the race detector: units, fuzz seeds, golden
# cases, scripts, real builds with BuildKit, the real pre-commit. Installs what is missing (scripts/tools.sh).
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

step 'go test -race'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Vet has run. The log is verbose to know what was skipped; shown are the packages, and of those that fail all.
if ! go test -race -vet=off -timeout 14m -v ./... 2>&1 | tee "$log" | { grep --line-buffered -E '^(ok|FAIL|panic:|\?)' || true; }; then
	grep -avE '^ *(=== |--- (PASS|SKIP))|^(ok|PASS)\b' "$log" >&2
	exit 1
fi

# Real files are no part of the repository: tests on them are for who has some.
skipped=$(grep -aE '^ *--- SKIP' "$log" | grep -v Corpus || true)
if [ -n "$skipped" ]; then
	printf 'skipped:\n%s\n' "$skipped" >&2
	[ "${CI-}" != true ] || exit 1
fi
step 'all passed'
