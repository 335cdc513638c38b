package flow

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// TestHelper asks what git's helpers do with what the last command of the last RUN logs in with.
func TestHelper(t *testing.T) {
	files := fstest.MapFS{
		"home/.gitconfig": {Data: []byte("[user]\n\tname = Bob\n[credential]\n\thelper = store --file=/srv/creds\n")},
		"plain/gitconfig": {Data: []byte("[user]\n\tname = Bob\n")},
		"more/.gitconfig": {Data: []byte("[include]\n\tpath = /etc/git/more\n")},
		"two/.gitconfig":  {Data: []byte("[credential \"https://git.example.com\"]\n\thelper =\n\thelper = \"!gh auth git-credential\"\n[credential]\n\thelper = store\n")},
	}
	for _, tc := range []struct{ lines, want string }{
		{"RUN git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper 'store --file ~/x'\nRUN git clone u", "stores ~/x"},
		{"RUN git config --system --add Credential.Helper store && git clone u", "stores"},
		{"RUN git clone v && git config --global credential.helper store\nRUN git clone u", "stores"},
		{"RUN git -c credential.helper=store clone v\nRUN git clone u", "nothing"},
		{"RUN git config --global credential.helper cache\nRUN git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN git config --global credential.helper cache\nRUN git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN git config --global --add credential.helper cache\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper store\nRUN git config --global credential.https://example.com.helper cache\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper store\nRUN git config --global --unset credential.helper\nRUN git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN test -e /x && git config --global --unset credential.helper || true\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper store\nRUN git config --global --remove-section credential\nRUN git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN git config --system --unset credential.helper\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper store && git clone u && rm -f ~/.git-credentials", "nothing"},
		{"RUN git config --global credential.helper store\nRUN git -c credential.helper= clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN git -c credential.helper= -c credential.helper=store clone u", "may keep, asks"},
		{"RUN git config --global credential.helper store\nRUN git -c credential.helper=store clone u", "stores, may keep, asks"},
		{"RUN git config --global credential.helper store\nRUN export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper GIT_CONFIG_VALUE_0= && git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nRUN export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=\"credential.helper\" GIT_CONFIG_VALUE_0=\"\" && git clone v\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper store\nRUN git config --get credential.helper\nRUN git clone u", "stores"},
		{"ENV GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper GIT_CONFIG_VALUE_0=store\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper manager-core\nRUN git clone u", "may keep, asks"},
		{"RUN git config --global credential.helper '!f() { echo username=x; echo \"password=$P\"; }; f'\nRUN git clone u", "asks"},
		{"RUN git config --global credential.helper '!f() { cat > /tmp/x; }; f'\nRUN git clone u", "may keep, asks"},
		{"RUN gh auth setup-git\nRUN git clone u", "asks"},
		{"RUN echo 'git config --global credential.helper store' > /s.sh && sh /s.sh\nRUN git clone u", "may keep, asks"},
		{"RUN printf \"[credential]\\n\\thelper = store\\n\" > /root/.gitconfig\nRUN git clone u", "stores"},
		{"RUN ls # git config credential.helper store\nRUN git clone u", "nothing"},
		{"COPY home/.gitconfig /root/\nRUN git clone u", "stores /srv/creds"},
		{"COPY home/ /root\nRUN git clone u", "stores /srv/creds"},
		{"COPY home/.gitconfig /app/\nRUN git clone u", "nothing"},
		{"COPY plain/gitconfig /etc/gitconfig\nRUN git clone u", "nothing"},
		{"COPY more/.gitconfig /root/\nRUN git clone u", "may keep, asks"},
		{"COPY two/.gitconfig /root/.gitconfig\nRUN git clone u", "stores, asks"},
		{"COPY none/.gitconfig /root/.gitconfig\nRUN git clone u", "may keep, asks"},
		{"COPY <<E /root/.gitconfig\n[credential]\nhelper=cache\nE\nRUN git clone u", "nothing"},
		{"RUN git config --global credential.helper store\nFROM a\nCOPY --from=0 /root/.gitconfig /root/.gitconfig\nRUN git clone u", "stores"},
		{"RUN git config --global credential.helper store\nFROM a\nRUN git clone u", "nothing"},
		{"RUN cp /x/.gitconfig ~/.gitconfig\nRUN git clone u", "may keep, asks"},
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte("FROM a\n"+tc.lines+"\n"))
		if err != nil {
			t.Fatal(tc.lines, err)
		}
		a := newAnalysis(f, NewProject(files, func() []string {
			paths, _ := fs.Glob(files, "*/*")
			return paths
		}))
		in := f.Instructions[len(f.Instructions)-1]
		var got []string
		for _, c := range a.run(in).Script.Commands {
			if c.Program != "git" || gitVerb(words(c.Args)) != "clone" {
				continue
			}
			h := a.helperAt(in, c)
			got = nil
			if h.Stores {
				got = append(got, strings.TrimSuffix(fmt.Sprint("stores ", h.File), " "+gitStore))
			}
			if h.Unsure {
				got = append(got, "may keep")
			}
			if h.Asks {
				got = append(got, "asks")
			}
		}
		if got == nil {
			got = []string{"nothing"}
		}
		if s := strings.Join(got, ", "); s != tc.want {
			t.Errorf("%s\n%s, want %s", tc.lines, s, tc.want)
		}
	}
}
