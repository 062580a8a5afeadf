package profile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/keyfob/keyfob/internal/profile"
)

// B-160, on a disk that is really full. The old file must stay.
func TestFullDisk(t *testing.T) {
	dir := configDir(t)
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		if os.Getenv("KEYFOB_TEST_REQUIRE") == "1" {
			t.Fatal("must not be skipped here: cannot mount a small disk:", err)
		}
		t.Skip("cannot mount a small disk:", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	files := profile.Files{Dir: dir}
	if err := files.Save(saved(t)); err != nil {
		t.Fatal(err)
	}
	_ = os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 1<<20), 0o600) // fails when the disk is full
	changed := saved(t)
	changed.Port = 8080
	checkError(t, files.Save(changed), profile.ErrLocal, "no space left", filepath.Join(dir, "profiles"))
	if entries, err := os.ReadDir(filepath.Join(dir, "profiles")); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	s, err := files.Load("work")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := profile.Resolve("work", s); err != nil || got.Port != 5000 {
		t.Errorf("the old profile is gone: %+v, %v", got.Profile, err)
	}
}
