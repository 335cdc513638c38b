package images

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed file_env.tsv
var fileEnvTSV string

// Form is how an image takes the value of a variable from a file. With any of them the plain variable must be gone, from the service
// and from the image: some images stop where both are set. What runs beside the image's own process (docker exec, a health check) sees
// the variable no more.
type Form struct {
	Name   string   // of the variable that takes the file's path: POSTGRES_PASSWORD_FILE
	Prefix string   // of the path, where the variable keeps its name: "file://"
	Mode   string   // that the file must have, as in "0400", and its user's own; "" where any that lets the image's user read it will do
	Groups []string // variables that take effect only if all of them come from files, this one included; as plain names
	First  bool     // used only while the container's data are still empty: another value later changes nothing
	Reads  []string // programs that take the plain variable unasked: where a health check runs one, it fails with the file
	When   []string // first words of a command with which it is read, as patterns; none: any command. The image's own command is one of them
	Source string   // repository:path[:line] that says so
}

// ReadBy tells whether the file is read by a container that runs a command; none is the image's own. The entrypoint must be the image's.
func (f Form) ReadBy(command []string) bool {
	return len(command) == 0 || len(f.When) == 0 || anyLike(f.When, command[0])
}

// formRow is one row of file_env.tsv.
type formRow struct {
	images, variables []string
	tags              tags
	form              string // with % for the variable, "=" and a prefix for its value, or "never"
	Form
	why string
}

var formRows = sync.OnceValue(func() []formRow {
	var out []formRow
	for _, c := range rows(fileEnvTSV) {
		r := formRow{images: words(c[0]), tags: words(c[1]), variables: words(c[2]), form: c[3], why: c[7]}
		r.When, r.Source = words(c[5]), c[6]
		for _, need := range words(c[4]) {
			key, value, _ := strings.Cut(need, "=")
			switch key {
			case "first":
				r.First = true
			case "mode":
				r.Mode = value
			case "reads":
				r.Reads = strings.Split(value, ",")
			case "with":
				r.Groups = strings.Split(value, ",")
			}
		}
		out = append(out, r)
	}
	return out
})

// FileForm returns how an image takes a variable's value from a file. It is not known for a tag that may be of a version without it: one
// that is older, a variable or a digest alone.
func FileForm(image, variable string) (Form, bool) {
	r, ok := rowOf(image, variable)
	if !ok || r.form == "never" {
		return Form{}, false
	}
	f := r.Form
	f.When, f.Groups, f.Reads = slices.Clone(f.When), slices.Clone(f.Groups), slices.Clone(f.Reads)
	if prefix, ok := strings.CutPrefix(r.form, "="); ok {
		f.Name, f.Prefix = variable, prefix
		return f, true
	}
	f.Name = strings.Replace(r.form, "%", variable, 1)
	return f, true
}

// Never tells why an image takes a variable from no file, although one might think so. Images that no row names are not known to.
func Never(image, variable string) (why string, ok bool) {
	r, ok := rowOf(image, variable)
	if !ok || r.form != "never" {
		return "", false
	}
	return r.why, true
}

// rowOf is the first row that is about an image and a variable.
func rowOf(image, variable string) (formRow, bool) {
	repo, tag := Name(image)
	if repo == "" {
		return formRow{}, false
	}
	for _, r := range formRows() {
		if anyLike(r.images, repo) && anyLike(r.variables, variable) && r.tags.match(tag) {
			return r, true
		}
	}
	return formRow{}, false
}
