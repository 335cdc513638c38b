package dockerfile

import (
	"bytes"
	"slices"
	"strings"
	"unicode"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// AddFlags returns the edit that gives an instruction more flags, behind those that
// it has and in their style: on the same line, or on continuation lines of their own
// where the last flag is alone on its line.
func (in *Instruction) AddFlags(flags ...string) edit.Edit {
	if n := len(in.Flags); n > 0 && closed(in.Flags[n-1].Text, in.File.Escape) {
		last := in.Flags[n-1]
		sep := in.flagSeparator(last)
		at := in.at[last.End-1] + 1
		return edit.Edit{Start: at, End: at, New: sep + strings.Join(flags, sep)}
	}
	at := in.at[in.Keyword-1] + 1
	return edit.Edit{Start: at, End: at, New: " " + strings.Join(flags, " ")}
}

// DropFlag returns the edit that takes a flag away, up to what follows it.
func (in *Instruction) DropFlag(flag Word) edit.Edit {
	next := in.Args
	for _, f := range in.Flags {
		if f.Start > flag.Start {
			next = min(next, f.Start)
		}
	}
	start, _ := in.Span(flag.Start, flag.End)
	end, _ := in.Span(next, next)
	return edit.Edit{Start: start, End: end}
}

// closed reports whether a flag's quotes are closed: what follows is not part of it.
func closed(flag string, escape byte) bool {
	var quote byte
	for i := 0; i < len(flag); i++ {
		switch c := flag[i]; {
		case c == escape:
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		}
	}
	return quote == 0 && !strings.HasSuffix(flag, string(escape))
}

// flagSeparator is what stands between the last flag and what follows, when that is
// a line continuation; else a space.
func (in *Instruction) flagSeparator(last Word) string {
	src := in.File.Src
	end := in.at[last.End-1] + 1
	eol := bytes.IndexByte(src[end:in.End], '\n')
	if eol < 0 || last.End >= len(in.Text) || in.Args >= len(in.Text) || in.at[in.Args] < end+eol {
		return " "
	}
	gap := string(src[end : end+eol+1])
	// The next content line's own indentation; comments between stay where they are.
	next := in.at[in.Args]
	for next > 0 && src[next-1] != '\n' {
		next--
	}
	indent := next
	for indent < in.at[in.Args] && (src[indent] == ' ' || src[indent] == '\t') {
		indent++
	}
	if !isBlank(gap[0]) && next == indent {
		gap = " " + gap // the blank that parts the words stands elsewhere
	}
	return gap + string(src[next:indent])
}

// Replace returns the edit that puts text in place of Text[start:end]. ok is false
// where a line continuation or a comment stands between.
func (in *Instruction) Replace(start, end int, text string) (e edit.Edit, ok bool) {
	s, t := in.Span(start, end)
	return edit.Edit{Start: s, End: t, New: text}, t-s == end-start
}

// Insert returns the edit that puts text before Text[at].
func (in *Instruction) Insert(at int, text string) edit.Edit {
	return edit.Edit{Start: in.at[at], End: in.at[at], New: text}
}

// InsertBefore returns the edit that puts a line before the instruction.
func (in *Instruction) InsertBefore(line string) edit.Edit {
	return edit.Edit{Start: in.Start, End: in.Start, New: line + in.File.Newline}
}

// InsertAfter returns the edit that puts a line after the instruction, here-documents
// included; a file without a last newline still has none.
func (in *Instruction) InsertAfter(line string) edit.Edit {
	e := edit.Edit{Start: in.End, End: in.End, New: line + in.File.Newline}
	if in.End == len(in.File.Src) && !bytes.HasSuffix(in.File.Src, []byte("\n")) {
		e.New = in.File.Newline + line
	}
	return e
}

// DeleteWords returns the edits that take words out of an instruction that keeps at
// least one of its arguments. A word that is alone on its physical line takes the
// line along, and the comment lines right above that name it; the continuation before a
// last word goes too. It returns nil where a kept word ends in an escaped blank, whose
// meaning hangs on what follows, and where the first that is kept would be taken for a
// flag.
func (in *Instruction) DeleteWords(words []Word, all []Word) []edit.Edit {
	gone := make([]bool, len(all))
	for i, w := range all {
		gone[i] = slices.ContainsFunc(words, func(x Word) bool { return x.Start == w.Start })
	}
	if first := slices.Index(gone, false); first > 0 && strings.HasPrefix(all[first].Text, "--") {
		return nil
	}
	var edits []edit.Edit
	for i := 0; i < len(all); i++ {
		if !gone[i] {
			if t := all[i].Text; strings.HasSuffix(strings.TrimRight(t, " \t"), string(in.File.Escape)) {
				return nil
			}
			continue
		}
		first := i
		for i+1 < len(all) && gone[i+1] {
			i++
		}
		edits = append(edits, in.deleteRun(all, first, i)...)
	}
	return edits
}

// deleteRun deletes the neighbours all[first] to all[last].
func (in *Instruction) deleteRun(all []Word, first, last int) []edit.Edit {
	src := in.File.Src
	start, _ := in.Span(all[first].Start, all[first].End)
	_, end := in.Span(all[last].Start, all[last].End)
	lineStart := bytes.LastIndexByte(src[:start], '\n') + 1
	alone := lineStart > in.Start && len(bytes.TrimSpace(src[lineStart:start])) == 0
	switch {
	case last+1 < len(all):
		next, _ := in.Span(all[last+1].Start, all[last+1].End)
		if eol := bytes.IndexByte(src[end:next], '\n'); eol >= 0 {
			// The next word stands on a line of its own.
			if alone && next == end+eol+1 {
				// The next word begins its line: the blank that parts it from what stands before is this line's.
				return []edit.Edit{{Start: start, End: end}}
			}
			if alone {
				return []edit.Edit{{Start: in.commentAbove(lineStart, all[first:last+1]), End: end + eol + 1}}
			}
			// Something before it on its line stays, and so does the continuation.
			if first == 0 {
				for end < next && isBlank(src[end]) {
					end++
				}
				return []edit.Edit{{Start: start, End: end}}
			}
			_, prev := in.Span(all[first-1].Start, all[first-1].End)
			return []edit.Edit{{Start: prev, End: end}}
		}
		return []edit.Edit{{Start: start, End: next}}
	case first > 0:
		_, prev := in.Span(all[first-1].Start, all[first-1].End)
		eol := bytes.IndexByte(src[prev:start], '\n')
		if eol < 0 {
			return []edit.Edit{{Start: prev, End: end}}
		}
		rest, _, _ := bytes.Cut(src[end:in.End], []byte("\n"))
		if len(bytes.TrimSpace(rest)) > 0 && alone {
			// A continuation follows the word too, and takes over from the one before.
			return []edit.Edit{{Start: in.commentAbove(lineStart, all[first:last+1]), End: min(end+len(rest)+1, in.End)}}
		}
		// The continuation behind the word before goes; comments between stay, unless they name the word.
		cut := prev + eol
		if cut > prev && src[cut-1] == '\r' {
			cut--
		}
		lineEnd := len(bytes.TrimRight(src[:lineStart], "\r\n"))
		above := in.commentAbove(lineStart, all[first:last+1])
		if above < lineStart {
			lineEnd = len(bytes.TrimRight(src[:above], "\r\n"))
		}
		if lineEnd <= cut || !onlyComments(src[prev+eol+1:lineStart]) {
			return []edit.Edit{{Start: prev, End: end}}
		}
		return []edit.Edit{{Start: prev, End: cut}, {Start: lineEnd, End: end}}
	}
	return []edit.Edit{{Start: start, End: end}}
}

// onlyComments reports lines that are blank or comments: an empty continuation line is neither.
func onlyComments(lines []byte) bool {
	for line := range bytes.Lines(lines) {
		if t := bytes.TrimSpace(line); len(t) > 0 && t[0] != '#' {
			return false
		}
	}
	return true
}

// commentAbove extends a line's start over the comment lines right above it that name
// one of the words.
func (in *Instruction) commentAbove(lineStart int, words []Word) int {
	src := in.File.Src
	for lineStart > in.Start {
		prev := bytes.LastIndexByte(src[:lineStart-1], '\n') + 1
		text := strings.TrimSpace(string(src[prev:lineStart]))
		if prev <= in.Start || !strings.HasPrefix(text, "#") || !slices.ContainsFunc(words, func(w Word) bool {
			name, _, _ := strings.Cut(w.Text, "=")
			return MentionsName(text, name)
		}) {
			return lineStart
		}
		lineStart = prev
	}
	return lineStart
}

// MentionsName reports whether text holds name as a whole word.
func MentionsName(text, name string) bool {
	for i := 0; name != ""; {
		k := strings.Index(text[i:], name)
		if k < 0 {
			return false
		}
		i += k
		end := i + len(name)
		if (i == 0 || !isNameByte(text[i-1])) && (end == len(text) || !isNameByte(text[end])) {
			return true
		}
		i = end
	}
	return false
}

func isNameByte(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

// Delete returns the edits that take whole instructions out of the file, with their
// lines, the comment that belongs to them, and the blank line that would be left double.
func (f *File) Delete(ins ...*Instruction) []edit.Edit {
	ins = slices.Clone(ins)
	slices.SortFunc(ins, func(a, b *Instruction) int { return a.Index - b.Index })
	ins = slices.Compact(ins)
	var edits []edit.Edit
	for i := 0; i < len(ins); {
		first, last := ins[i], ins[i]
		for i++; i < len(ins) && ins[i].Start == last.End; i++ {
			last = ins[i]
		}
		start := f.comment(first, last)
		end := last.End
		if blankLine(f.lineBefore(start)) || start == 0 {
			if line := f.lineAfter(end); line != nil && blankLine(line) {
				end += len(line)
			}
		}
		if start > 0 && end == len(f.Src) && !bytes.HasSuffix(f.Src, []byte("\n")) {
			// A file without a last newline keeps none.
			start = trimNewline(f.Src, 0, start)
		}
		if n := len(edits); n > 0 && edits[n-1].End >= start {
			edits[n-1].End = end
			continue
		}
		edits = append(edits, edit.Edit{Start: start, End: end})
	}
	return edits
}

// comment returns where the comment that belongs to the instructions first to last
// begins, or their own start. A comment belongs to what it names, and to what stands
// alone under it: it may as well head a group of which others stay.
func (f *File) comment(first, last *Instruction) int {
	start := first.Start
	for start > 0 {
		line := f.lineBefore(start)
		text := strings.TrimSpace(string(line))
		if !strings.HasPrefix(text, "#") || f.isDirective(start-len(line)) {
			break
		}
		start -= len(line)
	}
	if start == first.Start {
		return start
	}
	text := string(f.Src[start:first.Start])
	for _, in := range f.Instructions[first.Index : last.Index+1] {
		for _, p := range in.Pairs() {
			if MentionsName(text, p.Name) {
				return start
			}
		}
	}
	next := f.lineAfter(last.End)
	alone := next == nil || blankLine(next) || strings.HasPrefix(strings.TrimSpace(string(next)), "#")
	if alone && start > 0 {
		return start
	}
	if lintComment(f.lineBefore(first.Start)) {
		return first.Start - len(f.lineBefore(first.Start))
	}
	return first.Start
}

// lintComment reports a comment that tells a linter about the next instruction only.
func lintComment(line []byte) bool {
	text := strings.TrimLeftFunc(strings.TrimPrefix(strings.TrimSpace(string(line)), "#"), unicode.IsSpace)
	for _, p := range []string{"hadolint ", "trivy:ignore", "checkov:skip", "check=skip", "tally ", "kics-scan", "unbake:"} {
		if strings.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

func (f *File) isDirective(offset int) bool {
	return slices.ContainsFunc(f.Directives, func(d Directive) bool { return d.Start == offset })
}

func (f *File) lineBefore(offset int) []byte {
	if offset <= 0 {
		return nil
	}
	return f.Src[bytes.LastIndexByte(f.Src[:offset-1], '\n')+1 : offset]
}

func (f *File) lineAfter(offset int) []byte {
	if offset >= len(f.Src) {
		return nil
	}
	if n := bytes.IndexByte(f.Src[offset:], '\n'); n >= 0 {
		return f.Src[offset : offset+n+1]
	}
	return f.Src[offset:]
}

func blankLine(line []byte) bool { return line != nil && len(bytes.TrimSpace(line)) == 0 }
