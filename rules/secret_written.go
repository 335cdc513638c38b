package rules

import (
	"fmt"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

var secretWritten = &rewrite.Rule{
	ID:    "secret-written",
	Title: "a mounted secret is written into a layer",
	Doc: `A secret mount is gone when its RUN ends. What a command wrote in the meantime is not: a copy of the
mounted file, a line in .npmrc, a login that the tool keeps in its own configuration stay in the layer, and
everyone who has the image has them. Well-known examples of "secure" Dockerfiles do just this.

The command moves into the RUN that reads what it writes, and is undone at the end of it. Where the tool takes
the credential from the environment, it is given it there and nothing is written at all. A git clone by URL keeps
its URL: the credential goes into a setting of that one command. What another stage copies, what the running
container may read, and what no command can take back is left as it is, and the finding says why.

The same is done for a build argument, a variable or a literal whose fix ends in such a command.`,
	Examples: []rewrite.Example{
		{
			Name: "a copy of the mount",
			Before: `# syntax=docker/dockerfile:1
FROM node:22
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc cp /run/secrets/npmrc .npmrc && npm ci
`,
			After: `# syntax=docker/dockerfile:1
FROM node:22
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc cp /run/secrets/npmrc .npmrc && npm ci && rm -f .npmrc
`,
		},
		{
			Name: "written in one RUN, read in another",
			Before: `# syntax=docker/dockerfile:1
FROM node:22
WORKDIR /app
RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN echo "//npm.example.com/:_authToken=${NPM_TOKEN}" > .npmrc
COPY package.json package-lock.json ./
RUN npm ci
`,
			After: `# syntax=docker/dockerfile:1
FROM node:22
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN \
    echo "//npm.example.com/:_authToken=${NPM_TOKEN}" > .npmrc && \
    npm ci && \
    rm -f .npmrc
`,
		},
		{
			Name: "copied for the running container: left alone",
			Before: `# syntax=docker/dockerfile:1
FROM python:3.13
RUN --mount=type=secret,id=config cp /run/secrets/config /app/config.ini
CMD ["python", "/app/main.py"]
`,
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			if s.Origins[0].Kind != flow.Mount || p.Enough() {
				continue
			}
			f := rewrite.Finding{Secret: s.Name, Key: s.Key()}
			w := s.Written[0].Writes[0]
			f.Message = fmt.Sprintf("%s is mounted, and then kept in a layer: %s", s.Name, w.What)
			f.Start, f.End = writtenAt(w)
			f.Fix, f.Reason = relocate(p, s)
			p.Report(f)
		}
	},
}

// writtenAt is what the carets stand under: the command that writes, or the instruction.
func writtenAt(w flow.Write) (start, end int) {
	if w.Command != nil {
		if start, end, ok := w.Run.Source(w.Command.Start, w.Command.End); ok {
			return start, end
		}
	}
	return w.In.Span(0, w.In.Keyword)
}
