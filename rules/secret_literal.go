package rules

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// secretLiteral moves secrets that stand in the text of a RUN.
var secretLiteral = &rewrite.Rule{
	ID:    "secret-literal",
	Title: "a secret stands in the text of an instruction",
	Doc: `The text of every instruction is a part of the image: of its history, of its provenance, and, for LABEL, CMD,
ENTRYPOINT, HEALTHCHECK and ONBUILD, of its configuration. A token in a header, a password behind --password or in
the address of a download can be read there by everyone who has the image.

Found are tokens of known providers, private keys, passwords in addresses, credential headers, flags that take a
password, and variables named like a secret, in the shell form, the exec form and in here-documents. What is plainly
no secret (changeme, a dummy for one command) is left alone. The weak password of an account is a note: whoever
knows the name of the image can guess it. So is a hash that useradd -p or chpasswd -e is given: it stays in the image by
design. A password in its place is left: these commands write it down as it is.

The fix puts a variable in place of the literal, quoted so that the command gets the same bytes, and mounts it on
that RUN: the mount is required. The value moves to the secrets folder beside the Dockerfile or the compose file,
which git and docker are told to ignore. The variable is named by what names the value: a variable, a flag, a header,
a host, the provider. Where a program of that RUN would read a variable of this name, it gets BUILD_ before it.
The password of an ADD address goes into a secret that BuildKit sends as a header.

Safe where the command sends the value on and keeps nothing. Review where an unknown program is given it. Left
alone, with the reason: what a container starts (CMD, ENTRYPOINT, HEALTHCHECK) and labels; the exec form, which has no
shell; text that the shell does not read as it is written; a value that has more than one line.

Standards: CIS Docker Benchmark 4.10, CWE-798, CWE-522.`,
	Examples: []rewrite.Example{
		{
			Name:   "a token in a header",
			Before: "FROM alpine\nRUN apk add curl\nRUN curl -fsS -H 'Authorization: Bearer tok-c4n4ry-EXAMPLE-7Qm2x' -o /data https://files.example.com/data\n",
			After: `-- .dockerignore --
/secrets/
-- .gitignore --
/secrets/
-- Dockerfile --
# syntax=docker/dockerfile:1
FROM alpine
RUN apk add curl
RUN --mount=type=secret,id=API_TOKEN,env=API_TOKEN,required=true curl -fsS -H "Authorization: Bearer ${API_TOKEN}" -o /data https://files.example.com/data
-- secrets/API_TOKEN --
tok-c4n4ry-EXAMPLE-7Qm2x
`,
		},
		{
			Name:   "the password of a download",
			Before: "FROM alpine\nRUN wget https://shop:pw-c4n4ry-EXAMPLE-7Qm2x@files.example.com/data\n",
			After: `-- .dockerignore --
/secrets/
-- .gitignore --
/secrets/
-- Dockerfile --
# syntax=docker/dockerfile:1
FROM alpine
RUN --mount=type=secret,id=FILES_EXAMPLE_COM_PASSWORD,env=FILES_EXAMPLE_COM_PASSWORD,required=true wget "https://shop:${FILES_EXAMPLE_COM_PASSWORD}@files.example.com/data"
-- secrets/FILES_EXAMPLE_COM_PASSWORD --
pw-c4n4ry-EXAMPLE-7Qm2x
`,
		},
		{
			Name:   "the password of an ADD",
			Before: "FROM alpine\nADD https://shop:pw-c4n4ry-EXAMPLE-7Qm2x@files.example.com/data /data\n",
			After: `-- .dockerignore --
/secrets/
-- .gitignore --
/secrets/
-- Dockerfile --
FROM alpine
ADD https://files.example.com/data /data
-- secrets/HTTP_AUTH_HEADER_files.example.com --
Basic c2hvcDpwdy1jNG40cnktRVhBTVBMRS03UW0yeA==
`,
		},
		{
			Name:   "a dummy that only has to be there: left alone",
			Before: "FROM ruby:3\nRUN SECRET_KEY_BASE=dummy bundle exec rails assets:precompile\n",
		},
		{
			Name:   "the exec form has no shell: left alone",
			Before: "FROM alpine\nRUN [\"curl\", \"-u\", \"shop:pw-c4n4ry-EXAMPLE-7Qm2x\", \"https://files.example.com/data\"]\n",
		},
	},
	Run: func(p *rewrite.Pass) {
		for _, s := range p.Secrets {
			o := s.Origins[0]
			switch {
			case o.Kind != flow.Literal || p.Enough():
			case o.Hash:
				note(p, s, s.Name+" is the hash of a password ("+o.What+"), which stays in the image: whoever has it can try passwords on it")
			case s.Verdict != detect.Exposed:
				note(p, s, s.Name+" is a weak password ("+o.What+"): whoever has the image can guess it")
			case o.In.Name == "add" && len(o.In.Heredocs) == 0:
				f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: literalMessage(s)}
				f.Start, f.End = pointAt(s)
				f.Fix, f.Reason = moveAddress(p, s)
				p.Report(f)
			default:
				report(p, s, literalMessage(s))
			}
		}
	},
}

func literalMessage(s *flow.Secret) string {
	o := s.Origins[0]
	where := "history"
	switch {
	case o.In.OnBuild, o.In.Name == "label", o.In.Name == "cmd", o.In.Name == "entrypoint", o.In.Name == "healthcheck":
		where = "configuration"
	}
	if len(o.In.Heredocs) > 0 && (o.In.Name == "copy" || o.In.Name == "add") {
		where = "file system"
	}
	return fmt.Sprintf("%s stands in the text of %s (%s): it %s", s.Name, strings.ToUpper(o.In.Name), o.What, stays(s, "stays", where))
}

// alsoLiteral says where the value of a variable stands besides.
func alsoLiteral(s *flow.Secret) string {
	if s.Origins[0].Kind == flow.Literal {
		return ""
	}
	var lines []string
	for _, o := range s.Origins {
		if line := fmt.Sprint(o.In.Line); o.Kind == flow.Literal && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return ", and in the text of line " + lines[0]
	}
	return ", and in the text of lines " + strings.Join(lines, ", ")
}

// substitute puts the variable in place of each literal.
func (m *move) substitute() string {
	byRun := map[*flow.Run][]flow.Origin{}
	var order []*flow.Run
	for _, o := range m.s.Origins {
		if o.Kind != flow.Literal {
			continue
		}
		if byRun[o.Run] == nil {
			order = append(order, o.Run)
		}
		byRun[o.Run] = append(byRun[o.Run], o)
	}
	for _, r := range order {
		if r == nil || r.Script == nil {
			return "no shell could read a variable in its place"
		}
		edits, ok := substitute(r.Script, byRun[r], m.s.Value.Reveal())
		if !ok {
			return fmt.Sprintf("line %d: the shell does not read the text there as it is written, or would not read a variable in its place", r.In.Line)
		}
		m.intent.command(r, edits...)
		for _, e := range edits {
			start, end, ok := r.Source(e.Start, e.End)
			if !ok || end-start != e.End-e.Start {
				return fmt.Sprintf("line %d: it stands across a line continuation, or in a JSON string with escapes", r.In.Line)
			}
			if r.Exec != nil {
				e.New = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e.New)
			}
			m.edits = append(m.edits, edit.Edit{Start: start, End: end, New: e.New})
		}
	}
	return ""
}

// substitute returns the edits that put variables in place of all literals of a script.
func substitute(s *shell.Script, places []flow.Origin, value string) (edits []shell.TextEdit, ok bool) {
	var all []shell.Substitution
	for _, o := range places {
		if o.Value.Reveal() != value || s.Text[o.Span.Start:o.Span.End] != value {
			return nil, false
		}
		all = append(all, shell.Substitution{Start: o.Span.Start, End: o.Span.End, Name: o.As})
	}
	return s.SubstituteAll(all)
}

// moveAddress takes the credential out of the address of an ADD: BuildKit sends the
// secret HTTP_AUTH_HEADER_<host> as the header that it made of the credential.
func moveAddress(p *rewrite.Pass, s *flow.Secret) (*rewrite.Fix, string) {
	if len(s.Doubts) > 0 {
		return nil, because(s.Doubts[0])
	}
	if why := unreadable(p, nil, true); why != "" {
		return nil, why
	}
	if why := p.Able().Headers; why != "" {
		return nil, why
	}
	pl, reason := placeFor(p, s)
	if reason == "" && pl.id != s.ID {
		reason = "another value has the name " + s.ID + ", by which BuildKit looks for it"
	}
	if reason != "" {
		return nil, reason
	}
	var c composition
	if reason := composeBuilds(p, s, nil, s.ID, pl.file, true, &c); reason != "" {
		return nil, reason
	}
	if reason := callersBuild(p, s, passed{id: s.ID, file: pl.file, local: true, always: true}, &c); reason != "" {
		return nil, reason
	}
	composed, reason := c.changes()
	if reason != "" {
		return nil, reason
	}
	var edits []edit.Edit
	var lines []string
	meant := intentOf(p.File)
	meant.Values = []proof.Value{proof.NewValue(s.Value.Reveal())}
	for _, o := range s.Origins {
		words, _ := o.In.Paths()
		for _, w := range words {
			if u, err := url.Parse(w.Text); strings.Contains(w.Text, "://") && (err != nil || u.Hostname() == "") {
				return nil, fmt.Sprintf("line %d: the address cannot be read", o.In.Line)
			}
		}
		meant.Addresses = append(meant.Addresses, proof.Address{Instruction: o.In.Index})
		src := p.File.Src
		start, end := bytes.LastIndex(src[:o.At.Start], []byte("//"))+2, bytes.IndexByte(src[o.At.End:], '@')
		if start < 2 || end < 0 {
			return nil, fmt.Sprintf("line %d: the user of the address cannot be found again", o.In.Line)
		}
		edits = append(edits, edit.Edit{Start: start, End: o.At.End + end + 1})
		lines = append(lines, fmt.Sprint(o.In.Line))
	}
	changes := append(pl.changes, composed...)
	changes = append(changes, rewrite.Change{Path: p.File.Path, Edits: edits})
	if why := linked(p.Workspace, changes); why != "" {
		return nil, why
	}
	return &rewrite.Fix{
		Title:   "give BuildKit the credential of the address in line " + strings.Join(lines, ", ") + " as the secret " + s.ID,
		Safety:  rewrite.Review,
		Needs:   strings.Join(append([]string{"the builder must be BuildKit 0.23 (Docker 28.3) or later: an older one, or another program, does not send it"}, c.needs...), "; "),
		Changes: changes,
		Passes:  []rewrite.Passed{{ID: s.ID, File: pl.file}},
		Rotate:  []string{s.Name},
		Intents: meant.list(),
	}, ""
}
