package deploy

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// isKamal reports config/deploy.yml, and config/deploy.DESTINATION.yml that is read over it.
func isKamal(p string) bool {
	base, ext := path.Base(p), path.Ext(p)
	name := strings.TrimSuffix(base, ext)
	return path.Base(path.Dir(p)) == "config" && (ext == ".yml" || ext == ".yaml") && (name == "deploy" || strings.HasPrefix(name, "deploy."))
}

var (
	// fromEnv is a value that is a variable of the environment and nothing else.
	fromEnv = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^<%=\s*ENV(?:\[\s*(?:"(\w+)"|'(\w+)')\s*\]|\.fetch\(\s*(?:"(\w+)"|'(\w+)')\s*(?:,\s*(?:""|''|nil)\s*)?\))(?:\.to_s)?\s*-?%>$`)
	})
	// control is ERB that does something: the YAML is not what the file seems to say.
	control = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)<%[^=#%]`) })
)

func kamalKind(value string) (call.Kind, string) {
	if m := fromEnv().FindStringSubmatch(strings.TrimSpace(value)); m != nil {
		return call.Variable, m[1] + m[2] + m[3] + m[4]
	}
	if strings.Contains(value, "<%") {
		return call.Computed, ""
	}
	return call.Text, ""
}

// kamal reads the file; root is nil where it configures no build.
func kamal(s *call.Source) (doc *yamledit.Doc, root *yamledit.Node, err error) {
	if at := control().FindIndex(s.Src); at != nil {
		return nil, nil, s.Errorf(at[0], "ERB that is more than a value")
	}
	if doc, err = yamledit.Parse(s.Path, s.Src); err != nil || doc.Root == nil {
		return nil, nil, err
	}
	_, service := doc.Root.Get("service")
	_, image := doc.Root.Get("image")
	if under(doc.Root, "builder") != nil || service && image {
		return doc, doc.Root.Deref(), nil
	}
	return nil, nil, nil
}

// base is the configuration that one of a destination is read over; nil if it is none, or
// the base is not understood.
func base(s *call.Source) *yamledit.Node {
	ext := path.Ext(s.Path)
	name := path.Join(path.Dir(s.Path), "deploy"+ext)
	if name == s.Path || s.Project.FS == nil {
		return nil
	}
	src, err := fs.ReadFile(s.Project.FS, name)
	if err != nil {
		return nil
	}
	_, root, err := kamal(&call.Source{Path: name, Src: src, Project: s.Project})
	if err != nil {
		return nil
	}
	return under(root, "builder")
}

func readKamal(s *call.Source) ([]*call.Build, error) {
	_, root, err := kamal(s)
	if err != nil || root == nil {
		return nil, err
	}
	builder, over := under(root, "builder"), base(s)
	at := builder
	if at == nil {
		at = root
		if e, ok := root.Get("image"); ok {
			at = e.Value
		}
	}
	b := start(s, at, "kamal")
	b.Builder = call.Builder{Engine: call.Buildx, Why: "kamal"}
	setting := func(key, unset string) string {
		for _, n := range []*yamledit.Node{builder, over} {
			if v := text(n, key); v != "" {
				if strings.Contains(v, "<%") {
					return call.Hole
				}
				return v
			}
		}
		return unset
	}
	if strings.Contains(path.Base(s.Path), "deploy.y") || over != nil {
		dir := path.Dir(path.Dir(s.Path))
		p := s.Project.Resolve([]string{dir}, setting("context", "."), setting("dockerfile", "Dockerfile"), false)
		b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir = p.Dockerfiles, p.Doubt, p.Near, p.Context, p.Dir
	} else {
		b.Doubt = "the configuration that it is read over is not understood"
	}
	b.Target = setting("target", "")
	arguments(s, b, under(builder, "args"), kamalKind)
	if n := under(builder, "secrets"); n != nil && n.Kind == yamledit.List {
		for _, i := range n.Items {
			b.Secrets = append(b.Secrets, call.Secret{ID: i.Value, Env: i.Value})
		}
	} else if n != nil && n.Kind != yamledit.Null {
		b.Fixed = "its secrets are no list"
	}
	return []*call.Build{b}, nil
}

func editKamal(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	doc, root, err := kamal(s)
	if err != nil || root == nil {
		return nil, nil, err
	}
	builds, err := readKamal(s)
	if err != nil {
		return nil, nil, err
	}
	b := builds[0]
	if b.Fixed != "" {
		return nil, nil, s.Errorf(b.Start, "%s", b.Fixed)
	}
	draft := doc.Draft()
	var needs []string
	for _, c := range changes {
		if c.Build.Start != b.Start {
			return nil, nil, s.Errorf(0, "%s is not there any more", c.Build.What)
		}
		var item yamledit.Value
		if c.Secret != nil && !has(b, c.Secret.ID) {
			value := "$(cat " + c.Secret.File + ")"
			pass := true
			if c.Secret.From != "" {
				var env string
				if env, pass, err = source(s, b, c.Secret); err != nil {
					return nil, nil, err
				}
				value = "$" + env
			}
			if pass {
				if err := lists(s, under(root, "builder")); err != nil {
					return nil, nil, err
				}
				item = yamledit.Text(c.Secret.ID)
				if need := given(s, c.Secret.ID, value); need != "" {
					needs = append(needs, need)
				}
			}
		}
		if under(draft.Doc().Root, "builder") == nil {
			if item == nil {
				continue
			}
			if err := draft.AddKey("builder", yamledit.Fields{{Key: "secrets", Value: yamledit.Seq{item}}}); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err := move(draft, item, c.Drop, "args", "builder"); err != nil {
			return nil, nil, err
		}
	}
	return draft.Edits(), needs, nil
}

// lists refuses where another file's list of secrets counts instead: Kamal joins mappings,
// and takes a destination's list for the whole of it.
func lists(s *call.Source, builder *yamledit.Node) error {
	if over := base(s); over != nil && under(builder, "secrets") == nil && under(over, "secrets") != nil {
		return s.Errorf(0, "a list of secrets here takes the place of the one in deploy%s: write one with all of them first", path.Ext(s.Path))
	}
	if s.Project.FS == nil || strings.Count(path.Base(s.Path), ".") > 1 {
		return nil
	}
	dir := path.Dir(s.Path)
	entries, _ := fs.ReadDir(s.Project.FS, dir)
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if name == s.Path || !isKamal(name) {
			continue
		}
		src, err := fs.ReadFile(s.Project.FS, name)
		if err != nil {
			continue
		}
		doc, err := yamledit.Parse(name, src)
		if err != nil {
			return s.Errorf(0, "%s is read over it, and is not understood", e.Name())
		}
		if under(doc.Root, "builder", "secrets") != nil {
			return s.Errorf(0, "the list of secrets in %s takes the place of this one: write the secret there first", e.Name())
		}
	}
	return nil
}

// given says what a person must add to the files that Kamal takes secrets from; "" where all
// of them have it.
func given(s *call.Source, id, value string) string {
	need := ".kamal/secrets must have the line " + id + "=" + value
	if s.Project.FS == nil {
		return need
	}
	dir := path.Join(path.Dir(path.Dir(s.Path)), ".kamal")
	entries, err := fs.ReadDir(s.Project.FS, dir)
	if err != nil {
		return need
	}
	var lacking []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), "secrets") {
			continue
		}
		src, err := fs.ReadFile(s.Project.FS, path.Join(dir, e.Name()))
		set := err == nil && slices.ContainsFunc(bytes.Split(src, []byte("\n")), func(line []byte) bool {
			return bytes.HasPrefix(bytes.TrimPrefix(bytes.TrimSpace(line), []byte("export ")), []byte(id+"="))
		})
		if set && e.Name() == "secrets-common" {
			return ""
		}
		if !set && e.Name() != "secrets-common" {
			lacking = append(lacking, path.Join(dir, e.Name()))
		}
		if set && len(lacking) == 0 {
			need = ""
		}
	}
	if len(lacking) > 0 {
		return strings.Join(lacking, ", ") + " must have the line " + id + "=" + value
	}
	return need
}
