package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/unbake-dev/unbake/compose"
	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/callers/call"
	"github.com/unbake-dev/unbake/rewrite/transact"
	"github.com/unbake-dev/unbake/rules"
)

type fixFlags struct {
	dryRun, safe, show, harden bool
	format, target, builder    string
}

func fixCommand() *cobra.Command {
	var flags fixFlags
	cmd := &cobra.Command{
		Use:   "fix [PATH…]",
		Short: "rewrite Dockerfiles, compose files and what belongs to them in place",
		Long: `Rewrites Dockerfiles and compose files (files, or all below a folder; default: this folder) so that the secrets of
builds become secret mounts and those of containers are given to them when they start, with ignore files and secret files,
as one change: all or nothing.

Exit code 0: nothing is left to do; 1: findings are left, or with --dry-run there are any; 2: an error.`,
		RunE: func(cmd *cobra.Command, args []string) error { return fix(cmd, args, flags) },
	}
	cmd.Flags().BoolVarP(&flags.dryRun, "dry-run", "n", false, "print the diff, write nothing")
	cmd.Flags().BoolVar(&flags.safe, "safe", false, "only fixes that need no review")
	cmd.Flags().BoolVar(&flags.show, "show-secrets", false, "do not mask values in the diff, so that it applies")
	cmd.Flags().BoolVar(&flags.harden, "harden", false, "also what is no leak, and could be kept better: ${VAR} in compose files")
	cmd.Flags().StringVar(&flags.format, "format", "text", "text or json")
	cmd.Flags().StringVar(&flags.target, "target", "compose", "what runs the containers: "+strings.Join(rules.TargetNames(), ", ")+"; new files are written for it")
	builderFlag(cmd, &flags.builder)
	return cmd
}

func builderFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "builder", "", "what builds the images: "+strings.Join(call.Choices(), " or ")+"; default: what the files that run builds say, else buildkit")
}

func checkCommand() *cobra.Command {
	var format, builder string
	var harden bool
	cmd := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "report secrets, change nothing",
		Long:  "Reports the secrets in Dockerfiles and compose files (files, or all below a folder; default: this folder).\n\nExit code 0: none; 1: some; 2: an error.",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := plan(cmd, args, rewrite.Options{Least: rewrite.Manual, Harden: harden, Builder: builder}, format)
			if err != nil {
				return err
			}
			if err := p.print(format, "", checked); err != nil {
				return err
			}
			return p.exit(p.Todo())
		},
	}
	cmd.Flags().BoolVar(&harden, "harden", false, "also what is no leak, and could be kept better: ${VAR} in compose files")
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	builderFlag(cmd, &builder)
	return cmd
}

func fix(cmd *cobra.Command, args []string, flags fixFlags) error {
	least := rewrite.Review
	if flags.safe {
		least = rewrite.Safe
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	if !flags.dryRun {
		// A run that was killed is finished first: what is on disk decides what is found.
		if root, err := rewrite.Root(args...); err == nil {
			did, err := transact.Recover(root)
			if err != nil {
				return fromHere(root, err)
			}
			if did != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "an earlier run was stopped half-way: it is %s now\n", did)
			}
		}
	}
	targets, ok := rules.Target(flags.target)
	if !ok {
		return fmt.Errorf("--target %s: there are %s", flags.target, strings.Join(rules.TargetNames(), ", "))
	}
	p, err := plan(cmd, args, rewrite.Options{Least: least, Harden: flags.harden, Builder: flags.builder, Targets: targets}, flags.format)
	if err != nil {
		return err
	}
	if flags.dryRun {
		diff := p.Diff(flags.show)
		if flags.format != "json" {
			if _, err := io.WriteString(cmd.OutOrStdout(), diff); err != nil {
				return err
			}
		}
		if err := p.print(flags.format, diff, planned); err != nil {
			return err
		}
		return p.exit(p.Todo() || p.Changed())
	}
	if err := p.Write(p.root); err != nil {
		return fromHere(p.root, err)
	}
	diff := ""
	if flags.format == "json" {
		diff = p.Diff(flags.show)
	}
	if err := p.print(flags.format, diff, made); err != nil {
		return err
	}
	return p.exit(p.Todo())
}

// inputError is what is wrong with a file or folder: its text begins with the path, as it is typed from here.
type inputError struct{ text string }

func (e *inputError) Error() string { return e.text }

// fromHere makes an error of the engine, which knows paths relative to the root, one that is read from here.
func fromHere(root string, err error) error {
	if name, rest, ok := split(root, err); ok {
		return &inputError{relative(root, name) + ": " + rest}
	}
	return &inputError{plain(err)}
}

// split takes an error of the engine apart, if it begins with the path of something below the root.
func split(root string, err error) (name, rest string, ok bool) {
	name, rest, ok = strings.Cut(plain(err), ": ")
	if !ok || !fs.ValidPath(name) {
		return "", "", false
	}
	_, err = os.Lstat(filepath.Join(root, filepath.FromSlash(name)))
	return name, rest, err == nil
}

// report is a plan with what printing it needs.
type report struct {
	*rewrite.Plan
	root           string
	stdout, stderr io.Writer
	colour         bool
	ws             *rewrite.Workspace
	paths          []string // that were looked at
}

// plan reads the project around the arguments and plans its fixes.
func plan(cmd *cobra.Command, args []string, opts rewrite.Options, format string) (*report, error) {
	if format != "text" && format != "json" {
		return nil, fmt.Errorf("--format %s: there are text and json", format)
	}
	if opts.Builder != "" && !slices.Contains(call.Choices(), opts.Builder) {
		return nil, fmt.Errorf("--builder %s: there are %s", opts.Builder, strings.Join(call.Choices(), " and "))
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, a := range args {
		if err := stat(a); err != nil {
			return nil, err
		}
	}
	root, err := rewrite.Root(args...)
	if err != nil {
		return nil, &inputError{fmt.Sprintf("%s: leads nowhere, name a file or folder", args[0])}
	}
	for _, a := range args {
		if err := direct(root, a); err != nil {
			return nil, err
		}
	}
	list := sync.OnceValues(func() (*rewrite.Listing, error) { return rewrite.List(root) })
	paths, bad, err := rewrite.Find(root, args, rewrite.IsTarget, list)
	if err != nil {
		return nil, &inputError{plain(err)} // it begins with the argument
	}
	if len(opts.Targets) > 0 && !slices.ContainsFunc(paths, func(p string) bool { return compose.IsComposeFile(path.Base(p)) }) {
		return nil, &inputError{strings.Join(args, " ") + ": no compose file there, name it or its folder: --target writes files for one"}
	}
	disk, err := os.OpenRoot(root)
	if err != nil {
		return nil, &inputError{fmt.Sprintf("%s: cannot be opened, %s", root, plain(err))}
	}
	ws := rewrite.NewWorkspace(files{disk},
		func() []string {
			if l, err := list(); err == nil {
				return l.Paths
			}
			return nil
		},
		func(p string) bool {
			l, err := list()
			return err == nil && l.Tracked(p)
		})
	stderr := cmd.ErrOrStderr()
	if tty(stderr) && len(paths) > 500 {
		var mu sync.Mutex
		opts.Progress = func(done, all int) {
			if done%100 == 0 || done == all {
				mu.Lock()
				fmt.Fprintf(stderr, "\r%d of %d files", done, all)
				mu.Unlock()
			}
		}
		defer fmt.Fprint(stderr, "\r\x1b[K")
	}
	p, err := rewrite.Run(ws, paths, rules.All(), opts)
	if err != nil {
		return nil, err
	}
	p.Errors = append(p.Errors, bad...)
	return &report{p, root, cmd.OutOrStdout(), stderr, tty(stderr) && os.Getenv("NO_COLOR") == "", ws, paths}, nil
}

// largest is the size of the largest file that is read: what is larger is none of ours.
const largest = 64 << 20

// files is what can be read below a root. A pipe or a device in its place is refused: opening it could wait for ever.
type files struct{ root *os.Root }

func (f files) Open(name string) (fs.File, error) {
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() > largest && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("too large to be read, left alone")}
	}
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("neither a file nor a folder, left alone")}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Lstat tells links from what they lead to.
func (f files) Lstat(name string) (fs.FileInfo, error) { return f.root.Lstat(name) }

func (f files) Stat(name string) (fs.FileInfo, error) { return f.root.Stat(name) }

func tty(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// exit turns what was found into the exit code.
func (p *report) exit(todo bool) error {
	switch {
	case len(p.Errors) > 0:
		return exitCode(exitError)
	case todo:
		return exitCode(exitFindings)
	}
	return nil
}

// display is a path of the project as it is typed from here.
func (p *report) display(name string) string { return relative(p.root, name) }

func relative(root, name string) string {
	wd, err := os.Getwd()
	if err != nil {
		return name
	}
	if real, err := filepath.EvalSymlinks(wd); err == nil {
		wd = real
	}
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	rel, err := filepath.Rel(wd, filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return name
	}
	return rel
}

// stat says what is wrong with an argument that is not there.
func stat(arg string) error {
	switch _, err := os.Lstat(arg); {
	case err == nil:
		return nil
	case arg == "":
		return &inputError{`"": an empty path, name a file or folder`}
	case errors.Is(err, fs.ErrNotExist):
		return &inputError{arg + ": no such file or folder"}
	default:
		return &inputError{fmt.Sprintf("%s: cannot be read, %s", arg, plain(err))}
	}
}

// direct refuses an argument that reaches its file through a link below the root: what is written would be elsewhere
// than it says.
func direct(root, arg string) error {
	abs, err := filepath.Abs(arg)
	if err != nil {
		return err
	}
	dir := filepath.Dir(abs)
	below, err := filepath.Rel(root, dir)
	if err != nil || below == ".." || strings.HasPrefix(below, ".."+string(filepath.Separator)) {
		return nil // the root itself, or outside: not for us to say
	}
	realRoot, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil
	}
	realDir, err := filepath.EvalSymlinks(dir)
	if err != nil || realDir == filepath.Join(realRoot, below) {
		return nil
	}
	rel, err := filepath.Rel(realRoot, filepath.Join(realDir, filepath.Base(abs)))
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return &inputError{arg + ": leads out of the project through a symbolic link, left alone"}
	}
	return &inputError{fmt.Sprintf("%s: leads through a symbolic link, name it %s", arg, relative(root, filepath.ToSlash(rel)))}
}

// plain is an error's text without the system call and the path that came with it.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return strings.Replace(err.Error(), pe.Error(), pe.Err.Error(), 1)
	}
	return err.Error()
}
