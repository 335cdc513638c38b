package deploy

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/jsontext"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// isDevcontainer reports .devcontainer.json, and devcontainer.json in .devcontainer or a
// folder of it.
func isDevcontainer(p string) bool {
	base := path.Base(p)
	return base == ".devcontainer.json" || base == "devcontainer.json"
}

// workspace is the folder that a development container is opened in.
func workspace(p string) string {
	dir := path.Dir(p)
	for d := dir; d != "."; d = path.Dir(d) {
		if path.Base(d) == ".devcontainer" {
			return path.Dir(d)
		}
	}
	return dir
}

// opened is how the settings name that folder.
const opened = "${localWorkspaceFolder}"

var localEnv = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\$\{localEnv:([A-Za-z_][A-Za-z0-9_]*)\}$`)
})

// option is a word of build.options, or two, that says one thing.
type option struct {
	name, value string
	at, words   int // the first, and how many
}

// options reads build.options; ok is false where one is not a string.
func options(v *jsontext.Value) (out []option, ok bool) {
	if v == nil {
		return nil, true
	}
	for i := 0; i < len(v.Members); i++ {
		w := v.Members[i].Value
		if w.Kind != jsontext.String {
			return nil, false
		}
		name, value, joined := strings.Cut(w.Text, "=")
		o := option{name, value, i, 1}
		takes := slices.Contains([]string{"--build-arg", "--secret", "--target", "--file", "-f"}, name)
		if takes && !joined && i+1 < len(v.Members) {
			o.value, o.words = v.Members[i+1].Value.Text, 2
			i++
		}
		out = append(out, o)
	}
	return out, v.Kind == jsontext.Array
}

func readDevcontainer(s *call.Source) ([]*call.Build, error) {
	root, err := settings(s)
	if err != nil || root.Kind != jsontext.Object {
		return nil, err
	}
	build := root.Get("build")
	file, context := root.Get("dockerFile"), root.Get("context")
	if build != nil && build.Get("dockerfile") != nil {
		file = build.Get("dockerfile")
		context = build.Get("context")
	}
	if file == nil || file.Kind != jsontext.String {
		return nil, nil
	}
	at := build
	if at == nil {
		at = file
	}
	b := &call.Build{Path: s.Path, Start: at.Start, End: at.End, What: "the dev container", Builder: call.Builder{Engine: call.Docker}}
	b.Line, b.Col = s.Position(b.Start)

	dir := path.Dir(s.Path)
	where := path.Dir(file.Text) // of the Dockerfile, where nothing else is said
	if context != nil {
		where = context.Text
	}
	p := s.Project.Resolve([]string{dir}, hole(where), hole(file.Text), false)
	b.Dockerfiles, b.Doubt, b.Near, b.Context, b.Dir = p.Dockerfiles, p.Doubt, p.Near, p.Context, workspace(s.Path)
	if t := build.Get("target"); t != nil {
		b.Target = t.Text
	}
	if args := build.Get("args"); args != nil {
		for _, m := range args.Members {
			b.Args = append(b.Args, devcontainerArg(s, m.Key, m.Value.Text, m))
		}
	}
	given, ok := options(build.Get("options"))
	if !ok {
		b.Fixed = "its options are not understood"
	}
	for _, o := range given {
		v := build.Get("options").Members[o.at]
		switch o.name {
		case "--build-arg":
			name, value, is := strings.Cut(o.value, "=")
			a := devcontainerArg(s, name, value, v)
			if !is {
				a.Kind = call.Bare
			}
			b.Args = append(b.Args, a)
		case "--secret":
			b.Secrets = append(b.Secrets, secret(o.value, b.Dir))
		case "--target":
			b.Target = o.value
		case "--file", "-f":
			b.Doubt, b.Near = "an option says which Dockerfile it builds", false
		}
	}
	return []*call.Build{b}, nil
}

// settings reads the file, which may have comments.
func settings(s *call.Source) (*jsontext.Value, error) {
	root, err := jsontext.Parse(s.Src, true)
	if e, ok := err.(*jsontext.Error); ok {
		return nil, s.Errorf(e.Offset, "not valid JSON: %s", e.Msg)
	}
	return root, err
}

// hole takes what a text has of variables for what is not known.
func hole(text string) string {
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			return text
		}
		end := strings.IndexByte(text[start:], '}')
		if end < 0 {
			return text
		}
		text = text[:start] + call.Hole + text[start+end+1:]
	}
}

func devcontainerArg(s *call.Source, name, value string, m jsontext.Member) call.Arg {
	a := call.Arg{Name: name, Value: value, Kind: call.Text, Start: m.Start, End: m.End}
	a.Line, _ = s.Position(m.Start)
	if v := localEnv().FindStringSubmatch(value); v != nil {
		a.Kind, a.Env = call.Variable, v[1]
	} else if strings.Contains(value, "${") {
		a.Kind = call.Computed
	}
	return a
}

// secret reads the value of --secret.
func secret(value, dir string) (s call.Secret) {
	for _, field := range strings.Split(value, ",") {
		switch key, v, _ := strings.Cut(field, "="); key {
		case "id":
			s.ID = v
		case "env":
			s.Env = v
		case "src", "source":
			s.File = path.Join(dir, strings.TrimPrefix(v, opened+"/"))
		}
	}
	return s
}

func editDevcontainer(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	builds, err := readDevcontainer(s)
	if err != nil {
		return nil, nil, err
	}
	src := s.Src
	var needs []string
	for _, c := range changes {
		if len(builds) != 1 || c.Build.Start != builds[0].Start {
			return nil, nil, s.Errorf(0, "%s is not there any more", c.Build.What)
		}
		b := builds[0]
		if b.Fixed != "" {
			return nil, nil, s.Errorf(b.Start, "%s", b.Fixed)
		}
		if c.Secret != nil && !has(b, c.Secret.ID) {
			spec := "id=" + c.Secret.ID + ",src=" + opened + "/" + call.Relative(b.Dir, c.Secret.File)
			if c.Secret.From != "" {
				env, pass, err := source(s, b, c.Secret)
				if err != nil {
					return nil, nil, err
				}
				if spec = "id=" + c.Secret.ID + ",env=" + env; !pass {
					spec = ""
				}
			} else if c.Secret.Local {
				needs = append(needs, c.Secret.File+" is not in git: the dev container is built where it is")
			}
			if spec != "" {
				src = addOption(src, spec)
			}
		}
		for _, name := range c.Drop {
			src = dropArg(src, name)
		}
	}
	return edit.Between(s.Src, src), needs, nil
}

// addOption adds --secret and its value to build.options.
func addOption(src []byte, spec string) []byte {
	words := []string{jsontext.Quote("--secret"), jsontext.Quote(spec)}
	root, _ := jsontext.Parse(src, true)
	list := `"options": [` + strings.Join(words, ", ") + "]"
	switch build := root.Get("build"); {
	case build == nil:
		return jsontext.Add(src, root, `"build": { `+list+" }")
	case build.Get("options") == nil:
		return jsontext.Add(src, build, list)
	}
	for _, w := range words {
		root, _ := jsontext.Parse(src, true)
		src = jsontext.Add(src, root.Get("build", "options"), w)
	}
	return src
}

// dropArg removes a build argument, wherever it stands.
func dropArg(src []byte, name string) []byte {
	root, _ := jsontext.Parse(src, true)
	build := root.Get("build")
	if args := build.Get("args"); args.Get(name) != nil {
		whole, i := args, slices.IndexFunc(args.Members, func(m jsontext.Member) bool { return m.Key == name })
		if len(args.Members) == 1 && !jsontext.Commented(src, args) {
			whole, i = build, slices.IndexFunc(build.Members, func(m jsontext.Member) bool { return m.Value == args })
		}
		src = jsontext.Remove(src, whole, i)
	}
	for {
		root, _ := jsontext.Parse(src, true)
		list := root.Get("build", "options")
		given, _ := options(list)
		i := slices.IndexFunc(given, func(o option) bool {
			n, _, _ := strings.Cut(o.value, "=")
			return o.name == "--build-arg" && n == name
		})
		if i < 0 {
			return src
		}
		for range given[i].words {
			root, _ := jsontext.Parse(src, true)
			src = jsontext.Remove(src, root.Get("build", "options"), given[i].at)
		}
	}
}
