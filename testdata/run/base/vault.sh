#!/bin/sh
# vault agent -config=FILE: the templates of the file, with the token that it names. What only the agent knows is left out.
set -e

[ "$1" = agent ] || { echo >&2 "vault.sh: no $1 here"; exit 1; }
config=${2#-config=}
token=$(sed -n 's/^ *token_file_path = "\(.*\)"$/\1/p' "$config")
VAULT_TOKEN=$(cat "$token")
export VAULT_TOKEN
sed '/^auto_auth {/,/^}/d; /^template_config {/,/^}/d' "$config" >/tmp/templates.hcl
echo 'seen ready'
exec consul-template -config=/tmp/templates.hcl -vault-renew-token=false -log-level=warn
