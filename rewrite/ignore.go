package rewrite

import (
	"bytes"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// IgnoreRule owns the findings about ignore comments themselves. It is the engine's own:
// no rule has to know of comments.
var IgnoreRule = &Rule{
	ID:    "ignore",
	Title: "an ignore comment without a rule or a reason",
	Doc:   "A comment \"# unbake:ignore RULE reason\" above an instruction leaves that rule's findings there alone. The reason is for the next person, and is required.",
}

// ignoreComment is one "# unbake:ignore RULE reason".
type ignoreComment struct {
	rule, reason string
	start, end   int // of the comment in the file
}

// ignoreComments returns the comments of that form right above an instruction.
func ignoreComments(f *dockerfile.File, in *dockerfile.Instruction) []ignoreComment {
	var out []ignoreComment
	end := in.Start
	for end > 0 {
		start := bytes.LastIndexByte(f.Src[:end-1], '\n') + 1
		line := strings.TrimSpace(string(f.Src[start:end]))
		if !strings.HasPrefix(line, "#") {
			break
		}
		if rest, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(line, "#")), "unbake:ignore"); ok {
			rule, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
			out = append(out, ignoreComment{rule, strings.TrimSpace(reason), start, start + len(strings.TrimRight(string(f.Src[start:end]), "\r\n"))})
		}
		end = start
	}
	return out
}

// ignored reports whether a comment above one of the secret's origins leaves a finding alone.
func ignored(f *dockerfile.File, secrets []*flow.Secret, x Finding) bool {
	if !bytes.Contains(f.Src, []byte("unbake:ignore")) {
		return false
	}
	at := func(in *dockerfile.Instruction) bool {
		return slices.ContainsFunc(ignoreComments(f, in), func(c ignoreComment) bool {
			return c.rule == x.Rule.ID && c.reason != ""
		})
	}
	for _, in := range f.Instructions {
		if in.Contains(x.Start) && at(in) {
			return true
		}
	}
	for _, s := range secrets {
		if s.Key() == x.Key && slices.ContainsFunc(s.Origins, func(o flow.Origin) bool { return at(o.In) }) {
			return true
		}
	}
	return false
}

// LeftAlone reports whether a comment above one of the secret's origins in File leaves it alone,
// for whichever rule: a fix for something else must not take it along.
func (p *Pass) LeftAlone(s *flow.Secret) bool {
	return slices.ContainsFunc(s.Origins, func(o flow.Origin) bool {
		return o.In != nil && slices.ContainsFunc(ignoreComments(p.File, o.In), func(c ignoreComment) bool { return c.rule != "" && c.reason != "" })
	})
}

// ignoredLine reports whether a comment above the line of a finding, or at its end, leaves
// it alone: of a compose file, whose comments begin with # too.
func ignoredLine(src []byte, x Finding) bool {
	if !bytes.Contains(src, []byte("unbake:ignore")) {
		return false
	}
	matches := func(line []byte) bool {
		_, comment, ok := bytes.Cut(line, []byte("unbake:ignore"))
		rule, reason, _ := strings.Cut(strings.TrimSpace(string(comment)), " ")
		return ok && rule == x.Rule.ID && strings.TrimSpace(reason) != ""
	}
	start := bytes.LastIndexByte(src[:x.Start], '\n') + 1
	line, _, _ := bytes.Cut(src[start:], []byte{'\n'})
	if _, comment, ok := bytes.Cut(line, []byte(" #")); ok && matches(comment) {
		return true
	}
	for start > 0 {
		above := bytes.LastIndexByte(src[:start-1], '\n') + 1
		line := bytes.TrimSpace(src[above:start])
		if !bytes.HasPrefix(line, []byte("#")) {
			return false
		}
		if matches(line) {
			return true
		}
		start = above
	}
	return false
}

// ignores finds ignore comments that lack their rule or their reason.
func ignores(f *dockerfile.File) []Finding {
	if !bytes.Contains(f.Src, []byte("unbake:ignore")) {
		return nil
	}
	var out []Finding
	for _, in := range f.Instructions {
		for _, c := range ignoreComments(f, in) {
			if c.rule != "" && c.reason != "" {
				continue
			}
			out = append(out, Finding{
				Rule: IgnoreRule, Path: f.Path, Start: c.start, End: c.end,
				Message: "the comment ignores nothing: it needs a rule and a reason (# unbake:ignore RULE reason)",
			})
		}
	}
	return out
}
