//go:build unix

package profile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// B-175 for a pipe that comes in the place of the file between looking and opening: no waiting.
func TestOpenNowDoesNotWaitForAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openNow(path); err == nil || !strings.Contains(err.Error(), "a pipe") {
		t.Errorf("error %v", err)
	}
}

// B-162 for those who may not give files away: another user is whoever does not own the file.
func TestGuardOwner(t *testing.T) {
	path := t.TempDir()
	if os.Getuid() == 0 { // root's files are everybody's to read: take another owner
		if err := os.Chown(path, 4711, -1); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	uid, known := owner(info)
	if !known || uid == 0 {
		t.Fatalf("owner %d, %v", uid, known)
	}
	if err := guardOwner(path, info, uid); err != nil {
		t.Error("refused to its owner:", err)
	}
	if err := guardOwner(path, info, uid+1); !errors.Is(err, ErrLocal) {
		t.Error("not refused to another:", err)
	}
}
