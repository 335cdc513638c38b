package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

func commandOf(t *testing.T, text string) *shell.Command {
	t.Helper()
	s, err := shell.Parse(text, shell.POSIX)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.Commands[len(s.Commands)-1]
}

// keptAs says what a command keeps: row, files, words, "?" for one that is not understood.
func keptAs(k Kept) string {
	parts := []string{k.Row, strings.Join(k.Files, " ")}
	if k.Here {
		parts[1] = strings.TrimSpace(parts[1] + " here")
	}
	for _, n := range slices.Sorted(maps.Keys(k.Words)) {
		parts = append(parts, n+"="+k.Words[n].Text)
	}
	if !k.Certain {
		parts = append(parts, "?")
	}
	return strings.Join(parts, "; ")
}

func TestKept(t *testing.T) {
	for _, tc := range []struct{ command, want string }{
		{`npm config set //h/:_authToken $T`, `npm-config; ~/.npmrc; key=//h/:_authToken; value=$T`},
		{`npm set -g "//h/:_authToken=$T"`, `npm-config; /usr/local/etc/npmrc /usr/etc/npmrc /etc/npmrc; key="//h/:_authToken"; value="$T"`},
		{`npm config set a=1 b 2 "c=$T"`, `npm-config; ~/.npmrc; key=a; key2=b; key3="c"; value=1; value2=2; value3="$T"`},
		{`npm config set --location=project a "x=y"`, `npm-config; .npmrc here; key=a; location=project; value="x=y"`},
		{`npm config set --location=nowhere a b`, `npm-config; ~/.npmrc; ?`},
		{`npm config set --userconfig=/etc/npmrc a b`, `npm-config; /etc/npmrc; file=/etc/npmrc; key=a; value=b`},
		{`npm --prefix /app config set a b`, `npm-config; ~/.npmrc; ?`},
		{`npm config set a`, ``},
		{`npm run set a b`, ``},
		{`npm $X set a b`, `npm-config; ~/.npmrc; ?`},
		{`./npm config set a b`, ``},
		{`node_modules/.bin/yarn config set npmAuthToken $T`, `yarn-berry-config; .yarnrc.yml here; key=npmAuthToken; value=$T`},
		{`yarn config set registry $R`, `yarn-config; /usr/local/share/.yarnrc ~/.yarnrc; key=registry; value=$R`},
		{`git config --global user.password $T`, `git-config; ~/.gitconfig; key=user.password; value=$T`},
		{`git config user.password $T`, `git-config-local; .git/config here; key=user.password; value=$T`},
		{`git -C /src/app config user.password $T`, `git-config-local; /src/app/.git/config here; at=/src/app; key=user.password; value=$T`},
		{`git config -f .gitmodules a.b $T`, `git-config-file; .gitmodules; file=.gitmodules; key=a.b; value=$T`},
		{`git config --global --unset a.b x`, ``},
		{`git config --list`, ``},
		{`git config --global --replace-all a.b c d`, `git-config; ~/.gitconfig; ?`},
		{`git clone https://$T@h/x.git`, `git-clone; x/.git/config here; url=https://$T@h/x.git`},
		{`git clone https://$T@h/x.git /srv/y`, `git-clone; /srv/y/.git/config here; dir=/srv/y; url=https://$T@h/x.git`},
		{`git clone -b v1 --depth=1 -j4 https://$T@h/x y`, `git-clone; y/.git/config here; dir=y; url=https://$T@h/x`},
		{`git clone --recurse-submodules=sub https://$T@h/x y`, `git-clone; y/.git/config here; dir=y; url=https://$T@h/x`},
		{`git clone --depth=1 -- https://$T@h/x y`, `git-clone; y/.git/config here; dir=y; url=https://$T@h/x`},
		{`git -C /src clone https://$T@h/x`, `git-clone; /src/x/.git/config here; at=/src; url=https://$T@h/x`},
		{`git clone --bare https://$T@h/x`, `git-clone; here; ?`},
		{`git clone $OPTIONS https://$T@h/x y z`, `git-clone; here; ?`},
		{`git commit -m clone`, ``},
		{`git remote -v`, ``},
		{`git remote add -t main origin https://$T@h/x`, `git-remote; .git/config here; remote=origin; url=https://$T@h/x`},
		{`git fetch origin main`, ``},
		{`git fetch https://$T@h/x a b`, `git-fetch; .git/logs/HEAD here; ref=a; ref2=b; url=https://$T@h/x`},
		{`python3.11 -m pip config set global.index-url $U`, `pip-config; ~/.config/pip/pip.conf ~/.pip/pip.conf; key=global.index-url; value=$U`},
		{`python3 -m http.server`, ``},
		{`python3 manage.py config set a b`, ``},
		{`docker login -uu --password=$T h`, `docker-login; ~/.docker/config.json; host=h; password=$T; user=u`},
		{`docker login -u u -p"$T"`, `docker-login; ~/.docker/config.json; password="$T"; user=u`},
		{`docker run login`, ``},
		{`gh auth login --with-token -h github.com <<< $T`, `gh-login; ~/.config/gh/hosts.yml; host=github.com; stdin=$T`},
		{`gh auth login --with-token --hostname ghe.example.com < /run/secrets/gh`, `gh-enterprise; ~/.config/gh/hosts.yml; host=ghe.example.com; stdin="$(cat /run/secrets/gh)"`},
		{`gh auth login`, ``},
		{`cargo login --registry=acme`, `cargo-registry; ~/.cargo/credentials.toml /usr/local/cargo/credentials.toml; registry=acme`},
		{`dotnet nuget add source $U --name acme --configfile nuget.config`, `dotnet-add; nuget.config ~/.nuget/NuGet/NuGet.Config; file=nuget.config; name=acme; url=$U`},
		{`aws configure set aws_secret_access_key $T --profile other`, `aws-other; ~/.aws/credentials ~/.aws/config; key=aws_secret_access_key; value=$T`},
		{`aws s3 cp a b`, ``},
		{`go env -w A=b C=$T`, `go-env; ~/.config/go/env; key=A; key2=C; value=b; value2=$T`},
		{`go env A`, ``},
		{`pip install -r requirements.txt`, ``},
		{`pip install -q -e git+https://$T@h/x#egg=x -r r.txt`, `pip-editable; src here; editable=git+https://$T@h/x#egg=x; ?`},
		{`npm install lodash git+https://$T@h/x`, `npm-install-url; package.json package-lock.json node_modules/.package-lock.json here; ?`},
		{`npm install --save lodash`, ``},
		{`A=b npm config set c d`, `npm-config; ~/.npmrc; key=c; value=d; ?`},
		{`npm() { :; }; npm config set c d`, ``},
		{`gpg --import`, `gpg-import; ~/.gnupg`},
		{`gpg --verify a b`, ``},
		{`curl -u u:$T https://h/`, ``},
	} {
		got := ""
		if k, ok := kept(commandOf(t, tc.command)); ok {
			got = keptAs(k)
		}
		if got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.command, got, tc.want)
		}
	}
}

// TestKeptWords holds the places of words: a credential in git's own -c is used once.
func TestKeptWords(t *testing.T) {
	for _, tc := range []struct{ command, use, want string }{
		{`git -c http.extraheader="Authorization: $T" clone https://h/x`, "$T", "no"},
		{`git clone https://$T@h/x`, "$T", "yes"},
		{`git clone --branch $T https://h/x`, "$T", "no"},
		{`git clone --unheard-of $T https://h/x`, "$T", "yes"},
		{`npm config set "//h/:_authToken=$T"`, "$T", "yes"},
		{`docker login -p"$T" h`, "$T", "yes"},
	} {
		c := commandOf(t, tc.command)
		k, _ := kept(c)
		at := strings.Index(tc.command, tc.use)
		got := "no"
		if k.Holds(at, at+len(tc.use)) {
			got = "yes"
		}
		if got != tc.want {
			t.Errorf("%s keeps %s: %s, want %s", tc.command, tc.use, got, tc.want)
		}
	}
}

func TestKeptOnly(t *testing.T) {
	k, _ := kept(commandOf(t, `npm config set a=1 "b=$T" c $T d=2`))
	k = k.Only(func(w shell.Word) bool { return strings.Contains(w.Text, "$T") })
	if got := fmt.Sprint(keptAs(k), k.Partial); got != `npm-config; ~/.npmrc; key="b"; key2=c; value="$T"; value2=$Ttrue` {
		t.Error(got)
	}
	all, _ := kept(commandOf(t, `npm config set a $T`))
	if all = all.Only(func(shell.Word) bool { return true }); all.Partial || all.Pairs() != 1 {
		t.Errorf("%+v", all)
	}
}

func TestKeptPiped(t *testing.T) {
	for _, tc := range []struct{ command, want string }{
		{`echo $T | cargo login`, "$T"},
		{`echo -n "$T" | cargo login`, `"$T"`},
		{`printf %s "$T" | cargo login`, `"$T"`},
		{`printf '%s\n' $T | cargo login`, "$T"},
		{`cat /run/secrets/t | cargo login`, `"$(cat /run/secrets/t)"`},
		{`cat t | cargo login`, ""},
		{`echo a $T | cargo login`, ""},
		{`printf "$T" | cargo login`, ""},
		{`base64 -d /t | cargo login`, ""},
		{`echo * | cargo login`, ""},
	} {
		s, err := shell.Parse(tc.command, shell.POSIX)
		if err != nil {
			t.Fatal(err)
		}
		k, ok := kept(s.Commands[1])
		if !ok || s.Commands[0].PipeTo != s.Commands[1] {
			t.Fatalf("%s: no pipe", tc.command)
		}
		if got := k.Piped(s.Commands[0]).Words["stdin"].Text; got != tc.want {
			t.Errorf("%s: %q, want %q", tc.command, got, tc.want)
		}
	}
}

func TestKeptReaders(t *testing.T) {
	for _, tc := range []struct {
		command, reader string
		want            bool
	}{
		{"npm config set a b", "pnpm install", true},
		{"npm config set a b", "pip install x", false},
		{"git config --global a b", "go mod download", true},
		{"git config --global a b", "go version", false},
		{"git config --global a b", "pip3.11 install x", true},
		{"git config --global a b", "python3 -m pip install x", true},
		{"git config --global a b", "python3 app.py", false},
		{"git config --global a b", "bundle install", true},
		{"pip config set a b", "python -m venv /v", false}, // ensurepip leaves pip's configuration aside
		{"pip config set a b", "python -m venv --upgrade-deps /v", true},
		{"pip config set a b", "python3.12 -Im build", true},
		{"pip config set a b", "uv pip install x", false},
		{"hf auth login --token x", "python3 download.py", true},
		{"docker login", "buildah pull x", true},
	} {
		k, ok := kept(commandOf(t, tc.command))
		r := toCommand(commandOf(t, tc.reader))
		if !ok || k.ReadBy(r.program, r.args) != tc.want {
			t.Errorf("%s, then %s: want %v", tc.command, tc.reader, tc.want)
		}
	}
}

// TestWritersTable holds the table's own form.
func TestWritersTable(t *testing.T) {
	seen := map[string]string{}
	for _, r := range rows(writersTSV) {
		if r[0][0] == '@' {
			if len(r) != 2 {
				t.Errorf("%s: %d fields", r[0], len(r))
			}
			continue
		}
		if len(r) != 6 {
			t.Errorf("%s: %d fields", r[0], len(r))
			continue
		}
		if last, ok := seen[r[0]]; ok && last != r[1] && !strings.HasPrefix(r[0], "hf-") && r[0] != "npm-login" && r[0] != "git-remote" {
			t.Errorf("%s: two commands, %q and %q", r[0], last, r[1])
		}
		seen[r[0]] = r[1]
		if strings.Contains(r[2], "@") && strings.HasPrefix(r[2], "@") {
			for _, f := range strings.Fields(r[2]) {
				if f[0] == '@' && !strings.Contains(writersTSV, "\n"+f+"\t") {
					t.Errorf("%s: no set %s", r[0], f)
				}
			}
		}
		if strings.HasSuffix(r[5], ".") || r[5] == "" {
			t.Errorf("%s: %q", r[0], r[5])
		}
	}
	for program, list := range writers() {
		for _, w := range list {
			for _, o := range w.options {
				if o.name == "" || o.name[0] != '-' {
					t.Errorf("%s %s: option %q", program, w.row, o.name)
				}
			}
			for i, s := range w.slots {
				if s.repeated && i != len(w.slots)-1 {
					t.Errorf("%s %s: words behind the repeated one", program, w.row)
				}
			}
		}
	}
}

func TestParts(t *testing.T) {
	for _, tc := range []struct{ raw, want string }{
		{`a`, `a`},
		{`"a b"`, `a b`},
		{`$T`, `$T`},
		{`$T"x"`, `${T}x`},
		{`"$T"x`, `${T}x`},
		{`"$T"-x`, `$T-x`},
		{`'$T'`, `\$T`},
		{`a\"b`, `a\"b`},
		{`"a\n"`, `a\\n`},
		{`'it'\''s'`, `it's`},
		{`${T:-x}`, `${T:-x}`},
		{`${T#v}`, `${T#v}`},
		{`"$"`, `\$`},
		{`a$`, `a\$`},
		{`"$(cat /x)"`, `$(cat /x)`},
		{`$(printf %s "a)b" | base64)`, `$(printf %s "a)b" | base64)`},
		{`https://$U:"$T"@h/'a b'`, `https://$U:$T@h/a b`},
		{`a{b`, `a{b`},
		{`x~`, `x~`},
		{"'`'", "\\`"},
		{`${T:-"a"}`, "?"},
		{`${!T}`, "?"},
		{`${#T}`, "?"},
		{`${T[0]}`, "?"},
		{`$(rm x)`, "?"},
		{`$(T=1; echo $T)`, "?"},
		{`$(cat x`, "?"},
		{`$((1))`, "?"},
		{`"open`, "?"},
		{`'open`, "?"},
		{`~/x`, "?"},
		{`a=~/x`, "?"},
		{`a*`, "?"},
		{`a[b]`, "?"},
		{`{a,b}`, "?"},
		{`$'x'`, "?"},
		{`$1`, "?"},
		{"`id`", "?"},
		{"\"a\nb\"", "?"},
	} {
		got := "?"
		if ps, ok := Parts(tc.raw); ok {
			got = Quoted(ps)
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.raw, got, tc.want)
		}
	}
}
