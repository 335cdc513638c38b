package audit

// NewKnown is a value to look for, in all forms in which files hold it; ok is false where it is too short, or too long,
// to be looked for.
func NewKnown(name, value string) (k *Known, ok bool) {
	k = &Known{Name: name, value: []byte(value), len: len(value)}
	return k, k.len >= leastKnown && k.len <= mostKnown
}

// NewWord is a text to look for as it is, and in no other form; ok is as for NewKnown.
func NewWord(text string) (k *Known, ok bool) {
	k, ok = NewKnown(text, text)
	k.word = true
	return k, ok
}

// Finder finds known values in any bytes.
type Finder struct{ search *searcher }

// NewFinder makes a Finder of values that NewKnown and NewWord took.
func NewFinder(known []*Known) *Finder { return &Finder{newSearcher(known)} }

// Find reports each known value that stands in text, and where it begins.
func (f *Finder) Find(text []byte, found func(k *Known, at int)) {
	f.search.find(text, func(at int, x *form) { found(x.known, at) })
}
