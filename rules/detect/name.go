package detect

import (
	_ "embed"
	"strings"
	"sync"
)

// NameClass is what the name of a variable says by itself.
type NameClass uint8

const (
	NotSecret NameClass = iota // says nothing: the value must speak (DATABASE_URL, FOO)
	Public                     // public by design, whatever is in it (NEXT_PUBLIC_*, *_PUBLIC_KEY, GPG_KEY, *_FILE)
	Maybe                      // the value must look like a secret too (KEY, AUTH, CACHE_KEY, PIP_INDEX_URL)
	Secret                     // a secret unless the value is harmless (NPM_TOKEN, DB_PASS, clientSecret)
)

// String names the class for messages and tests.
func (c NameClass) String() string { return [...]string{"not secret", "public", "maybe", "secret"}[c] }

// Name says what the name of a variable tells by itself. The name is cut into words at _ - . and other marks, and at
// camelCase and digit borders, and compared without regard to case: whole words and the glued ones of the table
// (PGPASSWORD, NPMTOKEN), never substrings, so AUTHOR, MONKEY and TOKENIZER are nothing.
func Name(name string) NameClass {
	var w words
	w.split(name)
	return w.name().class
}

// Whose says whether the value of a variable is the name of a user, a database, a host or the like (DB_USER): whoever
// gives a secret beside it the same value has chosen a first password.
func Whose(name string) bool {
	var w words
	w.split(name)
	return w.name().whose
}

//go:embed words.tsv
var wordTable string

//go:embed public.tsv
var publicTable string

// word is the set of things that a word says where it stands in a name.
type word uint32

const (
	wordSecret word = 1 << iota
	wordPassword
	wordLast
	wordMaybe
	wordURL
	wordID
	wordAbout
	wordOwner
	wordWhose
	wordVague
	wordPlace
	wordSwitch
	wordTrailer
	wordPublic
	wordClosed
	wordGPG
	wordKey
	wordKnown // stands in the table: not looked at as a glued word
)

var wordKinds = map[string]word{
	"secret":   wordSecret,
	"password": wordSecret | wordPassword,
	"last":     wordLast,
	"lastpass": wordLast | wordPassword,
	"maybe":    wordMaybe,
	"url":      wordURL,
	"id":       wordID,
	"about":    wordAbout,
	"owner":    wordOwner,
	"whose":    wordWhose,
	"vague":    wordVague,
	"place":    wordPlace,
	"switch":   wordSwitch,
	"trailer":  wordTrailer,
	"public":   wordPublic,
	"closed":   wordClosed,
	"gpg":      wordGPG,
	"plain":    0,
}

type nameTable struct {
	words    map[string]word
	pairs    map[[2]string]word
	names    map[string]NameClass
	glued    [256][]gluedEnding // by last byte
	prefixes []string           // public
	endings  [256][]ending      // of the whole name, by last byte
}

type ending struct {
	text  string
	class NameClass
}

type gluedEnding struct {
	text string
	kind word
}

var nameTables = sync.OnceValue(func() *nameTable {
	t := &nameTable{words: map[string]word{}, pairs: map[[2]string]word{}, names: map[string]NameClass{}}
	for row := range rows(wordTable) {
		kind, list := row[0], strings.Fields(row[1])
		switch kind {
		case "pair":
			t.pairs[[2]string(list)] = wordSecret
		case "maybepair":
			t.pairs[[2]string(list)] = wordMaybe
		case "name", "maybename":
			for _, name := range list {
				t.names[name] = Secret
				if kind == "maybename" {
					t.names[name] = Maybe
				}
			}
		case "glued", "gluedpass":
			for _, text := range list {
				e := gluedEnding{text, wordSecret}
				if kind == "gluedpass" {
					e.kind |= wordPassword
				}
				last := text[len(text)-1]
				t.glued[last] = append(t.glued[last], e)
			}
		case "ending":
			for _, text := range list {
				t.addEnding(text, Secret)
			}
		default:
			for _, text := range list {
				t.words[text] |= wordKinds[kind] | wordKnown
			}
		}
	}
	for _, key := range []string{"key", "keys", "gpgkey", "gpgkeys", "pgpkey", "pgpkeys", "publickey", "pubkey"} {
		t.words[key] |= wordKey
	}
	for row := range rows(publicTable) {
		for _, text := range strings.Fields(row[1]) {
			switch row[0] {
			case "name":
				t.names[text] = Public
			case "prefix":
				t.prefixes = append(t.prefixes, text)
			case "suffix":
				t.addEnding(text, Public)
			}
		}
	}
	return t
})

func (t *nameTable) addEnding(text string, class NameClass) {
	last := text[len(text)-1]
	t.endings[last] = append(t.endings[last], ending{text, class})
}

const (
	maxName  = 128 // bytes of a name or a value that are cut into words
	maxWords = 32
)

// words is a text cut into lower-cased words, on the stack.
type words struct {
	buf   [maxName]byte // the text in lower case, with _ for every byte that is no letter or digit
	n     int
	from  [maxWords]uint8
	to    [maxWords]uint8
	count int
	whole bool // nothing of the text was left out
}

// split cuts text at every byte that is no letter or digit, between letters and digits, and at camelCase humps
// (APIKey is api key). Bytes above ASCII count as letters.
func (w *words) split(text string) {
	w.whole = len(text) <= maxName
	if !w.whole {
		// The end of a name weighs more than its beginning.
		text = text[len(text)-maxName:]
	}
	w.n = len(text)
	start := -1
	before := byte(0) // class of the byte before
	for i := 0; i < len(text); i++ {
		c := text[i]
		class := byteClass[c]
		if class == 'A' {
			w.buf[i] = c | 0x20
		} else if class == 0 {
			w.buf[i] = '_'
		} else {
			w.buf[i] = c
		}
		if start >= 0 && class != before {
			switch {
			case before == 'A' && class == 'a':
				// HTTPServer: the last capital begins the word, unless it is all there is of it.
				if i-1 > start {
					w.add(start, i-1)
					start = i - 1
				}
			default:
				w.add(start, i)
				start = -1
			}
		}
		if start < 0 && class != 0 {
			start = i
		}
		before = class
	}
	if start >= 0 {
		w.add(start, len(text))
	}
}

func (w *words) add(from, to int) {
	if w.count == maxWords {
		w.whole = false
		copy(w.from[:], w.from[1:])
		copy(w.to[:], w.to[1:])
		w.count--
	}
	w.from[w.count], w.to[w.count] = uint8(from), uint8(to)
	w.count++
}

func (w *words) at(i int) []byte { return w.buf[w.from[i]:w.to[i]] }

func (w *words) digits(i int) bool { return byteClass[w.buf[w.from[i]]] == '0' }

// byteClass is 'A' for a capital, 'a' for a small letter or a byte above ASCII, '0' for a digit, else 0.
var byteClass = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 'A' && c <= 'Z':
			t[c] = 'A'
		case c >= 'a' && c <= 'z', c >= 0x80:
			t[c] = 'a'
		case c >= '0' && c <= '9':
			t[c] = '0'
		}
	}
	return t
}()

// nameFacts is what Value wants to know of a name, besides its class.
type nameFacts struct {
	class    NameClass
	password bool // the last word that counts is a password's: a bare number is one, and a weak one
	id       bool // it names an identifier, which is random by nature
	auth     bool // it ends in "auth", where "none" and "false" switch something off
	whose    bool // it names a user, a database, a host: no secret
	digest   bool // it names a checksum, a fingerprint or a public key
}

func (w *words) name() (f nameFacts) {
	if w.count == 0 {
		return f
	}
	t := nameTables()

	var kinds [maxWords]word
	var all word
	secretAt := -1 // the first word of a secret
	for i := range w.count {
		text := w.at(i)
		kind := t.words[string(text)]
		if kind == 0 && len(text) > 5 {
			for _, e := range t.glued[text[len(text)-1]] {
				if len(text) >= len(e.text) && string(text[len(text)-len(e.text):]) == e.text {
					kind = e.kind
					break
				}
			}
		}
		if i > 0 && kind&(wordKey|wordKnown) != 0 {
			if pair := t.pairs[[2]string{string(w.at(i - 1)), string(text)}]; pair != 0 {
				kind |= pair
			}
		}
		kinds[i] = kind
		all |= kind
		if secretAt < 0 && kind&wordSecret != 0 {
			secretAt = i
		}
	}

	end := w.count
	for end > 1 && (w.digits(end-1) || kinds[end-1]&wordTrailer != 0) {
		end--
	}
	last := kinds[end-1]
	if last&wordLast != 0 {
		last |= wordSecret
		all |= wordSecret
		if secretAt < 0 {
			secretAt = end - 1
		}
	}
	f.password = last&wordPassword != 0
	f.id = last&wordID != 0
	f.auth = string(w.at(end-1)) == "auth"
	f.digest = all&wordGPG != 0 || last&wordPlace != 0
	f.class = w.class(t, kinds[:end], all, last, secretAt)
	f.whose = f.class != Secret && (last&wordWhose != 0 || last == 0 && strings.HasSuffix(string(w.at(end-1)), "user"))
	return f
}

// class weighs the words of a name: what the table says of the whole name, then its last word, then the others.
func (w *words) class(t *nameTable, kinds []word, all, last word, secretAt int) NameClass {
	whole := w.buf[:w.n]
	if class, ok := t.names[string(whole)]; ok {
		return class
	}
	for _, prefix := range t.prefixes {
		if len(whole) > len(prefix) && string(whole[:len(prefix)]) == prefix {
			return Public
		}
	}
	for _, e := range t.endings[whole[len(whole)-1]] {
		if len(whole) >= len(e.text) && string(whole[len(whole)-len(e.text):]) == e.text {
			return e.class
		}
	}
	if class, ok := bundlerHost(whole); ok {
		return class
	}

	suspicious := all&(wordSecret|wordMaybe) != 0
	switch {
	case last&wordPlace != 0:
		return Public
	case all&wordPublic != 0 && all&wordClosed == 0:
		return Public
	case !suspicious:
		return NotSecret
	case all&wordKey != 0 && all&wordGPG != 0 && all&wordClosed == 0:
		return Public
	case last&wordAbout != 0 && last&wordSecret == 0:
		return NotSecret
	case last&wordOwner != 0 && (len(kinds) < 2 || kinds[len(kinds)-2]&wordPassword == 0):
		return NotSecret
	}
	for i, kind := range kinds {
		if i == secretAt {
			break
		}
		if kind&wordSwitch != 0 {
			return NotSecret
		}
	}
	if all&wordSecret != 0 && last&(wordURL|wordID|wordVague) == 0 {
		return Secret
	}
	return Maybe
}

// bundlerHost knows BUNDLE_<HOST>, where __ stands for a dot of the host: GEMS__EXAMPLE__COM. The same form is
// used for a few settings (BUNDLE_BUILD__NOKOGIRI), which are none.
func bundlerHost(whole []byte) (class NameClass, ok bool) {
	const prefix = "bundle_"
	if len(whole) <= len(prefix) || string(whole[:len(prefix)]) != prefix {
		return NotSecret, false
	}
	host := string(whole[len(prefix):])
	topic, rest, dotted := strings.Cut(host, "__")
	switch {
	case !dotted || topic == "" || rest == "":
		return NotSecret, false
	case topic == "local", topic == "build", topic == "path", topic == "cache", topic == "disable", topic == "ignore_messages":
		return NotSecret, true
	case topic == "gem" && !strings.Contains(rest, "__"):
		return NotSecret, true // gem.mit; gem.fury.io is a host
	case topic == "mirror":
		return Maybe, true
	}
	return Secret, true
}
