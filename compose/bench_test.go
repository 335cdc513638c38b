package compose

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// manyFiles is a repository of n compose files like real ones: ten services each, an override beside each fifth.
func manyFiles(n int) (fsys fstest.MapFS, paths []string) {
	fsys = fstest.MapFS{}
	for i := range n {
		name := fmt.Sprintf("app%d/docker-compose.yml", i)
		if i%5 == 4 {
			name = fmt.Sprintf("app%d/docker-compose.override.yml", i-1)
		}
		var b strings.Builder
		b.WriteString("version: \"3.8\"\nx-common: &common\n  restart: always\n  environment: &env\n    TZ: UTC\n    API_TOKEN: tok-c4n4ry-EXAMPLE\nservices:\n")
		for s := range 10 {
			fmt.Fprintf(&b, "  service%d:\n    <<: *common\n    build:\n      context: ./service%d\n      args:\n        - NPM_TOKEN\n    environment:\n      <<: *env\n      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}\n      PORT: 80%02d\n", s, s, s)
			b.WriteString("    command: [\"serve\", \"--port\", \"8080\"]\n    ports:\n      - \"8080:8080\"\n    healthcheck:\n      test: [\"CMD\", \"curl\", \"-f\", \"http://localhost\"]\n    labels:\n      - traefik.enable=true\n    volumes:\n      - ./data:/data\n")
		}
		fsys[name] = &fstest.MapFile{Data: []byte(b.String())}
		paths = append(paths, name)
	}
	return fsys, paths
}

// BenchmarkLoad measures reading 500 compose files once, and again after a fix has changed one of them.
func BenchmarkLoad(b *testing.B) {
	fsys, paths := manyFiles(500)
	b.Run("once", func(b *testing.B) {
		for b.Loop() {
			Load(fsys, paths)
		}
	})
	b.Run("after a fix", func(b *testing.B) {
		var r Reader
		r.Load(fsys, paths, nil)
		src := fsys[paths[250]].Data
		i := 0
		for b.Loop() {
			i++
			fsys[paths[250]].Data = append(src[:len(src):len(src)], fmt.Sprintln("#", i)...)
			r.Load(fsys, paths, nil)
		}
	})
}
