package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Between looking and reading, a stranger may put a link in the place of a .keyfob file.
func TestKeyfobFileSwappedWhileItIsRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".keyfob")
	for _, name := range []string{path, filepath.Join(dir, "other")} {
		if err := os.WriteFile(name, []byte("work\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen, err := os.Lstat(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readKeyfob(path, seen); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("error %v", err)
	}
	if seen, err = os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	if name, err := readKeyfob(path, seen); err != nil || name != "work" {
		t.Errorf("%q, %v", name, err)
	}
}
