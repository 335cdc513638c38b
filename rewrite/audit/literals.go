package audit

import (
	"io/fs"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// literals finds the secrets in the text of one instruction as they are found in a
// Dockerfile: by the flags, headers and variables of the commands in it. A text that is
// no instruction has none.
func literals(instruction string) (found []*Finding) {
	return inDockerfile("FROM scratch\n" + instruction + "\n")
}

// inDockerfile finds the secrets of a whole Dockerfile that have a value in it.
func inDockerfile(src string) (found []*Finding) {
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		return nil
	}
	for _, s := range flow.Analyze(f, flow.NewProject(nothing{}, func() []string { return nil })) {
		for _, o := range s.Origins {
			value := o.Value.Reveal()
			if value == "" || o.Kind == flow.Copy || o.Kind == flow.Mount {
				continue
			}
			x := &Finding{What: s.Name, Shown: detect.Mask(value), Secret: s.Name, value: value}
			if o.What != "" && o.What != s.Name {
				x.What += " (" + o.What + ")"
			}
			switch {
			case s.Verdict == detect.Dummy:
				x.Note = true
				x.What += ", a weak or made-up value"
			case s.Verdict != detect.Exposed:
				continue
			}
			found = append(found, x)
			break
		}
	}
	return found
}

// script makes a command one RUN, whatever lines it has.
func script(command string) string {
	end := "UNBAKE"
	for strings.Contains(command, end) {
		end += "_"
	}
	return "RUN <<'" + end + "'\n" + command + "\n" + end
}

// nothing is the project around a Dockerfile that has none.
type nothing struct{}

func (nothing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
