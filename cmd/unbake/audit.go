package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/unbake-dev/unbake/rewrite/audit"
	"github.com/unbake-dev/unbake/rewrite/dockerfile"
	"github.com/unbake-dev/unbake/rewrite/image"
)

type auditFlags struct {
	dockerfile, format string
	secretFiles        []string
}

func auditCommand() *cobra.Command {
	var flags auditFlags
	cmd := &cobra.Command{
		Use:   "audit IMAGE",
		Short: "report secrets in a built image",
		Long: `Reports the secrets in an image: in its environment, history, labels, commands and attestations, and in the files of
every layer, also those that a later layer removes. IMAGE is a folder with an OCI layout, an archive (docker save,
skopeo, docker buildx build -o type=oci), or the name of an image of this machine's Docker Engine (DOCKER_HOST).

--secret-file looks for known values in every byte: as they are, as JSON, URLs and XML write them, in base64, and in
files that gzip or zlib packed. Its lines are

  NAME=value
  NAME=sha256:HEX:LENGTH    the value's hash and its length in bytes: the value itself is in no file

or the whole file is one value, and goes by the file's name. This writes a line of the second kind:

  printf 'NPM_TOKEN=sha256:%s:%d\n' "$(printf %s "$NPM_TOKEN" | sha256sum | cut -d ' ' -f 1)" "${#NPM_TOKEN}"

A hash finds the value where it stands between blanks, quotes and marks (= : @ / , ; & and the like), and not in
base64, escaped or with blanks in it. The hash of a short password tells the password: keep the file as secret as that.

Exit code 0: none; 1: some; 2: an error, such as an image that is broken.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runAudit(cmd, args[0], flags) },
	}
	cmd.Flags().StringVar(&flags.dockerfile, "dockerfile", "", "the `FILE` that the image was built from: findings name its lines")
	cmd.Flags().StringArrayVar(&flags.secretFiles, "secret-file", nil, "look for the values in `FILE`, hashed or plain; repeatable")
	cmd.Flags().StringVar(&flags.format, "format", "text", "text or json")
	return cmd
}

func runAudit(cmd *cobra.Command, name string, flags auditFlags) error {
	if flags.format != "text" && flags.format != "json" {
		return fmt.Errorf("--format %s: there are text and json", flags.format)
	}
	var opts audit.Options
	var notes []string
	for _, file := range flags.secretFiles {
		data, err := readSmall(file, 1<<20)
		if err != nil {
			return err
		}
		known, more, err := audit.ReadKnown(file, data)
		if err != nil {
			return &inputError{err.Error()}
		}
		opts.Known = append(opts.Known, known...)
		notes = append(notes, more...)
	}
	if flags.dockerfile != "" {
		data, err := readSmall(flags.dockerfile, dockerfile.MaxSize)
		if err != nil {
			return err
		}
		if opts.Dockerfile, err = dockerfile.Parse(flags.dockerfile, data); err != nil {
			return &inputError{err.Error()}
		}
	}
	mask := audit.Masker(opts.Known)
	img, err := image.Open(cmd.Context(), name)
	if err != nil {
		return &inputError{mask(err.Error())}
	}
	defer img.Close()
	stderr := cmd.ErrOrStderr()
	if tty(stderr) {
		opts.Progress = func(layer, layers int, bytes int64) {
			fmt.Fprintf(stderr, "\r\x1b[Klayer %d of %d, %d MB", layer, layers, bytes>>20)
		}
	}
	report, err := audit.Run(img, opts)
	if opts.Progress != nil {
		fmt.Fprint(stderr, "\r\x1b[K")
	}
	if err != nil {
		return &inputError{mask(err.Error())}
	}
	report.Notes = append(notes, report.Notes...)
	p := &auditReport{report, img, stderr, cmd.OutOrStdout(), tty(stderr) && os.Getenv("NO_COLOR") == ""}
	if flags.format == "json" {
		err = p.json()
	} else {
		p.text()
	}
	if err == nil && report.Todo() {
		err = exitCode(exitFindings)
	}
	return err
}

// readSmall reads a file that is named on the command line.
func readSmall(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, &inputError{file + ": no such file"}
		}
		return nil, &inputError{fmt.Sprintf("%s: cannot be read, %s", file, plain(err))}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, &inputError{fmt.Sprintf("%s: cannot be read, %s", file, plain(err))}
	}
	if int64(len(data)) > most {
		return nil, &inputError{fmt.Sprintf("%s: more than %d bytes, too large", file, most)}
	}
	return data, nil
}

// auditReport is what an audit has found, with what printing it needs.
type auditReport struct {
	*audit.Report
	img            *image.Image
	stderr, stdout io.Writer
	colour         bool
}

func (p *auditReport) paint(code, s string) string { return (&report{colour: p.colour}).paint(code, s) }

func (p *auditReport) text() {
	w := p.stderr
	found, weak := 0, 0
	var grouped []*audit.Finding
	var rotate []string
	for _, f := range p.Findings {
		switch {
		case f.Grouped():
			grouped = append(grouped, f)
			continue
		case f.Note:
			weak++
		default:
			found++
			if !slices.Contains(rotate, f.Secret) {
				rotate = append(rotate, f.Secret)
			}
		}
		p.finding(f)
	}
	if len(grouped) > 0 {
		var names []string
		for _, f := range grouped {
			if len(names) < 2 && !slices.Contains(names, f.Subject) {
				names = append(names, f.Subject)
			}
		}
		fmt.Fprintf(w, "%s: note: what looks like a secret in %s of packages, tests and examples is the same everywhere: %s (--format json lists all)\n",
			p.paint("1", printable(p.img.Name)), plural(len(grouped), "file"), printable(strings.Join(names, ", ")))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(w, "%s: note: %s\n", p.paint("1", printable(p.img.Name)), printable(n))
	}
	what := "no secrets"
	if found > 0 {
		what = plural(found, "finding")
	}
	if weak > 0 {
		what += " and " + plural(weak, "note")
	}
	fmt.Fprintf(w, "%s in %s, %s\n", what, plural(p.Layers, "layer"), size(p.Bytes))
	if len(rotate) > 0 {
		fmt.Fprintf(w, "\nrotate, whoever could read the image knows them: %s\n", printable(strings.Join(rotate, ", ")))
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%d MB", n>>20)
}

func (p *auditReport) finding(f *audit.Finding) {
	message := printable(f.Message())
	if f.Note {
		message = "note: " + message
	}
	fmt.Fprintf(p.stderr, "%s: %s %s\n", p.paint("1", printable(p.img.Name)), message, p.paint("2", "["+string(f.Kind)+"]"))
	line := func(label, text string) { fmt.Fprintf(p.stderr, "  %-9s%s\n", label+":", printable(text)) }
	if len(p.img.Platforms) > 1 && len(f.Platforms) > 0 {
		line("image", strings.Join(images(f), ", "))
	}
	if f.Layer != nil {
		line("in", f.Layer.String())
	}
	if f.Removed != nil {
		what := "removed by "
		if f.Replaced {
			what = "replaced by "
		}
		line("since", what+f.Removed.String()+", and still in the image")
	}
	if f.Step > 0 {
		text := []rune(f.Made)
		if len(text) > 120 {
			text = append(text[:120], '…')
		}
		made := string(text)
		switch {
		case f.Line > 0:
			made = fmt.Sprintf("%s:%d: %s", f.Path, f.Line, made)
		case f.Base:
			made = "the base image: " + made
		}
		if f.More > 0 {
			made += fmt.Sprintf(" (and %s)", plural(f.More, "more step"))
		}
		line("by", made)
	} else if f.Base {
		line("by", "the base image")
	}
}

// images names the platforms that have a finding: by their tags, where there are several.
func images(f *audit.Finding) (names []string) {
	for _, p := range f.Platforms {
		name := p.String()
		if len(p.Tags) > 0 {
			name = p.Tags[0] + " " + name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

type jsonAuditLayer struct {
	Index  int    `json:"index"`
	DiffID string `json:"diff_id"`
	Digest string `json:"digest,omitempty"`
}

type jsonAuditFinding struct {
	Kind        audit.Kind      `json:"kind"`
	Note        bool            `json:"note"`
	Subject     string          `json:"subject"`
	Message     string          `json:"message"`
	Secret      string          `json:"secret"`
	Images      []string        `json:"images,omitempty"`
	Layer       *jsonAuditLayer `json:"layer,omitempty"`
	RemovedBy   *jsonAuditLayer `json:"removed_by,omitempty"`
	Replaced    bool            `json:"replaced,omitempty"`
	Step        int             `json:"step,omitempty"`
	OtherSteps  int             `json:"other_steps,omitempty"`
	Instruction string          `json:"instruction,omitempty"`
	Base        bool            `json:"base,omitempty"`
	Path        string          `json:"path,omitempty"`
	Line        int             `json:"line,omitempty"`
}

func (p *auditReport) json() error {
	out := struct {
		Image    string             `json:"image"`
		Images   []string           `json:"images"`
		Layers   int                `json:"layers"`
		Bytes    int64              `json:"bytes"`
		Findings []jsonAuditFinding `json:"findings"`
		Notes    []string           `json:"notes"`
	}{Image: p.img.Name, Layers: p.Layers, Bytes: p.Bytes, Findings: []jsonAuditFinding{}, Notes: append([]string{}, p.Notes...)}
	for _, x := range p.img.Platforms {
		out.Images = append(out.Images, images(&audit.Finding{Platforms: []*image.Platform{x}})...)
	}
	layer := func(l *image.Layer) *jsonAuditLayer {
		if l == nil {
			return nil
		}
		return &jsonAuditLayer{l.Index, l.DiffID, l.Digest}
	}
	for _, f := range p.Findings {
		out.Findings = append(out.Findings, jsonAuditFinding{
			Kind: f.Kind, Note: f.Note, Subject: f.Subject, Message: f.Message(), Secret: f.Secret, Images: images(f),
			Layer: layer(f.Layer), RemovedBy: layer(f.Removed), Replaced: f.Replaced,
			Step: f.Step, OtherSteps: f.More, Instruction: f.Made, Base: f.Base, Path: f.Path, Line: f.Line,
		})
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
