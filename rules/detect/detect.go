// Package detect says whether the name of a variable, a value, or a file is a secret, for all rules alike.
// It leans on the standard library and on the tables beside it (words.tsv, public.tsv, placeholders.txt, weak.txt,
// providers.tsv, files.tsv), which are data, so that a word or a provider is added without code.
// It reads no file, knows no Dockerfile and no shell, never asks a provider whether a token is alive, and returns no
// text that is longer than a provider's public prefix.
package detect

import (
	"iter"
	"strings"
)

// rows yields the lines of a table as tab-separated columns, without blank lines and lines that begin with #.
func rows(table string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			line = strings.TrimRight(line, "\r\n")
			if line == "" || line[0] == '#' {
				continue
			}
			if !yield(strings.Split(line, "\t")) {
				return
			}
		}
	}
}

// Verdict is what a variable is, by its name and its literal value together. The zero value is "not a secret".
type Verdict uint8

const (
	No       Verdict = iota // not a secret
	Contract                // named like a secret, and empty: it tells whoever runs the image what to set; a note at most
	Declared                // named like a secret, without a value (ARG T): given from outside
	Dummy                   // named like a secret, with a placeholder or a weak default
	Exposed                 // a literal secret: always to be moved
)

// String names the verdict for messages and tests.
func (v Verdict) String() string {
	return [...]string{"no", "contract", "declared", "dummy", "exposed"}[v]
}

// Variable judges a declared variable. The value is the effective literal: unquoted, and without $, which the caller
// resolves. Without hasValue (ARG T) the value is not looked at.
func Variable(name, value string, hasValue bool) Verdict {
	class := Name(name)
	if !hasValue {
		if class == Secret {
			return Declared
		}
		return No
	}
	switch class {
	case Public:
		// A browser's own key may stand here, and any value that only looks random; what no provider means
		// for a browser may not.
		if holdsPrivateForm(value) {
			return Exposed
		}
		return No
	case NotSecret:
		if form, _ := byForm(strings.TrimSpace(value)); form == Live {
			return Exposed
		}
		return No
	case Maybe:
		if Value(name, value) == Live {
			return Exposed
		}
		return No
	}
	switch Value(name, value) {
	case Empty:
		return Contract
	case Harmless:
		return No
	case Placeholder, Weak:
		return Dummy
	}
	return Exposed
}
