package profile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

const google = "x.apps.googleusercontent.com"

// write makes a file and the directories above it, for the user alone.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load writes a profile file and loads it.
func load(t *testing.T, text string) (profile.Settings, error) {
	t.Helper()
	files := profile.Files{Dir: configDir(t)}
	write(t, filepath.Join(files.Dir, "profiles", "work.toml"), text)
	return files.Load("work")
}

// configDir is a directory that only the user can change; t.TempDir's mode hangs on the umask.
func configDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keyfob")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func options(t *testing.T, changed map[string][]string) profile.Settings {
	t.Helper()
	s, err := profile.FromOptions(changed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func environment(t *testing.T, env map[string]string) profile.Settings {
	t.Helper()
	s, err := profile.FromEnvironment(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// resolveOptions resolves options alone, given as in a command line: --issuer=https://x.
func resolveOptions(args ...string) (profile.Resolved, error) {
	changed := map[string][]string{}
	for _, arg := range args {
		name, text, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		changed[name] = append(changed[name], text)
	}
	s, err := profile.FromOptions(changed)
	if err != nil {
		return profile.Resolved{}, err
	}
	return profile.Resolve("work", s)
}

// checkError compares the text of an error by its parts and its kind exactly. An empty want means no error.
func checkError(t *testing.T, err error, kind error, want ...string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error; want one with %q", want)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	for _, k := range []error{profile.ErrNotFound, profile.ErrNoClient, profile.ErrUntrusted, profile.ErrLocal} {
		if errors.Is(err, k) != errors.Is(kind, k) {
			t.Errorf("error %q: is %v: %v", err, k, errors.Is(err, k))
		}
	}
	for _, r := range err.Error() {
		if r < ' ' || r == 0x7f || r == 0x202e {
			t.Errorf("error %q holds a control character", err)
		}
	}
	if len(err.Error()) > 700 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
