package rules

import (
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// unusedArg removes build arguments that nothing can read.
var unusedArg = &rewrite.Rule{
	ID:    "unused-arg",
	Title: "a secret build argument that nothing reads",
	Doc: `The argument is declared, and no instruction behind it can read it: none names it, and none runs a program
that could. A caller that passes it leaves the value in the image's provenance for nothing.

The fix removes the declaration, and the argument from those who pass it. Nothing is mounted. A live secret as default
goes to the secrets folder all the same, so that nothing is lost before it is rotated.

Safe. Left alone when a caller cannot be changed with certainty: it must stop first.`,
	Examples: []rewrite.Example{
		{
			Name:   "nothing behind it",
			Before: "FROM alpine\nRUN apk add curl\nARG DEPLOY_TOKEN\nCMD [\"sh\"]\n",
			After:  "FROM alpine\nRUN apk add curl\nCMD [\"sh\"]\n",
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			if s.Copied == nil && s.Origins[0].Kind != flow.Mount && s.Origins[0].Kind != flow.Literal && !s.HasEnv() && s.Verdict != detect.Contract && unread(s) {
				report(p, s, s.Name+" is a build argument that nothing reads")
			}
		}
	},
}

// unread reports whether nothing can read the variable, as far as everything is
// understood.
func unread(s *flow.Secret) bool {
	return len(s.Readers) == 0 && len(s.Uses) == 0 && len(s.Doubts) == 0
}
