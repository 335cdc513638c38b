package rewrite_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// sameCaller holds a caller before and after against each other: whoever read it before
// reads it still. bash and actionlint are the real ones; nothing of the file is run.
func sameCaller(t *testing.T, name string, old, now []byte) {
	t.Helper()
	base := strings.ToLower(path.Base(name))
	switch ext := path.Ext(base); {
	case ext == ".yml" || ext == ".yaml":
		if _, err := yamledit.Parse(name, old); err != nil {
			return
		}
		if _, err := yamledit.Parse(name, now); err != nil {
			t.Errorf("%s: no YAML any more: %v", name, err)
		}
		if strings.Contains(name, ".github/workflows/") {
			was, is := lint(t, name, old), lint(t, name, now)
			if len(is) > len(was) {
				t.Errorf("%s: actionlint had %d complaints and has %q", name, len(was), is)
			}
		}
	case ext == ".json":
		if json.Valid(old) && !json.Valid(now) {
			t.Errorf("%s: no JSON any more", name)
		}
	case ext == ".hcl":
		if _, bad := hclsyntax.ParseConfig(old, name, hcl.InitialPos); bad.HasErrors() {
			return
		}
		if _, bad := hclsyntax.ParseConfig(now, name, hcl.InitialPos); bad.HasErrors() {
			t.Errorf("%s: %v", name, bad)
		}
	case ext == ".sh" || ext == ".bash" || ext == "" && strings.HasPrefix(string(old), "#!"):
		if !parses(old) {
			return
		}
		if !parses(now) {
			t.Errorf("%s: bash took it before", name)
		}
	}
}

// parses asks bash, which runs nothing of it.
func parses(script []byte) bool {
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(string(script))
	return cmd.Run() == nil
}

// lint returns what actionlint complains of.
func lint(t *testing.T, name string, src []byte) (complaints []string) {
	t.Helper()
	program, err := exec.Command("../scripts/actionlint.sh", "path").Output()
	if err != nil {
		t.Skip("actionlint is not there: scripts/actionlint.sh install")
	}
	cmd := exec.Command(strings.TrimSpace(string(program)), "-no-color", "-oneline", "-shellcheck=", "-pyflakes=", "-stdin-filename", name, "-")
	cmd.Stdin = bytes.NewReader(src)
	out, _ := cmd.Output() // exits with 1 where it has something to say
	for line := range strings.Lines(string(out)) {
		complaints = append(complaints, strings.TrimSpace(line))
	}
	return complaints
}
