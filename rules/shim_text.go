package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/proof"
)

// shimPath is the file of the image that a container starts first: it gives the program
// its secrets as variables.
const shimPath = "/usr/local/bin/with-secrets"

const (
	shimHead = "#!/bin/sh\n# The program's secrets, from the files that the container is given. A variable that is set is kept.\nset -e\n"
	shimTail = "exec \"$@\"\n"
)

// handing is a variable with the file that the shim reads it from: /run/secrets/<id>.
type handing struct{ variable, id string }

// lines are those of the shim for one variable. A file that is not there leaves the
// variable as it is, and one that cannot be read ends the container's start.
func (h handing) lines() string {
	return fmt.Sprintf(`if [ -z "${%[1]s+x}" ] && [ -e /run/secrets/%[2]s ]; then
  %[1]s=$(cat /run/secrets/%[2]s)
  export %[1]s
fi
`, h.variable, h.id)
}

var shimBlock = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^if \[ -z "\$\{(\w+)\+x\}" \] && \[ -e /run/secrets/([\w.-]+) \]; then\n`)
})

// readShim returns what a shim of ours hands out; ok is false for any other text.
func readShim(text string) (hands []handing, ok bool) {
	rest, head := strings.CutPrefix(text, shimHead)
	rest, tail := strings.CutSuffix(rest, shimTail)
	if !head || !tail {
		return nil, false
	}
	for rest != "" {
		m := shimBlock().FindStringSubmatch(rest)
		if m == nil {
			return nil, false
		}
		h := handing{m[1], m[2]}
		if rest, ok = strings.CutPrefix(rest, h.lines()); !ok {
			return nil, false
		}
		hands = append(hands, h)
	}
	return hands, true
}

func shimText(hands []handing) string {
	var b strings.Builder
	b.WriteString(shimHead)
	for _, h := range hands {
		b.WriteString(h.lines())
	}
	b.WriteString(shimTail)
	return b.String()
}

// script returns the COPY that a stage needs; "" where it has the script, which is given
// the lines that it lacks.
func (s *shim) script(st *dockerfile.Stage) (text, reason string) {
	if slices.ContainsFunc(st.Lineage(), func(x *dockerfile.Stage) bool { return slices.Contains(s.copied, x) }) {
		return "", ""
	}
	var there *dockerfile.Instruction
	for _, in := range st.History(nil) {
		if in.Name == "entrypoint" || in.Name == "cmd" || !strings.Contains(string(s.file.Src[in.Start:in.End]), shimPath[strings.LastIndexByte(shimPath, '/')+1:]) {
			continue
		}
		if there != nil || !isShim(in) {
			return "", fmt.Sprintf("line %d: there is a program of that name already", in.Line)
		}
		there = in
	}
	if there == nil {
		s.copied = append(s.copied, st)
		return "COPY --chmod=0755 <<'EOF' " + shimPath + "\n" + shimText(s.hands) + "EOF\n", ""
	}
	h := there.Heredocs[0]
	have, _ := readShim(string(s.file.Src[h.Start:h.End]))
	var more []handing
	for _, x := range s.hands {
		i := slices.IndexFunc(have, func(y handing) bool { return y.variable == x.variable })
		switch {
		case i < 0:
			more = append(more, x)
		case have[i] != x:
			return "", fmt.Sprintf("line %d gives it from another secret", there.Line)
		}
	}
	s.copied = append(s.copied, there.Stage)
	if len(more) == 0 {
		return "", ""
	}
	var lines strings.Builder
	for _, x := range more {
		lines.WriteString(x.lines())
	}
	at := h.End - len(shimTail)
	s.edits = append(s.edits, edit.Edit{Start: at, End: at, New: lines.String()})
	s.pieces = append(s.pieces, proof.Piece{Instruction: there.Index, Name: "copy", Path: shimPath, Content: shimText(append(have, more...))})
	return "", ""
}

// isShim reports whether an instruction puts a script of ours into the image.
func isShim(in *dockerfile.Instruction) bool {
	words := strings.Fields(in.ArgText())
	if in.Name != "copy" || len(in.Heredocs) != 1 || in.Heredocs[0].Expand || len(words) != 2 || words[1] != shimPath {
		return false
	}
	_, ok := readShim(string(in.File.Src[in.Heredocs[0].Start:in.Heredocs[0].End]))
	return ok
}

func knowsHeredocs(f *dockerfile.File) bool { _, ok := hereDocuments(f); return ok }

// hereDocuments returns the edits that make the file's frontend one that knows
// here-documents, 1.4 and later; ok is false where none is known to.
func hereDocuments(f *dockerfile.File) (edits []edit.Edit, ok bool) {
	for _, d := range f.Directives {
		if d.Name != "syntax" {
			continue
		}
		ref, _, _ := strings.Cut(d.Value, " ")
		if m := pin().FindStringSubmatch(ref); m != nil {
			if minor, err := strconv.Atoi(m[2]); m[2] == "" || err == nil && minor >= 4 {
				return nil, true
			}
		}
	}
	edits, front := syntaxLine(f)
	return edits, front == envMounts
}
