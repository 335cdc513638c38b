package rules

import (
	"path"
	"slices"
	"strings"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/images"
	"github.com/unbake-dev/unbake/rewrite/service"
	"github.com/unbake-dev/unbake/rewrite/shell"
)

// blind reports whether a health check's program does not read the variables unasked.
func (f *fileForm) blind(program string) bool {
	return ignorant[program] && !slices.Contains(f.reads, program)
}

// ignorant are programs that health checks run and that read no password from the environment by its name in an image's own convention.
var ignorant = map[string]bool{
	"pg_isready": true, "psql": true, "mysqladmin": true, "mysql": true, "mysqlshow": true, "mariadb-admin": true, "mariadb": true, "mongosh": true, "mongo": true,
	"redis-cli": true, "curl": true, "wget": true, "nc": true, "ncat": true, "netcat": true, "echo": true, "printf": true, "grep": true, "egrep": true, "sed": true,
	"awk": true, "cat": true, "test": true, "[": true, "[[": true, "true": true, "false": true, "exit": true, ":": true, "sleep": true, "cut": true, "tr": true,
	"head": true, "tail": true, "timeout": true, "sh": true, "bash": true, "rabbitmq-diagnostics": true, "pgrep": true, "ps": true,
	"ls": true, "wc": true, "kill": true, "hostname": true, "rabbitmqctl": true, "clickhouse-client": true, "export": true, "set": true, "cd": true, "su": true, "gosu": true,
}

// health checks that no command of the container reads the variables, and makes those of its health check that do so read the file.
func (d *giver) health(ct *container, f *fileForm, literals []service.Place, start starting) (why string) {
	for _, s := range ct.parts {
		c := service.CommandsOf(s)
		for _, w := range c.Words {
			if w.Where == compose.InHealthcheck && !f.blind(w.Program) && !(w.Program == "healthcheck.sh" && isMariadb(start.image)) {
				return "its health check runs what may read it"
			}
		}
		for _, sc := range c.Scripts {
			if sc.Text.Where != compose.InHealthcheck {
				return "a shell of its command may read it"
			}
			var here []service.Place
			for _, x := range literals {
				if x.Service == s && x.Text.Start == sc.Text.Start {
					here = append(here, x)
				}
			}
			change, why := fromFile(sc, f, here)
			if why != "" {
				return why
			}
			if change != nil {
				if d.shared(service.Place{Service: s, Text: sc.Text}, ct) {
					return "another service has its health check through an anchor"
				}
				if sc.Text.Inherited != "" {
					return "its health check comes in through " + sc.Text.Inherited
				}
				f.replace = append(f.replace, fileText{service: s, text: sc.Text, script: change})
			}
		}
	}
	// A literal in a health check that no shell runs has no file to be read from.
	for _, x := range literals {
		if !slices.ContainsFunc(f.replace, func(t fileText) bool { return t.script != nil && t.text.Start == x.Text.Start }) {
			return "its health check has it where no shell could read a file"
		}
	}
	return ""
}

// isMariadb reports whether an image has a health check of its own that reads no password.
func isMariadb(image string) bool {
	repo, _ := images.Name(image)
	return repo == "mariadb"
}

// fromFile makes a script read a file where it holds the literals or reads one of the variables. change is nil where it does neither.
func fromFile(sc service.Script, f *fileForm, literals []service.Place) (change func(id string) string, why string) {
	names, source := f.names, sc.Source()
	script, err := shell.Parse(source, shell.POSIX)
	if err != nil {
		return nil, "its health check is not understood"
	}
	for _, c := range script.Commands {
		if c.Opaque || !f.blind(path.Base(c.Program)) && !c.Function {
			return nil, "its health check runs what may read it"
		}
	}
	variable := ""
	for name := range names {
		if variable == "" || name < variable {
			variable = name
		}
	}
	var edits []shell.TextEdit
	if len(literals) > 0 {
		var places []shell.Substitution
		for _, x := range literals {
			from, to, ok := sc.Within(x.Start, x.End)
			if !ok {
				return nil, "its health check has it in a form that is not understood"
			}
			places = append(places, shell.Substitution{Start: from, End: to, Name: variable})
		}
		var ok bool
		if edits, ok = script.SubstituteAll(places); !ok {
			return nil, "its health check has it in a place where nothing can be read"
		}
	}
	for name := range names {
		for _, u := range script.UsesOf(name) {
			if text := source[u.Start:u.End]; u.Form != "" || text != "$"+name && text != "${"+name+"}" {
				return nil, "its health check reads it in a form that no file has"
			}
			edits = append(edits, shell.TextEdit{Start: u.Start, End: u.End, New: "${" + variable + "}"})
		}
		if len(script.Mentions(name)) > len(script.UsesOf(name)) || script.Assigned[name] {
			return nil, "its health check names it"
		}
	}
	if len(edits) == 0 {
		return nil, ""
	}
	slices.SortFunc(edits, func(a, b shell.TextEdit) int { return a.Start - b.Start })
	return func(id string) string {
		var out []shell.TextEdit
		for _, e := range edits {
			e.New = strings.ReplaceAll(e.New, "${"+variable+"}", "$(cat /run/secrets/"+id+")")
			out = append(out, e)
		}
		value, ok := sc.Edited(out)
		if !ok {
			return ""
		}
		return value
	}, ""
}
