package flow

import (
	_ "embed"
	"encoding/base64"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

//go:embed credentials.tsv
var credentialsTSV string

// credential is a literal in a word of a command, where the command takes a credential
// or where its form gives it away.
type credential struct {
	word     shell.Word
	from, to int    // in wordText(word)
	what     string // "a GitHub token"
	name     string // the variable that it gets
	own      bool   // name is a made-up one, of a host or a program: nothing else reads it
	label    int    // where in the word that begins which names it; -1: the word before
	before   shell.Word
	class    detect.ValueClass
	flag     bool // it is one of the program's own: PROGRAM_FLAG
	account  bool // the password of an account of the image
	hash     bool // a hash of it stays in the image
	crypted  bool // it is a hash
}

// credentialRow is one row of credentials.tsv.
type credentialRow struct {
	programs []programSpec
	flags    []string
	form     string
	variable string
}

var credentialRows = sync.OnceValue(func() map[string][]credentialRow {
	out := map[string][]credentialRow{}
	for _, r := range rows(credentialsTSV) {
		row := credentialRow{specs(r[0]), strings.Fields(r[1]), r[2], r[3]}
		for _, p := range row.programs {
			out[p.name] = append(out[p.name], row)
		}
	}
	return out
})

var (
	header = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:http\.(?:[^=]*\.)?(?i:extraheader)=)?([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)$`)
	})
	scheme = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?i:bearer|token|basic|apikey|api-key|key)[ \t]+`)
	})
	setting = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:-[A-Za-z]|--[a-z-]+=)?([A-Za-z_][A-Za-z0-9_.-]*)=(.+)$`)
	})
)

// wordText is a word's value; of a word with variables in it, what is written, without
// the quotes around it.
func wordText(w shell.Word) string {
	if w.IsLit || w.Lit != "" {
		return w.Lit
	}
	return strings.Trim(w.Text, `"`)
}

// credentialsOf finds the credentials in the arguments of a program.
func credentialsOf(program string, args []shell.Word) []credential {
	var out []credential
	add := func(c credential) {
		text := wordText(c.word)
		value := text[c.from:c.to]
		if !c.word.IsLit && strings.ContainsAny(value, "$`\\'\"") || slices.ContainsFunc(out, func(x credential) bool {
			return x.word.Start == c.word.Start && x.from < c.to && c.from < x.to
		}) {
			return
		}
		if c.class == 0 {
			c.class = detect.Value(c.name, value)
		}
		out = append(out, c)
	}
	texts := make([]string, len(args))
	for i, w := range args {
		texts[i] = wordText(w)
	}
	for _, row := range credentialRows()[program] {
		if slices.ContainsFunc(row.programs, func(p programSpec) bool { return p.matches(program, texts) }) {
			row.find(program, args, texts, add)
		}
	}
	for i, w := range args {
		text := texts[i]
		if text == "" {
			continue
		}
		flag, value, attached := strings.Cut(text, "=")
		switch {
		case strings.HasPrefix(flag, "-") && (strings.HasPrefix(flag, "--") || len(flag) > 4):
			name := strings.Trim(flag, "-")
			switch {
			case detect.Name(name) != detect.Secret, attached && strings.IndexByte("DPe", text[1]) >= 0: // -DNAME=value is a setting, see below
			case attached:
				add(credential{word: w, from: len(flag) + 1, to: len(text), what: of(program, flag), name: flagName(program, name), flag: true, class: detect.Value(name, value)})
			case i+1 < len(args) && !strings.HasPrefix(texts[i+1], "-") && !clientPrompts(program, flag):
				add(credential{word: args[i+1], to: len(texts[i+1]), label: -1, before: w, what: of(program, flag), name: flagName(program, name), flag: true, class: detect.Value(name, texts[i+1])})
			}
		}
		if c, ok := headerIn(program, w, text, i, texts); ok {
			if c.label < 0 {
				c.before = args[i-1]
			}
			add(c)
		}
		if m := setting().FindStringSubmatchIndex(text); m != nil && takesSettings(program) {
			name := text[m[2]:m[3]]
			if detect.Name(name) == detect.Secret {
				add(credential{word: w, from: m[4], to: m[5], what: name, name: upper(name), class: detect.Value(name, text[m[4]:m[5]])})
			}
		}
	}
	return out
}

// find adds what a row of the table finds.
func (row credentialRow) find(program string, args []shell.Word, texts []string, add func(credential)) {
	if row.form == "shadow" {
		if i, from, flag, ok := hashWord(program, texts); ok && !locks(texts[i][from:]) {
			c := credential{word: args[i], from: from, to: len(texts[i]), name: row.variable, what: program + " " + flag, class: detect.Value("password", texts[i][from:])}
			if from == 0 {
				c.label, c.before = -1, args[i-1]
			}
			c.hashOnly()
			add(c)
		}
		return
	}
	name, own := row.variable, false
	if name == "-" {
		name, own = upper(base(program))+"_PASSWORD", true
		if host := hostOf(texts); host != "" {
			name = host + "_PASSWORD"
		}
	}
	take := func(i, from, label int, what string) {
		c := credential{word: args[i], from: from, to: len(texts[i]), name: name, own: own, what: what, label: label}
		if label < 0 {
			c.before = args[i-1]
		}
		value := texts[i][from:]
		cut := func(sep string) bool {
			user, password, ok := strings.Cut(value, sep)
			if !ok {
				return false
			}
			c.from += len(user) + len(sep)
			switch password {
			case "", "x-oauth-basic":
				c.from, c.to = from, from+len(user)
				c.name = strings.TrimSuffix(name, "PASSWORD") + "TOKEN"
				c.class = detect.Value("token", user)
				return c.class == detect.Live
			}
			if strings.EqualFold(user, password) {
				c.class = detect.Weak
			}
			return true
		}
		switch row.form {
		case "user":
			if !cut(":") {
				return
			}
		case "percent":
			if !cut("%") {
				return
			}
		case "comma":
			if !cut(",") {
				return
			}
		case "last":
			c.hash = true
		case "next":
			c.hash = program == "mysqladmin" || program == "mariadb-admin"
		case "pass":
			if !strings.HasPrefix(value, "pass:") {
				return
			}
			c.from += len("pass:")
		}
		if c.from >= c.to {
			return
		}
		if c.class == 0 {
			c.class = detect.Value("password", texts[i][c.from:c.to])
		}
		add(c)
	}
	last := len(texts) - 1
	for i, text := range texts {
		for _, flag := range row.flags {
			switch row.form {
			case "next", "second":
				n := i + 1
				if row.form == "second" {
					n++
				}
				ok := text == flag
				if strings.Contains(flag, "*") {
					ok, _ = path.Match(strings.ReplaceAll(flag, "/", "\x01"), strings.ReplaceAll(text, "/", "\x01"))
				}
				if !ok || n > last || strings.HasPrefix(texts[n], "-") {
					continue
				}
				if row.variable == "its name" {
					name = upper(text)
				}
				take(n, 0, -1, program+" "+text)
			case "last":
				if text == flag && last > i+1 || text == flag && program == "cargo" && last == i+1 {
					take(last, 0, -1, program+" "+text)
				}
			default:
				what := program + " " + flag
				short := len(flag) == 2
				switch {
				case row.form == "attached":
					if len(text) > 2 && strings.HasPrefix(text, flag) {
						take(i, 2, 0, what)
					}
				case text == flag:
					if i < last && (!strings.HasPrefix(texts[i+1], "-") || row.form == "user") {
						take(i+1, 0, -1, what)
					}
				case row.form == "separate":
				case short && strings.HasPrefix(text, flag):
					take(i, 2, 0, what)
				case !short && strings.HasPrefix(text, flag+"="):
					take(i, len(flag)+1, 0, what)
				}
			}
		}
	}
}

// hashOnly judges a value that stands where the hash of a password belongs. A hash is what
// anybody can try passwords on; a word that everybody guesses is no password there.
func (c *credential) hashOnly() {
	if text := wordText(c.word)[c.from:c.to]; crypted(text) {
		c.class, c.crypted = detect.Weak, true
	}
}

// headerIn finds the credential of a header: -H "Authorization: Bearer X".
func headerIn(program string, w shell.Word, text string, i int, texts []string) (c credential, ok bool) {
	from, label := 0, 0
	switch {
	case strings.HasPrefix(text, "--header="):
		from = len("--header=")
	case strings.HasPrefix(text, "-H") && len(text) > 2:
		from = 2
	case i > 0 && (texts[i-1] == "-H" || texts[i-1] == "--header" || texts[i-1] == "-c" && program == "git"), program == "http", program == "https", program == "xh":
	case program == "git" && i > 0 && strings.HasSuffix(strings.ToLower(texts[i-1]), ".extraheader"):
	default:
		return c, false
	}
	m := header().FindStringSubmatchIndex(text[from:])
	if m == nil {
		return c, false
	}
	name := text[from+m[2] : from+m[3]]
	value := from + m[4]
	label = from + m[2]
	lower := strings.ToLower(name)
	if lower == "authorization" || lower == "proxy-authorization" {
		variable := "API_TOKEN"
		kind := strings.ToLower(scheme().FindString(text[value:]))
		value += len(kind)
		class := detect.Value("api_token", text[value:])
		if strings.HasPrefix(kind, "basic") {
			variable = "API_CREDENTIALS"
			if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text[value:])); err == nil {
				user, password, _ := strings.Cut(string(plain), ":")
				if class = detect.Value("password", password); strings.EqualFold(user, password) {
					class = detect.Weak
				}
			}
		}
		return credential{word: w, from: value, to: len(text), what: name + " header", name: variable, label: label, class: class}, value < len(text)
	}
	if detect.Name(name) != detect.Secret && lower != "x-jfrog-art-api" {
		return c, false
	}
	variable := upper(strings.TrimPrefix(strings.TrimPrefix(name, "X-"), "x-"))
	return credential{word: w, from: value, to: len(text), what: name + " header", name: variable, label: label, class: detect.Value(variable, text[value:])}, value < len(text)
}

// takesSettings reports whether NAME=value is a setting among the arguments of a program,
// and not text, a pattern or a package with its version.
func takesSettings(program string) bool {
	switch program {
	case "", "echo", "printf", "test", "[", "[[", "sed", "awk", "gawk", "grep", "egrep", "perl", "find", "apt-get", "apt", "apk", "yum", "dnf", "microdnf",
		"pip", "pip2", "pip3", "gem", "conda", "mamba", "zypper", "pacman", "dpkg", "export", "declare", "local", "readonly", "typeset", "let", "((":
		return false
	}
	return true
}

// clientPrompts reports a flag whose next word is no value of its: the program asks.
func clientPrompts(program, flag string) bool {
	return program == "openssl" || flag == "--password" && (strings.HasPrefix(program, "mysql") || strings.HasPrefix(program, "mariadb") || program == "psql" || strings.HasPrefix(program, "pg_") ||
		program == "createdb" || program == "createuser")
}

// wordy reports a literal of small letters only. People write demonstrations and
// placeholders so, in more forms than a list of words can hold.
func wordy(value string) bool { return strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-_. /") == "" }

// of names a flag with its program, if that is known.
func of(program, flag string) string {
	return strings.TrimPrefix(base(program)+" "+flag, ". ")
}

// flagName is the variable of a flag: PROGRAM_FLAG.
func flagName(program, flag string) string {
	p, f := upper(base(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(program, ".sh"), ".py"), ".pl"))), upper(flag)
	if p == "" || strings.HasPrefix(f, p) {
		return f
	}
	return p + "_" + f
}

// upper makes a variable's name of a text.
func upper(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			b.WriteByte(c - 32)
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
			b.WriteByte(c)
		case b.Len() > 0 && b.String()[b.Len()-1] != '_':
			b.WriteByte('_')
		}
	}
	name := strings.Trim(b.String(), "_")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

var urlHost = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?([A-Za-z0-9.-]+)`)
})

// hostOf makes a name of the only host that the arguments name; "" if there is none or
// more than one.
func hostOf(texts []string) string {
	host := ""
	for _, t := range texts {
		if m := urlHost().FindStringSubmatch(t); m != nil {
			if host != "" && host != m[1] {
				return ""
			}
			host = m[1]
		}
	}
	return hostName(host)
}

// hostName is a host as a part of a variable's name.
func hostName(host string) string {
	name := upper(strings.TrimPrefix(host, "www."))
	if strings.HasPrefix(name, "_") {
		return "HOST" + name
	}
	return name
}
