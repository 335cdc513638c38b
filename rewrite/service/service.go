// Package service finds the secrets that compose services hold as literals: in their environment, command, entrypoint, health check and
// labels, and as the credentials of URLs; the same value in several places of a project is one secret. It leans on compose for the texts, on
// flow for where commands take credentials, and on detect for what is a secret. It changes nothing, and does not decide how a container is to
// get the value.
package service

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Secret is one value that services of a compose project hold as a literal.
type Secret struct {
	Name  string // a variable's where one has it, else made of what it is for: DATABASE_PASSWORD, REDIS_PASSWORD
	Value flow.Value
	Class detect.ValueClass // Live, Ordinary, Weak or Placeholder
	// Places are where it stands, in the order of the files. What several services share through an anchor is a place of each.
	Places []Place
}

// Place is one literal: a part of a text of a service.
type Place struct {
	Service    *compose.Service
	Text       compose.Text
	Kind       Kind
	Start, End int    // in Text.Value, as it is written there: a $ as $$
	Name       string // what the place alone would call it
	Default    string // the variable of "${NAME:-literal}", of which the literal is the default; "" otherwise
	Pieces     bool   // quotes or backslashes stand within it, as a shell reads it: it is no one text that could be replaced
	host       string // of a URL: where it is for
}

// Kind says what part of a text a literal is.
type Kind uint8

const (
	Whole      Kind = iota // all of the value of a variable or a label
	Credential             // a part of it: of a URL, of a connection string
	Word                   // a word of a command, or a part of one
)

// Key names the secret among those of its project, in any state of the files. It holds the value, and stays in memory.
func (s *Secret) Key() string {
	if s.Class >= detect.Ordinary {
		return "value " + s.Value.Reveal()
	}
	return "value " + s.Name + "\x00" + s.Value.Reveal()
}

// literal is a place with what it holds.
type literal struct {
	Place
	value string
	class detect.ValueClass
}

// Find returns the secrets of the files of one project, in the order of their first places.
func Find(files []*compose.File) []*Secret {
	f := &finder{names: namesOf(files)}
	for _, file := range files {
		for _, s := range file.Services {
			f.service(s)
		}
	}
	f.known(files)
	return group(files, f.found)
}

// finder collects literals.
type finder struct {
	found []literal
	names map[string]bool // of services, images, users, databases: whoever takes one for a password has chosen a first one
}

func (f *finder) add(p Place, value string, class detect.ValueClass) {
	if class < detect.Placeholder || value == "" || f.taken(p) {
		return
	}
	if class >= detect.Ordinary && f.names[strings.ToLower(value)] {
		if class = detect.Weak; p.Default != "" {
			return // people write it for a start
		}
	}
	f.found = append(f.found, literal{p, value, class})
}

// taken reports whether a part of the place has been found before.
func (f *finder) taken(p Place) bool {
	return slices.ContainsFunc(f.found, func(x literal) bool {
		return x.Service == p.Service && x.Text.Start == p.Text.Start && x.Start < p.End && p.Start < x.End
	})
}

// namesOf collects the names that a project is full of, in lower case.
func namesOf(files []*compose.File) map[string]bool {
	names := map[string]bool{}
	add := func(name string) {
		if detect.Value("password", name) != detect.Live { // the user of an object store is a key that somebody made up
			names[strings.ToLower(name)] = true
		}
	}
	for _, file := range files {
		names[strings.ToLower(path.Base(path.Dir(file.Path)))] = true
		for _, s := range file.Services {
			names[strings.ToLower(s.Name)] = true
			for part := range strings.FieldsFuncSeq(s.Image, func(r rune) bool { return strings.ContainsRune("/:@", r) }) {
				names[strings.ToLower(part)] = true
			}
			for _, t := range s.Texts {
				if t.Where != compose.InEnvironment || !t.HasValue || !detect.Whose(t.Name) {
					continue
				}
				if _, start, ok := defaultOf(t.Value); ok {
					add(t.Value[start : len(t.Value)-1])
				}
				add(t.Value)
			}
		}
	}
	return names
}

func (f *finder) service(s *compose.Service) {
	for _, t := range s.Texts {
		if t.Start < 0 {
			continue // another file's, which has it as a text of its own
		}
		switch t.Where {
		case compose.InEnvironment, compose.InLabels:
			if t.HasValue && t.Value != "" {
				f.pair(s, t)
			}
		default:
			f.defaults(s, t)
		}
	}
	f.commands(s)
}

// pair finds what a variable or a label holds.
func (f *finder) pair(s *compose.Service, t compose.Text) {
	if f.defaults(s, t) {
		return
	}
	whole := pieceOf(t)
	least := detect.Weak
	if t.Where == compose.InLabels {
		least = detect.Ordinary // what has the name of a secret there is often something else
	}
	found := false
	for _, a := range addresses(whole.text) {
		start, end, ok := whole.span(a.start, a.end)
		if !ok {
			continue
		}
		found = true
		if a.class >= least || a.class == detect.Placeholder && least == detect.Weak {
			f.add(Place{Service: s, Text: t, Kind: Credential, Start: start, End: end, Name: addressName(t.Name, a), host: a.host}, whole.text[a.start:a.end], a.class)
		}
	}
	value, ok := compose.Literal(t.Value)
	if found || !ok {
		return
	}
	verdict := detect.Variable(t.Name, value, true)
	if verdict < detect.Dummy {
		return
	}
	class := detect.Value(t.Name, value)
	if verdict == detect.Exposed {
		class = max(class, detect.Ordinary)
	}
	if class < least && !(class == detect.Placeholder && least == detect.Weak) {
		return
	}
	if detect.Name(t.Name) != detect.Secret {
		if parts := detect.Scan([]byte(value)); len(parts) > 0 {
			for _, m := range parts {
				if start, end, ok := whole.span(m.Start, m.End); ok {
					kind := Credential
					if start == 0 && end == len(t.Value) {
						kind = Whole
					}
					f.add(Place{Service: s, Text: t, Kind: kind, Start: start, End: end, Name: variableName(t.Name)}, value[m.Start:m.End], detect.Live)
				}
			}
			return
		}
	}
	f.add(Place{Service: s, Text: t, Kind: Whole, End: len(t.Value), Name: variableName(t.Name)}, value, class)
}

// defaults finds the literal of ${NAME:-literal}, wherever it stands in a text; it is a secret if it is no weak one, which people write for a
// start. whole reports whether there is nothing else.
func (f *finder) defaults(s *compose.Service, t compose.Text) (whole bool) {
	for at := 0; ; {
		i := strings.Index(t.Value[at:], "${")
		if i < 0 {
			return false
		}
		open := at + i
		at = open + 2
		end := strings.IndexByte(t.Value[open:], '}')
		if end < 0 || open > 0 && t.Value[open-1] == '$' {
			continue
		}
		end += open + 1
		name, start, ok := defaultOf(t.Value[open:end])
		if !ok {
			continue
		}
		start += open
		value, ok := compose.Literal(t.Value[start : end-1])
		if ok && value != "" && (detect.Variable(name, value, true) == detect.Exposed || open == 0 && end == len(t.Value) && t.Name != "" && detect.Variable(t.Name, value, true) == detect.Exposed) {
			kind := Credential
			if open == 0 && end == len(t.Value) {
				kind = Whole
			}
			f.add(Place{Service: s, Text: t, Kind: kind, Start: start, End: end - 1, Name: name, Default: name}, value, detect.Live)
		}
		if open == 0 && end == len(t.Value) {
			return true
		}
		at = end
	}
}

// defaultOf takes ${NAME:-default} or ${NAME-default} apart, where that is all there is.
func defaultOf(value string) (name string, start int, ok bool) {
	if !strings.HasPrefix(value, "${") || !strings.HasSuffix(value, "}") {
		return "", 0, false
	}
	i := 2
	for i < len(value) && (value[i] == '_' || value[i]|0x20 >= 'a' && value[i]|0x20 <= 'z' || value[i] >= '0' && value[i] <= '9') {
		i++
	}
	name = value[2:i]
	if i < len(value) && value[i] == ':' {
		i++
	}
	if name == "" || i >= len(value)-1 || value[i] != '-' || strings.ContainsAny(value[i+1:len(value)-1], "{}") {
		return "", 0, false
	}
	return name, i + 1, true
}

// least is the length from which a value is looked for elsewhere: a shorter one is a word by chance.
const least = 8

// known finds the values that are secrets elsewhere, wherever they stand as a whole: in another variable, in a word of a command.
func (f *finder) known(files []*compose.File) {
	var values []literal
	for _, x := range f.found {
		if x.class >= detect.Ordinary && len(x.value) >= least && !slices.ContainsFunc(values, func(y literal) bool { return x.value == y.value }) {
			values = append(values, x)
		}
	}
	slices.SortStableFunc(values, func(a, b literal) int { return cmp.Compare(len(b.value), len(a.value)) })
	for _, file := range files {
		for _, s := range file.Services {
			for _, t := range s.Texts {
				if t.Start < 0 || !t.HasValue {
					continue
				}
				whole := pieceOf(t)
				for _, v := range values {
					for at := 0; ; {
						i := strings.Index(whole.text[at:], v.value)
						if i < 0 {
							break
						}
						from, to := at+i, at+i+len(v.value)
						at = to
						start, end, ok := whole.span(from, to)
						if !ok || !bounded(whole.text, from, to) || inReference(t.Value, start) {
							continue
						}
						p := Place{Service: s, Text: t, Kind: Word, Start: start, End: end, Name: v.Name}
						if t.Where == compose.InEnvironment || t.Where == compose.InLabels {
							if p.Kind = Credential; start == 0 && end == len(t.Value) {
								p.Kind = Whole
							}
						}
						f.within(p, v)
					}
				}
			}
		}
	}
}

// inReference reports whether an offset of a value lies between the braces of a variable of compose's, which can stand within each other.
func inReference(value string, at int) bool {
	depth := 0
	for i := 0; i < at; i++ {
		switch rest := value[i:]; {
		case strings.HasPrefix(rest, "$$"):
			i++
		case strings.HasPrefix(rest, "${"):
			depth++
			i++
		case rest[0] == '}' && depth > 0:
			depth--
		}
	}
	return depth > 0
}

// within adds a place of a known value. A larger literal that it is a part of (neo4j/password) is none any more: what is secret in it has
// another name.
func (f *finder) within(p Place, v literal) {
	i := slices.IndexFunc(f.found, func(x literal) bool {
		return x.Service == p.Service && x.Text.Start == p.Text.Start && x.Start <= p.Start && p.End <= x.End
	})
	if i >= 0 && len(f.found[i].value) > len(v.value) && f.found[i].Default == "" {
		f.found = slices.Delete(f.found, i, i+1)
	}
	f.add(p, v.value, v.class)
}

// bounded reports whether a part of a text is a word of it.
func bounded(text string, from, to int) bool {
	word := func(c byte) bool {
		return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80
	}
	left := from > 0 && word(text[from-1]) && word(text[from])
	if left && from > 1 && text[from-2] == '-' && (from == 2 || text[from-3] == ' ') {
		left = false // -pPASSWORD
	}
	return !left && !(to < len(text) && word(text[to]) && word(text[to-1]))
}
