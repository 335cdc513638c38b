package detect

import (
	"bytes"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Match is a secret inside a text: the byte offsets of the secret part alone, text[Start:End], and what it is
// ("GitHub token", "URL password", "private key").
type Match struct {
	Start, End int
	Kind       string
}

// Scan finds the secrets that their form alone gives away: tokens of known providers, PEM private keys (the whole
// block, also where its line ends are written as \n), JSON web tokens, and passwords in URLs. Placeholders and
// variables in these places, and weak passwords in URLs, are none. The matches are in order and do not overlap.
func Scan(text []byte) []Match {
	return scan(text, false)
}

//go:embed providers.tsv
var providerTable string

type provider struct {
	title   string
	literal string // every token begins with it; may be shown
	private bool
	random  bool
	public  bool
	pattern func() *regexp.Regexp // compiled when its literal is first met
}

type scanTable struct {
	// Something may begin only where first has the first two bytes and second has the second and the third: the
	// tests that nearly all text fails.
	first, second pairSet
	byPair        map[uint16][]*provider
}

// pairSet is a set of pairs of bytes.
type pairSet [1 << 16 / 64]uint64

func (s *pairSet) add(pair uint16) { s[pair>>6] |= 1 << (pair & 63) }

func (s *pairSet) has(pair uint16) bool { return s[pair>>6]>>(pair&63)&1 != 0 }

func (t *scanTable) mark(literal string) {
	t.first.add(pairOf(literal))
	if len(literal) > 2 {
		t.second.add(pairOf(literal[1:]))
		return
	}
	for c := range 256 {
		t.second.add(uint16(literal[1])<<8 | uint16(c))
	}
}

func pairOf[T string | []byte](text T) uint16 { return uint16(text[0])<<8 | uint16(text[1]) }

var scanTables = sync.OnceValue(func() *scanTable {
	t := &scanTable{byPair: map[uint16][]*provider{}}
	for row := range rows(providerTable) {
		expr := row[3]
		p := &provider{
			title:   row[0],
			literal: row[1],
			private: strings.Contains(row[2], "private"),
			random:  strings.Contains(row[2], "random"),
			public:  strings.Contains(row[2], "public"),
			pattern: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^(?:" + expr + ")") }),
		}
		t.mark(p.literal)
		t.byPair[pairOf(p.literal)] = append(t.byPair[pairOf(p.literal)], p)
	}
	t.mark("//")
	t.mark(pemBegin)
	return t
})

const (
	windowSize   = 16 << 10 // bytes that a provider's pattern is tried on
	maxAuthority = 1 << 10  // bytes of a URL in which its @ is looked for
	maxOpenKey   = 16 << 10 // bytes of a private key whose end marker is missing
)

// scan with privateOnly leaves out what a provider means to be seen by browsers, and JSON web tokens.
func scan(text []byte, privateOnly bool) []Match {
	t := scanTables()
	var matches []Match
	pemStop := 0 // where the next PEM block ends: an offset that is not yet passed, or -1 for none
	for i := 0; i+2 < len(text); i++ {
		pair := uint16(text[i])<<8 | uint16(text[i+1])
		if !t.first.has(pair) || !t.second.has(pair<<8|uint16(text[i+2])) {
			continue
		}
		switch {
		case pair == '/'<<8|'/':
			if i == 0 || text[i-1] != ':' {
				continue
			}
			m, end := urlPassword(text, i+2)
			if m.Kind == "" {
				continue
			}
			if p, length := providerAt(t, text, m.Start); p != nil && m.Start+length == m.End {
				m.Kind = p.title
			}
			if p, length := providerAt(t, text, i+2); p != nil && i+2+length < m.Start {
				matches = append(matches, Match{i + 2, i + 2 + length, p.title}) // the user is a token too
			}
			matches = append(matches, m)
			i = end - 1
		case pair == '-'<<8|'-':
			if !bytes.HasPrefix(text[i:], []byte(pemBegin)) {
				continue
			}
			if pemStop >= 0 && pemStop <= i {
				if pemStop = bytes.Index(text[i:], []byte(pemEnd)); pemStop >= 0 {
					pemStop += i
				}
			}
			end, ok := privateKeyBlock(text, i, pemStop)
			if !ok {
				continue
			}
			matches = append(matches, Match{i, end, "private key"})
			i = end - 1
		default:
			if (alnum(text[i]) || text[i] == '_') && !wordStart(text, i) {
				continue
			}
			m, p := providerMatch(t, text, i)
			if p == nil {
				continue
			}
			if !p.public && (p.private || !privateOnly) {
				matches = append(matches, m)
			}
			i = m.End - 1
		}
	}
	return matches
}

// holdsPrivateForm says whether the value holds a secret that is secret under every name.
func holdsPrivateForm(value string) bool { return len(scan([]byte(value), true)) > 0 }

// wordStart says whether a token may begin at text[i]: not inside a word, but after a written \n or %3D.
func wordStart(text []byte, i int) bool {
	if i == 0 || !alnum(text[i-1]) {
		return i == 0 || text[i] != '_' || text[i-1] != '_' // db__password= is no _password=
	}
	if i >= 2 && text[i-2] == '\\' {
		return true
	}
	return i >= 3 && text[i-3] == '%' && hexDigit(text[i-2]) && hexDigit(text[i-1])
}

func alnum(c byte) bool { return byteClass[c] != 0 && c < 0x80 }

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// providerMatch finds the token that begins at text[i] and is no placeholder.
func providerMatch(t *scanTable, text []byte, i int) (Match, *provider) {
	for _, p := range t.byPair[pairOf(text[i:])] {
		if !bytes.HasPrefix(text[i:], []byte(p.literal)) {
			continue
		}
		if p.random && i > 0 && alnum(p.literal[0]) && strings.IndexByte("_-.", text[i-1]) >= 0 {
			continue // cache-key-<digest> is no key
		}
		window := text[i:min(len(text), i+windowSize)]
		loc := p.pattern().FindSubmatchIndex(window)
		if loc == nil {
			continue
		}
		start, end := i+loc[0], i+loc[1]
		body := start + len(p.literal)
		if len(loc) == 4 {
			start, end = i+loc[2], i+loc[3]
			body = start
		}
		// A form of fixed length that goes on is another word; a longer one than the pattern allows is
		// taken whole, so that no tail of it is ever shown.
		if end < len(text) && alnum(text[end]) {
			if p.random || fixedLength(p) {
				continue
			}
			for end < len(text) && (alnum(text[end]) || strings.IndexByte("_-+/=.", text[end]) >= 0) {
				end++
			}
		}
		if end < len(text) && text[end] == '$' || end+1 < len(text) && text[end] == '{' && text[end+1] == '{' {
			continue // the rest is a variable: what stands here is no whole token
		}
		for end > body && text[end-1] == '.' {
			end-- // the end of a sentence
		}
		rest := string(text[min(body, end):end])
		if tokenPlaceholder(string(text[start:end]), rest) || p.random && !randomLooking(rest) {
			continue
		}
		if len(loc) == 4 && !p.random && literalClass(rest, nil) != Ordinary {
			continue // a key and a value, and the value is a weak one
		}
		return Match{start, end, p.title}, p
	}
	return Match{}, nil
}

func fixedLength(p *provider) bool {
	return strings.HasSuffix(p.literal, "IA") || p.literal == "ACCA"
}

// providerAt gives the provider of the token that begins at text[i], and the token's length.
func providerAt(t *scanTable, text []byte, i int) (*provider, int) {
	if i+1 >= len(text) {
		return nil, 0
	}
	m, p := providerMatch(t, text, i)
	if p == nil || m.Start != i {
		return nil, 0
	}
	return p, m.End - m.Start
}

// tokenPlaceholder knows the tokens of manuals: ghp_xxxxxxxx, sk_live_your_key, AKIAIOSFODNN7EXAMPLE.
func tokenPlaceholder(token, body string) bool {
	if valueTables().exact[token] {
		return true
	}
	return repeats(body) || sequence(body) || strings.Contains(strings.ToLower(body), "xxxxxx") || hasAnywhereWord([]byte(body))
}

// urlPassword finds the password of a URL whose authority begins at text[at], and where the authority's userinfo
// ends. A URL with a token and no password has the token for one.
func urlPassword(text []byte, at int) (m Match, end int) {
	limit := min(len(text), at+maxAuthority)
	colon, sign, ahead := -1, -1, false
scan:
	for i := at; i < limit; i++ {
		switch c := text[i]; c {
		case ':':
			if colon < 0 {
				colon = i
			}
		case '@':
			sign = i // the last one: a password may hold an @
		case '/', '?', '#':
			// They end an authority, but people do not escape them in passwords: go on where this cannot be
			// a port and an @ is still to come.
			if colon >= 0 && sign < 0 && !portLike(text[colon+1:i]) {
				if ahead = ahead || signAhead(text[i:limit]); ahead {
					continue
				}
			}
			break scan
		case '"', '\'', '`', '<', '>', '\\', ';', '|', ' ', '\t', '\r', '\n':
			break scan
		}
	}
	if sign < 0 {
		return Match{}, 0
	}
	if colon < 0 || colon > sign {
		colon = sign
	}
	user := text[at:colon]
	if colon < sign {
		password := text[colon+1 : sign]
		switch string(password) {
		case "", "x-oauth-basic", "x-token-auth", "x-access-token", "oauth2":
			// the user is the token
			if len(user) >= 16 && urlSecret("", user) {
				return Match{at, colon, urlTokenKind(text, at, colon)}, sign
			}
			return Match{}, 0
		}
		if !urlSecret(string(user), password) {
			return Match{}, 0
		}
		return Match{colon + 1, sign, "URL password"}, sign
	}
	// https://<32 hex>@o1.ingest.sentry.io/2 is a DSN, which is public.
	if len(user) >= 20 && urlSecret("", user) && randomLooking(string(user)) && !bytes.Contains(text[sign:min(len(text), sign+100)], []byte("sentry")) {
		return Match{at, sign, urlTokenKind(text, at, sign)}, sign
	}
	return Match{}, 0
}

func urlTokenKind(text []byte, start, end int) string {
	if p, length := providerAt(scanTables(), text, start); p != nil && start+length == end {
		return p.title
	}
	return "URL token"
}

// portLike says whether the text is what stands between a host's colon and the path: a number, a variable, a blank to
// fill in, or the rest of an IPv6 address.
func portLike(text []byte) bool {
	return len(bytes.Trim(text, "0123456789:")) == 0 || bytes.IndexByte([]byte("$%{[*"), text[0]) >= 0 || bytes.IndexByte(text, ']') >= 0
}

// signAhead says whether an @ comes before anything that cannot stand in a password.
func signAhead(text []byte) bool {
	i := bytes.IndexAny(text, "@\"'`<>\\; \t\r\n")
	return i >= 0 && text[i] == '@'
}

// urlSecret says whether the password is a literal, and neither weak nor a placeholder.
func urlSecret(user string, password []byte) bool {
	for i, c := range password {
		if c == '$' && i+1 < len(password) {
			if next := password[i+1]; next == '{' || next == '(' || next == '_' || alnum(next) && byteClass[next] != '0' {
				return false // a variable, or a part that is one
			}
		}
	}
	s := string(password)
	if strings.EqualFold(s, user) || strings.ContainsAny(s, "{}[]") && bracketed(s) {
		return false
	}
	class := literalClass(s, nil)
	return class == Ordinary || class == Live
}

// bracketed says whether the text is or ends in a thing to be filled in: {password}, {{ .Password }}, [pw], %(pw)s.
func bracketed(s string) bool {
	return strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") || strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") ||
		strings.Contains(s, "{{") || strings.Contains(s, "#{")
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
)

// privateKeyBlock says where the private key that begins at text[at] ends; stop is where the next PEM end marker
// begins, or -1. A block without its end is taken as far as it looks like one.
func privateKeyBlock(text []byte, at, stop int) (end int, ok bool) {
	label := text[at+len(pemBegin) : min(len(text), at+len(pemBegin)+64)]
	dashes := bytes.Index(label, []byte("-----"))
	if dashes < 0 || !bytes.Contains(label[:dashes], []byte("PRIVATE KEY")) {
		return 0, false
	}
	body := at + len(pemBegin) + dashes + 5
	next := bytes.Index(text[body:], []byte(pemBegin))
	if stop >= body && (next < 0 || stop < body+next) {
		if !keyBody(text[body:stop]) {
			return 0, false
		}
		end = stop + len(pemEnd)
		if i := bytes.Index(text[end:min(len(text), end+64)], []byte("-----")); i >= 0 {
			end += i + 5
		}
		return end, true
	}
	limit := min(len(text), body+maxOpenKey)
	if next >= 0 {
		limit = min(limit, body+next)
	}
	end = body
	for end < limit && (alnum(text[end]) || bytes.IndexByte([]byte("+/= \t\r\n\\:,-"), text[end]) >= 0) {
		end++
	}
	end = body + len(bytes.TrimRight(text[body:end], " \t\r\n\\"))
	return end, keyBody(text[body:end])
}

// keyBody says whether there is a key between the lines of a PEM block, and no variable, dots or pattern.
func keyBody(body []byte) bool {
	if slices.Contains(body, '$') || slices.Contains(body, '<') {
		return false
	}
	longest, run := 0, 0
	for _, c := range body {
		if alnum(c) || c == '+' || c == '/' || c == '=' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest >= 8 && !hasAnywhereWord(body)
}

// Mask is what may be shown of a value: the public prefix of its provider and ***, else ***, and never more.
func Mask(value string) string {
	t := scanTables()
	if len(value) >= 2 {
		text := []byte(value[:min(len(value), windowSize)])
		for _, p := range t.byPair[pairOf(value)] {
			if strings.HasPrefix(value, p.literal) && p.pattern().NumSubexp() == 0 && p.pattern().Match(text) {
				return p.literal + "***"
			}
		}
	}
	return "***"
}
