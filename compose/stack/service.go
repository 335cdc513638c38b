package stack

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// service writes a service. Its keys keep their order; deploy, with what has become part of it, comes last.
func (w *writer) service(s *project.Service, fsys fs.FS) yamledit.Fields {
	var out, volumes yamledit.Fields
	if s.Value.Get("image").String() == "" {
		w.fail("service %s has no image: a swarm builds none, so give it an image: name that its nodes can pull", s.Name)
		return nil
	}
	add := func(key string, v yamledit.Value) { out = append(out, yamledit.Field{Key: key, Value: v}) }
	for i, key := range s.Value.Keys {
		v := s.Value.Items[i]
		if v.Kind == project.Null && key != "command" && key != "entrypoint" {
			continue
		}
		switch key {
		case "image", "hostname", "user", "working_dir", "stop_signal", "stop_grace_period", "isolation":
			add(key, w.text(v.String()))
		case "init", "read_only", "tty", "stdin_open":
			add(key, w.number(v))
		case "command", "entrypoint":
			add(key, w.words(v))
		case "environment", "labels", "sysctls":
			if len(v.Keys) > 0 {
				add(key, w.pairs(v))
			}
			if key == "environment" {
				w.shown(s)
			}
		case "cap_add", "cap_drop", "dns", "dns_search":
			add(key, w.list(v))
		case "env_file":
			if files := w.envFiles(s, v, fsys); len(files) > 0 {
				add(key, files)
			}
		case "extra_hosts":
			if hosts := w.hosts(s, v); len(hosts) > 0 {
				add(key, hosts)
			}
		case "healthcheck":
			add(key, w.healthcheck(s, v))
		case "logging":
			add(key, w.mapping(s, key, v, fields{"driver": asText, "options": asPairs}))
		case "ulimits":
			add(key, w.ulimits(v))
		case "networks":
			if n := w.joined(s, v); n != nil {
				add(key, n)
			}
		case "ports":
			if p := w.ports(s, v); len(p) > 0 {
				add(key, p)
			}
		case "volumes", "tmpfs":
			if len(volumes) == 0 {
				if all := w.mounts(s); len(all) > 0 {
					volumes = yamledit.Fields{{Key: "volumes", Value: all}}
					out = append(out, volumes...)
				}
			}
		case "secrets":
			add(key, w.secrets(s))
		case "configs":
			add(key, w.grantedConfigs(v))
		case "credential_spec":
			add(key, w.pairs(v))
		case "build":
			w.need("docker stack deploy builds nothing: docker compose build and docker compose push %s first", s.Name)
		case "depends_on":
			w.need("a swarm starts all services at once: %s must wait for %s by itself", s.Name, strings.Join(v.Keys, ", "))
		case "deploy", "restart", "scale", "mem_limit", "mem_reservation", "cpus", // see deploy
			"expose", "pull_policy", "develop", "attach", "profiles", "extends": // nothing is lost without them
		default:
			if !strings.HasPrefix(key, "x-") {
				w.left[s.Name] = append(w.left[s.Name], key)
			}
		}
	}
	if d := w.deploy(s); len(d) > 0 {
		add("deploy", d)
	}
	return out
}

// shown tells which secrets stay variables: a swarm shows those to whoever may inspect a service.
func (w *writer) shown(s *project.Service) {
	for _, v := range s.Environment {
		if len(v.Secrets()) > 0 {
			w.need("%s of service %s stays a variable, which docker service inspect shows", v.Name, s.Name)
		} else if v.Dummy() {
			w.need("%s of service %s is a placeholder or a weak password: not for a swarm", v.Name, s.Name)
		}
	}
}

// envFiles keeps the paths. docker stack deploy takes quotes for part of a value, and wants every file to be there.
func (w *writer) envFiles(s *project.Service, v *project.Value, fsys fs.FS) yamledit.Seq {
	var out yamledit.Seq
	for _, item := range v.Items {
		name, must := item.String(), true
		if item.Kind == project.Map {
			name, must = item.Get("path").String(), !strings.EqualFold(item.Get("required").String(), "false")
		}
		src, err := fs.ReadFile(fsys, path.Join(w.p.Dir, name))
		switch {
		case err != nil && !must:
			w.need("env_file %s of service %s is not there, and left out", name, s.Name)
			continue
		case err == nil && strings.ContainsAny(string(src), "\"'$"):
			w.need("docker stack deploy takes quotes and $ in %s as they stand: take them out for %s", name, s.Name)
		}
		w.need("what is in %s stays variables of service %s, which docker service inspect shows", name, s.Name)
		out = append(out, w.text(name))
	}
	return out
}

func (w *writer) hosts(s *project.Service, v *project.Value) yamledit.Seq {
	var out yamledit.Seq
	add := func(host, ip string) {
		if strings.Contains(ip, "host-gateway") {
			w.need("extra_hosts %s of service %s is left out: a swarm knows no host-gateway", host, s.Name)
			return
		}
		out = append(out, w.text(host+":"+ip))
	}
	for i, key := range v.Keys {
		for _, ip := range v.Items[i].Texts() {
			add(key, ip)
		}
	}
	for _, item := range v.Texts() {
		if v.Kind == project.List {
			host, ip, ok := strings.Cut(item, "=")
			if !ok {
				host, ip, _ = strings.Cut(item, ":")
			}
			add(host, ip)
		}
	}
	return out
}

func (w *writer) ulimits(v *project.Value) yamledit.Fields {
	var out yamledit.Fields
	for i, key := range v.Keys {
		item := yamledit.Value(w.number(v.Items[i]))
		if v.Items[i].Kind == project.Map {
			item = yamledit.Fields{{Key: "soft", Value: w.number(v.Items[i].Get("soft"))}, {Key: "hard", Value: w.number(v.Items[i].Get("hard"))}}
		}
		out = append(out, yamledit.Field{Key: key, Value: item})
	}
	return out
}

func (w *writer) healthcheck(s *project.Service, v *project.Value) yamledit.Fields {
	return w.mapping(s, "healthcheck", v, fields{"test": asWords, "interval": asText, "timeout": asText, "start_period": asText, "retries": asNumber, "disable": asNumber})
}

// joined is the networks of a service: a list, or a mapping where one has aliases.
func (w *writer) joined(s *project.Service, v *project.Value) yamledit.Value {
	var names yamledit.Seq
	var all yamledit.Fields
	plain := true
	for i, key := range v.Keys {
		names = append(names, yamledit.Text(key))
		one := yamledit.Value(null)
		if v.Items[i].Kind == project.Map {
			if f := w.mapping(s, "networks."+key, v.Items[i], fields{"aliases": asList}); len(f) > 0 {
				one, plain = f, false
			}
		}
		all = append(all, yamledit.Field{Key: key, Value: one})
	}
	switch {
	case len(all) == 0:
		return nil
	case plain:
		return names
	}
	return all
}

func (w *writer) ports(s *project.Service, v *project.Value) yamledit.Seq {
	var out yamledit.Seq
	local := func(ip, port string) bool {
		ip = strings.Trim(ip, "[]")
		if ip == "" || ip == "0.0.0.0" || ip == "::" {
			return false
		}
		w.need("port %s of service %s is left out: a swarm publishes on every address and not on %s alone", port, s.Name, ip)
		return true
	}
	for _, item := range v.Items {
		if item.Kind == project.Scalar {
			ip, rest := address(item.Text)
			if !local(ip, rest) {
				out = append(out, w.text(rest))
			}
			continue
		}
		published := item.Get("published").String()
		if local(item.Get("host_ip").String(), published) {
			continue
		}
		if strings.Contains(published, "-") && !strings.Contains(published, "$") {
			w.need("port range %s of service %s is left out: publish its ports one by one", published, s.Name)
			continue
		}
		one := yamledit.Fields{}
		for _, key := range []string{"target", "published", "protocol", "mode"} {
			if x := item.Get(key); x != nil && (key == "protocol" || key == "mode") {
				one = append(one, yamledit.Field{Key: key, Value: w.text(x.String())})
			} else if x != nil {
				one = append(one, yamledit.Field{Key: key, Value: w.number(x)})
			}
		}
		out = append(out, one)
	}
	return out
}

// address cuts the address off a port in the short form; the colons of variables do not count.
func address(s string) (ip, rest string) {
	if end := strings.Index(s, "]:"); strings.HasPrefix(s, "[") && end > 0 {
		return s[:end+1], s[end+2:]
	}
	depth, colons, first := 0, 0, 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth == 0 {
				if colons++; colons == 1 {
					first = i
				}
			}
		}
	}
	if colons == 2 {
		return s[:first], strings.TrimPrefix(s[first+1:], ":")
	}
	return "", s
}

// mounts is volumes and tmpfs together: a stack file ignores the latter.
func (w *writer) mounts(s *project.Service) yamledit.Seq {
	var out yamledit.Seq
	volumes := s.Value.Get("volumes")
	if volumes == nil {
		volumes = &project.Value{}
	}
	for _, item := range volumes.Items {
		if item.Kind == project.Scalar {
			source, _, ok := project.ShortVolume(item.Text)
			if ok && strings.ContainsAny(source[:min(1, len(source))], "./~") {
				w.need("service %s mounts %s: it must be there on every node that can run it", s.Name, source)
			}
			out = append(out, w.text(item.Text))
			continue
		}
		kind := item.Get("type").String()
		if kind == "bind" {
			w.need("service %s mounts %s: it must be there on every node that can run it", s.Name, item.Get("source").String())
		}
		if kind == "image" || item.At("volume", "subpath") != nil {
			w.fail("service %s mounts an image, or a part of a volume, which a stack file has no form for", s.Name)
		}
		one := w.mapping(s, "volumes", without(item, "bind"), fields{"type": asText, "source": asText, "target": asText, "read_only": asNumber, "consistency": asText})
		if x := item.At("bind", "propagation"); x != nil {
			one = append(one, yamledit.Field{Key: "bind", Value: yamledit.Fields{{Key: "propagation", Value: w.text(x.String())}}})
		}
		if x := item.At("volume", "nocopy"); x != nil {
			one = append(one, yamledit.Field{Key: "volume", Value: yamledit.Fields{{Key: "nocopy", Value: w.number(x)}}})
		}
		if x := item.At("tmpfs", "size"); x != nil {
			if n, ok := bytes(x.String()); ok {
				one = append(one, yamledit.Field{Key: "tmpfs", Value: yamledit.Fields{{Key: "size", Value: yamledit.Number(n)}}})
			}
		}
		out = append(out, one)
	}
	for _, t := range s.Value.Get("tmpfs").Texts() {
		target, options, _ := strings.Cut(t, ":")
		one := yamledit.Fields{{Key: "type", Value: yamledit.Text("tmpfs")}, {Key: "target", Value: w.text(target)}}
		for o := range strings.SplitSeq(options, ",") {
			size, is := strings.CutPrefix(o, "size=")
			if n, ok := bytes(size); is && ok {
				one = append(one, yamledit.Field{Key: "tmpfs", Value: yamledit.Fields{{Key: "size", Value: yamledit.Number(n)}}})
			} else if o != "" {
				w.need("option %s of tmpfs %s of service %s is left out", o, target, s.Name)
			}
		}
		out = append(out, one)
	}
	return out
}

func without(v *project.Value, keys ...string) *project.Value {
	out := &project.Value{Kind: v.Kind}
	for i, key := range v.Keys {
		if !slices.Contains(append(keys, "volume", "tmpfs"), key) {
			out.Keys, out.Items = append(out.Keys, key), append(out.Items, v.Items[i])
		}
	}
	return out
}

// bytes is a size in bytes: 64m.
func bytes(s string) (string, bool) {
	s = strings.TrimSuffix(strings.ToLower(s), "b")
	shift := 0
	if i := strings.IndexByte("kmgt", (s + " ")[max(len(s)-1, 0)]); s != "" && i >= 0 {
		s, shift = s[:len(s)-1], 10*(i+1)
	}
	n, err := strconv.ParseInt(s, 10, 40)
	return fmt.Sprint(n << shift), err == nil
}

// secrets is what the service gets: the short form where the name says it all.
func (w *writer) secrets(s *project.Service) yamledit.Seq {
	var out yamledit.Seq
	for _, g := range s.Grants {
		name, below := g.Below(project.RunSecrets)
		if below && name == g.Source && g.UID+g.GID+g.Mode == "" {
			out = append(out, yamledit.Text(g.Source))
			continue
		}
		one := yamledit.Fields{{Key: "source", Value: yamledit.Text(g.Source)}}
		if !below || strings.Contains(name, "/") {
			name = g.Target
		}
		one = append(one, yamledit.Field{Key: "target", Value: yamledit.Text(name)})
		out = append(out, append(one, w.owner(s.Name, g.UID, g.GID, g.Mode)...))
	}
	return out
}

// owner is uid, gid and mode. A stack file wants all of them as they are for the container.
func (w *writer) owner(service, uid, gid, mode string) yamledit.Fields {
	var out yamledit.Fields
	if uid != "" {
		out = append(out, yamledit.Field{Key: "uid", Value: w.text(uid)})
	}
	if gid != "" {
		out = append(out, yamledit.Field{Key: "gid", Value: w.text(gid)})
	}
	if mode != "" {
		octal := "0" + strings.TrimLeft(strings.TrimPrefix(mode, "0o"), "0")
		if _, err := strconv.ParseUint(octal, 8, 12); err != nil {
			w.fail("mode %s of a secret of service %s is not one", mode, service)
		}
		out = append(out, yamledit.Field{Key: "mode", Value: yamledit.Number(octal)})
	}
	return out
}

func (w *writer) grantedConfigs(v *project.Value) yamledit.Seq {
	var out yamledit.Seq
	for _, item := range v.Items {
		one := yamledit.Fields{{Key: "source", Value: w.text(item.Get("source").String())}}
		if t := item.Get("target"); t != nil {
			one = append(one, yamledit.Field{Key: "target", Value: w.text(t.String())})
		}
		out = append(out, append(one, w.owner("", item.Get("uid").String(), item.Get("gid").String(), item.Get("mode").String())...))
	}
	return out
}
