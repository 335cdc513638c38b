package project_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/compose/project"
)

func TestParts(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"5$$ a", "5$ a"},
		{"$A", "<A>"},
		{"x$A_1-y", "x<A_1>-y"},
		{"${A}", "<A>"},
		{"${A:-b}c", "<A:-b>c"},
		{"${A-}", "<A->"},
		{"${A:?why $$ not}", "<A:?why $$ not>"},
		{"${A:-${B:-c}}/d", "<A:-${B:-c}>/d"},
		{"${A:+b}", "<A:+b>"},
		{"postgres://u:${P}@h/${D}", "postgres://u:<P>@h/<D>"},
	} {
		parts, ok := project.Parts(c.text)
		var b strings.Builder
		for _, p := range parts {
			if p.Name == "" {
				b.WriteString(p.Text)
			} else {
				b.WriteString("<" + p.Name + p.Op + p.Arg + ">")
			}
		}
		if !ok || b.String() != c.want {
			t.Errorf("%q is %q %v, want %q", c.text, b.String(), ok, c.want)
		}
	}
	for _, text := range []string{"$", "a$ b", "${", "${}", "${A", "${A b}", "$-"} {
		if _, ok := project.Parts(text); ok {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestExtends compares what a service is with what it extends to what compose-go makes of it.
func TestExtends(t *testing.T) {
	files := map[string]string{
		"compose.yaml": `
x-env: &env {A: one, B: "2"}
services:
  base:
    image: base:1
    command: [serve, --all]
    environment: *env
    labels: [a=1, b=2]
    secrets: [one, {source: two, target: /etc/two}]
    volumes: ["data:/data", "./a:/a:ro", {type: volume, source: data, target: /more}]
    networks: [front]
    healthcheck: {test: [CMD, "true"], interval: 5s}
    dns: 192.0.2.1
  child:
    extends: base
    image: child:1
    environment: [B=3, "C=x=y", D]
    labels: {b: "4"}
    secrets: [{source: one, target: first}, {source: three, target: two}]
    volumes: ["other:/data", "./b:/b"]
    networks: {back: {aliases: [kid]}}
    healthcheck: {test: echo ok}
    dns: [192.0.2.2]
  merged:
    extends: {service: far, file: common.yaml}
    command: run it
    environment: {<<: *env, B: null}
volumes: {data: , other: }
networks: {front: , back: }
secrets:
  one: {file: ./one}
  two: {file: ./two}
  three: {environment: THREE}
`,
		"common.yaml": `
services:
  far:
    extends: nearer
    entrypoint: ["/start"]
    secrets: [three]
  nearer:
    image: far:1
    command: [a]
    environment: {Z: "0", B: "1"}
`,
	}
	fsys := fstest.MapFS{}
	var paths []string
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
		paths = append(paths, name)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, fsys); err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	slices.Reverse(paths)
	all := compose.Load(fsys, paths)
	got, err := project.Load(all[0], all)
	if err != nil {
		t.Fatal(err)
	}
	want, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: dir, Environment: map[string]string{},
		ConfigFiles: []types.ConfigFile{{Filename: dir + "/compose.yaml", Content: []byte(files["compose.yaml"])}},
	}, func(o *loader.Options) { o.SetProjectName("x", true); o.SkipResolveEnvironment = true })
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Services) != len(want.Services) {
		t.Fatalf("%d services, want %d", len(got.Services), len(want.Services))
	}
	for _, s := range got.Services {
		if g, w := shape(s), composeShape(want.Services[s.Name]); g != w {
			t.Errorf("%s is\n%s\nwant\n%s", s.Name, g, w)
		}
	}
}

func shape(s *project.Service) string {
	var b strings.Builder
	fmt.Fprintln(&b, "image", s.Value.Get("image"))
	fmt.Fprintln(&b, "entrypoint", s.Value.Get("entrypoint").Texts())
	if c := s.Value.Get("command"); c != nil && c.Kind == project.Scalar {
		fmt.Fprintln(&b, "command", strings.Fields(c.Text))
	} else {
		fmt.Fprintln(&b, "command", c.Texts())
	}
	var env []string
	for _, v := range s.Environment {
		env = append(env, fmt.Sprint(v.Name, " ", v.Text, v.Has))
	}
	slices.Sort(env)
	fmt.Fprintln(&b, env)
	var secrets []string
	for _, g := range s.Grants {
		secrets = append(secrets, g.Source+" "+g.Target)
	}
	fmt.Fprintln(&b, secrets)
	var volumes []string
	if v := s.Value.Get("volumes"); v != nil {
		for _, item := range v.Items {
			target := item.Get("target").String()
			if item.Kind == project.Scalar {
				_, target, _ = project.ShortVolume(item.Text)
			}
			volumes = append(volumes, target)
		}
	}
	slices.Sort(volumes)
	fmt.Fprintln(&b, volumes)
	if v := s.Value.Get("networks"); v != nil {
		names := slices.Clone(v.Keys)
		slices.Sort(names)
		fmt.Fprintln(&b, names, v.At("back", "aliases").Texts())
	}
	fmt.Fprintln(&b, s.Value.At("healthcheck", "interval"), s.Value.Get("dns").Texts())
	return b.String()
}

func composeShape(s types.ServiceConfig) string {
	var b strings.Builder
	fmt.Fprintln(&b, "image", s.Image)
	fmt.Fprintln(&b, "entrypoint", []string(s.Entrypoint))
	fmt.Fprintln(&b, "command", []string(s.Command))
	var env []string
	for name, v := range s.Environment {
		if v == nil {
			env = append(env, name+" false")
		} else {
			env = append(env, name+" "+*v+"true")
		}
	}
	slices.Sort(env)
	fmt.Fprintln(&b, env)
	var secrets []string
	for _, g := range s.Secrets {
		target := g.Target
		if target == "" {
			target = g.Source
		}
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + target
		}
		secrets = append(secrets, g.Source+" "+target)
	}
	fmt.Fprintln(&b, secrets)
	var volumes []string
	for _, v := range s.Volumes {
		volumes = append(volumes, v.Target)
	}
	slices.Sort(volumes)
	fmt.Fprintln(&b, volumes)
	if len(s.Networks) > 0 && s.Name != "merged" {
		var names, aliases []string
		for name, n := range s.Networks {
			names = append(names, name)
			if n != nil {
				aliases = append(aliases, n.Aliases...)
			}
		}
		slices.Sort(names)
		fmt.Fprintln(&b, names, aliases)
	}
	interval := ""
	if s.HealthCheck != nil && s.HealthCheck.Interval != nil {
		interval = s.HealthCheck.Interval.String()
	}
	fmt.Fprintln(&b, interval, []string(s.DNS))
	return b.String()
}

func TestIncluded(t *testing.T) {
	fsys := fstest.MapFS{
		"compose.yaml":    &fstest.MapFile{Data: []byte("include: [db/compose.yaml, {path: [./web/compose.yml, over.yaml]}]\nservices: {}\n")},
		"db/compose.yaml": &fstest.MapFile{Data: []byte("services: {}\n")}, "web/compose.yml": &fstest.MapFile{Data: []byte("services: {}\n")},
		"api/compose.yml": &fstest.MapFile{Data: []byte("services: {}\n")},
	}
	all := compose.Load(fsys, []string{"compose.yaml", "db/compose.yaml", "web/compose.yml", "api/compose.yml"})
	var got []string
	for _, f := range all {
		if project.Included(f, all) {
			got = append(got, f.Path)
		}
	}
	if strings.Join(got, " ") != "db/compose.yaml web/compose.yml" {
		t.Errorf("included: %v", got)
	}
}

// TestRefused is what is not told by halves.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"include: [other.yaml]\nservices: {a: {image: b}}\n", "includes others"},
		{"services: {a: {image: b, extends: {service: c, file: ../common/x.yaml}}}\n", "paths start in another folder"},
		{"services: {a: {image: b, extends: a}}\n", "extends itself"},
		{"services: {a: {image: b, extends: c}}\n", "which is not there"},
		{"services: {a: {image: b, secrets: [x]}}\n", "which is not defined"},
		{"services: {a: {image: b}}\nsecrets: {x: {file: ~/x}}\n", "is not certain to be in the project"},
		{"services: {a: {image: b}}\nsecrets: {x: {content: hello}}\n", "where its value is, is not known"},
		{"services: {a: {image: b, profiles: [c]}}\n", "no service that is always started"},
		{"services: {a: {image: b, environment: {DB_PASSWORD: pw-c4n4ry-EXAMPLE-9Zk4}}}\n", "DB_PASSWORD of service a is a literal still"},
		{"services: {a: {image: b, command: curl https://u:pw-c4n4ry-EXAMPLE-9Zk4@example.com}}\n", "command of service a holds a literal secret still"},
	} {
		fsys := fstest.MapFS{"compose.yaml": &fstest.MapFile{Data: []byte(c.text)}}
		all := compose.Load(fsys, []string{"compose.yaml"})
		_, err := project.Load(all[0], all)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		} else if strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("a value is told: %v", err)
		}
	}
}

func TestLeading(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"docker-compose.yml", "docker-compose.yml"},
		{"compose.yaml docker-compose.yml compose.override.yaml", "compose.yaml"},
		{"docker-compose.prod.yml", "docker-compose.prod.yml"},
		{"docker-compose.prod.yml compose.vault.yaml", "docker-compose.prod.yml"},
		{"docker-compose.prod.yml docker-compose.dev.yml", ""},
	} {
		fsys := fstest.MapFS{}
		for name := range strings.FieldsSeq(c.names) {
			fsys[name] = &fstest.MapFile{Data: []byte("services: {a: {image: b}}\n")}
		}
		all := compose.Load(fsys, strings.Fields(c.names))
		var leading []string
		for _, f := range all {
			if project.Leading(f, all) == f {
				leading = append(leading, f.Path)
			}
		}
		if got := strings.Join(leading, " "); got != c.want {
			t.Errorf("%s: %q leads, want %q", c.names, got, c.want)
		}
	}
}
