package service

import (
	"regexp"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rules/detect"
)

// address is the credential of a URL, or of a setting within a text.
type address struct {
	start, end int
	class      detect.ValueClass
	host       string // of a URL
	key        string // of a setting: what names it
	token      bool   // it stands where a user does
}

var (
	authority = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://((?:\$\{[^}]*\}|[^\s/?#"'<>@:])*):([^\s/?#"'<>@]+)@([A-Za-z0-9_.-]*)`)
	})
	// inLines is a setting of a file that a variable holds: key: value, "key": "value", key = value.
	inLines = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)(?:^[ \t-]*|[{,]\s*)(?:["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?[ \t]*[:=]|[A-Za-z_]+\[['"]([A-Za-z0-9_.-]+)['"]\][ \t]*=)[ \t]+(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"'#,;}]+))`)
	})
	// inJSON is the same without a blank, as programs write JSON.
	inJSON = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[{,]\s*"([A-Za-z_][A-Za-z0-9_.-]*)":"([^"\\\n]+)"`)
	})
	option = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^|\s)--([a-z][a-z.-]*)[ \t]+([^\s"'-][^\s"']*)`) })
	inner  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|[;?&\s,]|-D|--)([A-Za-z_][A-Za-z0-9_. -]*[A-Za-z0-9])=(?:"([^"]+)"|'([^']+)'|([^;&\s"',]+))`)
	})
)

// database is what else stands in the connection string of a database, where Pwd is no working directory.
var database = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|;)\s*(?:server|data source|host|addr|address|uid|user id|user|username|driver)\s*=`)
})

// addresses finds the credentials of URLs and of connection strings in a text.
func addresses(text string) []address {
	var out []address
	add := func(a address) {
		for _, x := range out {
			if x.start < a.end && a.start < x.end {
				return
			}
		}
		out = append(out, a)
	}
	for _, m := range authority().FindAllStringSubmatchIndex(text, -1) {
		user, password := text[m[2]:m[3]], text[m[4]:m[5]]
		a := address{start: m[4], end: m[5], host: text[m[6]:m[7]], class: detect.Value("password", password)}
		switch {
		case password == "x-oauth-basic" || password == "x-token-auth":
			continue // the user is the token: its form tells
		case strings.HasPrefix(password, "$"), strings.HasPrefix(password, "{"), strings.HasPrefix(password, "<"):
			continue
		case strings.EqualFold(user, password) || a.class == detect.Harmless:
			a.class = detect.Weak
		}
		add(a)
	}
	for _, m := range detect.Scan([]byte(text)) {
		if m.Kind != "URL password" && m.Kind != "URL token" && (m.Start == 0 || !strings.HasSuffix(text[:m.Start], "://")) {
			continue
		}
		a := address{start: m.Start, end: m.End, class: detect.Live, token: m.Kind != "URL password"}
		if _, rest, ok := strings.Cut(text[m.End:], "@"); ok {
			a.host = rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))]
		}
		add(a)
	}
	for _, m := range inner().FindAllStringSubmatchIndex(text, -1) {
		start, end := m[8], m[9]
		for i := 4; i < 8 && start < 0; i += 2 {
			start, end = m[i], m[i+1]
		}
		key := text[m[2]:m[3]]
		key = key[strings.LastIndexByte(key, ' ')+1:]
		if strings.EqualFold(key, "pwd") && database().MatchString(text) {
			key = "Password"
		}
		if detect.Name(key) != detect.Secret {
			continue
		}
		if class := detect.Value(key, text[start:end]); class >= detect.Placeholder && !strings.Contains(text[start:end], "$") {
			add(address{start: start, end: end, class: class, key: key})
		}
	}
	for _, m := range option().FindAllStringSubmatchIndex(text, -1) {
		key, value := text[m[2]:m[3]], text[m[4]:m[5]]
		if class := detect.Value(key, value); detect.Name(key) == detect.Secret && class >= detect.Placeholder && !strings.ContainsAny(value, "$=") {
			add(address{start: m[4], end: m[5], class: class, key: key})
		}
	}
	if !strings.ContainsAny(text, "\n{") {
		return out
	}
	for _, m := range inJSON().FindAllStringSubmatchIndex(text, -1) {
		key, value := text[m[2]:m[3]], text[m[4]:m[5]]
		if class := detect.Value(key, value); detect.Name(key) == detect.Secret && class >= detect.Placeholder && !strings.Contains(value, "$") {
			add(address{start: m[4], end: m[5], class: class, key: key})
		}
	}
	for _, m := range inLines().FindAllStringSubmatchIndex(text, -1) {
		start, end := m[10], m[11]
		for i := 6; i < 10 && start < 0; i += 2 {
			start, end = m[i], m[i+1]
		}
		key := ""
		if m[2] >= 0 {
			key = text[m[2]:m[3]]
		} else {
			key = text[m[4]:m[5]]
		}
		if class := detect.Value(key, text[start:end]); detect.Name(key) == detect.Secret && class >= detect.Placeholder && !strings.Contains(text[start:end], "$") {
			add(address{start: start, end: end, class: class, key: key})
		}
	}
	return out
}

// addressName is what a credential in the value of a variable would be called: of DATABASE_URL, DATABASE_PASSWORD.
func addressName(variable string, a address) string {
	name := variableName(variable)
	for _, suffix := range []string{"_CONNECTION_STRING", "_CONNECTION_URL", "_CONNECTION_URI", "_CONNECTIONSTRING", "_CONNECTION", "_JDBC_URL", "_URL", "_URI", "_DSN", "_CONN", "_ADDRESS", "_ENDPOINT", "_OPTS", "_ARGS", "_CONFIG"} {
		if rest := len(name) - len(suffix); rest > 0 && strings.EqualFold(name[rest:], suffix) {
			name = name[:rest]
			break
		}
	}
	what := "PASSWORD"
	switch {
	case a.token:
		what = "TOKEN"
	case a.key != "":
		key := a.key[strings.LastIndexAny(a.key, ".-")+1:]
		if what = variableName(strings.ToUpper(key)); what == "PWD" || what == "PASS" || what == "PASSWD" || what == "REQUIREPASS" {
			what = "PASSWORD"
		}
	}
	if strings.EqualFold(name, "url") || strings.EqualFold(name, "uri") || strings.EqualFold(name, "dsn") {
		return "URL_" + what
	}
	if name == strings.ToLower(name) {
		what = strings.ToLower(what)
	}
	return name + "_" + what
}

// variableName makes the name of a variable of compose's own of the one that a program reads: spring.datasource.password has dots.
func variableName(name string) string {
	out := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, name)
	if out == "" || out[0] >= '0' && out[0] <= '9' {
		out = "_" + out
	}
	return out
}
