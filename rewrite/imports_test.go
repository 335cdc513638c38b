package rewrite_test

import (
	"go/build"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/unbake-dev/unbake/"

// layers are the packages from the top down: each imports only what stands below it.
var layers = []string{
	"cmd/unbake", "rules", "rewrite/inventory", "rewrite", "rewrite/verify", "rewrite/proof", "rewrite/history", "rewrite/audit", "rewrite/image/imagetest", "rewrite/image", "rewrite/service", "rewrite/flow",
	"compose/cloud", "compose/kubernetes", "compose/vault", "compose/stack", "compose/project", "compose", "rewrite/callers", "rewrite/callers/workflow", "rewrite/callers/pipeline", "rewrite/callers/tasks", "rewrite/callers/bake", "rewrite/callers/deploy",
	"rewrite/callers/embed", "rewrite/callers/jsontext", "rewrite/callers/script", "rewrite/callers/call", "rewrite/ignorefile", "rewrite/dockerfile", "rewrite/shell", "rules/detect",
	"rewrite/transact", "rewrite/yamledit", "rewrite/images", "rewrite/edit",
}

// owners are the packages that third-party code belongs to.
var owners = map[string][]string{
	"github.com/moby/buildkit":   {"rewrite/dockerfile", "rewrite/proof", "rewrite/verify"},
	"mvdan.cc/sh":                {"rewrite/shell"},
	"gopkg.in/yaml.v3":           {"rewrite/yamledit"},
	"github.com/sergi/go-diff":   {"rewrite/edit"},
	"github.com/spf13/cobra":     {"cmd/unbake"},
	"github.com/moby/patternmat": {"rewrite/ignorefile"},
	"golang.org/x/term":          {"cmd/unbake"},
	"github.com/google/go-conta": {"rewrite/image", "rewrite/image/imagetest"},
	"github.com/klauspost":       {"rewrite/image"},
	"github.com/hashicorp/hcl/v": {"rewrite/callers/bake"},
	"github.com/zclconf":         {"rewrite/callers/bake"},
}

// TestImports holds the shape of the design: imports go down only, third-party code has
// one owner each.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.Lines(string(out)) {
		name := strings.TrimPrefix(strings.TrimSpace(pkg), module)
		layer := slices.Index(layers, name)
		if layer < 0 {
			if !strings.HasPrefix(name, "scripts") && !strings.HasPrefix(name, "testdata") {
				t.Errorf("%s has no layer", name)
			}
			continue
		}
		p, err := build.Import(module+name, "..", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range p.Imports {
			if rest, ok := strings.CutPrefix(imp, module); ok {
				if below := slices.Index(layers, rest); below <= layer {
					t.Errorf("%s imports %s, which is not below it", name, rest)
				}
				continue
			}
			for third, who := range owners {
				if strings.HasPrefix(imp, third) && !slices.Contains(who, name) {
					t.Errorf("%s imports %s, which belongs to %s", name, imp, who)
				}
			}
		}
	}
}
