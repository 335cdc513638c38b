package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
)

// filesAtStart returns the services whose containers must be given a copied file when they
// start, at the place where the image had it. reason says why that cannot be done.
func filesAtStart(p *rewrite.Pass, s *flow.Secret) (services []*compose.Service, reason string) {
	c := s.Copied
	if !c.Known || !path.IsAbs(c.Target) {
		return nil, "the running container may need it, and its place in the image is not certain"
	}
	if !c.Seen {
		return nil, "the running container may need it, and it is not here to be read: give it to the container as a secret or a volume first"
	}
	from := s.Origins[0].In.Stage
	for _, svc := range runners(p, s.Builders) {
		stage := stageOf(p.File, svc)
		if stage == nil {
			return nil, fmt.Sprintf("%s: which stage the service %s runs is not certain", svc.File.Path, svc.Name)
		}
		if !slices.Contains(stage.Lineage(), from) {
			if leadsTo(p.File, from, stage) {
				return nil, "another stage copies it on: give it to the container as a secret or a volume first"
			}
			continue
		}
		file := path.Join(c.Context, c.Source)
		if why := mountedOver(p, svc, file, c.Target); why != "" {
			return nil, why
		}
		if why := readable(p, svc, stage, file); why != "" {
			return nil, why
		}
		services = append(services, svc)
	}
	if len(services) == 0 {
		return nil, "the running container may need it, and no compose service runs it: give it to the container as a secret or a volume first"
	}
	return services, ""
}

// mountedOver says what a service, or an entry that is laid over it, mounts over the place of a
// file, so that its container does not see the one of the image. The folder that the file
// comes from may stand there, and a volume, which has the image's file while it is new.
func mountedOver(p *rewrite.Pass, svc *compose.Service, file, target string) string {
	for _, f := range p.Workspace.Project().Compose() {
		if f != svc.File && path.Dir(f.Path) != path.Dir(svc.File.Path) {
			continue
		}
		for _, x := range f.Services {
			if x.Name != svc.Name {
				continue
			}
			m := x.Over(target)
			switch {
			case m == nil:
			case m.Target == target:
				return fmt.Sprintf("%s: the service %s mounts something at %s already", f.Path, x.Name, target)
			case m.Bind && path.Join(m.Source, strings.TrimPrefix(target, m.Target)) != file:
				return fmt.Sprintf("%s: the service %s mounts a folder of the host over %s, and does not see the image's file there", f.Path, x.Name, m.Target)
			}
		}
	}
	return ""
}

// runners returns the services that run the image that the builders build: themselves, and
// those that have it by its name. An entry that is laid over another of the same service
// is left out: what the other is given counts for both.
func runners(p *rewrite.Pass, builders []*compose.Service) []*compose.Service {
	var out []*compose.Service
	var own []*compose.Service
	for _, svc := range builders {
		if svc.Build == nil || svc.Build.Context == "" && svc.Build.Dockerfile == "" {
			continue // arguments of an override
		}
		if !strings.Contains(svc.Image, "$") {
			own = append(own, svc)
		}
		if !svc.Overrides {
			out = append(out, svc)
		}
	}
	for _, f := range p.Workspace.Project().Compose() {
		for _, svc := range f.Services {
			if svc.Image != "" && slices.ContainsFunc(own, func(o *compose.Service) bool { return imageOf(o, svc.Image) }) && svc.Build == nil && !svc.Overrides && !slices.Contains(out, svc) {
				out = append(out, svc)
			}
		}
	}
	return out
}

// stageOf returns the stage that a service runs, nil where its name is none of the file's.
func stageOf(f *dockerfile.File, svc *compose.Service) *dockerfile.Stage {
	if svc.Build == nil || svc.Build.Target == "" {
		return f.Final()
	}
	for _, s := range f.Stages {
		if strings.EqualFold(s.Name, svc.Build.Target) {
			return s
		}
	}
	return nil
}

// leadsTo reports whether a stage is copied from, over others too, by the one that runs.
func leadsTo(f *dockerfile.File, from, to *dockerfile.Stage) bool {
	seen := map[*dockerfile.Stage]bool{}
	var reach func(*dockerfile.Stage) bool
	reach = func(s *dockerfile.Stage) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		for _, x := range s.Lineage() {
			if x == from {
				return true
			}
			for _, in := range f.Instructions {
				name, ok := in.FlagValue("from")
				if in.Stage != x || !ok {
					continue
				}
				if src := f.SourceStage(name); src != nil && reach(src) {
					return true
				}
			}
		}
		return false
	}
	return reach(to)
}

// readable says why a container cannot read a file of the host that it is given: compose
// mounts it with the owner and the mode that it has there, whatever is asked for.
func readable(p *rewrite.Pass, svc *compose.Service, stage *dockerfile.Stage, file string) string {
	info, err := p.Workspace.Stat(file)
	if err != nil || info.Mode().Perm()&0o004 != 0 {
		return ""
	}
	user, _, _ := strings.Cut(svc.User, ":")
	root := user == "root" || user == "0"
	if user == "" {
		last := lastOf(stage)
		is, known := flow.IsRoot(last)
		root = is && known
	}
	if root {
		return ""
	}
	return fmt.Sprintf("the service %s does not run as root, and on the host others cannot read %s: chmod o+r first", svc.Name, file)
}

// lastOf returns the last instruction of a stage.
func lastOf(stage *dockerfile.Stage) *dockerfile.Instruction {
	var last *dockerfile.Instruction
	for _, in := range stage.File.Instructions {
		if in.Stage == stage {
			last = in
		}
	}
	return last
}

// atStart makes the fix of a file that containers are given one to review, and says what
// a person must know.
func atStart(p *rewrite.Pass, s *flow.Secret, fix *rewrite.Fix, containers []*compose.Service, file string) {
	if len(containers) == 0 {
		return
	}
	var names []string
	for _, svc := range containers {
		if !slices.Contains(names, svc.Name) {
			names = append(names, svc.Name)
		}
	}
	give := "give " + s.Name + " to " + strings.Join(names, ", ") + " when it starts"
	if len(names) > 1 {
		give = strings.TrimSuffix(give, "it starts") + "they start"
	}
	if len(fix.Passes) > 0 {
		fix.Title += ", and " + give
	} else {
		fix.Title = give
	}
	fix.Safety = min(fix.Safety, rewrite.Review)
	lost := "the running container no longer has " + s.Copied.Target
	var needs []string
	for need := range strings.SplitSeq(fix.Needs, "; ") {
		if need != "" && need != lost {
			needs = append(needs, need)
		}
	}
	needs = append(needs,
		"in the container, "+s.Copied.Target+" is read-only, and has the owner and the mode of "+file,
		fmt.Sprintf("where compose does not start it: docker run -v \"$PWD/%s:%s:ro\"", file, s.Copied.Target))
	fix.Needs = strings.Join(needs, "; ")
}

// fileSecret gives the builds of Dockerfiles that read a file, and the services that run the image, the
// file as a secret: the ones under its id, the others at a place.
func fileSecret(p *rewrite.Pass, s *flow.Secret, file string, reading []*flow.Secret, containers []*compose.Service) (changes []rewrite.Change, calls *composition, reason string) {
	c := &composition{}
	give := func(m compose.Migration) {
		x := c.of(m.Service.File)
		x.moves = append(x.moves, m)
		x.define(compose.NamedSecret{Name: s.ID, SecretDef: compose.SecretDef{File: relative(path.Dir(m.Service.File.Path), file)}})
	}
	for _, t := range reading {
		for _, svc := range t.Builders {
			if svc.Build == nil || svc.Overrides || svc.Build.Context == "" && svc.Build.Dockerfile == "" {
				continue
			}
			give(compose.Migration{Service: svc, AddSecrets: []string{s.ID}})
		}
		q := *p
		q.File = t.File
		if reason := callersBuild(&q, t, passed{id: s.ID, file: file, source: s.Copied.Source, always: true}, c); reason != "" {
			return nil, nil, reason
		}
	}
	for _, svc := range containers {
		give(compose.Migration{Service: svc, Grant: []compose.Grant{{Source: s.ID, Target: s.Copied.Target}}})
	}
	changes, reason = c.changes()
	return changes, c, reason
}
