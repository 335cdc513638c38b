package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// TestEditsCorpus makes random changes to every service of real compose files (UNBAKE_CORPUS names a folder of them): each is refused as not
// certain, or compose-go loads the result and finds exactly what was meant in it, and the same again finds nothing to do. The counts are
// logged.
func TestEditsCorpus(t *testing.T) {
	root := os.Getenv("UNBAKE_CORPUS")
	if root == "" {
		t.Skip("UNBAKE_CORPUS names no folder of real compose files")
	}
	rng := rand.New(rand.NewPCG(5, 5))
	counts := map[string]int{}
	disk := os.DirFS(root)
	err := fs.WalkDir(disk, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !IsComposeFile(path.Base(p)) {
			return err
		}
		sub, err := fs.Sub(disk, path.Dir(p))
		if err != nil {
			return err
		}
		counts["files"]++
		f := Load(sub, []string{path.Base(p)})[0]
		if f.Err != nil {
			counts["files that are not read"]++
			return nil
		}
		one := corpusFile{t: t, at: p, f: f, counts: counts, dir: filepath.Join(root, path.Dir(p))}
		// Variables as they are, else with their defaults, else all 1: ports want numbers.
		if _, err = one.load(f.Src); err != nil {
			one.env = types.Mapping{}
			if _, err = one.load(f.Src); err != nil {
				for _, m := range regexp.MustCompile(`\$\{?(\w+)`).FindAllSubmatch(f.Src, -1) {
					one.env[string(m[1])] = "1"
				}
				_, err = one.load(f.Src)
			}
		}
		if err != nil {
			counts["files that compose-go refuses"]++
			return nil
		}
		var all []change
		for _, s := range f.Services {
			c := randomChange(rng, s)
			one.try([]change{c})
			all = append(all, c)
		}
		if len(all) > 1 {
			one.try(all)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%6d %s", counts[what], what)
	}
}

// change is what is done to one service.
type change struct {
	m    Migration
	defs []NamedSecret
	rs   []Replacement
}

var word = regexp.MustCompile(`[A-Za-z0-9]{3,}`)

func randomChange(rng *rand.Rand, s *Service) change {
	c := change{m: Migration{Service: s}}
	texts := slices.Clone(s.Texts)
	sort.Slice(texts, func(i, j int) bool { return texts[i].Start < texts[j].Start })
	rng.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	given := 0
	secret := func() string {
		given++
		id := fmt.Sprintf("UNBAKE_%d", given)
		c.defs = append(c.defs, NamedSecret{id, SecretDef{File: "secrets/" + id}})
		return id
	}
	values := []string{"${UNBAKE:?}", "/run/secrets/UNBAKE", "$$(cat /run/secrets/UNBAKE)", "a: b # \"c\"", "0777", "it's", `\d`}
	for _, text := range texts[:min(len(texts), 3)] {
		value := values[rng.IntN(len(values))]
		how := rng.IntN(5)
		switch {
		case text.Name == "" || text.Where != InEnvironment || how == 0:
			if text.Name == "" {
				at := word.FindStringIndex(text.Value)
				twice := func(other Text) bool { return other.Value == text.Value && other.Start != text.Start }
				if at == nil || strings.HasPrefix(text.Value, "CMD") || strings.Contains(text.Value, "$") || text.Value == "NONE" || slices.ContainsFunc(s.Texts, twice) {
					continue
				}
				value = text.Value[:at[0]] + "Unb4ke" + text.Value[at[1]:]
			}
			c.rs = append(c.rs, Replacement{Text: text, Value: value})
		case how == 1:
			c.rs = append(c.rs, Replacement{Text: text, Value: value, Rename: text.Name + "_FILE"})
		case how == 2:
			c.m.Unset = append(c.m.Unset, text.Name)
			c.m.Set = append(c.m.Set, Assignment{text.Name, value})
		default:
			c.m.Unset = append(c.m.Unset, text.Name)
			c.m.Set = append(c.m.Set, Assignment{text.Name + "_FILE", value})
		}
	}
	if rng.IntN(3) == 0 {
		c.m.Set = append(c.m.Set, Assignment{"UNBAKE_SET", values[rng.IntN(len(values))]})
	}
	if rng.IntN(2) == 0 {
		c.m.Grant = append(c.m.Grant, Grant{Source: secret()})
	}
	if rng.IntN(3) == 0 {
		c.m.Grant = append(c.m.Grant, Grant{Source: secret(), Target: "/app/unbake", UID: "1000", Mode: "0400"})
	}
	return c
}

// corpusFile is a real file that changes are tried on.
type corpusFile struct {
	t      *testing.T
	at     string
	f      *File
	dir    string
	env    types.Mapping // nil: variables are not interpolated
	counts map[string]int
}

// value returns what compose-go makes of a value.
func (c corpusFile) value(v string) string {
	if c.env == nil {
		return v
	}
	env := maps.Clone(c.env)
	env["UNBAKE"] = "interpolated"
	out, err := template.Substitute(v, env.Resolve)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// load reads the file as compose-go does, without the line that it warns of.
func (c corpusFile) load(src []byte) (*types.Project, error) {
	src = regexp.MustCompile(`(?m)^version:.*$`).ReplaceAll(src, nil)
	details := types.ConfigDetails{WorkingDir: c.dir, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(c.dir, "compose.yaml"), Content: src}}, Environment: types.Mapping{}}
	if c.env != nil {
		details.Environment = maps.Clone(c.env)
		details.Environment["UNBAKE"] = "interpolated"
	}
	return loader.LoadWithContext(context.Background(), details, func(o *loader.Options) {
		o.SetProjectName("test", true)
		o.SkipInterpolation, o.SkipResolveEnvironment, o.SkipInclude = c.env == nil, true, true
		o.SkipConsistencyCheck = true // variables name volumes
		o.Profiles = []string{"*"}
	})
}

func (c corpusFile) try(changes []change) {
	c.counts["changes"]++
	before, err := c.load(c.f.Src)
	if err != nil {
		c.t.Fatal(err)
	}
	var ms []Migration
	var defs []NamedSecret
	var rs []Replacement
	for _, one := range changes {
		ms, rs = append(ms, one.m), append(rs, one.rs...)
		for _, def := range one.defs {
			if !slices.Contains(defs, def) {
				defs = append(defs, def)
			}
		}
	}
	edits, err := Edits(c.f, ms, defs, rs...)
	if err != nil {
		if !errors.Is(err, yamledit.ErrUncertain) {
			c.t.Errorf("%s: %v", c.at, err)
		}
		reason := strings.SplitN(err.Error(), ": ", 2)[1]
		for _, s := range c.f.Services {
			reason = regexp.MustCompile(`\b`+regexp.QuoteMeta(s.Name)+`\b`).ReplaceAllString(reason, "…")
		}
		c.counts["refused: "+regexp.MustCompile(`\b[A-Z][A-Za-z0-9_]+\b|line \d+|services\.\S+`).ReplaceAllString(reason, "…")]++
		return
	}
	if len(edits) == 0 {
		c.counts["nothing to do"]++
		return
	}
	c.counts["made"]++
	src, err := edit.Apply(c.f.Src, edits)
	if err != nil {
		c.t.Errorf("%s: %v", c.at, err)
		return
	}
	after, err := c.load(src)
	if err != nil {
		c.t.Errorf("%s: compose-go refuses the result: %v\n%s", c.at, err, edit.Unified(c.at, c.f.Src, src))
		return
	}
	c.meant(changes, before, after)
	old, err := before.MarshalYAML()
	if err != nil {
		c.t.Fatal(err)
	}
	new, err := after.MarshalYAML()
	if err != nil {
		c.t.Fatal(err)
	}
	if string(old) != string(new) {
		c.t.Errorf("%s: not as meant:\n%s\nas compose-go reads it:\n%s", c.at, edit.Unified(c.at, c.f.Src, src), edit.Unified("project", old, new))
		return
	}
	name := path.Base(c.at)
	g := Load(oneFile{name, src}, []string{name})[0]
	if g.Err != nil {
		c.t.Errorf("%s: %v", c.at, g.Err)
		return
	}
	for i := range ms {
		j := slices.IndexFunc(g.Services, func(s *Service) bool { return s.Name == ms[i].Service.Name })
		if j < 0 {
			return // it had nothing else
		}
		ms[i].Service = g.Services[j]
	}
	if again, err := Edits(g, ms, defs); err != nil || len(again) > 0 {
		c.t.Errorf("%s: again: %d edits, %v\n%s", c.at, len(again), err, edit.Unified(c.at, c.f.Src, src))
	}
}

// meant changes the project before as was asked for.
func (c corpusFile) meant(changes []change, before, after *types.Project) {
	// What extends a service has what that has: they are taken as they are.
	derived := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, s := range c.f.Services {
			if s.extends == nil || derived[s.Name] {
				continue
			}
			if derived[s.extends.service] || slices.ContainsFunc(changes, func(one change) bool { return one.m.Service.Name == s.extends.service }) {
				derived[s.Name], changed = true, true
			}
		}
	}
	for _, s := range c.f.Services {
		service, ok := before.Services[s.Name]
		if !ok || derived[s.Name] {
			continue
		}
		if service.Environment == nil {
			service.Environment = types.MappingWithEquals{}
		}
		for _, one := range changes {
			for _, r := range one.rs {
				for _, text := range s.Texts {
					if text.Start == r.Text.Start && text.Where == r.Text.Where {
						r.Value = c.value(r.Value)
						replaceIn(&service, text, r)
					}
				}
			}
		}
		for _, one := range changes {
			if one.m.Service != s {
				continue
			}
			for _, name := range one.m.Unset {
				delete(service.Environment, name)
			}
			for _, a := range one.m.Set {
				value := c.value(a.Value)
				service.Environment[a.Name] = &value
			}
			for _, g := range one.m.Grant {
				x := types.ServiceSecretConfig{Source: g.Source, Target: g.Target, UID: g.UID}
				if g.Mode != "" {
					mode := types.FileMode(0o400)
					x.Mode = &mode
				}
				if x.Target == "" {
					x.Target = "/run/secrets/" + g.Source
				}
				service.Secrets = append(service.Secrets, x)
			}
		}
		if len(service.Environment) == 0 {
			service.Environment = after.Services[s.Name].Environment
			if len(service.Environment) > 0 {
				c.t.Errorf("%s: %s has variables left", c.at, s.Name)
			}
		}
		before.Services[s.Name] = service
	}
	for name := range derived {
		before.Services[name] = after.Services[name]
	}
	for name := range before.Services {
		if _, ok := after.Services[name]; !ok {
			delete(before.Services, name)
		}
	}
	for _, one := range changes {
		for _, def := range one.defs {
			if before.Secrets == nil {
				before.Secrets = types.Secrets{}
			}
			d := after.Secrets[def.Name]
			if d.File != filepath.Join(c.dir, def.File) {
				c.t.Errorf("%s: %s is defined as %+v", c.at, def.Name, d)
			}
			before.Secrets[def.Name] = d
		}
	}
	before.Extensions = after.Extensions // anchors stand there
}

func replaceIn(service *types.ServiceConfig, text Text, r Replacement) {
	words := func(list []string) []string {
		const between = "\x00"
		old := word.FindString(r.Text.Value)
		if i := slices.Index(list, text.Value); i >= 0 {
			list[i] = r.Value
			return list
		}
		return strings.Split(strings.Replace(strings.Join(list, between), old, "Unb4ke", 1), between)
	}
	switch text.Where {
	case InEnvironment:
		name := text.Name
		if r.Rename != "" {
			delete(service.Environment, name)
			name = r.Rename
		}
		service.Environment[name] = &r.Value
	case InLabels:
		service.Labels[text.Name] = r.Value
	case InCommand:
		service.Command = words(service.Command)
	case InEntrypoint:
		service.Entrypoint = words(service.Entrypoint)
	case InHealthcheck:
		service.HealthCheck.Test = words(service.HealthCheck.Test)
	}
}

// oneFile is a file system of one file.
type oneFile struct {
	name string
	src  []byte
}

func (o oneFile) Open(string) (fs.File, error) { return nil, fs.ErrNotExist }
func (o oneFile) ReadFile(name string) ([]byte, error) {
	if name == o.name {
		return o.src, nil
	}
	return nil, fs.ErrNotExist
}
