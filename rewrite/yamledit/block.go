package yamledit

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"
)

// blockHeader returns what stands behind the | or > of a block of lines: the spaces that its lines are indented by, -1 where the first one
// of them tells, and whether all line ends after the last one are kept.
func (d *Doc) blockHeader(n *Node) (indent int, keep bool) {
	header, _, _ := bytes.Cut(d.Src[n.Start+1:d.after(d.lineOf(n.Start))], []byte("#"))
	keep = bytes.IndexByte(header, '+') >= 0
	i := bytes.IndexAny(header, "123456789")
	if i < 0 {
		return -1, keep
	}
	indent = int(header[i] - '0')
	if n.parent != nil {
		indent += d.column(n.parent)
	}
	return indent, keep
}

// blockScalarEnd returns the offset after the last line of a block of lines, or -1.
func (b *builder) blockScalarEnd(n *Node) int {
	if n.Start >= len(b.Src) || b.Src[n.Start] != '|' && b.Src[n.Start] != '>' {
		return -1
	}
	line := b.lineOf(n.Start)
	content, keep := b.blockHeader(n)
	if n.Value == "" && !keep {
		return n.Start + len(bytes.TrimRight(b.Src[n.Start:b.after(line)], " \t\r\n"))
	}
	last := line
	for i := line + 1; i < b.end; i++ {
		if b.blank(i) {
			if keep {
				last = i
			}
			continue
		}
		if content < 0 {
			content = b.indent(i)
			if n.parent != nil && content <= b.column(n.parent) {
				break
			}
		}
		if b.indent(i) < content {
			break
		}
		last = i
	}
	if last == line {
		return -1
	}
	return b.lines[last] + len(b.text(last))
}

// blockIndent returns how many spaces the lines of a block are indented by, or -1.
func (d *Doc) blockIndent(n *Node) int {
	indent, _ := d.blockHeader(n)
	for i := d.lineOf(n.Start) + 1; indent < 0 && i < d.end; i++ {
		if !d.blank(i) {
			indent = d.indent(i)
		}
	}
	return indent
}

// blockLetters is letters for a block of lines. A line end has the indentation of the next line with it.
func (d *Doc) blockLetters(n *Node) (from, to []int, ok bool) {
	indent, value := d.blockIndent(n), n.Value
	if indent < 0 {
		return nil, nil, false
	}
	put := func(i, j int) { from, to = append(from, i), append(to, j) }
	// body returns where the content of a line starts and ends.
	body := func(i int) (start, end int) {
		start = d.lines[i] + min(d.indent(i), indent)
		return start, d.lines[i] + len(d.text(i))
	}
	literal := n.style&yaml.LiteralStyle != 0
	deep := func(i int) bool { // a line that folding leaves alone
		start, end := body(i)
		return start < end && (d.Src[start] == ' ' || d.Src[start] == '\t')
	}
	line := d.lineOf(n.Start) + 1
	for len(from) < len(value) {
		if line >= d.end {
			return nil, nil, false
		}
		start, end := body(line)
		if !strings.HasPrefix(value[len(from):], string(d.Src[start:end])) {
			return nil, nil, false
		}
		for i := start; i < end; i++ {
			put(i, i+1)
		}
		if len(from) == len(value) {
			break
		}
		next, breaks := line+1, 1
		if !literal && start < end {
			for next < d.end && d.blank(next) && !deep(next) {
				next, breaks = next+1, breaks+1
			}
		}
		stop := d.after(line)
		if next < d.end {
			stop, _ = body(next)
		}
		run := strings.Repeat("\n", breaks)
		folds := !literal && start < end && !deep(line) && next < d.end && stop < d.lines[next]+len(d.text(next)) && !deep(next)
		switch {
		case folds && breaks == 1:
			run = " "
		case folds:
			run = run[1:]
		}
		if rest := value[len(from):]; !strings.HasPrefix(rest, run) {
			// The end of the block: what is behind its last line counts otherwise.
			if strings.Trim(rest, "\n") != "" {
				return nil, nil, false
			}
			run = rest
		}
		if len(value)-len(from) == len(run) { // the last line end has no next line
			stop = d.after(next - 1)
		}
		for i := range len(run) {
			switch {
			case len(run) == 1:
				put(end, stop)
			case i == 0:
				put(end, -1)
			case i == len(run)-1:
				put(-1, stop)
			default:
				put(-1, -1)
			}
		}
		line = next
	}
	return from, to, true
}
