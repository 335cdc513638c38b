package tasks

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

func TestZZ(t *testing.T) {
	root := os.Getenv("ZZ")
	ents, _ := os.ReadDir(root)
	n, nb := 0, 0
	for _, e := range ents {
		if !e.IsDir() { continue }
		fsys := os.DirFS(filepath.Join(root, e.Name()))
		var dfs, files []string
		fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil { return nil }
			if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") { return fs.SkipDir }
			if strings.Contains(path.Base(p), "Dockerfile") && !d.IsDir() { dfs = append(dfs, p) }
			if readerOf(p) != nil && d.Type().IsRegular() { files = append(files, p) }
			return nil
		})
		project := &call.Project{FS: fsys, Dockerfiles: dfs}
		for _, f := range files {
			src, err := fs.ReadFile(fsys, f)
			if err != nil || len(src) > 1<<20 { continue }
			r := readerOf(f)
			s := &call.Source{Path: f, Src: src, Project: project}
			n++
			list, err := r.Read(s)
			if err != nil { fmt.Println("ERR", e.Name(), err); continue }
			for _, b := range list {
				nb++
				for _, a := range b.Args {
					one := call.Change{Build: b, Drop: []string{a.Name}, Secret: &call.Secret{ID: a.Name, From: a.Name}}
					if b.Fixed != "" { fmt.Printf("FIXED %s %s:%d %v %s\n", e.Name(), f, b.Line, a, b.Fixed); continue }
					edits, _, err := r.Edit(s, []call.Change{one})
					if err != nil { fmt.Printf("REFUSED %s %v %v\n", e.Name(), a, err); continue }
					out, err := edit.Apply(src, edits)
					if err != nil { fmt.Printf("BAD %s %s %v\n", e.Name(), f, err); continue }
					fmt.Printf("EDIT %s %s:%d %v doubt=%s of=%v\n%s", e.Name(), f, b.Line, a, b.Doubt, b.Dockerfiles, edit.Unified(f, src, out))
				}
			}
		}
	}
	fmt.Println("files", n, "builds", nb)
}
