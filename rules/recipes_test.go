package rules

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// wiped undoes what gcloud keeps of a key.
const wiped = `rm -rf "${CLOUDSDK_CONFIG:=$HOME/.config/gcloud}"/credentials* "$CLOUDSDK_CONFIG"/access_tokens* "$CLOUDSDK_CONFIG"/legacy_credentials ` +
	`"$CLOUDSDK_CONFIG"/logs ~/.gsutil/credstore ~/.gsutil/credstore2 /tmp/oauth2_client-tokencache*`

// respellings are commands and what they are said as: the row of writers.tsv, then the
// variables, what undoes the command, and what replaces it.
var respellings = []struct{ command, want string }{
	{`npm config set //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config
undo npm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set //registry.example.com/:_authToken=$NPM_TOKEN`, `npm-config
undo npm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set "//registry.example.com/:_authToken" "${NPM_TOKEN}"`, `npm-config
undo npm config delete "//registry.example.com/:_authToken" && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set '//registry.example.com/:_authToken'="$NPM_TOKEN"`, `npm-config
undo npm config delete '//registry.example.com/:_authToken' && rm -rf "$(npm config get cache)/_logs"`},
	{`npm c set @acme:registry https://registry.example.com/ //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config
undo npm config delete @acme:registry && npm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm set //registry.example.com/:_authToken=$NPM_TOKEN --location=global`, `npm-config
undo npm config delete --location=global //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set -g //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config
undo npm config delete -g //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set --location project //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config
undo npm config delete --location project //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set -L user //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config
undo npm config delete -L user //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm --userconfig /tmp/npmrc config set //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config
undo npm config delete --userconfig /tmp/npmrc //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set registry https://u:$T@registry.example.com/`, `npm-config
undo npm config delete registry && rm -rf "$(npm config get cache)/_logs"`},
	{`/usr/local/bin/npm config set //$HOST/:_authToken "$(cat /run/secrets/npm)"`, `npm-config
undo /usr/local/bin/npm config delete //$HOST/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`npm config set //registry.example.com/:_authToken $NPM_TOKEN --no-such-option`, `npm-config: not certain`},
	{`npm $FLAGS config set a b`, `npm-config: not certain`},
	{`npm config delete //registry.example.com/:_authToken`, `keeps nothing`},
	{`npm config get //registry.example.com/:_authToken`, `keeps nothing`},
	{`npm config list`, `keeps nothing`},
	{`npm config set`, `keeps nothing`},
	{`npm login --registry https://registry.example.com`, `npm-login: not certain`},
	{`npm-cli-login -u u -p $T -e a@example.com -r https://registry.example.com`, `npm-login: not certain`},
	{`npm install git+https://x:$T@github.com/acme/lib.git`, `npm-install-url: not certain`},
	{`npm install --save express`, `keeps nothing`},
	{`npm ci`, `keeps nothing`},
	{`yarn add git+https://$T@github.com/acme/lib.git`, `npm-install-url: not certain`},
	{`sudo npm config set //registry.example.com/:_authToken $NPM_TOKEN`, `npm-config: not certain`},
	{`pnpm config set //registry.example.com/:_authToken $NPM_TOKEN`, `pnpm-config
undo pnpm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`pnpm config set --location=project //registry.example.com/:_authToken=$NPM_TOKEN`, `pnpm-config
undo pnpm config delete --location=project //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`pnpm set //registry.example.com/:_authToken=$NPM_TOKEN`, `pnpm-config
undo pnpm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`yarn config set //registry.example.com/:_authToken $NPM_TOKEN`, `yarn-config
undo yarn config delete //registry.example.com/:_authToken`},
	{`yarn config set //registry.example.com/:_authToken $NPM_TOKEN -g`, `yarn-config
undo yarn config delete -g //registry.example.com/:_authToken`},
	{`yarn config set registry https://u:$T@registry.example.com/`, `yarn-config
undo yarn config delete registry`},
	{`yarn config set npmAuthToken $NPM_TOKEN`, `yarn-berry-config
env YARN_NPM_AUTH_TOKEN="$NPM_TOKEN"
undo yarn config unset npmAuthToken`},
	{`yarn config set -H npmAuthToken "$NPM_TOKEN"`, `yarn-berry-config
env YARN_NPM_AUTH_TOKEN="$NPM_TOKEN"
undo yarn config unset -H npmAuthToken`},
	{`yarn config set npmAuthIdent u:$T`, `yarn-berry-config
env YARN_NPM_AUTH_IDENT="u:$T"
undo yarn config unset npmAuthIdent`},
	{`yarn config set npmScopes.acme.npmAuthToken $NPM_TOKEN`, `yarn-berry-map
undo yarn config unset npmScopes.acme.npmAuthToken`},
	{`yarn config set 'npmRegistries["//registry.example.com"].npmAuthToken' $NPM_TOKEN`, `yarn-berry-map
undo yarn config unset 'npmRegistries["//registry.example.com"].npmAuthToken'`},
	{`yarn config set npmAuthToken --json "\"$NPM_TOKEN\""`, `yarn-berry-map
undo yarn config unset npmAuthToken`},
	{`yarn config set httpProxy http://u:$T@proxy.example.com`, `yarn-berry-map
undo yarn config unset httpProxy`},
	{`yarn install`, `keeps nothing`},
	{`git config --global url."https://$T@github.com/".insteadOf "https://github.com/"`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
undo git config --global --remove-section "url.https://$T@github.com/"`},
	{`git config --global url."https://${U}:${T}@github.com/".insteadOf https://github.com/`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://${U}:${T}@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
undo git config --global --remove-section "url.https://${U}:${T}@github.com/"`},
	{`git config --global --add url."https://$T:x-oauth-basic@github.com/".insteadOf ssh://git@github.com/`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T:x-oauth-basic@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="ssh://git@github.com/"
undo git config --global --remove-section "url.https://$T:x-oauth-basic@github.com/"`},
	{`git config --system url."https://oauth2:$T@gitlab.example.com/".pushInsteadOf "git@gitlab.example.com:"`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://oauth2:$T@gitlab.example.com/.pushInsteadOf"
env GIT_CONFIG_VALUE_0="git@gitlab.example.com:"
undo git config --system --remove-section "url.https://oauth2:$T@gitlab.example.com/"`},
	{`git config --global http.https://dev.example.com/.extraheader "AUTHORIZATION: bearer $T"`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="http.https://dev.example.com/.extraheader"
env GIT_CONFIG_VALUE_0="AUTHORIZATION: bearer $T"
undo git config --global --unset-all http.https://dev.example.com/.extraheader`},
	{`git config --global --add http.extraheader "Authorization: Basic $(printf %s "u:$T" | base64 -w0)"`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="http.extraheader"
env GIT_CONFIG_VALUE_0="Authorization: Basic $(printf %s "u:$T" | base64 -w0)"`},
	{`git config --global http.proxy http://u:$T@proxy.example.com:3128`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="http.proxy"
env GIT_CONFIG_VALUE_0="http://u:$T@proxy.example.com:3128"
undo git config --global --unset-all http.proxy`},
	{`git config --global credential.helper "!f() { echo username=x; echo password=$T; }; f"`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="credential.helper"
env GIT_CONFIG_VALUE_0="!f() { echo username=x; echo password=$T; }; f"
undo git config --global --unset-all credential.helper`},
	{`git config --global credential.helper store`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="credential.helper"
env GIT_CONFIG_VALUE_0="store"
undo git config --global --unset-all credential.helper`},
	{`git config --file /etc/gitconfig url."https://$T@github.com/".insteadOf https://github.com/`, `git-config-file
undo git config --file /etc/gitconfig --remove-section "url.https://$T@github.com/"`},
	{`git config url."https://$T@github.com/".insteadOf https://github.com/`, `git-config-local
undo git config --remove-section "url.https://$T@github.com/"`},
	{`git -C /src config http.extraheader "Authorization: $T"`, `git-config-local
undo git -C /src config --unset-all http.extraheader`},
	{`git config --global --get user.name`, `keeps nothing`},
	{`git config --global --unset url."https://$T@github.com/".insteadOf`, `keeps nothing`},
	{`git config --global user.name`, `keeps nothing`},
	{`git config --global user.name Build`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="user.name"
env GIT_CONFIG_VALUE_0="Build"
undo git config --global --unset-all user.name`},
	{`git config set --global url."https://$T@github.com/".insteadOf https://github.com/`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
undo git config --global --remove-section "url.https://$T@github.com/"`},
	{`git clone https://$T@github.com/acme/app.git`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git -c "url.https://$T@github.com/.insteadOf=https://github.com/" clone https://github.com/acme/app.git`},
	{`git clone "https://u:${T}@git.example.com/acme/app.git" /src`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://u:${T}@git.example.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://git.example.com/"
replace git -c "url.https://u:${T}@git.example.com/.insteadOf=https://git.example.com/" clone "https://git.example.com/acme/app.git" /src`},
	{`git clone --depth 1 --recursive -b main https://oauth2:$T@gitlab.example.com/acme/app.git app`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://oauth2:$T@gitlab.example.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://gitlab.example.com/"
replace git -c "url.https://oauth2:$T@gitlab.example.com/.insteadOf=https://gitlab.example.com/" clone --depth 1 --recursive -b main https://gitlab.example.com/acme/app.git app`},
	{`git clone -qb v1 https://$T@github.com/acme/app`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git -c "url.https://$T@github.com/.insteadOf=https://github.com/" clone -qb v1 https://github.com/acme/app`},
	{`git clone https://ghp_c4n4ryEXAMPLE7Qm2xc4n4ryEXAMPLE7Qm2x@github.com/acme/app.git && cd app`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://ghp_c4n4ryEXAMPLE7Qm2xc4n4ryEXAMPLE7Qm2x@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git -c "url.https://ghp_c4n4ryEXAMPLE7Qm2xc4n4ryEXAMPLE7Qm2x@github.com/.insteadOf=https://github.com/" clone https://github.com/acme/app.git`},
	{`git clone https://x-token-auth:$T@bitbucket.org/acme/app.git`, `git-clone: not certain`},
	{`git clone https://u:a=b$T@git.example.com/app.git`, `git-clone: not certain`},
	{`git clone $REPO_URL app`, `git-clone: not certain`},
	{`git clone https://github.com/acme/app.git`, `git-clone: not certain`},
	{`git clone git@github.com:acme/app.git`, `git-clone: not certain`},
	{`git clone -c http.extraheader="Authorization: Bearer $T" https://github.com/acme/app`, `git-clone: not certain`},
	{`git clone --mirror https://$T@github.com/acme/app.git`, `git-clone: not certain`},
	{`git clone 'https://u:p c4n4ry@git.example.com/x'`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://u:p c4n4ry@git.example.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://git.example.com/"
replace git -c "url.https://u:p c4n4ry@git.example.com/.insteadOf=https://git.example.com/" clone "https://git.example.com/x"`},
	{`git clone http://$U:$T@$HOST:8080/$REPO.git .`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.http://$U:$T@$HOST:8080/.insteadOf"
env GIT_CONFIG_VALUE_0="http://$HOST:8080/"
replace git -c "url.http://$U:$T@$HOST:8080/.insteadOf=http://$HOST:8080/" clone http://$HOST:8080/$REPO.git .`},
	{`git submodule add https://$T@github.com/acme/lib.git vendor/lib`, `git-submodule
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git -c "url.https://$T@github.com/.insteadOf=https://github.com/" submodule add https://github.com/acme/lib.git vendor/lib`},
	{`git submodule update --init --recursive`, `keeps nothing`},
	{`git remote add origin https://$T@github.com/acme/app.git`, `git-remote
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git remote add origin https://github.com/acme/app.git`},
	{`git remote set-url origin "https://$T@github.com/acme/app.git"`, `git-remote
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git remote set-url origin "https://github.com/acme/app.git"`},
	{`git remote set-url --delete origin x`, `keeps nothing`},
	{`git pull https://$T@github.com/acme/app.git main`, `git-fetch
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git -c "url.https://$T@github.com/.insteadOf=https://github.com/" pull https://github.com/acme/app.git main`},
	{`git fetch -q --depth 1 https://$T@github.com/acme/app.git $REF`, `git-fetch
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
replace git -c "url.https://$T@github.com/.insteadOf=https://github.com/" fetch -q --depth 1 https://github.com/acme/app.git $REF`},
	{`git ls-remote https://$T@github.com/acme/app.git`, `keeps nothing`},
	{`git pull`, `keeps nothing`},
	{`git credential approve`, `git-credential: not certain`},
	{`git credential-store --file /root/.credentials store`, `git-credential-store: not certain`},
	{`git credential fill`, `keeps nothing`},
	{`repo init -u https://$T@git.example.com/manifest -b main`, `repo-init: not certain`},
	{`hg clone https://u:$T@hg.example.com/app`, `hg-clone: not certain`},
	{`pip config set global.index-url https://u:$T@pypi.example.com/simple`, `pip-config
env PIP_INDEX_URL="https://u:$T@pypi.example.com/simple"
undo pip config unset global.index-url`},
	{`pip3 config --user set global.extra-index-url "https://u:$T@pypi.example.com/simple"`, `pip-config
env PIP_EXTRA_INDEX_URL="https://u:$T@pypi.example.com/simple"
undo pip3 config --user unset global.extra-index-url`},
	{`python3 -m pip config set --site global.index-url "https://$T@pypi.example.com/simple"`, `pip-config
env PIP_INDEX_URL="https://$T@pypi.example.com/simple"
undo python3 -m pip config --site unset global.index-url`},
	{`pip config set install.index-url https://u:$T@pypi.example.com/simple`, `pip-config
undo pip config unset install.index-url`},
	{`pip config unset global.index-url`, `keeps nothing`},
	{`pip install -e git+https://$T@github.com/acme/lib.git#egg=lib`, `pip-editable: not certain`},
	{`pip install git+https://$T@github.com/acme/lib.git`, `keeps nothing`},
	{`pip install --index-url https://u:$T@pypi.example.com/simple lib`, `keeps nothing`},
	{`poetry config http-basic.acme-pypi u $T`, `poetry-basic
env POETRY_HTTP_BASIC_ACME_PYPI_USERNAME="u"
env POETRY_HTTP_BASIC_ACME_PYPI_PASSWORD="$T"
undo poetry config --unset http-basic.acme-pypi`},
	{`poetry config http-basic.acme "$U" "$T" --no-interaction`, `poetry-basic
env POETRY_HTTP_BASIC_ACME_USERNAME="$U"
env POETRY_HTTP_BASIC_ACME_PASSWORD="$T"
undo poetry config --unset http-basic.acme`},
	{`poetry config pypi-token.pypi $T`, `poetry-token
env POETRY_PYPI_TOKEN_PYPI="$T"
undo poetry config --unset pypi-token.pypi`},
	{`poetry config repositories.acme https://u:$T@pypi.example.com/simple`, `poetry-config
undo poetry config --unset repositories.acme`},
	{`poetry config --unset http-basic.acme`, `keeps nothing`},
	{`poetry config http-basic.$NAME u $T`, `poetry-basic
undo poetry config --unset http-basic.$NAME`},
	{`pdm config pypi.acme.password $T`, `pdm-config
undo pdm config --delete pypi.acme.password`},
	{`conda config --add channels https://conda.example.com/t/$T/main`, `conda-add
undo conda config --remove channels https://conda.example.com/t/$T/main`},
	{`conda config --set proxy_servers.https https://u:$T@proxy.example.com`, `conda-set
undo conda config --remove-key proxy_servers.https`},
	{`bundle config github.com $T:x-oauth-basic`, `bundle-config
env BUNDLE_GITHUB__COM="$T:x-oauth-basic"
undo bundle config --delete github.com`},
	{`bundle config --global gems.example.com u:$T`, `bundle-config
env BUNDLE_GEMS__EXAMPLE__COM="u:$T"
undo bundle config --global --delete gems.example.com`},
	{`bundle config set --global https://gems.example.com/ u:$T`, `bundle-set
env BUNDLE_GEMS__EXAMPLE__COM="u:$T"
undo bundle config unset --global https://gems.example.com/`},
	{`bundle config set --local my-gems.example.com "u:$T"`, `bundle-set
undo bundle config unset --local my-gems.example.com`},
	{`bundle config set https://gems.example.com/private/ u:$T`, `bundle-set
undo bundle config unset https://gems.example.com/private/`},
	{`bundle config unset github.com`, `keeps nothing`},
	{`bundle config get github.com`, `keeps nothing`},
	{`bundle config --delete github.com`, `keeps nothing`},
	{`bundle config jobs 4`, `keeps nothing`},
	{`gem sources --add https://u:$T@gems.example.com/`, `gem-sources
undo gem sources -r https://u:$T@gems.example.com/`},
	{`gem sources -a https://$T@gems.example.com/ -r https://rubygems.org/`, `gem-sources: not certain`},
	{`composer config -g http-basic.repo.example.com u $T`, `composer-config
undo composer config -g --unset http-basic.repo.example.com`},
	{`composer config --global --auth github-oauth.github.com $T`, `composer-config
undo composer config --global --auth --unset github-oauth.github.com`},
	{`composer config gitlab-token.gitlab.example.com $T`, `composer-config
undo composer config --unset gitlab-token.gitlab.example.com`},
	{`composer global config github-oauth.github.com ${T}`, `composer-global
undo composer global config --unset github-oauth.github.com`},
	{`composer config --global --unset github-oauth.github.com`, `keeps nothing`},
	{`cargo login $T`, `cargo-login
env CARGO_REGISTRY_TOKEN="$T"`},
	{`cargo login --registry my-registry "$T"`, `cargo-registry
env CARGO_REGISTRIES_MY_REGISTRY_TOKEN="$T"`},
	{`echo $T | cargo login --registry acme`, `cargo-registry
env CARGO_REGISTRIES_ACME_TOKEN="$T"`},
	{`cat /run/secrets/cargo | cargo login`, `cargo-login
env CARGO_REGISTRY_TOKEN="$(cat /run/secrets/cargo)"`},
	{`printf '%s\n' "$T" | cargo login`, `cargo-login
env CARGO_REGISTRY_TOKEN="$T"`},
	{`curl https://example.com/t | cargo login`, `cargo-login: not certain`},
	{`cargo install --git https://$T@github.com/acme/tool`, `cargo-install: not certain`},
	{`cargo install ripgrep`, `keeps nothing`},
	{`go env -w GOPROXY=https://u:$T@goproxy.example.com,direct`, `go-env
env GOPROXY="https://u:$T@goproxy.example.com,direct"
undo go env -u GOPROXY`},
	{`go env -w GOPRIVATE=git.example.com GOPROXY="https://u:$T@goproxy.example.com"`, `go-env
env GOPRIVATE="git.example.com"
env GOPROXY="https://u:$T@goproxy.example.com"
undo go env -u GOPRIVATE && go env -u GOPROXY`},
	{`go env GOPROXY`, `keeps nothing`},
	{`dotnet nuget add source https://nuget.example.com/v3/index.json -n acme -u u -p $T --store-password-in-clear-text`, `dotnet-add
env NuGetPackageSourceCredentials_acme="Username=u;Password=$T"
undo dotnet nuget remove source acme
replace dotnet nuget add source https://nuget.example.com/v3/index.json -n acme`},
	{`dotnet nuget add source "https://nuget.example.com/v3/index.json" --name "acme" --username "$U" --password "$T" --store-password-in-clear-text --configfile /root/.nuget/NuGet/NuGet.Config`, `dotnet-add
env NuGetPackageSourceCredentials_acme="Username=$U;Password=$T"
undo dotnet nuget remove source "acme" --configfile /root/.nuget/NuGet/NuGet.Config
replace dotnet nuget add source "https://nuget.example.com/v3/index.json" --name "acme" --configfile /root/.nuget/NuGet/NuGet.Config`},
	{`dotnet nuget add source https://nuget.example.com/v3/index.json -n acme-feed -u u -p $T --store-password-in-clear-text`, `dotnet-add
undo dotnet nuget remove source acme-feed`},
	{`dotnet nuget add source https://nuget.example.com/v3/index.json -n acme`, `dotnet-add
undo dotnet nuget remove source acme`},
	{`dotnet nuget update source acme -u u -p $T --store-password-in-clear-text`, `dotnet-credential
env NuGetPackageSourceCredentials_acme="Username=u;Password=$T"`},
	{`dotnet nuget update source acme --source https://nuget.example.com/v3/index.json --username u --password=$T --store-password-in-clear-text`, `dotnet-update
env NuGetPackageSourceCredentials_acme="Username=u;Password=$T"
replace dotnet nuget update source acme --source https://nuget.example.com/v3/index.json`},
	{`nuget sources add -Name acme -Source https://nuget.example.com -UserName u -Password $T -StorePasswordInClearText`, `nuget-add
env NuGetPackageSourceCredentials_acme="Username=u;Password=$T"
undo nuget sources remove -Name acme
replace nuget sources add -Name acme -Source https://nuget.example.com`},
	{`nuget setapikey $T -Source https://nuget.example.com`, `nuget-key: not certain`},
	{`conan remote login acme u -p $T`, `conan-login
env CONAN_LOGIN_USERNAME_ACME="u"
env CONAN_PASSWORD_ACME="$T"`},
	{`conan user -p $T -r acme-remote u`, `conan-user-remote
env CONAN_LOGIN_USERNAME_ACME_REMOTE="u"
env CONAN_PASSWORD_ACME_REMOTE="$T"`},
	{`conan user u -p "$T"`, `conan-user
env CONAN_LOGIN_USERNAME="u"
env CONAN_PASSWORD="$T"`},
	{`conan remote add acme https://u:$T@conan.example.com`, `conan-remote
undo conan remote remove acme`},
	{`mix hex.organization auth acme --key $T`, `hex-organization
undo mix hex.organization deauth acme`},
	{`mix hex.repo add oban https://getoban.pro/repo --auth-key $T --fetch-public-key SHA256:abc`, `hex-repo
undo mix hex.repo remove oban`},
	{`aws configure set aws_access_key_id $ID`, `aws-configure
env AWS_ACCESS_KEY_ID="$ID"`},
	{`aws configure set aws_secret_access_key "$T" --profile default`, `aws-configure
env AWS_SECRET_ACCESS_KEY="$T"`},
	{`aws configure set default.aws_session_token $T`, `aws-configure
env AWS_SESSION_TOKEN="$T"`},
	{`aws configure set aws_secret_access_key $T --profile ci`, `aws-other: not certain`},
	{`aws configure set region eu-west-1`, `aws-other: not certain`},
	{`gcloud auth activate-service-account --key-file=/tmp/key.json`, "gcloud-auth\nundo " + wiped},
	{`echo "$KEY" | gcloud -q auth activate-service-account ci@acme.iam.example.com --key-file -`, "gcloud-auth\nundo " + wiped},
	{`gcloud auth activate-service-account --project=$P --key-file=/run/secrets/key`, "gcloud-project\nundo " + wiped},
	{`gcloud auth activate-service-account --key-file=/key.p12 --password-file=/p`, `gcloud-auth: not certain`},
	{`CLOUDSDK_CONFIG=/g gcloud auth activate-service-account --key-file=/key.json`, `gcloud-auth: not certain`},
	{`sudo gcloud auth activate-service-account --key-file=/key.json`, `gcloud-auth: not certain`},
	{`gcloud auth revoke --all`, `keeps nothing`},
	{`az login --service-principal -u $ID -p $T --tenant $TENANT`, `az-login: not certain`},
	{`doctl auth init -t $T`, `doctl-auth
env DIGITALOCEAN_ACCESS_TOKEN="$T"`},
	{`doctl auth init --access-token $T --context ci`, `doctl-auth: not certain`},
	{`docker login -u u -p $T registry.example.com`, `docker-login
undo docker logout registry.example.com`},
	{`echo $T | docker login registry.example.com -u u --password-stdin`, `docker-login
undo docker logout registry.example.com`},
	{`docker login --username u --password $T`, `docker-login
undo docker logout`},
	{`podman login -u u -p $T registry.example.com`, `container-login
undo podman logout registry.example.com`},
	{`skopeo login --authfile /tmp/auth.json -u u -p $T registry.example.com`, `container-login
undo skopeo logout --authfile /tmp/auth.json registry.example.com`},
	{`helm repo add acme https://charts.example.com --username u --password $T`, `helm-repo
undo helm repo remove acme`},
	{`helm registry login registry.example.com -u u -p $T`, `helm-registry
undo helm registry logout registry.example.com`},
	{`crane auth login registry.example.com -u u -p $T`, `crane-login
undo crane auth logout registry.example.com`},
	{`oras login -u u -p $T registry.example.com`, `oras-login
undo oras logout registry.example.com`},
	{`kubectl config set-credentials ci --token=$T`, `kubectl-user
undo kubectl config unset users.ci`},
	{`mc alias set acme https://s3.example.com $ID $T`, `mc-alias
undo mc alias remove acme`},
	{`echo $T | gh auth login --with-token`, `gh-login
env GH_TOKEN="$T"`},
	{`echo "$T" | gh auth login --with-token --hostname github.com`, `gh-login
env GH_TOKEN="$T"`},
	{`printf %s $T | gh auth login --hostname git.example.com --with-token`, `gh-enterprise
env GH_ENTERPRISE_TOKEN="$T"
env GH_HOST="git.example.com"`},
	{`gh auth login --with-token < /run/secrets/gh`, `gh-login
env GH_TOKEN="$(cat /run/secrets/gh)"`},
	{`gh auth login --with-token < token.txt`, `gh-login: not certain`},
	{`gh auth login --with-token <<< "$T"`, `gh-login
env GH_TOKEN="$T"`},
	{`glab auth login --token $T`, `glab-login
env GITLAB_TOKEN="$T"`},
	{`glab auth login --hostname git.example.com --token $T`, `glab-login-other: not certain`},
	{`huggingface-cli login --token $T`, `hf-login
env HF_TOKEN="$T"`},
	{`huggingface-cli login --token $T --add-to-git-credential`, `hf-git: not certain`},
	{`hf auth login --token "${HF}"`, `hf-login
env HF_TOKEN="${HF}"`},
	{`sentry-cli login --auth-token $T`, `sentry-login
env SENTRY_AUTH_TOKEN="$T"`},
	{`snyk auth $T`, `snyk-auth
env SNYK_TOKEN="$T"`},
	{`snyk config set api=$T`, `snyk-config
env SNYK_TOKEN="$T"
undo snyk config unset api`},
	{`wandb login $T`, `wandb-login
env WANDB_API_KEY="$T"`},
	{`wandb login --relogin "$T"`, `wandb-login
env WANDB_API_KEY="$T"`},
	{`wandb login --host https://wandb.example.com $T`, `wandb-login: not certain`},
	{`vault login $T`, `vault-login
env VAULT_TOKEN="$T"`},
	{`vault login -method=userpass username=u password=$T`, `vault-other: not certain`},
	{`vault login -method=token $T`, `vault-login
env VAULT_TOKEN="$T"`},
	{`cachix authtoken $T`, `cachix-auth
env CACHIX_AUTH_TOKEN="$T"`},
	{`dvc remote modify --local origin password $T`, `dvc-remote
undo dvc remote modify --local --unset origin password`},
	{`gpg --batch --import /tmp/key.asc`, `gpg-import: not certain`},
	{`keytool -importcert -keystore /k -storepass $T -file /c`, `keytool: not certain`},
	{`for h in a b; do git config --global url."https://$T@$h/".insteadOf https://$h/; done`, `git-config: not certain`},
	{`f() { npm config set a $T; }; f`, `npm-config: not certain`},
	{`x=$(npm config set a $T)`, `npm-config: not certain`},
	{`sh -c 'npm config set a $T'`, `npm-config: not certain`},
	{`HOME=/root npm config set a $T`, `npm-config: not certain`},
	{`if [ -n "$T" ]; then npm config set //registry.example.com/:_authToken $T; fi`, `npm-config
undo npm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`[ -z "$T" ] || git config --global url."https://$T@github.com/".insteadOf https://github.com/`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://$T@github.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://github.com/"
undo git config --global --remove-section "url.https://$T@github.com/"`},
	{"npm config set //registry.example.com/:_authToken `cat /run/secrets/npm`", `npm-config
undo npm config delete //registry.example.com/:_authToken && rm -rf "$(npm config get cache)/_logs"`},
	{`pip config set global.index-url https://u:$1@pypi.example.com/simple`, `pip-config
undo pip config unset global.index-url`},
	{"poetry config pypi-token.pypi 'a$b\"c`d\\e'", "poetry-token\nenv POETRY_PYPI_TOKEN_PYPI=\"a\\$b\\\"c\\`d\\\\e\"\nundo poetry config --unset pypi-token.pypi"},
	{`bundle config set --global github.com $T'x'`, `bundle-set
env BUNDLE_GITHUB__COM="${T}x"
undo bundle config unset --global github.com`},
	{`wandb login $T"x"`, `wandb-login
env WANDB_API_KEY="${T}x"`},
	{`mcli config host add acme https://s3.example.com $ID $T --api S3v4`, `mc-host
undo mcli config host remove acme`},
	{`poetry add git+https://$T@github.com/acme/lib.git`, `python-add-url: not certain`},
	{`git -c "url.https://$T@github.com/.insteadOf=https://github.com/" clone https://github.com/acme/app.git`, `git-clone: not certain`},
	{`git clone --depth=1 "https://u:$T@git.example.com/app.git" > /dev/null 2>&1`, `git-clone
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="url.https://u:$T@git.example.com/.insteadOf"
env GIT_CONFIG_VALUE_0="https://git.example.com/"
replace git -c "url.https://u:$T@git.example.com/.insteadOf=https://git.example.com/" clone --depth=1 "https://git.example.com/app.git" >/dev/null 2>&1`},
	{`sudo git config --system http.extraheader "Authorization: $T"`, `git-config
undo git config --system --unset-all http.extraheader`},
	{`git config --global $A.insteadOf $T`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0="$A.insteadOf"
env GIT_CONFIG_VALUE_0="$T"
undo git config --global --unset-all $A.insteadOf`},
	{`git config --global "" $T`, `git-config
env GIT_CONFIG_COUNT="1"
env GIT_CONFIG_KEY_0=""
env GIT_CONFIG_VALUE_0="$T"`},
	{`npm set a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9 j=$T`, `npm-config
undo npm config delete a && npm config delete b && npm config delete c && npm config delete d && npm config delete e && npm config delete f && npm config delete g && npm config delete h && npm config delete i && npm config delete j && rm -rf "$(npm config get cache)/_logs"`},
	{`curl -H "Authorization: Bearer $T" -o /x https://files.example.com/x`, `keeps nothing`},
	{`wget --header="Authorization: Bearer $T" https://files.example.com/x`, `keeps nothing`},
	{`twine upload -u u -p $T dist/*`, `keeps nothing`},
	{`npm publish`, `keeps nothing`},
	{`git push https://$T@github.com/acme/app.git main`, `keeps nothing`},
	{`apt-get install -y git`, `keeps nothing`},
}

// keeper returns the last command of a text that keeps something, what comes through its
// pipe included.
func keeper(t *testing.T, text string) (flow.Kept, *shell.Command) {
	t.Helper()
	var last *shell.Command
	script := parsed(t, text)
	for _, c := range script.Commands {
		if _, ok := flow.Keeps(c); ok {
			last = c
		}
	}
	if last == nil {
		return flow.Kept{}, nil
	}
	k, _ := flow.Keeps(last)
	for _, c := range script.Commands {
		if c.PipeTo == last {
			k = k.Piped(c)
		}
	}
	return k, last
}

func parsed(t *testing.T, text string) *shell.Script {
	t.Helper()
	script, err := shell.Parse(text, shell.POSIX)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return script
}

func said(t *testing.T, text string) string {
	t.Helper()
	k, c := keeper(t, text)
	if c == nil {
		return "keeps nothing"
	}
	sp, ok := respell(k, c)
	if !ok {
		return k.Row + ": not certain"
	}
	lines := []string{k.Row}
	for _, e := range sp.Env {
		lines = append(lines, "env "+e)
	}
	if sp.Undo != "" {
		lines = append(lines, "undo "+sp.Undo)
	}
	if sp.Replace != "" {
		lines = append(lines, "replace "+sp.Replace)
	}
	return strings.Join(lines, "\n")
}

func TestRespell(t *testing.T) {
	for _, tc := range respellings {
		if got := said(t, tc.command); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.command, got, tc.want)
		}
	}
}

// TestRespelledKeepsNothing reads every respelling back: no word of it is one that a tool
// keeps, and the shell sees what it is meant to see.
func TestRespelledKeepsNothing(t *testing.T) {
	for _, tc := range respellings {
		k, c := keeper(t, tc.command)
		if c == nil {
			continue
		}
		sp, _ := respell(k, c)
		for _, e := range sp.Env {
			s := parsed(t, "export "+e)
			if len(s.Assigns) != 1 || len(s.Commands) == 0 || s.Commands[0].Program != "export" || len(s.Commands[0].Args) > 1 {
				t.Errorf("%s: %s is more than an assignment", tc.command, e)
			}
			for _, u := range s.Uses {
				if u.Quote != shell.Double {
					t.Errorf("%s: %s has %s outside of quotes", tc.command, e, u.Name)
				}
			}
		}
		for _, text := range []string{sp.Undo, sp.Replace} {
			if text == "" {
				continue
			}
			s := parsed(t, text)
			for _, x := range s.Commands {
				again, ok := flow.Keeps(x)
				if !ok {
					continue
				}
				for _, u := range s.Uses {
					if x.Start <= u.Start && u.End <= x.End && u.Name == "T" && again.Holds(u.Start, u.End) {
						t.Errorf("%s: %s still keeps %s", tc.command, text, u.Name)
					}
				}
			}
		}
		if sp.Replace == "" {
			continue
		}
		text := tc.command
		for i := len(sp.Edits) - 1; i >= 0; i-- {
			e := sp.Edits[i]
			text = text[:e.Start] + e.New + text[e.End:]
		}
		if !strings.Contains(text, sp.Replace) && !strings.Contains(text, ">") {
			t.Errorf("%s: the edits say %s, the replacement %s", tc.command, text, sp.Replace)
		}
	}
}

// TestUndoIsSeen writes each command and what undoes it into one RUN: nothing is left to
// be found, else a fix would be found again.
func TestUndoIsSeen(t *testing.T) {
	for _, tc := range respellings {
		k, c := keeper(t, tc.command)
		if c == nil {
			continue
		}
		sp, _ := respell(k, c)
		if sp.Undo == "" {
			continue
		}
		mounts := ""
		for _, u := range parsed(t, tc.command).Uses {
			if flag := "--mount=type=secret,id=" + u.Name + ",env=" + u.Name + " "; !strings.Contains(mounts, flag) {
				mounts += flag
			}
		}
		file := "# syntax=docker/dockerfile:1\nFROM debian:12\nRUN " + mounts + tc.command + " && make && " + sp.Undo + "\n"
		fsys := fstest.MapFS{"Dockerfile": {Data: []byte(file)}}
		ws := rewrite.NewWorkspace(fsys, func() []string { return []string{"Dockerfile"} }, nil)
		plan, err := rewrite.Run(ws, []string{"Dockerfile"}, []*rewrite.Rule{secretWritten}, rewrite.Options{})
		if err != nil || len(plan.Errors) > 0 {
			t.Fatal(tc.command, err, plan.Errors)
		}
		for _, r := range plan.Results {
			t.Errorf("%s\n%s: %s", file, r.Message, r.Reason)
		}
	}
}

// TestRecipesJoin holds the two tables together.
func TestRecipesJoin(t *testing.T) {
	src, err := os.ReadFile("../rewrite/flow/writers.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	found := map[string]bool{} // not by a command
	for line := range strings.Lines(string(src)) {
		if name, _, _ := strings.Cut(line, "\t"); !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "@") {
			rows[name] = true
			if f := strings.Split(line, "\t"); len(f) > 1 && f[1] == "-" {
				found[name] = true
			}
			if _, ok := recipes()[name]; !ok {
				t.Errorf("%s has no recipe, nor the reason why", name)
			}
		}
	}
	tested := map[string]bool{}
	for _, tc := range respellings {
		if k, c := keeper(t, tc.command); c != nil {
			tested[k.Row] = true
		}
	}
	for name := range recipes() {
		if !rows[name] {
			t.Errorf("%s is no row of writers.tsv", name)
		}
		if !tested[name] && !found[name] {
			t.Errorf("%s has no command in the tests", name)
		}
	}
	for line := range strings.Lines(recipesTSV) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if line[0] == '#' {
			continue
		}
		if f[1] == "none" && len(f) == 3 && len(f[2]) > 10 || f[1] != "none" && (len(f) == 6 || len(f) == 8 && f[2] != "-") {
			continue
		}
		t.Errorf("%s has %d fields", f[0], len(f))
	}
}

func TestRespellConditions(t *testing.T) {
	k, c := keeper(t, "aws configure set aws_secret_access_key $T")
	if sp, _ := respell(k, c); !sp.Whole || !slices.Contains(sp.Unless, "--profile") || sp.Needs != "" {
		t.Errorf("aws: %+v", sp)
	}
	k, c = keeper(t, `git config --global url."https://$T@github.com/".insteadOf https://github.com/`)
	if sp, _ := respell(k, c); sp.Needs != "git 2.31" || !slices.Contains(sp.Unless, "cargo") {
		t.Errorf("git: %+v", sp)
	}
	k, c = keeper(t, "az login --service-principal -u $ID -p $T --tenant $TENANT")
	if sp, ok := respell(k, c); ok || sp.Why == "" {
		t.Errorf("az: %+v", sp)
	}
	// What a command sets besides the secret stays: variables cannot take its place.
	k, c = keeper(t, "go env -w GOPRIVATE=git.example.com GOPROXY=https://u:$T@goproxy.example.com")
	k = k.Only(func(w shell.Word) bool { return strings.Contains(w.Text, "$T") })
	if sp, _ := respell(k, c); sp.Env != nil || sp.Undo != "go env -u GOPROXY" {
		t.Errorf("go: %+v", sp)
	}
}

// TestBeside puts lines beside a command that is run in each RUN and undone there, before
// it and behind it.
func TestBeside(t *testing.T) {
	const login = "gcloud auth activate-service-account --key-file=/run/secrets/gcp"
	for _, tc := range []struct {
		options, line string
		left          bool
	}{
		{"", "RUN gcloud config set project acme", false},
		{"", "RUN gcloud config set disable_usage_reporting true && gcloud components install beta", false},
		{"", "RUN gcloud auth revoke --all", false},
		{"", "RUN gh auth login --with-token < /t", false},
		{"", "ENV CLOUDSDK_CORE_PROJECT=acme CLOUDSDK_PYTHON=/usr/bin/python3", false},
		{"", `CMD ["python3", "/app/serve.py"]`, false},
		{" --project=acme", "RUN gcloud config set compute/zone europe-west1-b", false},

		{" --project=acme", "RUN gcloud config set project other", true},
		{" --project=acme", "RUN gcloud config set --quiet core/project other", true},
		{" --project acme", "ENV CLOUDSDK_CORE_PROJECT=other", true},
		{"", "RUN gcloud config set account other@acme.iam.example.com", true},
		{"", "RUN gcloud config configurations create ci", true},
		{"", "RUN gcloud --configuration=ci compute instances list", true},
		{"", "RUN --mount=type=secret,id=other gcloud auth activate-service-account \\\n  --key-file=/run/secrets/other", true},
		{"", "RUN gcloud --quiet \\\n  auth login --cred-file=/wif.json", true},
		{"", "ENV CLOUDSDK_CONFIG=/opt/gcloud", true},
		{"", "RUN export CLOUDSDK_CONFIG=/opt/gcloud && gcloud components list", true},
		{"", "ENV CLOUDSDK_ACTIVE_CONFIG_NAME=ci", true},
		{"", "RUN gcloud auth configure-docker --quiet", true},
		{"", "RUN git config --global credential.helper gcloud.sh", true},
		{"", "RUN gcloud container clusters get-credentials shop", true},
		{"", "RUN gcloud source repos clone app", true},
		{"", `ENTRYPOINT ["gsutil", "-m", "rsync", "gs://acme", "/data"]`, true},
		{"", "CMD exec bq shell", true},
		{"", "HEALTHCHECK CMD gcloud auth list", true},
	} {
		for _, lines := range []string{tc.line + "\nRUN --mount=type=secret,id=gcp " + login + tc.options, "RUN --mount=type=secret,id=gcp " + login + tc.options + "\n" + tc.line} {
			file := "# syntax=docker/dockerfile:1\nFROM google/cloud-sdk:slim AS get\n" + lines + "\nRUN gsutil cp gs://acme/model.bin /model.bin\n\nFROM scratch\nCOPY --from=get /model.bin /\n"
			after := fixed(t, map[string]string{"Dockerfile": file})["Dockerfile"]
			if left := !strings.Contains(after, wiped); left != tc.left {
				t.Errorf("left alone: %v, want %v\n%s", left, tc.left, after)
			}
		}
	}
	// The same login in several RUNs is one account; the same words for another secret are another.
	again := func(id string) string {
		return "# syntax=docker/dockerfile:1\nFROM google/cloud-sdk:slim AS get\nRUN --mount=type=secret,id=gcp,target=/key " + strings.Replace(login, "/run/secrets/gcp", "/key", 1) + " && gsutil cp gs://acme/a /a\n" +
			"RUN --mount=type=secret,id=" + id + ",target=/key " + strings.Replace(login, "/run/secrets/gcp", "/key", 1) + " && gsutil cp gs://acme/b /b\nFROM scratch\nCOPY --from=get /a /b /\n"
	}
	for id, want := range map[string]int{"gcp": 2, "other": 0} {
		if after := fixed(t, map[string]string{"Dockerfile": again(id)})["Dockerfile"]; strings.Count(after, wiped) != want {
			t.Errorf("again, %d wanted:\n%s", want, after)
		}
	}
	// Another stage has accounts of its own.
	apart := "# syntax=docker/dockerfile:1\nFROM google/cloud-sdk:slim AS a\nRUN --mount=type=secret,id=gcp " + login + " && gsutil cp gs://acme/a /a\n" +
		"FROM google/cloud-sdk:slim AS b\nRUN --mount=type=secret,id=gcp " + login + " && gsutil cp gs://acme/b /b\nFROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
	if after := fixed(t, map[string]string{"Dockerfile": apart})["Dockerfile"]; strings.Count(after, wiped) != 2 {
		t.Errorf("two stages:\n%s", after)
	}
}

// TestHanded has a key in a file that the RUN of the login makes, and a reader in another
// RUN: all that names the file goes along, or nothing does.
func TestHanded(t *testing.T) {
	const write, login = `echo "$GCP_KEY" > /tmp/key.json`, "gcloud auth activate-service-account --key-file=/tmp/key.json"
	for _, tc := range []struct {
		run  string
		left bool
	}{
		{write + " && " + login + " && rm /tmp/key.json", false},
		{write + " && chmod 600 /tmp/key.json && chown root /tmp/key.json && " + login + " && rm -f /tmp/key.json", false},
		{`echo "$GCP_KEY" | base64 -d > /tmp/key.json && ` + login + " && rm -f /tmp/key.json", false},
		{"apt-get update && " + write + " && " + login + " && rm -f /tmp/key.json && apt-get clean", false},
		{write + " && " + login, true},
		{write + " && " + login + " && rm -f /tmp/key.json /tmp/other", true},
		{"touch /tmp/key.json && " + write + " && " + login + " && rm -f /tmp/key.json", true},
		{write + " && cat /tmp/key.json && " + login + " && rm -f /tmp/key.json", true},
		{write + " && " + login + " && rm -f /tmp/key.json && test ! -e /tmp/key.json", true},
		{"export GOOGLE_APPLICATION_CREDENTIALS=/tmp/key.json && " + write + " && " + login + " && rm -f /tmp/key.json", true},
		{`echo "$GCP_KEY" > key.json && gcloud auth activate-service-account --key-file=key.json && rm -f key.json`, true},
		{`f=/tmp/key.json && echo "$GCP_KEY" > /tmp/key.json && gcloud auth activate-service-account --key-file=$f && rm -f /tmp/key.json`, true},
	} {
		file := "FROM google/cloud-sdk:slim AS get\nARG GCP_KEY\nRUN " + tc.run + "\nRUN gsutil cp gs://acme/model.bin /model.bin\n\nFROM scratch\nCOPY --from=get /model.bin /\n"
		after := fixed(t, map[string]string{"Dockerfile": file})["Dockerfile"]
		last := after[strings.LastIndex(after[:strings.Index(after, "FROM scratch")], "RUN "):]
		if tc.left && after != file || !tc.left && (strings.Count(after, login) != 1 || !strings.Contains(last, login) || strings.Count(after, "key.json") != strings.Count(last, "key.json") || !strings.Contains(last, wiped)) {
			t.Errorf("left alone: %v wanted\n%s", tc.left, after)
		}
	}
}

// TestVariablesHoldTheWord asks the shell: what a variable is set to is what the command
// is given.
func TestVariablesHoldTheWord(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	run := func(script string) string {
		cmd := exec.Command(sh, "-c", script)
		cmd.Env = []string{"T=tok-c4n4ry", "U=a$b`c", "PATH=" + os.Getenv("PATH")}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return string(out)
	}
	for _, word := range []string{
		`$T`, `"$T"`, `${T}`, `u:$T`, `"u:${T}"`, `'u:'"$T"`, `u\:$T`, `$T"x"`, `${T}x`, `"$T"_x`, `'a$b"c\d'`, `a\$b`, `"a\$b\\c\"d"`, `"a\qb"`,
		`'!f() { echo x; }; f'`, `"$(printf %s "$U:$T")"`, `x$(printf %s $T)y`, `${T:-none}`, `"${N:-none}"`, `a=b$T`, `"a b"$T`, `$U`, `\'`, `"'"`,
	} {
		k, c := keeper(t, "wandb login "+word)
		sp, ok := respell(k, c)
		if !ok {
			t.Errorf("%s: not certain", word)
			continue
		}
		want := run(`printf '<%s>' "` + `$(printf %s ` + word + `)"`)
		if got := run("export " + sp.Env[0] + `; printf '<%s>' "$WANDB_API_KEY"`); got != want {
			t.Errorf("%s: %s is %s, not %s", word, sp.Env[0], got, want)
		}
	}
	for _, word := range []string{`*`, `a*`, `~/x`, `a:~`, `$1`, `$@`, "`id`", `$(id)`, `$(cat x > y)`, `{a,b}`, `$((1+1))`, `${T//a/"b c"}`, `<(id)`, `$'a'`, `$"a"`} {
		if k, c := keeper(t, "wandb login "+word); c != nil {
			if sp, ok := respell(k, c); ok {
				t.Errorf("%s: %v", word, sp.Env)
			}
		}
	}
}
