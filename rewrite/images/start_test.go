package images_test

import (
	"slices"
	"testing"

	"github.com/unbake-dev/unbake/rewrite/images"
)

// TestStart has what images start with; "?" is not known.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		image      string
		entrypoint []string
		cmd        []string
		user       string
		shell      bool
		runs       []string // first words of commands that are run as they are given
		switches   []string // and that are not
	}{
		{"node:22-alpine", []string{"docker-entrypoint.sh"}, []string{"node"}, "", true,
			[]string{"node", "npm", "with-secrets", "/usr/local/bin/with-secrets", "./start.sh"}, []string{"app.js", "--inspect", "dist/main.js", "."}},
		{"node", []string{"docker-entrypoint.sh"}, []string{"node"}, "", true, nil, nil},
		{"node:${V}-alpine", []string{"?"}, []string{"node"}, "", true, []string{"npm"}, []string{"app.js"}},
		{"node:6", []string{"?"}, []string{"node"}, "", true, []string{"npm"}, nil},
		{"node:argon", []string{"?"}, []string{"node"}, "", true, nil, nil},
		{"python:3.12-slim", nil, []string{"python3"}, "", true, []string{"python", "-c"}, nil},
		{"python:2.7", nil, []string{"?"}, "", true, []string{"python"}, nil},
		{"golang:1.24", nil, []string{"?"}, "", true, []string{"go"}, nil},
		{"php:8.3-fpm-alpine", []string{"docker-php-entrypoint"}, []string{"php-fpm"}, "", true, []string{"php"}, []string{"-v"}},
		{"php:8.3-apache", []string{"docker-php-entrypoint"}, []string{"apache2-foreground"}, "", true, nil, nil},
		{"php:8.3-cli", []string{"docker-php-entrypoint"}, []string{"php", "-a"}, "", true, nil, nil},
		{"php:${V}", []string{"?"}, []string{"?"}, "", true, []string{"php"}, []string{"-v"}},
		{"debian:bookworm-slim", nil, []string{"?"}, "", true, []string{"bash"}, nil},
		{"busybox", nil, []string{"sh"}, "", true, nil, nil},
		{"nginx:1.27-alpine", []string{"/docker-entrypoint.sh"}, []string{"nginx", "-g", "daemon off;"}, "", true, []string{"sh"}, []string{"nginx"}},
		{"nginx:1.17", []string{"?"}, []string{"nginx", "-g", "daemon off;"}, "", true, []string{"sh"}, []string{"nginx"}},
		{"postgres:16", []string{"docker-entrypoint.sh"}, []string{"postgres"}, "", true, []string{"psql"}, []string{"postgres", "-c"}},
		{"mariadb:10.5", []string{"docker-entrypoint.sh"}, []string{"mysqld"}, "", true, []string{"bash"}, []string{"mysqld", "--help"}},
		{"mariadb:11", []string{"docker-entrypoint.sh"}, []string{"mariadbd"}, "", true, []string{"bash"}, []string{"mysqld", "mariadbd"}},
		{"memcached:1.6", []string{"docker-entrypoint.sh"}, []string{"memcached"}, "memcache", true, []string{"memcached"}, []string{"-m"}},
		{"denoland/deno:2.1.4", []string{"/tini", "--", "docker-entrypoint.sh"}, []string{"?"}, "", true, []string{"deno", "sh"}, []string{"run", "-A"}},
		{"denoland/deno:distroless", []string{"/tini", "--", "/bin/deno"}, []string{"?"}, "", false, nil, []string{"deno", "sh"}},
		{"oven/bun:1-alpine", []string{"/usr/local/bin/docker-entrypoint.sh"}, []string{"/usr/local/bin/bun"}, "", true, []string{"bun"}, []string{"run", "index.ts"}},
		{"eclipse-temurin:21-jre-alpine", []string{"/__cacert_entrypoint.sh"}, []string{"?"}, "", true, []string{"java"}, nil},
		{"eclipse-temurin:8u302-b08-jdk", []string{"?"}, []string{"?"}, "", true, []string{"java"}, nil},
		{"maven:3.9-eclipse-temurin-21", []string{"/usr/local/bin/mvn-entrypoint.sh"}, []string{"mvn"}, "", true, []string{"java"}, nil},
		{"mcr.microsoft.com/dotnet/aspnet:8.0", nil, []string{"?"}, "", true, []string{"dotnet"}, nil},
		{"mcr.microsoft.com/dotnet/aspnet:8.0-jammy-chiseled", []string{"/usr/bin/dotnet"}, []string{"--info"}, "1654", false, nil, []string{"dotnet"}},
		{"gcr.io/distroless/static-debian12:nonroot", nil, nil, "65532", false, []string{"/app"}, nil},
		{"gcr.io/distroless/static:debug", []string{"/busybox/sh"}, nil, "", false, nil, []string{"sh"}},
		{"gcr.io/distroless/nodejs22-debian12", []string{"/nodejs/bin/node"}, nil, "", false, nil, []string{"app.js", "node"}},
		{"public.ecr.aws/lambda/python:3.12", []string{"/lambda-entrypoint.sh"}, nil, "", true, nil, []string{"app.handler"}},
		{"phusion/baseimage:focal-1.2.0", nil, []string{"/sbin/my_init"}, "", true, []string{"/sbin/my_init"}, nil},
		{"bitnami/postgresql:16", []string{"/opt/bitnami/scripts/postgresql/entrypoint.sh"}, []string{"/opt/bitnami/scripts/postgresql/run.sh"}, "1001", true,
			[]string{"psql"}, []string{"/opt/bitnami/scripts/postgresql/run.sh"}},
		{"scratch", nil, nil, "", false, nil, nil},
	} {
		s, ok := images.StartOf(c.image)
		if !ok || s.User != c.user || s.Shell != c.shell || s.Source == "" {
			t.Errorf("StartOf(%q) = %+v, %v", c.image, s, ok)
		}
		for what, x := range map[string]struct {
			known     bool
			got, want []string
		}{"entrypoint": {s.KnownEntrypoint, s.Entrypoint, c.entrypoint}, "command": {s.KnownCmd, s.Cmd, c.cmd}} {
			if unknown := slices.Equal(x.want, []string{"?"}); x.known == unknown || !unknown && !slices.Equal(x.got, x.want) || unknown && x.got != nil {
				t.Errorf("StartOf(%q): %s %q, known %v; want %q", c.image, what, x.got, x.known, x.want)
			}
		}
		for _, word := range c.runs {
			if !s.Runs([]string{word}) {
				t.Errorf("StartOf(%q) does not run %q as it is given", c.image, word)
			}
		}
		for _, word := range c.switches {
			if s.Runs([]string{word}) || !s.Switches {
				t.Errorf("StartOf(%q) runs %q as it is given", c.image, word)
			}
		}
		if s.Runs(nil) {
			t.Errorf("StartOf(%q) runs no command", c.image)
		}
	}
}

func TestNoStart(t *testing.T) {
	for _, image := range []string{
		"mynode", "someone/node", "registry.example.com/node:22", "${IMAGE}", "node:22-windowsservercore", "mcr.microsoft.com/dotnet/aspnet:8.0-nanoserver-ltsc2022",
		"mcr.microsoft.com/dotnet/aspnet:7.0-jammy-chiseled", "gcr.io/distroless/base@sha256:0123", "denoland/deno:${V}", "denoland/deno:alpine-1.0.0", "python:3.12-windowsservercore-ltsc2022", "",
	} {
		if s, ok := images.StartOf(image); ok {
			t.Errorf("StartOf(%q) = %+v", image, s)
		}
	}
}
