package verify

import (
	"bytes"
	"strings"
	"sync"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
)

// kept is how many lines of a failed build are shown.
const kept = 20

// buildLog follows a build: what it said last, and whether it said a secret.
type buildLog struct {
	name     string
	masks    *masks
	progress func(Step)
	began    time.Time

	mu     sync.Mutex
	steps  map[string]*step
	order  []*step
	failed *step
	found  map[int]bool // values, by their place in masks, that the log shows
}

type step struct {
	name          string
	started, done bool
	partial       []byte // of a line
	lines         []string
}

func newBuildLog(name string, m *masks, progress func(Step)) *buildLog {
	return &buildLog{name: name, masks: m, progress: progress, began: time.Now(), steps: map[string]*step{}, found: map[int]bool{}}
}

// add takes what the builder reports.
func (l *buildLog) add(s *controlapi.StatusResponse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range s.Vertexes {
		x := l.step(v.Digest)
		if x.name == "" && v.Name != "" {
			l.look([]byte(v.Name))
			x.name = l.masks.text(v.Name)
		}
		began, ended := !x.started && v.Started != nil, !x.done && v.Completed != nil
		x.started, x.done = x.started || began, x.done || ended
		if v.Error != "" && l.failed == nil && !strings.Contains(v.Error, "context canceled") {
			l.failed = x
		}
		if (began || ended) && l.progress != nil {
			l.tell()
		}
	}
	for _, line := range s.Logs {
		l.step(line.Vertex).write(l, line.Msg)
	}
}

func (l *buildLog) step(d string) *step {
	x, ok := l.steps[d]
	if !ok {
		x = &step{}
		l.steps[d] = x
		l.order = append(l.order, x)
	}
	return x
}

// write takes output in pieces, which may end anywhere.
func (x *step) write(l *buildLog, data []byte) {
	x.partial = append(x.partial, data...)
	for {
		i := bytes.IndexByte(x.partial, '\n')
		if i < 0 {
			if len(x.partial) < 1<<16 {
				return
			}
			i = len(x.partial) - 1
		}
		line := x.partial[:i+1]
		x.partial = x.partial[i+1:]
		l.look(line)
		text := strings.TrimRight(l.masks.text(string(line)), "\r\n")
		if j := strings.LastIndexByte(text, '\r'); j >= 0 {
			text = text[j+1:] // what a progress bar says last
		}
		x.lines = append(x.lines, text)
		if len(x.lines) > kept {
			x.lines = x.lines[1:]
		}
	}
}

func (l *buildLog) look(text []byte) {
	for _, i := range l.masks.in(text) {
		l.found[i] = true
	}
}

// tell reports the step that began last of those that run.
func (l *buildLog) tell() {
	s := Step{Build: l.name, Since: l.began}
	for _, x := range l.order {
		if strings.HasPrefix(x.name, "[internal]") || x.name == "" {
			continue
		}
		s.All++
		if x.done {
			s.Done++
		} else if x.started {
			s.Name = x.name
		}
	}
	if s.Name == "" {
		for _, x := range l.order {
			if x.started && !x.done {
				s.Name = x.name
			}
		}
	}
	l.progress(s)
}

// tail is what the step that failed said last, secrets masked.
func (l *buildLog) tail() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.failed
	if x == nil {
		return nil
	}
	lines := x.lines
	if len(x.partial) > 0 {
		lines = append(lines, l.masks.text(string(x.partial)))
	}
	return append([]string{x.name}, lines...)
}

// shows says whether the log holds a form of the value with this number.
func (l *buildLog) shows(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.found[i]
}
