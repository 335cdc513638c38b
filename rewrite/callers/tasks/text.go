package tasks

import (
	"errors"
	"slices"
	"sort"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// text is what a shell gets, and where its bytes stand in the file.
type text struct {
	past []int // offsets in Code: make fills in what stands there earlier than the recipe, with another value
	script.Text

	start, end []int // of the part of the file that a byte of Code stands for
	whole      []int // the part's number, as it is edited as a whole; -1: a byte of its own
	frame      []int // index in frames

	// frames are the places that the text is put together of: the command, and values that
	// are expanded within it.
	frames []frame

	// quote writes text that comes as the file has it; holes are left out of it.
	quote func(string) (string, error)

	parts int
}

type frame struct {
	parent     int
	start, end int // of the reference in the file that it is put in place of
	name       string
	rule       any // what the format knows of it

	several bool // it holds other frames only, that stand apart in the file
}

func newText() *text {
	return &text{frames: []frame{{parent: -1}}}
}

// keep adds a byte as it stands at an offset of the file.
func (t *text) keep(c byte, at, in int) {
	t.Code += string([]byte{c})
	t.start, t.end, t.whole, t.frame = append(t.start, at), append(t.end, at+1), append(t.whole, -1), append(t.frame, in)
}

// put adds text that stands for a range of the file.
func (t *text) put(s string, start, end, in int) {
	t.parts++
	for range len(s) {
		t.start, t.end, t.whole, t.frame = append(t.start, start), append(t.end, end), append(t.whole, t.parts), append(t.frame, in)
	}
	t.Code += s
}

// hole adds a part that something else fills in.
func (t *text) hole(h script.Hole, start, end, in int) {
	h.Start = len(t.Code)
	t.put(strings.Repeat("x", max(1, min(end-start, 8))), start, end, in)
	h.End = len(t.Code)
	t.Holes = append(t.Holes, h)
}

// enter opens a frame for a value that is put in place of a reference.
func (t *text) enter(name string, start, end, in int, rule any) int {
	t.frames = append(t.frames, frame{parent: in, start: start, end: end, name: name, rule: rule})
	return len(t.frames) - 1
}

// offset returns where in the file a byte of Code stands.
func (t *text) offset(code int) int {
	switch {
	case len(t.start) == 0:
		return 0
	case code >= len(t.start):
		return t.end[len(t.end)-1]
	}
	return t.start[code]
}

// outer returns where a byte of Code stands as seen from the command itself.
func (t *text) outer(code int) (start, end int) {
	if len(t.start) == 0 {
		return 0, 0
	}
	code = min(max(code, 0), len(t.start)-1)
	start, end = t.start[code], t.end[code]
	for f := t.frame[code]; f > 0; f = t.frames[f].parent {
		start, end = t.frames[f].start, t.frames[f].end
	}
	return start, end
}

var errParts = errors.New("the command is put together of parts, edit it by hand")

// place returns the edit of the file that an edit of Code is, and the frame it is in.
func (t *text) place(e shell.TextEdit) (edit.Edit, int, error) {
	if e.Start < 0 || e.End < e.Start || e.End > len(t.Code) || len(t.Code) == 0 {
		return edit.Edit{}, 0, errParts
	}
	for _, p := range []int{e.Start, e.End} {
		if p > 0 && p < len(t.whole) && t.whole[p] >= 0 && t.whole[p] == t.whole[p-1] {
			return edit.Edit{}, 0, errParts
		}
	}
	if e.New == "" {
		// Blanks around a word that goes may stand outside the value that holds it.
		for e.Start < e.End && t.frame[e.Start] != t.frame[e.End-1] && blank(t.Code[e.Start]) {
			e.Start++
		}
		for e.Start < e.End && t.frame[e.Start] != t.frame[e.End-1] && blank(t.Code[e.End-1]) {
			e.End--
		}
	}
	written, err := t.written(e.New)
	if err != nil {
		return edit.Edit{}, 0, err
	}
	if e.Start == e.End {
		at, in := t.between(e.Start)
		if t.frames[in].several {
			return edit.Edit{}, 0, errParts
		}
		return edit.Edit{Start: at, End: at, New: written}, in, nil
	}
	// A value that is named whole goes with its reference.
	in := t.common(t.frame[e.Start], t.frame[e.End-1])
	start, ok := t.edge(e.Start, in, false)
	end, ok2 := t.edge(e.End-1, in, true)
	if !ok || !ok2 || end < start || t.frames[in].several {
		return edit.Edit{}, 0, errParts
	}
	return edit.Edit{Start: start, End: end, New: written}, in, nil
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// between returns where text goes in before a byte of Code: in the outermost of the
// frames that meet there.
func (t *text) between(code int) (at, in int) {
	if code >= len(t.Code) {
		in = t.frame[len(t.frame)-1]
		at, _ = t.edge(len(t.Code)-1, in, true)
		return at, in
	}
	in = t.frame[code]
	if code == 0 {
		for in > 0 {
			in = t.frames[in].parent
		}
	} else {
		if in = t.common(in, t.frame[code-1]); t.frames[in].several {
			return t.start[code], t.frame[code]
		}
	}
	if at, ok := t.edge(code, in, false); ok {
		return at, in
	}
	return t.start[code], t.frame[code]
}

// common returns the innermost frame that holds both.
func (t *text) common(a, b int) int {
	for f := a; f >= 0; f = t.frames[f].parent {
		for g := b; g >= 0; g = t.frames[g].parent {
			if f == g {
				return f
			}
		}
	}
	return 0
}

// edge returns where a byte starts, or ends, as seen from a frame around it. ok is false
// where the byte is not the first, or last, of the value that stands in that frame.
func (t *text) edge(code, in int, after bool) (at int, ok bool) {
	at = t.start[code]
	if after {
		at = t.end[code]
	}
	for f := t.frame[code]; f != in; f = t.frames[f].parent {
		next := code - 1
		if after {
			next = code + 1
		}
		if next >= 0 && next < len(t.Code) && t.within(t.frame[next], f) {
			return 0, false
		}
		if at = t.frames[f].start; after {
			at = t.frames[f].end
		}
	}
	return at, true
}

// within reports whether a frame is another one or stands in it.
func (t *text) within(f, in int) bool {
	for ; f >= 0; f = t.frames[f].parent {
		if f == in {
			return true
		}
	}
	return false
}

// written is text that comes as the file has it: all but the holes in it is quoted.
func (t *text) written(s string) (string, error) {
	if t.quote == nil {
		return s, nil
	}
	var out strings.Builder
	for s != "" {
		at, hole := len(s), ""
		for _, h := range t.Holes {
			if i := strings.Index(s, h.Text); i >= 0 && (i < at || i == at && len(h.Text) > len(hole)) {
				at, hole = i, h.Text
			}
		}
		if hole != "" && strings.Contains(t.Code, hole) {
			return "", errors.New("a variable of the shell is written as one that is filled in before, edit it by hand")
		}
		q, err := t.quote(s[:at])
		if err != nil {
			return "", err
		}
		out.WriteString(q + hole)
		s = s[at+len(hole):]
	}
	return out.String(), nil
}

// handle is what finds a build again.
type handle struct {
	text  *text
	inner *call.Build
}

// builds reads the builds of the texts of a file. A text that no shell would read holds
// none.
func builds(s *call.Source, texts []*text) []*call.Build {
	var out []*call.Build
	for _, t := range texts {
		if !mentions(t.Code) {
			continue
		}
		list, err := script.Read(s.Project, &t.Text)
		if err != nil {
			continue
		}
		for _, inner := range list {
			b := *inner
			b.Path, b.Handle = s.Path, handle{t, inner}
			b.Start, _ = t.outer(inner.Start)
			_, b.End = t.outer(inner.End - 1)
			b.Line, b.Col = s.Position(b.Start)
			b.Args = slices.Clone(inner.Args)
			for i := range b.Args {
				a := &b.Args[i]
				a.Start, a.End = t.offset(a.Start), t.end[min(max(a.End-1, 0), len(t.end)-1)]
				a.Line, _ = s.Position(a.Start)
			}
			out = append(out, &b)
		}
	}
	slices.SortStableFunc(out, func(a, b *call.Build) int { return a.Start - b.Start })
	return out
}

// mentions reports whether a text can hold a build.
func mentions(code string) bool {
	return strings.Contains(code, "build") || strings.Contains(code, "bake") || strings.Contains(code, "bud") || strings.Contains(code, "kaniko")
}

// changed is one edit of the file and where it comes from.
type changed struct {
	edit.Edit
	text  *text
	frame int
}

// change returns the edits for changes of builds of a file.
func change(s *call.Source, changes []call.Change) (out []changed, needs []string, err error) {
	by := map[*text][]call.Change{}
	first := map[*text]*call.Build{}
	var texts []*text
	for _, c := range changes {
		h, ok := c.Build.Handle.(handle)
		if !ok {
			return nil, nil, s.Errorf(c.Build.Start, "this build was not read here")
		}
		if by[h.text] == nil {
			texts = append(texts, h.text)
			first[h.text] = c.Build
		}
		c.Build = h.inner
		by[h.text] = append(by[h.text], c)
	}
	for _, t := range texts {
		result, err := script.Edit(s.Project, &t.Text, by[t])
		if err != nil {
			at := first[t].Start
			var e *script.Error
			if errors.As(err, &e) {
				at, _ = t.outer(e.Offset)
			}
			return nil, nil, s.Errorf(at, "%s", err.Error())
		}
		for _, n := range result.Needs {
			if !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
		for _, e := range result.Edits {
			at, _ := t.outer(e.Start)
			placed, in, err := t.place(e)
			if err != nil {
				return nil, nil, s.Errorf(at, "%s", err)
			}
			out = append(out, changed{placed, t, in})
		}
	}
	return out, needs, nil
}

// unique returns edits without those that stand twice: a value that several commands
// hold is changed once.
func unique(s *call.Source, list []changed) ([]edit.Edit, error) {
	list = slices.Clone(list)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Start < list[j].Start })
	var out []edit.Edit
	for i, c := range list {
		if i > 0 && c.Edit == list[i-1].Edit && (c.text != list[i-1].text || c.Start < c.End) {
			continue
		}
		if i > 0 && (c.Start < list[i-1].End || c.Start == list[i-1].Start) {
			if c.text == list[i-1].text && c.Start == c.End && list[i-1].Start == list[i-1].End {
				out[len(out)-1].New += c.New // two insertions at one place
				continue
			}
			return nil, s.Errorf(c.Start, "what several commands share would have to change in two ways, edit it by hand")
		}
		out = append(out, c.Edit)
	}
	return out, nil
}
