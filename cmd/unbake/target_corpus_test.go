package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	composeloader "github.com/compose-spec/compose-go/v2/loader"
	composetypes "github.com/compose-spec/compose-go/v2/types"
	stackloader "github.com/docker/cli/cli/compose/loader"
	stacktypes "github.com/docker/cli/cli/compose/types"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/compose/cloud"
	"github.com/unbake-dev/unbake/compose/kubernetes"
	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/compose/stack"
	"github.com/unbake-dev/unbake/compose/vault"
)

// TestTargetsCorpus writes files for the projects of real repositories (UNBAKE_CORPUS names a folder of them): docker's loader takes each
// stack file and finds in it what compose-go finds in the compose file, and the manifests are valid. The counts are logged.
func TestTargetsCorpus(t *testing.T) {
	root := os.Getenv("UNBAKE_CORPUS")
	if root == "" {
		t.Skip("UNBAKE_CORPUS names no folder of real compose files")
	}
	counts := map[string]int{}
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		dir := filepath.Join(root, folder.Name())
		fsys := os.DirFS(dir)
		var paths []string
		err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && compose.IsComposeFile(path.Base(p)) {
				paths = append(paths, p)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all := compose.Load(fsys, paths)
		for _, f := range all {
			if project.Leading(f, all) != f {
				continue
			}
			p, err := project.Load(f, all)
			if err != nil {
				counts["projects refused"]++
				continue
			}
			counts["projects"]++
			for name, generate := range map[string]func(*project.Project, fs.FS) (*project.Generated, error){
				"stack": stack.Generate, "vault": vault.Generate, "kubernetes": kubernetes.Generate, "cloud": cloud.AWS.Generate,
			} {
				out, err := generate(p, fsys)
				var refused *project.Refused
				if errors.As(err, &refused) {
					counts[name+" refused"]++
					continue
				} else if err != nil {
					t.Errorf("%s/%s: %s: %v", dir, f.Path, name, err)
					continue
				}
				counts[name+" written"]++
				for _, x := range out.Files {
					switch {
					case path.Base(x.Path) == stack.StackFile:
						sameStack(t, dir, f, x)
					case path.Ext(x.Path) == ".yaml" && name == "kubernetes":
						readManifests(t, filepath.Join(dir, x.Path), string(x.Text))
					}
				}
			}
		}
	}
	t.Log(counts)
}

// sameStack compares a stack file as docker loads it with the compose file as compose-go does, every variable having a value.
func sameStack(t *testing.T, dir string, f *compose.File, x project.File) {
	t.Helper()
	name := filepath.Join(dir, f.Path)
	env := everything(string(f.Src))
	config, err := stackloader.ParseYAML(x.Text)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if ignored := stackloader.GetUnsupportedProperties(config); len(ignored) > 0 {
		t.Errorf("%s: docker stack deploy ignores %v", name, ignored)
	}
	got, err := stackloader.Load(stacktypes.ConfigDetails{
		WorkingDir: filepath.Dir(name), Environment: env, ConfigFiles: []stacktypes.ConfigFile{{Filename: x.Path, Config: config}},
	})
	if err != nil {
		// An env_file that is not in the repository; two ports that are one with these values.
		if !strings.Contains(err.Error(), "no such file") && !strings.Contains(err.Error(), "are equal") {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	want, err := composeloader.LoadWithContext(context.Background(), composetypes.ConfigDetails{
		WorkingDir: filepath.Dir(name), Environment: env, ConfigFiles: []composetypes.ConfigFile{{Filename: name, Content: f.Src}},
	}, func(o *composeloader.Options) {
		o.SetProjectName("8", false) // what COMPOSE_PROJECT_NAME has in the shell
		o.SkipConsistencyCheck, o.SkipResolveEnvironment = true, true
	})
	if err != nil {
		return
	}
	for _, s := range got.Services {
		c := want.Services[s.Name]
		same := func(what string, a, b []string) {
			if !slices.Equal(a, b) {
				t.Errorf("%s: %s of service %s is %q, was %q", name, what, s.Name, b, a)
			}
		}
		same("image", []string{c.Image}, []string{s.Image})
		same("command", c.Command, s.Command)
		same("entrypoint", c.Entrypoint, s.Entrypoint)
		if c.HealthCheck != nil && s.HealthCheck != nil {
			same("healthcheck", c.HealthCheck.Test, s.HealthCheck.Test)
		}
		for k, v := range c.Environment {
			// docker stack deploy gives an empty variable the shell's value.
			if v != nil && *v != "" && (s.Environment[k] == nil || *s.Environment[k] != *v) {
				t.Errorf("%s: %s of service %s is another", name, k, s.Name)
			}
		}
		if len(c.Secrets) != len(s.Secrets) {
			t.Errorf("%s: service %s has %d secrets, had %d", name, s.Name, len(s.Secrets), len(c.Secrets))
		}
		var a, b []string
		for _, v := range c.Volumes {
			a = append(a, path.Clean(v.Target))
		}
		for _, v := range s.Volumes {
			if b = append(b, path.Clean(v.Target)); v.Type == "tmpfs" && !slices.Contains(a, path.Clean(v.Target)) {
				b = b[:len(b)-1] // what compose has under tmpfs
			}
		}
		same("volumes", a, b)
	}
}
