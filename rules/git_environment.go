package rules

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// gitSince is the first version of an image, by its tag, whose git, or whose distribution's
// git, is of a certain version or later.
type gitSince map[string][2]int

// gitEnvironment is git 2.31, which takes settings from GIT_CONFIG_COUNT. The oldest are
// images that were rebuilt on Debian 12 (git 2.39) while they were kept up; Debian 11 has
// 2.30.
var gitEnvironment = gitSince{
	"alpine": {3, 14}, "debian": {12, 0}, "ubuntu": {22, 4}, "fedora": {34, 0},
	"golang": {1, 21}, "node": {18, 0}, "python": {3, 9}, "ruby": {3, 1}, "php": {8, 1}, "rust": {1, 72}, "composer": {2, 5},
}

// gitNoHelper is git 2.9, for which an empty credential.helper takes back all others. Debian
// 9 has 2.11, Ubuntu 16.04 has 2.7.
var gitNoHelper = gitSince{
	"alpine": {3, 5}, "debian": {9, 0}, "ubuntu": {18, 4}, "fedora": {26, 0},
	"golang": {1, 10}, "node": {12, 0}, "python": {3, 7}, "ruby": {2, 5}, "php": {7, 2}, "rust": {1, 30}, "composer": {1, 7},
}

var (
	newSuites = []string{"bookworm", "trixie", "forky", "jammy", "noble", "alpine"}
	oldSuites = []string{"jessie", "wheezy", "xenial", "trusty", "alpine3.1-", "alpine3.2-", "alpine3.3-", "alpine3.4-"} // git before 2.9
	midSuites = []string{"bullseye", "buster", "stretch", "focal", "bionic", "alpine3.5", "alpine3.6", "alpine3.7", "alpine3.8", "alpine3.9", "alpine3.10", "alpine3.11", "alpine3.12", "alpine3.13"}
)

// gitReadsEnvironment reports whether git takes settings from the environment in all RUNs
// that need one, and nothing else in the file uses that way already.
func gitReadsEnvironment(f *dockerfile.File, w *flow.Written) bool {
	if strings.Contains(string(f.Src), "GIT_CONFIG_") {
		return false
	}
	for _, r := range w.Readers {
		if !gitEnvironment.has(baseOf(r.In)) {
			return false
		}
	}
	return true
}

// baseOf is the image that an instruction's stage builds on in the end.
func baseOf(in *dockerfile.Instruction) string {
	line := in.Stage.Lineage()
	return line[len(line)-1].Base
}

// has reports an image whose git is new enough, as far as its name tells.
func (since gitSince) has(image string) bool {
	image = strings.TrimPrefix(strings.TrimPrefix(image, "docker.io/"), "library/")
	image, _, _ = strings.Cut(image, "@")
	name, tag, _ := strings.Cut(image, ":")
	first, ok := since[name]
	if !ok {
		return false
	}
	suite := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(tag+"-", s) })
	}
	if suite(oldSuites) {
		return false
	}
	if suite(midSuites) {
		return since["debian"][0] <= 9
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
	return err == nil && (a > first[0] || a == first[0] && b >= first[1])
}

// approved sees to it that git does not hand the credential to a helper that keeps it: it is
// told to have none, as a part of what else it is told.
func (m *relocation) approved(sp *respelled, env bool, v flow.Write, w *flow.Written) string {
	if !strings.HasPrefix(v.Kept.Row, "git-") {
		return ""
	}
	key, keyed := v.Kept.Words["key"]
	if keyed && !strings.HasPrefix(strings.ToLower(strings.Trim(key.Text, `"'`)), "url.") {
		return "" // a header is no credential to git
	}
	h := m.s.Helper(v.In, v.Command)
	if keyed {
		h = flow.Helper{} // git config itself logs in nowhere
	}
	here := h
	for _, rd := range w.Readers {
		if !h.Keeps() {
			h = m.s.Helper(rd.In, nil)
		}
	}
	if !h.Keeps() {
		return ""
	}
	says := fmt.Sprintf("line %d: %s", v.In.Line, h.Says())
	switch used := m.s.StoreUsed(h.File); {
	case h.Unsure:
		return says
	case used != nil:
		return fmt.Sprintf("%s, and line %d works on %s", says, used.Line, path.Base(h.File))
	case here.Keeps() && !gitNoHelper.has(baseOf(v.In)):
		return says + ", and whether this git can be told not to, as git 2.9 can, is not known"
	case !env && (keyed || len(w.Readers) > 0 && sp.Replace == ""):
		return says + ", and whether this git can be told not to in the environment, as git 2.31 can, is not known"
	}
	if here.Keeps() {
		sp.withoutHelper(v.Command)
	}
	if env && strings.HasPrefix(sp.Env[0], "GIT_CONFIG_COUNT=") {
		sp.Env = append(slices.Clone(sp.Env), fmt.Sprintf(`GIT_CONFIG_KEY_%d="credential.helper"`, m.settings), fmt.Sprintf(`GIT_CONFIG_VALUE_%d=""`, m.settings))
		m.settings++
		sp.Env[0] = fmt.Sprintf("GIT_CONFIG_COUNT=%d", m.settings)
	}
	return ""
}
