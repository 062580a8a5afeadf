package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentsAreUpToDate(t *testing.T) {
	if err := run("../..", true, ""); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesWhatDiffers(t *testing.T) {
	root := t.TempDir()
	if err := run(root, false, ""); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true, ""); err != nil {
		t.Fatalf("just written: %v", err)
	}
	for _, change := range []struct {
		name string
		do   func(path string) error
	}{
		{"docs/man/keyfob-login.1", func(path string) error { return os.WriteFile(path, []byte("other"), 0o600) }},
		{"docs/man/keyfob-whoami.1", os.Remove},
		{"docs/man/keyfob-gone.1", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"docs/exit-codes.md", func(path string) error { return os.Truncate(path, 100) }},
	} {
		t.Run(change.name, func(t *testing.T) {
			path := filepath.Join(root, filepath.FromSlash(change.name))
			if err := change.do(path); err != nil {
				t.Fatal(err)
			}
			err := run(root, true, "")
			if err == nil || !strings.Contains(err.Error(), path) || strings.Count(err.Error(), ",") > 0 {
				t.Errorf("the check says %v, want %s and no other", err, path)
			}
			if err := run(root, false, ""); err != nil {
				t.Fatal(err)
			}
			if err := run(root, true, ""); err != nil {
				t.Errorf("written again: %v", err)
			}
		})
	}
}

func TestManPageHasExitStatusesLineByLine(t *testing.T) {
	root := t.TempDir()
	if err := run(root, false, ""); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "man", "keyfob-logout.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".SH EXIT STATUS\n", "\\fB10\\fP\n\tdone here, not everywhere\n", ".SH OPTIONS\n"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(string(page), "Exit status:") {
		t.Error("the list stands in the description, too")
	}
}

func TestCompletions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := run("nowhere", false, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"keyfob.bash": "__start_keyfob", "_keyfob": "#compdef keyfob", "keyfob.fish": "complete -c keyfob", "keyfob.ps1": "Register-ArgumentCompleter",
	} {
		script, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(script), want) {
			t.Errorf("%s has no %q", name, want)
		}
	}
}
