package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// parameter returns what a function's $1, $2 … may be, from all its calls; nil if that is not
// certain. at is where it stands.
func (sc *scene) parameter(name string, at, depth int) []string {
	if len(name) != 1 || name < "1" || name > "9" || sc.s.Opaque {
		return nil
	}
	if slices.ContainsFunc(sc.s.Commands, func(c *shell.Command) bool { return c.Nested() && c.Start <= at && at < c.End }) {
		return nil // that of another shell
	}
	var body *shell.Body
	defined := map[string]int{}
	for i := range sc.s.Bodies {
		b := &sc.s.Bodies[i]
		defined[b.Name]++
		if b.Start <= at && at < b.End {
			body = b // the innermost comes last
		}
	}
	if body == nil || defined[body.Name] != 1 {
		return nil
	}
	return sc.once(name+" of "+body.Name, func() []string { return sc.passedTo(body, int(name[0]-'1'), depth) })
}

// passedTo returns what all calls of a function give it as its n-th word.
func (sc *scene) passedTo(body *shell.Body, n, depth int) []string {
	var out []string
	for _, c := range sc.s.Commands {
		if body.Start <= c.Start && c.Start < body.End && (c.Program == "shift" || c.Program == "set") {
			return nil
		}
		// trap, retry, xargs … may run it with other words.
		if c.Path != body.Name && !builds(c.Program) && slices.ContainsFunc(c.Args, func(w shell.Word) bool { return w.Lit == body.Name }) {
			return nil
		}
		if c.Path != body.Name {
			continue
		}
		if !c.Function || c.Nested() || c.Parent != nil || n >= len(c.Args) {
			return nil
		}
		for i, a := range c.Args[:n+1] {
			w := sc.read(a)
			if w.strange || w.glob || w.tilde || w.many() && !sc.becomesOne(w) {
				return nil
			}
			if i < n {
				continue
			}
			for _, v := range sc.values(w.chars, depth+1) {
				if !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
		}
	}
	if len(out) > maxValues {
		return nil
	}
	return out
}

// builds reports whether "build" is a word of a program's own, and no function that it runs.
func builds(program string) bool {
	return slices.ContainsFunc([]string{"docker", "podman", "buildah", "nerdctl", "buildctl", "echo", "printf", "cargo", "go", "npm", "yarn", "pnpm"}, func(p string) bool {
		return program == p || strings.HasPrefix(program, p+"-")
	})
}
