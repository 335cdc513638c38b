// Package bake reads and edits the targets of bake files, HCL and JSON.
package bake

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of this package, the most particular first.
func Readers() []call.Reader { return nil }
