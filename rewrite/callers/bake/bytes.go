package bake

import (
	"bytes"
	"fmt"
)

func splice(src []byte, from, to int, text string) []byte {
	return fmt.Appendf(nil, "%s%s%s", src[:from], text, src[to:])
}

func newline(src []byte) string {
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lineStart is where the line of an offset begins, lineEnd where the next one does.
func lineStart(src []byte, at int) int { return bytes.LastIndexByte(src[:at], '\n') + 1 }

func lineEnd(src []byte, at int) int {
	if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(src)
}

// indentBefore is the white space that the line of an offset begins with, up to it.
func indentBefore(src []byte, at int) string {
	line := src[lineStart(src, at):at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// own reports whether nothing but white space stands before an offset in its line.
func own(src []byte, at int) bool {
	return len(bytes.TrimSpace(src[lineStart(src, at):at])) == 0
}

// removeLines removes bytes, and the lines that hold nothing else than a comment at their end.
func removeLines(src []byte, from, to int) []byte {
	end := lineEnd(src, to)
	rest := bytes.TrimSpace(src[to:end])
	if own(src, from) && (len(rest) == 0 || rest[0] == '#' || bytes.HasPrefix(rest, []byte("//"))) {
		return splice(src, lineStart(src, from), end, "")
	}
	for from > 0 && (src[from-1] == ' ' || src[from-1] == '\t') {
		from--
	}
	return splice(src, from, to, "")
}

// addItem adds an item behind the last one of a list, as those before it are laid out.
func addItem(src []byte, v *value, item string) []byte {
	open, end := v.start+1, v.end-1
	if len(v.items) == 0 {
		if !bytes.ContainsRune(src[open:end], '\n') && len(bytes.TrimSpace(src[open:end])) == 0 {
			return splice(src, open, end, item)
		}
		return splice(src, open, open, newline(src)+indentOf(src, v.start)+"  "+item+",")
	}
	last := v.items[len(v.items)-1]
	comma := last.end
	for comma < end && (src[comma] == ' ' || src[comma] == '\t' || src[comma] == '\r' || src[comma] == '\n') {
		comma++
	}
	hasComma := comma < end && src[comma] == ','
	if !own(src, last.start) || lineEnd(src, last.end) > end {
		if hasComma {
			return splice(src, comma+1, comma+1, " "+item+",")
		}
		return splice(src, last.end, last.end, ", "+item)
	}
	line := indentOf(src, last.start) + item
	at := lineEnd(src, last.end)
	if hasComma {
		return splice(src, at, at, line+","+newline(src))
	}
	return splice(splice(src, at, at, line+newline(src)), last.end, last.end, ",")
}

// indentOf is the white space that the line of an offset begins with.
func indentOf(src []byte, at int) string {
	line := src[lineStart(src, at):lineEnd(src, at)]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
