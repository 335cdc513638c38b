package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/callers"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// called says what scripts run in the containers beside what these start: reader is who
// reads the variable in one that runs, or may, and over those that start another program.
func (r *running) called() (reader string, over overriding) {
	project := r.p.Workspace.Project()
	for _, c := range project.Callers().Commands {
		if !r.concerns(c) {
			continue
		}
		place := at(c.Path, c.Line)
		switch {
		case c.Exec && reader == "" && !interactive(c.Words):
			if program := flow.TestReads(r.p.File, project, append([]string{"CMD"}, c.Words...), r.names); program != "" {
				reader = place + " runs a command in the container that reads it, or may (" + program + ")"
			}
		case c.Exec:
		case c.Entrypoint && over.entrypoint == "":
			over.entrypoint = "a container that " + place + " runs"
		case len(c.Words) > 0 && over.command == "":
			over.command = place
		}
	}
	return reader, over
}

// interactive reports a shell that a person types into.
func interactive(words []string) bool {
	if len(words) == 0 {
		return true
	}
	return slices.Contains([]string{"sh", "bash", "ash", "zsh", "dash"}, path.Base(words[0])) &&
		!slices.ContainsFunc(words[1:], func(w string) bool { return !strings.HasPrefix(w, "-") || strings.HasSuffix(w, "c") })
}

// concerns reports whether a command runs in a container of the images, or may.
func (r *running) concerns(c callers.Command) bool {
	project := r.p.Workspace.Project()
	if strings.ContainsAny(c.In, "${") {
		return true
	}
	if !c.Exec && !c.Compose {
		name := untagged(c.In)
		return slices.Contains(project.Callers().Tags, name) || slices.ContainsFunc(r.users, func(u user) bool { return u.Image != "" && untagged(u.Image) == name })
	}
	is := func(svc *compose.Service) bool {
		return svc.Name == c.In || !c.Compose && strings.Contains(c.In, svc.Name)
	}
	if slices.ContainsFunc(r.users, func(u user) bool { return is(u.Service) }) {
		return true
	}
	for _, f := range project.Compose() {
		if slices.ContainsFunc(f.Services, is) {
			return false
		}
	}
	return !c.Compose
}

// untagged is an image's name without its tag and digest.
func untagged(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}

var projectName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^name:[ \t]*["']?([a-z0-9_-]+)["']?[ \t\r]*(?:#.*)?$`)
})

// imageOf reports whether an image is the one that a service builds: under the name that
// it gives it, or the one that compose does, PROJECT-SERVICE.
func imageOf(svc *compose.Service, image string) bool {
	if svc.Image != "" {
		return sameImage(svc.Image, image)
	}
	image = strings.TrimSuffix(image, ":latest")
	project, ok := strings.CutSuffix(image, "-"+svc.Name)
	if !ok {
		project, ok = strings.CutSuffix(image, "_"+svc.Name) // of compose before version 2
	}
	if !ok || project == "" || strings.ContainsAny(project, "/:$") {
		return false
	}
	if m := projectName().FindSubmatch(svc.File.Src); m != nil {
		return string(m[1]) == project
	}
	dir := path.Base(svc.File.Dir)
	return svc.File.Dir == "." || svc.File.Dir == "" || strings.ToLower(dir) == project
}
