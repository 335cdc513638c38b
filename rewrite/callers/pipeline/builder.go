package pipeline

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// builder is what a job tells of what its builds run with.
type builder struct {
	images   []string // it runs in, and its daemon
	buildKit string   // DOCKER_BUILDKIT, as it is set
	version  string   // of the engine, where a setting names one
	why      string   // of version
	off      bool     // the service builds without BuildKit where nothing asks for it
}

var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v?(\d+(?:\.\d+){0,2})(?:[-+_].*)?$`) })

// tell gives a build what the job tells of its builder, where the command itself does not.
func (b builder) tell(x *call.Build) {
	if x.Builder.BuildKit == call.Unset && x.Builder.Engine == call.Docker {
		switch b.buildKit {
		case "1", "true":
			x.Builder.BuildKit = call.On
		case "0", "false":
			x.Builder.BuildKit = call.Off
		case "":
			if b.off {
				x.Builder.BuildKit = call.Off
			}
		}
	}
	if x.Builder.Version == "" && x.Builder.Engine == call.Docker && b.version != "" {
		x.Builder.Version, x.Builder.Why = b.version, b.why
	}
	for _, image := range b.images {
		name, tag := reference(image)
		v := ""
		if m := numbered().FindStringSubmatch(tag); m != nil {
			v = m[1]
		}
		switch {
		case strings.Contains(name, "osscontainertools/kaniko"):
			if x.Builder.Engine == call.Kaniko {
				x.Builder = call.Builder{Engine: call.Kaniko2, Version: v, Why: "image: " + image}
			}
		case strings.Contains(name, "kaniko"):
			if x.Builder.Engine == call.Kaniko {
				x.Builder.Version, x.Builder.Why = v, "image: "+image
			}
		case path.Base(name) == "docker" || strings.HasSuffix(name, "docker/dind"):
			if x.Builder.Engine == call.Docker && v != "" && (x.Builder.Version == "" || older(v, x.Builder.Version)) {
				x.Builder.Version, x.Builder.Why = v, "image: "+image
			}
		case strings.HasSuffix(name, "buildah/stable") || strings.HasSuffix(name, "buildah/upstream") || path.Base(name) == "buildah":
			if x.Builder.Engine == call.Buildah && v != "" {
				x.Builder.Version, x.Builder.Why = v, "image: "+image
			}
		}
	}
}

// reference parts an image's name from its tag.
func reference(image string) (name, tag string) {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, ""
}

// older compares versions number by number; one that ends is the older, as it stands for
// any that begins so.
func older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range x {
		if i == len(y) {
			return false
		}
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m < n
		}
	}
	return len(x) < len(y)
}
