package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/service"
)

// names are those that the secret can have, the best first: its own, unless that means another value too, then with the service's before it;
// where another file gives the same service another value, with that of the file.
func (d *giver) names() []string {
	service, file := d.otherValue()
	own := identifierOf(d.all[0].name) + "_" + d.name
	var names []string
	if !service && !file {
		names = append(names, d.name)
	}
	if stem := stemOf(d.fromFile()); file && stem != "" {
		names = append(names, stem+"_"+d.name, stem+"_"+own)
	} else if file && !service {
		names = append(names, d.name)
	}
	if !d.variableNamed() {
		own = d.name // a name that was made up: no other service's is meant by it
	} else {
		names = append(names, own)
	}
	for n := 2; n < 10; n++ {
		names = append(names, fmt.Sprintf("%s_%d", own, n))
	}
	return names
}

// variableNamed reports whether the secret has the name of a variable of a service.
func (d *giver) variableNamed() bool {
	return len(d.places) == 0 || slices.ContainsFunc(d.places, func(x service.Place) bool { return x.Kind == service.Whole && x.Text.Name == d.name })
}

// fromFile is the file that the value stands in first, "" if it is in none.
func (d *giver) fromFile() string {
	if len(d.places) == 0 {
		return ""
	}
	return d.places[0].Service.File.Path
}

// stemOf is what a compose file's name has of its own: dev of docker-compose.dev.yml.
func stemOf(file string) string {
	stem := strings.TrimSuffix(path.Base(file), path.Ext(file))
	stem = strings.TrimPrefix(strings.TrimPrefix(stem, "docker-"), "compose")
	return strings.Trim(identifierOf(strings.Trim(stem, ".-_")), "_")
}

// otherValue reports whether another service of the project, or the same one in another file, has a variable of the name with another value:
// a name in .env that means one of them would be taken for both.
func (d *giver) otherValue() (inService, inFile bool) {
	own := map[string]bool{}
	for _, ct := range d.all {
		own[ct.name] = true
	}
	for _, f := range d.files {
		for _, s := range f.Services {
			for _, t := range s.Texts {
				if !own[s.Name] && t.Where == compose.InEnvironment && strings.HasSuffix(t.Value, "/run/secrets/"+identifierOf(s.Name)+"_"+d.name) {
					inService = true // it has had the name before it since an earlier fix
				}
				if t.Where != compose.InEnvironment || t.Name != d.name || !t.HasValue || t.Value == "" || t.Start < 0 {
					continue
				}
				if names := compose.Variables(t.Value); len(names) == 1 && names[0] == d.name {
					continue
				}
				if literal, ok := compose.Literal(t.Value); ok && literal == d.value.Reveal() || slices.ContainsFunc(d.places, func(x service.Place) bool {
					return x.Service == s && x.Text.Start == t.Start
				}) {
					continue
				}
				if own[s.Name] {
					inFile = true
				} else {
					inService = true
				}
			}
		}
	}
	return inService, inFile
}
