// Package shell reads the scripts that RUN instructions hold and says, in byte offsets, which commands they run, which
// variables the shell itself expands, where each command stands and in which folder. It leans on mvdan.cc/sh for the
// grammar and re-reads every edit it proposes before it hands it out. It will not evaluate anything, knows nothing of
// Dockerfiles, and refuses a script that it does not understand.
package shell

import (
	"fmt"
	"path"
	"sort"
	"strings"
)

// Dialect says how a script is read.
type Dialect uint8

const (
	// POSIX is any /bin/sh: dash, busybox ash, bash or ksh by that name. Which one is not known, so what only bash
	// accepts is read as bash would.
	POSIX Dialect = iota
	// Bash is bash by its own name.
	Bash
	// Unknown is everything else (PowerShell, cmd, zsh, fish, python): it is not read at all.
	Unknown
)

var dialects = map[string]Dialect{
	"sh": POSIX, "dash": POSIX, "ash": POSIX, "ksh": POSIX, "ksh93": POSIX, "mksh": POSIX, "pdksh": POSIX,
	"bash": Bash, "rbash": Bash,
	"zsh": Unknown, "fish": Unknown, "csh": Unknown, "tcsh": Unknown, "nu": Unknown, "elvish": Unknown,
	"powershell": Unknown, "pwsh": Unknown, "cmd": Unknown,
}

// launchers start another program that is named among their arguments.
var launchers = map[string]bool{
	"env": true, "busybox": true, "conda": true, "mamba": true, "micromamba": true, "sudo": true, "gosu": true,
	"su-exec": true, "nice": true, "stdbuf": true, "tini": true, "dumb-init": true, "timeout": true,
}

// DialectOf says how a script is read that the given words run: those of a SHELL instruction or of a "#!" line (as words,
// or as one word with its "#!"). Anything that is not known to be a shell of the Bourne family is Unknown.
func DialectOf(words []string) Dialect {
	words, i := shellWord(words)
	if i < 0 {
		return Unknown
	}
	return dialects[programName(words[i])]
}

// Flags are the options of a shell that change what its scripts mean.
type Flags struct{ Errexit, Nounset, Xtrace bool }

// FlagsOf returns the flags that a SHELL instruction's words or a "#!" line set: ["/bin/bash", "-eux", "-c"].
func FlagsOf(words []string) Flags {
	var f Flags
	words, i := shellWord(words)
	if i >= 0 {
		f.read(words[i+1:])
	}
	return f
}

func (f *Flags) read(words []string) {
	for i, w := range words {
		if len(w) < 2 || w[0] != '-' && w[0] != '+' || w[1] == '-' {
			continue
		}
		on := w[0] == '-'
		for _, c := range w[1:] {
			switch c {
			case 'e':
				f.Errexit = on
			case 'u':
				f.Nounset = on
			case 'x':
				f.Xtrace = on
			case 'o':
				if i+1 < len(words) {
					switch words[i+1] {
					case "errexit":
						f.Errexit = on
					case "nounset":
						f.Nounset = on
					case "xtrace":
						f.Xtrace = on
					}
				}
			}
		}
	}
}

func (f *Flags) add(g Flags) {
	f.Errexit = f.Errexit || g.Errexit
	f.Nounset = f.Nounset || g.Nounset
	f.Xtrace = f.Xtrace || g.Xtrace
}

// shellWord returns the words, a "#!" line taken apart, and the index of the one that names the interpreter, or -1.
func shellWord(words []string) ([]string, int) {
	if len(words) > 0 && strings.HasPrefix(words[0], "#!") {
		words = append(strings.Fields(words[0][2:]), words[1:]...)
	}
	if len(words) == 0 {
		return words, -1
	}
	first := programName(words[0])
	if _, ok := dialects[first]; ok {
		return words, 0
	}
	if launchers[first] {
		for i, w := range words[1:] {
			if _, ok := dialects[programName(w)]; ok {
				return words, i + 1
			}
		}
	}
	return words, -1
}

func programName(word string) string {
	if i := strings.LastIndexAny(word, `/\`); i >= 0 {
		word = word[i+1:]
	}
	return strings.TrimSuffix(strings.ToLower(word), ".exe")
}

// Script is a script as it was read. All offsets are in bytes into Text.
type Script struct {
	Text     string
	Dialect  Dialect
	Commands []*Command // in the order of their starts; a wrapper before what it wraps
	Uses     []Use      // in the order of their starts
	Assigns  []Assign   // NAME=value as a statement or as an argument of export, local, declare …; not those before a program

	Loops []Loop // for NAME in WORDS

	Bodies []Body // of functions that the script defines, in the order of their starts

	Functions map[string]bool // functions that the script defines (not those of nested scripts)
	Assigned  map[string]bool // names that are assigned, exported, read, unset, a loop's; anywhere, nested scripts included

	Flags             // set somewhere in the script, on its "#!" line, or for a nested script
	Opaque   bool     // eval, ".", source, ${!x} or a name that is computed: may read and set variables that cannot be seen here
	Comments []Span   // from the # to the end of its line
	status   bool     // uses $?, $_ or PIPESTATUS
	funcDirs []string // functions that change the folder of their caller

	units []*unit        // the script itself, then those that it passes to other shells
	given map[string]int // how many places give a variable a value, or take it away
	end   folder         // after the last statement, if it succeeded
	cd    func(Word) (string, bool)
}

// Body is a function, from its name to its end.
type Body struct {
	Name string
	Span
}

// Loop is a for loop over words.
type Loop struct {
	Name  string
	Words []Word
	Span  // from its name to its end
}

// Span is a range of bytes.
type Span struct{ Start, End int }

// Error says where, in bytes from the start of the text, and why a script is not understood. Msg quotes no word of the script.
type Error struct {
	Offset int
	Msg    string
}

func (e *Error) Error() string { return fmt.Sprintf("shell script, byte %d: %s", e.Offset, e.Msg) }

// Context says what a command stands in; bits of all the constructs around it are set.
type Context uint32

const (
	InSubshell   Context = 1 << iota // ( … )
	InSubst                          // $( … ), ` … `, <( … )
	InFunc                           // the body of a function
	PipeLeft                         // writes into a pipe
	PipeRight                        // reads from a pipe
	InCond                           // the condition of if, while, until
	InBranch                         // then or else
	InLoop                           // the body or condition of for, while, until
	InCase                           // an arm of case
	AndLeft                          // X of X && Y
	AndRight                         // Y of X && Y
	OrLeft                           // X of X || Y
	OrRight                          // Y of X || Y
	InBackground                     // &
	Negated                          // !
	InString                         // a nested script: sh -c '…', sh <<EOF
	InTrap                           // the script of a trap
)

// Command is one simple command. Declarations, tests and arithmetic commands are commands too, by the names "export",
// "[[", "let" and "((". A statement that only assigns is none, unless it has redirections.
type Command struct {
	// Program is the name of what runs: the last element of a literal path (/usr/local/bin/npm, vendor/bin/rake are npm
	// and rake), with a "./" before it for a relative path outside a bin folder (./build.sh, scripts/build.sh are both
	// ./build.sh). It is empty when the word is not literal ($CMD), and when there is no word at all.
	Program string
	Name    Word   // the program's word; of declarations, tests and time it is empty
	Path    string // the program's word as it is written; empty if the command is nothing but redirections
	Args    []Word // after the program; of "[[" the operands only
	Assigns []Assign
	Redirs  []Redir
	Around  []Redir // redirections that come from outside: of wrappers and of the compound commands around, innermost first

	// Start and End span the command with its assignments and redirections. A here-document's body lies outside.
	Start, End int

	In     Context
	Parent *Command // the wrapper that runs this one: sudo, env, sh -c, xargs, exec, time, timeout, gosu …
	PipeTo *Command // the (first) command that reads this one's output through a pipe

	// Dir is the folder the command runs in: relative to the start's ("" is the start), absolute, "~/…", or "?" if nothing
	// is known. DirKnown says that it is certain; otherwise Dir is where the command runs if nothing unseen has gone elsewhere.
	Dir      string
	DirKnown bool

	Opaque    bool // runs code that is not known here: eval, ".", source, $CMD, sh FILE, curl … | sh
	Function  bool // calls a function of the script
	Templated bool // stands in a nested script into which the outer shell puts values first; what is read is likely, not certain

	strips func(name string) bool // for a wrapper: takes the variable away from what it runs; may be nil
	unit   *unit
	pos    int // of its statement, in unit.text
	subst  int // how many command substitutions it stands in
}

// Word is one word of a command.
type Word struct {
	Start, End int
	Text       string // raw
	Lit        string // the value with quotes removed, if nothing in the word is a variable, substitution or arithmetic
	IsLit      bool   // Lit is the value: there is nothing that the shell expands, but for a leading ~ (see Tilde)
	Glob       bool   // an unquoted *, ?, [ or {a,b}: Lit is a pattern, and IsLit is false
	Tilde      bool   // begins with an unquoted ~
}

// Assign is NAME=value.
type Assign struct {
	Name       string
	Value      Word // empty at End for NAME= and for arrays, of which Array is set
	Start, End int
	Append     bool     // NAME+=value
	Array      bool     // NAME=(…), NAME[i]=…
	Export     bool     // by export, declare -x
	Command    *Command // the export, local … that it is an argument of, or the command it stands before
	In         Context  // of the statement that it is
	Elems      []Word   // of NAME=(…), without those that have an index
}

// Redir is one redirection.
type Redir struct {
	Op         string // as it is written: ">", ">>", "<", "<<-", ">&", "&>" …
	Target     Word   // of a here-document, its delimiter
	FD         string // the number before Op, if any
	Start, End int    // up to the end of Target

	Heredoc string // raw body
	Body    Span   // of Heredoc
	Quoted  bool   // the delimiter is quoted: nothing is expanded in the body
}

// WritesFile reports whether the redirection writes to a file; /dev/null, /dev/stdout, /dev/stderr and other descriptors are none.
func (r Redir) WritesFile() bool {
	switch r.Op {
	case ">", ">>", ">|", "<>", "&>", "&>>", "&>|", "&>!", ">!":
	case ">&":
		if r.Target.IsLit && strings.Trim(r.Target.Lit, "0123456789-") == "" {
			return false
		}
	default:
		return false
	}
	switch r.Target.Lit {
	case "/dev/null", "/dev/stdout", "/dev/stderr":
		return false
	}
	return true
}

// Quote says how an expansion is quoted where it stands.
type Quote uint8

const (
	Bare    Quote = iota // split and globbed, unless an assignment's value
	Double               // in double quotes
	Heredoc              // in the body of a here-document
)

// Use is one use of a variable by the shell itself. What stands in single quotes is none, see Mentions.
type Use struct {
	Name       string
	Start, End int // the whole expansion
	Quote      Quote
	// Form is "" for $T and ${T}; "-", ":-", "+", ":+", "?", ":?", "=" or ":=" for those operators; "#len", "slice",
	// "indirect" for ${!T}; "-v" for a test whether it is set; "arith" for a bare name in arithmetic; else "other".
	Form    string
	Command *Command // the innermost command whose words hold it; nil in an assignment, a for or case word, a compound's redirection
	Assign  string   // the variable that is assigned, if the use stands in the value of an assignment
	Nested  bool     // expanded by the shell of a nested script
	// Distinguishes: an unset variable behaves unlike an empty one here. Script.Nounset makes every plain use so.
	Distinguishes bool
}

// Parse reads a script. The error, if any, is an *Error: the script is then not understood.
func Parse(text string, d Dialect) (*Script, error) { return ParseIn(text, d, nil) }

// ParseIn is Parse where the caller knows what some words are that cd is given: cd returns the folder as Command.Dir tells
// it. It is asked for words of the script itself, not for those of nested ones.
func ParseIn(text string, d Dialect, cd func(Word) (dir string, ok bool)) (*Script, error) {
	s := &Script{Text: text, Dialect: d, Functions: map[string]bool{}, Assigned: map[string]bool{}, given: map[string]int{}, cd: cd}
	if d == Unknown {
		return nil, &Error{0, "not a shell that is read here"}
	}
	u := &unit{text: text, dialect: d, functions: s.Functions}
	if err := u.parse(); err != nil {
		return nil, err
	}
	if n := BodyStart(text); n > 0 {
		s.Flags = FlagsOf([]string{strings.TrimRight(text[:n], "\r\n")})
	}
	s.units = []*unit{u}
	r := &reader{s: s, u: u}
	s.end = r.stmts(u.file.Stmts, u.file.Last, scope{dir: folder{known: true}}).ok
	if r.err != nil {
		return nil, r.err
	}
	u.file = nil
	sort.SliceStable(s.Commands, func(i, j int) bool { return s.Commands[i].Start < s.Commands[j].Start })
	sort.SliceStable(s.Uses, func(i, j int) bool { return s.Uses[i].Start < s.Uses[j].Start })
	for _, c := range s.Commands {
		// A wrapper runs programs, not functions; bash's time is no wrapper in this.
		direct := c.Parent == c.unit.parent || c.Parent.Path == "time"
		c.Function = c.Program != "" && direct && c.unit.functions[c.Path]
	}
	return s, nil
}

// Given returns how many places of the script give a variable a value, or take it away.
func (s *Script) Given(name string) int { return s.given[name] }

// Nested reports whether the command stands in a script that is passed to another shell as a string.
func (c *Command) Nested() bool { return c.unit.parent != nil }

// BodyStart returns the offset after a "#!" line, where commands can be inserted; 0 if there is none.
func BodyStart(text string) int {
	if !strings.HasPrefix(text, "#!") {
		return 0
	}
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// UsesOf returns the uses of one variable.
func (s *Script) UsesOf(name string) []Use {
	var uses []Use
	for _, u := range s.Uses {
		if u.Name == name {
			uses = append(uses, u)
		}
	}
	return uses
}

// inOption reports whether what begins at an offset is a part of an option's name: of a word that begins with two dashes.
func inOption(text string, at int) bool {
	i := at
	for i > 0 && (text[i-1] == '-' || nameByte(text[i-1])) {
		i--
	}
	return i+1 < at && text[i:i+2] == "--" && (i == 0 || strings.IndexByte(" \t\n\"'", text[i-1]) >= 0)
}

// Mentions returns where the name stands as a whole word, uses and quoted text included, comments and the names of options
// (--disabled-password) left out. Without a mention, nothing in the script's text names the variable.
func (s *Script) Mentions(name string) []Span {
	var spans []Span
	if name == "" {
		return nil
	}
	for from := 0; ; {
		i := strings.Index(s.Text[from:], name)
		if i < 0 {
			break
		}
		start, end := from+i, from+i+len(name)
		from = end
		if start > 0 && nameByte(s.Text[start-1]) || end < len(s.Text) && nameByte(s.Text[end]) {
			continue
		}
		if !within(s.Comments, start) && !inOption(s.Text, start) {
			spans = append(spans, Span{start, end})
		}
	}
	// A name that a line continuation splits is found by the parser only.
	for _, u := range s.Uses {
		if u.Name == name && !overlaps(spans, u.Start, u.End) {
			spans = append(spans, Span{u.Start, u.End})
		}
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].Start < spans[j].Start })
	return spans
}

// StripsEnv reports whether the variable does not reach the command from the script's environment, because a wrapper
// drops it: sudo without -E, env -i, su -. Assigns tells whether the wrapper sets it anew.
func (c *Command) StripsEnv(name string) bool {
	for p := c.Parent; p != nil; p = p.Parent {
		if p.strips != nil && p.strips(name) {
			return true
		}
	}
	return false
}

// StripsIts reports whether a wrapper takes a variable of its environment away from the command that it runs.
func (c *Command) StripsIts(name string) bool { return c.strips != nil && c.strips(name) }

func nameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func validName(s string) bool {
	if s == "" || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return true
}

func within(spans []Span, at int) bool { return overlaps(spans, at, at+1) }

func overlaps(spans []Span, start, end int) bool {
	for _, s := range spans {
		if start < s.End && s.Start < end {
			return true
		}
	}
	return false
}

// baseProgram gives Command.Program for a literal path.
func baseProgram(p string) string {
	i := strings.LastIndexByte(p, '/')
	if i < 0 || i == len(p)-1 {
		return p
	}
	base := p[i+1:]
	if p[0] == '/' || p[0] == '~' {
		return base
	}
	switch path.Base(path.Clean(p[:i])) {
	case "bin", ".bin", "sbin", "Scripts":
		return base
	}
	if p[0] == '@' { // npx @scope/tool
		return base
	}
	return "./" + base
}
