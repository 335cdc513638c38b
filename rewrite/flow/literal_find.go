package flow

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// literalsIn finds the literals of one instruction.
func (a *analysis) literalsIn(in *dockerfile.Instruction) []*literal {
	if in.Stage == nil {
		return nil
	}
	switch in.Name {
	case "run":
		return a.inRun(in, a.run(in))
	case "cmd", "entrypoint", "healthcheck":
		r := readStart(in)
		var out []*literal
		for _, l := range a.inRun(in, r) {
			l.run, l.doubt = nil, "the container runs it: give it the value in an environment variable or a file when it starts"
			out = append(out, l)
		}
		return out
	case "label":
		return a.inLabel(in)
	case "copy", "add":
		return a.inCopy(in)
	}
	return nil
}

// readStart reads what a container starts.
func readStart(in *dockerfile.Instruction) *Run {
	if in.Name != "healthcheck" {
		return readRun(in)
	}
	// HEALTHCHECK CMD …: what follows is a command of either form.
	r := &Run{In: in, Why: "no command"}
	text := in.ArgText()
	if len(text) < 4 || !strings.EqualFold(text[:3], "cmd") {
		return r
	}
	rest := strings.TrimLeft(text[3:], " \t")
	if strings.HasPrefix(rest, "[") {
		rest = strings.NewReplacer(`["`, "'", `"]`, "'", `", "`, "' '", `","`, "' '").Replace(rest)
		r.Text, r.pieces = rest, nil
	} else {
		r.Text, r.pieces = rest, []piece{{0, in.Args + len(text) - len(rest), 0, false}}
	}
	if s, err := shell.Parse(r.Text, dialectOf(in)); err == nil {
		r.Script, r.Why = s, ""
	}
	return r
}

// inRun finds the literals of a command in any form.
func (a *analysis) inRun(in *dockerfile.Instruction, r *Run) []*literal {
	f := &finder{a: a, in: in, r: r}
	switch {
	case r.Script != nil:
		f.script()
	case r.Exec != nil:
		f.exec()
	default:
		f.scan(r.Text)
		for _, l := range f.found {
			l.run, l.doubt = nil, r.Why
		}
	}
	for _, l := range f.found {
		if in.OnBuild {
			l.doubt = "builds of other projects, FROM this image, run it (ONBUILD)"
		}
	}
	return f.found
}

// finder collects the literals of one RUN.
type finder struct {
	a     *analysis
	in    *dockerfile.Instruction
	r     *Run
	found []*literal
}

// text is what the spans count in.
func (f *finder) text() string {
	if f.r.Script != nil {
		return f.r.Script.Text
	}
	return f.r.Text
}

func (f *finder) script() {
	s := f.r.Script
	for _, c := range s.Commands {
		for _, x := range credentialsOf(programOf(c), ownArgs(s, c)) {
			f.credential(c, x)
		}
		for _, as := range c.Assigns {
			f.assigned(as, c)
		}
		f.fed(c)
	}
	for _, as := range s.Assigns {
		f.assigned(as, as.Command)
	}
	f.scan(s.Text)
	slices.SortStableFunc(f.found, func(x, y *literal) int { return x.span.Start - y.span.Start })
}

// programOf is a command's program; of $JAVA_HOME/bin/keytool, the end.
func programOf(c *shell.Command) string {
	if c.Program != "" {
		return c.Program
	}
	if i := strings.LastIndexByte(c.Path, '/'); i >= 0 && !strings.ContainsAny(c.Path[i:], "$`\"'\\") {
		return c.Path[i+1:]
	}
	return ""
}

// ownArgs leaves out what belongs to a command that this one only runs.
func ownArgs(s *shell.Script, c *shell.Command) []shell.Word {
	args := c.Args
	for _, x := range s.Commands {
		if x.Parent == c && x.In&shell.InString == c.In&shell.InString {
			if i := slices.IndexFunc(args, func(w shell.Word) bool { return w.Start >= x.Start }); i >= 0 && x.End <= c.End {
				args = args[:i]
			}
		}
	}
	return args
}

// add keeps a literal unless it was found already.
func (f *finder) add(l *literal) {
	if l.value == "" || slices.ContainsFunc(f.found, func(x *literal) bool { return x.span.Start < l.span.End && l.span.Start < x.span.End }) {
		return
	}
	l.in, l.run = f.in, f.r
	if l.at == (shell.Span{}) {
		l.at = f.place(l.span)
	}
	if text := f.text(); l.doubt == "" && (l.span.End > len(text) || text[l.span.Start:l.span.End] != l.value) {
		l.doubt = "it is written with quotes or escapes in it, which a variable would not have"
	}
	if !utf8.ValidString(l.value) {
		l.doubt = "it is not UTF-8"
	}
	if l.label == (shell.Span{}) {
		l.label.Start, l.label.End = f.in.Span(0, f.in.Keyword)
	}
	f.found = append(f.found, l)
}

// place is a span of the script in the file.
func (f *finder) place(s shell.Span) shell.Span {
	if start, end, ok := f.r.Source(s.Start, s.End); ok {
		return shell.Span{Start: start, End: end}
	}
	return shell.Span{}
}

// credential adds what stands in a word of a command.
func (f *finder) credential(c *shell.Command, x credential) {
	text := wordText(x.word)
	l := &literal{value: text[x.from:x.to], what: x.what, name: x.name, own: x.own, flag: x.flag, class: x.class, account: x.account, hash: x.hash, crypted: x.crypted, command: c}
	l.span = locate(f.text(), x.word, x.from, x.to)
	if l.class == detect.Ordinary && (wordy(l.value) || f.a.firstPassword(l.value) || likeItsUser(c.Args, l.value)) {
		l.class = detect.Weak
	}
	if m := detect.Scan([]byte(l.value)); !l.crypted && len(m) == 1 && m[0].Start == 0 && m[0].End == len(l.value) {
		if name := detect.ProviderVariable(m[0].Kind); name != "API_TOKEN" && name != "API_CREDENTIALS" {
			l.what, l.name, l.own = m[0].Kind, name, false
		}
	}
	if x.label < 0 {
		l.label = f.place(shell.Span{Start: x.before.Start, End: x.before.End})
	} else if name := strings.TrimRight(text[x.label:x.from], "=: \t"); name != "" {
		l.label = f.place(locate(f.text(), x.word, x.label, x.label+len(name)))
	}
	f.add(l)
}

// locate finds a part of a word's value in the script: as it stands there, or, where it is
// written with quotes or escapes in it, the whole word.
func locate(script string, w shell.Word, from, to int) shell.Span {
	raw, text := script[w.Start:w.End], wordText(w)
	part := text[from:to]
	count := func(s string, before int) (n int, at []int) {
		for i := 0; i+len(part) <= len(s); i++ {
			if strings.HasPrefix(s[i:], part) {
				if i < before {
					n++
				}
				at = append(at, i)
			}
		}
		return n, at
	}
	nth, all := count(text, from)
	_, there := count(raw, 0)
	if part == "" || len(all) != len(there) {
		return shell.Span{Start: w.Start, End: w.End}
	}
	return shell.Span{Start: w.Start + there[nth], End: w.Start + there[nth] + len(part)}
}

// assigned adds the value of a variable that is named like a secret.
func (f *finder) assigned(as shell.Assign, c *shell.Command) {
	v := as.Value
	if !v.IsLit || v.Lit == "" || as.Array || as.Append || detect.Name(as.Name) != detect.Secret || strings.Contains(v.Lit, "://") {
		return
	}
	l := &literal{value: v.Lit, what: "value of " + as.Name, name: as.Name, class: detect.Value(as.Name, v.Lit), command: c, assign: as.Name}
	if l.class == detect.Ordinary && (wordy(v.Lit) || f.a.firstPassword(v.Lit)) {
		l.class = detect.Weak
	}
	l.span = locate(f.text(), v, 0, len(v.Lit))
	l.label = f.place(shell.Span{Start: as.Start, End: as.Start + len(as.Name)})
	f.add(l)
}

// scan adds what its form gives away, wherever it stands in the text.
func (f *finder) scan(text string) {
	for _, m := range detect.Scan([]byte(text)) {
		span := shell.Span{Start: m.Start, End: m.End}
		if f.r.Script != nil && slices.ContainsFunc(f.r.Script.Comments, func(c shell.Span) bool { return c.Start < m.End && m.Start < c.End }) {
			continue
		}
		l := &literal{value: text[m.Start:m.End], what: m.Kind, name: detect.ProviderVariable(m.Kind), class: detect.Live, span: span}
		begin, end := m.Start, m.Start
		switch m.Kind {
		case "URL password", "URL token":
			l.own = true
			l.name = "URL_" + upper(strings.TrimPrefix(m.Kind, "URL "))
			if at := strings.IndexByte(text[m.End:], '@'); at >= 0 {
				if host := hostOf([]string{"x://" + text[m.End+at+1:]}); host != "" {
					l.name = host + strings.TrimPrefix(l.name, "URL")
				}
			}
			begin = max(0, strings.LastIndex(text[:m.Start], "://"))
			for begin > 0 && (text[begin-1]|0x20 >= 'a' && text[begin-1]|0x20 <= 'z' || text[begin-1] == '+') {
				begin--
			}
		default:
			end = m.Start + len(strings.TrimSuffix(detect.Mask(l.value), "***"))
		}
		if f.r.Script != nil {
			l.command, l.assign = f.holder(span)
			if c := l.command; c != nil && begin == end {
				begin, end = c.Start, c.Start+len(c.Path)
			}
		}
		if f.r.Script == nil {
			l.at = shell.Span{}
		} else if begin < end {
			l.label = f.place(shell.Span{Start: begin, End: end})
		}
		switch {
		case m.Kind == "private key":
			l.doubt = "a key has more than one line: mount it as a file where it is read"
		case strings.ContainsAny(l.value, "\\'\"$`") && !f.asWritten(span):
			l.doubt = "it is written with escapes, which a variable would not have"
		}
		f.add(l)
	}
}

// asWritten reports whether a span of the script is its own value: it stands so in a word
// that has no variables.
func (f *finder) asWritten(sp shell.Span) bool {
	if f.r.Script == nil {
		return false
	}
	value := f.text()[sp.Start:sp.End]
	for _, w := range wordsAround(f.r.Script, sp) {
		if w.IsLit && strings.Contains(w.Lit, value) {
			return true
		}
	}
	return false
}

// wordsAround returns the words that hold a span.
func wordsAround(s *shell.Script, sp shell.Span) []shell.Word {
	var out []shell.Word
	add := func(w shell.Word) {
		if w.Start <= sp.Start && sp.End <= w.End {
			out = append(out, w)
		}
	}
	for _, c := range s.Commands {
		for _, w := range c.Args {
			add(w)
		}
		for _, as := range c.Assigns {
			add(as.Value)
		}
	}
	for _, as := range s.Assigns {
		add(as.Value)
	}
	return out
}

// holder is the innermost command whose words or here-document hold a span, and the
// variable that is assigned there.
func (f *finder) holder(sp shell.Span) (c *shell.Command, assign string) {
	s := f.r.Script
	in := func(start, end int) bool { return start <= sp.Start && sp.End <= end }
	for _, x := range s.Commands {
		holds := in(x.Start, x.End)
		for _, d := range x.Redirs {
			holds = holds || in(d.Body.Start, d.Body.End)
		}
		if holds && (c == nil || x.Start >= c.Start) {
			c = x
		}
	}
	for _, as := range s.Assigns {
		if in(as.Value.Start, as.Value.End) {
			return as.Command, as.Name
		}
	}
	if c != nil {
		for _, as := range c.Assigns {
			if in(as.Value.Start, as.Value.End) {
				return c, as.Name
			}
		}
	}
	return c, ""
}

// exec finds the literals of the exec form: there is no shell that could read a variable.
func (f *finder) exec() {
	elements, ok := f.in.Elements()
	if !ok || len(f.r.cmds) == 0 || len(elements) != len(f.r.Exec) {
		f.scan(f.r.Text)
	} else {
		var args []shell.Word
		for _, e := range elements[1:] {
			args = append(args, shell.Word{Start: e.Start, End: e.End, Text: f.in.Text[e.Start:e.End], Lit: e.Text, IsLit: true})
		}
		for _, x := range credentialsOf(f.r.cmds[0].program, args) {
			f.element(x)
		}
		for _, w := range args {
			for _, m := range detect.Scan([]byte(w.Lit)) {
				f.element(credential{word: w, from: m.Start, to: m.End, what: m.Kind, name: detect.ProviderVariable(m.Kind), class: detect.Live})
			}
		}
	}
	for _, l := range f.found {
		l.run, l.doubt = nil, "the exec form has no shell that could read it from a variable: write the command as a shell command, or give the program a file or a variable to read"
	}
}

// element adds what stands in an element of the exec form; spans are of the instruction's text.
func (f *finder) element(x credential) {
	l := &literal{value: x.word.Lit[x.from:x.to], what: x.what, name: x.name, own: x.own, class: x.class, span: locate(f.in.Text, x.word, x.from, x.to)}
	l.at.Start, l.at.End = f.in.Span(l.span.Start, l.span.End)
	if x.label < 0 {
		l.label.Start, l.label.End = f.in.Span(x.before.Start, x.before.End)
	}
	if l.class == detect.Ordinary && (wordy(l.value) || f.a.firstPassword(l.value)) {
		l.class = detect.Weak
	}
	l.doubt = "exec"
	f.add(l)
}

// inLabel finds the literals of a LABEL.
func (a *analysis) inLabel(in *dockerfile.Instruction) []*literal {
	var out []*literal
	for _, p := range in.Pairs() {
		e, err := a.file.Expand(p.Value.Text, nil)
		if err != nil || a.file.HasVariable(p.Value.Text) {
			e.Value = p.Value.Text
		}
		l := &literal{in: in, value: e.Value, what: "value of the label " + p.Name, name: upper(p.Name), class: detect.Live,
			doubt: "a label is for everybody to read: take it out"}
		l.label.Start, l.label.End = in.Span(p.Start, p.Start+len(p.Name))
		if detect.Name(p.Name) != detect.Secret || detect.Variable(p.Name, e.Value, true) != detect.Exposed {
			found := detect.Scan([]byte(e.Value))
			if len(found) == 0 {
				continue
			}
			l.value, l.what, l.name = e.Value[found[0].Start:found[0].End], found[0].Kind, detect.ProviderVariable(found[0].Kind)
		}
		l.at.Start, l.at.End = in.Span(p.Value.Start, p.Value.End)
		out = append(out, l)
	}
	return out
}

// inCopy finds the literals of a file that COPY or ADD writes.
func (a *analysis) inCopy(in *dockerfile.Instruction) []*literal {
	var out []*literal
	for _, h := range in.Heredocs {
		for _, m := range detect.Scan(a.file.Src[h.Start:h.End]) {
			l := &literal{in: in, value: string(a.file.Src[h.Start+m.Start : h.Start+m.End]), what: m.Kind, name: detect.ProviderVariable(m.Kind), class: detect.Live,
				at: shell.Span{Start: h.Start + m.Start, End: h.Start + m.End}, doubt: "the file that it writes is a part of the image: mount the file where it is read"}
			l.label.Start, l.label.End = in.Span(0, in.Keyword)
			out = append(out, l)
		}
	}
	return out
}
