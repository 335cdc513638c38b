package pipeline

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/callers/embed"
	"github.com/unbake-dev/unbake/rewrite/shell"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

func isGitLab(p string) bool {
	b := base(p)
	return isYAML(p) && !tasks(p) && (strings.Contains(b, "gitlab-ci") || within(p, ".gitlab", ".gitlab-ci", "gitlab-ci", ".ci", "ci"))
}

// tasks reports files that are no pipeline wherever they stand.
func tasks(p string) bool {
	b := base(p)
	return strings.Contains(b, "taskfile") || strings.Contains(b, "skaffold") || strings.Contains(b, "docker-bake")
}

// either reads a file whose folder does not tell which of two services it is for.
func either(f *file) []place {
	for _, d := range f.docs {
		for _, key := range []string{"steps", "jobs", "stages"} {
			if list := items(value(d.Root, key)); len(list) > 0 && list[0].Kind == yamledit.Map {
				return azure(f)
			}
		}
	}
	return gitLab(f)
}

// gitLabRoot is where GitLab looks for the pipeline of a project.
const gitLabRoot = ".gitlab-ci.yml"

// gitLabKeywords are the keys at the top that are no jobs.
var gitLabKeywords = []string{"default", "include", "stages", "variables", "workflow", "image", "services", "before_script", "after_script", "cache", "spec", "types"}

// gitLabSyntax: an input of a component is filled in before anything else is read.
var gitLabSyntax = embed.Syntax{Holes: embed.Between("$[[", "]]")}

// gitLabFile is a pipeline with the files that it includes, the last first: what it says
// itself counts before what it includes.
type gitLabFile struct {
	*file
	docs []*document
	jobs map[string]gitLabJob
}

// gitLabJob is a job, or a part of one, by name.
type gitLabJob struct {
	doc  *document
	node *yamledit.Node
}

// gitLab returns what the jobs of a pipeline run. A file that the project's pipeline
// includes is seen as a part of that.
func gitLab(f *file) []place {
	all := &gitLabFile{file: f, docs: slices.Clone(f.docs)}
	read := map[string]bool{f.Path: true}
	for _, d := range f.docs {
		all.include(d, read)
	}
	if f.Path != gitLabRoot && f.Project != nil && f.Project.FS != nil {
		if src, err := fs.ReadFile(f.Project.FS, gitLabRoot); err == nil {
			if root, err := open(&call.Source{Path: gitLabRoot, Src: src, Project: f.Project}); err == nil {
				around := &gitLabFile{file: f}
				seen := map[string]bool{gitLabRoot: true}
				for _, d := range root.docs {
					around.include(d, seen)
				}
				if seen[f.Path] {
					for _, d := range append(root.docs, around.docs...) {
						if !read[d.Path] {
							all.docs = append(all.docs, d)
						}
					}
				}
			}
		}
	}
	all.jobs = map[string]gitLabJob{}
	for _, d := range all.docs {
		for _, e := range d.Root.Entries() {
			if _, ok := all.jobs[e.Key.Value]; !ok && !slices.Contains(gitLabKeywords, e.Key.Value) && e.Value.Deref().Kind == yamledit.Map {
				all.jobs[e.Key.Value] = gitLabJob{d, e.Value.Deref()}
			}
		}
	}
	return all.places()
}

// include adds the files of the project that a document includes. What it includes from
// elsewhere, and what a job extends there, is not seen: such a template sets variables by
// its own keys, which are in the environment.
func (g *gitLabFile) include(d *document, read map[string]bool) {
	if d.Root == nil || g.Project == nil || g.Project.FS == nil {
		return
	}
	for _, n := range items(value(d.Root, "include")) {
		name := text(n, "local")
		if n.Kind == yamledit.Scalar && !strings.Contains(n.Value, "://") {
			name = n.Value
		}
		name = strings.TrimPrefix(path.Clean(name), "/")
		if name == "." || strings.Contains(name, "$") {
			continue
		}
		names := []string{name}
		if strings.Contains(name, "*") {
			names, _ = fs.Glob(g.Project.FS, strings.ReplaceAll(name, "**", "*"))
		}
		for _, name := range names {
			if read[name] || len(read) > 50 {
				continue
			}
			read[name] = true
			src, err := fs.ReadFile(g.Project.FS, name)
			if err != nil {
				continue
			}
			f, err := open(&call.Source{Path: name, Src: src, Project: g.Project})
			if err != nil {
				continue
			}
			g.docs = append(g.docs, f.docs...)
			for _, inner := range f.docs {
				g.include(inner, read)
			}
		}
	}
}

// places returns a run for each shell of each job. A hidden job runs in those that take
// its lines over; it is looked at for itself where there are none.
func (g *gitLabFile) places() []place {
	names := slices.Sorted(maps.Keys(g.jobs))
	hidden := func(name string) bool { return strings.HasPrefix(name, ".") }
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case hidden(a) == hidden(b):
			return 0
		case hidden(a):
			return 1
		}
		return -1
	})
	used := map[*yamledit.Node]bool{}
	var out []place
	for _, name := range names {
		chain := g.chain(name, nil)
		for _, keys := range [][]string{{"before_script", "script"}, {"after_script"}} {
			r := g.run(chain, keys)
			if r == nil || hidden(name) && !slices.ContainsFunc(r.items, func(it item) bool { return !used[it.text.Node()] }) {
				continue
			}
			out = append(out, r)
			for _, it := range r.items {
				used[it.text.Node()] = used[it.text.Node()] || !hidden(name)
			}
		}
	}
	return out
}

// chain returns a job and what it extends, the strongest first, the defaults last.
func (g *gitLabFile) chain(name string, seen []string) []gitLabJob {
	j, ok := g.jobs[name]
	if !ok || slices.Contains(seen, name) {
		return nil
	}
	out := []gitLabJob{j}
	parents := items(value(j.node, "extends"))
	for i := len(parents) - 1; i >= 0; i-- {
		out = append(out, g.chain(parents[i].Value, append(seen, name))...)
	}
	if len(seen) > 0 {
		return out
	}
	for _, d := range g.docs {
		if v := value(d.Root, "default"); v != nil && text(j.node, "inherit", "default") != "false" {
			out = append(out, gitLabJob{d, v})
		}
	}
	for _, d := range g.docs {
		if d.Root != nil && d.Root.Kind == yamledit.Map {
			out = append(out, gitLabJob{d, d.Root})
		}
	}
	return out
}

// setting returns the first that a chain has of a key.
func setting(chain []gitLabJob, key string) (gitLabJob, bool) {
	for _, j := range chain {
		if v := value(j.node, key); v != nil {
			return gitLabJob{j.doc, v}, true
		}
	}
	return gitLabJob{}, false
}

// run returns what one shell of a job runs; nil for nothing of this file.
func (g *gitLabFile) run(chain []gitLabJob, keys []string) *run {
	r := newRun(g.file, g.file.docs[0], gitLabSyntax)
	r.text.Dialect = shell.POSIX
	ours := false
	for _, key := range keys {
		j, ok := setting(chain, key)
		if !ok {
			continue
		}
		for _, line := range g.lines(j, 0) {
			if slices.Contains(g.file.docs, line.doc) {
				r.doc, ours = line.doc, true
			}
			r.add(line.doc, line.node)
		}
	}
	if !ours {
		return nil
	}
	g.around(chain, r)
	return r
}

// lines returns the single values of a script, with those that !reference brings.
func (g *gitLabFile) lines(j gitLabJob, depth int) []gitLabJob {
	n := j.node.Deref()
	switch {
	case n == nil || depth > 10 || n.Kind == yamledit.Null:
		return nil
	case n.Kind == yamledit.List && n.Tag == "!reference":
		if len(n.Items) == 0 {
			return nil
		}
		at, ok := g.jobs[n.Items[0].Value]
		if len(n.Items) == 2 && !ok {
			return []gitLabJob{{j.doc, n}} // what it is is not known: a list with a tag breaks the run
		}
		for _, step := range n.Items[1:] {
			if at.node = value(at.node, step.Value); at.node == nil {
				return []gitLabJob{{j.doc, n}}
			}
		}
		return g.lines(at, depth+1)
	case n.Kind == yamledit.List:
		var out []gitLabJob
		for _, item := range n.Items {
			out = append(out, g.lines(gitLabJob{j.doc, item}, depth+1)...)
		}
		return out
	}
	return []gitLabJob{{j.doc, n}}
}

// gitLabGiven are variables that GitLab sets in every job.
var gitLabGiven = []string{"CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "CI_REGISTRY_USER", "CI_DEPENDENCY_PROXY_PASSWORD", "CI_PROJECT_ID", "CI_PIPELINE_ID", "CI_JOB_ID", "CI_COMMIT_SHA"}

// around tells a run of the variables and images of its job.
func (g *gitLabFile) around(chain []gitLabJob, r *run) {
	vars := variables{}
	for i := len(chain) - 1; i >= 0; i-- {
		n := chain[i].node
		vars.add(value(n, "variables"))
		vars.add(value(n, "id_tokens"))
		// What a rule or a matrix sets differs from run to run.
		for _, rule := range append(items(value(n, "rules")), items(value(n, "workflow", "rules"))...) {
			vars.forget(value(rule, "variables"))
		}
		for _, m := range items(value(n, "parallel", "matrix")) {
			vars.forget(m)
		}
	}
	for _, name := range gitLabGiven {
		if _, ok := vars[name]; !ok {
			vars[name] = &yamledit.Node{Kind: yamledit.List}
		}
	}
	vars.apply(r, "$")
	if j, ok := setting(chain, "services"); ok {
		for _, s := range items(j.node) {
			r.builder.images = append(r.builder.images, image(s))
		}
	}
	if j, ok := setting(chain, "image"); ok {
		r.builder.images = append(r.builder.images, image(j.node))
	}
}

// image is the name of an image, as a value or under "name".
func image(n *yamledit.Node) string {
	if n.Deref().Kind == yamledit.Scalar {
		return n.Deref().Value
	}
	return text(n, "name")
}

// forget keeps the names of a mapping's variables and none of their values.
func (v variables) forget(n *yamledit.Node) {
	for _, e := range n.Entries() {
		v[e.Key.Value] = &yamledit.Node{Kind: yamledit.List}
	}
}
