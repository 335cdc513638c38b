package jsontext_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/callers/jsontext"
)

var texts = []string{
	`{"a": 1, "b": {"c": [1, "x", null]}, "d": "\u00e9\"}"}`,
	`[]`,
	`{ }`,
	"[\n  1,\n  2\n]\n",
	"{\n\t\"a\": [\"x\",\n\t\t\"y\"], \"b\": {}\n}",
	"{\n  // one\n  \"a\": 1, // of a, and \"b\"\n  /* two */ \"b\": [\n    1, // first\n    2 // last\n  ],\n  \"c\": {},\n}\n",
}

// TestRemoveAdd removes each member and adds one to each object and list, and reads the
// result: it says what it said, less or more that one.
func TestRemoveAdd(t *testing.T) {
	for _, text := range texts {
		for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
			src := []byte(text)
			root, err := jsontext.Parse(src, true)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			each(root, nil, func(v *jsontext.Value, path []int) {
				for i := range v.Members {
					check(t, src, jsontext.Remove(src, v, i), path, func(in []any) []any { return append(in[:i:i], in[i+1:]...) })
				}
				item, added := `"new"`, any("new")
				if v.Kind == jsontext.Object {
					item, added = `"new": "new"`, []any{"new", "new"}
				}
				check(t, src, jsontext.Add(src, v, item), path, func(in []any) []any { return append(in[:len(in):len(in)], added) })
			})
		}
	}
}

func each(v *jsontext.Value, path []int, fn func(*jsontext.Value, []int)) {
	if v.Kind != jsontext.Array && v.Kind != jsontext.Object {
		return
	}
	fn(v, path)
	for i, m := range v.Members {
		each(m.Value, append(path[:len(path):len(path)], i), fn)
	}
}

func check(t *testing.T, before, after []byte, path []int, want func([]any) []any) {
	t.Helper()
	root, err := jsontext.Parse(after, true)
	if err != nil {
		t.Errorf("%q became\n%q: %v", before, after, err)
		return
	}
	was, _ := jsontext.Parse(before, true)
	if expect := apply(plain(was), path, want); !reflect.DeepEqual(plain(root), expect) {
		t.Errorf("%q became\n%q, which is\n%v, not\n%v", before, after, plain(root), expect)
	}
	if !regexp.MustCompile(`//|,\s*[}\]]`).Match(before) && !json.Valid(after) {
		t.Errorf("%q became\n%q, which is no JSON", before, after)
	}
	if strings.Contains(string(before), "\r\n") && strings.Count(string(after), "\n") != strings.Count(string(after), "\r\n") {
		t.Errorf("%q became\n%q, with other line ends", before, after)
	}
}

// plain is a value as lists of keys and values, in their order.
func plain(v *jsontext.Value) any {
	switch v.Kind {
	case jsontext.Object:
		out := []any{}
		for _, m := range v.Members {
			out = append(out, []any{m.Key, plain(m.Value)})
		}
		return out
	case jsontext.Array:
		out := []any{}
		for _, m := range v.Members {
			out = append(out, plain(m.Value))
		}
		return out
	}
	return v.Text
}

func apply(v any, path []int, fn func([]any) []any) any {
	list := v.([]any)
	if len(path) == 0 {
		return fn(list)
	}
	if pair, ok := list[path[0]].([]any); ok && len(pair) == 2 {
		if _, isKey := pair[0].(string); isKey {
			pair[1] = apply(pair[1], path[1:], fn)
			return v
		}
	}
	list[path[0]] = apply(list[path[0]], path[1:], fn)
	return v
}

func TestErrors(t *testing.T) {
	for _, text := range []string{"", "{", `{"a"}`, `{"a": 1,}`, `[1 2]`, `"x`, `{"a": tru}`, `1 2`, "[1] // x", strings.Repeat("[", 1000), "\"\xff\""} {
		if v, err := jsontext.Parse([]byte(text), false); err == nil {
			t.Errorf("%q is read as %v", text, v.Kind)
		}
	}
}
