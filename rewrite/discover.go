package rewrite

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// IsDockerfile reports whether a file of this base name is taken for a Dockerfile when
// a folder is walked.
func IsDockerfile(base string) bool { return dockerfile.IsDockerfile(base) }

// skipped are the folders that a walk leaves out.
func skipped(name string) bool {
	return name == ".git" || name == "node_modules" || name == "vendor"
}

// Root returns the project's root for paths: the git top level above the first, else
// the folder that holds them all (a folder that is named is its own).
func Root(names ...string) (string, error) {
	root := ""
	for _, name := range names {
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		info, err := os.Stat(abs)
		if err != nil {
			return "", fmt.Errorf("%s: no such file or folder", name)
		}
		dir := abs
		if !info.IsDir() {
			dir = filepath.Dir(abs)
		}
		if top, ok := gitTop(dir); ok {
			if root == "" {
				return top, nil
			}
		}
		if root == "" {
			root = dir
		}
		for !below(root, dir) {
			root = filepath.Dir(root)
		}
	}
	return root, nil
}

// gitTop returns the folder above dir, or dir itself, that is a git work tree's top.
func gitTop(dir string) (string, bool) {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}

// below reports whether a path is root or lies in it.
func below(root, name string) bool {
	rel, err := filepath.Rel(root, name)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Listing is the files of a project.
type Listing struct {
	Paths   []string // slash-separated, relative to the root, sorted; what git ignores is left out
	tracked map[string]bool
}

// Tracked reports whether git has the file.
func (l *Listing) Tracked(name string) bool { return l.tracked[name] }

// List returns the files below root. Where root is a git work tree and git answers, what
// it ignores is left out; .git, node_modules and vendor always are.
func List(root string) (*Listing, error) {
	l := &Listing{tracked: map[string]bool{}}
	if all, err := gitFiles(root, "--cached", "--others", "--exclude-standard"); err == nil {
		tracked, _ := gitFiles(root, "--cached")
		for _, p := range tracked {
			l.tracked[p] = true
		}
		for _, p := range all {
			if strings.HasSuffix(p, "/") || slices.ContainsFunc(strings.Split(path.Dir(p), "/"), skipped) {
				continue // a folder here is a repository of its own
			}
			l.Paths = append(l.Paths, p)
		}
		slices.Sort(l.Paths)
		l.Paths = slices.Compact(l.Paths)
		return l, nil
	}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if p == root {
				return err
			}
			return nil // what cannot be read is reported if it is asked for
		case d.IsDir():
			if p != root && skipped(d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err == nil {
			l.Paths = append(l.Paths, filepath.ToSlash(rel))
		}
		return nil
	})
	slices.Sort(l.Paths)
	return l, err
}

// gitFiles asks git for files. A repository is not trusted: its configuration must not
// run anything (core.fsmonitor can).
func gitFiles(root string, args ...string) ([]string, error) {
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false", "ls-files", "-z"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var files []string
	for p := range bytes.SplitSeq(out, []byte{0}) {
		if len(p) > 0 {
			files = append(files, string(p))
		}
	}
	return files, nil
}

// Find returns the files that the arguments name, relative to root: files as they are,
// folders walked for those whose base name is wanted. It is an error for an argument not to be there, to
// lie outside root, or to be neither a file nor a folder. bad is what a walk met and
// cannot look at.
func Find(root string, args []string, wanted func(base string) bool, list func() (*Listing, error)) (out []string, bad []error, err error) {
	for _, arg := range args {
		abs, err := filepath.Abs(arg)
		if err != nil {
			return nil, nil, err
		}
		rel, err := filepath.Rel(root, abs)
		if err != nil || !below(root, abs) {
			return nil, nil, fmt.Errorf("%s: outside of the project %s, run unbake there", arg, root)
		}
		rel = filepath.ToSlash(rel)
		info, err := os.Lstat(abs)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: no such file or folder", arg)
		}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, nil, fmt.Errorf("%s: is a symbolic link, name the file it leads to", arg)
		case info.Mode().IsRegular():
			out = append(out, rel)
			continue
		case !info.IsDir():
			return nil, nil, fmt.Errorf("%s: neither a file nor a folder", arg)
		}
		l, err := list()
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", arg, err)
		}
		if d, err := os.Open(abs); err != nil {
			return nil, nil, fmt.Errorf("%s: permission denied", arg)
		} else {
			d.Close()
		}
		found := len(out)
		for _, p := range l.Paths {
			if rel != "." && !strings.HasPrefix(p, rel+"/") || !wanted(path.Base(p)) {
				continue
			}
			info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(p)))
			if err != nil || info.IsDir() {
				continue // deleted, or a folder named Dockerfile
			}
			if info.Mode()&fs.ModeSymlink != 0 {
				if to, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(p))); err != nil || !within(root, to) {
					bad = append(bad, fmt.Errorf("%s: is a symbolic link out of the project, left alone", p))
				}
				continue // what it leads to is looked at by its own name
			}
			out = append(out, p)
		}
		if base := path.Base(filepath.ToSlash(abs)); len(out) == found && (base == "Dockerfile" || base == "Containerfile") {
			return nil, nil, fmt.Errorf("%s: is a folder, and there is no Dockerfile in it", arg)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), bad, nil
}

// within reports whether a real path lies below root.
func within(root, name string) bool {
	if r, err := filepath.EvalSymlinks(root); err == nil {
		root = r
	}
	return below(root, name)
}
