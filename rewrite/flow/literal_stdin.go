package flow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

// fed adds the passwords that a command reads from its input, where a command of the
// script prints them: echo user:password | chpasswd.
func (f *finder) fed(c *shell.Command) {
	var parts *regexp.Regexp
	hashes := false
	switch c.Program {
	case "chpasswd", "chgpasswd":
		hashes = takesHashes(words(c.Args)) != ""
		parts = accountLine()
	case "passwd":
		parts = passwordLine()
	case "debconf-set-selections":
		parts = debconfLine()
	default:
		return
	}
	read := func(printer *shell.Command, w shell.Word, text string, from int) {
		m := parts.FindStringSubmatchIndex(text)
		if m == nil {
			return
		}
		x := credential{word: w, from: from + m[4], to: from + m[5], what: c.Program, name: "USER_PASSWORD", own: true, account: true, hash: true}
		user, value := text[m[2]:m[3]], text[m[4]:m[5]]
		if hashes {
			x.account, x.hash = false, false
		}
		if locks(value) || !hashes && crypted(value) && value[0] == '$' || strings.Contains(value, "%") && printer != nil && printer.Program == "printf" || !w.IsLit && strings.ContainsAny(value, "$`\\") {
			return
		}
		if name := upper(user); name != "" {
			x.name = name + "_PASSWORD"
		}
		switch x.class = detect.Value("password", value); {
		case user == "root" && value == "Docker!":
			return // the constant of Azure App Service, which is public
		case strings.EqualFold(user, value) && value != "":
			x.class = detect.Weak
		}
		if hashes {
			x.hashOnly()
		}
		owner := printer
		if owner == nil {
			owner = c
		}
		f.credential(owner, x)
	}
	for _, p := range f.printers(c) {
		args := p.Args
		for len(args) > 0 && strings.HasPrefix(args[0].Lit, "-") {
			args = args[1:]
		}
		if c.Program == "debconf-set-selections" && len(args) >= 4 && args[2].Lit == "password" {
			// echo package question password value, without quotes
			w := args[3]
			f.credential(p, credential{word: w, to: len(wordText(w)), what: c.Program, name: upper(wordText(args[0])) + "_PASSWORD", own: true, account: true, hash: true, class: detect.Value("password", wordText(w))})
			continue
		}
		if p.Program == "echo" && len(args) > 1 {
			continue // one line of several words is no account's
		}
		for _, w := range args {
			eachLine(wordText(w), func(line string, from int) { read(p, w, line, from) })
		}
		for _, d := range p.Redirs {
			f.body(d, p, read)
		}
	}
	for _, d := range append(slices.Clone(c.Redirs), c.Around...) {
		if d.Op == "<<<" {
			eachLine(wordText(d.Target), func(line string, from int) { read(nil, d.Target, line, from) })
		}
		f.body(d, nil, read)
	}
}

// body reads the lines of a here-document.
func (f *finder) body(d shell.Redir, printer *shell.Command, read func(*shell.Command, shell.Word, string, int)) {
	if d.Heredoc == "" || d.Body.End > len(f.text()) || f.text()[d.Body.Start:d.Body.End] != d.Heredoc {
		return
	}
	w := shell.Word{Start: d.Body.Start, End: d.Body.End, Text: d.Heredoc, Lit: d.Heredoc, IsLit: d.Quoted}
	eachLine(d.Heredoc, func(line string, from int) { read(printer, w, line, from) })
}

// printers are the commands whose output a command reads through a pipe, and that print
// what they are given.
func (f *finder) printers(c *shell.Command) []*shell.Command {
	reads := func(to *shell.Command) bool {
		for x := c; x != nil; x = x.Parent {
			if to == x {
				return true
			}
		}
		return false
	}
	var out []*shell.Command
	for _, p := range f.r.Script.Commands {
		if p.PipeTo != nil && p != c && reads(p.PipeTo) && (p.Program == "echo" || p.Program == "printf" || p.Program == "cat") {
			out = append(out, p)
		}
	}
	return out
}

// eachLine cuts a text at its line ends, those that are written as \n included.
func eachLine(text string, do func(line string, from int)) {
	for from := 0; from <= len(text); {
		end, next := len(text), len(text)+1
		if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
			end, next = from+i, from+i+1
		}
		if i := strings.Index(text[from:end], `\n`); i >= 0 {
			end, next = from+i, from+i+2
		}
		do(text[from:end], from)
		from = next
	}
}

// The first group is the user, the second the password.
var (
	accountLine  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*([^\s:]+):(.+?)\s*$`) })
	passwordLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^()(\S+)$`) })
	debconfLine  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\s*(\S+)\s+\S+\s+password\s+(\S.*?)\s*$`)
	})
)
