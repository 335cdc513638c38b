package rules

import (
	"strings"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// said puts a command's respelling on a few lines, "keeps nothing" or "not certain".
func said(t *testing.T, text string) string {
	t.Helper()
	script, err := shell.Parse(text, shell.POSIX)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var last *shell.Command
	for _, c := range script.Commands {
		if _, ok := flow.Keeps(c); ok {
			last = c
		}
	}
	if last == nil {
		return "keeps nothing"
	}
	k, _ := flow.Keeps(last)
	for _, c := range script.Commands {
		if c.PipeTo == last {
			k = k.Piped(c)
		}
	}
	sp, ok := respell(k, last)
	if !ok {
		return k.Row + ": not certain"
	}
	lines := []string{k.Row}
	for _, e := range sp.Env {
		lines = append(lines, "env "+e)
	}
	if sp.Undo != "" {
		lines = append(lines, "undo "+sp.Undo)
	}
	if sp.Replace != "" {
		lines = append(lines, "replace "+sp.Replace)
	}
	return strings.Join(lines, "\n")
}

func TestTmp(t *testing.T) {
	for _, s := range []string{
		"npm config set //registry.example.com/:_authToken $NPM_TOKEN",
		"npm config set \"//registry.example.com/:_authToken=${NPM_TOKEN}\" always-auth true -g",
		"npm --foo config set a b", "npm config get a", "npm set a=b",
		"git config --global url.\"https://$T@github.com/\".insteadOf \"https://github.com/\"",
		"git config --global --add http.https://h.example.com/.extraheader \"AUTHORIZATION: bearer $T\"",
		"git -C app clone --depth 1 -b main https://u:$T@h.example.com/x.git",
		"git -c url.\"https://$T@h/\".insteadOf=https://h/ clone https://h/x",
		"python3 -m pip config set --global global.index-url 'https://u:'\"$P\"'@h.example.com/simple'",
		"git config user.name x",
		"sudo npm set a=b", "sudo git config --global a.b $T",
	} {
		t.Log(s + "\n" + said(t, s))
	}
}
