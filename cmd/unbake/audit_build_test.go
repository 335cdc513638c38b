//go:build linux

package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAuditBuild audits what BuildKit really builds: its history, its provenance, its layers. Each finding has the line
// of the Dockerfile that made it, and every value is found again wherever the image holds it, plain and by its hash.
func TestAuditBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("a real build takes seconds")
	}
	b := startBuildkit(t)
	unbake := filepath.Join(t.TempDir(), "unbake")
	if out, err := exec.Command("go", "build", "-o", unbake, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	const (
		token  = "npm_c4n4ryEXAMPLE7Qm2xc4n4ryEXAMPLE7Qm2x"
		arg    = "tok-c4n4ry-EXAMPLE-7Qm2x"
		file   = "pw-c4n4ry-EXAMPLE-7Qm2x"
		builds = "only-c4n4ry-EXAMPLE-7Qm2x"
	)
	dir := scratch(t)
	for name, text := range map[string]string{
		"Dockerfile": `FROM alpine AS build
ARG BUILD_TOKEN
RUN echo built > /out

FROM alpine
ARG DEPLOY_TOKEN
ENV NPM_TOKEN=` + token + ` \
    MODE=shop
LABEL com.example.note="of the shop"
WORKDIR /app
COPY .netrc /root/
COPY --from=build /out ./
RUN <<END
echo one
echo "$DEPLOY_TOKEN" > written
END
RUN rm /root/.netrc && \
    echo two
ENTRYPOINT ["/bin/sh", "-c", "wget --header='Authorization: Bearer tok-c4n4ry-EXAMPLE-9Kp4z' https://shop.example.com"]
`,
		".netrc":     "machine shop.example.com login shop password " + file + "\n",
		"known.env":  "DEPLOY_TOKEN=" + arg + "\nNETRC=" + file + "\nBUILD_TOKEN=" + builds + "\n",
		"hashed.env": hashedLine("DEPLOY_TOKEN", arg) + hashedLine("NETRC", file) + hashedLine("BUILD_TOKEN", builds),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	from, err := b.base.unique()
	if err != nil {
		t.Fatal(err)
	}
	img, err := b.build(ctx, filepath.Join(dir, "built"), request{dir: dir, dockerfile: filepath.Join(dir, "Dockerfile"),
		buildArgs: []string{"DEPLOY_TOKEN=" + arg, "BUILD_TOKEN=" + builds}, from: from})
	if err != nil {
		t.Fatal(err)
	}
	if err := withoutLinks(img.layout); err != nil {
		t.Fatal(err)
	}
	audit := func(args ...string) string {
		var out bytes.Buffer
		cmd := exec.Command(unbake, append(append([]string{"audit", "--dockerfile", "Dockerfile"}, args...), img.layout)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 1 {
			t.Fatalf("unbake audit %v: %v\n%s", args, err, out.String())
		}
		for i, value := range []string{token, arg, file, builds, "c4n4ry"} {
			if strings.Contains(out.String(), value) {
				t.Errorf("unbake audit %v tells value %d", args, i)
			}
		}
		text := strings.ReplaceAll(out.String(), img.layout, "IMAGE")
		return regexp.MustCompile(`sha256:[0-9a-f]{12}`).ReplaceAllString(text, "ID")
	}
	const plain = `IMAGE: ENV NPM_TOKEN holds an npm token: npm_*** [env]
  by:      Dockerfile:7: ENV NPM_TOKEN=npm_*** MODE=shop
IMAGE: ENTRYPOINT holds API_TOKEN (Authorization header) [command]
  by:      Dockerfile:19: ENTRYPOINT ["/bin/sh" "-c" "wget --header='Authorization: Bearer ***' https://shop.example.com"]
IMAGE: the build argument DEPLOY_TOKEN holds a secret [history]
  by:      Dockerfile:6: ARG DEPLOY_TOKEN=*** (and 2 more steps)
IMAGE: /root/.netrc (netrc credentials) holds a secret [file]
  in:      layer 4 (ID)
  since:   removed by layer 7 (ID), and still in the image
  by:      Dockerfile:11: COPY .netrc /root/
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds the build argument BUILD_TOKEN, a secret [attestation]
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds the build argument DEPLOY_TOKEN, a secret [attestation]
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds the variable NPM_TOKEN, an npm token: npm_*** [attestation]
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds API_TOKEN (Authorization header), in the Dockerfile [attestation]
`
	const known = `IMAGE: ENV NPM_TOKEN holds an npm token: npm_*** [env]
  by:      Dockerfile:7: ENV NPM_TOKEN=npm_*** MODE=shop
IMAGE: ENTRYPOINT holds API_TOKEN (Authorization header) [command]
  by:      Dockerfile:19: ENTRYPOINT ["/bin/sh" "-c" "wget --header='Authorization: Bearer ***' https://shop.example.com"]
IMAGE: the build argument DEPLOY_TOKEN holds the value of DEPLOY_TOKEN [history]
  by:      Dockerfile:6: ARG DEPLOY_TOKEN=*** (and 2 more steps)
IMAGE: /root/.netrc holds the value of NETRC [file]
  in:      layer 4 (ID)
  since:   removed by layer 7 (ID), and still in the image
  by:      Dockerfile:11: COPY .netrc /root/
IMAGE: /app/written holds the value of DEPLOY_TOKEN [file]
  in:      layer 6 (ID)
  by:      Dockerfile:13: RUN echo one echo "$DEPLOY_TOKEN" > written
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds the value of BUILD_TOKEN [attestation]
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds the value of DEPLOY_TOKEN [attestation]
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds the variable NPM_TOKEN, an npm token: npm_*** [attestation]
IMAGE: the attestation (https://slsa.dev/provenance/v1) holds API_TOKEN (Authorization header), in the Dockerfile [attestation]
`
	for _, x := range []struct {
		want  string
		flags []string
	}{{plain, nil}, {known, []string{"--secret-file", "known.env"}}, {known, []string{"--secret-file", "hashed.env"}}} {
		got, _, _ := strings.Cut(audit(x.flags...), " findings in ")
		if got = got[:strings.LastIndexByte(got, '\n')+1]; got != x.want {
			t.Errorf("unbake audit %v:\n%s\nwant\n%s", x.flags, got, x.want)
		}
	}
}

func hashedLine(name, value string) string {
	return fmt.Sprintf("%s=sha256:%x:%d\n", name, sha256.Sum256([]byte(value)), len(value))
}

// withoutLinks puts files in the place of links to them: the harness saves copies of the base's layer so, and an audit
// follows none.
func withoutLinks(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeSymlink {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o644)
	})
}
