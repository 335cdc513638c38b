package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/inventory"
)

type secretsFlags struct {
	check          bool
	maxAge, format string
}

func secretsCommand() *cobra.Command {
	var flags secretsFlags
	cmd := &cobra.Command{
		Use:   "secrets [PATH…]",
		Short: "list the secrets of a project, and what is wrong with them",
		Long: `Lists the secrets of the Dockerfiles and compose files (files, or all below a folder; default: this folder): what reads
each, which services get it, where its value is, since when git has known the value, and why it should be rotated. A value
is looked for in all that git has; no process is told it, and nothing is asked of a network.

With --check, only what is wrong is printed:

  missing    something asks for a value, and there is none: no file, no line in the .env file, no variable
  tracked    git has the file that the value is in
  context    a build can copy that file: the ignore file that counts does not leave it out
  old        the value is older than --max-age: its file was written, or git has known it, for longer
  baked      the value stands in a Dockerfile or a compose file

Exit code 0: listed, and with --check nothing is wrong; 1: with --check something is; 2: an error.`,
		RunE: func(cmd *cobra.Command, args []string) error { return secrets(cmd, args, flags) },
	}
	cmd.Flags().BoolVar(&flags.check, "check", false, "print what is wrong, and exit with 1 if anything is")
	cmd.Flags().StringVar(&flags.maxAge, "max-age", "90d", "the `AGE` from which a value is old: 90d, 2160h")
	cmd.Flags().StringVar(&flags.format, "format", "text", "text or json")
	return cmd
}

func secrets(cmd *cobra.Command, args []string, flags secretsFlags) error {
	age, err := parseAge(flags.maxAge)
	if err != nil {
		return err
	}
	p, err := plan(cmd, args, rewrite.Options{Least: rewrite.Manual}, flags.format)
	if err != nil {
		return err
	}
	opts := inventory.Options{Root: p.root, Now: time.Now(), MaxAge: age, Variable: os.LookupEnv, Typed: p.typed}
	if tty(p.stderr) {
		last := -1
		opts.Progress = func(done, all int) {
			if percent := done * 100 / all; percent != last {
				last = percent
				fmt.Fprintf(p.stderr, "\r\x1b[Kgit's history: %d%%", percent)
			}
		}
	}
	list, err := inventory.Take(cmd.Context(), p.Plan, p.ws, p.paths, opts)
	if opts.Progress != nil {
		fmt.Fprint(p.stderr, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	r := &secretsReport{report: p, list: list, now: opts.Now}
	r.colour = tty(p.stdout) && os.Getenv("NO_COLOR") == ""
	switch {
	case flags.format == "json":
		if err := r.json(); err != nil {
			return err
		}
	case flags.check:
		r.problems()
	default:
		r.table()
	}
	return p.exit(flags.check && r.wrong() > 0)
}

// parseAge reads a number of days, or a duration as Go writes it.
func parseAge(text string) (time.Duration, error) {
	bad := fmt.Errorf("--max-age %s: give a number of days or hours, like 90d or 2160h", text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, bad
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, bad
	}
	return age, nil
}
