package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// readFirst is a secret that comes as a file, where the frontend or who builds it knows no
// other mount: each RUN reads it into its variable first.
type readFirst struct {
	id     string
	always bool   // an optional one that is not given sets the variable to nothing, as ENV did
	by     string // the builder that knows no other, in a clause; "" if it is the frontend
}

// flag is the mount. as names the user that a command of the RUN runs as, if it is another.
func (x readFirst) flag(in *dockerfile.Instruction, required bool, as string) string {
	flag := "--mount=type=secret,id=" + x.id
	if root, known := flow.IsRoot(in); !root || !known || as != "" {
		flag += ",mode=0444"
	}
	if required {
		flag += ",required=true"
	}
	return flag
}

// read is the command that sets a variable.
func (x readFirst) read(name string, required bool) string {
	path := "/run/secrets/" + x.id
	switch {
	case required:
		return fmt.Sprintf(`export %s="$(cat %s)"; `, name, path)
	case x.always:
		return fmt.Sprintf(`export %s="$(cat %s 2>/dev/null)"; `, name, path)
	}
	return fmt.Sprintf(`if [ -f %s ]; then export %s="$(cat %s)"; fi; `, path, name, path)
}

// first puts a command at the start of a RUN, on the line of its first command: a line of its
// own would end as the file's lines do, and in a file with CRLF a shell takes the carriage
// return for a command.
func (x readFirst) first(r *flow.Run, text string, meant *intent) ([]edit.Edit, string) {
	if r.Script == nil || r.Exec != nil {
		reason := fmt.Sprintf("line %d: the exec form cannot read a secret from a file", r.In.Line)
		if x.by != "" {
			reason += ", and " + x.by
		}
		return nil, reason
	}
	offset := r.Body()
	at, _, ok := r.Source(offset, offset)
	if !ok {
		return nil, fmt.Sprintf("line %d: there is no place to read the secret from a file", r.In.Line)
	}
	meant.command(r, shell.TextEdit{Start: offset, End: offset, New: text})
	return []edit.Edit{{Start: at, End: at, New: text}}, ""
}

// title is what a fix says of it.
func (x readFirst) title() string {
	if x.by == "" {
		return ""
	}
	return ", as a file: " + x.by
}

// convert makes files of the variables that mounts of the secret set. It is the last step of a fix
// that moved commands from RUN to RUN, which is done with variables.
func (x readFirst) convert(p *rewrite.Pass) (*rewrite.Fix, string) {
	meant := intentOf(p.File)
	var edits []edit.Edit
	for _, in := range p.File.Instructions {
		if in.Name != "run" {
			continue
		}
		var text strings.Builder
		mounts := in.Mounts()
		there := slices.ContainsFunc(mounts, func(y dockerfile.Mount) bool {
			return y.Type == "secret" && y.Opts["env"] == "" && flow.MountTarget(in, y, y.Opts["id"]) == "/run/secrets/"+x.id
		})
		for _, y := range mounts {
			name := y.Opts["env"]
			if y.Type != "secret" || y.Opts["id"] != x.id || name == "" || y.Opts["target"] != "" {
				continue
			}
			required := y.Opts["required"] == "true"
			if reason := meant.unmount(in, y.Flag.Text); reason != "" {
				return nil, reason
			}
			text.WriteString(x.read(name, required))
			if there {
				edits = append(edits, in.DropFlag(y.Flag))
				continue
			}
			there = true
			flag := x.flag(in, required, "")
			start, end := in.Span(y.Flag.Start, y.Flag.End)
			edits = append(edits, edit.Edit{Start: start, End: end, New: flag})
			if reason := meant.mount(in, flag); reason != "" {
				return nil, reason
			}
		}
		if text.Len() == 0 {
			continue
		}
		first, reason := x.first(flow.ReadRun(in), text.String(), meant)
		if reason != "" {
			return nil, reason
		}
		edits = append(edits, first...)
	}
	return &rewrite.Fix{
		Title:   strings.TrimPrefix(x.title(), ", "),
		Safety:  rewrite.Safe,
		Changes: []rewrite.Change{{Path: p.File.Path, Edits: edit.Join(edits)}},
		Intents: meant.list(),
	}, ""
}
