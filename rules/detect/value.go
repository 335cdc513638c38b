package detect

import (
	_ "embed"
	"math"
	"strings"
	"sync"
)

// ValueClass is what a literal is by itself.
type ValueClass uint8

const (
	Empty       ValueClass = iota // nothing, or blanks
	Harmless                      // a boolean, number, path, URL, version, address, fingerprint, template, or public by its form
	Placeholder                   // stands for a secret: changeme, <token>, xxx, none, its own name
	Weak                          // guessed at once: root, admin, shorter than 8, the name of the user or the service
	Ordinary                      // any other literal
	Live                          // looks like a live secret: a provider's form, a PEM key, a URL's password, random
)

// String names the class for messages and tests.
func (c ValueClass) String() string {
	return [...]string{"empty", "harmless", "placeholder", "weak", "ordinary", "live"}[c]
}

// Value says what a literal is, given the name of its variable ("" when there is none). A value that only looks random
// is Live under a name that is Secret or Maybe, and Ordinary under any other.
func Value(name, value string) ValueClass {
	trimmed := strings.TrimSpace(value)
	if trimmed == "" {
		return Empty
	}
	var w words
	w.split(name)
	facts := w.name()
	own := &w
	if name == "" {
		own = nil
	}

	if class, ok := byForm(trimmed); ok {
		return class
	}
	if class, ok := urlClass(trimmed); ok {
		return class
	}
	if harmless(trimmed, facts) {
		return Harmless
	}
	class := literalClass(trimmed, own)
	if facts.password && number(trimmed) {
		return Weak
	}
	if facts.class == Secret && sentinel(trimmed) {
		if facts.auth {
			return Harmless
		}
		return Placeholder
	}
	if class == Ordinary && (facts.class == Secret || facts.class == Maybe) && !facts.id && randomLooking(trimmed) {
		return Live
	}
	return class
}

// byForm judges a value that has the form of a token, a key, a URL with a password, or a connection string: the only
// values that speak for themselves under any name.
func byForm(trimmed string) (class ValueClass, ok bool) {
	if valueTables().exact[trimmed] {
		return Placeholder, true
	}
	if len(Scan([]byte(trimmed))) > 0 {
		return Live, true
	}
	return connection(trimmed)
}

//go:embed placeholders.txt
var placeholderTable string

//go:embed weak.txt
var weakTable string

type valueTable struct {
	exact    map[string]bool // placeholders as they are written
	anywhere map[string]bool // words
	inside   map[string]bool // letters
	pairs    map[[2]string]bool
	stand    map[string]bool // words that stand for a value
	nouns    map[string]bool
	filler   map[string]bool
	same     map[string]bool // whole values, lower case
	weak     map[string]bool // whole values and words, lower case
}

var valueTables = sync.OnceValue(func() *valueTable {
	t := &valueTable{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[[2]string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	sets := map[string]map[string]bool{"exact": t.exact, "anywhere": t.anywhere, "inside": t.inside, "word": t.stand, "noun": t.nouns, "filler": t.filler, "same": t.same}
	for row := range rows(placeholderTable) {
		if row[0] == "pair" {
			t.pairs[[2]string(strings.Fields(row[1]))] = true
			continue
		}
		for _, text := range strings.Fields(row[1]) {
			sets[row[0]][text] = true
		}
	}
	for row := range rows(weakTable) {
		for _, text := range strings.Fields(row[0]) {
			t.weak[text] = true
		}
	}
	return t
})

const minPassword = 8 // runes; anything shorter is weak

// literalClass judges a literal that has no form of its own: Placeholder, Weak or Ordinary. own holds the words of
// its variable's name, or is nil.
func literalClass(value string, own *words) ValueClass {
	t := valueTables()
	if t.exact[value] {
		return Placeholder
	}
	if len(value) > maxName {
		return Ordinary
	}
	lower := strings.ToLower(value)
	if t.weak[lower] {
		return Weak
	}
	if filledIn(value) || repeats(value) && strings.IndexByte("xX*.-_#?", value[0]) >= 0 {
		return Placeholder
	}
	if holdsPlaceholder(lower) {
		return Placeholder
	}
	if class, ok := byWords(value, own); ok {
		return class
	}
	trimmed := strings.TrimRight(lower, "0123456789!@#$%.?*_-")
	if runeCount(value) < minPassword || repeats(value) || again(value) || sequence(value) || t.weak[trimmed] {
		return Weak
	}
	if len(lower)-len(trimmed) > 4 {
		trimmed = lower
	}
	if class := glued(trimmed, own); class != Ordinary {
		return class
	}
	if named(trimmed) {
		return Weak
	}
	return Ordinary
}

// holdsPlaceholder says whether the letters of the value say that something else belongs here: Chang3M3. What only
// stands beside a random text is no such thing.
func holdsPlaceholder(lower string) bool {
	letters := leet.Replace(lower)
	for text := range valueTables().inside {
		if i := strings.Index(letters, text); i >= 0 && len(letters) == len(lower) && !randomLooking(lower[:i]) && !randomLooking(lower[i+len(text):]) {
			return true
		}
	}
	return false
}

var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a")

// again says whether a short text stands there again and again: f0f0f0f0, beepbeep.
func again(s string) bool {
	for n := 1; n <= 8 && n <= len(s)/2; n++ {
		times := len(s) / n
		if (times >= 3 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == "") && times*n == len(s) && strings.Repeat(s[:n], times) == s {
			return true
		}
	}
	return false
}

// named says whether the text is letters that end in the name of what it is: emailpassword, weak-password.
func named(lower string) bool {
	if len(lower) > 32 || strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz-_ ") != "" {
		return false
	}
	for _, noun := range []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "accesskey"} {
		if strings.HasSuffix(lower, noun) {
			return true
		}
	}
	return false
}

func runeCount(s string) (n int) {
	for range s {
		n++
	}
	return n
}

// sentinel says whether the value tells that there is no secret: none, null, false.
func sentinel(value string) bool { return valueTables().same[strings.ToLower(value)] }

// filledIn knows what is made to be filled in: <token>, [password], __TOKEN__, sk-..., ****.
func filledIn(s string) bool {
	if open := strings.IndexByte(s, '<'); open >= 0 && strings.IndexByte(s[open:], '>') > 1 {
		return true
	}
	if len(s) >= 3 && (s[0] == '[' && s[len(s)-1] == ']' || s[0] == '{' && s[len(s)-1] == '}' && !strings.ContainsAny(s, `":`)) {
		return true
	}
	if len(s) > 4 && strings.HasPrefix(s, "__") && strings.HasSuffix(s, "__") {
		return true
	}
	if len(s) > 4 && s[0] == '_' && s[len(s)-1] == '_' && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
		return true // _NPM_TOKEN_, for sed to fill in
	}
	if strings.HasPrefix(s, "$(") && strings.HasSuffix(s, ")") {
		return true // for a shell, which does not read it here
	}
	return strings.HasSuffix(s, "...") || strings.HasSuffix(s, "…") || strings.Contains(s, "***") ||
		strings.Contains(s, "xxxx") || strings.Contains(s, "XXXX")
}

// repeats says whether the text is one character, three times or more.
func repeats(s string) bool {
	return len(s) >= 3 && strings.Count(s, s[:1]) == len(s)
}

// sequence says whether the text runs through the alphabet or the digits: abcdefgh, 0123456789, 9876543210.
func sequence(s string) bool {
	if len(s) < minPassword {
		return false
	}
	steps := 0
	for i := 1; i < len(s); i++ {
		d := int(s[i]) - int(s[i-1])
		if d == 1 || d == -1 || s[i-1] == '9' && (s[i] == '0' || s[i]|0x20 == 'a') || s[i-1]|0x20 == 'z' && (s[i]|0x20 == 'a' || s[i] == '0') {
			steps++
		}
	}
	return steps*100 >= (len(s)-1)*94 // 0123456789abcdef again and again, but no made-up token with a run in it
}

// hasAnywhereWord says whether a token holds a word that makes any text a placeholder. Shorter words than four letters
// come up in random text.
func hasAnywhereWord(token []byte) bool {
	var w words
	w.split(string(token[:min(len(token), maxName)]))
	t := valueTables()
	for i := range w.count {
		if word := w.at(i); len(word) >= 4 && t.anywhere[string(word)] {
			return true
		}
	}
	return false
}

// byWords judges a value that is made of known words only: of placeholders (my-example-key), of the variable's own
// name (NPM_TOKEN=npm_token), of passwords and services (mysql-root-password).
func byWords(value string, own *words) (ValueClass, bool) {
	var w words
	w.split(value)
	if w.count == 0 || !w.whole {
		return 0, false
	}
	if strings.Trim(value, "0-") == "" {
		return Placeholder, true // the empty UUID
	}
	t := valueTables()
	stands, named, secret := false, 0, false
	unknown, noun := 0, false
	for i := range w.count {
		text := string(w.at(i))
		if t.anywhere[text] || i > 0 && t.pairs[[2]string{string(w.at(i - 1)), text}] {
			return Placeholder, true
		}
		noun = noun || t.nouns[text] && i > 0
		if t.stand[text] || len(text) >= 3 && text[0] == 'x' && repeats(text) {
			stands = true
			continue
		}
		if own != nil && own.holds(text) {
			named++
			secret = secret || nameTables().words[text]&(wordSecret|wordLast|wordMaybe) != 0
			continue
		}
		if t.filler[text] || t.weak[text] || w.digits(i) && len(text) <= 4 {
			continue
		}
		if class := glued(text, own); class != Ordinary {
			stands = stands || class == Placeholder
			continue
		}
		if unknown++; w.digits(i) || len(text) < 3 {
			unknown++ // no word of a language
		}
	}
	upper := strings.ToUpper(value) == value
	switch {
	case unknown > 0 && noun && upper && strings.Contains(value, "_") && t.nouns[string(w.at(w.count-1))]:
		return Placeholder, true // PRIVATE_REPO_PASSWORD: the name of what belongs here
	case unknown == 1 && noun && strings.ToLower(value) == value:
		return Weak, true
	case unknown > 0:
		return 0, false
	case stands:
		return Placeholder, true
	case named == w.count && secret:
		return Placeholder, true
	}
	return Weak, true
}

// holds says whether the text is one of these words.
func (w *words) holds(text string) bool {
	for i := range w.count {
		if string(w.at(i)) == text {
			return true
		}
	}
	return false
}

// glued judges two or more known words written together: mysecretpassword and novapass are weak, dummypassword is a
// placeholder. With digits in it (hunter2long, S3cr3tPassw0rd) someone has taken some trouble.
func glued(text string, own *words) ValueClass {
	const longest = 64
	if len(text) < 5 || len(text) > longest || strings.ContainsAny(text, "0123456789") {
		return Ordinary
	}
	t := valueTables()
	var reach [longest + 1]ValueClass // reach[i]: what text[:i] is as words; Empty if it is none
	reach[0] = Weak
	for i := 2; i <= len(text); i++ {
		for j := max(0, i-14); j <= i-2; j++ {
			word := text[j:i]
			switch {
			case reach[j] == Empty:
			case len(word) > 2 && (t.stand[word] || t.anywhere[word]):
				reach[i] = Placeholder
			case t.weak[word], len(word) > 2 && (t.filler[word] || own != nil && own.holds(word)), small[word]:
				if reach[i] != Placeholder {
					reach[i] = reach[j]
				}
			}
		}
	}
	if reach[len(text)] == Empty {
		return Ordinary
	}
	return reach[len(text)]
}

// small are the shortest words that people write in a row: too short to say something by themselves.
var small = map[string]bool{"my": true, "me": true, "it": true, "an": true, "in": true, "to": true, "be": true, "is": true, "no": true, "of": true}

// randomLooking says whether the text could be the output of a generator: 16 characters or more without blanks,
// and the restless change between letters, cases and digits that words, paths and host names do not have.
func randomLooking(s string) bool {
	if len(s) < 16 || len(s) > 8<<10 {
		return false
	}
	var counts [128]int
	letters, digits, changes, alnums, punctuation := 0, 0, 0, 0, 0
	hex := true
	before := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f {
			return false
		}
		counts[c]++
		class := byteClass[c]
		switch class {
		case 0:
			if strings.IndexByte("-_./:", c) < 0 {
				punctuation++
			}
			if c != '-' {
				hex = false
			}
			continue // a separator is no change: kebab-case is no noise
		case '0':
			digits++
		default:
			letters++
			hex = hex && hexDigit(c)
		}
		alnums++
		if before != 0 && class != before && (before != 'A' || class != 'a') {
			changes++ // Aa is no change: it begins a word
		}
		before = class
	}
	if alnums < 12 {
		return false
	}
	entropy := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			entropy -= p * math.Log2(p)
		}
	}
	if hex {
		return alnums >= 16 && entropy > 2.5 && digits > 0 && letters > 0
	}
	if entropy < 3.2 || digits == 0 {
		return false
	}
	// Random base62 changes at nearly half of its borders, camelCase and names with numbers at one of five.
	return digits >= 2 && changes*4 >= alnums-1 || punctuation >= 3 && changes >= 3
}

// connection judges strings of parts with a password in one of them: Server=db;Password=x, host=db password=x, and
// user:password@tcp(db:3306)/x.
func connection(s string) (class ValueClass, ok bool) {
	if at := strings.LastIndex(s, "@tcp("); at > 0 {
		if user, password, found := strings.Cut(s[:at], ":"); found {
			return partClass(user, password), true
		}
	}
	if strings.Count(s, "=") < 2 {
		return 0, false
	}
	separator := " "
	if strings.Contains(s, ";") {
		separator = ";"
	}
	place := false
	for part := range strings.SplitSeq(s, separator) {
		key, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `'"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "server", "data source", "host", "hostaddr", "address", "addr", "endpoint", "accountname", "user", "username",
			"user id", "uid", "database", "dbname", "initial catalog", "defaultendpointsprotocol", "driver", "sharedaccesskeyname":
			place = true
		case "password", "pwd", "accountkey", "sharedaccesskey", "sharedsecret":
			class, ok = partClass("", value), true
		}
	}
	return class, ok && place
}

func partClass(user, password string) ValueClass {
	switch {
	case password == "":
		return Harmless
	case strings.EqualFold(user, password):
		return Weak
	}
	class := literalClass(password, nil)
	if class == Ordinary {
		class = Live
	}
	return class
}

// harmless knows values that are no secret under any name, given what the name says.
func harmless(s string, name nameFacts) bool {
	if s == "root:Docker!" {
		return true // the constant of Azure App Service: every image for it has it
	}
	switch strings.ToLower(s) {
	case "true", "yes", "on", "y", "t", "enabled":
		return true
	case "false", "no", "off", "n", "f", "disabled":
		return name.class != Secret || name.auth
	}
	if number(s) {
		// A well-known number is a first password, a longer one perhaps a real one.
		return !name.password && len(s) <= 12 && !(name.class == Secret && len(s) >= 4 && valueTables().weak[s])
	}
	switch {
	case duration(s), version(s), template(s), publicForm(s), pathLike(s, name), address(s, name):
		return true
	case fingerprints(s, name.digest), name.class == Maybe && len(s) == 40 && strings.Trim(s, "0123456789ABCDEF") == "":
		return true // a key's own digest is written in capitals
	}
	return false
}

// number: an integer or a decimal, with sign.
func number(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return s != "" && strings.Trim(s, "0123456789") != s && strings.Trim(s, "0123456789.") == "" && strings.Count(s, ".") <= 1
}

// duration: a number and a unit, 30s, 512M, 1.5h, 10GB, 50%.
func duration(s string) bool {
	unit := strings.TrimLeft(s, "0123456789.")
	if unit == s || unit == "" {
		return false
	}
	switch strings.ToLower(unit) {
	case "s", "ms", "m", "h", "d", "w", "min", "sec", "k", "kb", "mb", "g", "gb", "gi", "mi", "ki", "t", "tb", "%", "px", "bit", "bits", "bytes":
		return true
	}
	return false
}

// version: v1.2.3, 10.0-rc1, 2024-01-31: numbers with dots or dashes between them, and a short word behind.
func version(s string) bool {
	rest := strings.TrimPrefix(s, "v")
	i := 0
	groups, first := 0, 0
	for i < len(rest) && byteClass[rest[i]] == '0' {
		start := i
		for i < len(rest) && byteClass[rest[i]] == '0' {
			i++
		}
		if i-start > 6 {
			return false
		}
		if groups++; groups == 1 {
			first = i
		}
		if i+1 < len(rest) && (rest[i] == '.' || rest[i] == '-') && byteClass[rest[i+1]] == '0' {
			i++
			continue
		}
		break
	}
	dotted := strings.Contains(rest[:i], ".")
	if groups < 2 || !dotted && !(groups == 3 && first == 4) {
		return false
	}
	tail := rest[i:]
	if tail == "" {
		return true
	}
	return len(tail) <= 16 && strings.IndexByte("-.+~_", tail[0]) >= 0 && !strings.ContainsAny(tail, "!@#$%^&*=/ ")
}

// template: a value that another program fills in: {{ x }}, @X@, %X%, <%= x %>, #{x}.
func template(s string) bool {
	switch {
	case strings.Contains(s, "{{") && strings.Contains(s, "}}"):
		return true
	case strings.HasPrefix(s, "<%") && strings.HasSuffix(s, "%>"):
		return true
	case strings.HasPrefix(s, "#{") && strings.HasSuffix(s, "}"), strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}"):
		return true
	case len(s) > 2 && (s[0] == '@' || s[0] == '%') && s[len(s)-1] == s[0]:
		for i := 1; i < len(s)-1; i++ {
			if !alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-' {
				return false
			}
		}
		return true
	}
	return false
}

// publicForm: what providers and tools make to be seen.
func publicForm(s string) bool {
	if strings.HasPrefix(s, pemBegin) && !strings.Contains(s, "PRIVATE KEY") {
		return true // a certificate, a public key
	}
	if len(s) < 2 {
		return false
	}
	for _, p := range scanTables().byPair[pairOf(s)] {
		if p.public && strings.HasPrefix(s, p.literal) && p.pattern().MatchString(s) {
			return true
		}
	}
	// Google's names for sites.
	return (strings.HasPrefix(s, "UA-") || strings.HasPrefix(s, "G-") || strings.HasPrefix(s, "GTM-")) && len(s) <= 16
}

// pathLike: where a file is. Base64 may begin with a / too, so what looks random is none.
func pathLike(s string, name nameFacts) bool {
	if strings.ContainsAny(s, "\n\x00") {
		return false
	}
	rooted := strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") || strings.HasPrefix(s, "~/") || strings.HasPrefix(s, "file:")
	if len(s) > 3 && s[1] == ':' && (s[2] == '\\' || s[2] == '/') && byteClass[s[0]] != 0 {
		rooted = true
	}
	if rooted {
		if strings.HasPrefix(s, "/") && strings.ContainsAny(s, "+=!") {
			return false
		}
		for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '/' || r == '\\' }) {
			if len(part) >= 20 && randomLooking(part) {
				return false
			}
		}
		return true
	}
	if !name.password && fileName(s) {
		return true
	}
	// A relative one is known by its extension.
	dot := strings.LastIndexByte(s, '.')
	if dot <= 0 || strings.ContainsAny(s, " \t!@#$%^&*=+") {
		return false
	}
	switch strings.ToLower(s[dot+1:]) {
	case "key", "pem", "crt", "cert", "cer", "json", "txt", "yml", "yaml", "toml", "ini", "conf", "cfg", "env", "properties", "xml",
		"p12", "pfx", "jks", "keystore", "pub", "gpg", "asc", "sh", "so", "sock", "htpasswd":
		return !(name.class == Secret && randomLooking(s[:dot]))
	}
	return false
}

// fileName: the name of a secret file (id_rsa, .netrc), or small words with a slash between them (keys/deploy), which is
// no base64.
func fileName(s string) bool {
	if strings.Contains(s, "/") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz/._-") == "" && !strings.Contains(s, "//") {
		return true
	}
	kind, ok := File(s)
	return ok && kind.Sure && (strings.HasPrefix(s, "id_") || s[0] == '.') && !strings.ContainsAny(s, " \t:=@") && !randomLooking(s)
}

// address: host:port, an IP address, a host name. Under a secret's name a lone word with a port is a user with a
// password.
func address(s string, name nameFacts) bool {
	host, port, found := strings.Cut(s, ":")
	if found && (port == "" || strings.Trim(port, "0123456789") != "" || len(port) > 5) {
		return false
	}
	if host == "localhost" {
		return true
	}
	dots := strings.Count(host, ".")
	if dots == 3 && strings.Trim(host, "0123456789.") == "" {
		return true
	}
	for i := 0; i < len(host); i++ {
		if c := host[i]; !alnum(c) && c != '-' && c != '.' && c != '_' || byteClass[c] == 'A' {
			return false
		}
	}
	if host == "" || dots > 0 && (host[0] == '.' || host[len(host)-1] == '.') {
		return false
	}
	if dots > 0 {
		switch host[strings.LastIndexByte(host, '.')+1:] {
		case "com", "net", "org", "io", "dev", "local", "localhost", "internal", "lan", "svc", "test", "example", "de", "uk", "fr", "cloud", "app":
			return true
		}
	}
	return found && (dots > 0 || name.class != Secret)
}

// fingerprints: hexadecimal digits in groups of two or four (AB:CD:…), and, under the name of a digest, any.
func fingerprints(s string, digest bool) bool {
	digits, group, groups := 0, 0, 1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case hexDigit(c):
			digits++
			group++
		case c == ' ' || c == ':':
			if group == 2 || group == 4 || group == 0 {
				groups++
			} else {
				groups = -1 << 16
			}
			group = 0
		case digest && (c == ',' || c == '\t' || c == '\n' || c == 'x' && i > 0 && s[i-1] == '0'):
		default:
			return false
		}
	}
	return digest && digits >= 8 || groups >= 8 && (group == 2 || group == 4)
}

// urlClass judges a URL. A live password in it has been found before, by Scan: what is left is harmless, weak, or
// made to be filled in.
func urlClass(s string) (class ValueClass, ok bool) {
	scheme, rest, found := strings.Cut(s, "://")
	if !found || scheme == "" || strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+.-:") != "" || strings.ContainsAny(s, " \t\n") {
		return 0, false
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, password, _ := strings.Cut(rest[:i], ":")
		port, _, _ := strings.Cut(password, "/")
		switch {
		case password == "", strings.Contains(user, "/"), port != password && portLike([]byte(port)):
		case strings.EqualFold(user, password), literalClass(password, nil) == Weak:
			return Weak, true
		default:
			return Placeholder, true
		}
	}
	return Harmless, true
}
