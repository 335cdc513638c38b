package callers

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Command is one that a file runs in a container: in one that runs (exec), or in a new
// one, in place of what its image starts (run).
type Command struct {
	Mention
	Exec       bool
	Compose    bool     // In is a service; else a container (exec) or an image (run)
	In         string   // as it is written, a variable too
	Entrypoint bool     // --entrypoint
	Words      []string // what is run, without the shell's quotes; none where run says nothing
}

var (
	inContainer = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:\b(docker|podman|nerdctl)|\b(docker-compose|podman-compose)|\$[({]?\w*(COMPOSE|DC|compose)\w*[)}]?|\$[({]?\w*(?:DOCKER|docker)\w*[)}]?)((?:[ \t]+[^ \t;|&]+)*?)[ \t]+(exec|run)[ \t]+(.*)`)
	})
	tagged = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bbuild\b.*?[ \t](?:-t|--tag)[ =]*["']?([A-Za-z0-9][\w./-]*)`)
	})
	// listed is a command as a list of strings.
	listed = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`["'](?:docker|docker-compose|podman)["'][ \t]*,`)
	})
	lists = strings.NewReplacer("[", " ", "]", " ", ",", " ", `"`, "", "'", "")
)

// Flags with a word of their own behind them, of exec and of compose's run; docker's run
// has so many that those without one are listed.
var (
	valued = []string{"-e", "--env", "--env-file", "--env-from-file", "-u", "--user", "-w", "--workdir", "--detach-keys", "--index",
		"-v", "--volume", "-p", "--publish", "-l", "--label", "--name", "--entrypoint", "--cap-add", "--cap-drop", "--pull"}
	bare = []string{"--detach", "--interactive", "--tty", "--rm", "--init", "--privileged", "--publish-all", "--read-only",
		"--no-healthcheck", "--oom-kill-disable", "--quiet", "--sig-proxy", "--disable-content-trust"}
)

// containers indexes the commands that a line runs in containers.
func (x *Index) containers(at Mention, line string) {
	if m := tagged().FindStringSubmatch(line); m != nil && !slices.Contains(x.Tags, m[1]) {
		x.Tags = append(x.Tags, m[1])
	}
	if listed().MatchString(line) {
		line = lists.Replace(line)
	}
	for {
		m := inContainer().FindStringSubmatch(line)
		if m == nil {
			return
		}
		words, rest := split(m[6])
		c := Command{Mention: at, Exec: m[5] == "exec", Compose: m[2] != "" || m[3] != "" || slices.Contains(strings.Fields(m[4]), "compose")}
		for len(words) > 0 && strings.HasPrefix(words[0], "-") {
			flag, _, whole := strings.Cut(words[0], "=")
			words = words[1:]
			c.Entrypoint = c.Entrypoint || flag == "--entrypoint"
			takes := slices.Contains(valued, flag)
			if !c.Exec && !c.Compose {
				takes = !slices.Contains(bare, flag) && (strings.HasPrefix(flag, "--") || strings.Trim(flag, "-ditPq") != "")
			}
			if takes && !whole && len(words) > 0 {
				words = words[1:]
			}
		}
		if len(words) > 0 {
			c.In, c.Words = words[0], words[1:]
			x.Commands = append(x.Commands, c)
		}
		line = rest
	}
}

// split returns the words of a shell's command up to its end, and what follows.
func split(text string) (words []string, rest string) {
	var word strings.Builder
	in, open := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case open == 0 && (c == '\'' || c == '"'):
			if strings.IndexByte(text[i+1:], c) < 0 {
				if in {
					words = append(words, word.String())
				}
				return words, text[i+1:] // the end of a string that the command stands in
			}
			open, in = c, true
		case open != 0 && c == open:
			open = 0
		case c == '\\' && open != '\'' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
			in = true
		case open == 0 && strings.IndexByte(" \t;|&<>", c) >= 0:
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			if in = false; c != ' ' && c != '\t' {
				return words, text[i+1:]
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words, ""
}
