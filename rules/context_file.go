package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
	"github.com/unbake-dev/unbake/rewrite/proof"
)

// contextFile keeps files out of the build context that a COPY of a folder takes along.
var contextFile = &rewrite.Rule{
	ID:    "context-file",
	Title: "a folder is copied with a secret file in it",
	Doc: `COPY . . takes along whatever lies in the build context: an .npmrc with a token, a private key, the .env of
whoever builds. That git ignores a file makes no difference, docker has an ignore file of its own.

The fix adds the file to the ignore file that counts for the build: that of the Dockerfile (Dockerfile.dockerignore)
where there is one, else .dockerignore in the context. Where a RUN reads the file from the copied folder, it gets it at
the same place as a secret mount, and an rm or chmod that has nothing to do any more goes. The file itself stays where
it is: people use it.

Safe when every reader is certain. Review when an unknown program may read it, and when nothing is known to. Left
alone, with the reason, when the running container may read it (.env, a TLS key), when another instruction or another
Dockerfile with the same ignore file needs it, when a line of the ignore file takes it back by its name, and when it
is not certain which folder the Dockerfile is built from. The files of tests, of examples and of other people's
packages are left out, and so is a file without a credential in it.

Standards: CIS Docker Benchmark 4.10, CWE-538.`,
	Examples: []rewrite.Example{
		{
			Name: "npm's configuration comes with everything else",
			Before: `-- .npmrc --
//registry.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdefghijkl
-- Dockerfile --
FROM node:20
WORKDIR /app
COPY . .
RUN npm ci
CMD ["node", "server.js"]
`,
			After: `-- .dockerignore --
.npmrc
-- .npmrc --
//registry.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdefghijkl
-- Dockerfile --
# syntax=docker/dockerfile:1
FROM node:20
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=npmrc,target=/app/.npmrc,required=true npm ci
CMD ["node", "server.js"]
`,
		},
		{
			Name: "a key that nothing reads",
			Before: `-- deploy/id_rsa --
-----BEGIN OPENSSH PRIVATE KEY-----
c4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLE
-----END OPENSSH PRIVATE KEY-----
-- Dockerfile --
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
RUN go build -o /shop ./cmd/shop
FROM alpine
COPY --from=build /shop /shop
`,
			After: `-- .dockerignore --
deploy/id_rsa
-- deploy/id_rsa --
-----BEGIN OPENSSH PRIVATE KEY-----
c4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLE
-----END OPENSSH PRIVATE KEY-----
-- Dockerfile --
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
RUN go build -o /shop ./cmd/shop
FROM alpine
COPY --from=build /shop /shop
`,
		},
		{
			Name: "the container may read it: left alone",
			Before: `-- .env --
STRIPE_SECRET_KEY=c4n4ry-EXAMPLE-0123456789abcdef
-- Dockerfile --
FROM node:20
WORKDIR /app
COPY . .
CMD ["node", "server.js"]
`,
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			if s.Copied == nil || !s.Copied.Folder || p.Enough() {
				continue
			}
			whoever := "everyone who has the build cache has it"
			if s.Copied.Stays {
				whoever = "everyone who has the image has it"
			}
			in := s.Position()
			f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: fmt.Sprintf("%s (%s) lies in the build context, and %s %s takes it into a layer: %s",
				s.Copied.Source, s.Copied.Kind.Title, strings.ToUpper(in.Name), s.Origins[0].Path.Text, whoever)}
			f.Start, f.End = pointAt(s)
			f.Fix, f.Reason = keepOut(p, s)
			p.Report(f)
		}
	},
}

// keepOut returns the fix that takes a file out of the build context and, where it is
// read, brings it back as a mount.
func keepOut(p *rewrite.Pass, s *flow.Secret) (*rewrite.Fix, string) {
	c := s.Copied
	switch {
	case len(s.Doubts) > 0:
		return nil, because(s.Doubts[0])
	}
	var containers []*compose.Service
	if s.Exposure == flow.RunTime {
		var reason string
		if containers, reason = filesAtStart(p, s); reason != "" {
			return nil, reason
		}
	}
	file := path.Join(c.Context, c.Source)
	line, others, reason := contextLine(p, s)
	if reason != "" {
		return nil, reason
	}
	meant := intentOf(p.File)
	edits, gone, read, reason := outOfFolder(p, s, meant)
	if reason != "" {
		return nil, reason
	}
	fix := &rewrite.Fix{Title: "keep " + c.Source + " out of the build context", Safety: rewrite.Safe, Changes: line}
	also, alsoMeant, reading, reason := alongside(p, s, others)
	if reason != "" {
		return nil, reason
	}
	if read {
		reading = append([]*flow.Secret{s}, reading...)
	}
	if read = len(reading) > 0; read {
		fix.Title = "mount " + s.Name + " where it is read, and keep it out of the build context"
		fix.Passes = []rewrite.Passed{{ID: s.ID, File: file}}
	}
	composed, calls, reason := fileSecret(p, s, file, reading, containers)
	if reason != "" {
		return nil, reason
	}
	fix.Changes = append(fix.Changes, composed...)
	if len(edits) > 0 {
		fix.Changes = append(fix.Changes, rewrite.Change{Path: p.File.Path, Edits: edit.Join(edits)})
	}
	fix.Changes = append(fix.Changes, also...)
	fix.Intents = append(meant.list(), alsoMeant...)
	if why := linked(p.Workspace, fix.Changes); why != "" {
		return nil, why
	}
	if c.Passed && read {
		fix.Then, fix.ThenKey = secretWritten, flow.MountKey(s.ID)
	}
	reviewFile(p, s, fix, file, gone, also, calls)
	atStart(p, s, fix, containers, file)
	if !read && !c.Mounted && len(containers) == 0 {
		fix.Safety = rewrite.Review
		fix.Needs = strings.TrimSuffix("nothing is known to read "+c.Source+" from the image: check that; "+fix.Needs, "; ")
	}
	return fix, ""
}

// alongside returns what the other Dockerfiles under the same ignore file must be given at
// the same time, and those of them that read the file.
func alongside(p *rewrite.Pass, s *flow.Secret, others []*flow.Secret) (changes []rewrite.Change, meant []proof.Intent, reading []*flow.Secret, reason string) {
	for _, t := range others {
		q := *p
		q.File, t.ID = t.File, s.ID
		own := intentOf(t.File)
		edits, _, reads, reason := outOfFolder(&q, t, own)
		if t.Copied.Passed {
			reason = "a command copies it on" // which only a fix of that file itself sees to the end
		}
		if reason != "" {
			return nil, nil, nil, at(t.File.Path, t.Position().Line) + " copies it too, and there: " + reason
		}
		if reads {
			reading = append(reading, t)
		} else if len(edits) == 0 {
			continue
		}
		changes = append(changes, rewrite.Change{Path: t.File.Path, Edits: edit.Join(edits)})
		meant = append(meant, own.list()...)
	}
	return changes, meant, reading, ""
}

// outOfFolder returns the edits of a Dockerfile that a folder brings the file to no more:
// mounts for those that read it, and nothing where only the file was worked on. read
// reports whether there are readers.
func outOfFolder(p *rewrite.Pass, s *flow.Secret, meant *intent) (edits []edit.Edit, gone []*dockerfile.Instruction, read bool, reason string) {
	if reason = copiedOn(p.File, s); reason != "" {
		return nil, nil, false, reason
	}
	edits, gone, reason = withoutCompanions(s, meant)
	if reason != "" {
		return nil, nil, false, reason
	}
	edits = append(edits, p.File.Delete(gone...)...)
	if read = slices.ContainsFunc(s.Readers, func(r flow.Reader) bool { return !slices.Contains(gone, r.In) }); read {
		if !s.Copied.Known {
			return nil, nil, false, "its place in the image is not certain"
		}
		mounts, reason := mountsOf(p, s, gone, meant)
		if reason != "" {
			return nil, nil, false, reason
		}
		edits = append(edits, mounts...)
	}
	return edits, gone, read, ""
}

// contextLine returns the line in the ignore file that counts, with what other Dockerfiles
// do with the file under it, or the reason why the file must stay in the build context.
func contextLine(p *rewrite.Pass, s *flow.Secret) (line []rewrite.Change, others []*flow.Secret, reason string) {
	c := s.Copied
	name := ignorefile.ForContext(p.Workspace, p.File.Path, c.Context)[0]
	src, _ := p.Workspace.ReadFile(name) // a file that is missing is an empty file
	switch {
	case ignorefile.TakesBack(src, c.Source):
		return nil, nil, name + " takes it along by its name: whoever wrote that line wants it in the build"
	case strings.ContainsAny(c.Source, "*?[]\\!#\r\n") || strings.TrimSpace(c.Source) != c.Source:
		return nil, nil, "its name cannot be written into an ignore file with certainty"
	}
	var except []*dockerfile.Instruction
	for _, o := range s.Origins {
		except = append(except, o.In)
	}
	for {
		in := p.Workspace.Needs(path.Join(c.Context, c.Source), except...)
		if in == nil {
			break
		}
		if !takesFolder(in, c.Source) {
			return nil, nil, at(in.File.Path, in.Line) + " needs it in the build context"
		}
		except = append(except, in) // what is done with it there is looked at next
	}
	others, reason = broughtElsewhere(p, name, c.Context, c.Source)
	if reason != "" {
		return nil, nil, reason
	}
	change, ok := ignoreLine(p.Workspace, name, c.Source)
	if !ok {
		return nil, nil, name + " has the line already, and it does not count there"
	}
	return []rewrite.Change{change}, others, ""
}

// takesFolder reports whether a COPY names only folders that the file is in.
func takesFolder(in *dockerfile.Instruction, file string) bool {
	words, ok := in.Paths()
	return ok && !slices.ContainsFunc(words[:max(0, len(words)-1)], func(w dockerfile.Word) bool {
		match, err := path.Match(path.Base(w.Text), path.Base(file))
		return match || err != nil
	})
}

// broughtElsewhere finds the other Dockerfiles that take a file along with a folder and do
// something with it, under the same ignore file. reason says why one of them needs the
// file to stay.
func broughtElsewhere(p *rewrite.Pass, ignore, context, file string) (secrets []*flow.Secret, reason string) {
	project := p.Workspace.Project()
	for _, name := range sharing(p, context) {
		if ignorefile.ForContext(p.Workspace, name, context)[0] != ignore {
			continue
		}
		src, err := p.Workspace.ReadFile(name)
		if err != nil {
			continue
		}
		f, err := dockerfile.Parse(name, src)
		if err != nil {
			continue
		}
		if dirs, _ := flow.BuiltFrom(f, project); !slices.Contains(dirs, context) {
			continue
		}
		s := flow.Brought(f, project, context, file)
		switch {
		case s == nil || len(s.Doubts) == 0 && s.Exposure == flow.Build && len(s.Readers) == 0 && len(s.Copied.Companions) == 0:
		case s.Exposure == flow.RunTime:
			return nil, at(name, s.Position().Line) + " copies it too, where the running container may read it"
		case len(s.Doubts) > 0:
			d := s.Doubts[0]
			if d.In == nil {
				d.In = s.Position()
			}
			return nil, at(name, d.In.Line) + " has it in the build context too: " + d.Why
		default:
			secrets = append(secrets, s)
		}
	}
	return secrets, ""
}

// sharing returns the other Dockerfiles that may be built from a context: those beside it,
// those that compose builds from it, and at the root all that nobody builds.
func sharing(p *rewrite.Pass, context string) []string {
	project := p.Workspace.Project()
	var out []string
	add := func(name string) {
		if name != p.File.Path && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, f := range project.Compose() {
		for _, svc := range f.Services {
			if svc.Build != nil && svc.Build.Context == context {
				for _, name := range svc.Dockerfiles {
					add(name)
				}
			}
		}
	}
	for _, name := range project.Paths() {
		if rewrite.IsDockerfile(path.Base(name)) && (context == "." || path.Dir(name) == context) {
			add(name)
		}
	}
	return out
}
