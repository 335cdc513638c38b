package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/proof"
)

// making is one go at all fixes, from the state on disk on.
type making struct {
	*engine
	ws        *Workspace
	plan      *Plan
	paths     []string
	rules     []*Rule
	last      []*state
	fixed     map[string]*Fix
	withdrawn map[string]string
	steps     []madeFix
}

// madeFix is one fix with the states before and after it.
type madeFix struct {
	key      string
	fix      *Fix
	from, to *Workspace
}

// run makes one fix after the other until no rule has anything to do.
func (m *making) run() error {
	least := m.opts.Least
	// A fix in one file can free another's, by an ignore line say: until nothing moves.
	for moved := least > Manual; moved; {
		moved = false
		for i, st := range m.last {
			if st == nil || len(st.findings) == 0 {
				continue
			}
			wanted := func(f Finding) bool { return pick(f, least, m.fixed, m.withdrawn) }
			for {
				st, err := m.look(m.ws, m.paths[i], m.rules, wanted)
				if err != nil {
					return fmt.Errorf("after a fix: %w", err)
				}
				m.last[i] = st
				m.plan.masks.add(st)
				f := st.wanted
				if f == nil {
					break
				}
				to, err := m.ws.With(f.Fix)
				if err == nil {
					err = sound(to, m.paths[i], st, *f)
				}
				if err != nil {
					m.withdrawn[f.key()] = fmt.Sprintf("the fix was withdrawn (%v); report this", err)
					continue
				}
				m.steps = append(m.steps, madeFix{f.key(), f.Fix, m.ws, to})
				m.ws, moved = to, true
				m.fixed[f.key()] = f.Fix
			}
		}
	}
	return nil
}

// prove compiles each Dockerfile that has changed, as it was and as it is, and compares:
// the sum of all fixes at once. Where it fails they are replayed one by one: key is the
// finding of the guilty one, and why says what differs.
func (m *making) prove() (key string, why error) {
	var paths []string
	for _, s := range m.steps {
		for _, c := range s.fix.Changes {
			if slices.Contains(m.paths, c.Path) && kind(c.Path) == 0 && !slices.Contains(paths, c.Path) {
				paths = append(paths, c.Path)
			}
		}
		for _, x := range s.fix.Intents {
			if !slices.Contains(paths, x.Path) {
				paths = append(paths, x.Path)
			}
		}
	}
	errs := make([]error, len(paths))
	var wg sync.WaitGroup
	for i, path := range paths {
		wg.Go(func() {
			var all []proof.Intent
			for _, s := range m.steps {
				all = append(all, s.meant(path)...)
			}
			errs[i] = m.proofs.check(path, m.ws, all)
		})
	}
	wg.Wait()
	for i, path := range paths {
		if errs[i] == nil {
			continue
		}
		for _, s := range m.steps {
			if err := newProofs(s.from).check(path, s.to, s.meant(path)); err != nil {
				return s.key, m.inOldLines(path, s.from, err)
			}
		}
		// Each is right, and the sum is not: none of them is certain then.
		for _, s := range m.steps {
			if len(s.meant(path)) > 0 {
				return s.key, errs[i]
			}
		}
	}
	return "", nil
}

// inOldLines tells an error about a later state of a file in the lines that are on disk.
func (m *making) inOldLines(path string, from *Workspace, err error) error {
	old, err1 := m.proofs.parse(m.proofs.ws, path)
	now, err2 := m.proofs.parse(from, path)
	if err1 != nil || err2 != nil {
		return err
	}
	return errors.New(lineMap(old, now)(err.Error()))
}

// meant are the intents of a fix for one file.
func (s madeFix) meant(path string) []proof.Intent {
	return slices.DeleteFunc(slices.Clone(s.fix.Intents), func(x proof.Intent) bool { return x.Path != path })
}

// proofs are the Dockerfiles of one state as BuildKit compiles them, each once, and only
// those that a fix wants to change.
type proofs struct {
	ws *Workspace

	mu    sync.Mutex
	files map[string]func() (*proof.Compiled, error)
}

func newProofs(ws *Workspace) *proofs {
	return &proofs{ws: ws, files: map[string]func() (*proof.Compiled, error){}}
}

func (p *proofs) compiled(path string) (*proof.Compiled, error) {
	p.mu.Lock()
	once := p.files[path]
	if once == nil {
		once = sync.OnceValues(func() (*proof.Compiled, error) {
			f, err := p.parse(p.ws, path)
			if err != nil {
				return nil, err
			}
			return proof.Compile(f)
		})
		p.files[path] = once
	}
	p.mu.Unlock()
	return once()
}

func (p *proofs) parse(ws *Workspace, path string) (*dockerfile.File, error) {
	src, err := ws.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return dockerfile.Parse(path, src)
}

// check compares a file with what it is in another state. A file that BuildKit's compiler
// does not take cannot be compared: its fixes are Review at most.
func (p *proofs) check(path string, now *Workspace, meant []proof.Intent) error {
	c, err := p.compiled(path)
	if errors.Is(err, proof.ErrNotCompiled) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := p.parse(now, path)
	if err != nil {
		return errors.New("BuildKit does not read the result")
	}
	return c.Check(f, meant)
}

// lower makes a fix of a file that cannot be compiled one to review.
func (p *proofs) lower(fix *Fix) {
	if fix == nil || p == nil || fix.Safety == Manual {
		return
	}
	for _, x := range fix.Intents {
		if _, err := p.compiled(x.Path); err == nil {
			continue
		}
		fix.Safety = Review
		const need = "BuildKit's compiler does not take the file as it is, so nothing is proven: build it before and after"
		if fix.Needs != "" {
			fix.Needs += "; "
		}
		fix.Needs += need
		return
	}
}
