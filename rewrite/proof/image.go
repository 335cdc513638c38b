package proof

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// image compares the configurations of a stage's image, field by field, and its history.
func (c *comparison) image(i int, old, now *stage, before, after []*dockerfile.Instruction, steps []step) error {
	line := old.From.Line
	if what := environment(old.image.Config.Env, now.image.Config.Env, c.fates(before, nil, false)); what != "" {
		return &Error{line, "in the environment of the image, " + what}
	}
	if err := c.triggers(old, now); err != nil {
		return err
	}
	a, b := *old.image, *now.image
	a.History, b.History = nil, nil
	a.Config.Env, b.Config.Env = nil, nil
	a.Config.OnBuild, b.Config.OnBuild = nil, nil
	if err := c.starts(i, old, now); err != nil {
		return err
	}
	if slices.ContainsFunc(after, func(in *dockerfile.Instruction) bool { return c.entryOf[in].comes && in.Name == "cmd" }) {
		//lint:ignore SA1019 every CMD of a file sets it, and only Windows looks at it
		a.Config.ArgsEscaped = b.Config.ArgsEscaped
	}
	a.Config.Entrypoint, a.Config.Cmd, b.Config.Entrypoint, b.Config.Cmd = nil, nil, nil, nil
	x, y := reflect.ValueOf(a.Config), reflect.ValueOf(b.Config)
	for _, field := range reflect.VisibleFields(x.Type()) {
		if !field.Anonymous && !reflect.DeepEqual(x.FieldByIndex(field.Index).Interface(), y.FieldByIndex(field.Index).Interface()) {
			return &Error{line, fmt.Sprintf("the image's %s would be another one", field.Name)}
		}
	}
	if !reflect.DeepEqual(a, b) {
		return &Error{line, "the image's configuration would be another one"}
	}
	return c.history(old, now, before, after, steps)
}

// triggers compares the ONBUILD instructions of a stage, which stand in the configuration
// as they are written. One that a fix changes is compared where a child runs it.
func (c *comparison) triggers(old, now *stage) error {
	if old.child {
		return nil // it has run them
	}
	var left []*entry
	for _, in := range old.Instructions {
		if e := c.entries[in.Index]; in.OnBuild && !e.gone {
			left = append(left, e)
		}
	}
	if len(left) != len(now.image.Config.OnBuild) {
		return &Error{old.From.Line, "there would be another number of ONBUILD"}
	}
	for i, e := range left {
		if !e.changed() && !slices.Contains(old.image.Config.OnBuild, now.image.Config.OnBuild[i]) {
			return &Error{e.Line, "ONBUILD would say something else"}
		}
	}
	return nil
}

// history compares what the image says that it was made by: an entry for each instruction.
func (c *comparison) history(old, now *stage, before, after []*dockerfile.Instruction, steps []step) error {
	a, b := old.image.History, now.image.History
	if len(a) != len(before) || len(b) != len(after) {
		return &Error{old.From.Line, "the history of the image is not understood"}
	}
	ops := map[int]*pb.Op{} // of the RUNs, by place in the sequence
	for i, in := range before {
		if len(steps) > 0 && steps[0].in == in {
			ops[i] = steps[0].op
			steps = steps[1:]
		}
	}
	next := 0
	arrived := func() error {
		for next < len(after) && c.entryOf[after[next]].comes {
			if err := c.entryOf[after[next]].piece.says(after[next].Line, b[next]); err != nil {
				return err
			}
			next++
		}
		return nil
	}
	for i, in := range before {
		e := c.entries[in.Index]
		if e.gone {
			continue
		}
		if err := arrived(); err != nil {
			return err
		}
		if err := c.historyEntry(e, before[:i], ops[i], a[i], b[next]); err != nil {
			return err
		}
		next++
	}
	return arrived()
}

func (c *comparison) historyEntry(e *entry, before []*dockerfile.Instruction, op *pb.Op, a, b ocispecs.History) error {
	different := &Error{e.Line, "the history of the image would say something else"}
	want := a.CreatedBy
	switch {
	case e.piece != nil:
		return e.piece.says(e.Line, b)
	case e.folder != "":
		if !strings.HasPrefix(b.CreatedBy, "RUN ") {
			return different
		}
		return nil
	case e.Name == "run" && op.GetExec() != nil:
		// RUN |2 A=1 B=2 /bin/sh -c … # buildkit
		const end = " # buildkit"
		args := strings.Join(op.GetExec().Meta.Args, " ")
		head, ok := strings.CutSuffix(want, args+end)
		if !ok {
			return different
		}
		head = c.withoutArguments(head, before, op.GetExec().Meta.Env)
		if len(e.passes) == 0 {
			want = head + args + end
			break
		}
		if !strings.HasPrefix(b.CreatedBy, head) {
			return different
		}
		want = b.CreatedBy // its command is compared with the op
	case e.Name == "run":
	case len(e.variables) > 0:
		for _, name := range e.variables {
			if strings.Contains(" "+b.CreatedBy, " "+name+"=") {
				return different
			}
		}
		want = b.CreatedBy
	case len(e.copies) > 0:
		for _, name := range e.copies {
			want = strings.Replace(want, " "+name, "", 1)
		}
		if want != b.CreatedBy && len(strings.Fields(want)) == len(strings.Fields(b.CreatedBy)) {
			want = b.CreatedBy // quotes; the sources are compared with the op
		}
	case e.address:
		want = b.CreatedBy
	}
	if want != b.CreatedBy || a.EmptyLayer != b.EmptyLayer || a.Comment != b.Comment || a.Author != b.Author {
		return different
	}
	return nil
}

// withoutArguments takes the build arguments that go out of the beginning of a RUN's
// history: RUN |2 A=1 B=2.
func (c *comparison) withoutArguments(head string, before []*dockerfile.Instruction, env []string) string {
	var n int
	if _, err := fmt.Sscanf(head, "RUN |%d ", &n); err != nil {
		return head
	}
	_, rest, _ := strings.Cut(strings.TrimPrefix(head, "RUN "), " ")
	rest = " " + rest
	gone := map[string]bool{}
	for _, x := range before {
		if x.Name != "arg" {
			continue
		}
		all, goes := c.entries[x.Index].declares()
		for _, name := range all {
			other, seen := gone[name]
			gone[name] = slices.Contains(goes, name) && (other || !seen)
		}
	}
	for name, goes := range gone {
		if !goes {
			continue
		}
		value := ""
		for _, kv := range env {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				value = v
			}
		}
		if cut := strings.Replace(rest, " "+name+"="+value+" ", " ", 1); cut != rest {
			rest = cut
			n--
		}
	}
	if n == 0 {
		return "RUN" + rest
	}
	return fmt.Sprintf("RUN |%d%s", n, rest)
}
