package rewrite_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/proof"
	"github.com/unbake-dev/unbake/rules"
)

const twoSecrets = "FROM node:20\nARG NPM_TOKEN\nARG API_TOKEN\nWORKDIR /app\nRUN npm ci\nRUN curl -H \"X: $API_TOKEN\" -o /d https://files.example.com/\nCMD [\"node\", \"server.js\"]\n"

// liar does what another rule does, and a thing more that it does not tell of.
func liar(honest *rewrite.Rule, secret, from, to string) *rewrite.Rule {
	r := *honest
	r.Run = func(p *rewrite.Pass) {
		// The honest rule's findings, with what the liar adds.
		rewrite.Intercept(p, func(f *rewrite.Finding) {
			if f.Secret != secret || f.Fix == nil {
				return
			}
			at := strings.Index(string(p.File.Src), from)
			if at < 0 {
				return
			}
			fix := *f.Fix
			last := len(fix.Changes) - 1
			fix.Changes = append([]rewrite.Change(nil), fix.Changes...)
			fix.Changes[last].Edits = edit.Join(append(append([]edit.Edit(nil), fix.Changes[last].Edits...), edit.Edit{Start: at, End: at + len(from), New: to}))
			f.Fix = &fix
		}, honest.Run)
	}
	return &r
}

// TestGuiltyFixIsSetAside runs a rule that breaks the build when it moves one of two
// secrets: that fix is withdrawn, by name, and the other one is made.
func TestGuiltyFixIsSetAside(t *testing.T) {
	for _, secret := range []string{"NPM_TOKEN", "API_TOKEN"} {
		list := rules.All()
		for i, r := range list {
			if r.ID == "secret-arg" {
				list[i] = liar(r, secret, "server.js", "server.mjs")
			}
		}
		ws := rewrite.NewWorkspace(fstest.MapFS{"Dockerfile": {Data: []byte(twoSecrets)}}, func() []string { return []string{"Dockerfile"} }, nil)
		plan, err := rewrite.Run(ws, []string{"Dockerfile"}, list, rewrite.Options{Least: rewrite.Review})
		if err != nil {
			t.Fatal(err)
		}
		made, left := "", ""
		for _, r := range plan.Results {
			if r.Outcome == rewrite.Fixed {
				made += r.Secret
			} else {
				left += r.Secret
				if !strings.Contains(r.Reason, "withdrawn") || !strings.Contains(r.Reason, "report this") || !strings.Contains(r.Reason, "Cmd") || !strings.Contains(r.Reason, "line 1") {
					t.Errorf("%s: %q", r.Secret, r.Reason)
				}
			}
		}
		if left != secret || made == "" || made == secret {
			t.Errorf("made %q, left %q", made, left)
		}
		for _, c := range plan.Changes() {
			if strings.Contains(string(c.New), "server.mjs") || !strings.Contains(string(c.New), "ARG "+secret) || strings.Contains(string(c.New), "ARG "+made) {
				t.Errorf("%s:\n%s", c.Path, c.New)
			}
		}
		if !plan.Todo() || len(plan.Made) != 1 {
			t.Errorf("%d made, todo %v", len(plan.Made), plan.Todo())
		}
	}
}

// TestUndeclared: a fix that declares nothing may change nothing of the build.
func TestUndeclared(t *testing.T) {
	list := rules.All()
	for i, r := range list {
		if r.ID != "secret-arg" {
			continue
		}
		silent := *r
		silent.Run = func(p *rewrite.Pass) {
			rewrite.Intercept(p, func(f *rewrite.Finding) {
				if f.Fix != nil {
					fix := *f.Fix
					fix.Intents = []proof.Intent(nil)
					f.Fix = &fix
				}
			}, r.Run)
		}
		list[i] = &silent
	}
	ws := rewrite.NewWorkspace(fstest.MapFS{"Dockerfile": {Data: []byte(twoSecrets)}}, func() []string { return []string{"Dockerfile"} }, nil)
	plan, err := rewrite.Run(ws, []string{"Dockerfile"}, list, rewrite.Options{Least: rewrite.Review})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Changed() || len(plan.Made) > 0 {
		t.Errorf("%d fixes made", len(plan.Made))
	}
}
