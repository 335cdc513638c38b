package proof

import (
	"errors"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// TestFitting compiles files that take values of one kind only.
func TestFitting(t *testing.T) {
	for name, c := range map[string]struct{ src, arg, want string }{
		"a word":                            {"FROM a\nARG X\nRUN echo $X", "X", "unbake-proof-1z"},
		"an image":                          {"ARG X\nFROM $X", "X", "unbake-proof-1z"},
		"a tag":                             {"ARG X\nFROM a:${X}", "X", "unbake-proof-1z"},
		"a registry":                        {"ARG X\nFROM ${X}/shop/base:1", "X", "unbake-proof-1z"},
		"a stage":                           {"ARG V\nFROM a AS base-slim\nENV A=1\nFROM base-${V}", "V", "slim"},
		"a platform":                        {"ARG P\nFROM --platform=$P a", "P", "linux/amd64"},
		"a user's number":                   {"FROM a\nARG U\nRUN --mount=type=secret,id=x,uid=${U} true", "U", "1001"},
		"a mode":                            {"FROM a\nARG M\nCOPY --chmod=$M a b", "M", "1001"},
		"an owner":                          {"FROM a\nARG U\nCOPY --link --chown=$U:$U a b", "U", "1001"},
		"a port":                            {"FROM a\nARG PORT\nEXPOSE ${PORT}/tcp", "PORT", "1001"},
		"a signal":                          {"FROM a\nARG S\nSTOPSIGNAL $S", "S", "SIGTERM"},
		"a checksum":                        {"FROM a\nARG S\nADD --checksum=$S https://files.example.com/x /x", "S", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		"a default elsewhere":               {"ARG V=1\nFROM a:$V\nARG V\nRUN echo $V", "V", ""},
		"predefined":                        {"FROM a\nARG TARGETARCH\nRUN echo $TARGETARCH", "TARGETARCH", ""},
		"many":                              {"FROM a\nARG A B C D E F G H I J\nRUN echo $J", "J", "unbake-proof-10z"},
		"a name that begins with another's": {"FROM a\nARG X\nARG XPORT\nEXPOSE $XPORT", "X", "unbake-proof-1z"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := dockerfile.Parse("Dockerfile", []byte(c.src+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			compiled, err := Compile(f)
			if err != nil {
				t.Fatal(err)
			}
			if got := compiled.args[c.arg]; got != c.want {
				t.Errorf("%s is %q, want %q", c.arg, got, c.want)
			}
		})
	}
}

// TestStageByArgument: which stage a FROM with a variable builds on decides what is
// inherited.
func TestStageByArgument(t *testing.T) {
	f, err := dockerfile.Parse("Dockerfile", []byte("ARG V\nFROM a AS base-slim\nRUN true\nONBUILD RUN false\nFROM base-${V}\nRUN echo\n"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, in := range c.sequences()[1] {
		lines = append(lines, in.Line)
	}
	if len(lines) != 3 || lines[0] != 3 || lines[1] != 4 || lines[2] != 6 {
		t.Errorf("lines %v", lines)
	}
	steps, _, ok := c.stages[1].chain(c.sequences()[1])
	if !ok || len(steps) != 3 {
		t.Errorf("%d steps, %v", len(steps), ok)
	}
}

// TestNotCompiled: files that the parser takes and the compiler does not.
func TestNotCompiled(t *testing.T) {
	for _, src := range []string{
		"FROM Shop/Base\n",
		"FROM a\nCOPY --from=later a b\nFROM a AS later\n",
		"FROM a\nSTOPSIGNAL nothing\n",
		"FROM a AS a1\nCOPY --from=a1 x y\n",
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(f); !errors.Is(err, ErrNotCompiled) {
			t.Errorf("%q: %v", src, err)
		}
	}
}
