package yamledit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Kind says what a Node is.
type Kind uint8

const (
	Null   Kind = iota // nothing, or null written out
	Scalar             // any other single value
	Map
	List
	Alias
)

// Node is one place of a Doc.
type Node struct {
	Kind   Kind
	Value  string  // Scalar: its text, unquoted; Alias: the anchor's name
	Tag    string  // a tag written in the source ("!reset"), else ""
	Keys   []*Node // Map: keys, parallel to Items
	Items  []*Node // Map: values; List: items
	Target *Node   // Alias: what it stands for
	// Start and End are byte offsets in Src, anchor and tag not included. End is -1 where it could not be found with certainty.
	Start, End int
	Line, Col  int // 1-based, Col in characters; at the anchor or tag if there is one

	pos    int // offset at Line, Col
	parent *Node
	style  yaml.Style
	flow   bool
	anchor string
	used   *Node // the first alias of this anchor
	colon  int   // key of a Map: offset of its ':', or -1
	dash   int   // item of a block List: offset of its '-', or -1
	merge  bool  // key of a Map: <<
}

// Entry is one key of a mapping as it counts. Through is the alias or merge key it comes in by, nil where the mapping itself has it.
type Entry struct {
	Key, Value *Node
	Through    *Node
}

// Entries returns the keys that count in a mapping: its own in order, then those that its merge keys add. An alias, of the mapping or of
// a value, is followed and noted in Through. Anything but a mapping has none.
func (n *Node) Entries() []Entry {
	var out []Entry
	seen := map[string]bool{}
	n.entries(nil, seen, &out)
	return out
}

func (n *Node) entries(through *Node, seen map[string]bool, out *[]Entry) {
	if n == nil {
		return
	}
	if n.Kind == Alias {
		if through == nil {
			through = n
		}
		n = n.Target
	}
	if n.Kind != Map {
		return
	}
	for i, k := range n.Keys {
		if k.merge || k.Kind != Scalar && k.Kind != Null || seen[k.Value] {
			continue
		}
		seen[k.Value] = true
		v, t := n.Items[i], through
		if v.Kind == Alias {
			if t == nil {
				t = v
			}
			v = v.Target
		}
		*out = append(*out, Entry{Key: k, Value: v, Through: t})
	}
	for i, k := range n.Keys {
		if !k.merge {
			continue
		}
		t := through
		if t == nil {
			t = k
		}
		from := n.Items[i].Deref()
		if from.Kind == List {
			for _, item := range from.Items {
				item.Deref().entries(t, seen, out)
			}
			continue
		}
		from.entries(t, seen, out)
	}
}

// Get returns the entry of a key as Entries would; ok is false if there is none.
func (n *Node) Get(key string) (e Entry, ok bool) {
	if n == nil {
		return Entry{}, false
	}
	if n.Kind == Map {
		if k, v := n.own(key); k != nil && v.Kind != Alias {
			return Entry{Key: k, Value: v}, true
		}
	}
	for _, e := range n.Entries() {
		if e.Key.Value == key {
			return e, true
		}
	}
	return Entry{}, false
}

// Deref returns what an alias stands for, and any other node itself.
func (n *Node) Deref() *Node {
	if n != nil && n.Kind == Alias {
		return n.Target
	}
	return n
}

func (n *Node) own(key string) (k, v *Node) {
	for i, k := range n.Keys {
		if !k.merge && k.Value == key && (k.Kind == Scalar || k.Kind == Null) {
			return k, n.Items[i]
		}
	}
	return nil, nil
}

// Find returns the node at a path of mapping keys, as it counts: aliases and merge keys are followed, and the first one met is through.
// n is nil if there is nothing there.
func (d *Doc) Find(path ...string) (n, through *Node) {
	n = d.Root
	for _, key := range path {
		e, ok := n.Get(key)
		if !ok {
			return nil, nil
		}
		if through == nil {
			through = e.Through
		}
		n = e.Value
	}
	return n, through
}

// duplicates refuses a mapping that has one key twice, at the second one.
func duplicates(d *Doc, n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		seen := make(map[[2]string]bool, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode {
				continue
			}
			id := [2]string{k.Tag, k.Value}
			if seen[id] {
				return d.errorAt(k.Line, k.Column, "a key that stands twice in one mapping, remove one of them")
			}
			seen[id] = true
		}
	}
	for _, c := range n.Content {
		if err := duplicates(d, c); err != nil {
			return err
		}
	}
	return nil
}

// build makes d.Root and d.end from yaml.v3's tree.
func (d *Doc) build(root *yaml.Node) error {
	b := builder{Doc: d, made: map[*yaml.Node]*Node{}}
	first := min(max(root.Line-1, 0), len(d.lines)-1)
	d.end = len(d.lines)
	for i := first + 1; i < len(d.lines); i++ {
		if t := d.text(i); bytes.HasPrefix(t, []byte("...")) && (len(t) == 3 || t[3] == ' ' || t[3] == '\t') {
			d.end = i
			break
		}
	}
	d.Root = b.node(root, nil, false)
	for alias, target := range b.aliases {
		alias.Target = b.made[target]
		if alias.Target == nil {
			return d.errorOff(alias.pos, "an alias of something that is not there")
		}
		if u := alias.Target.used; u == nil || alias.pos < u.pos {
			alias.Target.used = alias
		}
	}
	return nil
}

type builder struct {
	*Doc
	made    map[*yaml.Node]*Node
	aliases map[*Node]*yaml.Node
}

// offset turns yaml.v3's line and column, which counts characters, into a byte offset.
func (b *builder) offset(line, col int) int {
	line = min(max(line, 1), len(b.lines))
	off := b.lines[line-1]
	for i := 1; i < col && off < len(b.Src); i++ {
		_, n := utf8.DecodeRune(b.Src[off:])
		off += n
	}
	return off
}

func (b *builder) node(y *yaml.Node, parent *Node, inFlow bool) *Node {
	n := &Node{Line: max(y.Line, 1), Col: max(y.Column, 1), parent: parent, style: y.Style, anchor: y.Anchor, colon: -1, dash: -1, End: -1}
	b.made[y] = n
	n.pos = b.offset(y.Line, y.Column)
	n.Start = n.pos
	if y.Anchor != "" || y.Style&yaml.TaggedStyle != 0 {
		n.Start = b.properties(n)
	}
	switch y.Kind {
	case yaml.ScalarNode:
		n.Kind, n.Value = Scalar, y.Value
		if y.Tag == "!!null" {
			n.Kind = Null
		}
		n.End = b.scalarEnd(n, inFlow)
	case yaml.AliasNode:
		n.Kind, n.Value = Alias, y.Value
		if b.aliases == nil {
			b.aliases = map[*Node]*yaml.Node{}
		}
		b.aliases[n] = y.Alias
		if end := n.Start + 1 + len(y.Value); end <= len(b.Src) && string(b.Src[n.Start:end]) == "*"+y.Value {
			n.End = end
		}
	case yaml.SequenceNode:
		n.Kind, n.flow = List, y.Style&yaml.FlowStyle != 0
		for _, c := range y.Content {
			item := b.node(c, n, n.flow)
			if !n.flow {
				item.dash = b.dashBefore(item)
			}
			n.Items = append(n.Items, item)
		}
		n.End = b.collectionEnd(n, '[', ']')
	case yaml.MappingNode:
		n.Kind, n.flow = Map, y.Style&yaml.FlowStyle != 0
		for i := 0; i+1 < len(y.Content); i += 2 {
			k := b.node(y.Content[i], n, n.flow)
			k.merge = y.Content[i].Tag == "!!merge"
			k.colon = b.colonAfter(k)
			v := b.node(y.Content[i+1], n, n.flow)
			if v.Kind == Null && v.Value == "" && v.anchor == "" && v.Tag == "" {
				v.Start, v.End = k.End, k.End
				if k.colon >= 0 {
					v.Start, v.End = k.colon+1, k.colon+1
				} else if !n.flow {
					v.End = -1
				}
			} else if k.colon < 0 {
				v.End = -1
			}
			n.Keys, n.Items = append(n.Keys, k), append(n.Items, v)
		}
		if !n.flow && len(n.Keys) > 0 {
			n.Start = n.Keys[0].pos
		}
		n.End = b.collectionEnd(n, '{', '}')
	}
	return n
}

// properties skips a node's anchor and tag, notes the tag, and returns where the node itself starts.
func (b *builder) properties(n *Node) int {
	i := n.pos
	for i < len(b.Src) && (b.Src[i] == '&' || b.Src[i] == '!') {
		j := i
		for j < len(b.Src) && !bytes.ContainsRune([]byte(" \t\r\n,[]{}"), rune(b.Src[j])) {
			j++
		}
		if b.Src[i] == '!' {
			n.Tag = string(b.Src[i:j])
		}
		i = b.skipSpace(j)
	}
	return i
}

// skipSpace returns the offset of the next byte at or after i that is no white space, line end or comment.
func (b *builder) skipSpace(i int) int {
	for i < len(b.Src) {
		switch c := b.Src[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '#' && i > 0 && (b.Src[i-1] == ' ' || b.Src[i-1] == '\t' || b.Src[i-1] == '\n'):
			j := bytes.IndexByte(b.Src[i:], '\n')
			if j < 0 {
				return len(b.Src)
			}
			i += j
		default:
			return i
		}
	}
	return i
}

func (b *builder) colonAfter(k *Node) int {
	if k.End < 0 {
		return -1
	}
	i := k.End
	for i < len(b.Src) && (b.Src[i] == ' ' || b.Src[i] == '\t') {
		i++
	}
	if i < len(b.Src) && b.Src[i] == ':' {
		return i
	}
	return -1
}

// dashBefore finds the '-' of a block list's item.
func (b *builder) dashBefore(item *Node) int {
	for line, end := b.lineOf(min(item.pos, len(b.Src))), item.pos; line >= 0; line-- {
		t := bytes.TrimRight(b.Src[b.lines[line]:end], " \t\r\n")
		if len(t) == 0 || b.comment(line) && end != item.pos {
			end = b.lines[line]
			continue
		}
		i := b.lines[line] + len(t) - 1
		if b.Src[i] != '-' || i > b.lines[line] && b.Src[i-1] != ' ' {
			return -1
		}
		return i
	}
	return -1
}

func (b *builder) collectionEnd(n *Node, open, shut byte) int {
	if !n.flow {
		if len(n.Items) == 0 {
			return -1
		}
		for _, item := range n.Items {
			if item.End < 0 {
				return -1
			}
		}
		last := n.Items[len(n.Items)-1]
		if n.Kind == Map {
			return max(last.End, n.Keys[len(n.Keys)-1].End)
		}
		return last.End
	}
	if n.Start >= len(b.Src) {
		return -1
	}
	if b.Src[n.Start] != open {
		if n.Kind == Map && len(n.Items) == 1 { // [a: b], a mapping without braces
			return n.Items[0].End
		}
		return -1
	}
	i := n.Start + 1
	for _, item := range n.Items {
		if item.End < 0 {
			return -1
		}
		i = item.End
	}
	i = b.skipSpace(i)
	if i < len(b.Src) && b.Src[i] == ',' && len(n.Items) > 0 {
		i = b.skipSpace(i + 1)
	}
	if i < len(b.Src) && b.Src[i] == shut {
		return i + 1
	}
	return -1
}

// scalarEnd returns the offset after a scalar's last byte, or -1.
func (b *builder) scalarEnd(n *Node, inFlow bool) int {
	i, src := n.Start, b.Src
	switch {
	case n.style&yaml.DoubleQuotedStyle != 0:
		if i >= len(src) || src[i] != '"' {
			return -1
		}
		for i++; i < len(src); i++ {
			if src[i] == '\\' {
				i++
			} else if src[i] == '"' {
				return i + 1
			}
		}
		return -1
	case n.style&yaml.SingleQuotedStyle != 0:
		if i >= len(src) || src[i] != '\'' {
			return -1
		}
		for i++; i < len(src); i++ {
			if src[i] != '\'' {
				continue
			}
			if i+1 < len(src) && src[i+1] == '\'' {
				i++
				continue
			}
			return i + 1
		}
		return -1
	case n.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return b.blockScalarEnd(n)
	}
	if n.Value == "" {
		if n.Start != n.pos { // only an anchor or a tag: it ends where that ends
			return n.pos + len(bytes.TrimRight(b.Src[n.pos:min(n.Start, b.after(b.lineOf(n.pos)))], " \t\r\n"))
		}
		return n.Start
	}
	return b.plainEnd(i, n.Value)
}

// plainEnd walks source and value side by side, folding line ends as YAML does, so that an end it finds is right.
func (b *builder) plainEnd(i int, value string) int {
	src := b.Src
	for j := 0; j < len(value); {
		if i >= len(src) {
			return -1
		}
		if src[i] != ' ' && src[i] != '\t' && src[i] != '\r' && src[i] != '\n' {
			if src[i] != value[j] {
				return -1
			}
			i, j = i+1, j+1
			continue
		}
		k, lines := i, 0
		for k < len(src) && strings.IndexByte(" \t\r\n", src[k]) >= 0 {
			if src[k] == '\n' {
				lines++
			}
			k++
		}
		run := string(src[i:k])
		switch {
		case lines == 1:
			run = " "
		case lines > 1:
			run = strings.Repeat("\n", lines-1)
		}
		if !strings.HasPrefix(value[j:], run) {
			return -1
		}
		i, j = k, j+len(run)
	}
	return i
}

// quotedBy says whether n is a scalar in quotes of the kind c.
func quotedBy(n *Node, c byte) bool {
	switch c {
	case '"':
		return n.style&yaml.DoubleQuotedStyle != 0
	case '\'':
		return n.style&yaml.SingleQuotedStyle != 0
	}
	return false
}

// column returns the number of bytes before a block collection's keys or dashes on their line.
func (d *Doc) column(n *Node) int {
	at := n.Start
	if n.Kind == List && !n.flow && len(n.Items) > 0 && n.Items[0].dash >= 0 {
		at = n.Items[0].dash
	}
	return at - d.lines[d.lineOf(at)]
}
