package rules

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/edit"
)

// frontend is what the syntax line of a file allows.
type frontend uint8

const (
	envMounts   frontend = iota // secrets as environment variables
	fileMounts                  // secrets as files only
	otherSyntax                 // no frontend that we know
	noMounts                    // a builder without secret mounts
)

// allowed is what the frontend of a Dockerfile and all who build it allow.
type allowed struct {
	frontend
	edits  []edit.Edit // that make it so
	by     string      // the builder that allows no more, in a clause; "" where it is the syntax line, or nothing
	able   call.Able
	reason string // why no secret can be mounted
}

// allows is asked where something is to be mounted: who builds the file is looked for.
func allows(p *rewrite.Pass) allowed {
	a := allowed{able: p.Able()}
	a.edits, a.frontend = syntaxLine(p.File)
	switch {
	case a.able.Mounts == call.NoMounts:
		a.frontend, a.by, a.reason = noMounts, a.able.Why, a.able.Why
	case a.frontend == otherSyntax:
		a.reason = "the frontend that the syntax line names is not known to have secret mounts"
	case a.able.Mounts == call.FileMounts && a.frontend == envMounts:
		a.frontend, a.by = fileMounts, a.able.Why
		if a.raised() && hasFileMounts(p.File) {
			a.edits = nil
		}
	}
	return a
}

// raised reports whether the edits raise a pinned frontend.
func (a allowed) raised() bool { return len(a.edits) == 1 && a.edits[0].Start != a.edits[0].End }

var pin = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:docker\.io/)?docker/dockerfile(?:-upstream)?:(1|latest|1\.(\d+)(?:\.\d+)?)$`)
})

// syntaxLine returns the edits that make the file's frontend one with secret mounts
// with env=, and what the file allows after them.
func syntaxLine(f *dockerfile.File) ([]edit.Edit, frontend) {
	for _, d := range f.Directives {
		if d.Name != "syntax" {
			continue
		}
		ref, _, _ := strings.Cut(d.Value, " ")
		m := pin().FindStringSubmatch(ref)
		if m == nil {
			if strings.HasPrefix(strings.TrimPrefix(ref, "docker.io/"), "docker/dockerfile") {
				return nil, fileMounts // a digest, -labs, experimental: nothing newer is to be had for it
			}
			return nil, otherSyntax
		}
		if minor, err := strconv.Atoi(m[2]); m[2] == "" || err == nil && minor >= 10 {
			return nil, envMounts
		}
		at := bytes.Index(f.Src[d.Start:d.End], []byte(ref))
		tag := strings.LastIndexByte(ref, ':') + 1
		start := d.Start + at + tag
		return []edit.Edit{{Start: start, End: d.Start + at + len(ref), New: "1.10"}}, envMounts
	}
	at := 0
	if bytes.HasPrefix(f.Src, []byte("\xef\xbb\xbf")) {
		at = 3
	}
	if bytes.HasPrefix(f.Src[at:], []byte("#!")) {
		at += bytes.IndexByte(f.Src[at:], '\n') + 1
	}
	return []edit.Edit{{Start: at, End: at, New: "# syntax=docker/dockerfile:1" + f.Newline}}, envMounts
}

// hasFileMounts reports whether the pinned frontend has secret mounts as files: 1.2 and later.
func hasFileMounts(f *dockerfile.File) bool {
	for _, d := range f.Directives {
		if d.Name != "syntax" {
			continue
		}
		ref, _, _ := strings.Cut(d.Value, " ")
		if m := pin().FindStringSubmatch(ref); m != nil {
			minor, err := strconv.Atoi(m[2])
			return err == nil && minor >= 2
		}
	}
	return false
}
