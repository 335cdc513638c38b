package workflow

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// inputs are lines that come to inputs of a step, in the order of their coming.
type inputs struct {
	secrets, files, envs []string
}

// edit makes the changes of one step.
func (p *push) edit(draft *yamledit.Draft, changes []call.Change) (needs []string, err error) {
	b := changes[0].Build
	var drop []string
	var come inputs
	moved := map[int]string{} // entries that become a secret of a name
	have := map[string]bool{}
	for _, s := range b.Secrets {
		have[s.ID] = true
	}
	for _, c := range changes {
		drop = append(drop, c.Drop...)
	}
	for _, c := range changes {
		if c.Secret == nil || have[c.Secret.ID] {
			continue
		}
		have[c.Secret.ID] = true
		if strings.HasPrefix(c.Secret.ID, "GIT_AUTH_") {
			return nil, p.src.Errorf(b.Start, "a secret named %s is what the build's Git context is read with: give the argument another name", c.Secret.ID)
		}
		if c.Secret.From == "" {
			more, err := p.give(b, c.Secret, &come)
			if err != nil {
				return nil, err
			}
			needs = append(needs, more...)
			continue
		}
		if err := p.move(b, c.Secret, moved, &come); err != nil {
			return nil, err
		}
	}
	if err := p.rewrite(draft, drop, moved, &come); err != nil {
		return nil, err
	}
	return needs, nil
}

// move finds what an argument becomes.
func (p *push) move(b *call.Build, s *call.Secret, moved map[int]string, come *inputs) error {
	last := -1 // the last one of a name counts
	for i, e := range p.args {
		if name, known := e.name(); known && name == s.From {
			last = i
		}
	}
	if last < 0 {
		return p.src.Errorf(b.Start, "%s does not pass %s", b.What, s.From)
	}
	e := p.args[last]
	switch a := e.arg(); {
	case a.Kind == call.Bare && !p.envs:
		return p.src.Errorf(p.value.Start, "this version of %s takes no secret from the environment: use a newer one, or write %s=${{ … }}", b.What, a.Name)
	case a.Kind == call.Bare:
		come.envs = append(come.envs, s.ID+"="+a.Name)
	case a.Kind == call.Text && a.Value != "":
		return p.src.Errorf(p.value.Start, "passes a literal as %s: take it from a variable or a store first", a.Name)
	case a.Value != "" && !strings.HasPrefix(strings.TrimPrefix(p.value.Value[e.start:e.end], `"`), a.Name+"="):
		return p.src.Errorf(p.value.Start, "how %s is quoted is not understood: move it to secrets", a.Name)
	case a.Value != "":
		moved[last] = s.ID
		come.secrets = append(come.secrets, e.renamed(p.value.Value, s.ID))
	}
	return nil
}

// give finds where a secret comes from whose value no argument has.
func (p *push) give(b *call.Build, s *call.Secret, come *inputs) (needs []string, err error) {
	if s.Local {
		line, needs, err := p.stored(b, s.ID)
		if err == nil {
			come.secrets = append(come.secrets, s.ID+"="+line)
		}
		return needs, err
	}
	if s.File == "" {
		return nil, p.src.Errorf(b.Start, "nothing says where %s comes from", s.ID)
	}
	if p.major == 2 && p.minor >= 0 && p.minor < 3 {
		return nil, p.src.Errorf(b.Start, "version 2.%d of %s takes no secret from a file: use a newer one, and pass %s=%s in secret-files", p.minor, b.What, s.ID, s.File)
	}
	root, ok := p.checkedOut()
	if !ok {
		return nil, p.src.Errorf(b.Start, "%s is not there without actions/checkout: add it, and pass %s=%s in secret-files", s.File, s.ID, s.File)
	}
	file := s.File
	if p.base != "." {
		file = strings.TrimPrefix(file, p.base+"/")
	}
	if file = path.Join(root, file); strings.ContainsAny(file, ",\"\n") || strings.HasPrefix(file, "../") {
		return nil, p.src.Errorf(b.Start, "the name of %s cannot stand in secret-files", s.File)
	}
	come.files = append(come.files, s.ID+"=./"+file)
	return nil, nil
}

// stored is the expression for a secret of the store that has the name of an id.
func (s *step) stored(b *call.Build, id string) (expression string, needs []string, err error) {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			return r
		}
		return '_'
	}, id)
	if upper := strings.ToUpper(name); strings.HasPrefix(upper, "GITHUB_") || strings.HasPrefix(upper, "GITEA_") || strings.HasPrefix(upper, "FORGEJO_") || name[0] <= '9' {
		name = "BUILD_" + name
	}
	switch {
	case s.action:
		return "", nil, s.src.Errorf(b.Start, "an action has no secrets of its own: give it an input for %s, and pass ${{ inputs.… }} as %s in secrets", id, id)
	case s.called:
		return "", nil, s.src.Errorf(b.Start, "the workflow has the secrets that its callers hand over: add %s to them and to on.workflow_call.secrets, and pass %s=${{ secrets.%s }} here", name, id, name)
	}
	need := "add " + name + " to the secrets of the repository: " + s.src.Path + " passes it"
	if s.forks {
		need += " (pull requests from forks do not get it)"
	}
	return "${{ secrets." + name + " }}", []string{need}, nil
}

// rewrite takes entries out of build-args and puts lines into the other inputs.
func (p *push) rewrite(draft *yamledit.Draft, drop []string, moved map[int]string, come *inputs) error {
	var gone []int
	rest := ""
	if p.value != nil {
		at := 0
		for i, e := range p.args {
			if name, known := e.name(); known && slices.Contains(drop, name) {
				gone = append(gone, i)
				rest += p.value.Value[at:e.line]
				at = e.next
			}
		}
		rest += p.value.Value[min(at, len(p.value.Value)):]
	}
	with := append(slices.Clone(p.path), "with")
	if err := p.alone(append(slices.Clone(with), p.key)...); err != nil {
		return err
	}
	emptied := len(gone) > 0 && strings.TrimSpace(rest) == ""
	if emptied && len(moved) > 0 && len(come.files)+len(come.envs) == 0 && p.becomes(draft, with, gone, moved, come) {
		return nil
	}
	switch {
	case emptied:
	case len(gone) > 0:
		n, err := draft.Scalar(p.value.Start, p.value.End)
		if err != nil {
			return err
		}
		if err := draft.SpliceText(n, p.without(gone)); err != nil {
			return err
		}
	}
	for _, in := range []struct {
		key   string
		lines []string
	}{{"secrets", come.secrets}, {"secret-envs", come.envs}, {"secret-files", come.files}} {
		if len(in.lines) == 0 {
			continue
		}
		if err := p.addLines(draft, with, in.key, in.lines); err != nil {
			return err
		}
	}
	if !emptied {
		return nil
	}
	if n := at(draft.Doc(), with); n != nil && len(n.Keys) == 1 {
		return draft.RemoveKey("with", p.path...)
	}
	return draft.RemoveKey(p.key, with...)
}

// becomes makes build-args the input secrets, where nothing else is in it: comments and
// all stay where they are.
func (p *push) becomes(draft *yamledit.Draft, with []string, gone []int, moved map[int]string, come *inputs) bool {
	if n, _ := p.input("secrets"); n != nil || len(come.secrets) != len(moved) {
		return false
	}
	value := p.value.Value
	var splices []yamledit.Splice
	for _, i := range gone {
		e := p.args[i]
		id, stays := moved[i]
		switch {
		case !stays:
			splices = append(splices, yamledit.Splice{Start: e.line, End: e.next})
		case strings.TrimSpace(value[e.line:e.next]) != value[e.start:e.end] || strings.HasPrefix(value[e.line:e.start]+value[e.end:e.next], " "):
			return false // white space that would count in secrets
		default:
			if old, _ := e.name(); old != id {
				from := strings.Index(value[e.start:], old) + e.start
				splices = append(splices, yamledit.Splice{Start: from, End: from + len(old), Text: id})
			}
		}
	}
	if len(splices) > 0 && len(moved) < len(gone) && !strings.HasSuffix(value, "\n") {
		return false
	}
	n, err := draft.Scalar(p.value.Start, p.value.End)
	if err != nil || draft.SpliceText(n, splices) != nil {
		return false
	}
	m := at(draft.Doc(), with)
	for _, k := range m.Keys {
		if k.Value == p.key {
			return draft.RenameKey(k, "secrets") == nil
		}
	}
	return false
}

// without are the splices that take entries out of build-args.
func (p *push) without(gone []int) []yamledit.Splice {
	value := p.value.Value
	var out []yamledit.Splice
	for _, i := range gone {
		s := yamledit.Splice{Start: p.args[i].line, End: p.args[i].next}
		if n := len(out); n > 0 && out[n-1].End == s.Start {
			out[n-1].End = s.End
			continue
		}
		out = append(out, s)
	}
	// A last line without an end goes with the end of the line before it.
	if last := &out[len(out)-1]; last.End == len(value) && last.Start > 0 && !strings.HasSuffix(value, "\n") {
		last.Start--
	}
	return out
}

// addLines adds lines to an input that is a list, which may not be there yet.
func (p *push) addLines(draft *yamledit.Draft, with []string, key string, lines []string) error {
	m := at(draft.Doc(), with)
	block := yamledit.Lines(strings.Join(lines, "\n") + "\n")
	if m == nil {
		return draft.AddKey("with", yamledit.Fields{{Key: key, Value: block}}, p.path...)
	}
	var n *yamledit.Node
	for _, e := range m.Entries() {
		if strings.EqualFold(e.Key.Value, key) {
			n, key = e.Value.Deref(), e.Key.Value
		}
	}
	if err := p.alone(append(slices.Clone(with), key)...); err != nil {
		return err
	}
	if n == nil {
		return draft.AddKey(key, block, with...)
	}
	if n.Kind != yamledit.Scalar || strings.TrimSpace(n.Value) == "" {
		if err := draft.RemoveKey(key, with...); err != nil {
			return err
		}
		return draft.AddKey(key, block, with...)
	}
	src := draft.Doc().Src
	if src[n.Start] == '|' {
		end := len(strings.TrimRight(n.Value, "\n"))
		s := yamledit.Splice{Start: end, End: end, Text: "\n" + strings.Join(lines, "\n")}
		if end < len(n.Value) {
			s = yamledit.Splice{Start: end + 1, End: end + 1, Text: string(block)}
		}
		return draft.SpliceText(n, []yamledit.Splice{s})
	}
	all := strings.TrimRight(n.Value, " \n") + "\n" + string(block)
	eol := strings.IndexByte(string(src[n.End:])+"\n", '\n')
	if strings.Contains(string(src[n.End:min(n.End+eol, len(src))]), "#") || n.Used() != nil {
		return draft.SetText(n, all) // a comment behind it stays
	}
	if len(m.Keys) > 1 {
		if draft.RemoveKey(key, with...) == nil {
			return draft.AddKey(key, yamledit.Lines(all), with...)
		}
	}
	return draft.SetText(n, all)
}
