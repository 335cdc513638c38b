package callers

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"sync"
)

var sourcing = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|[;&|({@\t -])(?:\.|source)[ \t]+["']?([^\s"';&|)]+)`)
})

// sourced says which scripts others run within their own shell (". lib.sh"), by the last part of their names. The files are
// read when it is first asked.
func sourced(fsys fs.FS, paths []string) func(string) bool {
	names := sync.OnceValue(func() map[string]bool {
		out := map[string]bool{}
		for _, p := range paths {
			if !IsCaller(p) {
				continue
			}
			info, err := fs.Stat(fsys, p)
			if err != nil || !info.Mode().IsRegular() || info.Size() > maxSize {
				continue
			}
			data, err := fs.ReadFile(fsys, p)
			if err != nil {
				continue
			}
			for _, m := range sourcing().FindAllSubmatch(data, -1) {
				name := path.Base(strings.TrimRight(string(m[1]), `"'`))
				out[name] = true
			}
		}
		return out
	})
	return func(p string) bool { return names()[path.Base(p)] }
}
