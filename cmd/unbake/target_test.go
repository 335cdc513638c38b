package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	composeloader "github.com/compose-spec/compose-go/v2/loader"
	composetypes "github.com/compose-spec/compose-go/v2/types"
	stackloader "github.com/docker/cli/cli/compose/loader"
	stacktypes "github.com/docker/cli/cli/compose/types"
	"github.com/hashicorp/hcl"
	"gopkg.in/yaml.v3"
)

// TestTargets reads what fix --target writes in the golden cases with what will read it: the loader of docker stack deploy, compose-go with
// the overlay laid on, Vault's HCL, the schemas of Kubernetes and of the External Secrets Operator, dash and shellcheck.
func TestTargets(t *testing.T) {
	cases, err := filepath.Glob("../../testdata/target-*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			_, c := parseGolden(t, name)
			dir := t.TempDir()
			writeTree(t, dir, c.in)
			var out bytes.Buffer
			run(append(append([]string{"fix"}, c.args...), dir), &out, &out)
			for file, text := range readTree(t, dir) {
				if _, ok := c.in[file]; ok {
					continue
				}
				for _, v := range c.canary {
					if strings.Contains(text, v) && path.Base(path.Dir(file)) != "secrets" && path.Base(file) != ".env" {
						t.Errorf("%s holds %q", file, v)
					}
				}
				switch base := path.Base(file); {
				case base == "docker-stack.yml":
					readStack(t, dir, file)
				case base == "compose.vault.yaml":
					readOverlay(t, filepath.Join(dir, path.Dir(file)))
				case path.Ext(file) == ".hcl":
					var v any
					if err := hcl.Unmarshal([]byte(text), &v); err != nil {
						t.Errorf("%s: %v", file, err)
					}
				case path.Ext(file) == ".sh":
					checkScript(t, filepath.Join(dir, file))
				case strings.Contains("/"+file, "/k8s/"):
					readManifests(t, file, text)
				}
			}
		})
	}
}

// everything has a value for any variable.
func everything(text string) map[string]string {
	env := map[string]string{}
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		env[word] = "8"
	}
	return env
}

// readStack loads a stack file as docker stack deploy does.
func readStack(t *testing.T, dir, file string) {
	src, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	config, err := stackloader.ParseYAML(src)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	details := stacktypes.ConfigDetails{
		WorkingDir: filepath.Join(dir, path.Dir(file)), Environment: everything(string(src)),
		ConfigFiles: []stacktypes.ConfigFile{{Filename: file, Config: config}},
	}
	stack, err := stackloader.Load(details)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	dicts := []map[string]any{config}
	if ignored := stackloader.GetUnsupportedProperties(dicts...); len(ignored) > 0 {
		t.Errorf("%s: docker stack deploy ignores %v", file, ignored)
	}
	if old := stackloader.GetDeprecatedProperties(dicts...); len(old) > 0 {
		t.Errorf("%s: docker stack deploy does not take %v", file, old)
	}
	for name, s := range stack.Secrets {
		if !s.External.External || s.Name == "" || s.File != "" {
			t.Errorf("%s: secret %s is not the swarm's", file, name)
		}
	}
	for _, s := range stack.Services {
		for _, x := range s.Secrets {
			if _, ok := stack.Secrets[x.Source]; !ok {
				t.Errorf("%s: secret %s of service %s is not there", file, x.Source, s.Name)
			}
			if x.Mode != nil && *x.Mode != 0o400 { // as the cases have it
				t.Errorf("%s: mode %o of secret %s", file, *x.Mode, x.Source)
			}
		}
	}
}

// readOverlay loads a project with and without the overlay of Vault, as docker compose does.
func readOverlay(t *testing.T, dir string) {
	load := func(names ...string) *composetypes.Project {
		var files []composetypes.ConfigFile
		env := map[string]string{}
		for _, name := range names {
			src, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range everything(string(src)) {
				env[k] = v
			}
			files = append(files, composetypes.ConfigFile{Filename: filepath.Join(dir, name), Content: src})
		}
		p, err := composeloader.LoadWithContext(context.Background(), composetypes.ConfigDetails{WorkingDir: dir, ConfigFiles: files, Environment: env},
			func(o *composeloader.Options) { o.SetProjectName("shop", false) })
		if err != nil {
			t.Fatalf("%v: %v", names, err)
		}
		return p
	}
	base := ""
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil && base == "" {
			base = name
		}
	}
	before, after := load(base), load(base, "compose.vault.yaml")
	agent := after.Services["vault-agent"]
	for name, old := range before.Services {
		now := after.Services[name]
		for _, s := range old.Secrets {
			target := s.Target
			if target == "" {
				target = s.Source
			}
			if !path.IsAbs(target) {
				target = "/run/secrets/" + target
			}
			rest, below := strings.CutPrefix(target, "/run/secrets/")
			still := false
			for _, x := range now.Secrets {
				still = still || x.Source == s.Source && x.Target == s.Target
			}
			if still == below {
				t.Errorf("secret %s of service %s: still a file: %v", s.Source, name, still)
			}
			if !below {
				continue
			}
			volume := ""
			for _, v := range now.Volumes {
				if v.Target == "/run/secrets" && v.ReadOnly {
					volume = v.Source
				}
			}
			written := ""
			for _, v := range agent.Volumes {
				if v.Source == volume && volume != "" {
					written = v.Target + "/" + rest
				}
			}
			if written == "" {
				t.Errorf("the agent writes nothing for secret %s of service %s", s.Source, name)
			}
			configuration, _ := os.ReadFile(filepath.Join(dir, "vault/agent.hcl"))
			if !strings.Contains(string(configuration), `"`+written+`"`) {
				t.Errorf("the agent has no template for %s", written)
			}
			if after.Volumes[volume].DriverOpts["type"] != "tmpfs" {
				t.Errorf("volume %s is not in memory", volume)
			}
			if now.DependsOn["vault-agent"].Condition != "service_healthy" {
				t.Errorf("service %s does not wait for the agent", name)
			}
		}
		// All else is as it was.
		now.Secrets, old.Secrets = nil, nil
		now.Volumes, now.DependsOn = now.Volumes[:len(old.Volumes)], old.DependsOn
		a, _ := yaml.Marshal(old)
		b, _ := yaml.Marshal(now)
		if len(old.Volumes) == len(now.Volumes) && !bytes.Equal(a, b) {
			t.Errorf("the overlay changes service %s:\n%s\nbecomes\n%s", name, a, b)
		}
	}
}

// checkScript reads a script with the strictest shell at hand, and with shellcheck where it is.
func checkScript(t *testing.T, file string) {
	shell := "dash"
	if _, err := exec.LookPath(shell); err != nil {
		shell = "sh"
	}
	if out, err := exec.Command(shell, "-n", file).CombinedOutput(); err != nil {
		t.Errorf("%s: %s", filepath.Base(file), out)
	}
	if _, err := exec.LookPath("shellcheck"); err == nil {
		if out, err := exec.Command("shellcheck", "-s", "sh", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", filepath.Base(file), out)
		}
	}
}
