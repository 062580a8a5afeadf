// Command docgen writes what can be read off the commands themselves: the man pages and the table
// of exit statuses below docs, and shell completions for the release. It is run from the top of the
// repository and never linked into keyfob.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keyfob/keyfob/internal/cli"
)

func main() {
	check := flag.Bool("check", false, "write nothing; name the files that are not up to date and exit 1")
	completions := flag.String("completions", "", "write shell completions to this `directory`, and nothing else")
	flag.Parse()
	if err := run(".", *check, *completions); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

// run works on the repository at root.
func run(root string, check bool, completions string) error {
	command := cli.Command(cli.Env{})
	if completions != "" {
		files, err := completionScripts(command)
		if err != nil {
			return err
		}
		return write(completions, files)
	}
	docs := filepath.Join(root, "docs")
	files, err := manPages(command)
	if err != nil {
		return err
	}
	files["exit-codes.md"] = exitCodes(cli.Exits())
	stale, err := differing(docs, files)
	if err != nil {
		return err
	}
	if check {
		if len(stale) > 0 {
			return fmt.Errorf("not up to date: %s; run: go run ./internal/docgen", strings.Join(stale, ", "))
		}
		return nil
	}
	for _, path := range stale { // among them pages of commands that are gone
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return write(docs, files)
}

// differing names the files below dir that are not as they should be: other, missing, or pages too many.
func differing(dir string, files map[string][]byte) ([]string, error) {
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*"))
	if err != nil {
		return nil, err
	}
	names := slices.Collect(maps.Keys(files))
	for _, page := range pages {
		names = append(names, "man/"+filepath.Base(page))
	}
	slices.Sort(names)
	var differ []string
	for _, name := range slices.Compact(names) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		got, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if want, wanted := files[name]; err != nil || !wanted || !bytes.Equal(got, want) {
			differ = append(differ, path)
		}
	}
	return differ, nil
}

func write(dir string, files map[string][]byte) error {
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
