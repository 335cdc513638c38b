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
	"github.com/unbake-dev/unbake/rewrite/images"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// secretFile mounts files that a COPY or ADD put into a layer.
var secretFile = &rewrite.Rule{
	ID:    "secret-file",
	Title: "a secret file is copied into a layer",
	Doc: `A file that is copied stays in its layer, also when a later RUN removes it: everyone who has the image has the file.

The fix takes the file out of the COPY, mounts it at the same place on the instructions that read it, removes the rm
and chmod that have nothing to do any more, and adds the file to .dockerignore, so that no COPY . . brings it back.
The file itself stays where it is: people use it.

Safe when the file was read and every reader is known. Review when the file is not there to be read, when an
unknown program may read it, or when the final image loses it. Left alone, with the reason, when the running container
may need it, when nothing that is known reads a key, when a command changes the file or works on the folder around it
(chown -R, cp -a, tar), and when another stage copies it. A file without a credential in it (.npmrc with ${NPM_TOKEN})
is no secret.

Standards: CIS Docker Benchmark 4.10, CWE-538.`,
	Examples: []rewrite.Example{
		{
			Name: "npm's configuration, removed in a later layer",
			Before: `-- .npmrc --
//registry.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdefghijkl
-- Dockerfile --
FROM node:20
WORKDIR /app
COPY .npmrc package.json ./
RUN npm ci
RUN rm -f .npmrc
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
COPY package.json ./
RUN --mount=type=secret,id=npmrc,target=/app/.npmrc,required=true npm ci
CMD ["node", "server.js"]
`,
		},
		{
			Name: "a key for the running container is left alone",
			Before: `-- server.key --
-----BEGIN PRIVATE KEY-----
c4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLE
-----END PRIVATE KEY-----
-- Dockerfile --
FROM nginx
COPY server.key /etc/nginx/server.key
`,
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			if s.Copied == nil || s.Copied.Folder || p.Enough() {
				continue
			}
			f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: s.Name + " (" + s.Copied.Kind.Title + ") is copied into a layer: everyone who has the image has it"}
			f.Start, f.End = pointAt(s)
			f.Fix, f.Reason = mountFile(p, s)
			p.Report(f)
		}
	},
}

// mountFile returns the fix that turns a copied file into a mount.
func mountFile(p *rewrite.Pass, s *flow.Secret) (*rewrite.Fix, string) {
	c := s.Copied
	switch {
	case len(s.Doubts) > 0:
		return nil, because(s.Doubts[0])
	case !c.Known:
		return nil, "its place in the image is not certain"
	case s.Exposure == flow.Build && len(s.Readers) == 0 && !c.Removed:
		return nil, "nothing in the build is known to read it: the running container may"
	}
	var containers []*compose.Service
	if s.Exposure == flow.RunTime {
		var reason string
		if containers, reason = filesAtStart(p, s); reason != "" {
			return nil, reason
		}
	}
	if why := copiedOn(p.File, s); why != "" {
		return nil, why
	}
	context := c.Context
	if context == "" {
		dirs, _ := p.Workspace.Project().Contexts(p.File.Path)
		context = dirs[0]
	}
	file := path.Join(context, c.Source)

	meant := intentOf(p.File)
	companions, gone, reason := withoutCompanions(s, meant)
	if reason != "" {
		return nil, reason
	}
	edits, reason := mountsOf(p, s, gone, meant)
	if reason != "" {
		return nil, reason
	}
	edits = append(edits, companions...)
	removed, reason := withoutSource(p.File, s, meant)
	if reason != "" {
		return nil, reason
	}
	// An instruction that goes altogether takes its comment along: all deletions are one list.
	edits = append(edits, removed.edits...)
	edits = append(edits, p.File.Delete(append(removed.whole, gone...)...)...)

	changes, others, reason := ignoreFile(p, s, context)
	if reason != "" {
		return nil, reason
	}
	if c.Context == "" {
		// Which context it is cannot be told: none of them may bring the file back.
		dirs, _ := p.Workspace.Project().Contexts(p.File.Path)
		for _, dir := range dirs[1:] {
			more, _, reason := ignoreFile(p, s, dir)
			if reason != "" {
				return nil, reason
			}
			for _, m := range more {
				if !slices.ContainsFunc(changes, func(x rewrite.Change) bool { return x.Path == m.Path }) {
					changes = append(changes, m)
				}
			}
		}
	}
	also, alsoMeant, reading, reason := alongside(p, s, others)
	if reason != "" {
		return nil, reason
	}
	if len(s.Readers) > 0 {
		reading = append([]*flow.Secret{s}, reading...)
	}
	composed, calls, reason := fileSecret(p, s, file, reading, containers)
	if reason != "" {
		return nil, reason
	}
	changes = append(changes, composed...)
	changes = append(changes, rewrite.Change{Path: p.File.Path, Edits: edit.Join(edits)})
	changes = append(changes, also...)

	if why := linked(p.Workspace, changes); why != "" {
		return nil, why
	}
	fix := &rewrite.Fix{
		Title:   "mount " + s.Name + " where it is read",
		Safety:  rewrite.Safe,
		Changes: changes,
		Intents: append(meant.list(), alsoMeant...),
	}
	if len(s.Readers) > 0 {
		fix.Passes = []rewrite.Passed{{ID: s.ID, File: file}}
	}
	if c.Passed {
		fix.Then, fix.ThenKey = secretWritten, flow.MountKey(s.ID)
	}
	reviewFile(p, s, fix, file, gone, also, calls)
	atStart(p, s, fix, containers, file)
	return fix, ""
}

// reviewFile lowers the safety of a fix for each thing that a person should look at, and
// says what.
func reviewFile(p *rewrite.Pass, s *flow.Secret, fix *rewrite.Fix, file string, gone []*dockerfile.Instruction, also []rewrite.Change, calls *composition) {
	c := s.Copied
	needs := slices.Clone(calls.needs)
	if calls.review {
		fix.Safety = min(fix.Safety, rewrite.Review)
	}
	lower := func(format string, args ...any) {
		fix.Safety = min(fix.Safety, rewrite.Review)
		needs = append(needs, fmt.Sprintf(format, args...))
	}
	if !c.Seen {
		lower("%s was not there to be read: check that it holds a secret", c.Source)
	}
	for _, r := range s.Readers {
		if r.How == flow.Opaque && !slices.Contains(gone, r.In) {
			lower("check that %s (line %d) needs %s", r.Program, r.In.Line, s.Name)
		}
	}
	if key := strings.HasPrefix(c.Kind.ID, "id_") || strings.Contains(c.Target, "/.ssh/"); key && len(fix.Passes) > 0 {
		var lines []string
		for _, r := range s.Readers {
			if line := fmt.Sprint(r.In.Line); !slices.Contains(gone, r.In) && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
		needs = append(needs, withAgent(lines))
	}
	if (!c.Folder || len(fix.Passes) > 0) && (c.Stays || slices.Contains(p.File.Final().Lineage(), s.Origins[0].In.Stage)) && !taken(c) {
		lower("the running container no longer has %s", c.Target)
	}
	if c.Folder && len(fix.Passes) > 0 {
		if c.Kind.Run {
			lower("check that the build needs %s", s.Name)
		}
		if p.Workspace.Exists(".git") && !p.Workspace.Tracked(file) {
			lower("git does not have %s: where the build must go on without it, drop required=true", s.Name)
		}
	}
	for _, x := range also {
		lower("%s changes too: it has the same ignore file", x.Path)
	}
	if p.Workspace.Tracked(file) {
		need := "git has the file: git rm --cached " + file
		if calls := fix.Callers(); len(calls) > 0 {
			need += ", and what runs elsewhere has to write it before it builds (" + strings.Join(calls, ", ") + ")"
		}
		needs = append(needs, need)
		fix.Rotate = []string{s.Name}
	}
	fix.Needs = strings.Join(needs, "; ")
}

// mountsOf returns the edits that mount the file on its readers, but for those that are
// gone.
func mountsOf(p *rewrite.Pass, s *flow.Secret, gone []*dockerfile.Instruction, meant *intent) ([]edit.Edit, string) {
	c := s.Copied
	readers := slices.DeleteFunc(slices.Clone(s.Readers), func(r flow.Reader) bool { return slices.Contains(gone, r.In) })
	if !path.IsAbs(c.Target) {
		// Relative to a WORKDIR that only the base image knows: the same one for every reader?
		for _, r := range readers {
			for _, in := range r.In.Stage.History(r.In) {
				if in.Name == "workdir" && in.Index > s.Origins[0].In.Index {
					return nil, fmt.Sprintf("line %d: its folder is the base image's WORKDIR, which changes before it is read", in.Line)
				}
			}
		}
	}
	if why := unreadable(p, []string{s.ID}, true); why != "" {
		return nil, why
	}
	var edits []edit.Edit
	if len(readers) > 0 {
		a := allows(p)
		switch {
		case a.reason != "":
			return nil, a.reason
		case !path.IsAbs(c.Target) && a.able.Relative != "":
			return nil, "its folder is the base image's WORKDIR, which is not known here, and " + a.able.Relative
		case !a.raised() || !hasFileMounts(p.File): // a pin from 1.2 on has file mounts
			edits = a.edits
		}
	}
	for _, in := range p.File.Instructions {
		for _, m := range in.Mounts() {
			if m.Type == "secret" && m.Opts["id"] == s.ID && path.Clean(m.Opts["target"]) != c.Target {
				return nil, fmt.Sprintf("line %d mounts another file under the id %s", in.Line, s.ID)
			}
		}
	}
	for _, r := range readers {
		flag := "--mount=type=secret,id=" + s.ID + ",target=" + c.Target
		rights, reason := access(r, c)
		if reason != "" {
			return nil, reason
		}
		if slices.ContainsFunc(r.In.Mounts(), func(m dockerfile.Mount) bool {
			return m.Type == "bind" && m.Opts["rw"] == "" && m.Opts["target"] != "" && inside(m.Opts["target"], c.Target)
		}) {
			return nil, fmt.Sprintf("line %d: a bind mount covers the place of the file", r.In.Line)
		}
		flag += rights + ",required=true"
		edits = append(edits, r.In.AddFlags(flag))
		if reason := meant.mount(r.In, flag); reason != "" {
			return nil, reason
		}
	}
	for _, c := range c.Moves {
		start, end, ok := c.Run.Source(c.Command.Start, c.Command.Start+len("mv"))
		if !ok || c.Run.Exec != nil || c.Run.Text[c.Command.Start:c.Command.Start+len("mv")] != "mv" {
			return nil, fmt.Sprintf("line %d: mv moves it, which a mount does not let it", c.In.Line)
		}
		edits = append(edits, edit.Edit{Start: start, End: end, New: "cp"})
		meant.command(c.Run, shell.TextEdit{Start: c.Command.Start, End: c.Command.Start + len("mv"), New: "cp"})
	}
	return edits, ""
}

// taken reports a file that the build itself removes.
func taken(c *flow.Copied) bool {
	return slices.ContainsFunc(c.Companions, func(x flow.Companion) bool {
		program := ""
		switch {
		case x.Command != nil:
			program = x.Command.Program
		case len(x.Run.Exec) > 0:
			program = path.Base(x.Run.Exec[0])
		}
		return program == "rm" || program == "unlink"
	})
}

// copiedOn finds a COPY --from that names the file itself, which would fail without it.
func copiedOn(f *dockerfile.File, s *flow.Secret) string {
	for _, in := range f.Instructions {
		from, ok := in.FlagValue("from")
		if !ok || in.Name != "copy" {
			continue
		}
		src := f.SourceStage(from)
		if src == nil || !slices.Contains(src.Lineage(), s.Origins[0].In.Stage) {
			continue
		}
		words, ok := in.Paths()
		if !ok {
			return fmt.Sprintf("line %d: what it copies is not understood", in.Line)
		}
		for _, w := range words[:max(0, len(words)-1)] {
			p := path.Clean(w.Text)
			if !path.IsAbs(p) {
				p = "/" + p
			}
			if ok, _ := path.Match(p, s.Copied.Target); ok || p == s.Copied.Target {
				return fmt.Sprintf("line %d: another stage copies it", in.Line)
			}
		}
	}
	return ""
}

// access returns the options that let whoever reads the mount read it: it belongs to
// root, with mode 0400, where the copied file had its own mode.
func access(r flow.Reader, c *flow.Copied) (options, reason string) {
	in := r.In
	key := strings.HasPrefix(c.Kind.ID, "id_") || strings.Contains(c.Target, "/.ssh/")
	if as := r.Run.As(); as != "" {
		if key {
			return "", fmt.Sprintf("line %d: ssh wants the key to belong to the user that %s names", in.Line, as)
		}
		return ",mode=0444", ""
	}
	root, known := flow.IsRoot(in)
	user, _, _ := strings.Cut(flow.User(in), ":")
	switch {
	case root && known:
		return "", ""
	case user != "" && strings.Trim(user, "0123456789") == "":
		return ",uid=" + user, ""
	case strings.Contains(user, "$"):
		return "", fmt.Sprintf("line %d: the user is a variable, who may read a mount must be a number", in.Line)
	case key && user != "":
		return "", fmt.Sprintf("line %d: ssh wants the key to belong to %s, whose number is not known", in.Line, user)
	case key:
		return "", ""
	}
	return ",mode=0444", ""
}

func inside(dir, file string) bool {
	return file == dir || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

type removal struct {
	edits []edit.Edit
	whole []*dockerfile.Instruction
}

// withoutSource takes the file out of its COPYs. A folder that only the COPY made is
// made by a RUN in its place.
func withoutSource(f *dockerfile.File, s *flow.Secret, meant *intent) (removal, string) {
	var out removal
	for _, o := range s.Origins {
		words, ok := o.In.Paths()
		if !ok {
			return out, fmt.Sprintf("line %d: the sources are not understood", o.In.Line)
		}
		if len(words) > 2 {
			edits, ok := withoutWord(o.In, words, o.Path)
			if !ok {
				return out, fmt.Sprintf("line %d: the source cannot be taken out of the list", o.In.Line)
			}
			out.edits = append(out.edits, edits...)
			meant.Copies = append(meant.Copies, proof.Source{Instruction: o.In.Index, Path: o.Path.Text})
			continue
		}
		if s.Copied.Made || s.Exposure == flow.RunTime && !hasShell(o.In.Stage) {
			// Where nothing can make the folder, it comes with the mount when a container starts.
			out.whole = append(out.whole, o.In)
			meant.gone(o.In)
			continue
		}
		user := flow.User(o.In)
		if _, chown := o.In.FlagValue("chown"); chown || user != "" && user != "root" && user != "0" {
			return out, fmt.Sprintf("line %d: the COPY makes the folder %s for another user", o.In.Line, s.Copied.Dir)
		}
		start, end := o.In.Start, o.In.End
		out.edits = append(out.edits, edit.Edit{Start: start, End: start + len(strings.TrimRight(string(f.Src[start:end]), "\r\n")), New: keyword(o.In, "RUN") + " mkdir -p " + s.Copied.Dir})
		meant.Folders = append(meant.Folders, proof.Folder{Instruction: o.In.Index, Command: "mkdir -p " + s.Copied.Dir})
	}
	return out, ""
}

// hasShell reports whether a RUN of a stage finds a shell for certain.
func hasShell(st *dockerfile.Stage) bool {
	start := flow.StartupOf(st)
	base, known := images.StartOf(start.Base)
	return start.Shell || known && base.Shell
}

// keyword writes an instruction's name in the case of the one that it replaces.
func keyword(in *dockerfile.Instruction, name string) string {
	if strings.HasPrefix(strings.TrimSpace(in.Text), in.Name) {
		return strings.ToLower(name)
	}
	return name
}

// withoutWord takes one source out of a list; in the JSON form with its comma.
func withoutWord(in *dockerfile.Instruction, words []dockerfile.Word, w dockerfile.Word) ([]edit.Edit, bool) {
	if !in.JSON() {
		edits := in.DeleteWords([]dockerfile.Word{w}, words)
		return edits, edits != nil
	}
	i := slices.IndexFunc(words, func(x dockerfile.Word) bool { return x.Start == w.Start })
	start, _ := in.Span(w.Start, w.End)
	end, _ := in.Span(words[i+1].Start, words[i+1].End)
	return []edit.Edit{{Start: start, End: end}}, end-start == words[i+1].Start-w.Start
}

// ignoreFile adds the file to the ignore files of its contexts, so that no COPY of
// everything brings it back. Where another instruction needs the file, there is no such
// line, and a COPY of everything here stands in the way. others is what must be given a
// mount at the same time, in the Dockerfiles that have the same ignore file.
func ignoreFile(p *rewrite.Pass, s *flow.Secret, context string) (changes []rewrite.Change, others []*flow.Secret, reason string) {
	file := path.Join(context, s.Copied.Source)
	var own []*dockerfile.Instruction
	for _, o := range s.Origins {
		own = append(own, o.In)
	}
	if in := p.Workspace.Needs(file, own...); in != nil {
		if in.File.Path == p.File.Path {
			return nil, nil, fmt.Sprintf("line %d needs the file in the build context", in.Line)
		}
		if x := withFolder(p.File, s); x != nil {
			return nil, nil, fmt.Sprintf("line %d copies it with its folder, and %s needs it in the build context", x.Line, at(in.File.Path, in.Line))
		}
		return nil, nil, ""
	}
	for i, name := range ignorefile.ForContext(p.Workspace, p.File.Path, context) {
		src, _ := p.Workspace.ReadFile(name)
		if ignorefile.Covers(src, s.Copied.Source) {
			continue
		}
		if s.Copied.Context == context {
			found, why := broughtElsewhere(p, name, context, s.Copied.Source)
			if why != "" || len(found) > 0 {
				if i > 0 || withFolder(p.File, s) == nil {
					continue // the file stays in the context for the others
				}
				if why != "" {
					return nil, nil, why
				}
				others = found
			}
		}
		if c, ok := ignoreLine(p.Workspace, name, s.Copied.Source); ok {
			changes = append(changes, c)
		}
	}
	return changes, others, ""
}

// withFolder returns the instruction that copies a folder with the file in it.
func withFolder(f *dockerfile.File, s *flow.Secret) *dockerfile.Instruction {
	for _, x := range f.Instructions {
		if x.Name != "copy" && x.Name != "add" || slices.ContainsFunc(s.Origins, func(o flow.Origin) bool { return o.In == x }) {
			continue
		}
		if words, ok := x.Paths(); ok && slices.ContainsFunc(words[:max(0, len(words)-1)], func(w dockerfile.Word) bool { return inside(path.Clean("/"+w.Text), "/"+s.Copied.Source) }) {
			return x
		}
	}
	return nil
}
