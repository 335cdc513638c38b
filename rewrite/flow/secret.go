// Package flow draws the flow of each secret of a Dockerfile: where it enters, which
// instructions read it, what they write, whether the running container needs it. It
// leans on the instructions, the shell's words and the tables of programs beside this
// file, and on the project's compose files and callers. It changes nothing and decides
// nothing: whether the laws allow a fix is the rules' business.
package flow

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Secret is one value's way through a Dockerfile.
type Secret struct {
	File     *dockerfile.File
	Name     string // the variable's, or the copied file's base name
	ID       string // the mount's id, compose's name, the file's name under secrets/
	Origins  []Origin
	Readers  []Reader
	Writes   []Write
	Written  []*Written // the files that Writes put it into
	Uses     []Use      // expansions by the builder itself, which no mount can serve
	Exposure Exposure
	Value    Value // the literal, if there is one
	Given    bool  // Value is what compose passes, not what the Dockerfile holds
	Verdict  detect.Verdict
	Copied   *Copied // for a copied file

	Builders []*compose.Service  // services that build the file
	Calls    []*call.Build       // other builds of the file that pass the value, or may
	Callers  []Caller            // where else it is named as a build argument, by nobody who is understood
	Doubts   []Doubt             // what stands in the way of any certain edit
	InImage  bool                // an origin stands in a stage that is built for itself, or that such a one is made from
	InConfig bool                // an ENV of such a stage sets it
	Images   []*dockerfile.Stage // those stages, in the order of the file

	a *analysis
}

// OriginKind is the way in which a value gets into the build.
type OriginKind uint8

const (
	Arg OriginKind = iota
	Env
	Copy
	Mount   // a secret mount: the file is migrated already
	Literal // in the text of an instruction
)

// Origin is one place where the value enters.
type Origin struct {
	Kind  OriginKind
	In    *dockerfile.Instruction
	Pair  dockerfile.Pair // of an ARG or ENV
	Path  dockerfile.Word // of a COPY or ADD: the source
	Mount dockerfile.Mount
	Value Value  // the literal that stands here, if any
	From  string // ENV B=$A: the name A

	// Of a literal:
	Run   *Run       // its script; nil where no shell could read a variable in its place
	Span  shell.Span // in the script
	At    shell.Span // in the file; empty where its bytes cannot be told
	Label shell.Span // in the file: what names it, and is no secret
	As    string     // the variable that takes its place
	What  string     // "GitHub token", "--password of mysql"
	Hash  bool       // it is the hash of a password, of an account of the image
}

// How says how an instruction reads a secret.
type How uint8

const (
	Opaque How = iota // runs something that may read it
	Known             // runs a program that is known to read it
	Named             // has its name in the text
)

func (h How) String() string { return [...]string{"opaque", "known", "named"}[h] }

// Reader is a RUN that reads the secret, or may.
type Reader struct {
	In      *dockerfile.Instruction
	How     How
	Names   []string // the variables that it reads, sorted
	Program string   // the program that makes it a reader
	Run     *Run
	Also    string // a program of a named reader that reads it too, or may
	Unset   bool   // it tells an unset variable from an empty one
}

// Write is a command that puts the secret into a layer.
type Write struct {
	In      *dockerfile.Instruction
	What    string         // "writes it to .npmrc"
	Hashed  bool           // only a hash of it stays (chpasswd)
	Unsure  bool           // it may
	Printed bool           // only the build's log gets it
	Run     *Run           // nil where the body is not a script
	Command *shell.Command // nil where it is no single command
	How     WriteKind
	Path    shell.Word // the file as the command names it; of a tool's own files, none
	Kept    *Kept      // of a tool that keeps it in its own files
	Via     string     // of a mounted secret: the variable or the file by which the command has it

	account string // the program that keeps it as it is where the hash of a password belongs
}

// Leaves reports whether the value itself is certain to get into a layer.
func (w Write) Leaves() bool { return !w.Hashed && !w.Unsure && !w.Printed }

// WriteKind says what a command does to the file.
type WriteKind uint8

const (
	Elsewhere  WriteKind = iota // into no file that is known
	Replaces                    // > f, cp x f
	Appends                     // >> f, tee -a f
	Edits                       // sed -i f
	Configures                  // npm config set: Kept says more
)

// Use is an expansion by the builder, outside of RUN.
type Use struct {
	In   *dockerfile.Instruction
	What string
}

// Exposure says who needs the value.
type Exposure uint8

const (
	Build Exposure = iota
	RunTime
)

// Doubt is a reason why nothing can be changed with certainty.
type Doubt struct {
	In  *dockerfile.Instruction
	Why string
}

// Caller is a file that passes the value to a build and is not a compose file.
type Caller struct {
	Path string
	Line int
}

// Value is a literal that no output may show: every way of printing it is masked.
type Value struct {
	text  string
	known bool
}

// NewValue wraps a literal.
func NewValue(text string) Value { return Value{text, true} }

// Known reports whether there is a literal.
func (v Value) Known() bool { return v.known }

// Reveal returns the literal itself, for the file that it moves to and for masking.
func (v Value) Reveal() string { return v.text }

// String returns a provider's public prefix at most.
func (v Value) String() string {
	if !v.known {
		return ""
	}
	return detect.Mask(v.text)
}

// GoString, Format and MarshalJSON mask as String does.
func (v Value) GoString() string             { return v.String() }
func (v Value) Format(s fmt.State, _ rune)   { io.WriteString(s, v.String()) }
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

// Position is where the secret is reported: its first origin.
func (s *Secret) Position() *dockerfile.Instruction { return s.Origins[0].In }

// Key names the secret among those of its file: two copied files can have one name.
func (s *Secret) Key() string {
	if s.Copied != nil {
		return "file " + s.Copied.Source
	}
	if s.Origins[0].Kind == Mount {
		return MountKey(s.ID)
	}
	if s.Origins[0].Kind == Literal {
		return "literal " + s.Value.Reveal() // stays in memory, like the value
	}
	return s.Name
}

// MountKey is the key of a secret that is mounted under the id.
func MountKey(id string) string { return "mount " + id }

// HasEnv reports whether the value gets into the image's environment.
func (s *Secret) HasEnv() bool {
	for _, o := range s.Origins {
		if o.Kind == Env {
			return true
		}
	}
	return false
}
