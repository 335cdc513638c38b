package flow

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/unbake-dev/unbake/rewrite/shell"
)

// accountFlags are the letters of the options that take a value, of the programs that write
// their words into the files of accounts as they are. Their -p takes the hash of a password.
var accountFlags = map[string]string{
	"useradd": "bcdefgGhkKpPRsuZ", "adduser": "bcdefgGhkKpPRsuZ", "usermod": "cdefgGlpPRsuvVwWZ",
	"groupadd": "gKpPRU", "groupmod": "gnpPRU",
}

// hashWord finds the word that a program takes the hash of a password from, where in the
// word it begins, and the option.
func hashWord(program string, args []string) (i, from int, flag string, ok bool) {
	values, known := accountFlags[program]
	if !known {
		return 0, 0, "", false
	}
	for i, a := range args {
		if long, _, attached := strings.Cut(a, "="); len(long) > 4 && strings.HasPrefix("--password", long) { // getopt takes its beginning for it
			if attached {
				return i, len(long) + 1, "--password", true
			}
			return i + 1, 0, "--password", i+1 < len(args)
		}
		if !strings.HasPrefix(a, "-") || strings.HasPrefix(a, "--") {
			continue
		}
		for at := 1; at < len(a); at++ { // -m -p X, -mp X, -pX
			switch {
			case a[at] == 'p' && at+1 < len(a):
				return i, at + 1, "-p", true
			case a[at] == 'p':
				return i + 1, 0, "-p", i+1 < len(args)
			case strings.IndexByte(values, a[at]) >= 0:
				at = len(a)
			}
		}
	}
	return 0, 0, "", false
}

// asItIs says which file a program writes a value of its words, or of its input, into as
// it is: one that wants the hash of a password makes none.
func asItIs(c *shell.Command, uses []shell.Use, piped bool) (what string, ok bool) {
	args := words(c.Args)
	switch c.Program {
	case "chpasswd", "chgpasswd":
		if flag := takesHashes(args); flag != "" {
			return c.Program + " " + flag + " writes it into " + passwords(c.Program, true) + noHash, true
		}
	case "htpasswd":
		if i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") && strings.Contains(a, "p") }); i >= 0 {
			return "htpasswd " + args[i] + " writes it into its file as it is", true
		}
	case "x11vnc":
		if slices.Contains(args, "-storepasswd") {
			return "x11vnc -storepasswd writes it into a file, scrambled with a key that everybody knows", true
		}
	case "vncpasswd", "tigervncpasswd", "tightvncpasswd", "vnc4passwd":
		return c.Program + " writes it into a file, scrambled with a key that everybody knows", true
	default:
		if _, known := accountFlags[c.Program]; !known || piped {
			return "", false
		}
		i, _, flag, ok := hashWord(c.Program, args)
		if ok && (uses == nil || slices.ContainsFunc(uses, func(u shell.Use) bool { return c.Args[i].Start < u.End && u.Start < c.Args[i].End })) {
			return c.Program + " " + flag + " writes it into " + passwords(c.Program, true) + noHash, true
		}
		return c.Program + " writes it into " + passwords(c.Program, false) + " as it is", true
	}
	return "", false
}

const noHash = " as it is (it takes a hash, and makes none)"

// passwords is the file of the passwords of users or groups, or of their names.
func passwords(program string, hashes bool) string {
	group := strings.HasPrefix(program, "group") || strings.HasPrefix(program, "chg")
	switch {
	case hashes && group:
		return "/etc/gshadow"
	case hashes:
		return "/etc/shadow"
	case group:
		return "/etc/group"
	}
	return "/etc/passwd"
}

// takesHashes returns the option by which chpasswd is told that what it reads are hashes.
func takesHashes(args []string) string {
	for i, a := range args {
		switch {
		case a == "-e" || a == "--encrypted":
			return a
		case a == "NONE" && i > 0 && (args[i-1] == "-c" || args[i-1] == "--crypt-method"):
			return args[i-1] + " NONE"
		}
	}
	return ""
}

// hashed reports whether what a command is given comes out as a hash, of it or of what it
// pipes it into.
func hashed(c *shell.Command) bool {
	for ; c != nil; c = c.PipeTo {
		text := strings.ToLower(strings.Join(words(c.Args), " "))
		switch c.Program {
		case "mkpasswd", "slappasswd", "argon2", "grub-mkpasswd-pbkdf2", "grub2-mkpasswd-pbkdf2", "md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum", "b2sum":
			return true
		case "openssl":
			if sub := subcommand(words(c.Args)); sub == "passwd" || sub == "dgst" || strings.HasPrefix(sub, "sha") {
				return true
			}
		case "htpasswd":
			return takesHashes(words(c.Args)) == ""
		case "perl", "ruby", "php", "node", "python", "python2", "python3":
			if strings.Contains(text, "crypt") || strings.Contains(text, "hash") {
				return true
			}
		case "caddy":
			if strings.Contains(text, "hash-password") {
				return true
			}
		}
		if c.PipeTo == c {
			break
		}
	}
	return false
}

var cryptHash = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$[0-9a-z][0-9a-z-]*\$`) })

// crypted reports a hash as crypt(3) makes it: $6$…, or 13 characters of the old form.
func crypted(value string) bool {
	return cryptHash().MatchString(value) || len(value) == 13 && strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./") == "" &&
		strings.ToLower(value) != value && strings.ToUpper(value) != value
}

// locks reports what stands where the hash of a password belongs and matches none.
func locks(value string) bool {
	return value == "" || value == "x" || strings.HasPrefix(value, "!") || strings.HasPrefix(value, "*")
}
