package workflow

import (
	"maps"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// combination is one set of values of a matrix, by the path of each ("app.file").
type combination struct {
	values map[string]string
	open   bool // it may have other values too: what is not there is not known
}

func (c combination) value(name string) (string, bool) {
	if v, ok := c.values[name]; ok {
		return v, !strings.Contains(v, "${{")
	}
	for k := range c.values {
		if strings.EqualFold(k, name) {
			return c.values[k], !strings.Contains(c.values[k], "${{")
		}
	}
	return "", !c.open // one that no matrix has is empty
}

// maxCombinations ends a matrix that is too large to go through.
const maxCombinations = 256

// combinations returns the jobs that a matrix makes; a job without one is one.
func combinations(matrix *yamledit.Node) []combination {
	if matrix == nil {
		return []combination{{}}
	}
	unknown := combination{open: true}
	if matrix.Kind != yamledit.Map {
		return []combination{unknown}
	}
	var all []map[string]string
	var own []string // keys of the matrix itself
	open, also := false, false
	for _, e := range matrix.Entries() {
		list := e.Value.Deref()
		if e.Key.Value == "include" || e.Key.Value == "exclude" {
			continue
		}
		if list.Kind != yamledit.List {
			open = true // an expression: its values are not known
			continue
		}
		own = append(own, e.Key.Value)
		if len(all) == 0 {
			all = []map[string]string{{}}
		}
		var next []map[string]string
		for _, was := range all {
			for _, item := range list.Items {
				is := maps.Clone(was)
				flatten(is, e.Key.Value, item.Deref())
				next = append(next, is)
			}
		}
		if all = next; len(all) > maxCombinations {
			return []combination{unknown}
		}
	}
	if exclude := get(matrix, "exclude"); exclude != nil && exclude.Kind == yamledit.List {
		for _, item := range exclude.Items {
			out := map[string]string{}
			flatten(out, "", item.Deref())
			all = slices.DeleteFunc(all, func(c map[string]string) bool { return len(out) > 0 && agree(c, out, nil) })
		}
	}
	if include := get(matrix, "include"); include != nil {
		if include.Kind != yamledit.List {
			also = true
		}
		first := len(all)
		base := make([]map[string]string, first)
		for i := range base {
			base[i] = maps.Clone(all[i])
		}
		for _, item := range include.Items {
			more := map[string]string{}
			flatten(more, "", item.Deref())
			fits := false
			for i := range base {
				if agree(base[i], more, own) {
					maps.Copy(all[i], more)
					fits = true
				}
			}
			if !fits {
				all = append(all, more)
			}
		}
	}
	var out []combination
	for _, values := range all {
		out = append(out, combination{values, open || also})
	}
	if len(out) == 0 || also || len(out) > maxCombinations {
		out = append(out[:min(len(out), maxCombinations)], unknown)
	}
	return out
}

// agree reports whether values that come do not change any of a combination: those of the
// matrix itself, or all where own is nil.
func agree(c, more map[string]string, own []string) bool {
	for k, v := range more {
		key, _, _ := strings.Cut(k, ".")
		if own != nil && !slices.Contains(own, key) {
			continue
		}
		if was, ok := c[k]; !ok || was != v {
			return false
		}
	}
	return true
}

// flatten notes the single values of a node under its name.
func flatten(to map[string]string, name string, n *yamledit.Node) {
	if n == nil {
		return
	}
	switch n.Kind {
	case yamledit.Scalar:
		to[name] = n.Value
	case yamledit.Map:
		for _, e := range n.Entries() {
			key := e.Key.Value
			if name != "" {
				key = name + "." + key
			}
			flatten(to, key, e.Value.Deref())
		}
	}
}
