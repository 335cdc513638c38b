package dockerfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// locate walks the physical lines as BuildKit's scanner does, keeping the offset of
// each byte that gets into a logical line, and compares the result with BuildKit's.
func (f *File) locate(res *parser.Result) error {
	nodes := res.AST.Children
	f.Instructions = make([]*Instruction, 0, len(nodes))
	// One backing array for all offsets: a logical line is never longer than its bytes.
	offsets := make([]int, 0, len(f.Src)+len(nodes)+1)
	buf := make([]byte, 0, 256)
	directives := parser.DirectiveParser{}
	leading := true // directives stand before the first instruction only
	n := 0          // physical line
	for n < len(f.lines) {
		if len(f.Src) == 0 {
			break
		}
		first := n
		start, end := f.lineSpan(n)
		from, to := start, trimNewline(f.Src, start, end)
		if n == 0 && bytes.HasPrefix(f.Src, bom) {
			from = len(bom)
		}
		from = skipSpace(f.Src, from, to)
		n++
		if leading {
			d, err := directives.ParseLine(f.Src[from:to])
			switch {
			case err != nil:
				return f.disagree(first, "directive")
			case d != nil:
				f.Directives = append(f.Directives, Directive{d.Name, d.Value, start, end})
				if d.Name == "escape" {
					f.Escape = d.Value[0]
				}
			case from == to || f.Src[from] != '#':
				leading = from == to && leading // an empty line ends the directives too, as ParseLine knows
			}
		}
		if from < to && f.Src[from] == '#' {
			continue
		}
		to, more := trimContinuation(f.Src, from, to, f.Escape)
		if !more && from == to {
			continue
		}
		buf = buf[:0]
		base := len(offsets)
		add := func(from, to int) {
			buf = append(buf, f.Src[from:to]...)
			for i := from; i < to; i++ {
				offsets = append(offsets, i)
			}
		}
		add(from, to)
		last := to
		for more && n < len(f.lines) {
			start, end := f.lineSpan(n)
			n++
			to := trimNewline(f.Src, start, end)
			if s := skipSpace(f.Src, start, end); s == end || s >= to {
				continue // empty line inside a continuation
			} else if f.Src[s] == '#' {
				continue
			}
			to, more = trimContinuation(f.Src, start, to, f.Escape)
			add(start, to)
			last = to
		}
		offsets = append(offsets, last)
		if len(f.Instructions) == len(nodes) {
			return f.disagree(first, "instruction")
		}
		node := nodes[len(f.Instructions)]
		if node.Original != string(buf) || node.StartLine != first+1 {
			return f.disagree(first, "text")
		}
		in := &Instruction{
			File: f, Text: node.Original, Line: first + 1, Index: len(f.Instructions),
			at: offsets[base:len(offsets):len(offsets)],
		}
		in.Start = f.lines[first]
		for _, h := range node.Heredocs {
			hd := Heredoc{Name: h.Name, Expand: h.Expand, Chomp: h.Chomp}
			hd.Start = len(f.Src)
			if n < len(f.lines) {
				hd.Start = f.lines[n]
			}
			closed := false
			for n < len(f.lines) && !closed {
				start, end := f.lineSpan(n)
				n++
				text := f.Src[start:trimNewline(f.Src, start, end)]
				if h.Chomp {
					text = bytes.TrimLeft(text, "\t")
				}
				closed = string(text) == h.Name
				hd.End = start
			}
			if !closed || string(f.Src[hd.Start:hd.End]) != h.Content {
				return f.disagree(first, "heredoc")
			}
			in.Heredocs = append(in.Heredocs, hd)
		}
		_, in.End = f.lineSpan(n - 1)
		if node.EndLine != n {
			return f.disagree(first, "last line")
		}
		if err := in.split(node); err != nil {
			return err
		}
		f.Instructions = append(f.Instructions, in)
	}
	if len(f.Instructions) != len(nodes) {
		return f.disagree(len(f.lines)-1, "end of file")
	}
	return nil
}

// disagree is the refusal of law 9: BuildKit read something else than we did.
func (f *File) disagree(line int, what string) error {
	return &ParseError{f.Path, line + 1, 1, fmt.Sprintf("not understood byte for byte (%s), left alone: please report this file", what)}
}

func trimNewline(src []byte, start, end int) int {
	for end > start && (src[end-1] == '\n' || src[end-1] == '\r') {
		end--
	}
	return end
}

func skipSpace(src []byte, start, end int) int {
	for start < end && src[start] < 0x80 {
		switch src[start] {
		case ' ', '\t', '\n', '\v', '\f', '\r':
			start++
			continue
		}
		return start
	}
	if start == end {
		return start
	}
	return end - len(bytes.TrimLeftFunc(src[start:end], unicode.IsSpace))
}

// trimContinuation cuts a line continuation: an escape character, blanks allowed
// after it, that is not itself escaped.
func trimContinuation(src []byte, start, end int, escape byte) (int, bool) {
	i := end
	for i > start && (src[i-1] == ' ' || src[i-1] == '\t') {
		i--
	}
	if i == start || src[i-1] != escape {
		return end, false
	}
	if i-1 > start && src[i-2] == escape {
		return end, false
	}
	return i - 1, true
}

// isBlank is the white space that BuildKit splits an instruction's head at.
func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r'
}

// split finds the keyword, the flags and the arguments, as BuildKit's splitCommand
// does, and compares them with node.
func (in *Instruction) split(node *parser.Node) error {
	name, flags, args, ok := in.head(0, node)
	if ok && name == "onbuild" && node.Next != nil && len(node.Next.Children) > 0 {
		in.OnBuild = true
		node = node.Next.Children[0]
		name, flags, args, ok = in.head(args, node)
	}
	if !ok {
		return in.File.disagree(in.Line-1, "flags")
	}
	in.Name, in.Flags, in.Args = name, flags, args
	in.json = node.Attributes["json"]
	first := node.Next
	if name == "healthcheck" && first != nil {
		first = first.Next // the type: CMD or NONE
	}
	for n := first; n != nil; n = n.Next {
		in.args = append(in.args, n.Value)
	}
	switch name {
	case "env", "label":
		return in.checkPairs(node.Next)
	case "arg":
		return in.checkWords(node.Next)
	}
	return nil
}

// head splits Text from offset from on into keyword, flags and arguments.
func (in *Instruction) head(from int, node *parser.Node) (name string, flags []Word, args int, ok bool) {
	t := in.Text
	end := from + len(strings.TrimRightFunc(t[from:], unicode.IsSpace))
	i := from + len(t[from:]) - len(strings.TrimLeftFunc(t[from:], unicode.IsSpace))
	start := i
	for i < end && !isBlank(t[i]) {
		i++
	}
	if start > end {
		start, i = end, end // a line continuation alone: BuildKit has an instruction without a name
	}
	if t[start:i] != node.Value {
		return "", nil, 0, false
	}
	name = strings.ToLower(t[start:i])
	in.Keyword = i
	for i < end && isBlank(t[i]) {
		i++
	}
	flags, args = builderFlags(t, i, end, in.File.Escape)
	for args < end && isSpace(rune(t[args])) {
		args++
	}
	if args >= end {
		args = len(t)
	}
	if len(flags) != len(node.Flags) {
		return "", nil, 0, false
	}
	for k, f := range flags {
		if unquoteFlag(f.Text, in.File.Escape) != node.Flags[k] {
			return "", nil, 0, false
		}
	}
	return name, flags, args, true
}

// isSpace is unicode.IsSpace of a byte taken for a rune, as BuildKit has it here.
func isSpace(r rune) bool { return unicode.IsSpace(r) }

// builderFlags returns the words from i on that begin with "--", and the offset
// behind them.
func builderFlags(t string, i, end int, escape byte) (flags []Word, args int) {
	for {
		for i < end && isSpace(rune(t[i])) {
			i++
		}
		if i+1 >= end || t[i] != '-' || t[i+1] != '-' {
			return flags, i
		}
		start := i
		var quote byte
		for i < end {
			c := t[i]
			switch {
			case c == escape && i+1 < end:
				i++
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '\'' || c == '"':
				quote = c
			}
			if quote == 0 && c != escape && isSpace(rune(c)) {
				break
			}
			i++
		}
		w := Word{t[start:i], start, i}
		if unquoteFlag(w.Text, escape) == "--" {
			return flags, i
		}
		flags = append(flags, w)
	}
}

// unquoteFlag takes quotes and escapes out of a flag, as BuildKit does.
func unquoteFlag(s string, escape byte) string {
	if strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\'') < 0 && strings.IndexByte(s, escape) < 0 && isASCII(s) {
		return s
	}
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			continue
		case quote != 0 && c == quote:
			quote = 0
			continue
		case c == escape:
			if i+1 == len(s) {
				continue
			}
			i++
			c = s[i]
		}
		b.WriteRune(rune(c)) // BuildKit takes a byte for a rune here
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
