package transact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// How a transaction runs, and why it can be stopped anywhere:
//
//  1. The plan: every temporary name to be used goes to disk first, so that a later process knows what is a leftover.
//  2. The folders that are missing, an empty temporary file for each file, and a hard link to each file that will be
//     replaced (a copy, where there are no links). These are the proof that all folders can be written to, and putting
//     a file back will be one rename that keeps its inode, attributes and owner, and needs no space on a full disk.
//  3. The ignore files: staged, synced, renamed into place, synced.
//  4. All others are staged: filled (0600 until published, and secrets within their 0700 folder) and synced. A secret's
//     bytes exist nowhere before the line that hides them from git and docker counts, and a full disk shows here.
//  5. plan is renamed to journal. Up to here a stopped process is undone: no file but the ignore files has changed, and
//     every value is where it was. From here it is finished: every value is on disk in a staged file too.
//  6. The renames, in the caller's order, each of which leaves a whole file. A created file is published by a link,
//     which unlike a rename never replaces one, and keeps its temporary name as the proof of who made it.
//  7. The folders are synced, the old and temporary names removed, and last the journal.
//
// A journal is needed because the next run would plan anew from what it finds, and a compose file that has the secret
// beside a Dockerfile that does not yet take it need not lead to the same plan.
//
// Every step asks the disk what is there before it acts, so each of undo, finish and clean may itself be stopped and
// run again. Undo syncs each folder before it goes on: a secret must not vanish before the old Dockerfile is back.

// state is what stands on disk for a step; nil is missing.
type state struct{ temp, backup, target fs.FileInfo }

// look finds the state of a step. Its folder is nil when it is missing. Temporary names must be regular files; what
// stands under the file's own name is for the caller to judge.
func (t *tx) look(s *step) (*folder, state, error) {
	var st state
	d, err := t.folder(path.Dir(s.Path))
	if d == nil || err != nil {
		return nil, st, err
	}
	if st.target, err = d.lstat(s.base()); err != nil {
		return nil, st, err
	}
	if st.temp, err = d.lstatTemp(s.temp()); err != nil {
		return nil, st, err
	}
	st.backup, err = d.lstatTemp(s.backup())
	return d, st, err
}

func (t *tx) stage() error {
	if err := t.writePlan(); err != nil {
		return err
	}
	for _, m := range t.Folders {
		if err := t.makeFolder(m); err != nil {
			return fail(m.Path, "cannot be created", err)
		}
	}
	for _, s := range t.Steps {
		d, err := t.folder(path.Dir(s.Path))
		if err != nil {
			return err
		}
		if d == nil {
			return fail(s.Path, "cannot be written", fs.ErrNotExist)
		}
		f, err := d.create(s.temp(), 0o600)
		if err != nil {
			return fail(s.Path, "its folder cannot be written to", err)
		}
		if err := f.Close(); err != nil {
			return fail(s.Path, "cannot be written", err)
		}
	}
	for _, s := range t.Steps {
		if s.Create {
			continue
		}
		if err := t.keepOld(s); err != nil {
			return err
		}
	}
	for _, early := range []bool{true, false} {
		for _, s := range t.Steps {
			if s.Early != early {
				continue
			}
			if err := t.fill(s, s.temp(), s.new, time.Unix(0, t.Time)); err != nil {
				return fail(s.Path, "cannot be written", err)
			}
			if !early {
				continue
			}
			if err := t.publishStep(s); err != nil {
				return err
			}
		}
		if err := t.syncFolders(early); err != nil {
			return err
		}
	}
	err := t.root().rename(planName, journalName)
	if err == nil {
		err = t.root().syncFolder()
	}
	if err != nil {
		return fail(t.root().Name(), "cannot be written to", err)
	}
	return nil
}

func (t *tx) makeFolder(m made) error {
	parent, err := t.folder(path.Dir(m.Path))
	if err != nil {
		return err
	}
	if parent == nil {
		return fs.ErrNotExist
	}
	perm := fs.FileMode(0o755)
	if m.mode != 0 {
		perm = 0o700
	}
	if err := parent.mkdir(path.Base(m.Path), perm); err != nil {
		return err
	}
	d, err := t.folder(m.Path)
	if err != nil {
		return err
	}
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.chown(f, parent.info, true); err != nil {
		return err
	}
	if m.mode != 0 {
		if err := d.chmod(f, m.mode); err != nil {
			return err
		}
	}
	if d.info, err = f.Stat(); err != nil {
		return err
	}
	return parent.syncFolder()
}

// keepOld gives the file that will be replaced a second name.
func (t *tx) keepOld(s *step) error {
	d, err := t.folder(path.Dir(s.Path))
	if err != nil {
		return err
	}
	err = d.link(s.base(), s.backup())
	if noLinks(err) {
		var f *os.File
		if f, err = d.create(s.backup(), 0o600); err == nil {
			err = errors.Join(f.Close(), t.fill(s, s.backup(), s.old, s.oldInfo.ModTime()))
		}
		if err != nil {
			return fail(s.Path, "cannot be kept", err)
		}
		return nil
	}
	if err != nil {
		return fail(s.Path, "cannot be kept", err)
	}
	if info, err := d.lstat(s.backup()); err != nil || !os.SameFile(info, s.oldInfo) {
		return fmt.Errorf("%s: changed while unbake was writing, run it again", s.Path)
	}
	return nil
}

// fill writes the content of a temporary file that exists and is empty, and makes it durable.
func (t *tx) fill(s *step, name string, content []byte, mtime time.Time) error {
	d, err := t.folder(path.Dir(s.Path))
	if err != nil {
		return err
	}
	info, err := d.lstat(name)
	if err != nil {
		return err
	}
	if info == nil || !info.Mode().IsRegular() || info.Size() != 0 {
		return errors.New("its temporary file was changed by another program")
	}
	f, err := d.open(name, os.O_WRONLY, info)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := d.write(f, content); err != nil {
		return err
	}
	if s.Create {
		err = d.chown(f, d.info, true)
	} else if err = d.chown(f, s.oldInfo, false); err == nil {
		err = d.chmod(f, s.oldInfo.Mode())
	}
	if err != nil {
		return err
	}
	if err := d.chtimes(name, mtime); err != nil {
		return err
	}
	if err := d.sync(f); err != nil {
		return err
	}
	return f.Close()
}

// publish brings every staged file under its name.
func (t *tx) publish() error {
	for _, s := range t.Steps {
		if s.Early {
			continue
		}
		if err := t.publishStep(s); err != nil {
			return err
		}
	}
	return t.syncFolders(false)
}

func (t *tx) publishStep(s *step) error {
	d, st, err := t.look(s)
	if err != nil {
		return err
	}
	if st.temp == nil {
		return fmt.Errorf("%s: its temporary file was removed by another program, run unbake again", s.Path)
	}
	if !s.Create {
		// Asked again as late as can be: an editor may have saved since.
		if !s.isOld(st.target) {
			return fmt.Errorf("%s: changed while unbake was writing, run it again", s.Path)
		}
		if err := d.rename(s.temp(), s.base()); err != nil {
			return fail(s.Path, "cannot be replaced", err)
		}
		return nil
	}
	f, err := d.open(s.temp(), os.O_RDONLY, st.temp)
	if err != nil {
		return err
	}
	defer f.Close()
	err = d.chmod(f, fs.FileMode(s.Mode))
	if err == nil {
		err = d.sync(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = d.link(s.temp(), s.base())
	}
	if noLinks(err) {
		if st.target != nil {
			return errExists(s.Path)
		}
		s.moved = true
		err = d.rename(s.temp(), s.base())
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return errExists(s.Path)
	case err != nil:
		return fail(s.Path, "cannot be created", err)
	}
	return nil
}

// finish rolls a journal forward, unless a file that it tells of was changed since.
func (t *tx) finish() error {
	var pending []*step
	var changed string
	for _, s := range t.Steps {
		_, st, err := t.look(s)
		if err != nil {
			return err
		}
		switch {
		case st.target != nil && !st.target.Mode().IsRegular():
			return fmt.Errorf("%s: %s", s.Path, refusal(st.target))
		case s.Create && st.target == nil && st.temp != nil, !s.Create && st.temp != nil && s.isOld(st.target):
			pending = append(pending, s)
		case s.Create && st.target != nil && (st.temp == nil || os.SameFile(st.temp, st.target)), !s.Create && st.temp == nil && t.isNew(s, st.target):
			// Published.
		case st.temp == nil:
			// Published and changed after that, which is no harm once all are published.
			changed = s.Path
		default:
			return errChanged(s.Path)
		}
	}
	if changed != "" && len(pending) > 0 {
		return errChanged(changed)
	}
	for _, s := range pending {
		if err := t.publishStep(s); err != nil {
			return err
		}
	}
	if err := t.syncFolders(false); err != nil {
		return err
	}
	return t.clean()
}

// clean removes what only a rollback would need. By now every file is in place, so a failure is tried once more and
// then left to the next run.
func (t *tx) clean() error {
	err := t.cleanOnce()
	if err != nil {
		err = t.cleanOnce()
	}
	if err != nil {
		return fmt.Errorf("all files are written, but temporary ones are left, run unbake again: %w", err)
	}
	return nil
}

func (t *tx) cleanOnce() error {
	for _, s := range t.Steps {
		d, st, err := t.look(s)
		if err != nil {
			return err
		}
		if err := d.removeAny(s, st); err != nil {
			return err
		}
	}
	if err := t.syncFolders(false); err != nil {
		return err
	}
	if info, err := t.root().lstat(journalName); info == nil || err != nil {
		return err
	}
	return t.end(journalName)
}

// undo puts everything back, last step first. Nothing is done if a file that would be put back was changed since.
func (t *tx) undo() error {
	for _, s := range t.Steps {
		_, st, err := t.look(s)
		if err != nil {
			return err
		}
		if !s.Create && st.temp == nil && st.backup != nil && !t.isNew(s, st.target) {
			return errChanged(s.Path)
		}
	}
	if info, err := t.root().lstat(journalName); err != nil {
		return err
	} else if info != nil {
		err := t.root().rename(journalName, planName)
		if err == nil {
			err = t.root().syncFolder()
		}
		if err != nil {
			return fail(t.root().Name(), "cannot be written to", err)
		}
	}
	for _, s := range slices.Backward(t.Steps) {
		if err := t.undoStep(s); err != nil {
			return err
		}
	}
	for _, m := range slices.Backward(t.Folders) {
		if err := t.removeFolder(m.Path); err != nil {
			return fail(m.Path, "cannot be removed", err)
		}
	}
	if info, err := t.root().lstat(planName); info == nil || err != nil {
		return err
	}
	return t.end(planName)
}

func (t *tx) undoStep(s *step) error {
	d, st, err := t.look(s)
	if d == nil || err != nil {
		return err
	}
	switch {
	case !s.Create && st.temp == nil && st.backup != nil:
		err = d.rename(s.backup(), s.base())
		st = state{}
	case s.Create && t.isNew(s, st.target) && (st.temp != nil && os.SameFile(st.temp, st.target) || st.temp == nil && (s.moved || s.Early)):
		// Where there are no links a later process cannot prove whose a created file is: it takes back an ignore file,
		// which holds nothing that is not in the project, and leaves a secret.
		err = d.remove(s.base())
	case st.temp == nil && st.backup == nil:
		return nil
	}
	if err != nil {
		return fail(s.Path, "cannot be put back", err)
	}
	// The old name goes first: a temporary file that is missing beside it would mean that the file was replaced.
	if err := d.removeAny(s, st); err != nil {
		return err
	}
	if err := d.syncFolder(); err != nil {
		return fail(s.Path, "cannot be put back", err)
	}
	return nil
}

// removeFolder removes a folder that the transaction made, if it is empty.
func (t *tx) removeFolder(name string) error {
	d, err := t.folder(name)
	if d == nil || err != nil {
		return err
	}
	f, err := d.Open(".")
	if err != nil {
		return err
	}
	names, _ := f.Readdirnames(1)
	f.Close()
	if len(names) > 0 {
		return nil
	}
	parent, err := t.folder(path.Dir(name))
	if err != nil {
		return err
	}
	d.Close()
	delete(t.folders, name)
	if err := parent.remove(path.Base(name)); err != nil {
		return err
	}
	return parent.syncFolder()
}

// syncFolders makes the names in the folders of all steps durable, or only in those of the ignore files.
func (t *tx) syncFolders(early bool) error {
	seen := map[string]bool{}
	for _, s := range t.Steps {
		name := path.Dir(s.Path)
		if seen[name] || early && !s.Early {
			continue
		}
		seen[name] = true
		d, err := t.folder(name)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if err := d.syncFolder(); err != nil {
			return fail(name, "cannot be synced", err)
		}
	}
	return nil
}

// removeAny removes the temporary names of a step that are there.
func (d *folder) removeAny(s *step, st state) error {
	for _, at := range []struct {
		name string
		info fs.FileInfo
	}{{s.backup(), st.backup}, {s.temp(), st.temp}} {
		if at.info == nil {
			continue
		}
		if err := d.remove(at.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(path.Join(d.path, at.name), "cannot be removed", err)
		}
	}
	return nil
}
