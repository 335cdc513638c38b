package rewrite

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// masks hides values in everything that is printed: those that an analysis has seen,
// wherever they stand, and whatever has a provider's form. Two values are told apart
// by an ordinal of the run; a hash of a short password is guessed in a second.
type masks struct {
	ordinal map[string]int    // effective value → its number
	text2   map[string]string // text as it can stand in a file → what is shown
	short   map[string]string // the same for texts too short to be replaced everywhere: only behind their names
	sorted  []string
}

func newMasks() *masks {
	return &masks{ordinal: map[string]int{}, text2: map[string]string{}, short: map[string]string{}}
}

// everywhere is the length from which a text is replaced wherever it stands.
const everywhere = 6

// add learns the values of one state.
func (m *masks) add(st *state) {
	for _, s := range st.secrets {
		if s.Given {
			least := everywhere
			if detect.Variable(s.Name, s.Value.Reveal(), true) != detect.Exposed {
				least = 1 << 20
			}
			m.learn(s.Name, s.Value.Reveal(), m.shown(s.Value.Reveal()), least)
		}
		for _, o := range s.Origins {
			if o.Kind == flow.Copy || !o.Pair.HasValue || o.From != "" {
				continue
			}
			value := o.Pair.Value.Text
			if o.Value.Known() {
				value = o.Value.Reveal()
			}
			if value == "" {
				continue
			}
			shown := m.shown(value)
			// A weak default or a placeholder is no secret elsewhere: "password" is a word.
			least := everywhere
			if !o.Value.Known() || detect.Variable(o.Pair.Name, value, true) != detect.Exposed {
				least = 1 << 20
			}
			learn := func(text string) { m.learn(o.Pair.Name, text, shown, least) }
			learn(value)
			learn(o.Pair.Value.Text)
			// The value as its bytes stand in the file, line by line where it is continued.
			start, end := o.In.Span(o.Pair.Value.Start, o.Pair.Value.End)
			for line := range bytes.Lines(s.File.Src[start:end]) {
				line = bytes.TrimRight(bytes.TrimSpace(line), string(s.File.Escape))
				learn(string(bytes.TrimSpace(line)))
			}
			for line := range strings.Lines(value) {
				learn(strings.TrimRight(line, "\r\n"))
			}
		}
	}
	m.sorted = m.sorted[:0]
	for t := range m.text2 {
		m.sorted = append(m.sorted, t)
	}
	slices.SortFunc(m.sorted, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
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

func (m *masks) learn(name, text, shown string, least int) {
	text = strings.Trim(text, `"'`)
	switch {
	case text == "" || strings.Trim(text, "*") == "":
	case len(text) < least:
		for _, sep := range []string{"=", ":-", " ", ": ", ":", `="`, `='`, ` "`, `: "`, `: '`} {
			m.short[name+sep+text] = name + sep + shown
		}
	default:
		m.text2[text] = shown
	}
}

// text masks a text, line for line: it keeps its number of lines.
func (m *masks) text(s string) string {
	for _, t := range m.sorted {
		if strings.Contains(s, t) {
			s = strings.ReplaceAll(s, t, m.text2[t]+strings.Repeat("\n", strings.Count(t, "\n")))
		}
	}
	for t, shown := range m.short {
		s = replaceWord(s, t, shown)
	}
	found := detect.Scan([]byte(s))
	for i := len(found) - 1; i >= 0; i-- {
		f := found[i]
		old := s[f.Start:f.End]
		s = s[:f.Start] + detect.Mask(old) + strings.Repeat("\n", strings.Count(old, "\n")) + s[f.End:]
	}
	return s
}

// replaceWord replaces old where no letter or digit follows.
func replaceWord(s, old, shown string) string {
	for i := 0; ; {
		k := strings.Index(s[i:], old)
		if k < 0 {
			return s
		}
		i += k
		end := i + len(old)
		if end < len(s) && (s[end] == '_' || s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z' || s[end] >= '0' && s[end] <= '9') {
			i = end
			continue
		}
		s = s[:i] + shown + s[end:]
		i += len(shown)
	}
}
