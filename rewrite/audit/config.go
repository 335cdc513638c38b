package audit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rules/detect"
)

// config audits what is in no layer: the environment, labels, commands, the history. One
// value is one finding, in the first of these that has it.
func (a *auditor) config(p *image.Platform, steps []*step) []*Finding {
	c := &configAudit{a: a}
	for _, env := range p.Parsed.Env {
		name, value, _ := strings.Cut(env, "=")
		c.variable(Env, "ENV "+name, name, value, nil)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Parsed.Labels)) {
		c.variable(Label, "the label "+name, name, p.Parsed.Labels[name], nil)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Annotations)) {
		c.variable(Label, "the annotation "+name, name, p.Annotations[name], nil)
	}
	for _, x := range []struct {
		what  string
		words []string
	}{{"ENTRYPOINT", p.Parsed.Entrypoint}, {"CMD", p.Parsed.Cmd}} {
		if len(x.words) > 0 {
			c.command(Command, x.what, x.what+" "+array(x.words), nil)
		}
	}
	if h := p.Parsed.Healthcheck; h != nil && len(h.Test) > 1 {
		words := h.Test[1:]
		if h.Test[0] == "CMD-SHELL" {
			words = []string{"/bin/sh", "-c", h.Test[1]}
		}
		c.command(Command, "HEALTHCHECK", "HEALTHCHECK CMD "+array(words), nil)
	}
	for _, on := range p.Parsed.OnBuild {
		c.command(Command, "ONBUILD", "ONBUILD "+on, nil)
	}
	for _, s := range steps {
		c.step(s)
	}
	// What is left are fields of which only the builder knows what is in them.
	c.known(Config, "the image configuration", a.deep(p.Config), nil)
	return c.found
}

// array is a JSON array, as the exec form is written.
func array(words []string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(words) != nil {
		return "[]"
	}
	return strings.TrimSpace(b.String())
}

// configAudit collects the findings of one configuration.
type configAudit struct {
	a     *auditor
	found []*Finding
}

// once adds a finding, or joins it to the one that tells of the same value. s is the step
// of the history that has it, if one does.
func (c *configAudit) once(kind Kind, subject string, f *Finding, s *step) {
	f.Kind, f.Subject = kind, subject
	old := f
	i := slices.IndexFunc(c.found, func(x *Finding) bool { return x.tells(f) })
	if i >= 0 {
		old = c.found[i]
	} else {
		c.found = append(c.found, f)
	}
	if s != nil && f.Note {
		s.weak = append(s.weak, f.value)
	}
	if s == nil || old.last == s {
		return
	}
	old.last = s
	switch {
	case old.Step == 0:
		old.Step = s.n
	case old.Kind == Env && s.word == "env", old.Kind == Label && s.word == "label", old.Kind == Command && s.word == strings.ToLower(old.Subject):
		old.Step = s.n // that is where it gets there; a build argument may have had it before
		old.More++
	default:
		old.More++
	}
}

// tells reports whether two findings are of one value. A weak one is only where its name
// is the same too: many things are called root.
func (f *Finding) tells(x *Finding) bool {
	switch {
	case f.hash != nil || x.hash != nil:
		return f.hash == x.hash
	case f.Note || x.Note:
		return f.value == x.value && f.Secret == x.Secret
	}
	return f.value != "" && f.value == x.value
}

// known adds the known values among hits.
func (c *configAudit) known(kind Kind, subject string, h *hits, s *step) bool {
	only := hits{known: h.known}
	for _, f := range c.a.found(&only, "") {
		c.once(kind, subject, f, s)
	}
	return len(h.known) > 0
}

// variable judges a value by its name and its form.
func (c *configAudit) variable(kind Kind, subject, name, value string, s *step) {
	hits := c.a.text([]byte(value))
	if c.known(kind, subject, hits, s) {
		return
	}
	verdict := detect.Variable(name, value, true)
	if kind == Label && verdict != detect.Exposed || verdict < detect.Dummy {
		return
	}
	f := &Finding{What: "a secret", Shown: detect.Mask(value), Secret: name, value: value}
	switch {
	case verdict == detect.Dummy:
		f.Note, f.What = true, "a weak or made-up value"
	case len(hits.kinds) > 0:
		f.What, f.Shown = article(hits.kinds[0].kind), detect.Mask(hits.kinds[0].value)
	}
	c.once(kind, subject, f, s)
}

// command judges the text of an instruction that holds a command.
func (c *configAudit) command(kind Kind, subject, instruction string, s *step) {
	hits := c.a.text([]byte(instruction))
	c.known(kind, subject, hits, s)
	for _, f := range literals(instruction) {
		c.once(kind, subject, f, s)
	}
	c.kinds(kind, subject, instruction, hits, s)
}

// kinds adds what the form of a text gives away. What is a part of a value that is found
// already, and stands here whole, is that value: the password of a URL.
func (c *configAudit) kinds(kind Kind, subject, text string, h *hits, s *step) {
	for _, k := range h.kinds {
		f := &Finding{What: article(k.kind), Shown: detect.Mask(k.value), Secret: detect.ProviderVariable(k.kind), value: k.value}
		for _, x := range c.found {
			if strings.Contains(x.value, k.value) && strings.Contains(text, x.value) {
				f.value = x.value
			}
		}
		c.once(kind, subject, f, s)
	}
}

// step judges one entry of the history.
func (c *configAudit) step(s *step) {
	const where = "the history"
	switch s.word {
	case "env", "label":
		for _, p := range s.pairs() {
			subject, kind := "an ENV "+p.name+" in the history", History
			if s.word == "label" {
				subject, kind = "a label "+p.name+" in the history", Label
			}
			n := len(c.found)
			c.variable(kind, subject, p.name, p.value, s)
			for _, f := range c.found[n:] {
				f.Kind = History
			}
		}
	case "arg":
		for _, p := range s.pairs() {
			c.variable(History, "the build argument "+p.name, p.name, p.value, s)
		}
	case "run":
		for _, p := range s.args {
			c.variable(History, "the build argument "+p.name, p.name, p.value, s)
		}
		text := "RUN " + s.rest
		if s.shell || s.legacy {
			text = script(s.rest)
		}
		c.command(History, where, text, s)
	default:
		c.command(History, where, s.shown(), s)
	}
	c.known(History, where, c.a.text([]byte(s.text+"\n"+s.other)), s)
}
