package script

import (
	"bytes"
	"errors"
	"path"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/edit"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// Readers are those of shell scripts in files of their own.
func Readers() []call.Reader {
	return []call.Reader{{Name: "a shell script", Is: isScript, Read: readFile, Edit: editFile}}
}

// isScript reports whether a file may be a shell script; of one without an ending, its
// first line tells.
func isScript(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".sh", ".bash", "":
		return true
	}
	return false
}

// fileText is a file as a text; nil if it is no script of a shell that is read.
func fileText(s *call.Source) *Text {
	d := shell.POSIX
	if strings.EqualFold(path.Ext(s.Path), ".bash") {
		d = shell.Bash
	}
	if bytes.HasPrefix(s.Src, []byte("#!")) {
		first, _, _ := bytes.Cut(s.Src, []byte("\n"))
		d = shell.DialectOf([]string{string(bytes.TrimRight(first, "\r"))})
	} else if path.Ext(s.Path) == "" {
		d = shell.Unknown
	}
	if d == shell.Unknown {
		return nil
	}
	self := path.Dir(s.Path)
	t := &Text{Code: string(s.Src), Dialect: d, Self: self}
	if s.Project.Sourced != nil {
		t.Sourced = func() bool { return s.Project.Sourced(s.Path) }
	}
	for dir := self; ; dir = path.Dir(dir) {
		t.Dirs = append(t.Dirs, dir)
		if dir == "." || dir == "/" {
			break
		}
	}
	return t
}

func readFile(s *call.Source) ([]*call.Build, error) {
	t := fileText(s)
	if t == nil {
		return nil, nil
	}
	builds, err := Read(s.Project, t)
	if err != nil {
		return nil, placed(s, err)
	}
	for _, b := range builds {
		b.Path = s.Path
		b.Line, b.Col = s.Position(b.Start)
		for i := range b.Args {
			b.Args[i].Line, _ = s.Position(b.Args[i].Start)
		}
	}
	return builds, nil
}

func editFile(s *call.Source, changes []call.Change) ([]edit.Edit, []string, error) {
	t := fileText(s)
	if t == nil {
		return nil, nil, s.Errorf(0, "is no shell script")
	}
	res, err := Edit(s.Project, t, changes)
	if err != nil {
		return nil, nil, placed(s, err)
	}
	var out []edit.Edit
	for _, e := range res.Edits {
		out = append(out, edit.Edit{Start: e.Start, End: e.End, New: e.New})
	}
	return out, res.Needs, nil
}

// placed gives an error its place in the file.
func placed(s *call.Source, err error) error {
	var own *Error
	var grammar *shell.Error
	switch {
	case errors.As(err, &own):
		return s.Errorf(own.Offset, "%s", own.Msg)
	case errors.As(err, &grammar):
		return s.Errorf(grammar.Offset, "this shell script is not understood: %s", grammar.Msg)
	}
	return err
}
