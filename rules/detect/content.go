package detect

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

const maxContent = 512 << 10 // bytes of a file that are looked at

// Content says whether the content of the file at this slash-separated path holds a secret. Which form it has is known
// by the path; a file of an unknown form holds one when Scan finds one. Variables that another program fills in
// (${NPM_TOKEN}, %TOKEN%), placeholders, certificates and public keys are none. At most the first 512 KiB are looked
// at. A key store (p12, jks) cannot be read without its password and counts by its name.
func Content(name string, data []byte) bool {
	data = data[:min(len(data), maxContent)]
	kind, known := File(name)
	switch {
	case known && kind.form == "store":
		return len(data) > 0
	case known && kind.form == "key" && len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80:
		return true // DER, which does not tell a private key from a public one: the name does
	}
	data = plainText(data)
	if len(Scan(data)) > 0 {
		return true
	}
	return known && textSecret(kind.form, data)
}

// plainText drops the zero bytes and the mark of UTF-16, in which Windows writes configuration files.
func plainText(data []byte) []byte {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return bytes.ReplaceAll(data[2:], []byte{0}, nil)
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
}

func textSecret(form string, data []byte) bool {
	text := string(data)
	switch form {
	case "npmrc":
		return anyPair(text, func(key, value string) bool {
			key = strings.ToLower(key)
			for _, end := range []string{"_authtoken", "_auth", "_password", "npmauthtoken", "npmauthident"} {
				if strings.HasSuffix(key, end) {
					return literal(value)
				}
			}
			return false
		})
	case "netrc":
		return after(text, "password")
	case "pgpass":
		return passwordFile(text)
	case "xml":
		return anyMatch(xmlSecret(), xmlComment().ReplaceAllString(text, ""))
	case "nuget":
		return anyMatch(nugetSecret(), xmlComment().ReplaceAllString(text, ""))
	case "php":
		return anyDefine(text)
	case "json":
		return jsonSecret(data)
	case "token":
		return literal(strings.TrimSpace(text))
	case "config":
		return anyPair(text, func(key, value string) bool {
			return literal(value) && (Name(key) == Secret || key == "client-key-data")
		})
	case "env":
		return anyPair(text, func(key, value string) bool {
			return literal(value) && Variable(key, value, true) == Exposed
		})
	}
	return false // key, scan: what Scan does not find is public, or a placeholder
}

// literal says whether a value is written out, and no placeholder.
func literal(value string) bool {
	if strings.ContainsAny(value, "$") && (strings.Contains(value, "${") || strings.HasPrefix(value, "$")) || template(value) {
		return false
	}
	switch strings.ToLower(value) {
	case "", "true", "false", "null", "none", "{}", "[]":
		return false
	}
	return Value("password", value) != Placeholder
}

// anyPair tries each "key = value", "key: value" and "key value" line; the value comes without its quotes.
func anyPair(text string, secret func(key, value string) bool) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' || strings.HasPrefix(line, "//") && !strings.Contains(line, "/:") {
			continue
		}
		line = strings.TrimPrefix(strings.TrimPrefix(line, "- "), "export ")
		// The key of npm holds colons: //host:8080/:_authToken=x.
		i := strings.IndexByte(line, '=')
		if i < 0 || strings.Contains(line[:i], ": ") {
			if i = strings.Index(line, ": "); i < 0 {
				// yarn 1: "//host/:_authToken" "x"
				if i = strings.IndexAny(line, " \t"); i < 0 {
					continue
				}
			}
		}
		key := strings.Trim(strings.TrimSpace(line[:i]), `"'`)
		value := strings.TrimSpace(line[i+1:])
		if quote := len(value) > 0 && (value[0] == '"' || value[0] == '\''); quote {
			if end := strings.IndexByte(value[1:], value[0]); end >= 0 {
				value = value[1 : end+1]
			}
		} else if j := strings.Index(value, " #"); j >= 0 {
			value = strings.TrimSpace(value[:j])
		}
		if secret(key, value) {
			return true
		}
	}
	return false
}

// after says whether the keyword is followed by a literal: netrc, on one line or on several.
func after(text, keyword string) bool {
	var clean strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			clean.WriteString(line)
		}
	}
	fields := strings.Fields(clean.String())
	for i := 0; i+1 < len(fields); i++ {
		if fields[i] == keyword && literal(fields[i+1]) {
			return true
		}
	}
	return false
}

// passwordFile knows PostgreSQL's host:port:database:user:password.
func passwordFile(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if parts := strings.SplitN(line, ":", 5); len(parts) == 5 && literal(parts[4]) {
			return true
		}
	}
	return false
}

var xmlComment = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<!--.*?-->`) })

var xmlSecret = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)<(?:password|passphrase|master)>([^<]*)<`)
})

var nugetSecret = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)<add\s+key\s*=\s*"(?:ClearTextPassword|Password|[^"]*api-?key[^"]*|https?://[^"]*)"\s+value\s*=\s*"([^"]*)"`)
})

// anyMatch says whether the pattern's first group is a literal somewhere in the text.
func anyMatch(pattern *regexp.Regexp, text string) bool {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "")
	}
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		if value := strings.TrimSpace(m[1]); literal(value) && !strings.Contains(value, "://") {
			return true
		}
	}
	return false
}

var phpDefine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\s*define\s*\(\s*['"](\w+)['"]\s*,\s*['"]([^'"\n]*)['"]`)
})

// anyDefine reads define('DB_PASSWORD', '…').
func anyDefine(text string) bool {
	for _, m := range phpDefine().FindAllStringSubmatch(text, -1) {
		if Variable(m[1], m[2], true) == Exposed {
			return true
		}
	}
	return false
}

// jsonSecret looks for a literal under a key that is a secret's, or anywhere below one: composer's
// {"github-oauth": {"github.com": "…"}}, docker's {"auths": {"host": {"auth": "…"}}}. A file that is no JSON is read
// line by line.
func jsonSecret(data []byte) bool {
	var tree any
	if json.Unmarshal(data, &tree) != nil {
		return anyPair(string(data), func(key, value string) bool {
			return Variable(key, strings.TrimRight(value, `",`), true) == Exposed
		})
	}
	return jsonHolds(tree, "", false)
}

func jsonHolds(node any, key string, below bool) bool {
	switch v := node.(type) {
	case map[string]any:
		for k, child := range v {
			if jsonHolds(child, k, below || credentialKey(k)) {
				return true
			}
		}
	case []any:
		for _, child := range v {
			if jsonHolds(child, key, below) {
				return true
			}
		}
	case string:
		switch {
		case below && strings.EqualFold(key, "username"), Name(key) == Public:
			return false
		case below, Name(key) == Secret, strings.EqualFold(key, "auth"):
			return literal(v) && Value(key, v) != Harmless
		}
	}
	return false
}

// credentialKey: the objects of composer whose members are named by host.
func credentialKey(key string) bool {
	switch key {
	case "github-oauth", "gitlab-oauth", "gitlab-token", "bearer", "http-basic", "bitbucket-oauth":
		return true
	}
	return false
}
