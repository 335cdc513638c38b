package flow

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// gitVerb is the subcommand of git, behind its own options.
func gitVerb(args []string) string {
	sub, _ := gitCommand(args)
	return sub
}

// asksServer reports a command of git that may talk to a server, and so ask its credential
// helpers: one of which nothing is known may, and one that checks out files, which a
// filter fetches.
func asksServer(args []string) bool {
	switch gitVerb(args) {
	case "", "config", "init", "add", "rm", "mv", "commit", "status", "log", "show", "diff", "describe", "rev-parse", "rev-list", "tag", "branch",
		"version", "help", "apply", "am", "ls-files", "ls-tree", "cat-file", "hash-object", "symbolic-ref", "update-ref", "update-index", "for-each-ref",
		"gc", "fsck", "prune", "reflog", "clean", "bundle", "check-ignore", "blame", "shortlog", "grep", "notes", "var":
		return false
	case "remote":
		rest := behind(args, "remote")
		switch subcommand(rest) {
		case "add":
			return slices.Contains(rest, "-f") || slices.Contains(rest, "--fetch")
		case "update", "show", "prune":
			return true
		}
		return false
	case "lfs":
		return subcommand(behind(args, "lfs")) != "install" && subcommand(behind(args, "lfs")) != "track"
	}
	return true
}

// Says is what a finding says of it.
func (h Helper) Says() string {
	if h.Unsure {
		return fmt.Sprintf("git hands it to its credential helper (line %d), which may keep it", h.In.Line)
	}
	return fmt.Sprintf("git hands it to its credential helper (line %d), which keeps it", h.In.Line)
}

// approves adds what git's credential helpers make of a credential that a command has in
// its words: git approves it there.
func (r *Run) approves(c *shell.Command, held func(shell.Word) bool, add func(Write)) {
	if r.helper == nil {
		return
	}
	asGit := c.Program == "git" && asksServer(words(c.Args))
	if !slices.ContainsFunc(c.Args, func(w shell.Word) bool {
		return held(w) && (asGit && !strings.HasPrefix(strings.ToLower(shown(w)), "http.") || strings.Contains(shown(w), "git+http"))
	}) {
		return
	}
	h := r.helper(c)
	switch {
	case !h.Keeps():
	case !asGit:
		add(Write{What: c.Program + " has git log in with it, and " + h.Says(), How: Elsewhere})
	default:
		row := writers()["-"][0]
		k := Kept{Row: row.row, What: h.Says(), Program: c.Path, Files: []string{h.File}, Readers: row.readers, Certain: len(c.Assigns) == 0}
		if h.File == "" {
			k.Files = row.files
		}
		add(Write{What: k.What, Command: c, How: Configures, Kept: &k})
	}
}

// runsGit reports a command that may have git log in somewhere.
func runsGit(c command) bool {
	return c.program == "git" && asksServer(c.args) ||
		slices.ContainsFunc(writers()["-"][0].readers, func(p programSpec) bool { return p.name != "git" && p.matches(c.program, c.args) }) && !local(c.program, c.args) ||
		classOf(c.program, c.args) == opaque
}

// bringsCredential reports a command of git that needs none from elsewhere: it is in its URL or
// in a header, or a key takes its place.
func bringsCredential(args []string) bool {
	return slices.ContainsFunc(args, func(x string) bool {
		_, host, url := strings.Cut(x, "://")
		user, _, _ := strings.Cut(host, "/")
		return url && strings.Contains(user, "@") || strings.HasPrefix(x, "git@") || strings.Contains(strings.ToLower(x), "extraheader")
	})
}

// givesToGit reports a kind of file whose credentials git logs in with, and so hands to its
// helpers: not .netrc, which is curl's own, and not the store itself.
func givesToGit(kind string) bool { return kind == "gitconfig" || kind == "auth_json" }

// handsOn is what git's credential helpers do with a credential that some git of a RUN
// logs in with.
func (a *analysis) handsOn(in *dockerfile.Instruction) Helper {
	for _, c := range a.run(in).cmds {
		if c.sh == nil && runsGit(c) {
			return a.helperAt(in, nil)
		}
		if c.sh != nil && c.sh.Path != "" && runsGit(c) {
			if h := a.helperAt(in, c.sh); h.Keeps() {
				return h
			}
		}
	}
	return Helper{}
}

// Helper is what git's credential helpers do with a credential that a command has, or, where
// that is nil, any command of the RUN that may have git log in.
func (s *Secret) Helper(in *dockerfile.Instruction, c *shell.Command) Helper {
	if c == nil {
		return s.a.handsOn(in)
	}
	return s.a.helperAt(in, c)
}

// StoreUsed returns an instruction that works on the file of git's credential store, which
// has to be there; nil if there is none.
func (s *Secret) StoreUsed(file string) *dockerfile.Instruction {
	base := path.Base(strings.Trim(file, `"'`))
	names := func(w shell.Word) bool { return path.Base(plain(w)) == base }
	for _, in := range s.File.Instructions {
		switch in.Name {
		case "run":
			r := s.a.run(in)
			if r.Script == nil && strings.Contains(r.Text, base) {
				return in
			}
			for _, c := range r.cmds {
				if c.sh == nil || c.program == "git" || c.program == "rm" && forced(c.args) {
					continue
				}
				if slices.ContainsFunc(c.sh.Args, names) || slices.ContainsFunc(append(slices.Clone(c.sh.Redirs), c.sh.Around...), func(d shell.Redir) bool { return names(d.Target) }) {
					return in
				}
			}
		case "copy", "add", "cmd", "entrypoint", "healthcheck":
			if strings.Contains(in.Text, base) {
				return in
			}
		}
	}
	return nil
}

// forced reports rm -f, which does not mind if the file is not there.
func forced(args []string) bool {
	return slices.ContainsFunc(args, func(x string) bool {
		return x == "--force" || strings.HasPrefix(x, "-") && !strings.HasPrefix(x, "--") && strings.Contains(x, "f")
	})
}
