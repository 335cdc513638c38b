package transact

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// The journal's name is the transaction's state, so that one rename, which cannot be half done and needs no space, is
// the instant of commitment: while it is called plan the transaction will be undone, once it is called journal, finished.
const (
	prefix      = ".unbake-"
	planName    = prefix + "plan"
	journalName = prefix + "journal"
	magic       = `{"unbake":1,`
	maxJournal  = 16 << 20
)

// journal is what a later process needs to know. It holds no content and no hash of one: a short password's hash is
// guessed in a second, and so is that of a file of which all but one word is known. Size and modification time say
// whether a file was touched, as they do in git's index.
type journal struct {
	Unbake  int     `json:"unbake"` // version of this format
	Time    int64   `json:"time"`   // the modification time given to every staged file, in nanoseconds
	Folders []made  `json:"folders"`
	Steps   []*step `json:"steps"`
}

// made is a folder that the transaction makes.
type made struct {
	Path string `json:"path"`
	mode fs.FileMode
}

// step is one file of the transaction. Beside the file stand its new content (ID.new) until it is published and, of a
// file that is replaced, the old one (ID.old) until the end.
type step struct {
	Path    string `json:"path"`
	ID      string `json:"id"`
	Early   bool   `json:"early,omitempty"`   // an ignore file: published before the others are staged
	Create  bool   `json:"create,omitempty"`  // else it replaces a file of OldSize and OldTime
	Mode    uint32 `json:"mode,omitempty"`    // of a created file
	Size    int64  `json:"size,omitempty"`    // of the new content; not told of a created file, which may be one bare secret, unless it is Early
	OldSize int64  `json:"oldSize,omitempty"` // of the replaced file
	OldTime int64  `json:"oldTime,omitempty"` // its modification time, in nanoseconds

	old, new []byte
	oldInfo  fs.FileInfo
	moved    bool // published by a rename for want of links, so that no temporary name is left to prove who made it
}

func (s *step) temp() string   { return prefix + s.ID + ".new" }
func (s *step) backup() string { return prefix + s.ID + ".old" }
func (s *step) base() string   { return path.Base(s.Path) }

func newID() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// isOld reports whether a file is the one that the step replaces.
func (s *step) isOld(info fs.FileInfo) bool {
	return info != nil && info.Mode().IsRegular() && info.Size() == s.OldSize && info.ModTime().UnixNano() == s.OldTime
}

// isNew reports whether a file is the one that was staged. Some file systems keep times to two seconds.
func (j *journal) isNew(s *step, info fs.FileInfo) bool {
	return info != nil && info.Mode().IsRegular() && (s.Create && !s.Early || info.Size() == s.Size) && info.ModTime().Sub(time.Unix(0, j.Time)).Abs() < 2*time.Second
}

// recover ends what the journal in the root tells of.
func (t *tx) recover() (string, error) {
	plan, err := t.readJournal(planName)
	if err != nil {
		return "", err
	}
	full, err := t.readJournal(journalName)
	switch {
	case err != nil:
		return "", err
	case plan == nil && full == nil:
		return "", nil
	case plan != nil && full != nil:
		return "", errJournal(planName, errors.New("stands beside "+journalName))
	case plan != nil && !bytes.HasSuffix(plan, []byte("\n")) && (bytes.HasPrefix(plan, []byte(magic)) || strings.HasPrefix(magic, string(plan))):
		// Stopped while the plan was written, which is before anything else is.
		return "undone", t.end(planName)
	case plan != nil:
		if err := t.decode(planName, plan); err != nil {
			return "", err
		}
		if err := t.undo(); err != nil {
			return "", err
		}
		t.reset()
		return "undone", nil
	}
	if err := t.decode(journalName, full); err != nil {
		return "", err
	}
	if err := t.finish(); err != nil {
		return "", err
	}
	t.reset()
	return "finished", nil
}

// reset makes a transaction that has ended one that has not begun.
func (t *tx) reset() {
	t.journal = journal{}
	for name, d := range t.folders {
		if name != "." {
			d.Close()
			delete(t.folders, name)
		}
	}
}

// readJournal is nil for one that is not there.
func (t *tx) readJournal(name string) ([]byte, error) {
	info, err := t.root().lstat(name)
	if info == nil || err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errJournal(name, errors.New(refusal(info)))
	}
	f, err := t.root().open(name, os.O_RDONLY, info)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err == nil && len(data) > maxJournal {
		err = errors.New("is too large")
	}
	if err != nil {
		return nil, errJournal(name, err)
	}
	return data, nil
}

// decode reads a journal as what it may be: a stranger's. A repository can carry one, so it names nothing but regular
// files below the root, temporary ones of this package's own pattern, and empty folders above them.
func (t *tx) decode(name string, data []byte) error {
	var j journal
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return errJournal(name, errors.New("is not readable"))
	}
	if _, err := dec.Token(); err != io.EOF || j.Unbake != 1 {
		return errJournal(name, errors.New("is of another version"))
	}
	paths, ids, parents := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range j.Steps {
		if s == nil {
			return errJournal(name, errors.New("has an empty step"))
		}
		if err := checkPath(s.Path); err != nil {
			return errJournal(name, err)
		}
		id, err := hex.DecodeString(s.ID)
		if err != nil || len(id) != 8 || paths[s.Path] || ids[strings.ToLower(s.ID)] || s.Mode&^0o777 != 0 {
			return errJournal(name, fmt.Errorf("has an odd step for %q", s.Path))
		}
		paths[s.Path], ids[strings.ToLower(s.ID)] = true, true
		for p := path.Dir(s.Path); p != "."; p = path.Dir(p) {
			parents[p] = true
		}
	}
	for _, m := range j.Folders {
		if !parents[m.Path] {
			return errJournal(name, fmt.Errorf("names the folder %q for no file", m.Path))
		}
	}
	t.journal = j
	return nil
}

func errJournal(name string, err error) error {
	return fmt.Errorf("%s: is not as unbake leaves it, delete it if you did not write it: %w", name, err)
}

// writePlan puts the plan on disk. Its own permissions tell what the umask makes of 0644, without asking for (and so for an
// instant changing) the umask of the whole process.
func (t *tx) writePlan() error {
	d := t.root()
	f, err := d.create(planName, 0o644)
	if err != nil {
		return fail(d.Name(), "cannot be written to", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail(planName, "cannot be written", err)
	}
	for _, s := range t.Steps {
		if s.Create && s.Mode == 0 {
			s.Mode = uint32(info.Mode().Perm())
		}
	}
	t.Unbake, t.Time = 1, time.Now().Round(time.Microsecond).UnixNano()
	data, err := json.Marshal(t.journal)
	if err == nil {
		err = d.write(f, append(data, '\n'))
	}
	if err == nil {
		err = d.sync(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = d.syncFolder()
	}
	if err != nil {
		return fail(planName, "cannot be written", err)
	}
	return nil
}

// end removes the journal, the last thing that a transaction does.
func (t *tx) end(name string) error {
	err := t.root().remove(name)
	if err == nil {
		err = t.root().syncFolder()
	}
	if err != nil {
		return fail(name, "cannot be removed", err)
	}
	return nil
}
