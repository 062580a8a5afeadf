//go:build !((dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd)

package store

// reachable has nothing to look at where the keyring is no service of a session.
func reachable(func(string) string) error { return nil }

func busMeaning(err error) error { return err }
