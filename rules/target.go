package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose/cloud"
	"github.com/unbake-dev/unbake/compose/kubernetes"
	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/compose/stack"
	"github.com/unbake-dev/unbake/compose/vault"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// target is one way of running a project that fix can write files for.
type target struct {
	name, what string
	generate   func(*project.Project, fs.FS) (*project.Generated, error)
	doc        string
}

func targets() []target {
	return []target{
		{"swarm", "Docker Swarm", stack.Generate,
			"docker-stack.yml is the project as docker stack deploy takes it (version 3.8): what it would refuse or ignore is written otherwise, or left out and told. The secrets are the swarm's own, with a version in their name, as a swarm never changes one: to rotate it, raise the number in docker-stack.yml. secrets.create.sh creates them from the files and variables that docker compose uses; a value goes through standard input, never through a command line."},
		{"vault", "HashiCorp Vault", vault.Generate,
			"compose.vault.yaml is laid over the compose file with -f: an agent renders each secret into memory, a volume a service, at the path where the service had it as a file, and services start when it has. The compose file itself stays as it is, for whoever has no Vault at hand. vault/policy.hcl lets the agent read exactly these secrets, and vault/put.sh puts them into Vault, byte by byte."},
		{"kubernetes", "Kubernetes", kubernetes.Generate,
			"In k8s/ there is a Deployment for each service that gets secrets, with what it needs for them and nothing else: variables by secretKeyRef, files by volumes. The Secrets come from k8s/secrets.create.sh, or from the External Secrets Operator with the manifests in k8s/external-secrets and one of the stores there, which are examples to be filled in. No manifest holds a value."},
		{"aws", "AWS Secrets Manager", cloud.AWS.Generate, cloudDoc},
		{"gcp", "GCP Secret Manager", cloud.GCP.Generate, cloudDoc},
		{"azure", "Azure Key Vault", cloud.Azure.Generate, cloudDoc},
	}
}

const cloudDoc = "The script puts the project's secrets into the store (put), writes them to the files that docker compose reads (get), runs a command with those that are variables (run), and builds a service's image with those that its Dockerfile mounts (build): here and in CI with the same commands. A value goes by its file's name, never through a command line."

// TargetNames are the names that Target knows, compose first: that is what fix writes anyhow.
func TargetNames() []string {
	names := []string{"compose"}
	for _, t := range targets() {
		names = append(names, t.name)
	}
	return names
}

// Targets returns the rules of all targets, for their pages.
func Targets() (all []*rewrite.Rule) {
	for _, t := range targets() {
		all = append(all, t.rule())
	}
	return all
}

// Target returns the rules that write new files for another way of running a project; ok is false for a name that is none.
func Target(name string) (list []*rewrite.Rule, ok bool) {
	for _, t := range targets() {
		if t.name == name {
			return []*rewrite.Rule{t.rule()}, true
		}
	}
	return nil, name == "compose"
}

func (t target) rule() *rewrite.Rule {
	return &rewrite.Rule{
		ID: "target-" + t.name, Title: "files for " + t.what + ", written with --target " + t.name, RunCompose: t.run,
		Doc: t.doc + "\n\nNew files only: one that is there with other content is left alone, and a finding.",
	}
}

// run writes what the target needs of the project that a compose file begins. What is there already is never changed.
func (t target) run(p *rewrite.Pass) {
	all := p.Workspace.Project().Compose()
	lead := project.Leading(p.Compose, all)
	if lead != nil && lead != p.Compose || path.Base(p.Path) == project.VaultOverlay {
		return
	}
	f := rewrite.Finding{Key: "target " + t.name, Message: "the project has no files for " + t.what}
	left := func(reason string) {
		f.Reason = reason
		p.Report(f)
	}
	if lead == nil {
		f.Message, f.Note = "none of the compose files here is one that docker compose finds by itself: nothing is written for "+t.what, true
		p.Report(f)
		return
	}
	if project.Included(p.Compose, all) {
		return
	}
	whole, err := project.Load(p.Compose, all)
	if err == nil && len(whole.Secrets) == 0 && !whole.HasVariables() {
		f.Message, f.Note = "no service of the project gets a secret: nothing is written for "+t.what, true
		p.Report(f)
		return
	}
	var out *project.Generated
	if err == nil {
		out, err = t.generate(whole, p.Workspace)
	}
	if err != nil {
		var at *yamledit.Error
		if refused, ok := project.IsRefused(err); ok {
			f.Start = refused.Start
			f.End = f.Start
		} else if errors.As(err, &at) {
			err = errors.New(at.Msg)
		}
		left(err.Error())
		return
	}
	fix := &rewrite.Fix{Safety: rewrite.Review, Needs: strings.Join(out.Needs, "; ")}
	var names, other []string
	for _, file := range out.Files {
		old, err := p.Workspace.ReadFile(file.Path)
		switch {
		case err == nil && (file.Once || says(file.Path, old, file.Text)):
			continue
		case err == nil || p.Workspace.Exists(file.Path):
			other = append(other, file.Path)
			continue
		}
		names = append(names, strings.TrimPrefix(file.Path, whole.Dir+"/"))
		fix.Changes = append(fix.Changes, rewrite.Change{Path: file.Path, Edits: []edit.Edit{{New: string(file.Text)}}, Mode: file.Mode})
	}
	switch why := linked(p.Workspace, fix.Changes); {
	case len(other) > 0:
		slices.Sort(other)
		f.Message = "files for " + t.what + " are there with other content"
		left("nothing is overwritten: see what would be written with " + strings.Join(other, ", ") + " out of the way")
		return
	case why != "":
		left(why)
		return
	case len(names) == 0:
		return
	}
	fix.Title = "write " + strings.Join(names, ", ")
	if len(names) > 4 {
		fix.Title = fmt.Sprintf("write %s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	f.Fix = fix
	p.Report(f)
}

// says reports whether a file that is there says what would be written: a YAML file in any writing.
func says(name string, old, text []byte) bool {
	if string(old) == string(text) {
		return true
	}
	if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" {
		return false
	}
	a, err := yamledit.Parse(name, old)
	if err != nil {
		return false
	}
	b, err := yamledit.Parse(name, text)
	if err != nil {
		return false
	}
	x, err1 := a.Decode()
	y, err2 := b.Decode()
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}
