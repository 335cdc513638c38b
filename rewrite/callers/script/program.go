package script

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// tool is a program that builds images, by one of its commands.
type tool struct {
	what   string
	engine call.Engine
	why    string // call.Builder.Why
	style  style
	fixed  string // why no call of it can be changed
}

// style is how a tool's options are read.
type style uint8

const (
	dockerStyle style = iota
	buildahStyle
	kanikoStyle
	buildctlStyle
	composeStyle
	bakeStyle
)

// options of the programs that stand before their command and take a value as the next word.
var globals = map[string]string{
	"docker":   "--config -c --context -H --host -l --log-level --tlscacert --tlscert --tlskey",
	"podman":   "--log-level --root --runroot --storage-driver --storage-opt --cgroup-manager --url --connection -c --identity --tmpdir --runtime --conmon --events-backend --hooks-dir --imagestore --module --namespace --network-cmd-path --network-config-dir --runtime-flag --ssh --volumepath --out",
	"buildah":  "--log-level --root --runroot --storage-driver --storage-opt --registries-conf --registries-conf-dir --userns-gid-map --userns-uid-map --short-name-alias-conf --cgroup-manager --default-mounts-file",
	"nerdctl":  "-n --namespace -a -H --host --address --snapshotter --storage-driver --cni-path --cni-netconfpath --data-root --cgroup-manager --hosts-dir --host-gateway-ip",
	"buildx":   "--builder",
	"buildctl": "--addr --tlsservername --tlscacert --tlscert --tlskey --tlsdir --timeout --wait --log-format",
	"compose":  "-f --file -p --project-name --profile --env-file --project-directory --parallel --ansi --progress --context -c -H --host --tlscacert --tlscert --tlskey -l --log-level",
}

// identify returns the tool that words run, and how many of them name it.
func (sc *scene) identify(ws []word) (*tool, int) {
	name, n := sc.program(ws)
	if n == 0 {
		return nil, 0
	}
	skip := func(program string) bool {
		m, ok := skipGlobals(ws[n:], globals[program])
		n += m
		return ok
	}
	sub := func() string {
		if n >= len(ws) {
			return ""
		}
		s, ok := ws[n].literal()
		if !ok {
			return ""
		}
		return s
	}
	switch name {
	case "docker", "nerdctl", "podman":
		if !skip(name) {
			return nil, 0
		}
		first := sub()
		n++
		if first == "image" || first == "builder" && name != "podman" {
			if sub() != "build" {
				return nil, 0
			}
			first = "build"
			n++
		}
		switch first {
		case "build":
			return map[string]*tool{
				"docker":  {what: "docker build", engine: call.Docker},
				"podman":  {what: "podman build", engine: call.Buildah, why: "podman build", style: buildahStyle},
				"nerdctl": {what: "nerdctl build", engine: call.Buildx, why: "nerdctl build"},
			}[name], n
		case "buildx":
			return sc.buildx(ws, n, name)
		case "compose":
			return sc.compose(ws, n, name+" compose")
		}
	case "buildx", "docker-buildx":
		return sc.buildx(ws, n, "docker")
	case "docker-compose", "podman-compose":
		return sc.compose(ws, n, name)
	case "buildah":
		if skip(name) && (sub() == "bud" || sub() == "build" || sub() == "build-using-dockerfile") {
			return &tool{what: "buildah " + sub(), engine: call.Buildah, why: "buildah", style: buildahStyle}, n + 1
		}
	case "buildctl", "buildctl-daemonless.sh":
		if skip("buildctl") && (sub() == "build" || sub() == "b") {
			return &tool{what: "buildctl build", engine: call.Buildx, why: "buildctl", style: buildctlStyle}, n + 1
		}
	case "executor":
		return &tool{what: "kaniko", engine: call.Kaniko, why: "kaniko", style: kanikoStyle, fixed: "kaniko takes no secrets: build with docker buildx or buildah, and pass it there by --secret"}, n
	}
	return nil, 0
}

// buildx is what follows "docker buildx".
func (sc *scene) buildx(ws []word, n int, program string) (*tool, int) {
	m, ok := skipGlobals(ws[n:], globals["buildx"])
	if n += m; !ok || n >= len(ws) {
		return nil, 0
	}
	switch s, _ := ws[n].literal(); s {
	case "build", "b":
		if program == "podman" {
			return &tool{what: "podman buildx build", engine: call.Buildah, why: "podman build", style: buildahStyle}, n + 1
		}
		return &tool{what: "docker buildx build", engine: call.Buildx}, n + 1
	case "bake", "f":
		return &tool{what: "docker buildx bake", engine: call.Buildx, style: bakeStyle,
			fixed: "docker buildx bake takes a secret as --set TARGET.secrets=id=…, or better from its file: change it there"}, n + 1
	}
	return nil, 0
}

// compose is what follows "docker compose".
func (sc *scene) compose(ws []word, n int, what string) (*tool, int) {
	m, ok := skipGlobals(ws[n:], globals["compose"])
	if n += m; !ok || n >= len(ws) {
		return nil, 0
	}
	if s, _ := ws[n].literal(); s == "build" {
		return &tool{what: what + " build", engine: call.Buildx, style: composeStyle,
			fixed: what + " build takes no secret on the command line: name it under build: secrets: in the compose file"}, n + 1
	}
	return nil, 0
}

// skipGlobals returns how many words are options with their values.
func skipGlobals(ws []word, values string) (int, bool) {
	list := strings.Fields(values)
	for i := 0; i < len(ws); i++ {
		s, ok := ws[i].literal()
		if !strings.HasPrefix(s, "-") {
			if ok || s != "" || !ws[i].many() {
				return i, true
			}
			continue // $DOCKER_OPTS
		}
		if slices.Contains(list, s) {
			i++
		}
	}
	return len(ws), false
}

// engines are words of the names of variables that hold such a program.
var engines = []string{"podman", "buildah", "nerdctl", "docker", "container", "engine"}

// program returns the name of the program that words begin with, and how many of them are
// it: $DOCKER may be more than one.
func (sc *scene) program(ws []word) (string, int) {
	if len(ws) == 0 || ws[0].strange {
		return "", 0
	}
	if s, ok := ws[0].literal(); ok {
		if s == "executor" || strings.HasSuffix(s, "/executor") {
			return "executor", 1
		}
		return strings.TrimSuffix(path.Base(s), ".exe"), 1
	}
	v := sc.values(ws[0].chars, 0)
	if len(v) == 1 && !strings.Contains(v[0], call.Hole) && v[0] != "" && !strings.ContainsAny(v[0], " \t") {
		return strings.TrimSuffix(path.Base(v[0]), ".exe"), 1
	}
	if len(ws[0].chars) != 1 {
		return "", 0
	}
	c := ws[0].chars[0]
	if c.exp != nil && (c.exp.Form == ":-" || c.exp.Form == "-") && slices.Contains(engines, c.exp.Param) {
		return c.exp.Param, 1
	}
	name := strings.ToLower(c.text)
	if c.exp != nil && c.exp.Name == "" && !strings.Contains(name, "which") && !strings.Contains(name, "command -v") {
		return "", 0
	}
	if len(v) == 1 && strings.ContainsAny(v[0], " \t") && !strings.Contains(v[0], call.Hole) {
		name = v[0] // "sudo docker", "docker buildx"
	}
	if strings.Contains(name, "buildx") {
		return "buildx", 1
	}
	for _, e := range engines {
		if strings.Contains(name, e) {
			if e == "container" || e == "engine" {
				e = "docker"
			}
			return e, 1
		}
	}
	return "", 0
}
