package project

import (
	"path"
	"slices"
	"strings"
)

// normal returns a service's mapping with what can be written in several ways in one.
func normal(v *Value) *Value {
	if v == nil || v.Kind != Map {
		return &Value{Kind: Map}
	}
	out := *v
	out.Keys, out.Items = slices.Clone(v.Keys), slices.Clone(v.Items)
	for i, key := range out.Keys {
		switch item := out.Items[i]; key {
		case "environment", "labels", "sysctls", "annotations":
			out.Items[i] = item.pairs()
		case "networks", "depends_on":
			out.Items[i] = item.named()
		case "env_file", "tmpfs", "dns", "dns_search":
			out.Items[i] = item.list()
		case "secrets", "configs":
			out.Items[i] = item.sources()
		case "volumes":
			if item.Kind == List && item.tag == "" { // of two at one place the later counts
				out.Items[i] = merged(&Value{Kind: List}, item, key)
			}
		case "build":
			if item.Kind == Scalar {
				b := &Value{Kind: Map}
				b.set("context", item)
				out.Items[i] = b
			}
		}
	}
	return &out
}

// sources returns a list of secrets or configs in the long form.
func (v *Value) sources() *Value {
	out := &Value{Kind: v.Kind, tag: v.tag}
	for _, item := range v.Items {
		if item.Kind == Scalar {
			long := &Value{Kind: Map}
			long.set("source", item)
			item = long
		}
		out.Items = append(out.Items, item)
	}
	return out
}

func without(v *Value, key string) *Value {
	i := slices.Index(v.Keys, key)
	if i < 0 {
		return v
	}
	out := *v
	out.Keys = slices.Delete(slices.Clone(v.Keys), i, i+1)
	out.Items = slices.Delete(slices.Clone(v.Items), i, i+1)
	return &out
}

// merged returns what compose makes of base with over laid on it; at is the keys that lead there, with dots.
func merged(base, over *Value, at string) *Value {
	switch {
	case over.tag == "!reset":
		return &Value{}
	case base == nil || over.tag == "!override" || base.Kind == Null:
		return over
	case over.Kind == Null:
		return base
	case base.Kind != over.Kind:
		return over
	}
	switch {
	case over.Kind == Scalar, at == "command", at == "entrypoint", at == "healthcheck.test":
		return over
	case over.Kind == Map:
		out := *base
		out.Keys, out.Items = slices.Clone(base.Keys), slices.Clone(base.Items)
		for i, key := range over.Keys {
			item := over.Items[i]
			if item.tag == "!reset" {
				out = *without(&out, key)
				continue
			}
			// A variable without a value is the shell's: it takes the base's place.
			if at != "environment" || item.Kind != Null {
				item = merged(base.Get(key), item, strings.TrimPrefix(at+"."+key, "."))
			}
			out.set(key, item)
		}
		return &out
	}
	out := *base
	out.Items = slices.Clone(base.Items)
	for _, item := range over.Items {
		i := slices.IndexFunc(out.Items, func(o *Value) bool { return identity(at, o) == identity(at, item) })
		if i < 0 {
			out.Items = append(out.Items, item)
		} else {
			out.Items[i] = item
		}
	}
	return &out
}

// identity is what makes two items of a list the same one.
func identity(at string, v *Value) string {
	switch at {
	case "volumes":
		if v.Kind == Map {
			return path.Clean(v.Get("target").String())
		}
		if _, target, ok := ShortVolume(v.Text); ok {
			return path.Clean(target)
		}
	case "secrets", "configs":
		target := v.Get("target").String()
		if target == "" {
			target = v.Get("source").String()
		}
		if at == "secrets" && !path.IsAbs(target) {
			target = path.Join(RunSecrets, target)
		}
		return target
	}
	var b strings.Builder
	v.walk("", func(key, text string) { b.WriteString(key + "\x00" + text + "\x00") })
	return b.String()
}

// ShortVolume takes SOURCE:TARGET[:MODE] apart; source is "" for an anonymous volume.
func ShortVolume(s string) (source, target string, ok bool) {
	parts := strings.Split(s, ":")
	switch {
	case strings.Contains(s, "${"):
		return "", "", false
	case len(parts) == 1:
		return "", parts[0], true
	case len(parts) <= 3:
		return parts[0], parts[1], true
	}
	return "", "", false
}
