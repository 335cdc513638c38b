package verify

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// Side is what one of the two builds has of its own. What both have, the folder of the build context for one, is in
// Job.
type Side struct {
	Dockerfile []byte
	Ignore     []byte            // what a .dockerignore says for this build
	Hidden     []string          // files of the context that this build is not sent, relative to it, slash-separated
	Args       map[string]string // build arguments
	Secrets    map[string][]byte // by the mount's id
}

// contextSource is the local source that BuildKit's frontend calls the build context, dockerfileSource that of the
// Dockerfile.
const (
	contextSource    = "context"
	dockerfileSource = "dockerfile"
	dockerfileName   = "Dockerfile"
)

// sources returns what BuildKit may ask for: the Dockerfile with its own ignore file, which the frontend prefers to the
// one in the context, and the folders. Nothing is copied, and nothing written beside the user's files.
func (j *Job) sources(s Side) (map[string]fsutil.FS, error) {
	folder, err := fsutil.NewFS(j.Context)
	if err != nil {
		return nil, err
	}
	// An ignore file without a byte would not count as one.
	ignore := append([]byte("# ignored\n"), bytes.TrimPrefix(s.Ignore, []byte("\xef\xbb\xbf"))...)
	out := map[string]fsutil.FS{
		contextSource: folder,
		dockerfileSource: memory{
			dockerfileName:                   s.Dockerfile,
			dockerfileName + ".dockerignore": ignore,
		},
	}
	for name, dir := range j.Contexts {
		if out["named:"+name], err = fsutil.NewFS(dir); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hide keeps files of the context from a build, whatever its ignore file says.
func (s Side) hide(source string, opt *fsutil.FilterOpt) error {
	if source != contextSource || len(s.Hidden) == 0 {
		return nil
	}
	next := opt.Map
	opt.Map = func(name string, stat *types.Stat) fsutil.MapResult {
		if slices.Contains(s.Hidden, filepath.ToSlash(name)) {
			return fsutil.MapResultExclude
		}
		if next != nil {
			return next(name, stat)
		}
		return fsutil.MapResultKeep
	}
	return nil
}

// memory is a flat folder of files that are on no disk.
type memory map[string][]byte

// Walk is part of fsutil.FS. A file's time is now: BuildKit takes a file of the same size and time for the same.
func (m memory) Walk(_ context.Context, target string, fn fs.WalkDirFunc) error {
	target = strings.TrimPrefix(filepath.ToSlash(filepath.Clean(target)), "/")
	names := make([]string, 0, len(m))
	for name := range m {
		if target == "." || target == "" || target == name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		stat := &types.Stat{Path: name, Mode: 0o644, Size: int64(len(m[name])), ModTime: time.Now().UnixNano()}
		if err := fn(name, &fsutil.DirEntryInfo{Stat: stat}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open is part of fsutil.FS.
func (m memory) Open(name string) (io.ReadCloser, error) {
	text, ok := m[strings.TrimPrefix(filepath.ToSlash(name), "/")]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}
