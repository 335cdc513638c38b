package callers

import (
	"testing"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// TestAble: what all builders of a Dockerfile can do is the least of them, and its reason is that of the first.
func TestAble(t *testing.T) {
	build := func(line int, engine call.Engine, doubt string, files ...string) *call.Build {
		return &call.Build{Path: "ci.sh", Line: line, What: "it", Dockerfiles: files, Doubt: doubt, Builder: call.Builder{Engine: engine}}
	}
	x := &Index{Calls: []*call.Build{
		build(1, call.Docker, "", "Dockerfile", "a/Dockerfile"),
		build(2, call.Buildah, "", "a/Dockerfile"),
		build(3, call.Buildah, "which folder it runs in is not certain", "a/Dockerfile", "b/Dockerfile"),
		build(4, call.Kaniko, "which Dockerfile it builds is known only when it runs"),
		build(5, call.Kaniko, "", "c/Dockerfile"),
		build(6, call.Buildah, "", "c/Dockerfile"),
	}}
	for _, c := range []struct {
		path string
		want call.Mounts
		why  string
	}{
		{"Dockerfile", call.EnvMounts, ""},
		{"a/Dockerfile", call.FileMounts, "it (ci.sh:2) reads no env= before buildah 1.44 (podman 6.0)"},
		{"b/Dockerfile", call.FileMounts, "it (ci.sh:3) reads no env= before buildah 1.44 (podman 6.0)"},
		{"c/Dockerfile", call.NoMounts, "kaniko (ci.sh:5) has no secret mounts, it reads --mount and ignores it: build it with BuildKit there, or with the kaniko of osscontainertools"},
		{"d/Dockerfile", call.EnvMounts, ""},
	} {
		if a := x.Able(c.path); a.Mounts != c.want || a.Why != c.why {
			t.Errorf("%s: %d %q", c.path, a.Mounts, a.Why)
		}
	}
}
