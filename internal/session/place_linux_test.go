package session_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyfob/keyfob/internal/idp"
	"github.com/keyfob/keyfob/internal/session"
)

// smallDisk gives a directory on a disk of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, size+",mode=0700"); err != nil {
		if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
			t.Fatal("must not be skipped here: cannot mount a small disk:", err)
		}
		t.Skip("cannot mount a small disk:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// B-160: the disk for locks is full. No refresh token is spent without a lock; a token that serves
// is served.
func TestFullDisk(t *testing.T) {
	s := newScene(t, nil)
	login := s.login()
	s.StateDir = smallDisk(t, "nr_inodes=1")
	if got, err := s.Token(t.Context(), "work", time.Minute); err != nil || got.Access != login.Access {
		t.Errorf("a valid token was not served: %v", err)
	}
	for name, act := range map[string]func() error{
		"refresh": func() error { _, _, err := s.Refresh(t.Context(), "work", 0); return err },
		"logout":  func() error { _, err := s.Logout(t.Context(), "work", false); return err },
		"login":   func() error { _, err := s.Login(t.Context(), s.plan(), nil); return err },
	} {
		err := act()
		if wantKind(t, err, session.Unlocked); !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), s.StateDir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.provider.Count(idp.Token) != 1 || s.stored().Refresh != login.Refresh || !s.provider.Alive(login.Refresh.Reveal()) {
		t.Error("the refresh token was spent")
	}
}

// B-160: there is room for the lock, but not for what is written into files.
func TestAlmostFullDisk(t *testing.T) {
	s := newScene(t, nil)
	s.login()
	s.StateDir = smallDisk(t, "size=4k")
	_ = os.WriteFile(filepath.Join(s.StateDir, "filler"), make([]byte, 1<<20), 0o600) // fails when the disk is full
	got, renewed, err := s.Refresh(t.Context(), "work", 0)
	if err != nil || !renewed || s.stored().Refresh != got.Refresh {
		t.Errorf("renewed %v, %v", renewed, err)
	}
	s.StoreName = "file" // which is written into the list
	s.login()
	if len(s.warnings.all()) != 1 || !strings.Contains(s.warnings.all()[0], "no space left") {
		t.Errorf("warned %q", s.warnings.all())
	}
	if entries, err := os.ReadDir(filepath.Join(s.StateDir, "held")); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// B-163: what is kept beside the store is for nobody else, whatever the umask.
func TestModesDoNotDependOnTheUmask(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s := newScene(t, nil)
	s.login()
	if _, _, err := s.Refresh(t.Context(), "work", 0); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(s.StateDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == s.StateDir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			files++
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v", files, err)
	}
}
