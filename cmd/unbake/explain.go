package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/unbake-dev/unbake/rewrite"
	"github.com/unbake-dev/unbake/rules"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE]",
		Short: "print a rule's page, or the list of rules",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w := cmd.OutOrStdout()
			if len(args) == 0 {
				for _, r := range explained() {
					fmt.Fprintf(w, "%-17s %s\n", r.ID, r.Title)
				}
				return nil
			}
			for _, r := range explained() {
				if r.ID != args[0] {
					continue
				}
				fmt.Fprintf(w, "%s: %s\n\n%s\n", r.ID, r.Title, r.Doc)
				for _, e := range r.Examples {
					fmt.Fprintf(w, "\nExample: %s\n\nbefore:\n%s", e.Name, indent(e.Before))
					if e.After == "" {
						fmt.Fprint(w, "\nafter: left alone\n")
					} else {
						fmt.Fprintf(w, "\nafter:\n%s", indent(e.After))
					}
				}
				return nil
			}
			return fmt.Errorf("there is no rule %q, unbake explain lists them", args[0])
		},
	}
}

// explained are the rules and the engine's own findings.
func explained() []*rewrite.Rule {
	return append(append(rules.All(), rewrite.LeftoverRule, rewrite.IgnoreRule), rules.Targets()...)
}

func indent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString("    " + line)
	}
	return b.String()
}
