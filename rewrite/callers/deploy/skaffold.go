package deploy

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// isSkaffold reports the names that skaffold's documentation gives its files; others are
// read as skaffold reads them only where somebody names them.
func isSkaffold(p string) bool {
	base, ext := path.Base(p), path.Ext(p)
	return (ext == ".yaml" || ext == ".yml") && strings.HasPrefix(base, "skaffold")
}

var (
	template = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^\{\{-?\s*\.([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}$`)
	})
	version = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^skaffold/v(\d+)(?:(alpha|beta)(\d+))?$`)
	})
)

// knowsEnv reports whether secrets of a version of the schema have env: since v2beta24.
func knowsEnv(apiVersion string) bool {
	m := version().FindStringSubmatch(apiVersion)
	if m == nil {
		return false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[3])
	return major >= 3 || major == 2 && m[2] == "beta" && minor >= 24
}

func skaffoldKind(value string) (call.Kind, string) {
	if m := template().FindStringSubmatch(value); m != nil && !strings.HasPrefix(m[1], "IMAGE_") {
		return call.Variable, m[1]
	}
	if strings.Contains(value, "{{") {
		return call.Computed, ""
	}
	return call.Text, ""
}

// artifact is one of the list, and where it stands.
type artifact struct {
	node *yamledit.Node
	path []string
	set  *yamledit.Node // the build section that it is in
}

func artifacts(root *yamledit.Node) (out []artifact) {
	add := func(build *yamledit.Node, at ...string) {
		list := under(build, "artifacts")
		if list == nil || list.Kind != yamledit.List {
			return
		}
		for i, n := range list.Items {
			out = append(out, artifact{n.Deref(), append(append([]string{}, at...), "artifacts", strconv.Itoa(i)), build})
		}
	}
	add(under(root, "build"), "build")
	if profiles := under(root, "profiles"); profiles != nil && profiles.Kind == yamledit.List {
		for i, p := range profiles.Items {
			add(under(p.Deref(), "build"), "profiles", strconv.Itoa(i), "build")
		}
	}
	return out
}

func readSkaffold(s *call.Source) ([]*call.Build, error) {
	doc, err := yamledit.Parse(s.Path, s.Src)
	if err != nil || doc.Root == nil || !version().MatchString(text(doc.Root, "apiVersion")) {
		return nil, err
	}
	var out []*call.Build
	for _, a := range artifacts(doc.Root) {
		out = append(out, skaffoldBuild(s, doc.Root, a))
	}
	return out, nil
}

func skaffoldBuild(s *call.Source, root *yamledit.Node, a artifact) *call.Build {
	b := start(s, a.node, "the artifact "+text(a.node, "image"))
	b.Handle = a.path
	kind := "docker"
	for _, k := range []string{"kaniko", "bazel", "jib", "ko", "buildpacks", "custom"} {
		if under(a.node, k) != nil {
			kind = k
		}
	}
	switch kind {
	case "docker":
		b.Builder = call.Builder{Engine: call.Docker, Why: "skaffold"}
	case "kaniko":
		b.Builder = call.Builder{Engine: call.Kaniko, Why: "skaffold with kaniko"}
	default:
		return b // builds no Dockerfile of itself
	}
	n := under(a.node, kind)
	file, context := text(n, "dockerfile"), text(a.node, "context")
	if file == "" {
		file = "Dockerfile"
	}
	if context == "" {
		context = "."
	}
	dirs := []string{path.Dir(s.Path)}
	for d := dirs[0]; d != "."; {
		d = path.Dir(d)
		dirs = append(dirs, d)
	}
	p := s.Project.Resolve(dirs, context, file, true)
	b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir, b.Target = p.Dockerfiles, p.Doubt, p.Near, p.Context, p.Dir, text(n, "target")
	arguments(s, b, under(n, "buildArgs"), skaffoldKind)
	if secrets := under(n, "secrets"); secrets != nil {
		for _, i := range secrets.Items {
			b.Secrets = append(b.Secrets, call.Secret{ID: text(i.Deref(), "id"), Env: text(i.Deref(), "env"), File: text(i.Deref(), "src")})
		}
	}
	if b.Fixed == "" {
		b.Fixed = skaffoldFixed(root, a, kind)
	}
	return b
}

// skaffoldFixed says why a build cannot take a secret.
func skaffoldFixed(root *yamledit.Node, a artifact, kind string) string {
	if kind == "kaniko" {
		return "kaniko mounts no secrets: build it with docker, and give it secrets: [{id: …, env: …}]"
	}
	base := under(root, "build")
	for _, set := range []*yamledit.Node{a.set, base} {
		for _, where := range []string{"cluster", "googleCloudBuild"} {
			if under(set, where) != nil {
				return "skaffold passes no secrets to a build in " + where + ": build it locally"
			}
		}
	}
	if profiles := under(root, "profiles"); profiles != nil {
		for _, p := range profiles.Items {
			for _, where := range []string{"cluster", "googleCloudBuild"} {
				if under(p.Deref(), "build", where) != nil {
					return "a profile builds in " + where + ", to which skaffold passes no secrets"
				}
			}
		}
	}
	if !knowsEnv(text(root, "apiVersion")) {
		return "secrets from the environment came with apiVersion skaffold/v2beta24: raise it, and give it secrets: [{id: …, env: …}]"
	}
	local := under(a.set, "local")
	if local == nil {
		local = under(base, "local")
	}
	if text(local, "useBuildkit") != "true" {
		return "skaffold passes secrets with build.local.useBuildkit: true alone: set it first"
	}
	return ""
}

func editSkaffold(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	doc, err := yamledit.Parse(s.Path, s.Src)
	if err != nil {
		return nil, nil, err
	}
	builds, err := readSkaffold(s)
	if err != nil {
		return nil, nil, err
	}
	draft := doc.Draft()
	for _, c := range changes {
		var b *call.Build
		for _, x := range builds {
			if x.Start == c.Build.Start {
				b = x
			}
		}
		if b == nil {
			return nil, nil, s.Errorf(c.Build.Start, "%s is not there any more", c.Build.What)
		}
		if b.Fixed != "" {
			return nil, nil, s.Errorf(b.Start, "%s", b.Fixed)
		}
		at := append(b.Handle.([]string), "docker")
		var item yamledit.Value
		if c.Secret != nil && !has(b, c.Secret.ID) {
			if c.Secret.From == "" {
				return nil, nil, s.Errorf(b.Start, "which folder skaffold runs in is not certain: add {id: %s, src: …} to its secrets", c.Secret.ID)
			}
			env, pass, err := source(s, b, c.Secret)
			if err != nil {
				return nil, nil, err
			}
			if pass {
				item = yamledit.Fields{{Key: "id", Value: yamledit.Text(c.Secret.ID)}, {Key: "env", Value: yamledit.Text(env)}}
			}
		}
		if err := move(draft, item, c.Drop, "buildArgs", at...); err != nil {
			return nil, nil, err
		}
	}
	return draft.Edits(), nil, nil
}
