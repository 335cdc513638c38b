package rules

import (
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// literal says a word that is a part of a variable's name.
func (t *template) literal(w shell.Word, function string) (string, bool) {
	ps, ok := flow.Parts(w.Text)
	if !ok || len(ps) != 1 || ps[0].Expands {
		return "", false
	}
	if function == "" {
		return ps[0].Text, true
	}
	return nameFunctions()[function](ps[0].Text)
}

// inside says a word as the inside of a double-quoted string.
func (t *template) inside(w shell.Word, function string) (string, bool) {
	ps, ok := flow.Parts(w.Text)
	if !ok {
		return "", false
	}
	if function != "" {
		u, ok := splitURL(ps)
		if !ok {
			return "", false
		}
		switch function {
		case "base":
			ps = u.base()
		case "host":
			ps = u.host()
		}
	}
	return flow.Quoted(ps), true
}

// asWord says a word as a word.
func (t *template) asWord(w shell.Word, function string) (string, bool) {
	ps, ok := flow.Parts(w.Text)
	if !ok {
		return "", false
	}
	if function == "unset" {
		return t.unset(ps, w)
	}
	return w.Text, true
}

// nameFunctions are the functions that make a variable's name of a literal.
var nameFunctions = sync.OnceValue(func() map[string]func(string) (string, bool) {
	upper := strings.NewReplacer("-", "_", ".", "_")
	plain := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	}
	return map[string]func(string) (string, bool){
		// upper is the tool's own rule for names of registries, remotes and sources.
		"upper": func(s string) (string, bool) { return strings.ToUpper(upper.Replace(s)), plain(s) },
		// last is the same for what stands behind the last dot: http-basic.acme
		"last": func(s string) (string, bool) {
			s = s[strings.LastIndexByte(s, '.')+1:]
			return strings.ToUpper(upper.Replace(s)), plain(s)
		},
		// pip: a key of the section [global] holds for every command, as a variable does.
		"pip": func(s string) (string, bool) {
			s, ok := strings.CutPrefix(s, "global.")
			return strings.ToUpper(upper.Replace(s)), ok && plain(s)
		},
		// bundle: a dot is __. A dash is ___ since Bundler 2.1 only.
		"bundle": func(s string) (string, bool) {
			if host, ok := strings.CutPrefix(s, "https://"); ok {
				s = strings.TrimSuffix(host, "/")
			}
			return strings.ToUpper(strings.ReplaceAll(s, ".", "__")), plain(strings.ReplaceAll(s, ".", "")) && !strings.Contains(s, "-")
		},
		// yarn: npmAuthToken is NPM_AUTH_TOKEN.
		"yarn": func(s string) (string, bool) {
			var b strings.Builder
			for i, r := range s {
				if 'A' <= r && r <= 'Z' && i > 0 {
					b.WriteByte('_')
				}
				b.WriteRune(r)
			}
			return strings.ToUpper(b.String()), plain(s)
		},
	}
})

// unset is how git config takes a key back. A section that is named by a URL with a
// credential goes as a whole: older gits leave the name of an empty one behind.
func (t *template) unset(ps []flow.Part, w shell.Word) (string, bool) {
	if len(ps) == 0 {
		return "", false
	}
	last := ps[len(ps)-1]
	dot := strings.LastIndexByte(last.Text, '.')
	if last.Expands || dot < 0 {
		return "", false
	}
	section := slices.Clone(ps)
	section[len(ps)-1].Text = last.Text[:dot]
	name := strings.ToLower(last.Text[dot+1:])
	if strings.HasPrefix(strings.ToLower(ps[0].Text), "url.") && (name == "insteadof" || name == "pushinsteadof") {
		return `--remove-section "` + flow.Quoted(section) + `"`, true
	}
	for _, a := range t.c.Args {
		if a.Lit == "--add" {
			return "", false // the other values of the key are not this command's
		}
	}
	if strings.Contains(flow.Quoted(section), "@") && slices.ContainsFunc(section, func(p flow.Part) bool { return p.Expands }) {
		return "", false
	}
	return "--unset-all " + w.Text, true
}

// userURL is a URL with a credential before its host.
type userURL struct {
	scheme           string
	user, site, path []flow.Part
}

// splitURL takes a URL apart. ok is false for one that does not show its credential.
func splitURL(ps []flow.Part) (u userURL, ok bool) {
	if len(ps) == 0 || ps[0].Expands {
		return u, false
	}
	i := strings.Index(ps[0].Text, "://")
	if i < 0 {
		return u, false
	}
	u.scheme = ps[0].Text[:i+3]
	if u.scheme != "https://" && u.scheme != "http://" {
		return u, false
	}
	rest := slices.Clone(ps)
	rest[0].Text = rest[0].Text[i+3:]
	authority, path, ok := cutParts(rest, "/")
	if !ok {
		return u, false
	}
	if u.user, u.site, ok = cutParts(authority, "@"); !ok || len(u.site) == 0 {
		return u, false
	}
	u.path = path
	return u, !slices.ContainsFunc(u.site, func(p flow.Part) bool { return !p.Expands && strings.Contains(p.Text, "@") })
}

// cutParts cuts at the first sep that stands for itself.
func cutParts(ps []flow.Part, sep string) (before, after []flow.Part, ok bool) {
	for i, p := range ps {
		if p.Expands {
			continue
		}
		if head, tail, found := strings.Cut(p.Text, sep); found {
			before, after = slices.Clone(ps[:i]), slices.Clone(ps[i+1:])
			if head != "" {
				before = append(before, flow.Part{Text: head})
			}
			if tail != "" {
				after = slices.Insert(after, 0, flow.Part{Text: tail})
			}
			return before, after, true
		}
	}
	return nil, nil, false
}

func join(lists ...[]flow.Part) []flow.Part { return slices.Concat(lists...) }

func text(s string) []flow.Part { return []flow.Part{{Text: s}} }

func (u userURL) base() []flow.Part {
	return join(text(u.scheme), u.user, text("@"), u.site, text("/"))
}
func (u userURL) host() []flow.Part  { return join(text(u.scheme), u.site, text("/")) }
func (u userURL) clean() []flow.Part { return join(u.host(), u.path) }

// forOption reports whether the credential can stand in git -c NAME=VALUE, which ends the
// name at its first =. Bitbucket's access tokens have one.
func (u userURL) forOption() bool {
	for _, p := range slices.Concat(u.user, u.site) {
		if !p.Expands && (strings.Contains(p.Text, "=") || strings.Contains(p.Text, "bitbucket") || strings.Contains(p.Text, "x-token-auth")) {
			return false
		}
	}
	return true
}
