package audit

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// matchLines joins the history to the instructions of the last stage of a Dockerfile, from
// the end, as far as both say the same: an image that was built from another state of the
// file, or from another file, gets no lines. It reports whether all instructions were
// found again: what comes before them is the base image's.
func matchLines(f *dockerfile.File, steps []*step) bool {
	if f == nil || f.Final() == nil {
		return false
	}
	ins := slices.DeleteFunc(f.Final().History(nil), func(in *dockerfile.Instruction) bool { return in.Name == "from" })
	steps = slices.DeleteFunc(slices.Clone(steps), func(s *step) bool { return s.filler })
	i, j := len(steps)-1, len(ins)-1
	for i >= 0 && j >= 0 && same(ins[j], steps[i]) {
		steps[i].in = ins[j]
		i, j = i-1, j-1
	}
	if j >= 0 {
		return false
	}
	for ; i >= 0; i-- {
		steps[i].base = true
	}
	return true
}

// same reports whether a step can be that of an instruction, by all that is certain: what
// a variable fills in is not.
func same(in *dockerfile.Instruction, s *step) bool {
	if in.Name != s.word {
		return false
	}
	switch in.Name {
	case "run":
		return sameRun(in, s)
	case "env", "label", "arg":
		return samePairs(in, s)
	case "copy", "add":
		return sameCopy(in, s)
	case "user", "stopsignal":
		return strings.Contains(in.ArgText(), "$") || squeeze(in.ArgText()) == squeeze(s.rest)
	case "workdir":
		to := strings.TrimSpace(in.ArgText())
		return strings.ContainsAny(to, "$\"'\\") || path.Base(to) == path.Base(s.rest) || path.Clean(to) == "."
	}
	return true
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func sameRun(in *dockerfile.Instruction, s *step) bool {
	switch {
	case len(in.Heredocs) > 0:
		for _, h := range in.Heredocs {
			for line := range strings.Lines(string(in.File.Src[h.Start:h.End])) {
				if !strings.Contains(s.rest, strings.TrimSpace(line)) {
					// A script with a shebang is run as a file: the history names it.
					return strings.HasPrefix(strings.TrimSpace(s.rest), "/dev/pipes/")
				}
			}
		}
		return true
	case in.JSON():
		text := strings.Join(in.Strings(), " ")
		if m := shellForm().FindStringSubmatch(text); m != nil && s.shell {
			text = m[1]
		}
		return squeeze(text) == squeeze(s.rest)
	}
	text, got := squeeze(in.ArgText()), squeeze(s.rest)
	return text == got || !s.shell && strings.HasSuffix(got, " "+text) // SHELL ["pwsh", "-Command"]
}

func samePairs(in *dockerfile.Instruction, s *step) bool {
	pairs := in.Pairs()
	rest := s.rest
	for _, p := range pairs {
		want := p.Name
		if p.HasValue && in.Name != "arg" { // an argument has the value that it was given
			want += "="
			if !in.File.HasVariable(p.Value.Text) {
				if e, err := in.File.Expand(p.Value.Text, nil); err == nil && !s.legacy {
					want += e.Value
				}
			}
		}
		i := strings.Index(rest, want)
		if i < 0 {
			return false
		}
		rest = rest[i+len(want):]
	}
	return len(pairs) > 0
}

func sameCopy(in *dockerfile.Instruction, s *step) bool {
	words, ok := in.Paths()
	if !ok || len(words) < 2 {
		return false
	}
	dest := words[len(words)-1].Text
	got := strings.Fields(s.rest)
	for len(got) > 0 && strings.HasPrefix(got[0], "--") {
		got = got[1:]
	}
	if len(got) == 0 || !strings.ContainsAny(dest, "$\"'\\") && path.Clean(dest) != path.Clean(got[len(got)-1]) && !strings.HasSuffix(path.Clean(got[len(got)-1]), "/"+path.Base(dest)) {
		return false
	}
	if s.legacy || len(in.Heredocs) > 0 {
		return true // sources are told by their hashes
	}
	if len(got) != len(words) {
		return false
	}
	for i, w := range words[:len(words)-1] {
		if !strings.ContainsAny(w.Text, "$\"'\\") && path.Clean(w.Text) != path.Clean(got[i]) {
			return false
		}
	}
	return true
}
