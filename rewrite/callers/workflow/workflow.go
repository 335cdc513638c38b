// Package workflow finds the builds in the workflows of GitHub, Gitea and Forgejo and in
// composite actions, in docker/build-push-action and in commands, and moves what they pass
// as a build argument to a secret. It leans on yamledit for the bytes and on script for
// commands. It runs nothing, and follows neither an action nor a workflow that is elsewhere.
package workflow

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// Readers are those of workflows and of composite actions.
func Readers() []call.Reader {
	return []call.Reader{
		{Name: "a workflow", Is: isWorkflow, Read: read, Edit: change},
		{Name: "an action", Is: isAction, Read: read, Edit: change},
	}
}

func isWorkflow(p string) bool {
	_, ok := workflowBase(p)
	return ok
}

// workflowBase returns the folder that a workflow's repository is in; a template in a
// folder of its own is one of another repository to be.
func workflowBase(p string) (base string, ok bool) {
	switch path.Ext(p) {
	case ".yml", ".yaml":
	default:
		return "", false
	}
	dir := path.Dir(p)
	if path.Base(dir) != "workflows" {
		return "", false
	}
	switch dir = path.Dir(dir); path.Base(dir) {
	case ".github", ".gitea", ".forgejo":
		return path.Dir(dir), true
	}
	return "", false
}

func isAction(p string) bool {
	return path.Base(p) == "action.yml" || path.Base(p) == "action.yaml"
}

// file is one that has been read.
type file struct {
	src    *call.Source
	doc    *yamledit.Doc
	base   string // the folder of the repository, relative to the root
	action bool   // it is an action, which has no secrets of its own
	called bool   // it is a workflow that others call
	forks  bool   // pull requests start it, those from forks without secrets
	env    *yamledit.Node
	shell  string // of defaults.run
	dir    string
	builds []*call.Build
}

// handle is what a build was found in.
type handle struct {
	step *step
	edit editor // nil: Fixed
}

// editor makes all changes of what stands in one place.
type editor interface {
	edit(*yamledit.Draft, []call.Change) (needs []string, err error)
}

// step is one of a job or of a composite action, with what counts in it.
type step struct {
	*file
	job  *job
	node *yamledit.Node
	path []string // in the document
	env  *yamledit.Node
	i    int // index in the job
}

// job is what the steps of one have in common.
type job struct {
	node    *yamledit.Node
	steps   []*yamledit.Node
	env     *yamledit.Node
	shell   string
	dir     string
	windows bool
	matrix  []combination
	mounts  []mount
	builder call.Builder // that setup-buildx-action makes
}

func read(src *call.Source) ([]*call.Build, error) {
	doc, err := yamledit.Parse(src.Path, src.Src)
	if err != nil {
		return nil, err
	}
	f := &file{src: src, doc: doc, base: "."}
	if base, ok := workflowBase(src.Path); ok {
		f.base = base
	}
	f.env, _ = doc.Find("env")
	f.shell, f.dir = runDefaults(doc.Root)
	jobs, _ := doc.Find("jobs")
	for _, e := range jobs.Entries() {
		f.job(e.Key.Value, e.Value.Deref())
	}
	if runs, _ := doc.Find("runs"); runs != nil && jobs == nil {
		f.action = true
		f.composite(runs)
	}
	on, _ := doc.Find("on")
	f.called, f.forks = starts(on, "workflow_call"), starts(on, "pull_request")
	return f.builds, nil
}

// starts reports whether an event is one of those that start a workflow.
func starts(on *yamledit.Node, event string) bool {
	if on = on.Deref(); on == nil {
		return false
	}
	_, key := on.Get(event)
	return key || on.Kind == yamledit.Scalar && on.Value == event ||
		on.Kind == yamledit.List && slices.ContainsFunc(on.Items, func(n *yamledit.Node) bool { return n.Value == event })
}

// runDefaults returns the shell and the folder that defaults.run of a workflow or a job sets.
func runDefaults(n *yamledit.Node) (shell, dir string) {
	run := get(get(n, "defaults"), "run")
	return text(get(run, "shell")), text(get(run, "working-directory"))
}

func (f *file) job(name string, n *yamledit.Node) {
	j := &job{node: n, env: get(n, "env")}
	j.shell, j.dir = runDefaults(n)
	j.matrix = combinations(get(get(n, "strategy"), "matrix"))
	j.windows = f.onWindows(j)
	if uses := get(n, "uses"); uses != nil {
		f.reusable(j, n, []string{"jobs", name})
		return
	}
	f.steps(j, get(n, "steps"), []string{"jobs", name, "steps"})
}

// composite reads the steps of a composite action, and the image of one that is built when it is used.
func (f *file) composite(runs *yamledit.Node) {
	j := &job{matrix: combinations(nil)}
	if image := get(runs, "image"); strings.EqualFold(text(get(runs, "using")), "docker") && image != nil && !strings.Contains(image.Value, "://") {
		f.container(image)
		return
	}
	// It runs in the checkout of whoever uses it, which is this one where it is for its own use.
	j.mounts = []mount{{at: ".", own: true}}
	f.steps(j, get(runs, "steps"), []string{"runs", "steps"})
}

func (f *file) steps(j *job, list *yamledit.Node, at []string) {
	if list == nil || list.Kind != yamledit.List {
		return
	}
	for _, n := range list.Items {
		j.steps = append(j.steps, n.Deref())
	}
	for i, n := range j.steps {
		s := &step{file: f, job: j, node: n, path: append(slices.Clone(at), strconv.Itoa(i)), env: get(n, "env"), i: i}
		switch {
		case get(n, "uses") != nil:
			s.uses()
		case get(n, "run") != nil:
			s.run()
		}
	}
}

// add notes a build that was found.
func (s *step) add(b *call.Build, h *handle) {
	h.step = s
	if s.action && b.Doubt == "" && s.published(b) {
		b.Doubt = "it builds in the repository that uses the action"
	}
	b.Path, b.Handle = s.src.Path, h
	s.builds = append(s.builds, b)
}

// published reports whether an action may be for other repositories, and builds what is theirs.
func (s *step) published(b *call.Build) bool {
	if dir := "/" + s.here(); strings.Contains(dir, "/.github/") || strings.Contains(dir, "/.gitea/") || strings.Contains(dir, "/.forgejo/") || s.node == nil {
		return false
	}
	end := s.node.End
	if end < 0 {
		end = len(s.src.Src)
	}
	return !strings.Contains(strings.ToLower(string(s.src.Src[s.node.Start:end])), "action_path")
}

// change makes the changes of builds.
func change(src *call.Source, changes []call.Change) (edits []edit.Edit, needs []string, err error) {
	var order []editor
	by := map[editor][]call.Change{}
	var draft *yamledit.Draft
	for _, c := range changes {
		b := c.Build
		h, ok := b.Handle.(*handle)
		if !ok || string(h.step.src.Src) != string(src.Src) {
			return nil, nil, src.Errorf(b.Start, "%s has changed since it was read", b.What)
		}
		if b.Fixed != "" || h.edit == nil {
			return nil, nil, src.Errorf(b.Start, "%s", b.Fixed)
		}
		if by[h.edit] == nil {
			order = append(order, h.edit)
		}
		by[h.edit] = append(by[h.edit], c)
		if draft == nil {
			draft = h.step.doc.Draft()
		}
	}
	for _, e := range order {
		more, err := e.edit(draft, by[e])
		if err != nil {
			return nil, nil, err
		}
		for _, n := range more {
			if !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
	}
	if draft == nil {
		return nil, nil, nil
	}
	return draft.Edits(), needs, nil
}

// get returns the value of a key, nil if it is not there.
func get(n *yamledit.Node, key string) *yamledit.Node {
	e, ok := n.Get(key)
	if !ok {
		return nil
	}
	return e.Value.Deref()
}

// text returns a single value.
func text(n *yamledit.Node) string {
	if n == nil || n.Kind != yamledit.Scalar {
		return ""
	}
	return n.Value
}

// input returns an input of a step, whose names are without regard to case; key is as it is written.
func (s *step) input(name string) (value *yamledit.Node, key string) {
	for _, e := range get(s.node, "with").Entries() {
		if strings.EqualFold(e.Key.Value, name) {
			return e.Value.Deref(), e.Key.Value
		}
	}
	return nil, name
}

// alone returns an error unless what stands at a path counts there and nowhere else.
func (f *file) alone(path ...string) error {
	n := f.doc.Root
	for _, p := range path {
		if n.Used() != nil || n.Kind == yamledit.Alias {
			return f.src.Errorf(n.Start, "it is used in several places through an alias, edit it by hand")
		}
		switch n.Kind {
		case yamledit.List:
			i, _ := strconv.Atoi(p)
			n = n.Items[i]
		case yamledit.Map:
			e, ok := n.Get(p)
			if !ok {
				return nil // it is still to come
			}
			if e.Through != nil {
				return f.src.Errorf(e.Through.Start, "it comes in through an alias, edit it by hand")
			}
			n = e.Value
		default:
			return nil
		}
	}
	if n.Used() != nil || n.Kind == yamledit.Alias {
		return f.src.Errorf(n.Start, "it is used in several places through an alias, edit it by hand")
	}
	return nil
}

// at returns the node at a path of a document.
func at(doc *yamledit.Doc, path []string) *yamledit.Node {
	n := doc.Root
	for _, p := range path {
		if n == nil {
			return nil
		}
		if n.Kind == yamledit.List {
			i, err := strconv.Atoi(p)
			if err != nil || i < 0 || i >= len(n.Items) {
				return nil
			}
			n = n.Items[i].Deref()
			continue
		}
		n = get(n, p)
	}
	return n
}
