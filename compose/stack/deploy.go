package stack

import (
	"strings"

	"github.com/unbake-dev/unbake/compose/project"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// form is how a key of a mapping is written; a fields is a mapping in turn.
type form int

const (
	asText form = iota
	asNumber
	asWords
	asList
	asPairs
)

type fields map[string]any

// deployment is deploy as version 3.8 has it.
func deployment() fields {
	update := fields{"parallelism": asNumber, "delay": asText, "failure_action": asText, "monitor": asText, "max_failure_ratio": asNumber, "order": asText}
	return fields{
		"mode": asText, "endpoint_mode": asText, "replicas": asNumber, "labels": asPairs, "update_config": update, "rollback_config": update,
		"resources": fields{
			"limits":       fields{"cpus": asText, "memory": asText},
			"reservations": fields{"cpus": asText, "memory": asText},
		},
		"restart_policy": fields{"condition": asText, "delay": asText, "max_attempts": asNumber, "window": asText},
		"placement":      fields{"constraints": asList, "max_replicas_per_node": asNumber},
	}
}

// mapping writes the keys of a mapping that a stack file has, and tells the others.
func (w *writer) mapping(s *project.Service, at string, v *project.Value, known fields) yamledit.Fields {
	var out yamledit.Fields
	for i, key := range v.Keys {
		item := v.Items[i]
		how, ok := known[key]
		if strings.HasPrefix(key, "x-") || item.Kind == project.Null {
			continue
		}
		if !ok {
			w.left[s.Name] = append(w.left[s.Name], at+"."+key)
			continue
		}
		var value yamledit.Value
		switch how {
		case asText:
			value = w.text(item.String())
		case asNumber:
			value = w.number(item)
		case asWords:
			value = w.words(item)
		case asList:
			value = w.list(item)
		case asPairs:
			if item.Kind == project.List {
				value = w.list(item)
			} else {
				value = w.pairs(item)
			}
		default:
			inner := w.mapping(s, at+"."+key, item, how.(fields))
			if len(inner) == 0 {
				continue
			}
			value = inner
		}
		out = append(out, yamledit.Field{Key: key, Value: value})
	}
	return out
}

// deploy is deploy itself, and what compose says beside it. A service that says nothing is started again when it ends, as a swarm does.
func (w *writer) deploy(s *project.Service) yamledit.Fields {
	var out yamledit.Fields
	if d := s.Value.Get("deploy"); d != nil && d.Kind == project.Map {
		out = w.mapping(s, "deploy", d, deployment())
	}
	if n := s.Value.Get("scale"); n != nil && s.Value.At("deploy", "replicas") == nil {
		out = append(out, yamledit.Field{Key: "replicas", Value: w.number(n)})
	}
	if s.Value.At("deploy", "resources") == nil {
		var limits, reservations, resources yamledit.Fields
		if v := s.Value.Get("cpus"); v != nil {
			limits = append(limits, yamledit.Field{Key: "cpus", Value: w.text(v.String())})
		}
		if v := s.Value.Get("mem_limit"); v != nil {
			limits = append(limits, yamledit.Field{Key: "memory", Value: w.text(v.String())})
		}
		if v := s.Value.Get("mem_reservation"); v != nil {
			reservations = append(reservations, yamledit.Field{Key: "memory", Value: w.text(v.String())})
		}
		if len(limits) > 0 {
			resources = append(resources, yamledit.Field{Key: "limits", Value: limits})
		}
		if len(reservations) > 0 {
			resources = append(resources, yamledit.Field{Key: "reservations", Value: reservations})
		}
		if len(resources) > 0 {
			out = append(out, yamledit.Field{Key: "resources", Value: resources})
		}
	}
	if policy := w.restart(s); len(policy) > 0 && s.Value.At("deploy", "restart_policy") == nil {
		out = append(out, yamledit.Field{Key: "restart_policy", Value: policy})
	}
	return out
}

// restart is a restart key as a policy; the swarm's own is to start again whatever has ended.
func (w *writer) restart(s *project.Service) yamledit.Fields {
	policy := func(condition string) yamledit.Fields {
		return yamledit.Fields{{Key: "condition", Value: yamledit.Text(condition)}}
	}
	how, times, _ := strings.Cut(s.Value.Get("restart").String(), ":")
	switch how {
	case "no", "false":
		return policy("none")
	case "on-failure":
		p := policy("on-failure")
		if times != "" {
			p = append(p, yamledit.Field{Key: "max_attempts", Value: yamledit.Number(times)})
		}
		return p
	case "always", "unless-stopped":
		return policy("any")
	case "":
		if w.awaited(s.Name) {
			return policy("on-failure")
		}
		if s.Value.At("deploy", "restart_policy") == nil {
			w.endless = append(w.endless, s.Name)
		}
	default:
		w.left[s.Name] = append(w.left[s.Name], "restart")
	}
	return nil
}

// awaited says whether another service waits for this one to end: it is a job.
func (w *writer) awaited(name string) bool {
	for _, s := range w.p.Services {
		if s.Value.At("depends_on", name, "condition").String() == "service_completed_successfully" {
			return true
		}
	}
	return false
}

// top writes top-level networks, volumes or configs.
func (w *writer) top(v *project.Value, what string, known fields) yamledit.Fields {
	var out yamledit.Fields
	if v == nil {
		return nil
	}
	for i, key := range v.Keys {
		item := v.Items[i]
		one := yamledit.Fields{}
		if e := item.Get("external"); e != nil && (e.Kind == project.Map || e.True()) {
			one = append(one, yamledit.Field{Key: "external", Value: yamledit.Bool(true)})
			name := item.Get("name").String()
			if name == "" {
				name = e.Get("name").String()
			}
			if name != "" {
				one = append(one, yamledit.Field{Key: "name", Value: w.text(name)})
			}
			if what == "network" {
				w.need("network %s must be an overlay network of the swarm", key)
			}
		} else if item.Kind == project.Map {
			before := len(w.left[""])
			one = w.mapping(&project.Service{}, what+" "+key, item, known)
			for _, l := range w.left[""][before:] {
				w.need("a stack file has no place for %s: left out", l)
			}
		}
		if len(one) == 0 {
			out = append(out, yamledit.Field{Key: key, Value: null})
			continue
		}
		out = append(out, yamledit.Field{Key: key, Value: one})
	}
	return out
}

func (w *writer) networks() yamledit.Fields {
	known := fields{"name": asText, "driver": asText, "driver_opts": asPairs, "internal": asNumber, "attachable": asNumber, "labels": asPairs, "ipam": fields{"driver": asText}}
	out := w.top(w.p.Networks, "network", known)
	for i, f := range out {
		one, ok := f.Value.(yamledit.Fields)
		if !ok {
			continue
		}
		var rest yamledit.Fields
		for _, x := range one {
			if x.Key == "driver" && x.Value == yamledit.Text("bridge") || x.Key == "ipam" && x.Value == nil {
				continue // a swarm's own is overlay, which is what bridge is on one machine
			}
			rest = append(rest, x)
		}
		if out[i].Value = rest; len(rest) == 0 {
			out[i].Value = null
		}
	}
	return out
}

func (w *writer) volumes() yamledit.Fields {
	return w.top(w.p.Volumes, "volume", fields{"name": asText, "driver": asText, "driver_opts": asPairs, "labels": asPairs})
}

func (w *writer) configs() yamledit.Fields {
	if w.p.Configs != nil {
		for i, key := range w.p.Configs.Keys {
			if v := w.p.Configs.Items[i]; v.Get("content") != nil || v.Get("environment") != nil {
				w.fail("config %s has its content in the compose file: a stack file takes files only, so put it into one", key)
			}
		}
	}
	return w.top(w.p.Configs, "config", fields{"name": asText, "file": asText, "labels": asPairs, "template_driver": asText})
}
