//go:build linux

package main_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"maps"
	"slices"
	"time"
)

// project is hello, of acme: one source tree that is a package in every ecosystem.
var project = map[string]string{
	"go.mod":                 "module git.example.com/acme/hello\n\ngo 1.21\n",
	"hello.go":               "// Package hello greets.\npackage hello\n\n// Greeting is what it says.\nconst Greeting = \"hello\"\n",
	"package.json":           `{"name": "@acme/hello", "version": "1.0.0", "main": "index.js"}` + "\n",
	"index.js":               "module.exports = 'hello'\n",
	"pyproject.toml":         "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
	"backend.py":             backend,
	"acme_hello/__init__.py": "GREETING = 'hello'\n",
	"lib/acme-hello.rb":      "module Acme\n  HELLO = 'hello'\nend\n",
	"composer.json":          `{"name": "acme/hello", "autoload": {"psr-4": {"Acme\\": "src/"}}}` + "\n",
	"src/Hello.php":          "<?php\n\nnamespace Acme;\n\nclass Hello\n{\n}\n",
	"Cargo.toml":             "[package]\nname = \"acme-hello\"\nversion = \"1.0.0\"\nedition = \"2021\"\n",
	"src/lib.rs":             "pub const GREETING: &str = \"hello\";\n",
	"LICENSE":                "Of no use to anybody.\n",
}

// backend builds hello's wheel: pip needs no other package for it.
const backend = `import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    wheel, info = 'acme_hello-1.0.0-py3-none-any.whl', 'acme_hello-1.0.0.dist-info/'
    with zipfile.ZipFile(os.path.join(folder, wheel), 'w') as z:
        z.write('acme_hello/__init__.py')
        z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0.0\n')
        z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        z.writestr(info + 'RECORD', '')
    return wheel
`

// released is when version 1.0.0 was.
var released = time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC)

// packTar makes a gzipped tar, with all below a folder. It is not compressed: so it is the same with every Go.
func packTar(folder string, files map[string]string) []byte { return pack(tarOf(folder, files)) }

func pack(content []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(content); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

func tarOf(folder string, files map[string]string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		err := w.WriteHeader(&tar.Header{Name: folder + path, Mode: 0o644, Size: int64(len(files[path])), ModTime: released, Format: tar.FormatUSTAR})
		if err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(files[path])); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// packZip makes a zip, with all below a folder.
func packZip(folder string, files map[string]string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: folder + path, Method: zip.Store, Modified: released})
		if err != nil {
			panic(err)
		}
		if _, err := f.Write([]byte(files[path])); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}
