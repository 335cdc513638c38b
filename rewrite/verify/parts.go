package verify

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rules/detect"
)

// parts is what is searched for of a real value, which may be a whole file: what is secret in it. It is empty where
// everything in it is a common word.
func parts(name string, text []byte) []string {
	var out []string
	add := func(s string) {
		if s = strings.Trim(strings.TrimSpace(s), `"'`); len(s) >= shortest && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, found := range detect.Scan(text) {
		addLines(string(text[found.Start:found.End]), add)
	}
	value := strings.TrimSpace(string(text))
	if login, ok := strings.CutPrefix(value, "Basic "); ok { // a header: the password is in base64
		if both, err := base64.StdEncoding.DecodeString(login); err == nil {
			_, password, _ := strings.Cut(string(both), ":")
			add(login)
			add(password)
			return out
		}
	}
	words := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(" \t\r\n=,;\"'{}[]<>", c) })
	for i, word := range words {
		if i > 0 && word == ":" {
			words[i] = words[i-1] // of JSON: the key is the word before
		} else if i > 0 && secretKey(words[i-1]) && secretValue(word) {
			add(word)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, word := range words {
		for part := range strings.SplitSeq(word, ":") {
			if detect.Value("password", part) == detect.Live {
				add(part)
			}
		}
	}
	if len(out) == 0 && !strings.ContainsAny(value, "\n$") && (secretValue(value) || detect.Value(name, value) > detect.Weak) {
		add(value)
	}
	return out
}

// whole is a text if it is long enough for a file with it to be no chance.
func whole(text string) []string {
	if len(text) < 2*shortest {
		return nil
	}
	return []string{text}
}

// addLines adds a value, and of a key in many lines those that no other key has: the first ones say which kind it is.
func addLines(value string, add func(string)) {
	lines := strings.FieldsFunc(value, func(c rune) bool { return c == '\n' || c == '\r' })
	if len(lines) == 1 {
		add(value)
		return
	}
	for i, line := range lines {
		if i >= 2 && i < len(lines)-1 && len(line) >= 32 {
			add(line)
		}
	}
	if len(lines) <= 4 {
		for _, line := range lines {
			if !strings.HasPrefix(line, "-----") {
				add(line)
			}
		}
	}
}

// secretKey says whether a key names a secret: of npm's //host/:_authToken it is the end.
func secretKey(key string) bool {
	key = strings.Trim(strings.TrimSpace(key), `"':`)
	if i := strings.LastIndexByte(key, ':'); i >= 0 && i+1 < len(key) {
		key = key[i+1:]
	}
	switch strings.ToLower(strings.TrimLeft(key, "_")) {
	case "auth", "authtoken", "password", "passwd", "secret", "token":
		return true
	}
	return detect.Name(key) == detect.Secret
}

// secretValue says whether a value is written out, and no common word.
func secretValue(value string) bool {
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	return !strings.HasPrefix(value, "$") && detect.Value("password", value) > detect.Weak
}

// withFlag gives every RUN that mounts a secret one more flag.
func withFlag(name string, text []byte, flag string) ([]byte, error) {
	f, err := dockerfile.Parse(name, text)
	if err != nil {
		return nil, err
	}
	var edits []edit.Edit
	for _, in := range f.Instructions {
		if in.OnBuild {
			continue // it would stand in the image's configuration
		}
		for _, m := range in.Mounts() {
			if m.Type == "secret" {
				edits = append(edits, in.AddFlags(flag))
				break
			}
		}
	}
	out, err := edit.Apply(text, edits)
	return bytes.Clone(out), err
}
