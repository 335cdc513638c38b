package flow

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// analyze returns one line a secret: name, exposure, readers, writes, uses, doubts.
func analyze(t *testing.T, src string, files fstest.MapFS) string {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if files == nil {
		files = fstest.MapFS{}
	}
	p := NewProject(files, func() []string {
		var paths []string
		fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				paths = append(paths, p)
			}
			return nil
		})
		return paths
	})
	var b strings.Builder
	for _, s := range Analyze(f, p) {
		fmt.Fprintf(&b, "%s id=%s %v", s.Name, s.ID, s.Verdict)
		if s.Exposure == RunTime {
			b.WriteString(" runtime")
		}
		for _, r := range s.Readers {
			fmt.Fprintf(&b, " %d:%v(%s)", r.In.Line, r.How, strings.Join(r.Names, ","))
			if r.Unset {
				b.WriteString("!unset")
			}
		}
		for _, w := range s.Writes {
			fmt.Fprintf(&b, " write@%d[%s]", w.In.Line, w.What)
			if w.Hashed {
				b.WriteString("hashed")
			}
			if w.Unsure {
				b.WriteString("?")
			}
		}
		for _, u := range s.Uses {
			fmt.Fprintf(&b, " use@%d", u.In.Line)
		}
		for _, d := range s.Doubts {
			fmt.Fprintf(&b, " doubt[%s]", d.Why)
		}
		for _, c := range s.Calls {
			for _, a := range c.Args {
				fmt.Fprintf(&b, " call[%s:%d %s]", c.Path, a.Line, a.Name)
			}
		}
		for _, c := range s.Callers {
			fmt.Fprintf(&b, " caller[%s:%d]", c.Path, c.Line)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestVariables(t *testing.T) {
	for _, tc := range []struct{ name, src, want string }{
		{"named", "FROM a\nARG T_TOKEN\nRUN echo hi\nRUN curl -H $T_TOKEN x\n", "T_TOKEN id=T_TOKEN declared 4:named(T_TOKEN)"},
		{"before its declaration", "FROM a\nRUN curl -H $T_TOKEN x\nARG T_TOKEN\nRUN ./x\n", "T_TOKEN id=T_TOKEN declared 4:opaque(T_TOKEN)"},
		{"single quotes are text", "FROM a\nARG T_TOKEN\nRUN awk 'BEGIN{print ENVIRON[\"T_TOKEN\"]}'\n", "T_TOKEN id=T_TOKEN declared 3:named(T_TOKEN) write@3[awk prints it into the build's log]"},
		{"known program", "FROM a\nARG NPM_TOKEN\nRUN apt-get update\nRUN npm ci\n", "NPM_TOKEN id=NPM_TOKEN declared 4:known(NPM_TOKEN)"},
		{"known by another name", "FROM a\nARG A_TOKEN\nENV NPM_TOKEN=$A_TOKEN\nRUN npm ci\n", "A_TOKEN id=A_TOKEN declared 4:known(NPM_TOKEN)"},
		{"renamed, opaque", "FROM a AS b\nARG A_TOKEN\nENV B=$A_TOKEN\nRUN make\nFROM a\n", "A_TOKEN id=A_TOKEN declared 4:opaque(B)"},
		{"sudo drops it", "FROM a\nARG NPM_TOKEN\nRUN sudo npm ci\n", "NPM_TOKEN id=NPM_TOKEN declared"},
		{"child stage", "FROM a AS b\nARG T_TOKEN\nFROM b\nRUN ./x\n", "T_TOKEN id=T_TOKEN declared 4:opaque(T_TOKEN)"},
		{"other stage", "FROM a AS b\nARG T_TOKEN\nFROM c\nRUN ./x\n", "T_TOKEN id=T_TOKEN declared"},
		{"global, not redeclared", "ARG T_TOKEN\nFROM a\nRUN echo $T_TOKEN\n", "T_TOKEN id=T_TOKEN declared"},
		{"an option's name", "FROM a\nARG password\nRUN adduser --disabled-password u\nRUN curl -H $password x\n", "password id=password declared 4:named(password)"},
		{"global, redeclared", "ARG T_TOKEN\nFROM a\nARG T_TOKEN\nRUN echo $T_TOKEN\n", "T_TOKEN id=T_TOKEN declared 4:named(T_TOKEN) write@4[echo prints it into the build's log]"},
		{"FROM expands it", "ARG T_TOKEN\nFROM a:$T_TOKEN\n", "T_TOKEN id=T_TOKEN declared use@2"},
		{"COPY expands it", "FROM a\nARG SSH_PRIVATE_KEY\nCOPY ${SSH_PRIVATE_KEY} /k\n", "SSH_PRIVATE_KEY id=SSH_PRIVATE_KEY declared use@3"},
		{"LABEL expands it", "FROM a\nARG T_TOKEN\nLABEL x=\"$T_TOKEN\"\n", "T_TOKEN id=T_TOKEN declared use@3"},
		{"ENV made from it", "FROM a\nARG DB_PASSWORD\nENV URL=pg://u:$DB_PASSWORD@h\n", "DB_PASSWORD id=DB_PASSWORD declared use@3"},
		{"heredoc", "FROM a\nARG T_TOKEN\nRUN <<EOF\ncurl -H \"$T_TOKEN\" x\nEOF\n", "T_TOKEN id=T_TOKEN declared 3:named(T_TOKEN)"},
		{"exec form", "FROM a\nARG T_TOKEN\nRUN [\"./x\"]\nRUN [\"mkdir\", \"y\"]\n", "T_TOKEN id=T_TOKEN declared 3:opaque(T_TOKEN)"},
		{"powershell", "FROM a\nSHELL [\"pwsh\", \"-c\"]\nARG T_TOKEN\nRUN x\n", "T_TOKEN id=T_TOKEN declared doubt[its shell is not understood]"},
		{"onbuild", "FROM a\nONBUILD ARG T_TOKEN\nRUN ./a\nONBUILD RUN ./b\n", "T_TOKEN id=T_TOKEN declared 4:opaque(T_TOKEN)"},
		{"unset", "FROM a\nARG T_TOKEN\nRUN test -n \"${T_TOKEN+x}\"\nRUN set -u; echo $T_TOKEN\n", "T_TOKEN id=T_TOKEN declared 3:named(T_TOKEN)!unset 4:named(T_TOKEN)!unset write@4[echo prints it into the build's log]"},
		{"two values", "FROM a AS b\nENV T_TOKEN=c4n4ry-EXAMPLE-1a\nFROM a AS c\nENV T_TOKEN=c4n4ry-EXAMPLE-2b\nFROM a\n", "T_TOKEN id=T_TOKEN exposed doubt[it has more than one value in this file]"},
		{"run time", "FROM a\nENV API_SECRET=c4n4ry-EXAMPLE-1a\n", "API_SECRET id=API_SECRET exposed runtime"},
		{"a build tool's, in the final stage", "FROM a\nARG NPM_TOKEN\nENV NPM_TOKEN=$NPM_TOKEN\nRUN npm ci\n", "NPM_TOKEN id=NPM_TOKEN declared 4:known(NPM_TOKEN)"},
		{"not a secret", "FROM a\nARG VERSION=1\nENV NEXT_PUBLIC_KEY=abc GPG_KEY=0123456789012345678901234567890123456789\nRUN ./x\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := tc.want
			if want != "" {
				want += "\n"
			}
			if got := analyze(t, tc.src, nil); got != want {
				t.Errorf("\n got %swant %s", got, want)
			}
		})
	}
}

func TestWrites(t *testing.T) {
	for _, tc := range []struct{ run, want string }{
		{`echo "//r/:_authToken=$T_TOKEN" > .npmrc`, "[writes it to .npmrc]"},
		{`echo "//r/:_authToken=$T_TOKEN" > .npmrc && npm ci && rm .npmrc`, ""},
		{`echo "//r/:_authToken=$T_TOKEN" > .npmrc && npm ci && cd sub && rm .npmrc`, "[writes it to .npmrc]"},
		{`echo "$T_TOKEN" > f; rm f || true`, "[writes it to f]"},
		{`printf %s "$T_TOKEN" | tee f`, "[tee prints it into the build's log] write@3[writes it to f]"},
		{`echo $T_TOKEN | base64 -d > key`, "[writes it to key]"},
		{`X="a $T_TOKEN"; echo "$X" > f`, "[writes it to f]"},
		{`echo "$(echo $T_TOKEN | base64)" > f`, "[writes it to f]"},
		{`git config --global url."https://$T_TOKEN@h/".insteadOf https://h/`, "[git config keeps it in ~/.gitconfig]"},
		{`git clone https://$T_TOKEN@h/x`, "[git clone keeps the URL in .git/config]"},
		{`git clone https://$T_TOKEN@h/x.git && make -C x && rm -rf x`, ""},
		{`npm config set //r/:_authToken $T_TOKEN`, "[npm config keeps it in ~/.npmrc]"},
		{`docker login -p $T_TOKEN r`, "[docker login keeps it in ~/.docker/config.json]"},
		{`sed -i "s/X/$T_TOKEN/" f`, "[sed writes it into f]"},
		{`git config --global url."https://$T_TOKEN@h/".insteadOf https://h/ && go mod download && git config --global --unset url."https://$T_TOKEN@h/".insteadOf`, ""},
		{`echo "$T_TOKEN" | sudo tee /etc/f > /dev/null`, "[writes it to /etc/f]"},
		{`mkdir -p ~/.ssh && echo "$T_TOKEN" > ~/.ssh/id_rsa && git clone git@h:x && rm -rf ~/.ssh`, ""},
		{`cp f f.orig && sed -i "s/X/$T_TOKEN/" f && make && mv -f f.orig f`, ""},
		{`echo "root:$T_TOKEN" | chpasswd`, "[chpasswd keeps a hash of it in the image]hashed"},
		{`curl -H "Authorization: $T_TOKEN" -o f https://x`, ""},
		{`curl -H "Authorization: $T_TOKEN" https://x > f`, ""},
		{`pip install --extra-index-url https://$T_TOKEN@h/simple x`, ""},
		{`./deploy --token $T_TOKEN`, "[./deploy is given it and may keep it]?"},
		{`go build -ldflags "-X main.k=$T_TOKEN" .`, "[go build puts it into the program]"},
		{`test -n "$T_TOKEN" && echo yes > f`, ""},
		{`cat <<E > f` + "\n$T_TOKEN\nE", "[writes it to f]"},
		{`if [ -n "$T_TOKEN" ]; then echo "$T_TOKEN" > ~/.netrc; fi`, "[writes it to ~/.netrc]"},
		{`{ echo "$T_TOKEN"; } > f`, "[writes it to f]"},
	} {
		src := "FROM a\nARG T_TOKEN\nRUN " + tc.run + "\n"
		if strings.Contains(tc.run, "\n") {
			src = "FROM a\nARG T_TOKEN\nRUN <<EOF\n" + tc.run + "\nEOF\n"
		}
		got := analyze(t, src, nil)
		_, got, _ = strings.Cut(strings.TrimSpace(got), "write@3")
		if got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.run, got, tc.want)
		}
	}
}

func TestCopied(t *testing.T) {
	token := &fstest.MapFile{Data: []byte("//registry.example.com/:_authToken=npm_c4n4ryEXAMPLE0123456789abcdefghijkl\n")}
	for _, tc := range []struct {
		name, src, want string
		files           fstest.MapFS
	}{
		{"token", "FROM a\nWORKDIR /app\nCOPY .npmrc ./\nRUN mkdir x\nRUN npm ci\nRUN rm .npmrc\nRUN npm run build\n", ".npmrc id=npmrc exposed 5:known()\n", fstest.MapFS{".npmrc": token}},
		{"placeholder", "FROM a\nWORKDIR /app\nCOPY .npmrc ./\nRUN npm ci\n", "", fstest.MapFS{".npmrc": {Data: []byte("//registry.example.com/:_authToken=${NPM_TOKEN}\n")}}},
		{"folder moved around", "FROM a\nWORKDIR /app\nCOPY .npmrc ./\nRUN npm ci && chown -R node /app\n", ".npmrc id=npmrc exposed 4:known() doubt[chown works on the folder that the file is in]\n", fstest.MapFS{".npmrc": token}},
		{"child stage", "FROM a AS b\nWORKDIR /app\nCOPY .npmrc ./\nFROM b\nRUN npm ci\n", ".npmrc id=npmrc exposed 5:known()\n", fstest.MapFS{".npmrc": token}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := analyze(t, tc.src, tc.files); got != tc.want {
				t.Errorf("\n got %swant %s", got, tc.want)
			}
		})
	}
}

func TestCallers(t *testing.T) {
	src := "FROM a\nARG NPM_TOKEN\nRUN npm ci\n"
	for name, text := range map[string]string{
		".github/workflows/ci.yml": "jobs:\n  b:\n    steps:\n      - uses: docker/build-push-action@v6\n        with:\n          build-args: |\n            NPM_TOKEN=${{ secrets.NPM_TOKEN }}\n",
		"build.sh":                 "#!/bin/sh\n# --build-arg NPM_TOKEN in a comment\n\n\n\n\ndocker build --build-arg NPM_TOKEN=\"$NPM_TOKEN\" .\n",
		"Makefile":                 "\n\n\n\n\nbuild:\n\tdocker build --build-arg=NPM_TOKEN .\n",
		"docker-bake.hcl":          "target \"x\" {\n  context = \".\"\n\n\n  args = {\n    A = 1\n    NPM_TOKEN = NPM_TOKEN\n  }\n}\n",
	} {
		got := analyze(t, src, fstest.MapFS{name: {Data: []byte(text)}})
		if want := "call[" + name + ":7 NPM_TOKEN]"; !strings.Contains(got, want) {
			t.Errorf("%s: got %swant %s", name, got, want)
		}
	}
	// What no format accounts for is seen by its line.
	if got := analyze(t, src, fstest.MapFS{"build.ps1": {Data: []byte("docker build --build-arg NPM_TOKEN=$env:NPM_TOKEN .\n")}}); !strings.Contains(got, "caller[build.ps1:1]") {
		t.Error(got)
	}
	// An argument of something else is no caller.
	got := analyze(t, src, fstest.MapFS{"k8s.yaml": {Data: []byte("args:\n  - NPM_TOKEN\n")}})
	if strings.Contains(got, "caller") {
		t.Error("the arguments of a container are no build arguments:", got)
	}
}

func TestValueIsMasked(t *testing.T) {
	v := NewValue("ghp_c4n4ryEXAMPLE0123456789abcdefghijklmn")
	json, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v), fmt.Sprintf("%v", struct{ V Value }{v}), string(json)} {
		if strings.Contains(s, "c4n4ry") || strings.Contains(s, fmt.Sprintf("%x", "c4n4ry")) {
			t.Errorf("told: %s", s)
		}
	}
}
