package proof

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// comparison compares two compiled files, stage by stage and op by op.
type comparison struct {
	old, now *Compiled
	*ledger
	entryOf    map[*dockerfile.Instruction]*entry // of an instruction of the new file
	oldResults map[string][]int                   // canonical digests of results, and whose they are
	nowResults map[string][]int
}

func compare(old, now *Compiled, l *ledger) error {
	if len(old.stages) != len(now.stages) {
		return &Error{What: "a stage would be gone, or be new"}
	}
	c := &comparison{old: old, now: now, ledger: l, entryOf: map[*dockerfile.Instruction]*entry{}, oldResults: old.results(), nowResults: now.results()}
	for _, e := range l.left {
		c.entryOf[e.now] = e
	}
	a, b := old.sequences(), now.sequences()
	for i := range old.stages {
		if err := c.stage(i, a[i], b[i]); err != nil {
			return err
		}
	}
	return nil
}

// results maps the digests of the stages' results to the stages that have them.
func (c *Compiled) results() map[string][]int {
	out := map[string][]int{}
	for i, s := range c.stages {
		if s.last != "" {
			out[s.canon(s.last)] = append(out[s.canon(s.last)], i)
		}
	}
	return out
}

func (c *comparison) stage(i int, before, after []*dockerfile.Instruction) error {
	old, now := c.old.stages[i], c.now.stages[i]
	line := old.From.Line
	if old.Name != now.Name {
		return &Error{line, "the stage would have another name"}
	}
	// The same instructions in the same order, less what goes.
	left := slices.DeleteFunc(slices.Clone(before), func(in *dockerfile.Instruction) bool { return c.entries[in.Index].gone })
	known := slices.DeleteFunc(slices.Clone(after), func(in *dockerfile.Instruction) bool { return c.entryOf[in].comes })
	same := slices.EqualFunc(left, known, func(a, b *dockerfile.Instruction) bool { return c.entryOf[b] == c.entries[a.Index] })
	if !same {
		return &Error{line, "the stage would build on another one"}
	}
	oldSteps, oldBase, ok := old.chain(before)
	nowSteps, nowBase, ok2 := now.chain(after)
	if !ok || !ok2 {
		return &Error{line, "the build graph of the stage is not understood"}
	}
	if !c.sameInput(old, now, oldBase, nowBase) {
		return &Error{line, "the stage would begin with another image"}
	}
	// What comes, up to the next step that was there: files that are put into the image.
	arrived := func() error {
		for len(nowSteps) > 0 && c.entryOf[nowSteps[0].in].comes {
			if err := c.entryOf[nowSteps[0].in].piece.puts(line, now, nowSteps[0].op); err != nil {
				return err
			}
			nowSteps = nowSteps[1:]
		}
		return nil
	}
	for _, s := range oldSteps {
		e := c.entries[s.in.Index]
		if e.gone {
			continue
		}
		if err := arrived(); err != nil {
			return err
		}
		if len(nowSteps) == 0 || c.entryOf[nowSteps[0].in] != e {
			return &Error{s.in.Line, strings.ToUpper(e.name) + " would do nothing any more"}
		}
		if err := c.step(e, old, now, s, nowSteps[0], before); err != nil {
			return err
		}
		nowSteps = nowSteps[1:]
	}
	if err := arrived(); err != nil {
		return err
	}
	if len(nowSteps) > 0 {
		return &Error{line, "the stage would do more than it did"}
	}
	return c.image(i, old, now, before, after, oldSteps)
}

// step compares one op with the one in its place.
func (c *comparison) step(e *entry, old, now *stage, a, b step, sequence []*dockerfile.Instruction) error {
	fail := func(format string, args ...any) error { return &Error{e.Line, fmt.Sprintf(format, args...)} }
	if e.folder != "" {
		return e.makesFolder(b.op)
	}
	if e.piece != nil {
		return e.piece.puts(e.Line, now, b.op)
	}
	if !a.op.Platform.EqualVT(b.op.Platform) {
		return fail("the platform would be another one")
	}
	switch x := a.op.Op.(type) {
	case *pb.Op_Exec:
		y, ok := b.op.Op.(*pb.Op_Exec)
		if !ok {
			return fail("RUN would do something else")
		}
		return c.exec(e, old, now, a.op, b.op, x.Exec, y.Exec, c.fates(sequence, a.in, true))
	case *pb.Op_File:
		y, ok := b.op.Op.(*pb.Op_File)
		if !ok {
			return fail("%s would do something else", strings.ToUpper(e.name))
		}
		return c.files(e, old, now, a.op, b.op, x.File, y.File)
	case *pb.Op_Merge:
		y, ok := b.op.Op.(*pb.Op_Merge)
		if !ok || len(x.Merge.Inputs) != 2 || len(y.Merge.Inputs) != 2 {
			return fail("%s --link would do something else", strings.ToUpper(e.name))
		}
		f, ok := old.ops[a.op.Inputs[x.Merge.Inputs[1].Input].Digest]
		g, ok2 := now.ops[b.op.Inputs[y.Merge.Inputs[1].Input].Digest]
		if !ok || !ok2 || f.GetFile() == nil || g.GetFile() == nil {
			return fail("%s --link is not understood", strings.ToUpper(e.name))
		}
		return c.files(e, old, now, f, g, f.GetFile(), g.GetFile())
	}
	return fail("the build graph is not understood")
}

// makesFolder checks the RUN that a COPY became.
func (e *entry) makesFolder(op *pb.Op) error {
	x := op.GetExec()
	if x == nil || len(x.Meta.Args) == 0 || x.Meta.Args[len(x.Meta.Args)-1] != e.folder || len(x.Mounts) != 1 || len(x.Secretenv) != 0 {
		return &Error{e.Line, "the RUN in its place would do something else than make the folder"}
	}
	return nil
}

// exec compares a RUN.
func (c *comparison) exec(e *entry, old, now *stage, a, b *pb.Op, x, y *pb.ExecOp, fates map[string]fate) error {
	fail := func(format string, args ...any) error { return &Error{e.Line, fmt.Sprintf(format, args...)} }
	if what := environment(x.Meta.Env, y.Meta.Env, fates); what != "" {
		return fail("in the environment of RUN, %s", what)
	}
	inline, err := c.script(e, old, now, a, b, x, y)
	if err != nil {
		return err
	}
	if err := e.secrets(x, y); err != nil {
		return err
	}
	xm, ym := x.Meta.CloneVT(), y.Meta.CloneVT()
	xm.Env, xm.Args, ym.Env, ym.Args = nil, nil, nil, nil
	switch {
	case xm.Cwd != ym.Cwd:
		return fail("RUN would run in another folder")
	case xm.User != ym.User:
		return fail("RUN would run as another user")
	case !xm.EqualVT(ym) || x.Network != y.Network || x.Security != y.Security || !slices.EqualFunc(x.CdiDevices, y.CdiDevices, (*pb.CDIDevice).EqualVT):
		return fail("RUN would run in other conditions")
	}
	am, bm := plainMounts(x), plainMounts(y)
	if len(am) != len(bm) {
		return fail("RUN would have more or fewer mounts that are no secrets")
	}
	for i, m := range am {
		n := bm[i]
		if m.Dest == pb.RootMount && n.Dest == pb.RootMount || m.Dest == inline && n.Dest == inline {
			continue
		}
		p, q := m.CloneVT(), n.CloneVT()
		p.Input, q.Input = 0, 0
		if !p.EqualVT(q) || (m.Input < 0) != (n.Input < 0) || m.Input >= 0 && !c.sameInput(old, now, a.Inputs[m.Input].Digest, b.Inputs[n.Input].Digest) {
			return fail("the mount at %s would be another one", m.Dest)
		}
	}
	return nil
}

// inlineMount is where BuildKit puts a here-document that begins with #!.
const inlineMount = "/dev/pipes/"

// script compares what a RUN runs. inline is the mount that the script stands in, if it
// does.
func (c *comparison) script(e *entry, old, now *stage, a, b *pb.Op, x, y *pb.ExecOp) (inline string, err error) {
	args, other := slices.Clone(x.Meta.Args), y.Meta.Args
	different := &Error{e.Line, "RUN would run something else than was meant"}
	if len(args) == 0 || len(args) != len(other) {
		return "", different
	}
	if p, ok := inlineScript(old, a, x); ok {
		q, ok := inlineScript(now, b, y)
		text, err := e.command(p, false)
		if err != nil {
			return "", err
		}
		if !ok || text != q || !slices.Equal(args, other) {
			return "", different
		}
		return inlineMount, nil
	}
	if len(e.passes) > 0 {
		i := len(args) - 1
		if e.JSON() {
			i = scriptArg(args)
		}
		end := ""
		if len(e.Heredocs) > 0 && !strings.HasSuffix(args[i], "\n") {
			end = "\n" // the last line of the last here-document has one in the file
		}
		if args[i], err = e.command(args[i]+end, len(e.Heredocs) == 0 && !e.JSON()); err != nil {
			return "", err
		}
		args[i] = strings.TrimSuffix(args[i], end)
	}
	if !slices.Equal(args, other) {
		return "", different
	}
	return "", nil
}

// scriptArg is the argument behind -c.
func scriptArg(args []string) int {
	for i, a := range args[:len(args)-1] {
		if i > 0 && strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "c") {
			return i + 1
		}
	}
	return len(args) - 1
}

// inlineScript returns the text of a here-document that is run as a file.
func inlineScript(s *stage, op *pb.Op, x *pb.ExecOp) (string, bool) {
	for _, m := range x.Mounts {
		if m.Dest != inlineMount || m.Input < 0 {
			continue
		}
		file := s.ops[op.Inputs[m.Input].Digest].GetFile()
		if file == nil || len(file.Actions) != 1 || file.Actions[0].GetMkfile() == nil {
			return "", false
		}
		return string(file.Actions[0].GetMkfile().Data), true
	}
	return "", false
}

// plainMounts are the mounts of a RUN that are no secrets.
func plainMounts(x *pb.ExecOp) []*pb.Mount {
	return slices.DeleteFunc(slices.Clone(x.Mounts), func(m *pb.Mount) bool { return m.MountType == pb.MountType_SECRET })
}

// secretMounts are the secret mounts of a RUN, in no order.
func secretMounts(x *pb.ExecOp) []Mount {
	var out []Mount
	for _, m := range x.Mounts {
		if m.MountType == pb.MountType_SECRET {
			o := m.SecretOpt
			out = append(out, Mount{ID: o.ID, Target: m.Dest, UID: o.Uid, GID: o.Gid, Mode: o.Mode, Required: !o.Optional})
		}
	}
	for _, v := range x.Secretenv {
		out = append(out, Mount{ID: v.ID, Env: v.Name, Required: !v.Optional, Mode: 0o400})
	}
	return out
}

// secrets checks that the secret mounts that were meant came and went, and no others.
func (e *entry) secrets(x, y *pb.ExecOp) error {
	absolute := func(m Mount) Mount {
		if m.Target != "" && !strings.HasPrefix(m.Target, "/") {
			m.Target = strings.TrimSuffix(x.Meta.Cwd, "/") + "/" + m.Target
		}
		if m.Env != "" && m.Target != "" {
			m.Env = "" // both: the graph has one entry for each
		}
		return m
	}
	have, want := secretMounts(y), secretMounts(x)
	for _, m := range e.mounts {
		if m.Env != "" && m.Target != "" {
			want = append(want, Mount{ID: m.ID, Env: m.Env, Required: m.Required, Mode: 0o400})
		}
		want = append(want, absolute(m))
	}
	for _, m := range e.unmounts {
		i := slices.IndexFunc(want, func(w Mount) bool { return absolute(w) == absolute(m) })
		if i < 0 {
			return &Error{e.Line, "RUN has no mount " + m.ID + " that could go"}
		}
		want = slices.Delete(want, i, i+1)
	}
	for _, m := range want {
		i := slices.IndexFunc(have, func(h Mount) bool { return absolute(h) == absolute(m) })
		if i < 0 {
			return &Error{e.Line, "RUN would not have the mount of the secret " + m.ID + " as it was meant"}
		}
		have = slices.Delete(have, i, i+1)
	}
	if len(have) > 0 {
		return &Error{e.Line, "RUN would have a mount of the secret " + have[0].ID + " that was not meant"}
	}
	return nil
}

// files compares a COPY, an ADD or a WORKDIR.
func (c *comparison) files(e *entry, old, now *stage, a, b *pb.Op, x, y *pb.FileOp) error {
	fail := func(what string) error { return &Error{e.Line, strings.ToUpper(e.name) + " " + what} }
	goes := make([]bool, len(x.Actions))
	if len(e.copies) > 0 {
		words, ok := e.Paths()
		if !ok {
			return fail("has sources that are not understood")
		}
		sources := slices.DeleteFunc(words[:len(words)-1], func(w dockerfile.Word) bool { return strings.HasPrefix(w.Text, "<<") })
		for _, name := range e.copies {
			i := slices.IndexFunc(sources, func(w dockerfile.Word) bool { return w.Text == name })
			if i < 0 || i >= len(goes) {
				return fail("has no source " + name + " that could go")
			}
			goes[i] = true
		}
	}
	next := 0
	for i, p := range x.Actions {
		if goes[i] {
			continue
		}
		if next >= len(y.Actions) {
			return fail("would bring less than was meant")
		}
		q := y.Actions[next]
		if !inRow(p, i, len(a.Inputs)) || !inRow(q, next, len(b.Inputs)) {
			return fail("is not understood")
		}
		next++
		r, s := p.CloneVT(), q.CloneVT()
		r.Input, r.SecondaryInput, r.Output, s.Input, s.SecondaryInput, s.Output = 0, 0, 0, 0, 0, 0
		if !r.EqualVT(s) {
			return fail("would do something else")
		}
		if (p.SecondaryInput < 0) != (q.SecondaryInput < 0) {
			return fail("would do something else")
		}
		if p.SecondaryInput < 0 {
			continue
		}
		from, to := a.Inputs[p.SecondaryInput].Digest, b.Inputs[q.SecondaryInput].Digest
		if e.address && withUser(old.ops[from]) {
			if !sameAddress(old.ops[from], now.ops[to]) {
				return fail("would take it from somewhere else, or still with its password")
			}
			continue
		}
		if !c.sameInput(old, now, from, to) {
			return fail("would take it from somewhere else")
		}
	}
	if next < len(y.Actions) {
		return fail("would bring more than it did")
	}
	return nil
}

// inRow reports whether an action works on what the one before it left.
func inRow(a *pb.FileAction, i, inputs int) bool {
	return i == 0 || a.Input == int64(inputs+i-1)
}

// withUser reports a download with a user in its address.
func withUser(op *pb.Op) bool {
	if op.GetSource() == nil {
		return false
	}
	u, err := url.Parse(op.GetSource().Identifier)
	return err == nil && u.User != nil
}

// sameAddress compares two downloads but for the user and password in the first address.
func sameAddress(old, now *pb.Op) bool {
	x, y := old.GetSource(), now.GetSource()
	if x == nil || y == nil {
		return false
	}
	u, err := url.Parse(x.Identifier)
	if err != nil {
		return false
	}
	u.User = nil
	return u.String() == y.Identifier && maps.Equal(x.Attrs, y.Attrs)
}

// sameInput compares what an op takes besides the chain that it stands in: the result of a
// stage, or something that no instruction of the file has made.
func (c *comparison) sameInput(old, now *stage, a, b string) bool {
	if p, q := c.oldResults[old.canon(a)], c.nowResults[now.canon(b)]; len(p) > 0 && len(q) > 0 {
		return slices.ContainsFunc(p, func(i int) bool { return slices.Contains(q, i) })
	}
	return old.canon(a) == now.canon(b)
}

// canon is a digest of an op and all that it takes that is the same in every compilation:
// the builder's own hangs on which files of the build context other instructions copy.
func (s *stage) canon(dgst string) string {
	if dgst == "" {
		return ""
	}
	if c, ok := s.canons[dgst]; ok {
		return c
	}
	h := sha256.New()
	op := s.ops[dgst]
	own := alone(op)
	if source := own.GetSource(); source != nil {
		// A map has no order of its own when it is marshalled.
		for _, k := range slices.Sorted(maps.Keys(source.Attrs)) {
			fmt.Fprintf(h, "%q=%q\n", k, source.Attrs[k])
		}
		source.Attrs = nil
	}
	if raw, err := own.MarshalVT(); err == nil {
		h.Write(raw)
	}
	for _, in := range op.GetInputs() {
		fmt.Fprintf(h, "\n%s %d", s.canon(in.Digest), in.Index)
	}
	c := string(h.Sum(nil))
	s.canons[dgst] = c
	return c
}

// alone is an op without its inputs, and without what hangs on other instructions: which
// files of the build context are sent is the sum of all that are copied.
func alone(op *pb.Op) *pb.Op {
	out := op.CloneVT()
	out.Inputs = nil
	if s := out.GetSource(); s != nil && strings.HasPrefix(s.Identifier, "local://") {
		delete(s.Attrs, pb.AttrFollowPaths)
		delete(s.Attrs, pb.AttrLocalUniqueID)
	}
	return out
}

// holds looks for the secrets in what the new file was compiled to.
func (c *Compiled) holds(l *ledger) error {
	look := func(text, what string) error {
		for _, s := range c.stages {
			for _, raw := range s.raw {
				if bytes.Contains(raw, []byte(text)) {
					return &Error{s.From.Line, what + " would still be in the build of the stage"}
				}
			}
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(l.secrets)) {
		if c.warned[name] {
			return &Error{What: "BuildKit would still warn of " + name}
		}
		if v := c.args[name]; strings.HasPrefix(v, mark) {
			if err := look(v, name); err != nil {
				return err
			}
		}
	}
	for _, v := range l.values {
		if err := look(v, "the value"); err != nil {
			return err
		}
	}
	return nil
}
