package compose

import "path"

// Together returns the files that are used with one of them.
func Together(files []*File, f *File) []*File {
	var out []*File
	for _, x := range files {
		if x.Err == nil && path.Dir(x.Path) == path.Dir(f.Path) && (x == f || canonical(path.Base(x.Path)) && isOverride(path.Base(f.Path)) || canonical(path.Base(f.Path)) && isOverride(path.Base(x.Path))) {
			if canonical(path.Base(x.Path)) {
				out = append([]*File{x}, out...)
			} else {
				out = append(out, x)
			}
		}
	}
	return out
}

func isOverride(base string) bool {
	switch base {
	case "compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml":
		return true
	}
	return false
}
