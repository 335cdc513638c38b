package compose

import (
	"fmt"
	"io"
	"slices"
)

// Text is one scalar of a service that its container gets: the value of a variable, a word of a command, a label. A scalar that several
// services share through an anchor or a merge key is a Text of each of them, with the same Start. Formatting one shows its name only.
type Text struct {
	Where      Where
	Name       string // of a variable or a label, "" for words of commands
	Value      string `json:"-"` // as YAML decodes it, before interpolation; in the list form of environment what comes after the "="
	HasValue   bool   // false for `- T` and `T:`
	Start, End int    // byte offsets in Src of the scalar's token, quotes and, in the list form, the name included; -1 if it is another file's or its end is not certain
	Line, Col  int    // 1-based, of the token
	Inherited  string // "an alias", "a merge key" or "extends"; "" if it is the service's own
	Item       bool   // an item of a list: the list form of environment or labels, a word of a command. A command that is no item is split into words, a health check is run by the shell

	deploy bool // a label of deploy
}

// Format writes where the text stands and its name, whatever the verb.
func (t Text) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%s %s", t.Where, t.Name) }

// Where is the part of a service that a Text stands in.
type Where uint8

const (
	InEnvironment Where = iota
	InCommand
	InEntrypoint
	InHealthcheck
	InLabels // of the container, and those of deploy, which a Swarm service gets
)

func (w Where) String() string {
	return [...]string{"environment", "command", "entrypoint", "healthcheck", "labels"}[w]
}

// Sets reports whether the service has an entrypoint, a command or a health check of its own, or by what it extends: an empty one too, and one
// that is taken away.
func (s *Service) Sets(where Where) bool {
	return s.own.keys[Text{Where: where}.section()] || slices.ContainsFunc(s.Texts, func(t Text) bool { return t.Where == where })
}

// EnvFile is an entry of a service's env_file.
type EnvFile struct {
	Path     string // slash path relative to the root; "" if outside, or known only when compose runs
	Optional bool   // required: false
	Raw      bool   // format: raw
}

// Grant is a secret that a running container gets. Target is a name under /run/secrets, or an absolute path; "" is the source's name.
// UID, GID and Mode are as they are written, "" if they are not given.
type Grant struct {
	Source, Target string
	UID, GID, Mode string
}

// Assignment is a variable that a container gets. Value is as compose reads it: a literal $ is $$, and "${T:?}" is the variable T.
// Formatting one shows its name only.
type Assignment struct {
	Name  string
	Value string `json:"-"`
}

// Format writes the name, whatever the verb.
func (a Assignment) Format(f fmt.State, _ rune) { io.WriteString(f, a.Name) }

// Replacement gives a Text of a file another value. Rename, unless it is "", gives a variable another name at the same time. What comes in
// through an anchor is changed where the anchor stands, for all that use it: the caller has made sure that it is right for them all. Formatting
// one shows the names only.
type Replacement struct {
	Text   Text
	Value  string `json:"-"`
	Rename string
}

// Format writes where the text stands, its name and the new one, whatever the verb.
func (r Replacement) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, r.Text)
	if r.Rename != "" {
		io.WriteString(f, " "+r.Rename)
	}
}
