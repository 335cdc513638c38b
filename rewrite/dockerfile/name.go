package dockerfile

import (
	"path"
	"strings"
)

// IsDockerfile reports whether a file of this base name is taken for a Dockerfile. Templates and
// ignore files are not.
func IsDockerfile(base string) bool {
	lower := strings.ToLower(base)
	switch path.Ext(lower) {
	case ".dockerignore", ".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".template", ".erb", ".mustache", ".hbs", ".md", ".rst", ".orig", ".rej", ".bak", ".swp", ".patch", ".diff":
		return false
	}
	if strings.HasSuffix(base, "~") {
		return false
	}
	// dockerfile.go is Go's; Dockerfile.go is a Dockerfile of something in Go.
	switch path.Ext(base) {
	case ".go", ".py", ".js", ".mjs", ".ts", ".rb", ".rs", ".java", ".kt", ".c", ".h", ".cc", ".cpp", ".cs", ".php", ".lua", ".swift", ".scala", ".sh", ".json", ".yml", ".yaml", ".toml", ".html", ".css", ".txt", ".vim":
		if strings.HasPrefix(base, "dockerfile.") || strings.HasPrefix(base, "containerfile.") {
			return false
		}
	}
	return lower == "dockerfile" || strings.HasPrefix(lower, "dockerfile.") || strings.HasSuffix(lower, ".dockerfile") ||
		strings.HasPrefix(lower, "containerfile")
}
