package script

import (
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

func TestDockerfiles(t *testing.T) {
	tests := []struct {
		script string
		want   string // the Dockerfiles, Context and Dir, "?" and the doubt
	}{
		{"docker build .", "Dockerfile . ."},
		{"docker build app", "app/Dockerfile app ."},
		{"docker build -f docker/prod/Dockerfile .", "docker/prod/Dockerfile . ."},
		{"docker build -fdocker/prod/Dockerfile -t x:y --pull .", "docker/prod/Dockerfile . ."},
		{"docker build --file=docker/prod/Dockerfile --network host .", "docker/prod/Dockerfile . ."},
		{"docker build --frobnicate x .", "? what its arguments mean"},
		{"docker build --frobnicate=x app", "app/Dockerfile app ."},
		{"cd app && docker build .", "app/Dockerfile app app"},
		{"(cd app; docker build .)", "app/Dockerfile app app"},
		{"pushd app; docker build .; popd", "app/Dockerfile app app"},
		{"cd \"$(dirname \"$0\")/../app\"\ndocker build .", "app/Dockerfile app app"},
		{"cd $(dirname ${BASH_SOURCE[0]})/..\ndocker build -f app/Dockerfile .", "app/Dockerfile . ."},
		{"DIR=\"$( cd \"$( dirname \"${BASH_SOURCE[0]}\" )\" >/dev/null 2>&1 && pwd )\"\ndocker build -f \"$DIR/../app/Dockerfile\" $DIR/..", "app/Dockerfile . ."},
		{"ROOT=$(git rev-parse --show-toplevel)\ncd \"$ROOT\"\ndocker build app", "app/Dockerfile app ."},
		{"cd \"${0%/*}/..\"; docker build docker/prod", "docker/prod/Dockerfile docker/prod ."},
		{"F=docker/prod/Dockerfile\ndocker build -f $F .", "docker/prod/Dockerfile . ."},
		{"F=docker/prod/Dockerfile\n[ -n \"$1\" ] && F=app/Dockerfile\ndocker build -f $F .", "app/Dockerfile docker/prod/Dockerfile . ."},
		{"[ -n \"$1\" ] && F=app/Dockerfile\ndocker build -f $F .", "? known only when it runs"},
		{"F=docker/prod/Dockerfile\n[ -n \"$1\" ] && F=$1\ndocker build -f $F .", "? known only when it runs"},
		{"F=Dockerfile\ncase $1 in app) F=app/Dockerfile;; *) exit 1;; esac\ndocker build -f $F .", "Dockerfile app/Dockerfile . ."},
		{"D=.\nwhile getopts d: o; do D=$OPTARG; done\ndocker build $D", "? known only when it runs"},
		{"for d in app docker/prod; do docker build $d; done", "app/Dockerfile docker/prod/Dockerfile  ."},
		{"for d in *; do docker build -f $d/Dockerfile .; done", "app/Dockerfile docker/prod/Dockerfile . . ? known only when it runs"},
		{"docker build -f \"$1\" .", "app/Dockerfile ? known only when it runs"},
		{"docker build https://github.com/x/y.git", "? not a folder of this project"},
		{"docker build -", "? not a folder"},
		{"docker build - < Dockerfile", "? not a folder"},
		{"docker build nowhere", "? there is no such Dockerfile"},
		{"docker build \"$@\" .", "Dockerfile . . ? a part of its arguments"},
		{"f() { docker build .; }\ncd app\nf", "Dockerfile app/Dockerfile   ? which folder"},
		{"buildah bud -f app/Dockerfile", "app/Dockerfile . ."},
		{"/kaniko/executor --context dir://app --dockerfile Dockerfile", "app/Dockerfile app ."},
		{"/kaniko/executor --context $CI_PROJECT_DIR --dockerfile $CI_PROJECT_DIR/app/Dockerfile", "app/Dockerfile . ."},
		{"buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=app", "app/Dockerfile . ."},
		{"for d in app docker/prod; do (cd $d && docker build .); done", "app/Dockerfile docker/prod/Dockerfile"},
		{"for d in app *; do (cd $d && docker build .); done", "? the folder that it runs in"},
		{"for d in app docker/prod; do for e in app .; do (cd $d && cd $e && docker build .); done; done", "? the folder that it runs in"},
		{"for d in app nowhere; do (cd $d && docker build .); done", "? there is no such Dockerfile"},
		{"f() { docker build $1; }\nf app; f docker/prod", "app/Dockerfile docker/prod/Dockerfile  ."},
		{"f() { docker build -f $(dirname $1)/Dockerfile .; }\nf app/x", "app/Dockerfile . ."},
		{"f() { docker build $1; }\nf app; f $X", "? known only when it runs"},
		{"f() { docker build $1; }\nf app; f \"$@\"", "? known only when it runs"},
		{"f() { shift; docker build $1; }\nf app docker/prod", "? known only when it runs"},
		{"f() { docker build $1; }\nf app; retry f docker/prod", "? known only when it runs"},
		{"f() { docker build $1; }\ng() { f $1; }\ng app", "app/Dockerfile app ."},
		{"f() { f $1$1$1$1$1$1$1$1$1$1; docker build $1; }\nf app", "? known only when it runs"},
		{"docker build ${F:+-f app/Dockerfile} .", "? known only when it runs"},
		{"A=(.)\n[ -n \"$X\" ] && A+=(-f app/Dockerfile)\ndocker build \"${A[@]}\"", "? known only when it runs"},
		{"docker build $(printf -- '-t %s ' \"$@\") app", "app/Dockerfile app ."},
		{"docker build $(printf -- '-f %s ' \"$@\") app", "? a part of its arguments"},
		{"docker build --help", "none"},
		{"docker compose up --build", "none"},
		{"docker compose build web", "none"},
		{"docker run x docker build .", "none"},
		{"echo docker build .", "none"},
		{"docker image ls; docker builder prune; podman images", "none"},
	}
	for _, test := range tests {
		p := project()
		builds, err := Read(p, &Text{Code: test.script, Dialect: shell.Bash, Dirs: []string{"."}, Self: "scripts"})
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		for _, b := range builds {
			got = strings.Join(b.Dockerfiles, " ") + " " + b.Context + " " + b.Dir
			if b.Doubt != "" {
				got += " ? " + b.Doubt
			}
		}
		want, doubt, doubtful := strings.Cut(test.want, "? ")
		list, why, isDoubtful := strings.Cut(got, "? ")
		if doubtful != isDoubtful || !strings.Contains(why, doubt) || !doubtful && strings.TrimSpace(list) != strings.TrimSpace(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", test.script, got, test.want)
		}
	}
}

// TestHoles is a text that something else fills in.
func TestHoles(t *testing.T) {
	tests := []struct {
		code   string // holes are in «»
		canSet bool
		want   string
		set    string
	}{
		{`docker build --build-arg T=«${{ secrets.T }}» .`, true, `docker build --secret id=T .`, "T=${{ secrets.T }}"},
		{`docker build --build-arg "T=a«${{ secrets.T }}»b" «${{ x }}»`, true, `docker build --secret id=T ${{ x }}`, "T=a${{ secrets.T }}b"},
		{`docker build --build-arg T=«$(T)» .`, false, `T="$(T)" docker build --secret id=T .`, ""},
		{`docker build --build-arg T='«$(T)»' .`, false, `T='$(T)' docker build --secret id=T .`, ""},
		{`docker build --build-arg "T=«$(T)»" .`, false, `T="$(T)" docker build --secret id=T .`, ""},
		{`docker build --build-arg T="«${{ secrets.T }}»$X" .`, true, `T="${{ secrets.T }}$X" docker build --secret id=T .`, ""},
		{`sudo docker build --build-arg T="«${{ secrets.T }}»" .`, true, `sudo T="$T" docker build --secret id=T .`, "T=${{ secrets.T }}"},
		{`T=x; docker build --build-arg T="«${{ secrets.T }}»" .`, true, `T=x; docker build --secret id=T,env=BUILD_T .`, "BUILD_T=${{ secrets.T }}"},
		{`«$(DOCKER)» build --build-arg T .`, false, `$(DOCKER) build --secret id=T,env=T .`, ""},
	}
	for _, test := range tests {
		x := &Text{Dialect: shell.POSIX, Dirs: []string{"."}, CanSet: test.canSet}
		for rest := test.code; rest != ""; {
			text, hole, ok := strings.Cut(rest, "«")
			x.Code += text
			if !ok {
				break
			}
			hole, rest, _ = strings.Cut(hole, "»")
			x.Holes = append(x.Holes, Hole{Start: len(x.Code), End: len(x.Code) + 5, Text: hole})
			x.Code += "HhHhH"
		}
		p := project()
		builds, err := Read(p, x)
		if err != nil || len(builds) != 1 {
			t.Errorf("%s: %d builds, %v", test.code, len(builds), err)
			continue
		}
		res, err := Edit(p, x, []call.Change{{Build: builds[0], Drop: []string{"T"}, Secret: &call.Secret{ID: "T", From: "T"}}})
		if err != nil {
			t.Errorf("%s: %v", test.code, err)
			continue
		}
		var b strings.Builder
		at := 0
		sc := scene{t: x}
		for _, e := range res.Edits {
			b.WriteString(sc.file(at, e.Start) + e.New)
			at = e.End
		}
		b.WriteString(sc.file(at, len(x.Code)))
		set := ""
		for _, s := range res.Set {
			set += s.Name + "=" + s.Value
		}
		if b.String() != test.want || set != test.set {
			t.Errorf("%s:\ngot  %s, %s\nwant %s, %s", test.code, b.String(), set, test.want, test.set)
		}
	}
}
