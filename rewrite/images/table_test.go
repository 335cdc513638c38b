package images

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTables holds the form of the tables: no cell is missing, each row has its source, none can never be reached.
func TestTables(t *testing.T) {
	source := regexp.MustCompile(`^[\w.-]+/[\w.-]+(@[\w.-]+)?:[^ ]+$`)
	seen := map[string]bool{}
	for _, c := range rows(fileEnvTSV) {
		if len(c) != 8 {
			t.Errorf("file_env.tsv: %d cells in %q", len(c), c)
			continue
		}
		if !source.MatchString(c[6]) {
			t.Errorf("file_env.tsv: %s has source %q", c[0], c[6])
		}
		if never := c[3] == "never"; never != (c[7] != "-") || !never && !strings.Contains(c[3], "%") && c[3][0] != '=' {
			t.Errorf("file_env.tsv: %s: form %q, why %q", c[0], c[3], c[7])
		}
		if key := c[0] + c[1] + c[2]; seen[key] {
			t.Errorf("file_env.tsv: %s is there twice", c[0])
		} else {
			seen[key] = true
		}
		for _, need := range words(c[4]) {
			if key, _, _ := strings.Cut(need, "="); !slices.Contains([]string{"first", "mode", "with", "reads"}, key) {
				t.Errorf("file_env.tsv: %s needs %q", c[0], need)
			}
		}
	}
	last := map[string]string{}
	for _, c := range rows(startTSV) {
		if len(c) != 8 {
			t.Errorf("start.tsv: %d cells in %q", len(c), c)
			continue
		}
		if !source.MatchString(c[7]) {
			t.Errorf("start.tsv: %s has source %q", c[0], c[7])
		}
		for _, i := range []int{2, 3} {
			if _, ok := argv(c[i]); !ok && c[i] != "?" {
				t.Errorf("start.tsv: %s: %q is no command", c[0], c[i])
			}
		}
		if c[5] != "yes" && c[5] != "no" && c[5] != "?" {
			t.Errorf("start.tsv: %s: shell %q", c[0], c[5])
		}
		if last[c[0]] == "*" {
			t.Errorf("start.tsv: %s: no tag comes to %q", c[0], c[1])
		}
		last[c[0]] = c[1]
	}
}

func TestTags(t *testing.T) {
	for _, c := range []struct {
		tags, tag string
		want      bool
	}{
		{"*", "", true}, {"*", "1", true}, {"*", "ltsc2022", false},
		{"3.9+", "3.9", true}, {"3.9+", "3", true}, {"3.9+", "3.8.9", false}, {"3.9+", "latest", true}, {"3.9+", "", false},
		{"9.5.6+ 9.6.2+ 10+", "9.5.5", false}, {"9.5.6+ 9.6.2+ 10+", "9.5.25", true}, {"9.5.6+ 9.6.2+ 10+", "9.5", true},
		{"9.5.6+ 9.6.2+ 10+", "9.6.1", false}, {"9.5.6+ 9.6.2+ 10+", "9.4", false}, {"9.5.6+ 9.6.2+ 10+", "17.2-alpine3.21", true},
		{"9.5.6+ 9.6.2+ 10+", "9.5.6-alpine", true}, {"9.5.6+ 9.6.2+ 10+", "9", true}, {"9.5.6+ 9.6.2+ 10+", "8", false},
		{"<3.9", "3.8", true}, {"<3.9", "3", false}, {"<3.9", "alpine", false}, {"<3.9", "3.9.1", false},
		{"~*fpm* ~*cli*", "8-cli", true}, {"~*fpm* ~*cli*", "8", false}, {"8+ ~*fpm*", "7-fpm", false},
		{"!*cli*", "cli-2", false}, {"!*cli*", "6", true}, {"!*cli*", "", false},
		{"8+", "v8.1", true}, {"8+", "jessie", false}, {"8+", "8-jessie", true}, {"!*cli*", "jessie", true},
		{"8+", "alpine-7.1", false}, {"8+", "php8.3-alpine3.20", true}, {"8+", "slim-bookworm", true}, {"8+", "8.1-alpine-3.1", true},
	} {
		if got := tags(words(c.tags)).match(c.tag); got != c.want {
			t.Errorf("%q on %q: %v", c.tags, c.tag, got)
		}
	}
}

// TestRows has every row be the answer to a question.
func TestRows(t *testing.T) {
	for i, r := range formRows() {
		for _, image := range examples(r.images) {
			for _, variable := range r.variables {
				if variable[0] == '!' {
					continue
				}
				ref := image + ":" + example(r.tags)
				got, ok := rowOf(ref, strings.ReplaceAll(variable, "*", "X"))
				if !ok || got.Source != r.Source || got.form != r.form || !slices.Equal(got.tags, r.tags) {
					t.Errorf("file_env.tsv: row %d: %s, %s is answered by %+v, %v", i, ref, variable, got, ok)
				}
				if _, form := FileForm(ref, strings.ReplaceAll(variable, "*", "X")); form == (r.form == "never") {
					t.Errorf("file_env.tsv: row %d: %s, %s: file form %v", i, ref, variable, form)
				}
			}
		}
	}
	for i, r := range startRows() {
		for _, image := range examples(r.images) {
			ref := image + ":" + example(r.tags)
			if got, ok := StartOf(ref); !ok || got.Source != r.Source || got.User != r.User || !slices.Equal(got.Entrypoint, r.Entrypoint) {
				t.Errorf("start.tsv: row %d: %s is answered by %+v, %v", i, ref, got, ok)
			}
		}
	}
}

func examples(images []string) []string {
	var out []string
	for _, p := range images {
		out = append(out, strings.ReplaceAll(p, "*", "x"))
	}
	return out
}

// example is a tag that a row is about, and no row of a later version.
func example(t tags) string {
	from, before, like := "", "", ""
	for _, w := range t {
		switch {
		case w == "*":
			return "0.0.1"
		case w[0] == '~' && like == "":
			like = strings.ReplaceAll(w[1:], "*", "")
		case w[0] == '<':
			before = w[1:]
		case strings.HasSuffix(w, "+") && from == "":
			from = strings.TrimSuffix(w, "+")
		}
	}
	if from == "" && before == "" && like == "" {
		return "latest"
	}
	return strings.Trim(from+"-"+like, "-")
}
