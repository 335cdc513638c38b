package service

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Script is a text, or a part of one, that a shell of the container reads: of a health check, or what sh -c gets.
type Script struct {
	Text compose.Text
	piece
}

// Source is the script as the shell reads it.
func (s Script) Source() string { return s.text }

// Edited returns the whole value of the text, as it is to be written, after edits of the script: $ is $$ in what is new. ok is false where
// what an edit replaces is not written as it is read.
func (s Script) Edited(edits []shell.TextEdit) (value string, ok bool) {
	value = s.of.Value
	for i := len(edits) - 1; i >= 0; i-- {
		e := edits[i]
		start := s.at[e.Start]
		end := start
		if e.End > e.Start {
			if start, end, ok = s.span(e.Start, e.End); !ok {
				return "", false
			}
		}
		value = value[:start] + compose.Escape(e.New) + value[end:]
	}
	return value, true
}

// Within returns what a span of the text's value is in the script; ok is false where it is no part of it.
func (s Script) Within(start, end int) (from, to int, ok bool) {
	from, to = slices.Index(s.at, start), 0
	for to = from; from >= 0 && to < len(s.at) && s.at[to] < end; {
		to++
	}
	if from < 0 || to > len(s.text) {
		return 0, 0, false
	}
	a, b, ok := s.span(from, to)
	return from, to, ok && a == start && b == end
}

// Commands are the words and the scripts that a service starts and checks its container with.
type Commands struct {
	Words   []Words
	Scripts []Script
}

// Words is a command that no shell reads.
type Words struct {
	Where   compose.Where
	Program string // the base name of what runs; "" if the image says it
	args    []piece
}

// Args are the arguments as the program sees them; variables of compose are as they are written.
func (w Words) Args() []string {
	out := make([]string, len(w.args))
	for i, a := range w.args {
		out[i] = a.text
	}
	return out
}

// All is the whole command, as far as no shell reads it.
func (w Words) All() []string {
	if w.Program == "" {
		return w.Args()
	}
	return append([]string{w.Program}, w.Args()...)
}

// CommandsOf takes the commands of a service apart.
func CommandsOf(s *compose.Service) Commands {
	var c Commands
	for _, where := range []compose.Where{compose.InEntrypoint, compose.InCommand, compose.InHealthcheck} {
		var words []piece
		for _, t := range s.Texts {
			if t.Where != where || !t.HasValue {
				continue
			}
			p := pieceOf(t)
			switch {
			case t.Item:
				words = append(words, p)
			case where == compose.InHealthcheck:
				c.Scripts = append(c.Scripts, Script{t, p})
			default:
				words = append(words, p.words()...)
			}
		}
		if where == compose.InHealthcheck && len(words) > 0 {
			kind := words[0].text
			if words = words[1:]; kind == "CMD-SHELL" && len(words) > 0 {
				c.Scripts = append(c.Scripts, Script{words[0].of, words[0]})
				continue
			}
			if kind != "CMD" {
				continue
			}
		}
		c.words(where, words)
	}
	return c
}

func (c *Commands) words(where compose.Where, words []piece) {
	if len(words) == 0 {
		return
	}
	if where == compose.InCommand && c.shellWaits() { // the words behind the script are its parameters
		c.Scripts = append(c.Scripts, Script{words[0].of, words[0]})
		if words = words[1:]; len(words) > 0 {
			c.Words = append(c.Words, Words{Where: where, args: words})
		}
		return
	}
	w := Words{Where: where, args: words}
	if !strings.HasPrefix(words[0].text, "-") && (where != compose.InCommand || !strings.Contains(words[0].text, "=")) {
		w.Program, w.args = path.Base(words[0].text), words[1:]
	}
	if i := c.script(w); i >= 0 {
		c.Scripts = append(c.Scripts, Script{w.args[i].of, w.args[i]})
		w.args = w.args[:i]
	}
	c.Words = append(c.Words, w)
}

// shellWaits reports whether the entrypoint is sh -c and no more: the first word of the command is the script then.
func (c *Commands) shellWaits() bool {
	if len(c.Words) != 1 || len(c.Scripts) > 0 || c.Words[0].Where != compose.InEntrypoint {
		return false
	}
	all := c.Words[0].All()
	n := len(all) - 1
	for n > 0 && len(all[n]) > 1 && all[n][0] == '-' && all[n][1] != '-' {
		n--
	}
	return n < len(all)-1 && strings.HasSuffix(all[len(all)-1], "c") && shell.DialectOf([]string{path.Base(all[n])}) != shell.Unknown
}

// script is the argument that sh -c has as its script, -1 if there is none. A shell can be the entrypoint and -c the command.
func (c *Commands) script(w Words) int {
	isShell := func(word string) bool { return shell.DialectOf([]string{path.Base(word)}) != shell.Unknown }
	args := w.Args()
	found := isShell(w.Program)
	for i := 0; i < len(args) && !found && w.Program != ""; i++ {
		if isShell(args[i]) { // tini -- sh -c …
			found, args = true, args[i+1:]
		}
	}
	if w.Where == compose.InCommand && w.Program == "" && len(c.Words) == 1 && c.Words[0].Where == compose.InEntrypoint {
		all := c.Words[0].All()
		found = isShell(all[len(all)-1])
	}
	if !found {
		return -1
	}
	offset := len(w.args) - len(args)
	for i, a := range args {
		if len(a) < 2 || a[0] != '-' || a[1] == '-' {
			return -1
		}
		if strings.HasSuffix(a, "c") && i+1 < len(args) {
			return offset + i + 1
		}
	}
	return -1
}

// commands finds the credentials in the commands of a service.
func (f *finder) commands(s *compose.Service) {
	c := CommandsOf(s)
	for _, w := range c.Words {
		program := w.Program
		if program == "" {
			program = imageProgram(s.Image)
		}
		for _, x := range flow.WordCredentials(program, w.Args()) {
			f.word(s, w.args[x.Word], x.From, x.To, commandName(s, program, x), x.Class)
		}
		for _, a := range w.args {
			f.form(s, a)
		}
	}
	for _, sc := range c.Scripts {
		if parsed, err := shell.Parse(sc.text, shell.POSIX); err == nil {
			for _, x := range flow.ScriptCredentials(parsed) {
				f.word(s, sc.piece, x.From, x.To, commandName(s, "", x), x.Class)
			}
		}
		f.form(s, sc.piece)
	}
}

func (f *finder) word(s *compose.Service, p piece, from, to int, name string, class detect.ValueClass) {
	if from >= to || strings.Contains(p.text[from:to], "$") {
		return
	}
	x := Place{Service: s, Text: p.of, Kind: Word, Name: name}
	var ok bool
	if x.Start, x.End, ok = p.span(from, to); !ok {
		if written := p.of.Value[x.Start:x.End]; class < detect.Ordinary || strings.Contains(written, "$") || inReference(p.of.Value, x.Start) {
			return
		}
		x.Pieces = true
	}
	f.add(x, p.text[from:to], class)
}

// form finds what its form gives away in a word or a script, and the passwords of URLs.
func (f *finder) form(s *compose.Service, p piece) {
	for _, a := range addresses(p.text) {
		if start, end, ok := p.span(a.start, a.end); ok && a.key == "" {
			name := variableName(strings.ToUpper(s.Name)) + "_PASSWORD"
			f.add(Place{Service: s, Text: p.of, Kind: Word, Start: start, End: end, Name: name, host: a.host}, p.text[a.start:a.end], a.class)
		}
	}
	for _, m := range detect.Scan([]byte(p.text)) {
		f.word(s, p, m.Start, m.End, detect.ProviderVariable(m.Kind), detect.Live)
	}
}

// imageProgram is the program that an image is known by its name to start with.
func imageProgram(image string) string {
	name, _, _ := strings.Cut(path.Base(image), ":")
	name, _, _ = strings.Cut(name, "@")
	switch name {
	case "redis", "valkey", "keydb", "redis-stack-server":
		return "redis-server"
	case "mysql", "mariadb", "percona":
		return "mysqld"
	case "mongo":
		return "mongod"
	}
	return name
}

// known are programs whose name says what a password is for.
var known = map[string]bool{"mysqld": true, "mongod": true, "redis-server": true, "postgres": true, "mysqladmin": true, "mysql": true, "curl": true, "redis-cli": true, "mongosh": true, "mongo": true}

// commandName is the name that a command's credential gets: the server's own flags make odd ones.
func commandName(s *compose.Service, program string, x flow.Credential) string {
	// The first word of a command is often a word of the image's own program: start --pass X.
	if own := strings.ToUpper(variableName(program)) + "_"; program != "" && strings.HasPrefix(x.Name, own) && !known[program] {
		x.Name = strings.ToUpper(variableName(s.Name)) + "_" + x.Name[len(own):]
	}
	if rest, ok := strings.CutPrefix(x.Name, "LOCALHOST_"); ok {
		x.Name = strings.ToUpper(variableName(s.Name)) + "_" + rest
	}
	switch {
	case strings.HasSuffix(x.Name, "_REQUIREPASS"), strings.HasSuffix(x.Name, "_MASTERAUTH"), x.Name == "REQUIREPASS", x.Name == "MASTERAUTH":
		return "REDIS_PASSWORD"
	}
	return variableName(x.Name)
}
