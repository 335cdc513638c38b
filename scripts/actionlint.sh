#!/bin/bash
# The checker of GitHub's workflows, for tests.
#
#   actionlint.sh install    build it if it is not there; print its path
#   actionlint.sh path       print its path, or fail when it is not there; builds nothing
#
# It comes from the Go module proxy and is kept in ${XDG_CACHE_HOME:-~/.cache}/unbake. It is no module of ours: it and
# compose-go want releases of one YAML library that do not go together.
set -euo pipefail

version=v1.7.12

dir=${XDG_CACHE_HOME:-$HOME/.cache}/unbake/actionlint-$version-$(go env GOVERSION)

case "${1-} $#" in
'install 1')
	[ -x "$dir/actionlint" ] || GOFLAGS='' GOWORK=off GOBIN=$dir go install "github.com/rhysd/actionlint/cmd/actionlint@$version" >&2
	;;
'path 1') ;;
*) echo 'usage: actionlint.sh install | path' >&2; exit 1 ;;
esac
[ -x "$dir/actionlint" ] || { echo "actionlint.sh: no $dir/actionlint: run scripts/actionlint.sh install" >&2; exit 1; }
echo "$dir/actionlint"
