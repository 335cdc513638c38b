package flow

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// gcloud reports the rows for a service account's key.
func (k Kept) gcloud() bool { return strings.HasPrefix(k.Row, "gcloud-") }

// Handed is a file that a command writes for a tool of the same RUN, which keeps what is in it.
type Handed struct {
	Command *shell.Command   // writes it
	Name    string           // as that names it
	Along   []*shell.Command // set its mode or its owner, and nothing else, before the tool has it
	Gone    []*shell.Command // remove it, and nothing else, after that
}

// hands adds to what a tool keeps the file that it is given the secret in. ok is false
// where no more is known than that the tool keeps it.
func (r *Run) hands(w *Write, by *shell.Command, file string) (ok bool) {
	if w.Kept == nil || !w.Kept.gcloud() || !w.Kept.Certain || w.Kept.Handed != nil {
		return false
	}
	h := &Handed{Command: by, Name: file}
	for _, x := range r.Script.Commands {
		if x.In&unsureContext != 0 || files(command{program: x.Program, args: words(x.Args), sh: x}) != 1 ||
			!slices.ContainsFunc(x.Args, func(a shell.Word) bool { return plain(a) != "" && samePath(r, by, x, file, plain(a)) }) {
			continue
		}
		switch x.Program {
		case "chmod", "chown":
			if by.End <= x.Start && x.End <= w.Command.Start {
				h.Along = append(h.Along, x)
			}
		case "rm":
			if w.Command.End <= x.Start {
				h.Gone = append(h.Gone, x)
			}
		}
	}
	k := *w.Kept
	k.Handed, w.Kept = h, &k
	return true
}

// unnamed returns the commands behind an offset that give gcloud a key in a file that a
// variable names: it may be any.
func (r *Run) unnamed(from int) []Write {
	var out []Write
	for _, c := range r.Script.Commands {
		if k, ok := kept(c); ok && k.gcloud() && c.Start >= from && strings.Contains(k.Words["file"].Text, "$") {
			out = append(out, Write{In: r.In, Run: r, What: k.What, How: Elsewhere})
		}
	}
	return out
}

// wipesGcloud reports whether a command removes all that gcloud, gsutil and bq keep of a
// service account's key. gcloud auth revoke does not: gsutil has the key in a file of its own.
func wipesGcloud(x *shell.Command) bool {
	if x.Program != "rm" {
		return false
	}
	for _, suffix := range []string{"/credentials*", "/access_tokens*", "/legacy_credentials", "/logs", "/credstore", "/credstore2"} {
		if !slices.ContainsFunc(x.Args, func(w shell.Word) bool { return strings.HasSuffix(w.Text, suffix) }) {
			return false
		}
	}
	return true
}

// withoutGsutil reports whether nothing of the key is in gsutil's own store, at the end of
// a script that removes gcloud's folder.
func (r *Run) withoutGsutil(k Kept, c *shell.Command) bool {
	ran := slices.ContainsFunc(r.Script.Commands, func(x *shell.Command) bool {
		return x.Start >= c.End && (x.Program == "gsutil" || x.Opaque || x.Path != "" && classOf(x.Program, words(x.Args)) == opaque)
	})
	return !ran || r.undone(k, c) || r.removed(c, "~/.gsutil/credstore2")
}
