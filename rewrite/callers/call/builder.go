package call

// Builder is what runs a build, as far as the caller tells.
type Builder struct {
	Engine  Engine
	Version string // of the program, or an image's tag: "20.10", "4.9.4-dind" where something pins it; "" if not known. Of Buildah: podman's or buildah's own
	Why     string // what says so, for people: "podman build", "image: docker:19.03"; "" for the common case

	BuildKit Switch // DOCKER_BUILDKIT, where the caller sets it
}

// Engine is the kind of a builder.
type Engine uint8

const (
	Docker  Engine = iota // docker build, whose builder its version and DOCKER_BUILDKIT tell
	Buildx                // docker buildx, bake, buildctl: BuildKit for certain
	Buildah               // podman build, buildah
	Kaniko                // of Google
	Kaniko2               // its successor, of osscontainertools
	Other                 // anything else that reads Dockerfiles (img, makisu, a platform's own)
)

// Switch is a setting that may not be there.
type Switch uint8

const (
	Unset Switch = iota
	On
	Off
)
