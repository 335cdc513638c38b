package flow

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/ignorefile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// SecretFiles knows the files of a project that are secret files by their names, those
// that git ignores included: docker takes what is on disk. No fix changes such a file,
// so it outlives the states of a run, and each file is read once.
type SecretFiles struct {
	disk    fs.FS
	paths   func() []string
	listed  func() []*secretFile
	git     func() bool // the list leaves out what git ignores
	folders sync.Map    // folder → func() []*secretFile
	named   sync.Map    // build context → func() map[string]string
}

// secretFile is a file that is a secret file by its name.
type secretFile struct {
	name  string // relative to the root
	kind  detect.FileKind
	holds func() bool // a secret, by its content
}

const (
	maxSecretFile  = 1 << 20 // bytes of a file that is read
	maxFolders     = 2000    // that are looked into for what git ignores
	maxSecretFiles = 50      // of a build context: more of them are no slip of somebody's
)

func newSecretFiles(disk fs.FS, paths func() []string) *SecretFiles {
	x := &SecretFiles{disk: disk, paths: paths}
	x.git = sync.OnceValue(func() bool {
		_, err := fs.Stat(disk, ".git")
		return err == nil
	})
	x.listed = sync.OnceValue(func() []*secretFile {
		var out []*secretFile
		for _, p := range paths() {
			if f := x.file(p); f != nil {
				out = append(out, f)
			}
		}
		sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
		return out
	})
	return x
}

// file is what a path is by its name, nil if it is no secret file.
func (x *SecretFiles) file(name string) *secretFile {
	if source(name) || fixture(name) {
		return nil
	}
	kind, ok := detect.File(name)
	if !ok {
		return nil
	}
	return &secretFile{name, kind, sync.OnceValue(func() bool { return x.read(name) })}
}

// none reports whether the project is known to have no such file.
func (x *SecretFiles) none() bool { return !x.git() && len(x.listed()) == 0 }

func (x *SecretFiles) read(name string) bool {
	if l, ok := x.disk.(interface{ Link(string) bool }); ok && l.Link(name) {
		return false // a link is copied as a link
	}
	info, err := fs.Stat(x.disk, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSecretFile {
		return false
	}
	data, err := fs.ReadFile(x.disk, name)
	return err == nil && detect.Content(name, data)
}

// below returns the files below a folder that hold a secret, sorted by their names.
func (x *SecretFiles) below(dir string) []*secretFile {
	if x.none() {
		return nil
	}
	once, ok := x.folders.Load(dir)
	if !ok {
		once, _ = x.folders.LoadOrStore(dir, sync.OnceValue(func() []*secretFile {
			return slices.DeleteFunc(x.find(dir), func(f *secretFile) bool { return !f.holds() })
		}))
	}
	return once.(func() []*secretFile)()
}

func (x *SecretFiles) find(dir string) []*secretFile {
	prefix := ""
	if dir != "." {
		prefix = dir + "/"
	}
	all := x.listed()
	from := sort.Search(len(all), func(i int) bool { return all[i].name >= prefix })
	to := from + sort.Search(len(all)-from, func(i int) bool { return !strings.HasPrefix(all[from+i].name, prefix) })
	found := slices.Clone(all[from:to])
	if !x.git() {
		return found
	}
	// What git ignores is in no list. The nearest folders come first.
	for queue, n := []string{dir}, 0; len(queue) > 0 && n < maxFolders; n++ {
		dir := queue[0]
		queue = queue[1:]
		entries, err := fs.ReadDir(x.disk, dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case e.IsDir() && x.inside(name):
				queue = append(queue, name)
			case e.Type().IsRegular() && !source(name):
				if x.lists(name) {
					continue
				}
				if f := x.file(name); f != nil {
					found = append(found, f)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b *secretFile) int { return strings.Compare(a.name, b.name) })
	return found
}

// lists reports whether a path is a file of the project.
func (x *SecretFiles) lists(name string) bool {
	_, ok := slices.BinarySearch(x.paths(), name)
	return ok
}

// inside reports whether a folder is looked into. One of which git ignores everything
// holds what a tool made, unless its name says otherwise.
func (x *SecretFiles) inside(dir string) bool {
	base := strings.ToLower(path.Base(dir))
	switch {
	case base == ".git" || base == ".venv" || base == "venv" || fixture(dir+"/"):
		return false
	case x.listsBelow(dir):
		return true
	case dir != path.Base(dir) && !x.listsBelow(path.Dir(dir)):
		return true // a part of one that is looked into
	}
	return slices.ContainsFunc([]string{"secret", "cred", "key", "cert", "auth", "conf", "env", ".ssh", ".aws", ".kube", ".docker", ".cargo", ".bundle", ".m2"}, func(s string) bool {
		return strings.Contains(base, s)
	})
}

// listsBelow reports whether any file of the project is in a folder.
func (x *SecretFiles) listsBelow(dir string) bool {
	paths := x.paths()
	i := sort.SearchStrings(paths, dir+"/")
	return i < len(paths) && strings.HasPrefix(paths[i], dir+"/")
}

// namedBy returns a file of a build context that names another one of it, "" if none
// does. Texts for people do not count, nor what a fix may change.
func (x *SecretFiles) namedBy(context, file string) string {
	once, ok := x.named.Load(context)
	if !ok {
		once, _ = x.named.LoadOrStore(context, sync.OnceValue(func() map[string]string { return x.search(context) }))
	}
	return once.(func() map[string]string)()[path.Base(file)]
}

// search looks for the names of the secret files of a build context in its other files,
// and returns where each is found first.
func (x *SecretFiles) search(context string) map[string]string {
	var names []string
	for _, f := range x.below(context) {
		if base := path.Base(f.name); !slices.Contains(names, base) {
			names = append(names, base)
		}
	}
	found := map[string]string{}
	left := 64 << 20
	for _, p := range x.paths() {
		if _, ok := ignorefile.Inside(context, p); !ok || notRead(p) || image(p) || strings.HasSuffix(p, "ignore") || strings.HasPrefix(path.Base(p), "Dockerfile") {
			continue
		}
		info, err := fs.Stat(x.disk, p)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 4<<20 {
			continue // no source is that long
		}
		if left -= int(info.Size()); left < 0 {
			for _, name := range names {
				if found[name] == "" {
					found[name] = "a file of the context, which is too large to be searched, perhaps"
				}
			}
			return found
		}
		data, err := fs.ReadFile(x.disk, p)
		if err != nil {
			continue
		}
		for _, name := range names {
			if found[name] == "" && path.Base(p) != name && bytes.Contains(data, []byte(name)) && mentionsFile(string(data), name) {
				found[name] = p
			}
		}
	}
	return found
}

// mentionsFile reports whether a text holds a file's name, and not as a part of another.
func mentionsFile(text, name string) bool {
	word := func(c byte) bool {
		return c == '_' || c == '-' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
	}
	for i := 0; ; {
		k := strings.Index(text[i:], name)
		if k < 0 {
			return false
		}
		start, end := i+k, i+k+len(name)
		before := start > 0 && (word(text[start-1]) || text[start-1] == '.')
		after := end < len(text) && (word(text[end]) || text[end] == '.' && end+1 < len(text) && word(text[end+1]))
		if !before && !after {
			return true
		}
		i = end
	}
}

// image reports what is no text.
func image(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".pdf", ".woff", ".woff2", ".ttf", ".eot", ".mp3", ".mp4", ".gz", ".zip", ".tar", ".tgz", ".jar", ".so", ".a", ".o":
		return true
	}
	return false
}

// source reports a program's own source and what is no text: such a file may be named
// secrets.go and is none. It is quick, for there are many.
func source(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".go", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".tsx", ".py", ".pyi", ".rs", ".java", ".kt", ".scala", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs",
		".swift", ".ex", ".exs", ".erl", ".lua", ".dart", ".vue", ".svelte", ".proto", ".sql", ".html", ".htm", ".css", ".scss", ".sass", ".less", ".md", ".mdx",
		".rst", ".txt", ".adoc", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".pdf", ".woff", ".woff2", ".ttf", ".eot", ".mp3", ".mp4", ".map",
		".lock", ".sum", ".snap", ".so", ".a", ".o", ".class", ".jar", ".pyc", ".gz", ".zip", ".tar", ".tgz", ".dockerfile", ".po", ".mo", ".csv", ".tf", ".tmpl":
		return true
	case ".rb":
		return path.Base(name) != "secret_token.rb"
	case ".php":
		return path.Base(name) != "wp-config.php"
	}
	return strings.HasPrefix(path.Base(name), "Dockerfile")
}

// fixture reports files that only look like secrets: those of tests, of examples and of
// other people's packages.
func fixture(name string) bool {
	for rest := name; rest != ""; {
		elem, after, dir := strings.Cut(rest, "/")
		rest = after
		if dir {
			switch strings.ToLower(elem) {
			case "node_modules", "vendor", "third_party", "site-packages", "docs", "doc", "testdata", "e2e", "spec", "specs", "mocks", "__mocks__", "__tests__", "__fixtures__":
				return true
			}
		}
		word := 0
		for i := 0; i <= len(elem); i++ {
			if i < len(elem) && strings.IndexByte("-_.", elem[i]) < 0 {
				continue
			}
			switch strings.ToLower(elem[word:i]) {
			case "test", "tests", "testing", "fixture", "fixtures", "example", "examples", "sample", "samples", "demo", "demos", "dummy", "fake", "mock", "snakeoil":
				return true
			case "debug":
				if strings.HasSuffix(elem, ".keystore") {
					return true // Android's own, the same everywhere
				}
			}
			word = i + 1
		}
	}
	return false
}
