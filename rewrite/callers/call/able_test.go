package call

import (
	"strings"
	"testing"
)

// TestAble has what builders can do, by what is known of them.
func TestAble(t *testing.T) {
	for _, c := range []struct {
		builder Builder
		want    Mounts
		why     string // "" for none
		headers bool   // sends the credential of an ADD
		heredoc bool
	}{
		{Builder{}, EnvMounts, "", true, true},
		{Builder{Engine: Buildx}, EnvMounts, "", true, true},
		{Builder{Engine: Buildx, Version: "0.8"}, EnvMounts, "", true, true}, // buildx's own: the builder is another
		{Builder{Version: "29"}, EnvMounts, "", true, true},
		{Builder{Version: "28"}, EnvMounts, "", true, true}, // the newest 28
		{Builder{Version: "28.3.0-dind"}, EnvMounts, "", true, true},
		{Builder{Version: "28.2"}, EnvMounts, "", false, true},
		{Builder{Version: "23.0.1"}, EnvMounts, "", false, true},
		{Builder{Version: "latest"}, EnvMounts, "", true, true},
		{Builder{Version: "dind"}, EnvMounts, "", true, true},
		{Builder{Version: "20.10.24"}, NoMounts, "Docker 20.10.24 (ci.yml:3) has no secret mounts without BuildKit: set DOCKER_BUILDKIT=1 there, or take Docker 23", false, false},
		{Builder{Version: "20-dind"}, NoMounts, "Docker 20-dind (ci.yml:3) has no secret mounts without BuildKit", false, false},
		{Builder{Version: "20.10", BuildKit: On}, FileMounts, "Docker 20.10 (ci.yml:3) reads no env= before 23.0", false, true},
		{Builder{Version: "v19.03", BuildKit: On}, FileMounts, "Docker v19.03 (ci.yml:3) reads no env=", false, true},
		{Builder{Version: "18.06", BuildKit: On}, NoMounts, "has no BuildKit", false, false},
		{Builder{BuildKit: On}, EnvMounts, "", true, true},
		{Builder{BuildKit: Off}, NoMounts, "make it (ci.yml:3) has no secret mounts without BuildKit: set DOCKER_BUILDKIT=1 there", false, false},
		{Builder{Version: "27.0", BuildKit: Off}, NoMounts, "DOCKER_BUILDKIT=1", false, false},
		{Builder{Engine: Buildah}, FileMounts, "make it (ci.yml:3) reads no env= before buildah 1.44 (podman 6.0)", false, true},
		{Builder{Engine: Buildah, Version: "1.43.1"}, FileMounts, "env=", false, true},
		{Builder{Engine: Buildah, Version: "1.44.0"}, EnvMounts, "", false, true},
		{Builder{Engine: Buildah, Version: "v1.33"}, FileMounts, "env=", false, true},
		{Builder{Engine: Buildah, Version: "1.32"}, FileMounts, "env=", false, false},
		{Builder{Engine: Buildah, Version: "1.21"}, FileMounts, "env=", false, false},
		{Builder{Engine: Buildah, Version: "1.20.1"}, NoMounts, "no secret mounts before buildah 1.21 (podman 3.2)", false, false},
		{Builder{Engine: Buildah, Version: "v5.8"}, FileMounts, "env=", false, true}, // podman's
		{Builder{Engine: Buildah, Version: "6"}, EnvMounts, "", false, true},
		{Builder{Engine: Buildah, Version: "4.8.0"}, FileMounts, "env=", false, true},
		{Builder{Engine: Buildah, Version: "4.7.2"}, FileMounts, "env=", false, false},
		{Builder{Engine: Buildah, Version: "3.1"}, NoMounts, "before buildah 1.21", false, false},
		{Builder{Engine: Kaniko}, NoMounts, "kaniko (ci.yml:3) has no secret mounts, it reads --mount and ignores it", false, false},
		{Builder{Engine: Kaniko, Version: "v1.23.2"}, NoMounts, "has no secret mounts", false, false},
		{Builder{Engine: Kaniko2}, EnvMounts, "", false, true},
		{Builder{Engine: Other}, NoMounts, "make it (ci.yml:3) is not known to have secret mounts", false, false},
	} {
		b := &Build{Path: "ci.yml", Line: 3, What: "make it", Builder: c.builder}
		a := b.Able()
		if a.Mounts != c.want || (a.Why == "") != (c.why == "") || !strings.Contains(a.Why, c.why) {
			t.Errorf("%+v: %d %q, want %d %q", c.builder, a.Mounts, a.Why, c.want, c.why)
		}
		if (a.Headers == "") != c.headers || (a.Heredocs == "") != c.heredoc {
			t.Errorf("%+v: headers %q, here-documents %q", c.builder, a.Headers, a.Heredocs)
		}
	}
}

// TestRelative: buildah before 1.29 mounts a relative target below /.
func TestRelative(t *testing.T) {
	for version, want := range map[string]bool{"": false, "1.28.2": false, "4.3.1": false, "1.29.0": true, "4.4": true, "6.1": true} {
		a := (&Build{Path: "a", Builder: Builder{Engine: Buildah, Version: version}}).Able()
		if (a.Relative == "") != want {
			t.Errorf("%q: %q", version, a.Relative)
		}
	}
}

// TestChosen: what a person names counts, whatever the callers are.
func TestChosen(t *testing.T) {
	for _, name := range Choices() {
		if _, ok := Chosen(name); !ok {
			t.Error(name)
		}
	}
	if a, _ := Chosen("buildkit"); a != (Able{}) {
		t.Errorf("%+v", a)
	}
	if a, _ := Chosen("buildah"); a.Mounts != FileMounts || a.Why != "buildah reads no env= before 1.44 (podman 6.0)" {
		t.Errorf("%+v", a)
	}
	for _, name := range []string{"", "kaniko", "BuildKit"} {
		if _, ok := Chosen(name); ok {
			t.Error(name)
		}
	}
}
