package tasks

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/callers/script"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

func taskfiles() call.Reader {
	return call.Reader{Name: "a Taskfile", Is: isTaskfile, Read: readTaskfile, Edit: editTaskfile}
}

func isTaskfile(p string) bool {
	base := strings.ToLower(path.Base(p))
	ext := path.Ext(base)
	return strings.HasPrefix(base, "taskfile") && (ext == ".yml" || ext == ".yaml")
}

// taskSet is a Taskfile that is read.
type taskSet struct {
	src    *call.Source
	doc    *yamledit.Doc
	dirs   []string        // in which its tasks run, or may
	called map[string]bool // variables that calls of tasks set
	list   []*scalar
	task   map[*scalar]*yamledit.Node
}

// readTaskfile reads the commands of the tasks: each is a shell's of its own, which is part
// of task and reads as bash does.
func readTaskfile(s *call.Source) ([]*call.Build, error) {
	doc, err := yamledit.Parse(s.Path, s.Src)
	if err != nil {
		return nil, err
	}
	set := &taskSet{src: s, doc: doc, called: map[string]bool{}, task: map[*scalar]*yamledit.Node{}}
	tasks := at(doc.Root, "tasks")
	if tasks == nil || tasks.Kind != yamledit.Map {
		return nil, nil
	}
	set.folders()
	for _, t := range tasks.Entries() {
		set.calls(t.Value.Deref())
	}
	for _, t := range tasks.Entries() {
		set.read(t.Value.Deref())
	}
	out := scalarBuilds(s, doc, set.list)
	for _, b := range out {
		set.finish(b)
	}
	return out, nil
}

// at returns the value under keys of a mapping; nil if there is none.
func at(n *yamledit.Node, keys ...string) *yamledit.Node {
	for _, k := range keys {
		if n = n.Deref(); n == nil || n.Kind != yamledit.Map {
			return nil
		}
		e, ok := n.Get(k)
		if !ok {
			return nil
		}
		n = e.Value.Deref()
	}
	return n
}

// folders finds where tasks run: those of an included file in the folder of the file that
// includes it, or in one that it names.
func (set *taskSet) folders() {
	own := path.Dir(set.src.Path)
	set.dirs = []string{own}
	for dir := own; set.src.Project != nil && set.src.Project.FS != nil; dir = path.Dir(dir) {
		for _, name := range []string{"Taskfile.yml", "taskfile.yml", "Taskfile.yaml", "taskfile.yaml", "Taskfile.dist.yml", "Taskfile.dist.yaml"} {
			p := path.Join(dir, name)
			src, err := fs.ReadFile(set.src.Project.FS, p)
			if err != nil || p == set.src.Path {
				continue
			}
			doc, err := yamledit.Parse(p, src)
			if err != nil {
				continue
			}
			includes := at(doc.Root, "includes")
			if includes == nil || includes.Kind != yamledit.Map {
				continue
			}
			for _, e := range includes.Entries() {
				v := e.Value.Deref()
				file, under := v, at(v, "dir")
				if v.Kind == yamledit.Map {
					file = at(v, "taskfile")
				}
				if file == nil || file.Kind != yamledit.Scalar {
					continue
				}
				if to := path.Join(dir, file.Value); !strings.Contains(file.Value, "{{") && to != set.src.Path && to != own {
					continue
				}
				here := dir
				if under != nil {
					here = folder(dir, under.Value)
				}
				if !slices.Contains(set.dirs, here) {
					set.dirs = append(set.dirs, here)
				}
			}
		}
		if dir == "." {
			break
		}
	}
}

// folder is a folder as a Taskfile names it; call.Hole where it is not known.
func folder(from, name string) string {
	dir := path.Join(from, name)
	if from == call.Hole || strings.ContainsAny(name, "{$~") || path.IsAbs(name) || dir == ".." || strings.HasPrefix(dir, "../") {
		return call.Hole
	}
	return dir
}

// calls notes what variables the calls of other tasks set.
func (set *taskSet) calls(n *yamledit.Node) {
	if n == nil {
		return
	}
	for _, x := range n.Items {
		set.calls(x)
	}
	if at(n, "task") == nil {
		return
	}
	if vars := at(n, "vars"); vars != nil {
		for _, e := range vars.Entries() {
			set.called[e.Key.Value] = true
		}
	}
}

// read adds the commands of a task.
func (set *taskSet) read(task *yamledit.Node) {
	cmds := task
	if task != nil && task.Kind == yamledit.Map {
		if cmds = at(task, "cmds"); cmds == nil {
			cmds = at(task, "cmd")
		}
	}
	switch {
	case cmds == nil:
	case cmds.Kind == yamledit.Scalar || cmds.Kind == yamledit.Map:
		set.command(task, cmds)
	case cmds.Kind == yamledit.List:
		for _, n := range cmds.Items {
			set.command(task, n.Deref())
		}
	}
}

func (set *taskSet) command(task, n *yamledit.Node) {
	options := n
	if n.Kind == yamledit.Map {
		if n = at(options, "cmd"); n == nil {
			n = at(options, "defer")
		}
	}
	if n == nil || n.Kind != yamledit.Scalar || strings.Contains(n.Value, "{{-") || strings.Contains(n.Value, "-}}") {
		return
	}
	holes := func(v string) []embed.Piece { return set.holes(task, v) }
	t, err := embed.New(set.doc, n, embed.Syntax{Holes: holes, Escape: escapeTemplate})
	if err != nil {
		return
	}
	x := t.Script(shell.Bash)
	for _, d := range set.dirs {
		if in := at(task, "dir"); in != nil {
			d = folder(d, in.Value)
		}
		x.Dirs = append(x.Dirs, d)
	}
	for _, where := range []*yamledit.Node{set.doc.Root, task, options} {
		if list := at(where, "set"); list != nil {
			for _, o := range list.Items {
				x.Flags.Nounset = x.Flags.Nounset || o.Value == "nounset" || o.Value == "u"
				x.Flags.Errexit = x.Flags.Errexit || o.Value == "errexit" || o.Value == "e"
			}
		}
	}
	x.Exported = func(name string) bool { return set.environment(task, name) != nil }
	x.Defaults = map[string]string{}
	for _, where := range []*yamledit.Node{set.doc.Root, task} {
		if env := at(where, "env"); env != nil {
			for _, e := range env.Entries() {
				if v := e.Value.Deref(); v.Kind == yamledit.Scalar && !strings.ContainsAny(v.Value, "{$") {
					x.Defaults[e.Key.Value] = v.Value
				}
			}
		}
	}
	one := &scalar{t, x}
	set.list = append(set.list, one)
	set.task[one] = task
}

func escapeTemplate(s string) string { return strings.ReplaceAll(s, "{{", "{{`{{`}}") }

// environment returns what a variable of the environment is set to here; nil if it is not.
func (set *taskSet) environment(task *yamledit.Node, name string) *yamledit.Node {
	for _, where := range []*yamledit.Node{task, set.doc.Root} {
		if v := at(where, "env", name); v != nil && v.Kind != yamledit.Null {
			return v
		}
	}
	return nil
}

// variable returns what a template's variable is set to here, and whether it may be
// another value when a task is called.
func (set *taskSet) variable(task *yamledit.Node, name string) (v *yamledit.Node, sure bool) {
	if v := at(task, "vars", name); v != nil {
		return v, true
	}
	return at(set.doc.Root, "vars", name), !set.called[name]
}

// holes finds the templates in a value.
func (set *taskSet) holes(task *yamledit.Node, value string) []embed.Piece {
	var out []embed.Piece
	for pos := 0; ; {
		i := strings.Index(value[pos:], "{{")
		if i < 0 {
			return out
		}
		p := embed.Piece{Start: pos + i}
		p.End = p.Start + closing(value[p.Start:])
		p.Value, p.Known = set.known(task, value[p.Start:p.End], 0)
		out, pos = append(out, p), p.End
	}
}

// templateName returns the variable that a template is: {{.T}}.
func templateName(t string) string {
	name := strings.TrimSpace(inside(t))
	if rest, ok := strings.CutPrefix(name, "."); ok && valid(rest) {
		return rest
	}
	return ""
}

// known returns what a template is filled in with for certain.
func (set *taskSet) known(task *yamledit.Node, t string, depth int) (string, bool) {
	name := templateName(t)
	switch {
	case name == "" || depth > 8:
		return "", false
	case name == "TASKFILE_DIR", name == "ROOT_DIR" && len(set.dirs) == 1:
		return path.Join(script.Root, path.Dir(set.src.Path)), true
	}
	v, sure := set.variable(task, name)
	if v == nil || !sure || v.Kind != yamledit.Scalar {
		return "", false
	}
	out, pos := "", 0
	for pos < len(v.Value) {
		i := strings.Index(v.Value[pos:], "{{")
		if i < 0 {
			break
		}
		n := closing(v.Value[pos+i:])
		text, ok := set.known(task, v.Value[pos+i:pos+i+n], depth+1)
		if !ok {
			return "", false
		}
		out += v.Value[pos:pos+i] + text
		pos += i + n
	}
	return out + v.Value[pos:], true
}

// finish says what a build's text alone does not: literals that come in by a variable, and
// arguments that a template puts together.
func (set *taskSet) finish(b *call.Build) {
	h := b.Handle.(scalarHandle)
	task := set.task[h.text]
	for i := range b.Args {
		a := &b.Args[i]
		var v *yamledit.Node
		if a.Kind == call.Variable {
			v = set.environment(task, a.Env)
		} else if name := templateName(a.Value); name != "" && strings.HasPrefix(a.Value, "{{") {
			v, _ = set.variable(task, name)
		}
		if a.Kind != call.Text && v != nil && v.Kind == yamledit.Scalar && v.Value != "" && !strings.Contains(v.Value, "{{") {
			a.Kind, a.Value, a.Env = call.Text, v.Value, ""
		}
	}
	for _, x := range h.text.Holes {
		if x.Start < h.inner.Start || x.End > h.inner.End || b.Fixed != "" {
			continue
		}
		v, _ := set.variable(task, templateName(x.Text))
		word, _, _ := strings.Cut(strings.TrimSpace(inside(x.Text)), " ")
		if v != nil && strings.Contains(v.Value, "build-arg") || strings.Contains(x.Text, "build-arg") ||
			slices.Contains([]string{"if", "else", "range", "with", "end", "block", "template"}, word) {
			b.Fixed = "a part of its arguments is put together by a template"
		}
	}
}

func editTaskfile(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	if err := literals(s, changes); err != nil {
		return nil, nil, err
	}
	return editScalars(s, changes)
}
