package flow

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Helper is what git's credential helpers do with a credential: git asks them for one, and
// hands them the one that it has logged in with, wherever it had that from.
type Helper struct {
	In     *dockerfile.Instruction // names the helper; nil where there is none
	Stores bool                    // git-credential-store: it is in a file from then on
	File   string                  // of git-credential-store
	Unsure bool                    // another program, or one that is not seen: it may keep it
	Asks   bool                    // git runs a program for a credential, which may read variables
}

// Keeps reports whether the credential may be in a layer afterwards.
func (h Helper) Keeps() bool { return h.Stores || h.Unsure }

// gitStore is where git-credential-store keeps credentials if it is not told.
const gitStore = "~/.git-credentials"

// helperOf is what a value of credential.helper stands for: nothing for the empty one,
// which takes back those before it, and for what keeps a credential in memory.
func helperOf(value string) Helper {
	words := strings.Fields(strings.Trim(value, `"'`))
	switch {
	case len(words) == 0 || words[0] == "cache":
		return Helper{}
	case words[0] == "store":
		h := Helper{Stores: true, File: gitStore}
		for i, w := range words {
			if file, ok := strings.CutPrefix(w, "--file="); ok {
				h.File = file
			} else if w == "--file" && i+1 < len(words) {
				h.File = words[i+1]
			}
		}
		return h
	case strings.HasPrefix(words[0], "!"):
		return Helper{Asks: true, Unsure: !onlyAnswers(strings.TrimPrefix(strings.Join(words, " "), "!"))}
	}
	return Helper{Asks: true, Unsure: true}
}

// onlyAnswers reports a helper that keeps nothing: a forge's own program, which has the
// credential elsewhere, and a function that prints it.
func onlyAnswers(script string) bool {
	for _, known := range []string{"gh auth git-credential", "glab auth git-credential", "aws codecommit credential-helper", "gcloud auth git-helper"} {
		if strings.Contains(script, known) {
			return true
		}
	}
	s, err := shell.Parse(script, shell.POSIX)
	return err == nil && len(s.Commands) > 0 && !slices.ContainsFunc(s.Commands, func(c *shell.Command) bool {
		switch c.Program {
		case "echo", "printf", "sleep", "test", "[", "true", ":":
			return slices.ContainsFunc(append(slices.Clone(c.Redirs), c.Around...), shell.Redir.WritesFile)
		}
		return !c.Function
	})
}

// helperIn is one helper of several.
type helperIn struct {
	Helper
	level, key string // where git is configured to have it: --global, --system, a file; and by which name
}

// helpers are those that git has at some point of a build.
type helpers []helperIn

func (hs *helpers) add(in *dockerfile.Instruction, level, key, value string) {
	h := helperOf(value)
	if h.In = in; h.Keeps() || h.Asks {
		*hs = append(*hs, helperIn{h, level, strings.ToLower(key)})
	}
}

// unseen adds what may be any helper.
func (hs *helpers) unseen(in *dockerfile.Instruction, level string) {
	*hs = append(*hs, helperIn{Helper{In: in, Unsure: true, Asks: true}, level, ""})
}

// drop takes back a helper; of a level, all.
func (hs *helpers) drop(level, key string) {
	*hs = slices.DeleteFunc(*hs, func(h helperIn) bool { return h.level == level && (key == "" || h.key == key) })
}

// all is what they do together.
func (hs helpers) all() Helper {
	var out Helper
	for _, h := range hs {
		if out.In == nil || h.Unsure && !out.Unsure || h.Stores && !out.Keeps() {
			out.In = h.In
		}
		if h.Stores {
			out.File = h.File
		}
		out.Stores, out.Unsure, out.Asks = out.Stores || h.Stores, out.Unsure || h.Unsure, out.Asks || h.Asks
	}
	return out
}

var (
	helperKey     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^credential\.(?:.*\.)?helper$`) })
	helperSection = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\[credential(?:\s+\\?"([^"\]]*)")?\s*\]([^\[]*)`)
	})
	helperLine = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(?:\\[nt]|\b)helper\s*=[ \t]*(?:\\?["']([^"'\n]+)|([^\n\\"'>]*))`)
	})
	helperName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)credential\.(?:\S*\.)?helper\b`) })
)

// file reads a configuration of git's.
func (hs *helpers) file(in *dockerfile.Instruction, level, text string) {
	for _, section := range helperSection().FindAllStringSubmatch(text, -1) {
		key := "credential.helper"
		if section[1] != "" {
			key = "credential." + section[1] + ".helper"
		}
		for _, line := range helperLine().FindAllStringSubmatch(section[2], -1) {
			hs.add(in, level, key, line[1]+line[2])
		}
	}
	if strings.Contains(text, "[include") {
		hs.unseen(in, level)
	}
}

// config applies git config. It reports whether the command names a helper.
func (hs *helpers) config(in *dockerfile.Instruction, c command) (named bool) {
	args := behind(c.args, "config")
	level, what := "--local", ""
	add, read, certain := false, false, c.sh == nil || c.sh.In&unsureContext == 0
	var words []string
	for i := 0; i < len(args); i++ {
		switch x := args[i]; {
		case x == "--global" || x == "--system" || x == "--local" || x == "--worktree":
			level = x
		case (x == "-f" || x == "--file") && i+1 < len(args):
			i++
			level = args[i]
		case strings.HasPrefix(x, "--file="):
			level = strings.TrimPrefix(x, "--file=")
		case (x == "--type" || x == "--default" || x == "--blob" || x == "--value") && i+1 < len(args):
			i++
		case x == "--add" || x == "--append":
			add = true
		case strings.HasPrefix(x, "--unset"):
			what = "unset"
		case x == "--remove-section":
			what = "remove-section"
		case strings.HasPrefix(x, "--get"), x == "-l", x == "--list", x == "-e", x == "--edit", strings.HasPrefix(x, "--rename"):
			read = true
		case strings.HasPrefix(x, "-") && len(words) == 0:
		case len(words) == 0 && (x == "set" || x == "unset" || x == "get" || x == "remove-section"):
			what = x
		default:
			words = append(words, x)
		}
	}
	if len(words) == 0 {
		return false
	}
	key := strings.ToLower(strings.Trim(words[0], `"'`))
	named = helperKey().MatchString(key)
	switch {
	case read || what == "get":
	case what == "unset" && named:
		if certain {
			hs.drop(level, key)
		}
	case what == "remove-section":
		if certain {
			hs.drop(level, key+".helper")
		}
	case key == "include.path" || strings.HasPrefix(key, "includeif."):
		hs.unseen(in, level)
	case named && len(words) > 1:
		if certain && !add {
			hs.drop(level, key)
		}
		hs.add(in, level, key, words[1])
	}
	return named
}

// behind are the arguments that follow a subcommand.
func behind(args []string, sub string) []string {
	if i := slices.Index(args, sub); i >= 0 {
		return args[i+1:]
	}
	return nil
}

// command applies what a command does to git's configuration. It returns how often it names
// a helper in a way that is understood.
func (hs *helpers) command(in *dockerfile.Instruction, c command) (named int) {
	switch c.program {
	case "git":
		for i, x := range c.args {
			if i > 0 && c.args[i-1] == "-c" && helperName().MatchString(x) {
				named++ // for this once
			}
		}
		if gitVerb(c.args) == "config" && hs.config(in, c) {
			named++
		}
	case "gh":
		if strings.Contains(strings.Join(c.args, " "), "auth setup-git") {
			hs.add(in, "gh", "", "!gh auth git-credential")
		}
	case "git-credential-manager", "git-credential-manager-core":
		hs.add(in, c.program, "", c.program)
	case "cp", "mv", "ln", "install", "curl", "wget":
		if slices.ContainsFunc(c.args, func(x string) bool { return isGitConfig(strings.Trim(x, `"'`)) }) {
			hs.unseen(in, c.program)
		}
	}
	return named
}

func isGitConfig(name string) bool {
	switch path.Base(name) {
	case ".gitconfig", "gitconfig":
		return true
	}
	return strings.HasSuffix(name, "/.config/git/config")
}

// mentionsHelper reports whether anything in the file may give git a credential helper:
// most files pay for this look only.
func (a *analysis) mentionsHelper() bool {
	return strings.Contains(strings.ToLower(string(a.file.Src)), "credential") || strings.Contains(string(a.file.Src), "gitconfig") || strings.Contains(string(a.file.Src), "setup-git") ||
		slices.ContainsFunc(a.file.Instructions, func(in *dockerfile.Instruction) bool {
			return (in.Name == "copy" || in.Name == "add") && in.Stage != nil && slices.ContainsFunc(gitConfigs(in), func(f string) bool {
				over, _ := a.copiesOver(in, f)
				return over
			})
		})
}

// gitConfigs are the places of git's configuration.
func gitConfigs(in *dockerfile.Instruction) []string {
	home := homeOf(in)
	return []string{path.Join(home, ".gitconfig"), path.Join(home, ".config/git/config"), "/etc/gitconfig"}
}

// helpersBefore are those that git has before an instruction.
func (a *analysis) helpersBefore(in *dockerfile.Instruction) helpers {
	if a.helped == nil {
		mentioned := a.mentionsHelper()
		a.helped = &mentioned
	}
	if !*a.helped || in.Stage == nil {
		return nil
	}
	hs, ok := a.helpers[in]
	if ok {
		return hs
	}
	hs = a.helpersOf(in.Stage.History(in))
	a.helpers[in] = hs
	return hs
}

func (a *analysis) helpersOf(history []*dockerfile.Instruction) helpers {
	var hs helpers
	for _, x := range history {
		switch x.Name {
		case "env":
			pairs := x.Pairs()
			for _, p := range pairs {
				n, ok := strings.CutPrefix(p.Name, "GIT_CONFIG_KEY_")
				if !ok || !helperKey().MatchString(strings.Trim(p.Value.Text, `"'`)) {
					continue
				}
				for _, v := range pairs {
					if v.Name == "GIT_CONFIG_VALUE_"+n {
						hs.add(x, "ENV", "", v.Value.Text)
					}
				}
			}
		case "copy", "add":
			a.copiesHelper(&hs, x)
		case "run":
			a.runHelpers(&hs, x, nil)
		}
	}
	return hs
}

// runHelpers applies a RUN: all of it, or what may come before a command.
func (a *analysis) runHelpers(hs *helpers, in *dockerfile.Instruction, until *shell.Command) {
	r := a.run(in)
	named := 0
	for _, c := range r.cmds {
		if until != nil && c.sh != nil && c.sh.Start >= until.Start && c.sh.In&shell.InFunc == 0 {
			named += new(helpers).command(in, c)
			continue
		}
		named += hs.command(in, c)
	}
	text := r.Text
	if r.Script != nil {
		for _, x := range r.Script.Assigns {
			if strings.HasPrefix(x.Name, "GIT_CONFIG_KEY_") && helperName().MatchString(x.Value.Text) {
				named++
			}
		}
		for _, s := range slices.Backward(r.Script.Comments) {
			text = text[:s.Start] + text[s.End:]
		}
	}
	hs.file(in, "text", text)
	// Told in some other way: a script that is written, a variable.
	if len(helperName().FindAllString(text, -1)) > named {
		hs.unseen(in, "text")
	}
}

// copiesHelper applies a COPY or ADD that puts a configuration of git's in its place.
func (a *analysis) copiesHelper(hs *helpers, in *dockerfile.Instruction) {
	for i, file := range gitConfigs(in) {
		over, _ := a.copiesOver(in, file)
		if !over {
			continue
		}
		level := []string{"--global", "--global", "--system"}[i]
		if i != 1 {
			hs.drop(level, "")
		}
		if from, ok := in.FlagValue("from"); ok {
			if st := a.file.SourceStage(from); st != nil && st.Index < in.Stage.Index {
				for _, h := range a.helpersOf(st.History(nil)) {
					*hs = append(*hs, helperIn{h.Helper, level, h.key})
				}
				continue
			}
			hs.unseen(in, level)
			continue
		}
		text, ok := a.copiedText(in, file)
		if !ok {
			hs.unseen(in, level)
			continue
		}
		hs.file(in, level, text)
	}
}

// copiedText is what a COPY puts in a place, if it is there to be read.
func (a *analysis) copiedText(in *dockerfile.Instruction, file string) (string, bool) {
	if len(in.Heredocs) > 0 {
		h := in.Heredocs[0]
		return string(a.file.Src[h.Start:h.End]), len(in.Heredocs) == 1
	}
	words, ok := in.Paths()
	if !ok || len(words) < 2 {
		return "", false
	}
	for _, w := range words[:len(words)-1] {
		source := strings.TrimPrefix(path.Clean("/"+w.Text), "/")
		for _, name := range []string{source, path.Join(source, path.Base(file)), path.Join(source, ".config/git/config")} {
			if isGitConfig("/"+name) || len(words) == 2 && name == source {
				if data, ok := a.contextFile(name); ok {
					return string(data), true
				}
			}
		}
	}
	return "", false
}

// helperAt is what git's helpers do with a credential that a command has, or any command of
// the RUN where that is nil.
func (a *analysis) helperAt(in *dockerfile.Instruction, c *shell.Command) Helper {
	before := a.helpersBefore(in)
	if a.helped == nil || !*a.helped {
		return Helper{}
	}
	r := a.run(in)
	hs := slices.Clone(before)
	if c == nil {
		a.runHelpers(&hs, in, nil)
		return a.less(r, nil, hs.all())
	}
	a.runHelpers(&hs, in, c)
	if r.Script != nil {
		set := append(slices.Clone(r.Script.Assigns), c.Assigns...)
		for _, key := range set {
			n, ok := strings.CutPrefix(key.Name, "GIT_CONFIG_KEY_")
			if !ok || key.Start >= c.End {
				continue
			}
			for _, v := range set {
				if v.Name == "GIT_CONFIG_VALUE_"+n && v.Start < c.End {
					hs.told(in, shown(key.Value), v.Value)
				}
			}
		}
	}
	if c.Program == "git" {
		for i, w := range c.Args {
			if i == 0 || shown(c.Args[i-1]) != "-c" {
				continue
			}
			if key, value, ok := cutWord(w, "="); ok {
				hs.told(in, shown(key), value)
			}
		}
	}
	return a.less(r, c, hs.all())
}

// told adds a helper that a command is told for itself, which is the last: the empty one takes
// back all before it, and after any other there is no room for that one.
func (hs *helpers) told(in *dockerfile.Instruction, key string, value shell.Word) {
	switch {
	case !helperKey().MatchString(key):
	case strings.EqualFold(key, "credential.helper") && shown(value) == "":
		*hs = nil
	case helperOf(shown(value)).Keeps():
		hs.unseen(in, "-c")
	}
}

// less is a helper without a store that the RUN removes.
func (a *analysis) less(r *Run, c *shell.Command, h Helper) Helper {
	if h.Stores && c != nil && r.removed(c, h.File) {
		h.Stores = false
	}
	return h
}
