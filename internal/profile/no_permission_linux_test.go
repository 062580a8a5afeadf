package profile_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/keyfob/keyfob/internal/profile"
)

func TestNoPermission(t *testing.T) {
	obeyModes(t)
	dir := configDir(t)
	path := write(t, filepath.Join(dir, "profiles", "work.toml"), "")
	chmod("", 0o000)(t, path)
	_, err := profile.Files{Dir: dir}.Load("work")
	checkError(t, err, profile.ErrLocal, path, "permission denied")
	_, err = profile.ReadClientFile(path)
	checkError(t, err, nil, path, "permission denied") // B-175
	chmod("", 0o500)(t, dir)
	checkError(t, profile.SetDefault(dir, "work"), profile.ErrLocal, "permission denied") // B-161
	chmod("", 0o700)(t, dir)
}

// obeyModes takes from root, as whom CI runs, what lets it read and write everything. It does so for
// one thread, which ends with the test.
func obeyModes(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		t.Fatal(err)
	}
	sets[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	if err := unix.Capset(&header, &sets[0]); err != nil {
		t.Fatal(err)
	}
}
