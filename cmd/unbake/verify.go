package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rewrite/verify"
)

type verifyFlags struct {
	before, addr, context, target, format string
	secrets, args                         []string
}

func verifyCommand() *cobra.Command {
	var flags verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [PATH…]",
		Short: "build for real, before and after, and compare the images",
		Long: `Builds each Dockerfile (files, or all below a folder; default: this folder) that is not as it was committed, twice:
as git's HEAD has it, and as it is. Then it compares the two images, and searches them for the secrets: each layer, the
history, the configuration, the attestations.

The builder is a BuildKit daemon (--addr, BUILDKIT_HOST), or else that of Docker, through buildx. A secret is a random
value that is searched for, unless --secret gives the real one, as docker build has it: the old build is then given it
too, in the way that it takes it, and the builder keeps that in its cache. What is built is removed; nothing is pushed.

Exit code 0: the same image, without the secret; 1: another image, a secret in it, or no image; 2: an error, or an old
file that does not build.`,
		RunE: func(cmd *cobra.Command, args []string) error { return runVerify(cmd, args, flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.before, "before", "", "the Dockerfile as it was, in place of HEAD's")
	f.StringVar(&flags.addr, "addr", "", "address of a BuildKit daemon, such as unix:///run/buildkit/buildkitd.sock")
	f.StringArrayVar(&flags.secrets, "secret", nil, "the real value of a secret: id=ID[,src=FILE|,env=VARIABLE]")
	f.StringArrayVar(&flags.args, "build-arg", nil, "a build argument of both builds: NAME=VALUE, or NAME of the environment")
	f.StringVar(&flags.context, "context", "", "the build context (default: that of compose, else the Dockerfile's folder)")
	f.StringVar(&flags.target, "target", "", "the stage to build (default: that of compose, else the last)")
	f.StringVar(&flags.format, "format", "text", "text or json")
	return cmd
}

func runVerify(cmd *cobra.Command, args []string, flags verifyFlags) error {
	if flags.format != "text" && flags.format != "json" {
		return fmt.Errorf("--format %s: there are text and json", flags.format)
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	v := &verification{stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(), reports: []*verify.Report{}}
	v.colour = tty(v.stdout) && os.Getenv("NO_COLOR") == ""
	request, err := v.request(args, flags)
	if err != nil {
		return err
	}
	jobs, same, created, err := verify.Find(ctx, *request)
	if err != nil {
		return interrupted(ctx, fromHere(v.root, err))
	}
	for _, name := range created {
		fmt.Fprintf(v.stderr, "%s: not in HEAD, there is nothing to compare with\n", printable(v.display(name)))
	}
	if len(jobs) == 0 {
		if flags.format == "json" {
			return v.json()
		}
		switch {
		case len(same) > 0:
			fmt.Fprintf(v.stdout, "%s as in %s: nothing to compare\n", plural(len(same), "Dockerfile"), v.from(flags))
		case len(created) == 0:
			fmt.Fprintln(v.stdout, "no Dockerfiles here")
		}
		return nil
	}
	b, err := verify.Dial(ctx, flags.addr)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer b.Close()
	code := exitClean
	for _, job := range jobs {
		for _, note := range job.Notes {
			fmt.Fprintf(v.stderr, "%s: note: %s\n", printable(v.display(job.Path)), printable(note))
		}
		show := &progressLine{w: v.stderr, name: v.name(job)}
		opts := verify.Options{}
		if tty(v.stderr) {
			opts.Progress = show.step
		}
		report, err := job.Run(ctx, b, opts)
		show.end()
		if err != nil {
			return interrupted(ctx, &inputError{v.display(job.Path) + ": " + err.Error()})
		}
		v.reports = append(v.reports, report)
		if flags.format == "text" {
			v.table(report)
		}
		switch report.Verdict {
		case verify.Same:
		case verify.Unproven:
			code = exitError
		default:
			code = max(code, exitFindings)
		}
	}
	if flags.format == "json" {
		if err := v.json(); err != nil {
			return err
		}
	}
	if code != exitClean {
		return exitCode(code)
	}
	return nil
}

// interrupted is the error of a run that was told to stop, whatever that broke.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("stopped: what was built is gone")
	}
	return err
}

// verification is a run of the command.
type verification struct {
	root           string
	stdout, stderr io.Writer
	colour         bool
	reports        []*verify.Report
}

// request turns the command line into what package verify is asked.
func (v *verification) request(args []string, flags verifyFlags) (*verify.Request, error) {
	for _, a := range args {
		if err := stat(a); err != nil {
			return nil, err
		}
	}
	var err error
	if v.root, err = rewrite.Root(args...); err != nil {
		return nil, &inputError{fmt.Sprintf("%s: leads nowhere, name a file or folder", args[0])}
	}
	for _, a := range args {
		if err := direct(v.root, a); err != nil {
			return nil, err
		}
	}
	list := sync.OnceValues(func() (*rewrite.Listing, error) { return rewrite.List(v.root) })
	paths, bad, err := rewrite.Find(v.root, args, rewrite.IsDockerfile, list)
	if err != nil {
		return nil, &inputError{plain(err)}
	}
	for _, err := range bad {
		fmt.Fprintln(v.stderr, printable(fromHere(v.root, err).Error()))
	}
	disk, err := os.OpenRoot(v.root)
	if err != nil {
		return nil, &inputError{fmt.Sprintf("%s: cannot be opened, %s", v.root, plain(err))}
	}
	listing, err := list()
	if err != nil {
		return nil, &inputError{fmt.Sprintf("%s: cannot be listed, %s", v.root, plain(err))}
	}
	r := &verify.Request{
		Root: v.root, Dockerfiles: paths, Files: files{disk}, Paths: listing.Paths,
		Target: flags.target, Args: map[string]string{}, Given: map[string][]byte{},
	}
	if flags.before != "" {
		if len(paths) != 1 {
			return nil, fmt.Errorf("--before: is what one Dockerfile was, and there are %d: name one", len(paths))
		}
		if r.Before, err = os.ReadFile(flags.before); err != nil {
			return nil, &inputError{flags.before + ": " + plain(err)}
		}
		r.Before, r.BeforeName = append([]byte{}, r.Before...), flags.before
	}
	if flags.context != "" {
		if info, err := os.Stat(flags.context); err != nil || !info.IsDir() {
			return nil, &inputError{flags.context + ": is no folder, --context wants one"}
		}
		if r.Context, err = filepath.Abs(flags.context); err != nil {
			return nil, err
		}
	}
	for _, a := range flags.args {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			if value, ok = os.LookupEnv(name); !ok {
				continue // as docker has it
			}
		}
		r.Args[name] = value
	}
	for _, s := range flags.secrets {
		id, value, err := verify.ParseSecret(s)
		if err != nil {
			return nil, err
		}
		r.Given[id] = value
	}
	return r, nil
}

func (v *verification) display(name string) string { return relative(v.root, name) }

func (v *verification) from(flags verifyFlags) string {
	if flags.before != "" {
		return flags.before
	}
	return "HEAD"
}

// name is what is built, as a person says it.
func (v *verification) name(j *verify.Job) string {
	name := v.display(j.Path)
	var of []string
	if j.Service != "" {
		of = append(of, "service "+j.Service)
	}
	if j.Target != "" {
		of = append(of, "stage "+j.Target)
	}
	if len(of) > 0 {
		name += " (" + strings.Join(of, ", ") + ")"
	}
	return name
}
