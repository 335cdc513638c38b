package inventory

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/unbake-dev/unbake/compose"
)

// Kind says what holds a value.
type Kind uint8

const (
	InFile     Kind = iota // a file of the project, which it fills
	InLine                 // a line of an environment file
	InVariable             // a variable of whoever builds or starts it
	InText                 // the text of a Dockerfile or a compose file
	Outside                // a file outside of the project: not looked at
	External               // the engine's own secret: not looked at
	Unread                 // something else: not looked at
)

func (k Kind) String() string {
	return [...]string{"file", "line", "variable", "text", "outside", "external", "unread"}[k]
}

// Place is where a value is, or should be.
type Place struct {
	Kind     Kind
	Path     string    // of InFile, InLine, InText: relative to the root; of Outside as it is written
	Line     int       // of InLine and InText, from 1
	Name     string    // of InVariable and External
	Missing  string    // why there is no value in it, "" if there is: "is empty"
	Modified time.Time // of InFile and InLine: the file's time
	Tracked  bool      // git has the file

	asks   place    // what names it
	values []string // the value; of InText all that stand there
}

// place is a place in a file, for messages.
type place struct {
	path      string
	line, col int
}

// largest is the size of the largest file whose value is read: what is larger is there, and no more is known of it.
const largest = 1 << 20

// add notes a place, once.
func (s *Secret) add(p *Place) {
	if !slices.ContainsFunc(s.Places, func(q *Place) bool {
		return p.Kind == q.Kind && p.Path == q.Path && p.Line == q.Line && p.Name == q.Name
	}) {
		s.Places = append(s.Places, p)
	}
}

// inFile is a secret whose value fills a file.
func (t *taker) inFile(file, id string, asks place) *Secret {
	s := t.secret("file "+file, id)
	p := &Place{Kind: InFile, Path: file, Tracked: t.ws.Tracked(file), asks: asks}
	s.add(p)
	info, err := t.ws.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Missing = "is not there"
		return s
	case err == nil && info.IsDir():
		p.Missing = "is a folder"
		return s
	case err == nil && !info.Mode().IsRegular():
		p.Missing = "is no file"
		return s
	case err != nil:
		p.Missing = "cannot be read"
		return s
	}
	p.Modified = info.ModTime()
	if info.Size() > largest {
		t.note(file + " is larger than 1 MB: its value is not looked for")
		return s
	}
	data, err := t.ws.ReadFile(file)
	switch {
	case err != nil:
		p.Missing = "cannot be read"
	case len(bytes.TrimSpace(data)) == 0:
		p.Missing = "is empty"
	default:
		p.values = []string{strings.TrimRight(string(data), "\r\n")}
	}
	return s
}

// variable is a secret whose value is a variable, for compose and what it starts; f is the file that names it, nil if none
// does. The environment counts before the environment file. What neither has is another secret in another project.
func (t *taker) variable(f *compose.File, name string, asks place) *Secret {
	file := ""
	if f != nil {
		file = f.EnvPath()
	}
	entry, found := t.entry(file, name)
	p := &Place{Kind: InVariable, Name: name, asks: asks}
	value, set := t.opts.Variable(name)
	switch {
	case !set:
		p.Missing = "is not set"
	case value == "":
		p.Missing = "is empty"
	default:
		p.values = []string{value}
	}
	var s *Secret
	switch same := t.variables[name]; {
	case found:
		s = t.secret("line "+file+" "+name, name)
	case p.Missing == "":
		s = t.secret("variable "+name, name)
	case f == nil && len(same) == 1:
		s = same[0]
	default:
		s = t.secret("variable "+name+" "+file, name)
	}
	if !slices.Contains(t.variables[name], s) {
		t.variables[name] = append(t.variables[name], s)
	}
	if !found || p.Missing == "" {
		s.add(p)
	}
	if found {
		s.add(t.inLine(file, entry, asks))
	}
	return s
}

// inLine is the place of an entry of an environment file.
func (t *taker) inLine(file string, e compose.DotenvEntry, asks place) *Place {
	p := &Place{Kind: InLine, Path: file, Line: e.Line, Name: e.Name, Tracked: t.ws.Tracked(file), asks: asks}
	if info, err := t.ws.Stat(file); err == nil {
		p.Modified = info.ModTime()
	}
	if e.Value == "" {
		p.Missing = "is empty"
	} else {
		p.values = []string{e.Value}
	}
	return p
}

// entry returns what an environment file has under a name: the last of that name counts.
func (t *taker) entry(file, name string) (compose.DotenvEntry, bool) {
	entries := t.entries(file)
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Name == name && entries[i].HasValue {
			return entries[i], true
		}
	}
	return compose.DotenvEntry{}, false
}

// entries reads an environment file once. One that is not there has none.
func (t *taker) entries(file string) []compose.DotenvEntry {
	if file == "" {
		return nil
	}
	if entries, ok := t.env[file]; ok {
		return entries
	}
	t.env[file] = nil
	info, err := t.ws.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > largest {
		return nil
	}
	data, err := t.ws.ReadFile(file)
	if err != nil {
		t.note(file + " cannot be read: its values are not looked at")
		return nil
	}
	entries, err := compose.ParseDotenv(file, data)
	if err != nil {
		t.note(err.Error())
	}
	t.env[file] = entries
	return entries
}

func (t *taker) note(text string) {
	if text = t.plan.Masked(text); !slices.Contains(t.notes, text) {
		t.notes = append(t.notes, text)
	}
}
