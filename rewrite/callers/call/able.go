package call

import (
	"fmt"
	"strconv"
	"strings"
)

// Mounts is how a RUN can be given a secret.
type Mounts uint8

const (
	EnvMounts  Mounts = iota // as a variable (env=), and as a file
	FileMounts               // as a file only
	NoMounts                 // not at all
)

// Able is what a builder can do with what a fix writes. Its reasons are clauses for
// people that name the builder, each "" where there is nothing to say.
type Able struct {
	Mounts Mounts
	Why    string // no more than Mounts

	Heredocs string // why COPY cannot have a here-document
	Check    string // what must be true of the builder so that it can
	Relative string // why a mount's target cannot be relative to WORKDIR
	Headers  string // why an ADD cannot be given its credential as a secret
}

// Choices are the names that Chosen knows.
func Choices() []string { return []string{"buildkit", "buildah"} }

// Chosen is what a builder can do that is named by a person, whatever the callers are.
func Chosen(name string) (a Able, ok bool) {
	switch name {
	case "buildkit":
		return Able{}, true
	case "buildah":
		return (&Build{Builder: Builder{Engine: Buildah}}).Able(), true
	}
	return Able{}, false
}

// With is what two builders of one Dockerfile can both do; the first one's reasons stand.
func (a Able) With(b Able) Able {
	if b.Mounts > a.Mounts {
		a.Mounts, a.Why = b.Mounts, b.Why
	}
	for _, x := range [][2]*string{{&a.Heredocs, &b.Heredocs}, {&a.Check, &b.Check}, {&a.Relative, &b.Relative}, {&a.Headers, &b.Headers}} {
		if *x[0] == "" {
			*x[0] = *x[1]
		}
	}
	return a
}

// Able is what the builder that runs the build can do. One whose version is not known is
// taken to be BuildKit's newest, as Docker is updated by itself, and any of buildah's, as
// it comes with the distribution.
func (b *Build) Able() Able {
	switch b.Builder.Engine {
	case Docker:
		return b.docker()
	case Buildah:
		return b.buildah()
	case Kaniko:
		return b.without("%s has no secret mounts, it reads --mount and ignores it: build it with BuildKit there, or with the kaniko of osscontainertools")
	case Kaniko2:
		return Able{Headers: b.says("%s sends no credential for an ADD")}
	case Other:
		return b.without("%s is not known to have secret mounts")
	}
	return Able{}
}

// docker knows the builder of Docker before 23.0, which only BuildKit's switch replaces.
// exec.secretenv, which env= needs whatever the frontend, came with BuildKit 0.10, and
// that with Docker 23.0; the frontend itself is brought by the syntax line.
func (b *Build) docker() Able {
	v, k := versionOf(b.Builder.Version), b.Builder.BuildKit
	engine := "Docker " + b.Builder.Version + " (" + b.place() + ")"
	switch {
	case k == Off:
		return b.without("%s has no secret mounts without BuildKit: set DOCKER_BUILDKIT=1 there")
	case v.before(18, 9):
		return b.without(engine + " has no secret mounts, as it has no BuildKit: Docker 23 has")
	case v.before(23, 0) && k == Unset:
		return b.without(engine + " has no secret mounts without BuildKit: set DOCKER_BUILDKIT=1 there, or take Docker 23")
	case v.before(23, 0):
		return Able{Mounts: FileMounts, Why: engine + " reads no env= before 23.0", Headers: engine + " sends no credential for an ADD before 28.3"}
	case v.before(28, 3):
		return Able{Headers: engine + " sends no credential for an ADD before 28.3"}
	}
	return Able{}
}

// buildah also knows podman, which has buildah in it: 3.2 has 1.21, 4.4 has 1.29, 4.8 has
// 1.33, 6.0 has 1.44. Its syntax line says nothing to it.
func (b *Build) buildah() Able {
	v := versionOf(b.Builder.Version)
	before := func(minor, podmanMajor, podmanMinor int) bool {
		if v.major > 1 {
			return v.before(podmanMajor, podmanMinor)
		}
		return v.before(1, minor)
	}
	if before(21, 3, 2) {
		return b.without("%s has no secret mounts before buildah 1.21 (podman 3.2)")
	}
	a := Able{Headers: b.says("%s sends no credential for an ADD")}
	if !v.known || before(44, 6, 0) {
		a.Mounts, a.Why = FileMounts, b.says("%s reads no env= before buildah 1.44 (podman 6.0)")
	}
	if !v.known || before(29, 4, 4) {
		a.Relative = b.says("%s mounts a relative target below / before buildah 1.29 (podman 4.4)")
	}
	switch {
	case !v.known:
		a.Check = b.says("%s reads the here-document of COPY since buildah 1.33 (podman 4.8): check that it is as new")
	case before(33, 4, 8):
		a.Heredocs = b.says("%s reads no here-documents before buildah 1.33 (podman 4.8)")
	}
	return a
}

// without is a builder that can do nothing of it.
func (b *Build) without(why string) Able {
	if strings.Contains(why, "%s") {
		why = b.says(why)
	}
	return Able{
		Mounts: NoMounts, Why: why, Relative: why,
		Heredocs: b.says("%s is not known to have here-documents"),
		Headers:  b.says("%s sends no credential for an ADD"),
	}
}

// says puts the builder into a clause: "podman build (Makefile:3) …".
func (b *Build) says(clause string) string {
	if b.Path == "" {
		clause = strings.Replace(clause, " buildah 1.", " 1.", 1)
	}
	return fmt.Sprintf(clause, b.named())
}

func (b *Build) named() string {
	if b.Path == "" {
		return "buildah" // nobody was seen: a person named it
	}
	what := b.What
	if e := b.Builder.Engine; (e == Kaniko || e == Kaniko2) && !strings.Contains(what, "kaniko") {
		what = "kaniko"
	}
	return what + " (" + b.place() + ")"
}

func (b *Build) place() string { return fmt.Sprintf("%s:%d", b.Path, b.Line) }

// version is the first two numbers of a version or an image's tag.
type version struct {
	major, minor int // minor is past all where the tag is that of the newest: "28"
	known        bool
}

func versionOf(text string) version {
	first, rest, more := strings.Cut(strings.TrimPrefix(text, "v"), ".")
	major, err := strconv.Atoi(strings.SplitN(first, "-", 2)[0])
	if err != nil || major < 0 {
		return version{}
	}
	if !more || strings.Contains(first, "-") {
		return version{major, 1 << 30, true}
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	minor, err := strconv.Atoi(digits)
	return version{major, minor, err == nil}
}

// before reports whether a version is certainly older.
func (v version) before(major, minor int) bool {
	return v.known && (v.major < major || v.major == major && v.minor < minor)
}
