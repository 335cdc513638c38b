package script

import (
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// supply says how a secret is passed whose value an argument had, and sees to its being
// in the environment of the builder. The empty string: not at all.
func (e *editor) supply(b *build, a *arg, s *call.Secret) (string, error) {
	at := b.words[a.first].start
	if err := e.fixed(b, a); err != nil {
		return "", err
	}
	switch a.kind {
	case call.Text:
		if len(a.value) == 0 {
			return "", nil
		}
		return "", &Error{at, "passes a literal as " + a.name + ": take it from a variable or a store first"}
	case call.Bare:
		if b.assigned(a.name) && a.name == s.ID || e.certain(b, a.name) && a.name == s.ID {
			return "id=" + s.ID, nil
		}
		return "id=" + s.ID + ",env=" + a.name, nil
	case call.Variable:
		has, set := e.environment(b, a.env)
		when := b.words[a.first].when
		given := when != nil && when.Name == a.env // it is set where the argument is passed
		switch {
		case has && (set || given) && a.env == s.ID:
			return "id=" + s.ID, nil
		case has && (set || given || !e.sc.nounset() || a.value[0].hole != nil):
			return "id=" + s.ID + ",env=" + a.env, nil
		}
	}
	name, err := e.name(b, a, s.ID)
	if err != nil {
		return "", err
	}
	spec := "id=" + s.ID
	if name != s.ID {
		spec += ",env=" + name
	}
	for _, x := range b.cmd.Assigns {
		if x.Name == name {
			return spec, nil // name has found that it is the same value
		}
	}
	if e.sc.t.CanSet && fromHoles(a.value) && !e.sc.s.Assigned[name] && !e.sc.s.Opaque && b.shell == nil {
		e.set(name, text(a.value))
		if !b.strips(name) {
			return spec, nil
		}
		return spec, e.assign(b, name, `"$`+name+`"`, `"$`+name+`"`)
	}
	if err := e.late(b, a); err != nil {
		return "", err
	}
	if err := e.early(b, a); err != nil {
		return "", err
	}
	code, file, err := e.value(b, a)
	if err != nil {
		return "", err
	}
	return spec, e.assign(b, name, code, file)
}

func (e *editor) set(name, value string) {
	for _, s := range e.res.Set {
		if s.Name == name && s.Value == value {
			return
		}
	}
	e.res.Set = append(e.res.Set, Assignment{Name: name, Value: value})
}

// fromHoles reports whether a value is made of holes and text only, with a hole.
func fromHoles(value []char) bool {
	holes := false
	for _, c := range value {
		if c.exp != nil {
			return false
		}
		holes = holes || c.hole != nil
	}
	return holes
}

// certain reports whether a variable is set in the environment of a command for certain.
func (e *editor) certain(b *build, name string) bool {
	return b.shell == nil && !b.strips(name) && e.sc.t.Exported != nil && e.sc.t.Exported(name) && !e.sc.s.Assigned[name]
}

// environment reports whether the builder has a variable's value of the script in its
// environment, or neither has one, and whether it is certainly set there.
func (e *editor) environment(b *build, name string) (has, set bool) {
	s := e.sc.s
	if b.strips(name) || b.sets(name) { // the command line's own words do not see what it sets
		return false, false
	}
	if !s.Assigned[name] {
		return !s.Opaque && !e.library(b) && (e.sc.t.Sourced == nil || !e.sc.t.Sourced()), e.certain(b, name) && !s.Opaque
	}
	if b.shell != nil {
		return false, false
	}
	for _, c := range s.Commands {
		switch c.Program {
		case "export":
			for _, w := range c.Args {
				n, _, value := strings.Cut(w.Lit, "=")
				if !w.IsLit {
					n, _, value = strings.Cut(w.Text, "=")
				}
				if strings.HasPrefix(w.Lit, "-n") {
					return false, false
				}
				if n == name && c.In == 0 && c.End <= b.cmd.Start && !c.Nested() {
					has, set = true, set || value
				}
			}
		case "unset", "local", "declare", "typeset":
			for _, w := range c.Args {
				n, _, _ := strings.Cut(w.Text, "=")
				if n == name || !w.IsLit && c.Program == "unset" {
					return false, false
				}
			}
		}
	}
	return has, has && set
}

// library reports whether a build stands in a function that only other scripts can call: they
// source this one, and have variables that the builder does not get.
func (e *editor) library(b *build) bool {
	return b.cmd.In&shell.InFunc != 0 && e.sc.t.Self != "" &&
		!slices.ContainsFunc(e.sc.s.Commands, func(c *shell.Command) bool { return c.Function && c.In&shell.InFunc == 0 })
}

// assigned reports whether the command itself, or its wrapper, sets a variable for it.
func (b *build) assigned(name string) bool {
	for _, p := range b.around() {
		if slices.ContainsFunc(p.Assigns, func(a shell.Assign) bool { return a.Name == name }) {
			return true
		}
		if p.Parent != nil && p.Parent != b.shell && p.Parent.StripsIts(name) {
			return false
		}
	}
	return false
}

// read by docker, its plugins, the loader or the shell: another value would change what
// the builder does.
var reserved = []string{"DOCKER_", "BUILDKIT_", "BUILDX_", "BUILDAH_", "CONTAINERS_", "CONTAINER_", "PODMAN_", "REGISTRY_", "STORAGE_", "COMPOSE_", "AWS_", "GOOGLE_",
	"AZURE_", "LD_", "XDG_", "OTEL_", "GODEBUG", "GRPC_", "NERDCTL_", "CONTAINERD_", "SUDO_", "BASH", "LC_", "DBUS_", "SOURCE_DATE_EPOCH", "NO_COLOR"}

var reservedNames = []string{"PATH", "HOME", "TMPDIR", "PWD", "OLDPWD", "SHELL", "USER", "LOGNAME", "IFS", "ENV", "TERM", "LANG", "UID", "EUID", "PPID", "SHLVL", "HOSTNAME", "GOMAXPROCS", "TMP", "TEMP", "ALL_PROXY", "CDPATH", "OPTIND", "OPTARG", "RANDOM", "SECONDS", "LINENO", "PS4", "KUBECONFIG",
	"SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_SK_PROVIDER", "SSH_SK_HELPER", "SSH_PKCS11_HELPER"}

var proxies = []string{"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"}

// reads reports whether the builder itself reads a variable of this name.
func reads(name string) bool {
	return slices.Contains(reservedNames, name) || slices.Contains(proxies, strings.ToLower(name)) ||
		slices.ContainsFunc(reserved, func(p string) bool { return strings.HasPrefix(name, p) })
}

// name is the variable that hands a value over: the secret's own name, where it is free.
func (e *editor) name(b *build, a *arg, id string) (string, error) {
	own := "BUILD_" + strings.Map(func(r rune) rune {
		if validName("x" + string(r)) {
			return r
		}
		return '_'
	}, id)
	for _, name := range []string{id, own} {
		if validName(name) && !reads(name) && e.free(b, a, name) {
			return name, nil
		}
	}
	return "", &Error{b.words[a.first].start, "the variable that would hand over " + id + " has another value already"}
}

// free reports whether a variable can be set for the builder without a change to anything
// else that it gets.
func (e *editor) free(b *build, a *arg, name string) bool {
	for _, p := range b.around() {
		for _, x := range p.Assigns {
			if x.Name != name {
				continue
			}
			if x.Append || p != b.cmd || rendered(e.sc.read(x.Value).chars) != rendered(a.value) {
				return false
			}
			// It sees what is assigned before it; the words of the command do not.
			for _, y := range p.Assigns {
				if y.Start < x.Start && uses(a.value, y.Name) {
					return false
				}
			}
		}
	}
	self := len(a.value) == 1 && a.value[0].exp != nil && a.value[0].exp.Name == name && a.value[0].exp.Form == ""
	if self {
		return !e.readonly(name)
	}
	for _, o := range b.args {
		if o.kind == call.Bare && o.name == name && o.name != a.name {
			return false
		}
	}
	for _, o := range b.line.options {
		if o.name != "secret" {
			continue
		}
		if s, ok := e.sc.secret(o.value); ok && (s.Env == name || s.ID == name && s.Env == "" && s.File == "") {
			return false
		}
	}
	for _, u := range e.sc.s.UsesOf(name) {
		w := b.words[a.last]
		if u.Start >= w.start && u.End <= w.end {
			continue
		}
		if e.sc.t.CanSet && fromHoles(a.value) || u.Start >= b.cmd.Start && u.End <= b.cmd.End {
			return false
		}
	}
	if e.sc.t.CanSet && fromHoles(a.value) && (e.sc.s.Assigned[name] || e.sc.t.Taken != nil && e.sc.t.Taken(name, text(a.value))) {
		return false
	}
	return !e.readonly(name)
}

func uses(value []char, name string) bool {
	for _, c := range value {
		if c.exp != nil && strings.Contains(c.exp.Text, name) {
			return true
		}
	}
	return false
}

// rendered is a value without regard to its quotes: ${T} and $T are one.
func rendered(value []char) string {
	var b strings.Builder
	for _, c := range value {
		switch {
		case c.exp != nil && c.exp.Name != "" && c.exp.Form == "" && c.exp.Index == "":
			b.WriteString("${" + c.exp.Name + "}")
		case c.plain() && c.text == "$":
			b.WriteString("\\$")
		default:
			b.WriteString(c.text)
		}
	}
	return b.String()
}

// readonly reports whether the script makes a variable one that cannot be set again.
func (e *editor) readonly(name string) bool {
	for _, c := range e.sc.s.Commands {
		ro := c.Program == "readonly"
		for _, w := range c.Args {
			ro = ro || (c.Program == "declare" || c.Program == "local" || c.Program == "typeset") && strings.HasPrefix(w.Lit, "-") && strings.Contains(w.Lit, "r")
			if n, _, _ := strings.Cut(w.Text, "="); ro && n == name {
				return true
			}
		}
	}
	return false
}

// late refuses a value that an array or a string got before and that would be another one
// when the command runs.
func (e *editor) late(b *build, a *arg) error {
	from := b.words[a.first].from
	if from == nil {
		return nil
	}
	refuse := &Error{b.words[a.first].start, "the value of " + a.name + " is put into " + from.Name + " before the command runs: export it, and pass --secret id=" + a.name + ",env=… there"}
	if from.In&(shell.InLoop|shell.InFunc|shell.InSubshell|shell.InSubst) != 0 || e.sc.s.Opaque {
		return refuse
	}
	for _, c := range a.value {
		if c.exp == nil {
			continue
		}
		if !validName(c.exp.Name) || c.exp.Form != "" && c.exp.Form != ":-" && c.exp.Form != "-" || strings.ContainsAny(c.exp.Param, "$`") || c.exp.Index != "" {
			return refuse
		}
		given := 0
		for _, x := range e.sc.s.Assigns {
			if x.Name != c.exp.Name {
				continue
			}
			if given++; x.Start > from.Start || x.In&(shell.InFunc|shell.InLoop) != 0 {
				return refuse
			}
		}
		if given != e.sc.s.Given(c.exp.Name) {
			return refuse
		}
	}
	if b.cmd.In&shell.InFunc != 0 {
		for _, x := range e.sc.s.Commands {
			if x.Program == "local" || x.Program == "declare" || x.Program == "typeset" {
				return refuse
			}
		}
	}
	if e.sc.nounset() && from.In != 0 {
		for _, c := range a.value {
			if c.exp != nil && c.exp.Form == "" {
				return refuse
			}
		}
	}
	return nil
}

// early refuses a value that is worked out where its argument is passed, and would be
// anywhere now.
func (e *editor) early(b *build, a *arg) error {
	when := b.words[a.first].when
	if when == nil {
		return nil
	}
	for _, c := range a.value {
		if c.exp != nil && (c.exp.Name == "" || e.sc.nounset() && c.exp.Form == "" || strings.Contains(c.exp.Form, "?") || strings.Contains(c.exp.Form, "=")) {
			return &Error{b.words[a.first].start, "the value of " + a.name + " is worked out only if " + when.Name + " is set: pass --secret id=" + a.name + ",env=… there"}
		}
	}
	return nil
}
