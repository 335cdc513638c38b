package verify

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rules/detect"
)

// supply finds a value for each secret of a job, and gives it to the two builds: to the new one by its mounts, to the old
// one in the way that the old file takes it.
type supply struct {
	*finding
	job      *Job
	old, new *dockerfile.File
	dirs     []string // with a folder secrets, perhaps
}

// FromCanary is where a value is from that was made up.
const FromCanary = "a canary"

// mounted is a secret that a file mounts.
type mounted struct {
	id       string
	names    []string // of the variables that hold it
	required bool
}

func mountsOf(f *dockerfile.File) []*mounted {
	var out []*mounted
	for _, in := range f.Instructions {
		if in.OnBuild {
			continue // this build does not run it
		}
		for _, m := range in.Mounts() {
			id := m.Opts["id"]
			if id == "" {
				id = path.Base(m.Opts["target"])
			}
			if m.Type != "secret" || f.HasVariable(id) {
				continue
			}
			i := slices.IndexFunc(out, func(x *mounted) bool { return x.id == id })
			if i < 0 {
				i = len(out)
				out = append(out, &mounted{id: id, names: []string{id}})
			}
			if env := m.Opts["env"]; env != "" && !slices.Contains(out[i].names, env) {
				out[i].names = append(out[i].names, env)
			}
			if required, ok := m.Opts["required"]; ok && required != "false" && required != "0" {
				out[i].required = true
			}
		}
	}
	return out
}

func (s *supply) supply() error {
	mounts := mountsOf(s.new)
	was := mountsOf(s.old)
	mounts = append(mounts, s.headers()...)
	for _, m := range slices.Concat(mounts, was) {
		s.taken[m.id] = true
	}
	for _, m := range mounts {
		its, err := s.value(m, slices.ContainsFunc(was, func(x *mounted) bool { return x.id == m.id }))
		if err != nil {
			return err
		}
		if its == nil {
			continue
		}
		s.job.Secrets = append(s.job.Secrets, its)
		s.job.After.Secrets[m.id] = []byte(its.value)
		s.job.Before.Secrets[m.id] = []byte(its.value)
	}
	for _, m := range was { // no longer mounted
		if v, ok := s.Given[m.id]; ok && v != nil {
			s.job.Before.Secrets[m.id] = v
		}
	}
	s.unread()
	s.hide(mounts)
	return s.refresh()
}

// headers are the secrets that BuildKit itself looks for where it fetches for ADD: they are in secrets/, and no mount
// names them.
func (s *supply) headers() []*mounted {
	var out []*mounted
	for _, dir := range s.dirs {
		files, _ := os.ReadDir(s.onDisk(path.Join(dir, "secrets")))
		for _, f := range files {
			for _, prefix := range []string{"HTTP_AUTH_HEADER_", "HTTP_AUTH_TOKEN_", "GIT_AUTH_HEADER", "GIT_AUTH_TOKEN"} {
				if strings.HasPrefix(f.Name(), prefix) && !slices.ContainsFunc(out, func(m *mounted) bool { return m.id == f.Name() }) {
					out = append(out, &mounted{id: f.Name(), names: []string{f.Name()}})
				}
			}
		}
	}
	return out
}

// value finds the value of a secret; nil where neither file needs one. already: the old file mounts it too.
func (s *supply) value(m *mounted, already bool) (*Secret, error) {
	file, text, hasFile := s.file(m.id)
	given, isGiven := s.Given[m.id]
	if isGiven && given == nil {
		if !hasFile {
			return nil, fmt.Errorf("%s: --secret id=%s: no variable and no file of this name, say src=FILE or env=VARIABLE", s.job.Path, m.id)
		}
		given = text
	}
	arg := s.argument(m)
	if v, ok := s.Args[arg]; ok && !isGiven {
		given, isGiven = []byte(v), true
		delete(s.job.After.Args, arg) // it is for the old file: the new one would have it in its provenance
	}
	// A line end behind the value is one that the old file did not have: it must show.
	bare := bytes.TrimRight(text, "\r\n")
	end := string(text[len(bare):])
	literal := hasFile && len(bare) > 0 && bytes.Contains(s.job.Before.Dockerfile, bare)
	// What the new file has too may be any word; and a short one stands in others.
	replaceable := literal && len(bare) >= shortest && !bytes.Contains(s.job.After.Dockerfile, bare)

	its := &Secret{ID: m.id, names: m.names}
	switch {
	case isGiven:
		its.value, its.From = string(given), "the caller"
	case replaceable, !literal && arg != "":
		its.value, its.From = canary(string(bare))+end, FromCanary
	case hasFile:
		its.value, its.From = string(text), file
	case already:
		its.value, its.From = canary(""), FromCanary
	case m.required:
		return nil, fmt.Errorf("%s: nothing is known of the value of %s, give it with --secret id=%s", s.job.Path, m.id, m.id)
	default:
		return nil, nil
	}
	if replaceable && its.value != string(text) {
		s.job.Before.Dockerfile = bytes.ReplaceAll(s.job.Before.Dockerfile, bare, []byte(strings.TrimRight(its.value, "\r\n")))
	}
	if _, passed := s.job.Before.Args[arg]; arg != "" && (passed || !literal) {
		s.job.Before.Args[arg] = strings.TrimRight(its.value, "\r\n")
	}
	if _, passed := s.job.After.Args[arg]; passed && arg != "" {
		s.job.After.Args[arg] = s.job.Before.Args[arg] // a compose file still passes it, and that shows
	}
	if its.From == FromCanary {
		its.values = append(its.values, mark(its.value))
	} else {
		its.values = append(its.values, parts(m.id, []byte(its.value))...)
		its.files = append(its.files, whole(its.value)...)
	}
	if hasFile && its.value != string(text) {
		// The real one may come along, from the folder secrets for one.
		its.values = append(its.values, parts(m.id, text)...)
		its.files = append(its.files, whole(string(text))...)
	}
	slices.Sort(its.values)
	its.values = slices.Compact(its.values)
	its.Searched = len(its.values)+len(its.files) > 0
	return its, nil
}

// argument is the build argument through which the old file took a secret, and the new one does not; "" if there is none.
func (s *supply) argument(m *mounted) string {
	for _, name := range m.names {
		if declares(s.old, name) && !declares(s.new, name) {
			return name
		}
	}
	return ""
}

func declares(f *dockerfile.File, arg string) bool {
	return slices.ContainsFunc(f.Instructions, func(in *dockerfile.Instruction) bool {
		return in.Name == "arg" && slices.ContainsFunc(in.Pairs(), func(p dockerfile.Pair) bool { return p.Name == arg })
	})
}

// unread gives canaries for the arguments that the new file does not have and mounts nothing for: nothing could read
// them, which is now seen.
func (s *supply) unread() {
	for _, in := range s.old.Instructions {
		if in.Name != "arg" || in.OnBuild {
			continue
		}
		for _, p := range in.Pairs() {
			taken := slices.ContainsFunc(s.job.Secrets, func(x *Secret) bool { return slices.Contains(x.names, p.Name) })
			if p.HasValue && p.Value.Text != "" || taken || declares(s.new, p.Name) || detect.Name(p.Name) != detect.Secret {
				continue
			}
			its := &Secret{ID: p.Name, From: FromCanary, Searched: true, names: []string{p.Name}, value: canary("")}
			if v, ok := s.Args[p.Name]; ok {
				its.value, its.From = v, "the caller"
				its.Searched = len(v) >= shortest
			}
			if its.Searched {
				its.values = []string{its.value}
			}
			s.job.Before.Args[p.Name] = its.value
			s.job.Secrets = append(s.job.Secrets, its)
		}
	}
}

// file finds the file that holds a secret: one that the fix has made, or a copied one, which stays where it is.
func (s *supply) file(id string) (name string, text []byte, ok bool) {
	for _, name := range s.moved(id) {
		if text, err := fs.ReadFile(s.Files, name); err == nil {
			return name, text, true
		}
	}
	for _, name := range s.copied(id) {
		text, err := fs.ReadFile(s.Files, name)
		if err != nil {
			continue
		}
		if rel, ok := s.inContext(name); ok && s.head == nil {
			// The only ignore files there are keep it from the new build. The old one has it.
			s.job.Before.Ignore = append(bytes.TrimRight(bytes.Clone(s.job.Before.Ignore), "\r\n"), "\n!"+rel+"\n"...)
		}
		return name, text, true
	}
	return "", nil, false
}

// moved are the places of a secret's own file: where a compose file that builds the Dockerfile says, or in a folder
// secrets.
func (s *supply) moved(id string) []string {
	var out []string
	for _, f := range s.now {
		def, ok := f.Secrets[id]
		if !ok || def.File == "" || f.Dir == "" || path.IsAbs(def.File) {
			continue
		}
		if slices.ContainsFunc(compose.Builders(s.now, s.job.Path), func(b *compose.Service) bool { return b.File == f }) {
			out = append(out, path.Join(f.Dir, def.File))
		}
	}
	for _, dir := range s.dirs {
		out = append(out, path.Join(dir, "secrets", id))
	}
	return out
}

// inContext is a path of the project relative to the build context.
func (s *supply) inContext(name string) (string, bool) {
	rel, err := filepath.Rel(s.job.Context, s.onDisk(name))
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

// copied are the places of a copied file that has the id's name: those that the old Dockerfile names, then what is in the
// context, the nearest to its folder first.
func (s *supply) copied(id string) []string {
	out := s.named(id)
	var below []string
	for _, p := range s.Paths {
		if _, ok := s.inContext(p); ok && detect.Identifier(path.Base(p)) == id {
			below = append(below, p)
		}
	}
	if context, err := filepath.Rel(s.Root, s.job.Context); err == nil && filepath.IsLocal(context) {
		for _, base := range []string{"." + id, id} { // not among the paths where git ignores it
			below = append(below, path.Join(filepath.ToSlash(context), base))
		}
	}
	slices.SortStableFunc(below, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return append(out, below...)
}

// named are the files of that name that an instruction of the old Dockerfile copies.
func (s *supply) named(id string) []string {
	context, err := filepath.Rel(s.Root, s.job.Context)
	if err != nil || !filepath.IsLocal(context) {
		return nil
	}
	var out []string
	for _, in := range s.old.Instructions {
		words, ok := in.Paths()
		if _, from := in.FlagValue("from"); !ok || from || len(words) < 2 {
			continue
		}
		for _, w := range words[:len(words)-1] {
			if detect.Identifier(path.Base(w.Text)) == id {
				out = append(out, path.Join(filepath.ToSlash(context), w.Text))
			}
		}
	}
	return out
}

// hide keeps from the old build what the fix has put into its context.
func (s *supply) hide(mounts []*mounted) {
	for _, m := range mounts {
		named := s.named(m.id)
		for _, name := range s.moved(m.id) {
			rel, ok := s.inContext(name)
			if ok && !slices.Contains(named, name) && (s.head == nil || !s.head.has(name)) {
				s.job.Before.Hidden = append(s.job.Before.Hidden, rel)
			}
		}
	}
}

// refresh makes every RUN that mounts a secret one that the builder has never run: a secret's value is no part of what it
// looks for in its cache, and it would answer with what a build saw that had another value. The mount that is added is
// of a secret that nobody has: no file, no variable, not told in the image's history.
func (s *supply) refresh() error {
	once := oncePrefix + random(8)
	var err error
	for _, side := range []*Side{&s.job.Before, &s.job.After} {
		if side.Dockerfile, err = withFlag(s.job.Path, side.Dockerfile, once); err != nil {
			return err
		}
	}
	return nil
}

const oncePrefix = "--mount=type=secret,id=unbake-verify-"

// onceFlag is the added mount in what the builder reports, which it is kept out of: nobody has written it.
var onceFlag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` ` + oncePrefix + `[0-9a-f]+`) })

const (
	canaryPrefix = "c4n4ry"
	canaryBytes  = 12
)

// canary is a value that stands nowhere by chance, in the place of one that looks like like: of an address it is the
// password.
func canary(like string) string {
	secret := canaryPrefix + random(canaryBytes)
	if u, err := url.Parse(strings.TrimSpace(like)); err == nil && u.Scheme != "" && u.Host != "" && u.User != nil {
		if _, has := u.User.Password(); has {
			u.User = url.UserPassword(u.User.Username(), secret)
		} else {
			u.User = url.User(secret)
		}
		return u.String()
	}
	return secret
}

// mark is the part of a canary that is searched for.
func mark(canary string) string {
	i := strings.Index(canary, canaryPrefix)
	return canary[i : i+len(canaryPrefix)+2*canaryBytes]
}
