// Package tasks reads and edits what people type to build: Makefiles, justfiles, Taskfiles, scripts of package.json, commands of a README.
package tasks

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of this package, the most particular first.
func Readers() []call.Reader { return nil }
