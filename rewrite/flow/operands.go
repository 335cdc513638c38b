package flow

import (
	"slices"
	"strings"
)

// grammar says how the arguments of a program are read that works on files.
type grammar struct {
	values string   // the letters of the options that take a value
	long   []string // the long options that take the next word for it
	first  bool     // the first operand is no file: a mode, an owner, attributes
}

var grammars = map[string]grammar{
	"chmod":    {long: []string{"--reference"}, first: true},
	"chown":    {long: []string{"--reference", "--from"}, first: true},
	"chgrp":    {long: []string{"--reference", "--from"}, first: true},
	"chattr":   {values: "vp", first: true},
	"touch":    {values: "drt", long: []string{"--date", "--reference", "--time"}},
	"truncate": {values: "sr", long: []string{"--size", "--reference"}},
	"shred":    {values: "ns", long: []string{"--iterations", "--size", "--random-source"}},
	"cp":       {values: "tS", long: []string{"--target-directory", "--suffix"}},
	"mv":       {values: "tS", long: []string{"--target-directory", "--suffix"}},
	"ln":       {values: "tS", long: []string{"--target-directory", "--suffix"}},
	"install":  {values: "gmotS", long: []string{"--group", "--mode", "--owner", "--target-directory", "--suffix", "--strip-program"}},
}

// operands returns the indexes of the arguments that are the files a command works on:
// no options, no values of options, no mode and no owner. There are none where they all
// go into a folder that an option names (cp -t).
func operands(program string, args []string) []int {
	g := grammars[program]
	first, options := g.first, true
	var out []int
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case !options || a == "-" || !strings.HasPrefix(a, "-"):
			if !first {
				out = append(out, i)
			}
			first = false
		case a == "--":
			options = false
		case strings.HasPrefix(a, "--"):
			name, _, attached := strings.Cut(a, "=")
			switch {
			case name == "--reference":
				first = false
			case name == "--target-directory":
				return nil
			}
			if !attached && slices.Contains(g.long, name) {
				i++
			}
		case program == "chmod" && strings.Trim(a[1:], "rwxXstugoa+-=,01234567") == "", program == "chattr" && !strings.ContainsAny(a, "RVfvp"):
			first = false // a mode that takes rights away: chmod -x
		default:
			at := strings.IndexAny(a[1:], g.values)
			if at < 0 {
				continue
			}
			if a[1+at] == 't' && program != "touch" {
				return nil
			}
			if at == len(a)-2 {
				i++
			}
		}
	}
	return out
}

// files counts the arguments of a command that name files.
func files(cmd command) int { return len(operands(cmd.program, cmd.args)) }

// lastFile returns the index of the last file that a command names: where cp, mv and
// install put what they are given. It is -1 if there is none.
func lastFile(cmd command) int {
	ops := operands(cmd.program, cmd.args)
	if len(ops) == 0 {
		return -1
	}
	return ops[len(ops)-1]
}

// work is what a command does to a file that it names.
type work uint8

const (
	looks    work = iota // reads it, as far as is known
	tends                // sets what a mount has of its own: mode, owner, date
	removes              // takes it away
	copies               // cp, mv, install: from or to it
	alters               // writes to it, or puts another file in its place
	lends                // gives another file its mode or its date
	archives             // puts it into another file, which is no copy of it
	says                 // its name, and no more
)

// workOn says what a command does to the file that is its argument i, or stands in that
// argument: --reference=F.
func workOn(cmd command, i int) work {
	a := cmd.args[i]
	operand := slices.Contains(operands(cmd.program, cmd.args), i)
	switch cmd.program {
	case "chmod", "chown", "chgrp", "chattr", "touch", "truncate":
		switch {
		case !operand:
			return lends
		case cmd.program == "truncate":
			return alters
		}
		return tends
	case "rm", "unlink":
		return removes
	case "cp", "mv", "install":
		return copies
	case "tar", "zip", "7z", "7za", "ar", "cpio", "jar", "rar":
		return archives
	case "echo", "printf", ":":
		if cmd.sh == nil || cmd.sh.PipeTo == nil {
			return says
		}
	case "ln", "sed", "tee", "shred", "sponge", "patch", "ed", "ex", "vi", "vim", "rename", "setfacl", "setfattr",
		"dos2unix", "unix2dos", "mac2unix", "unix2mac", "fromdos", "todos", "recode", "crudini", "htpasswd",
		"gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "zstd", "unzstd", "lzma", "unlzma", "compress", "uncompress":
		return alters
	}
	if overwrites(cmd, i, strings.TrimLeft(a, "-")) {
		return alters
	}
	return looks
}

// overwrites reports whether a program that reads files writes to the one that is or
// stands in argument i: perl -i, openssl -out F.
func overwrites(cmd command, i int, arg string) bool {
	has := func(flags ...string) bool {
		return slices.ContainsFunc(cmd.args, func(x string) bool { return slices.Contains(flags, x) })
	}
	short := func(letter string) bool {
		return slices.ContainsFunc(cmd.args, func(x string) bool {
			return strings.HasPrefix(x, "-") && !strings.HasPrefix(x, "--") && strings.Contains(x, letter)
		})
	}
	// The value of an option that says where the output goes.
	output := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return i > 0 && cmd.args[i-1] == n || strings.HasPrefix(cmd.args[i], n+"=") || len(n) == 2 && strings.HasPrefix(cmd.args[i], n) && len(cmd.args[i]) > 2
		})
	}
	switch cmd.program {
	case "perl", "ruby":
		return slices.ContainsFunc(cmd.args, func(x string) bool {
			return strings.HasPrefix(x, "-") && strings.HasPrefix(strings.TrimLeft(x[1:], "pnlawsUu0123456789"), "i")
		})
	case "awk", "gawk":
		return has("inplace")
	case "yq":
		return has("-i", "--inplace")
	case "sops":
		return has("-i", "--in-place")
	case "dd":
		return strings.HasPrefix(arg, "of=")
	case "sort", "curl", "age", "puttygen", "iconv", "gpg", "gpg2":
		return output("-o", "--output")
	case "wget":
		return output("-O", "--output-document", "-o", "--output-file")
	case "openssl":
		return output("-out", "-keyout")
	case "ssh-keygen":
		// It makes or changes a key, unless it only tells something of one.
		return !slices.ContainsFunc(strings.Split("y l e L B F s Y r i", " "), short)
	case "keytool":
		return !output("-file", "-srckeystore") && !has("-list", "-export", "-exportcert", "-certreq", "-printcert")
	case "ansible-vault":
		return !has("view") && !output("--output", "--vault-password-file", "--vault-id")
	case "rsync", "scp":
		return !slices.ContainsFunc(cmd.args, func(x string) bool { return strings.ContainsAny(x, ":$") }) // a copy on the same machine
	case "git":
		switch subcommand(cmd.args) {
		case "rm", "mv", "restore", "checkout":
			return true
		}
	}
	return false
}
