package compose

import (
	"fmt"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// replacement is a Replacement with all places of the decoded file that it concerns.
type replacement struct {
	Replacement
	values, keys [][]any // paths: names of keys, indexes of lists
}

// replacements makes them in the draft, which has had no other operation, and returns those that were not done already.
func replacements(draft *yamledit.Draft, f *File, rs []Replacement) ([]replacement, error) {
	var out []replacement
	before := draft.Doc()
	at := map[int]Replacement{}
	for _, r := range rs {
		t := r.Text
		if t.Start < 0 {
			return nil, yamledit.Uncertain(f.Path, max(t.Line, 1), max(t.Col, 1), "%s comes in from another file, edit it there", t.called())
		}
		if other, ok := at[t.Start]; ok {
			if other.Value != r.Value || other.Rename != r.Rename {
				return nil, before.Uncertain(t.Start, "%s would get two values", t.called())
			}
			continue
		}
		at[t.Start] = r
		n, err := before.Draft().Scalar(t.Start, t.End)
		if err != nil {
			return nil, err
		}
		key := n.Key()
		old, text := t.Value, r.Value
		if t.inList() {
			old, text = t.Name, t.Name+"="+r.Value
			if t.HasValue {
				old += "=" + t.Value
			}
			if r.Rename != "" {
				text = r.Rename + "=" + r.Value
			}
		}
		if now, ok := f.scalar(n); now != old || ok != (t.HasValue || t.inList()) {
			return nil, before.Uncertain(t.Start, "%s is not what it was", t.called())
		}
		one := replacement{Replacement: r}
		var ok bool
		if one.values, ok = before.Places(n); !ok {
			return nil, before.Uncertain(t.Start, "too many places use this value, edit it by hand")
		}
		if r.Rename != "" && r.Rename != t.Name && key != nil {
			if key.Value != t.Name {
				return nil, before.Uncertain(t.Start, "%s has its value through an alias, edit it by hand", t.called())
			}
			if one.keys, ok = before.Places(key); !ok {
				return nil, before.Uncertain(t.Start, "too many places use this key, edit it by hand")
			}
			if err := draft.RenameKey(keyAt(draft, t), r.Rename); err != nil {
				return nil, err
			}
		}
		if n, err = draft.Scalar(t.Start, t.End); err != nil {
			return nil, err
		}
		if err := draft.SetText(n, text); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func keyAt(draft *yamledit.Draft, t Text) *yamledit.Node {
	n, err := draft.Scalar(t.Start, t.End)
	if err != nil {
		return nil
	}
	return n.Key()
}

// inList says whether it is NAME=value in a list.
func (t Text) inList() bool { return t.Item && t.Name != "" }

func (t Text) called() string {
	if t.Name != "" {
		return t.Name
	}
	return "this value"
}

// meant does to a decoded file what the replacement asks for, at every place that the value has in it. It returns false where that makes
// no sense.
func (r replacement) meant(root any) bool {
	for _, p := range r.values {
		v, set := at(root, p)
		text := r.Value
		if r.Text.inList() {
			name := r.Text.Name
			if r.Rename != "" {
				name = r.Rename
			}
			text = name + "=" + r.Value
		}
		if _, isMap := v.(map[string]any); set == nil || isMap {
			return false
		}
		set(text)
	}
	for _, p := range r.keys {
		m, _ := at(root, p[:len(p)-1])
		in, ok := m.(map[string]any)
		if !ok {
			return false
		}
		if _, there := in[r.Rename]; there {
			return false
		}
		in[r.Rename] = in[r.Text.Name]
		delete(in, r.Text.Name)
	}
	return len(r.values) > 0
}

// at returns the value at a path of a decoded file, and a function that puts another in its place, nil if there is no such place.
func at(root any, p []any) (v any, set func(any)) {
	v = root
	for _, step := range p {
		switch in := v.(type) {
		case map[string]any:
			name, ok := step.(string)
			if _, there := in[name]; !ok || !there {
				return nil, nil
			}
			v, set = in[name], func(x any) { in[name] = x }
		case map[any]any:
			found := false
			for k := range in {
				if name, ok := step.(string); ok && fmt.Sprint(k) == name {
					v, set, found = in[k], func(x any) { in[k] = x }, true
					break
				}
			}
			if !found {
				return nil, nil
			}
		case []any:
			i, ok := step.(int)
			if !ok || i >= len(in) {
				return nil, nil
			}
			v, set = in[i], func(x any) { in[i] = x }
		default:
			return nil, nil
		}
	}
	return v, set
}
