// Command unbake takes secrets out of container images: it rewrites Dockerfiles so that
// they become secret mounts, with the compose files and ignore files that belong to them.
// It leans on package rewrite for everything; here are flags, streams and exit codes. It
// never builds an image and never asks a network, but for verify, which is there for that.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitClean    = 0 // nothing left to do
	exitFindings = 1 // findings are left, or were found
	exitError    = 2 // usage, input that cannot be read, a write that failed
)

// exitCode is an error that only says how to exit: what there is to say has been said.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func main() {
	// The shell's word for the working folder may lead through links; the kernel's does not.
	os.Unsetenv("PWD")
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without its process.
func run(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "unbake",
		Short:         "take secrets out of container images",
		Long:          "unbake rewrites Dockerfiles so that secrets become secret mounts: the same image, without the secret.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// Not cobra's Version: setting how it reads links text/template, which keeps every method in the program.
	showVersion := root.Flags().Bool("version", false, "print the version")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *showVersion {
			fmt.Fprintln(cmd.OutOrStdout(), "unbake", version())
			return nil
		}
		return cmd.Help()
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.AddCommand(fixCommand(), checkCommand(), explainCommand(), verifyCommand(), auditCommand(), secretsCommand())
	err := root.Execute()
	var code exitCode
	var in *inputError
	switch {
	case err == nil:
		return exitClean
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &in):
		fmt.Fprintln(stderr, printable(in.Error())) // begins with its path
	default:
		fmt.Fprintf(stderr, "unbake: %s\n", printable(err.Error()))
	}
	return exitError
}

// version is the module's version, or the commit that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel " + s.Value[:12]
		}
	}
	return "devel"
}
