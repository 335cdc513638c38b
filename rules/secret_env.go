package rules

import (
	"slices"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// secretEnv moves environment variables that only the build reads.
var secretEnv = &rewrite.Rule{
	ID:    "secret-env",
	Title: "a secret is set by ENV",
	Doc: `ENV puts a value into the image's configuration: docker inspect shows it to everyone who has the image, and every
container gets it.

Where only the build reads the variable (it stands in a stage that no image is made of, or it belongs to a build tool
such as npm, pip or bundler, and that tool reads it in the build), the fix takes it out of the ENV, the other variables stay, and mounts it on the
instructions that read it. A literal moves to the secrets folder beside the Dockerfile or the compose file, which git
and docker are told to ignore; the mount is required then. An ARG that feeds the ENV goes with it.

Where the running container needs it, the compose services that build the image, or run it by its name, get it back:
as a file, where the image is known to take one for that variable (POSTGRES_PASSWORD_FILE); else through a shim, a
script that sets the variable from a mounted file and then starts what the image started, with the same words, in
front of the ENTRYPOINT or the CMD; else in their environment, with the value in .env. The shim is put in only where
nothing can go wrong with it: the image has a /bin/sh, what it starts is known, no service starts something else, and
no health check or docker exec reads the variable. Where no service runs the image, whoever does is told how.

Safe in a stage that is thrown away. Review where the final image loses the variable. A weak default or a placeholder
(root, changeme) leaves the image only where a service can be given it. An empty ENV is a contract with whoever runs
the image: a note. So is a placeholder that only has to be there for the build.

Standards: CIS Docker Benchmark 4.10, CWE-526, CWE-798.`,
	Examples: []rewrite.Example{
		{
			Name:   "one key of several, in a stage that is thrown away",
			Before: "FROM alpine AS build\nENV MODE=prod API_TOKEN=tok-c4n4ry-EXAMPLE-7Qm2x\nRUN curl -H \"X-Token: $API_TOKEN\" -o /data https://files.example.com/\nFROM alpine\nCOPY --from=build /data /data\n",
			After: `-- .dockerignore --
/secrets/
-- .gitignore --
/secrets/
-- Dockerfile --
# syntax=docker/dockerfile:1
FROM alpine AS build
ENV MODE=prod
RUN --mount=type=secret,id=API_TOKEN,env=API_TOKEN,required=true curl -H "X-Token: $API_TOKEN" -o /data https://files.example.com/
FROM alpine
COPY --from=build /data /data
-- secrets/API_TOKEN --
tok-c4n4ry-EXAMPLE-7Qm2x
`,
		},
		{
			Name:   "ARG renamed by ENV",
			Before: "FROM ruby:3 AS build\nARG GEMS_TOKEN\nENV BUNDLE_GEMS__EXAMPLE__COM=$GEMS_TOKEN\nRUN bundle install\nFROM ruby:3\nCOPY --from=build /gems /gems\n",
			After:  "# syntax=docker/dockerfile:1\nFROM ruby:3 AS build\nRUN --mount=type=secret,id=GEMS_TOKEN,env=BUNDLE_GEMS__EXAMPLE__COM bundle install\nFROM ruby:3\nCOPY --from=build /gems /gems\n",
		},
		{
			Name:   "the container needs it: a shim gives it to the program",
			Before: "-- Dockerfile --\nFROM node:20\nENV STRIPE_SECRET_KEY=c4n4ry-EXAMPLE-0123456789abcdef\nCOPY . .\nCMD [\"node\", \"server.js\"]\n-- compose.yaml --\nservices:\n  shop:\n    build: .\n",
			After: `-- .dockerignore --
/secrets/
-- .gitignore --
/secrets/
-- Dockerfile --
# syntax=docker/dockerfile:1
FROM node:20
COPY . .
COPY --chmod=0755 <<'EOF' /usr/local/bin/with-secrets
#!/bin/sh
# The program's secrets, from the files that the container is given. A variable that is set is kept.
set -e
if [ -z "${STRIPE_SECRET_KEY+x}" ] && [ -e /run/secrets/STRIPE_SECRET_KEY ]; then
  STRIPE_SECRET_KEY=$(cat /run/secrets/STRIPE_SECRET_KEY)
  export STRIPE_SECRET_KEY
fi
exec "$@"
EOF
CMD ["/usr/local/bin/with-secrets", "node", "server.js"]
-- compose.yaml --
services:
  shop:
    build: .
    secrets:
      - STRIPE_SECRET_KEY

secrets:
  STRIPE_SECRET_KEY:
    file: ./secrets/STRIPE_SECRET_KEY
-- secrets/STRIPE_SECRET_KEY --
c4n4ry-EXAMPLE-0123456789abcdef
`,
		},
		{
			Name:   "the image takes a file",
			Before: "-- Dockerfile --\nFROM postgres:16\nENV POSTGRES_PASSWORD=pw-c4n4ry-EXAMPLE-7Qm2x\n-- compose.yaml --\nservices:\n  db:\n    build: .\n",
			After: `-- .dockerignore --
/secrets/
-- .gitignore --
/secrets/
-- Dockerfile --
FROM postgres:16
-- compose.yaml --
services:
  db:
    build: .
    secrets:
      - POSTGRES_PASSWORD
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/POSTGRES_PASSWORD

secrets:
  POSTGRES_PASSWORD:
    file: ./secrets/POSTGRES_PASSWORD
-- secrets/POSTGRES_PASSWORD --
pw-c4n4ry-EXAMPLE-7Qm2x
`,
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			if s.Copied != nil || s.Origins[0].Kind == flow.Mount || s.Origins[0].Kind == flow.Literal || !s.HasEnv() && s.Verdict != detect.Contract {
				continue
			}
			switch s.Verdict {
			case detect.Contract:
				note(p, s, s.Name+" is declared empty: whoever runs the image sets it")
			case detect.Dummy:
				what := "weak default"
				if detect.Value(s.Name, s.Value.Reveal()) == detect.Placeholder {
					what = "placeholder"
				}
				switch {
				case s.Exposure == flow.Build && len(s.Doubts) == 0 && len(s.Uses) == 0 && literalEnv(s):
					where := ""
					if !s.InConfig {
						where = ", in a stage that is thrown away"
					}
					note(p, s, s.Name+" has a "+what+" for the build"+where)
				case !s.InConfig && s.Exposure == flow.Build, moved(p, s):
					report(p, s, setByEnv(s))
				default:
					f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: s.Name + " has a " + what + " in the image's configuration",
						Reason: "whoever runs the image may count on it: give it no default, and tell them to set it"}
					f.Start, f.End = pointAt(s)
					p.Report(f)
				}
			default:
				report(p, s, setByEnv(s))
			}
		}
	},
}

// setByEnv says which variable of the image has the value, and where it has it from.
func setByEnv(s *flow.Secret) string {
	o := s.Origins[slices.IndexFunc(s.Origins, func(o flow.Origin) bool { return o.Kind == flow.Env })]
	text := o.Pair.Name + " is set by ENV"
	if o.Pair.Name != s.Name {
		text += " to " + s.Name
		if slices.ContainsFunc(s.Origins, func(x flow.Origin) bool { return x.Kind == flow.Arg && x.Pair.Name == s.Name }) {
			text = o.Pair.Name + " is set by ENV to the build argument " + s.Name
		}
	}
	return text + ": its value " + stays(s, "stands", "configuration")
}

func literalEnv(s *flow.Secret) bool {
	for _, o := range s.Origins {
		if o.Kind != flow.Env || o.From != "" {
			return false
		}
	}
	return true
}

func note(p *rewrite.Pass, s *flow.Secret, message string) {
	f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: message, Note: true}
	f.Start, f.End = pointAt(s)
	p.Report(f)
}
