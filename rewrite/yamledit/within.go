package yamledit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/unbake-dev/unbake/rewrite/edit"
)

// within returns the edits, inside of n's token, that make its value text and leave its quotes, escapes and lines as they are. ok is false
// where there are none that keep to one line each.
func (d *Doc) within(n *Node, text string) (edits []edit.Edit, ok bool) {
	from, to, ok := d.letters(n)
	if !ok || n.Value == "" {
		return nil, false
	}
	old := n.Value
	single, double := n.style&yaml.SingleQuotedStyle != 0, n.style&yaml.DoubleQuotedStyle != 0
	if n.style == 0 && !plain(strings.ReplaceAll(text, "\n", " "), n.parent != nil && n.parent.flow) {
		return nil, false
	}
	for _, c := range differences(old, text) {
		if !double && !printable(c.text) {
			return nil, false
		}
		e := edit.Edit{New: c.text}
		switch {
		case single:
			e.New = strings.ReplaceAll(c.text, "'", "''")
		case double:
			e.New = quote(c.text)
			e.New = e.New[1 : len(e.New)-1]
		}
		// A place between two letters is found by the one that is not part of a line's fold.
		switch i, j := c.start, c.end; {
		case i < j:
			e.Start, e.End = from[i], to[j-1]
		case i > 0 && to[i-1] >= 0:
			e.Start, e.End = to[i-1], to[i-1]
		case i < len(old):
			e.Start, e.End = from[i], from[i]
		default:
			return nil, false
		}
		if e.Start < n.Start || e.End > n.End || e.End < e.Start || bytes.IndexByte(d.Src[e.Start:e.End], '\n') >= 0 {
			return nil, false
		}
		edits = append(edits, e)
	}
	return edits, len(edits) > 0
}

// letters returns where each byte of a value stands in the source, from and to: the offsets of its first byte and after its last. Of white
// space that a line break in the source stands for, only the start of the first byte and the end of the last one are known, the others -1.
func (d *Doc) letters(n *Node) (from, to []int, ok bool) {
	if n.Kind != Scalar || n.End < 0 || n.Tag != "" {
		return nil, nil, false
	}
	src, value := d.Src[:n.End], n.Value
	put := func(i, j, count int) {
		for range count {
			from, to = append(from, i), append(to, j)
		}
	}
	i, shut := n.Start, n.End
	single, double := n.style&yaml.SingleQuotedStyle != 0, n.style&yaml.DoubleQuotedStyle != 0
	switch {
	case single || double:
		i, shut = i+1, shut-1
	case n.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return d.blockLetters(n)
	}
	for j := 0; j < len(value); {
		switch {
		case i < shut && strings.IndexByte(" \t\r\n", src[i]) >= 0 || value[j] == '\n' && i >= shut:
			k := i
			for k < shut && strings.IndexByte(" \t\r\n", src[k]) >= 0 {
				k++
			}
			run := len(value[j:]) - len(strings.TrimLeft(value[j:], " \t\n"))
			if bytes.IndexByte(src[i:k], '\n') < 0 && k < shut && run == k-i {
				for ; i < k; i++ {
					put(i, i+1, 1)
				}
			} else {
				put(-1, -1, run)
				if run > 0 {
					from[len(from)-run], to[len(to)-1] = i, k
				}
			}
			i, j = k, j+run
		case i >= shut:
			return nil, nil, false
		case single && src[i] == '\'':
			if value[j] != '\'' {
				return nil, nil, false
			}
			put(i, i+2, 1)
			i, j = i+2, j+1
		case double && src[i] == '\\':
			r, size := escape(src[i:shut])
			switch {
			case size == 0:
				return nil, nil, false
			case r < 0: // a line that goes on without a space
			default:
				s := string(r)
				if !strings.HasPrefix(value[j:], s) {
					return nil, nil, false
				}
				put(i, i+size, len(s))
				j += len(s)
			}
			i += size
		default:
			if src[i] != value[j] {
				return nil, nil, false
			}
			put(i, i+1, 1)
			i, j = i+1, j+1
		}
	}
	return from, to, true
}

// escape reads the escape at the start of src and returns what it stands for, -1 for nothing, and its size in bytes, 0 if it is not known.
func escape(src []byte) (r rune, size int) {
	if len(src) < 2 {
		return 0, 0
	}
	digits := 0
	switch c := src[1]; c {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '\n', '\r':
		i := 1 + len(src[1:]) - len(bytes.TrimLeft(src[1:], " \t\r\n"))
		return -1, i
	default:
		const letters, meant = "0abt\tnvfre \"/\\N_LP", "\x00\a\b\t\t\n\v\f\r\x1b \"/\\\u0085\u00a0\u2028\u2029"
		if i := strings.IndexByte(letters, c); i >= 0 {
			return []rune(meant)[i], 2
		}
		return 0, 0
	}
	if len(src) < 2+digits {
		return 0, 0
	}
	for _, c := range src[2 : 2+digits] {
		v := strings.IndexByte("0123456789abcdef", c|0x20)
		if v < 0 {
			return 0, 0
		}
		r = r<<4 | rune(v)
	}
	return r, 2 + digits
}

// change puts text in the place of the bytes start to end.
type change struct {
	start, end int
	text       string
}

// differences returns the changes that lead from old to new, word by word, each as small as it can be.
func differences(old, new string) []change {
	a, b := words(old), words(new)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	at := 0
	for _, w := range a[:n] {
		at += len(w)
	}
	a, b = a[n:], b[n:]
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > 1<<20 { // too long to compare in full
		a, b = []string{strings.Join(a, "")}, []string{strings.Join(b, "")}
	}
	// common[i][j] is how many words a[i:] and b[j:] share.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out []change
	c := change{start: at, end: at}
	flush := func() {
		if c.end > c.start || c.text != "" {
			out = append(out, c.trimmed(old))
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			flush()
			at += len(a[i])
			c = change{start: at, end: at}
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			at += len(a[i])
			c.end = at
			i++
		default:
			c.text += b[j]
			j++
		}
	}
	flush()
	return out
}

// trimmed takes what is the same at both ends out of a change.
func (c change) trimmed(old string) change {
	was := old[c.start:c.end]
	n := 0
	for n < len(was) && n < len(c.text) && was[n] == c.text[n] {
		n++
	}
	for n > 0 && (n < len(was) && !utf8.RuneStart(was[n]) || n < len(c.text) && !utf8.RuneStart(c.text[n])) {
		n--
	}
	was, c.text, c.start = was[n:], c.text[n:], c.start+n
	n = 0
	for n < len(was) && n < len(c.text) && was[len(was)-1-n] == c.text[len(c.text)-1-n] {
		n++
	}
	for n > 0 && !utf8.RuneStart(was[len(was)-n]) {
		n--
	}
	c.text, c.end = c.text[:len(c.text)-n], c.end-n
	return c
}

// words parts s into words and the runs of white space between them.
func words(s string) []string {
	var out []string
	for s != "" {
		n := strings.IndexAny(s, " \t\n")
		if n == 0 {
			n = len(s) - len(strings.TrimLeft(s, " \t\n"))
		} else if n < 0 {
			n = len(s)
		}
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}
