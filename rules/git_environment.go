package rules

import (
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// gitSince is the first version of an image, by its tag, whose git, or whose
// distribution's git, is 2.31 or later: that one takes settings from GIT_CONFIG_COUNT.
// The oldest are images that were rebuilt on Debian 12 (git 2.39) while they were kept up;
// Debian 11 has 2.30.
var gitSince = map[string][2]int{
	"alpine": {3, 14}, "debian": {12, 0}, "ubuntu": {22, 4}, "fedora": {34, 0},
	"golang": {1, 21}, "node": {18, 0}, "python": {3, 9}, "ruby": {3, 1}, "php": {8, 1}, "rust": {1, 72}, "composer": {2, 5},
}

var (
	newSuites = []string{"bookworm", "trixie", "forky", "jammy", "noble", "alpine"}
	oldSuites = []string{"bullseye", "buster", "stretch", "jessie", "wheezy", "focal", "bionic", "xenial", "alpine3.1-", "alpine3.10", "alpine3.11", "alpine3.12", "alpine3.13"}
)

// gitReadsEnvironment reports whether git takes settings from the environment in all RUNs
// that need one, and nothing else in the file uses that way already.
func gitReadsEnvironment(f *dockerfile.File, w *flow.Written) bool {
	if strings.Contains(string(f.Src), "GIT_CONFIG_") {
		return false
	}
	for _, r := range w.Readers {
		line := r.In.Stage.Lineage()
		if !newGit(line[len(line)-1].Base) {
			return false
		}
	}
	return true
}

func newGit(image string) bool {
	image = strings.TrimPrefix(strings.TrimPrefix(image, "docker.io/"), "library/")
	image, _, _ = strings.Cut(image, "@")
	name, tag, _ := strings.Cut(image, ":")
	since, ok := gitSince[name]
	if !ok {
		return false
	}
	for _, s := range oldSuites {
		if strings.Contains(tag+"-", s) {
			return false
		}
	}
	version, _, _ := strings.Cut(tag, "-")
	if version == "" || version == "latest" || version == "lts" {
		return true
	}
	for _, s := range newSuites {
		if strings.HasPrefix(version, s) && name != "alpine" {
			return true
		}
	}
	major, minor, _ := strings.Cut(version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	a, err := strconv.Atoi(major)
	if err != nil {
		return false
	}
	b, err := strconv.Atoi(minor)
	if minor == "" {
		b, err = 99, nil // the newest of that line
	}
	return err == nil && (a > since[0] || a == since[0] && b >= since[1])
}
