package rewrite_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rules"
)

// corpus reads the Dockerfiles of UNBAKE_CORPUS, a folder of real ones, or this
// project's own test data many times over.
func corpus(b *testing.B) (root string, paths []string) {
	root = os.Getenv("UNBAKE_CORPUS")
	if root == "" {
		root = b.TempDir()
		for i := range 200 {
			dir := filepath.Join(root, string(rune('a'+i%26)), time.Duration(i).String())
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			src := "FROM node:20\nWORKDIR /app\nENV NODE_ENV=production \\\n    PORT=3000\n" +
				"RUN apt-get update && apt-get install -y --no-install-recommends \\\n    ca-certificates \\\n    curl \\\n && rm -rf /var/lib/apt/lists/*\n" +
				"COPY package.json ./\nRUN npm ci\nCOPY . .\nEXPOSE 3000\nCMD [\"node\", \"server.js\"]\n"
			if i%50 == 0 {
				src = "FROM node:20\nARG NPM_TOKEN\n" + src[len("FROM node:20\n"):]
			}
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(src), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	l, err := rewrite.List(root)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range l.Paths {
		if rewrite.IsDockerfile(path.Base(p)) {
			paths = append(paths, p)
		}
	}
	return root, paths
}

// BenchmarkCheck measures a whole check, listing and reading included, against
// BuildKit's parser alone on the same files, one after the other, in the same run.
// The ratio is the speed that is claimed.
func BenchmarkCheck(b *testing.B) {
	root, paths := corpus(b)
	disk := os.DirFS(root)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		for _, p := range paths {
			src, err := fs.ReadFile(disk, p)
			if err != nil {
				b.Fatal(err)
			}
			parser.Parse(bytes.NewReader(src))
		}
		theirs += time.Since(start)

		start = time.Now()
		l, err := rewrite.List(root)
		if err != nil {
			b.Fatal(err)
		}
		ws := rewrite.NewWorkspace(disk, func() []string { return l.Paths }, nil)
		if _, err := rewrite.Run(ws, paths, rules.All(), rewrite.Options{}); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-parser")
	b.ReportMetric(float64(theirs.Microseconds())/float64(b.N*len(paths)), "parser-µs/file")
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N*len(paths)), "check-µs/file")
}
