package rewrite

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// masks hides values in everything that is printed: those that an analysis has seen,
// wherever they stand, and whatever has a provider's form or stands behind a secret's
// name. Two values are told apart by an ordinal of the run; a hash of a short password
// is guessed in a second.
type masks struct {
	ordinal map[string]int // effective value → its number
	known   map[string]mask
	sorted  []mask // longest first, then by text: the same on every run
}

// mask is one text as it can stand in a file.
type mask struct {
	text, shown string
	word        bool // only where no letter or digit follows: a short text behind its name
}

func newMasks() *masks {
	return &masks{ordinal: map[string]int{}, known: map[string]mask{}}
}

// everywhere is the length from which a secret is replaced wherever it stands.
const everywhere = 6

// add learns the values of one state.
func (m *masks) add(st *state) {
	for _, s := range st.secrets {
		for _, svc := range s.Builders {
			m.arguments(svc)
		}
		for _, o := range s.Origins {
			if o.Kind == flow.Literal {
				m.literal(s, o)
				continue
			}
			if o.Kind == flow.Copy || !o.Pair.HasValue || o.From != "" {
				continue
			}
			value := o.Pair.Value.Text
			if o.Value.Known() {
				value = o.Value.Reveal()
			}
			// The value as its bytes stand in the file, line by line where it is continued.
			start, end := o.In.Span(o.Pair.Value.Start, o.Pair.Value.End)
			raw := s.File.Src[start:end]
			m.learn(o.Pair.Name, value, s.Verdict != detect.Dummy, o.Pair.Value.Text, string(raw))
			if bytes.IndexByte(raw, '\n') < 0 {
				continue
			}
			for line := range bytes.Lines(raw) {
				line = bytes.TrimSpace(line)
				if bytes.HasSuffix(line, []byte{s.File.Escape}) && len(line) > 1 {
					m.keep(mask{text: string(line), shown: m.shown(value) + string(s.File.Escape)})
				}
			}
		}
	}
	for _, f := range st.findings {
		for _, l := range f.Literals {
			if l.weak || len(l.value) < everywhere {
				m.learn(l.Name, l.value, !l.weak, l.texts...)
			} else { // a rule has found out that it is a secret, whatever its name says
				m.forms(l.Name, l.value, everywhere, l.texts)
			}
			for _, b := range l.behind {
				m.keep(mask{b[0] + b[1], b[0] + m.shown(l.value), true})
			}
		}
	}
	m.sort()
}

// literal learns a value in the text of an instruction. A weak one is a word like any
// other elsewhere, and is kept behind what names it.
func (m *masks) literal(s *flow.Secret, o flow.Origin) {
	value, src := o.Value.Reveal(), s.File.Src
	raw := string(src[o.At.Start:o.At.End])
	if s.Verdict != detect.Exposed {
		if o.Label.End <= o.At.Start && bytes.IndexByte(src[o.Label.Start:o.At.End], '\n') < 0 {
			m.keep(mask{string(src[o.Label.Start:o.At.End]), string(src[o.Label.Start:o.At.Start]) + m.shown(value), true})
		}
		return
	}
	moved, _ := strings.CutPrefix(s.Value.Reveal(), "Basic ") // user and password, as a header has them
	for _, t := range []string{value, raw, moved, url.QueryEscape(value), url.PathEscape(value)} {
		shown := m.shown(value)
		for line := range strings.Lines(t) {
			if line = strings.Trim(strings.TrimSpace(line), "\\`"); len(line) >= everywhere {
				m.keep(mask{line, shown, false})
			}
		}
		if len(t) >= everywhere {
			m.keep(mask{t, shown, false})
		}
	}
}

// arguments learns what a compose service passes under a secret's name.
func (m *masks) arguments(svc *compose.Service) {
	if svc.Build == nil {
		return
	}
	for _, a := range svc.Build.Args {
		if kind, _ := a.Source(); kind != compose.FromText || a.Value == "" || detect.Variable(a.Name, a.Value, true) == detect.No {
			continue
		}
		var written []string
		if a.Start >= 0 { // else it stands in a file that this one extends
			written = []string{string(svc.File.Src[a.Start:a.End])}
		}
		m.learn(a.Name, a.Value, true, written...)
	}
}

// learn keeps a value and the texts that stand for it in files. A weak default or a
// placeholder is no secret elsewhere ("password" is a word), and is kept behind its name.
func (m *masks) learn(name, value string, secret bool, texts ...string) {
	if value == "" {
		return
	}
	least := everywhere
	if !(secret && detect.Variable(name, value, true) == detect.Exposed) && len(detect.Scan([]byte(value))) == 0 {
		least = 1 << 20
	}
	m.forms(name, value, least, texts)
}

// forms keeps a value, and the texts that stand for it, from a length on wherever they stand.
func (m *masks) forms(name, value string, least int, texts []string) {
	shown := m.shown(value)
	texts = append(texts, value, url.QueryEscape(value), url.PathEscape(value))
	for _, t := range texts {
		if i := strings.IndexAny(t, ":="); i > 0 && strings.Trim(t[:i], `"' -`) == name {
			t = t[i+1:] // a whole argument: what counts stands behind the name
		}
		for line := range strings.Lines(t) {
			m.text1(name, line, shown, least)
		}
		m.text1(name, t, shown, least)
	}
}

func (m *masks) text1(name, text, shown string, least int) {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	switch {
	case text == "" || strings.Trim(text, "*|>-") == "" || strings.HasPrefix(text, "$"):
	case len(text) < least:
		for _, sep := range []string{"=", ":-", " ", ": ", ":", `="`, `='`, ` "`, ` '`, `: "`, `: '`, `": `, `": "`} {
			m.keep(mask{name + sep + text, name + sep + shown, true})
		}
	default:
		m.keep(mask{text, shown, false})
	}
}

func (m *masks) keep(x mask) {
	if _, ok := m.known[x.text]; !ok {
		m.known[x.text] = x
	}
}

func (m *masks) sort() {
	if len(m.sorted) == len(m.known) {
		return
	}
	m.sorted = m.sorted[:0]
	for _, x := range m.known {
		m.sorted = append(m.sorted, x)
	}
	slices.SortFunc(m.sorted, func(a, b mask) int {
		if len(a.text) != len(b.text) {
			return len(b.text) - len(a.text)
		}
		return strings.Compare(a.text, b.text)
	})
}

func (m *masks) shown(value string) string {
	if m.ordinal[value] == 0 {
		m.ordinal[value] = len(m.ordinal) + 1
	}
	if n := m.ordinal[value]; n > 1 {
		return fmt.Sprintf("%s#%d", detect.Mask(value), n)
	}
	return detect.Mask(value)
}

// text masks a text of a file, line for line: it keeps its number of lines.
func (m *masks) text(s string) string { return named(m.words(s)) }

// words masks a text of our own, in which a name stands beside a word by chance.
func (m *masks) words(s string) string {
	for _, x := range m.sorted {
		switch {
		case !strings.Contains(s, x.text):
		case x.word:
			s = replaceWord(s, x.text, x.shown)
		default:
			s = strings.ReplaceAll(s, x.text, x.shown+strings.Repeat("\n", strings.Count(x.text, "\n")))
		}
	}
	found := detect.Scan([]byte(s))
	for i := len(found) - 1; i >= 0; i-- {
		f := found[i]
		old := s[f.Start:f.End]
		s = s[:f.Start] + detect.Mask(old) + strings.Repeat("\n", strings.Count(old, "\n")) + s[f.End:]
	}
	return s
}

// A value stands behind a name in any of the forms that files have: NAME=value,
// "NAME": "value", ENV NAME value, ${NAME:-value}. credentials is user:password where a
// command takes it.
var (
	anyName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.-]*`)
	})
	behindName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^("?[ \t]*(?:[=:]|:[-=])[ \t]*["']?|[ \t]+["']?)([^\s"',;{}$()&|<>]+)`)
	})
	credentials = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`((?:(?:^|[\s"'\[,])(?:-u|--user|--proxy-user))[= \t]*["']?[A-Za-z0-9_.@-]+:|echo[ \t]+["']?[a-z_][a-z0-9_-]*:)([^\s"'$|]+)`)
	})
)

// named masks what stands behind a secret's name, whoever wrote it there.
func named(s string) string {
	var b strings.Builder
	last := 0
	for _, at := range anyName().FindAllStringIndex(s, -1) {
		name := s[at[0]:at[1]]
		if at[0] < last || detect.Name(name) != detect.Secret {
			continue
		}
		m := behindName().FindStringSubmatch(s[at[1]:])
		if m == nil || strings.Trim(m[2], "\\[") == "" || strings.Contains(m[2], "***") || detect.Variable(name, m[2], true) < detect.Dummy {
			continue
		}
		if strings.HasSuffix(s[:at[0]], "${") && strings.TrimSpace(m[1]) == ":" && strings.ContainsAny(m[2][:1], "?+") {
			continue // ${NAME:?}: what stands there is no value
		}
		if strings.HasSuffix(s[:at[0]], "env=") || strings.HasSuffix(s[:at[0]], "id=") {
			continue // a mount's, with the command behind it
		}
		if !strings.ContainsAny(m[1], "=:\"'") && (strings.HasSuffix(s[:at[0]], "$") || strings.HasSuffix(s[:at[0]], "${")) || strings.HasSuffix(m[2], "=") {
			continue // an expansion with another word behind it; a key
		}
		if !strings.ContainsAny(m[1], "=:") && (name != strings.ToUpper(name) || detect.Variable(name, m[2], true) != detect.Exposed) {
			continue // words of a sentence
		}
		b.WriteString(s[last:at[1]] + m[1] + detect.Mask(m[2]))
		last = at[1] + len(m[0])
	}
	b.WriteString(s[last:])
	return credentials().ReplaceAllStringFunc(b.String(), func(match string) string {
		m := credentials().FindStringSubmatch(match)
		if strings.HasPrefix(m[1], "echo") && detect.Value("password", m[2]) < detect.Weak {
			return match
		}
		return m[1] + "***"
	})
}

// replaceWord replaces old where no letter or digit follows, and that is no URL's scheme.
func replaceWord(s, old, shown string) string {
	for i := 0; ; {
		k := strings.Index(s[i:], old)
		if k < 0 {
			return s
		}
		i += k
		end := i + len(old)
		if end < len(s) && (strings.HasPrefix(s[end:], "://") || s[end] == '_' || s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z' || s[end] >= '0' && s[end] <= '9') {
			i = end
			continue
		}
		s = s[:i] + shown + s[end:]
		i += len(shown)
	}
}
