package rewrite_test

import (
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rules"
)

// TestBehindCarriageReturn has a finding that stands behind a carriage return in the middle
// of a line, where a person's editor shows another line.
func TestBehindCarriageReturn(t *testing.T) {
	disk := fstest.MapFS{"Dockerfile": {Data: []byte("ARG \nARG =\nFROM \nCOPY \r* 0")}}
	ws := rewrite.NewWorkspace(disk, func() []string { return []string{"Dockerfile"} }, nil)
	if _, err := rewrite.Run(ws, []string{"Dockerfile"}, rules.All(), rewrite.Options{}); err != nil {
		t.Fatal(err)
	}
	disk = fstest.MapFS{
		".npmrc":     {Data: []byte("//registry.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdefghijkl\n")},
		"Dockerfile": {Data: []byte("FROM node:20\nCOPY \r* /app/\nRUN npm ci\n")},
	}
	ws = rewrite.NewWorkspace(disk, func() []string { return []string{".npmrc", "Dockerfile"} }, nil)
	plan, err := rewrite.Run(ws, []string{"Dockerfile"}, rules.All(), rewrite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range plan.Results {
		if r.Caret[1] > len(r.Source) {
			t.Errorf("%d:%d: the caret %v is beyond %q", r.Line, r.Col, r.Caret, r.Source)
		}
	}
}
