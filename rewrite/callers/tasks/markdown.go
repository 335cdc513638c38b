package tasks

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rules/detect"
)

func documents() call.Reader {
	return call.Reader{Name: "a document", Is: isDocument, Read: readDocument, Edit: editDocument}
}

func isDocument(p string) bool { return strings.EqualFold(path.Ext(p), ".md") }

var (
	fence = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile("^([ \t]*(?:>[ \t]?)?(?:(?:[-*+]|[0-9]+[.)])[ \t]+)?)(`{3,}|~{3,})[ \t]*([\\w+.-]*)[^`]*$")
	})
	// prompt begins a line that a person types, in a block that shows what is printed too.
	prompt = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[ \t]*(?:\([\w.-]+\) ?)?(?:[\w.@:~/-]*[$%]|❯|➜|PS>) +`)
	})
	// placeholder is what stands for a value that the reader has.
	placeholder = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`<[A-Za-z][\w ./:'-]*>`)
	})
	given = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`--build-arg[ =\t]+["']?([A-Za-z_]\w*)=["']?([^\s"'$` + "`" + `<>\\;|&]+)`)
	})
)

var languages = []string{"", "sh", "bash", "shell", "console", "zsh", "shell-session", "shellsession", "sh-session", "bash-session", "terminal", "none", "ash", "ksh", "cli", "commandline"}

// readDocument reads the fenced blocks that hold commands. A block is one shell's: what it
// exports above, the lines below have.
func readDocument(s *call.Source) ([]*call.Build, error) {
	var texts []*text
	for _, b := range blocks(s.Src) {
		t := newText()
		t.Dialect = shell.Bash
		t.Dirs = []string{path.Dir(s.Path)}
		if t.Dirs[0] != "." {
			t.Dirs = append(t.Dirs, ".")
		}
		// Who reads it is told "id=T": docker says so where the variable is not exported, and
		// with "id=T,env=T" it would pass nothing.
		t.Exported = func(string) bool { return true }
		b.fill(t, s.Src)
		if !mentions(t.Code) {
			continue
		}
		texts = append(texts, t)
	}
	out := builds(s, texts)
	for _, b := range out {
		b.Prose = true
	}
	return out, nil
}

// stands reports whether a value stands for one that the reader has.
func stands(name, value string) bool {
	switch strings.ToLower(value) {
	case "none", "null", "nil", "false", "no", "unset", "default", "dummy":
		return false
	}
	return detect.Value(name, value) == detect.Placeholder
}

func editDocument(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	list, needs, err := change(s, changes)
	if err != nil {
		return nil, nil, err
	}
	edits, err := unique(s, list)
	return edits, needs, err
}

// block is the lines of a fenced block that a shell gets, as ranges of the file.
type block struct{ lines [][2]int }

// blocks finds the fenced blocks with commands.
func blocks(src []byte) []block {
	var out []block
	var now *block
	end, indent, commands := "", 0, false
	for at := 0; at < len(src); {
		stop := len(src)
		if i := strings.IndexByte(string(src[at:]), '\n'); i >= 0 {
			stop = at + i
		}
		next := stop + 1
		if stop > at && src[stop-1] == '\r' {
			stop--
		}
		line := string(src[at:stop])
		trimmed := strings.TrimLeft(line, " \t>")
		switch m := fence().FindStringSubmatch(line); {
		case now == nil && m != nil:
			now, end, indent = &block{}, m[2], len(m[1])
			commands = slices.Contains(languages, strings.ToLower(m[3]))
		case now != nil && strings.HasPrefix(trimmed, end) && strings.Trim(trimmed, end[:1]+" \t") == "":
			if commands {
				out = append(out, *now)
			}
			now = nil
		case now != nil:
			from := at
			for from < stop && from < at+indent && (src[from] == ' ' || src[from] == '\t' || src[from] == '>') {
				from++
			}
			now.lines = append(now.lines, [2]int{from, stop})
		}
		at = next
	}
	return out
}

// fill adds the lines. Where some begin with a prompt, the others are what was printed.
func (b block) fill(t *text, src []byte) {
	session := false
	for _, l := range b.lines {
		session = session || prompt().Match(src[l[0]:l[1]])
	}
	open := false
	var parts [][2]int
	for _, l := range b.lines {
		from := l[0]
		if session {
			p := prompt().FindIndex(src[l[0]:l[1]])
			if p == nil && !open {
				continue
			}
			if p != nil {
				from += p[1]
			}
			if p == nil && open && strings.HasPrefix(string(src[from:l[1]]), "> ") {
				from += 2
			}
		}
		open = l[1] > from && src[l[1]-1] == '\\'
		parts = append(parts, [2]int{from, l[1]})
	}
	for i, p := range parts {
		line := string(src[p[0]:p[1]])
		holes := placeholder().FindAllStringIndex(line, -1)
		for _, m := range given().FindAllStringSubmatchIndex(line, -1) {
			if stands(line[m[2]:m[3]], line[m[4]:m[5]]) {
				holes = append(holes, []int{m[4], m[5]})
			}
		}
		slices.SortFunc(holes, func(a, b []int) int { return a[0] - b[0] })
		at := 0
		for _, h := range holes {
			if h[0] < at {
				continue
			}
			for ; at < h[0]; at++ {
				t.keep(line[at], p[0]+at, 0)
			}
			t.hole(script.Hole{Text: line[h[0]:h[1]]}, p[0]+h[0], p[0]+h[1], 0)
			at = h[1]
		}
		for ; at < len(line); at++ {
			t.keep(line[at], p[0]+at, 0)
		}
		end := p[1] + 1
		if i+1 < len(parts) {
			end = parts[i+1][0]
		}
		t.put("\n", p[1], min(end, len(src)), 0)
	}
}
