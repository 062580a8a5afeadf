package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/keyfob/keyfob/internal/cli"
)

// edition is the month in the man pages. It is raised with a release; today's date would make
// each run write other files.
func edition() time.Time { return time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC) }

// manPages gives the pages of a command and of all below it, by name.
func manPages(c *cobra.Command) (map[string][]byte, error) {
	month := edition()
	c.DisableAutoGenTag = true
	c.Long = exitSection(c.Long)
	var page bytes.Buffer
	err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Date: &month, Source: "keyfob", Manual: "User Commands"}, &page)
	if err != nil {
		return nil, err
	}
	pages := map[string][]byte{"man/" + strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1": page.Bytes()}
	for _, child := range c.Commands() {
		if !child.IsAvailableCommand() || child.IsAdditionalHelpTopicCommand() {
			continue
		}
		more, err := manPages(child)
		if err != nil {
			return nil, err
		}
		maps.Copy(pages, more)
	}
	return pages, nil
}

// exitSection makes a section of the list of exit statuses that ends a help text: as it is there,
// a man page would run its lines together.
func exitSection(long string) string {
	text, list, found := strings.Cut(long, "\nExit status:\n")
	if !found {
		return long
	}
	var b strings.Builder
	b.WriteString(text + "\n\n# EXIT STATUS\n")
	for line := range strings.Lines(list) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), "  ")
		fmt.Fprintf(&b, "**%s**\n\t%s\n\n", code, meaning)
	}
	return b.String()
}

func exitCodes(exits []cli.Exit) []byte {
	var b bytes.Buffer
	b.WriteString(`<!-- Written by: go run ./internal/docgen. Do not edit. -->

# Exit status

These numbers are fixed for ever. A script may depend on them, and on the kind, which is in the
JSON that ` + "`--json`" + ` makes of an error.

| status | kind | meaning |
|---:|---|---|
`)
	for _, e := range slices.Concat(exits, signals()) {
		kind := ""
		if e.Kind != "" {
			kind = "`" + e.Kind + "` "
		}
		fmt.Fprintf(&b, "| %d | %s| %s |\n", e.Code, kind, e.Meaning)
	}
	b.WriteString(`
What a script does about them:

- **3** needs a person: ` + "`keyfob login`" + `.
- **5** may be tried again later. So may **9**, if somebody is there to answer.
- **10** comes from ` + "`keyfob logout`" + ` alone. It is done at one of two ends; ` + "`keyfob logout`" + ` again finishes it.
- All others stay as they are until somebody changes something.

With ` + "`--json`" + `, an error is one JSON object on stderr:

` + "```json" + `
{"error":{"code":3,"kind":"login_needed","message":"nobody is signed in (profile default)","hint":"keyfob login"}}
` + "```" + `
`)
	return b.Bytes()
}

// signals are the statuses that cmd/keyfob gives, not package cli.
func signals() []cli.Exit {
	return []cli.Exit{
		{Code: 129, Meaning: "SIGHUP: the terminal was closed"},
		{Code: 130, Meaning: "SIGINT: Ctrl-C"},
		{Code: 143, Meaning: "SIGTERM"},
	}
}

func completionScripts(root *cobra.Command) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, shell := range []struct {
		file  string
		write func(io.Writer) error
	}{
		{"keyfob.bash", func(w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
		{"_keyfob", root.GenZshCompletion},
		{"keyfob.fish", func(w io.Writer) error { return root.GenFishCompletion(w, true) }},
		{"keyfob.ps1", root.GenPowerShellCompletionWithDesc},
	} {
		var script bytes.Buffer
		if err := shell.write(&script); err != nil {
			return nil, fmt.Errorf("%s: %w", shell.file, err)
		}
		files[shell.file] = script.Bytes()
	}
	return files, nil
}
