package workflow

import (
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// uses reads a step that uses an action.
func (s *step) uses() {
	name, version := action(text(get(s.node, "uses")))
	switch name {
	case "docker/build-push-action", "depot/build-push-action", "useblacksmith/build-push-action":
		s.buildPush(name, version)
	case "docker/setup-buildx-action":
		s.setupBuildx()
	default:
		s.wrapper(name)
	}
}

// action splits what uses names into the action and its version.
func action(uses string) (name, version string) {
	name, version, _ = strings.Cut(strings.TrimSpace(uses), "@")
	for _, host := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(name, host); ok {
			_, name, _ = strings.Cut(rest, "/")
		}
	}
	if strings.HasPrefix(name, "./") {
		return name, version
	}
	return strings.ToLower(name), version
}

// setupBuildx notes which BuildKit the builds after it have.
func (s *step) setupBuildx() {
	opts, _ := s.input("driver-opts")
	for line := range strings.SplitSeq(text(opts), "\n") {
		for opt := range strings.SplitSeq(line, ",") {
			image, ok := strings.CutPrefix(strings.TrimSpace(opt), "image=")
			if !ok {
				continue
			}
			_, tag, _ := strings.Cut(path.Base(image), ":")
			if v := strings.TrimPrefix(tag, "v"); v != "" && v[0] >= '0' && v[0] <= '9' {
				v, _, _ = strings.Cut(v, "-")
				s.job.builder = call.Builder{Engine: call.Buildx, Version: v, Why: "driver-opts: image=" + image}
			}
		}
	}
}
