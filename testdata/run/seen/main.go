// Seen is every program in the images of TestRun: it says what it was given, as hashes, and never the values. Which
// program it is its own name tells, as with busybox. It needs nothing of the image that it is in, not even a shell.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// recorded is where a database notes the password it was started with, for its clients to be compared with.
const recorded = "/tmp/recorded"

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	switch name {
	case "node", "python", "python3", "ruby":
		interpret(args)
	case "postgres":
		database("POSTGRES_", "POSTGRES_PASSWORD", args)
	case "mysqld", "mariadbd":
		database("MYSQL_", "MYSQL_ROOT_PASSWORD", args)
	case "redis-server":
		start(args)
		record(after(args, "--requirepass"))
		stay()
	case "nginx":
		start(args)
		stay()
	case "psql":
		connect(os.Getenv("PGPASSWORD"))
	case "mysqladmin", "mysql":
		connect(prefixed(args, "-p", "--password="))
	case "redis-cli":
		password := after(args, "-a")
		if password == "" {
			password = os.Getenv("REDISCLI_AUTH")
		}
		connect(password)
	case "go": // go build -o PROGRAM .
		build(after(args, "-o"))
	case "git": // git [-c KEY=VALUE]… clone ADDRESS FOLDER
		clone(args)
	case "vault":
		vault(args)
	default: // the program of a case, or seen itself: told by its arguments what to look at
		look(args)
		if slices.Contains(args, "--stay") {
			stay()
		}
	}
}

// interpret looks at what a script looks at, and stays where the script serves.
func interpret(args []string) {
	start(args)
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	if len(args) == 0 {
		fail("no script")
	}
	script, err := os.ReadFile(args[0])
	if err != nil {
		fail(err)
	}
	reads := regexp.MustCompile(`process\.env\.(\w+)|process\.env\[['"](\w+)|os\.environ\[['"](\w+)|(?:environ\.get|getenv)\(['"](\w+)|ENV\[['"](\w+)|` +
		`(?:readFileSync|open|File\.read)\(['"]([^'"]+)`)
	for _, match := range reads.FindAllSubmatch(script, -1) {
		for _, group := range match[1:] {
			if group != nil {
				look([]string{string(group)})
			}
		}
	}
	if bytes.Contains(script, []byte("listen(")) || bytes.Contains(script, []byte("serve(")) {
		stay()
	}
}

// database is a server as the official images start it, when their entrypoint is done with the environment.
func database(prefix, password string, args []string) {
	start(args)
	for _, pair := range slices.Sorted(slices.Values(os.Environ())) {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, prefix) {
			look([]string{name})
		}
	}
	record(os.Getenv(password))
	stay()
}

// start says who runs what where.
func start(args []string) {
	dir, _ := os.Getwd()
	fmt.Printf("seen as %d:%d in %s\n", os.Getuid(), os.Getgid(), dir)
	fmt.Println("seen arguments", hash([]byte(strings.Join(args, "\x00"))))
}

// look says what is in variables (NAME), files (/PATH) and arguments (TEXT after --text).
func look(names []string) {
	for i, name := range names {
		switch {
		case name == "--stay", name == "--text":
		case i > 0 && names[i-1] == "--text":
			fmt.Println("seen text", hash([]byte(name)))
		case strings.ContainsAny(name, "/."):
			content, err := os.ReadFile(name)
			switch {
			case errors.Is(err, fs.ErrPermission):
				fmt.Println("seen", name, "denied")
			case err != nil:
				fmt.Println("seen", name, "missing")
			default:
				fmt.Println("seen", name, hash(content))
			}
		default:
			if value, ok := os.LookupEnv(name); ok {
				fmt.Println("seen", name, hash([]byte(value)))
			} else {
				fmt.Println("seen", name, "unset")
			}
		}
	}
}

func hash(value []byte) string { return fmt.Sprintf("%x", sha256.Sum256(value)) }

func record(password string) {
	fmt.Println("seen password", hash([]byte(password)))
	if err := os.WriteFile(recorded, []byte(hash([]byte(password))), 0o644); err != nil {
		fail(err)
	}
}

// connect is what a client does: it fails with another password than the server's.
func connect(password string) {
	want, err := os.ReadFile(recorded)
	if err != nil {
		fail(err)
	}
	if hash([]byte(password)) != string(want) {
		fail("password authentication failed")
	}
}

func build(out string) {
	program, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(out, program, 0o755)
	}
	if err != nil {
		fail(err)
	}
}

func after(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

func prefixed(args []string, prefixes ...string) string {
	for _, arg := range args {
		for _, prefix := range prefixes {
			if value, ok := strings.CutPrefix(arg, prefix); ok {
				return value
			}
		}
	}
	return ""
}

// stay waits to be stopped.
func stay() {
	fmt.Println("seen ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "seen:", why)
	os.Exit(1)
}
