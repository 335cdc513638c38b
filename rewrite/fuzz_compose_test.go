package rewrite_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rules"
)

// The canary has a provider's form and looks random: it is a secret wherever it stands.
const composeCanary = "sk_live_c4n4ry7Qm2xR9tLw4ZkV8bN3s"

// FuzzCompose plants a literal in a compose file of the golden cases, fixes the project in
// memory, and holds the laws: compose gives each container what it gave before, the value
// is in no output and never lost, a second run changes nothing.
func FuzzCompose(f *testing.F) {
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	names, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(names) == 0 {
		f.Fatal("no seeds", err)
	}
	for i, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		seed := &txtar.Archive{}
		has := false
		for _, file := range ar.Files {
			if !strings.HasPrefix(file.Name, "want/") {
				has = has || compose.IsComposeFile(path.Base(file.Name))
				seed.Files = append(seed.Files, file)
			}
		}
		if !has {
			continue
		}
		for form := range uint16(forms) {
			// Without -fuzz each case is planted in one form, the next case in another.
			if fuzzing || form == uint16(i%forms) {
				f.Add(txtar.Format(seed), form, uint16(i))
			}
		}
	}
	f.Fuzz(fuzzCompose)
}

const (
	forms   = 7
	escaped = `sk\x5flive_c4n4ry7Qm2xR9tLw4ZkV8bN3s`
)

func fuzzCompose(t *testing.T, archive []byte, form, place uint16) {
	if len(archive) > 1<<14 || strings.Contains(string(archive), "unbake:ignore") {
		return
	}
	tree := map[string]string{}
	for _, file := range txtar.Parse(archive).Files {
		if fs.ValidPath(file.Name) && file.Name != "." {
			tree[file.Name] = string(file.Data)
		}
	}
	for a := range tree {
		for b := range tree {
			if strings.HasPrefix(b, a+"/") {
				return // a file and a folder of one name
			}
		}
	}
	if !plantedCompose(tree, form, int(place)) {
		return
	}
	plan := inMemory(t, tree)
	untold(t, plan)
	after := maps.Clone(tree)
	for _, c := range plan.Changes() {
		after[c.Path] = string(c.New)
	}
	before, now := memory(tree), memory(after)
	for name := range tree {
		if compose.IsComposeFile(path.Base(name)) && after[name] != tree[name] {
			sameServices(t, "/", before, now, name)
		}
	}
	if t.Failed() {
		t.Fatalf("before:\n%s\nafter:\n%s", shown(tree), shown(after))
	}
	if !strings.Contains(shown(after), composeCanary) && !strings.Contains(shown(after), escaped) {
		t.Fatalf("the value is lost\n%s", shown(after))
	}
	left := slices.ContainsFunc(plan.Results, func(r rewrite.Result) bool { return r.Outcome == rewrite.Left })
	for name, s := range after {
		if strings.Contains(s, composeCanary) && !left && path.Base(path.Dir(name)) != rewrite.SecretsDir && path.Base(name) != rewrite.EnvFile {
			t.Fatalf("%s still holds the value, and nothing says so:\n%s", name, shown(after))
		}
	}
	again := inMemory(t, after)
	untold(t, again)
	for _, c := range again.Changes() {
		t.Fatalf("a second run changes %s:\n%s\n--- after the first\n%s", c.Path, c.New, shown(after))
	}
}

// plantedCompose puts the canary into a text of a compose file, in one of the ways in
// which people write it.
func plantedCompose(tree map[string]string, form uint16, place int) bool {
	var names []string
	for name := range tree {
		if compose.IsComposeFile(path.Base(name)) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return false
	}
	slices.Sort(names)
	name := names[place%len(names)]
	loaded := compose.Load(memory(tree), []string{name})
	if len(loaded) == 0 || loaded[0].Err != nil {
		return false
	}
	f := loaded[0]
	var texts []compose.Text
	for _, s := range f.Services {
		for _, x := range s.Texts {
			if x.Start >= 0 && x.End > x.Start && x.Where == compose.InEnvironment && x.HasValue {
				texts = append(texts, x)
			}
		}
	}
	src := tree[name]
	if len(texts) == 0 {
		return false
	}
	x := texts[place/len(names)%len(texts)]
	value := [forms]string{
		composeCanary, "postgres://app:" + composeCanary + "@db.example.com/shop", escaped,
		"${OTHER:-" + composeCanary + "}", composeCanary + "'q", "https://x.example.com/?key=" + composeCanary + "&z=1", composeCanary + " #7",
	}[form%forms]
	if x.Item {
		value = x.Name + "=" + value
	}
	tree[name] = src[:x.Start] + `"` + value + `"` + src[x.End:]
	if form%2 == 1 { // a second place, of another service
		if i := strings.Index(tree[name], "    image:"); i >= 0 && !strings.Contains(tree[name], "labels:") {
			tree[name] = tree[name][:i] + "    labels:\n      note: \"" + composeCanary + "\"\n" + tree[name][i:]
		}
	}
	return compose.Load(memory(tree), []string{name})[0].Err == nil
}

func memory(tree map[string]string) fstest.MapFS {
	disk := fstest.MapFS{}
	for name, s := range tree {
		disk[name] = &fstest.MapFile{Data: []byte(s), Mode: 0o644}
	}
	return disk
}

func inMemory(t *testing.T, tree map[string]string) *rewrite.Plan {
	t.Helper()
	names := slices.Sorted(maps.Keys(tree))
	var paths []string
	for _, name := range names {
		if rewrite.IsTarget(path.Base(name)) {
			paths = append(paths, name)
		}
	}
	plan, err := rewrite.Run(rewrite.NewWorkspace(memory(tree), func() []string { return names }, nil), paths, rules.All(), rewrite.Options{Least: rewrite.Review})
	if err != nil {
		t.Fatalf("%v\n%s", err, shown(tree))
	}
	return plan
}

// untold looks for the value in all that can be printed of a plan.
func untold(t *testing.T, plan *rewrite.Plan) {
	t.Helper()
	said := plan.Diff(false)
	for _, r := range plan.Results {
		said += r.Message + "\n" + r.Reason + "\n" + r.Source + "\n" + r.Secret + "\n"
		if r.Fix != nil {
			said += r.Fix.Title + r.Fix.Needs + fmt.Sprint(r.Fix.Rotate)
		}
		if strings.Contains(r.Reason, "report this") {
			t.Fatalf("%s: %s", r.Secret, r.Reason)
		}
	}
	for _, err := range plan.Errors {
		said += err.Error()
	}
	if strings.Contains(said, strings.TrimPrefix(composeCanary, "sk_live_")) {
		t.Fatalf("the output tells the value:\n%s", said)
	}
}

func shown(tree map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		fmt.Fprintf(&b, "-- %s --\n%s", name, tree[name])
	}
	return b.String()
}
