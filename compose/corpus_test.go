package compose

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// asComposeReads loads files as one project of a folder, as compose-go does without putting variables in.
func asComposeReads(root, dir string, names ...string) (*types.Project, error) {
	details := types.ConfigDetails{WorkingDir: filepath.Join(root, filepath.FromSlash(dir)), Environment: types.Mapping{}}
	for _, name := range names {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: filepath.Join(root, filepath.FromSlash(name))})
	}
	return asComposeReadsIt(details)
}

// bare is a file without what compose-go does not take where variables are left in it: ports, sizes and the like.
func bare(f *File) (map[string]any, error) {
	root, err := f.doc.Decode()
	if err != nil {
		return nil, err
	}
	all, _ := root.(map[string]any)
	services, _ := all["services"].(map[string]any)
	keep := func(m any, keys ...string) {
		if m, ok := m.(map[string]any); ok {
			maps.DeleteFunc(m, func(k string, _ any) bool { return !slices.Contains(keys, k) })
		}
	}
	keep(all, "services", "secrets")
	for _, s := range services {
		keep(s, "image", "environment", "labels", "deploy", "command", "entrypoint", "healthcheck", "secrets", "user", "profiles", "read_only", "env_file", "extends")
		if s, ok := s.(map[string]any); ok {
			keep(s["deploy"], "labels")
			keep(s["healthcheck"], "test")
		}
	}
	return all, nil
}

func asComposeReadsIt(details types.ConfigDetails) (*types.Project, error) {
	return loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SetProjectName("test", true)
		o.SkipInterpolation, o.SkipResolveEnvironment, o.SkipResolveLabels, o.SkipConsistencyCheck, o.SkipInclude = true, true, true, true, true
		o.Profiles = []string{"*"}
	})
}

// given tells what a container gets, by what it is.
func given(s *Service) (map[string]string, error) {
	out := map[string]string{}
	words := map[Where][]string{}
	for _, t := range s.Texts {
		key := t.Where.String() + " " + t.Name
		switch t.Where {
		case InEnvironment:
			out[key] = "(none)"
			if t.HasValue {
				out[key] = "=" + t.Value
			}
		case InLabels:
			if t.deploy {
				key = "deploy " + key
			}
			out[key] = "=" + t.Value
		case InHealthcheck:
			if !t.Item {
				words[t.Where] = []string{"CMD-SHELL"}
			}
			words[t.Where] = append(words[t.Where], t.Value)
		default:
			if t.Item {
				words[t.Where] = append(words[t.Where], t.Value)
				continue
			}
			var split types.ShellCommand
			if err := split.DecodeMapstructure(t.Value); err != nil {
				return nil, err
			}
			words[t.Where] = split
		}
	}
	for where, list := range words {
		for i, w := range list {
			out[fmt.Sprintf("%s %d", where, i)] = w
		}
	}
	for _, g := range s.Grants {
		target := g.Target
		if target == "" {
			target = "/run/secrets/" + g.Source
		}
		out["secret "+target] = fmt.Sprintln(g.Source, g.UID, g.GID, g.Mode != "")
	}
	for _, e := range s.EnvFiles {
		if e.Path != "" {
			out["env_file "+e.Path] = fmt.Sprintln(e.Optional, e.Raw)
		}
	}
	for _, p := range s.Profiles {
		out["profile "+p] = ""
	}
	out["user"], out["read_only"] = s.User, fmt.Sprint(s.ReadOnly)
	return out, nil
}

// givenBy is given, of what compose-go has read under root.
func givenBy(s types.ServiceConfig, root string) map[string]string {
	out := map[string]string{"user": s.User, "read_only": fmt.Sprint(s.ReadOnly)}
	for k, v := range s.Environment {
		out["environment "+k] = "(none)"
		if v != nil {
			out["environment "+k] = "=" + *v
		}
	}
	for k, v := range s.Labels {
		out["labels "+k] = "=" + v
	}
	if s.Deploy != nil {
		for k, v := range s.Deploy.Labels {
			out["deploy labels "+k] = "=" + v
		}
	}
	words := func(where Where, list []string) {
		for i, w := range list {
			out[fmt.Sprintf("%s %d", where, i)] = w
		}
	}
	words(InCommand, s.Command)
	words(InEntrypoint, s.Entrypoint)
	if s.HealthCheck != nil {
		words(InHealthcheck, s.HealthCheck.Test)
	}
	for _, g := range s.Secrets {
		target := g.Target
		if target == "" {
			target = "/run/secrets/" + g.Source
		}
		out["secret "+target] = fmt.Sprintln(g.Source, g.UID, g.GID, g.Mode != nil)
	}
	for _, e := range s.EnvFiles {
		if p, err := filepath.Rel(root, e.Path); err == nil && !strings.HasPrefix(p, "..") && !strings.Contains(p, "$") {
			out["env_file "+filepath.ToSlash(p)] = fmt.Sprintln(!bool(e.Required), e.Format == "raw")
		}
	}
	for _, p := range s.Profiles {
		out["profile "+p] = ""
	}
	return out
}

// differ returns the keys in which two differ, without their values.
func differ(a, b map[string]string) []string {
	var out []string
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// TestCorpusContainers: of every service of the real compose files under UNBAKE_CORPUS, a container gets what compose-go says, as it stands in
// the file, without variables put in.
func TestCorpusContainers(t *testing.T) {
	corpus := os.Getenv("UNBAKE_CORPUS")
	if corpus == "" {
		t.Skip("UNBAKE_CORPUS names no folder of real files")
	}
	quiet(t)
	roots, err := os.ReadDir(corpus)
	if err != nil {
		t.Fatal(err)
	}
	var files, cut, refused, services, texts, compared int
	kinds := map[string]int{}
	for _, r := range roots {
		root := filepath.Join(corpus, r.Name())
		var paths []string
		fsys := os.DirFS(root)
		fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == ".git" {
				return fs.SkipDir
			}
			if err == nil && d.Type().IsRegular() {
				paths = append(paths, p)
			}
			return nil
		})
		for _, f := range Load(fsys, paths) {
			files++
			project, err := asComposeReads(root, f.Dir, f.Path)
			if err != nil && f.Err == nil {
				var config map[string]any
				if config, err = bare(f); err == nil {
					cut++
					dir := filepath.Join(root, filepath.FromSlash(f.Dir))
					project, err = asComposeReadsIt(types.ConfigDetails{WorkingDir: dir, Environment: types.Mapping{}, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, filepath.FromSlash(f.Path)), Config: config}}})
				}
			}
			if f.Err != nil || err != nil {
				if f.Err != nil && err == nil {
					t.Errorf("%s/%v: compose-go reads it", r.Name(), f.Err)
				}
				refused++
				t.Logf("%s/%s is not compared: read by us %v, by compose-go %v", r.Name(), f.Path, f.Err == nil, err == nil)
				continue
			}
			for _, s := range f.Services {
				services++
				texts += len(s.Texts)
				theirs, ok := project.Services[s.Name]
				if !ok {
					t.Errorf("%s/%s: compose-go has no service %s", r.Name(), f.Path, s.Name)
					continue
				}
				ours, err := given(s)
				if err != nil {
					t.Errorf("%s/%s: %s: %v", r.Name(), f.Path, s.Name, err)
					continue
				}
				compared += len(ours)
				for _, k := range differ(ours, givenBy(theirs, root)) {
					kinds[strings.Fields(k)[0]]++
					t.Errorf("%s/%s: %s: %s", r.Name(), f.Path, s.Name, k)
				}
			}
			if len(project.Services) != len(f.Services) {
				t.Errorf("%s/%s: %d services, compose-go has %d", r.Name(), f.Path, len(f.Services), len(project.Services))
			}
		}
	}
	t.Logf("%d files (%d without ports and the like, %d that one of us does not read), %d services, %d texts, %d values compared; differences: %v", files, cut, refused, services, texts, compared, kinds)
}
