package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// isAzure: templates have any name.
func isAzure(p string) bool {
	return isYAML(p) && !tasks(p) && (strings.Contains(base(p), "azure-pipeline") || within(p, ".azure", "azure", ".azure-pipelines", "azure-pipelines", ".azuredevops", "azuredevops", ".pipelines", "pipelines", "devops", ".devops", ".vsts-ci", "templates"))
}

var azureMacro = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_.]*)\)`) })

// azureRoots are the variables that name the folder of the checkout.
var azureRoots = []string{"build.sourcesdirectory", "system.defaultworkingdirectory", "build.repository.localpath"}

// azureScope is what is known where a step stands.
type azureScope struct {
	*file
	doc     *document
	vars    map[string]string // declared, in lower case, with the value if it depends on nothing
	windows bool
	parted  bool // several checkouts: each has a folder of its own
}

// azure returns the scripts of all steps, and the tasks that build.
func azure(f *file) []place {
	var out []place
	for _, d := range f.docs {
		s := azureScope{file: f, doc: d, vars: map[string]string{}}
		s.walk(d.Root, map[*yamledit.Node]bool{}, &out)
	}
	return out
}

func (s azureScope) walk(n *yamledit.Node, seen map[*yamledit.Node]bool, out *[]place) {
	if n = n.Deref(); n == nil || seen[n] {
		return
	}
	seen[n] = true
	if n.Kind == yamledit.Map {
		if pool := value(n, "pool"); pool != nil {
			s.windows = strings.Contains(strings.ToLower(text(n, "pool")+text(pool, "vmImage")+text(pool, "name")), "win")
		}
		s.declare(value(n, "variables"))
		checkouts := 0
		for _, step := range items(value(n, "steps")) {
			if c := text(step, "checkout"); c != "" && c != "none" {
				checkouts++
			}
		}
		s.parted = s.parted || checkouts > 1
		s.step(n, out)
	}
	for i, item := range n.Items {
		if n.Kind == yamledit.Map && n.Keys[i].Value == "inputs" {
			continue // of a task: its script is the step's
		}
		s.walk(item, seen, out)
	}
}

// declare takes down variables, which come as a mapping or as a list.
func (s *azureScope) declare(n *yamledit.Node) {
	if n == nil {
		return
	}
	vars := map[string]string{}
	for k, v := range s.vars {
		vars[k] = v
	}
	s.vars = vars
	put := func(name, v string) {
		if strings.Contains(s.inRoot(v), "$") {
			v = ""
		}
		vars[strings.ToLower(name)] = s.inRoot(v)
	}
	for _, e := range n.Entries() {
		if e.Value.Deref().Kind == yamledit.Scalar {
			put(e.Key.Value, e.Value.Deref().Value)
		}
	}
	if n.Kind == yamledit.List {
		for _, v := range items(n) {
			if name := text(v, "name"); name != "" {
				put(name, text(v, "value"))
			}
		}
	}
}

// inRoot makes a path that begins with the folder of the checkout relative to it.
func (s *azureScope) inRoot(p string) string {
	if m := azureMacro().FindStringSubmatchIndex(p); m != nil && m[0] == 0 && slices.Contains(azureRoots, strings.ToLower(p[m[2]:m[3]])) {
		return path.Join(".", p[m[1]:])
	}
	return p
}

// holes are the expressions and macros that are filled in before the shell. A macro whose
// name may as well be a command's is left to the shell: as $( ) it is right either way.
func (s azureScope) holes(v string) []embed.Piece {
	out := embed.Between("${{", "}}")(v)
	for _, m := range azureMacro().FindAllStringSubmatchIndex(v, -1) {
		if slices.ContainsFunc(out, func(p embed.Piece) bool { return p.Start < m[1] && m[0] < p.End }) {
			continue
		}
		name := v[m[2]:m[3]]
		p := embed.Piece{Start: m[0], End: m[1]}
		known, declared := s.vars[strings.ToLower(name)]
		switch {
		case slices.Contains(azureRoots, strings.ToLower(name)):
			p.Code = "${BUILD_SOURCESDIRECTORY}"
		case declared:
			p.Value, p.Known = known, known != ""
		case !strings.Contains(name, ".") && strings.ToLower(name) == name:
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b embed.Piece) int { return a.Start - b.Start })
	return out
}

// scripts are the tasks that run a script, with the input that holds it.
var azureScripts = map[string]string{"bash": "script", "cmdline": "script", "azurecli": "inlineScript", "shellscript": "script"}

func (s azureScope) step(n *yamledit.Node, out *[]place) {
	task, _, _ := strings.Cut(strings.ToLower(text(n, "task")), "@")
	inputs := value(n, "inputs")
	var code *yamledit.Node
	where, dialect := text(n, "workingDirectory"), shell.Bash
	switch {
	case task == "docker":
		s.docker(n, inputs, out)
		return
	case azureScripts[task] != "":
		code = value(inputs, azureScripts[task])
		if where == "" {
			where = text(inputs, "workingDirectory")
		}
		kind := strings.ToLower(text(inputs, "scriptType"))
		if task == "azurecli" && kind != "bash" || s.windows && task == "cmdline" {
			return
		}
	case value(n, "bash") != nil:
		code = value(n, "bash")
	case value(n, "script") != nil:
		if s.windows {
			return
		}
		code = value(n, "script")
	}
	if code == nil || code.Kind != yamledit.Scalar {
		return
	}
	r := newRun(s.file, s.doc, embed.Syntax{Holes: s.holes})
	r.text.Dialect = dialect
	r.set = func(t *tx, set []script.Assignment) error { return t.setIn(s.doc, n, "env", set) }
	r.local = func(t *tx, id string) error {
		t.need("add " + id + " to the secret variables of the pipeline")
		return t.setIn(s.doc, n, "env", []script.Assignment{{Name: id, Value: "$(" + id + ")"}})
	}
	switch where = s.inRoot(where); {
	case s.parted, strings.Contains(where, "$"), path.IsAbs(where):
		r.text.Dirs = nil
	case where != "":
		r.text.Dirs = []string{path.Clean(where)}
	}
	vars := variables{}
	vars.add(value(n, "env"))
	vars.apply(r, "$")
	r.upper = func(name string) bool {
		for declared := range s.vars {
			if strings.ToUpper(strings.ReplaceAll(declared, ".", "_")) == name {
				return true
			}
		}
		return false
	}
	r.add(s.doc, code)
	*out = append(*out, r)
}

// docker is the task that builds, which takes no secrets.
func (s azureScope) docker(n, inputs *yamledit.Node, out *[]place) {
	command := strings.ToLower(text(inputs, "command"))
	v := value(inputs, "arguments")
	if v == nil || v.Kind != yamledit.Scalar || !strings.Contains(v.Value, "build-arg") || command != "" && !strings.Contains(command, "build") {
		return
	}
	file := s.inRoot(text(inputs, "Dockerfile") + text(inputs, "dockerFile"))
	context := s.inRoot(text(inputs, "buildContext"))
	switch {
	case file == "":
		file = "**/Dockerfile"
	case strings.HasPrefix(file, "**"):
	case context == "" || context == "**":
		context = path.Dir(file)
	}
	if context == "" || context == "**" {
		context = "*"
	}
	*out = append(*out, &told{
		file: s.file, doc: s.doc, node: v, syntax: embed.Syntax{Holes: s.holes}, what: text(n, "task"),
		context: context, dockerfile: file,
		fixed: "the task has no input for secrets: build with docker build --secret id=NAME in a script step, whose env has the value",
	})
}
