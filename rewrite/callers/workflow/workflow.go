// Package workflow reads and edits GitHub's workflows and composite actions.
package workflow

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of this package, the most particular first.
func Readers() []call.Reader { return nil }
