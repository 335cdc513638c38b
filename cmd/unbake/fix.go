package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/transact"
	"github.com/unbake-dev/unbake/rules"
)

type fixFlags struct {
	dryRun, safe, show bool
	format             string
}

func fixCommand() *cobra.Command {
	var flags fixFlags
	cmd := &cobra.Command{
		Use:   "fix [PATH…]",
		Short: "rewrite Dockerfiles and what belongs to them in place",
		Long: `Rewrites Dockerfiles (files, or all below a folder; default: this folder) so that their secrets become secret
mounts, with compose files, ignore files and secret files, as one change: all or nothing.

Exit code 0: nothing is left to do; 1: findings are left, or with --dry-run there are any; 2: an error.`,
		RunE: func(cmd *cobra.Command, args []string) error { return fix(cmd, args, flags) },
	}
	cmd.Flags().BoolVarP(&flags.dryRun, "dry-run", "n", false, "print the diff, write nothing")
	cmd.Flags().BoolVar(&flags.safe, "safe", false, "only fixes that need no review")
	cmd.Flags().BoolVar(&flags.show, "show-secrets", false, "do not mask values in the diff, so that it applies")
	cmd.Flags().StringVar(&flags.format, "format", "text", "text or json")
	return cmd
}

func checkCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "check [PATH…]",
		Short: "report secrets, change nothing",
		Long:  "Reports the secrets in Dockerfiles (files, or all below a folder; default: this folder).\n\nExit code 0: none; 1: some; 2: an error.",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := plan(cmd, args, rewrite.Manual, format)
			if err != nil {
				return err
			}
			if err := p.print(format, "", checked); err != nil {
				return err
			}
			return p.exit(p.Todo())
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func fix(cmd *cobra.Command, args []string, flags fixFlags) error {
	least := rewrite.Review
	if flags.safe {
		least = rewrite.Safe
	}
	if !flags.dryRun {
		// A run that was killed is finished first: what is on disk decides what is found.
		if root, err := rewrite.Root(first(args)); err == nil {
			if _, err := transact.Recover(root); err != nil {
				return err
			}
		}
	}
	p, err := plan(cmd, args, least, flags.format)
	if err != nil {
		return err
	}
	if flags.dryRun {
		diff := p.Diff(flags.show)
		if flags.format != "json" {
			io.WriteString(cmd.OutOrStdout(), diff)
		}
		if err := p.print(flags.format, diff, planned); err != nil {
			return err
		}
		return p.exit(p.Todo() || p.Changed())
	}
	if err := p.Write(p.root); err != nil {
		return err
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

func first(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "."
}

// planned is a plan with what printing it needs.
type report struct {
	*rewrite.Plan
	root           string
	stdout, stderr io.Writer
	colour         bool
}

// plan reads the project around the arguments and plans its fixes.
func plan(cmd *cobra.Command, args []string, least rewrite.Safety, format string) (*report, error) {
	if format != "text" && format != "json" {
		return nil, fmt.Errorf("--format %s: there are text and json", format)
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, a := range args {
		if _, err := os.Lstat(a); err != nil {
			return nil, fmt.Errorf("%s: no such file or folder", a)
		}
	}
	root, err := rewrite.Root(args[0])
	if err != nil {
		return nil, err
	}
	list := sync.OnceValues(func() (*rewrite.Listing, error) { return rewrite.List(root) })
	paths, bad, err := rewrite.Dockerfiles(root, args, list)
	if err != nil {
		return nil, err
	}
	disk, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	ws := rewrite.NewWorkspace(disk.FS(),
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
	opts := rewrite.Options{Least: least}
	stderr := cmd.ErrOrStderr()
	if tty(stderr) && len(paths) > 500 {
		var mu sync.Mutex
		opts.Progress = func(done, all int) {
			if done%100 == 0 || done == all {
				mu.Lock()
				fmt.Fprintf(stderr, "\r%d of %d Dockerfiles", done, all)
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
	return &report{p, root, cmd.OutOrStdout(), stderr, tty(stderr) && os.Getenv("NO_COLOR") == ""}, nil
}

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
func (p *report) display(name string) string {
	wd, err := os.Getwd()
	if err != nil {
		return name
	}
	if real, err := filepath.EvalSymlinks(wd); err == nil {
		wd = real
	}
	root := p.root
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	rel, err := filepath.Rel(wd, filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return name
	}
	return rel
}

var _ fs.FS = (*rewrite.Workspace)(nil)
