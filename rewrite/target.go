package rewrite

import (
	"bytes"
	"fmt"
	"slices"
)

// targets asks the rules of Options.Targets of each compose file, as the fixes have left it, and makes their fixes. What they write is
// made from the whole, so it comes when nothing else is to be done.
func (m *making) targets(first []*state) error {
	if len(m.opts.Targets) == 0 {
		return nil
	}
	for i, path := range m.paths {
		if m.last[i] == nil || kind(path) == 0 {
			continue
		}
		st, err := m.look(m.ws, path, m.opts.Targets, nil)
		if err != nil {
			return fmt.Errorf("after a fix: %w", err)
		}
		for _, f := range st.findings {
			f.Start, f.End = onDisk(st.src, first[i].src, f.Start, f.End)
			r := Result{Finding: f}
			if f.Fix != nil && m.opts.Least > Manual && f.Fix.Safety >= m.opts.Least {
				to, err := m.ws.With(f.Fix)
				if err != nil {
					return err
				}
				m.ws, r.Outcome = to, Fixed
			}
			m.plan.Results = append(m.plan.Results, m.plan.place(r, first[i]))
		}
	}
	return nil
}

// onDisk finds a place of a file again in the file as it was: by the text of its line, else its beginning.
func onDisk(now, old []byte, start, end int) (int, int) {
	from := bytes.LastIndexByte(now[:start], '\n') + 1
	line, _, _ := bytes.Cut(now[from:], []byte("\n"))
	at := bytes.Index(append(slices.Clone(old), '\n'), append(slices.Clone(line), '\n'))
	if at < 0 || at > 0 && old[at-1] != '\n' {
		return 0, 0
	}
	return at + start - from, at + end - from
}
