package rewrite_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// sameServices loads a compose file as it was and as it is with compose-go, interpolates
// each from its own .env, and holds what every container gets against each other: the
// variables, commands, health checks and labels, with secrets put in place of the files
// that they are in. Shims and health checks that read a file are compared by that.
func sameServices(t *testing.T, root string, before, after fs.FS, name string) {
	t.Helper()
	old, err := loadCompose(root, before, name)
	if err != nil {
		return // compose does not take it as it is: nothing can be broken
	}
	now, err := loadCompose(root, after, name)
	if err != nil {
		t.Errorf("%s: compose took it before: %v", name, strings.ReplaceAll(err.Error(), root, ""))
		return
	}
	for service, was := range old.Services {
		is, ok := now.Services[service]
		if !ok {
			t.Errorf("%s: the service %s is gone", name, service)
			continue
		}
		mounted := map[string]string{} // place in the container → value
		for _, s := range is.Secrets {
			def, ok := now.Secrets[s.Source]
			if !ok {
				t.Errorf("%s: %s gets %s, which is not defined", name, service, s.Source)
				continue
			}
			place := s.Target
			if place == "" {
				place = s.Source
			}
			if !path.IsAbs(place) {
				place = "/run/secrets/" + place
			}
			if value, ok := now.Environment[def.Environment]; ok && def.Environment != "" {
				mounted[place] = value
				continue
			}
			file, err := filepath.Rel(root, def.File)
			if err != nil || def.File == "" {
				continue
			}
			if data, err := fs.ReadFile(after, filepath.ToSlash(file)); err == nil {
				mounted[place] = string(data)
			}
		}
		a, b := texts(was, nil), texts(is, mounted)
		for _, k := range keys(a, b) {
			switch x, y := a[k], b[k]; {
			case x == y:
			case strings.HasPrefix(k, "environment ") && !has(a, k):
				// The image had it, and has it no more.
			case strings.HasPrefix(k, "environment ") && y == "" && mounted["/run/secrets/"+strings.TrimPrefix(k, "environment ")] != "":
				// A shim reads it, or the program does.
			default:
				t.Errorf("%s: %s: %s is not what it was (%d bytes, %d bytes)", name, service, k, len(x), len(y))
			}
		}
	}
}

func has(m map[string]string, k string) bool {
	_, ok := m[k]
	return ok
}

func keys(ms ...map[string]string) []string {
	var out []string
	for _, m := range ms {
		for k := range m {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

// texts is what a container is given, by what it is. mounted resolves files of secrets.
func texts(s types.ServiceConfig, mounted map[string]string) map[string]string {
	out := map[string]string{}
	resolve := func(v string) string {
		for name, value := range s.Environment {
			if value != nil && *value != "" {
				for _, form := range []string{"${" + name + "}", "$" + name} {
					v = strings.ReplaceAll(v, form, *value)
				}
			}
		}
		v = strings.ReplaceAll(v, `"`, "")
		for place, value := range mounted {
			for _, form := range []string{"$(cat " + place + ")", "$(<" + place + ")"} {
				v = strings.ReplaceAll(v, form, value)
			}
		}
		return v
	}
	for k, v := range s.Environment {
		value := "(from outside)"
		if v != nil {
			value = *v
		}
		if content, ok := mounted[value]; ok {
			for _, form := range []func(string) (string, bool){
				func(k string) (string, bool) { return strings.CutSuffix(k, "__FILE") },
				func(k string) (string, bool) { return strings.CutSuffix(k, "_FILE") },
				func(k string) (string, bool) { return strings.CutPrefix(k, "FILE__") },
			} {
				if plain, ok := form(k); ok {
					k, value = plain, content
					break
				}
			}
		}
		for place, content := range mounted {
			value = strings.ReplaceAll(value, "file://"+place, content)
		}
		out["environment "+k] = value
	}
	list := func(what string, words []string) {
		for i, w := range words {
			out[fmt.Sprintf("%s %d", what, i)] = resolve(w)
		}
	}
	list("command", s.Command)
	list("entrypoint", s.Entrypoint)
	if s.HealthCheck != nil {
		var words []string
		for _, w := range s.HealthCheck.Test {
			// What a shell of the container puts in, with the variables as they were.
			words = append(words, os.Expand(resolve(w), func(name string) string {
				if v, ok := out["environment "+name]; ok {
					return v
				}
				return "${" + name + "}"
			}))
		}
		list("healthcheck", words)
	}
	for k, v := range s.Labels {
		out["label "+k] = v
	}
	return out
}

func loadCompose(root string, fsys fs.FS, name string) (*types.Project, error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	env := types.Mapping{}
	if data, err := fs.ReadFile(fsys, path.Join(path.Dir(name), ".env")); err == nil {
		if vars, err := dotenv.UnmarshalBytesWithLookup(data, nil); err == nil {
			for k, v := range vars {
				env[k] = v
			}
		}
	}
	dir := filepath.Join(root, filepath.FromSlash(path.Dir(name)))
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: dir, Environment: env,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, filepath.FromSlash(name)), Content: src}},
	}, func(o *loader.Options) {
		o.SetProjectName("test", true)
		o.SkipResolveEnvironment = true
		o.Profiles = []string{"*"}
	})
}
