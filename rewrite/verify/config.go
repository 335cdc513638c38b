package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rules/detect"
)

// settings is an image's configuration as a flat list: what a container starts with, and on what it runs. What a build
// writes about itself (times, history, layers) is none of it.
type settings map[string]string

// readSettings flattens an image configuration. An empty setting is none.
func readSettings(text []byte) (settings, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, fmt.Errorf("the image's configuration is no JSON: %w", err)
	}
	out := settings{}
	for key, value := range top {
		switch {
		case key == "config":
			var config map[string]any
			if err := json.Unmarshal(value, &config); err != nil {
				return nil, fmt.Errorf("the image's configuration is no object: %w", err)
			}
			for key, value := range config {
				out.add(key, value)
			}
		case key == "architecture", key == "os", key == "variant", strings.HasPrefix(key, "os."), key == "author":
			out[key] = strings.Trim(string(value), `"`)
		}
	}
	return out, nil
}

func (s settings) add(key string, value any) {
	switch v := value.(type) {
	case map[string]any:
		instruction, ok := map[string]string{"Labels": "LABEL", "ExposedPorts": "EXPOSE", "Volumes": "VOLUME"}[key]
		if !ok {
			break
		}
		for name, value := range v {
			label, _ := value.(string)
			s[instruction+" "+name] = label
		}
		return
	case []any:
		if key != "Env" {
			break
		}
		for _, pair := range v {
			name, value, _ := strings.Cut(fmt.Sprint(pair), "=")
			s["ENV "+name] = value
		}
		return
	}
	switch text, _ := json.Marshal(value); string(text) {
	case "null", `""`, "[]", "{}", "false", "0":
	default:
		s[key] = string(text)
	}
}

// compareSettings compares what containers start with. moved says of a variable and its value that it was to go.
func compareSettings(before, after settings, m *masks, moved func(name, value string) bool) *Comparison {
	c := &Comparison{}
	all := maps.Clone(before)
	maps.Copy(all, after)
	c.Compared = len(all)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		b, inBefore := before[key]
		a, inAfter := after[key]
		name := m.text(key)
		variable, isEnv := strings.CutPrefix(key, "ENV ")
		shown := func(value string) string {
			if detect.Name(variable) == detect.Secret {
				return "***"
			}
			return m.text(value)
		}
		switch {
		case inBefore && inAfter && a == b:
		case inBefore && !inAfter && (len(m.in([]byte(b))) > 0 || isEnv && moved(variable, b)):
			c.Less = append(c.Less, name)
		case !inAfter:
			c.Differences = append(c.Differences, Difference{name, strings.TrimSuffix("is missing, was "+shown(b), ", was ")})
		case !inBefore:
			c.Differences = append(c.Differences, Difference{name, strings.TrimSuffix("is new: "+shown(a), ": ")})
		default:
			c.Differences = append(c.Differences, Difference{name, fmt.Sprintf("is %s, was %s", shown(a), shown(b))})
		}
	}
	return c
}
