package main

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/unbake-dev/unbake/rewrite/image/imagetest"
)

// writeImage is the scripts' command "image FILE FORM TEXT". FORM is layout, oci, docker or old; TEXT is a file that says
// what is in the image, a line each:
//
//	env NAME=VALUE
//	label NAME=VALUE
//	step TEXT          of the history; what follows is its layer
//	file NAME TEXT     Go-quoted; NAME/ is a folder
//	link NAME TARGET
func writeImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: image file form text")
	}
	img := imagetest.Image{Config: v1.Config{Env: []string{"PATH=/bin"}, Labels: map[string]string{}}}
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, value, _ := strings.Cut(rest, " ")
		layer := func(e imagetest.Entry) {
			s := &img.Steps[len(img.Steps)-1]
			s.Files = append(s.Files, e)
		}
		switch word {
		case "":
		case "env":
			img.Config.Env = append(img.Config.Env, rest)
		case "label":
			name, value, _ := strings.Cut(rest, "=")
			img.Config.Labels[name] = value
		case "step":
			img.Steps = append(img.Steps, imagetest.Step{By: rest})
		case "file":
			if strings.HasSuffix(name, "/") {
				layer(imagetest.Entry{Name: name, Type: tar.TypeDir})
				break
			}
			text, err := strconv.Unquote(value)
			ts.Check(err)
			layer(imagetest.Entry{Name: name, Body: text})
		case "link":
			layer(imagetest.Entry{Name: name, Type: tar.TypeSymlink, Link: value})
		default:
			ts.Fatalf("%s: what is %q?", args[2], word)
		}
	}
	t := &scriptTB{ts: ts}
	built := img.Build(t)
	file := ts.MkAbs(args[0])
	switch args[1] {
	case "layout":
		imagetest.Layout(t, file, built)
	case "oci":
		imagetest.OCIArchive(t, file, built)
	case "docker":
		imagetest.DockerArchive(t, file, built)
	case "old":
		imagetest.OldDockerArchive(t, file, built)
	default:
		ts.Fatalf("there is no form %q", args[1])
	}
}

// scriptTB is as much of a test as imagetest asks for.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (t *scriptTB) Helper()           {}
func (t *scriptTB) Fatal(args ...any) { t.ts.Fatalf("%v", args) }
func (t *scriptTB) TempDir() string {
	dir, err := os.MkdirTemp(t.ts.Getenv("WORK"), "image")
	t.ts.Check(err)
	return filepath.Join(dir, "layout")
}
