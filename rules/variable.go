package rules

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rules/detect"
)

// move is a variable's way out of a Dockerfile, while it is put together.
type move struct {
	p        *rewrite.Pass
	s        *flow.Secret
	id       string
	required bool
	def      string // a sentinel default that readers keep: ${T:-none}
	env      bool   // the frontend and who builds the file know env=
	files    string // the builder that does not, in a clause; "" if it is the frontend
	later    bool   // it is not known, and the last step of the fix sees to it
	edits    []edit.Edit
	intent   *intent
	needs    []string
	safety   rewrite.Safety
}

// report reports a variable with its fix, or with the reason why there is none.
func report(p *rewrite.Pass, s *flow.Secret, message string) {
	if p.Enough() {
		return
	}
	f := rewrite.Finding{Secret: s.Name, Key: s.Key(), Message: message + alsoLiteral(s)}
	f.Start, f.End = pointAt(s)
	fix, reason := moveVariable(p, s)
	f.Fix, f.Reason = fix, reason
	p.Report(f)
}

// pointAt is what the carets of a finding stand under: the variable's name, or the
// file's.
func pointAt(s *flow.Secret) (start, end int) {
	o := s.Origins[0]
	if i := slices.IndexFunc(s.Origins, func(x flow.Origin) bool { return x.Kind == flow.Env }); i >= 0 && o.Kind == flow.Arg {
		o = s.Origins[i] // the rule of ENV speaks of it
	}
	switch o.Kind {
	case flow.Copy:
		return o.In.Span(o.Path.Start, o.Path.End)
	case flow.Literal:
		return o.Label.Start, o.Label.End
	}
	return o.In.Span(o.Pair.Start, o.Pair.Start+len(o.Pair.Name))
}

// stays says where the value is left, of what is a part of the image otherwise.
func stays(s *flow.Secret, how, where string) string {
	if !slices.ContainsFunc(s.Origins, func(o flow.Origin) bool { return !o.In.OnBuild }) {
		return "stays in the images that are built FROM this one"
	}
	if s.InImage {
		return how + " in the " + where + " of the image"
	}
	const left = "stays in the build's cache and provenance"
	if slices.ContainsFunc(s.Written, func(w *flow.Written) bool { return w.Stays }) {
		return left + ", and in a file of the image"
	}
	return left
}

// moveVariable returns the fix that takes a variable out of the image, or the reason
// why no edit is certainly right.
func moveVariable(p *rewrite.Pass, s *flow.Secret) (*rewrite.Fix, string) {
	others, reason := together(p, s)
	if reason != "" {
		return nil, reason
	}
	with := []string{p.File.Path}
	for _, o := range others {
		with = append(with, o.p.File.Path)
	}
	var c composition
	fix, reason := moveHere(p, s, with, &c)
	if reason != "" {
		return nil, reason
	}
	for _, o := range others {
		own, reason := moveHere(o.p, o.s, with, &c)
		if reason == "" && (own.Then != nil || len(own.Rotate) > 0) {
			reason = "more than one fix is needed there"
		}
		if reason != "" {
			return nil, at(o.p.File.Path, o.s.Position().Line) + " is built with it too, by the same caller, and there: " + reason
		}
		fix.Changes = append(fix.Changes, own.Changes...)
		fix.Intents = append(fix.Intents, own.Intents...)
		fix.Safety = min(fix.Safety, own.Safety)
		fix.Title += "; " + own.Title + " (" + o.p.File.Path + ")"
		if own.Needs != "" {
			fix.Needs = strings.TrimPrefix(fix.Needs+"; "+o.p.File.Path+": "+own.Needs, "; ")
		}
		for _, x := range own.Passes {
			if !slices.Contains(fix.Passes, x) {
				fix.Passes = append(fix.Passes, x)
			}
		}
	}
	composed, reason := c.changes()
	if reason != "" {
		return nil, reason
	}
	fix.Changes = append(fix.Changes, composed...)
	if c.review {
		fix.Safety = min(fix.Safety, rewrite.Review)
	}
	if len(c.needs) > 0 {
		fix.Needs = strings.TrimPrefix(fix.Needs+"; "+strings.Join(c.needs, "; "), "; ")
	}
	if why := linked(p.Workspace, fix.Changes); why != "" {
		return nil, why
	}
	return fix, ""
}

// moveHere is the part of the fix in one Dockerfile; what callers must do is added to c.
// with are the Dockerfiles of the whole fix.
func moveHere(p *rewrite.Pass, s *flow.Secret, with []string, c *composition) (*rewrite.Fix, string) {
	m := &move{p: p, s: s, id: s.ID, safety: rewrite.Safe, intent: intentOf(p.File)}
	if reason := m.refuse(); reason != "" {
		return nil, reason
	}
	fix := &rewrite.Fix{}
	var changes []rewrite.Change
	file := ""
	var run *running
	moves := s.Value.Known() && s.Value.Reveal() != "" && (s.Given || s.Verdict == detect.Exposed)
	if s.Exposure == flow.RunTime {
		var reason string
		if run, reason = runTime(p, s); reason != "" {
			return nil, reason
		}
		moves = moves || moved(p, s)
	}
	if moves {
		var pl place
		var reason string
		if run != nil {
			pl, reason = run.serve(c)
		}
		if reason == "" && (pl.file == "" && len(s.Readers) > 0 || pl.id == "") {
			var own place
			own, reason = placeFor(p, s)
			pl = place{own.id, own.file, append(pl.changes, own.changes...)}
		}
		if reason != "" {
			return nil, reason
		}
		m.id, file = pl.id, pl.file
		changes = append(changes, pl.changes...)
		m.required = !s.Given
		if s.Verdict == detect.Exposed || s.Given {
			fix.Rotate = []string{s.Name}
		}
		if run == nil && len(s.Readers) == 0 && len(pl.changes) > 0 {
			m.needs = append(m.needs, "nothing in this build needs "+file+": it keeps the value that stood here until you have rotated it, then delete it")
		}
		if s.Verdict == detect.Exposed {
			m.intent.Values = append(m.intent.Values, proof.NewValue(s.Value.Reveal()))
		}
	} else if run != nil {
		run.pass(c)
	}
	id := m.id
	if !slices.ContainsFunc(s.Readers, func(r flow.Reader) bool { return !r.In.OnBuild }) {
		id = "" // nobody needs it, or nobody in this build
	}
	if reason := composeBuilds(p, s, names(s), id, file, m.required, c); reason != "" {
		return nil, reason
	}
	want := passed{drop: names(s), id: id, file: file, local: true, always: m.required, with: with}
	if reason := callersBuild(p, s, want, c); reason != "" {
		return nil, reason
	}
	if len(s.Readers) > 0 {
		a := allows(p)
		if a.reason != "" {
			return nil, a.reason
		}
		m.env, m.files = a.frontend == envMounts, a.by
		m.later = !m.env && len(s.Written) > 0
		m.edits = append(m.edits, a.edits...)
	}
	for _, r := range s.Readers {
		if reason := m.mount(r); reason != "" {
			return nil, reason
		}
	}
	if reason := m.remove(); reason != "" {
		return nil, reason
	}
	if run != nil {
		m.start(run.shim)
		m.safety = min(m.safety, rewrite.Review) // the container's start changes
		run.tell(file)
		m.needs = append(m.needs, run.needs...)
	}
	changes = append(changes, rewrite.Change{Path: p.File.Path, Edits: edit.Join(m.edits)})
	if in := m.holdsToo(); in != nil {
		return nil, fmt.Sprintf("line %d holds the same value in another place, where it would stay: take it out there first", in.Line)
	}
	fix.Changes = changes
	fix.Intents = m.intent.list()
	fix.Title = m.title(run)
	if !m.later {
		fix.Title += m.asFile(false).title()
	}
	fix.Safety = m.review()
	fix.Needs = strings.Join(m.needs, "; ")
	if id != "" {
		fix.Passes = []rewrite.Passed{{ID: id, File: file}}
	}
	if len(s.Written) > 0 {
		fix.Then, fix.ThenKey, fix.ThenSure = secretWritten, flow.MountKey(m.id), true
	}
	if m.later {
		fix.Last = m.asFile(!slices.ContainsFunc(s.Readers, func(r flow.Reader) bool { return !m.alwaysSet(r) })).convert
	}
	return fix, ""
}

// holdsToo returns an instruction with the value in a place that no fix of this secret
// touches: it would be in the image still.
func (m *move) holdsToo() *dockerfile.Instruction {
	if len(m.intent.Values) == 0 {
		return nil
	}
	value := m.s.Value.Reveal()
	for _, in := range m.p.File.Instructions {
		known := 0
		for _, o := range m.s.Origins {
			if o.In == in && (o.Kind == flow.Literal || o.Value.Known() && o.Value.Reveal() == value) {
				known++
			}
		}
		if strings.Count(string(m.p.File.Src[in.Start:in.End]), value) > known {
			return in
		}
	}
	return nil
}

// names returns every variable that carries the secret, sorted.
func names(s *flow.Secret) []string {
	var out []string
	for _, o := range s.Origins {
		if o.Kind != flow.Literal && !slices.Contains(out, o.Pair.Name) {
			out = append(out, o.Pair.Name)
		}
	}
	sort.Strings(out)
	return out
}

// refuse returns the first reason for which nothing can be done.
func (m *move) refuse() string {
	s := m.s
	if len(s.Doubts) > 0 {
		return because(s.Doubts[0])
	}
	if len(s.Uses) > 0 {
		u := s.Uses[0]
		return fmt.Sprintf("line %d: %s, which no mount can serve", u.In.Line, u.What)
	}
	for _, w := range s.Writes {
		// A file that the secret is written to is the next rule's part of the fix.
		if w.Leaves() && w.How == flow.Elsewhere {
			return fmt.Sprintf("line %d: %s, where a mount does not help", w.In.Line, w.What)
		}
	}
	if why := unreadable(m.p, names(s), s.Value.Known() && !s.Given && (s.Verdict == detect.Exposed || moved(m.p, s))); why != "" {
		return why
	}
	if len(s.Callers) > 0 {
		c := s.Callers[0]
		return fmt.Sprintf("%s names it as a build argument, in a way that is not understood: that must become a secret at the same time", at(c.Path, c.Line))
	}
	for _, o := range s.Origins {
		if o.Kind != flow.Env && o.Kind != flow.Arg {
			continue
		}
		if o.In.OnBuild && len(s.Readers) == 0 {
			return "builds of other projects, FROM this image, may read it (ONBUILD)"
		}
		if o.Pair.Name == "PATH" {
			return "without it programs are looked for in other folders"
		}
		if strings.ContainsRune(o.Pair.Value.Text, '\uFFFD') || o.Value.Known() && !utf8Valid(o.Value.Reveal()) {
			return "its value is not UTF-8"
		}
	}
	if moved(m.p, s) {
		return ""
	}
	return m.sentinel()
}

// start puts what a container starts with behind the shim, if there is one.
func (m *move) start(s *shim) {
	if s == nil {
		return
	}
	m.edits = append(m.edits, s.edits...)
	m.intent.Pieces, m.intent.Shims = s.pieces, s.shims
	if !slices.ContainsFunc(s.pieces, func(x proof.Piece) bool { return x.Name == "copy" }) {
		return
	}
	if syntax, _ := hereDocuments(m.p.File); len(m.s.Readers) == 0 {
		m.edits = append(m.edits, syntax...) // a reader's mount asks for no less
	}
}

func because(d flow.Doubt) string {
	if d.In == nil {
		return d.Why
	}
	return fmt.Sprintf("line %d: %s", d.In.Line, d.Why)
}

func utf8Valid(s string) bool { return strings.ToValidUTF8(s, "") == s }

// asFile is the secret where it comes as a file.
func (m *move) asFile(always bool) readFirst { return readFirst{id: m.id, always: always, by: m.files} }

// mount gives one reader its mounts.
func (m *move) mount(r flow.Reader) string {
	in := r.In
	var flags []string
	var guard strings.Builder
	x := m.asFile(m.alwaysSet(r))
	asFile := !m.env && !m.later || m.env && r.Unset && !m.required && !m.alwaysSet(r)
	have := in.Mounts()
	for _, n := range r.Names {
		if slices.ContainsFunc(have, func(x dockerfile.Mount) bool { return m.migrated(r, x, n) }) {
			continue
		}
		if !asFile {
			flag := "--mount=type=secret,id=" + m.id + ",env=" + n
			if m.required {
				flag += ",required=true"
			}
			flags = append(flags, flag)
			continue
		}
		if guard.Len() == 0 {
			flags = append(flags, x.flag(in, m.required, r.Run.As()))
		}
		guard.WriteString(x.read(n, m.required))
	}
	for _, n := range r.Names {
		guard.WriteString(m.exportDefault(r, n))
	}
	if guard.Len() > 0 {
		edits, reason := x.first(r.Run, guard.String(), m.intent)
		if reason != "" {
			return reason
		}
		m.edits = append(m.edits, edits...)
	}
	if m.def != "" {
		if reason := m.keepDefault(r); reason != "" {
			return reason
		}
	}
	if len(flags) > 0 {
		m.edits = append(m.edits, in.AddFlags(flags...))
	}
	return m.intent.mount(in, flags...)
}

// migrated reports whether a mount gives the RUN the variable already: as it is, or as
// a file that the RUN's text reads.
func (m *move) migrated(r flow.Reader, x dockerfile.Mount, name string) bool {
	if x.Type != "secret" || x.Opts["env"] == name {
		return x.Type == "secret"
	}
	target := x.Opts["target"]
	if target == "" {
		target = "/run/secrets/" + x.Opts["id"]
	}
	return x.Opts["env"] == "" && x.Opts["id"] == m.id && strings.Contains(r.Run.Text, target)
}

// alwaysSet reports whether the variable was set, if only to nothing, without being
// passed: then an empty mount is no change. ENV T=$T sets it always, ARG T does not.
func (m *move) alwaysSet(r flow.Reader) bool {
	if !slices.ContainsFunc(m.s.Origins, func(o flow.Origin) bool { return o.Kind == flow.Arg && !o.Pair.HasValue }) {
		return true
	}
	before := r.In.Stage.History(r.In)
	return !slices.ContainsFunc(r.Names, func(n string) bool {
		return !slices.ContainsFunc(m.s.Origins, func(o flow.Origin) bool {
			return o.Kind == flow.Env && o.Pair.Name == n && slices.Contains(before, o.In)
		})
	})
}

// remove takes the declarations out.
func (m *move) remove() string {
	byIn := map[*dockerfile.Instruction][]dockerfile.Word{}
	var order []*dockerfile.Instruction
	for _, o := range m.s.Origins {
		if o.Kind == flow.Literal {
			continue
		}
		if byIn[o.In] == nil {
			order = append(order, o.In)
		}
		byIn[o.In] = append(byIn[o.In], o.Pair.Word)
	}
	var whole []*dockerfile.Instruction
	for _, in := range order {
		var all []dockerfile.Word
		for _, p := range in.Pairs() {
			all = append(all, p.Word)
		}
		if len(byIn[in]) == len(all) {
			whole = append(whole, in)
			continue
		}
		edits := in.DeleteWords(byIn[in], all)
		if edits == nil {
			return fmt.Sprintf("line %d: the words beside it hang on their white space", in.Line)
		}
		m.edits = append(m.edits, edits...)
		for _, w := range byIn[in] {
			name, _, _ := strings.Cut(w.Text, "=")
			m.intent.Variables = append(m.intent.Variables, proof.Variable{Instruction: in.Index, Name: name})
		}
	}
	m.edits = append(m.edits, m.p.File.Delete(whole...)...)
	m.intent.gone(whole...)
	m.intent.Secrets = names(m.s)
	return m.substitute()
}

func (m *move) title(run *running) string {
	s := m.s
	switch {
	case run != nil && len(s.Readers) == 0:
		return run.title()
	case len(s.Readers) == 0:
		return "remove " + s.Name
	}
	if len(s.Written) > 0 {
		return "mount " + s.Name + " as a secret"
	}
	var lines []string
	for _, r := range s.Readers {
		lines = append(lines, fmt.Sprint(r.In.Line))
	}
	word := "RUN in line "
	if len(lines) > 1 {
		word = "RUNs in lines "
	}
	where := "as a secret on the " + word + strings.Join(lines, ", ")
	if run != nil {
		return run.title() + "; mount it " + where
	}
	return "mount " + s.Name + " " + where
}

// review lowers the safety for each thing that a person should look at, and says what.
func (m *move) review() rewrite.Safety {
	s := m.s
	lower := func(format string, args ...any) {
		m.safety = min(m.safety, rewrite.Review)
		need := fmt.Sprintf(format, args...)
		if !slices.Contains(m.needs, need) {
			m.needs = append(m.needs, need)
		}
	}
	lines := map[string][]string{}
	var opaque []string
	for _, r := range s.Readers {
		written := slices.ContainsFunc(s.Written, func(w *flow.Written) bool {
			return slices.ContainsFunc(w.Readers, func(x flow.FileReader) bool { return x.In == r.In })
		})
		if r.How == flow.Opaque && !written {
			if lines[r.Program] == nil {
				opaque = append(opaque, r.Program)
			}
			lines[r.Program] = append(lines[r.Program], fmt.Sprint(r.In.Line))
			for _, n := range names(s) {
				if !slices.Contains(r.Names, n) && n == s.Name {
					lower("check that %s (line %d) does not read it as %s", r.Program, r.In.Line, n)
				}
			}
		}
		if r.In.OnBuild {
			lower("builds FROM this image must pass the secret: docker build --secret id=%s", m.id)
			least := "1.10"
			if !m.env {
				least = "1.2"
			}
			lower("their Dockerfiles need a frontend of %s or later: where the builder's own is older, # syntax=docker/dockerfile:1 as first line", least)
		}
	}
	for _, program := range opaque {
		line := "line "
		if len(lines[program]) > 1 {
			line = "lines "
		}
		lower("check that %s (%s%s) needs %s: drop the mount where it does not", program, line, strings.Join(lines[program], ", "), s.Name)
	}
	for _, w := range s.Writes {
		if !w.Leaves() {
			lower("line %d: %s", w.In.Line, w.What)
		}
	}
	for _, o := range s.Origins {
		if s.Exposure == flow.Build && o.Kind == flow.Env && o.In.Stage != nil && slices.Contains(m.p.File.Final().Lineage(), o.In.Stage) {
			lower("the running container no longer has %s", o.Pair.Name)
		}
	}
	return m.safety
}
