package rules

import (
	"errors"
	"fmt"
	"io/fs"
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
}

func targets() []target {
	return []target{
		{"swarm", "Docker Swarm", stack.Generate},
		{"vault", "HashiCorp Vault", vault.Generate},
		{"kubernetes", "Kubernetes", kubernetes.Generate},
		{"aws", "AWS Secrets Manager", cloud.AWS.Generate},
		{"gcp", "GCP Secret Manager", cloud.GCP.Generate},
		{"azure", "Azure Key Vault", cloud.Azure.Generate},
	}
}

// TargetNames are the names that Target knows, compose first: that is what fix writes anyhow.
func TargetNames() []string {
	names := []string{"compose"}
	for _, t := range targets() {
		names = append(names, t.name)
	}
	return names
}

// Target returns the rules that write new files for another way of running a project; ok is false for a name that is none.
func Target(name string) (list []*rewrite.Rule, ok bool) {
	if name == "compose" {
		return nil, true
	}
	for _, t := range targets() {
		if t.name == name {
			return []*rewrite.Rule{{ID: "target-" + t.name, Title: "files for " + t.what, RunCompose: t.run}}, true
		}
	}
	return nil, false
}

// run writes what the target needs of the project that a compose file begins. What is there already is never changed.
func (t target) run(p *rewrite.Pass) {
	all := p.Workspace.Project().Compose()
	if !project.Leads(p.Compose, all) {
		return
	}
	f := rewrite.Finding{Key: "target " + t.name, Message: "the project has no files for " + t.what}
	left := func(reason string) {
		f.Reason = reason
		p.Report(f)
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
		case err == nil && (file.Once || string(old) == string(file.Text)):
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
