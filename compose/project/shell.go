package project

import (
	"strings"

	"github.com/unbake-dev/unbake/rules/detect"
)

// Word writes a text as one word of the shell.
func Word(s string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_./,:@%+-", c)
	}
	if s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(c rune) bool { return !plain(c) }) {
		return s
	}
	if strings.HasPrefix(s, "-") {
		s = "./" + s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// IsSecretVariable says whether a variable of a service has a secret of the shell or of .env in it: by its own name, or by that of what
// it takes.
func IsSecretVariable(v Variable, parts []Part) bool {
	if !v.Has {
		return secretName(v.Name)
	}
	for _, p := range parts {
		if p.Name != "" && (secretName(p.Name) || secretName(v.Name)) {
			return true
		}
	}
	return false
}

func secretName(name string) bool { return detect.Name(name) == detect.Secret }
