package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsUntold lists the secrets of each golden case, before the fix and after it: no output holds a value of the
// case, nothing is written, and what a fix has moved is no longer said to stand where it stood.
func TestSecretsUntold(t *testing.T) {
	cases, err := filepath.Glob("../../testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			_, c := parseGolden(t, name)
			dir := t.TempDir()
			writeTree(t, dir, c.in)
			list := func() {
				before := readTree(t, dir)
				for _, args := range [][]string{{}, {"--check"}, {"--format=json"}} {
					var out bytes.Buffer
					if code := run(append(append([]string{"secrets"}, args...), dir), &out, &out); code == exitError && c.exit != exitError {
						t.Errorf("%v: exit %d\n%s", args, code, out.String())
					}
					for _, s := range c.canary {
						if strings.Contains(out.String(), s) {
							t.Errorf("%v: the output tells %q:\n%s", args, s, out.String())
						}
					}
				}
				compareTrees(t, before, readTree(t, dir))
			}
			list()
			var out bytes.Buffer
			run(append(append([]string{"fix"}, c.args...), dir), &out, &out)
			list()
		})
	}
}
