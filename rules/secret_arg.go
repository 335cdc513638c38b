package rules

import (
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// secretArg moves build arguments.
var secretArg = &rewrite.Rule{
	ID:    "secret-arg",
	Title: "a secret is passed as a build argument",
	Doc: `A build argument is no secret: its value stands in the history of the image, beside every RUN behind the
ARG, in the provenance, and in the builder's log. Whoever can pull the image can read it.

The fix removes the ARG and mounts the secret on the instructions that read it, and on no others: those that name
it, those whose program is known to read it, and those that run something opaque. The command text stays as it is.
A build that worked without the value still does: the mount is optional, unless the ARG had a live secret as its
default. Where a builder that is seen knows no variable of a mount (podman and buildah, old engines), the RUN reads it
from a file first; --builder names another. Whoever passed the argument passes the secret instead, in the same fix: compose services, workflows, pipelines,
scripts, Makefiles, bake files.

Safe when every reader is certain. Review when a script or an unknown program may read it, or is given it and may
keep it, when a command prints it into the build's log, and when the running container loses a file that held it.
Left alone, with the reason, when a command writes the value into a layer, when the builder itself expands
it (COPY, FROM, LABEL …), when a caller passes it in a way that is not certain (a literal, a third-party action, a
Dockerfile that is known only when it runs), and when the shell is not understood.

Standards: CIS Docker Benchmark 4.10, CWE-522, NIST SP 800-190 4.1.4.`,
	Examples: []rewrite.Example{
		{
			Name:   "a token that npm reads through .npmrc",
			Before: "FROM node:20\nWORKDIR /app\nARG NPM_TOKEN\nCOPY package.json .npmrc ./\nRUN npm ci\nCOPY . .\nCMD [\"node\", \"server.js\"]\n",
			After:  "# syntax=docker/dockerfile:1\nFROM node:20\nWORKDIR /app\nCOPY package.json .npmrc ./\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci\nCOPY . .\nCMD [\"node\", \"server.js\"]\n",
		},
		{
			Name: "the script that passes it",
			Before: `-- Dockerfile --
FROM node:20
ARG NPM_TOKEN
COPY package.json .npmrc ./
RUN npm ci
-- build.sh --
#!/bin/sh
docker build --build-arg NPM_TOKEN=$NPM_TOKEN -t shop .
`,
			After: `-- Dockerfile --
# syntax=docker/dockerfile:1
FROM node:20
COPY package.json .npmrc ./
RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci
-- build.sh --
#!/bin/sh
docker build --secret id=NPM_TOKEN,env=NPM_TOKEN -t shop .
`,
		},
		{
			Name:   "only the RUN that names it gets it",
			Before: "FROM alpine\nARG API_TOKEN\nRUN apk add curl\nRUN curl -fsS -H \"Authorization: Bearer $API_TOKEN\" -o /data https://files.example.com/data\n",
			After:  "# syntax=docker/dockerfile:1\nFROM alpine\nRUN apk add curl\nRUN --mount=type=secret,id=API_TOKEN,env=API_TOKEN curl -fsS -H \"Authorization: Bearer $API_TOKEN\" -o /data https://files.example.com/data\n",
		},
		{
			Name:   "a sentinel default is kept by its reader",
			Before: "FROM alpine\nARG API_TOKEN=none\nRUN if [ \"$API_TOKEN\" != none ]; then echo set; fi\n",
			After:  "# syntax=docker/dockerfile:1\nFROM alpine\nRUN --mount=type=secret,id=API_TOKEN,env=API_TOKEN if [ \"${API_TOKEN:-none}\" != none ]; then echo set; fi\n",
		},
		{
			Name:   "a script that tells an unset variable from an empty one",
			Before: "FROM alpine\nARG API_TOKEN\nRUN if [ -n \"${API_TOKEN+x}\" ]; then echo set; fi\n",
			After:  "# syntax=docker/dockerfile:1\nFROM alpine\nRUN --mount=type=secret,id=API_TOKEN if [ -f /run/secrets/API_TOKEN ]; then export API_TOKEN=\"$(cat /run/secrets/API_TOKEN)\"; fi; if [ -n \"${API_TOKEN+x}\" ]; then echo set; fi\n",
		},
		{
			Name:   "a command that writes it moves to the RUN that reads the file",
			Before: "FROM node:20\nARG NPM_TOKEN\nWORKDIR /app\nCOPY package.json ./\nRUN echo \"//registry.example.com/:_authToken=$NPM_TOKEN\" > .npmrc\nRUN npm ci\nRUN rm .npmrc\n",
			After:  "# syntax=docker/dockerfile:1\nFROM node:20\nWORKDIR /app\nCOPY package.json ./\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN \\\n    echo \"//registry.example.com/:_authToken=$NPM_TOKEN\" > .npmrc && \\\n    npm ci && \\\n    rm -f .npmrc\n",
		},
		{
			Name:   "a command that writes it for the running container is left alone",
			Before: "FROM python:3.12\nARG API_TOKEN\nRUN echo \"token = $API_TOKEN\" > /etc/shop.ini\nCMD [\"python\", \"-m\", \"shop\"]\n",
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			if s.Copied != nil || s.Origins[0].Kind == flow.Mount || s.Origins[0].Kind == flow.Literal || s.HasEnv() || s.Verdict == detect.Contract || unread(s) {
				continue
			}
			report(p, s, s.Name+" is a build argument: its value "+stays(s, "stays", "history"))
		}
	},
}
