package script

import (
	"slices"
	"strings"
)

// valued are the options of docker build, docker buildx build, nerdctl build, podman build
// and buildah build that take a value, which may be the next word.
var valued = strings.Fields(`
add-host allow annotation arch attest authfile blob-cache build-arg build-arg-file build-context builder buildkit-host
cache-from cache-to cache-ttl call cap-add cap-drop cert-dir cgroup-parent cgroupns cpp-flag cpu-period cpu-quota cpu-shares
cpuset-cpus cpuset-mems creds cw decryption-key device dns dns-option dns-search env file format from group-add hooks-dir
iidfile ignorefile ipc isolation jobs label layer-label log-split logfile manifest memory memory-swap metadata-file net
network no-cache-filter opt os os-feature os-version output pid platform policy print progress provenance retry retry-delay
root rusage-logfile runtime runtime-flag sbom sbom-image-output sbom-image-purl-output sbom-merge-strategy sbom-output
sbom-purl-output sbom-scanner-command sbom-scanner-image secret security-opt server-config shm-size sign-by signature-policy
source-date-epoch source-policy-file ssh tag target timestamp transient-mount ulimit unsetannotation unsetenv unsetlabel userns
userns-gid-map userns-gid-map-group userns-uid-map userns-uid-map-user uts variant volume invoke`)

// switches are those that take none, or only with =.
var switches = strings.Fields(`
all-platforms check compat-volumes compress created-annotation debug detach disable-compression disable-content-trust
experimental force-rm help http-proxy identity-label inherit-annotations inherit-labels layers load log-rusage no-cache
no-hostname no-hosts omit-history pull pull-always pull-never push quiet rewrite-timestamp rm save-stages skip-unused-stages
squash squash-all stdin stream tls-verify`)

// options returns how a tool's options are read: the short ones that take a value, "-" if
// there are only long ones, by one dash or two; and whether a long one takes one, if that is known.
func (s style) options() (short string, known func(name string) (takes, ok bool)) {
	list := func(names ...string) func(string) (bool, bool) {
		return func(name string) (bool, bool) { return slices.Contains(names, name), true }
	}
	switch s {
	case kanikoStyle, buildctlStyle:
		return "-", func(string) (bool, bool) { return true, true }
	case composeStyle:
		return "m", list("build-arg", "ssh", "memory", "progress", "builder")
	case bakeStyle:
		return "f", list("set", "file", "builder", "metadata-file", "progress", "provenance", "sbom", "call", "allow", "var")
	case buildahStyle:
		return "tfomcve", takesValue
	}
	return "tfocm", takesValue
}

// option is one option of a command line.
type option struct {
	name        string // without dashes
	value       []char
	first, last int  // words
	joined      bool // --name=value, -nvalue
}

// line is a command line, read.
type line struct {
	options  []option
	operands []int // words that stand alone: the context
	unknown  bool  // an option that is not known may have taken a word
	many     []int // words that may be any number of words
}

// readLine reads the words behind a tool's name. known says, of a long option, whether it
// takes a value; ok is false where that is not known.
func readLine(ws []word, from int, short string, known func(string) (takes, ok bool)) line {
	var l line
	for i := from; i < len(ws); i++ {
		w := ws[i]
		s, lit := literal(w.chars)
		switch {
		case w.nothing():
		case w.strange:
			l.many = append(l.many, i)
		case s == "--" && lit:
			for i++; i < len(ws); i++ {
				l.operands = append(l.operands, i)
			}
		case strings.HasPrefix(s, "--"), len(s) > 1 && s[0] == '-' && short == "-":
			name, _, joined := strings.Cut(strings.TrimLeft(s, "-"), "=")
			o := option{name: name, first: i, last: i, joined: joined}
			if joined {
				o.value = w.chars[strings.IndexByte(s, '=')+1:]
			} else if !lit {
				l.unknown = true
				continue
			} else if takes, ok := known(name); takes && i+1 < len(ws) && !(short == "-" && strings.HasPrefix(text(ws[i+1].chars), "-")) {
				i++
				o.last, o.value = i, ws[i].chars
			} else if !ok && i+1 < len(ws) && !strings.HasPrefix(text(ws[i+1].chars), "-") {
				l.unknown = true
			}
			l.options = append(l.options, o)
		case len(s) > 1 && s[0] == '-':
			for j := 1; j < len(s); j++ {
				o := option{name: s[j : j+1], first: i, last: i}
				if strings.IndexByte(short, s[j]) < 0 {
					l.options = append(l.options, o)
					continue
				}
				if o.value = w.chars[j+1:]; len(o.value) > 0 {
					o.joined = true
					if len(o.value) > 1 && o.value[0].text == "=" {
						o.value = o.value[1:]
					}
				} else if i+1 < len(ws) {
					i++
					o.last, o.value = i, ws[i].chars
				}
				l.options = append(l.options, o)
				break
			}
			if !lit && len(s) < 2 {
				l.unknown = true
			}
		case w.many() && !(len(w.chars) > 1):
			l.many = append(l.many, i)
		default:
			l.operands = append(l.operands, i)
		}
	}
	return l
}

func takesValue(name string) (takes, ok bool) {
	if slices.Contains(valued, name) {
		return true, true
	}
	return false, slices.Contains(switches, name)
}

// last returns the value of the last option of one of these names.
func (l *line) last(names ...string) ([]char, bool) {
	for i := len(l.options) - 1; i >= 0; i-- {
		if slices.Contains(names, l.options[i].name) {
			return l.options[i].value, true
		}
	}
	return nil, false
}
