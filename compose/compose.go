// Package compose finds which services build which Dockerfile, and makes a secret's move in their compose files, for builds and for containers.
// It leans on rewrite/yamledit for reading and for lossless edits, and reads the paths it is given from an fs.FS.
// It will not run compose, look at the environment, fetch remote includes, edit a section that comes in through an alias, a merge key or extends, or write.
//
// [Load] reads the files, [Builders] answers which services build a Dockerfile, [Edits] makes what their [Migration] asks for:
//
//	files := compose.Load(fsys, paths)
//	for _, s := range compose.Builders(files, "app/Dockerfile") { … }
//	edits, err := compose.Edits(files[0], migrations, defs)
package compose

import (
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// File is one compose file. Err, with position, says why it could not be read; it then has no services.
type File struct {
	Path     string // slash path relative to the root
	Src      []byte
	Err      error
	Dir      string // folder that the file's relative paths start from: its own, or an include's project_directory; "" if that is not certain
	V1       bool   // the first version of the format: services stand at the top level, and there is no place for secrets
	Services []*Service
	Secrets  map[string]SecretDef // top level

	doc      *yamledit.Doc
	parsed   *parsed
	includes []include
	extended []string // files that its services extend, relative to Dir
	envFile  slot     // what an include names as its env_file, see EnvPath
	envWhy   string   // why .env is not all that counts, "" if it is
	after    []*File  // those that it is laid over, includes or extends
}

// SecretDef is a top-level secret. Exactly one of its fields is set, or none for a form that is not read (content, driver). File is as it
// is written, relative to the compose file's Dir.
type SecretDef struct {
	File, Environment string
	External          bool
}

// NamedSecret is a top-level secret to define. File is a slash path relative to the compose file's Dir; it is written with "./" before it.
type NamedSecret struct {
	Name string
	SecretDef
}

// Service is one service as one file has it; a service that two files describe is two of them.
type Service struct {
	File  *File
	Name  string
	Image string
	Build *Build // nil if neither the entry nor what it extends has one

	// What the container gets, what the service extends included.
	Texts    []Text // environment, command, entrypoint, healthcheck.test and labels, in the order of the file
	EnvFiles []EnvFile
	Grants   []Grant
	Mounts   []Mount
	User     string   // "" if the image decides
	ReadOnly bool     // read_only: true
	Profiles []string // it is started with one of these only

	// Dockerfiles are all Dockerfiles (relative to the root, sorted) that this entry's arguments and secrets may reach: the one it builds
	// itself, and those that an override, or a service that extends it, builds with them. With more than one, what one Dockerfile no
	// longer needs may be needed by another.
	Dockerfiles []string
	// Overrides is set where another file of the same folder has the service itself: the two are merged when used together, lists of
	// secrets appended, so a secret given there needs no second entry here.
	Overrides bool

	extends *extension
	own     ownership
}

// Build is a service's build section.
type Build struct {
	Context    string // slash path relative to the root, "." is the root; "" if remote, outside, or known only when compose runs
	Dockerfile string // slash path relative to the root; "" if unresolvable or dockerfile_inline
	Target     string
	Args       []Arg
	Secrets    []string          // ids, as the Dockerfile names them
	Contexts   map[string]string // additional_contexts: slash path relative to the root, "" as for Context
	Services   []string          // whose images it builds on: additional_contexts of the form service:NAME
	Line, Col  int               // 1-based, of the build key
	// Inherited says how the section comes in where it is not the entry's own: "an alias", "a merge key" or "extends". Such a section
	// cannot be edited for this service alone, and Edits refuses it.
	Inherited string

	context, dockerfile, target slot
	inline                      bool
}

// slot is a value that may be absent, or present and unknown.
type slot struct {
	val       string
	given, ok bool
}

// Arg is one entry of build.args. Its Value may be a secret: formatting an Arg shows the name only.
type Arg struct {
	Name       string
	Value      string `json:"-"`
	HasValue   bool   // false for `- T` and `T:`, which take the value from the environment
	Start, End int    // byte offsets in Src: the item, or key to value; -1 if it is another file's
	Line, Col  int    // 1-based
	Inherited  string // as in Build
}

// Format writes the name, whatever the verb.
func (a Arg) Format(f fmt.State, _ rune) { io.WriteString(f, a.Name) }

// ArgKind is how the value of an argument is given.
type ArgKind uint8

const (
	Composite ArgKind = iota // not understood: a default, or a variable within text
	FromText                 // text without a variable
	FromEnv                  // the variable of the environment that Source names
)

var variable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::?\?[^${}]*)?\})$`)
})

// Source classifies how the value is given. env is the variable's name for FromEnv, else "".
func (a Arg) Source() (kind ArgKind, env string) {
	if !a.HasValue {
		return FromEnv, a.Name
	}
	if !strings.Contains(a.Value, "$") {
		return FromText, ""
	}
	if m := variable().FindStringSubmatch(a.Value); m != nil {
		return FromEnv, m[1] + m[2]
	}
	return Composite, ""
}

// IsComposeFile says whether a file of this base name is read as a compose file: compose.yaml, compose.*.yaml, docker-compose*.yaml,
// and the same with .yml.
func IsComposeFile(base string) bool {
	stem, ok := strings.CutSuffix(base, ".yaml")
	if !ok {
		stem, ok = strings.CutSuffix(base, ".yml")
	}
	return ok && (stem == "compose" || strings.HasPrefix(stem, "compose.") || strings.HasPrefix(stem, "docker-compose"))
}

// canonical says whether compose reads a file of this base name by itself, as the one that others override.
func canonical(base string) bool {
	switch base {
	case "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml":
		return true
	}
	return false
}

// Builders returns the services, in the order of files, that build the Dockerfile at a path relative to the root, or that are merged
// into one that does: an override that gives only arguments is among them.
func Builders(files []*File, dockerfile string) []*Service {
	dockerfile = path.Clean(dockerfile)
	var out []*Service
	for _, f := range files {
		for _, s := range f.Services {
			if slices.Contains(s.Dockerfiles, dockerfile) {
				out = append(out, s)
			}
		}
	}
	return out
}
