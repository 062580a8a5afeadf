package store

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// kernelRights are the rights to a key in the kernel's keyring: all for whoever possesses it; for
// other processes of the same user to find, read and renew it. Jobs of cron and services possess
// nothing, for no login made a session keyring for them.
const kernelRights = 0x3f<<24 | (0x01|0x02|0x08|0x20)<<16 // view, read, search, set attributes

// kernelKeep has the kernel keep a secret for this user, in memory that is never written to disk,
// until the time is over.
func kernelKeep(name string, text []byte, d time.Duration) error {
	// The key comes to life in a keyring of this thread alone, so that a crash leaves none
	// without a time limit.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := unix.AddKey("user", name, text, unix.KEY_SPEC_THREAD_KEYRING)
	if err != nil {
		return err
	}
	if err := unix.KeyctlSetperm(id, kernelRights); err != nil {
		return err
	}
	seconds := int(max(d, time.Second) / time.Second)
	if _, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, seconds, 0, 0); err != nil {
		return err
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0); err != nil {
		return err
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_THREAD_KEYRING, 0, 0)
	return err
}

// kernelGet gives what the kernel keeps under a name.
func kernelGet(name string) ([]byte, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	if err != nil {
		return nil, err
	}
	size, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, nil, 0)
	if err != nil {
		return nil, err
	}
	text := make([]byte, size)
	got, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, text, 0)
	if err != nil {
		return nil, err
	}
	return text[:min(got, size)], nil
}

// kernelForget has the kernel forget a name. It is no error if there is none.
func kernelForget(name string) error {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", name, 0)
	if err != nil {
		return nil //nolint:nilerr // not there, timed out, or no keyring in this kernel: there is nothing to forget
	}
	_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	return err
}
