package audit

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/image"
)

// step is one entry of the history, read as the instruction that it was.
type step struct {
	n      int // from 1
	text   string
	word   string // the instruction's, in small letters: "run"; "" where it is none
	rest   string // behind the word; of a RUN, the command
	args   []pair // of a RUN: build arguments, with their values
	shell  bool   // of a RUN: the command is a shell's
	legacy bool   // of the builder before BuildKit
	other  string // comment and author
	layer  *image.Layer
	in     *dockerfile.Instruction // that it was made by; nil where that is not certain
	base   bool                    // it is of the base image
	filler bool                    // it is made up, and is no step at all
	weak   []string                // values in it that only it has to hide
}

type pair struct{ name, value string }

var (
	shellForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:/\S*/)?(?:ba|da|a|z|k)?sh(?: -[A-Za-z]+(?: pipefail| errexit| nounset)?)*? -[a-z]*c (?s:(.*))$`)
	})
	named = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^| )([A-Za-z_][A-Za-z0-9_.-]*)=`) })
	other = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` (?:/\S*/)?(?:ba|da|a|z|k)?sh -[a-z]`) })
)

const nop = "#(nop)" // of the builder before BuildKit: nothing is run

func instruction(word string) bool {
	switch word {
	case "add", "arg", "cmd", "copy", "entrypoint", "env", "expose", "healthcheck", "label", "maintainer", "onbuild", "run", "shell", "stopsignal", "user", "volume", "workdir":
		return true
	}
	return false
}

// readSteps reads the history of a platform.
func readSteps(p *image.Platform) []*step {
	var steps []*step
	for i, h := range p.History {
		s := &step{n: i + 1, text: h.CreatedBy, layer: h.Layer, filler: h.Comment == image.Filler, other: strings.TrimSpace(h.Comment + "\n" + h.Author)}
		s.read()
		steps = append(steps, s)
	}
	return steps
}

// read tells BuildKit's "RUN |1 A=b /bin/sh -c x # buildkit" from the older builder's
// "|1 A=b /bin/sh -c x" and "/bin/sh -c #(nop)  ENV A=b".
func (s *step) read() {
	text := strings.TrimSuffix(s.text, " # buildkit")
	if i := strings.Index(text, nop); i >= 0 && i < 64 && strings.Contains(text[:i], " -c ") {
		s.legacy = true
		text = strings.TrimSpace(text[i+len(nop):])
	}
	word, rest, _ := strings.Cut(text, " ")
	if lower := strings.ToLower(word); instruction(lower) && word == strings.ToUpper(word) {
		s.word, s.rest = lower, rest
	} else if s.legacy || text == "" {
		s.rest = text
		return
	} else {
		s.word, s.rest, s.legacy = "run", text, true
	}
	if s.word != "run" {
		return
	}
	if strings.HasPrefix(s.rest, "|") {
		if head, rest, ok := strings.Cut(s.rest[1:], " "); ok {
			if n, err := strconv.Atoi(head); err == nil && n > 0 {
				s.args, s.rest = arguments(rest, n)
			}
		}
	}
	if m := shellForm().FindStringSubmatch(s.rest); m != nil {
		s.shell, s.rest = true, m[1]
	}
}

// arguments takes n build arguments from the head of a text. A value may hold blanks: the
// last one ends where a shell begins, or else at its first blank.
func arguments(text string, n int) (args []pair, rest string) {
	at := named().FindAllStringSubmatchIndex(text, n+1)
	for i, m := range at {
		if i == n {
			break
		}
		end := len(text)
		if i+1 < len(at) && i+1 < n {
			end = at[i+1][0]
		} else {
			if sh := other().FindStringIndex(text[m[1]:]); sh != nil {
				end = m[1] + sh[0]
			} else if blank := strings.IndexByte(text[m[1]:], ' '); blank >= 0 {
				end = m[1] + blank
			}
			rest = strings.TrimPrefix(text[end:], " ")
		}
		args = append(args, pair{text[m[2]:m[3]], text[m[1]:end]})
	}
	return args, rest
}

// pairs are the variables of an ENV, ARG or LABEL. A value goes on to the next name.
func (s *step) pairs() (out []pair) {
	at := named().FindAllStringSubmatchIndex(s.rest, -1)
	for i, m := range at {
		end := len(s.rest)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		out = append(out, pair{s.rest[m[2]:m[3]], strings.Trim(s.rest[m[1]:end], `"`)})
	}
	return out
}

// shown is the step for people, on one line, not yet masked but for weak values.
func (s *step) shown() string {
	text := s.rest
	if s.word != "" {
		text = strings.ToUpper(s.word) + " " + s.rest
	}
	for _, v := range s.weak {
		text = hidden(text, v)
	}
	return strings.Join(strings.Fields(text), " ")
}
