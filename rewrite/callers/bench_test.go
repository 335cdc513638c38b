package callers

import (
	"fmt"
	"testing"
	"testing/fstest"
)

// BenchmarkFind reads a project of a thousand files that may be callers, a tenth of which
// build an image; again is the same with one of them changed, as after a fix.
func BenchmarkFind(b *testing.B) {
	fsys := fstest.MapFS{"Dockerfile": {Data: []byte("FROM a\nARG T_TOKEN\n")}}
	for i := range 300 {
		text := "#!/bin/sh\nset -eu\nfor f in *; do\n  docker ps \"$f\"\ndone\n"
		if i%10 == 0 {
			text += "docker build --build-arg T_TOKEN=$T_TOKEN -t shop .\n"
		}
		fsys[fmt.Sprintf("scripts/%d.sh", i)] = &fstest.MapFile{Data: []byte(text)}
		fsys[fmt.Sprintf("mk/%d/Makefile", i)] = &fstest.MapFile{Data: []byte("T ?= x\nrun:\n\tdocker run $(T)\n")}
		fsys[fmt.Sprintf("docs/%d.md", i)] = &fstest.MapFile{Data: []byte("# Docs\n\n```sh\ndocker run x\n```\n")}
		fsys[fmt.Sprintf(".github/workflows/%d.yml", i)] = &fstest.MapFile{Data: []byte("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: docker ps\n")}
	}
	var paths []string
	for p := range fsys {
		paths = append(paths, p)
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			new(Reader).Find(fsys, paths, none, none)
		}
	})
	b.Run("again", func(b *testing.B) {
		r := new(Reader)
		r.Find(fsys, paths, none, none)
		for b.Loop() {
			r.Find(fsys, paths, none, func(p string) bool { return p == "scripts/10.sh" })
		}
	})
}
