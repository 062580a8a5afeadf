//go:build linux

package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// desktopOf makes a PATH of stubs; each notes its name, $BROWSER and its session.
func desktopOf(t *testing.T, status string, names ...string) (notes string) {
	t.Helper()
	dir := t.TempDir()
	notes = filepath.Join(dir, "notes")
	for _, name := range names {
		script := "#!/bin/sh\nread -r _ _ _ _ _ session _ </proc/$$/stat\necho " + name +
			" \"$1\" \"$BROWSER\" $$ $session >> '" + notes + "'\nexit " + status + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return notes
}

// B-189c: no text browser is started, neither by us nor by xdg-open, and nothing has our terminal.
func TestDesktop(t *testing.T) {
	for _, tc := range []struct {
		status string
		there  []string
		want   []string
	}{
		{"0", []string{"xdg-open", "x-www-browser", "www-browser"}, []string{"xdg-open"}},
		{"3", []string{"xdg-open", "x-www-browser", "www-browser"}, []string{"xdg-open", "x-www-browser"}},
		{"0", []string{"x-www-browser", "www-browser"}, []string{"x-www-browser"}},
		{"0", []string{"www-browser", "w3m"}, nil},
	} {
		notes := desktopOf(t, tc.status, tc.there...)
		t.Setenv("BROWSER", "")
		err := Desktop(opened)
		if opens := tc.status == "0" && tc.want != nil; (err == nil) != opens {
			t.Errorf("%v: %v", tc.there, err)
		}
		var asked []string
		text, _ := os.ReadFile(notes)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) != 5 || f[1] != opened || f[3] != f[4] {
				t.Fatalf("noted %q: name, address, $BROWSER, process and the same as its session were expected", line)
			}
			if slices.ContainsFunc(strings.Split(f[2], ":"), unfit) {
				t.Errorf("%s may start %s", f[0], f[2])
			}
			asked = append(asked, f[0])
		}
		if !slices.Equal(asked, tc.want) {
			t.Errorf("of %q, %q were started, want %q", tc.there, asked, tc.want)
		}
	}
}
