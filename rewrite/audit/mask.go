package audit

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rules/detect"
)

// masks hides values in what is printed: those that are known, those that were found, and
// whatever has a provider's form or stands behind a secret's name.
type masks struct {
	values []string // longest first
	shown  map[string]string
}

func newMasks(known []*Known) *masks {
	m := &masks{shown: map[string]string{}}
	for _, k := range known {
		for _, f := range k.forms() {
			m.add(string(f.text))
		}
	}
	return m
}

// add learns a value. A short one is a word by chance, and is masked behind its name only.
func (m *masks) add(value string) {
	if len(value) < leastKnown || m.shown[value] != "" {
		return
	}
	m.shown[value] = detect.Mask(value)
	at, _ := slices.BinarySearchFunc(m.values, value, func(a, b string) int { return len(b) - len(a) })
	m.values = slices.Insert(m.values, at, value)
}

var assigned = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_.-]*)=("[^"]*"|'[^']*'|[^\s"';&|]+)`)
})

func (m *masks) text(s string) string {
	for _, v := range m.values {
		s = strings.ReplaceAll(s, v, m.shown[v])
	}
	found := detect.Scan([]byte(s))
	for i := len(found) - 1; i >= 0; i-- {
		f := found[i]
		s = s[:f.Start] + detect.Mask(s[f.Start:f.End]) + s[f.End:]
	}
	return assigned().ReplaceAllStringFunc(s, func(match string) string {
		name, value, _ := strings.Cut(match, "=")
		if strings.Contains(value, "***") || detect.Variable(name, strings.Trim(value, `"'`), true) < detect.Dummy {
			return match
		}
		return name + "=" + detect.Mask(strings.Trim(value, `"'`))
	})
}

// hidden hides a weak value, which may be a word like any other, in the one text that was
// found to hold it.
func hidden(s, value string) string {
	if value == "" {
		return s
	}
	for i := 0; ; {
		k := strings.Index(s[i:], value)
		if k < 0 {
			return s
		}
		start, end := i+k, i+k+len(value)
		before, after := start > 0 && letter(s[start-1]), end < len(s) && letter(s[end])
		if before && !strings.HasSuffix(s[:start], " -p") || after {
			i = end
			continue
		}
		s = s[:start] + "***" + s[end:]
		i = start + len("***")
	}
}

func letter(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

// Masker returns a function that hides the known values, and whatever looks like a secret,
// in a text such as an error's.
func Masker(known []*Known) func(string) string { return newMasks(known).text }
