package project

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rules/detect"
)

// Held is one secret of a project, however its services get it: what a store outside of compose keeps.
type Held struct {
	ID       string // the secret's, or the variable's name
	Slug     string // a name that every store takes: lower case letters, digits and single hyphens
	File     string // relative to the project's Dir; "" if it is a variable's
	Variable string // of the shell or .env, "" if there is none; where there is a file too, its value counts
}

// Held returns the secrets with a value of their own: those of the file in its order, then the variables that services get. Those that
// are external have their value elsewhere, and are among them without File and Variable. An error is a [Refused].
func (p *Project) Held() ([]Held, error) {
	var out []Held
	add := func(h Held) error {
		if slices.ContainsFunc(out, func(o Held) bool { return o.ID == h.ID && o.Variable == h.Variable && o.File == h.File }) {
			return nil
		}
		h.Slug = Slug(p.Name + "-" + h.ID)
		if h.Slug == "" || len(h.Slug) > 127 {
			return Refuse("the name of secret %s is none that every store takes", h.ID)
		}
		for i, o := range out {
			if o.ID == h.ID && o.Variable == "" && h.File == "" {
				out[i].Variable = h.Variable // one secret in two forms
				return nil
			}
			if o.Slug == h.Slug {
				return Refuse("secrets %s and %s would have one name, %s: rename one of them", o.ID, h.ID, h.Slug)
			}
		}
		out = append(out, h)
		return nil
	}
	for _, s := range p.Secrets {
		if err := add(Held{ID: s.ID, File: s.File, Variable: s.Environment}); err != nil {
			return nil, err
		}
	}
	for _, s := range p.Services {
		for _, v := range s.Environment {
			for _, name := range v.Secrets() {
				if slices.ContainsFunc(out, func(o Held) bool { return o.Variable == name }) {
					continue // a secret of the file is made from it
				}
				if err := add(Held{ID: name, Variable: name}); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// Secrets returns the variables of the shell or of .env that are secrets and that a variable is made from: those with a secret's name,
// and the only one of a variable that has such a name itself.
func (v Variable) Secrets() []string {
	if !v.Has {
		if secretName(v.Name) {
			return []string{v.Name}
		}
		return nil
	}
	parts, ok := Parts(v.Text)
	if !ok {
		return nil
	}
	var out []string
	for _, part := range parts {
		if part.Name != "" && (secretName(part.Name) || len(parts) == 1 && secretName(v.Name)) && !slices.Contains(out, part.Name) {
			out = append(out, part.Name)
		}
	}
	return out
}

// Dummy says whether a variable is named like a secret and has a placeholder or a weak password.
func (v Variable) Dummy() bool {
	literal, ok := compose.Literal(v.Text)
	return v.Has && ok && detect.Variable(v.Name, literal, true) == detect.Dummy
}

func secretName(name string) bool { return detect.Name(name) == detect.Secret }

// Slug writes a name in lower case letters, digits and single hyphens, as Kubernetes takes one.
func Slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
	return strings.Join(words, "-")
}
