//go:build linux

package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestRecipes is TestBuild with the real package managers: npm, pip, go, git and others run in a root file system made
// of Debian packages (scripts/debian.sh), and get what they install from servers in this process that demand the case's
// credential. The format of a case is in testdata/recipes/README.md.
func TestRecipes(t *testing.T) {
	cannot := t.Skipf
	if os.Getenv("CI") == "true" {
		cannot = t.Fatalf
	}
	runRecipes(t, "debian", "../../testdata/recipes", cannot)
}

// TestLanguages does the same for tools whose root file system takes minutes to make. CI does without: scripts/recipes.sh
// runs it.
func TestLanguages(t *testing.T) {
	runRecipes(t, "languages", "../../testdata/recipes/languages", t.Skipf)
}

func runRecipes(t *testing.T, root, cases string, cannot func(string, ...any)) {
	if testing.Short() {
		t.Skip("real builds take a minute")
	}
	var complaint bytes.Buffer
	path := exec.Command("../../scripts/debian.sh", "path", root)
	path.Stderr = &complaint
	out, err := path.Output()
	if err != nil {
		cannot("real package managers need a root file system: %s", complaint.String())
	}
	dir := strings.TrimSpace(string(out))
	ca, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("%s: %d layers, want 1: %v", dir, len(blobs), err)
	}
	base, err := openBaseImage(filepath.Join(scratch(t), root), blobs[0])
	if err != nil {
		t.Fatal(err)
	}
	repositories := filepath.Join(scratch(t), "git")
	if err := makeRepositories(repositories); err != nil {
		t.Fatal(err)
	}
	openSSH := onceSSHServer(t, blobs[0], repositories)
	b := startBuildkit(t)
	b.eachCase(t, cases, func(t *testing.T, c *buildCase) {
		c.base = base
		public := ""
		if c.mentions(sshKey) {
			var private string
			private, public = newKey(t)
			c.replace(sshKey, private)
			c.key = private
		}
		c.server = &registry{canaries: c.canaries, repositories: repositories}
		b.serve(t, ca, c.server)
		if public != "" {
			server, err := openSSH()
			if err != nil {
				t.Fatal(err)
			}
			b.serveSSH(t, server, c.server, public)
		}
	})
}

// restless is what real tools write differently each time, so that two builds of one file do not agree on it either: logs
// named by the time, caches with times in them, git's index with the inodes. Secrets are looked for in it all the same.
var restless = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(|.*/)(` + strings.Join([]string{
		`\.npm/_(logs|cacache)(/.*)?`,
		`\.cache/(pip|go-build)/.*`,
		`\.config/go/telemetry/.*`,
		`__pycache__/.*`,
		`\.git/(modules/.*/)?(index|logs/.*)`,
		`tmp/v8-compile-cache-.*`,
		`var/cache/apt/.*`,
		`var/log/(apt/.*|dpkg\.log|alternatives\.log)`,
	}, "|") + `)$`)
})
