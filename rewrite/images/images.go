// Package images says what a container image is known to do with its environment and its command when a container of it starts: which
// variables it also takes as a file, what its entrypoint does with a command, whether a shell is there. It leans on nothing of ours; its
// facts are the two tables beside it, each row with the source it was read in. It reads no registry and never infers: an image, a version
// or a variable that no row names is not known.
package images

import "strings"

// Name reads an image reference as Docker does. The repository comes without a registry where it is Docker Hub's own name or one of the
// mirrors that serve the same images under the same names: docker.io and index.docker.io, mirror.gcr.io, and for official images
// public.ecr.aws/docker/library. So the official image of PostgreSQL is "postgres" under all of them, and any other registry's postgres
// keeps its host and is another image. The tag is "latest" where none is given, and "" where it is not known: a digest alone, or a
// variable. The repository is "" if the reference has a variable in it before the tag, or is none.
func Name(ref string) (repo, tag string) {
	repo, tag = split(ref)
	if repo == "" || strings.ContainsAny(repo, "$ \t\"'") || repo != strings.ToLower(repo) {
		return "", ""
	}
	if strings.Contains(tag, "$") {
		tag = ""
	}
	host, rest, ok := strings.Cut(repo, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return strings.TrimPrefix(repo, "library/"), tag
	}
	switch host {
	case "docker.io", "index.docker.io":
		return strings.TrimPrefix(rest, "library/"), tag
	case "mirror.gcr.io":
		if name, ok := strings.CutPrefix(rest, "library/"); ok {
			return name, tag
		}
		if strings.Contains(rest, "/") {
			return rest, tag
		}
	case "public.ecr.aws":
		if name, ok := strings.CutPrefix(rest, "docker/library/"); ok {
			return name, tag
		}
	}
	return repo, tag
}

// split cuts a reference at its tag and its digest, and not at what stands in ${…}.
func split(ref string) (repo, tag string) {
	depth, colon, end := 0, -1, len(ref)
scan:
	for i := range len(ref) {
		switch c := ref[i]; {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case depth > 0:
		case c == '/':
			colon = -1
		case c == ':' && colon < 0:
			colon = i
		case c == '@':
			end = i
			break scan
		}
	}
	switch {
	case colon >= 0:
		return ref[:colon], ref[colon+1 : end]
	case end < len(ref):
		return ref[:end], ""
	}
	return ref, "latest"
}
