package tasks

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/script"
)

// variable returns the value of a variable that is set in one place.
func (set *justSet) variable(name string) (value []token, ok bool) {
	for _, f := range set.files {
		v, here := f.vars[name]
		if here && (ok || f.twice[name]) {
			return nil, false
		}
		if here {
			value, ok = v, true
		}
	}
	return value, ok
}

func (set *justSet) setting(name string) ([]token, bool) {
	for _, f := range set.files {
		if v, ok := f.settings[name]; ok {
			return v, len(v) == 0 || v[0].text != "false"
		}
	}
	return nil, false
}

// exports reports whether recipes have a variable in their environment.
func (set *justSet) exports(r *justRecipe, name string) bool {
	_, all := set.setting("export")
	if exported, param := r.params[name]; param {
		return exported || all
	}
	return slices.ContainsFunc(set.files, func(f *justfile) bool {
		_, is := f.vars[name]
		return f.exported[name] || is && all
	})
}

// value works out an expression of strings, variables and folders.
func (set *justSet) value(r *justRecipe, t []token, depth int) (string, bool) {
	out, want := "", true
	for i := 0; i < len(t); i++ {
		switch x := t[i]; {
		case !want && (x.kind == '+' || x.kind == '/'):
			want = true
			if x.kind == '/' {
				out += "/"
			}
			continue
		case !want || depth > 8:
			return "", false
		case x.kind == 's':
			out += x.text
		case x.kind == 'i' && i+2 < len(t) && t[i+1].kind == '(' && t[i+2].kind == ')' && (x.text == "justfile_directory" || x.text == "justfile_dir") && isMainJust(set.own.path):
			out += path.Join(script.Root, path.Dir(set.own.path))
			i += 2
		case x.kind == 'i' && (i+1 == len(t) || t[i+1].kind != '(' && t[i+1].kind != 's'):
			if _, param := r.params[x.text]; param {
				return "", false
			}
			value, ok := set.variable(x.text)
			if !ok {
				return "", false
			}
			text, ok := set.value(r, value, depth+1)
			if !ok {
				return "", false
			}
			out += text
		default:
			return "", false
		}
		want = false
	}
	return out, !want
}

// ofEnvironment returns the variable that an expression reads: env("T"), and certain where
// it fails without one.
func ofEnvironment(t []token) (name string, certain bool) {
	if len(t) < 4 || t[0].kind != 'i' || t[1].kind != '(' || t[2].kind != 's' || t[len(t)-1].kind != ')' {
		return "", false
	}
	switch {
	case len(t) == 4 && (t[0].text == "env" || t[0].text == "env_var"):
		return t[2].text, true
	case len(t) == 6 && (t[0].text == "env" || t[0].text == "env_var_or_default") && t[3].kind == ',' && t[4].kind == 's' && t[4].text == "":
		return t[2].text, false
	}
	return "", false
}

// assigns reports whether the environment of a recipe has another value of a variable
// than that of just, or may have.
func (set *justSet) assigns(r *justRecipe, name string) bool {
	return set.exports(r, name) || slices.ContainsFunc(set.files, func(f *justfile) bool {
		return regexp.MustCompile(`(?m)^unexport\s+` + regexp.QuoteMeta(name) + `\b|\[.*\benv\b`).Match(f.src)
	})
}

// certain says which variables are set when a command of a text runs: those that just
// exports, and those without which just, or the shell itself, stops before.
func (set *justSet) certain(r *justRecipe, t *text) func(string) bool {
	return func(name string) bool {
		if set.exports(r, name) {
			return true
		}
		for _, h := range t.Holes {
			tokens, _, _ := statement([]byte(inside(h.Text)), 0)
			if n, certain := ofEnvironment(tokens); n == name && certain && h.Env == name {
				return true
			}
		}
		return t.Flags.Nounset && !strings.ContainsAny(t.Code, ";|\n") && regexp.MustCompile(`\$(?:`+regexp.QuoteMeta(name)+`\b|\{`+regexp.QuoteMeta(name)+`\})`).MatchString(t.Code)
	}
}
