package audit_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/image"
	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// TestElsewhere: what packages, tests and manuals bring along is a note, and what people
// put there by hand is none.
func TestElsewhere(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgc4n4ryEXAMPLE7Qm2\n-----END PRIVATE KEY-----\n"
	r := run(t, imagetest.Image{Steps: []imagetest.Step{{By: "COPY . / # buildkit", Packing: compression.ZStd, Files: []imagetest.Entry{
		{Name: "usr/lib/python3/dist-packages/x/client.py", Body: "u = 'https://user:" + password + "@example.com'"},
		{Name: "app/node_modules/y/test/server.key", Body: key},
		{Name: "app/tests/id_rsa", Body: key},
		{Name: "etc/ssl/private/ssl-cert-snakeoil.key", Body: key},
		{Name: "usr/lib/node_modules/shop/.npmrc", Body: "//registry.example.com/:_authToken=" + npmToken},
		{Name: "usr/src/app/secrets.py", Body: "PASSWORD = input()"},
		{Name: "test/id_rsa", Body: key},
		{Name: "root/.ssh/id_rsa", Body: key + key},
		{Name: "etc/ssl/certs/ca-certificates.crt", Body: "-----BEGIN CERTIFICATE-----\nMIIF\n-----END CERTIFICATE-----\n"},
		{Name: "root/.netrc", Body: "machine example.com login shop password " + password},
		{Name: "root/.docker/config.json", Body: `{"auths":{"registry.example.com":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("shop:"+password)) + `"}}}`},
		{Name: "app/.env.example", Body: "DB_PASSWORD=" + password},
	}}}}.Build(t), audit.Options{})
	const in = " | in 1 | 1: COPY . /"
	want(t, r,
		"file: /usr/lib/node_modules/shop/.npmrc (npm configuration) holds an npm token: npm_***"+in,
		"file: /test/id_rsa (ssh private key) holds a private key"+in,
		"file: /root/.ssh/id_rsa (ssh private key) holds 2 private keys"+in,
		"file: /root/.netrc (netrc credentials) holds a secret"+in,
		"file: /root/.docker/config.json (registry credentials) holds a secret"+in,
		"note: file: /usr/lib/python3/dist-packages/x/client.py holds a URL password"+in,
		"note: file: /app/node_modules/y/test/server.key (TLS private key) holds a private key"+in,
		"note: file: /app/tests/id_rsa (ssh private key) holds a private key"+in,
		"note: file: /etc/ssl/private/ssl-cert-snakeoil.key (private key) holds a private key"+in,
	)
	for _, f := range r.Findings {
		if f.Note != f.Grouped() {
			t.Errorf("%s: grouped %v", f.Message(), f.Grouped())
		}
	}
}

// TestAttestation looks into BuildKit's provenance, which holds the Dockerfile in base64.
func TestAttestation(t *testing.T) {
	dockerfile := "FROM scratch AS build\nENV DEPLOY_PASSWORD=" + password + "\nFROM scratch\nCOPY --from=build /x /\n"
	statement := fmt.Sprintf(`{"predicate":{"invocation":{"parameters":{"args":{"build-arg:NPM_TOKEN":%q,"build-arg:MODE":"x"}}},
		"metadata":{"source":{"infos":[{"data":%q}]}},"buildConfig":{"llbDefinition":[{"op":{"exec":{"meta":{"env":["PATH=/bin","CI_PASSWORD=%s"]}}}}]}}}`,
		npmToken, base64.StdEncoding.EncodeToString([]byte(dockerfile)), pw("env"))
	img := imagetest.Image{Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", "x")}}}.Build(t)
	index := imagetest.Attested(t, "https://slsa.dev/provenance/v0.2", statement, img)
	const subject = "attestation: the attestation (https://slsa.dev/provenance/v0.2) holds "
	want(t, run(t, index, audit.Options{}),
		subject+"the variable CI_PASSWORD, a secret",
		subject+"the build argument NPM_TOKEN, an npm token: npm_***",
		subject+"DEPLOY_PASSWORD, in the Dockerfile",
	)
	want(t, run(t, index, audit.Options{Known: known(t, "PW="+password)}),
		subject+"the value of PW, in base64",
		subject+"the variable CI_PASSWORD, a secret",
		subject+"the build argument NPM_TOKEN, an npm token: npm_***",
		subject+"DEPLOY_PASSWORD, in the Dockerfile",
	)
}

// TestLargeAttestation is one that is not read whole.
func TestLargeAttestation(t *testing.T) {
	statement := `{"files":["` + strings.Repeat("x", image.SmallBlob) + ` ` + npmToken + `","` + password + `"]}`
	img := imagetest.Image{Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", "x")}}}.Build(t)
	want(t, run(t, imagetest.Attested(t, "https://spdx.dev/Document", statement, img), audit.Options{Known: known(t, "PW="+password)}),
		"attestation: the attestation (https://spdx.dev/Document) holds the value of PW",
		"attestation: the attestation (https://spdx.dev/Document) holds an npm token: npm_***")
}

// TestPlatforms tells what two platforms have in common once.
func TestPlatforms(t *testing.T) {
	amd := imagetest.Image{Config: v1.Config{Env: []string{"NPM_TOKEN=" + npmToken}}, Steps: []imagetest.Step{{By: "COPY x /x # buildkit", Files: file("x", npmToken)}}}
	arm := amd
	arm.Arch = "arm64"
	arm.Steps = append(arm.Steps, imagetest.Step{By: "COPY y /y # buildkit", Files: file("y", "y-"+npmToken)})
	r := run(t, imagetest.Index(t, amd.Build(t), arm.Build(t)), audit.Options{})
	want(t, r,
		"env: ENV NPM_TOKEN holds an npm token: npm_***",
		"file: /x holds an npm token: npm_*** | in 1 | 1: COPY x /x",
		"file: /y holds an npm token: npm_*** | in 2 | 2: COPY y /y",
	)
	for i, n := range []int{2, 2, 1} {
		if len(r.Findings[i].Platforms) != n {
			t.Errorf("%s: in %d platforms", r.Findings[i].Message(), len(r.Findings[i].Platforms))
		}
	}
	if r.Layers != 2 {
		t.Errorf("%d layers read", r.Layers)
	}
}

// TestNoHistory: where no step can be told, none is.
func TestNoHistory(t *testing.T) {
	want(t, run(t, imagetest.Image{NoHistory: true, Steps: []imagetest.Step{{Files: file("x", npmToken)}}}.Build(t), audit.Options{}),
		"file: /x holds an npm token: npm_*** | in 1")
}

// TestLines joins the history to a Dockerfile, as far as both say the same.
func TestLines(t *testing.T) {
	const text = `# syntax=docker/dockerfile:1
FROM node:20 AS build
RUN npm ci
FROM node:20
ARG NPM_TOKEN
ENV MODE="shop front" \
    LEVEL=$LEVEL
COPY --chown=node .npmrc ./
RUN <<EOF
npm ci
npm test
EOF
RUN echo one && \
    echo two
WORKDIR /app
COPY --from=build /out/ /app/out/
CMD ["node", "."]
`
	f, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	base := imagetest.Step{By: "ADD rootfs / # buildkit", Files: file("root/.npmrc", "_authToken="+npmToken)}
	steps := []imagetest.Step{
		base,
		{By: "ENV NODE_VERSION=20"},
		{By: "ARG NPM_TOKEN=" + npmToken},
		{By: "ENV MODE=shop front LEVEL=3"},
		{By: "COPY --chown=node .npmrc ./ # buildkit", Files: file(".npmrc", "_authToken="+npmToken)},
		{By: "RUN |1 NPM_TOKEN=" + npmToken + " /bin/sh -c npm ci\nnpm test\n # buildkit", Files: file("cache/a", npmToken)},
		{By: "RUN |1 NPM_TOKEN=" + npmToken + " /bin/sh -c echo one &&     echo two # buildkit", Files: file("b", npmToken)},
		{By: "WORKDIR /app", Files: file("c", npmToken)},
		{By: "COPY /out/ /app/out/ # buildkit", Files: file("d", npmToken)},
		{By: "CMD [\"node\" \".\"]"},
	}
	got := func(steps []imagetest.Step) (lines []string, matched bool) {
		r := run(t, imagetest.Image{Steps: steps}.Build(t), audit.Options{Dockerfile: f})
		for _, f := range r.Findings {
			line := fmt.Sprint(f.Line)
			if f.Base {
				line = "base"
			}
			lines = append(lines, line)
		}
		return lines, r.Matched
	}
	check := func(name string, steps []imagetest.Step, want string, all bool) {
		t.Helper()
		if lines, matched := got(steps); strings.Join(lines, " ") != want || matched != all {
			t.Errorf("%s: lines %v, matched %v", name, lines, matched)
		}
	}
	check("BuildKit", steps, "5 base 8 9 13 15 16", true)

	// Another text in one instruction: nothing above it is certain.
	edited := slices.Clone(steps)
	edited[6].By = "RUN /bin/sh -c echo three # buildkit"
	check("edited", edited, "0 0 0 0 0 15 16", false)
	check("another file", []imagetest.Step{base, {By: "CMD [\"x\"]"}}, "0", false)

	// On a base image without a history: BuildKit makes a step up for its layer, and has it stand at the end.
	bare := slices.Clone(steps)
	bare[0].By, bare[0].Comment = bare[1].By, ""
	bare = slices.Delete(bare, 1, 2)
	layers := make([][]imagetest.Entry, 0, len(bare))
	for _, s := range steps {
		if s.Files != nil {
			layers = append(layers, s.Files)
		}
	}
	for i := range bare { // the history of each layer is that of the one above
		if bare[i].Files = nil; strings.HasPrefix(bare[i].By, "COPY") || strings.HasPrefix(bare[i].By, "RUN") || strings.HasPrefix(bare[i].By, "WORKDIR") {
			bare[i].Files, layers = layers[0], layers[1:]
		}
	}
	bare = append(bare, imagetest.Step{By: "mount / from exec /bin/sh -c npm ci", Comment: image.Filler, Files: layers[0]})
	check("a base without a history", bare, "5 base 8 9 13 15 16", true)

	// The builder before BuildKit, which names sources by their hashes.
	const hash = "c4d1d1b2e0a5"
	old := []imagetest.Step{
		base,
		{By: "/bin/sh -c #(nop)  ARG NPM_TOKEN"},
		{By: "/bin/sh -c #(nop)  ENV MODE=shop front LEVEL=3"},
		{By: "/bin/sh -c #(nop) COPY --chown=node:node file:" + hash + " in ./ ", Files: file(".npmrc", "_authToken="+npmToken)},
		{By: "|1 NPM_TOKEN=" + npmToken + " /bin/sh -c npm ci\nnpm test", Files: file("cache/a", npmToken)},
		{By: "|1 NPM_TOKEN=" + npmToken + " /bin/sh -c echo one &&     echo two", Files: file("b", npmToken)},
		{By: "/bin/sh -c #(nop) WORKDIR /app"},
		{By: "/bin/sh -c #(nop) COPY dir:" + hash + " in /app/out/ ", Files: file("d", npmToken)},
		{By: "/bin/sh -c #(nop)  CMD [\"node\" \".\"]"},
	}
	check("the old builder", old, "9 base 8 9 13 16", true)
}
