package workflow

import (
	"slices"
	"testing"
)

// TestList: what csv-parse 5 makes of an input with the options of the actions' toolkit
// (relaxQuotes, relaxColumnCount, skipEmptyLines), columns joined and trimmed.
func TestList(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  []string
	}{
		{"A=1\nB=2\n", []string{"A=1", "B=2"}},
		{"A=1\n\n  B=2  \n", []string{"A=1", "B=2"}},
		{"A=x,y\n,\n", []string{"A=x,y", ","}},
		{"A=\"x\"\n", []string{`A="x"`}},
		{"\"A=x,\"\"y\"\"\"\nB\n", []string{`A=x,"y"`, "B"}},
		{"\"A=one\ntwo\"\nB=1\n", []string{"A=one\ntwo", "B=1"}},
		{"\"A=x\",b\n", []string{"A=x,b"}},
		{" \n \"A=x\"\n", []string{"A=x"}},
		{"B\n \"A=x\"\n", []string{"B", `"A=x"`}},
		{"# A=1\nB=2#3\n", []string{"# A=1", "B=2#3"}},
		{"A=${{ x && 'a,\"b\"' }}\n${{ y }}\n", []string{"A=${{ x && 'a,\"b\"' }}", "${{ y }}"}},
		{"", nil},
	} {
		entries, ok := list(tt.value)
		var got []string
		for _, e := range entries {
			got = append(got, e.text)
		}
		if !ok || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, %v, want %q", tt.value, got, ok, tt.want)
		}
	}
	for _, value := range []string{"\"A=x\"y\n", "\"A=x\n", "\"A=x \"\n"} {
		if _, ok := list(value); ok {
			t.Errorf("%q is understood", value)
		}
	}
}

func TestRelease(t *testing.T) {
	for version, want := range map[string][2]int{"v1": {1, -1}, "v2.3": {2, 3}, "2.1.0": {2, 1}, "v6.5.0": {6, 5}, "5176d81f87c23d6fc96624dfdbcd9f3830bbe445": {0, 0}, "master": {0, 0}, "": {0, 0}} {
		if major, minor := release(version); major != want[0] || minor != want[1] {
			t.Errorf("%s: %d, %d", version, major, minor)
		}
	}
}
