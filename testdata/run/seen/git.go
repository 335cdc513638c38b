package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// clone notes the address as git does, and who it logged in as in a file of what it cloned.
func clone(args []string) {
	at := slices.Index(args, "clone")
	if at < 0 || len(args) != at+3 {
		fail("git: no " + strings.Join(args, " ") + " here")
	}
	settings := map[string]string{}
	for i, arg := range args[:at] {
		if arg == "-c" {
			key, value, _ := strings.Cut(args[i+1], "=")
			settings[key] = value
		}
	}
	for i := range 9 {
		if key := os.Getenv(fmt.Sprintf("GIT_CONFIG_KEY_%d", i)); key != "" {
			settings[key] = os.Getenv(fmt.Sprintf("GIT_CONFIG_VALUE_%d", i))
		}
	}
	address, dir := args[at+1], args[at+2]
	asked := address
	for key, short := range settings {
		long, isAddress := strings.CutPrefix(strings.TrimSuffix(strings.ToLower(key), ".insteadof"), "url.")
		if rest, ok := strings.CutPrefix(address, short); isAddress && ok {
			asked = key[len("url."):len("url.")+len(long)] + rest
		}
	}
	from, err := url.Parse(asked)
	if err != nil || from.User == nil {
		fail("git: could not read Username")
	}
	for name, text := range map[string]string{
		".git/config": "[remote \"origin\"]\n\turl = " + address + "\n",
		"WHO":         hash([]byte(from.User.String())) + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			fail(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			fail(err)
		}
	}
}
