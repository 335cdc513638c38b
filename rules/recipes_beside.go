package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// alone says why a command that is undone is not the only one that works with what it
// keeps, in the stages that have it: to run it again, and to take back all that is kept, is
// not the same then. "" if it is.
func (sp respelled) alone(v flow.Write, s *flow.Secret) string {
	start, end, ok := v.Run.Source(v.Command.Start, v.Command.End)
	if sp.Beside == nil || sp.Undo == "" {
		return ""
	}
	for _, in := range v.In.File.Instructions {
		switch in.Name {
		case "run", "env", "arg", "cmd", "entrypoint", "healthcheck":
		default:
			continue
		}
		if in.Stage == nil || !related(in.Stage, v.In.Stage) {
			continue
		}
		text := string(in.File.Src[in.Start:in.End])
		if ok && (in == v.In || has(s, in)) {
			text = strings.Replace(text, string(in.File.Src[start:end]), "", 1) // the same, with the same secret
		}
		if !sp.Beside.MatchString(strings.TrimSpace(text)) {
			continue
		}
		switch in.Name {
		case "cmd", "entrypoint", "healthcheck":
			return fmt.Sprintf("line %d has the running container use it", in.Line)
		}
		return fmt.Sprintf("line %d %s", in.Line, sp.Does)
	}
	return ""
}

// has reports whether a RUN has the secret.
func has(s *flow.Secret, in *dockerfile.Instruction) bool {
	return slices.ContainsFunc(s.Origins, func(o flow.Origin) bool { return o.In == in }) ||
		slices.ContainsFunc(s.Readers, func(r flow.Reader) bool { return r.In == in })
}

// related reports whether one stage is built from the other, or is it.
func related(a, b *dockerfile.Stage) bool {
	return slices.Contains(a.Lineage(), b) || slices.Contains(b.Lineage(), a)
}
