package flow

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed consumers.tsv
var consumersTSV string

//go:embed programs.tsv
var programsTSV string

// consumer is one row of consumers.tsv: variables and the programs that read them.
type consumer struct {
	names    *regexp.Regexp
	programs []programSpec
	build    bool // of no use but to these programs
	own      bool // nothing to a package manager that only fetches, unless it is one of these programs
	config   bool // only where the program's configuration file names it, if that can be read
}

// programSpec is "npm" or "npm:ci,install".
type programSpec struct {
	name string
	subs []string
}

func (p programSpec) matches(program string, args []string) bool {
	if p.name != program && !(strings.HasSuffix(p.name, "*") && strings.HasPrefix(program, p.name[:len(p.name)-1])) {
		return false
	}
	return len(p.subs) == 0 || slices.Contains(p.subs, subcommand(args))
}

// subcommand is the first argument that is not an option.
func subcommand(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") && a != "" {
			return a
		}
	}
	return ""
}

func rows(tsv string) [][]string {
	var out [][]string
	for line := range strings.Lines(tsv) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		out = append(out, strings.Split(line, "\t"))
	}
	return out
}

func specs(field string) []programSpec {
	var out []programSpec
	for _, f := range strings.Fields(field) {
		name, subs, ok := strings.Cut(f, ":")
		if f == ":" {
			name, ok = f, false // the shell's own
		}
		s := programSpec{name: name}
		if ok {
			s.subs = strings.Split(subs, ",")
		}
		out = append(out, s)
	}
	return out
}

var consumers = sync.OnceValue(func() []consumer {
	var out []consumer
	for _, r := range rows(consumersTSV) {
		out = append(out, consumer{regexp.MustCompile(`^(?:` + r[0] + `)$`), specs(r[1]), r[2] == "build", r[2] != "both", len(r) > 3 && r[3] == "configured"})
	}
	return out
})

// program classes: what a program does with variables that are not in its row of consumers.tsv.
type class uint8

const (
	opaque  class = iota // may read anything
	inert                // reads no variable of a secret's kind
	printer              // sends its arguments on: nothing stays but by redirection
)

var programs = sync.OnceValue(func() map[string][]programRow {
	out := map[string][]programRow{}
	for _, r := range rows(programsTSV) {
		c := map[string]class{"inert": inert, "printer": printer, "opaque": opaque}[r[1]]
		for _, s := range specs(r[0]) {
			out[s.name] = append(out[s.name], programRow{s, c})
		}
	}
	return out
})

type programRow struct {
	spec  programSpec
	class class
}

// classOf says what a program may read; one that is not in the table is opaque.
func classOf(program string, args []string) class {
	if informs(program, args) {
		return inert
	}
	for _, r := range programs()[program] {
		if r.spec.matches(program, args) {
			return r.class
		}
	}
	return opaque
}

// rowsOf returns the rows of consumers.tsv for a variable.
func rowsOf(name string) []consumer {
	var out []consumer
	for _, c := range consumers() {
		if c.names.MatchString(name) {
			out = append(out, c)
		}
	}
	return out
}

// reads reports whether a program is known to read the variable of these rows, and
// whether only by what its configuration file says.
func reads(rows []consumer, program string, args []string) (ok, configured bool) {
	for _, c := range rows {
		for _, p := range c.programs {
			if p.matches(program, args) {
				if !c.config {
					return true, false
				}
				ok, configured = true, true
			}
		}
	}
	return ok, configured
}

// buildOnly reports whether the variable of these rows is of no use but to build tools.
func buildOnly(rows []consumer) bool {
	return slices.ContainsFunc(rows, func(c consumer) bool { return c.build })
}

// owned reports whether the variable of these rows belongs to their programs.
func owned(rows []consumer) bool {
	return slices.ContainsFunc(rows, func(c consumer) bool { return c.own })
}
