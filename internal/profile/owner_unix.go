//go:build unix

package profile

import (
	"io/fs"
	"os"
	"syscall"
)

// owner tells whom a file belongs to. It is not known where permissions are not those of Unix.
func owner(info fs.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// syncDir makes a rename last. Some file systems cannot; then the rename stands as it is.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}
