package flow

import (
	"bytes"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// literal is a secret that stands in the text of an instruction.
type literal struct {
	in      *dockerfile.Instruction
	run     *Run       // nil where no shell could read a variable in its place
	span    shell.Span // in the script
	at      shell.Span // in the file; empty where its bytes cannot be told
	label   shell.Span // in the file: what names it
	value   string
	class   detect.ValueClass
	what    string         // "GitHub token", "curl -u"
	name    string         // of the variable that it gets
	own     bool           // name is made up, of a host say: no program reads it
	flag    bool           // name is PROGRAM_FLAG
	account bool           // the password of an account of the image
	hash    bool           // a hash of it stays
	crypted bool           // it is a hash, and stays
	command *shell.Command // whose words hold it
	assign  string         // the variable whose value holds it
	doubt   string         // why no variable can stand in its place
}

// leastLiteral is the length from which a value is looked for everywhere, once it is
// known to be a secret: a shorter one is a word by chance.
const leastLiteral = 8

// literals finds the secrets that stand in the text of instructions. One that is a
// variable's value too becomes a part of that variable's flow.
func (a *analysis) literals(known []*Secret) []*Secret {
	var found []*literal
	for _, in := range a.file.Instructions {
		if hinted(a.file.Src[in.Start:in.End]) {
			found = append(found, a.literalsIn(in)...)
		}
	}
	exposed := map[string]*Secret{} // by a value of theirs
	var order []string
	for _, s := range known {
		for _, o := range s.Origins {
			if v := o.Value.Reveal(); (o.Kind == Arg || o.Kind == Env) && s.Verdict == detect.Exposed && len(v) >= leastLiteral && exposed[v] == nil {
				exposed[v] = s
				order = append(order, v)
			}
		}
	}
	secrets := a.addresses(known)
	if len(found) == 0 && len(exposed) == 0 {
		return secrets
	}
	byValue := map[string][]*literal{}
	for _, l := range found {
		if exposed[l.value] == nil && !l.reported() {
			continue
		}
		if byValue[l.value] == nil && exposed[l.value] == nil {
			order = append(order, l.value)
		}
		byValue[l.value] = append(byValue[l.value], l)
	}
	// The longer one first: a value may stand in another.
	slices.SortStableFunc(order, func(v, w string) int { return len(w) - len(v) })
	for _, v := range order {
		if exposed[v] == nil && !slices.ContainsFunc(byValue[v], (*literal).live) {
			continue
		}
		byValue[v] = append(byValue[v], a.elsewhere(v, byValue)...)
	}
	for _, l := range found {
		group := byValue[l.value]
		if len(group) == 0 || exposed[l.value] != nil {
			continue
		}
		delete(byValue, l.value)
		secrets = append(secrets, a.literal(group, append(slices.Clone(known), secrets...)))
	}
	for _, s := range known {
		for _, o := range s.Origins {
			if v := o.Value.Reveal(); exposed[v] == s && len(byValue[v]) > 0 {
				a.join(s, byValue[v])
				delete(byValue, v)
			}
		}
	}
	return secrets
}

// reported says whether a literal is a finding by itself: a live one, or the password of
// an account of the image, which anybody can guess.
func (l *literal) reported() bool {
	return l.live() || l.crypted || l.account && l.class != detect.Harmless && l.class != detect.Empty
}

func (l *literal) live() bool { return l.class == detect.Live || l.class == detect.Ordinary }

// elsewhere finds further places of a value that is known to be a secret.
func (a *analysis) elsewhere(value string, known map[string][]*literal) []*literal {
	if len(value) < leastLiteral || !bytes.Contains(a.file.Src, []byte(value)) {
		return nil
	}
	var out []*literal
	for _, in := range a.file.Instructions {
		if in.Name != "run" || in.Stage == nil || !bytes.Contains(a.file.Src[in.Start:in.End], []byte(value)) {
			continue
		}
		r := a.run(in)
		f := &finder{a: a, in: in, r: r}
		for _, group := range known {
			for _, l := range group {
				if l.in == in {
					f.found = append(f.found, l)
				}
			}
		}
		had := len(f.found)
		for from := 0; ; {
			i := strings.Index(f.text()[from:], value)
			if i < 0 {
				break
			}
			span := shell.Span{Start: from + i, End: from + i + len(value)}
			from = span.End
			l := &literal{value: value, class: detect.Live, span: span}
			switch {
			case r.Script == nil && r.Why != "":
				l.doubt = r.Why
			case r.Script == nil:
				l.doubt = "the exec form has no shell that could read it from a variable"
			case slices.ContainsFunc(r.Script.Comments, func(c shell.Span) bool { return c.Start <= span.Start && span.End <= c.End }):
				continue
			default:
				l.command, l.assign = f.holder(span)
				if strings.ContainsAny(value, "\\'\"$`") && !f.asWritten(span) {
					l.doubt = "it is written with escapes, which a variable would not have"
				}
			}
			f.add(l)
		}
		out = append(out, f.found[had:]...)
	}
	return out
}

// literal draws the flow of one value.
func (a *analysis) literal(group []*literal, others []*Secret) *Secret {
	first := group[0]
	s := &Secret{File: a.file, Value: NewValue(first.value), Verdict: detect.Dummy}
	for _, l := range group {
		if l.live() {
			s.Verdict = detect.Exposed
		}
	}
	s.Name = a.literalName(first.name, others)
	s.ID = s.Name
	s.Builders = compose.Builders(a.project.Compose(), a.file.Path)
	a.places(s, group, a.variableFor(s.Name, group, first.own))
	a.files(s)
	return s
}

// join makes the places of a variable's value a part of its flow.
func (a *analysis) join(s *Secret, group []*literal) {
	byRun := map[*dockerfile.Instruction][]*literal{}
	var order []*dockerfile.Instruction
	for _, l := range group {
		if byRun[l.in] == nil {
			order = append(order, l.in)
		}
		byRun[l.in] = append(byRun[l.in], l)
	}
	for _, in := range order {
		var as string
		if i := slices.IndexFunc(s.Readers, func(r Reader) bool { return r.In == in }); i >= 0 {
			as = s.Readers[i].Names[0]
		} else {
			as = a.variableFor(s.Name, byRun[in], false)
		}
		a.places(s, byRun[in], as)
	}
	s.Written = nil
	a.files(s)
}

// places adds the places of a literal to a secret; as is the variable that stands there
// from then on.
func (a *analysis) places(s *Secret, group []*literal, as string) {
	uses := map[*Run][]shell.Use{}
	var order []*Run
	for _, l := range group {
		s.Origins = append(s.Origins, Origin{Kind: Literal, In: l.in, Run: l.run, Span: l.span, At: l.at, Label: l.label, Value: NewValue(l.value), As: as, What: l.what, Hash: l.crypted})
		if l.doubt != "" {
			s.doubt(l.in, l.doubt)
			continue
		}
		if uses[l.run] == nil {
			order = append(order, l.run)
		}
		uses[l.run] = append(uses[l.run], shell.Use{Name: as, Start: l.span.Start, End: l.span.End, Command: l.command, Assign: l.assign})
	}
	for _, r := range order {
		s.Writes = append(s.Writes, r.writesOf(uses[r])...)
		for _, l := range group {
			if c := l.command; l.hash && l.run == r && !slices.ContainsFunc(s.Writes, func(w Write) bool { return w.In == r.In && w.Hashed }) {
				s.Writes = append(s.Writes, Write{In: r.In, What: keepsHash(programOf(c)), Hashed: true, Run: r})
			}
		}
		for _, u := range uses[r] {
			if u.Assign == "" || u.Command == nil || u.Command.Path == "export" {
				continue
			}
			if c := toCommand(u.Command); classOf(c.program, c.args) == opaque && !passesOn(c.program) {
				s.Writes = append(s.Writes, Write{In: r.In, What: c.name() + " is given it and may keep it", Unsure: true, Run: r})
			}
		}
		if file := r.dumps(); file != "" {
			s.Writes = append(s.Writes, Write{In: r.In, What: "writes its whole environment to " + file, Run: r})
		}
		i := slices.IndexFunc(s.Readers, func(x Reader) bool { return x.In == r.In })
		if i < 0 {
			s.Readers = append(s.Readers, Reader{In: r.In, How: Named, Run: r, Program: "$" + as})
			i = len(s.Readers) - 1
		}
		rd := &s.Readers[i]
		rd.How = Named
		if !slices.Contains(rd.Names, as) {
			rd.Names = append(rd.Names, as)
			slices.Sort(rd.Names)
		}
	}
	slices.SortStableFunc(s.Readers, func(x, y Reader) int { return x.In.Index - y.In.Index })
}
