#!/bin/bash
# Real builds with the package managers that scripts/test.sh leaves out, because their root file system takes minutes to
# make: cargo, maven, gradle, poetry, aws. Arguments go to go test: scripts/recipes.sh -run TestLanguages/case/cargo
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/tools.sh >/dev/null
scripts/debian.sh install languages >/dev/null
exec go test ./cmd/unbake -count=1 -v -run TestLanguages "$@"
