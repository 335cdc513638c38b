package rewrite_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"sort"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rules"
)

// TestCorpus runs fix over real files (UNBAKE_CORPUS names a folder of them): every file, callers too,
// parses after it, BuildKit takes every instruction that it took before, compose gives each
// container what it gave before, a second run changes nothing, and no file changes without a finding. The counts are logged.
func TestCorpus(t *testing.T) {
	root := os.Getenv("UNBAKE_CORPUS")
	if root == "" {
		t.Skip("UNBAKE_CORPUS names no folder of real Dockerfiles")
	}
	disk := os.DirFS(root)
	l, err := rewrite.List(root)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, p := range l.Paths {
		if rewrite.IsTarget(path.Base(p)) {
			paths = append(paths, p)
		}
	}
	list := func() []string { return l.Paths }
	plan, err := rewrite.Run(rewrite.NewWorkspace(disk, list, nil), paths, rules.All(), rewrite.Options{Least: rewrite.Review})
	if err != nil {
		t.Fatal(err)
	}
	after := overlay{disk, map[string][]byte{}}
	found := map[string]bool{}
	var changed []string
	for _, r := range plan.Results {
		if r.Outcome == rewrite.Fixed {
			found[r.Path] = true
			for _, c := range r.Fix.Changes {
				found[c.Path] = true
			}
		}
	}
	for _, c := range plan.Changes() {
		after.files[c.Path] = c.New
		if !found[c.Path] {
			t.Errorf("%s changed without a finding", c.Path)
		}
		if compose.IsComposeFile(path.Base(c.Path)) {
			changed = append(changed, c.Path)
		}
		if !rewrite.IsDockerfile(path.Base(c.Path)) {
			sameCaller(t, c.Path, c.Old, c.New)
			continue
		}
		res, err := parser.Parse(bytes.NewReader(c.New))
		if err != nil {
			t.Errorf("%s: %v", c.Path, err)
			continue
		}
		if old, err := parser.Parse(bytes.NewReader(c.Old)); err == nil {
			if _, _, err := instructions.Parse(old.AST, nil); err == nil {
				if _, _, err := instructions.Parse(res.AST, nil); err != nil {
					t.Errorf("%s: BuildKit took it before: %v", c.Path, err)
				}
			}
		}
	}
	for _, name := range changed {
		sameServices(t, root, disk, after, name)
	}
	second, err := rewrite.Run(rewrite.NewWorkspace(after, list, nil), paths, rules.All(), rewrite.Options{Least: rewrite.Review})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range second.Changes() {
		t.Errorf("a second run changes %s", c.Path)
	}
	count := map[string]int{}
	reasons := map[string]int{}
	number := regexp.MustCompile(`\S*:\d+|\blines? \d+|\b[A-Za-z0-9_./-]*[A-Z_/][A-Za-z0-9_./$-]*\b`)
	for _, r := range plan.Results {
		kind := "left"
		switch {
		case r.Note:
			kind = "note"
		case r.Outcome == rewrite.Fixed:
			kind = "fixed, " + r.Fix.Safety.String()
		default:
			reasons[number.ReplaceAllString(r.Reason, "…")]++
		}
		count[fmt.Sprintf("%-12s %s", r.Rule.ID, kind)]++
	}
	t.Logf("%d files, %d changed, %d that cannot be read", plan.Files, len(plan.Changes()), len(plan.Errors))
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range count {
			if !yield(k) {
				return
			}
		}
	}) {
		t.Logf("%5d  %s", count[k], k)
	}
	var why []string
	for r := range reasons {
		why = append(why, r)
	}
	sort.Slice(why, func(i, j int) bool {
		return reasons[why[i]] > reasons[why[j]] || reasons[why[i]] == reasons[why[j]] && why[i] < why[j]
	})
	for _, r := range why {
		t.Logf("%5d  left: %s", reasons[r], r)
	}
}

// overlay is a folder with some files changed.
type overlay struct {
	fs.FS
	files map[string][]byte
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	if b, ok := o.files[name]; ok {
		return b, nil
	}
	return fs.ReadFile(o.FS, name)
}
