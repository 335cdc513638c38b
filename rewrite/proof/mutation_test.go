package proof_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rules"
)

// fixed is a Dockerfile before and after its fixes, with what they meant.
type fixed struct {
	before, after string
	meant         []proof.Intent
}

// fix runs the real rules over a tree; nil where no Dockerfile changes.
func fix(t *testing.T, tree map[string]string) *fixed {
	t.Helper()
	fsys := fstest.MapFS{}
	var paths []string
	for name, data := range tree {
		fsys[name] = &fstest.MapFile{Data: []byte(data)}
		paths = append(paths, name)
	}
	ws := rewrite.NewWorkspace(fsys, func() []string { return paths }, nil)
	plan, err := rewrite.Run(ws, []string{"Dockerfile"}, rules.All(), rewrite.Options{Least: rewrite.Review})
	if err != nil || len(plan.Errors) > 0 {
		t.Fatal(err, plan.Errors)
	}
	out := &fixed{before: tree["Dockerfile"]}
	for _, c := range plan.Changes() {
		if c.Path == "Dockerfile" {
			out.after = string(c.New)
		}
	}
	for _, f := range plan.Made {
		for _, x := range f.Intents {
			if x.Path == "Dockerfile" {
				out.meant = append(out.meant, x)
			}
		}
	}
	if out.after == "" {
		return nil
	}
	return out
}

// check proves a result that may not be what the fixes made.
func (f *fixed) check(t *testing.T, after string) error {
	t.Helper()
	old, err := dockerfile.Parse("Dockerfile", []byte(f.before))
	if err != nil {
		t.Fatal(err)
	}
	now, err := dockerfile.Parse("Dockerfile", []byte(after))
	if err != nil {
		return err
	}
	c, err := proof.Compile(old)
	if err != nil {
		t.Fatal(err)
	}
	return c.Check(now, f.meant)
}

// wrong are fixes that someone could have made: the text of a right one, with one thing
// put in another's place.
var wrong = map[string]struct {
	tree      string
	mutations []mutation
}{
	"arg": {
		tree: `ARG NODE_VERSION=20
FROM node:${NODE_VERSION} AS deps
ARG NPM_TOKEN
ARG COMMIT
ENV MODE=prod LEVEL=3
WORKDIR /app
COPY --chown=1000:1000 package.json .npmrc ./
RUN --mount=type=cache,target=/cache npm ci
RUN echo "it's $COMMIT" > "a b" && chmod 0644 "a b"
FROM deps AS build
COPY . .
RUN mkdir -p dist
FROM alpine:3.20
LABEL org.example.shop=1
COPY --from=build /app/dist /dist
COPY --from=deps /app/node_modules /node_modules
EXPOSE 8080
VOLUME /data
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=5s CMD wget -q localhost:8080
USER 1000
ENTRYPOINT ["/dist/shop"]
CMD ["serve", "--port", "8080"]
`,
		mutations: []mutation{
			{"the mount on the wrong RUN", " --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci\nRUN echo", " npm ci\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN echo", "as it was meant"},
			{"the mount on one RUN more", "RUN mkdir", "RUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN mkdir", "not meant"},
			{"no mount", "--mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN ", "", "as it was meant"},
			{"another id", "id=NPM_TOKEN,", "id=NPM_TOKENS,", "as it was meant"},
			{"another variable", "env=NPM_TOKEN ", "env=NODE_AUTH_TOKEN ", "as it was meant"},
			{"required, where it was not", "env=NPM_TOKEN ", "env=NPM_TOKEN,required=true ", "as it was meant"},
			{"as a file", ",env=NPM_TOKEN", "", "as it was meant"},
			{"the cache mount gone", "--mount=type=cache,target=/cache ", "", "mounts that are no secrets"},
			{"the cache mount elsewhere", "target=/cache", "target=/tmp/cache", "another one"},
			{"the ARG still there", "ARG COMMIT", "ARG NPM_TOKEN\nARG COMMIT", "declare something else"},
			{"the ARG still there beside another", "ARG COMMIT", "ARG COMMIT NPM_TOKEN", "declare something else"},
			{"the ARG as an ENV", "ENV MODE=prod", "ENV NPM_TOKEN=$NPM_TOKEN MODE=prod", "NPM_TOKEN"},
			{"another ARG gone", "ARG COMMIT\n", "", "in the place of"},
			{"another ARG with a default", "ARG COMMIT", "ARG COMMIT=1", "declare something else"},
			{"another variable dropped", "ENV MODE=prod LEVEL=3", "ENV MODE=prod", "LEVEL"},
			{"another variable's value", "LEVEL=3", "LEVEL=4", "LEVEL"},
			{"variables in another order", "ENV MODE=prod LEVEL=3", "ENV LEVEL=3 MODE=prod", "in the place of"},
			{"order of instructions", "WORKDIR /app\nCOPY --chown=1000:1000 package.json .npmrc ./\n", "COPY --chown=1000:1000 package.json .npmrc ./\nWORKDIR /app\n", "in the place of"},
			{"order of two COPYs", "COPY --from=build /app/dist /dist\nCOPY --from=deps /app/node_modules /node_modules\n", "COPY --from=deps /app/node_modules /node_modules\nCOPY --from=build /app/dist /dist\n", "COPY would"},
			{"another folder", "WORKDIR /app", "WORKDIR /src", ""},
			{"a copied file gone", "package.json .npmrc ./", "package.json ./", "COPY would"},
			{"a copied file more", "package.json .npmrc ./", "package.json .npmrc .env ./", "COPY would"},
			{"another owner", "--chown=1000:1000", "--chown=1001:1000", "COPY would"},
			{"no owner", "--chown=1000:1000 ", "", "COPY would"},
			{"another destination", "/app/dist /dist", "/app/dist /dist2", "COPY would"},
			{"from another stage", "COPY --from=build", "COPY --from=deps", "somewhere else"},
			{"quotes lost", `"it's $COMMIT" > "a b"`, `"it's $COMMIT" > a b`, "something else than was meant"},
			{"another command", "npm ci", "npm install", "something else than was meant"},
			{"a command more", "npm ci\n", "npm ci && rm -rf /tmp/x\n", "something else than was meant"},
			{"the exec form", "RUN mkdir -p dist", `RUN ["mkdir", "-p", "dist"]`, "something else than was meant"},
			{"a RUN gone", "RUN mkdir -p dist\n", "", "in the place of"},
			{"a RUN at the end", "CMD [", "RUN true\nCMD [", "in the place of"},
			{"a RUN split", ` && chmod 0644 "a b"`, "\nRUN chmod 0644 \"a b\"", ""},
			{"an instruction behind the last", `"8080"]`, "\"8080\"]\nENV LAST=1", "was not there"},
			{"a stage lost", "FROM deps AS build\nCOPY . .\n", "COPY . .\n", "in the place of"},
			{"a stage on another", "FROM deps AS build", "FROM alpine AS build", "build on another one"},
			{"a stage renamed", "FROM deps AS build", "FROM deps AS built", "name"},
			{"another image", "FROM alpine:3.20", "FROM alpine:3.21", "another image"},
			{"another image by its argument", "NODE_VERSION=20", "NODE_VERSION=22", "declare something else"},
			{"another platform", "FROM alpine:3.20", "FROM --platform=linux/arm64 alpine:3.20", ""},
			{"another label", "shop=1", "shop=2", "Labels"},
			{"another port", "EXPOSE 8080", "EXPOSE 8081", "ExposedPorts"},
			{"another protocol", "EXPOSE 8080", "EXPOSE 8080/udp", "ExposedPorts"},
			{"another volume", "VOLUME /data", "VOLUME /var", "Volumes"},
			{"another signal", "SIGINT", "SIGTERM", "StopSignal"},
			{"another shell", `"-ec"`, `"-c"`, "Shell"},
			{"another health check", "--interval=5s", "--interval=6s", "Healthcheck"},
			{"another user", "USER 1000", "USER 1001", "User"},
			{"no user", "USER 1000\n", "", "in the place of"},
			{"another entrypoint", "/dist/shop", "/dist/shop2", "Entrypoint"},
			{"CMD as a shell's", `CMD ["serve", "--port", "8080"]`, "CMD serve --port 8080", "Cmd"},
			{"CMD changed", `"8080"]`, `"8081"]`, "Cmd"},
			{"another network", "RUN mkdir", "RUN --network=none mkdir", "conditions"},
			{"a comment in the middle of nothing", "RUN mkdir", "# npm\nRUN mkdir", accepted},
			{"other white space between lines", "RUN mkdir", "\n\nRUN mkdir", accepted},
		},
	},
	"env": {
		tree: `FROM alpine AS build
ENV MODE=prod API_TOKEN=tok-c4n4ry-EXAMPLE-7Qm2x LEVEL=3
USER 1000
RUN curl -H "X-Token: $API_TOKEN" -o /data https://files.example.com/
RUN mkdir -p /x/y
FROM alpine
COPY --from=build /data /data
`,
		mutations: []mutation{
			{"ENV emptied instead of removed", "ENV MODE=prod", "ENV MODE=prod API_TOKEN=", "API_TOKEN"},
			{"the value left", "ENV MODE=prod", "ENV MODE=prod API_TOKEN=tok-c4n4ry-EXAMPLE-7Qm2x", "API_TOKEN"},
			{"the value in another variable", "ENV MODE=prod", "ENV MODE=tok-c4n4ry-EXAMPLE-7Qm2x", "MODE"},
			{"a neighbour gone", " LEVEL=3", "", "LEVEL"},
			{"all of ENV gone", "ENV MODE=prod LEVEL=3\n", "", "in the place of"},
			{"optional", ",required=true", "", "as it was meant"},
			{"the value in the command", "$API_TOKEN", "tok-c4n4ry-EXAMPLE-7Qm2x", "something else than was meant"},
			{"expanded by no one", `"X-Token: $API_TOKEN"`, `'X-Token: $API_TOKEN'`, "something else than was meant"},
		},
	},
	"copy": {
		tree: `-- .npmrc --
//registry.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdefghijkl
-- Dockerfile --
FROM node:20
WORKDIR /app
COPY package.json .npmrc package-lock.json ./
USER 1000
RUN npm ci && rm -f .npmrc && npm cache clean --force
COPY . .
CMD ["node", "server.js"]
`,
		mutations: []mutation{
			{"the file still copied", "package.json package-lock.json", "package.json .npmrc package-lock.json", "COPY would"},
			{"another file gone too", "package.json package-lock.json", "package.json", "COPY would"},
			{"another uid", "uid=1000", "uid=1001", "as it was meant"},
			{"no uid", "uid=1000,", "", "as it was meant"},
			{"readable for all", "uid=1000", "mode=0444", "as it was meant"},
			{"at another place", "target=/app/.npmrc", "target=/app/npmrc", "as it was meant"},
			{"at the usual place", "target=/app/.npmrc,", "", "as it was meant"},
			{"the rm still there", "npm ci &&", "npm ci && rm -f .npmrc &&", "something else than was meant"},
			{"more than the rm gone", " && npm cache clean --force", "", "something else than was meant"},
			{"and is now or", "npm ci &&", "npm ci ||", "something else than was meant"},
		},
	},
	"folder": {
		tree: `-- id_rsa --
-----BEGIN OPENSSH PRIVATE KEY-----
c4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLEc4n4ryEXAMPLE
-----END OPENSSH PRIVATE KEY-----
-- Dockerfile --
FROM alpine AS build
RUN apk add git openssh
COPY id_rsa /root/.ssh/id_rsa
RUN ssh-keyscan git.example.com >> /root/.ssh/known_hosts
RUN git clone git@git.example.com:shop/shop.git /src
FROM alpine
COPY --from=build /src /src
`,
		mutations: []mutation{
			{"another folder", "mkdir -p /root/.ssh", "mkdir -p /root/ssh", "make the folder"},
			{"more than the folder", "mkdir -p /root/.ssh", "mkdir -p /root/.ssh && true", "make the folder"},
			{"the folder by WORKDIR", "RUN mkdir -p /root/.ssh", "WORKDIR /root/.ssh", "in the place of"},
			{"not made at all", "RUN mkdir -p /root/.ssh\n", "", ""},
			{"on the other RUN too", "RUN ssh-keyscan", "RUN --mount=type=secret,id=id_rsa,target=/root/.ssh/id_rsa,required=true ssh-keyscan", "not meant"},
		},
	},
	"written": {
		tree: `FROM node:20
ARG NPM_TOKEN
WORKDIR /app
COPY package.json ./
RUN echo "//registry.example.com/:_authToken=$NPM_TOKEN" > .npmrc
RUN npm ci
RUN rm .npmrc
CMD ["node", "server.js"]
`,
		mutations: []mutation{
			{"not removed", " && \\\n    rm -f .npmrc", "", "something else than was meant"},
			{"another file removed", "rm -f .npmrc", "rm -f .npmrcs", "something else than was meant"},
			{"written by no one", "echo \"//registry.example.com/:_authToken=$NPM_TOKEN\" > .npmrc && \\\n    ", "", "something else than was meant"},
			{"removed before it is read", "    npm ci && \\\n    rm -f .npmrc", "    rm -f .npmrc && \\\n    npm ci", "something else than was meant"},
			{"a failure that does not count", ".npmrc && \\\n    npm ci", ".npmrc; \\\n    npm ci", "something else than was meant"},
			{"the writing RUN is still there", "RUN --mount", "RUN echo \"$NPM_TOKEN\" > .npmrc\nRUN --mount", ""},
		},
	},
	"literal": {
		tree: `FROM alpine
RUN <<EOF
set -e
curl -fsS -H 'Authorization: Bearer tok-c4n4ry-EXAMPLE-7Qm2x' -o /data https://files.example.com/data
EOF
LABEL a=b
`,
		mutations: []mutation{
			{"the value is left", "${API_TOKEN}", "tok-c4n4ry-EXAMPLE-7Qm2x", "something else than was meant"},
			{"in quotes that expand nothing", `"Authorization: Bearer ${API_TOKEN}"`, `'Authorization: Bearer ${API_TOKEN}'`, "something else than was meant"},
			{"set -e lost", "set -e\n", "", "something else than was meant"},
			{"the value in a label", "LABEL a=b", "LABEL a=tok-c4n4ry-EXAMPLE-7Qm2x", "Labels"},
		},
	},
	"onbuild": {
		tree: `FROM node:20
ONBUILD ARG NPM_TOKEN
ONBUILD ENV A=1 B=2
ONBUILD COPY package.json .npmrc ./
ONBUILD RUN npm ci
`,
		mutations: []mutation{
			{"no mount", "--mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN ", "", "meant"},
			{"another command", "npm ci", "npm install", "meant"},
			{"not ONBUILD", "ONBUILD RUN", "RUN", "in the place of"},
			{"another trigger", "package.json", "package-lock.json", "say something else"},
			{"another trigger's variable", "B=2", "B=3", "say something else"},
			{"a trigger gone", "ONBUILD ENV A=1 B=2\n", "", "in the place of"},
		},
	},
	"shim": {
		tree: `FROM node:22-alpine
ENV STRIPE_KEY=sk-c4n4ry-EXAMPLE-7Qm2x PORT=8080
WORKDIR /app
COPY server.js .
HEALTHCHECK CMD wget -q -O /dev/null http://localhost:8080/
USER node
EXPOSE 8080
CMD ["node", "server.js"]
`,
		mutations: []mutation{
			{"no exec", `exec "$@"`, `"$@"`, "another text"},
			{"the words joined", `exec "$@"`, `exec $@`, "another text"},
			{"it overrides what is set", `[ -z "${STRIPE_KEY+x}" ] && `, "", "another text"},
			{"not exported", "  export STRIPE_KEY\n", "", "another text"},
			{"the value in it", "$(cat /run/secrets/STRIPE_KEY)", "sk-c4n4ry-EXAMPLE-7Qm2x", "another text"},
			{"another shell", "#!/bin/sh", "#!/bin/bash", "another text"},
			{"expanded by the builder", "<<'EOF'", "<<EOF", "another text"},
			{"not executable", "--chmod=0755 ", "", "another mode"},
			{"for all to write", "--chmod=0755", "--chmod=0777", "another mode"},
			{"another owner", "COPY --chmod", "COPY --chown=1000:1000 --chmod", "owner"},
			{"in another place", "<<'EOF' /usr/local/bin/with-secrets", "<<'EOF' /usr/bin/with-secrets", "another place"},
			{"with another file", "<<'EOF' /usr", "server.js <<'EOF' /usr", ""},
			{"by ADD", "COPY --chmod", "ADD --chmod", "in the place of"},
			{"linked, which means nothing beside a mode", "COPY --chmod", "COPY --link --chmod", accepted},
			{"as the user", "USER node\n", "", "in the place of"},
			{"not before the program", `"/usr/local/bin/with-secrets", "node"`, `"node"`, "Cmd"},
			{"behind the program", `"/usr/local/bin/with-secrets", "node"`, `"node", "/usr/local/bin/with-secrets"`, "Cmd"},
			{"as a text", `CMD ["/usr/local/bin/with-secrets", "node", "server.js"]`, `CMD /usr/local/bin/with-secrets node server.js`, "Cmd"},
			{"an argument lost", `, "server.js"]`, `]`, "Cmd"},
			{"the CMD lost", "CMD [\"/usr/local/bin/with-secrets\", \"node\", \"server.js\"]\n", "", "CMD would be gone"},
			{"as the ENTRYPOINT", `CMD ["/usr`, `ENTRYPOINT ["/usr`, "in the place of"},
			{"an ENTRYPOINT besides", `CMD ["/usr`, "ENTRYPOINT []\nCMD [\"/usr", "in the place of"},
			{"the variable left, empty", "ENV PORT", "ENV STRIPE_KEY= PORT", "STRIPE_KEY"},
			{"another variable gone", "ENV PORT=8080\n", "", "in the place of"},
			{"another health check", "wget -q -O", "with-secrets wget -q -O", "Healthcheck"},
			{"a comment", "CMD [", "# start\nCMD [", accepted},
		},
	},
	"shim of a base": {
		tree: `FROM nginx:1.27
ENV SHOP_API_TOKEN=tok-c4n4ry-EXAMPLE-7Qm2x
COPY shop.conf.template /etc/nginx/templates/
`,
		mutations: []mutation{
			{"the CMD lost", "CMD [\"nginx\", \"-g\", \"daemon off;\"]\n", "", "CMD would be gone"},
			{"another CMD", `"daemon off;"`, `"daemon on;"`, "Cmd"},
			{"the ENTRYPOINT lost", "ENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/docker-entrypoint.sh\"]\n", "", "in the place of"},
			{"the base's entrypoint lost", `, "/docker-entrypoint.sh"`, "", "Entrypoint"},
			{"another entrypoint", "/docker-entrypoint.sh", "/entrypoint.sh", "Entrypoint"},
			{"the CMD first", "ENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/docker-entrypoint.sh\"]\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n", "CMD [\"nginx\", \"-g\", \"daemon off;\"]\nENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/docker-entrypoint.sh\"]\n", "in the place of"},
		},
	},
	"shim of a parent": {
		tree: `FROM company/base:7 AS base
RUN useradd shop
ENTRYPOINT ["/app/shop"]
CMD ["serve"]
FROM base AS tools
COPY tools /tools
FROM base
ENV STRIPE_KEY=sk-c4n4ry-EXAMPLE-7Qm2x
COPY . /app
`,
		mutations: []mutation{
			{"the CMD lost", "\nCMD [\"serve\"]\n\x00", "\n", "CMD would be gone"},
			{"in the parent too", "ENTRYPOINT [\"/app/shop\"]", "ENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/app/shop\"]", "Entrypoint"},
			{"in the other stage", "COPY tools /tools\n", "COPY tools /tools\nENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/app/shop\"]\n", "in the place of"},
		},
	},
	"address": {
		tree: `FROM alpine
ADD https://shop:pw-c4n4ry-EXAMPLE-7Qm2x@files.example.com/data /data
`,
		mutations: []mutation{
			{"another address", "files.example.com/data", "files.example.com/date", "ADD would"},
			{"the user left", "https://files", "https://shop@files", "somewhere else"},
			{"the password left", "https://files", "https://shop:pw-c4n4ry-EXAMPLE-7Qm2x@files", "somewhere else"},
			{"another destination", " /data", " /date", "ADD would"},
		},
	},
}

// mutation puts to in place of from; want is in the reason of the refusal.
type mutation struct{ name, from, to, want string }

// accepted is the want of a mutation that changes nothing of the build.
const accepted = "accepted"

func TestWrongFixes(t *testing.T) {
	n := 0
	for name, c := range wrong {
		n += len(c.mutations)
		t.Run(name, func(t *testing.T) {
			tree := map[string]string{}
			for _, f := range txtar.Parse([]byte(c.tree)).Files {
				tree[f.Name] = string(f.Data)
			}
			if len(tree) == 0 {
				tree["Dockerfile"] = c.tree
			}
			f := fix(t, tree)
			if f == nil {
				t.Fatal("not fixed")
			}
			if err := f.check(t, f.after); err != nil {
				t.Fatalf("the right fix: %v\n%s", err, f.after)
			}
			for _, m := range c.mutations {
				t.Run(m.name, func(t *testing.T) {
					after := strings.Replace(f.after+"\x00", m.from, m.to, 1) // \x00: the end
					after = strings.TrimSuffix(after, "\x00")
					if after == f.after {
						t.Fatalf("%q is not there:\n%s", m.from, f.after)
					}
					err := f.check(t, after)
					switch {
					case m.want == accepted:
						if err != nil {
							t.Errorf("refused: %v", err)
						}
					case err == nil:
						t.Errorf("accepted:\n%s", after)
					case !strings.Contains(err.Error(), m.want):
						t.Errorf("refused, but not for %q: %v", m.want, err)
					case strings.Contains(err.Error(), "c4n4ry"):
						t.Errorf("the value is told: %v", err)
					}
				})
			}
		})
	}
	if n < 30 {
		t.Errorf("%d mutations", n)
	}
}

// TestMeantWrong has fixes that do what they mean, and mean something wrong.
func TestMeantWrong(t *testing.T) {
	f := fix(t, map[string]string{"Dockerfile": wrong["shim of a base"].tree})
	if f == nil || len(f.meant) != 1 || len(f.meant[0].Shims) != 1 || len(f.meant[0].Pieces) != 3 {
		t.Fatalf("%+v", f)
	}
	pieces, shims := f.meant[0].Pieces, f.meant[0].Shims
	const entrypoint, cmd = "ENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/docker-entrypoint.sh\"]\n", "CMD [\"nginx\", \"-g\", \"daemon off;\"]\n"
	for _, c := range []struct {
		name, from, to, want string
		change               func(*proof.Intent)
	}{
		{"the CMD that a new ENTRYPOINT takes away is not said again", cmd, "", "Cmd", func(x *proof.Intent) { x.Pieces = pieces[:2] }},
		{"nothing is meant to go through the shim", "", "", "Entrypoint", func(x *proof.Intent) { x.Shims = nil }},
		{"another stage is", "", "", "Entrypoint", func(x *proof.Intent) { x.Shims = []proof.Shim{{Stage: 1, Path: shims[0].Path, Base: shims[0].Base}} }},
		{"another file is", "", "", "Entrypoint", func(x *proof.Intent) { x.Shims = []proof.Shim{{Path: "/bin/with", Base: shims[0].Base}} }},
		{"the base starts something else", "", "", "Entrypoint", func(x *proof.Intent) {
			x.Shims = []proof.Shim{{Path: shims[0].Path, Base: &proof.Started{Entrypoint: []string{"/entrypoint.sh"}, Cmd: shims[0].Base.Cmd}}}
		}},
		{"what the base starts is not said", "", "", "Entrypoint", func(x *proof.Intent) { x.Shims = []proof.Shim{{Path: shims[0].Path}} }},
		{"ENTRYPOINT alone, with the words of CMD", entrypoint + cmd, "ENTRYPOINT [\"/usr/local/bin/with-secrets\", \"/docker-entrypoint.sh\", \"nginx\", \"-g\", \"daemon off;\"]\n", "Entrypoint", func(x *proof.Intent) {
			all := pieces[1]
			all.Words = append(append([]string{}, all.Words...), pieces[2].Words...)
			x.Pieces = []proof.Piece{pieces[0], all}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := *f
			g.meant = []proof.Intent{f.meant[0]}
			c.change(&g.meant[0])
			err := g.check(t, strings.Replace(f.after, c.from, c.to, 1))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
