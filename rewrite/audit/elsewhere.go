package audit

import (
	"path"
	"strings"
)

// fixture reports files that only look like secrets: those of tests, of examples and of
// manuals. The topmost folder may be called anything.
func fixture(name string) bool {
	parts := strings.Split(strings.ToLower(name), "/")
	for i, part := range parts[:len(parts)-1] {
		switch part {
		case "test", "tests", "testing", "testdata", "test_data", "testfiles", "fixture", "fixtures", "example", "examples", "sample", "samples",
			"doc", "docs", "spec", "specs", "e2e", "mock", "mocks", "__mocks__", "__tests__", "__fixtures__", "dummyserver", "certdata":
			if i > 0 {
				return true
			}
		}
	}
	base := parts[len(parts)-1]
	for word := range strings.FieldsFuncSeq(base, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		switch word {
		case "test", "tests", "example", "examples", "sample", "dummy", "fake", "mock", "snakeoil", "fixture":
			return true
		}
	}
	return base == "debug.keystore" // Android's own, the same everywhere
}

// packaged reports the files of packages, which others wrote: what looks like a secret in
// them is one that everybody has, as a rule.
func packaged(name string) bool {
	for _, p := range []string{"usr/lib/", "usr/lib32/", "usr/lib64/", "usr/libexec/", "usr/include/", "usr/bin/", "usr/sbin/", "lib/", "lib64/", "bin/", "sbin/",
		"usr/share/doc/", "usr/share/man/", "usr/share/perl", "usr/share/python", "usr/share/ruby", "usr/share/nodejs/", "usr/share/javascript/", "usr/share/gems/",
		"usr/local/go/", "usr/local/lib/python", "usr/local/lib/ruby/", "usr/local/lib/node_modules/", "usr/local/lib/perl", "usr/local/include/",
		"var/lib/apt/", "var/lib/dpkg/", "var/lib/rpm/", "var/cache/", "opt/conda/pkgs/"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	for _, p := range []string{"/node_modules/", "/site-packages/", "/dist-packages/", "/vendor/", "/third_party/", "/pkg/mod/", "/.cargo/registry/", "/gems/", "/.m2/repository/", "/.gradle/caches/", "/.nuget/packages/", "/.cache/", "/bower_components/"} {
		if strings.Contains("/"+name, p) {
			return true
		}
	}
	return false
}

// source reports a program's own source and what is no text: such a file may be named
// secrets.go and is none.
func source(name string) bool {
	base := path.Base(name)
	switch strings.ToLower(path.Ext(name)) {
	case ".go", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".tsx", ".py", ".pyc", ".pyi", ".rs", ".java", ".class", ".kt", ".scala", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs",
		".swift", ".ex", ".exs", ".beam", ".erl", ".lua", ".dart", ".vue", ".svelte", ".proto", ".sql", ".html", ".htm", ".css", ".scss", ".less", ".md", ".mdx",
		".rst", ".txt", ".adoc", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".pdf", ".woff", ".woff2", ".ttf", ".map", ".lock", ".sum",
		".so", ".a", ".o", ".jar", ".gz", ".zip", ".tar", ".tgz", ".po", ".mo", ".csv", ".pm", ".pl", ".el", ".elc", ".vim":
		return true
	case ".rb":
		return base != "secret_token.rb"
	case ".php":
		return base != "wp-config.php"
	}
	return false
}
