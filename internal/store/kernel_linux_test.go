package store

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// KernelKeeps tells whether the kernel keeps keys for its users; some containers forbid it.
func KernelKeeps() bool {
	err := kernelKeep("keyfob:test", []byte("x"), time.Second)
	return err == nil && kernelForget("keyfob:test") == nil
}

// KernelTimeout tells how long the kernel keeps the identity of a file.
func KernelTimeout(path string) (time.Duration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", keyName(text), 0)
	if err != nil {
		return 0, err
	}
	keys, err := os.ReadFile("/proc/keys")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(keys)) {
		fields := strings.Fields(line)
		if n, err := strconv.ParseUint(fields[0], 16, 32); err == nil && int(n) == id {
			return kernelTime(fields[3])
		}
	}
	return 0, os.ErrNotExist
}

// kernelTime reads the kernel's "59s", "15m", or "perm" for no limit.
func kernelTime(text string) (time.Duration, error) {
	if text == "perm" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
