package detect

import (
	_ "embed"
	"path"
	"strings"
	"sync"
)

// FileKind describes a secret file by its name.
type FileKind struct {
	ID       string   // the mount's id: npmrc, id_rsa, aws_credentials; for patterns (*.pem) made of the base name
	Title    string   // npm configuration, ssh private key
	Sure     bool     // the name alone is enough where the content cannot be seen
	Run      bool     // usually needed when the container runs
	Programs []string // that read it when the image is built; none is known where it is empty

	form string // of the content
}

//go:embed files.tsv
var fileTable string

type filePattern struct {
	pattern string
	slashes int // in the pattern: it is matched on that many elements of the path, and one more
	kind    FileKind
}

type fileTables struct {
	never []filePattern
	kinds []filePattern
}

var loadFileTables = sync.OnceValue(func() *fileTables {
	t := &fileTables{}
	sets := map[string][]string{}
	for row := range rows(fileTable) {
		pattern := row[0]
		switch {
		case pattern[0] == '@':
			sets[pattern] = strings.Fields(row[1])
		case pattern[0] == '!':
			t.never = append(t.never, filePattern{pattern: pattern[1:], slashes: strings.Count(pattern, "/")})
		default:
			kind := FileKind{ID: row[1], Title: row[2], Sure: row[3] == "yes", Run: row[4] == "yes", form: row[5]}
			if set, ok := sets[row[6]]; ok {
				kind.Programs = set
			} else if row[6] != "-" {
				kind.Programs = strings.Fields(row[6])
			}
			t.kinds = append(t.kinds, filePattern{pattern, strings.Count(pattern, "/"), kind})
		}
	}
	return t
})

func (p *filePattern) matches(name, base string) bool {
	text := base
	if p.slashes > 0 {
		text = name
		for i, left := len(name)-1, p.slashes; i >= 0; i-- {
			if name[i] == '/' {
				if left == 0 {
					text = name[i+1:]
					break
				}
				left--
			}
		}
	}
	return glob(p.pattern, text)
}

// glob matches a pattern in which * is any text. No * of the table meets a slash: what comes before it is fixed.
func glob(pattern, text string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if text, star = strings.CutPrefix(text, head); !star {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(part):], after
	}
}

const (
	maxBase = 255     // bytes of a file's name on every system
	maxPath = 4 << 10 // bytes of a path
)

// File says whether a file of this slash-separated path is a secret file by name. It may be a pattern of COPY (*.pem):
// that counts as what it would match. A folder (a path that ends in a slash, . or ..) is none. The kind's Programs
// belong to the table: they are not to be changed.
func File(name string) (kind FileKind, ok bool) {
	base := path.Base(name)
	if strings.HasSuffix(name, "/") || len(base) > maxBase || len(name) > maxPath {
		return FileKind{}, false
	}
	lower := strings.ToLower(name)
	lowerBase := strings.ToLower(base)
	if base == "." || base == ".." || base == "/" {
		return FileKind{}, false
	}
	t := loadFileTables()
	for i := range t.never {
		if t.never[i].matches(lower, lowerBase) {
			return FileKind{}, false
		}
	}
	for i := range t.kinds {
		if p := &t.kinds[i]; p.matches(lower, lowerBase) {
			kind := p.kind
			if kind.ID == "-" {
				kind.ID = Identifier(base)
			}
			return kind, true
		}
	}
	return FileKind{}, false
}

// Identifier makes a base name the id of a mount: without leading dots, and with _ for every dot and for every
// character that is no letter, digit, _ or - of ASCII (.env.production is env_production). It is never empty.
func Identifier(base string) string {
	var b strings.Builder
	for _, r := range strings.TrimLeft(base, ".") {
		if r < 0x80 && (alnum(byte(r)) || r == '-' || r == '_') {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}
