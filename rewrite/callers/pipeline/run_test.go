package pipeline

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// recorder stands for docker and its like: it writes down what a build gets, a secret as the
// argument that it was, with the value that the builder finds.
const recorder = `#!/bin/bash
out="in $(pwd -P | sed "s|$ROOT|ROOT|")"
got=()
while [ $# -gt 0 ]; do
	case $1 in
	--build-arg | --secret) kind=$1 word=$2; shift ;;
	--build-arg=* | --secret=*) kind=${1%%=*} word=${1#*=} ;;
	*) out="$out|$1" kind= ;;
	esac
	case $kind in
	--build-arg)
		case $word in
		*=*) got+=("$word") ;;
		*) got+=("$word=${!word}") ;;
		esac ;;
	--secret)
		id=${word#id=} id=${id%%,*} env=$id
		case $word in
		*,env=*) env=${word##*,env=} ;;
		*) [ -n "${!env+x}" ] || { echo "$id is not in the environment" >> "$RECORD"; } ;;
		esac
		got+=("$id=${!env}") ;;
	esac
	shift
done
{ echo "${out//$ROOT/ROOT}"; printf '  %s\n' "${got[@]}" | sort; } >> "$RECORD"
`

// fill puts values in the place of what a service fills in.
func (r *run) fill(s string) string {
	if r.syntax.Holes == nil {
		return s
	}
	var out strings.Builder
	at := 0
	for _, p := range r.syntax.Holes(s) {
		out.WriteString(s[at:p.Start])
		switch {
		case p.Code != "":
			out.WriteString(p.Code)
		case p.Known:
			out.WriteString(p.Value)
		default:
			out.WriteString("filled-" + letters.ReplaceAllString(s[p.Start:p.End], ""))
		}
		at = p.End
	}
	return out.String() + s[at:]
}

var letters = regexp.MustCompile(`[^A-Za-z0-9]`)

// records runs what the shells of a pipeline run, and returns what docker got.
func records(t *testing.T, files map[string]string, name, text string) string {
	t.Helper()
	root, bin := t.TempDir(), t.TempDir()
	record := filepath.Join(bin, "record")
	for f, s := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, f), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"docker", "buildah", "podman"} {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte(recorder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"get", "vault", "gettoken", "buildkite-agent"} {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\necho \"printed-by-${0##*/}\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var s service
	for _, x := range all() {
		if x.is(name) {
			s = x
			break
		}
	}
	f, err := open(&call.Source{Path: name, Src: []byte(text), Project: project(files)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for i, p := range s.find(f) {
		r, ok := p.(*run)
		if !ok || r.broken || len(r.items) == 0 || len(r.text.Dirs) == 0 {
			continue
		}
		var lines []string
		for _, it := range r.items {
			lines = append(lines, strings.TrimSuffix(r.fill(it.text.Node().Value), "\n"))
		}
		env := map[string]string{"T": "tok-c4n4ry-EXAMPLE-7Qm2x'and\"$more", "NPM_TOKEN": "b", "CI_JOB_TOKEN": "c", "CI_PROJECT_DIR": root, "BUILD_SOURCESDIRECTORY": root}
		for name, v := range r.given {
			if v != nil && v.Kind == yamledit.Scalar {
				env[name] = r.fill(v.Value)
			}
		}
		cmd := exec.Command("bash", "-c", strings.Join(lines, "\n"))
		cmd.Dir = filepath.Join(root, r.text.Dirs[0])
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "RECORD=" + record, "ROOT=" + root, "HOME=" + bin}
		for name, v := range env {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
		_ = cmd.Run() // what is not there fails, before as after
		got, _ := os.ReadFile(record)
		_ = os.Remove(record)
		if len(got) > 0 {
			fmt.Fprintf(&out, "%d\n%s", i, got)
		}
	}
	return out.String()
}

// TestRuns: the lines of each case are run before and after, and every build gets the values
// that it got.
func TestRuns(t *testing.T) {
	names, _ := filepath.Glob("testdata/*.txtar")
	ran := 0
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, f := range a.Files {
				if !slices.Contains([]string{"builds", "error", "needs", "after"}, f.Name) {
					files[f.Name] = string(f.Data)
				}
			}
			first := a.Files[0].Name
			src := &call.Source{Path: first, Src: a.Files[0].Data, Project: project(files)}
			r := reading(t, first)
			builds, err := r.Read(src)
			if err != nil {
				t.Fatal(err)
			}
			changes := slices.DeleteFunc(wanted(t, string(a.Comment), builds), func(c call.Change) bool { return c.Secret == nil || c.Secret.From == "" })
			edits, _, err := r.Edit(src, changes)
			if err != nil || len(edits) == 0 {
				return
			}
			after, err := edit.Apply(src.Src, edits)
			if err != nil {
				t.Fatal(err)
			}
			before, now := records(t, files, first, string(src.Src)), records(t, files, first, string(after))
			for _, c := range changes {
				now = strings.ReplaceAll(now, "  "+c.Secret.ID+"=", "  "+c.Secret.From+"=")
			}
			if sorted(before) != sorted(now) {
				t.Errorf("docker got\n%s\nand gets\n%s", before, now)
			}
			ran += strings.Count(before, "in ROOT")
		})
	}
	if ran < 20 {
		t.Errorf("%d builds ran, which is too few to say anything", ran)
	}
}

// sorted puts the values of each build in order.
func sorted(s string) string {
	var out []string
	var block []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "  ") {
			slices.Sort(block)
			out, block = append(append(out, block...), line), nil
			continue
		}
		block = append(block, line)
	}
	slices.Sort(block)
	return strings.Join(append(out, block...), "")
}
