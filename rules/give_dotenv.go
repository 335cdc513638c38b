package rules

import (
	"bytes"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/ignorefile"
	"github.com/unbake-dev/unbake/rewrite/service"
)

// addDotenv adds the value to the .env of the project, and to lines what keeps it out of git and of images. The change has no edit where the
// value is there already. taken reports whether the name is what stands in the way.
func (d *giver) addDotenv(name string, lines *ignores) (change rewrite.Change, taken bool, reason string) {
	ws := d.p.Workspace
	file := d.base().EnvPath()
	for _, f := range d.files {
		own := f.EnvPath()
		if own == file && file != "" {
			continue
		}
		if d.in(f) || file == "" {
			why := f.EnvReason()
			if why == "" {
				why = "its variables come from another .env than those of " + d.base().Path
			}
			return change, false, f.Path + ": " + why
		}
		// The variables of a project come before those of what it includes.
		src, err := ws.ReadFile(own)
		if entries, bad := compose.ParseDotenv(own, src); err == nil && (bad != nil || slices.ContainsFunc(entries, func(e compose.DotenvEntry) bool { return e.Name == name && e.Value != d.value.Reveal() })) {
			return change, true, own + " has " + name + " for something else"
		}
	}
	if path.Base(file) != rewrite.EnvFile {
		return change, false, "the variables of " + d.base().Path + " come from " + file + ", which is no .env that is everybody's own"
	}
	if ws.Tracked(file) {
		return change, false, "git has " + file + ", where the value would go: take it out of git first (git rm --cached)"
	}
	if ws.Link(file) {
		return change, false, file + " is a symbolic link, which nothing is written through"
	}
	if exported[name] && !slices.ContainsFunc(d.places, func(x service.Place) bool { return x.Default == name }) {
		return change, true, "the shell that compose runs in may have " + name + " for something else, which would count"
	}
	if taken, why := d.named(name, file); why != "" {
		return change, taken, why
	}
	src, err := ws.ReadFile(file)
	fresh := err != nil
	if fresh && ws.Exists(file) {
		return change, false, file + " cannot be read"
	}
	e, err := compose.AddDotenv(src, name, d.value.Reveal())
	if err != nil {
		return change, true, file + ": " + err.Error()
	}
	if !fresh && !ws.Created(file) {
		if why := d.brought(file); why != "" {
			return change, false, why
		}
	}
	if !ignoredByGit(ws, file) {
		if why := lines.leaveOutOfGit(file); why != "" {
			return change, false, why
		}
	}
	if why := lines.leaveOutOfImages(file, d.dockerfiles()); why != "" {
		return change, false, why
	}
	change = rewrite.Change{Path: file}
	if e.New != "" {
		change.Edits = []edit.Edit{e}
	}
	if fresh {
		change.Mode = 0o600
	}
	return change, false, ""
}

// exported are variables of tools that people have in their shells: what is there comes before .env.
var exported = map[string]bool{
	"AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true, "AWS_SESSION_TOKEN": true, "GITHUB_TOKEN": true, "GH_TOKEN": true, "GITLAB_TOKEN": true,
	"NPM_TOKEN": true, "NODE_AUTH_TOKEN": true, "OPENAI_API_KEY": true, "ANTHROPIC_API_KEY": true, "HF_TOKEN": true, "VAULT_TOKEN": true,
	"PGPASSWORD": true, "MYSQL_PWD": true, "ARM_CLIENT_SECRET": true, "AZURE_CLIENT_SECRET": true, "CLOUDFLARE_API_TOKEN": true, "HCLOUD_TOKEN": true,
	"DIGITALOCEAN_TOKEN": true, "DIGITALOCEAN_ACCESS_TOKEN": true, "SENTRY_AUTH_TOKEN": true, "CARGO_REGISTRY_TOKEN": true, "TWINE_PASSWORD": true,
}

// in reports whether the value stands in a file, or is to be given to a service of it.
func (d *giver) in(f *compose.File) bool {
	return slices.ContainsFunc(d.places, func(x service.Place) bool { return x.Service.File == f }) || slices.ContainsFunc(d.needs, func(n need) bool { return n.service.File == f })
}

// named says who else would get the value under the name: what is interpolated from the same .env, and the services that have the .env as an
// env_file.
func (d *giver) named(name, file string) (taken bool, why string) {
	for _, f := range d.p.Workspace.Project().Compose() {
		if f.Err != nil {
			continue
		}
		if f.EnvPath() == file && d.uses(f, name) {
			if slices.ContainsFunc(d.places, func(x service.Place) bool { return x.Default == name }) {
				return true, f.Path + " takes " + name + " without this default too: it would get a value there that it does not have now"
			}
			return true, f.Path + " takes " + name + " from the environment for something else"
		}
		if m := mounts(f, file); m != nil {
			return false, at(f.Path, 1+strings.Count(string(f.Src[:m[1]]), "\n")) + " mounts .env into a container, which would get it too"
		}
		for _, id := range slices.Sorted(maps.Keys(f.Secrets)) {
			if def := f.Secrets[id]; def.File != "" && path.Join(f.Dir, def.File) == file {
				return false, file + " is the secret " + id + " of " + f.Path + ": whoever gets that would get it too"
			}
		}
		for _, s := range f.Services {
			if !slices.ContainsFunc(s.EnvFiles, func(e compose.EnvFile) bool { return e.Path == file }) {
				continue
			}
			has := slices.ContainsFunc(s.Texts, func(t compose.Text) bool { return t.Where == compose.InEnvironment && t.Name == name && t.HasValue })
			if ct := slices.IndexFunc(d.all, func(ct *container) bool { return slices.Contains(ct.parts, s) }); ct >= 0 && d.all[ct].form != byEnvironment {
				has = false
			}
			if !has {
				return true, "the service " + s.Name + " of " + f.Path + " has all of " + file + " in its environment, and would get it too"
			}
		}
	}
	return false, ""
}

// mounts returns where a file mounts the .env beside it.
func mounts(f *compose.File, dotenv string) []int {
	if path.Dir(f.Path) != path.Dir(dotenv) || !bytes.Contains(f.Src, []byte(".env")) {
		return nil
	}
	return mountsDotenv().FindIndex(f.Src)
}

var mountsDotenv = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:["'\s]|source:[ \t]*)(?:\./|\$\{?PWD\}?/)?\.env(?::/|["']?[ \t\r]*\n[ \t]*target:)`)
})

// uses reports whether a file takes a variable from the environment, but for the defaults that are the secret itself.
func (d *giver) uses(f *compose.File, name string) bool {
	own := map[int]bool{}
	for _, x := range d.places {
		if x.Default == name && x.Service.File == f {
			own[x.Text.Start*4096+x.Start] = true
		}
	}
	// $$ is no variable; every other mention counts, wherever it stands.
	if !bytes.Contains(f.Src, []byte(name)) {
		return false
	}
	text := strings.ReplaceAll(string(f.Src), "$$", "")
	n := len(regexp.MustCompile(`\$\{?`+name+`\b`).FindAllString(text, -1))
	if n > len(own) {
		return true
	}
	for _, s := range f.Services {
		if slices.ContainsFunc(s.Texts, func(t compose.Text) bool { return t.Where == compose.InEnvironment && t.Name == name && !t.HasValue }) {
			return true
		}
		if s.Build != nil && slices.ContainsFunc(s.Build.Args, func(a compose.Arg) bool { return a.Name == name && !a.HasValue }) {
			return true
		}
	}
	for id, def := range f.Secrets {
		if def.Environment == name && id != name {
			return true
		}
	}
	return false
}

// brought says which image has the .env as it is: what is in it besides may be read there.
func (d *giver) brought(file string) (why string) {
	project := d.p.Workspace.Project()
	for _, name := range d.p.Workspace.Paths() {
		if !rewrite.IsDockerfile(path.Base(name)) {
			continue
		}
		src, err := d.p.Workspace.ReadFile(name)
		if err != nil {
			continue
		}
		f, err := dockerfile.Parse(name, src)
		if err != nil {
			continue
		}
		dirs, _ := flow.BuiltFrom(f, project)
		for _, dir := range dirs {
			rel, ok := ignorefile.Inside(dir, file)
			if !ok {
				continue
			}
			if src, err := d.p.Workspace.ReadFile(ignorefile.ForContext(d.p.Workspace, name, dir)[0]); err == nil && ignorefile.Covers(src, rel) {
				continue
			}
			if s := flow.Brought(f, project, dir, rel); s != nil {
				return at(name, s.Position().Line) + " takes " + file + " into the image: leave it out there first"
			}
		}
	}
	return ""
}

// ignoredByGit reports whether git leaves a file out by the lines that people write for .env.
func ignoredByGit(ws *rewrite.Workspace, file string) bool {
	if ws.Exists(file) && !slices.Contains(ws.Paths(), file) {
		return true
	}
	ignored := false
	var dirs []string
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
		if dir == "." {
			break
		}
	}
	for _, dir := range slices.Backward(dirs) {
		src, _ := ws.ReadFile(path.Join(dir, ".gitignore"))
		for line := range strings.Lines(string(src)) {
			line, back := strings.CutPrefix(strings.TrimSpace(line), "!")
			pattern := strings.TrimPrefix(line, "**/")
			if pattern == "" || pattern[0] == '#' {
				continue
			}
			rel, _ := ignorefile.Inside(dir, file)
			anchored := strings.Contains(strings.TrimSuffix(pattern, "/"), "/")
			name := path.Base(file)
			if anchored {
				name, pattern = rel, strings.TrimPrefix(pattern, "/")
			}
			if ok, err := path.Match(pattern, name); ok && err == nil {
				ignored = !back
			}
		}
	}
	return ignored
}

// tell says how the containers get the value, and what a person must know.
func (d *giver) tell() {
	var env, file []string
	for _, ct := range d.all {
		switch ct.form {
		case byImageFile:
			for _, name := range ct.file.names {
				file = append(file, ct.name+" "+name)
			}
			d.out.safety = min(d.out.safety, rewrite.Review)
			if ct.file.first {
				d.out.needs = append(d.out.needs, ct.name+" reads it only while its data are empty: to rotate it, change it there too")
			}
		case byEnvironment:
			env = append(env, ct.name)
		}
	}
	slices.Sort(file)
	if len(file) > 0 {
		d.out.said = append(d.out.said, "give "+strings.Join(file, ", "))
	}
	if len(env) > 0 {
		d.out.said = append(d.out.said, "give "+strings.Join(env, ", ")+" "+d.variable())
	}
	switch {
	case d.out.dotenv != "":
		d.out.needs = append(d.out.needs, "wherever else the project runs, put "+d.out.id+" into "+d.out.dotenv+" or the environment")
	case d.out.file != "":
		d.out.needs = append(d.out.needs, "wherever else the project runs, put the value into "+d.out.file)
	}
}
