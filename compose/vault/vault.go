// Package vault writes what a compose project needs to take its secrets from HashiCorp Vault: an overlay with an agent beside the services,
// the agent's configuration and policy, and a script that puts the values into Vault. It leans on compose/project and rewrite/yamledit.
// It edits no file: without the overlay the compose file works as it did, for whoever has no Vault at hand.
package vault

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Image is the agent's image.
const Image = "hashicorp/vault:1.20.4"

const (
	agent  = "vault-agent" // the service
	mount  = "secret"      // of the KV version 2 engine
	folder = "/run/vault"  // where the agent writes, a folder a service
	// The image's own user. The agent is started by that number and needs no more.
	uid, gid = "100", "1000"
	token    = "VAULT_AGENT_TOKEN"
)

// rendered is one file that the agent writes.
type rendered struct {
	service, name string // name is the path below /run/secrets
	grant         project.Grant
}

func (r rendered) path() string { return path.Join(folder, r.service, r.name) }

// Generate returns the overlay, the agent's configuration, its policy and the script. An error is a [project.Refused].
func Generate(p *project.Project, _ fs.FS) (*project.Generated, error) {
	out := &project.Generated{}
	var files []rendered
	owned := false
	for _, s := range p.Services {
		if s.Name == agent {
			return nil, project.Refuse("the project has a service %s already", agent)
		}
		for _, g := range s.Grants {
			name, ok := g.Below(project.RunSecrets)
			if !ok {
				out.Needs = append(out.Needs, fmt.Sprintf("%s of service %s stays a file of docker compose: a volume cannot put one file at %s", g.Source, s.Name, g.Target))
				continue
			}
			files = append(files, rendered{s.Name, name, g})
			owned = owned || g.UID+g.GID+g.Mode != ""
		}
		for _, v := range s.Environment {
			if len(v.Secrets()) > 0 {
				out.Needs = append(out.Needs, fmt.Sprintf("%s of service %s stays a variable, from the shell or .env", v.Name, s.Name))
			}
		}
		if v := s.Value.Get("volumes"); v != nil {
			for _, item := range v.Items {
				target := item.Get("target").String()
				if item.Kind == project.Scalar {
					_, target, _ = project.ShortVolume(item.Text)
				}
				if path.Clean(target) == project.RunSecrets {
					return nil, project.Refuse("service %s mounts something at %s itself", s.Name, project.RunSecrets)
				}
			}
		}
	}
	if len(files) == 0 {
		return nil, project.Refuse("no container gets a secret as a file below %s: there is nothing for an agent to write", project.RunSecrets)
	}
	if _, ok := p.Secret("vault_token"); ok {
		return nil, project.Refuse("the project has a secret vault_token already")
	}
	var moved []project.Secret
	for _, s := range p.Given() {
		if slices.ContainsFunc(files, func(r rendered) bool { return r.grant.Source == s.ID }) {
			moved = append(moved, s)
		}
	}
	base := path.Base(p.File.Path)
	policy := "compose"
	if p.Name != "" {
		policy = p.Name
	}
	overlay := "docker compose -f " + project.Word(base) + " -f " + project.VaultOverlay + " up -d"
	needs := []string{
		"sh vault/put.sh, with VAULT_ADDR and a VAULT_TOKEN that may write to " + mount + "/",
		"vault policy write " + policy + " vault/policy.hcl, and export " + token + `="$(vault token create -policy=` + policy + ` -orphan -period=768h -field=token)"`,
		overlay + ": without the overlay the project takes its secrets from files as before",
	}
	out.Needs = append(append(needs, p.Left...), out.Needs...)
	add := func(name string, text []byte, mode fs.FileMode) {
		out.Files = append(out.Files, project.File{Path: path.Join(p.Dir, name), Text: text, Mode: mode})
	}
	add(project.VaultOverlay, compose(p, files, owned, overlay), 0)
	add("vault/agent.hcl", configuration(p, files), 0)
	add("vault/policy.hcl", rights(p, moved), 0)
	add("vault/put.sh", script(p, moved), 0o755)
	return out, nil
}

// key is a secret's path in the engine.
func key(p *project.Project, id string) string {
	if p.Name != "" {
		return p.Name + "/" + id
	}
	return id
}

// compose is the overlay. A service gets a volume of its own, which holds its secrets and no others.
func compose(p *project.Project, files []rendered, owned bool, command string) []byte {
	type field = yamledit.Field
	text := func(s string) yamledit.Text { return yamledit.Text(s) }
	list := func(items ...string) (out yamledit.Seq) {
		for _, s := range items {
			out = append(out, text(s))
		}
		return out
	}
	user, options := uid+":"+gid, "size=16m,mode=0755,uid="+uid+",gid="+gid+",noexec,nosuid,nodev"
	var caps yamledit.Fields
	if owned {
		// Only root can give a file to another user.
		user, options = "0:0", "size=16m,mode=0755,noexec,nosuid,nodev"
		caps = yamledit.Fields{{Key: "cap_add", Value: list("CHOWN", "DAC_OVERRIDE", "FOWNER")}}
	}
	mounts := yamledit.Seq{text("./vault/agent.hcl:/vault/agent.hcl:ro")}
	var there []string
	var services, volumes yamledit.Fields
	for _, s := range p.Services {
		var mine []rendered
		for _, r := range files {
			if r.service == s.Name {
				mine = append(mine, r)
				there = append(there, "test -e '"+r.path()+"'")
			}
		}
		if len(mine) == 0 {
			continue
		}
		var kept yamledit.Seq
		for _, g := range s.Grants {
			if _, ok := g.Below(project.RunSecrets); !ok {
				one := yamledit.Fields{{Key: "source", Value: text(g.Source)}, {Key: "target", Value: text(g.Target)}}
				for _, f := range []field{{Key: "uid", Value: text(g.UID)}, {Key: "gid", Value: text(g.GID)}, {Key: "mode", Value: text(g.Mode)}} {
					if f.Value != text("") {
						one = append(one, f)
					}
				}
				kept = append(kept, one)
			}
		}
		secrets := yamledit.Tagged{Tag: "!reset", Value: yamledit.Seq{}}
		if len(kept) > 0 {
			secrets = yamledit.Tagged{Tag: "!override", Value: kept}
		}
		volume := "vault-" + s.Name
		services = append(services, field{Key: s.Name, Value: yamledit.Fields{
			{Key: "depends_on", Value: yamledit.Fields{{Key: agent, Value: yamledit.Fields{{Key: "condition", Value: text("service_healthy")}}}}},
			{Key: "secrets", Value: secrets},
			{Key: "volumes", Value: yamledit.Seq{yamledit.Fields{
				{Key: "type", Value: text("volume")}, {Key: "source", Value: text(volume)}, {Key: "target", Value: text(project.RunSecrets)},
				{Key: "read_only", Value: yamledit.Bool(true)}, {Key: "volume", Value: yamledit.Fields{{Key: "nocopy", Value: yamledit.Bool(true)}}},
			}}},
		}})
		mounts = append(mounts, text(volume+":"+path.Join(folder, s.Name)))
		volumes = append(volumes, field{Key: volume, Value: yamledit.Fields{
			{Key: "driver", Value: text("local")},
			{Key: "driver_opts", Value: yamledit.Fields{{Key: "type", Value: text("tmpfs")}, {Key: "device", Value: text("tmpfs")}, {Key: "o", Value: text(options)}}},
		}})
	}
	sidecar := yamledit.Fields{
		{Key: "image", Value: text(Image)},
		{Key: "entrypoint", Value: list("vault", "agent", "-config=/vault/agent.hcl")},
		{Key: "user", Value: text(user)},
		{Key: "cap_drop", Value: list("ALL")},
	}
	sidecar = append(sidecar, caps...)
	sidecar = append(sidecar, yamledit.Fields{
		{Key: "environment", Value: yamledit.Fields{{Key: "VAULT_ADDR", Value: text("${VAULT_ADDR:?the address of Vault}")}}},
		{Key: "secrets", Value: list("vault_token")},
		{Key: "volumes", Value: mounts},
		{Key: "healthcheck", Value: yamledit.Fields{
			{Key: "test", Value: list("CMD-SHELL", strings.Join(there, " && "))},
			{Key: "interval", Value: text("2s")}, {Key: "timeout", Value: text("5s")}, {Key: "retries", Value: yamledit.Number("30")},
		}},
		{Key: "restart", Value: text("unless-stopped")},
	}...)
	head := []string{
		"Takes the secrets of " + path.Base(p.File.Path) + " from Vault:",
		"  " + command,
		"The agent writes them to memory, a volume a service; the services find them where they were. Needs docker compose 2.24.4 or later.",
	}
	return yamledit.Render(head, yamledit.Fields{
		{Key: "services", Value: append(yamledit.Fields{{Key: agent, Value: sidecar}}, services...)},
		{Key: "volumes", Value: volumes},
		{Key: "secrets", Value: yamledit.Fields{{Key: "vault_token", Value: yamledit.Fields{{Key: "environment", Value: text(token)}}}}},
	}, true)
}

// configuration is the agent's: a template a file. Its contents have no line end that the value does not have.
func configuration(p *project.Project, files []rendered) []byte {
	var b strings.Builder
	b.WriteString(`# The agent of ` + project.VaultOverlay + `. The variable VAULT_ADDR says where Vault is.
auto_auth {
  method {
    type = "token_file"
    config = {
      token_file_path = "/run/secrets/vault_token"
    }
  }
}

template_config {
  exit_on_retry_failure         = true
  static_secret_render_interval = "5m"
}
`)
	for _, r := range files {
		mode := "0444"
		if m := strings.TrimPrefix(r.grant.Mode, "0o"); m != "" {
			mode = "0" + strings.TrimLeft(m, "0")
		}
		fmt.Fprintf(&b, "\ntemplate {\n  destination          = \"%s\"\n  perms                = \"%s\"\n", r.path(), mode)
		if r.grant.UID != "" {
			fmt.Fprintf(&b, "  user                 = \"%s\"\n", r.grant.UID)
		}
		if r.grant.GID != "" {
			fmt.Fprintf(&b, "  group                = \"%s\"\n", r.grant.GID)
		}
		fmt.Fprintf(&b, "  error_on_missing_key = true\n  contents             = \"{{ with secret `%s/data/%s` }}{{ .Data.data.value }}{{ end }}\"\n}\n", mount, key(p, r.grant.Source))
	}
	return []byte(b.String())
}

// rights is the policy: to read exactly these.
func rights(p *project.Project, moved []project.Secret) []byte {
	var b strings.Builder
	b.WriteString("# What the agent of " + project.VaultOverlay + " may do.\n")
	for _, s := range moved {
		fmt.Fprintf(&b, "\npath \"%s/data/%s\" {\n  capabilities = [\"read\"]\n}\n", mount, key(p, s.ID))
	}
	return []byte(b.String())
}
