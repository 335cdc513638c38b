// Package cloud writes a script for each cloud's secret store: it puts a compose project's secrets there, and fetches them for builds,
// for docker compose and for CI. It leans on compose/project for what the secrets are and on rewrite/dockerfile for which a build mounts.
// It asks no store anything itself.
package cloud

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// Store is a secret store with a command line of its own.
type Store struct {
	name, title string
	setup       string // what must be said before
	// Functions of the script: there NAME; create NAME FILE; update NAME FILE; fetch NAME FILE, the very bytes that were put.
	functions string
	one       string // the command that prints one secret, %s for its name
	login     string // what CI does first
}

// The stores.
var (
	AWS = Store{
		name: "aws", title: "AWS Secrets Manager",
		functions: `there() { aws secretsmanager describe-secret --secret-id "$1" >/dev/null 2>&1; }
create() { aws secretsmanager create-secret --name "$1" --secret-string "file://$2" >/dev/null; }
update() { aws secretsmanager put-secret-value --secret-id "$1" --secret-string "file://$2" >/dev/null; }
fetch() {
	# One line end is the command's own; x keeps those that belong to the value.
	value=$(aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text && echo x)
	value=${value%x}
	printf %s "${value%
}" >"$2"
}
`,
		one:   "aws secretsmanager get-secret-value --secret-id %s --query SecretString --output text",
		login: "aws-actions/configure-aws-credentials",
	}
	GCP = Store{
		name: "gcp", title: "GCP Secret Manager",
		functions: `there() { gcloud secrets describe "$1" >/dev/null 2>&1; }
create() { gcloud secrets create "$1" --replication-policy=automatic --data-file="$2" >/dev/null; }
update() { gcloud secrets versions add "$1" --data-file="$2" >/dev/null; }
fetch() { gcloud secrets versions access latest --secret="$1" --out-file="$2" >/dev/null; }
`,
		one:   "gcloud secrets versions access latest --secret=%s",
		login: "google-github-actions/auth and setup-gcloud",
	}
	Azure = Store{
		name: "azure", title: "Azure Key Vault",
		setup: `vault=${AZURE_KEY_VAULT:?the name of the key vault}
`,
		functions: `there() { az keyvault secret show --vault-name "$vault" --name "$1" --output none >/dev/null 2>&1; }
create() { az keyvault secret set --vault-name "$vault" --name "$1" --file "$2" --encoding utf-8 --output none; }
update() { create "$@"; }
fetch() {
	rm -f "$2"
	az keyvault secret download --vault-name "$vault" --name "$1" --file "$2" --encoding utf-8 --output none
}
`,
		one:   `az keyvault secret show --vault-name "$AZURE_KEY_VAULT" --name %s --query value --output tsv`,
		login: "azure/login",
	}
)

// image is a build of the project that mounts secrets.
type image struct {
	service, dockerfile, context, target string // the paths are relative to the project's Dir
	secrets                              []project.Held
	twice                                bool // one of them is mounted more than once
}

// Generate returns the script. An error is a [project.Refused].
func (s Store) Generate(p *project.Project, fsys fs.FS) (*project.Generated, error) {
	held, err := p.Held()
	if err != nil {
		return nil, err
	}
	held = slices.DeleteFunc(held, func(h project.Held) bool { return h.File == "" && h.Variable == "" })
	if len(held) == 0 {
		return nil, project.Refuse("the project has no secret whose value is a file's or a variable's")
	}
	images, err := builds(p, held, fsys)
	if err != nil {
		return nil, err
	}
	name := "secrets." + s.name + ".sh"
	out := &project.Generated{Files: []project.File{{Path: path.Join(p.Dir, name), Text: s.script(name, p, held, images), Mode: 0o755}}}
	out.Needs = append(out.Needs, "sh "+name+" put: the values go to "+s.title)
	for _, i := range images {
		out.Needs = append(out.Needs, "sh "+name+" build "+i.service+" -t IMAGE: a build with its secrets, here and in CI")
	}
	if slices.ContainsFunc(held, func(h project.Held) bool { return h.File != "" }) {
		out.Needs = append(out.Needs, "sh "+name+" get: the files that docker compose reads, on a machine that has none")
	}
	if slices.ContainsFunc(held, func(h project.Held) bool { return h.Variable != "" }) {
		out.Needs = append(out.Needs, "sh "+name+" run docker compose up -d: with the variables that it reads")
	}
	return out, nil
}

// builds are the project's builds whose Dockerfile is known, with the secrets that it mounts.
func builds(p *project.Project, held []project.Held, fsys fs.FS) ([]image, error) {
	var out []image
	for _, s := range p.File.Services {
		if s.Build == nil || s.Build.Dockerfile == "" || s.Build.Context == "" || !slices.ContainsFunc(p.Services, func(o *project.Service) bool { return o.Name == s.Name }) {
			continue
		}
		src, err := fs.ReadFile(fsys, s.Build.Dockerfile)
		if err != nil {
			continue
		}
		f, err := dockerfile.Parse(s.Build.Dockerfile, src)
		if err != nil {
			continue
		}
		one := image{service: s.Name, dockerfile: relative(p.Dir, s.Build.Dockerfile), context: relative(p.Dir, s.Build.Context), target: s.Build.Target}
		if one.dockerfile == "" || one.context == "" {
			return nil, project.Refuse("service %s is built from above the compose file's folder: give its build by hand", s.Name)
		}
		counts := mounts(f)
		for _, h := range held {
			if n := counts[h.ID]; n > 0 {
				one.secrets = append(one.secrets, h)
				one.twice = one.twice || n > 1
			}
		}
		if len(one.secrets) > 0 {
			out = append(out, one)
		}
	}
	return out, nil
}

// mounts counts how often a Dockerfile mounts each secret.
func mounts(f *dockerfile.File) map[string]int {
	counts := map[string]int{}
	for _, in := range f.Instructions {
		for _, flag := range in.Flags {
			value, ok := strings.CutPrefix(flag.Text, "--mount=")
			if !ok {
				continue
			}
			id, secret := "", false
			for field := range strings.SplitSeq(value, ",") {
				k, v, _ := strings.Cut(field, "=")
				switch strings.ToLower(k) {
				case "type":
					secret = strings.EqualFold(v, "secret")
				case "id", "source", "src":
					id = v
				case "target", "dst", "destination":
					if id == "" {
						id = path.Base(v)
					}
				}
			}
			if secret {
				counts[id]++
			}
		}
	}
	return counts
}

// relative is a path relative to a folder above it, "" if the folder is not above it.
func relative(dir, name string) string {
	if dir == "." || name == dir {
		if name == dir {
			return "."
		}
		return name
	}
	rest, ok := strings.CutPrefix(name, dir+"/")
	if !ok {
		return ""
	}
	return rest
}

// single is the command line of a build by hand, for a shell that knows <( ).
func (s Store) single(i image) string {
	var b strings.Builder
	b.WriteString("docker build")
	for _, h := range i.secrets {
		fmt.Fprintf(&b, ` --secret id=%s,src=<(printf %%s "$(%s)")`, h.ID, fmt.Sprintf(s.one, h.Slug))
	}
	return b.String() + i.rest()
}

// rest is what follows the secrets in a build's command.
func (i image) rest() string {
	out := ""
	if i.dockerfile != path.Join(i.context, "Dockerfile") {
		out += " -f " + project.Word(i.dockerfile)
	}
	if i.target != "" {
		out += " --target " + project.Word(i.target)
	}
	return out + " " + project.Word(i.context)
}
