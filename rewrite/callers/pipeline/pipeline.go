// Package pipeline reads and edits the pipelines of CI services other than GitHub's.
package pipeline

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of this package, the most particular first.
func Readers() []call.Reader { return nil }
