package proof

import (
	"fmt"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// mark is in every made-up value: nothing else holds it.
const mark = "unbake-proof-"

// candidates are the values to compile a file with, the most telling ones first: each
// argument without a default gets one of its own, of the kind that its use asks for.
func candidates(f *dockerfile.File) []map[string]string {
	fit, numbers := map[string]string{}, map[string]string{}
	for _, in := range f.Instructions {
		if in.Name != "arg" {
			continue
		}
		for _, p := range in.Pairs() {
			if _, ok := fit[p.Name]; ok || p.HasValue || predefined[p.Name] {
				continue
			}
			n := len(fit) + 1
			fit[p.Name] = fitting(f, p.Name, n)
			numbers[p.Name] = number(n)
		}
	}
	for _, in := range f.Instructions {
		// One that has a default in one place has a value there.
		if in.Name != "arg" || in.Stage != nil {
			continue
		}
		for _, p := range in.Pairs() {
			if p.HasValue {
				delete(fit, p.Name)
				delete(numbers, p.Name)
			}
		}
	}
	return []map[string]string{fit, numbers, {}}
}

// predefined arguments have a value in every build, if they are declared.
var predefined = map[string]bool{
	"TARGETPLATFORM": true, "TARGETOS": true, "TARGETARCH": true, "TARGETVARIANT": true,
	"BUILDPLATFORM": true, "BUILDOS": true, "BUILDARCH": true, "BUILDVARIANT": true, "TARGETSTAGE": true,
	"SOURCE_DATE_EPOCH": true, "BUILDKIT_SBOM_SCAN_CONTEXT": true, "BUILDKIT_SBOM_SCAN_STAGE": true,
}

// number is a user's number, a port, a mode and a word at once.
func number(n int) string { return fmt.Sprintf("1%03o", n%512) }

// fitting is a value for an argument, after what it is used for.
func fitting(f *dockerfile.File, name string, n int) string {
	word := fmt.Sprintf("%s%dz", mark, n) // no value is the beginning of another
	for _, in := range f.Instructions {
		uses := func(text string) bool { return variableIn(text, name) }
		switch in.Name {
		case "from":
			if from, ok := in.FlagValue("platform"); ok && uses(from) {
				return "linux/amd64"
			}
			if stage := stageNamedBy(f, in.Stage, name); stage != "" {
				return stage
			}
		case "expose":
			if uses(in.Text) {
				return number(n)
			}
		case "stopsignal":
			if uses(in.Text) {
				return "SIGTERM"
			}
		}
		for _, flag := range in.Flags {
			key, value, _ := strings.Cut(strings.TrimPrefix(flag.Text, "--"), "=")
			if !uses(value) {
				continue
			}
			switch key {
			case "chmod", "chown", "mount":
				return number(n)
			case "checksum":
				return "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
			case "link", "keep-git-dir", "parents", "unpack":
				return "true"
			}
		}
	}
	return word
}

// stageNamedBy returns the value that makes a FROM name an earlier stage, if there is one:
// FROM base-${VARIANT} and base-alpine.
func stageNamedBy(f *dockerfile.File, s *dockerfile.Stage, name string) string {
	for _, ref := range []string{"${" + name + "}", "$" + name} {
		before, after, ok := strings.Cut(s.Base, ref)
		if !ok {
			continue
		}
		for _, t := range f.Stages[:s.Index] {
			if rest, ok := strings.CutPrefix(t.Name, strings.ToLower(before)); ok && t.Name != "" {
				if middle, ok := strings.CutSuffix(rest, strings.ToLower(after)); ok && middle != "" {
					return middle
				}
			}
		}
	}
	return ""
}

// variableIn reports whether text has $name or ${name…}.
func variableIn(text, name string) bool {
	for i := 0; ; {
		k := strings.IndexByte(text[i:], '$')
		if k < 0 {
			return false
		}
		i += k + 1
		if rest, ok := strings.CutPrefix(strings.TrimPrefix(text[i:], "{"), name); ok && (rest == "" || !dockerfile.IsName(rest[:1]) && !(rest[0] >= '0' && rest[0] <= '9')) {
			return true
		}
	}
}
