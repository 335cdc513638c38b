package proof_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/proof"
)

// BenchmarkProof measures what the proof adds to one changed file, by number of stages:
// the file before and after its fix, compiled for every stage, and compared. Beside it, in
// the same run, what BuildKit's parser takes for the same two texts.
func BenchmarkProof(b *testing.B) {
	for _, stages := range []int{1, 3, 8} {
		b.Run(fmt.Sprintf("%d-stages", stages), func(b *testing.B) {
			src := ""
			for i := range stages {
				src += fmt.Sprintf("FROM node:20 AS s%d\nARG NPM_TOKEN\nWORKDIR /app\nENV A=1 B=2\nCOPY package.json ./\nRUN npm ci\nRUN mkdir -p /x && echo \"y z\" > /x/y\nCOPY . .\n", i)
			}
			src += "FROM alpine\nCOPY --from=s0 /app /app\nEXPOSE 80\nCMD [\"node\", \"server.js\"]\n"
			t := new(testing.T)
			f := fix(t, map[string]string{"Dockerfile": src})
			if f == nil {
				b.Fatal("not fixed")
			}
			var parsing, proving time.Duration
			for b.Loop() {
				start := time.Now()
				old, err := dockerfile.Parse("Dockerfile", []byte(f.before))
				if err != nil {
					b.Fatal(err)
				}
				now, err := dockerfile.Parse("Dockerfile", []byte(f.after))
				if err != nil {
					b.Fatal(err)
				}
				parsing += time.Since(start)

				start = time.Now()
				c, err := proof.Compile(old)
				if err != nil {
					b.Fatal(err)
				}
				if err := c.Check(now, f.meant); err != nil {
					b.Fatal(err)
				}
				proving += time.Since(start)
			}
			b.ReportMetric(float64(proving.Microseconds())/float64(b.N)/1000, "proof-ms/file")
			b.ReportMetric(float64(proving)/float64(parsing), "x-reading")
		})
	}
}
