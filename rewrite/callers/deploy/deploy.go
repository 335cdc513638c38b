// Package deploy reads and edits the settings of tools that build on the way: Kamal, Skaffold, Tilt, development containers.
package deploy

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of this package, the most particular first.
func Readers() []call.Reader { return nil }
