package kubernetes

import (
	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

const operator = "external-secrets.io/v1"

// storeName is the SecretStore that all ExternalSecrets of a project use.
func storeName(p *project.Project) string {
	if s := project.Slug(p.Name); s != "" {
		return s
	}
	return "compose"
}

// external is an ExternalSecret for each secret. Vault's engine keeps mappings, and has them where vault/put.sh puts them; the others keep
// a text under the name that secrets.aws.sh, secrets.gcp.sh and secrets.azure.sh use.
func external(p *project.Project, used []project.Held, vault bool) []byte {
	var out []byte
	head := []string{"The secrets as AWS Secrets Manager, GCP Secret Manager or Azure Key Vault has them, see store.aws.yaml, store.gcp.yaml, store.azure.yaml."}
	if vault {
		head = []string{
			"The secrets as Vault has them, see store.vault.yaml. This puts one there that is not:",
			"  vault kv put -mount=secret KEY value=-",
		}
	}
	for i, h := range used {
		remote := yamledit.Fields{{Key: "key", Value: text(h.Slug)}}
		if vault {
			key := h.ID
			if p.Name != "" {
				key = p.Name + "/" + key
			}
			remote = yamledit.Fields{{Key: "key", Value: text(key)}, {Key: "property", Value: text("value")}}
		}
		if i > 0 {
			out = append(out, "---\n"...)
			head = nil
		}
		out = append(out, yamledit.Render(head, yamledit.Fields{
			{Key: "apiVersion", Value: text(operator)},
			{Key: "kind", Value: text("ExternalSecret")},
			{Key: "metadata", Value: yamledit.Fields{{Key: "name", Value: text(h.Slug)}}},
			{Key: "spec", Value: yamledit.Fields{
				{Key: "refreshInterval", Value: text("1h")},
				{Key: "secretStoreRef", Value: yamledit.Fields{{Key: "kind", Value: text("SecretStore")}, {Key: "name", Value: text(storeName(p))}}},
				{Key: "target", Value: yamledit.Fields{{Key: "name", Value: text(h.Slug)}}},
				{Key: "data", Value: yamledit.Seq{yamledit.Fields{{Key: "secretKey", Value: text(h.ID)}, {Key: "remoteRef", Value: remote}}}},
			}},
		}, false)...)
	}
	return out
}

// store is an example of a SecretStore.
type store struct {
	name string
	text []byte
}

// stores are one example for each provider, with the identity of a service account: no key of a store lies in the cluster.
func stores(p *project.Project) []store {
	account := field{Key: "serviceAccountRef", Value: yamledit.Fields{{Key: "name", Value: text("external-secrets")}}}
	one := func(name, fill string, provider string, settings yamledit.Fields) store {
		return store{name, yamledit.Render([]string{"Fill in " + fill + ". This file is yours: it is not written again."}, yamledit.Fields{
			{Key: "apiVersion", Value: text(operator)},
			{Key: "kind", Value: text("SecretStore")},
			{Key: "metadata", Value: yamledit.Fields{{Key: "name", Value: text(storeName(p))}}},
			{Key: "spec", Value: yamledit.Fields{{Key: "provider", Value: yamledit.Fields{{Key: provider, Value: settings}}}}},
		}, false)}
	}
	return []store{
		one("aws", "the region and a service account whose role may read the secrets", "aws", yamledit.Fields{
			{Key: "service", Value: text("SecretsManager")},
			{Key: "region", Value: text("eu-central-1")},
			{Key: "auth", Value: yamledit.Fields{{Key: "jwt", Value: yamledit.Fields{account}}}},
		}),
		one("gcp", "the project, the cluster and a service account that may read the secrets", "gcpsm", yamledit.Fields{
			{Key: "projectID", Value: text("my-project")},
			{Key: "auth", Value: yamledit.Fields{{Key: "workloadIdentity", Value: yamledit.Fields{
				{Key: "clusterLocation", Value: text("europe-west3")}, {Key: "clusterName", Value: text("my-cluster")}, account,
			}}}},
		}),
		one("azure", "the vault's address and a service account that may read the secrets", "azurekv", yamledit.Fields{
			{Key: "authType", Value: text("WorkloadIdentity")},
			{Key: "vaultUrl", Value: text("https://my-vault.vault.azure.net")},
			account,
		}),
		one("vault", "the server's address, and the role and service account that it knows the cluster by", "vault", yamledit.Fields{
			{Key: "server", Value: text("https://vault.example.com:8200")},
			{Key: "path", Value: text("secret")},
			{Key: "version", Value: text("v2")},
			{Key: "auth", Value: yamledit.Fields{{Key: "kubernetes", Value: yamledit.Fields{
				{Key: "mountPath", Value: text("kubernetes")}, {Key: "role", Value: text(storeName(p))}, account,
			}}}},
		}),
	}
}
