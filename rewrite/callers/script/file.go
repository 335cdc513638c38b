package script

import "github.com/unbake-dev/unbake/rewrite/callers/call"

// Readers are those of shell scripts in files of their own.
func Readers() []call.Reader { return nil }
