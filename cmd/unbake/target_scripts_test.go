package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stores is docker, vault, kubectl, aws, gcloud and az as far as the scripts call them: a folder of values, and a log of all command lines.
// What is asked otherwise than the real program takes it is an error.
const stores = `#!/bin/sh
set -eu
{ printf '%s' "${0##*/}"; printf ' [%s]' "$@"; echo; } >>"$STORE/.log"
wrong() { echo "${0##*/}: not taken: $*" >&2; exit 64; }
line="${0##*/} $*"
# value NAME: what a flag of that name has
keep() { cat >"$STORE/$1"; }
case $line in
"docker secret inspect "*) [ $# = 3 ] && [ -e "$STORE/$3" ] ;;
"docker secret create "*" -") [ $# = 4 ] && [ ! -e "$STORE/$3" ] || wrong "$@"; keep "$3" ;;
"docker build "*)
	for a; do
		case $a in
		id=*,src=*)
			id=${a%%,*}
			cat "${a#*,src=}" >"$STORE/built.${id#id=}"
			;;
		esac
	done ;;
"vault kv get -mount=secret -field=value "*) [ $# = 5 ] && [ -e "$STORE/$(echo "$5" | tr / _)" ] ;;
"vault kv put -mount=secret "*)
	shift 3
	case $1 in -cas=0) [ ! -e "$STORE/$(echo "$2" | tr / _)" ] || wrong "$@"; shift ;; esac
	[ $# = 2 ] || wrong "$@"
	case $2 in
	value=@*) keep "$(echo "$1" | tr / _)" <"${2#value=@}" ;;
	value=-) keep "$(echo "$1" | tr / _)" ;;
	*) wrong "$@" ;;
	esac ;;
"kubectl get secret "*) [ -e "$STORE/$3" ] ;;
"kubectl create secret generic "*" --from-file="*"=/"*" --dry-run=client -o yaml" | "kubectl create secret generic "*" --from-file="*"="*" --dry-run=client -o yaml")
	[ $# = 8 ] || wrong "$@"
	from=${5#--from-file=}
	printf '%s ' "$4" "${from%%=*}"
	base64 <"${from#*=}" | tr -d '\n' ;;
"kubectl apply --server-side --force-conflicts -f -")
	read -r name key value
	printf %s "$value" | base64 -d | keep "$name" ;;
"aws secretsmanager describe-secret --secret-id "*) [ -e "$STORE/$4" ] ;;
"aws secretsmanager create-secret --name "*" --secret-string file://"*) [ ! -e "$STORE/$4" ] || wrong "$@"; keep "$4" <"${6#file://}"; echo '{"ARN": "x"}' ;;
"aws secretsmanager put-secret-value --secret-id "*" --secret-string file://"*) keep "$4" <"${6#file://}"; echo '{"ARN": "x"}' ;;
"aws secretsmanager get-secret-value --secret-id "*" --query SecretString --output text") cat "$STORE/$4"; echo ;;
"gcloud secrets describe "*) [ -e "$STORE/$3" ] ;;
"gcloud secrets create "*" --replication-policy=automatic --data-file="*) [ ! -e "$STORE/$3" ] || wrong "$@"; keep "$3" <"${5#--data-file=}" ;;
"gcloud secrets versions add "*" --data-file="*) keep "$4" <"${5#--data-file=}" ;;
"gcloud secrets versions access latest --secret="*" --out-file="*) name=${5#--secret=}; cat "$STORE/$name" >"${6#--out-file=}" ;;
"az keyvault secret show --vault-name shop --name "*" --output none") [ -e "$STORE/$7" ] ;;
"az keyvault secret set --vault-name shop --name "*" --file "*" --encoding utf-8 --output none") keep "$7" <"$9" ;;
"az keyvault secret download --vault-name shop --name "*" --file "*" --encoding utf-8 --output none") [ ! -e "$9" ] || wrong "$@"; cat "$STORE/$7" >"$9" ;;
*) wrong "$@" ;;
esac
`

// scripted is a project with a file whose value ends a line, one whose value does not, and a variable.
const scripted = `name: shop
services:
  web:
    image: registry.example.com/web:1
    build:
      context: .
      secrets: [NPM_TOKEN, key.pem]
    environment:
      STRIPE_KEY: ${STRIPE_KEY:?}
    secrets: [POSTGRES_PASSWORD, key.pem, SESSION_KEY]
secrets:
  POSTGRES_PASSWORD: {file: ./secrets/POSTGRES_PASSWORD}
  key.pem: {file: "./it's here/key.pem"}
  SESSION_KEY: {environment: SESSION_KEY}
  NPM_TOKEN: {environment: NPM_TOKEN}
`

// TestTargetScripts runs the scripts that fix --target writes, with programs that note what they are called with: the stores get the very
// bytes, what is there is kept, what is named is renewed, and no command line holds a value.
func TestTargetScripts(t *testing.T) {
	values := map[string]string{
		"POSTGRES_PASSWORD": "pw-c4n4ry-EXAMPLE-9Zk4",
		"key.pem":           "-----BEGIN c4n4ry-EXAMPLE-----\nAAAA\n-----END-----\n",
		"SESSION_KEY":       `se-c4n4ry-EXAMPLE "x" \n $HOME %s`,
		"NPM_TOKEN":         "np-c4n4ry-EXAMPLE-3Wq8\n",
		"STRIPE_KEY":        "-st-c4n4ry-EXAMPLE-7Qm2x",
	}
	for _, c := range []storeCase{
		{"swarm", "secrets.create.sh", nil, map[string]string{"POSTGRES_PASSWORD": "shop_POSTGRES_PASSWORD_v1", "key.pem": "shop_key.pem_v1", "SESSION_KEY": "shop_SESSION_KEY_v1"}},
		{"vault", "vault/put.sh", nil, map[string]string{"POSTGRES_PASSWORD": "shop_POSTGRES_PASSWORD", "key.pem": "shop_key.pem", "SESSION_KEY": "shop_SESSION_KEY"}},
		{"kubernetes", "k8s/secrets.create.sh", nil, map[string]string{"POSTGRES_PASSWORD": "shop-postgres-password", "key.pem": "shop-key-pem", "SESSION_KEY": "shop-session-key", "STRIPE_KEY": "shop-stripe-key"}},
		{"aws", "secrets.aws.sh", []string{"put"}, cloudNames},
		{"gcp", "secrets.gcp.sh", []string{"put"}, cloudNames},
		{"azure", "secrets.azure.sh", []string{"put"}, cloudNames},
	} {
		t.Run(c.target, func(t *testing.T) {
			t.Parallel()
			dir, bin, store := t.TempDir(), t.TempDir(), t.TempDir()
			writeTree(t, dir, map[string]string{
				"compose.yaml":              scripted,
				"Dockerfile":                "# syntax=docker/dockerfile:1\nFROM node:20\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN --mount=type=secret,id=key.pem npm ci\n",
				"secrets/POSTGRES_PASSWORD": values["POSTGRES_PASSWORD"],
				"it's here/key.pem":         values["key.pem"],
			})
			for _, program := range []string{"docker", "vault", "kubectl", "aws", "gcloud", "az"} {
				if err := os.WriteFile(filepath.Join(bin, program), []byte(stores), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			if code := run([]string{"fix", "--target", c.target, dir}, &out, &out); code != exitClean {
				t.Fatalf("exit %d\n%s", code, out.String())
			}
			env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "STORE="+store, "AZURE_KEY_VAULT=shop")
			for _, name := range []string{"SESSION_KEY", "NPM_TOKEN", "STRIPE_KEY"} {
				env = append(env, name+"="+values[name])
			}
			shell := "dash"
			if _, err := exec.LookPath(shell); err != nil {
				shell = "sh"
			}
			said := func(stdin string, want int, args ...string) string {
				t.Helper()
				cmd := exec.Command(shell, append([]string{filepath.Join(dir, c.script)}, args...)...)
				cmd.Dir, cmd.Env, cmd.Stdin = t.TempDir(), env, strings.NewReader(stdin)
				out, _ := cmd.CombinedOutput()
				if code := cmd.ProcessState.ExitCode(); code != want {
					t.Fatalf("%v: exit %d, want %d\n%s", args, code, want, out)
				}
				return string(out)
			}
			kept := func(secret string) string {
				data, err := os.ReadFile(filepath.Join(store, c.store[secret]))
				if err != nil {
					return fmt.Sprint(err)
				}
				return string(data)
			}
			all := said("", 0, c.put...)
			for secret := range c.store {
				if got := kept(secret); got != values[secret] {
					t.Errorf("%s is %q, want %q", secret, got, values[secret])
				}
			}
			// Again: all are kept. With a file gone too: what the store has needs none.
			if err := os.WriteFile(filepath.Join(dir, "secrets/POSTGRES_PASSWORD"), []byte("pw-c4n4ry-EXAMPLE-new"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "it's here/key.pem")); err != nil {
				t.Fatal(err)
			}
			all += said("", 0, c.put...)
			if got := kept("POSTGRES_PASSWORD"); got != values["POSTGRES_PASSWORD"] {
				t.Errorf("a second run put %q", got)
			}
			// One that is named is renewed.
			if c.target == "swarm" {
				stack := filepath.Join(dir, "docker-stack.yml")
				src, _ := os.ReadFile(stack)
				if err := os.WriteFile(stack, bytes.Replace(src, []byte("PASSWORD_v1"), []byte("PASSWORD_v2"), 1), 0o644); err != nil {
					t.Fatal(err)
				}
				c.store["POSTGRES_PASSWORD"] = "shop_POSTGRES_PASSWORD_v2"
				all += said("pw-c4n4ry-EXAMPLE-new", 0, "POSTGRES_PASSWORD")
				var again bytes.Buffer
				if code := run([]string{"fix", "--target", c.target, dir}, &again, &again); code != exitClean {
					t.Errorf("a secret that was rotated by hand is a finding:\n%s", again.String())
				}
			} else {
				all += said("", 0, append(slices.Clone(c.put), "POSTGRES_PASSWORD")...)
			}
			if got := kept("POSTGRES_PASSWORD"); got != "pw-c4n4ry-EXAMPLE-new" {
				t.Errorf("rotated, it is %q", got)
			}
			said("", 1, append(slices.Clone(c.put), "NO_SUCH")...)
			if c.put != nil {
				all += c.fetches(t, dir, store, values, said)
			}
			log, err := os.ReadFile(filepath.Join(store, ".log"))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{string(log), all} {
				if strings.Contains(text, "c4n4ry") {
					t.Errorf("a value is told:\n%s", text)
				}
			}
		})
	}
}

type storeCase struct {
	target, script string
	put            []string          // arguments that come before names
	store          map[string]string // where the store has them
}

// fetches gets the values back: to files, to a command's environment, to a build.
func (c storeCase) fetches(t *testing.T, dir, store string, values map[string]string, said func(string, int, ...string) string) (all string) {
	t.Helper()
	all += said("", 0, "get")
	if got, _ := os.ReadFile(filepath.Join(dir, "it's here/key.pem")); string(got) != values["key.pem"] {
		t.Errorf("got %q, want %q", got, values["key.pem"])
	}
	if info, err := os.Stat(filepath.Join(dir, "it's here/key.pem")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	out := said("", 0, "run", "sh", "-c", `printf '%s|%s|%s' "$SESSION_KEY" "$NPM_TOKEN" "$STRIPE_KEY" >seen`)
	all += out
	if got, _ := os.ReadFile(filepath.Join(dir, "seen")); string(got) != values["SESSION_KEY"]+"|"+values["NPM_TOKEN"]+"|"+values["STRIPE_KEY"] {
		t.Errorf("a command saw %q", got)
	}
	all += said("", 0, "build", "web", "-t", "registry.example.com/web:2")
	for _, id := range []string{"NPM_TOKEN", "key.pem"} {
		if got, _ := os.ReadFile(filepath.Join(store, "built."+id)); string(got) != values[id] {
			t.Errorf("the build got %s as %q", id, got)
		}
	}
	all += said("", 1, "build", "db")
	return all + said("", 1)
}

var cloudNames = map[string]string{
	"POSTGRES_PASSWORD": "shop-postgres-password", "key.pem": "shop-key-pem", "SESSION_KEY": "shop-session-key", "NPM_TOKEN": "shop-npm-token", "STRIPE_KEY": "shop-stripe-key",
}
