// Package pipeline reads and edits the pipelines of CI services other than GitHub's: which
// lines of which job one shell runs, with which variables, image and folder, and which
// settings build an image without a shell. It leans on embed for the bytes and on script
// for the shell. It runs nothing, fetches no file that a pipeline includes from elsewhere,
// and leaves to the lines of the file what it does not understand.
package pipeline

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// service is one kind of pipeline.
type service struct {
	name string
	is   func(path string) bool
	find func(*file) []place
}

// all are the services, the most particular first.
func all() []service {
	return []service{
		{"a GitLab pipeline", isGitLab, either},
		{"a CircleCI configuration", func(p string) bool { return isYAML(p) && path.Base(path.Dir(p)) == ".circleci" }, circle},
		{"an Azure pipeline", isAzure, either},
		{"a Bitbucket pipeline", func(p string) bool {
			return base(p) == "bitbucket-pipelines.yml" || base(p) == "bitbucket-pipelines.yaml"
		}, bitbucket},
		{"a Drone pipeline", func(p string) bool { return isYAML(p) && strings.HasPrefix(base(p), ".drone.") }, drone},
		{"a Woodpecker pipeline", func(p string) bool {
			return isYAML(p) && (strings.HasPrefix(base(p), ".woodpecker.") || within(p, ".woodpecker"))
		}, drone},
		{"a Cloud Build configuration", func(p string) bool {
			return (isYAML(p) || path.Ext(p) == ".json") && strings.HasPrefix(base(p), "cloudbuild")
		}, cloudBuild},
		{"a CodeBuild buildspec", func(p string) bool {
			return isYAML(p) && strings.Contains(base(p), "buildspec")
		}, codeBuild},
		{"a Travis configuration", func(p string) bool { return base(p) == ".travis.yml" }, travis},
		{"a Buildkite pipeline", func(p string) bool { return isYAML(p) && within(p, ".buildkite") }, buildkite},
	}
}

// Readers are those of this package, the most particular first.
func Readers() []call.Reader {
	var out []call.Reader
	for _, s := range all() {
		out = append(out, call.Reader{Name: s.name, Is: s.is, Read: s.read, Edit: edits})
	}
	return out
}

func base(p string) string { return strings.ToLower(path.Base(p)) }

func isYAML(p string) bool {
	ext := strings.ToLower(path.Ext(p))
	return ext == ".yml" || ext == ".yaml"
}

// within reports whether a file is in a folder of one of these names.
func within(p string, names ...string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(p), "/"), func(dir string) bool { return slices.Contains(names, dir) })
}
