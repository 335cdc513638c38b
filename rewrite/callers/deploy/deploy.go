// Package deploy reads and edits the settings of tools that build on the way: Kamal,
// Skaffold, development containers; it reads Tiltfiles. It leans on yamledit and jsontext,
// which change what is named and nothing else. It runs none of the programs that such files
// hold (ERB, Starlark, templates), and takes for a variable only what is one and nothing else.
package deploy

import (
	"slices"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
)

// Readers are those of this package, the most particular first.
func Readers() []call.Reader {
	return []call.Reader{
		{Name: "a dev container's settings", Is: isDevcontainer, Read: readDevcontainer, Edit: editDevcontainer},
		{Name: "a Kamal configuration", Is: isKamal, Read: readKamal, Edit: editKamal},
		{Name: "a Skaffold configuration", Is: isSkaffold, Read: readSkaffold, Edit: editSkaffold},
		{Name: "a Tiltfile", Is: isTiltfile, Read: readTiltfile, Edit: editTiltfile},
	}
}

// source finds what the value of a secret is taken from: the variable of the environment
// that the argument was. pass is false where nothing is to be passed.
func source(s *call.Source, b *call.Build, want *call.Secret) (env string, pass bool, err error) {
	i := slices.IndexFunc(b.Args, func(a call.Arg) bool { return a.Name == want.From })
	if i < 0 {
		return "", false, s.Errorf(b.Start, "%s does not pass %s", b.What, want.From)
	}
	switch a := b.Args[i]; {
	case a.Kind == call.Variable:
		return a.Env, true, nil
	case a.Kind == call.Bare:
		return a.Name, true, nil
	case a.Kind == call.Text && a.Value == "":
		return "", false, nil
	case a.Kind == call.Text:
		return "", false, s.Errorf(a.Start, "passes a literal as %s: take it from a variable or a store first", a.Name)
	default:
		return "", false, s.Errorf(a.Start, "%s is put together here, and a secret is one variable of the environment: let it be one", a.Name)
	}
}

// has reports whether a build passes a secret already.
func has(b *call.Build, id string) bool {
	return slices.ContainsFunc(b.Secrets, func(s call.Secret) bool { return s.ID == id })
}
