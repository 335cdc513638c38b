package rewrite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rewrite/yamledit"
)

// state is a Dockerfile or a compose file in one state of the workspace.
type state struct {
	path     string
	src      []byte
	file     *dockerfile.File // nil for a compose file
	secrets  []*flow.Secret
	findings []Finding
	wanted   *Finding // the first that was asked for, if one was
}

// IsTarget reports whether a file of this base name is looked at when a folder is walked:
// a Dockerfile or a compose file.
func IsTarget(base string) bool { return IsDockerfile(base) || compose.IsComposeFile(base) }

// look reads a Dockerfile or a compose file and asks every rule; with wanted, until a
// finding is.
func (e *engine) look(ws *Workspace, name string, rules []*Rule, wanted func(Finding) bool) (*state, error) {
	if compose.IsComposeFile(path.Base(name)) {
		return e.lookCompose(ws, name, rules, wanted)
	}
	src, err := ws.ReadFile(name)
	if err != nil {
		return nil, readError(name, err)
	}
	f, err := dockerfile.Parse(name, src)
	if err != nil {
		return nil, err
	}
	st := &state{path: name, src: f.Src, file: f, secrets: flow.Analyze(f, ws.Project())}
	st.findings = ignores(f)
	if len(st.secrets) == 0 {
		return st, nil
	}
	for _, r := range rules {
		if r.Run == nil {
			continue
		}
		pass := e.pass(ws, r, st, wanted)
		pass.File, pass.Secrets = f, st.secrets
		report := pass.report
		pass.report = func(x Finding) {
			if ignored(f, st.secrets, x) {
				return
			}
			if x.Fix != nil && x.Fix.Then != nil {
				x.Fix, x.Reason = e.complete(ws, f, x.Fix)
			}
			report(x)
		}
		r.Run(pass)
	}
	return st, nil
}

func (e *engine) lookCompose(ws *Workspace, name string, rules []*Rule, wanted func(Finding) bool) (*state, error) {
	all := ws.Project().Compose()
	i := slices.IndexFunc(all, func(f *compose.File) bool { return f.Path == name })
	if i < 0 {
		// It is named on the command line, and git ignores it.
		all, i = compose.Load(ws, []string{name}), 0
	}
	f := all[i]
	if f.Err != nil {
		if f.Src != nil && len(bytes.TrimSpace(f.Src)) == 0 {
			return &state{path: name}, nil // an empty file is no error, and nothing stands in it
		}
		var at *yamledit.Error
		if errors.As(f.Err, &at) {
			return nil, at
		}
		return nil, readError(name, f.Err)
	}
	st := &state{path: name, src: f.Src}
	for _, r := range rules {
		if r.RunCompose == nil {
			continue
		}
		pass := e.pass(ws, r, st, wanted)
		pass.Compose = f
		report := pass.report
		pass.report = func(x Finding) {
			if !ignoredLine(f.Src, x) {
				report(x)
			}
		}
		r.RunCompose(pass)
	}
	return st, nil
}

// pass is what a rule is given; what it reports is kept in st.
func (e *engine) pass(ws *Workspace, r *Rule, st *state, wanted func(Finding) bool) *Pass {
	return &Pass{
		Rule: r, Path: st.path, Workspace: ws, Harden: e.opts.Harden, Builder: e.opts.Builder,
		enough: func() bool { return st.wanted != nil },
		report: func(x Finding) {
			e.proofs.lower(x.Fix)
			st.findings = append(st.findings, x)
			if wanted != nil && st.wanted == nil && wanted(x) {
				st.wanted = &x
			}
		},
	}
}

func readError(path string, err error) error {
	var tooLarge *dockerfile.ParseError
	if errors.As(err, &tooLarge) {
		return err
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// position returns the line and the column, in bytes, of an offset, both from 1.
func (st *state) position(offset int) (line, col int) {
	if st.file != nil {
		return st.file.Position(offset)
	}
	before := st.src[:min(offset, len(st.src))]
	return 1 + bytes.Count(before, []byte{'\n'}), len(before) - bytes.LastIndexByte(before, '\n')
}
