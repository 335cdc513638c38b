// Package kubernetes writes what a compose project's secrets need in Kubernetes: what each service's Deployment must have for them, a script
// that creates the Secrets, and manifests for the External Secrets Operator. It leans on compose/project and rewrite/yamledit.
// It puts no value into a manifest, and leaves all of a service that is no secret to whoever writes its Deployment.
package kubernetes

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Folder is where the files are, beside the compose file. Subfolder is for the operator: kubectl apply -f k8s leaves it out.
const (
	Folder    = "k8s"
	Subfolder = Folder + "/external-secrets"
)

type field = yamledit.Field

func text(s string) yamledit.Text { return yamledit.Text(s) }

// Generate returns the files. An error is a [project.Refused].
func Generate(p *project.Project, _ fs.FS) (*project.Generated, error) {
	held, err := p.Held()
	if err != nil {
		return nil, err
	}
	out := &project.Generated{}
	add := func(name string, text []byte, mode fs.FileMode, once bool) {
		out.Files = append(out.Files, project.File{Path: path.Join(p.Dir, name), Text: text, Mode: mode, Once: once})
	}
	w := &writer{p: p, held: held}
	var services []string
	for _, s := range p.Services {
		if d := w.deployment(s); d != nil {
			name := Folder + "/" + project.Slug(s.Name) + ".yaml"
			if slices.Contains(services, name) {
				return nil, project.Refuse("two services would have one name in Kubernetes, %s: rename one of them", project.Slug(s.Name))
			}
			services = append(services, name)
			add(name, d, 0, false)
		}
	}
	// What only builds need is no affair of the cluster's.
	var used []project.Held
	for _, h := range held {
		if w.used[h.ID] {
			used = append(used, h)
		}
	}
	if len(used) == 0 {
		return nil, project.Refuse("no container of the project gets a secret: Kubernetes has nothing to hold")
	}
	add(Folder+"/secrets.create.sh", script(used), 0o755, false)
	add(Subfolder+"/secrets.yaml", external(p, used, false), 0, false)
	add(Subfolder+"/secrets.vault.yaml", external(p, used, true), 0, false)
	for _, s := range stores(p) {
		add(Subfolder+"/store."+s.name+".yaml", s.text, 0, true)
	}
	out.Needs = append([]string{
		"sh " + Folder + "/secrets.create.sh, or with the External Secrets Operator kubectl apply -f one of " + Subfolder + "/store.*.yaml (yours to fill in) and " + Subfolder + "/secrets.yaml (Vault: secrets.vault.yaml)",
		"the Deployments in " + Folder + " hold what the services need for their secrets: take that into yours, or add ports, volumes and probes",
	}, p.Left...)
	out.Needs = append(out.Needs, w.needs...)
	return out, nil
}

type writer struct {
	p     *project.Project
	held  []project.Held
	used  map[string]bool
	needs []string
}

func (w *writer) need(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(w.needs, n) {
		w.needs = append(w.needs, n)
	}
}

// secret returns the Secret that holds a top-level secret or a variable.
func (w *writer) secret(match func(project.Held) bool) (project.Held, bool) {
	i := slices.IndexFunc(w.held, match)
	if i < 0 {
		return project.Held{}, false
	}
	if w.used == nil {
		w.used = map[string]bool{}
	}
	w.used[w.held[i].ID] = true
	return w.held[i], true
}

func (w *writer) ofVariable(name string) (project.Held, bool) {
	return w.secret(func(h project.Held) bool { return h.Variable == name })
}

// deployment is a service's Deployment, as far as its secrets go; nil if it gets none.
func (w *writer) deployment(s *project.Service) []byte {
	env := w.env(s)
	mounts, volumes := w.volumes(s)
	if len(env) == 0 && len(mounts) == 0 {
		return nil
	}
	name := project.Slug(s.Name)
	container := yamledit.Fields{{Key: "name", Value: text(name)}}
	if image := s.Value.Get("image").String(); image != "" {
		if plain, ok := settled(image); ok {
			container = append(container, field{Key: "image", Value: text(plain)})
		} else {
			w.need("the image of %s is in a variable: name it in its Deployment", s.Name)
		}
	} else {
		w.need("service %s is built here and has no image: name what its build pushes in its Deployment", s.Name)
	}
	if len(env) > 0 {
		container = append(container, field{Key: "env", Value: env})
	}
	if len(mounts) > 0 {
		container = append(container, field{Key: "volumeMounts", Value: mounts})
	}
	pod := yamledit.Fields{{Key: "containers", Value: yamledit.Seq{container}}}
	if len(volumes) > 0 {
		pod = append(pod, field{Key: "volumes", Value: volumes})
	}
	labels := yamledit.Fields{{Key: "app.kubernetes.io/name", Value: text(name)}}
	return yamledit.Render([]string{
		"What service " + s.Name + " of " + path.Base(w.p.File.Path) + " needs for its secrets. The rest of its Deployment is yours.",
	}, yamledit.Fields{
		{Key: "apiVersion", Value: text("apps/v1")},
		{Key: "kind", Value: text("Deployment")},
		{Key: "metadata", Value: yamledit.Fields{{Key: "name", Value: text(name)}}},
		{Key: "spec", Value: yamledit.Fields{
			{Key: "selector", Value: yamledit.Fields{{Key: "matchLabels", Value: labels}}},
			{Key: "template", Value: yamledit.Fields{{Key: "metadata", Value: yamledit.Fields{{Key: "labels", Value: labels}}}, {Key: "spec", Value: pod}}},
		}},
	}, false)
}

// settled fills in the defaults of a text; ok is false if a variable is left.
func settled(s string) (string, bool) {
	parts, ok := project.Parts(s)
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.Name == "":
			b.WriteString(p.Text)
		case strings.HasSuffix(p.Op, "-") && !strings.Contains(p.Arg, "$"):
			b.WriteString(p.Arg)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// env is the variables that are secrets, or made of them, or name a secret's file.
func (w *writer) env(s *project.Service) yamledit.Seq {
	var out yamledit.Seq
	have := map[string]bool{}
	for _, v := range s.Environment {
		have[v.Name] = true
	}
	given := map[string]bool{}
	reference := func(name string, h project.Held) {
		given[name] = true
		out = append(out, yamledit.Fields{{Key: "name", Value: text(name)}, {Key: "valueFrom", Value: yamledit.Fields{
			{Key: "secretKeyRef", Value: yamledit.Fields{{Key: "name", Value: text(h.Slug)}, {Key: "key", Value: text(h.ID)}}},
		}}})
	}
	for _, v := range s.Environment {
		secrets := v.Secrets()
		parts, ok := project.Parts(v.Text)
		switch {
		case len(secrets) == 0:
			plain, ok := settled(v.Text)
			if ok && slices.ContainsFunc(s.Grants, func(g project.Grant) bool { return strings.Contains(plain, g.Target) }) {
				out = append(out, yamledit.Fields{{Key: "name", Value: text(v.Name)}, {Key: "value", Value: text(dollars(plain))}})
			}
		case !v.Has || ok && len(parts) == 1:
			if h, ok := w.ofVariable(secrets[0]); ok {
				reference(v.Name, h)
			}
		default:
			// Kubernetes puts $(NAME) in, for a variable that stands before.
			var b strings.Builder
			sure := true
			for _, part := range parts {
				switch {
				case part.Name == "":
					b.WriteString(dollars(part.Text))
				case slices.Contains(secrets, part.Name):
					h, ok := w.ofVariable(part.Name)
					if !given[part.Name] && ok && !have[part.Name] {
						reference(part.Name, h)
					}
					sure = sure && given[part.Name]
					b.WriteString("$(" + part.Name + ")")
				default:
					plain, ok := settled("${" + part.Name + part.Op + part.Arg + "}")
					sure = sure && ok
					b.WriteString(dollars(plain))
				}
			}
			if !sure {
				w.need("%s of service %s is made of variables that Kubernetes cannot put together so: give it by hand", v.Name, s.Name)
				continue
			}
			out = append(out, yamledit.Fields{{Key: "name", Value: text(v.Name)}, {Key: "value", Value: text(b.String())}})
		}
	}
	return out
}

// dollars keeps Kubernetes from reading $( as a variable.
func dollars(s string) string { return strings.ReplaceAll(s, "$(", "$$(") }

// volumes mounts each secret as one file: a folder mounted at /run/secrets would hide the service account's token below it.
func (w *writer) volumes(s *project.Service) (mounts, volumes yamledit.Seq) {
	var done []string
	for _, g := range s.Grants {
		h, ok := w.secret(func(h project.Held) bool { return h.ID == g.Source })
		if !ok {
			continue
		}
		mode := "0444"
		if m := strings.TrimLeft(strings.TrimPrefix(g.Mode, "0o"), "0"); m != "" && g.UID+g.GID == "" {
			mode = "0" + m
		} else if g.UID+g.GID != "" {
			w.need("Kubernetes gives no file to a user: %s of service %s is readable for all in its container (0444)", g.Source, s.Name)
		}
		volume := "secret-" + h.Slug
		if len(volume) > 63 {
			volume = strings.TrimRight(volume[:63], "-")
		}
		mounts = append(mounts, yamledit.Fields{{Key: "name", Value: text(volume)}, {Key: "mountPath", Value: text(g.Target)}, {Key: "subPath", Value: text(h.ID)}, {Key: "readOnly", Value: yamledit.Bool(true)}})
		if slices.Contains(done, volume) {
			continue
		}
		done = append(done, volume)
		volumes = append(volumes, yamledit.Fields{{Key: "name", Value: text(volume)}, {Key: "secret", Value: yamledit.Fields{
			{Key: "secretName", Value: text(h.Slug)}, {Key: "defaultMode", Value: yamledit.Number(mode)},
			{Key: "items", Value: yamledit.Seq{yamledit.Fields{{Key: "key", Value: text(h.ID)}, {Key: "path", Value: text(h.ID)}}}},
		}}})
	}
	return mounts, volumes
}
