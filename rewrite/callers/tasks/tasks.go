// Package tasks reads and edits what people type to build: Makefiles, justfiles,
// Taskfiles, scripts of package.json, commands of a README. Each kind says what text the
// shell gets and where every byte of it stands in the file; rewrite/callers/script reads
// and changes that text. It runs nothing, and evaluates of their languages only what is
// certain without running them.
package tasks

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of this package, the most particular first.
func Readers() []call.Reader {
	return []call.Reader{makefiles(), justfiles(), taskfiles(), packages(), documents()}
}
