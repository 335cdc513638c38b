package flow

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rules/detect"
)

// hinted is the look that nearly all instructions do not pass: nothing in the text has to
// do with credentials. It costs one pass over the text; reading a script costs much more.
func hinted(text []byte) bool {
	t := hintTables()
	for i := 0; i+3 < len(text); i++ {
		for _, w := range t.words[text[i]|0x20] {
			if len(text)-i >= len(w) && foldPrefix(text[i:], w) && !(w == "key" && !keyHint(text, i)) {
				return true
			}
		}
		if text[i] != '-' || i > 0 && strings.IndexByte(" \t\"',[", text[i-1]) < 0 {
			continue
		}
		for j := i + 1; j < len(text) && (text[j] >= 'a' && text[j] <= 'z' || text[j] >= 'A' && text[j] <= 'Z'); j++ {
			if slices.ContainsFunc(t.programs[text[j]], func(p string) bool { return bytes.Contains(text, []byte(p)) }) {
				return true
			}
		}
	}
	return len(detect.Scan(text)) > 0
}

// keyHint leaves out the public keys of package managers: apt-key, keyserver, recv-keys.
func keyHint(text []byte, i int) bool {
	if i+3 < len(text) && text[i+3]|0x20 >= 'a' && text[i+3]|0x20 <= 'z' || i == 0 {
		return false
	}
	switch c := text[i-1]; {
	case c == '_', c == '-', text[i] == 'K' && c >= 'a' && c <= 'z', c|0x20 == 'i':
		return !bytes.HasSuffix(text[:i], []byte("apt-")) && !bytes.HasSuffix(text[:i], []byte("recv-"))
	}
	return false
}

// foldPrefix reports whether the text begins with a word in small letters, in any case.
func foldPrefix(text []byte, word string) bool {
	for i := range len(word) {
		if c := text[i]; c != word[i] && (c < 'A' || c > 'Z' || c|0x20 != word[i]) {
			return false
		}
	}
	return true
}

type hintTable struct {
	words    [256][]string     // by their first byte
	programs map[byte][]string // by a letter of an option that takes a credential
}

var hintTables = sync.OnceValue(func() *hintTable {
	t := &hintTable{programs: map[byte][]string{}}
	for _, w := range strings.Fields("pass pwd psw token secret cred auth key http-basic bearer header -user rabbitmqctl") {
		t.words[w[0]|0x20] = append(t.words[w[0]|0x20], w)
	}
	for program, list := range credentialRows() {
		for _, row := range list {
			for _, flag := range row.flags {
				if len(flag) == 2 && flag[0] == '-' && !slices.Contains(t.programs[flag[1]], program) {
					t.programs[flag[1]] = append(t.programs[flag[1]], program)
				}
			}
		}
	}
	t.programs['H'] = append(t.programs['H'], "curl", "http")
	return t
})
