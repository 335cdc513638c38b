package service

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/flow"
	"github.com/unbake-dev/unbake/rules/detect"
)

// group makes secrets of literals. One value is one secret; of a weak one, which many have by chance, only where the places have to do with
// each other: one name, one service that names the other as its host.
func group(files []*compose.File, found []literal) []*Secret {
	order := map[*compose.File]int{}
	for i, f := range files {
		order[f] = i
	}
	slices.SortStableFunc(found, func(a, b literal) int {
		if a.Service.File != b.Service.File {
			return order[a.Service.File] - order[b.Service.File]
		}
		if a.Text.Start != b.Text.Start {
			return a.Text.Start - b.Text.Start
		}
		return a.Start - b.Start
	})
	var groups [][]literal
	join := func(same func(x, y literal) bool) {
		for i := 0; i < len(groups); i++ {
			for j := i + 1; j < len(groups); j++ {
				if slices.ContainsFunc(groups[i], func(x literal) bool {
					return slices.ContainsFunc(groups[j], func(y literal) bool { return same(x, y) })
				}) {
					groups[i] = append(groups[i], groups[j]...)
					groups = slices.Delete(groups, j, j+1)
					i, j = -1, len(groups)
				}
			}
		}
	}
	for _, x := range found {
		groups = append(groups, []literal{x})
	}
	join(func(x, y literal) bool {
		if x.value != y.value {
			return false
		}
		return x.class >= detect.Ordinary || y.class >= detect.Ordinary || x.Name == y.Name
	})
	// A part of a URL or of a command belongs to what the same service, or the one that the URL is for, has as a variable.
	join(func(x, y literal) bool {
		return x.value == y.value && x.class == detect.Weak && y.class == detect.Weak && (belongs(found, x, y) || belongs(found, y, x))
	})
	var out []*Secret
	for _, g := range groups {
		s := &Secret{Value: flow.NewValue(g[0].value), Class: g[0].class}
		for _, x := range g {
			s.Class = max(s.Class, x.class)
			s.Places = append(s.Places, x.Place)
		}
		s.Name = nameOf(g)
		out = append(out, s)
	}
	return out
}

// belongs reports whether a weak literal is the password of what y is: y is a variable, of the same service or of the one that x is for.
func belongs(found []literal, x, y literal) bool {
	if y.Kind != Whole || y.Text.Where != compose.InEnvironment {
		return false
	}
	own := x.Service.Name == y.Service.Name
	switch {
	case x.Kind == Whole && own, x.host != "" && x.host != y.Service.Name && !own:
		return false
	case x.host == "" && !own && !(x.Text.Where == compose.InEnvironment && namesHost(x.Service, y.Service.Name)):
		return false
	}
	// A service that has the value as two variables: the one whose user is meant.
	for _, z := range found {
		if z.Service == y.Service && z.Kind == Whole && z.Text.Where == compose.InEnvironment && z.value == y.value && z.Name != y.Name && root(z) != root(y) {
			return root(y) == asRoot(x)
		}
	}
	return true
}

// root reports whether the variable is of the administrator.
func root(x literal) bool { return strings.Contains(strings.ToUpper(x.Name), "ROOT") }

// asRoot reports whether a literal is for the administrator: its name says so, or the user beside it.
func asRoot(x literal) bool {
	before := x.Text.Value[:x.Start]
	if x.Kind != Whole {
		return strings.HasSuffix(before, "root:") || strings.Contains(before, "-uroot") || strings.Contains(before, "-u root")
	}
	return root(x) || slices.ContainsFunc(x.Service.Texts, func(t compose.Text) bool {
		return t.Where == compose.InEnvironment && t.Value == "root" && detect.Whose(t.Name)
	})
}

// server reports whether the variable is one that a database's image starts with.
func server(x literal) bool {
	for _, prefix := range []string{"POSTGRES_", "POSTGRESQL_", "MYSQL_", "MARIADB_", "MONGO_INITDB_", "MONGODB_", "REDIS_", "RABBITMQ_DEFAULT_", "MINIO_", "CLICKHOUSE_", "COUCHDB_", "DOCKER_INFLUXDB_", "INFLUXDB_", "ELASTIC_"} {
		if strings.HasPrefix(x.Name, prefix) {
			return true
		}
	}
	return false
}

var hostVariable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)host|server|addr|endpoint|url|uri`) })

// namesHost reports whether a variable of a service has another service as the host that it speaks to.
func namesHost(s *compose.Service, other string) bool {
	return slices.ContainsFunc(s.Texts, func(t compose.Text) bool {
		if t.Where != compose.InEnvironment || !t.HasValue {
			return false
		}
		if host, port, ok := strings.Cut(t.Value, ":"); host == other && (ok && port != "" && strings.Trim(port, "0123456789") == "" || hostVariable().MatchString(t.Name)) {
			return true
		}
		for _, before := range []string{"://", "@", "Server=", "Host="} {
			if _, rest, ok := strings.Cut(t.Value, before+other); ok && (rest == "" || strings.IndexByte(":/,;?\n ", rest[0]) >= 0) {
				return true
			}
		}
		return false
	})
}

// nameOf chooses the name of a group: of the variable that a server starts with, its administrator's last, else of the first variable, else of the first place.
func nameOf(g []literal) string {
	for _, fits := range []func(literal) bool{
		func(x literal) bool { return x.Default != "" },
		func(x literal) bool {
			return x.Kind == Whole && x.Text.Where == compose.InEnvironment && server(x) && !root(x)
		},
		func(x literal) bool { return x.Kind == Whole && x.Text.Where == compose.InEnvironment && server(x) },
		func(x literal) bool { return x.Kind == Whole && x.Text.Where == compose.InEnvironment },
		func(x literal) bool { return x.Kind == Whole },
		func(x literal) bool { return true },
	} {
		if i := slices.IndexFunc(g, fits); i >= 0 {
			return g[i].Name
		}
	}
	return ""
}
