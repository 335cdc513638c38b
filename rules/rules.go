// Package rules holds what unbake finds and mends, one rule a file; the list below is
// the order in which they are asked. A rule leans on the flow of a secret and answers
// to the laws: where one cannot be kept, it reports and says why. It never reads or
// writes a file by itself.
package rules

import "github.com/unbake-dev/unbake/rewrite"

// All returns the rules in order.
func All() []*rewrite.Rule {
	return []*rewrite.Rule{
		secretEnv,
		secretArg,
		unusedArg,
		secretFile,
	}
}

// Not included, on purpose: secrets in RUN text, LABEL, CMD and HEALTHCHECK, files that
// commands write, run time, and callers other than compose. Each needs its own proof.
