package tasks

import (
	"path"
	"regexp"
	"slices"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

func packages() call.Reader {
	return call.Reader{Name: "scripts of a package", Is: isPackage, Read: readPackage, Edit: editScalars}
}

func isPackage(p string) bool {
	base := path.Base(p)
	return base == "package.json" || base == "composer.json"
}

// windows is a variable of cmd.exe.
var windows = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%\w+%`) })

// readPackage reads "scripts": npm and composer give each command to sh in the package's
// folder.
func readPackage(s *call.Source) ([]*call.Build, error) {
	doc, err := yamledit.Parse(s.Path, s.Src)
	if err != nil {
		return nil, err
	}
	if doc.Root == nil || doc.Root.Kind != yamledit.Map {
		return nil, nil
	}
	scripts, ok := doc.Root.Get("scripts")
	if !ok || scripts.Value.Deref().Kind != yamledit.Map {
		return nil, nil
	}
	var list []*scalar
	for _, n := range scripts.Value.Deref().Items {
		nodes := []*yamledit.Node{n}
		if n.Kind == yamledit.List {
			nodes = n.Items
		}
		for _, n := range nodes {
			t, err := embed.New(doc, n, embed.Syntax{})
			if err != nil {
				continue
			}
			x := t.Script(shell.POSIX)
			x.Dirs = []string{path.Dir(s.Path)}
			list = append(list, &scalar{t, x})
		}
	}
	out := scalarBuilds(s, doc, list)
	for _, b := range out {
		if slices.ContainsFunc(b.Args, func(a call.Arg) bool { return windows().MatchString(a.Value) }) && b.Fixed == "" {
			b.Fixed = "it is written for the shell of Windows"
		}
	}
	return out, nil
}
