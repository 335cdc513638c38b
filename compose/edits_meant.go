package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// meant does to a decoded file what migrations and definitions ask for. It knows nothing of how Edits does it.
func meant(root any, replaced []replacement, ms []Migration, defs []NamedSecret) any {
	file, ok := root.(map[string]any)
	if !ok {
		return nil // keys that are no strings: not a compose file, and never equal
	}
	for _, r := range replaced {
		if !r.meant(root) {
			return nil
		}
	}
	services, _ := file["services"].(map[string]any)
	for _, m := range ms {
		if m.Service.File.V1 {
			services = file
		}
		service, ok := services[m.Service.Name].(map[string]any)
		if !ok {
			return nil
		}
		if !meantToRun(services, service, m) {
			return nil
		}
		build, ok := service["build"].(map[string]any)
		if !ok {
			if len(m.AddSecrets) == 0 {
				continue
			}
			build = map[string]any{"context": service["build"]}
		}
		before := len(build)
		switch args := build["args"].(type) {
		case []any:
			left := slices.DeleteFunc(slices.Clone(args), func(v any) bool {
				name, _, _ := strings.Cut(fmt.Sprint(v), "=")
				return slices.Contains(m.RemoveArgs, name)
			})
			if build["args"] = left; len(left) == 0 && len(args) > 0 {
				delete(build, "args")
			}
		case map[string]any:
			n := len(args)
			for _, name := range m.RemoveArgs {
				delete(args, name)
			}
			if len(args) == 0 && n > 0 {
				delete(build, "args")
			}
		}
		for _, id := range m.AddSecrets {
			list, _ := build["secrets"].([]any)
			build["secrets"] = append(list, id)
		}
		switch {
		case len(build) > 0 || before == 0:
			service["build"] = build
		case !m.Service.Overrides:
			service["build"] = map[string]any{"context": "."}
		case len(service) > 1:
			delete(service, "build")
		default:
			delete(services, m.Service.Name)
		}
	}
	for _, def := range defs {
		top, _ := file["secrets"].(map[string]any)
		if top == nil {
			top = map[string]any{}
			file["secrets"] = top
		}
		one := map[string]any{}
		switch {
		case def.External:
			one["external"] = true
		case def.Environment != "":
			one["environment"] = def.Environment
		default:
			one["file"] = dotted(def.File)
		}
		top[def.Name] = one
	}
	return root
}

// meantToRun does to a decoded service what m asks for its container. It returns false where that makes no sense.
func meantToRun(services, service map[string]any, m Migration) bool {
	set := func(name string) bool {
		return slices.ContainsFunc(m.Set, func(a Assignment) bool { return a.Name == name })
	}
	had := service["environment"] != nil
	switch env := service["environment"].(type) {
	case []any:
		var out []any
		placed := map[string]bool{}
		for _, v := range env {
			name, _, _ := strings.Cut(fmt.Sprint(v), "=")
			i := slices.IndexFunc(m.Set, func(a Assignment) bool { return a.Name == name })
			switch {
			case i >= 0:
				v = name + "=" + m.Set[i].Value
				placed[name] = true
			case slices.Contains(m.Unset, name):
				continue
			}
			out = append(out, v)
		}
		for _, a := range m.Set {
			if !placed[a.Name] {
				out = append(out, a.Name+"="+a.Value)
			}
		}
		service["environment"] = out
		if len(out) == 0 {
			delete(service, "environment")
		}
	case map[string]any:
		for _, name := range m.Unset {
			if !set(name) {
				delete(env, name)
			}
		}
		for _, a := range m.Set {
			env[a.Name] = a.Value
		}
		if len(env) == 0 {
			delete(service, "environment")
		}
	case nil:
		if len(m.Set) > 0 {
			env := map[string]any{}
			for _, a := range m.Set {
				env[a.Name] = a.Value
			}
			service["environment"] = env
		}
	default:
		return len(m.Set)+len(m.Unset) == 0
	}
	for _, g := range m.Grant {
		list, ok := service["secrets"].([]any)
		if !ok && service["secrets"] != nil {
			return false
		}
		service["secrets"] = append(list, meantGrant(g))
	}
	if had && len(service) == 0 && len(m.Unset) > 0 {
		delete(services, m.Service.Name)
	}
	return true
}

func meantGrant(g Grant) any {
	if (g.Target == "" || g.Target == g.Source) && g.UID+g.GID+g.Mode == "" {
		return g.Source
	}
	out := map[string]any{"source": g.Source}
	for _, f := range [][2]string{{"target", g.Target}, {"uid", g.UID}, {"gid", g.GID}} {
		if f[1] != "" {
			out[f[0]] = f[1]
		}
	}
	if g.Mode != "" {
		n, err := strconv.ParseInt(g.Mode, 8, 32)
		if err != nil {
			return nil
		}
		out["mode"] = int(n)
	}
	return out
}
